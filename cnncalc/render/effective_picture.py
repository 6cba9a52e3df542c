"""A picture of an effective receptive field: a heat map, with the boxes that hold most of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cnncalc.analysis.unit_box import Edges
from cnncalc.render import frame
from cnncalc.render.drawing import INK, SOFT, Box, Drawing, Item, Label, Line
from cnncalc.render.effective import Shown, edges, samples
from cnncalc.render.field_picture import FIELD, outline, shortened
from cnncalc.render.frame import MARGIN, View

SIDE = 440.0
LEFT, TOP = 30.0 + MARGIN, 116.0
LEVELS = 24
RAMP = ("#ffffff", "#fef0d9", "#fdcc8a", "#fc8d59", "#d7301f", "#7f0000")
"""Equal steps from nothing to the most. Source: ColorBrewer's OrRd, Brewer and Harrower."""
HELD = "#27474e"
CORNERS = ((False, False), (False, True), (True, True))
"""Where the share of each box stands, below or above, right or left: apart from each other."""
AROUND = "#f2f4f6"
BAR = 160.0


def picture(title: str, shown: Shown) -> Drawing:
    """The map of an input with one or two axes."""
    seen = frame.view(shown.size, shown.field, SIDE)._replace(left=LEFT, top=TOP)
    bottom = seen.top + seen.height
    items = [*_words(title, shown), *_map(shown, seen), *_legend(LEFT - MARGIN, bottom + 44)]
    width = max(LEFT + seen.width + 30, 520)
    return Drawing(title, width, bottom + 96, tuple(items))


def _words(title: str, shown: Shown) -> Iterator[Item]:
    left, node, found = LEFT - MARGIN, shown.row.node, shown.effective
    unit = ", ".join(map(str, shown.place))
    size = " x ".join(f"{one.high - one.low:g}" for one in shown.field)
    yield Label(left, 28, title, 15, INK, bold=True)
    yield Label(left, 48, f"{shortened(node.path)} ({node.type}), unit ({unit})", 11, INK)
    yield Label(left, 64, f"field {size}: {edges(shown.field)}", 10, SOFT)
    how = f"mean absolute gradient over {samples(found)} of random weights and inputs"
    yield Label(left, 80, f"{how}, seed {found.seed}", 10, SOFT)
    boxes = (f"{100 * held.share:g} % in {_size(held.box)}" for held in found.held)
    yield Label(left, 96, f"{', '.join(boxes)} pixels", 10, SOFT)


def _size(box: Sequence[range]) -> str:
    return " x ".join(str(len(axis)) for axis in box)


def _map(shown: Shown, seen: View) -> Iterator[Item]:
    cells = shown.effective.cells(frame.steps(shown.size))
    most = max(map(max, cells))
    levels = [[round(LEVELS * cell / most) for cell in row] for row in cells]
    colors = [color(level / LEVELS) for level in range(1, LEVELS + 1)]
    yield seen.box(*frame.flat(shown.field), fill=AROUND)
    yield seen.box(*frame.input_edges(seen), fill="#ffffff")
    yield from frame.cells(seen, levels, colors)
    yield seen.box(*frame.input_edges(seen), line=frame.EDGE)
    yield from outline(seen, shown.field, FIELD, 1.75)
    for held, corner in zip(shown.effective.held, CORNERS, strict=True):
        box = [Edges(axis.start, axis.stop) for axis in held.box]
        yield from outline(seen, box, HELD, dashed=True)
        if len(box) == 2:  # there is no place for words in a strip
            yield _share(seen, box, f"{100 * held.share:g} %", *corner)
    yield from frame.numbers(seen)


def _share(seen: View, box: Sequence[Edges], words: str, below: bool, right: bool) -> Label:
    """The share that a box holds, inside one of its corners."""
    rows, columns = frame.flat(box)
    x = seen.x(columns.high) - 3 if right else seen.x(columns.low) + 3
    y = seen.y(rows.high) - 3 if below else seen.y(rows.low) + 10
    return Label(x, y, words, 9, HELD, "end" if right else "start")


def color(part: float) -> str:
    """The colour of a part of the most, between those of the ramp."""
    place = min(part, 1) * (len(RAMP) - 1)
    first = min(int(place), len(RAMP) - 2)
    pairs = zip(_parts(RAMP[first]), _parts(RAMP[first + 1]), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * (place - first)):02x}" for a, b in pairs)


def _parts(color: str) -> Sequence[int]:
    return bytes.fromhex(color[1:])


def _legend(left: float, y: float) -> Iterator[Item]:
    for number in range(LEVELS):
        width = BAR / LEVELS
        yield Box(left + number * width, y - 9, width, 10, fill=color((number + 1) / LEVELS))
    yield Box(left, y - 9, BAR, 10, line=frame.EDGE, thickness=0.5)
    yield Label(left, y + 14, "0", 9, SOFT)
    yield Label(left + BAR, y + 14, "the largest gradient", 9, SOFT, "end")
    left += BAR + 24
    yield Line(left, y - 4, left + 18, y - 4, FIELD, 1.75)
    yield Label(left + 24, y, "the field", 10, SOFT)
    yield Box(left + 84, y - 9, 14, 10, line=HELD, dashed=True)
    yield Label(left + 104, y, "smallest boxes around its centre", 10, SOFT)
    yield Label(left + 104, y + 13, "that hold so much; axes: input pixels", 10, SOFT)
