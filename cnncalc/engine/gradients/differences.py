"""Real differences of fourth order, for what has no complex form, and as a second opinion."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isfinite
from typing import NamedTuple

STEPS = (1e-3, 1e-2, 3e-3, 3e-4, 1e-4, 1e-5)
"""Tried in this order, until one is sure enough."""
LIMIT = 1e-7
"""Largest relative error of a real difference that passes."""
ENOUGH = 1e-10
"""Relative error estimate that ends the search for a step."""
UNIT = 2.0**-53
ROUNDINGS = 16
"""Rounding errors that a term is taken to have."""


class Estimate(NamedTuple):
    """A derivative and how wrong it may be."""

    value: float
    error: float
    step: float


def derivative(function: Callable[[float], float], least: float, size: float) -> Estimate:
    """The derivative at 0, by the step with the smallest estimated error.

    `size` is the root of the sum of squares of the function's terms, each of which has a rounding
    error of its own; `least` is a derivative that counts as typical. A step across a kink has a
    large estimate, so that it is never chosen where a shorter one stays on one side.
    """
    start = function(0.0)
    best = Estimate(0.0, inf, 0.0)
    for step in STEPS:
        found = _fourth_order(function, start, step, ROUNDINGS * UNIT * size / step)
        if found.error < best.error:
            best = found
        if best.error <= ENOUGH * max(abs(best.value), least):
            break
    return best


def _fourth_order(
    function: Callable[[float], float], start: float, h: float, rounding: float
) -> Estimate:
    """f' = (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h, and the same with half the step.

    Their difference is 15 times the error of the latter, for a smooth function. At a kink they
    may agree (both are the mean of the two slopes), but then the second difference divided by h
    is the jump of the slope, for any h, while it goes to 0 with h for a smooth function.
    """
    up, down, up2, down2 = function(h), function(-h), function(2 * h), function(-2 * h)
    half, halfdown = function(h / 2), function(-h / 2)
    wide = (8 * (up - down) - (up2 - down2)) / (12 * h)
    narrow = (8 * (half - halfdown) - (up - down)) / (6 * h)
    jump = 2 * abs(half + halfdown - 2 * start) / (h / 2) - abs(up + down - 2 * start) / h
    if not isfinite(wide):
        return Estimate(wide, inf, h)
    return Estimate(narrow, abs(wide - narrow) + max(0.0, jump - rounding) + rounding, h)
