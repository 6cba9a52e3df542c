"""A drawing as SVG, which needs nothing but text."""

from __future__ import annotations

from functools import singledispatch
from xml.sax.saxutils import escape

from cnncalc.render.drawing import Box, Cells, Dot, Drawing, Item, Label, Line

FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, 'DejaVu Sans', sans-serif"


def svg(drawing: Drawing) -> str:
    """The drawing as the text of a file."""
    width, height = _number(drawing.width), _number(drawing.height)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" font-family="{FONT}">',
            f"<title>{escape(drawing.title)}</title>",
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            *map(_element, drawing.items),
            "</svg>\n",
        ]
    )


def _number(value: float) -> str:
    """At most two digits after the point, which is a hundredth of a pixel on a screen."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


@singledispatch
def _element(item: Item) -> str:
    raise TypeError(item)


@_element.register
def _box(box: Box) -> str:
    size = f'width="{_number(box.width)}" height="{_number(box.height)}"'
    look = f'fill="{box.fill or "none"}"'
    if box.line:
        look += f' stroke="{box.line}" stroke-width="{_number(box.thickness)}"'
    if box.dashed:
        look += ' stroke-dasharray="4 3"'
    return f'<rect x="{_number(box.x)}" y="{_number(box.y)}" {size} {look}/>'


@_element.register
def _line(line: Line) -> str:
    ends = (("x1", line.x1), ("y1", line.y1), ("x2", line.x2), ("y2", line.y2))
    places = " ".join(f'{name}="{_number(value)}"' for name, value in ends)
    return f'<line {places} stroke="{line.color}" stroke-width="{_number(line.thickness)}"/>'


@_element.register
def _dot(dot: Dot) -> str:
    look = f'fill="#ffffff" stroke="{dot.color}"' if dot.hollow else f'fill="{dot.color}"'
    return f'<circle cx="{_number(dot.x)}" cy="{_number(dot.y)}" r="{_number(dot.radius)}" {look}/>'


@_element.register
def _cells(cells: Cells) -> str:
    path = "".join(
        f"M{_number(x)} {_number(y)}h{_number(width)}v{_number(height)}h-{_number(width)}z"
        for x, y, width, height in cells.boxes
    )
    return f'<path d="{path}" fill="{cells.fill}" shape-rendering="crispEdges"/>'


@_element.register
def _label(label: Label) -> str:
    weight = ' font-weight="600"' if label.bold else ""
    return (
        f'<text x="{_number(label.x)}" y="{_number(label.y)}" font-size="{_number(label.size)}" '
        f'fill="{label.color}" text-anchor="{label.anchor}"{weight}>{escape(label.text)}</text>'
    )
