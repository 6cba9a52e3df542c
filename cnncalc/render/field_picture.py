"""A picture of receptive fields: what one unit of each layer reads of the input, a panel each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

from cnncalc.analysis.regions import Region
from cnncalc.analysis.report import Row
from cnncalc.analysis.unit_box import Edges, centre, unit_box
from cnncalc.layer import Shape
from cnncalc.render import frame, text
from cnncalc.render.drawing import INK, SOFT, Box, Dot, Drawing, Item, Label, Line
from cnncalc.render.frame import MARGIN, View

MOST = 12
"""Panels of a picture."""
COLUMNS = 3
GAP = 30.0
HEAD, FOOT = 44.0, 44.0
WORDS, TICKS = 48.0, 22.0
"""Points above a map and below it."""
READ = ("#d9e8f6", "#b7d3ec", "#95bfe3", "#7fb2dd")
"""Where a quarter, a half, three quarters and all of a cell is read."""
PADDING = "#f7e6d0"
FIELD = "#1f5f99"
CENTRES = "#b4541a"
NEAREST = 9.0
"""Points between the centres of units, where they are drawn."""


class Panel(NamedTuple):
    """One unit of a layer, what it reads, and its field with the part in the padding."""

    row: Row
    place: Shape
    region: Region
    box: tuple[Edges, ...]


def panel(row: Row, place: Shape, region: Region) -> Panel:
    """The panel of a unit that reads that region."""
    return Panel(row, place, region, unit_box(row.field, place, region))


def picture(title: str, panels: Sequence[Panel]) -> Drawing:
    """All panels, three in a row (of sequences one), and what the colours mean."""
    views = [frame.view(one.region.size, one.box) for one in panels]
    columns = COLUMNS if len(panels[0].region.size) == 2 else 1
    columns = min(columns, len(panels))
    width = max(view.width for view in views) + MARGIN
    high = [
        max(view.height for view in views[first : first + columns]) + WORDS + TICKS
        for first in range(0, len(views), columns)
    ]
    items: list[Item] = [Label(GAP, 28, title, 15, INK, bold=True)]
    for number, (one, view) in enumerate(zip(panels, views, strict=True)):
        row, column = divmod(number, columns)
        left = GAP + column * (width + GAP) + MARGIN
        top = HEAD + sum(high[:row]) + row * GAP / 2 + WORDS
        items += _panel(one, view._replace(left=left, top=top))
    bottom = HEAD + sum(high) + (len(high) - 1) * GAP / 2
    items += _legend(GAP, bottom + 20)
    page = max(columns * (width + GAP) + GAP, LEGEND_WIDTH)
    return Drawing(title, page, bottom + FOOT, tuple(items))


def _panel(one: Panel, seen: View) -> Iterator[Item]:
    yield from _words(one, seen)
    rows, columns = frame.flat(one.box)
    yield seen.box(rows, columns, fill=PADDING)
    yield seen.box(*frame.input_edges(seen), fill="#ffffff")
    yield from frame.cells(seen, _levels(one.region), READ)
    yield from frame.grid(seen)
    yield from outline(seen, one.box, FIELD, 1.5)
    yield from _centres(one, seen)
    yield from frame.numbers(seen)


def _words(one: Panel, seen: View) -> Iterator[Item]:
    left = seen.left - MARGIN
    node, field = one.row.node, one.row.field
    size = " x ".join(map(str, (one.row.out_shapes[0] or ())[1:]))
    unit = ", ".join(map(str, one.place))
    yield Label(left, seen.top - 36, shortened(node.path), 11.5, INK, bold=True)
    yield Label(left, seen.top - 22, f"{node.type}, map {size}, unit ({unit})", 10, SOFT)
    box = " x ".join(f"{edges.high - edges.low:g}" for edges in one.box)
    jumps = dict.fromkeys(str(axis.jump) for axis in field.axes) if field else {}
    jump = f", jump {' x '.join(jumps)}" if jumps and "None" not in jumps else ""
    holes = f", {100 * one.region.holes:.0f} % holes" if one.region.holes else ""
    reads = f"field {box}{jump}; reads {text.count(one.region.positions)} pixels{holes}"
    yield Label(left, seen.top - 8, reads, 10, SOFT)


def shortened(path: str, most: int = 50) -> str:
    """The end of a long path."""
    return path if len(path) <= most else f"…{path[1 - most :]}"


def _levels(region: Region) -> list[list[int]]:
    """How much of each cell is read, in quarters, rounded up."""
    *_, wide = frame.steps(region.size)
    high = frame.steps(region.size)[0] if len(region.size) == 2 else 1
    rows = [row for _, row in region.rows()]
    return [
        [
            _quarters(rows[top : top + high], left, min(wide, region.size[-1] - left))
            for left in range(0, region.size[-1], wide)
        ]
        for top in range(0, len(rows), high)
    ]


def _quarters(rows: Sequence[int], left: int, width: int) -> int:
    mask = (1 << width) - 1
    read = sum((row >> left & mask).bit_count() for row in rows)
    return -(-len(READ) * read // (width * len(rows)))


def outline(
    seen: View, box: Sequence[Edges], color: str, thickness: float = 1.0, *, dashed: bool = False
) -> Iterator[Item]:
    """The border of a box; a side that is not seen is left out."""
    rows, columns = frame.flat(box)
    whole = (
        seen.low[0] <= rows.low
        and rows.high <= seen.high[0]
        and seen.low[1] <= columns.low
        and columns.high <= seen.high[1]
    )
    if whole:
        yield seen.box(rows, columns, line=color, thickness=thickness, dashed=dashed)
        return
    left, right, top, bottom = (
        seen.x(columns.low), seen.x(columns.high), seen.y(rows.low), seen.y(rows.high),
    )  # fmt: skip
    for shown, ends in (
        (rows.low >= seen.low[0], (left, top, right, top)),
        (rows.high <= seen.high[0], (left, bottom, right, bottom)),
        (columns.low >= seen.low[1], (left, top, left, bottom)),
        (columns.high <= seen.high[1], (right, top, right, bottom)),
    ):
        if shown:
            yield Line(*ends, color, thickness)


def _centres(one: Panel, seen: View) -> Iterator[Item]:
    """The unit's centre, and those of its neighbours where they are far enough apart."""
    jumps = _jumps(one)
    middles = [centre(edges) for edges in one.box]
    near = jumps is None or any(
        jump * scale < NEAREST for jump, scale in zip(jumps, seen.scale[-len(jumps) :], strict=True)
    )
    for offsets in product((-1, 0, 1), repeat=len(middles)):
        if any(offsets) and (near or not _exists(one, offsets)):
            continue
        steps = jumps or (0.0,) * len(middles)
        y, x = _point([c + o * j for c, o, j in zip(middles, offsets, steps, strict=True)])
        if seen.low[0] <= y <= seen.high[0] and seen.low[1] <= x <= seen.high[1]:
            yield Dot(seen.x(x), seen.y(y), 2.5, CENTRES, hollow=any(offsets))


def _point(middles: Sequence[float]) -> tuple[float, float]:
    return (middles[0], middles[1]) if len(middles) == 2 else (0.5, middles[0])


def _jumps(one: Panel) -> tuple[float, ...] | None:
    """Pixels to the next unit on each axis, where that is defined."""
    axes = one.row.field.axes if one.row.field else ()
    found = tuple(float(axis.jump) for axis in axes if axis.jump is not None)
    return found if found and len(found) == len(one.place) else None


def _exists(one: Panel, offsets: Sequence[int]) -> bool:
    """Whether the map has a unit there."""
    sizes = (one.row.out_shapes[0] or ())[1:]
    return all(0 <= i + o < n for i, o, n in zip(one.place, offsets, sizes, strict=True))


LEGEND = (
    (READ[-1], "read by the unit"),
    (PADDING, "its field in the padding"),
    (None, "its field"),
    (CENTRES, "its centre, and those of its neighbours"),
)
LEGEND_WIDTH = 730.0


def _legend(left: float, y: float) -> Iterator[Item]:
    for color, words in LEGEND:
        if color == CENTRES:
            yield Dot(left + 5, y - 3.5, 2.5, CENTRES)
            yield Dot(left + 14, y - 3.5, 2.5, CENTRES, hollow=True)
            left += 7
        else:
            yield Box(left, y - 9, 12, 11, fill=color, line=None if color else FIELD, thickness=1.5)
        yield Label(left + 18, y, words, 10, SOFT)
        left += 32 + 5.2 * len(words)
    yield Label(left, y, "axes: input pixels", 10, SOFT)
