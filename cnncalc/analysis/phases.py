"""The fields of the units of an axis, phase by phase.

Behind a transposed convolution, an upsampling or an adaptive pooling that does not divide, the
units of a layer see more or fewer pixels by turns. What they see repeats after a period, so that
the edges of one period's fields say all. Borders play no part: maps are taken to have no end.
"""

from __future__ import annotations

from functools import lru_cache
from math import gcd, lcm
from typing import NamedTuple

from cnncalc.window import Adaptive, Axis, Resized, Sliding, Transposed

LONGEST_PERIOD = 1024
"""Units of a period; longer ones are not followed."""

Edges = tuple[int, int] | None
"""The first pixel of a field and the one behind its last; None where a unit reads nothing."""


class Phases(NamedTuple):
    """The edges of the first units' fields, and how many pixels further they repeat.

    Without edges: the period is too long to be followed.
    """

    step: int
    edges: tuple[Edges, ...]

    def at(self, unit: int) -> Edges:
        """The edges of the field of any unit."""
        period, phase = divmod(unit, len(self.edges))
        found = self.edges[phase]
        return found and (found[0] + period * self.step, found[1] + period * self.step)

    @property
    def sizes(self) -> tuple[int, int] | None:
        """The smallest and the largest field, in pixels from first to last; None: not followed."""
        found = [edges[1] - edges[0] if edges else 0 for edges in self.edges]
        return (min(found), max(found)) if found else None


TOO_LONG = Phases(0, ())


@lru_cache(maxsize=1024, typed=True)  # windows of two types with equal numbers are equal tuples
def through(phases: Phases, axis: Axis) -> Phases:
    """The phases of the output of a window, for those of its input."""
    if not phases.edges:
        return TOO_LONG
    outputs, inputs = _pace(axis)
    period = len(phases.edges)
    turns = period // gcd(period, inputs)  # the window's own period until the input's phase recurs
    if turns * outputs > LONGEST_PERIOD:
        return TOO_LONG
    edges = tuple(_hull(phases, taps(axis, unit)) for unit in range(turns * outputs))
    return Phases(turns * inputs // period * phases.step, edges)


def joined(a: Phases, b: Phases) -> Phases:
    """The hull of two paths whose fields move at the same pace."""
    if not a.edges or not b.edges:
        return TOO_LONG
    period = lcm(len(a.edges), len(b.edges))
    if period > LONGEST_PERIOD:
        return TOO_LONG
    edges = tuple(_around([a.at(unit), b.at(unit)]) for unit in range(period))
    return Phases(period // len(a.edges) * a.step, edges)


def taps(axis: Axis, unit: int) -> range:
    """The positions that an output unit reads of an input without borders."""
    if isinstance(axis, Sliding):
        first = unit * axis.stride - axis.before
        return range(first, first + axis.extent, axis.dilation)
    if isinstance(axis, Transposed):
        return _transposed(axis, unit)
    if isinstance(axis, Adaptive):
        return axis.taps(unit)
    assert isinstance(axis, Resized)
    before, after = axis.step.as_integer_ratio()
    linear = axis.linear and axis.before > 1  # there is nothing between one position and itself
    shift = before - after if linear and not axis.align_corners else 0  # from centre to centre
    first, rest = divmod(2 * unit * before + shift, 2 * after)
    return range(first, first + (2 if linear and rest else 1))


def _pace(axis: Axis) -> tuple[int, int]:
    """After how many outputs a window has moved by how many whole inputs."""
    if isinstance(axis, Sliding):
        return 1, axis.stride
    if isinstance(axis, Transposed):
        return axis.stride, 1
    if isinstance(axis, Adaptive):
        common = gcd(axis.before, axis.after)
        return axis.after // common, axis.before // common
    assert isinstance(axis, Resized)
    step = axis.step
    return step.denominator, step.numerator


def _transposed(axis: Transposed, unit: int) -> range:
    """The inputs i with i * stride - before + t * dilation == unit for a tap t."""
    common = gcd(axis.stride, axis.dilation)
    place, off = divmod(unit + axis.before, common)
    if off:
        return range(0)
    stride, dilation = axis.stride // common, axis.dilation // common
    first = place * pow(dilation, -1, stride) % stride
    met = range(first, axis.kernel, stride)
    start = (place - first * dilation) // stride
    return range(start, start - len(met) * dilation, -dilation)


def _hull(phases: Phases, units: range) -> Edges:
    """The edges around the fields of units; of many, those of a period at either end tell."""
    period = len(phases.edges)
    return _around([phases.at(unit) for unit in (*units[:period], *units[-period:])])


def _around(fields: list[Edges]) -> Edges:
    known = [edges for edges in fields if edges]
    if not known:
        return None
    return min(first for first, _ in known), max(end for _, end in known)
