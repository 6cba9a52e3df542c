"""The distinct layers of a network: one type, one set of arguments, the same input shapes."""

from __future__ import annotations

from typing import NamedTuple

from cnncalc.engine.gradients.structure import kinds
from cnncalc.graph import Graph
from cnncalc.layer import Layer, Shape

LOSS = "loss"
"""The path that stands for the loss."""


class Signature(NamedTuple):
    """A layer, the shapes of its inputs, and the paths of all nodes that are alike."""

    layer: Layer
    type: str
    shapes: tuple[Shape, ...]
    paths: tuple[str, ...]


def signatures(graph: Graph, written: Graph | None = None) -> tuple[Signature, ...]:
    """The distinct layers in execution order, the loss last.

    `written` is the network before its input was shrunk: adaptive pools keep their shapes from
    there, as their windows follow from the size itself.
    """
    found: dict[tuple[Layer, tuple[Shape, ...]], list[str]] = {}
    types: dict[Layer, str] = {}
    sources = (written or graph).nodes
    for node, source in zip(graph.nodes, sources, strict=True):
        if node.layer is None:
            continue
        full = written is not None and "AdaptivePoolNd" in kinds(node.layer)
        shapes = written.shapes(source.inputs) if full and written else graph.shapes(node.inputs)
        if shapes is not None:
            found.setdefault((node.layer, shapes), []).append(node.path)
            types[node.layer] = node.type
    if graph.loss is not None:
        types[graph.loss] = type(graph.loss).__name__
        for output in graph.outputs:
            shape = graph.values[output.value].shape
            if shape is not None:
                found.setdefault((graph.loss, (shape,)), []).append(LOSS)
    return tuple(
        Signature(layer, types[layer], shapes, tuple(paths))
        for (layer, shapes), paths in found.items()
    )
