"""Sets of sizes as rules, and numbers of a network as products of floors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from math import gcd, prod
from typing import NamedTuple

from cnncalc.analysis.course import Course, Entry, Form, IrregularError, form, reduced

MOST_SEARCHED = 1_000_000


class Rule(NamedTuple):
    """A set of sizes: those of `also`, and from `start` on those with these remainders.

    `residues` are remainders of division by `period`; with none of them the set is finite.
    """

    start: int
    period: int
    residues: tuple[int, ...]
    also: tuple[int, ...]

    @property
    def smallest(self) -> int | None:
        """The smallest size; None: there is none."""
        if self.also:
            return self.also[0]
        steady = range(self.start, self.start + self.period)
        return next((n for n in steady if n % self.period in self.residues), None)


def rule(course: Course) -> Rule:
    """The sizes for which a course has entries."""
    start, period = course.start, course.period
    residues = {n % period for n in course.sizes(start, start + period - 1)}
    return Rule(start, period, tuple(sorted(residues)), tuple(course.sizes(1, start - 1)))


def neighbours(course: Course, n: int) -> Iterator[int]:
    """The nearest sizes below and above n without an entry, where there are any."""
    turn = n - course.period  # what is below it, and steady, comes again above it
    lower = chain(range(n - 1, max(0, turn - 1), -1), range(min(turn, course.start) - 1, 0, -1))
    below = (m for m in lower if course.at(m) is None)
    last = max(n, course.start) + course.period
    above = (m for m in range(n + 1, last + 1) if course.at(m) is None)
    yield from (m for found in (below, above) if (m := next(found, 0)))


def equal(course: Course, which: int, value: int) -> Course:
    """Where one of the integers has that value; its entries are empty. Raises IrregularError."""
    slope = course.slopes[which] if course.endless else 0
    last = len(course.entries)
    if slope > 0:
        lowest = min(entry[which] for entry in course.steady if entry is not None)
        last += course.period * (max(0, (value - lowest) // slope) + 1)
    if last > MOST_SEARCHED:
        raise IrregularError(f"no size up to {MOST_SEARCHED:,} gives {value:,}")
    found = [course.at(n) for n in range(1, last + 1)]
    hits: list[Entry] = [() if entry and entry[which] == value else None for entry in found]
    if slope > 0:
        return reduced(Course((*hits, None)))
    return reduced(Course(tuple(hits), course.period))


class Product(NamedTuple):
    """`factor` times a form for each axis that it depends on, by its place among the axes."""

    factor: int
    forms: tuple[tuple[int, Form], ...]

    def at(self, sizes: Sequence[int]) -> int:
        """The number for these sizes, one for each axis."""
        return self.factor * prod(form.at(sizes[place]) for place, form in self.forms)


def product(courses: Sequence[Course], which: int, sizes: Sequence[int]) -> Product | None:
    """A number that is a product over the axes, from its course on each; None: not in that form.

    `sizes` are those of each axis while the others vary.
    """
    moving = [(i, one) for i, one in enumerate(courses) if one.endless and one.moving()[which]]
    base = courses[0].at(sizes[0])
    if base is None:
        return None
    forms, rest = [], base[which]
    for place, course in moving:
        found = form(_primitive(course, which), 0)
        if found is None or found.at(sizes[place]) == 0 or rest % found.at(sizes[place]):
            return None
        rest //= found.at(sizes[place])
        common = gcd(rest, found.divisor) if found.exact and not found.constant else 1
        rest //= common
        forms.append((place, found._replace(divisor=found.divisor // common)))
    return Product(rest, tuple(forms))


def _primitive(course: Course, which: int) -> Course:
    """One integer, divided by what divides it for every n."""
    values = [entry[which] for entry in course.entries if entry is not None]
    common = gcd(course.slopes[which], *values) or 1
    return course.map(lambda entry: (entry[which] // common,))
