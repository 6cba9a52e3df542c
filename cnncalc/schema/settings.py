"""What may stand under `lint:`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cnncalc.lint.codes import ALWAYS, Code, codes
from cnncalc.lint.settings import KEYS, LEVELS
from cnncalc.schema.forms import Schema, described, either, list_of, mapping, some

MEANINGS = {
    "select": "report these only: codes, names, prefixes such as CNN2, or ALL",
    "extend-select": "report these as well",
    "ignore": "do not report these",
    "severity": "levels by code, name or prefix",
    "rules": "options of rules, by code or name",
}
"""What the settings are."""

KINDS = {bool: "boolean", int: "integer", float: "number", str: "string"}
"""The types of options."""


def lint() -> Schema:
    """The settings of a spec."""
    every, changeable = [*codes().values()], [c for c in codes().values() if _changes(c)]
    level = {"enum": list(LEVELS)}
    severity = {name: described(title, level) for name, title in _selectors(changeable)}
    forms = {
        "select": some(_choice(every)),
        "extend-select": some(_choice(every)),
        "ignore": some(_choice(changeable)),
        "severity": mapping(severity),
        "rules": mapping({n: _options(c) for c in every for n in (c.code, c.name)}),
    }
    return mapping({key: described(MEANINGS[key], forms[key]) for key in KEYS})


def _changes(code: Code) -> bool:
    """Whether it can be ignored or have another level."""
    return not code.code.startswith(ALWAYS)


def _choice(those: Iterable[Code]) -> Schema:
    """What selects one of these codes, or several."""
    return either(*({"const": name, "description": it} for name, it in _selectors(those)))


def _selectors(those: Iterable[Code]) -> list[tuple[str, str]]:
    """Every text that selects some of these codes, with what it selects."""
    found = {}
    for one in those:
        found.update({one.code: one.title, one.name: one.title})
        found.update({one.code[:n]: f"all of {one.code[:n]}" for n in range(3, len(one.code))})
    return [*found.items(), ("ALL", "all rules")]


def _options(code: Code) -> Schema:
    """The options of a rule, which are like their defaults."""
    page = f"an option; `cnncalc explain {code.code}` has more"
    known = {name: described(page, _like(usual)) for name, usual in code.options.items()}
    return described(code.title, mapping(known))


def _like(usual: Any) -> Schema:
    """The form of values like this one, which is the default."""
    form = list_of({}) if isinstance(usual, list) else {"type": KINDS[type(usual)]}
    return {**form, "default": usual}
