"""Problems as text, and the small formats that every renderer shares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from cnncalc.layer import Shape
from cnncalc.problem import Problem, Span
from cnncalc.quantity import in_bytes

TAB = " "
UNITS_OF_TIME = (
    *(("years", 31_557_600.0, 2), ("days", 86_400.0, 2), ("h", 3_600.0, 2), ("min", 60.0, 2)),
    *(("s", 1.0, 1), ("ms", 1e-3, 1), ("us", 1e-6, 1)),
)
"""Name, seconds, and how many of it are the least that it is used for."""
WIDEST = 160
"""Characters of a source line that an excerpt shows."""


def message(problem: Problem, lines: Sequence[str] = ()) -> str:
    """`path:line:col: level CODE name: message`, the source line with a caret, calls, help."""
    parts = [headline(problem), *excerpt(problem.span, lines)]
    parts += [f"  in {call.text} at {call.span}" for call in problem.trace]
    if problem.help:
        parts.append(f"  help: {problem.help}")
    return "\n".join(parts)


def headline(problem: Problem) -> str:
    """The first line of a message, with the number of expansions that have it."""
    head = f"{problem.span}: {problem.level.value} {problem.code} {problem.name}: {problem.message}"
    return f"{head} ({problem.times:,} times)" if problem.times > 1 else head


def excerpt(span: Span, lines: Sequence[str]) -> Iterable[str]:
    """The line of a span with carets under it; nothing where the text is not at hand."""
    if not 1 <= span.line <= len(lines):
        return
    line = printable(lines[span.line - 1])
    first = max(0, span.column - WIDEST // 2) if len(line) > WIDEST else 0
    shown = line[first : first + WIDEST].rstrip()
    end = span.end_column if span.end_line == span.line else len(line) + 1
    width = max(1, min(end, first + len(shown) + 1) - span.column)
    yield f"  {span.line} | {shown}"
    yield f"  {' ' * len(str(span.line))} | {' ' * (span.column - 1 - first)}{'^' * width}"


def printable(text: str) -> str:
    """The text without characters that would move the cursor or colour the terminal."""
    return "".join(c if c.isprintable() else TAB for c in text)


def messages(problems: Iterable[Problem], sources: Mapping[str, Sequence[str]]) -> str:
    """All problems, each with its excerpt."""
    return "\n".join(message(problem, sources.get(problem.span.file, ())) for problem in problems)


def count(number: int | None) -> str:
    """An integer with thousands separators, `?` where it is not known."""
    return "?" if number is None else f"{number:,}"


def shape(sizes: Shape | None) -> str:
    """A shape as `64 x 112 x 112`."""
    return "?" if sizes is None else " x ".join(map(str, sizes)) or "scalar"


def shapes(many: Iterable[Shape | None]) -> str:
    """Several shapes, separated by commas."""
    return ", ".join(shape(one) for one in many)


def size(number: int | None) -> str:
    """Bytes with a binary unit, `?` where they are not known."""
    return "?" if number is None else in_bytes(number)


def duration(seconds: float | None) -> str:
    """A time with a unit and four digits: `18.96 h`; `?` where it is not known."""
    if seconds is None:
        return "?"
    for unit, one, least in UNITS_OF_TIME:
        value = seconds / one
        if value >= least:
            return f"{value:,.0f} {unit}" if value >= 1000 else f"{value:.4g} {unit}"
    return f"{seconds * 1e9:.4g} ns"


def rounded(number: int | None) -> str:
    """A count with a decimal suffix and three digits after the point: `4.089 G`."""
    if number is None:
        return "?"
    for power, suffix in ((12, "T"), (9, "G"), (6, "M"), (3, "k")):
        if number >= 10**power:
            return f"{number / 10**power:.3f} {suffix}"
    return str(number)


def aligned(
    headings: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[str]
) -> Iterator[str]:
    """The lines of a table: columns as wide as their widest cell, those of `right` to the right."""
    cells = [headings, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    for row in cells:
        parts = (
            cell.rjust(width) if heading in right else cell.ljust(width)
            for heading, cell, width in zip(headings, row, widths, strict=True)
        )
        yield "  ".join(parts).rstrip()
