"""A network up to one of its values, to run it for the gradients of single units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from cnncalc.engine.weights import Array, known_shape
from cnncalc.graph import Graph, Output
from cnncalc.layer import Shape


def leading_to(graph: Graph, value: int) -> Graph:
    """The network whose one output is this value; nothing of it is trained, and it has no loss."""
    producer = graph.values[value].producer
    nodes = tuple(
        node._replace(frozen=True, train_only=False)
        for node in graph.nodes[: 0 if producer is None else producer + 1]
    )
    return graph._replace(nodes=nodes, outputs=(Output(value),), loss=None)


def one_hot(graph: Graph, value: int, places: Sequence[Shape], dtype: DTypeLike) -> Array:
    """A gradient that is 1 in all channels of a place, and 0 elsewhere: (places, *shape)."""
    found = np.zeros((len(places), *known_shape(graph, value)), dtype)
    for number, place in enumerate(places):
        found[number][(..., *place)] = 1
    return found
