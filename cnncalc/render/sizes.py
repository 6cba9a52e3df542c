"""Legal input sizes as text: rules, what breaks beside them, and sizes in closed form."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from cnncalc.analysis.course import Course, Form
from cnncalc.analysis.size_report import AxisSizes, LayerForms
from cnncalc.analysis.size_rules import Product, Rule, rule
from cnncalc.layer import Shape
from cnncalc.render.text import aligned, count, printable, shape

MOST_RUNS = 8
"""Ranges of sizes in a line; the others are counted."""


class Target(NamedTuple):
    """What was asked of the map of a layer: for each axis the size, and the sizes that give it."""

    path: str
    wanted: tuple[int, ...]
    found: tuple[Course, ...]


class Sizes(NamedTuple):
    """All that is shown of one network; `others` are the shapes of the inputs for each axis alone.

    `why` says why sizes were tried one by one. `map` is the last map, with its layer, or what the
    layer gives that is `named`. `rows` are those of a range: the size, the map, whether all windows
    fit, and what breaks.
    """

    title: str
    written: str
    others: str
    axes: tuple[AxisSizes, ...]
    why: str | None = None
    map: LayerForms | None = None
    named: bool = False
    target: Target | None = None
    rows: tuple[tuple[tuple[str, ...], ...], ...] = ()
    forms: tuple[LayerForms, ...] = ()
    macs: tuple[Product, ...] | None = None


# ---- words


def words(one: Rule, letter: str) -> str:
    """A set of sizes in words: `H >= 32`, `H = 16 k, from 16`, `H = 193 to 224`."""
    parts = []
    if one.also:
        parts.append(f"{letter} = {_list(one.also)}")
    if one.residues:
        parts.append(_endless(one, letter))
    return " and ".join(parts) or "none"


def _endless(one: Rule, letter: str) -> str:
    if len(one.residues) == one.period:
        return f"{letter} >= {one.start}"
    least = one._replace(also=()).smallest
    return f"{letter} = {', '.join(_classes(one.residues, one.period))}, from {least}"


def _classes(residues: Sequence[int], period: int) -> Iterator[str]:
    """`8 k + 6 to 8 k + 8` for remainders that follow each other, also over a period's end."""
    runs = list(_runs(residues))
    if len(runs) > 1 and runs[0][0] == 0 and runs[-1][1] == period - 1:
        runs = [*runs[1:-1], (runs[-1][0], runs[0][1] + period)]
    for low, high in runs[:MOST_RUNS]:
        first, last = (f"{period} k + {n}" if n else f"{period} k" for n in (low, high))
        yield first if low == high else f"{first} to {last}"
    if len(runs) > MOST_RUNS:
        yield f"{len(runs) - MOST_RUNS} more"


def _runs(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The first and the last of sizes that follow each other."""
    first = last = None
    for n in sizes:
        if first is None or last is None:
            first = last = n
        elif n == last + 1:
            last = n
        else:
            yield first, last
            first = last = n
    if first is not None and last is not None:
        yield first, last


def _list(sizes: Sequence[int]) -> str:
    """Finitely many sizes: in equal steps, or as ranges."""
    steps = {b - a for a, b in pairwise(sizes)}
    if len(sizes) > 2 and len(steps) == 1 and (step := steps.pop()) > 1:
        return f"{sizes[0]}, {sizes[1]}, ..., {sizes[-1]} (every {step})"
    runs = list(_runs(sizes))
    shown = [str(a) if a == b else f"{a} to {b}" for a, b in runs[:MOST_RUNS]]
    more = [f"{len(runs) - MOST_RUNS} more"] if len(runs) > MOST_RUNS else []
    return ", ".join([*shown, *more])


def form_text(one: Form, letter: str) -> str:
    """A closed form: `H`, `H/16`, `floor((H + 31)/32)`, `2 floor(H/2) + 1`."""
    inner = letter if one.slope == 1 else f"{one.slope} {letter}"
    if not one.slope:
        inner = str(one.shift)
    elif one.shift:
        inner = f"{inner} {'+' if one.shift > 0 else '-'} {abs(one.shift)}"
    if one.divisor > 1:
        inner = f"({inner})" if " " in inner else inner
        inner = f"{inner}/{one.divisor}" if one.exact else f"floor({inner}/{one.divisor})"
    if one.factor > 1:
        inner = f"({inner})" if inner.count(" ") and not inner.startswith("floor") else inner
        inner = f"{one.factor} {inner}"
    return f"{inner} + {one.constant}" if one.constant else inner


def product_text(one: Product | None, letters: Sequence[str]) -> str:
    """A product over the axes: `512 H/32`; `?` where there is none."""
    if one is None:
        return "?"
    parts = [form_text(form, letters[place]) for place, form in one.forms]
    if len(parts) + (one.factor != 1) > 1:
        parts = [f"({part})" if _sum(part) else part for part in parts]
    if one.factor != 1 or not parts:
        parts.insert(0, count(one.factor))
    return " ".join(parts)


def _sum(text: str) -> bool:
    """Whether a form needs brackets in a product: it has a sign outside of brackets."""
    outside = re.sub(r"\(.*\)", "", text)
    return " + " in outside or " - " in outside


def shape_text(one: LayerForms, letters: Sequence[str]) -> str:
    """The shape of a layer in closed form."""
    sizes = (product_text(size, letters) for size in one.shape)
    return " x ".join(f"({size})" if _sum(size) else size for size in sizes)


# ---- the answer


def text(sizes: Sizes) -> str:
    """The answer for people."""
    letters = [one.axis.letter for one in sizes.axes]
    parts = [f"{sizes.title}, input {sizes.written}"]
    if sizes.why:
        parts.append(f"tried one by one, as {sizes.why}; no closed forms")
    if sizes.others != sizes.written:
        parts.append(f"the written size does not work; each axis alone, from {sizes.others}")
    for alike in _groups(sizes):
        heading = _heading(sizes, alike)
        parts += ["", heading] if heading else []
        lines = list(_axis(sizes, sizes.axes[alike[0]], alike[0]))
        parts += list(aligned(("", ""), lines, frozenset()))[bool(heading) :]
    if sizes.map is not None and sizes.map.shape:
        which = _kind(sizes) if sizes.named else "last map"
        parts += ["", f"{which}, {sizes.map.path}: {shape_text(sizes.map, letters)}"]
    for alike in _groups(sizes) if sizes.rows else ():
        letter = letters[alike[0]]
        heads = (letter, _kind(sizes), "windows fit", "what breaks")
        parts += ["", *aligned(heads, sizes.rows[alike[0]], frozenset({letter}))]
    if sizes.forms:
        parts += ["", *_symbolic(sizes, letters)]
    return "\n".join(parts) + "\n"


def _kind(sizes: Sizes) -> str:
    """What the layer gives that is looked at: a vector is no map."""
    return "output" if sizes.map and len(sizes.map.shape) == 1 else "map"


def _groups(sizes: Sizes) -> list[list[int]]:
    """The places of the axes, those together for which all answers are the same."""
    found: dict[object, list[int]] = {}
    for place, one in enumerate(sizes.axes):
        broken = tuple((n, failure.path, failure.span) for n, failure in one.breaks)
        asked = sizes.target and (sizes.target.wanted[place], sizes.target.found[place])
        same = (one.base, one.legal, one.trains, one.fits, one.weights, one.tried, broken, asked)
        found.setdefault((*same, one.axis.inputs, one.axis.written), []).append(place)
    return list(found.values())


def _heading(sizes: Sizes, alike: Sequence[int]) -> str:
    """Which axes, where it is not said by the letter in every line."""
    together = " and ".join(sizes.axes[place].axis.letter for place in alike)
    inputs = {name: None for one in sizes.axes for name in one.axis.inputs}
    of = sizes.axes[alike[0]].axis.inputs
    text = f"{together} of {' and '.join(of)}" if len(inputs) > 1 else together
    return f"{text} alike" if len(alike) > 1 else text if len(inputs) > 1 else ""


def _axis(sizes: Sizes, one: AxisSizes, place: int) -> Iterator[tuple[str, str]]:
    """The lines of one axis: what is asked, and the answer."""
    letter, legal = one.axis.letter, rule(one.legal)
    within = f" (of {one.tried.start} to {one.tried.stop - 1})" if one.tried else ""
    yield f"{letter} legal", words(legal, letter) + within
    if one.trains != one.legal:
        yield f"{letter} in training", words(rule(one.trains), letter)
    if one.fits is not None and one.legal.endless:
        yield f"{letter} windows fit", words(rule(one.fits), letter)
    if one.weights is not None and one.weights != one.legal:
        yield f"{letter} same weights", f"{words(rule(one.weights), letter)}, as {one.base}"
    if sizes.target is not None:
        asked = f"{letter} for {sizes.target.wanted[place]}"
        yield asked, words(rule(sizes.target.found[place]), letter)
    for n, failure in one.breaks:
        line = f"line {failure.span.line}"
        where = f"{failure.path} ({line}): " if failure.path else f"{line}: "
        near = _nearest(one.legal, n) if n == one.axis.written else ""
        yield f"{letter} = {n}", f"breaks {where}{printable(failure.message)}{near}"


def _nearest(legal: Course, n: int) -> str:
    """The nearest sizes that work, below and above one that does not."""
    below = next((m for m in range(n - 1, 0, -1) if legal.at(m) is not None), None)
    last = max(n, legal.start) + legal.period
    above = next(legal.sizes(n + 1, last), None)
    near = " and ".join(str(m) for m in (below, above) if m is not None)
    return f"; the nearest that work: {near}" if near else ""


def _symbolic(sizes: Sizes, letters: Sequence[str]) -> Iterator[str]:
    rows = [
        (one.path, one.type, shape_text(one, letters), product_text(one.macs, letters))
        for one in sizes.forms
    ]
    yield from aligned(("layer", "type", "output", "MACs"), rows, frozenset())
    yield ""
    terms = None if sizes.macs is None else [product_text(one, letters) for one in sizes.macs]
    yield "MACs " + ("?" if terms is None else "\n   + ".join(terms) or "0")


def input_text(shapes: Sequence[tuple[str, Shape]]) -> str:
    """The shapes of the inputs, with their names where there are several."""
    if len(shapes) == 1:
        return shape(shapes[0][1])
    return ", ".join(f"{name}={shape(one)}" for name, one in shapes)
