"""A size, or several, as a function of one size of the input: a table and the law that extends it.

The output of every layer grows steadily: n + period gives the output of n, and `slopes` more. For
a window it is floor((n + a) / s) + 1: s more positions are one more output. Such functions
are closed under composition, as nested floors are: floor((floor((n + a) / b) + c) / d) =
floor((n + a + b c) / (b d)). So the sizes of a whole network are known for every input by a table
of one period.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from math import gcd, lcm
from typing import NamedTuple

Entry = tuple[int, ...] | None
"""Integers, or None where the network does not work."""

LONGEST = 20_000
"""Entries of a table: no network that people build needs more."""


class IrregularError(Exception):
    """A function that is not steady, or only with a table that is too long."""


class Course(NamedTuple):
    """Integers for n = 1, 2...: entry n - 1 of `entries`, and behind them v(n - period) + slopes.

    The law holds in the last `period` entries, and in all that follow.
    """

    entries: tuple[Entry, ...]
    period: int = 1
    slopes: tuple[int, ...] = ()

    def at(self, n: int) -> Entry:
        """The integers for an input size of n."""
        turns = max(0, -((len(self.entries) - n) // self.period))
        entry = self.entries[n - 1 - turns * self.period]
        if entry is None or not turns:
            return entry
        return tuple(a + turns * b for a, b in zip(entry, self.slopes, strict=True))

    @property
    def start(self) -> int:
        """From which n on the law holds."""
        return len(self.entries) - self.period + 1

    @property
    def steady(self) -> tuple[Entry, ...]:
        """The entries of one period from `start` on."""
        return self.entries[self.start - 1 :]

    @property
    def endless(self) -> bool:
        """Whether there are entries without end."""
        return any(entry is not None for entry in self.steady)

    def moving(self) -> tuple[bool, ...]:
        """Which of the integers depend on n."""
        found = [entry for entry in self.entries if entry is not None]
        if not found:
            return ()
        changed = (len(set(column)) > 1 for column in zip(*found, strict=True))
        if not self.endless:
            return tuple(changed)
        return tuple(a or b != 0 for a, b in zip(changed, self.slopes, strict=True))

    def map(self, take: Callable[[tuple[int, ...]], tuple[int, ...]]) -> Course:
        """The course of some of the integers."""
        entries = tuple(None if entry is None else take(entry) for entry in self.entries)
        return reduced(Course(entries, self.period, take(self.slopes) if self.endless else ()))

    def where(self, other: Course) -> Course:
        """The course where another one is defined as well."""
        period, start = lcm(self.period, other.period), max(self.start, other.start)
        entries = tuple(
            self.at(n) if other.at(n) is not None else None for n in range(1, start + period)
        )
        return reduced(tabulated(entries, period, self))

    def sizes(self, first: int, last: int) -> Iterator[int]:
        """The n from `first` to `last` for which there are entries."""
        return (n for n in range(first, last + 1) if self.at(n) is not None)


def tabulated(entries: tuple[Entry, ...], period: int, like: Course) -> Course:
    """A course with a multiple of the period of another one, and its slopes."""
    turns = period // like.period
    defined = any(entry is not None for entry in entries[len(entries) - period :])
    return Course(entries, period, tuple(turns * one for one in like.slopes) if defined else ())


def constant(entry: tuple[int, ...]) -> Course:
    """The same integers for every n."""
    return Course((entry,), 1, (0,) * len(entry))


def together(courses: Sequence[Course]) -> Course:
    """Where all are defined; its entries are empty."""
    empty = [reduced(one.map(lambda _: ())) for one in courses]
    period = lcm(*(one.period for one in empty))
    start = max((one.start for one in empty), default=1)
    if start + period > LONGEST:
        raise IrregularError(f"the sizes repeat only every {period:,}")
    entries: list[Entry] = []
    for n in range(1, start + period):
        entries.append(() if all(one.at(n) is not None for one in empty) else None)
    return reduced(Course(tuple(entries), period))


def reduced(course: Course) -> Course:
    """The same function with the shortest period, and the law from as early on as it holds."""
    entries, period, slopes = course
    for divisor in range(1, period):
        if period % divisor == 0 and all(one % (period // divisor) == 0 for one in slopes):
            parts = tuple(one * divisor // period for one in slopes)
            shorter = Course(entries, divisor, parts)
            first = course.start - 1
            if all(_follows(shorter, i) for i in range(first + divisor, len(entries))):
                period, slopes = divisor, parts
                break
    end = len(entries)
    found = Course(entries, period, slopes)
    while end > period and _follows(found, end - 1):
        end -= 1
    return Course(entries[:end], period, slopes)


def _follows(course: Course, index: int) -> bool:
    """Whether the law gives this entry from the one a period before it."""
    before, entry = course.entries[index - course.period], course.entries[index]
    if before is None or entry is None:
        return before is entry
    return all(a + b == c for a, b, c in zip(before, course.slopes, entry, strict=True))


def measured(entries: Sequence[Entry], period: int) -> Course:
    """The course of a function that is steady in the last two periods of a table.

    The second must repeat the first; raises IrregularError.
    """
    end = len(entries) - period
    pairs = zip(entries[end - period : end], entries[end:], strict=True)
    slopes = {step for one, two in pairs if (step := _difference(one, two)) is not None}
    if len(slopes) > 1:
        raise IrregularError("its sizes do not grow steadily")
    return reduced(Course(tuple(entries[:end]), period, next(iter(slopes), ())))


def _difference(one: Entry, two: Entry) -> Entry:
    if one is None and two is None:
        return None
    if one is None or two is None:
        raise IrregularError("where it works does not repeat")
    return tuple(b - a for a, b in zip(one, two, strict=True))


class Form(NamedTuple):
    """`factor` x floor((`slope` n + `shift`) / `divisor`) + `constant`.

    `exact`: the division comes out wherever the course has entries.
    """

    factor: int
    slope: int
    shift: int
    divisor: int
    constant: int
    exact: bool

    def at(self, n: int) -> int:
        """The number for an input size of n."""
        return self.factor * ((self.slope * n + self.shift) // self.divisor) + self.constant


def form(course: Course, which: int) -> Form | None:
    """One of the integers in closed form, wherever there is an entry; None: by no single floor."""
    found = [(n, entry[which]) for n, entry in enumerate(course.entries, 1) if entry is not None]
    if not found:
        return None
    values = [value for _, value in found]
    slope = course.slopes[which] if course.endless else 0
    content = gcd(slope, *(value - values[0] for value in values))
    for factor in dict.fromkeys((1, content or 1)):
        one = _floor(found, Fraction(slope, course.period * factor), factor)
        if one is not None:
            return one
    return None


def _floor(points: Sequence[tuple[int, int]], slope: Fraction, factor: int) -> Form | None:
    """A floor through all points; of several shifts the one nearest to 0."""
    constant = points[0][1] % factor
    p, q = slope.numerator, slope.denominator
    lows = [q * ((value - constant) // factor) - p * n for n, value in points]
    low, high = max(lows), min(lows) + q - 1
    if low > high:
        return None
    shift = min(max(low, 0), high)
    exact = all((p * n + shift) % q == 0 for n, _ in points)
    return Form(factor, p, shift, q, constant, exact)
