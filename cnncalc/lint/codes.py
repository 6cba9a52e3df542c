"""All codes that the linter knows, and which of them are chosen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

from cnncalc.lint.reported import FIXABLE, PAGES, WARNINGS
from cnncalc.lint.rules import catalogue
from cnncalc.problem import NAMES, Level
from cnncalc.suggest import did_you_mean

ALWAYS = "CNN0"
"""A spec that is not understood is always said to be so."""


class Code(NamedTuple):
    """One kind of finding: a rule, or a mistake that loading, shapes or promises report."""

    code: str
    name: str
    level: Level
    default: bool
    fixable: bool
    page: str
    options: Mapping[str, Any] = MappingProxyType({})
    good: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The first line of its page."""
        return self.page.partition("\n")[0]


@cache
def codes() -> Mapping[str, Code]:
    """Every code, in order."""
    found = {}
    for code, page in PAGES.items():
        level = Level.WARNING if code in WARNINGS else Level.ERROR
        found[code] = Code(code, NAMES[code], level, True, code in FIXABLE, page)
    for code, rule in catalogue().items():
        found[code] = Code(
            code=code,
            name=rule.name,
            level=rule.level,
            default=rule.default,
            fixable=rule.fixable,
            page=rule.page(),
            options=rule.options,
            good=rule.good,
            bad=rule.bad,
        )
    return MappingProxyType(dict(sorted(found.items())))


def matching(selector: str) -> frozenset[str]:
    """The codes of a selector: ALL, a prefix such as CNN3, a code, or a name; none if unknown."""
    if selector == "ALL":
        return frozenset(codes())
    if selector.startswith("CNN"):
        return frozenset(code for code in codes() if code.startswith(selector))
    return frozenset(code for code, one in codes().items() if one.name == selector)


def find(name: str) -> Code | None:
    """The code of that code or name."""
    return next((one for one in codes().values() if name in (one.code, one.name)), None)


def unknown(selector: str) -> str:
    """The help for a selector that matches nothing."""
    names = [*codes(), *(one.name for one in codes().values())]
    return did_you_mean(selector, names) or "'cnncalc rules --all' lists codes and names"


class Choice(NamedTuple):
    """What one place chooses: a config file, a spec's own `lint:`, or the command line.

    `select` replaces what was chosen before it, `extend` adds and `ignore` takes away. `severity`
    and `options` are by code.
    """

    select: tuple[str, ...] | None = None
    extend: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    severity: Mapping[str, Level] = {}
    options: Mapping[str, Mapping[str, Any]] = {}


class Chosen(NamedTuple):
    """The codes to report, with their levels and options where those are not the usual ones."""

    codes: frozenset[str]
    severity: Mapping[str, Level]
    options: Mapping[str, Mapping[str, Any]]


def choose(choices: Iterable[Choice]) -> Chosen:
    """What all places together choose: a later one changes what the earlier have left.

    In one place a longer selector wins over a shorter one, so that CNN3 can be selected without
    CNN301, and CNN301 alone of an ignored CNN3.
    """
    found = {code for code, one in codes().items() if one.default}
    severity: dict[str, Level] = {}
    options: dict[str, dict[str, Any]] = {}
    for choice in choices:
        if choice.select is not None:
            found.clear()
        for selector, wanted in _by_weight(choice):
            (found.update if wanted else found.difference_update)(matching(selector))
        severity.update(choice.severity)
        for code, values in choice.options.items():
            options.setdefault(code, {}).update(values)
    found.update(code for code in codes() if code.startswith(ALWAYS))
    return Chosen(frozenset(found), severity, options)


def _by_weight(choice: Choice) -> Iterator[tuple[str, bool]]:
    """The selectors and whether each adds, from the widest to the narrowest."""
    added = [(one, True) for one in (*(choice.select or ()), *choice.extend)]
    taken = [(one, False) for one in choice.ignore]
    return iter(sorted(added + taken, key=lambda one: -len(matching(one[0]))))
