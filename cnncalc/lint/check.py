"""One spec -> its findings: all networks of the file, all chosen rules, merged and sorted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from cnncalc.language.builder import Settings
from cnncalc.language.document import Document
from cnncalc.lint.codes import ALWAYS, Choice, Chosen, choose
from cnncalc.lint.comments import Comments, Suppression, read, unused
from cnncalc.lint.network import Network
from cnncalc.lint.rules import catalogue
from cnncalc.lint.settings import written
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


def check(
    loaded: Loaded, settings: Sequence[Settings], config: Sequence[Choice], line: Choice
) -> Checked:
    """The findings in these networks of a spec.

    What its own `lint:` chooses stands between the `config` and the command `line`.
    """
    document = loaded.document
    own, wrong = written(document)
    chosen = choose((*config, own, line))
    comments = read(document)
    used: set[Suppression] = set()
    found, sure = [], True
    of_text: dict[str, tuple[Problem, ...]] = {}
    for one in settings:
        reported = _reported(network := Network(loaded, one))
        sure = sure and not network.built.wrong
        problems = [*reported, *(() if _is_unclear(reported) else _ruled(network, chosen, of_text))]
        name = one.variant.name.text if one.variant else None
        found.append((name, merged(_kept(problems, comments, used))))
    about = [*wrong, *comments.problems]
    if sure and _is_complete(loaded, settings):
        rest = (one for one in comments.suppressions if one not in used)
        about += unused((one for one in rest if chosen.codes & one.codes), document.lines)
    findings = [*_across(found), *map(Finding, about)]
    return Checked(document, tuple(sorted(_leveled(findings, chosen), key=_position)))


def _kept(
    problems: Iterable[Problem], comments: Comments, used: set[Suppression]
) -> Iterator[Problem]:
    """The problems that no comment ignores; the comments that ignore one are used.

    A fix would change those expansions of its line, too, that a comment is about.
    """
    kept, ignored = [], set()
    for problem in problems:
        matched = comments.matching(problem)
        used.update(matched)
        if matched:
            ignored.add((problem.code, problem.span))
        else:
            kept.append(problem)
    for problem in kept:
        yield problem._replace(fix=None) if (problem.code, problem.span) in ignored else problem


def _leveled(findings: Iterable[Finding], chosen: Chosen) -> Iterator[Finding]:
    """The findings that were chosen, with the levels that were chosen for them."""
    for finding in findings:
        code = finding.problem.code
        if code in chosen.codes:
            level = chosen.severity.get(code, finding.problem.level)
            yield finding._replace(problem=finding.problem._replace(level=level))


def _is_complete(loaded: Loaded, settings: Sequence[Settings]) -> bool:
    """Whether these are all networks of a file, as they are written."""
    changed = any(one.variables or one.inputs for one in settings)
    variants = len(loaded.spec.variants) if loaded.spec else 0
    return not changed and len(settings) == 1 + variants


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


def _ruled(
    network: Network, chosen: Chosen, of_text: dict[str, tuple[Problem, ...]]
) -> Iterator[Problem]:
    """What the chosen rules find; `of_text` keeps what textual ones found."""
    for code, rule in catalogue().items():
        if code not in chosen.codes:
            continue
        if code in of_text and not network.built.wrong:
            yield from of_text[code]
            continue
        found = tuple(rule(**chosen.options.get(code, {})).check(network))
        if rule.textual and not network.built.wrong:
            of_text[code] = found
        yield from found


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
    return tuple(findings)


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
