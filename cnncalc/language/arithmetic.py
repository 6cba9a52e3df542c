"""What expressions compute with: operators and limits, on plain values.

What a function here does not take it raises as an `OperandError`; the caller knows where.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

Value: TypeAlias = object
Number: TypeAlias = int | float

LARGEST = 2**63
MAXIMUM_EXPONENT = 64
MAXIMUM_ENTRIES = 10_000
MAXIMUM_CHARACTERS = 1_000


class OperandError(ValueError):
    """A value that an operation does not take, or a result beyond a limit."""

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.help = help


def shown(value: Value) -> str:
    """The value as a message quotes it, in the words of YAML and not too much of it."""
    if value is None or isinstance(value, bool):
        text = {None: "null", True: "true", False: "false"}[value]
    elif isinstance(value, int) and abs(value) > LARGEST:
        text = "more than 2**63"  # writing out thousands of digits is slow, or refused by Python
    else:
        text = str(value)
    return f"'{text if len(text) <= 40 else text[:37] + '...'}'"


def bounded(value: Value) -> Value:
    """The value, when it keeps the limits of size; raises OperandError."""
    if isinstance(value, int):
        if abs(value) <= LARGEST:
            return value
        raise OperandError("the result is too large: integers go up to 2**63")
    if isinstance(value, float) and not math.isfinite(value):
        raise OperandError("the result is not a finite number")
    if isinstance(value, str) and len(value) > MAXIMUM_CHARACTERS:
        raise OperandError(
            f"a string of {len(value):,} characters; the limit is {MAXIMUM_CHARACTERS:,}"
        )
    if isinstance(value, list) and (entries := _entries(value)) > MAXIMUM_ENTRIES:
        raise OperandError(f"a list of {entries:,} entries; the limit is {MAXIMUM_ENTRIES:,}")
    return value


def _entries(value: list[Value]) -> int:
    """Entries of a list with those of the lists in it, which keep the limit themselves."""
    return sum(1 + (_entries(one) if isinstance(one, list) else 0) for one in value)


def number(value: Value, what: str) -> Number:
    """The value as a number; raises OperandError for all else, booleans too."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise OperandError(f"{what} takes numbers only, not {shown(value)}")
    return value


def integer(value: Value, what: str) -> int:
    """The value as a whole number, for which 64.0 counts as 64; raises OperandError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value % 1 != 0:
        raise OperandError(f"{what} must be an integer, not {shown(value)}")
    return int(value)


# ---- operators


def _divide(operation: Callable[[Number, Number], Number]) -> Callable[[Number, Number], Number]:
    def divide(left: Number, right: Number) -> Number:
        if right == 0:
            raise OperandError(f"division of {shown(left)} by zero")
        return operation(left, right)

    return divide


def _power(base: Number, exponent: Number) -> Value:
    if abs(exponent) > MAXIMUM_EXPONENT:
        raise OperandError(f"the exponent {shown(exponent)} is too large; the limit is 64")
    if base == 0 and exponent < 0:
        raise OperandError(f"'0 ** {exponent}' is a division by zero")
    if base < 0 and exponent % 1:
        raise OperandError(f"'{base} ** {exponent}' is not a real number")
    result: Value = base**exponent
    return result


class Operator(NamedTuple):
    """A sign between two numbers."""

    sign: str
    apply: Callable[[Number, Number], Value]


OPERATORS: dict[type[ast.operator], Operator] = {
    ast.Add: Operator("+", operator.add),
    ast.Sub: Operator("-", operator.sub),
    ast.Mult: Operator("*", operator.mul),
    ast.Div: Operator("/", _divide(operator.truediv)),
    ast.FloorDiv: Operator("//", _divide(operator.floordiv)),
    ast.Mod: Operator("%", _divide(operator.mod)),
    ast.Pow: Operator("**", _power),
}


def combine(kind: type[ast.operator], left: Value, right: Value) -> Value:
    """`left + right` and its kin; raises OperandError."""
    sign, apply = OPERATORS[kind]
    a, b = number(left, f"'{sign}'"), number(right, f"'{sign}'")
    try:
        return bounded(apply(a, b))
    except OverflowError:
        raise OperandError("the result is not a finite number") from None


def equal(left: Value, right: Value) -> bool:
    """Whether two values are the same; a boolean is never a number."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, bool) is not isinstance(right, bool):
        return False
    return bool(left == right)


def contains(entry: Value, entries: Value) -> bool:
    """`entry in entries`, for lists."""
    if not isinstance(entries, list):
        raise OperandError(f"'in' takes a list, not {shown(entries)}")
    return any(equal(entry, one) for one in entries)


def _ordered(
    sign: str, compare: Callable[[Number, Number], bool]
) -> Callable[[Value, Value], bool]:
    def check(left: Value, right: Value) -> bool:
        return compare(number(left, f"'{sign}'"), number(right, f"'{sign}'"))

    return check


COMPARISONS: dict[type[ast.cmpop], Callable[[Value, Value], bool]] = {
    ast.Eq: equal,
    ast.NotEq: lambda left, right: not equal(left, right),
    ast.Lt: _ordered("<", operator.lt),
    ast.LtE: _ordered("<=", operator.le),
    ast.Gt: _ordered(">", operator.gt),
    ast.GtE: _ordered(">=", operator.ge),
    ast.In: contains,
    ast.NotIn: lambda left, right: not contains(left, right),
}
