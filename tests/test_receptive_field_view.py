"""A network as each of its inputs sees it, and what is said of one unit."""

from fractions import Fraction

import pytest
from helpers import loaded, spec

from cnncalc.analysis.input_view import input_views
from cnncalc.analysis.regions import read_by, unit as one_unit
from cnncalc.language.builder import Settings
from cnncalc.pipeline import analyse, expand
from cnncalc.render import field_unit
from cnncalc.render.field_unit import Unit


def views(text):
    """The views of a spec by the name of the input."""
    built = expand(loaded(text), Settings())
    assert not built.problems
    found = input_views(built.graph, analyse(loaded(text), built=built))
    return {view.name: view for view in found}


def view(layers, size, head=""):
    return views(spec(layers, input=f"[1, {size[0]}, {size[1]}]", head=head))["input"]


@pytest.mark.parametrize(
    ("sizes", "layer"),
    [
        ((8, 8), "layers.1"),  # 7 is less than 8, and 9 is more
        ((9, 9), "layers.1"),
        ((7, 7), "layers.0"),
        ((7, 8), "layers.1"),
        ((10, 9), None),
    ],
)
def test_the_layer_that_first_covers_the_input(sizes, layer):
    conv = "- Conv2d: {out_channels: 1, kernel_size: KERNEL, padding: 3}\n"
    found = view(conv.replace("KERNEL", "7") + conv.replace("KERNEL", "3"), sizes).covering
    assert (found and found.node.path) == layer


GATED = """
cnncalc: 1
inputs: {map: [2, 9, 9], other: [2, 12, 12]}
layers:
- {AdaptiveAvgPool2d: 1, from: other, name: gate}
- Mul: [map, gate]
- {Softmax: 2, name: soft}
- AdaptiveAvgPool2d: 1
- Flatten
- Linear: 3
"""


def test_reducers_are_those_on_the_way_from_the_input():
    """A gate from elsewhere gathers nothing of a map, nor a layer what has been gathered."""
    found = views(GATED)
    assert found["map"].reducers == ("layers.2", "layers.3")
    assert found["other"].reducers == ("layers.0",)


def test_what_a_norm_sees_is_still_gathered_by_a_pool():
    found = view("- InstanceNorm2d\n- AdaptiveAvgPool2d: 1\n- Flatten\n- Linear: 2", (6, 6))
    assert found.reducers == ("layers.0", "layers.1")


def test_to_broadcast_one_place_is_not_to_gather():
    layers = """
    - {Conv2d: {out_channels: 1, kernel_size: 6}, name: gate}
    - Mul: [input, gate]
    """
    assert view(layers, (6, 6)).reducers == ()


def test_the_input_of_a_view_is_the_first_of_its_graph_and_report():
    for name, found in views(GATED).items():
        assert next(iter(found.graph.inputs)) == next(iter(found.report.inputs)) == name
        assert set(found.graph.inputs) == {"map", "other"}
    fields = [found.report.rows[0].field for found in views(GATED).values()]
    assert [field is None for field in fields] == [True, False]


def test_a_pixel_is_read_if_some_output_reads_it():
    layers = "- {Conv2d: {out_channels: 1, kernel_size: 1, stride: 2}, name: even}"
    head = """
    heads:
      odd:
        from: input
        layers:
          - ZeroPad2d: {padding: [-1, 0, -1, 0]}
          - MaxPool2d: {kernel_size: 1, stride: 2}
    """
    assert view(layers, (6, 6)).never_read == 36 - 9
    assert view(layers, (6, 6), head).never_read == 36 - 18
    in_training = head.replace("from: input", "from: input\n        train_only: true")
    assert view(layers, (6, 6), in_training).never_read == 36 - 9


# ---- one unit


def said(layers, size, place):
    """The text of a unit of the last layer."""
    found = view(layers, size)
    row = found.report.rows[-1]
    read = read_by(found.graph, row.node.outputs[0], one_unit(row.out_shapes[0][1:], place))
    return field_unit.unit(Unit(row, place, "input", read[0], ()), everything=False)


CONV = "- Conv2d: {out_channels: 2, kernel_size: 5, padding: 2}"


@pytest.mark.parametrize(
    ("place", "share"),
    [((0, 0), "64.0"), ((0, 4), "40.0"), ((1, 4), "20.0"), ((4, 4), None), ((8, 8), "64.0")],
)
def test_the_share_of_a_field_in_the_padding(place, share):
    """Of 5 x 5 pixels 3 x 3 are left in a corner, 3 x 5 at an edge."""
    text = said(CONV, (9, 9), place)
    assert (f"\n{share} % of its field lies in the padding\n" in text) == bool(share)
    assert ("padding" in text) == bool(share)


def test_behind_a_reduction_nothing_is_said_of_padding():
    assert "padding" not in said(f"{CONV}\n- InstanceNorm2d", (9, 9), (0, 0))


def test_behind_an_upsampling_the_padding_is_that_of_the_phase():
    """The first output of this one reads the first pixel alone, all of which lies inside."""
    layers = "- ConvTranspose2d: {out_channels: 1, kernel_size: 3, stride: 2, padding: 1}"
    assert "reads 0..0 x 0..1 of the input" in said(layers, (6, 6), (0, 1))
    assert "padding" not in said(layers, (6, 6), (0, 1))


def test_hulls_of_fractions_are_whole_numbers_where_they_come_out():
    layers = """
    - {Conv2d: {out_channels: 1, kernel_size: 3, stride: 2, padding: 1}, name: down}
    - {Upsample: {scale_factor: 2}, name: up}
    - {Conv2d: {out_channels: 1, kernel_size: 2, padding: same}, name: half}
    - {Conv2d: {out_channels: 1, kernel_size: 1}, from: input, name: skip}
    - Add: [half, skip]
    """
    for row in view(layers, (8, 8)).report.rows:
        for axis in row.field.axes:
            for number in (axis.size, axis.jump, axis.left):
                assert isinstance(number, int) or number.denominator > 1
    assert Fraction(row.field.axes[0].size).denominator == 1
