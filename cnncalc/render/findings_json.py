"""Findings as JSON, documented in docs/lint.md."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from cnncalc import __version__
from cnncalc.lint.check import Checked, Finding
from cnncalc.problem import Level
from cnncalc.render.machine import place_json, problem_json


def render(checked: Sequence[Checked]) -> str:
    """One line a finding."""
    findings = [finding for one in checked for finding in one.findings]
    counts = Counter(finding.problem.level for finding in findings)
    head = {
        "cnncalc": __version__,
        "lint": 1,
        "specs": [one.file for one in checked],
        "counts": {level.value: counts[level] for level in Level},
    }
    lines = ",\n".join("  " + json.dumps(_finding(finding)) for finding in findings)
    return f'{json.dumps(head)[:-1]},\n"findings": [\n{lines}\n]}}\n'


def _finding(finding: Finding) -> dict[str, Any]:
    fix = finding.problem.fix
    return {
        **problem_json(finding.problem),
        "networks": finding.networks,
        "fix": fix
        and {
            "title": fix.title,
            "safe": fix.safe,
            "edits": [{"at": place_json(edit.span), "text": edit.text} for edit in fix.edits],
        },
    }
