"""Paths in reports for code hosts: from the root of the repository, wherever the linter runs."""

from __future__ import annotations

import os
from pathlib import Path

from cnncalc.lint.check import Checked, Finding
from cnncalc.problem import Call, Edit, Fix, Span

CHECKOUTS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")
"""Where GitHub and GitLab put a repository; their runners may fetch it without its `.git`."""


def from_root(checked: Checked) -> Checked:
    """The findings of a spec under its path from the root, with `/` between folders.

    A spec that is in no repository keeps its path.
    """
    path = _from_root(checked.file)
    findings = tuple(_moved(finding, path) for finding in checked.findings)
    return Checked(checked.document._replace(file=path), findings)


def _from_root(file: str) -> str:
    path = _real(file)  # a change of what a link leads to is not shown under the link
    root = next((one for one in path.parents if (one / ".git").exists()), None)
    given = filter(None, map(os.environ.get, CHECKOUTS))
    places = [root] if root else list(map(_real, given))
    found = (path.relative_to(one).as_posix() for one in places if path.is_relative_to(one))
    return next(found, file)


def _real(path: str) -> Path:
    return Path(os.path.realpath(path))


def _moved(finding: Finding, path: str) -> Finding:
    """A finding with all its places in the file of that path."""

    def at(span: Span) -> Span:
        return span._replace(file=path)

    def mended(fix: Fix) -> Fix:
        return fix._replace(edits=tuple(Edit(at(one.span), one.text) for one in fix.edits))

    problem = finding.problem
    moved = problem._replace(
        span=at(problem.span),
        trace=tuple(Call(call.text, at(call.span)) for call in problem.trace),
        fix=problem.fix and mended(problem.fix),
    )
    return finding._replace(problem=moved)
