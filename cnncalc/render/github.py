"""Findings as annotations of a GitHub workflow, and as a page for the summary of its step.

Source: GitHub, "Workflow commands for GitHub Actions"; its runner, which drops columns of what
is longer than a line, and its toolkit, where the last column is the first one unless given.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from cnncalc.lint.check import Checked, Finding
from cnncalc.problem import Level
from cnncalc.render.findings import summary
from cnncalc.render.machine import plain_markdown
from cnncalc.render.text import printable

COMMANDS = {Level.ERROR: "error", Level.WARNING: "warning", Level.INFO: "notice"}

MOST_ROWS, WIDEST = 300, 300
"""Findings on the page, and characters of a cell there: GitHub drops a page of over 1 MiB."""

_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = {**_DATA, **str.maketrans({":": "%3A", ",": "%2C"})}


def render(checked: Sequence[Checked]) -> str:
    """One workflow command a finding; GitHub shows ten errors and ten warnings of a step."""
    return "".join(f"{_command(finding)}\n" for one in checked for finding in one.findings)


def page(checked: Sequence[Checked]) -> str:
    """A table in Markdown of what was found."""
    rows = list(_rows(checked))
    parts = [f"### cnncalc lint: {summary(checked, 0)}\n"]
    if rows:
        headings = ("place", "level", "rule", "message")
        parts.append(plain_markdown(headings, rows[:MOST_ROWS]))
    if len(rows) > MOST_ROWS:
        parts.append(f"{len(rows) - MOST_ROWS:,} more\n")
    return "\n".join(parts)


def _rows(checked: Sequence[Checked]) -> Iterator[tuple[str, str, str, str]]:
    for one in checked:
        for finding in one.findings:
            problem = finding.problem
            rule = f"{problem.code} {problem.name}"
            yield _code(str(problem.span)), problem.level.value, rule, _code(finding.message)


def _code(text: str) -> str:
    """Text in which nothing is Markdown, a formula, or a mention of somebody."""
    shown = printable(text if len(text) <= WIDEST else f"{text[: WIDEST - 3]}...")
    fence = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    return f"{fence} {shown} {fence}" if "`" in shown else f"`{shown}`"


def _command(finding: Finding) -> str:
    problem = finding.problem
    span = problem.span
    properties = {"file": span.file, "line": span.line, "endLine": span.end_line}
    if span.end_line == span.line:
        properties |= {"col": span.column, "endColumn": max(span.column, span.end_column - 1)}
    properties["title"] = f"{problem.code} {problem.name}"
    lines = [finding.message + (f" ({problem.times:,} times)" if problem.times > 1 else "")]
    lines += [f"in {call.text} at {call.span}" for call in problem.trace]
    lines += [f"help: {problem.help}"] if problem.help else []
    written = ",".join(f"{key}={str(v).translate(_PROPERTY)}" for key, v in properties.items())
    message = "\n".join(lines).translate(_DATA)
    return f"::{COMMANDS[problem.level]} {written}::{message}"
