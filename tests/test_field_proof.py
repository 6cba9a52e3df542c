"""The proof of receptive fields: right rules pass, and every planted fault is caught and named."""

import numpy as np
import pytest
from hypothesis import assume, example, given, settings, strategies as st
from test_engine_contract import RUNNABLE
from test_engine_run import network, shipped
from test_regions import BRANCH, LAYERS, attempt
from test_registry import make

from cnncalc.analysis import regions
from cnncalc.engine.verify import field
from cnncalc.engine.verify.field import Given, prove
from cnncalc.engine.verify.indicator import masks
from cnncalc.engine.verify.results import Verdict
from cnncalc.engine.verify.verify import verify
from cnncalc.engine.weights import initialise
from cnncalc.graph import Graph, Node, Output, Value
from cnncalc.layers.conv import Conv2d, ConvTranspose2d, LocallyConnected2d
from cnncalc.layers.loss import Loss
from cnncalc.layers.merge import Mul
from cnncalc.layers.norm import GroupNorm
from cnncalc.layers.pad import ZeroPad2d
from cnncalc.layers.pool import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d
from cnncalc.layers.resize import PixelShuffle, PixelUnshuffle, Upsample
from cnncalc.layers.shape import CenterCrop
from cnncalc.problem import Span
from cnncalc.window import POINT, Resized, Sliding, Whole

# ---- every type, every example, every unit


def alone(layer, shapes):
    """A network of one layer."""
    outs = layer.outputs(*shapes)
    values = [Value(f"x{i}", shape, None) for i, shape in enumerate(shapes)]
    values += [Value(f"y{i}", shape, 0) for i, shape in enumerate(outs)]
    inputs, outputs = range(len(shapes)), range(len(shapes), len(values))
    span = Span("net.yaml", 1, 1, 1, 1)
    node = Node(
        "layer", None, type(layer).__name__, layer, tuple(inputs), tuple(outputs), None, span
    )
    return Graph(
        file="net.yaml",
        name=None,
        inputs={f"x{i}": i for i in inputs},
        values=tuple(values),
        nodes=(node,),
        outputs=tuple(Output(i) for i in outputs),
        names={},
    )


def pixels(region):
    return {(*place, i) for place, row in region.rows() for i in regions.members(row)}


MAPS = [
    one
    for one in RUNNABLE
    if not isinstance(make(one.values[0].text), Loss)
    and len(make(one.values[0].text).infer(*one.values[0].shapes)) > 1
]


@pytest.mark.parametrize("example", MAPS)
def test_the_kernels_pass_ones_to_what_the_window_rule_says(example):
    graph = alone(make(example.text), example.shapes)
    for output in graph.nodes[0].outputs:
        size = graph.values[output].shape[1:]
        places = list(np.ndindex(*size))
        of_units = [regions.read_by(graph, output, regions.unit(size, one)) for one in places]
        for mask in masks(graph, output, places):
            for number, reads in enumerate(of_units):
                region, read = reads[mask.value], mask.read
                assert (region is None) == (read is None)
                if region is not None:
                    assert pixels(region) == set(zip(*np.nonzero(read[number]), strict=True))


# ---- whole networks


def proof_of(graph, rebuild=None, **options):
    return prove(graph, Given(initialise(graph), **options), rebuild)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("lenet5", None),
        ("googlenet", (3, 97, 97)),
        ("unet", (3, 64, 64)),
        ("densenet121", (3, 70, 65)),
        ("mobilenet_v2", (3, 96, 64)),
        ("dcgan_generator", None),
    ],
)
def test_shipped_networks_pass(name, size):
    found = proof_of(shipped(name, size))
    assert not found.differences
    assert (found.missing, found.stopped, found.no_gradients) == (None, None, None)
    assert found.by_sets == found.by_ones > 0
    assert found.by_gradients > 0


MIXED = """
- {Conv2d: {out_channels: 4, kernel_size: 3, stride: 2, padding: 1}, name: stem}
- {MaxPool2d: {kernel_size: 3, stride: 2, ceil_mode: true}, from: stem, name: pooled}
- {Upsample: {scale_factor: 3, mode: bilinear}, from: pooled, name: up}
- {CenterCrop: {size: $(spatial(stem))}, from: up, name: same}
- {AdaptiveAvgPool2d: 1, from: stem, name: gate}
- {Concat: [stem, same], name: both}
- GroupNorm: 2
- {ConvTranspose2d: {out_channels: 2, kernel_size: 4, stride: 2, padding: 1}, from: both, name: out}
"""


def test_the_proof_counts_units_and_pixels():
    graph = network("- Conv2d: {out_channels: 2, kernel_size: 3, padding: 1}", input="[1, 9, 9]")
    found = proof_of(graph, seed=3)
    units = list(field._all_units(graph, 3))
    assert (found.layers, found.units) == (1, len(units))
    assert {unit.place for unit in units} > {(0, 0), (0, 8), (8, 0), (8, 8), (4, 4)}
    edges = [sum(i in (0, 8) for i in unit.place) for unit in units]
    assert found.by_sets == found.by_ones == sum({0: 9, 1: 6, 2: 4}[one] for one in edges)
    assert found.by_gradients == 9  # of the unit that reads most
    assert found.shapes == ((1, 9, 9),)


def test_sizes_of_one_more_pixel_are_proved_too():
    def built(inputs):
        layer = "- Conv2d: {out_channels: 2, kernel_size: 3, stride: 2, padding: 1}"
        return network(layer, input=str(list(inputs["input"])))

    found = proof_of(built({"input": (1, 12, 8)}), built)
    assert found.shapes == ((1, 12, 8), (1, 13, 9))
    assert not found.differences


def test_a_sequence_that_is_too_long_is_proved_on_a_shorter_one():
    def built(inputs):
        return network(
            "- Conv1d: {out_channels: 2, kernel_size: 2, dilation: 4, padding: [[4, 0]]}",
            input=str(list(inputs["input"])),
        )

    found = proof_of(built({"input": (1, 100_000)}), built)
    assert found.shapes[0] == (1, field.MOST)
    assert found.by_gradients == 2
    assert proof_of(built({"input": (1, 100_000)})).missing == (
        "a map of 1 x 100000 is too large to follow units on it"
    )


def test_branches_of_all_kinds_pass():
    found = proof_of(network(MIXED, input="[3, 19, 22]"))
    assert not found.differences
    assert found.by_sets == found.by_ones


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(BRANCH, min_size=1, max_size=2), min_size=2, max_size=3),
    st.sampled_from(["Add", "Concat", "Mul"]),
    LAYERS,
    st.tuples(st.integers(3, 12), st.integers(3, 12)),
)
def test_random_networks_pass(branches, merge, behind, size):
    written = "\n".join(
        f"    b{number}:\n" + "\n".join(f"    - {{{layer}}}" for layer in layers)
        for number, layers in enumerate(branches)
    )
    item = f"- {{{behind}}}" if ":" in behind else f"- {behind}"
    built = attempt(f"- branches:\n{written}\n  merge: {merge}\n{item}", size)
    assume(not built.problems)
    found = proof_of(built.graph)
    assert not found.differences
    assert found.stopped is None


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 40),
    st.one_of(
        st.integers(1, 60).map(lambda m: f"size: {m}"),
        st.integers(5, 40).map(lambda tenths: f"scale_factor: {tenths / 10}"),
    ),
    st.sampled_from(["", ", mode: linear", ", mode: linear, align_corners: true"]),
)
@example(31, "size: 39", ", mode: linear")  # 14.999999999999998 is 15
@example(29, "size: 55", ", mode: linear")
def test_resampling_reads_what_the_exact_places_say(n, how, mode):
    found = proof_of(network(f"- Upsample: {{{how}{mode}}}", input=f"[1, {n}]"))
    assert not found.differences
    assert found.stopped is None


def test_places_that_float32_rounds_to_others_are_no_fault(monkeypatch):
    """Made 2.3 times as large, position 69 is a copy of 30; in float32 of 29, as in torch."""
    graph = network("- Upsample: {scale_factor: 2.3}", input="[1, 31]")
    monkeypatch.setattr(field, "_places", lambda *_: [(69,)])
    found = proof_of(graph)
    assert not found.differences
    assert found.by_gradients == 1


# ---- every fault is caught


def wrong(monkeypatch, cls, window):
    """Put a window on each axis of a layer type that is not its own."""
    right = cls.windows

    def windows(self, *xs):
        return tuple(tuple(window(axis) for axis in one) for one in right(self, *xs))

    monkeypatch.setattr(cls, "windows", windows)


FAULTS = {
    "a smaller kernel": (Conv2d, lambda a: a._replace(kernel=a.kernel - 1)),
    "a larger kernel": (Conv2d, lambda a: a._replace(kernel=a.kernel + 1)),
    "padding behind": (Conv2d, lambda a: a._replace(before=a.before - 1)),
    "another stride": (Conv2d, lambda a: a._replace(stride=a.stride + 1)),
    "another dilation": (Conv2d, lambda a: a._replace(dilation=2)),
    "local weights": (LocallyConnected2d, lambda a: a._replace(before=a.before + 1)),
    "a pool's kernel": (MaxPool2d, lambda a: a._replace(kernel=a.kernel + 1)),
    "a pool's padding": (AvgPool2d, lambda a: a._replace(before=0)),
    "transposed padding": (ConvTranspose2d, lambda a: a._replace(before=a.before + 1)),
    "transposed kernel": (ConvTranspose2d, lambda a: a._replace(kernel=a.kernel - 1)),
    "no transpose": (ConvTranspose2d, lambda a: Sliding(*a)),
    "nearest for linear": (Upsample, lambda a: a._replace(linear=False)),
    "corners": (Upsample, lambda a: a._replace(align_corners=True)),
    "adaptive size": (AdaptiveAvgPool2d, lambda a: Sliding(a.before // a.after, 2)),
    "all for a part": (AdaptiveAvgPool2d, lambda _: Whole()),
    "a pad's side": (ZeroPad2d, lambda a: a._replace(before=a.before + 1)),
    "a crop's place": (CenterCrop, lambda a: a._replace(before=a.before - 1)),
    "pixels": (PixelShuffle, lambda a: Resized(a.before, a.after, linear=True)),
    "unpixels": (PixelUnshuffle, lambda a: a._replace(kernel=1)),
    "a norm that is pointwise": (GroupNorm, lambda _: POINT),
    "a product of everything": (Mul, lambda _: Whole()),
}
NETS = {
    Conv2d: "- Conv2d: {out_channels: 4, kernel_size: 3, stride: 2, padding: 1}",
    LocallyConnected2d: "- LocallyConnected2d: {out_channels: 4, kernel_size: 3, padding: 1}",
    MaxPool2d: "- MaxPool2d: {kernel_size: 3, stride: 2, padding: 1}",
    AvgPool2d: "- AvgPool2d: {kernel_size: 3, stride: 2, padding: 1}",
    ConvTranspose2d: "- ConvTranspose2d: {out_channels: 4, kernel_size: 4, stride: 2, padding: 1}",
    Upsample: "- Upsample: {size: [9, 25], mode: bilinear}",
    AdaptiveAvgPool2d: "- AdaptiveAvgPool2d: 5",
    ZeroPad2d: "- ZeroPad2d: {padding: [1, 2, 0, 1]}",
    CenterCrop: "- CenterCrop: 9",
    PixelShuffle: "- PixelShuffle: 2",
    PixelUnshuffle: "- PixelUnshuffle: 2",
    GroupNorm: "- GroupNorm: 2",
    Mul: "- {Sigmoid, from: before, name: gate}\n- Mul: [before, gate]",
}


def surrounded(cls):
    """The type between two layers that no fault touches."""
    return network(
        "- {LocalResponseNorm: 3, name: before}\n" + NETS[cls] + "\n- Tanh", input="[4, 14, 16]"
    )


@pytest.mark.parametrize("cls", NETS)
def test_nothing_is_caught_where_nothing_is_wrong(cls):
    assert not proof_of(surrounded(cls)).differences


@pytest.mark.parametrize("name", FAULTS)
def test_wrong_windows_are_caught_and_named(monkeypatch, name):
    cls, window = FAULTS[name]
    graph = surrounded(cls)
    wrong(monkeypatch, cls, window)
    found = proof_of(graph)
    assert found.differences
    at = {node.path for node in graph.nodes if isinstance(node.layer, cls)}
    assert set(found.differences) == at or (cls is Mul and found.differences)


def test_gradients_alone_catch_a_window_that_is_too_small(monkeypatch):
    graph = surrounded(Conv2d)
    monkeypatch.setattr(field, "_by_ones", lambda *_: None)
    assert not proof_of(graph).differences
    wrong(monkeypatch, Conv2d, lambda a: a._replace(kernel=2))
    (found,) = proof_of(graph).differences.values()
    assert (found.type, found.summary) == ("Conv2d", "at most 4 positions in 11..12 x 13..14")
    assert found.run == "a gradient at 5 positions in 11..13 x 13..15 beyond"


def test_a_layer_that_breaks_off_is_no_traceback(monkeypatch):
    graph = surrounded(Conv2d)
    monkeypatch.setattr(Conv2d, "backward", lambda *_, **__: 1 / 0)
    found = proof_of(graph)
    assert found.stopped == "ZeroDivisionError: division by zero"


# ---- the check


def check(graph, **options):
    (found,) = verify(graph, checks=["receptive_field"], **options).checks
    return found


def test_the_check_says_what_was_compared():
    found = check(network("- Conv2d: {out_channels: 2, kernel_size: 3}", input="[1, 9, 9]"))
    units = found.summary.value // 9
    assert found.verdict is Verdict.PASSED
    assert found.summary == (9 * units, "pixels", f"of {units} units in 1 layer")
    assert found.run == (9 * units, "pixels", "9 by gradients")


def test_the_check_fails_where_pixels_differ(monkeypatch):
    graph = surrounded(Conv2d)
    wrong(monkeypatch, Conv2d, lambda a: a._replace(before=0))
    found = check(graph)
    assert found.verdict is Verdict.FAILED
    assert [one.path for one in found.differences] == [graph.nodes[1].path]
    monkeypatch.setattr(Conv2d, "backward", lambda *_, **__: 1 / 0)
    assert check(graph).why == "the run broke off: ZeroDivisionError: division by zero"


def test_a_network_without_places_is_not_run():
    found = check(network("- Linear: 3\n- ReLU", input="[4]"))
    assert found.verdict is Verdict.NOT_RUN
    assert found.why == "no layer has places that are in the order of an input's"


def test_without_memory_for_gradients_ones_are_still_compared():
    found = proof_of(surrounded(Conv2d), memory=1000)
    assert found.by_ones > 0 == found.by_gradients
    assert found.no_gradients.startswith("a run forward and backward of 1 image takes about")
