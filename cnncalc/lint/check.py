"""One spec -> its findings: all networks of the file, all chosen rules, merged and sorted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from cnncalc.language.builder import Settings
from cnncalc.language.document import Document
from cnncalc.lint.codes import ALWAYS, Choice, Chosen, choose
from cnncalc.lint.network import Network
from cnncalc.lint.rules import catalogue
from cnncalc.pipeline import Loaded
from cnncalc.problem import Level, Problem, Span, merged

PROMISES = frozenset({"CNN701", "CNN702"})
"""They stand in the network that they are about, so that it need not be named."""

MOST_NAMES = 3
"""Variants that a message names."""


class Finding(NamedTuple):
    """A problem, and the networks of the file that have it: variants, None for the file itself.

    `networks` is None where all of them have it.
    """

    problem: Problem
    networks: tuple[str | None, ...] | None = None

    @property
    def message(self) -> str:
        """The message, with the networks where they are not all."""
        where = f" ({_named(self.networks)} only)" if self.networks else ""
        return self.problem.message + where


class Checked(NamedTuple):
    """A spec with its findings, in the order of the file."""

    document: Document
    findings: tuple[Finding, ...]

    @property
    def file(self) -> str:
        """The path of the spec, as it is shown."""
        return self.document.file


def check(loaded: Loaded, settings: Sequence[Settings], choices: Iterable[Choice]) -> Checked:
    """The findings in these networks of a spec; later choices change what earlier ones chose."""
    chosen = choose(choices)
    found = []
    for one in settings:
        problems = _problems(Network(loaded, one), chosen)
        name = one.variant.name.text if one.variant else None
        found.append((name, merged(problems)))
    return Checked(loaded.document, _across(found))


def _problems(network: Network, chosen: Chosen) -> Iterator[Problem]:
    """All that is reported of one network, each expansion for itself."""
    reported = _reported(network)
    found = [*reported, *(() if _is_unclear(reported) else _ruled(network, chosen))]
    for problem in found:
        if problem.code in chosen.codes:
            level = chosen.severity.get(problem.code)
            yield problem._replace(level=level) if level else problem


def _reported(network: Network) -> list[Problem]:
    """What loading, shapes and promises report; a report has the same, but one of each line."""
    built = network.built.problems
    places = {(problem.code, problem.span) for problem in built}
    rest = (p for p in network.report.problems if (p.code, p.span) not in places)
    return [*built, *rest]


def _is_unclear(problems: Iterable[Problem]) -> bool:
    """Whether the network may be another than what was meant, so that rules would guess."""
    return any(
        problem.level is Level.ERROR and problem.code.startswith((ALWAYS, "CNN104"))
        for problem in problems
    )


def _ruled(network: Network, chosen: Chosen) -> Iterator[Problem]:
    for code, rule in catalogue().items():
        if code in chosen.codes:
            yield from rule(**chosen.options.get(code, {})).check(network)


def _across(found: Sequence[tuple[str | None, tuple[Problem, ...]]]) -> tuple[Finding, ...]:
    """The findings of all networks of a file, each once; a fix must be one for all of them."""
    first: dict[tuple[str, Span], Problem] = {}
    names: dict[tuple[str, Span], list[str | None]] = {}
    for name, problems in found:
        for problem in problems:
            key = problem.code, problem.span
            first.setdefault(key, problem)
            names.setdefault(key, []).append(name)
    findings = []
    for key, problem in first.items():
        everywhere = len(names[key]) == len(found) or problem.code in PROMISES
        if everywhere:
            findings.append(Finding(problem))
        else:
            findings.append(Finding(problem._replace(fix=None), tuple(names[key])))
    return tuple(sorted(findings, key=_position))


def _position(finding: Finding) -> tuple[Span, str]:
    return finding.problem.span, finding.problem.code


def _named(networks: Sequence[str | None]) -> str:
    """Some networks of a file, to stand in a message."""
    variants = [name for name in networks if name is not None]
    parts = ["as written"] if None in networks else []
    if variants:
        more = len(variants) - MOST_NAMES
        listed = ", ".join(variants[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
        parts.append(f"in variant{'s' if len(variants) > 1 else ''} {listed}")
    return " and ".join(parts)
