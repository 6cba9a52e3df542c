"""Problems as text, and the small formats that every renderer shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cnncalc.layer import Shape
from cnncalc.problem import Problem, Span

TAB = " "
WIDEST = 160
"""Characters of a source line that an excerpt shows."""


def message(problem: Problem, lines: Sequence[str] = ()) -> str:
    """`path:line:col: level CODE name: message`, the source line with a caret, calls, help."""
    head = f"{problem.span}: {problem.level.value} {problem.code} {problem.name}: {problem.message}"
    if problem.times > 1:
        head += f" ({problem.times:,} times)"
    parts = [head, *excerpt(problem.span, lines)]
    parts += [f"  in {call.text} at {call.span}" for call in problem.trace]
    if problem.help:
        parts.append(f"  help: {problem.help}")
    return "\n".join(parts)


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
    """Bytes with a binary unit and four digits: `97.49 MiB`."""
    if number is None:
        return "?"
    value, unit = float(number), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return (
        f"{number} B"
        if unit == "B"
        else f"{value:.4g} {unit}"
        if value < 1000
        else f"{value:.0f} {unit}"
    )


def rounded(number: int | None) -> str:
    """A count with a decimal suffix and three digits after the point: `4.089 G`."""
    if number is None:
        return "?"
    for power, suffix in ((12, "T"), (9, "G"), (6, "M"), (3, "k")):
        if number >= 10**power:
            return f"{number / 10**power:.3f} {suffix}"
    return str(number)
