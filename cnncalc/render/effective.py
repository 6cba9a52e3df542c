"""The effective receptive field of a unit as text: boxes that hold most of it, and a heat map."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from cnncalc.analysis.report import Row
from cnncalc.analysis.unit_box import Edges
from cnncalc.layer import Shape
from cnncalc.render import text

if TYPE_CHECKING:
    from cnncalc.engine.effective import Effective

WIDEST = 64
"""Characters of the map."""
SHADES = "·░▒▓█"
"""Fifths of the largest gradient."""


class Shown(NamedTuple):
    """The unit of a layer, the input of that name and size, and the two fields on it."""

    row: Row
    place: Shape
    input: str
    size: Shape
    field: tuple[Edges, ...]
    effective: Effective


def report(shown: Shown) -> str:
    """All of one unit; the map of an input with one or two axes."""
    found = shown.effective
    unit = ", ".join(map(str, shown.place))
    node = shown.row.node
    lines = [
        f"unit ({unit}) of {node.path}, {node.type}, {text.shape(shown.row.out_shapes[0])}",
        f"its field is {_size(shown.field)}: {edges(shown.field)} of {shown.input} "
        f"({' x '.join(map(str, shown.size))})",
        f"mean absolute gradient over {samples(found)} of random weights and inputs, "
        f"seed {found.seed}",
        "",
        *text.aligned(("holds", "box", "size", "of the field"), list(_held(shown)), RIGHT),
    ]
    if len(shown.size) <= 2:
        lines += ["", *heat_map(shown), "", LEGEND]
    return "\n".join(lines) + "\n"


RIGHT = frozenset({"holds", "of the field"})
LEGEND = "darker: a larger gradient, in fifths of the largest; lines: around the field"


def samples(found: Effective) -> str:
    """How many."""
    return "1 sample" if found.samples == 1 else f"{found.samples:,} samples"


def edges(box: Sequence[Edges]) -> str:
    """First and last pixel on each axis."""
    return " x ".join(f"{one.low:g}..{one.high - 1:g}" for one in box)


def _size(box: Sequence[Edges]) -> str:
    return " x ".join(f"{one.high - one.low:g}" for one in box)


def _held(shown: Shown) -> Iterator[tuple[str, str, str, str]]:
    whole = prod(one.high - one.low for one in shown.field)
    for held in shown.effective.held:
        box = " x ".join(f"{axis.start}..{axis.stop - 1}" for axis in held.box)
        size = " x ".join(str(len(axis)) for axis in held.box)
        share = prod(map(len, held.box)) / whole
        yield f"{100 * held.share:g} %", box, size, f"{100 * share:.1f} %"


def heat_map(shown: Shown) -> list[str]:
    """The map as characters, with lines around the field."""
    step = max(1, -(-shown.size[-1] // WIDEST))
    high = step if step == 1 else 2 * step  # a character is twice as high as wide
    steps = (high, step) if len(shown.size) == 2 else (1, step)
    cells = shown.effective.cells(steps)
    most = max(map(max, cells))
    rows = [[_shade(cell / most) for cell in row] for row in cells]
    if len(shown.size) == 2:
        _draw_around(rows, shown, steps)
    return ["".join(row).rstrip() for row in rows]


def _shade(part: float) -> str:
    return SHADES[min(int(part * len(SHADES)), len(SHADES) - 1)]


def _draw_around(rows: list[list[str]], shown: Shown, steps: Sequence[int]) -> None:
    """Lines in the cells around the field, as far as they are on the input."""
    top, bottom = _ends(shown.field[0], steps[0])
    left, right = _ends(shown.field[1], steps[1])
    height, width = len(rows), len(rows[0])
    for y in (top, bottom):
        for x in range(max(left, 0), min(right, width - 1) + 1):
            if 0 <= y < height:
                rows[y][x] = "─"
    for x in (left, right):
        for y in range(max(top, 0), min(bottom, height - 1) + 1):
            if 0 <= x < width:
                rows[y][x] = "│"
    for y, x, corner in (
        (top, left, "┌"),
        (top, right, "┐"),
        (bottom, left, "└"),
        (bottom, right, "┘"),
    ):
        if 0 <= y < height and 0 <= x < width:
            rows[y][x] = corner


def _ends(box: Edges, step: int) -> tuple[int, int]:
    """The cells before the first and behind the last that hold a part of the field."""
    return int(box.low // step) - 1, int((box.high - 1) // step) + 1
