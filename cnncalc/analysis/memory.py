"""Memory by liveness: which tensors exist at once, at inference and in a training step.

Sizes are elements for one image; `report` turns them into bytes. Views (Flatten, Chunk, eval-mode
Dropout...) own no memory and keep the tensor that they look at alive.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from cnncalc.analysis import order
from cnncalc.analysis.cost import elements, requiring_gradients, trains
from cnncalc.analysis.order import Operation, Peak
from cnncalc.graph import Graph, Node
from cnncalc.layer import Saved


class Training(NamedTuple):
    """What a training step keeps: elements and bytes for each image, elements for the batch."""

    saved_elements: int
    saved_bytes: int
    batch_elements: int
    working_elements: int


def inference_peak(graph: Graph) -> Peak | None:
    """The largest total of live tensors, parameters apart; None where a shape is not known."""
    nodes = [node for node in graph.nodes if not node.train_only]
    sizes = _sizes(graph, nodes)
    if sizes is None or not nodes:
        return None
    bases = bases_of(graph, nodes, training=False)
    results = {output.value for output in graph.inference_outputs()}
    if not results.union(*(node.inputs for node in nodes)) <= bases.keys():
        return None  # it reads what exists in training only
    kept = frozenset(bases[index] for index in results)
    operations = [
        Operation(
            frozenset(bases[index] for index in node.inputs),
            frozenset(index for index in node.outputs if bases[index] == index),
        )
        for node in nodes
        if any(bases[index] == index for index in node.outputs)
    ]
    inputs = frozenset(graph.inputs.values())
    return order.peak(operations, sizes, inputs, kept)


def training_memory(graph: Graph, gradients: frozenset[int] | None = None) -> Training | None:
    """What is kept for the backward pass, each tensor once, and the largest set of gradients.

    `gradients` are those of `requiring_gradients`, where they are at hand.
    """
    sizes = _sizes(graph, graph.nodes)
    if sizes is None:
        return None
    if gradients is None:
        gradients = requiring_gradients(graph)
    bases = bases_of(graph, graph.nodes, training=True)
    kept: set[int] = set()
    own_bytes = own_elements = batch_elements = 0
    for saved, inputs, outputs in kept_tensors(graph, gradients):
        if saved.tensor in ("input", "output"):
            tensors = inputs if saved.tensor == "input" else outputs
            kept.add(bases[tensors[saved.which]])
        elif not saved.batched:
            batch_elements += saved.elements
        elif saved.element_bytes is None:
            own_elements += saved.elements
        else:
            own_bytes += saved.elements * saved.element_bytes
    saved_elements = sum(sizes[index] for index in kept) + own_elements
    working = _backward_peak(graph, sizes, bases, gradients)
    return Training(saved_elements, own_bytes, batch_elements, working)


def kept_tensors(
    graph: Graph, gradients: frozenset[int]
) -> Iterator[tuple[Saved, tuple[int, ...], tuple[int, ...]]]:
    """What each layer and the loss keep, and of which inputs and outputs."""
    for node in graph.nodes:
        shapes = graph.shapes(node.inputs)
        if node.layer is None or shapes is None or gradients.isdisjoint(node.outputs):
            continue
        for saved in node.layer.saved(*shapes):
            if not saved.for_weights or trains(graph, node):
                yield saved, node.inputs, node.outputs
    for output in graph.outputs:
        shapes = graph.shapes((output.value,))
        if graph.loss is not None and shapes is not None and output.value in gradients:
            for saved in graph.loss.saved(*shapes):
                yield saved, (output.value,), ()


def _sizes(graph: Graph, nodes: Iterable[Node]) -> dict[int, int] | None:
    """Elements of every value that these nodes touch; None where one is not known."""
    used = set(graph.inputs.values())
    for node in nodes:
        used.update(node.inputs, node.outputs)
    sizes = {}
    for index in used:
        value = graph.values[index]
        if value.shape is None or value.assumed:
            return None
        sizes[index] = elements(value.shape)
    return sizes


def bases_of(graph: Graph, nodes: Iterable[Node], *, training: bool) -> dict[int, int]:
    """The value that owns the memory of each value."""
    bases = {index: index for index in graph.inputs.values()}
    for node in nodes:
        shapes = graph.shapes(node.inputs)
        view = node.layer is not None and node.layer.view and shapes is not None
        if view and training and node.layer and shapes:
            view = not node.layer.saved(*shapes)  # dropout writes its output when it trains
        for index in node.outputs:
            bases[index] = bases[node.inputs[0]] if view else index
    return bases


def _backward_peak(
    graph: Graph, sizes: Mapping[int, int], bases: Mapping[int, int], gradients: frozenset[int]
) -> int:
    """The largest total of gradients of tensors that exist at once in the backward sweep."""
    live = {bases[output.value] for output in graph.outputs if output.value in gradients}
    total = sum(sizes[index] for index in live)
    peak = total
    for node in reversed(graph.nodes):
        if gradients.isdisjoint(node.outputs):
            continue
        for index in node.inputs:
            base = bases[index]
            if index in gradients and base not in live:
                live.add(base)
                total += sizes[base]
        peak = max(peak, total)
        for index in node.outputs:
            if bases[index] == index and index in live:
                live.remove(index)
                total -= sizes[index]
    return peak
