"""The effective receptive field: against kernels composed by hand, and against plain loops."""

from math import prod
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings, strategies as st
from test_engine_run import network, shipped

from cnncalc.analysis import regions
from cnncalc.analysis.receptive_field import receptive_fields
from cnncalc.analysis.unit_box import Edges, centre, unit_box
from cnncalc.cli import group
from cnncalc.engine.effective import (
    SHARES,
    Effective,
    Sampling,
    Unit,
    boxes,
    effective,
)
from cnncalc.engine.errors import EngineError
from cnncalc.engine.weights import initialise

# ---- the gradient


def unit_of(graph, place=None, value=None):
    """A unit of the network's output, in the middle unless a place is given."""
    value = graph.outputs[0].value if value is None else value
    size = graph.values[value].shape[1:]
    place = tuple(n // 2 for n in size) if place is None else place
    region = regions.read_by(graph, value, regions.unit(size, place))[0]
    return Unit(value, place, "input", unit_box(receptive_fields(graph)[value], place, region))


def measured(graph, place=None, **sampling):
    return effective(graph, unit_of(graph, place), Sampling(**sampling))


def test_of_one_convolution_it_is_the_mean_of_absolute_weights():
    graph = network("- Conv2d: {out_channels: 1, kernel_size: [3, 5]}", input="[1, 9, 9]")
    found = measured(graph, (2, 1), samples=4, seed=7).gradient
    expected = np.zeros((9, 9))
    for seed in range(7, 11):
        expected[2:5, 1:6] += abs(initialise(graph, seed)["layers.0.weight"][0, 0])
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-5)


def test_of_two_convolutions_it_is_that_of_the_composed_kernel():
    graph = network(
        "- Conv2d: {out_channels: 3, kernel_size: 3}\n"
        "- Conv2d: {out_channels: 2, kernel_size: 3, stride: 2}",
        input="[2, 11, 11]",
    )
    weights = initialise(graph, 0)
    first, second = weights["layers.0.weight"], weights["layers.1.weight"]
    composed = np.zeros((2, 5, 5))  # input channels and taps; the output's channels added up
    for o, m, c in np.ndindex(2, 3, 2):
        for i, j in np.ndindex(3, 3):
            composed[c, i : i + 3, j : j + 3] += second[o, m, i, j] * first[m, c]
    expected = np.zeros((11, 11))
    expected[2:7, 4:9] = abs(composed).sum(axis=0)
    found = measured(graph, (1, 2), samples=1).gradient
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-4, atol=1e-9)


def test_of_a_mean_it_is_flat():
    found = measured(network("- AvgPool2d: {kernel_size: 4, stride: 1}", input="[3, 10, 10]"))
    assert (found.gradient > 0).sum() == 16
    np.testing.assert_allclose(found.gradient[found.gradient > 0], 1 / 16)
    assert found.held[-1].box == (range(3, 7), range(3, 7))  # of the unit at 3, 3


@pytest.mark.parametrize("name", ["lenet5", "googlenet"])
def test_nothing_weighs_that_is_not_read(name):
    graph = shipped(name, None if name == "lenet5" else (3, 96, 96))
    value = [one.outputs[0] for one in graph.nodes if len(graph.values[one.outputs[0]].shape) > 1]
    unit = unit_of(graph, value=value[len(value) // 2])
    found = effective(graph, unit, Sampling(2))
    region = regions.read_by(
        graph, unit.value, regions.unit(graph.values[unit.value].shape[1:], unit.place)
    )[0]
    read = np.array([[row >> i & 1 for i in range(region.size[1])] for _, row in region.rows()])
    assert not (found.gradient > 0)[read == 0].any()
    assert found.gradient.sum() == pytest.approx(1)


def test_deep_stacks_use_a_smaller_part_of_their_field():
    """Luo et al. 2016: its width grows as the root of the depth, and the field as the depth."""

    def part(depth):
        layer = "- {Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}, repeat: DEPTH}"
        graph = network(layer.replace("DEPTH", str(depth)), input="[1, 65, 65]")
        held = {one.share: len(one.box[0]) for one in measured(graph, samples=6).held}
        return held[0.9] / (2 * depth + 1)

    assert part(4) > part(9) > part(16) > part(25)


def test_the_seed_decides_every_bit():
    graph = network("- Conv2d: {out_channels: 4, kernel_size: 3}\n- ReLU", input="[2, 8, 8]")
    one, again, other = (measured(graph, samples=2, seed=s).gradient for s in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_layers_behind_the_unit_are_not_run():
    graph = network(
        "- {Conv2d: {out_channels: 2, kernel_size: 3}, name: first}\n"
        "- Opaque: {output: 3, params: 0, macs: 0}",
        input="[1, 6, 6]",
    )
    found = effective(graph, unit_of(graph, value=graph.names["first"]), Sampling(1))
    assert (found.gradient > 0).sum() == 9


def test_progress_is_told():
    told = []
    graph = network("- Conv2d: {out_channels: 1, kernel_size: 3}", input="[1, 6, 6]")
    effective(graph, unit_of(graph), Sampling(3), progress=lambda *done: told.append(done))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_what_cannot_be_run_is_refused():
    graph = network("- {Scale: 0}", input="[1, 6, 6]")
    with pytest.raises(EngineError, match="no gradient arrives at input in 2 samples"):
        effective(graph, unit_of(graph), Sampling(2))

    def built(inputs):
        return network(
            "- Conv2d: {out_channels: 64, kernel_size: 3}", input=str(list(inputs["input"]))
        )

    graph = built({"input": (1, 96, 96)})
    with pytest.raises(EngineError) as caught:
        effective(graph, unit_of(graph), Sampling(memory=3_000_000), built)
    assert caught.value.message.startswith("a run forward and backward of 1 image takes about")
    assert caught.value.help.startswith("an input of 1x")


# ---- boxes and cells


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_boxes_are_the_smallest_that_hold_their_share(data):
    size = data.draw(st.lists(st.integers(1, 7), min_size=1, max_size=3).map(tuple))
    numbers = st.floats(0, 1).map(lambda x: round(x, 3))
    values = data.draw(st.lists(numbers, min_size=prod(size), max_size=prod(size)))
    gradient = np.array(values).reshape(size)
    gradient.flat[data.draw(st.integers(0, gradient.size - 1))] += 1
    lows = [data.draw(st.integers(-4, n - 1)) for n in size]
    field = [Edges(low, low + data.draw(st.integers(1, 9))) for low in lows]

    def inside(place, reach):
        return all(
            abs(i + 0.5 - centre(one)) <= reach * (one.high - one.low) + 1e-9
            for i, one in zip(place, field, strict=True)
        )

    reaches = sorted(
        {
            max(
                abs(i + 0.5 - centre(one)) / (one.high - one.low)
                for i, one in zip(place, field, strict=True)
            )
            for place in np.ndindex(*size)
        }
    )
    for share, held in zip(SHARES, boxes(gradient, field), strict=True):
        for reach in reaches:  # outwards, box by box
            places = [place for place in np.ndindex(*size) if inside(place, reach)]
            if sum(gradient[place] for place in places) >= share * gradient.sum() - 1e-9:
                break
        expected = tuple(range(min(axis), max(axis) + 1) for axis in zip(*places, strict=True))
        assert held.box == expected


@pytest.mark.parametrize("steps", [(1, 1), (2, 3), (4, 7), (9, 9)])
def test_cells_are_means_of_blocks(steps):
    gradient = np.random.default_rng(0).uniform(size=(9, 7))
    found = Effective(gradient, 1, 0, ()).cells(steps)
    for y, row in enumerate(found):
        for x, cell in enumerate(row):
            block = [
                gradient[i, j]
                for i in range(y * steps[0], min(9, (y + 1) * steps[0]))
                for j in range(x * steps[1], min(7, (x + 1) * steps[1]))
            ]
            assert cell == pytest.approx(sum(block) / len(block))
    assert (len(found), len(found[0])) == (-(-9 // steps[0]), -(-7 // steps[1]))


def test_cells_of_a_sequence_are_one_row():
    assert Effective(np.array([1.0, 3.0, 5.0]), 1, 0, ()).cells((1, 2)) == [[2.0, 5.0]]


# ---- the box of a unit


def test_a_unit_has_its_field_with_the_part_in_the_padding():
    graph = network(
        "- Conv2d: {out_channels: 1, kernel_size: 5, stride: 2, padding: 2}\n"
        "- AdaptiveAvgPool2d: 1",
        input="[1, 9, 9]",
    )
    first, pooled = (node.outputs[0] for node in graph.nodes)
    assert unit_of(graph, (0, 4), first).field == (Edges(-2, 3), Edges(6, 11))
    assert unit_of(graph, (0, 0), pooled).field == (Edges(0, 9), Edges(0, 9))


# ---- the command


NET = """cnncalc: 1
input: [1, 16, 16]
layers:
- Conv2d: {out_channels: 2, kernel_size: 5, padding: 2}
- {AvgPool2d: 2, name: pooled}
- Flatten
- Linear: 3
"""


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(NET, encoding="utf-8")
    return path


def run(net, *arguments):
    return CliRunner().invoke(group, ["receptive-field", str(net), "--effective", *arguments])


def test_the_last_map_is_shown_unless_a_layer_is_named(net):
    found = run(net, "--samples", "2")
    lines = found.stdout.splitlines()
    assert found.exit_code == 0, found.output
    assert lines[0] == "unit (4, 4) of layers.1, AvgPool2d, 2 x 8 x 8"
    assert lines[1] == "its field is 6 x 6: 6..11 x 6..11 of the input (16 x 16)"
    assert lines[2] == (
        "mean absolute gradient over 2 samples of random weights and inputs, seed 0"
    )
    assert [line.split()[:2] for line in lines[5:8]] == [["50", "%"], ["90", "%"], ["99", "%"]]
    assert lines[7].split()[-2:] == ["100.0", "%"]
    named = run(net, "--samples", "2", "--layer", "pooled", "--unit", "4,4")
    assert named.stdout == found.stdout


def test_the_map_has_lines_around_the_field(net):
    rows = run(net, "--samples", "1").stdout.splitlines()[9:25]
    assert len(rows) == 16
    assert rows[5] == "·" * 5 + "┌──────┐" + "·" * 3
    assert rows[12] == "·" * 5 + "└──────┘" + "·" * 3
    for number, row in enumerate(rows):
        if 6 <= number <= 11:
            assert (row[:6], row[12:]) == ("·····│", "│···")
        elif number not in (5, 12):
            assert row == "·" * 16
    assert "█" in "".join(rows)


def test_a_field_at_the_edge_has_lines_on_the_input_alone(net):
    rows = run(net, "--samples", "1", "--layer", "pooled", "--unit", "0,0").stdout.splitlines()[
        9:25
    ]
    assert rows[4] == "────┘" + "·" * 11
    assert all(row[4] == "│" for row in rows[:4])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "json"], "--effective is shown as text or as a picture"),
        (["--samples", "0"], "is not in the range"),
        (["--layer", "layers.3"], "has no map with places on the input"),
        (["--memory", "1KiB"], "a run forward and backward of 1 image takes about"),
    ],
)
def test_wrong_use_says_what_is_right(net, arguments, message):
    found = run(net, *arguments)
    assert found.exit_code == 2
    assert message in found.stderr


def test_samples_without_effective_are_refused(net):
    found = CliRunner().invoke(group, ["receptive-field", str(net), "--samples", "3"])
    assert (found.exit_code, "--samples is for --effective" in found.stderr) == (2, True)


def test_a_network_without_maps_is_refused(tmp_path):
    path = Path(tmp_path / "flat.yaml")
    path.write_text("cnncalc: 1\ninput: [4]\nlayers: [{Linear: 3}]\n", encoding="utf-8")
    found = run(path)
    assert (found.exit_code, "no layer has a map" in found.stderr) == (2, True)


def test_a_volume_has_boxes_and_no_map(tmp_path):
    path = Path(tmp_path / "volume.yaml")
    path.write_text(
        "cnncalc: 1\ninput: [1, 5, 6, 7]\nlayers: [{Conv3d: {out_channels: 1, kernel_size: 3}}]\n",
        encoding="utf-8",
    )
    lines = run(path, "--samples", "1").stdout.splitlines()
    assert lines[1].startswith("its field is 3 x 3 x 3: 1..3 x 2..4 x 2..4 of the input")
    assert len(lines) == 8
