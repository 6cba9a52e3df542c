"""The catalogue of rules, a family a file, found by their codes."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from cnncalc.lint.rule import Rule

FAMILIES = ("graph", "window", "order", "field", "cost", "porting", "promise", "style")
"""The files of this folder; CNN1xx, CNN2xx and so on."""


@cache
def catalogue() -> dict[str, type[Rule]]:
    """All rules by code, in the order of their codes."""
    found: dict[str, type[Rule]] = {}
    for family in FAMILIES:
        module = import_module(f"{__name__}.{family}")
        for one in vars(module).values():
            if (
                isinstance(one, type)
                and issubclass(one, Rule)
                and one.__module__ == module.__name__
            ):
                found[one.code] = one
    return dict(sorted(found.items()))
