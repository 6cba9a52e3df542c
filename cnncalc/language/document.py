"""The text of a spec -> located nodes: every value with the place at which it is written.

The dialect is YAML without what makes one text mean several things: no anchors, aliases, merge
keys, tags, duplicate keys or second documents; plain scalars as in `scalars.py`.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from cnncalc.language import scalars
from cnncalc.language.decoding import decode, split_lines
from cnncalc.language.nodes import Mapping, Node, Scalar, Sequence
from cnncalc.language.scalars import quote
from cnncalc.language.syntax import TAB, TAB_HELP, explain, uncut
from cnncalc.problem import Problem, Span

__all__ = ["Document", "Mapping", "Node", "Scalar", "Sequence", "parse", "source"]

MAXIMUM_DEPTH = 50

SMALLEST = "the smallest spec: {cnncalc: 1, input: [3, 32, 32], layers: [Flatten, {Linear: 10}]}"

# The pure Python parser reads the same language, about twenty times slower.
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_TAB_INDENTED = re.compile(r"(?:^|(?<=[\r\n])) *\t")
_GLUED = re.compile(r"([A-Za-z_]\w*)(:(?=[^\s:])|\s*=\s*)(\S.*)")
_OPENED = re.compile(r"\$?\(|[A-Za-z_][\w.]*\(")


class Document(NamedTuple):
    """A parsed file; `root` is None where the text does not say what is meant."""

    file: str
    text: str
    root: Node | None
    problems: tuple[Problem, ...]

    @property
    def lines(self) -> list[str]:
        """The lines of the text without their ends, counted as spans count them."""
        return split_lines(self.text)


def source(lines: list[str], span: Span) -> str:
    """The text that stands there in a file of these lines."""
    found = lines[span.line - 1 : span.end_line]
    found[-1] = found[-1][: span.end_column - 1]
    found[0] = found[0][span.column - 1 :]
    return "\n".join(found)


def parse(data: bytes, file: str) -> Document:
    """The nodes of a file, with all that is wrong with its YAML; raises nothing."""
    text, problem = decode(data, file)
    if problem:
        return Document(file, text, None, (problem,))
    composer = _Composer(text, file)
    root = composer.document()
    return Document(file, text, root, tuple(composer.problems))


def plain(node: Node) -> Any:
    """The node without its places, as dicts, lists and scalars."""
    if isinstance(node, Mapping):
        return {key.text: plain(value) for key, value in node.entries}
    if isinstance(node, Sequence):
        return [plain(one) for one in node.items]
    return node.value


class _TooDeepError(Exception):
    """Collections are nested beyond the limit; already reported."""


class _Composer:
    """Builds the nodes of one text from the parser's events."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.lines = split_lines(text)
        self.problems: list[Problem] = []
        self.loader = _LOADER(text)
        # Any: the events of the two parsers have no common type with their fields
        self.next: Any = self.loader.get_event
        self.lost = False  # the text says something that the nodes cannot show
        self.depth = 0
        self.flow: Any = None  # the start event of the [] or {} that we are directly in
        self.cut = 0  # parentheses still open in something that a comma has cut
        self.tabs = bool(_TAB_INDENTED.search(text))

    def document(self) -> Node | None:
        """The root, or None where the text does not say what is meant."""
        try:
            root = self._single()
        except _TooDeepError:
            return None
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            # the pure Python parser lets "\\UFFFFFFFF" fail in chr()
            self._complain(error)
            return None
        finally:
            self.loader.dispose()
        return None if self.lost else root

    def _single(self) -> Node | None:
        self.next()
        if type(self.next()) is StreamEndEvent:
            self._empty()
            return None
        root = self._node(self.next())
        self.next()
        following = self.next()
        if type(following) is DocumentStartEvent:
            span = self._span(following.start_mark, following.end_mark)
            self._report("a second document starts here", span, "write one spec a file")
        if isinstance(root, Scalar) and root.plain and not root.text and not self.problems:
            self._empty()
            return None
        return root

    def _empty(self) -> None:
        self.problems.append(
            Problem("CNN001", "the file is empty", Span(self.file, 1, 1, 1, 1), SMALLEST)
        )

    def _node(self, event: Any) -> Node:
        kind = type(event)
        if kind is ScalarEvent:
            return self._scalar(event)
        span = self._span(event.start_mark, event.end_mark)
        if kind is AliasEvent:
            help = "write the value out, or name it in 'vars' and write $name"
            self._lose(f"the alias '*{event.anchor}' is not supported", span, help)
            return Scalar(None, "", span, True)
        if self.depth == MAXIMUM_DEPTH:
            message = f"collections are nested deeper than {MAXIMUM_DEPTH}, which is the limit"
            self._report(message, span, code="CNN008")
            raise _TooDeepError
        self._properties(event)
        sequence = kind is SequenceStartEvent
        outer = self.flow, self.cut
        self.flow, self.cut = event if event.flow_style else None, 0
        self.depth += 1
        node = self._sequence(event) if sequence else self._mapping(event)
        self.depth -= 1
        self.flow, self.cut = outer
        return node

    def _sequence(self, start: Any) -> Sequence:
        items: list[Node] = []
        while type(event := self.next()) is not SequenceEndEvent:
            items.append(self._node(event))
        return Sequence(tuple(items), self._around(start, event, items[-1] if items else None))

    def _mapping(self, start: Any) -> Mapping:
        entries: list[tuple[Scalar, Node]] = []
        places: dict[str, Span] = {}
        value: Node | None = None
        while type(event := self.next()) is not MappingEndEvent:
            dangling = self.cut > 0
            key = self._key(event)
            known = len(self.problems)
            value = self._node(self.next())
            if key is None:
                del self.problems[known:]  # the value belongs to the same mistake
            elif key.text not in places:
                places[key.text] = key.span
                entries.append((key, value))
            elif not dangling:
                self._duplicate(key, places[key.text])
        return Mapping(tuple(entries), self._around(start, event, value))

    def _duplicate(self, key: Scalar, first: Span) -> None:
        help = f"it is first at line {first.line}, column {first.column}; keep one of them"
        self._report(f"the key {quote(key.text)} is given twice", key.span, help, "CNN003")

    def _scalar(self, event: Any) -> Scalar:
        text: str = event.value
        plain = not event.style
        span = self._span(event.start_mark, event.end_mark)
        if not plain:
            self._properties(event)
            return Scalar(text, text, self._trimmed(span) if event.style in "|>" else span, False)
        if (self.flow and self._in_pieces(text, span)) or self._properties(event):
            return Scalar(text, text, span, True)
        value, reason, help, code = scalars.resolve(text)
        if reason:
            self._report(reason, span, help, code)
        return Scalar(value, text, span, True)

    def _key(self, event: Any) -> Scalar | None:
        """The key of an entry; None where the entry has to be dropped."""
        if type(event) is not ScalarEvent:
            self._no_key(event)
            return None
        text: str = event.value
        span = self._span(event.start_mark, event.end_mark)
        if event.style or (self.flow and self._in_pieces(text, span)):
            self._properties(event)
            return Scalar(text, text, span, not event.style)
        if text == "<<":
            help = "write the entries out, or use 'defaults'"
            self._lose("the merge key '<<' is not supported", span, help)
            return None
        glued = _GLUED.fullmatch(text)
        if glued:
            key, sign, value = glued.groups()
            what = "no space after the ':'" if sign == ":" else "'=' instead of ': '"
            self._lose(f"{what} in {quote(text)}", span, f"write '{key}: {value}'", "CNN001")
        if self._properties(event):
            return Scalar(text, text, span, True)
        value, reason, _, _ = scalars.resolve(text)
        if not text:
            self._report("a key is empty", span)
        elif reason or not isinstance(value, str):
            help = f"write {quote(text)} in quotes"
            self._report(f"the key {quote(text)} is not a string", span, help)
        return Scalar(value, text, span, True)

    def _no_key(self, event: Any) -> None:
        known = len(self.problems)
        node = self._node(event)
        if isinstance(node, Scalar):  # an alias
            return
        del self.problems[known:]
        kind = "list" if isinstance(node, Sequence) else "mapping"
        self._lose(f"a key must be a string, not a {kind}", node.span)

    def _in_pieces(self, text: str, span: Span) -> bool:
        """Whether this is part of something that was cut by a comma; reported at its start."""
        if self.cut:
            self.cut = max(self.cut + _open_parentheses(text), 0)
            return True
        if "(" not in text or _open_parentheses(text) <= 0 or not _OPENED.match(text):
            return False
        self.cut = _open_parentheses(text)
        sign = self.lines[span.end_line - 1][span.end_column - 1 :].lstrip()[:1] or ","
        what = "the expression " if text.startswith("$") else ""
        message = f"'{sign}' cuts {what}{quote(text)} short"
        kind = "list" if type(self.flow) is SequenceStartEvent else "mapping"
        self._lose(message, span, uncut(text, kind), "CNN001")
        return True

    def _properties(self, event: Any) -> bool:
        """Report an anchor or a tag; whether a tag says that this is text."""
        if event.anchor is None and event.tag is None:
            return False
        mark = event.start_mark
        rest = self.lines[mark.line][mark.column :]
        for sign, name in (("&", "anchor"), ("!", "tag")):
            found = re.search(rf"(?<!\S){sign}[^\s,\[\]{{}}]*", rest)
            if found and (event.anchor if sign == "&" else event.tag) is not None:
                span = _part(self._span(mark, mark), found.start(), found.end())
                self._report(f"the {name} '{found.group()}' is not supported", span, "delete it")
        return event.tag in ("!", "tag:yaml.org,2002:str")

    def _complain(self, error: Exception) -> None:
        bracket = self.flow and self.flow.start_mark
        problem = explain(self.lines, self.file, error, bracket)
        known = {one.span.line for one in self.problems if one.code == problem.code}
        # it may stumble over what is reported already
        if not self.cut and problem.span.line not in known:
            self.problems.append(problem)

    def _report(
        self, message: str, span: Span, help: str | None = None, code: str = "CNN006"
    ) -> None:
        self.problems.append(Problem(code, message, span, help))

    def _lose(
        self, message: str, span: Span, help: str | None = None, code: str = "CNN006"
    ) -> None:
        """Report what leaves the text without a meaning."""
        self._report(message, span, help, code)
        self.lost = True

    def _span(self, start: Any, end: Any) -> Span:
        if self.tabs:
            self._tab(start)
        return Span(self.file, start.line + 1, start.column + 1, end.line + 1, end.column + 1)

    def _tab(self, mark: Any) -> None:
        """Report a tab before the first thing of a line, which the C parser allows in brackets."""
        before = self.lines[mark.line][: mark.column] if mark.line < len(self.lines) else ""
        if "\t" in before and not before.strip():
            self.tabs = False
            column = before.index("\t") + 1
            span = Span(self.file, mark.line + 1, column, mark.line + 1, column + 1)
            self._lose(TAB, span, TAB_HELP, "CNN001")

    def _around(self, start: Any, end: Any, last: Node | None) -> Span:
        """The span of a collection: in block style the parser's end lies behind blank lines."""
        span = self._span(start.start_mark, end.end_mark)
        if start.flow_style or last is None:
            return span
        return span._replace(end_line=last.span.end_line, end_column=last.span.end_column)

    def _trimmed(self, span: Span) -> Span:
        """The span of a block scalar without the blank lines behind it."""
        last = span.end_line - 1 if span.end_column == 1 else span.end_line
        while last > span.line and not self.lines[last - 1].strip():
            last -= 1
        return span._replace(end_line=last, end_column=len(self.lines[last - 1]) + 1)


def _open_parentheses(text: str) -> int:
    return text.count("(") - text.count(")")


def _part(span: Span, start: int, end: int) -> Span:
    return span._replace(column=span.column + start, end_column=span.column + end)
