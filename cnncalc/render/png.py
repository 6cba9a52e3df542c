"""A drawing as PNG, by Pillow.

A drawing says where everything is, so that there are no axes to lay out: Pillow draws boxes and
words, brings its own font, needs no other package and starts in 50 ms. A plotting library would
add nothing here but its size.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatchmethod
from io import BytesIO
from math import ceil

from PIL import Image, ImageDraw, ImageFont

from cnncalc.render.drawing import Box, Cells, Dot, Drawing, Item, Label, Line

PIXELS = 2
"""Pixels of a point."""
FINE = 2
"""Drawn so many times as large, and made smaller at the end: edges are smooth."""
DASH, GAP = 4, 3
ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}


def png(drawing: Drawing) -> bytes:
    """The drawing as the bytes of a file."""
    paper = _Paper(drawing)
    for item in drawing.items:
        paper.put(item)
    file = BytesIO()
    paper.image.reduce(FINE).save(file, "PNG", optimize=True)
    return file.getvalue()


class _Paper:
    """The image that is drawn on."""

    def __init__(self, drawing: Drawing) -> None:
        self.scale = PIXELS * FINE
        size = round(drawing.width * self.scale), round(drawing.height * self.scale)
        self.image = Image.new("RGB", size, "#ffffff")
        self.draw = ImageDraw.Draw(self.image)

    @singledispatchmethod
    def put(self, item: Item) -> None:
        """Draw an item."""
        raise TypeError(item)

    @put.register
    def _box(self, box: Box) -> None:
        if box.fill:
            self._fill(box.x, box.y, box.width, box.height, box.fill)
        if box.line:
            right, bottom = box.x + box.width, box.y + box.height
            for ends in (
                (box.x, box.y, right, box.y),
                (right, box.y, right, bottom),
                (box.x, bottom, right, bottom),
                (box.x, box.y, box.x, bottom),
            ):
                self._stroke(ends, box.line, box.thickness, dashed=box.dashed)

    @put.register
    def _line(self, line: Line) -> None:
        self._stroke(line[:4], line.color, line.thickness, dashed=False)

    @put.register
    def _dot(self, dot: Dot) -> None:
        ends = (dot.x - dot.radius, dot.y - dot.radius, dot.x + dot.radius, dot.y + dot.radius)
        fill = "#ffffff" if dot.hollow else dot.color
        self.draw.ellipse([one * self.scale for one in ends], fill, dot.color, self.scale)

    @put.register
    def _cells(self, cells: Cells) -> None:
        for x, y, width, height in cells.boxes:
            self._fill(x, y, width, height, cells.fill)

    @put.register
    def _label(self, label: Label) -> None:
        self.draw.text(
            (label.x * self.scale, label.y * self.scale),
            label.text,
            label.color,
            ImageFont.load_default(label.size * self.scale),
            ANCHORS[label.anchor],
            stroke_width=self.scale // 4 if label.bold else 0,
        )

    def _fill(self, x: float, y: float, width: float, height: float, color: str) -> None:
        """A rectangle up to where the next one begins."""
        right, bottom = round((x + width) * self.scale), round((y + height) * self.scale)
        left, top = round(x * self.scale), round(y * self.scale)
        self.draw.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), color)

    def _stroke(
        self, ends: tuple[float, float, float, float], color: str, thickness: float, *, dashed: bool
    ) -> None:
        x1, y1, x2, y2 = (one * self.scale for one in ends)
        width = max(1, round(thickness * self.scale))
        for first, last in _parts(max(abs(x2 - x1), abs(y2 - y1)) / self.scale, dashed=dashed):
            start = (x1 + (x2 - x1) * first, y1 + (y2 - y1) * first)
            end = (x1 + (x2 - x1) * last, y1 + (y2 - y1) * last)
            self.draw.line((start, end), color, width)


def _parts(length: float, *, dashed: bool) -> Iterator[tuple[float, float]]:
    """Where the strokes of a line of that length start and end, in parts of it."""
    if not dashed or length <= DASH:
        yield 0.0, 1.0
        return
    for number in range(ceil(length / (DASH + GAP))):
        start = number * (DASH + GAP)
        yield start / length, min(start + DASH, length) / length
