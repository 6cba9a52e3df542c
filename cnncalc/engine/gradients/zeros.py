"""Biases whose gradient is 0 in a network: a norm over their channel subtracts them again."""

from __future__ import annotations

from cnncalc.engine.gradients.structure import kinds
from cnncalc.engine.weights import key, node_parameters
from cnncalc.graph import Graph, Node
from cnncalc.layer import Layer

KEEPS_SHIFTS = frozenset(
    {"MaxPoolNd", "AdaptivePoolNd", "Upsample", "Identity", "CenterCrop"}
    | {"ReflectionPadNd", "ReplicationPadNd", "CircularPadNd"}
)
"""Layers behind which a number that was added to a channel is still added to all of it."""
ALONG_LAST_AXIS = frozenset({"Linear", "LayerNorm"})


def structural_zeros(graph: Graph) -> frozenset[str]:
    """The keys of the biases that only a norm over their channel reads, in training."""
    readers: dict[int, list[Node]] = {}
    for node in graph.nodes:
        for index in node.inputs:
            readers.setdefault(index, []).append(node)
    taken_away = {output.value: False for output in graph.outputs}
    for node in reversed(graph.nodes):
        for index in node.outputs:
            read = readers.get(index, [])
            below = bool(read) and all(_takes_away(one, taken_away) for one in read)
            taken_away.setdefault(index, below)
    return frozenset(
        key(node, "bias")
        for node in graph.nodes
        if taken_away[node.outputs[0]] and _shifts_channels(graph, node)
    )


def _takes_away(node: Node, taken_away: dict[int, bool]) -> bool:
    """Whether this layer, or all behind it, subtract what is added to a channel."""
    names = _names(node.layer)
    if "BatchNormNd" in names:
        return True
    return bool(names & KEEPS_SHIFTS) and all(taken_away[index] for index in node.outputs)


def _shifts_channels(graph: Graph, node: Node) -> bool:
    """Whether the layer has a bias of one number a channel, not one along another axis."""
    shapes, bias = graph.shapes(node.outputs), node_parameters(graph, node).get("bias")
    if bias is None or shapes is None or bias.shape != shapes[0][:1]:
        return False
    return len(shapes[0]) == 1 or not _names(node.layer) & ALONG_LAST_AXIS


def _names(layer: Layer | None) -> frozenset[str]:
    return kinds(layer) if layer is not None else frozenset()
