"""An input of one or two axes on paper: its pixels, a grid where it can be seen, and numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cnncalc.analysis.unit_box import Edges
from cnncalc.layer import Shape
from cnncalc.render.drawing import SOFT, Box, Cells, Item, Label, Line

SIDE = 300.0
"""Points of the longer axis of a map; a sequence gets twice as much."""
STRIP = 26.0
"""Points of the height of a sequence."""
MARGIN = 34.0
"""Points to the left of a map, for numbers."""
CLOSEST = 7.0
"""Points between lines of a grid, at least."""
APART = 34.0
"""Points between numbers."""
BEYOND = 0.6
"""How much around an input is shown, in parts of it."""
FINEST = 256
"""Cells on an axis: of a larger input, some pixels share one."""
GRID = "#d3dae0"
EDGE = "#8b97a2"


class View(NamedTuple):
    """What is seen: from pixel `low` to `high` on each axis (rows first), and where it is put."""

    size: Shape
    low: tuple[float, float]
    high: tuple[float, float]
    scale: tuple[float, float]
    left: float = 0.0
    top: float = 0.0

    @property
    def width(self) -> float:
        """In points."""
        return (self.high[1] - self.low[1]) * self.scale[1]

    @property
    def height(self) -> float:
        """In points."""
        return (self.high[0] - self.low[0]) * self.scale[0]

    def x(self, pixel: float) -> float:
        """Where a place on the last axis is, which is kept within what is seen."""
        seen = min(max(pixel, self.low[1]), self.high[1])
        return self.left + (seen - self.low[1]) * self.scale[1]

    def y(self, pixel: float) -> float:
        """Where a place on the first axis of a map is, which is kept within what is seen."""
        seen = min(max(pixel, self.low[0]), self.high[0])
        return self.top + (seen - self.low[0]) * self.scale[0]

    def box(
        self,
        rows: Edges,
        columns: Edges,
        *,
        fill: str | None = None,
        line: str | None = None,
        thickness: float = 1.0,
        dashed: bool = False,
    ) -> Box:
        """A rectangle of these pixels, as far as it is seen."""
        x, y = self.x(columns.low), self.y(rows.low)
        width, height = self.x(columns.high) - x, self.y(rows.high) - y
        return Box(x, y, width, height, fill, line, thickness, dashed)


def flat(edges: Sequence[Edges]) -> tuple[Edges, Edges]:
    """Rows and columns; a sequence is one row."""
    return (edges[0], edges[1]) if len(edges) == 2 else (Edges(0, 1), edges[0])


def view(size: Shape, around: Sequence[Edges], side: float = SIDE) -> View:
    """The whole input, and of this box around it as much as is sensible."""
    rows, columns = flat([_seen(n, edges) for n, edges in zip(size, around, strict=True)])
    if len(size) == 1:
        scale = (STRIP, 2 * side / (columns.high - columns.low))
    else:
        one = side / max(rows.high - rows.low, columns.high - columns.low)
        scale = (one, one)
    return View(size, (rows.low, columns.low), (rows.high, columns.high), scale)


def _seen(n: int, edges: Edges) -> Edges:
    return Edges(max(min(0, edges.low), -BEYOND * n), min(max(n, edges.high), (1 + BEYOND) * n))


def input_edges(seen: View) -> tuple[Edges, Edges]:
    """The box of the whole input."""
    return flat([Edges(0, n) for n in seen.size])


def grid(seen: View) -> Iterator[Item]:
    """A line between pixels, or every 2, 5, 10... of them where they are small; and the border."""
    rows, columns = input_edges(seen)
    step = nice(CLOSEST / seen.scale[1])
    for place in range(step, int(columns.high), step):
        x = seen.x(place)
        yield Line(x, seen.y(rows.low), x, seen.y(rows.high), GRID, 0.5)
    if len(seen.size) == 2:
        for place in range(step, int(rows.high), step):
            y = seen.y(place)
            yield Line(seen.x(0), y, seen.x(columns.high), y, GRID, 0.5)
    yield seen.box(rows, columns, line=EDGE)


def numbers(seen: View) -> Iterator[Item]:
    """Pixels along the axes."""
    step = nice(APART / seen.scale[1])
    for place in _multiples(step, seen.low[1], seen.high[1]):
        x, y = seen.x(place), seen.top + seen.height
        yield Line(x, y, x, y + 3, EDGE, 0.75)
        yield Label(x, y + 13, str(place), 9, SOFT, "middle")
    if len(seen.size) == 1:
        return
    for place in _multiples(step, seen.low[0], seen.high[0]):
        y = seen.y(place)
        yield Line(seen.left - 3, y, seen.left, y, EDGE, 0.75)
        yield Label(seen.left - 5, y + 3, str(place), 9, SOFT, "end")


def nice(least: float) -> int:
    """The smallest of 1, 2, 5, 10, 20, 50... that is not less."""
    power = 1
    while True:
        for digit in (1, 2, 5):
            if digit * power >= least:
                return digit * power
        power *= 10


def _multiples(step: int, low: float, high: float) -> range:
    first = -(-low // step)
    return range(int(first) * step, int(high // step) * step + 1, step)


def steps(size: Shape) -> tuple[int, ...]:
    """Pixels that share a cell on each axis."""
    return tuple(-(-n // FINEST) for n in size)


def cells(seen: View, levels: Sequence[Sequence[int]], colors: Sequence[str]) -> Iterator[Cells]:
    """Cells in the colour of their level, counted from 1; those of 0 are left out."""
    found: dict[int, list[tuple[float, float, float, float]]] = {}
    each = steps(seen.size)
    rows, columns = input_edges(seen)
    high, wide = (1 if len(seen.size) == 1 else each[0]), each[-1]
    for level, (top, left, bottom, right) in joined(levels):
        y, x = seen.y(top * high), seen.x(left * wide)
        end, side = seen.y(min(bottom * high, rows.high)), seen.x(min(right * wide, columns.high))
        found.setdefault(level, []).append((x, y, side - x, end - y))
    for level in sorted(found):
        yield Cells(tuple(found[level]), colors[level - 1])


def joined(levels: Sequence[Sequence[int]]) -> Iterator[tuple[int, tuple[int, int, int, int]]]:
    """Rectangles of one level, (top, left, bottom, right): runs of a row, and equal runs below."""
    growing: dict[tuple[int, int, int], int] = {}
    for number, row in enumerate([*levels, ()]):
        runs = set(_runs(row))
        for run in [run for run in growing if run not in runs]:
            level, left, right = run
            yield level, (growing.pop(run), left, number, right)
        for run in runs:
            growing.setdefault(run, number)


def _runs(row: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Level, first and end of each run of a row."""
    start = 0
    for place in range(1, len(row) + 1):
        if place == len(row) or row[place] != row[start]:
            if row[start]:
                yield row[start], start, place
            start = place
