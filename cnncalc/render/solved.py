"""What fits, and how many layers it takes, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cnncalc import __version__
from cnncalc.answers.working import axis_names
from cnncalc.render.text import aligned, shape
from cnncalc.render.tree import layer_label
from cnncalc.render.working import equation

if TYPE_CHECKING:
    from cnncalc.answers.solve import Depth, Solution, Solved
    from cnncalc.argument import Pair
    from cnncalc.formula import Formula
    from cnncalc.layer import Layer, Shape

SHOWN = 12
"""Solutions that are listed."""


def text(found: Sequence[Solved], x: Shape, every_size: bool) -> str:
    """The solutions of each axis; axes with the same solutions stand together.

    `every_size` says that they hold for every input size, so that it is shown as N.
    """
    names = axis_names(x)[1:]
    alike: dict[str, list[str]] = {}
    for one in found:
        lines = "".join(f"  {line}\n" for line in _lines(one, every_size))
        goal = "N, as the input" if every_size else f"{one.wanted:,}"
        alike.setdefault(f"of {goal}:\n{lines}", []).append(names[one.axis])
    asked = found[0].asked
    return "".join(f"{asked} for a {' and '.join(axes)} {rest}" for rest, axes in alike.items())


def depth_text(found: Depth) -> str:
    """How many layers, and the maps on the way."""
    maps = [shape(one[1:]) for one in found.maps]
    way = maps if len(maps) <= SHOWN else [*maps[:4], "...", *maps[-2:]]
    lines = []
    if found.why:
        lines.append(f"no number of such layers gives at most {found.until:,}")
        lines.append(f"  after {found.layers:,}: {found.why}")
    else:
        lines.append(f"{found.layers:,} such layers give at most {found.until:,}")
    if found.formula:
        lines.append(f"  {equation(found.formula, found.layers)}")
    return "\n".join([*lines, f"  {' -> '.join(way)}"]) + "\n"


def as_json(layer: Layer, x: Shape, found: Sequence[Solved], every_size: bool) -> str:
    """The same as one JSON document, `wanted` being null for every size."""
    names = axis_names(x)[1:]
    axes = [
        {
            "axis": names[one.axis],
            "wanted": None if every_size else one.wanted,
            "solutions": [_json(solution, every_size) for solution in one.found],
            "more": one.more,
            "why": one.why,
        }
        for one in found
    ]
    asked = found[0].asked
    return _document(layer_label(layer, without=asked), {"solve": asked, "axes": axes})


def depth_json(layer: Layer, found: Depth) -> str:
    """The same as one JSON document."""
    known = None if found.why else found.layers
    members = {"until": found.until, "layers": known, "maps": found.maps, "why": found.why}
    return _document(layer_label(layer), members)


def _document(layer: str, members: dict[str, Any]) -> str:
    head = {"cnncalc": __version__, "layer": layer}
    return json.dumps(head | members, indent=1) + "\n"


def _json(one: Solution, every_size: bool) -> dict[str, Any]:
    formula = _open(one.formula) if every_size else one.formula
    numbers = {"formula": formula.text, "numbers": formula.numbers}
    return {"value": one.value, "exact": one.exact, **numbers}


def _lines(one: Solved, every_size: bool) -> Iterator[str]:
    if not one.found:
        yield f"none: {one.why}"
        return
    rows = [(_value(each.value), _result(each, every_size)) for each in one.found[:SHOWN]]
    _, *lines = aligned(("", ""), rows, frozenset())
    yield from lines
    left = len(one.found) - len(rows) + one.more
    if left:
        yield f"and {left:,} more"
    if any(isinstance(each.value, tuple) for each in one.found):
        yield "[before, after]; another split of the same sum gives the same size"


def _value(value: int | Pair) -> str:
    return f"{value}" if isinstance(value, int) else f"[{value[0]}, {value[1]}]"


def _result(one: Solution, every_size: bool) -> str:
    if not every_size:
        return equation(one.formula, one.size)
    return equation(_open(one.formula), "N")


def _open(formula: Formula) -> Formula:
    """The formula with N as it is."""
    values = {name: value for name, value in formula.values.items() if name != "N"}
    return formula._replace(values=values)
