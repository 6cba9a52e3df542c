"""Comments that ignore findings: `# cnncalc: ignore[CNN203] reason`, on or above an item.

Comments are not part of what a YAML parser gives, so they are looked for in the text, outside of
what is written as a value.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from cnncalc.language.document import Document, Node, Scalar, Sequence
from cnncalc.lint.codes import ALWAYS, matching, unknown
from cnncalc.problem import Edit, Fix, Level, Problem, Span
from cnncalc.suggest import nearest

FORM = "write '# cnncalc: ignore[CNN203]' and the reason behind it"

# the word decides later whether it is meant for us: 'cnncalc: 1' may be commented out
_COMMENT = re.compile(r"(?<!\S)#\s*cnncalc:\s*([A-Za-z]+)(?:\[([^\]]*)\])?")
_WORDS = ("ignore", "disable", "noqa")
_BLANK = re.compile(r"\s*(#.*)?")


class Suppression(NamedTuple):
    """One selector of a comment, with its codes, and the items whose findings it ignores.

    `alone` says that nothing else stands in the comment's line; `others` are its other selectors.
    """

    selector: str
    codes: frozenset[str]
    span: Span
    comment: Span
    alone: bool
    others: tuple[str, ...]
    items: tuple[Span, ...]


class Comments:
    """The suppressions of a file, by the items that they are about.

    `problems` is what is wrong with how they are written.
    """

    def __init__(
        self, suppressions: Iterable[Suppression] = (), problems: Iterable[Problem] = ()
    ) -> None:
        self.suppressions, self.problems = tuple(suppressions), tuple(problems)
        self._by_item: dict[Span, list[Suppression]] = {}
        for one in self.suppressions:
            for item in one.items:
                self._by_item.setdefault(item, []).append(one)
        self._items = sorted(
            self._by_item, key=lambda item: (_start(item), -item.end_line, -item.end_column)
        )
        self._starts = [_start(item) for item in self._items]
        self._around = _nesting(self._items)

    def matching(self, problem: Problem) -> list[Suppression]:
        """Those about an item in which a problem, or a call on the way to it, stands."""
        places = [problem.span, *(call.span for call in problem.trace)] if self._items else []
        about = [one for place in places for one in self._about(place)]
        return [one for one in about if problem.code in one.codes]

    def _about(self, place: Span) -> Iterator[Suppression]:
        """The suppressions of all items around a place."""
        number: int | None = bisect_right(self._starts, _start(place)) - 1
        while number is not None and number >= 0:
            if _within(place, self._items[number]):
                yield from self._by_item[self._items[number]]
            number = self._around[number]


def _nesting(items: list[Span]) -> list[int | None]:
    """Of each item the number of the next larger one around it; they come in order."""
    around: list[int | None] = []
    open_items: list[int] = []
    for number, item in enumerate(items):
        while open_items and not _within(item, items[open_items[-1]]):
            open_items.pop()
        around.append(open_items[-1] if open_items else None)
        open_items.append(number)
    return around


def read(document: Document) -> Comments:
    """All comments of a file that are meant for us."""
    if document.root is None or not _COMMENT.search(document.text):
        return Comments()
    lines = document.lines
    found = [(n, m) for n, line in enumerate(lines, 1) for m in _COMMENT.finditer(line)]
    layout = _Layout(document.root, {number for number, _ in found})
    suppressions: list[Suppression] = []
    problems: list[Problem] = []
    for number, match in found:
        if not layout.is_value(number, match.start() + 1):
            comment = Span(
                document.file, number, match.start() + 1, number, len(lines[number - 1]) + 1
            )
            if match[1] == "ignore" and match[2] is not None:
                items = layout.items(_target(lines, number))
                suppressions += _codes(match, comment, lines[number - 1], items)
            elif nearest(match[1], _WORDS):
                problems.append(_misspelt(match, comment))
    problems += [problem for one in suppressions if (problem := _unknown(one))]
    return Comments(suppressions, problems)


def unused(suppressions: Iterable[Suppression], lines: list[str]) -> Iterator[Problem]:
    """The findings about comments that nothing matched."""
    for one in suppressions:
        if one.codes:
            message = f"there is no {one.selector} to ignore here"
            fix = Fix("delete the comment", (_deletion(one, lines),))
            yield Problem("CNN901", message, one.span, level=Level.WARNING, fix=fix)


class _Layout:
    """Where values and items stand."""

    def __init__(self, root: Node, lines: set[int]) -> None:
        self._commented = lines
        self._values: dict[int, list[Span]] = {}
        self._items: dict[int, list[Span]] = {}
        self._walk(root)

    def is_value(self, line: int, column: int) -> bool:
        """Whether a place is part of a value."""
        place = Span("", line, column, line, column)
        return any(_within(place, span) for span in self._values.get(line, ()))

    def items(self, line: int) -> tuple[Span, ...]:
        """The items that begin in a line, without what they hold themselves."""
        return tuple(self._items.get(line, ()))

    def _walk(self, node: Node) -> None:
        if isinstance(node, Scalar):
            self._value(node.span)
        elif isinstance(node, Sequence):
            for one in node.items:
                self._item(one.span)
                self._walk(one)
        else:
            for key, value in node.entries:
                last = max(key.span, value.span, key=_end)
                self._item(key.span._replace(end_line=_end(last)[0], end_column=_end(last)[1]))
                self._value(key.span)
                self._walk(value)

    def _item(self, span: Span) -> None:
        known = self._items.setdefault(span.line, [])
        if not known or not _within(span, known[-1]):  # what holds others comes before them
            known.append(span)

    def _value(self, span: Span) -> None:
        for line in range(span.line, span.end_line + 1):
            if line in self._commented:
                self._values.setdefault(line, []).append(span)


def _start(span: Span) -> tuple[int, int]:
    return span.line, span.column


def _end(span: Span) -> tuple[int, int]:
    return span.end_line, span.end_column


def _within(place: Span, item: Span) -> bool:
    """Whether a place begins in an item."""
    return _start(item) <= _start(place) < _end(item)


def _target(lines: list[str], number: int) -> int:
    """The line that a comment is about: its own, or the next with something in it."""
    if not lines[number - 1].lstrip().startswith("#"):
        return number
    rest = range(number + 1, len(lines) + 1)
    return next((n for n in rest if not _BLANK.fullmatch(lines[n - 1])), number)


def _codes(
    match: re.Match[str], comment: Span, line: str, items: tuple[Span, ...]
) -> Iterator[Suppression]:
    """The suppressions of one comment, a code each."""
    parts = [(part.strip(), part) for part in match[2].split(",")]
    column = match.start(2) + 1
    alone = not line[: comment.column - 1].strip()
    for number, (selector, part) in enumerate(parts):
        start = column + len(part) - len(part.lstrip())
        span = comment._replace(column=start, end_column=start + max(1, len(selector)))
        others = tuple(one for n, (one, _) in enumerate(parts) if n != number)
        codes = frozenset(one for one in matching(selector) if not one.startswith(ALWAYS))
        yield Suppression(selector, codes, span, comment, alone, others, items)
        column += len(part) + 1


def _misspelt(match: re.Match[str], comment: Span) -> Problem:
    message = f"'{match.group().strip()}' is not understood"
    return Problem("CNN902", message, comment, FORM, level=Level.WARNING)


def _unknown(one: Suppression) -> Problem | None:
    """What is wrong with a code."""
    if one.codes:
        return None
    if matching(one.selector):
        message, help = f"'{one.selector}' cannot be ignored", "mend what it reports"
    else:
        message, help = f"there is no rule '{one.selector}'", unknown(one.selector)
    return Problem("CNN902", message, one.span, help, level=Level.WARNING)


def _deletion(one: Suppression, lines: list[str]) -> Edit:
    """The edit that deletes a code, or with the last code the comment, or with that its line."""
    line = lines[one.comment.line - 1]
    if one.others:
        inside = line.index("[", one.comment.column - 1) + 2
        end = line.index("]", inside - 1) + 1
        return Edit(one.comment._replace(column=inside, end_column=end), ", ".join(one.others))
    if one.alone and one.comment.line < len(lines):
        return Edit(one.comment._replace(column=1, end_line=one.comment.line + 1, end_column=1), "")
    kept = len(line[: one.comment.column - 1].rstrip())
    return Edit(one.comment._replace(column=kept + 1), "")
