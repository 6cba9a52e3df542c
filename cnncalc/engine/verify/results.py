"""What `verify` finds: for each check what the summary says, and what a run gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from cnncalc.layer import Shape


class Verdict(Enum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not run"


class Figure(NamedTuple):
    """A number as a table and JSON show it; `unit` is "bytes", or a word for what is counted.

    `note` says what else belongs to it.
    """

    value: int
    unit: str = ""
    note: str = ""


class Difference(NamedTuple):
    """A layer on which summary and run disagree, with what each says."""

    path: str
    type: str
    summary: str
    run: str


class Check(NamedTuple):
    """One check; `why` it failed as a whole, or was not run; `differences` in execution order."""

    name: str
    verdict: Verdict
    summary: Figure | None = None
    run: Figure | None = None
    why: str | None = None
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class Verification:
    """All checks of one network.

    `batch` at inference, `training_batch` in training (None: it was not run).
    """

    file: str
    name: str | None
    variant: str | None
    inputs: Mapping[str, Shape]
    layers: int
    dtype: str
    seed: int
    batch: int
    training_batch: int | None
    checks: tuple[Check, ...]

    def count(self, verdict: Verdict) -> int:
        """How many checks ended so."""
        return sum(check.verdict is verdict for check in self.checks)

    @property
    def verdict(self) -> Verdict:
        """Failed if one check failed, not run if none could be, else passed."""
        for one in (Verdict.FAILED, Verdict.PASSED):
            if self.count(one):
                return one
        return Verdict.NOT_RUN
