"""Findings as annotations of a GitHub workflow, and as a page for the summary of its step.

Source: GitHub, "Workflow commands for GitHub Actions".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cnncalc.lint.check import Checked, Finding
from cnncalc.problem import Level
from cnncalc.render.findings import summary
from cnncalc.render.machine import plain_markdown

COMMANDS = {Level.ERROR: "error", Level.WARNING: "warning", Level.INFO: "notice"}

MOST_ROWS = 500
"""Findings on the page, which may have 1 MiB."""

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
            place = f"`{problem.span}`"
            yield place, problem.level.value, f"{problem.code} {problem.name}", finding.message


def _command(finding: Finding) -> str:
    problem = finding.problem
    span = problem.span
    properties = {"file": span.file, "line": span.line, "col": span.column}
    if span.end_line == span.line:
        properties["endColumn"] = max(span.column, span.end_column - 1)
    properties |= {"endLine": span.end_line, "title": f"{problem.code} {problem.name}"}
    lines = [finding.message + (f" ({problem.times:,} times)" if problem.times > 1 else "")]
    lines += [f"in {call.text} at {call.span}" for call in problem.trace]
    lines += [f"help: {problem.help}"] if problem.help else []
    written = ",".join(f"{key}={str(v).translate(_PROPERTY)}" for key, v in properties.items())
    message = "\n".join(lines).translate(_DATA)
    return f"::{COMMANDS[problem.level]} {written}::{message}"
