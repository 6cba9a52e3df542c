"""Taking an entry out of a mapping, in the text of a spec: the rest stays as it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from cnncalc.language.document import Document, Mapping, Node, Scalar
from cnncalc.problem import Edit, Span

_NOTHING_ELSE = re.compile(r"\s*,?\s*(#.*)?")
_COMMA_BEHIND = re.compile(r"\s*,\s*")
_COMMA_BEFORE = re.compile(r"\s*,\s*$")


class Entry(NamedTuple):
    """A key with its value; `around` is the entry whose value is the mapping that holds it."""

    key: Scalar
    value: Node
    siblings: int
    around: Entry | None


def entries(document: Document) -> Iterator[Entry]:
    """Every entry of every mapping of a file."""
    pending: list[tuple[Node, Entry | None]] = [(document.root, None)] if document.root else []
    while pending:
        node, around = pending.pop()
        if isinstance(node, Mapping):
            for key, value in node.entries:
                entry = Entry(key, value, len(node.entries) - 1, around)
                yield entry
                pending.append((value, entry))
        elif not isinstance(node, Scalar):
            pending += [(one, None) for one in node.items]


def removal(document: Document, entry: Entry) -> Edit | None:
    """What takes an entry out; None where that would change more than its own text.

    A mapping of which nothing would be left goes with it, if an entry holds that.
    """
    while not entry.siblings:
        if entry.around is None:
            return None
        entry = entry.around
    lines, start, end = document.lines, entry.key.span, entry.value.span
    before = lines[start.line - 1][: start.column - 1]
    behind = lines[end.end_line - 1][end.end_column - 1 :]
    if not before.strip() and _NOTHING_ELSE.fullmatch(behind) and start.line > 1:
        above = len(lines[start.line - 2]) + 1
        last = len(lines[end.end_line - 1]) + 1
        return Edit(Span(start.file, start.line - 1, above, end.end_line, last), "")
    if comma := _COMMA_BEHIND.match(behind):
        last = end.end_column + comma.end()
        return Edit(Span(start.file, start.line, start.column, end.end_line, last), "")
    if comma := _COMMA_BEFORE.search(before):
        first = comma.start() + 1
        return Edit(Span(start.file, start.line, first, end.end_line, end.end_column), "")
    return None
