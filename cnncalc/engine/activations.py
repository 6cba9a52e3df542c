"""A run that keeps what every layer gives."""

from __future__ import annotations

from typing import Any

from cnncalc.engine.run import Result, run
from cnncalc.engine.step import Step
from cnncalc.engine.weights import Array, Arrays
from cnncalc.graph import Graph


def run_keeping(
    graph: Graph, weights: Arrays, inputs: Arrays, **options: Any
) -> tuple[Result, dict[str, Array]]:
    """What `run` gives with these options, and the outputs of all layers by path."""
    found: dict[str, Array] = {}

    def keep(step: Step) -> None:
        if step.backward:
            return
        for index, array in zip(step.node.outputs, step.arrays, strict=True):
            if array is not None:
                found[graph.values[index].path] = array

    result = run(graph, weights, inputs, overwrite=False, watch=keep, **options)
    return result, found
