"""Which layers of a classifier become convolutions, so that it slides over larger inputs.

A vector that a Flatten makes of a map (C, H, W) is followed through the network as that map: the
Linear that reads it is a convolution whose kernel is the whole map, and what follows works on maps
of 1 x 1. Source: Long et al. 2015, Fully convolutional networks for semantic segmentation; Sermanet
et al. 2014, OverFeat.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import NamedTuple

from cnncalc.graph import Graph, Node
from cnncalc.layer import Layer, Shape
from cnncalc.layers.activation import Elementwise, Maxout, OverAxis, PReLU
from cnncalc.layers.dropout import AlphaDropout, Dropout
from cnncalc.layers.linear import Flatten, Identity, Linear, Scale, Unflatten
from cnncalc.layers.merge import Concat, Merge
from cnncalc.layers.norm import BatchNorm1d
from cnncalc.layers.pool import AdaptiveAvgPoolNd, AdaptivePoolNd
from cnncalc.problem import Span

ANYWHERE = (Elementwise, Dropout, AlphaDropout, Identity)
"""What does the same on a map as on the vector of its elements."""

BY_CHANNEL = (PReLU, Maxout, Scale)
"""What does the same on a map of 1 x 1 as on the vector of its channels."""


class RefusedError(Exception):
    """Why a network cannot be converted, and where; `help` says what would be right."""

    def __init__(self, message: str, span: Span | None = None, help: str | None = None) -> None:
        super().__init__(message)
        self.message, self.span, self.help = message, span, help


class Change(NamedTuple):
    """What becomes of one layer: another type, or nothing where `type` is empty.

    `kernel` and `stride` are those of a convolution or a pool. `along_channels` says that its `dim`
    has to be the channels'.
    """

    type: str
    why: str
    kernel: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    along_channels: bool = False


def changes(graph: Graph) -> dict[int, Change]:
    """What becomes of the nodes, by their places; empty without a Linear behind a Flatten.

    Raises RefusedError for a layer that has no convolutional form.
    """
    gates: set[int] = set()
    while True:
        follower = _Follower(graph, gates)
        try:
            follower.follow()
        except _GateError as gate:
            gates |= gate.starts
            continue
        if not any(isinstance(graph.nodes[index].layer, Linear) for index in follower.changes):
            return {}
        for start in follower.starts:
            follower.changes |= _pool_before(graph, start)
        return follower.changes


class _GateError(Exception):
    """A vector becomes a map again: the Flattens that it comes from stay."""

    def __init__(self, starts: frozenset[int]) -> None:
        super().__init__()
        self.starts = starts


class _Vector(NamedTuple):
    """The map that takes the place of a vector, and the Flattens that it comes from."""

    map: Shape
    starts: frozenset[int]

    @property
    def single(self) -> bool:
        """Whether the map has one position."""
        return set(self.map[1:]) <= {1}


class _Follower:
    """One walk through a network; `gates` are Flattens that stay."""

    def __init__(self, graph: Graph, gates: set[int]) -> None:
        self.graph, self.gates = graph, gates
        self.vectors: dict[int, _Vector] = {}
        self.changes: dict[int, Change] = {}
        self.starts: list[int] = []

    def follow(self) -> None:
        for index, node in enumerate(self.graph.nodes):
            shapes = self.graph.shapes(node.inputs) or ()
            read = [self.vectors.get(value) for value in node.inputs]
            vectors = [one for one in read if one]
            if vectors:
                if len(vectors) < len(read):
                    raise _refused(node, "joins a vector of a map with another vector")
                self.vectors[node.outputs[0]] = self.through(index, node, vectors)
            elif isinstance(node.layer, Flatten) and self.starts_here(index, node, shapes):
                self.starts.append(index)
                self.changes[index] = Change("", "a convolution reads the map itself")
                self.vectors[node.outputs[0]] = _Vector(shapes[0], frozenset([index]))

    def starts_here(self, index: int, node: Node, shapes: tuple[Shape, ...]) -> bool:
        """Whether the Flatten makes a vector of a map, for more than training."""
        out = self.graph.values[node.outputs[0]].shape or ()
        kept = node.train_only or index in self.gates
        return not kept and len(shapes[0]) > 1 and len(out) == 1

    def through(self, index: int, node: Node, vectors: list[_Vector]) -> _Vector:
        """What the layer makes of the maps that it gets in place of vectors."""
        layer, vector = node.layer, vectors[0]
        if isinstance(layer, Linear):
            return self.linear(index, node, layer, vector)
        if isinstance(layer, Flatten):
            self.changes[index] = Change("", "there is no vector any more")
            return vector
        if isinstance(layer, ANYWHERE):
            return vector
        if isinstance(layer, Merge):
            return self.merge(index, node, layer, vectors)
        if isinstance(layer, Unflatten):
            raise self.gate(node, vector)
        if isinstance(layer, (BatchNorm1d, OverAxis, *BY_CHANNEL)):
            return self.by_channel(index, node, layer, vector)
        raise _refused(node, "has no convolutional form behind a Flatten")

    def linear(self, index: int, node: Node, layer: Linear, vector: _Vector) -> _Vector:
        rank = len(vector.map) - 1
        if rank > 3:
            raise _refused(node, f"would be a convolution of {rank} axes")
        kernel = vector.map[1:]
        why = "its kernel is the whole map" if not vector.single else "it works on each position"
        self.changes[index] = Change(f"Conv{rank}d", why, kernel)
        return vector._replace(map=(layer.out_features, *(1,) * rank))

    def by_channel(self, index: int, node: Node, layer: Layer, vector: _Vector) -> _Vector:
        """A layer that treats each feature by itself, or all features of a position together."""
        if not vector.single:
            sizes = " x ".join(map(str, vector.map[1:]))
            raise _refused(
                node,
                f"works on each element of a flattened {sizes} map",
                "put it behind the first Linear, or before the Flatten",
            )
        rank = len(vector.map) - 1
        if isinstance(layer, BatchNorm1d) and rank > 1:
            self.changes[index] = Change(f"BatchNorm{rank}d", "each channel is normalised")
        if isinstance(layer, OverAxis) and layer.dim != 1:
            self.changes[index] = Change(node.type, "over the channels", along_channels=True)
        channels = self.graph.values[node.outputs[0]].shape or ()
        return vector._replace(map=(*channels, *vector.map[1:]))

    def merge(self, index: int, node: Node, layer: Merge, vectors: list[_Vector]) -> _Vector:
        maps = [one.map for one in vectors]
        if len({one[1:] for one in maps}) > 1:
            raise _refused(node, f"joins vectors of maps of different sizes {maps}")
        if isinstance(layer, Concat) and layer.dim != 1:
            self.changes[index] = Change(node.type, "along the channels", along_channels=True)
        joined = prod(self.graph.values[node.outputs[0]].shape or ()) // prod(maps[0][1:])
        starts = frozenset[int]().union(*(one.starts for one in vectors))
        return _Vector((joined, *maps[0][1:]), starts)

    def gate(self, node: Node, vector: _Vector) -> Exception:
        """A vector that becomes a map again: it stays, if the map before it has a fixed size."""
        pools = (_pool(self.graph, start) for start in vector.starts)
        if all(pool is not None for pool in pools):
            return _GateError(vector.starts)
        return _refused(node, "makes a map of the vector again, whose size would be fixed")


def _refused(node: Node, what: str, help: str | None = None) -> RefusedError:
    return RefusedError(f"{node.type} at {node.path} {what}", node.span, help)


def _pool(graph: Graph, start: int) -> int | None:
    """The adaptive pool whose output a Flatten reads, but for layers that work on each element."""
    index: int | None = start
    while index is not None:
        index = graph.values[graph.nodes[index].inputs[0]].producer
        layer = graph.nodes[index].layer if index is not None else None
        if isinstance(layer, AdaptivePoolNd):
            return index
        if not isinstance(layer, ANYWHERE):
            return None
    return None


def _pool_before(graph: Graph, start: int) -> dict[int, Change]:
    """What becomes of an adaptive pool before a Flatten, which gives every map the same size."""
    index = _pool(graph, start)
    if index is None:
        return {}
    node = graph.nodes[index]
    (x,) = graph.shapes(node.inputs) or ((),)
    (out,) = graph.shapes(node.outputs) or ((),)
    sizes, wanted = (" x ".join(map(str, one[1:])) for one in (x, out))
    axes = list(zip(x[1:], out[1:], strict=True))
    if all(n == m for n, m in axes):
        why = f"it changes nothing on a map of {sizes}, and would bring larger ones down to that"
        return {index: Change("", why)}
    if any(n % m for n, m in axes):
        raise RefusedError(
            f"{node.type} at {node.path} takes {sizes} to {wanted} by windows of different sizes, "
            "which no pool with a kernel does",
            node.span,
            "change it to a pool with a kernel and a stride, and convert then",
        )
    average = isinstance(node.layer, AdaptiveAvgPoolNd)
    change = Change(
        type=f"{'Avg' if average else 'Max'}Pool{len(axes)}d",
        why=f"it does the same on a map of {sizes}, and slides over larger ones",
        kernel=tuple(n // m for n, m in axes),
        stride=tuple(n // m if m > 1 else 1 for n, m in axes),
    )
    return {index: change}


def weights(graph: Graph) -> Iterator[tuple[int, int]]:
    """Parameters and MACs of each layer that has some: a conversion keeps them, in their order."""
    for node in graph.nodes:
        shapes = graph.shapes(node.inputs)
        if node.layer is not None and shapes is not None:
            params = sum(prod(one.shape) for one in node.layer.params(*shapes).values())
            if params:
                yield params, node.layer.macs(*shapes)
