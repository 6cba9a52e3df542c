"""Findings as SARIF 2.1.0, which code hosts show beside the lines of a change.

Source: OASIS, Static Analysis Results Interchange Format (SARIF) Version 2.1.0; GitHub, "SARIF
support for code scanning", for what it needs beside that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from cnncalc import __version__
from cnncalc.lint.check import Checked, Finding
from cnncalc.lint.codes import Code, codes
from cnncalc.lint.identity import fingerprints
from cnncalc.problem import Fix, Level, Span

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
LEVELS = {Level.ERROR: "error", Level.WARNING: "warning", Level.INFO: "note"}


def render(checked: Sequence[Checked]) -> str:
    """A log of one run, with the pages of all rules."""
    driver = {
        "name": "cnncalc",
        "version": __version__,
        "rules": list(map(_rule, codes().values())),
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [result for one in checked for result in _results(one)],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def _rule(code: Code) -> dict[str, Any]:
    return {
        "id": code.code,
        "name": code.name,
        "shortDescription": {"text": code.title},
        "fullDescription": {"text": code.page.partition("\n\nWhat to do")[0]},
        "help": {"text": code.page, "markdown": code.page},
        "defaultConfiguration": {"enabled": code.default, "level": LEVELS[code.level]},
    }


def _results(checked: Checked) -> Iterator[dict[str, Any]]:
    numbers = {code: number for number, code in enumerate(codes())}
    for finding, fingerprint in zip(checked.findings, fingerprints(checked), strict=True):
        problem = finding.problem
        yield {
            "ruleId": problem.code,
            "ruleIndex": numbers[problem.code],
            "level": LEVELS[problem.level],
            "message": {"text": _text(finding)},
            "locations": [_location(problem.span)],
            "relatedLocations": [
                {"id": number, "message": {"text": f"in {call.text}"}, **_location(call.span)}
                for number, call in enumerate(problem.trace)
            ],
            "occurrenceCount": problem.times,
            "partialFingerprints": {"cnncalc/v1": fingerprint},
            "fixes": [_fix(problem.fix)] if problem.fix else [],
        }


def _text(finding: Finding) -> str:
    help = finding.problem.help
    return f"{finding.message}\nhelp: {help}" if help else finding.message


def _location(span: Span) -> dict[str, Any]:
    return {"physicalLocation": {"artifactLocation": _artifact(span), "region": _region(span)}}


def _artifact(span: Span) -> dict[str, str]:
    path = PurePath(span.file)
    if path.is_absolute():
        return {"uri": path.as_uri()}
    uri = quote(path.as_posix(), errors="surrogateescape")
    return {"uri": uri, "uriBaseId": "%SRCROOT%"}


def _region(span: Span) -> dict[str, int]:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


def _fix(fix: Fix) -> dict[str, Any]:
    replacements = [
        {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.text}}
        for edit in fix.edits
    ]
    change = {"artifactLocation": _artifact(fix.edits[0].span), "replacements": replacements}
    return {"description": {"text": fix.title}, "artifactChanges": [change]}
