"""Receptive fields as text: a table of all layers, and one unit with what it reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from cnncalc.analysis.receptive_field import AxisField
from cnncalc.analysis.regions import Region
from cnncalc.analysis.report import Report, Row
from cnncalc.render import machine, text

if TYPE_CHECKING:
    from cnncalc.analysis.receptive_field import Exact

HEADINGS = ("layer", "type", "map", "size", "jump", "start", "padding", "aligned")
NUMBERS = frozenset({"size", "jump", "start", "padding"})
WIDEST = 64
"""Characters of a picture of the input."""
SHADES = "·░▒▓█"
"""From nothing to all of the pixels of a cell."""


class Line(NamedTuple):
    """A layer in the table."""

    path: str
    type: str
    map: str
    size: str
    jump: str
    start: str
    padding: str
    aligned: str


class Unit(NamedTuple):
    """One unit of a layer, and the regions that it reads on the way back to the input.

    `steps` are the layers from this one back, each with what the unit reads of its output, and
    `region` what it reads of the input of that name.
    """

    row: Row
    position: tuple[int, ...]
    input: str
    region: Region
    steps: tuple[tuple[Row, Region], ...]


def lines(report: Report, everything: bool) -> list[Line]:
    """The layers with a field; without `everything` only those that change it."""
    found: list[Line] = []
    for row in report.rows:
        if row.field is None:
            continue
        line = _line(row)
        if everything or not found or line[2:] != found[-1][2:]:
            found.append(line)
    return found


def _line(row: Row) -> Line:
    assert row.field is not None
    axes = row.field.axes
    shape = row.out_shapes[0]
    positions = shape[1:] if shape and row.field.ordered else ()
    return Line(
        path=row.node.path,
        type=row.node.type,
        map=" x ".join(map(str, positions)) or "-",
        size=_per_axis([_size(axis) for axis in axes]),
        jump=_per_axis([_exact(axis.jump) for axis in axes]),
        start=_per_axis([_exact(axis.start) for axis in axes]),
        padding=_per_axis([_exact(axis.padding) for axis in axes]),
        aligned="yes" if row.field.aligned else "no",
    )


def _per_axis(values: Sequence[str]) -> str:
    """One value where all axes have it, else one an axis."""
    return values[0] if len(set(values)) == 1 else " x ".join(values)


def _size(axis: AxisField) -> str:
    """The size, and where a reduction sees everything the size without it."""
    if axis.whole is not None and axis.local is not None:
        return f"{axis.whole} ({_exact(axis.local)})"
    return _exact(axis.size)


def _exact(value: Exact | None) -> str:
    return "-" if value is None else str(machine.exact(value))


def table(report: Report, everything: bool) -> str:
    """The fields of all layers, where they first cover the input, and what is never read."""
    (name, size), *_ = report.inputs.items()
    called = "the input" if name == "input" else name
    shown = lines(report, everything)
    parts = [
        f"{report.name or report.file}: receptive fields in pixels of {called} {text.shape(size)}",
        "",
        *text.aligned(HEADINGS, shown, NUMBERS),
        "",
        *_notes(report, len(shown)),
    ]
    return "\n".join(parts) + "\n"


def _notes(report: Report, shown: int) -> Iterator[str]:
    with_field = [row for row in report.rows if row.field is not None]
    if shown < len(with_field):
        left_out = len(with_field) - shown
        yield f"{left_out} layers that change nothing are left out (--all shows them)"
    reducers = sorted({row.field.reducer for row in with_field if row.field and row.field.reducer})
    if reducers:
        more = f" and {len(reducers) - 3} more" if len(reducers) > 3 else ""
        yield f"the whole input is seen through {', '.join(reducers[:3])}{more}"
    covering = covers(report)
    yield (
        f"the field first covers the input at {covering}"
        if covering
        else ("no field covers the input without a reduction")
    )


def covers(report: Report) -> str | None:
    """The first layer whose units see as much as the input is large, by windows alone."""
    sizes = next(iter(report.inputs.values())) or ()
    for row in report.rows:
        axes = row.field.axes if row.field else ()
        local = [axis.local for axis in axes]
        if local and all(r and r >= n for r, n in zip(local, sizes[1:], strict=True)):
            return row.node.path
    return None


def unit(found: Unit) -> str:
    """One unit: its region on the input, a picture of it, and the way back layer by layer."""
    region = found.region
    total = 1
    for n in region.size:
        total *= n
    share = 100 * region.positions / total
    parts = [
        f"unit {_place(found.position)} of {found.row.node.path}, {found.row.node.type}, "
        f"{text.shape(found.row.out_shapes[0])}",
        f"reads {_box(region)} of {found.input} ({' x '.join(map(str, region.size))}): "
        f"{region.positions:,} of {total:,} pixels, {share:.1f} %",
        *_field_notes(found),
        "",
        *picture(region),
        "",
        *text.aligned(
            ("read of", "map", "positions", "box"), list(_steps(found)), frozenset({"positions"})
        ),
    ]
    return "\n".join(parts) + "\n"


def _field_notes(found: Unit) -> Iterator[str]:
    region = found.region
    if region.holes:
        yield f"holes: {100 * region.holes:.1f} % of the box is not read"
    axes = found.row.field.axes if found.row.field else ()
    sizes = [axis.local for axis in axes]
    if sizes and None not in sizes:
        box = [len(axis) for axis in region.hull]
        field = beyond = 1.0
        for size, inside in zip(sizes, box, strict=True):
            field, beyond = field * float(size or 0), beyond * inside
        if beyond < field:
            yield f"{100 * (1 - beyond / field):.1f} % of its field lies in the padding"


def _steps(found: Unit) -> Iterator[tuple[str, str, str, str]]:
    for row, region in found.steps:
        size = " x ".join(map(str, region.size))
        yield row.node.path, size, f"{region.positions:,}", _box(region)
    region = found.region
    size = " x ".join(map(str, region.size))
    yield found.input, size, f"{region.positions:,}", _box(region)


def _place(position: Sequence[int]) -> str:
    return f"({', '.join(map(str, position))})"


def _box(region: Region) -> str:
    """The hull, each axis from its first to its last position."""
    if not region.products:
        return "nothing"
    return " x ".join(f"{axis.start}..{axis.stop - 1}" for axis in region.hull)


def picture(region: Region) -> Iterator[str]:
    """The map as a grid of characters, darker where more of a cell is read; of one or two axes."""
    if len(region.size) > 2:
        return
    rows = [row for _, row in region.rows()]
    step = max(1, -(-region.size[-1] // WIDEST))
    high = step if step == 1 else 2 * step  # a character is twice as high as wide
    for first in range(0, len(rows), high):
        block = rows[first : first + high]
        yield "".join(
            _shade(block, left, min(step, region.size[-1] - left))
            for left in range(0, region.size[-1], step)
        )


def _shade(block: Sequence[int], left: int, width: int) -> str:
    mask = (1 << width) - 1 << left
    read = sum((row & mask).bit_count() for row in block)
    share = read / (width * len(block))
    return SHADES[0] if not read else SHADES[max(1, int(share * (len(SHADES) - 1)))]
