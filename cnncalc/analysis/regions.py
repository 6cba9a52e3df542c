"""Which pixels a unit reads: sets of positions, followed backwards through the network, exactly.

A set of positions on an axis is an integer with a bit for each. What one path reads is a product
of such sets, one an axis; what several paths read is a union of products, as a 1x3 beside a 3x1
reads 5 pixels and not 9. Sets are clipped to the real map at every layer: taps in the padding
read nothing, and what a stride skips is skipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache, reduce
from itertools import product
from math import prod
from operator import or_
from typing import NamedTuple

from cnncalc.analysis.phases import taps
from cnncalc.graph import Graph, Node
from cnncalc.layer import Shape
from cnncalc.window import POINT, Axis, Reach, Sliding, Transposed, Whole, Window

LONGEST = 1 << 16
"""Positions of an axis: a set takes a bit for each, at every layer."""
MOST = 1 << 24
"""Positions of a map, whose rows are gone through one by one."""

Product = tuple[int, ...]
"""A set of positions on every axis: bit i stands for position i."""


class Region(NamedTuple):
    """The positions of a map that are read: a union of products on axes of these sizes."""

    size: Shape
    products: tuple[Product, ...]

    @property
    def hull(self) -> tuple[range, ...]:
        """The smallest box around all positions, a range an axis; empty where nothing is read."""
        if not self.products:
            return (range(0),) * len(self.size)
        return tuple(ends(reduce(or_, sets)) for sets in zip(*self.products, strict=True))

    @property
    def positions(self) -> int:
        """How many positions are read."""
        if len(self.products) == 1:
            return prod(bits.bit_count() for bits in self.products[0])
        return sum(row.bit_count() for _, row in self.rows())

    @property
    def holes(self) -> float:
        """The share of the hull that is not read."""
        box = prod(len(axis) for axis in self.hull)
        return 1 - self.positions / box if box else 0.0

    def rows(self) -> Iterator[tuple[tuple[int, ...], int]]:
        """For every place on all axes but the last, the set of positions on the last one."""
        for place in product(*(range(n) for n in self.size[:-1])):
            row = 0
            for *leading, last in self.products:
                if all(bits >> i & 1 for bits, i in zip(leading, place, strict=True)):
                    row |= last
            yield place, row


def too_large(graph: Graph) -> Shape | None:
    """A shape whose positions are too many to be followed one by one, or None.

    With its padding, if that is what makes it too large.
    """
    for value in graph.values:
        sizes = (value.shape or ())[1:]
        if max(sizes, default=0) > LONGEST or prod(sizes) > MOST:
            return value.shape
    padded = (one for node in graph.nodes for one in _padded(graph, node))
    return next((shape for shape in padded if max(shape[1:], default=0) > LONGEST), None)


def _padded(graph: Graph, node: Node) -> Iterator[Shape]:
    """The maps on which a layer's windows lie, with what they reach beyond."""
    before, after = graph.shapes(node.inputs), graph.shapes(node.outputs)
    if node.layer is None or before is None or after is None or graph.assumed(node.outputs):
        return
    for x, window in zip(before, node.layer.windows(*before), strict=True):
        if isinstance(window, tuple) and len(window) == len(x) - 1 == len(after[0]) - 1:
            axes = zip(window, x[1:], after[0][1:], strict=True)
            yield x[0], *(_reach(*axis) for axis in axes)


def _reach(axis: Axis, n: int, m: int) -> int:
    if isinstance(axis, Sliding):
        return max(n, (m - 1) * axis.stride + axis.extent)
    return (n - 1) * axis.stride + axis.extent if isinstance(axis, Transposed) else n


def everything(size: Shape) -> Region:
    """The region of all positions."""
    return Region(size, (tuple((1 << n) - 1 for n in size),))


def unit(size: Shape, position: Sequence[int]) -> Region:
    """The region of one position."""
    return Region(size, (tuple(1 << i for i in position),))


def read_by(graph: Graph, value: int, region: Region) -> dict[int, Region | None]:
    """What a region of a value reads of every value that it depends on, by index.

    None: not known, behind a layer that ends the spatial order (Flatten) or is not modelled.
    """
    found: dict[int, Region | None] = {value: region}
    producer = graph.values[value].producer
    last = -1 if producer is None else producer
    for node in reversed(graph.nodes[: last + 1]):
        arriving = [found[index] for index in node.outputs if index in found]
        shapes = graph.shapes(node.inputs)
        if not arriving:
            continue
        if node.layer is None or shapes is None:
            found |= dict.fromkeys(node.inputs)
            continue
        for index, shape, window in zip(
            node.inputs, shapes, node.layer.windows(*shapes), strict=True
        ):
            for one in arriving:
                read = None if one is None else through(window, shape[1:], one)
                found[index] = union(found[index], read) if index in found else read
    return found


def union(a: Region | None, b: Region | None) -> Region | None:
    """What two paths read together; None where one is not known."""
    if a is None or b is None:
        return None
    return Region(a.size, merged((*a.products, *b.products)))


def merged(products: Iterable[Product]) -> tuple[Product, ...]:
    """The same union in fewer products: contained ones go, those that differ in one axis join."""
    kept: list[Product] = []
    for one in products:
        new = one
        again = True
        while again:
            again = False
            for other in kept:
                joined = _joined(new, other)
                if joined is not None:
                    kept.remove(other)
                    new, again = joined, True
                    break
        kept.append(new)
    return tuple(kept)


def _joined(a: Product, b: Product) -> Product | None:
    """One product for two, where there is one."""
    if all(one | two == one for one, two in zip(a, b, strict=True)):
        return a
    if all(one | two == two for one, two in zip(a, b, strict=True)):
        return b
    if sum(one != two for one, two in zip(a, b, strict=True)) == 1:
        return tuple(one | two for one, two in zip(a, b, strict=True))
    return None


def through(window: Window, size: Shape, region: Region) -> Region | None:
    """What a region of the output reads of an input of that size."""
    if window in (Reach.EVERYTHING, Reach.STATISTICS):
        return everything(size) if region.products else Region(size, ())
    if isinstance(window, Reach) or len(window) != len(size):
        return None
    if region.size == size and all(axis == POINT for axis in window):
        return region
    read = (
        tuple(_read(axis, bits, n) for axis, bits, n in zip(window, sets, size, strict=True))
        for sets in region.products
    )
    return Region(size, merged(sets for sets in read if all(sets)))


@lru_cache(maxsize=4096, typed=True)  # windows of two types with equal numbers are equal tuples
def _read(axis: Axis, bits: int, n: int) -> int:
    """The positions of an axis of n that a set of output positions reads."""
    if axis == POINT:
        return bits & (1 << n) - 1  # a pad may add positions behind the last
    if isinstance(axis, Sliding):
        return _slid(axis, bits, n)
    if isinstance(axis, Transposed):
        reach = smeared(bits, axis.kernel, axis.dilation)
        return _every(_shifted(reach, axis.before - axis.extent + 1), axis.stride, n)
    if isinstance(axis, Whole):
        return (1 << n) - 1 if bits else 0
    inside = (min(max(i, 0), n - 1) for o in members(bits) for i in taps(axis, o))
    return reduce(or_, (1 << i for i in inside), 0)  # beyond the ends is what lies at the end


def _slid(axis: Sliding, bits: int, n: int) -> int:
    """Positions are counted from the first one of the padding until it has been folded back."""
    reach = smeared(_spread(bits, axis.stride), axis.kernel, axis.dilation)
    inside = (1 << n) - 1
    read = _shifted(reach, -axis.before) & inside
    if axis.mode != "constant":
        for place in members(reach & ~_shifted(inside, axis.before)):
            read |= 1 << _copied(axis, place - axis.before, n)
    return read


def _copied(axis: Sliding, place: int, n: int) -> int:
    """The position of the input that a position in the padding is a copy of."""
    if axis.mode == "reflect":
        return n - 1 - abs(n - 1 - abs(place))
    if axis.mode == "replicate":
        return 0 if place < 0 else n - 1
    first, last = max(0, -axis.before), n + min(0, axis.after)
    return first + (place - first) % (last - first)


def smeared(bits: int, taps: int, step: int) -> int:
    """The set with its copies that are 1, 2 ... `taps` - 1 steps higher."""
    done = 1
    while done < taps:
        more = min(done, taps - done)
        bits |= bits << more * step
        done += more
    return bits


def _shifted(bits: int, by: int) -> int:
    return bits << by if by >= 0 else bits >> -by


def _spread(bits: int, stride: int) -> int:
    """Each position times the stride."""
    return bits if stride == 1 else int(("0" * (stride - 1)).join(f"{bits:b}"), 2)


def _every(bits: int, stride: int, n: int) -> int:
    """The positions below n whose multiple by the stride is in the set."""
    picked = f"{bits:b}"[::-1][::stride][:n]
    return int(picked[::-1], 2) if picked else 0


def members(bits: int) -> Iterator[int]:
    """The positions of a set, ascending."""
    while bits:
        yield (bits & -bits).bit_length() - 1
        bits &= bits - 1


def ends(bits: int) -> range:
    """From the first position of a set up to its last."""
    return range((bits & -bits).bit_length() - 1, bits.bit_length()) if bits else range(0)
