"""Which elementwise layers a convolution takes over, piece by piece while they are in the cache.

At inference an elementwise layer costs little beside the way of its tensor to memory and back.
"""

from __future__ import annotations

from collections.abc import Mapping

from cnncalc.graph import Graph, Node

Followers = Mapping[int, tuple[int, ...]]
"""For each convolution, by its place, the places of the layers that it takes over, in order."""


def followers(graph: Graph) -> Followers:
    """The layers behind each convolution that only one reader leads to."""
    readers: dict[int, list[int]] = {output.value: [] for output in graph.outputs}
    results = frozenset(readers)
    made: dict[int, int] = dict.fromkeys(graph.inputs.values(), -1)
    for place, node in enumerate(graph.nodes):
        made |= dict.fromkeys(node.outputs, place)
        for index in node.inputs:
            readers.setdefault(index, []).append(place)
    found: dict[int, tuple[int, ...]] = {}
    for place, node in enumerate(graph.nodes):
        if node.layer is None or not node.layer.finishes:
            continue
        chain: list[int] = []
        value = node.outputs[0]
        while value not in results and len(readers.get(value, ())) == 1:
            (reader,) = readers[value]
            follower = graph.nodes[reader]
            early = all(made[index] < place for index in others(follower, value))
            if not early or not _takes_over(graph, follower, value):
                break
            chain.append(reader)
            value = follower.outputs[0]
        if chain:
            found[place] = tuple(chain)
    return found


def others(node: Node, value: int) -> tuple[int, ...]:
    """The inputs beside that one."""
    return tuple(index for index in node.inputs if index != value)


def _takes_over(graph: Graph, node: Node, value: int) -> bool:
    """Whether the node can work in the memory of that value."""
    same_shape = graph.values[value].shape == graph.values[node.outputs[0]].shape
    return (
        node.layer is not None
        and node.layer.fusible
        and same_shape
        and len(set(node.inputs)) == len(node.inputs) <= 2
    )
