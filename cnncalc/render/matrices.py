"""A convolution as matrices: with letters for the weights and the input, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import TYPE_CHECKING

from cnncalc import __version__
from cnncalc.render.tree import layer_label

if TYPE_CHECKING:
    from cnncalc.answers.toeplitz import Index, Matrices
    from cnncalc.layer import Layer, Shape


def text(layer: Layer, found: Matrices) -> str:
    """Both matrices; a bar stands between the rows of the map, a line between its blocks."""
    outputs, inputs = (list(_named(letter, shape)) for letter, shape in _maps(found))
    positions = list(_named("y", (1, *found.output[1:])))
    taps = [_name("", one, (found.input[0], *found.weight[2:])) for one in _taps(found)]
    matrix = [[_name("w", one, found.weight) for one in row] for row in found.matrix]
    patches = [[_name("x", one, found.input) for one in row] for row in found.patches]
    bias = " + b" if found.bias else ""
    channels, columns = found.output[0], len(positions)
    lines = [
        layer_label(layer),
        "",
        f"y = W x{bias}, W being {len(outputs)} x {len(inputs)}:",
        *_table(outputs, inputs, matrix, found.output[-1], found.input[-1]),
        "",
        f"im2col: y = w X{bias}, w being {channels} x {len(taps) // found.groups} "
        f"and X {len(taps)} x {columns}"
        + (f", each of {found.groups} groups with its rows:" if found.groups > 1 else ":"),
        *_table(taps, positions, patches, prod(found.weight[2:]), found.output[-1]),
    ]
    return "\n".join(lines) + "\n"


def as_json(layer: Layer, found: Matrices) -> str:
    """Both matrices as one JSON document, null for 0."""
    document = {"cnncalc": __version__, "layer": layer_label(layer)} | found._asdict()
    return json.dumps(document) + "\n"


def _maps(found: Matrices) -> tuple[tuple[str, Shape], ...]:
    return ("y", found.output), ("x", found.input)


def _taps(found: Matrices) -> Iterator[Index]:
    return product(*map(range, (found.input[0], *found.weight[2:])))


def _named(letter: str, shape: Shape) -> Iterator[str]:
    return (_name(letter, place, shape) for place in product(*map(range, shape)))


def _name(letter: str, index: Index | None, shape: Shape) -> str:
    """`w01`; with channels `w1,0,01`, and commas throughout where a number has two digits."""
    if index is None:
        return "0"
    spatial = max(1, len(shape) - (2 if letter == "w" else 1))
    channels, place = index[:-spatial], index[-spatial:]
    shown = [str(one) for one, n in zip(channels, shape, strict=False)]
    if prod(shape[: len(channels)]) == 1:
        shown = []
    separator = "" if max(shape[-spatial:]) <= 10 else ","
    return letter + ",".join([*shown, separator.join(map(str, place))])


def _table(
    rows: Sequence[str],
    columns: Sequence[str],
    entries: Sequence[Sequence[str]],
    high: int,
    wide: int,
) -> Iterator[str]:
    """The entries under the names of the columns, in blocks of so many rows and columns."""
    width = max(len(one) for row in (columns, *entries) for one in row)
    side = max(map(len, rows))

    def line(name: str, cells: Sequence[str]) -> str:
        blocks = (cells[first : first + wide] for first in range(0, len(cells), wide))
        shown = " | ".join(" ".join(f"{cell:<{width}}" for cell in block) for block in blocks)
        return f"  {name:<{side}}  {shown}".rstrip()

    yield line("", columns)
    for number, (name, row) in enumerate(zip(rows, entries, strict=True)):
        if number % high == 0:
            yield "  " + "-" * (len(line("", ["-" * width] * len(columns))) - 2)
        yield line(name, row)
