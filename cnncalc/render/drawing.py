"""A drawing as plain data, which `svg` and `png` put on paper: boxes, lines, dots and words.

Lengths are points, x to the right and y down. Colours are those of HTML: `#1f5f99`.
"""

from __future__ import annotations

from typing import NamedTuple

INK = "#22303c"
SOFT = "#66737f"


class Box(NamedTuple):
    """A rectangle, filled, outlined or both."""

    x: float
    y: float
    width: float
    height: float
    fill: str | None = None
    line: str | None = None
    thickness: float = 1
    dashed: bool = False


class Line(NamedTuple):
    """A straight line."""

    x1: float
    y1: float
    x2: float
    y2: float
    color: str
    thickness: float = 1


class Dot(NamedTuple):
    """A small disc, or a circle that is `hollow`."""

    x: float
    y: float
    radius: float
    color: str
    hollow: bool = False


class Cells(NamedTuple):
    """Rectangles (x, y, width, height) of one colour."""

    boxes: tuple[tuple[float, float, float, float], ...]
    fill: str


class Label(NamedTuple):
    """Words whose base line starts, ends or has its middle at a point: `anchor` start, middle, end.

    Characters are about half as wide as their `size`.
    """

    x: float
    y: float
    text: str
    size: float = 11
    color: str = INK
    anchor: str = "start"
    bold: bool = False


Item = Box | Line | Dot | Cells | Label


class Drawing(NamedTuple):
    """All items, later ones over earlier ones, on a white page."""

    title: str
    width: float
    height: float
    items: tuple[Item, ...]
