"""Receptive fields as text: a table of all layers, relative to one input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, NamedTuple

from cnncalc.analysis.input_view import InputView
from cnncalc.analysis.receptive_field import AxisField
from cnncalc.analysis.report import Row
from cnncalc.render import machine, text

if TYPE_CHECKING:
    from cnncalc.analysis.receptive_field import Exact

HEADINGS = (
    *("layer", "type", "map", "size", "range", "jump", "start", "padding", "aligned", "unread"),
    "input",
)
NUMBERS = frozenset({"size", "range", "jump", "start", "padding", "unread"})
IF_ANY = frozenset({"range", "unread"})
"""Columns that a table leaves out where they say nothing."""
DISPENSABLE = ("padding", "type", "aligned", "start", "jump")
"""Columns that a narrow table goes without, one after the other."""
NONE = "-"
ENDLESS = 10_000
SHORTEST = 20
"""Characters of a path."""

Columns = dict[str, list[str]]


class Line(NamedTuple):
    """A layer in the table; `unread` are pixels of the input that none of its units reads."""

    layer: str
    type: str
    map: str
    size: str
    range: str
    jump: str
    start: str
    padding: str
    aligned: str
    unread: str
    input: str


def lines(view: InputView, everything: bool) -> list[Line]:
    """The layers with a field; without `everything` only those that change it."""
    found: list[Line] = []
    for row, unread in zip(view.report.rows, view.unread, strict=True):
        if row.field is None:
            continue
        line = _line(row, unread, view.name)
        if everything or not found or line[2:] != found[-1][2:]:
            found.append(line)
    return found


def _line(row: Row, unread: int | None, name: str) -> Line:
    assert row.field is not None
    axes = row.field.axes
    shape = row.out_shapes[0]
    positions = shape[1:] if shape and row.field.ordered else ()
    return Line(
        layer=row.node.path,
        type=row.node.type,
        map=" x ".join(map(str, positions)) or NONE,
        size=_per_axis([_size(axis) for axis in axes]),
        range=_per_axis([_range(axis) for axis in axes]),
        jump=_per_axis([_exact(axis.jump) for axis in axes]),
        start=_per_axis([_exact(axis.start) for axis in axes]),
        padding=_per_axis([_exact(axis.padding) for axis in axes]),
        aligned="yes" if row.field.aligned else "no",
        unread=NONE if unread is None else str(unread),
        input=name,
    )


def _per_axis(values: Sequence[str]) -> str:
    """One value where all axes have it, else one an axis."""
    return values[0] if len(set(values)) == 1 else " x ".join(values)


def _size(axis: AxisField) -> str:
    """The size, and where a reduction sees everything the size without it."""
    if axis.whole is not None and axis.local is not None:
        return f"{axis.whole} ({_exact(axis.local)})"
    return _exact(axis.size)


def _range(axis: AxisField) -> str:
    """The sizes of single units, where they are not all the nominal one; `?` is not followed."""
    if axis.range is None:
        return NONE if axis.local is None else "?"
    if set(axis.range) == {axis.local}:
        return NONE
    return "..".join(str(size) for size in dict.fromkeys(axis.range))


def _exact(value: Exact | None) -> str:
    return NONE if value is None else str(machine.exact(value))


def table(view: InputView, everything: bool, width: int = ENDLESS) -> str:
    """The fields of all layers, where they first cover the input, and what is never read."""
    report, shown = view.report, lines(view, everything)
    columns = {heading: [getattr(line, heading) for line in shown] for heading in HEADINGS}
    columns = {heading: column for heading, column in columns.items() if _used(heading, column)}
    columns, left_out = _fitted(columns, width)
    parts = [
        f"{report.name or report.file}: receptive fields in pixels of {called(view.name)} "
        f"{text.shape(view.shape)}",
        "",
        *text.aligned(list(columns), list(zip(*columns.values(), strict=True)), NUMBERS),
        "",
        *(line for note in _notes(view, shown, left_out) for line in wrap(note, width)),
    ]
    return "\n".join(parts) + "\n"


def _fitted(columns: Columns, width: int) -> tuple[Columns, list[str]]:
    """The columns in that width, and those that had to go: paths are shortened before."""
    left_out: list[str] = []
    for heading in DISPENSABLE:
        if room(columns, width) >= SHORTEST:
            break
        if columns.pop(heading, None) is not None:
            left_out.append(heading)
    most = max(SHORTEST, room(columns, width))
    return {**columns, "layer": [shortened(path, most) for path in columns["layer"]]}, left_out


def room(columns: Columns, width: int) -> int:
    """What the columns behind the first leave to it."""
    behind = list(columns.items())[1:]
    return width - sum(2 + max(map(len, (heading, *column))) for heading, column in behind)


def shortened(path: str, most: int) -> str:
    """A long path without its middle."""
    end = (most - 1) // 2
    return path if len(path) <= most else f"{path[: most - 1 - end]}…{path[-end:]}"


def _used(heading: str, column: Sequence[str]) -> bool:
    """Whether a table shows the column; the input stands in its title."""
    return heading != "input" and (heading not in IF_ANY or not set(column) <= {NONE, "0"})


def called(name: str) -> str:
    """An input in a sentence."""
    return "the input" if name == "input" else name


def _notes(view: InputView, shown: Sequence[Line], left_out: Sequence[str]) -> Iterator[str]:
    if left_out:
        yield f"not shown for want of width: {', '.join(left_out)}"
    fields = [row.field for row in view.report.rows if row.field is not None]
    if len(shown) < len(fields):
        same = len(fields) - len(shown)
        some = "1 layer that changes" if same == 1 else f"{same} layers that change"
        yield f"left out: {some} nothing (--all shows all)"
    if any(line.range != NONE for line in shown):
        yield "range: units see more or less by turns; the smallest and largest, away from borders"
    if view.reducers:
        more = f" and {len(view.reducers) - 3} more" if len(view.reducers) > 3 else ""
        without = "; in brackets: without that" if any("(" in line.size for line in shown) else ""
        yield f"the whole input is seen through {', '.join(view.reducers[:3])}{more}{without}"
    covering = view.covering
    yield (
        f"the field first covers the input at {covering.node.path}"
        if covering
        else "no field covers the input without a reduction"
    )
    if view.never_read == 0:
        yield f"every pixel of {called(view.name)} bears on the output"
    elif view.never_read:
        share = 100 * view.never_read / view.pixels
        yield f"{view.never_read:,} of {view.pixels:,} pixels ({share:.2g} %) bear on no output"
