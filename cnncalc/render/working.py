"""The working of one layer as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from cnncalc import __version__
from cnncalc.quantity import in_bytes
from cnncalc.render.text import shapes
from cnncalc.render.tree import layer_label

if TYPE_CHECKING:
    from cnncalc.answers.dense import Dense
    from cnncalc.answers.working import Step, Working
    from cnncalc.formula import Formula

MOST_PLACES = 4
"""Digits after the point of a share, and of a number that ends there."""

OVER_PADDING = "(unshared kernels have weights over the padding, too, where no inputs are)"


class Line(NamedTuple):
    """Sides that are equal, what is said before and behind them, and how far it is indented."""

    sides: tuple[str, ...]
    behind: str = ""
    before: str = ""
    depth: int = 0

    def __str__(self) -> str:
        return "  " * self.depth + self.before + " = ".join(self.sides) + self.behind


Entry = tuple[str, list[Line]]
"""A name with its lines."""


def text(found: Working) -> str:
    """Every number with its formula, the numbers put in, and the result."""
    lines = [
        ("", [layer_label(found.layer)]),
        ("input", [shapes(found.inputs)]),
        ("output", [shapes(found.outputs)]),
        ("", [""]),
    ]
    return laid_out([*lines, *((name, list(map(str, one))) for name, one in numbers(found))])


def numbers(found: Working) -> Iterator[Entry]:
    """The numbers of a layer by name, each with its formula; what each axis reads."""
    yield from _merged((step.name, _step(step)) for step in found.sizes)
    yield from ((step.name, _step(step)) for step in found.counts)
    yield from _grouped("memory", (line for step in found.memory for line in _memory(step)))
    merged = _merged((axis, [Line((), behind=reads)]) for axis, (reads,) in found.window)
    yield from _grouped(
        "window", (line._replace(before=f"{axis}: " if axis else "") for axis, (line,) in merged)
    )


def dense_text(found: Dense) -> str:
    """What the layer saves by local connections and by sharing."""
    local, shared = found.local, found.shared
    more = [("", [OVER_PADDING])] if local > found.connected else []
    lines = [
        ("", [""]),
        ("fully connected", [equation(found.connected_formula, found.connected) + " params"]),
        ("unshared", [equation(found.local_formula, local) + " params"]),
        ("this layer", [f"{shared:,} params"]),
        ("saved", [f"{saving(found.connected, local)} by local connections"]),
        *more,
        ("", [f"{saving(local, shared)} by sharing"]),
        ("", [f"{saving(found.connected, shared)} by both"]),
    ]
    return laid_out(lines)


def as_json(found: Working, dense: Dense | None = None) -> str:
    """The same as one JSON document, with what the layer saves if that is given."""
    document = {"cnncalc": __version__, **document_of(found)}
    if dense:
        counts = {"connected": dense.connected, "local": dense.local, "shared": dense.shared}
        document["dense"] = counts
    return json.dumps(document, indent=1) + "\n"


def document_of(found: Working) -> dict[str, Any]:
    """The working of a layer for a JSON document."""
    return {
        "layer": layer_label(found.layer),
        "inputs": found.inputs,
        "outputs": found.outputs,
        "dtype": found.dtype,
        "sizes": [_json(step) for step in found.sizes],
        "counts": [_json(step) for step in found.counts],
        "memory": [_json(step) for step in found.memory],
        "window": [{"axis": axis, "reads": reads} for axis, (reads,) in found.window],
    }


def equation(formula: Formula, value: int | str) -> str:
    """`(N - F)/S + 1 = (7 - 3)/3 + 1 = 2.33, rounded down to 2`."""
    return str(equal(formula, value))


def equal(formula: Formula, value: int | str) -> Line:
    """The formula, the numbers put in, and what they give."""
    sides = [formula.text]
    if formula.numbers != formula.text:
        sides.append(formula.numbers)
    if isinstance(value, str):
        return Line((*sides, value))
    if formula.value == value:
        return Line((*sides, f"{value:,}") if sides[-1] != str(value) else tuple(sides))
    way = "down" if value < formula.value else "up"
    return Line((*sides, decimal(formula.value)), f", rounded {way} to {value:,}")


def decimal(value: Fraction) -> str:
    """A number in decimals: all of up to four, else two, or as many as tell it from a whole."""
    if value.denominator == 1:
        return f"{value.numerator:,}"
    if 10**MOST_PLACES % value.denominator == 0:
        return f"{float(value):,.{MOST_PLACES}f}".rstrip("0")
    places = 2
    while round(value, places).denominator == 1:
        places += 1
    return f"{float(value):,.{places}f}".rstrip("0")


def saving(before: int, after: int) -> str:
    """The share that is saved, and how many times fewer that is; or how much more it takes."""
    if after > before:
        more = float(100 * Fraction(after - before, before))
        return f"none: {more:,.1f} % more ({_times(Fraction(after, before))} times as many)"
    fewer = _times(Fraction(before, after))
    share, places = 100 * Fraction(before - after, before), 1
    while share < 100 == round(share, places) and places < MOST_PLACES:
        places += 1
    shown = f"{float(share):.{places}f}"
    over = "over 99.9999" if share < 100 == round(share, places) else shown
    return f"{over} % ({fewer} times fewer)"


def _times(ratio: Fraction) -> str:
    return decimal(ratio) if ratio < 1000 else f"{round(ratio):,}"


def _step(step: Step) -> list[Line]:
    line = equal(step.formula, step.value) if step.formula else Line((f"{step.value:,}",))
    unit = f" {step.unit.removesuffix('s') if step.value == 1 else step.unit}".rstrip()
    notes = (Line((), behind=note) for note in step.notes)
    return [line._replace(behind=line.behind + unit), *notes]


def _memory(step: Step) -> Iterator[Line]:
    if step.value:
        first, *notes = _step(step)
        size = f" ({in_bytes(step.value)})" if step.value > 1023 else ""
        yield first._replace(before=f"{step.name}: ", behind=first.behind + size)
        yield from notes


def _merged(lines: Iterable[Entry]) -> Iterator[Entry]:
    """Names with their lines; neighbours that are alike stand together."""
    for shown, alike in groupby(lines, key=itemgetter(1)):
        yield ", ".join(name for name, _ in alike), shown


def _grouped(name: str, lines: Iterable[Line]) -> Iterator[Entry]:
    found = list(lines)
    if found:
        yield name, found


def laid_out(lines: Sequence[tuple[str, list[str]]]) -> str:
    """Names in a column, with one or more lines each."""
    width = max(len(name) for name, _ in lines) + 2
    shown = []
    for name, (first, *others) in lines:
        title = not name and lines[0] == (name, [first]) and bool(first)
        shown.append(first if title else f"{name:<{width}}{first}".rstrip())
        shown += [f"{'':<{width}}{other}" for other in others]
    return "\n".join(shown) + "\n"


def _json(step: Step) -> dict[str, Any]:
    formula = step.formula
    return {
        "name": step.name,
        "value": step.value,
        "formula": formula and formula.text,
        "numbers": formula and formula.numbers,
        "exact": formula and str(formula.value),
        "notes": step.notes,
    }
