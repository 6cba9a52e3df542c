"""The working of every layer of a network: its numbers, and where its arguments come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from cnncalc.analysis.report import Report, Row
from cnncalc.answers.names import Named, Tracer
from cnncalc.answers.working import Working, working
from cnncalc.language.builder import Built
from cnncalc.layer import Layer, Shape
from cnncalc.problem import Problem


class Explained(NamedTuple):
    """One layer; `working` is None where its numbers are not known.

    `assumed` are the inputs whose shapes rest on a guess. `same` is the path of an earlier layer
    that has the same numbers.
    """

    row: Row
    working: Working | None
    assumed: tuple[bool, ...]
    arguments: tuple[Named, ...] = ()
    same: str | None = None

    @property
    def problem(self) -> Problem | None:
        """What is wrong with the layer itself."""
        return self.row.node.problem


class Explanation(NamedTuple):
    """The layers that were asked for, in order; `whole` says that these are all."""

    report: Report
    layers: tuple[Explained, ...]
    whole: bool


def explain(
    built: Built,
    report: Report,
    tracer: Tracer,
    wanted: Callable[[Row], bool] | None = None,
    dtype: str = "float32",
) -> Explanation:
    """The working of all layers, or of those that are wanted."""
    chosen = [
        (row, context)
        for row, context in zip(report.rows, built.contexts, strict=True)
        if wanted is None or wanted(row)
    ]
    first: dict[tuple[Layer, tuple[Shape, ...]], tuple[str, Working]] = {}
    layers = []
    for row, context in chosen:
        shapes = built.graph.shapes(row.node.inputs)
        layer = row.node.layer
        assumed = tuple(built.graph.values[index].assumed for index in row.node.inputs)
        if layer is None or shapes is None or row.assumed:
            layers.append(Explained(row, None, assumed))
            continue
        arguments = tracer.arguments(row.node, context)
        if (layer, shapes) in first:
            same, found = first[layer, shapes]
            layers.append(Explained(row, found, assumed, arguments, same))
        else:
            found = working(layer, *shapes, dtype=dtype)
            first[layer, shapes] = row.node.path, found
            layers.append(Explained(row, found, assumed, arguments))
    return Explanation(report, tuple(layers), wanted is None)


def matching(report: Report, names: Iterable[tuple[str, int]], layer: str) -> set[str]:
    """The paths that a word means: a layer, a tensor's name, or all layers of a structure."""
    paths = {row.node.path for row in report.rows}
    if layer in paths:
        return {layer}
    producers = {index: row.node.path for row in report.rows for index in row.node.outputs}
    for name, index in names:
        if name == layer and index in producers:
            return {producers[index]}
    return {path for path in paths if path.startswith((f"{layer}.", f"{layer}["))}
