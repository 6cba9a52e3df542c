"""Findings as JUnit XML: a suite a spec, a failed case a finding.

Source: the schema of Jenkins' xUnit plugin, junit-10.xsd; what it does not have is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cnncalc.lint.check import Checked, Finding
from cnncalc.render.text import message, printable


def render(checked: Sequence[Checked]) -> str:
    """The whole file; a spec without findings is a case that passed."""
    failures = sum(len(one.findings) for one in checked)
    tests = sum(max(1, len(one.findings)) for one in checked)
    head = f'<testsuites name="cnncalc lint" tests="{tests}" failures="{failures}" errors="0">'
    suites = "".join(_suite(one) for one in checked)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}\n{suites}</testsuites>\n'


def _suite(checked: Checked) -> str:
    found = len(checked.findings)
    name = _quoted(checked.file)
    counts = f'tests="{max(1, found)}" failures="{found}" errors="0"'
    cases = "".join(_cases(checked)) or f'    <testcase classname={name} name="lint"/>\n'
    return f"  <testsuite name={name} {counts}>\n{cases}  </testsuite>\n"


def _cases(checked: Checked) -> Iterator[str]:
    lines = checked.document.lines
    for finding in checked.findings:
        problem = finding.problem
        name = f"{problem.code} {problem.name} at {problem.span.line}:{problem.span.column}"
        yield (
            f"    <testcase classname={_quoted(checked.file)} name={_quoted(name)}>\n"
            f'      <failure type="{problem.level.value}" message={_quoted(finding.message)}>'
            f"{_details(finding, lines)}</failure>\n"
            "    </testcase>\n"
        )


def _details(finding: Finding, lines: Sequence[str]) -> str:
    from xml.sax.saxutils import escape

    shown = message(finding.problem._replace(message=finding.message), lines)
    return escape("\n".join(map(printable, shown.split("\n"))))


def _quoted(text: str) -> str:
    from xml.sax.saxutils import quoteattr

    return quoteattr(printable(text))
