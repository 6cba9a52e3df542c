"""`cnncalc receptive-field` as its users meet it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cnncalc.cli.receptive_field import command

NET = """
cnncalc: 1
input: [3, 16, 16]
layers:
- {Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}, name: first}
- ReLU
- {Conv2d: {out_channels: 4, kernel_size: [3, 5], stride: 2}, name: second}
- AdaptiveAvgPool2d: 1
- Flatten
- Linear: 10
"""


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(NET, encoding="utf-8")
    return str(path)


def run(*arguments):
    return CliRunner().invoke(command, [str(one) for one in arguments])


def cells(output):
    """The rows of the table by layer."""
    rows = [line.split() for line in output.splitlines()]
    return {row[0]: row[1:] for row in rows if row and row[0].startswith("layers.")}


def test_the_table_has_the_fields_of_layers_that_change_them(net):
    found = run(net)
    assert found.exit_code == 0
    rows = cells(found.output)
    assert rows["layers.0"] == ["Conv2d", "16", "x", "16", "3", "1", "0.5", "1", "yes"]
    assert rows["layers.2"] == [
        "Conv2d",
        "7",
        "x",
        "6",
        "5",
        "x",
        "7",
        "2",
        "1.5",
        "x",
        "2.5",
        "1",
        "yes",
    ]
    assert "layers.1" not in rows
    assert "layers.1" in cells(run(net, "--all").output)
    assert "seen through layers.3" in found.output
    assert "no field covers the input without a reduction" in found.output


def test_other_formats_hold_the_same(net):
    lines = run(net, "--format", "csv").output.splitlines()
    assert lines[0] == "layer,type,map,size,jump,start,padding,aligned"
    assert lines[1] == "layers.0,Conv2d,16 x 16,3,1,0.5,1,yes"
    assert "| layers.0 | Conv2d | 16 x 16 | 3 | 1 | 0.5 | 1 | yes |" in (
        run(net, "--format", "markdown").output
    )
    layers = json.loads(run(net, "--format", "json").output)["layers"]
    assert layers[2]["receptive_field"] == {
        "size": [5, 7],
        "jump": [2, 2],
        "start": [1.5, 2.5],
        "local": [5, 7],
        "aligned": True,
    }


def test_a_unit_has_its_pixels_and_the_way_back(net):
    found = run(net, "--layer", "second", "--unit", "0,0").output
    assert "reads 0..3 x 0..5 of the input (16 x 16): 24 of 256 pixels, 9.4 %" in found
    assert "31.4 % of its field lies in the padding" in found  # 24 of 5 x 7
    picture = [line for line in found.splitlines() if set(line) <= set("·█") and line]
    assert picture == ["█" * 6 + "·" * 10] * 4 + ["·" * 16] * 12
    assert [line.split()[0] for line in found.splitlines()[-4:]] == [
        *("layers.2", "layers.1", "layers.0", "the"),
    ]


def test_a_cross_has_holes(tmp_path):
    path = tmp_path / "cross.yaml"
    text = (
        "cnncalc: 1\ninput: [1, 5, 5]\nlayers:\n- branches:\n"
        "    row: {Conv2d: {out_channels: 1, kernel_size: [1, 3], padding: same}}\n"
        "    column: {Conv2d: {out_channels: 1, kernel_size: [3, 1], padding: same}}\n"
        "  merge: Add\n  name: cross\n"
    )
    path.write_text(text, encoding="utf-8")
    found = run(path, "--layer", "cross")
    assert found.exit_code == 0, found.output
    assert "5 of 25 pixels" in found.output
    assert "holes: 44.4 % of the box" in found.output
    assert "··█··\n·███·" in found.output.replace("·····\n", "", 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--unit", "0,0"], "--unit needs a --layer"),
        (["--layer", "secnd"], "did you mean 'second'?"),
        (["--layer", "second", "--unit", "7,0"], "units are counted from 0 to 6,5"),
        (["--layer", "second", "--unit", "1"], "no unit 1 on a map of 7 x 6"),
        (["--layer", "second", "--unit", "a,b"], "is not a place such as 3,4"),
        (["--layer", "layers.5"], "choose a layer before a Flatten"),
        (["--layer", "second", "--format", "csv"], "shown as text only"),
        (["--output", "/no/such/folder/x.txt"], "cannot write"),
    ],
)
def test_wrong_use_says_what_is_right(net, arguments, message):
    found = run(net, *arguments)
    assert found.exit_code == 2
    assert message in found.output


@pytest.mark.parametrize("shape", ["3x1000000000x1000000000", "3x16384x16384", "3x1x20000"])
def test_a_map_that_is_too_large_for_single_positions_is_refused(net, shape):
    found = run(net, "--input", shape, "--layer", "first")
    assert found.exit_code == 2
    assert "too large to follow" in found.output
    assert run(net, "--input", shape.replace("x1x", "x9x")).exit_code == 0


def test_a_spec_with_a_mistake_shows_the_fields_up_to_it(tmp_path):
    path = Path(tmp_path / "wrong.yaml")
    path.write_text(NET.replace("stride: 2", "strid: 2"), encoding="utf-8")
    found = run(path)
    assert found.exit_code == 1
    assert "layers.0" in cells(found.output)
    assert "did you mean 'stride'?" in found.output
