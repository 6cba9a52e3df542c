"""The memory that the network's tensors should take at every layer, by the rules of the summary.

A tensor lives from the layer that makes it to the last that reads it, or to the end if it is a
result; in training, what backward needs lives on.
"""

from __future__ import annotations

from typing import NamedTuple

from cnncalc.analysis.cost import elements
from cnncalc.analysis.memory import bases_of, kept_tensors
from cnncalc.engine.weights import known_shape
from cnncalc.graph import Graph, Node


class Moment(NamedTuple):
    """Bytes in use when a layer has run.

    All, those that are kept for the backward pass, and those of results that are not among them.
    """

    live: int
    saved: int
    results: int


def moments(
    graph: Graph, gradients: frozenset[int], *, train: bool, batch: int, item: int
) -> dict[str, Moment]:
    """By path, for `batch` images of `item` bytes an element; `gradients` are those computed."""
    nodes = [node for node in graph.nodes if train or not node.train_only]
    bases = bases_of(graph, nodes, training=train)
    last = {bases[i]: place for place, node in enumerate(nodes) for i in node.inputs}
    outputs = graph.outputs if train else graph.inference_outputs()
    results = {bases[output.value] for output in outputs}
    last |= dict.fromkeys(results, len(nodes))
    alive = {bases[i] for i in graph.inputs.values()} & last.keys()
    each = {base: batch * item * elements(known_shape(graph, base)) for base in bases.values()}
    kept: set[int] = set()
    saved = 0
    found = {}
    for place, node in enumerate(nodes):
        alive |= {bases[i] for i in node.outputs}
        tensors, own = _kept(graph, node, gradients, batch, item)
        new = {bases[i] for i in tensors} - kept
        kept |= new
        saved += own + sum(each[base] for base in new)
        live = saved + sum(each[base] for base in alive - kept)
        found[node.path] = Moment(live, saved, sum(each[base] for base in results & alive - kept))
        alive = {base for base in alive if last.get(base, place) > place}
    return found


def _kept(
    graph: Graph, node: Node, gradients: frozenset[int], batch: int, item: int
) -> tuple[set[int], int]:
    """The values that a layer keeps for the backward pass, and the bytes of its own."""
    tensors, own = set(), 0
    alone = graph._replace(nodes=(node,), outputs=())
    for saved, inputs, outputs in kept_tensors(alone, gradients):
        if saved.tensor in ("input", "output"):
            tensors.add((inputs if saved.tensor == "input" else outputs)[saved.which])
        else:
            size = item if saved.element_bytes is None else saved.element_bytes
            own += saved.elements * size * (batch if saved.batched else 1)
    return tensors, own
