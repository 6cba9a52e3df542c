"""The one type in which every stage says what is wrong: a `Problem` at a `Span`.

Problems are collected, merged, sorted and printed; they are never raised to the user.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

NAMES = {
    "CNN001": "yaml-syntax",
    "CNN002": "unknown-name",
    "CNN003": "duplicate-key",
    "CNN004": "bad-expression",
    "CNN005": "missing-argument",
    "CNN006": "unsupported-yaml",
    "CNN007": "bad-value",
    "CNN008": "limit-exceeded",
    "CNN101": "shape-mismatch",
    "CNN102": "window-does-not-fit",
    "CNN103": "groups-not-divisible",
    "CNN104": "bad-reference",
    "CNN204": "padding-too-large",
    "CNN210": "asymmetric-same",
    "CNN701": "expect-mismatch",
    "CNN702": "budget-exceeded",
    "CNN901": "unused-suppression",
    "CNN902": "unknown-suppression",
}
"""What is reported without a rule of the linter; a rule has its name itself."""


class Level(Enum):
    """How bad a problem is; an error makes the exit code 1."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Span(NamedTuple):
    """A stretch of a file: lines and columns count characters from 1, the end is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Call(NamedTuple):
    """One step of the way from the file to a layer: a block call such as `Bottleneck(mid=64)`."""

    text: str
    span: Span


class Edit(NamedTuple):
    """A stretch of the file and what is to stand there."""

    span: Span
    text: str


class Fix(NamedTuple):
    """What mends a problem; `safe` if the network computes the same as before."""

    title: str
    edits: tuple[Edit, ...]
    safe: bool = True


class Problem(NamedTuple):
    """One finding: `message` is lower case, without a full stop, and quotes the value.

    `times` counts the expansions of one line that have it, `rule` is the name of the lint rule.
    """

    code: str
    message: str
    span: Span
    help: str | None = None
    trace: tuple[Call, ...] = ()
    level: Level = Level.ERROR
    times: int = 1
    fix: Fix | None = None
    rule: str | None = None

    @property
    def name(self) -> str:
        """The readable twin of the code, such as `unknown-name`."""
        return self.rule or NAMES[self.code]


def merged(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems in the order of the file; one finding at one place is kept once, counted."""
    found: dict[tuple[str, Span], Problem] = {}
    for problem in problems:
        key = problem.code, problem.span
        first = found.get(key)
        found[key] = first._replace(times=first.times + problem.times) if first else problem
    return tuple(sorted(found.values(), key=lambda p: (p.span, p.code, p.message)))
