"""Depth: how many layers with weights an image passes through, on the longest way."""

from __future__ import annotations

from collections.abc import Sequence

from cnncalc.analysis.cost import Cost
from cnncalc.graph import Graph


def depth(graph: Graph, costs: Sequence[Cost | None]) -> int | None:
    """The most layers with MACs on a path from an input to an output, at inference.

    This is the number in the names of networks: ResNet-50, VGG-16, DenseNet-121. The layers of
    gates count too. `costs` are those of the nodes; None where one is not known, where a layer
    reads what exists in training only, and without an output.
    Source: MathWorks, Deep Learning Toolbox ("the largest number of sequential convolutional or
    fully connected layers on a path from the input layer to the output layer").
    """
    behind = dict.fromkeys(graph.inputs.values(), 0)
    for node, cost in zip(graph.nodes, costs, strict=True):
        if node.train_only:
            continue
        if cost is None or not behind.keys() >= set(node.inputs):
            return None
        before = max(behind[index] for index in node.inputs)
        behind.update(dict.fromkeys(node.outputs, before + (cost.macs > 0)))
    return max((behind[output.value] for output in graph.inference_outputs()), default=None)
