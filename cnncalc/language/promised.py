"""The numbers of `expect` as text: each as it was written before, and a block of the usual ones."""

from __future__ import annotations

from collections.abc import Sequence as Row
from typing import TYPE_CHECKING

from cnncalc import quantity
from cnncalc.analysis.report import Report
from cnncalc.language.document import Document, Node, Scalar, Sequence, source
from cnncalc.problem import Edit
from cnncalc.quantity import Quantity

if TYPE_CHECKING:
    from fractions import Fraction

DIGITS = 4
"""Of a number that has no end."""


def rewritten(
    node: Node, values: Row[int | Fraction], document: Document, *, exact: bool
) -> tuple[Edit, ...]:
    """What puts the computed values where others are written; nothing if a comment is in the way.

    A single number stands for all axes unless `exact`.
    """
    if isinstance(node, Scalar):
        one = len(set(values)) == 1 and (len(values) == 1 or not exact)
        text = number(values[0], quantity.parse(node.text)) if one else listed(values)
        return (Edit(node.span, text),)
    if not isinstance(node, Sequence):
        return ()
    if len(node.items) == len(values):
        pairs = zip(node.items, values, strict=True)
        edits = (_renewed(one, value) for one, value in pairs if isinstance(one, Scalar))
        return tuple(edit for edit in edits if edit)
    text = source(document.lines, node.span)
    if "#" in text:
        return ()
    if text.startswith("[") or not values:
        return (Edit(node.span, listed(values)),)
    indent = "\n" + " " * (node.span.column - 1)
    return (Edit(node.span, indent.join(f"- {number(value)}" for value in values)),)


def _renewed(node: Scalar, value: int | Fraction) -> Edit | None:
    """What puts a value where another is written; None where it is the same."""
    written = quantity.parse(node.text)
    right = written is not None and written.matches(value)
    return None if right else Edit(node.span, number(value, written))


def listed(values: Row[int | Fraction]) -> str:
    """Values between brackets."""
    return f"[{', '.join(map(number, values))}]"


def number(value: int | Fraction, like: Quantity | None = None) -> str:
    """A number, exact if the one before was exact; else with as many digits as that one had."""
    if like and like.approximate:
        return _about(value, len(str(like.digits)), _units(like))
    if value == int(value):
        return str(int(value))
    for decimals in range(1, DIGITS + 1):
        if (value * 10**decimals).denominator == 1:
            return _decimal(int(value * 10**decimals), decimals)
    return _about(value, DIGITS, {"": 1})


def _units(like: Quantity) -> dict[str, int]:
    """The suffixes of the kind that a number has: powers of 1000, of 1024, or none."""
    of = {scale: name for name, scale in quantity.SUFFIXES.items()}
    binary = "i" in of[like.scale]
    those = quantity.SUFFIXES if like.scale > 1 else ()
    return {"": 1} | {name: quantity.SUFFIXES[name] for name in those if ("i" in name) == binary}


def _about(value: int | Fraction, digits: int, units: dict[str, int]) -> str:
    """`~` and a number of so many digits, with the largest suffix that leaves it above 1."""
    suffix = [name for name, scale in units.items() if scale <= max(value, 1)][-1]
    from fractions import Fraction  # only a rounded number needs it

    share = Fraction(value) / units[suffix]
    decimals = max(0, digits - len(str(int(share))))
    return f"~{_decimal(round(share * 10**decimals), decimals)}{suffix}"


def _decimal(digits: int, decimals: int) -> str:
    """digits / 10 ** decimals."""
    whole, rest = divmod(digits, 10**decimals)
    return f"{whole}.{rest:0{decimals}}" if decimals else str(whole)


def usual(report: Report) -> dict[str, str]:
    """What a spec usually promises, and its text, by key."""
    totals = report.totals
    numbers = {"params": totals.params, "params_inference": totals.params_inference}
    if totals.params_inference == totals.params:
        del numbers["params_inference"]
    numbers["macs"] = totals.macs
    found = {key: number(value) for key, value in numbers.items() if value is not None}
    shapes = [listed(result.shape) for result in report.outputs if result.shape is not None]
    if len(shapes) == 1:
        return {**found, "output": shapes[0]}
    return {**found, "outputs": f"[{', '.join(shapes)}]"} if shapes else found
