"""What a spec is made of before anyone asks what it means: values with their places."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from cnncalc.language.scalars import Value
from cnncalc.problem import Span


class Scalar(NamedTuple):
    """A single value; `text` is its content as written, `plain` that it stands without quotes."""

    value: Value
    text: str
    span: Span
    plain: bool


class Sequence(NamedTuple):
    """A list, of either style."""

    items: tuple[Node, ...]
    span: Span


class Mapping(NamedTuple):
    """Keys and values in the order of the file; no key text comes twice."""

    entries: tuple[tuple[Scalar, Node], ...]
    span: Span

    def get(self, key: str) -> Node | None:
        """The value of a key, None when it is not there."""
        return next((node for one, node in self.entries if one.text == key), None)

    def key(self, key: str) -> Scalar | None:
        """The key itself, with its place; None when it is not there."""
        return next((one for one, _ in self.entries if one.text == key), None)


Node: TypeAlias = Scalar | Sequence | Mapping
