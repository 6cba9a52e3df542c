"""From which sizes on a layer grows steadily, and with which period: what its course needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain, combinations, islice, repeat
from math import gcd, lcm, prod
from typing import Any

from cnncalc.analysis.course import LONGEST, Course, IrregularError
from cnncalc.layer import Layer, LayerError, Shape
from cnncalc.window import Reach, Sliding

OUTPUTS = frozenset({"out_channels", "out_features"})
"""Arguments with which no input is compared."""
CHANNELS = OUTPUTS | {"in_channels", "groups", "num_features", "num_channels"}
"""Arguments with which no spatial axis is compared."""
UNDIVIDED = CHANNELS - {"groups"} | {"in_features"}
"""Arguments by which no axis is divided."""
WINDOW = frozenset({"kernel_size", "stride", "padding", "dilation", "output_padding"})
"""Arguments by which the channels are not divided either."""


def span(layer: Layer, inputs: Sequence[Course]) -> tuple[int, int]:
    """From which n on a layer is steady for inputs with these courses, and its period.

    A layer compares its input with its arguments; where an axis is larger than all of them
    together, no comparison changes any more. Raises IrregularError.
    """
    period = lcm(*(one.period for one in inputs))
    start = max(one.start for one in inputs)
    rates = [tuple(period // one.period * s for s in one.slopes) for one in inputs]
    longer = 1
    for course, rate in zip(inputs, rates, strict=True):
        start = max(start, *_beyond(layer, course, start), 1)
        steps = _periods(layer, course, start)
        longer = lcm(longer, *(step // gcd(step, s) for step, s in zip(steps, rate, strict=True)))
    if layer.many:
        start = max(start, *_apart(inputs, start, period), 1)
    if start + 2 * period * longer > LONGEST:
        raise IrregularError(f"its sizes would repeat only every {period * longer:,}")
    return start, period * longer


def _beyond(layer: Layer, course: Course, start: int) -> Iterator[int]:
    """From which n on each growing axis is larger than all that it is compared with."""
    if layer.many or not course.endless:
        return
    for axis, slope in enumerate(course.slopes):
        if slope < 0:
            raise IrregularError("an axis shrinks where the input grows")
        if slope:
            yield _passes(_values(course, axis, start), slope, course.period, _bound(layer, axis))


def _bound(layer: Layer, axis: int) -> int:
    """A size that is above every sum of the layer's arguments."""
    passed = CHANNELS if axis else OUTPUTS
    extent = 0
    sizes = []
    for name in layer.arguments:
        value = vars(layer).get(name)
        if name not in passed:
            numbers = [abs(one) for one in _integers(value)]
            sizes.append(prod(numbers) if name == "unflattened_size" else sum(numbers))
        if name == "kernel_size":
            dilation = max(_integers(vars(layer).get("dilation", 1)), default=1)
            extent = dilation * max(_integers(value), default=1)
    return 3 + extent + 2 * sum(sizes)


def _integers(value: Any) -> Iterator[int]:
    """The integers in an argument."""
    if isinstance(value, tuple):
        for one in value:
            yield from _integers(one)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield value


def _periods(layer: Layer, course: Course, start: int) -> Iterator[int]:
    """For each axis: how many more positions bring its output one step further."""
    if layer.many or layer.declared or not course.endless:
        yield from (1 for _ in course.slopes)
        return
    shape = next(
        entry for n in range(start, start + course.period) if (entry := course.at(n)) is not None
    )
    known = [_product(layer, WINDOW) ** 2, *_spatial_periods(layer, shape)]
    yield from islice(chain(known, repeat(1)), len(shape))  # of another rank nothing is accepted


def _spatial_periods(layer: Layer, shape: Shape) -> Iterator[int]:
    axes, scales = len(shape) - 1, vars(layer).get("scale_factor")
    if scales is not None:  # a float as the fraction that it is: 0.7 has no small denominator
        each = scales if isinstance(scales, tuple) else (scales,) * axes
        yield from (Fraction(scale).denominator for scale in each)
        return
    try:
        window = layer.window(shape)
    except LayerError:  # fits few sizes only, as listed sections do
        window = Reach.UNKNOWN
    if isinstance(window, Reach):
        yield from (_product(layer) for _ in range(axes))
    elif not adaptive(layer):
        yield from (one.stride if isinstance(one, Sliding) else 1 for one in window)


def adaptive(layer: Layer) -> bool:
    """Whether the size of the output is an argument, so that the windows follow the input."""
    return "output_size" in layer.arguments


def _product(layer: Layer, without: frozenset[str] = frozenset()) -> int:
    """A multiple of all that a layer may divide an axis by; a shuffle divides by a square."""
    numbers = (
        abs(one) or 1
        for name in layer.arguments
        if name not in UNDIVIDED | without
        for one in _integers(vars(layer).get(name))
    )
    return min(prod(numbers), LONGEST + 1)


def _values(course: Course, which: int, start: int) -> list[tuple[int, int]]:
    """N and one integer there, over one period from `start` on."""
    found = ((n, course.at(n)) for n in range(start, start + course.period))
    return [(n, entry[which]) for n, entry in found if entry is not None]


def _passes(values: list[tuple[int, int]], slope: int, period: int, bound: int) -> int:
    """From which n on all of these are `bound` or more, if they grow by `slope` each period."""
    return max(n + period * max(0, -((value - bound) // slope)) for n, value in values)


def _apart(inputs: Sequence[Course], start: int, period: int) -> Iterator[int]:
    """From which n on two inputs differ for good, where one grows faster, and none is 1."""
    for one in inputs:
        for axis, slope in enumerate(one.slopes):
            if slope > 0:
                yield _passes(_values(one, axis, start), slope, one.period, 2)
    for one, two in combinations(inputs, 2):
        for axis in range(min(len(one.slopes), len(two.slopes))):
            rates = [c.slopes[axis] * (period // c.period) for c in (one, two)]
            slow, fast = (one, two) if rates[0] < rates[1] else (two, one)
            lag = abs(rates[0] - rates[1])
            pairs = ((n, slow.at(n), fast.at(n)) for n in range(start, start + period))
            gaps = [(n, b[axis] - a[axis]) for n, a, b in pairs if a is not None and b is not None]
            if lag and gaps:
                yield _passes(gaps, lag, period, 1)
