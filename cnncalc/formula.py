"""How a number comes out: a formula in names, with the numbers put in, and its exact value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from fractions import Fraction

_NAME = re.compile(r"[A-Za-z]\w*")


class Formula(NamedTuple):
    """Sums, products and quotients of names, such as `(N - F + 2*P)/S + 1`, and their values.

    The values are numbers; one that is not whole counts as its decimals say.
    """

    text: str
    values: Mapping[str, Any]

    @property
    def numbers(self) -> str:
        """The formula with the numbers put in; a name without a value stays."""
        return _NAME.sub(self._number, self.text)

    def _number(self, name: re.Match[str]) -> str:
        value = self.values.get(name[0])
        if value is None:
            return name[0]
        return str(value) if value >= 0 else f"({value})"

    @property
    def value(self) -> Fraction:
        """What it gives, exactly: a division that does not come out is not rounded."""
        import ast  # both are needed only where working is shown

        return _value(ast.parse(self.numbers, mode="eval").body)


def _value(node: Any) -> Fraction:
    import ast
    from fractions import Fraction
    from operator import add, mul, neg, sub, truediv

    operators = {ast.Add: add, ast.Sub: sub, ast.Mult: mul, ast.Div: truediv}
    if isinstance(node, ast.BinOp):
        found: Fraction = operators[type(node.op)](_value(node.left), _value(node.right))
        return found
    if isinstance(node, ast.UnaryOp):
        return Fraction(neg(_value(node.operand)))
    return Fraction(str(node.value))
