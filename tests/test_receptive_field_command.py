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
    assert lines[0] == "layer,type,map,size,range,jump,start,padding,aligned,unread,input"
    assert lines[1] == "layers.0,Conv2d,16 x 16,3,-,1,0.5,1,yes,0,input"
    assert "| layers.0 | Conv2d | 16 x 16 | 3 | - | 1 | 0.5 | 1 | yes | 0 | input |" in (
        run(net, "--format", "markdown").output
    )
    document = json.loads(run(net, "--format", "json").output)
    (of_input,) = document["fields"]
    assert (of_input["input"], of_input["shape"]) == ("input", [3, 16, 16])
    assert (of_input["covered_at"], of_input["reducers"]) == (None, ["layers.3"])
    second = of_input["layers"][2]
    assert (second["path"], second["out_shape"], second["unread"]) == ("layers.2", [4, 7, 6], 0)
    assert second["receptive_field"] == {
        "size": [5, 7],
        "range": [[5, 5], [7, 7]],
        "jump": [2, 2],
        "start": [1.5, 2.5],
        "padding": [1, 1],
        "local": [5, 7],
        "aligned": True,
        "reducer": None,
    }
    assert of_input["layers"][5]["receptive_field"]["reducer"] == "layers.3"


def test_several_networks_are_a_list_in_json(net):
    documents = json.loads(run(net, "lenet5", "--format", "json").output)
    assert [one["name"] for one in documents] == [None, "lenet5"]


TWO = """
cnncalc: 1
inputs: {left: [1, 20], right: [1, 24]}
layers:
- {Conv1d: {out_channels: 2, kernel_size: 3}, from: left, name: one}
- {Conv1d: {out_channels: 2, kernel_size: 7, stride: 1}, from: right, name: two}
- {Add: [one, two], name: both}
- {Conv1d: {out_channels: 1, kernel_size: 2, stride: 2}}
"""


@pytest.fixture
def two(tmp_path):
    path = tmp_path / "two.yaml"
    path.write_text(TWO, encoding="utf-8")
    return str(path)


def test_fields_are_on_each_input_in_turn_or_on_one(two):
    found = run(two).output
    left, right = found.split("receptive fields in pixels of ")[1:]
    assert left.startswith("left 1 x 20\n")
    assert right.startswith("right 1 x 24\n")
    assert cells(left)["layers.3"][2:4] == ["4", "2"]
    assert cells(right)["layers.3"][2:4] == ["8", "2"]
    assert "layers.0" not in cells(right)
    assert run(two, "--of", "right").output.endswith("pixels of " + right)
    lines = run(two, "--format", "csv").output.splitlines()
    assert sorted({line.rpartition(",")[2] for line in lines[1:]}) == ["left", "right"]
    document = json.loads(run(two, "--format", "json").output)
    assert [one["input"] for one in document["fields"]] == ["left", "right"]
    assert document["fields"][1]["layers"][0]["receptive_field"] is None


def test_a_unit_reads_each_input_that_leads_to_it(two):
    found = run(two, "--layer", "both", "--unit", "3").output
    assert "reads 3..5 of left (20)" in found
    assert "reads 3..9 of right (24)" in found
    assert "left" not in run(two, "--layer", "both", "--of", "right").output
    assert "of right" not in run(two, "--layer", "one").output


def test_a_layer_that_an_input_does_not_lead_to_is_named(two):
    found = run(two, "--layer", "one", "--of", "right")
    assert found.exit_code == 2
    assert "layers.0 (Conv1d) does not depend on right" in found.output


def test_sizes_that_vary_have_a_range(tmp_path):
    path = tmp_path / "up.yaml"
    path.write_text(
        "cnncalc: 1\ninput: [1, 12, 12]\nlayers:\n"
        "- ConvTranspose2d: {out_channels: 1, kernel_size: 3, stride: 2, padding: 1}\n",
        encoding="utf-8",
    )
    assert "1..2" in cells(run(path).output)["layers.0"]
    assert "smallest and largest" in run(path).output
    document = json.loads(run(path, "--format", "json").output)
    assert document["fields"][0]["layers"][0]["receptive_field"]["range"] == [[1, 2], [1, 2]]


def test_sizes_that_are_not_followed_are_not_known(tmp_path):
    path = tmp_path / "long.yaml"
    path.write_text(
        "cnncalc: 1\ninput: [1, 500]\nlayers: [Upsample: {size: 1021}, Upsample: {size: 1101}]\n",
        encoding="utf-8",
    )
    found = run(path).output
    assert cells(found)["layers.1"][2:4] == ["1", "?"]
    assert cells(found)["layers.0"][2:4] == ["1", "-"]
    document = json.loads(run(path, "--format", "json").output)
    assert document["fields"][0]["layers"][1]["receptive_field"]["range"] == [None]


def test_pixels_that_are_never_read_are_counted(tmp_path):
    path = tmp_path / "floor.yaml"
    path.write_text(
        "cnncalc: 1\ninput: [1, 11, 8]\nlayers:\n"
        "- {Conv2d: {out_channels: 1, kernel_size: 3, stride: 3}, name: first}\n- Flatten\n",
        encoding="utf-8",
    )
    found = run(path).output
    assert cells(found)["layers.0"][-1] == "34"  # 88 less 9 x 6
    assert "34 of 88 pixels (39 %) bear on no output" in found
    document = json.loads(run(path, "--format", "json").output)
    assert document["fields"][0]["unread"] == 34


@pytest.mark.parametrize("width", [80, 60])
@pytest.mark.parametrize(
    "asked", [["resnet50"], ["unet"], ["c3d"], ["resnet50", "--layer", "features", "--unit", "0,0"]]
)
def test_a_narrow_table_has_shorter_paths_and_fewer_columns(asked, width):
    wide, narrow = run(*asked).output, run(*asked, "--width", width).output
    table = [line for line in narrow.splitlines() if line.startswith(("layer", "the input"))]
    assert len(table) > 5
    assert max(map(len, table)) <= width < max(map(len, wide.splitlines()))
    assert "…" in narrow or "not shown for want of width: padding" in narrow
    assert "…" not in wide
    assert "for want of width" not in wide


def test_no_pixel_is_left_out(net):
    assert "every pixel of the input bears on the output" in run(net).output
    assert "unread" not in run(net).output


def test_a_unit_has_its_pixels_and_the_way_back(net):
    found = run(net, "--layer", "second", "--unit", "0,0").output
    assert "reads 0..3 x 0..5 of the input (16 x 16): 24 of 256 pixels, 9.4 %" in found
    assert "\n31.4 % of its field lies in the padding" in found  # 24 of 5 x 7
    picture = [line for line in found.splitlines() if set(line) <= set("·█") and line]
    assert picture == ["█" * 6 + "·" * 10] * 4 + ["·" * 16] * 12
    assert [line.split() for line in found.splitlines()[-3:]] == [
        ["layers.2", "7", "x", "6", "1", "0..0", "x", "0..0"],
        ["layers.0", "16", "x", "16", "15", "0..2", "x", "0..4"],
        ["the", "input", "16", "x", "16", "24", "0..3", "x", "0..5"],
    ]
    every = run(net, "--layer", "second", "--unit", "0,0", "--all").output
    assert [line.split()[0] for line in every.splitlines()[-4:]] == [
        *("layers.2", "layers.1", "layers.0", "the"),
    ]


def test_a_unit_in_other_formats(net):
    asked = ("--layer", "second", "--unit", "0,0", "--format")
    assert run(net, *asked, "csv").output.splitlines() == [
        "read of,map,positions,box",
        "layers.2,7 x 6,1,0..0 x 0..0",
        "layers.0,16 x 16,15,0..2 x 0..4",
        "the input,16 x 16,24,0..3 x 0..5",
    ]
    assert "| the input | 16 x 16 | 24 | 0..3 x 0..5 |" in run(net, *asked, "markdown").output
    (unit,) = json.loads(run(net, *asked, "json").output)["units"]
    steps = unit.pop("steps")
    assert unit == {
        "layer": "layers.2",
        "type": "Conv2d",
        "unit": [0, 0],
        "input": "input",
        "map": [16, 16],
        "positions": 24,
        "box": [[0, 3], [0, 5]],
        "holes": 0.0,
    }
    assert [step["path"] for step in steps] == ["layers.2", "layers.1", "layers.0"]
    assert steps[1] == {
        "path": "layers.1", "map": [16, 16], "positions": 15, "box": [[0, 2], [0, 4]],
    }  # fmt: skip


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
        (["--layer", "layers"], "its last layer is 'layers.5'"),
        (["--layer", "second", "--unit", "7,0"], "units are counted from 0 to 6,5"),
        (["--layer", "second", "--unit", "1"], "no unit 1 on a map of 7 x 6"),
        (["--layer", "second", "--unit", "a,b"], "is not a place such as 3,4"),
        (["--layer", "layers.5"], "choose a layer before a Flatten"),
        (["--layer", "second", "--unit", "9" * 5000], "is not a place such as 3,4"),
        (["--of", "imput"], "did you mean 'input'?"),
        (["--of", "x"], "inputs: input"),
        (["--output", "/no/such/folder/x.txt"], "cannot write"),
    ],
)
def test_wrong_use_says_what_is_right(net, arguments, message):
    found = run(net, *arguments)
    assert found.exit_code == 2
    assert message in found.output


@pytest.mark.parametrize("shape", ["3x1000000000x1000000000", "3x16384x16384", "3x1x70000"])
def test_a_map_that_is_too_large_for_single_positions_is_refused(net, shape):
    found = run(net, "--input", shape, "--layer", "first")
    assert found.exit_code == 2
    assert "too large to follow" in found.output
    assert run(net, "--input", shape.replace("x1x", "x9x")).exit_code == 0


def test_a_kernel_that_reaches_too_far_is_refused_for_one_unit(tmp_path):
    path = tmp_path / "far.yaml"
    path.write_text(
        "cnncalc: 1\ninput: [1, 9]\nlayers:\n"
        "- Conv1d: {out_channels: 1, kernel_size: 1000000001, padding: 500000000}\n",
        encoding="utf-8",
    )
    assert cells(run(path).output)["layers.0"][2] == "1000000001"
    found = run(path, "--layer", "layers.0")
    assert found.exit_code == 2
    assert "1 x 1000000009 is too large to follow" in found.output


def test_a_spec_with_a_mistake_shows_the_fields_up_to_it(tmp_path):
    path = Path(tmp_path / "wrong.yaml")
    path.write_text(NET.replace("stride: 2", "strid: 2"), encoding="utf-8")
    found = run(path)
    assert found.exit_code == 1
    assert "layers.0" in cells(found.output)
    assert "did you mean 'stride'?" in found.output
