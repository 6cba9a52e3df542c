"""The sizes of a network as functions of its input's, against plain shape inference.

Plain inference is expanding the whole spec again for another input, which knows of no course.
"""

import json
from math import prod

import pytest
from helpers import loaded
from hypothesis import assume, given, settings, strategies as st
from test_registry import EXAMPLES, make

from cnncalc import source
from cnncalc.analysis.course import IrregularError
from cnncalc.analysis.sizes import Axis, axes, footing, resized, trace
from cnncalc.graph import Graph, Node, Value
from cnncalc.language.builder import Settings
from cnncalc.layer import LayerError
from cnncalc.layers.loss import Loss
from cnncalc.pipeline import expand, load
from cnncalc.problem import Span

NOWHERE = Span("net.yaml", 1, 1, 1, 1)


def graph_of(one):
    return expand(one, Settings()).graph


def shapes_at(graph, axis, n):
    """The shapes of the inputs when the axis has a size of n."""
    values = ((name, graph.values[index].shape) for name, index in graph.inputs.items())
    return {name: resized(axis, name, shape, n) for name, shape in values}


def check(one, graph, axis, found, sizes):
    """A trace is what plain inference gives, for all of these sizes."""
    for n in sizes:
        built = expand(one, Settings(inputs=shapes_at(graph, axis, n)))
        assert (found.trains.at(n) is not None) == (not built.wrong), n
        if not built.wrong:
            assert [course.at(n) for course in found.values] == [
                value.shape for value in built.graph.values
            ], n


# ---- one layer


def alone(layer, shapes, outputs):
    """A network of one layer, with an input for each of these shapes."""
    inputs = [Value(f"input{i}", shape, None) for i, shape in enumerate(shapes)]
    given = tuple(range(len(shapes)))
    made = tuple(range(len(shapes), len(shapes) + len(outputs)))
    node = Node("layers.0", None, type(layer).__name__, layer, given, made, None, NOWHERE)
    values = (*inputs, *(Value("layers.0", shape, 0) for shape in outputs))
    names = {value.path: i for i, value in enumerate(inputs)}
    return Graph("net.yaml", None, names, values, (node,), (), {})


def outputs_of(layer, shapes, pieces):
    """What a layer gives, None where it refuses; a number of outputs is written in the spec."""
    try:
        found = layer.outputs(*shapes)
    except LayerError:
        return None
    return found if len(found) == pieces else None


UNSTEADY = {"Upsample: {scale_factor: [1.5, 0.7], mode: bilinear}": {"W"}}  # 0.7 is no float


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_layer_type_is_steady(example):
    """Over 160 sizes, of which the longest table has fewer."""
    layer, shapes = make(example.text), example.shapes
    if isinstance(layer, Loss):
        return
    outputs = layer.outputs(*shapes)
    graph = alone(layer, shapes, outputs)
    channels = Axis("C", -1, tuple(graph.inputs), shapes[0][0])
    for axis in (*axes(graph), channels):
        written = {name: shapes[index] for name, index in graph.inputs.items()}
        if axis.letter in UNSTEADY.get(example.text, ()):
            with pytest.raises(IrregularError, match="Upsample"):
                trace(graph, axis, written)
            continue
        (step,) = trace(graph, axis, written).steps
        for n in range(1, 160):
            given = [resized(axis, name, shape, n) for name, shape in written.items()]
            expected = outputs_of(layer, given, len(outputs))
            got = tuple(course.at(n) for course in step.outputs)
            assert got == (expected or (None,) * len(outputs)), n
            if expected:
                assert step.macs.at(n) == (layer.macs(*given),)
                params = sum(prod(one.shape) for one in layer.params(*given).values())
                assert step.params.at(n) == (params,)


# ---- whether windows fit


def pooled(n, pool):
    """How many windows a pool has on n positions, and whether none is cut off and nothing left."""
    kernel, stride, padding, dilation, ceil_mode = pool
    end, windows, last = n + padding, 0, -padding
    while True:
        start = windows * stride - padding
        reach = start + dilation * (kernel - 1) + 1
        # torch adds a part of a window, if it does not start in the padding behind
        more = start < n and last < end if windows else reach < end + stride
        if reach > end and not (ceil_mode and more):
            return windows, last == end
        windows, last = windows + 1, reach


POOLS = st.tuples(
    st.integers(1, 4), st.integers(1, 4), st.integers(0, 2), st.integers(1, 2), st.booleans()
).filter(lambda pool: pool[2] <= pool[0] // 2)


@settings(max_examples=200, deadline=None)
@given(st.lists(POOLS, min_size=1, max_size=3))
def test_windows_fit_where_the_last_one_ends_where_the_input_ends(pools):
    """Window by window, with those that ceil_mode adds and drops."""
    names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
    written = [dict(zip(names, pool, strict=True)) for pool in pools]
    layers = [f"MaxPool1d: {json.dumps(one)}" for one in written]
    graph = graph_of(loaded(f"cnncalc: 1\ninput: [1, 200]\nlayers:\n{items(layers, '  ')}"))
    (axis,) = axes(graph)
    found = trace(graph, axis, {"input": (1, 200)})
    for n in range(1, 120):
        size, fits = n, True
        for pool in pools:
            size, fitting = pooled(size, pool) if size else (0, False)
            fits = fits and fitting
        assert (found.legal.at(n) is not None) is (size > 0), n
        assert (found.fits.at(n) is not None) is (size > 0 and fits), n


# ---- networks that were published

NETWORKS = {
    "lenet5": range(1, 80),
    "unet": [*range(1, 66), 250, 256, 257, 272],
    "alexnet": [*range(55, 75), 127, 224, 227, 259],
    "vgg16": [*range(25, 70), 223, 224, 225],
    "resnet50": [1, 2, 3, 31, 32, 33, 34, 64, 65, 100, 223, 224, 225, 257],
    "googlenet": [*range(10, 20), 33, 77, 223, 224, 225, 300],
    "densenet121": [27, 28, 29, 30, 61, 100, 224, 253],
    "yolov3": [*range(22, 36), 57, 64, 100, 416, 417, 440, 441, 449],
    "tcn_causal": [1, 2, 3, 10, 50, 100],
    "inception_v3": [74, 75, 107, 298, 299, 300, 331],
    "c3d": [1, 7, 8, 15, 16, 17, 32],
    "dcgan_generator": [1, 2, 3, 9],
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_are_what_plain_inference_gives(name):
    one = load(source.read(name))
    graph = graph_of(one)
    for axis in axes(graph):
        check(one, graph, axis, trace(graph, axis, footing(graph)), NETWORKS[name])


# ---- networks that nobody would build

SMALL = st.integers(1, 3)
LAYERS = st.one_of(
    st.builds(
        "Conv1d: {{kernel_size: {}, stride: {}, padding: {}, dilation: {}, {}}}".format,
        SMALL,
        st.integers(1, 4),
        st.integers(0, 3),
        SMALL,
        st.just("out_channels: 2"),
    ),
    st.builds(
        "MaxPool1d: {{kernel_size: {}, stride: {}, ceil_mode: {}}}".format,
        SMALL,
        SMALL,
        st.sampled_from(["true", "false"]),
    ),
    st.builds(
        "ConvTranspose1d: {{out_channels: 2, kernel_size: {}, stride: {}, padding: {}}}".format,
        SMALL,
        SMALL,
        st.integers(0, 2),
    ),
    st.sampled_from(
        [
            "Upsample: {scale_factor: 2}",
            "Upsample: {scale_factor: 1.5}",
            "Upsample: {scale_factor: 0.75}",
            "Upsample: {size: 6}",
            "AdaptiveAvgPool1d: 5",
            "ReflectionPad1d: {padding: [3, 1]}",
            "ConstantPad1d: {padding: [-2, 1], value: 0}",
            "CenterCrop: 4",
            "Unflatten: {dim: 2, unflattened_size: [-1, 2]}",
            "Unflatten: {dim: 2, unflattened_size: [3, 2]}",
            "Flatten: 2",
            "ReLU",
            "LayerNorm: {normalized_shape: [8]}",
            "Linear: {in_features: 6, out_features: 9}",
            "Permute: {dims: [0, 2, 1]}",
            "GroupNorm: 3",
            "ChannelShuffle: 2",
        ]
    ),
)
STACK = st.lists(LAYERS, min_size=1, max_size=4)
MERGES = st.sampled_from(["Add", "Concat", "{Concat: {dim: 2}}", "Mul", "Maximum"])


def items(layers, indent):
    return "".join(f"{indent}- {layer}\n" for layer in layers)


@st.composite
def networks(draw):
    """Stacks of layers, one behind the other and in branches that meet."""
    text = items(draw(STACK), "  ")
    for _ in range(draw(st.integers(0, 2))):
        left, right = (draw(st.lists(LAYERS, max_size=3)) for _ in range(2))
        sides = "".join(
            f"        {side}:{chr(10) + items(layers, '          ') if layers else ' []' + chr(10)}"
            for side, layers in (("left", left), ("right", right))
        )
        text += f"  - branches:\n{sides}    merge: {draw(MERGES)}\n" + items(draw(STACK), "  ")
    return text


@settings(max_examples=300, deadline=None)
@given(networks(), st.integers(1, 60))
def test_random_networks_are_what_plain_inference_gives(text, width):
    one = loaded(f"cnncalc: 1\ninput: [2, {width}]\nlayers:\n{text}")
    graph = graph_of(one)
    assert all(node.layer for node in graph.nodes)
    (axis,) = axes(graph)
    try:
        found = trace(graph, axis, {"input": (2, width)})
    except IrregularError:  # a table too long, which is rare: of 300 networks it was none
        assume(False)
    check(one, graph, axis, found, range(1, 90))
