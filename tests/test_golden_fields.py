"""Receptive fields that others published, and those that theory gives in closed form.

The rows of tests/data/published/receptive_field.csv are of TF-slim's networks, which are bundled
as specs/slim; those of receptive_field_small.csv are small examples with their starts.
"""

import csv
import re
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest
from helpers import good, spec

from cnncalc import source
from cnncalc.analysis.receptive_field import receptive_fields
from cnncalc.analysis.regions import read_by, unit
from cnncalc.language.builder import Settings
from cnncalc.pipeline import analyse, expand, load

DATA = Path(__file__).parent / "data" / "published"


def published(file):
    with (DATA / file).open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def last_axis(report):
    (axis,) = report.rows[-1].field.axes
    return axis


# ---- the published table of networks

PUBLISHED = published("receptive_field.csv")
ROWS = 114


@cache
def fields_by_name(model, resolution):
    """The field of every named layer of a bundled TF-slim network at that resolution."""
    settings = Settings(inputs={"input": (3, resolution, resolution)})
    graph = expand(load(source.read_bundled(f"slim/{model}")), settings).graph
    fields = receptive_fields(graph)
    return {name: fields[index] for name, index in graph.names.items()}


def resolutions(row):
    """The sizes of input that a row is about: where none is named, all (two are tried)."""
    return [int(row["resolution"])] if row["resolution"] else [224, 321]


CASES = [(row, resolution) for row in PUBLISHED for resolution in resolutions(row)]


@pytest.mark.parametrize(
    ("row", "resolution"),
    CASES,
    ids=[f"{row['end_point']}-{row['resolution']}-{resolution}" for row, resolution in CASES],
)
def test_published_fields(row, resolution):
    field = fields_by_name(row["model"], resolution)[row["end_point"].split("/")[-1].lower()]
    assert field.aligned
    for axis in field.axes:
        assert axis.size == int(row["size"])
        assert axis.jump == int(row["jump"])
        if row["effective_padding"]:
            assert axis.padding == int(row["effective_padding"])


def test_every_published_row_is_tried():
    assert len(PUBLISHED) == len({id(row) for row, _ in CASES}) == ROWS


# ---- the small published examples

SMALL = {
    "2D": """
        - Conv2d: {out_channels: 64, kernel_size: 7, stride: 2, padding: 3}
        - BatchNorm2d
        - ReLU
        - MaxPool2d: {kernel_size: 3, stride: 2, padding: 1}
        - AvgPool2d: {kernel_size: 3, stride: 2, padding: 1}
        """,
    "3D": """
        - Conv3d: {out_channels: 6, kernel_size: 3, stride: 1, padding: 1}
        - BatchNorm3d
        - ReLU
        - MaxPool3d: {kernel_size: 2, stride: 2, padding: 1}
        """,
}


def small(example):
    """The rows of layers, the input first, and the rows of single units."""
    rows = [row for row in published("receptive_field_small.csv") if row["example"] == example]
    return [row for row in rows if row["map_size"]], [row for row in rows if not row["map_size"]]


def spec_of(rows):
    return f"[{', '.join(rows[0]['input'].split('x'))}]"


@pytest.mark.parametrize("example", SMALL)
def test_published_examples(example):
    rows, _ = small(example)
    report = good(SMALL[example], input=spec_of(rows))
    for row, found in zip(rows[1:], report.rows, strict=True):
        assert "x".join(map(str, found.out_shapes[0][1:])) == row["map_size"]
        for axis in found.field.axes:
            wanted = [float(row[key]) for key in ("size", "jump", "start")]
            assert [axis.size, axis.jump, axis.start] == wanted


@pytest.mark.parametrize("example", SMALL)
def test_published_regions_of_units(example):
    rows, (row,) = small(example)
    text = spec(SMALL[example], input=spec_of(rows))
    graph = expand(load(source.Source("net.yaml", text.encode())), Settings()).graph
    value = graph.nodes[int(row["layer"]) - 1].outputs[0]  # the input is their layer 0
    size = graph.values[value].shape[1:]
    place = [int(i) for i in re.search(r"\(([\d,]+)\)", row["op"])[1].split(",")]
    first, end = (float(edge) for edge in row["start"].strip("()").split(","))
    assert len(place) == len(size)
    assert read_by(graph, value, unit(size, place))[0].hull == (range(int(first), int(end)),) * len(
        size
    )


# ---- closed forms, and sizes that papers state


@pytest.mark.parametrize(("conv", "pool"), [(3, 2), (5, 3), (7, 4), (1, 2)])
def test_a_pool_behind_a_convolution_sees_p_plus_f_minus_1(conv, pool):
    items = f"""
    - Conv2d: {{out_channels: 1, kernel_size: {conv}}}
    - MaxPool2d: {pool}
    """
    sizes = {axis.size for axis in good(items, input="[1, 20, 20]").rows[-1].field.axes}
    assert sizes == {pool + conv - 1}


@pytest.mark.parametrize("count", range(1, 9))
def test_a_causal_stack_doubles(count):
    """Kernels of 2 with dilations 1, 2, 4... see 2 ^ n steps, the last being the present one."""
    items = "\n".join(
        f"- Conv1d: {{out_channels: 1, kernel_size: 2, dilation: {2**i}, padding: [[{2**i}, 0]]}}"
        for i in range(count)
    )
    report = good(items, input="[1, 600]")
    axis = last_axis(report)
    assert report.rows[-1].out_shapes[0] == (1, 600)
    assert (axis.size, axis.jump) == (2**count, 1)
    assert axis.start + Fraction(axis.size, 2) == 1  # the field of unit 0 ends behind pixel 0


def network_of(name, **settings_):
    return analyse(load(source.read_bundled(name)), Settings(**settings_)).field


@pytest.mark.parametrize(
    ("name", "size", "jump"),
    [
        ("resnet50", 427, 32),
        ("vgg16", 212, 32),
        ("alexnet", 195, 32),
        ("unet", None, 1),
        ("tcn_causal", None, 1),
    ],
)
def test_field_of_a_network(name, size, jump):
    field = network_of(name)
    for axis in field.axes:
        assert size in (None, axis.size)
        assert axis.jump == jump
    assert field.aligned


RESNET = """
    - Conv2d: {out_channels: 1, kernel_size: 7, stride: 2, padding: 3}
    - MaxPool2d: {kernel_size: 3, stride: 2, padding: 1}
    """
BOTTLENECK = """
    - branches:
        main:
          - Conv2d: {out_channels: 1, kernel_size: 1, stride: FIRST}
          - Conv2d: {out_channels: 1, kernel_size: 3, stride: SECOND, padding: 1}
          - Conv2d: {out_channels: 1, kernel_size: 1}
        shortcut: [Conv2d: {out_channels: 1, kernel_size: 1, stride: STRIDE}]
      merge: Add
    """


@pytest.mark.parametrize(("first", "size"), [(True, 483), (False, 427)])
def test_the_stride_on_the_first_convolution_of_a_bottleneck_widens_the_field(first, size):
    """ResNet-50: 483 as in the paper, 427 with the stride on the 3x3."""
    items = RESNET
    for units, stride in ((3, 1), (4, 2), (6, 2), (3, 2)):
        for step in (stride, *(1,) * (units - 1)):
            strides = (step, 1) if first else (1, step)
            block = BOTTLENECK.replace("FIRST", str(strides[0])).replace("SECOND", str(strides[1]))
            items += block.replace("STRIDE", str(step))
    field = good(items, input="[1, 224, 224]").rows[-1].field
    assert {(axis.size, axis.jump) for axis in field.axes} == {(size, 32)}
