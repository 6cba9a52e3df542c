"""The network as every later stage sees it: frozen, in execution order, with all positions.

Nothing here knows of YAML; any front end may build a `Graph`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, cast

from cnncalc.layer import Layer, Shape
from cnncalc.problem import Call, Problem, Span


class Scope(NamedTuple):
    """A written structure around layers: a block call, a loop's row, a copy, a branch, a head."""

    kind: str
    label: str
    path: str
    span: Span
    parent: Scope | None

    def outermost_first(self) -> tuple[Scope, ...]:
        """The scope itself and all around it."""
        chain: list[Scope] = []
        scope: Scope | None = self
        while scope is not None:
            chain.append(scope)
            scope = scope.parent
        return tuple(reversed(chain))


def calls(scope: Scope | None) -> tuple[Call, ...]:
    """The block calls that lead to a place, innermost first, as messages show them."""
    chain = scope.outermost_first() if scope else ()
    return tuple(Call(s.label, s.span) for s in reversed(chain) if s.kind == "block")


class Value(NamedTuple):
    """A tensor: a model input (no producer) or an output of a node.

    `shape` is None where it is not known; `assumed` says that it rests on a guess made after a
    problem, so that no number that follows from it is sure.
    """

    path: str
    shape: Shape | None
    producer: int | None
    assumed: bool = False


class Node(NamedTuple):
    """One layer of the expanded network; `inputs` and `outputs` are indices of values.

    `written` are the places of the arguments that stand at the layer itself.
    """

    path: str
    name: str | None
    type: str
    layer: Layer | None
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    scope: Scope | None
    span: Span
    head: str | None = None
    frozen: bool = False
    train_only: bool = False
    problem: Problem | None = None
    written: Mapping[str, Span] = {}


class Output(NamedTuple):
    """A result of the network; `head` names the head that it comes from."""

    value: int
    head: str | None = None
    train_only: bool = False


class Graph(NamedTuple):
    """A network; `inputs` and `names` map to indices of values, nodes are in execution order."""

    file: str
    name: str | None
    inputs: Mapping[str, int]
    values: tuple[Value, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[Output, ...]
    names: Mapping[str, int]
    loss: Layer | None = None

    def shapes(self, indices: tuple[int, ...]) -> tuple[Shape, ...] | None:
        """The shapes of these values, or None where one is not known."""
        found = tuple([self.values[index].shape for index in indices])
        return None if None in found else cast("tuple[Shape, ...]", found)

    def assumed(self, indices: tuple[int, ...]) -> bool:
        """Whether one of these values rests on a guess."""
        return True in [self.values[index].assumed for index in indices]

    def inference_outputs(self) -> Iterator[Output]:
        """The outputs that exist at inference."""
        return (output for output in self.outputs if not output.train_only)
