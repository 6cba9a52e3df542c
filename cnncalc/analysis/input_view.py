"""A network as one of its inputs sees it: the field of every layer, and what is read of it."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, reduce
from math import prod
from typing import NamedTuple

from cnncalc.analysis.footprint import footprints
from cnncalc.analysis.receptive_field import UNKNOWN, Field, network_field, receptive_fields
from cnncalc.analysis.regions import Region, union
from cnncalc.analysis.report import Report, Row
from cnncalc.graph import Graph, Node
from cnncalc.layer import Shape
from cnncalc.window import Reach, Whole, Window


class InputView(NamedTuple):
    """All fields relative to one input.

    `graph` and `report` have that input as their first, and the fields in their rows. `unread` are
    the pixels that no unit of each row reads, and `never_read` those that bear on no output; None:
    not known. `reducers` are the paths of the layers through which units see the whole input.
    """

    name: str
    shape: Shape
    graph: Graph
    report: Report
    unread: tuple[int | None, ...]
    never_read: int | None
    reducers: tuple[str, ...]

    @property
    def pixels(self) -> int:
        """How many there are."""
        return prod(self.shape[1:])

    @property
    def covering(self) -> Row | None:
        """The first layer whose units see as much as the input is large, by windows alone."""
        for row in self.report.rows:
            local = [axis.local for axis in row.field.axes] if row.field else []
            if local and all(r and r >= n for r, n in zip(local, self.shape[1:], strict=True)):
                return row
        return None


def input_views(graph: Graph, report: Report) -> tuple[InputView, ...]:
    """The views of all inputs that have a shape."""
    return tuple(
        _view(graph, report, name, source, shape)
        for name, source in graph.inputs.items()
        if (shape := graph.values[source].shape) is not None
    )


def _view(graph: Graph, report: Report, name: str, source: int, shape: Shape) -> InputView:
    fields, read = receptive_fields(graph, source), footprints(graph, source)
    known = [_known(fields[row.node.outputs[0]]) for row in report.rows]
    rows = tuple(row._replace(field=field) for row, field in zip(report.rows, known, strict=True))
    pixels = prod(shape[1:])
    nothing: Region | None = Region(shape[1:], ())
    outputs = reduce(union, (read[one.value] for one in graph.inference_outputs()), nothing)
    return InputView(
        name=name,
        shape=shape,
        graph=graph._replace(inputs={name: source, **graph.inputs}),
        report=replace(
            report,
            inputs={name: shape, **report.inputs},
            rows=rows,
            field=network_field(graph, fields),
        ),
        unread=tuple(
            _unread(read[row.node.outputs[0]], pixels) if row.field else None for row in rows
        ),
        never_read=_unread(outputs, pixels),
        reducers=tuple(node.path for node in graph.nodes if _reduces(graph, node, fields)),
    )


def _known(field: Field | None) -> Field | None:
    return None if field is UNKNOWN else field


@lru_cache(maxsize=64)
def _unread(read: Region | None, pixels: int) -> int | None:
    return None if read is None else pixels - read.positions


def _reduces(graph: Graph, node: Node, fields: tuple[Field | None, ...]) -> bool:
    """Whether a layer gathers all places of something that comes from the input."""
    shapes = graph.shapes(node.inputs)
    if node.layer is None or shapes is None or _known(fields[node.outputs[0]]) is None:
        return False
    windows = zip(node.inputs, shapes, node.layer.windows(*shapes), strict=True)
    return any(_local(fields[index]) and _gathers(window, x) for index, x, window in windows)


def _local(field: Field | None) -> bool:
    """Whether units still see something by windows alone, so that there is more to gather."""
    return field is not None and any(axis.local or not axis.whole for axis in field.axes)


def _gathers(window: Window, x: Shape) -> bool:
    """Whether it reads a whole axis of more than one place, as broadcasting one does not."""
    if isinstance(window, Reach):
        return window in (Reach.EVERYTHING, Reach.STATISTICS)
    return any(isinstance(axis, Whole) and n > 1 for axis, n in zip(window, x[1:], strict=True))
