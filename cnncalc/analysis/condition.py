"""Conditions on a change, such as `macs > +5%`: they make `cnncalc diff` fail."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from cnncalc import quantity
from cnncalc.analysis.difference import TOTALS, Total

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}

_FORM = re.compile(r"\s*([A-Za-z_\- ]*?)\s*([<>]=?|=+|!=)\s*([+-]?)\s*([^\s%]*?)\s*(%?)\s*")


class Condition(NamedTuple):
    """A total, an operator, and the change that it is held against; `text` is as written."""

    text: str
    total: str
    operator: str
    negative: bool
    limit: quantity.Quantity
    percent: bool


class Outcome(NamedTuple):
    """A condition with the change that it is about; `holds` is None where that is not known."""

    condition: Condition
    total: Total
    holds: bool | None


class ConditionError(Exception):
    """A text that is not a condition: what is wrong, and what would be right."""

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.message, self.help = message, help


def parse(text: str) -> Condition:
    """The condition that a text stands for; raises ConditionError."""
    found = _FORM.fullmatch(text)
    if not found:
        raise ConditionError(f"'{text}' is not a condition", "write one such as 'macs > +5%'")
    name, sign, number = re.sub("[-_ ]+", " ", found[1]).lower(), found[3], found[4]
    if name not in TOTALS:
        raise ConditionError(
            f"'{text}': there is no number called '{found[1]}'", "numbers: " + ", ".join(TOTALS)
        )
    if found[2] not in OPERATORS:
        raise ConditionError(f"'{text}': '{found[2]}' does not compare", "write > >= < or <=")
    if name.endswith("memory") or name == "size":
        number = re.sub(r"(?<=[kMGT\d])B$", "", number)
    limit = quantity.parse(number)
    if limit is None or limit.approximate:
        raise ConditionError(
            f"'{text}': '{number}' is not a number", "write a change such as +5%, -3% or +1M"
        )
    if not sign and limit.digits:
        raise ConditionError(
            f"'{text}': '{number}{found[5]}' needs a sign, because it is a change",
            f"write +{number}{found[5]} for an increase; a limit of the number itself is a budget "
            "in the spec",
        )
    return Condition(text.strip(), name, found[2], sign == "-", limit, bool(found[5]))


def judge(condition: Condition, totals: Mapping[str, Total]) -> Outcome:
    """Whether a condition holds for these changes, exactly."""
    total = totals[condition.total]
    if total.change is None or total.old is None:
        return Outcome(condition, total, None)
    limit, unit = condition.limit, 10**condition.limit.decimals
    bound = limit.digits * limit.scale * (-1 if condition.negative else 1)
    if condition.percent:  # more than nothing is any percentage of it more
        base = total.old or int(not total.change)
        excess = 100 * total.change * unit - bound * base
    else:
        excess = total.change * unit - bound
    return Outcome(condition, total, OPERATORS[condition.operator](excess, 0))
