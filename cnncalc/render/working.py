"""The working of one layer as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from cnncalc import __version__
from cnncalc.quantity import in_bytes
from cnncalc.render.text import shapes
from cnncalc.render.tree import layer_label

if TYPE_CHECKING:
    from cnncalc.answers.dense import Dense
    from cnncalc.answers.working import Step, Working
    from cnncalc.formula import Formula

MOST_PLACES = 4
"""Digits after the point of a share."""


def text(found: Working) -> str:
    """Every number with its formula, the numbers put in, and the result."""
    lines = [
        ("", [layer_label(found.layer)]),
        ("input", [shapes(found.inputs)]),
        ("output", [shapes(found.outputs)]),
        ("", [""]),
        *_merged((step.name, _step(step)) for step in found.sizes),
        *((step.name, _step(step)) for step in found.counts),
        *_grouped("memory", [line for step in found.memory for line in _memory(step)]),
        *_grouped("window", [": ".join(filter(None, (n, *w))) for n, w in _merged(found.window)]),
    ]
    return _laid_out(lines)


def dense_text(found: Dense) -> str:
    """What the layer saves by local connections and by sharing."""
    local, shared = found.local, found.shared
    lines = [
        ("", [""]),
        ("fully connected", [equation(found.connected_formula, found.connected) + " params"]),
        ("unshared", [equation(found.local_formula, local) + " params"]),
        ("this layer", [f"{shared:,} params"]),
        ("saved", [f"{saving(found.connected, local)} by local connections"]),
        ("", [f"{saving(local, shared)} by sharing"]),
        ("", [f"{saving(found.connected, shared)} by both"]),
    ]
    return _laid_out(lines)


def as_json(found: Working, dense: Dense | None = None) -> str:
    """The same as one JSON document, with what the layer saves if that is given."""
    document: dict[str, Any] = {
        "cnncalc": __version__,
        "layer": layer_label(found.layer),
        "inputs": found.inputs,
        "outputs": found.outputs,
        "dtype": found.dtype,
        "sizes": [_json(step) for step in found.sizes],
        "counts": [_json(step) for step in found.counts],
        "memory": [_json(step) for step in found.memory],
        "window": [{"axis": axis, "reads": reads} for axis, (reads,) in found.window],
    }
    if dense:
        counts = {"connected": dense.connected, "local": dense.local, "shared": dense.shared}
        document["dense"] = counts
    return json.dumps(document, indent=1) + "\n"


def equation(formula: Formula, value: int | str) -> str:
    """`(N - F)/S + 1 = (7 - 3)/3 + 1 = 2.33, rounded down to 2`."""
    parts = [formula.text]
    if formula.numbers != formula.text:
        parts.append(formula.numbers)
    if isinstance(value, str):
        return " = ".join([*parts, value])
    if formula.value == value:
        shown = f"{value:,}"
        return " = ".join([*parts, shown] if parts[-1] != str(value) else parts)
    way = "down" if value < formula.value else "up"
    return " = ".join([*parts, decimal(formula.value)]) + f", rounded {way} to {value:,}"


def decimal(value: Fraction) -> str:
    """A number in decimals, with two where they do not end, or as many as tell it from a whole."""
    if value.denominator == 1:
        return f"{value.numerator:,}"
    places = 2
    while round(value, places).denominator == 1:
        places += 1
    return f"{float(value):,.{places}f}".rstrip("0")


def saving(before: int, after: int) -> str:
    """The share that is saved, and how many times fewer that is."""
    times = Fraction(before, after)
    fewer = decimal(times) if times < 1000 else f"{round(times):,}"
    share, places = 100 * Fraction(before - after, before), 1
    while share < 100 == round(share, places) and places < MOST_PLACES:
        places += 1
    shown = f"{float(share):.{places}f}"
    over = "over 99.9999" if share < 100 == round(share, places) else shown
    return f"{over} % ({fewer} times fewer)"


def _step(step: Step) -> list[str]:
    unit = f" {step.unit}" if step.unit else ""
    if step.formula is None:
        return [f"{step.value:,}{unit}", *step.notes]
    return [equation(step.formula, step.value) + unit, *step.notes]


def _memory(step: Step) -> Iterator[str]:
    if step.value:
        first, *notes = _step(step)
        yield f"{step.name}: {first}" + (f" ({in_bytes(step.value)})" if step.value > 1023 else "")
        yield from notes


def _merged(lines: Iterable[tuple[str, list[str]]]) -> Iterator[tuple[str, list[str]]]:
    """Names with their lines; neighbours that are alike stand together."""
    for shown, alike in groupby(lines, key=itemgetter(1)):
        yield ", ".join(name for name, _ in alike), shown


def _grouped(name: str, lines: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    found = list(lines)
    if found:
        yield name, found


def _laid_out(lines: Sequence[tuple[str, list[str]]]) -> str:
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
