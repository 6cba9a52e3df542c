"""The pixels that a unit reads, against running the network with one pixel changed at a time."""

import numpy as np
import pytest
from helpers import spec
from hypothesis import assume, given, settings, strategies as st

from cnncalc.analysis.footprint import footprints
from cnncalc.analysis.regions import Region, ends, members, merged, read_by, too_large, unit
from cnncalc.engine.run import run
from cnncalc.engine.weights import parameters
from cnncalc.language.builder import Settings
from cnncalc.pipeline import expand, load
from cnncalc.source import Source


def attempt(layers, size):
    text = spec(layers, input=f"[1, {size[0]}, {size[1]}]")
    return expand(load(Source("net.yaml", text.encode())), Settings())


def network(layers, size):
    """The graph of these items on one channel of that size."""
    built = attempt(layers, size)
    assert not built.problems, built.problems
    return built.graph


def changed_by(graph):
    """For every output position the pixels that change it, all weights positive: no cancelling."""
    generator = np.random.default_rng(0)
    height, width = graph.values[0].shape[1:]
    x = generator.uniform(0.1, 0.9, (1 + height * width, 1, height, width))
    x[1:] = x[0]
    for number in range(height * width):
        x[1 + number, 0, number // width, number % width] += 5.0
    weights = {
        name: generator.uniform(0.5, 1.5, one.shape) for name, one in parameters(graph).items()
    }
    (y,) = run(graph, weights, {"input": x}).outputs.values()
    differs = (abs(y[1:] - y[:1]) > 1e-9 * abs(y).max()).any(axis=1)  # more than rounding
    return {
        place: set(
            zip(*np.nonzero(differs[(slice(None), *place)].reshape(height, width)), strict=True)
        )
        for place in np.ndindex(*y.shape[2:])
    }


def pixels(region):
    return {(*place, i) for place, row in region.rows() for i in members(row)}


sizes = st.integers(1, 3)
LAYERS = st.one_of(
    st.builds(
        lambda k, s, d, p: (
            f"Conv2d: {{out_channels: 2, kernel_size: [{k}, {d}], stride: {s}, "
            f"dilation: {d}, padding: {p}}}"
        ),
        sizes,
        sizes,
        st.integers(1, 4),
        st.integers(0, 3),
    ),
    st.builds(
        lambda k, s, c: f"AvgPool2d: {{kernel_size: {k}, stride: {s}, ceil_mode: {c}}}",
        sizes,
        sizes,
        st.sampled_from(["true", "false"]),
    ),
    st.builds(
        lambda k, s, d: (
            f"ConvTranspose2d: {{out_channels: 2, kernel_size: {k}, stride: {s}, dilation: {d}}}"
        ),
        sizes,
        sizes,
        st.integers(1, 2),
    ),
    st.builds(
        lambda k, s, p, mode: (
            f"Conv2d: {{out_channels: 2, kernel_size: [{k}, {s}], stride: {s}, "
            f"padding: [[{p}, {k - 1}], [{k}, {p}]], padding_mode: {mode}}}"
        ),
        sizes,
        sizes,
        sizes,
        st.sampled_from(["reflect", "replicate", "circular"]),
    ),
    st.builds(
        lambda kind, sides: f"{kind}Pad2d: {{padding: {list(sides)}}}",
        st.sampled_from(["Zero", "Reflection", "Replication", "Circular"]),
        st.tuples(*[st.integers(-2, 3)] * 4),
    ),
    st.sampled_from(
        [
            "Upsample: {scale_factor: 2}",
            "Upsample: {size: 7, mode: bilinear}",
            "Upsample: {scale_factor: 1.5, mode: bilinear, align_corners: true}",
            "Upsample: {scale_factor: 2, mode: bilinear}",
            "AdaptiveAvgPool2d: 3",
            "CenterCrop: 3",
            "BatchNorm2d",
            "ReLU",
            "LocalResponseNorm: 3",
        ]
    ),
)


@settings(max_examples=120, deadline=None)
@given(st.lists(LAYERS, min_size=1, max_size=4), st.tuples(st.integers(3, 8), st.integers(3, 8)))
def test_a_chain_reads_what_changes_it(layers, size):
    holds("\n".join(f"- {{{one}}}" if ":" in one else f"- {one}" for one in layers), size)


def holds(layers, size):
    """Every unit of the last layer reads just the pixels that change it."""
    built = attempt(layers, size)
    assume(not built.problems)
    output = built.graph.outputs[0].value
    shape = built.graph.values[output].shape
    assume(np.prod(shape[1:]) <= 400)
    found = changed_by(built.graph)
    for place, changed in found.items():
        region = read_by(built.graph, output, unit(shape[1:], place))[0]
        assert pixels(region) == changed
        assert region.positions == len(changed)
    assert pixels(footprints(built.graph, 0)[output]) == set().union(*found.values())


BRANCH = st.builds(
    lambda k, d: (
        f"Conv2d: {{out_channels: 2, kernel_size: [{k[0]}, {k[1]}], dilation: {d}, padding: same}}"
    ),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.integers(1, 5),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(BRANCH, min_size=1, max_size=2), min_size=2, max_size=3),
    st.sampled_from(["Add", "Concat", "Mul"]),
    LAYERS,
    st.tuples(st.integers(3, 7), st.integers(3, 7)),
)
def test_branches_read_what_changes_them(branches, merge, behind, size):
    written = "\n".join(
        f"    b{number}:\n" + "\n".join(f"    - {{{layer}}}" for layer in layers)
        for number, layers in enumerate(branches)
    )
    item = f"- {{{behind}}}" if ":" in behind else f"- {behind}"
    holds(f"- branches:\n{written}\n  merge: {merge}\n{item}", size)


def test_a_row_beside_a_column_is_a_cross_and_not_a_square():
    graph = network(
        """
        - branches:
            row: {Conv2d: {out_channels: 1, kernel_size: [1, 3], padding: same}}
            column: {Conv2d: {out_channels: 1, kernel_size: [3, 1], padding: same}}
          merge: Add
        """,
        (5, 5),
    )
    region = read_by(graph, graph.outputs[0].value, unit((5, 5), (2, 2)))[0]
    assert pixels(region) == {(2, 1), (2, 2), (2, 3), (1, 2), (3, 2)}
    assert (region.hull, region.positions) == ((range(1, 4), range(1, 4)), 5)
    assert region.holes == pytest.approx(4 / 9)


@pytest.mark.parametrize(
    ("layer", "read"),
    [
        ("ReflectionPad1d: {padding: [2, 3]}", [2, 1, 0, 1, 2, 3, 4, 3, 2, 1]),
        ("ReplicationPad1d: {padding: [2, 1]}", [0, 0, 0, 1, 2, 3, 4, 4]),
        ("CircularPad1d: {padding: [2, 1]}", [3, 4, 0, 1, 2, 3, 4, 0]),
        ("CircularPad1d: {padding: [-1, 2]}", [1, 2, 3, 4, 1, 2]),  # torch crops first
        ("CircularPad1d: {padding: [2, -1]}", [2, 3, 0, 1, 2, 3]),
        ("ZeroPad1d: {padding: [0, 2]}", [0, 1, 2, 3, 4, None, None]),
        ("ConstantPad1d: {padding: [1, 2], value: 3.0}", [None, 0, 1, 2, 3, 4, None, None]),
    ],
)
def test_padding_reads_what_it_copies(layer, read):
    text = spec(f"- {layer}", input="[1, 5]")
    graph = expand(load(Source("net.yaml", text.encode())), Settings()).graph
    assert graph.values[1].shape == (1, len(read))
    found = [read_by(graph, 1, unit((len(read),), (i,)))[0].products for i in range(len(read))]
    assert found == [() if place is None else ((1 << place,),) for place in read]


def test_what_a_stride_skips_is_not_read():
    graph = network("- {Conv2d: {out_channels: 1, kernel_size: 1, stride: 3}}", (7, 8))
    output = graph.outputs[0].value
    read = set()
    for place in np.ndindex(3, 3):
        read |= pixels(read_by(graph, output, unit((3, 3), place))[0])
    assert read == {(i, j) for i in (0, 3, 6) for j in (0, 3, 6)}


def test_a_global_reduction_reads_everything_and_a_flatten_ends_the_order():
    graph = network("- AdaptiveAvgPool2d: 1\n- Flatten\n- Linear: 3", (4, 5))
    pooled, flat, linear = (node.outputs[0] for node in graph.nodes)
    assert read_by(graph, pooled, unit((1, 1), (0, 0)))[0].positions == 20
    assert read_by(graph, flat, Region((), ((),)))[0] is None
    assert read_by(graph, linear, Region((), ((),)))[0] is None


def footprint(layers, size):
    """How many pixels the last layer reads, None where that is not known."""
    graph = network(layers, size)
    found = footprints(graph, 0)[graph.outputs[0].value]
    return found and found.positions


@pytest.mark.parametrize(
    ("layers", "read"),
    [
        ("- Conv2d: {out_channels: 1, kernel_size: 2, stride: 2}", 4 * 6),  # of 5 x 7
        ("- MaxPool2d: 2\n- Flatten\n- Linear: 3", 4 * 6),
        ("- Flatten\n- Linear: 3", 5 * 7),
        ("- Permute: {dims: [0, 1, 3, 2]}\n- ReLU", 5 * 7),
        ("- Conv2d: {out_channels: 1, kernel_size: 1, stride: 3}", 2 * 3),
        ("- ZeroPad2d: {padding: [-1, 0, 0, -2]}\n- GroupNorm: 1", 3 * 6),
        ("- Opaque: {output: [1, 5, 7], params: 0, macs: 0}", None),
        ("- Permute: {dims: [0, 1, 3, 2]}\n- MaxPool2d: 2", None),  # places are not followed
        (
            "- {Chunk: {chunks: 2, dim: 2}, name: [upper, lower]}\n- {ReLU: null, from: lower}",
            None,
        ),
    ],
)
def test_what_all_units_read(layers, read):
    assert footprint(layers, (5, 7)) == read


def test_a_shortcut_skips_pixels_that_a_sum_reads():
    layers = """
    - {Conv2d: {out_channels: 1, kernel_size: 1, stride: 2}, name: skip}
    - {Conv2d: {out_channels: 1, kernel_size: 3, stride: 2, padding: 1}, from: input, name: main}
    - Add: [skip, main]
    """
    graph = network(layers, (8, 8))
    skip, main, both = (footprints(graph, 0)[node.outputs[0]] for node in graph.nodes)
    assert [one.positions for one in (skip, main, both)] == [16, 64, 64]


def test_of_another_input_nothing_is_read():
    text = """
cnncalc: 1
inputs: {left: [1, 6], right: [1, 9]}
layers:
  - {Conv1d: {out_channels: 2, kernel_size: 3, stride: 3}, from: left, name: one}
  - {Conv1d: {out_channels: 2, kernel_size: 2, stride: 5}, from: right, name: two}
  - Add: [one, two]
"""
    graph = expand(load(Source("net.yaml", text.encode())), Settings()).graph
    for name, read in (("left", [6, 0, 6]), ("right", [0, 4, 4])):
        found = footprints(graph, graph.inputs[name])
        assert [found[node.outputs[0]].positions for node in graph.nodes] == read


@pytest.mark.parametrize(
    "layer",
    [
        "Conv2d: {out_channels: 1, kernel_size: 1000000000, padding: 500000000}",
        "Conv2d: {out_channels: 1, kernel_size: 1, stride: 100000000, padding: 1000000000}",
        "ConvTranspose2d: {out_channels: 1, kernel_size: 1000000001, padding: 500000000}",
    ],
)
def test_windows_that_reach_too_far_are_not_followed(layer):
    graph = network(f"- {layer}", (5, 7))
    assert max(too_large(graph)) >= 10**9
    assert footprints(graph, 0)[1] is None


def test_a_kernel_of_many_taps_is_no_work():
    graph = network(
        "- Conv2d: {out_channels: 1, kernel_size: [1, 9001], padding: [0, 4500]}", (5, 7)
    )
    assert read_by(graph, 1, unit((5, 7), (2, 3)))[0].hull == (range(2, 3), range(7))


def test_products_join_where_their_union_is_one():
    assert merged([(1, 1), (1, 2)]) == ((1, 3),)
    assert merged([(1, 1), (3, 3)]) == ((3, 3),)
    assert merged([(3, 3), (1, 1)]) == ((3, 3),)
    assert merged([(1, 2), (2, 1)]) == ((1, 2), (2, 1))
    assert merged([(1, 1), (2, 2), (1, 2), (2, 1)]) == ((3, 3),)


def test_sets_are_bits():
    assert list(members(0b10110)) == [1, 2, 4]
    assert (ends(0b10110), ends(0)) == (range(1, 5), range(0))
