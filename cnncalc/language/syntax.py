"""What a YAML parser complains about, in the words of someone who writes a spec.

A parser reports where it could not go on. The mistake is often elsewhere: where a bracket was
opened, or in the line above.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from cnncalc.language.scalars import quote
from cnncalc.problem import Problem, Span

TAB = "a tab in the indentation"
TAB_HELP = "indent with spaces"

_BARE_LAYER = re.compile(r"( *- +)([A-Z][A-Za-z0-9]*) *(#.*)?")
_KEY = re.compile(r"( +)([\w-]+)[ \t]*:(?![^\s])")
_BRACES_BEHIND = re.compile(r" *(?:- +)*([A-Za-z]\w*) *\{")
_TOKEN = re.compile(r"[\w$]+|.")


def explain(lines: Sequence[str], file: str, error: Exception, bracket: Any) -> Problem:
    """The problem behind an error of PyYAML, which has its text and marks as attributes.

    `bracket` is the mark of the innermost bracket that is open there, if any.
    """
    text = str(getattr(error, "problem", None) or error).replace(
        "did not find expected", "expected"
    )
    mark = getattr(error, "problem_mark", None)
    context = getattr(error, "context_mark", None) or mark
    if "node content" in text and bracket:
        context = bracket
    complaint = _Complaint(
        text,
        *((mark.line, mark.column) if mark else (0, 0)),
        *((context.line, context.column) if context else (0, 0)),
    )
    page = _Page(lines, file, complaint)
    for rule in (_braces, _tab, _bare_layer, _unclosed, _separator, _known):
        problem = rule(page)
        if problem:
            return problem
    return page.problem(text, complaint.line, complaint.column)


def uncut(text: str, kind: str) -> str:
    """The help for the first piece of what a comma has cut, in a list or mapping (`kind`)."""
    if text.startswith("$"):
        return f"quote it, or write the {kind} on separate lines"
    if text.startswith("("):
        return "write a list, such as [3, 3]"
    name = text.partition("(")[0].rpartition(".")[2]
    return f"write '{name}: {{...}}', with arguments by name"


class _Complaint(NamedTuple):
    """A parser's error: lines and columns count from 0, the context is what it was reading."""

    text: str
    line: int
    column: int
    context_line: int
    context_column: int


class _Page(NamedTuple):
    """The text around an error."""

    lines: Sequence[str]
    file: str
    error: _Complaint

    def line(self, number: int) -> str:
        return self.lines[number] if number < len(self.lines) else ""

    @property
    def token(self) -> str:
        """The word or sign at which the parser stopped; empty at the end of a line."""
        found = _TOKEN.match(self.line(self.error.line), self.error.column)
        return found.group() if found else ""

    @property
    def opening(self) -> str:
        """The sign with which began what the parser was reading."""
        column = self.error.context_column
        return self.line(self.error.context_line)[column : column + 1]

    def problem(
        self, message: str, line: int, column: int, length: int = 1, help: str | None = None
    ) -> Problem:
        span = Span(self.file, line + 1, column + 1, line + 1, column + 1 + length)
        return Problem("CNN001", message, span, help)

    def here(self, message: str, help: str | None = None) -> Problem:
        """The problem at which the parser stopped."""
        return self.problem(message, self.error.line, self.error.column, len(self.token) or 1, help)

    def at_opening(self, message: str, help: str | None = None) -> Problem:
        error = self.error
        return self.problem(message, error.context_line, error.context_column, 1, help)


def _braces(page: _Page) -> Problem | None:
    error = page.error
    line = page.line(error.line)
    if error.column == 0 or line[error.column - 1 : error.column + 1] != "${":
        return None
    name = re.match(r"\{\s*(\w*)[^}]*\}?", line[error.column :])
    length = 1 + len(name.group()) if name else 2
    word = name.group(1) if name and name.group(1) else "name"
    return page.problem(
        "'${' is not how a variable is written",
        error.line,
        error.column - 1,
        length,
        f"write ${word} or $({word})",
    )


def _tab(page: _Page) -> Problem | None:
    error = page.error
    if "found character" not in error.text and "tab" not in error.text:
        return None
    line = page.line(error.line)
    indentation = line[: len(line) - len(line.lstrip(" \t"))]
    if error.column <= len(indentation) and "\t" in indentation:
        return page.problem(TAB, error.line, indentation.index("\t"), help=TAB_HELP)
    if page.token == "\t":
        return page.here("a tab between the tokens of a line", "use spaces")
    return None


def _bare_layer(page: _Page) -> Problem | None:
    """`- ReLU` and below it `name: pre`."""
    key = _KEY.match(page.line(page.error.line))
    above = page.error.line - 1
    while above >= 0 and not page.line(above).partition("#")[0].strip():
        above -= 1
    layer = _BARE_LAYER.fullmatch(page.line(above)) if above >= 0 else None
    if key is None or layer is None or len(key.group(1)) <= layer.group().index("-"):
        return None
    name = layer.group(2)
    return page.problem(
        f"'{name}' stands without a colon, so '{key.group(2)}' cannot modify it",
        above,
        layer.start(2),
        len(name),
        f"write '- {name}:' with a colon when modifiers follow",
    )


def _unclosed(page: _Page) -> Problem | None:
    """A bracket or quote that the rest of the file does not close."""
    error = page.error
    if "end of stream" in error.text or "found unexpected document" in error.text:
        return page.at_opening("the quote opened here is never closed")
    if page.opening not in ("[", "{") or not re.search(
        "expected (',' or '[]}]'|(the )?node content)", error.text
    ):
        return None
    rest = page.line(error.line)
    ended = not any(line.strip() for line in (rest[error.column :], *page.lines[error.line + 1 :]))
    outdented = error.line > error.context_line and page.token not in ("]", "}")
    if ended or (outdented and _indent(rest) <= _indent(page.line(error.context_line))):
        closing = "]" if page.opening == "[" else "}"
        return page.at_opening(
            f"'{page.opening}' is never closed", f"write the missing '{closing}'"
        )
    return None


def _separator(page: _Page) -> Problem | None:
    """Something between the items of brackets that is no comma."""
    error = page.error
    found = re.search("expected (',' or '[]}]')", error.text)
    if not found:
        return None
    where = f"in the '{page.opening}' of line {error.context_line + 1}"
    key = page.line(error.line)[: error.column].strip()
    if page.token == ":" and error.line > error.context_line and key.isidentifier():
        column = error.column - len(key)
        return page.problem(
            f"a ',' is missing before '{key}' {where}", error.line, column, len(key)
        )
    shown = f"'{page.token}'" if page.token else "the end of the line"
    return page.here(f"expected {found.group(1)}, not {shown}, {where}")


def _known(page: _Page) -> Problem | None:
    for phrases, rule in _RULES:
        if any(phrase in page.error.text for phrase in phrases):
            return rule(page)
    return None


def _colon(page: _Page) -> Problem:
    before = page.line(page.error.line)[: page.error.column]
    bare = _BRACES_BEHIND.match(before)
    if bare:
        message = f"expected ':' after '{bare.group(1)}'"
        help = f"write '{bare.group(1)}: {{'"
        return page.problem(message, page.error.line, bare.start(1), len(bare.group(1)), help)
    if re.search(r":\s", before):
        return page.here("a second ':' in one value", "put a value with ': ' in quotes")
    help = "check the indentation, and that the line above ends as it should"
    return page.here(f"unexpected ':' after {quote(before.strip())}", help)


def _unexpected(page: _Page) -> Problem:
    token = page.token
    if page.line(page.error.line - 1).startswith("...") and page.error.line:
        return page.here("text after '...', which ends the document", "delete the '...'")
    if token in ("]", "}"):
        return page.here(f"'{token}' closes nothing")
    if token == "-":
        help = "check the indentation: no list can go on here"
        return page.here("unexpected '-' where a key belongs", help)
    if page.line(page.error.line)[: page.error.column].strip():
        help = "put the whole value in one pair of quotes"
        return page.here(f"unexpected '{token}' after the value", help)
    return page.here(f"'{token}' is indented unlike the lines before it", "check the indentation")


def _start(page: _Page) -> Problem:
    return page.at_opening(f"a value cannot start with '{page.opening}'", "put it in quotes")


def _escape(page: _Page) -> Problem:
    line = page.line(page.error.line)
    start = max(line.rfind("\\", 0, page.error.column + 1), 0)
    message = f"'{line[start : start + 2]}' is no escape in double quotes"
    return page.problem(message, page.error.line, start, 2, "use single quotes")


def _node(page: _Page) -> Problem:
    shown = f"'{page.token}'" if page.token else "the end of the line"
    return page.here(f"expected a value, not {shown}")


def _inline_list(page: _Page) -> Problem:
    help = "start the list on the next line, or write [a, b]"
    return page.here("a list with '-' cannot start behind its key", help)


def _colon_missing(page: _Page) -> Problem:
    error = page.error
    word = page.line(error.context_line)[error.context_column :].rstrip()
    length = max(len(word), 1)
    message = f"expected ':' after {quote(word)}"
    return page.problem(message, error.context_line, error.context_column, length)


_Rule = Callable[[_Page], Problem]
_RULES: tuple[tuple[tuple[str, ...], _Rule], ...] = (
    (("mapping values are not allowed",), _colon),
    (("expected key", "<block end>", "'-' indicator", "<document start>"), _unexpected),
    (("document start",), _unexpected),
    (("could not find expected ':'",), _colon_missing),
    (("cannot start any token", "alphabetic or numeric character"), _start),
    (("block sequence entries", "sequence entries are not allowed"), _inline_list),
    (("escape character",), _escape),
    (("node content",), _node),
)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
