"""Two sequences side by side: which item of one is which of the other, at the least cost."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import cache
from math import inf
from typing import NamedTuple, TypeVar

Item = TypeVar("Item", bound=Hashable)
Pair = tuple[int | None, int | None]

GAP = 1_000_000
"""What it costs that an item stands in one sequence only."""
NARROW = 8
"""Diagonals on either side that are looked at first."""
MOST_CELLS = 2_000_000
"""Pairs of items that are looked at, which takes about two seconds."""

BOTH, NEW, OLD = range(3)
"""Whose item a step takes."""


class _Way(NamedTuple):
    """The cheapest way through a band of pairs: what it costs, and the step into each pair."""

    cost: float
    steps: list[bytearray]
    low: int


def align(
    old: Sequence[Item], new: Sequence[Item], cost: Callable[[Item, Item], int]
) -> list[Pair]:
    """Indices of items that belong together, in order; None: the item has no counterpart.

    `cost` is that of taking one item for another, 0 only for equal ones. The sum is the least
    possible, for long sequences with many differences the least that was found; where even that
    would take too long, what lies between a common beginning and end has no counterparts.
    Source: Ukkonen 1985, Algorithms for approximate string matching.
    """
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    first, second = old[head : len(old) - tail], new[head : len(new) - tail]
    middle = _pairs(first, second, cost)
    return [
        *((index, index) for index in range(head)),
        *((_moved(one, head), _moved(other, head)) for one, other in middle),
        *((len(old) - back, len(new) - back) for back in range(tail, 0, -1)),
    ]


def _common(old: Sequence[Item], new: Sequence[Item]) -> int:
    """How many items are equal from the beginning on."""
    both = range(min(len(old), len(new)))
    return next((index for index in both if old[index] != new[index]), len(both))


def _moved(index: int | None, by: int) -> int | None:
    return None if index is None else index + by


def _pairs(
    old: Sequence[Item], new: Sequence[Item], cost: Callable[[Item, Item], int]
) -> list[Pair]:
    """Widens the band until no way outside of it can be cheaper, or until it takes too long."""
    numbers: dict[Item, int] = {}
    first = [numbers.setdefault(one, len(numbers)) for one in old]
    second = [numbers.setdefault(one, len(numbers)) for one in new]
    items = list(numbers)
    price = cache(lambda one, other: cost(items[one], items[other]))
    longer, wide, way = abs(len(new) - len(old)), NARROW, None
    while way is None or way.cost > GAP * (longer + 2 * wide):
        wide = wide * 2 if way else wide
        if (len(old) + 1) * (longer + 2 * wide + 1) > MOST_CELLS:
            break
        way = _cheapest(first, second, price, wide)
    if way is None:
        return [
            *((one, None) for one in range(len(old))),
            *((None, one) for one in range(len(new))),
        ]
    return _walked(way, len(old), len(new))


def _cheapest(
    old: Sequence[int], new: Sequence[int], price: Callable[[int, int], int], wide: int
) -> _Way:
    """Cells lie on diagonals: cell k of row i is the pair (i, i + low + k).

    Of ways that cost the same, that one is taken which keeps items together from the beginning on.
    """
    low = min(0, len(new) - len(old)) - wide
    width = max(0, len(new) - len(old)) + wide - low + 1
    above: list[float] = [inf] * (width + 1)
    steps = []
    for i in range(len(old) + 1):
        row: list[float] = [inf] * (width + 1)
        taken = bytearray(width)
        for k in range(max(0, -i - low), min(width, len(new) - i - low + 1)):
            j = i + low + k
            best, step = (0.0 if i == j == 0 else inf), BOTH
            if i and j:
                best = above[k] + price(old[i - 1], new[j - 1])
            if above[k + 1] + GAP <= best:
                best, step = above[k + 1] + GAP, OLD
            if k and row[k - 1] + GAP <= best:
                best, step = row[k - 1] + GAP, NEW
            row[k], taken[k] = best, step
        steps.append(taken)
        above = row
    return _Way(above[len(new) - len(old) - low], steps, low)


def _walked(way: _Way, i: int, j: int) -> list[Pair]:
    """The way back from the last pair, put in order."""
    pairs: list[Pair] = []
    while i or j:
        step = way.steps[i][j - i - way.low]
        i, j = i - (step != NEW), j - (step != OLD)
        pairs.append((None if step == NEW else i, None if step == OLD else j))
    return pairs[::-1]
