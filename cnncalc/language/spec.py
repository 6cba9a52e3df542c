"""The written spec: what each part of a file is, before any expansion.

Values stay located nodes, which the builder evaluates anew for every expansion.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping as Dict
from typing import NamedTuple

from cnncalc.language.document import Mapping, Node, Scalar
from cnncalc.problem import Problem, Span


class Invocation(NamedTuple):
    """`Name: value`, a layer or a block with what is written after it (None: nothing)."""

    name: Scalar
    value: Node | None


class Group(NamedTuple):
    """`layers:` as the head of an item."""

    items: Items


class Branch(NamedTuple):
    """One branch: items, a reference to a tensor, or neither (the identity)."""

    name: Scalar
    body: Items | Scalar | None


class Branches(NamedTuple):
    """`branches:` with the `merge:` that joins them."""

    branches: tuple[Branch, ...]
    merge: Invocation | None
    key: Scalar


class Apply(NamedTuple):
    """`apply:` with a value that gives a layer or a block."""

    key: Scalar
    value: Node


class Unreadable(NamedTuple):
    """An item that was not understood: it stays in its place, so that what follows is unsure."""

    text: str
    problem: Problem


class Loop(NamedTuple):
    """`for: names` with `in: rows`."""

    names: tuple[Scalar, ...]
    several: bool
    rows: Node


class Item(NamedTuple):
    """One entry of `layers:`, with its modifiers; `doubt` is why one of them was left out."""

    head: Invocation | Group | Branches | Apply | Unreadable
    span: Span
    names: tuple[Scalar, ...] = ()
    sources: tuple[Scalar, ...] | None = None
    loop: Loop | None = None
    condition: Node | None = None
    repeat: Node | None = None
    trainable: Node | None = None
    expect: Mapping | None = None
    doubt: Problem | None = None


class Items(NamedTuple):
    """The value of a `layers:` key; `listed` says whether it was written as a list."""

    items: tuple[Item, ...]
    listed: bool


class Block(NamedTuple):
    """A definition under `blocks:`."""

    name: Scalar
    inputs: tuple[Scalar, ...]
    args: tuple[tuple[Scalar, Node], ...]
    vars: tuple[tuple[Scalar, Node], ...]
    items: Items


class Head(NamedTuple):
    """A side output under `heads:`."""

    name: Scalar
    source: Scalar | None
    train_only: Node | None
    items: Items


class Variant(NamedTuple):
    """One entry of `variants:`."""

    name: Scalar
    settings: tuple[tuple[Scalar, Node], ...]
    expect: Mapping | None
    budget: Mapping | None


class Spec(NamedTuple):
    """A whole file; what is missing is empty."""

    file: str
    texts: Dict[str, str]
    inputs: tuple[tuple[str, Node | None], ...]
    vars: tuple[tuple[Scalar, Node], ...]
    defaults: Dict[str, tuple[Scalar, Mapping]]
    blocks: Dict[str, Block]
    items: Items
    heads: tuple[Head, ...]
    outputs: tuple[Scalar, ...] | None
    loss: Invocation | None
    expect: Mapping | None
    budget: Mapping | None
    variants: Dict[str, Variant]

    def bound_names(self) -> Iterator[Scalar]:
        """Every name that an item of the file binds, for messages about references."""
        for items in (self.items, *(b.items for b in self.blocks.values())):
            yield from _names(items)
        for head in self.heads:
            yield head.name
            yield from _names(head.items)


def bound_by(item: Item) -> Iterator[Scalar]:
    """Every name that an item binds, and those inside it."""
    yield from item.names
    if isinstance(item.head, Group):
        yield from _names(item.head.items)
    elif isinstance(item.head, Branches):
        for branch in item.head.branches:
            if isinstance(branch.body, Items):
                yield from _names(branch.body)


def _names(items: Items) -> Iterator[Scalar]:
    for item in items.items:
        yield from bound_by(item)
