"""The legal sizes of each axis, what breaks beside them, and every layer in closed form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from cnncalc.analysis.course import Course, IrregularError, reduced, together
from cnncalc.analysis.size_rules import Product, equal, neighbours, product, rule
from cnncalc.analysis.sizes import Axis, Failure, Trace, plain, resized
from cnncalc.graph import Graph
from cnncalc.layer import Shape

Try = Callable[[Mapping[str, Shape]], Failure | None]
"""Expands the spec for inputs of these shapes; None: it works."""


class AxisSizes(NamedTuple):
    """The sizes of one axis while the others are those of `others`; entries stand for legal ones.

    `fits`: no window is cut off. `weights`: the parameters have the shapes that they have for
    `base`. `breaks` are the nearest sizes that do not work. Sizes that were `tried` one by one
    have no forms, and nothing is known of others.
    """

    axis: Axis
    base: int
    legal: Course
    trains: Course
    breaks: tuple[tuple[int, Failure], ...]
    fits: Course | None = None
    weights: Course | None = None
    tried: range | None = None


def followed(graph: Graph, trace: Trace, others: Mapping[str, Shape]) -> AxisSizes:
    """The sizes of an axis whose courses are known."""
    axis = trace.axis
    base = others[axis.inputs[0]][axis.place + 1]
    middle = axis.written if trace.legal.at(axis.written) is not None else base

    def attempt(inputs: Mapping[str, Shape]) -> Failure | None:
        return plain(graph, inputs)[1]

    breaks = _breaks(axis, trace.legal, middle, others, attempt)
    try:
        weights = _same_weights(trace, base)
    except IrregularError:  # only at sizes that are too large to be listed
        weights = None
    return AxisSizes(axis, base, trace.legal, trace.trains, breaks, trace.fits, weights)


def tried(axis: Axis, others: Mapping[str, Shape], sizes: range, attempt: Try) -> AxisSizes:
    """The sizes of an axis, tried one by one; beyond the last nothing is known."""
    found = [None] * sizes.start + [
        () if attempt(_inputs(axis, others, n)) is None else None for n in sizes
    ]
    legal = reduced(Course((*found[1:], None)))
    base = others[axis.inputs[0]][axis.place + 1]
    breaks = _breaks(axis, legal, base, others, attempt, sizes)
    return AxisSizes(axis, base, legal, legal, breaks, tried=sizes)


def _inputs(axis: Axis, others: Mapping[str, Shape], n: int) -> dict[str, Shape]:
    return {name: resized(axis, name, shape, n) for name, shape in others.items()}


def _breaks(
    axis: Axis,
    legal: Course,
    middle: int,
    others: Mapping[str, Shape],
    attempt: Try,
    known: range | None = None,
) -> tuple[tuple[int, Failure], ...]:
    """The written size if it does not work, and the nearest around it, with what they break."""
    sizes = {middle, axis.written} if legal.at(axis.written) is None else {middle}
    near = set(neighbours(legal, middle)) if rule(legal).smallest is not None else set()
    found = []
    for n in sorted(sizes | near):
        if known is None or n in known:
            failure = attempt(_inputs(axis, others, n))
            found += [(n, failure)] if failure else []
    return tuple(found)


def _same_weights(trace: Trace, base: int) -> Course | None:
    """Where every layer has as many parameters as for the base; None: not known.

    Raises IrregularError.
    """
    parts = [trace.legal]
    for step in trace.steps:
        entry = step.params.at(base) if step.params else None
        if step.params is None:
            return None
        if entry is not None and any(step.params.moving()):
            parts.append(equal(step.params, 0, entry[0]))
    return together(parts)


def giving(trace: Trace, value: int, place: int, size: int) -> Course:
    """The legal sizes for which an axis of a value has that size; raises IrregularError."""
    return together([trace.legal, equal(trace.values[value], place, size)])


def last_map(graph: Graph, traces: Sequence[Trace]) -> int | None:
    """The last value at inference that has places on every axis that is followed."""
    for node in reversed(graph.nodes):
        index = node.outputs[0]
        moving = [trace.values[index].moving() for trace in traces]
        if not node.train_only and all(any(one[1:]) for one in moving):
            return index
    return None


class LayerForms(NamedTuple):
    """The sizes and MACs of a layer in closed form; None: not a product of floors."""

    path: str
    type: str
    shape: tuple[Product | None, ...]
    macs: Product | None


def symbolic(graph: Graph, traces: Sequence[Trace], sizes: Sequence[int]) -> list[LayerForms]:
    """Every layer at inference in closed form; `sizes` are those of each axis as it is traced."""
    found = []
    for number, node in enumerate(graph.nodes):
        if node.train_only:
            continue
        index = node.outputs[0]
        courses = [trace.values[index].where(trace.legal) for trace in traces]
        shape = tuple(_product(courses, which, sizes) for which in range(len(courses[0].slopes)))
        counts = [trace.steps[number].macs for trace in traces]
        known = [m.where(t.legal) for m, t in zip(counts, traces, strict=True) if m is not None]
        macs = _product(known, 0, sizes) if len(known) == len(traces) else None
        found.append(LayerForms(node.path, node.type, shape, macs))
    return found


def _product(courses: Sequence[Course], which: int, sizes: Sequence[int]) -> Product | None:
    return product(courses, which, sizes) if all(one.endless for one in courses) else None


def total(forms: Sequence[LayerForms]) -> tuple[Product, ...] | None:
    """The MACs of all layers: products that differ only by their factors are one."""
    factors: dict[tuple[object, ...], Product] = {}
    for one in forms:
        if one.macs is None:
            return None
        before = factors.get(one.macs.forms)
        factor = one.macs.factor + (before.factor if before else 0)
        factors[one.macs.forms] = Product(factor, one.macs.forms)
    return tuple(one for one in factors.values() if one.factor)
