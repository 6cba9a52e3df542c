"""Findings as people read them: with excerpts, one a line, or counted by rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from cnncalc.lint.check import Checked, Finding
from cnncalc.lint.codes import codes
from cnncalc.problem import Level, Problem
from cnncalc.render import text


def to_text(checked: Iterable[Checked]) -> str:
    """Each finding with its line, the calls that lead to it, and help."""
    parts = []
    for one in checked:
        lines = one.document.lines
        parts += [text.message(_shown(finding), lines) + "\n" for finding in one.findings]
    return "".join(parts)


def to_concise(checked: Iterable[Checked]) -> str:
    """One line a finding."""
    parts = [text.headline(_shown(finding)) for one in checked for finding in one.findings]
    return "".join(f"{part}\n" for part in parts)


def statistics(checked: Iterable[Checked]) -> str:
    """How often each rule has found something, the most frequent first."""
    found = Counter(f.problem.code for one in checked for f in one.findings)
    rows = []
    for code, number in sorted(found.items(), key=lambda one: (-one[1], one[0])):
        one = codes()[code]
        rows.append([f"{number:,}", code, one.name, one.title])
    if not rows:
        return ""
    headings = ("count", "code", "name", "what it is")
    return "".join(f"{line}\n" for line in text.aligned(headings, rows, frozenset({"count"})))


def summary(checked: Sequence[Checked], hidden: int) -> str:
    """How much was found in how many specs."""
    levels = Counter(f.problem.level for one in checked for f in one.findings)
    counts = [_many(levels[level], level) for level in Level if levels[level]]
    found = ", ".join(counts) or "no findings"
    specs = "1 spec" if len(checked) == 1 else f"{len(checked):,} specs"
    more = f"; {hidden:,} below --min-severity" if hidden else ""
    fixes = [f.problem.fix for one in checked for f in one.findings if f.problem.fix]
    safe = sum(fix.safe for fix in fixes)
    more += f"; --fix mends {safe:,}" if safe else ""
    return f"{found} in {specs}{more}"


def _many(number: int, level: Level) -> str:
    plural = "s" if number > 1 and level is not Level.INFO else ""
    return f"{number:,} {level.value}{plural}"


def _shown(finding: Finding) -> Problem:
    return finding.problem._replace(message=finding.message)
