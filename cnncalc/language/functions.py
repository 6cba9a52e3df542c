"""The functions of expressions, on plain values; what one does not take is an OperandError."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

from cnncalc.language.arithmetic import (
    MAXIMUM_ENTRIES,
    Number,
    OperandError,
    Value,
    bounded,
    integer,
    number,
    shown,
)

MAXIMUM_DIGITS = 15


def make_divisible(value: Value, divisor: Value = 8) -> int:
    """The MobileNet rule: the nearest multiple of `divisor`, not below it, at most 10 % down.

    Source: `_make_divisible` in tensorflow/models, research/slim/nets/mobilenet.
    """
    v, d = number(value, "make_divisible"), integer(divisor, "the divisor of make_divisible")
    if d < 1:
        raise OperandError(f"the divisor of make_divisible must be 1 or more, not {shown(d)}")
    multiple = max(d, int(v + d / 2) // d * d)
    return multiple + d if multiple < 0.9 * v else multiple


def same_padding(kernel_size: Value, dilation: Value = 1) -> Value:
    """The padding on each side that keeps the size at stride 1; lists are taken per axis."""
    if not isinstance(kernel_size, list) and not isinstance(dilation, list):
        return _same_padding(kernel_size, dilation)
    kernels = kernel_size if isinstance(kernel_size, list) else [kernel_size] * len(_list(dilation))
    dilations = dilation if isinstance(dilation, list) else [dilation] * len(kernels)
    if len(kernels) != len(dilations):
        raise OperandError(
            f"same_padding has {len(kernels)} kernel sizes, but {len(dilations)} dilations"
        )
    return [_same_padding(k, d) for k, d in zip(kernels, dilations, strict=True)]


def _same_padding(kernel_size: Value, dilation: Value) -> int:
    k = integer(kernel_size, "the kernel size of same_padding")
    d = integer(dilation, "the dilation of same_padding")
    if k < 1 or d < 1:
        raise OperandError(f"same_padding takes sizes of 1 or more, not {shown(min(k, d))}")
    total = d * (k - 1)
    if total % 2:
        raise OperandError(
            f"same_padding({k}, {d}) would need {total} in all, which two equal sides cannot share",
            "use an odd kernel size, or write the padding of each side",
        )
    return total // 2


def _list(value: Value) -> list[Value]:
    return value if isinstance(value, list) else [value]


def _list_of(value: Value, what: str) -> list[Value]:
    if not isinstance(value, list):
        raise OperandError(f"{what} takes a list, not {shown(value)}")
    return value


def _numbers(values: Iterable[Value], what: str) -> list[Number]:
    return [number(value, what) for value in values]


def _extreme(name: str, choose: Callable[[list[Number]], Number]) -> Callable[..., Number]:
    def extreme(*values: Value) -> Number:
        entries = values
        if len(values) == 1:
            entries = tuple(_list_of(values[0], f"{name} of one value"))
        if not entries:
            raise OperandError(f"{name} of an empty list")
        return choose(_numbers(entries, name))

    return extreme


def _sum(values: Value) -> Number:
    return sum(_numbers(_list_of(values, "sum"), "sum"))


def _int(value: Value) -> int:
    return int(number(value, "int"))


def _floor(value: Value) -> int:
    return math.floor(number(value, "floor"))


def _ceil(value: Value) -> int:
    return math.ceil(number(value, "ceil"))


def _abs(value: Value) -> Number:
    return abs(number(value, "abs"))


def _len(value: Value) -> int:
    return len(_list_of(value, "len"))


def _round(value: Value, digits: Value = None) -> Number:
    v = number(value, "round")
    if digits is None:
        return round(v)
    n = integer(digits, "the number of digits of round")
    if abs(n) > MAXIMUM_DIGITS:
        raise OperandError(f"round to {shown(n)} digits; the limit is {MAXIMUM_DIGITS}")
    return round(v, n)


def _range(*bounds: Value) -> list[int]:
    start, stop, step = 0, integer(bounds[0], "a bound of range"), 1
    if len(bounds) > 1:
        start, stop = stop, integer(bounds[1], "a bound of range")
    if len(bounds) > 2:
        step = integer(bounds[2], "a bound of range")
    if step == 0:
        raise OperandError("range with a step of zero")
    entries = max(0, -((start - stop) // step))
    if entries > MAXIMUM_ENTRIES:
        raise OperandError(f"range of {entries:,} entries; the limit is {MAXIMUM_ENTRIES:,}")
    return list(range(start, stop, step))


class Function(NamedTuple):
    """A function of expressions and how many arguments it takes."""

    call: Callable[..., Value]
    least: int
    most: int | None

    def takes(self, count: int) -> bool:
        """Whether it can be called with that many arguments."""
        return self.least <= count and (self.most is None or count <= self.most)

    @property
    def expected(self) -> str:
        """How many arguments it takes, in words."""
        if self.most is None:
            return f"{self.least} or more arguments"
        if self.most == self.least:
            return f"{self.least} argument{'s' if self.least > 1 else ''}"
        return f"{self.least} to {self.most} arguments"


FUNCTIONS: dict[str, Function] = {
    "make_divisible": Function(make_divisible, 1, 2),
    "same_padding": Function(same_padding, 1, 2),
    "min": Function(_extreme("min", min), 1, None),
    "max": Function(_extreme("max", max), 1, None),
    "int": Function(_int, 1, 1),
    "round": Function(_round, 1, 2),
    "floor": Function(_floor, 1, 1),
    "ceil": Function(_ceil, 1, 1),
    "abs": Function(_abs, 1, 1),
    "len": Function(_len, 1, 1),
    "sum": Function(_sum, 1, 1),
    "range": Function(_range, 1, 3),
}


def call(name: str, arguments: list[Value]) -> Value:
    """The result of a function of the table; raises OperandError."""
    try:
        return bounded(FUNCTIONS[name].call(*arguments))
    except OverflowError:
        raise OperandError("the result is not a finite number") from None
