"""Many specs at once: every processor checks some of them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cnncalc.language.builder import Settings
from cnncalc.lint.check import Checked, Finding, check
from cnncalc.lint.codes import Choice
from cnncalc.pipeline import Loaded, load
from cnncalc.source import Source

FEWEST = 8
"""Specs that are worth the start of another process, which takes as long as some of them."""

MOST_PROCESSES = 8


class Job(NamedTuple):
    """A spec with what is chosen for it: by config files and the command line.

    `variables` are those that --set changes, `variant` what --variant names.
    """

    source: Source
    config: tuple[Choice, ...]
    line: Choice
    variables: Mapping[str, Any]
    variant: str | None

    def check(self, loaded: Loaded) -> Checked:
        """The findings in the spec as it was read."""
        return check(loaded, self._networks(loaded), self.config, self.line)

    def _networks(self, loaded: Loaded) -> list[Settings]:
        """The networks that are checked; what is said of other specs is left out."""
        if loaded.spec is None:
            return [Settings()]
        names = {key.text for key, _ in loaded.spec.vars}
        own = {name: value for name, value in self.variables.items() if name in names}
        base = Settings(variables=own, variant=loaded.variant)
        variants = loaded.spec.variants
        if self.variant is not None and self.variant in variants and not loaded.variant:
            return [base._replace(variant=variants[self.variant])]
        everything = (
            () if loaded.variant or self.variant not in (None, "all") else variants.values()
        )
        return [base, *(base._replace(variant=one) for one in everything)]


def check_all(jobs: Sequence[Job]) -> list[Checked]:
    """The findings in all specs, in their order."""
    processes = min(len(jobs) // FEWEST, os.cpu_count() or 1, MOST_PROCESSES)
    found = _shared_out(jobs, processes) if processes > 1 else None
    return found or [job.check(load(job.source)) for job in jobs]


def _shared_out(jobs: Sequence[Job], processes: int) -> list[Checked] | None:
    """What each job found; None where the machine does not let processes work together."""
    from concurrent.futures import BrokenExecutor, ProcessPoolExecutor

    try:
        pool = ProcessPoolExecutor(processes, initializer=_leave_interrupts_to_parent)
    except (ImportError, NotImplementedError, OSError):
        return None
    try:
        found = pool.map(_findings, jobs)
        documents = [load(job.source).document for job in jobs]  # too large to be sent around
        return [Checked(one, those) for one, those in zip(documents, found, strict=True)]
    except (BrokenExecutor, OSError):
        return None
    finally:
        pool.shutdown(cancel_futures=True)


def _findings(job: Job) -> tuple[Finding, ...]:
    return job.check(load(job.source)).findings


def _leave_interrupts_to_parent() -> None:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
