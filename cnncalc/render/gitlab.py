"""Findings as a Code Quality report of GitLab.

Source: GitLab, "Code Quality", report format.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any

from cnncalc.lint.check import Checked
from cnncalc.lint.identity import fingerprints
from cnncalc.problem import Level

SEVERITIES = {Level.ERROR: "major", Level.WARNING: "minor", Level.INFO: "info"}


def render(checked: Sequence[Checked]) -> str:
    """A list of issues, one a line."""
    issues = ",\n".join(json.dumps(issue) for one in checked for issue in _issues(one))
    return f"[\n{issues}\n]\n" if issues else "[]\n"


def _issues(checked: Checked) -> Iterator[dict[str, Any]]:
    for finding, fingerprint in zip(checked.findings, fingerprints(checked), strict=True):
        problem, span = finding.problem, finding.problem.span
        yield {
            "description": f"{problem.name}: {finding.message}",
            "check_name": problem.code,
            "fingerprint": fingerprint,
            "severity": SEVERITIES[problem.level],
            "location": {
                "path": PurePath(span.file).as_posix(),
                "positions": {
                    "begin": {"line": span.line, "column": span.column},
                    "end": {"line": span.end_line, "column": span.end_column},
                },
            },
        }
