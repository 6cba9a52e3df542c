"""Orders of execution: the memory that the declared one needs at its peak, and that the best needs.

A tensor lives from the operation that makes it to the last that reads it; all that an operation
reads and makes lives together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from heapq import heappop, heappush
from operator import or_
from typing import NamedTuple

MAX_STEPS = 10_000
"""Operations that the search for the best order tries, at most: about 30 ms."""


class Operation(NamedTuple):
    """The tensors that an operation reads, and those that it makes."""

    reads: frozenset[int]
    writes: frozenset[int]


class Peak(NamedTuple):
    """The largest total of live tensors: in declared order, and in the best (None: not found)."""

    declared: int
    best: int | None


class Part(NamedTuple):
    """Consecutive operations that run, in whatever order, before all those behind them."""

    first: int
    end: int
    peak: int
    live: int
    """The total of what lives at the start."""


def peak(
    operations: Sequence[Operation],
    sizes: Mapping[int, int],
    inputs: frozenset[int],
    kept: frozenset[int],
) -> Peak:
    """The peaks of these operations, which start with `inputs` and leave `kept` alive."""
    last = {index: position for position, op in enumerate(operations) for index in op.reads}
    last |= dict.fromkeys(kept, len(operations))
    parts = list(_parts(operations, sizes, inputs & last.keys(), last))
    declared = max((part.peak for part in parts), default=_total(sizes, inputs & last.keys()))
    return Peak(declared, _best(operations, sizes, parts, last, declared))


def _total(sizes: Mapping[int, int], indices: Iterable[int]) -> int:
    return sum(sizes[index] for index in indices)


def _parts(
    operations: Sequence[Operation],
    sizes: Mapping[int, int],
    inputs: frozenset[int],
    last: Mapping[int, int],
) -> Iterator[Part]:
    """Run the operations in order, and cut where one live tensor is all that is read later.

    Every operation before such a place leads to that tensor, so that the orders on both sides are
    independent; an operation whose result nobody reads may run at any time and ends the cutting.
    """
    live = set(inputs)
    total = start = _total(sizes, live)
    first = most = 0
    wasted = False
    for position, op in enumerate(operations):
        live |= op.writes
        total += _total(sizes, op.writes)
        most = max(most, total)
        wasted = wasted or not op.writes <= last.keys()
        gone = [i for i in op.reads | op.writes if last.get(i, position) == position]
        live.difference_update(gone)
        total -= _total(sizes, gone)
        if (len(live) == 1 and not wasted) or position + 1 == len(operations):
            yield Part(first, position + 1, most, start)
            first, most, start = position + 1, 0, total


def _best(
    operations: Sequence[Operation],
    sizes: Mapping[int, int],
    parts: Sequence[Part],
    last: Mapping[int, int],
    declared: int,
) -> int | None:
    """The least peak over all orders; None where there are too many to search.

    No order is below its most demanding operation, so that few parts need a search.
    """
    best = max((_total(sizes, op.reads | op.writes) for op in operations), default=declared)
    steps = MAX_STEPS
    for part in sorted(parts, key=lambda part: -part.peak):
        if part.peak <= best:
            break
        if part.end - part.first > steps:
            return None
        search = _Search(operations, sizes, part, last, steps)
        found = search.run(best)
        if found is None:
            return None
        best, steps = found, search.steps
    return best


class _Search:
    """The least peak over the orders of one part.

    Sets of finished operations, as bits, are taken up by the least peak that leads to them. An
    operation that stays below that peak and frees at least what it makes is run at once: that
    leaves less alive at any later time, whatever the order.
    """

    def __init__(
        self,
        operations: Sequence[Operation],
        sizes: Mapping[int, int],
        part: Part,
        last: Mapping[int, int],
        steps: int,
    ) -> None:
        self.part, self.steps = part, steps
        own = operations[part.first : part.end]
        self.makes = [_total(sizes, op.writes) for op in own]
        maker = {index: bit for bit, op in enumerate(own) for index in op.writes}
        self.needs = [_union(1 << maker[i] for i in op.reads if i in maker) for op in own]
        readers: dict[int, int] = {}
        for bit, op in enumerate(own):
            for index in op.reads:
                readers[index] = readers.get(index, 0) | 1 << bit
        self.leads_to = [_union(readers.get(i, 0) for i in op.writes) for op in own]
        self.frees = [  # what may die with each operation: its size, and all that read it
            [
                (sizes[i], readers.get(i, 0))
                for i in op.reads | op.writes
                if last.get(i, 0) < part.end
            ]
            for op in own
        ]

    def run(self, floor: int) -> int | None:
        """The least peak, `floor` if it is below; None where the steps do not suffice."""
        everything = (1 << len(self.makes)) - 1
        ready = sum(1 << bit for bit, needs in enumerate(self.needs) if not needs)
        queue = [(floor, 0, 0, ready, self.part.live)]
        seen: set[int] = set()
        while queue:
            peak, _, done, ready, live = heappop(queue)
            if done == everything:
                return peak
            if done in seen:
                continue
            seen.add(done)
            for found in self.following(peak, done, ready, live):
                heappush(queue, found)
            if self.steps < 0:
                return None
        return self.part.peak

    def following(
        self, peak: int, done: int, ready: int, live: int
    ) -> list[tuple[int, int, int, int, int]]:
        """What one more operation leads to; orders no better than the declared one are left out."""
        found = []
        for bit in _bits(ready):
            self.steps -= 1
            grown = live + self.makes[bit]
            if grown >= self.part.peak:
                continue
            after = done | 1 << bit
            left = grown - sum(size for size, readers in self.frees[bit] if not readers & ~after)
            new = sum(1 << b for b in _bits(self.leads_to[bit]) if not self.needs[b] & ~after)
            state = (max(peak, grown), -after.bit_count(), after, ready ^ 1 << bit | new, left)
            if grown <= peak and left <= live:
                return [state]
            found.append(state)
        return found


def _union(masks: Iterable[int]) -> int:
    return reduce(or_, masks, 0)


def _bits(mask: int) -> Iterator[int]:
    while mask:
        yield (mask & -mask).bit_length() - 1
        mask &= mask - 1
