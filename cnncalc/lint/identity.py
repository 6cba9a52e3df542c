"""What a finding is called from one commit to the next: no line numbers, as lines move."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator

from cnncalc.language.document import Document, Mapping, Scalar, Sequence
from cnncalc.lint.check import Checked
from cnncalc.problem import Span


def fingerprints(checked: Checked) -> Iterator[str]:
    """A hash for each finding, of its code, its file, and the item and argument it is at."""
    from hashlib import sha256  # paid for only by the formats that have fingerprints

    paths = Paths(checked.document)
    seen: Counter[str] = Counter()
    for finding in checked.findings:
        problem = finding.problem
        name = "\0".join((problem.code, checked.file, paths.of(problem.span)))
        seen[name] += 1
        whole = f"{name}\0{seen[name]}".encode(errors="surrogateescape")  # as files are named
        yield sha256(whole).hexdigest()[:32]


class Paths:
    """The keys and numbers that lead to places, such as `blocks.Down.layers.0.Conv2d.stride`."""

    def __init__(self, document: Document) -> None:
        self._root = document.root
        self._starts: dict[Span, list[tuple[int, int]]] = {}

    def of(self, span: Span) -> str:
        """The path of what stands at a place; empty where nothing does."""
        node, parts = self._root, []
        while node is not None and not isinstance(node, Scalar):
            number = bisect_right(self._parts(node), (span.line, span.column)) - 1
            if number < 0:
                break
            if isinstance(node, Mapping):
                key, node = node.entries[number]
                parts.append(key.text)
            else:
                node = node.items[number]
                parts.append(str(number))
        return ".".join(parts)

    def _parts(self, node: Mapping | Sequence) -> list[tuple[int, int]]:
        """Where the parts of a collection start, found once."""
        if node.span not in self._starts:
            keys = [key for key, _ in node.entries] if isinstance(node, Mapping) else node.items
            self._starts[node.span] = [(one.span.line, one.span.column) for one in keys]
        return self._starts[node.span]
