"""Pictures of receptive fields: what is drawn is measured again, in pixels of the input."""

import io
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings, strategies as st
from PIL import Image

from cnncalc.analysis.unit_box import Edges
from cnncalc.cli import field_output, group
from cnncalc.cli.field_output import chosen
from cnncalc.engine import new_file
from cnncalc.language.builder import Settings
from cnncalc.pipeline import analyse, load
from cnncalc.render import frame, svg as svg_module
from cnncalc.render.drawing import Box, Cells, Dot, Drawing, Label, Line
from cnncalc.render.effective_picture import HELD, RAMP, color
from cnncalc.render.field_picture import CENTRES, FIELD, MOST, PADDING, READ, shortened
from cnncalc.render.frame import CLOSEST, EDGE, GRID, joined, nice, view
from cnncalc.render.png import PIXELS, png
from cnncalc.render.svg import svg
from cnncalc.source import read

CROSS = """
- branches:
    row: {Conv2d: {out_channels: 1, kernel_size: [1, 3], padding: same}}
    column: {Conv2d: {out_channels: 1, kernel_size: [3, 1], padding: same}}
  merge: Add
  name: end
"""
HOLES = "- {Conv2d: {out_channels: 1, kernel_size: 3, dilation: 2, padding: 2}, name: end}"
EDGES = "- {Conv2d: {out_channels: 1, kernel_size: 5, stride: 3, padding: 2}, name: end}"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(layers, shape="[1, 9, 9]", file="net.yaml"):
    Path(file).write_text(f"cnncalc: 1\ninput: {shape}\nlayers:\n{layers}\n", encoding="utf-8")
    return file


def run(*arguments):
    return CliRunner().invoke(group, ["receptive-field", *arguments])


class Map:
    """The one map of an SVG: what is drawn on it, in pixels of the input."""

    def __init__(self, text, size):
        self.root = ElementTree.fromstring(text)
        edge = next(one for one in self.all("rect") if one.get("stroke") == EDGE)
        x, y, width, height = self.numbers(edge)
        self.left, self.top = x, y
        self.across, self.down = width / size[-1], height / (size[0] if len(size) == 2 else 1)

    def all(self, name):
        return list(self.root.iter("{http://www.w3.org/2000/svg}" + name))

    @staticmethod
    def numbers(box):
        return [float(box.get(name)) for name in ("x", "y", "width", "height")]

    def place(self, x, y):
        return round((y - self.top) / self.down, 1), round((x - self.left) / self.across, 1)

    def boxes(self, attribute, value):
        """(top, left), (bottom, right) of rectangles."""
        found = []
        for box in self.all("rect"):
            if box.get(attribute) == value:
                x, y, width, height = self.numbers(box)
                found.append((self.place(x, y), self.place(x + width, y + height)))
        return found

    def read(self):
        """The pixels that are drawn as read, by their level."""
        found = {}
        for path in self.all("path"):
            for run in re.findall(r"M([\d.]+) ([\d.]+)h([\d.]+)v([\d.]+)", path.get("d")):
                x, y, width, height = map(float, run)
                top, left = self.place(x, y)
                bottom, right = self.place(x + width, y + height)
                for row in range(round(top), round(bottom)):
                    for column in range(round(left), round(right)):
                        assert (row, column) not in found
                        found[row, column] = path.get("fill")
        return found

    def centres(self):
        return {
            (*self.place(float(c.get("cx")), float(c.get("cy"))), c.get("fill") == CENTRES)
            for c in self.all("circle")[:-2]  # the last ones are of the legend
        }


def drawn(layers, shape="[1, 9, 9]", *arguments):
    found = run(write(layers, shape), "--layer", "end", "--output", "field.svg", *arguments)
    assert (found.exit_code, found.output) == (0, "")
    size = [int(n) for n in re.findall(r"\d+", shape)][1:]
    return Map(Path("field.svg").read_text(encoding="utf-8"), size)


# ---- what is drawn


def test_a_cross_is_drawn_as_five_pixels():
    found = drawn(CROSS, "[1, 5, 5]")
    assert found.read() == dict.fromkeys([(1, 2), (2, 1), (2, 2), (2, 3), (3, 2)], READ[-1])
    assert found.boxes("stroke", FIELD)[0] == ((1, 1), (4, 4))
    neighbours = {(i + 0.5, j + 0.5) for i in (1, 2, 3) for j in (1, 2, 3)}
    assert found.centres() == {(*one, one == (2.5, 2.5)) for one in neighbours}


def test_holes_stay_white():
    found = drawn(HOLES, "[1, 11, 12]")
    assert set(found.read()) == {(i, j) for i in (3, 5, 7) for j in (4, 6, 8)}
    assert found.boxes("stroke", FIELD)[0] == ((3, 4), (8, 9))


def test_the_part_in_the_padding_is_drawn_outside_of_the_input():
    found = drawn(EDGES, "[1, 9, 10]", "--unit", "0,3")
    assert set(found.read()) == {(i, j) for i in range(3) for j in range(7, 10)}
    assert found.boxes("fill", PADDING)[0] == ((-2, 7), (3, 12))
    assert found.boxes("stroke", FIELD)[0] == ((-2, 7), (3, 12))
    neighbours = {(0.5, 6.5), (3.5, 6.5), (3.5, 9.5)}  # there is none above and to the right
    assert found.centres() == {(0.5, 9.5, True), *((*one, False) for one in neighbours)}


def test_a_sequence_is_a_strip():
    found = drawn(
        "- {Conv1d: {out_channels: 1, kernel_size: 2, dilation: 3, padding: [[3, 0]]}, name: end}",
        "[1, 20]",
    )
    assert set(found.read()) == {(0, 7), (0, 10)}
    assert found.boxes("stroke", FIELD)[0] == ((0, 7), (1, 11))
    assert (0.5, 9.0, True) in found.centres()


def test_a_field_far_beyond_the_input_has_open_ends():
    found = drawn(
        "- {Conv2d: {out_channels: 1, kernel_size: 91, padding: 45}, name: end}", "[1, 10, 10]"
    )
    assert len(found.read()) == 100
    assert found.boxes("fill", PADDING)[0] == ((-6, -6), (16, 16))  # as much as is shown
    legend = found.boxes("stroke", FIELD)
    assert len(legend) == 1  # no side of the field is seen
    assert not [one for one in found.all("line") if one.get("stroke") == FIELD]


@pytest.mark.parametrize("size", [5, 32, 224, 500, 1024])
def test_grids_are_thin_enough_to_be_seen_and_cells_are_few(size):
    found = drawn(HOLES, f"[1, {size}, {size}]")
    places = sorted(
        {float(one.get("x1")) for one in found.all("line") if one.get("stroke") == GRID}
    )
    assert min(b - a for a, b in pairwise(places)) >= CLOSEST - 0.01
    assert len(Path("field.svg").read_bytes()) < 60_000
    middle = size // 2
    read = {(middle + i, middle + j) for i in (-2, 0, 2) for j in (-2, 0, 2)}
    step = -(-size // frame.FINEST)  # pixels that share a cell are drawn together
    read = {(i, j) for i, j in read if max(i, j) < size}
    corners = {(i // step * step, j // step * step) for i, j in read}
    shared = {(i + a, j + b) for i, j in corners for a in range(step) for b in range(step)}
    assert set(found.read()) == {(i, j) for i, j in shared if max(i, j) < size}
    assert (set(found.read().values()) == {READ[-1]}) == (step == 1)


def test_every_panel_says_what_it_shows():
    text = "".join(one.text or "" for one in drawn(EDGES, "[1, 9, 10]").all("text"))
    assert "net.yaml: receptive field on an input of 1 x 9 x 10" in text
    assert "Conv2d, map 3 x 4, unit (1, 2)" in text
    assert "field 5 x 5, jump 3; reads 25 pixels" in text
    assert "axes: input pixels" in text


@pytest.mark.parametrize("name", ["lenet5", "resnet50", "unet", "vgg16", "densenet121"])
def test_a_network_has_a_panel_for_each_layer_that_changes_the_field_or_each_jump(name):
    report = analyse(load(read(name)), Settings())
    rows = chosen(report)
    assert 1 < len(rows) <= MOST
    jumps = [tuple(axis.jump for axis in row.field.axes) for row in rows]
    every = {
        tuple(axis.jump for axis in row.field.axes)
        for row in report.rows
        if row.field and row.field.ordered and (row.out_shapes[0] or ())[1:]
    }
    assert set(jumps) == every


def test_all_panels_are_in_one_picture():
    assert run("lenet5", "--output", "all.svg").exit_code == 0
    text = Path("all.svg").read_text(encoding="utf-8")
    fields = re.findall(r"field (\d+) x \d+, jump (\d+)", text)
    assert fields == [("5", "1"), ("6", "2"), ("14", "2"), ("16", "4"), ("32", "4")]


def test_the_picture_of_the_pages_is_what_the_command_draws():
    """If not: cnncalc receptive-field resnet50 --output docs/images/resnet50_fields.svg --force."""
    assert run("resnet50", "--output", "fields.svg").exit_code == 0
    page = Path(__file__).parent.parent / "docs" / "images" / "resnet50_fields.svg"
    assert Path("fields.svg").read_text(encoding="utf-8") == page.read_text(encoding="utf-8")


# ---- PNG


def test_the_png_shows_what_the_svg_does():
    found = drawn(CROSS, "[1, 5, 5]")
    assert run("net.yaml", "--layer", "end", "--output", "field.png").exit_code == 0
    image = Image.open("field.png").convert("RGB")
    assert image.width == PIXELS * float(found.root.get("width"))
    assert image.height == PIXELS * float(found.root.get("height"))
    read = found.read()
    for row in range(5):
        for column in range(5):
            x = PIXELS * (found.left + (column + 0.25) * found.across)
            y = PIXELS * (found.top + (row + 0.25) * found.down)
            wanted = READ[-1] if (row, column) in read else "#ffffff"
            assert "#{:02x}{:02x}{:02x}".format(*image.getpixel((round(x), round(y)))) == wanted


def test_every_kind_of_item_is_drawn():
    """Each alone darkens the page just where it is."""
    items = {
        Box(10, 10, 20, 10, fill="#000000"): (10, 10, 30, 20),
        Box(10, 10, 20, 10, line="#000000", dashed=True): (9, 9, 31, 21),
        Line(5, 5, 35, 5, "#000000"): (5, 4, 35, 6),
        Dot(20, 20, 5, "#000000"): (15, 15, 25, 25),
        Dot(20, 20, 5, "#000000", hollow=True): (15, 15, 25, 25),
        Cells(((10, 10, 5, 5), (20, 10, 5, 5)), "#000000"): (10, 10, 25, 15),
        Label(20, 30, "xx", 20, "#000000", "middle", bold=True): (8, 15, 32, 32),
    }
    for item, (left, top, right, bottom) in items.items():
        drawing = Drawing("one", 40, 40, (item,))
        image = Image.open(io.BytesIO(png(drawing))).convert("L")
        x, y, end, under = image.point(lambda v: 255 * (v < 128)).getbbox()
        assert (left - 1) * PIXELS <= x <= end <= (right + 1) * PIXELS
        assert (top - 1) * PIXELS <= y <= under <= (bottom + 1) * PIXELS
        ElementTree.fromstring(svg(drawing))


def test_names_are_escaped():
    text = svg(Drawing("<&>", 9, 9, (Label(0, 0, "<a & b>"),)))
    root = ElementTree.fromstring(text)
    assert root[0].text == "<&>"
    assert root[2].text == "<a & b>"


# ---- heat maps


def test_a_heat_map_is_darkest_where_the_gradient_is_largest():
    """A mean of one row of four: four cells of the darkest colour."""
    write("- {AvgPool2d: {kernel_size: [1, 4], stride: 1}, name: end}", "[1, 7, 9]")
    arguments = ("--layer", "end", "--effective", "--samples", "1", "--output", "heat.svg")
    found = run("net.yaml", *arguments)
    assert (found.exit_code, found.output) == (0, "")
    heat = Map(Path("heat.svg").read_text(encoding="utf-8"), (7, 9))
    assert heat.read() == dict.fromkeys([(3, j) for j in range(3, 7)], RAMP[-1])
    assert heat.boxes("stroke", FIELD)[0] == ((3, 3), (4, 7))
    held = heat.boxes("stroke", HELD)[:3]
    assert held == [((3, 4), (4, 6)), ((3, 3), (4, 7)), ((3, 3), (4, 7))]
    text = "".join(one.text or "" for one in heat.all("text"))
    assert all(f"{share} %" in text for share in (50, 90, 99))
    assert "over 1 sample of random weights and inputs, seed 0" in text
    assert "50 % in 1 x 2, 90 % in 1 x 4, 99 % in 1 x 4 pixels" in text


def test_colours_go_from_white_to_dark():
    assert [color(part) for part in (0, 0.2, 0.4, 0.6, 0.8, 1)] == list(RAMP)
    brightness = [sum(bytes.fromhex(color(i / 50)[1:])) for i in range(51)]
    assert brightness == sorted(brightness, reverse=True)
    assert len(set(brightness)) == 51


# ---- small parts


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.integers(0, 2), min_size=4, max_size=4), min_size=1, max_size=6))
def test_joined_cells_cover_each_level_once(levels):
    found = {}
    for level, (top, left, bottom, right) in joined(levels):
        for place in ((i, j) for i in range(top, bottom) for j in range(left, right)):
            assert place not in found
            found[place] = level
    expected = {
        (i, j): level for i, row in enumerate(levels) for j, level in enumerate(row) if level
    }
    assert found == expected


@pytest.mark.parametrize(
    ("least", "expected"), [(0.1, 1), (1, 1), (1.1, 2), (2.5, 5), (6, 10), (11, 20), (499, 500)]
)
def test_steps_are_numbers_that_people_count_by(least, expected):
    assert nice(least) == expected


def test_what_is_seen_is_the_input_and_what_lies_around_it():
    seen = view((10, 20), [Edges(-2, 5), Edges(3, 400)])
    assert (seen.low, seen.high) == ((-2, 0), (10, 32))
    assert (seen.x(-5), seen.x(0)) == (seen.left, seen.left)
    assert seen.width == pytest.approx(frame.SIDE)


def test_long_paths_end_as_they_do():
    assert shortened("layers.0") == "layers.0"
    long = shortened("layers." * 20 + "end")
    assert (len(long), long[0], long[-4:]) == (50, "…", ".end")


# ---- files, and wrong use


@pytest.mark.parametrize("extra", [(), ("--effective", "--samples", "1")])
@pytest.mark.parametrize("file", ["x.svg", "x.png", "X.SVG"])
def test_a_file_that_exists_is_replaced_only_by_force(file, extra):
    write(CROSS)
    Path(file).write_text("mine")
    found = run("net.yaml", "--output", file, *extra)
    assert (found.exit_code, f"'{file}' exists" in found.stderr) == (2, True)
    assert "--force" in found.stderr
    assert Path(file).read_text() == "mine"
    assert run("net.yaml", "--output", file, "--force", *extra).exit_code == 0
    assert Path(file).stat().st_size > 1000
    assert sorted(one.name for one in Path().iterdir()) == sorted([file, "net.yaml"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output", "x.pdf"], "a picture is an .svg or a .png; text is a .txt"),
        (["--output", "no/such/x.svg"], "cannot write 'no/such/x.svg': no such file or directory"),
        (["--output", "net.yaml/x.svg"], "cannot write 'net.yaml/x.svg': not a directory"),
        (["--output", "x.svg", "--format", "json"], "a picture is no json"),
        (["--output", "x.svg", "net.yaml"], "a picture shows one network"),
        (["--output", "x.svg", "--variant", "all"], "a picture shows one network"),
        (["--output", "x.svg", "--layer", "ende"], "did you mean 'end'?"),
        (["--output", "x.svg", "--layer", "end", "--unit", "9,0"], "there is no unit 9,0"),
        (["--output", "x.svg", "--input", "1x70000x9"], "too large"),
    ],
)
def test_wrong_use_says_what_is_right_and_leaves_nothing(arguments, message):
    write(CROSS)
    found = run("net.yaml", *arguments)
    assert found.exit_code == 2
    assert message in found.stderr
    assert [one.name for one in Path().iterdir()] == ["net.yaml"]


def test_a_volume_is_refused():
    write("- Conv3d: {out_channels: 1, kernel_size: 3}", "[1, 5, 6, 7]")
    found = run("net.yaml", "--output", "x.svg")
    assert found.exit_code == 2
    assert (
        "a picture shows an input with one or two axes, and input is 1 x 5 x 6 x 7" in found.stderr
    )


def test_nothing_is_left_of_a_picture_that_could_not_be_finished(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    write(CROSS)
    monkeypatch.setattr(new_file.Path, "replace", full)
    found = run("net.yaml", "--output", "x.svg")
    assert found.exit_code == 2
    assert "cannot write 'x.svg': no space left on device" in found.stderr
    assert [one.name for one in Path().iterdir()] == ["net.yaml"]


def test_without_pillow_a_png_is_refused_before_anything_is_computed(monkeypatch):
    write(CROSS)
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.delitem(sys.modules, "cnncalc.render.png")
    monkeypatch.setattr(field_output, "region_of", lambda *_: 1 / 0)
    found = run("net.yaml", "--output", "x.png")
    assert (found.exit_code, "pip install 'cnncalc[png]'" in found.stderr) == (2, True)
    assert [one.name for one in Path().iterdir()] == ["net.yaml"]


def test_a_spec_with_errors_is_reported_and_not_drawn():
    write("- Conv2d: {out_channels: 1, kernel_size: 3}\n- Conv2d: {out_channels: 1}")
    found = run("net.yaml", "--output", "x.svg")
    assert found.exit_code == 1
    assert "Conv2d needs 'kernel_size'" in found.stderr
    assert [one.name for one in Path().iterdir()] == ["net.yaml"]


def test_an_svg_needs_neither_numpy_nor_pillow():
    write(CROSS)
    code = (
        "import sys\nfrom cnncalc.cli import main\n"
        "sys.argv = ['cnncalc', 'receptive-field', 'net.yaml', '--output', 'x.svg']\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert end.code == 0\n"
        "assert not {'numpy', 'rich', 'PIL'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert Path("x.svg").stat().st_size > 1000


def test_every_item_has_a_way_to_be_written():
    for item in (None, "text"):
        with pytest.raises(TypeError):
            svg_module.svg(Drawing("", 1, 1, (item,)))
        with pytest.raises(TypeError):
            png(Drawing("", 1, 1, (item,)))
