"""Parameters, MACs and FLOPs of every node, and which gradients a training step computes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import prod
from typing import NamedTuple

from cnncalc.graph import Graph, Node
from cnncalc.layer import BackwardMacs, Layer, Shape


class Cost(NamedTuple):
    """The counts of one node, for one image."""

    params: int
    buffers: int
    frozen: int
    macs: int
    flops: int
    backward_macs: BackwardMacs

    @property
    def trainable(self) -> int:
        """Parameters that training changes."""
        return self.params - self.frozen


def elements(shape: Shape) -> int:
    """Elements of a tensor of that shape."""
    return prod(shape)


def costs(graph: Graph, gradients: frozenset[int] | None = None) -> tuple[Cost | None, ...]:
    """The cost of each node; None where a shape is not known, or rests on an assumption.

    `gradients` are those of `requiring_gradients`, where they are at hand.
    """
    if gradients is None:
        gradients = requiring_gradients(graph)
    counts = cache(_counts)  # networks repeat layers
    return tuple(_cost(graph, node, gradients, counts) for node in graph.nodes)


def requiring_gradients(graph: Graph, *, inputs: bool = False) -> frozenset[int]:
    """The values whose gradient a training step computes.

    Those between a trainable weight and an output: the gradient of the model's input is not
    computed unless `inputs` asks for it, nor anything upstream of the first trainable weight, nor
    where no output follows.
    """
    found = set(graph.inputs.values()) if inputs else set()
    for node in graph.nodes:
        if not found.isdisjoint(node.inputs) or trains(graph, node):
            found.update(node.outputs)
    broken = any(value.shape is None for value in graph.values)  # what it leads to is not known
    return frozenset(found if broken or not graph.outputs else found & _leading(graph))


def _leading(graph: Graph) -> set[int]:
    """The values that an output depends on, train-only heads included."""
    found = {output.value for output in graph.outputs}
    for node in reversed(graph.nodes):
        if not found.isdisjoint(node.outputs):
            found.update(node.inputs)
    return found


def trains(graph: Graph, node: Node) -> bool:
    """Whether the node has a weight that training changes."""
    shapes = graph.shapes(node.inputs)
    if node.frozen or node.layer is None or shapes is None:
        return False
    return any(not one.buffer for one in node.layer.params(*shapes).values())


class _Counts(NamedTuple):
    """What a layer counts wherever it stands."""

    params: int
    buffers: int
    macs: int
    flops: int
    backward_macs: BackwardMacs


def _counts(layer: Layer, *shapes: Shape) -> _Counts:
    tensors = layer.params(*shapes).values()
    return _Counts(
        params=sum(elements(one.shape) for one in tensors if not one.buffer),
        buffers=sum(elements(one.shape) for one in tensors if one.buffer),
        macs=layer.macs(*shapes),
        flops=layer.flops(*shapes),
        backward_macs=layer.backward_macs(*shapes),
    )


def _cost(
    graph: Graph, node: Node, gradients: frozenset[int], counts: Callable[..., _Counts]
) -> Cost | None:
    shapes = graph.shapes(node.inputs)
    if node.layer is None or shapes is None or graph.assumed(node.outputs):
        return None
    found = counts(node.layer, *shapes)
    arrives = not gradients.isdisjoint(node.outputs)
    passed_on = arrives and not gradients.isdisjoint(node.inputs)
    return Cost(
        params=found.params,
        buffers=found.buffers,
        frozen=found.params if node.frozen else 0,
        macs=found.macs,
        flops=found.flops,
        backward_macs=BackwardMacs(
            input=found.backward_macs.input if passed_on else 0,
            weight=found.backward_macs.weight if arrives and not node.frozen else 0,
        ),
    )
