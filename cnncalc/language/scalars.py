"""Plain scalars of YAML -> values, by the core schema of YAML 1.2.

What readers of YAML 1.1 and 1.2 take differently (`yes`, `010`, `1_000`, dates) is refused, each
with what to write instead, so that a spec means one thing to everyone.
"""

from __future__ import annotations

import re
from functools import lru_cache
from math import isfinite
from typing import NamedTuple, TypeAlias

Value: TypeAlias = str | int | float | bool | None

LARGEST = 2**63


class Resolved(NamedTuple):
    """The value of a plain scalar; with a `reason` it was refused, and the value is a guess."""

    value: Value
    reason: str | None = None
    help: str | None = None
    code: str = "CNN006"


_WORDS: dict[str, Value] = {"": None, "~": None, "null": None, "true": True, "false": False}
_LOOSE_WORDS = {"yes": True, "on": True, "no": False, "off": False}
_INTEGER = re.compile(r"[-+]?[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SEPARATED = re.compile(r"[-+]?[0-9][0-9_]*_[0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?")

# A guess for a number that cannot be had: a size of 1 fits nearly everywhere, so that loading goes
# on without a second message.
_GUESS = 1


@lru_cache(maxsize=4096)
def resolve(text: str) -> Resolved:
    """The value of a plain scalar, or why it is refused together with a guess."""
    if text in _WORDS:
        return Resolved(_WORDS[text])
    first = text[0]
    if first.isalpha():
        return _word(text)
    if first in "+-.0123456789":
        return _number(text)
    return Resolved(text)


def quote(text: str) -> str:
    """The text in quotes, as messages show it: on one line, and not too much of it."""
    line = " ".join(text.split())
    return f"'{line if len(line) <= 40 else line[:37] + '...'}'"


def _word(text: str) -> Resolved:
    form = text.lower() if text in (text.lower(), text.capitalize(), text.upper()) else text
    if form in _LOOSE_WORDS:
        return _refused(text, _LOOSE_WORDS[form], f"{quote(text)} is not a boolean here")
    if form in ("true", "false"):
        return _refused(text, form == "true", f"{quote(text)} is not a boolean here")
    if form == "null":
        return _refused(text, None, f"{quote(text)} is not null here")
    return Resolved(text)


def _number(text: str) -> Resolved:
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        value = float(text)
        if isfinite(value):
            return Resolved(value)
        reason = f"{quote(text)} is too large: numbers go up to about 1.8e308"
        return Resolved(_GUESS, reason, code="CNN007")
    if _SEPARATED.fullmatch(text):
        plain = resolve(text.replace("_", ""))
        if plain.code == "CNN007":
            return plain
        return _refused(text, plain.value, f"{quote(text)} is a number with '_' in it")
    if _NOT_FINITE.fullmatch(text):
        help = f"write a number, or {quote(text)} in quotes"
        return Resolved(_GUESS, f"{quote(text)} is not a finite number", help)
    if _DATE.fullmatch(text):
        help = f"write {quote(text)} in quotes"
        return Resolved(text, f"{quote(text)} is a date to some readers of YAML", help)
    return Resolved(text)


def _integer(text: str) -> Resolved:
    if text[:2] in ("0x", "0o"):
        value = int(text[2:], 16 if text[1] == "x" else 8)
    else:
        digits = text.lstrip("+-").lstrip("0")
        # int() refuses thousands of digits, and is slow before that
        value = int(digits or "0") if len(digits) < 20 else 2 * LARGEST
        value = -value if text[0] == "-" else value
    if abs(value) > LARGEST:
        reason = f"{quote(text)} is too large: integers go up to 2**63"
        return Resolved(_GUESS, reason, code="CNN007")
    if re.match(r"[-+]?0[0-9]", text):
        return _refused(
            text, value, f"{quote(text)} has a leading zero, octal to some readers of YAML"
        )
    return Resolved(value)


def _refused(text: str, value: Value, reason: str) -> Resolved:
    shown = "null" if value is None else str(value).lower()
    return Resolved(value, reason, f"write {shown}, or {quote(text)} in quotes")
