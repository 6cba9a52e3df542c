"""What a finding is called from one commit to the next: no line numbers, as lines move."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator

from cnncalc.language.document import Document, Mapping, Node, Sequence
from cnncalc.lint.check import Checked
from cnncalc.problem import Span


def fingerprints(checked: Checked) -> Iterator[str]:
    """A hash for each finding, of its code, its file, and the item and argument it is at."""
    from hashlib import sha256  # paid for only by the formats that have fingerprints

    seen: Counter[str] = Counter()
    for finding in checked.findings:
        problem = finding.problem
        name = "\0".join((problem.code, checked.file, item_path(checked.document, problem.span)))
        seen[name] += 1
        yield sha256(f"{name}\0{seen[name]}".encode()).hexdigest()[:32]


def item_path(document: Document, span: Span) -> str:
    """The keys and numbers that lead to a place, such as `blocks.Down.layers.0.Conv2d.stride`."""
    node, parts = document.root, []
    while node is not None:
        found = _inside(node, (span.line, span.column))
        if found is None:
            break
        part, node = found
        parts.append(part)
    return ".".join(parts)


def _inside(node: Node, place: tuple[int, int]) -> tuple[str, Node] | None:
    """The part of a node that a place is in."""
    if isinstance(node, Mapping):
        starts = [(key.span.line, key.span.column) for key, _ in node.entries]
        number = bisect_right(starts, place) - 1
        return (node.entries[number][0].text, node.entries[number][1]) if number >= 0 else None
    if isinstance(node, Sequence):
        starts = [(one.span.line, one.span.column) for one in node.items]
        number = bisect_right(starts, place) - 1
        return (str(number), node.items[number]) if number >= 0 else None
    return None
