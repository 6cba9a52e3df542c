"""`$name` and `$(...)` -> a value, by walking a checked syntax tree; nothing is ever `eval`ed.

A value that is not known (a size that depends on an earlier mistake) is UNKNOWN, and what is
computed from it is UNKNOWN too, without a second message.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any, Final, NoReturn, Protocol

from cnncalc.language import arithmetic, functions
from cnncalc.language.arithmetic import COMPARISONS, OperandError, Value, bounded, integer, shown
from cnncalc.language.expression_syntax import (
    CONSTANTS,
    TENSOR_FUNCTIONS,
    ExpressionError,
    function_name,
    place,
    read,
    tensor_argument,
)
from cnncalc.language.functions import FUNCTIONS
from cnncalc.suggest import did_you_mean

__all__ = [
    "UNKNOWN",
    "Environment",
    "ExpressionError",
    "OperandError",
    "Unknown",
    "Value",
    "evaluate",
    "integer",
    "is_expression",
    "places",
    "references",
    "tensors",
]


class Unknown(Enum):
    """The type of UNKNOWN; an enumeration, so that `is UNKNOWN` narrows for a type checker."""

    UNKNOWN = "unknown"

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown.UNKNOWN


class Environment(Protocol):
    """What is visible where an expression stands."""

    def variable(self, name: str) -> Value:
        """The value of a variable; raises KeyError when there is none."""

    def variables(self) -> Iterable[str]:
        """The names of all variables."""

    def shape(self, tensor: str) -> tuple[int, ...] | None:
        """The shape of a tensor, None where it is not known; raises KeyError."""

    def tensors(self) -> Iterable[str]:
        """The names of all tensors."""


def is_expression(text: str) -> bool:
    """Whether a scalar is to be evaluated."""
    return text.startswith("$")


def evaluate(text: str, environment: Environment) -> Value:
    """The value of `$name` or `$(...)`; raises ExpressionError."""
    value = _Evaluation(text, environment).value(read(text))
    return UNKNOWN if _unknown(value) else value


def references(text: str) -> frozenset[str]:
    """The names of the variables that an expression reads; raises ExpressionError."""
    return frozenset(name for name, _, _ in places(text))


def places(text: str) -> tuple[tuple[str, int, int], ...]:
    """The variables that an expression reads, each with its characters, in their order.

    Raises ExpressionError.
    """
    nodes = list(ast.walk(read(text)))
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    others = {id(call.func) for call in calls}
    others |= {id(call.args[0]) for call in calls if function_name(call) in TENSOR_FUNCTIONS}
    names = [node for node in nodes if isinstance(node, ast.Name) and id(node) not in others]
    found = ((node.id, *place(text, node)) for node in names if node.id not in CONSTANTS)
    return tuple(sorted(found, key=lambda one: one[1]))


def tensors(text: str) -> frozenset[str]:
    """The names of the tensors whose shapes an expression asks for; raises ExpressionError."""
    calls = [node for node in ast.walk(read(text)) if isinstance(node, ast.Call)]
    asked = (call for call in calls if function_name(call) in TENSOR_FUNCTIONS)
    return frozenset(map(tensor_argument, asked))


def _unknown(value: Value) -> bool:
    return value is UNKNOWN or (isinstance(value, list) and any(map(_unknown, value)))


def _true(value: Value) -> bool:
    """Python's truth for the values of expressions; of a layer nothing is asked."""
    return bool(value) if value is None or isinstance(value, int | float | str | list) else True


class _Evaluation:
    """One walk over a tree."""

    def __init__(self, text: str, environment: Environment) -> None:
        self.text = text
        self.environment = environment

    def value(self, node: ast.expr) -> Value:
        try:
            return _BY_TYPE[type(node)](self, node)
        except OperandError as error:
            self.fail(node, error.message, error.help)

    def fail(self, node: ast.AST, message: str, help: str | None = None) -> NoReturn:
        raise ExpressionError(message, help, *place(self.text, node)) from None

    def constant(self, node: ast.Constant) -> Value:
        return node.value

    def name(self, node: ast.Name) -> Value:
        if node.id in CONSTANTS:
            return CONSTANTS[node.id]
        try:
            value = self.environment.variable(node.id)
        except KeyError:
            self.unknown_variable(node)
        return bounded(list(value) if type(value) is tuple else value)

    def unknown_variable(self, node: ast.Name) -> NoReturn:
        name = node.id
        help = did_you_mean(name, self.environment.variables())
        if name in self.environment.tensors():
            help = f"'{name}' is a tensor: write channels({name}) or spatial({name})"
        elif name in FUNCTIONS or name in TENSOR_FUNCTIONS:
            help = f"'{name}' is a function: write $({name}(...))"
        self.fail(node, f"unknown variable '{name}'", help)

    def display(self, node: ast.List) -> Value:
        return [self.value(part) for part in node.elts]

    def binary(self, node: ast.BinOp) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        if _unknown(left) or _unknown(right):
            return UNKNOWN
        return arithmetic.combine(type(node.op), left, right)

    def unary(self, node: ast.UnaryOp) -> Value:
        value = self.value(node.operand)
        if _unknown(value):
            return UNKNOWN
        if isinstance(node.op, ast.Not):
            return not _true(value)
        number = arithmetic.number(value, "a sign")
        return -number if isinstance(node.op, ast.USub) else number

    def boolean(self, node: ast.BoolOp) -> Value:
        """`and`, `or`: the first value that settles it, else the last; UNKNOWN settles nothing."""
        settling = isinstance(node.op, ast.Or)
        unknown = False
        value: Value = UNKNOWN
        for part in node.values:
            try:
                value = self.value(part)
            except ExpressionError:
                if not unknown:
                    raise
                return UNKNOWN  # the part before may be there to rule this out
            if _unknown(value):
                unknown = True
            elif _true(value) is settling:
                return value
        return UNKNOWN if unknown else value

    def compare(self, node: ast.Compare) -> Value:
        left = self.value(node.left)
        unknown = False
        for op, part in zip(node.ops, node.comparators, strict=True):
            right = self.value(part)
            if _unknown(left) or _unknown(right):
                unknown = True
            elif not COMPARISONS[type(op)](left, right):
                return False
            left = right
        return UNKNOWN if unknown else True

    def conditional(self, node: ast.IfExp) -> Value:
        test = self.value(node.test)
        if _unknown(test):
            return UNKNOWN
        return self.value(node.body if _true(test) else node.orelse)

    def subscript(self, node: ast.Subscript) -> Value:
        values = self.value(node.value)
        if values is UNKNOWN:
            return UNKNOWN
        if not isinstance(values, list):
            raise OperandError(f"a subscript takes a list, not {shown(values)}")
        index = int(ast.literal_eval(node.slice))
        if not -len(values) <= index < len(values):
            entries = "1 entry" if len(values) == 1 else f"{len(values)} entries"
            raise OperandError(f"there is no [{index}] in a list of {entries}")
        return values[index]

    def call(self, node: ast.Call) -> Value:
        name = function_name(node)
        if name in TENSOR_FUNCTIONS:
            return self.tensor(node)
        arguments = [self.value(argument) for argument in node.args]
        if name == "len" and isinstance(arguments[0], list):
            return len(arguments[0])  # is known even where an entry is not
        if any(map(_unknown, arguments)):
            return UNKNOWN
        return functions.call(name, arguments)

    def tensor(self, node: ast.Call) -> Value:
        name = tensor_argument(node)
        try:
            shape = self.environment.shape(name)
        except KeyError:
            help = did_you_mean(name, self.environment.tensors())
            self.fail(node.args[0], f"unknown tensor '{name}'", help)
        if not shape:
            return UNKNOWN
        return shape[0] if function_name(node) == "channels" else list(shape[1:])


_BY_TYPE: dict[type[ast.expr], Callable[[_Evaluation, Any], Value]] = {
    ast.Constant: _Evaluation.constant,
    ast.Name: _Evaluation.name,
    ast.List: _Evaluation.display,
    ast.BinOp: _Evaluation.binary,
    ast.UnaryOp: _Evaluation.unary,
    ast.BoolOp: _Evaluation.boolean,
    ast.Compare: _Evaluation.compare,
    ast.IfExp: _Evaluation.conditional,
    ast.Subscript: _Evaluation.subscript,
    ast.Call: _Evaluation.call,
}
