"""Where `cnncalc receptive-field` writes to, and the pictures that it draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnncalc.analysis import regions
from cnncalc.analysis.regions import Region
from cnncalc.analysis.report import Report, Row
from cnncalc.cli import options
from cnncalc.graph import Graph
from cnncalc.layer import Shape
from cnncalc.render import text
from cnncalc.render.drawing import Drawing
from cnncalc.render.field_picture import MOST, panel, picture

if TYPE_CHECKING:
    from cnncalc.engine.new_file import NewFile

PICTURES = (".svg", ".png")
TEXTS = ("", ".txt", ".csv", ".json", ".md")


def is_picture(output: str | None) -> bool:
    """Whether a file is to hold a picture; an extension that means nothing ends the program."""
    if output is None:
        return False
    extension = Path(output).suffix.lower()
    if extension not in (*PICTURES, *TEXTS):
        options.fail(
            f"'{output}' has an extension that is not known",
            "a picture is an .svg or a .png; text is a .txt, .csv, .json or .md",
        )
    return extension in PICTURES


@contextmanager
def picture_file(output: str | None, *, force: bool) -> Iterator[Callable[[Drawing], None]]:
    """What puts a picture into that file, whole or not at all, if it is to hold one.

    Where it cannot be written the program ends now, before anything is computed.
    """
    if output is None or not is_picture(output):
        yield _nowhere
        return
    from cnncalc.engine.errors import EngineError
    from cnncalc.engine.new_file import NewFile

    encode = _encoder(output)
    try:
        file = NewFile(output, force=force)
        try:
            yield partial(_put, file, encode)
        finally:
            file.discard()
    except EngineError as error:
        options.fail(error.message, error.help)


def _nowhere(_: Drawing) -> None:
    raise AssertionError("there is no picture without a file for it")


def _put(file: NewFile, encode: Callable[[Drawing], bytes], drawing: Drawing) -> None:
    data = encode(drawing)
    file.write(lambda opened: opened.write(data))
    file.place()


def _encoder(output: str) -> Callable[[Drawing], bytes]:
    if Path(output).suffix.lower() == ".svg":
        from cnncalc.render.svg import svg

        return lambda drawing: svg(drawing).encode()
    try:
        from cnncalc.render.png import png
    except ImportError:
        options.fail(
            "a .png is drawn by Pillow, which is not installed",
            "python -m pip install 'cnncalc[png]', or write an .svg, which needs nothing",
        )
    return png


def check_drawable(graph: Graph) -> None:
    """A first input that a picture cannot show ends the program."""
    name, source = next(iter(graph.inputs.items()))
    shape = graph.values[source].shape or ()
    if len(shape) not in (2, 3):
        options.fail(
            f"a picture shows an input with one or two axes, and {name} is {text.shape(shape)}",
            "leave out --output, or write a .txt, .csv or .json",
        )


def title(graph: Graph, report: Report, what: str) -> str:
    """The headline of a picture."""
    name, source = next(iter(graph.inputs.items()))
    called = "an input" if name == "input" else name
    shape = text.shape(graph.values[source].shape)
    return f"{report.name or report.file}: {what} on {called} of {shape}"


def field_drawing(graph: Graph, report: Report) -> Drawing:
    """A panel for each layer that changes the field, with the unit in its middle."""
    source = next(iter(graph.inputs.values()))
    panels = []
    for row in chosen(report):
        place = tuple(n // 2 for n in (row.out_shapes[0] or ())[1:])
        region = region_of(graph, source, row, place)
        if region is not None and region.products:
            panels.append(panel(row, place, region))
    if not panels:
        options.fail("no layer has places on the input that could be drawn")
    return picture(title(graph, report, "receptive fields"), panels)


def unit_drawing(graph: Graph, report: Report, row: Row, place: Shape, region: Region) -> Drawing:
    """One panel: what a unit reads of the first input."""
    if not region.products:
        options.fail(f"unit {place} of {row.node.path} reads nothing of the input")
    return picture(title(graph, report, "receptive field"), [panel(row, place, region)])


def region_of(graph: Graph, source: int, row: Row, place: Shape) -> Region | None:
    """What a unit of a layer reads of an input; a map that is too large ends the program."""
    large = regions.too_large(graph)
    if large is not None:
        options.fail(
            f"a map of {text.shape(large)} is too large to follow single positions through it",
            f"use an input with axes of at most {regions.LONGEST:,}: --input",
        )
    size = (row.out_shapes[0] or ())[1:]
    found = regions.read_by(graph, row.node.outputs[0], regions.unit(size, place))
    return found.get(source)


def chosen(report: Report) -> list[Row]:
    """The layers that change the field; of many, the last of each run of one jump; then some."""
    found: list[Row] = []
    for row in report.rows:
        field, size = row.field, (row.out_shapes[0] or ())[1:]
        if field is None or not field.ordered or not size or not field.axes:
            continue
        if not found or found[-1].field != field:
            found.append(row)
    if len(found) > MOST:
        found = [
            row
            for row, following in zip(found, [*found[1:], None], strict=True)
            if following is None or _jumps(row) != _jumps(following)
        ]
    return _spread(found)


def _jumps(row: Row) -> list[Any]:
    return [axis.jump for axis in row.field.axes] if row.field else []


def _spread(rows: Sequence[Row]) -> list[Row]:
    """At most so many, evenly, with the first and the last."""
    if len(rows) <= MOST:
        return list(rows)
    return [rows[number * (len(rows) - 1) // (MOST - 1)] for number in range(MOST)]
