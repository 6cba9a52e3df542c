"""The network as rules see it: the graph with what follows from it, computed on first use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from cnncalc.analysis.receptive_field import AxisField, Field
from cnncalc.analysis.report import Report, Row
from cnncalc.graph import Graph, Node
from cnncalc.language.builder import Built, Settings
from cnncalc.language.spec import Spec
from cnncalc.layer import Shape
from cnncalc.pipeline import Loaded, analyse, expand


class Network:
    """One network of a spec (or a variant of it), for all rules."""

    def __init__(self, loaded: Loaded, settings: Settings) -> None:
        self.loaded, self.settings = loaded, settings

    @cached_property
    def built(self) -> Built:
        """The expanded network, with the problems of loading and of shapes."""
        return expand(self.loaded, self.settings)

    @property
    def graph(self) -> Graph:
        """The expanded network."""
        return self.built.graph

    @cached_property
    def report(self) -> Report:
        """All numbers, and the problems of loading, shapes, expectations and budgets."""
        return analyse(self.loaded, self.settings, built=self.built)

    @property
    def spec(self) -> Spec | None:
        """The file as written; None where it could not be read."""
        return self.loaded.spec

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The layers with their shapes, costs and fields."""
        return self.report.rows

    @cached_property
    def row_of(self) -> Mapping[int, Row]:
        """The layer that makes a value, by the value's index; inputs of the model have none."""
        return {index: row for row in self.rows for index in row.node.outputs}

    @cached_property
    def readers(self) -> Mapping[int, tuple[Row, ...]]:
        """The layers that read a value, by its index, in execution order."""
        found: dict[int, list[Row]] = {}
        for row in self.rows:
            for index in row.node.inputs:
                found.setdefault(index, []).append(row)
        return {index: tuple(rows) for index, rows in found.items()}

    @property
    def image(self) -> Shape | None:
        """The shape of the first input; None where it is not known."""
        first = next(iter(self.graph.inputs.values()), None)
        return None if first is None else self.graph.values[first].shape

    def following(self, row: Row) -> tuple[Row, ...]:
        """The layers that read what this one makes."""
        if len(row.node.outputs) == 1:
            return self.readers.get(row.node.outputs[0], ())
        return tuple(one for index in row.node.outputs for one in self.readers.get(index, ()))

    def preceding(self, row: Row) -> tuple[Row, ...]:
        """The layers that make what this one reads."""
        return tuple(self.row_of[index] for index in row.node.inputs if index in self.row_of)

    def sure(self, *types: type) -> Sequence[Row]:
        """The layers of these types (all, without any) whose shapes are known, none guessed."""
        if not types:
            return self._sure
        found = [rows for one, rows in self._by_type.items() if issubclass(one, types)]
        if len(found) == 1:
            return found[0]
        return sorted((row for rows in found for row in rows), key=lambda row: row.node.outputs)

    @cached_property
    def _sure(self) -> tuple[Row, ...]:
        return tuple(
            row
            for row in self.rows
            if None not in row.in_shapes and None not in row.out_shapes and not row.assumed
        )

    @cached_property
    def _by_type(self) -> Mapping[type, list[Row]]:
        found: dict[type, list[Row]] = {}
        for row in self._sure:
            found.setdefault(type(row.node.layer), []).append(row)
        return found

    def field_of(self, index: int) -> Field | None:
        """The receptive field of a value; None where there is none."""
        row = self.row_of.get(index)
        if row:
            return row.field
        return self._image if index == next(iter(self.graph.inputs.values())) else None

    @cached_property
    def _image(self) -> Field | None:
        """The field of the first input, to which all fields refer: each pixel is its own."""
        shape = self.image
        return Field((AxisField(1, 1, 0),) * (len(shape) - 1)) if shape else None

    def is_output(self, node: Node) -> bool:
        """Whether a result of the network, or of a head, is what this layer makes."""
        return any(output.value in node.outputs for output in self.graph.outputs)
