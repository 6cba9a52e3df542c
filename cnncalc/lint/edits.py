"""Edits of a spec's text that keep every comment; None or nothing where that cannot be done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from cnncalc.analysis.report import Row
from cnncalc.graph import Node as Made
from cnncalc.language.document import Document, Mapping, Node, Scalar, Sequence, source
from cnncalc.language.expression import is_expression
from cnncalc.lint.network import Network
from cnncalc.lint.removal import Entry, entries, removal
from cnncalc.problem import Edit, Fix, Span


class Listed(NamedTuple):
    """One item of a list, by its place there."""

    owner: Sequence
    place: int

    @property
    def node(self) -> Node:
        """The item."""
        return self.owner.items[self.place]

    @property
    def plain(self) -> bool:
        """Whether the item is a layer or block alone, without modifiers."""
        return not isinstance(self.node, Mapping) or len(self.node.entries) == 1


class Edits:
    """What may be edited in a document; its nodes are looked up by where they stand."""

    def __init__(self, document: Document) -> None:
        self.document = document

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text."""
        return self.document.lines

    @property
    def line_end(self) -> str:
        """What ends a line of the text."""
        return "\r\n" if "\r\n" in self.document.text else "\n"

    @cached_property
    def entries(self) -> dict[Span, Entry]:
        """The entries of all mappings, by the places of their keys and of their values."""
        found: dict[Span, Entry] = {}
        for entry in entries(self.document):
            found[entry.key.span] = found[entry.value.span] = entry
        return found

    @cached_property
    def items(self) -> dict[Span, Listed]:
        """The items of all lists, by the places of their keys, or of what has none."""
        found: dict[Span, Listed] = {}
        for node in walk(self.document.root) if self.document.root else ():
            if isinstance(node, Sequence):
                for index, one in enumerate(node.items):
                    keys = one.entries if isinstance(one, Mapping) else [(one, one)]
                    found.update((key.span, Listed(node, index)) for key, _ in keys)
        return found

    def literal(self, span: Span) -> bool:
        """Whether the value of the entry there is written out, without expressions."""
        entry = self.entries.get(span)
        return entry is not None and not any(_computed(node) for node in walk(entry.value))

    def source(self, span: Span) -> str:
        """The text that stands there."""
        return source(self.lines, span)

    def is_flow(self, node: Node) -> bool:
        """Whether a collection is written in brackets."""
        return self.lines[node.span.line - 1][node.span.column - 1] in "[{"

    def without_item(self, span: Span) -> Edit | None:
        """Delete an item without modifiers; there must be others in its list.

        Not where something refers to `prev2`, which would become another tensor.
        """
        item = self.items.get(span)
        if item is None or len(item.owner.items) == 1:
            return None
        if not item.plain or "prev2" in self.document.text:
            return None
        if self.is_flow(item.owner):
            return self._without_part([one.span for one in item.owner.items], item.place)
        return self._without_lines(item.node.span)

    def without_entry(self, span: Span) -> Edit | None:
        """Delete a key with its value; there must be others beside it."""
        entry = self.entries.get(span)
        return removal(self.document, entry) if entry and entry.siblings else None

    def with_modifier(self, span: Span, name: str, text: str) -> Edit | None:
        """Write a modifier at an item of a list that has none."""
        item = self.items.get(span)
        if item is None or not item.plain:
            return None
        inside = self.is_flow(item.owner)
        if isinstance(item.node, Mapping):
            pair = inside and not self.is_flow(item.node)  # as in [Linear: 10]
            return None if pair else self.with_entries(item.node, f"{name}: {text}")
        written = self.source(item.node.span)
        if inside:
            key = keyed(name, item.node)
            return Edit(item.node.span, f"{{{written}: null, {key}: {text}}}")
        indent = self.line_end + " " * (item.node.span.column - 1)
        return Edit(item.node.span, f"{written}:{indent}{name}: {text}")

    def swapped(self, first: Span, second: Span) -> tuple[Edit, ...]:
        """Exchange two items, each on one line and without modifiers, that follow each other.

        A comment behind an item goes with it; nothing where one lies between them, or in brackets.
        """
        one, two = self.items.get(first), self.items.get(second)
        if one is None or two is None or two.owner is not one.owner or two.place != one.place + 1:
            return ()
        spans = [one.node.span, two.node.span]
        inside = self.is_flow(one.owner)
        if inside and first.line < second.line:
            looked_at = self.lines[first.line - 1 : second.line]
        else:
            looked_at = self.lines[first.line : second.line - 1]
        if any("#" in line for line in looked_at) or not (one.plain and two.plain):
            return ()
        if not inside:
            spans = [self._to_line_end(span) for span in spans]
        texts = [self.source(span) for span in spans]
        if any("\n" in text for text in texts):
            return ()
        return Edit(spans[0], texts[1]), Edit(spans[1], texts[0])

    def with_argument(self, made: Made, name: str, text: str) -> Edit | None:
        """Write an argument of a layer, or another value for it."""
        if span := made.written.get(name):
            return Edit(span, text) if self.literal(span) else None
        entry = self.entries.get(made.span)
        if entry is None or entry.key.span != made.span or isinstance(entry.value, Sequence):
            return None
        if isinstance(entry.value, Mapping):
            return self.with_entries(entry.value, f"{name}: {text}", like=entry.key)
        written = self.source(entry.value.span)
        primary = made.layer.primary if made.layer else None
        if not written or primary is None or any(sign in written for sign in ",:#[]{}\n"):
            return None
        first, other = keyed(primary, entry.key), keyed(name, entry.key)
        return Edit(entry.value.span, f"{{{first}: {written}, {other}: {text}}}")

    def with_entries(self, owner: Mapping, *entries: str, like: Node | None = None) -> Edit:
        """Write entries behind the others of a mapping; keys are quoted as `like`, or as those."""
        model = owner.entries[0][0] if owner.entries else like
        parts = [entry.partition(":") for entry in entries]
        entries = tuple(f"{keyed(key, model)}:{text}" for key, _, text in parts)
        if not owner.entries:
            return Edit(owner.span, f"{{{', '.join(entries)}}}")
        last = owner.entries[-1][1].span
        if self.is_flow(owner):
            return Edit(_behind(last), "".join(f", {entry}" for entry in entries))
        end = len(self.lines[last.end_line - 1]) + 1
        place = _behind(last)._replace(column=end, end_column=end)
        indent = self.line_end + " " * (owner.span.column - 1)
        return Edit(place, "".join(indent + entry for entry in entries))

    def _to_line_end(self, span: Span) -> Span:
        return span._replace(end_column=len(self.lines[span.end_line - 1]) + 1)

    def _without_part(self, parts: list[Span], index: int) -> Edit | None:
        """Delete one of the parts between brackets, with its comma."""
        span = parts[index]
        if index:
            before = parts[index - 1]
            span = span._replace(line=before.end_line, column=before.end_column)
        elif len(parts) > 1:
            behind = parts[1]
            span = span._replace(end_line=behind.line, end_column=behind.column)
        return None if "#" in self.source(span) else Edit(span, "")

    def _without_lines(self, span: Span) -> Edit | None:
        """Delete an item that has its lines for itself; a comment behind it stays."""
        dash = self.lines[span.line - 1][: span.column - 1].rstrip()
        behind = self.lines[span.end_line - 1][span.end_column - 1 :]
        if dash.strip() != "-" or "#" in self.source(span):
            return None
        if behind.strip():
            spaces = len(behind) - len(behind.lstrip())
            return Edit(span._replace(column=len(dash), end_column=span.end_column + spaces), "")
        return Edit(span._replace(column=1, end_line=span.end_line + 1, end_column=1), "")


def everywhere(network: Network, found: list[Row]) -> list[Row]:
    """Those of the rows of which all expansions of the line are found, so that it can be edited."""
    expansions = Counter(node.span for node in network.graph.nodes)
    counts = Counter(row.node.span for row in found)
    return [row for row in found if counts[row.node.span] == expansions[row.node.span]]


def mend(title: str, *edits: Edit | None, safe: bool = True) -> Fix | None:
    """The fix that takes these edits; None where one of them cannot be done, or there is none."""
    found = tuple(edit for edit in edits if edit)
    return Fix(title, found, safe) if found and len(found) == len(edits) else None


def keyed(name: str, like: Node | None) -> str:
    """A key in the manner of another: in JSON, which is YAML, all are quoted."""
    return f'"{name}"' if isinstance(like, Scalar) and not like.plain else name


def _behind(span: Span) -> Span:
    return span._replace(line=span.end_line, column=span.end_column)


def tokens(node: Node) -> Iterator[Scalar | str]:
    """A node as a flat row of its scalars, with brackets around what is in collections."""
    if isinstance(node, Scalar):
        yield node
    elif isinstance(node, Sequence):
        yield "["
        for one in node.items:
            yield from tokens(one)
        yield "]"
    else:
        yield "{"
        for key, value in node.entries:
            yield key
            yield from tokens(value)
        yield "}"


def walk(node: Node) -> Iterator[Node]:
    """A node and all in it."""
    yield node
    if isinstance(node, Mapping):
        for key, value in node.entries:
            yield from walk(key)
            yield from walk(value)
    elif isinstance(node, Sequence):
        for one in node.items:
            yield from walk(one)


def _computed(node: Node) -> bool:
    return isinstance(node, Scalar) and isinstance(node.value, str) and is_expression(node.value)
