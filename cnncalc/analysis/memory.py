"""Memory by liveness: which tensors exist at once, at inference and in a training step.

Sizes are elements for one image; `report` turns them into bytes. Views (Flatten, Chunk, eval-mode
Dropout...) own no memory and keep the tensor that they look at alive.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

from cnncalc.analysis.cost import elements, requiring_gradients, trains
from cnncalc.graph import Graph, Node
from cnncalc.layer import Saved

MAX_STATES = 5_000
"""Orders of one branched part that the search for the best one looks at, at most."""


class Operation(NamedTuple):
    """A node that writes a tensor: the tensors it reads, and the one it makes."""

    reads: frozenset[int]
    writes: frozenset[int]


class Peak(NamedTuple):
    """Elements alive at once: in declared order, and in the best order found (None: not found)."""

    declared: int
    best: int | None


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
    if sizes is None:
        return None
    bases = _bases(graph, nodes, training=False)
    kept = frozenset(bases[output.value] for output in graph.inference_outputs())
    operations = [
        Operation(
            frozenset(bases[index] for index in node.inputs),
            frozenset(index for index in node.outputs if bases[index] == index),
        )
        for node in nodes
        if any(bases[index] == index for index in node.outputs)
    ]
    inputs = frozenset(graph.inputs.values())
    return _peak(operations, sizes, inputs, kept)


def training_memory(graph: Graph) -> Training | None:
    """What is kept for the backward pass, each tensor once, and the largest set of gradients."""
    sizes = _sizes(graph, graph.nodes)
    if sizes is None:
        return None
    bases = _bases(graph, graph.nodes, training=True)
    gradients = requiring_gradients(graph)
    kept: set[int] = set()
    own_bytes = own_elements = batch_elements = 0
    for node in graph.nodes:
        for saved in _saved(graph, node, gradients):
            if saved.tensor in ("input", "output"):
                tensors = node.inputs if saved.tensor == "input" else node.outputs
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


def _saved(graph: Graph, node: Node, gradients: frozenset[int]) -> Iterable[Saved]:
    """What a node keeps, given which gradients are computed at all."""
    shapes = graph.shapes(node.inputs)
    if node.layer is None or shapes is None:
        return
    weights = trains(graph, node)
    for saved in node.layer.saved(*shapes):
        if weights or (not saved.for_weights and not gradients.isdisjoint(node.inputs)):
            yield saved


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


def _bases(graph: Graph, nodes: Iterable[Node], *, training: bool) -> dict[int, int]:
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


# ---- the order of execution


def _peak(
    operations: Sequence[Operation],
    sizes: Mapping[int, int],
    inputs: frozenset[int],
    kept: frozenset[int],
) -> Peak:
    last = {index: position for position, op in enumerate(operations) for index in op.reads}
    forever = len(operations)
    last |= dict.fromkeys(kept, forever)
    live = {index for index in inputs if index in last}
    total = sum(sizes[index] for index in live)
    peak = total
    parts: list[tuple[int, int, int, frozenset[int]]] = []  # first, end, peak, live at the start
    first, part_peak, start = 0, 0, frozenset(live)
    for position, op in enumerate(operations):
        total += sum(sizes[index] for index in op.writes)
        live |= op.writes
        part_peak = max(part_peak, total)
        dead = [i for i in live if last.get(i, -1) <= position]
        total -= sum(sizes[index] for index in dead)
        live.difference_update(dead)
        if len(live) == 1 or position + 1 == forever:
            parts.append((first, position + 1, part_peak, start))
            peak = max(peak, part_peak)
            first, part_peak, start = position + 1, 0, frozenset(live)
    return Peak(peak, _best_order(operations, sizes, kept, parts, peak))


def _best_order(
    operations: Sequence[Operation],
    sizes: Mapping[int, int],
    kept: frozenset[int],
    parts: Sequence[tuple[int, int, int, frozenset[int]]],
    declared: int,
) -> int | None:
    """The least peak over all orders; None where a part has too many orders to search.

    A single live tensor between two parts makes their orders independent. No order of any part is
    below its most demanding operation, so that few parts need a search.
    """
    floor = max(
        (sum(sizes[index] for index in op.reads | op.writes) for op in operations), default=declared
    )
    best = floor
    for first, end, part_peak, start in sorted(parts, key=lambda part: -part[2]):
        if part_peak <= best:
            break
        later = frozenset(index for op in operations[end:] for index in op.reads) | kept
        found = _search(operations[first:end], sizes, start, later)
        if found is None:
            return None
        best = max(best, found)
    return best


def _search(
    operations: Sequence[Operation],
    sizes: Mapping[int, int],
    start: frozenset[int],
    later: frozenset[int],
) -> int | None:
    """The least peak over the orders of one part: cheapest sets of finished operations first."""
    everything = (1 << len(operations)) - 1
    queue: list[tuple[int, int, int]] = [(sum(sizes[i] for i in start), 0, 0)]
    seen: set[int] = set()
    while queue:
        peak, _, done = heappop(queue)
        if done == everything:
            return peak
        if done in seen:
            continue
        seen.add(done)
        if len(seen) > MAX_STATES:
            return None
        live = _live(operations, done, start, later)
        total = sum(sizes[index] for index in live)
        for position, op in enumerate(operations):
            if not done >> position & 1 and op.reads <= live:
                grown = total + sum(sizes[index] for index in op.writes)
                after = done | 1 << position
                heappush(queue, (max(peak, grown), -after.bit_count(), after))
    return None


def _live(
    operations: Sequence[Operation], done: int, start: frozenset[int], later: frozenset[int]
) -> frozenset[int]:
    """The tensors that exist after these operations and are still to be read."""
    made, wanted = set(start), set(later)
    for position, op in enumerate(operations):
        if done >> position & 1:
            made |= op.writes
        else:
            wanted |= op.reads
    return frozenset(made & wanted)
