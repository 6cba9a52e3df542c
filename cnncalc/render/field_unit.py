"""One unit of a layer as text: what it reads of the input, a picture of that, and the way back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import NamedTuple

from cnncalc.analysis.regions import Region
from cnncalc.analysis.report import Row
from cnncalc.layer import Shape
from cnncalc.render import text
from cnncalc.render.fields import ENDLESS, SHORTEST, called, room, shortened

HEADINGS = ("read of", "map", "positions", "box")
NUMBERS = frozenset({"positions"})
WIDEST = 64
"""Characters of a picture of the input."""
SHADES = "·░▒▓█"
"""From nothing to all of the pixels of a cell."""


class Unit(NamedTuple):
    """One unit of a layer, and the regions that it reads on the way back to an input.

    `steps` are the layers from this one back, by path, each with what the unit reads of its
    output, and `region` what it reads of the input of that name.
    """

    row: Row
    place: Shape
    input: str
    region: Region
    steps: tuple[tuple[str, Region], ...]


def unit(found: Unit, everything: bool, width: int = ENDLESS) -> str:
    """One unit: its region on the input, a picture of it, and the way back layer by layer."""
    region, total = found.region, prod(found.region.size)
    way = lines(found, everything)
    columns = {heading: [line[i] for line in way] for i, heading in enumerate(HEADINGS)}
    most = max(SHORTEST, room(columns, width))
    steps = [(shortened(path, most), *line) for path, *line in way]
    parts = [
        f"unit {_place(found.place)} of {found.row.node.path}, {found.row.node.type}, "
        f"{text.shape(found.row.out_shapes[0])}",
        f"reads {_box(region)} of {called(found.input)} ({_sizes(region)}): "
        f"{region.positions:,} of {total:,} pixels, {100 * region.positions / total:.1f} %",
        *_field_notes(found),
        "",
        *picture(region),
        "",
        *text.aligned(HEADINGS, steps, NUMBERS),
    ]
    return "\n".join(parts) + "\n"


def lines(found: Unit, everything: bool) -> list[tuple[str, str, str, str]]:
    """The way back; without `everything`, of layers that pass on the same region only the first."""
    steps = [
        (path, _sizes(region), f"{region.positions:,}", _box(region))
        for path, region in found.steps
    ]
    shown = steps[:1]
    for line in steps[1:]:
        if not everything and len(shown) > 1 and line[1:] == shown[-1][1:]:
            shown.pop()  # the way goes backwards: this one gives what that one passes on
        if everything or line[1:] != shown[-1][1:]:
            shown.append(line)
    size, region = _sizes(found.region), found.region
    return [*shown, (called(found.input), size, f"{region.positions:,}", _box(region))]


def _sizes(region: Region) -> str:
    return " x ".join(map(str, region.size))


def _field_notes(found: Unit) -> Iterator[str]:
    region = found.region
    if region.holes:
        yield f"holes: {100 * region.holes:.1f} % of the box is not read"
    outside = _outside(found)
    if outside:
        yield f"{100 * outside:.1f} % of its field lies in the padding"


def _outside(found: Unit) -> float | None:
    """The share of the field that lies beyond the input; None where it is no box."""
    axes = found.row.field.axes if found.row.field else ()
    field = inside = 1.0
    for axis, unit, n in zip(axes, found.place, found.region.size, strict=True):
        edges = axis.edges(unit) if axis.whole is None else None
        if edges is None:
            return None
        field *= float(edges[1] - edges[0])
        inside *= float(max(0, min(n, edges[1]) - max(0, edges[0])))
    return 1 - inside / field


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
