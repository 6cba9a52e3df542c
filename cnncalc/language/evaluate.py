"""Located nodes -> values, at one place of the expansion; what goes wrong is reported once.

A value that could not be had is UNKNOWN, which flows on without a second problem.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as Dict
from typing import Any, NamedTuple

from cnncalc import layers
from cnncalc.argument import Kind
from cnncalc.graph import calls
from cnncalc.language.document import Mapping, Node, Scalar, Sequence
from cnncalc.language.expression import UNKNOWN, ExpressionError, evaluate, is_expression
from cnncalc.language.forms import REFERENCE_HELP, TYPE_NAME, is_reference, kind
from cnncalc.language.scalars import resolve
from cnncalc.language.scope import Context
from cnncalc.layer import quoted
from cnncalc.problem import Problem, Span

_TERM = r"\(*[\w.]+\)*"
_ARITHMETIC = re.compile(rf"{_TERM}(\s*(\*\*?|//?|%|\+|\s-\s)\s*{_TERM})+")


class Argument(NamedTuple):
    """A value given by name, with the places of both."""

    value: Any
    span: Span
    key: Span


class Arguments(NamedTuple):
    """What stands after a layer or block: keywords, the one primary value, or inputs.

    `problem` is why it could not be read.
    """

    keywords: Dict[str, Argument] = {}
    primary: Argument | None = None
    references: tuple[Scalar, ...] | None = None
    problem: Problem | None = None


class Invoked(NamedTuple):
    """A layer or block as a value, its arguments evaluated where it was written."""

    name: str
    arguments: Arguments

    def __str__(self) -> str:
        given = ", ".join(f"{key}={one.value}" for key, one in self.arguments.keywords.items())
        if self.arguments.primary:
            given = str(self.arguments.primary.value)
        return f"{self.name}({given})" if given else self.name


class Evaluator:
    """Turns nodes into values, and collects problems with the trace of calls around them."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def report(
        self, code: str, message: str, span: Span, context: Context, help: str | None = None
    ) -> Problem:
        """Add a problem; returns it."""
        problem = Problem(code, message, span, help, calls(context.scope))
        self.problems.append(problem)
        return problem

    def value(self, node: Node, context: Context) -> Any:
        """The value that a node stands for: a scalar, a list, or a layer with arguments."""
        if isinstance(node, Scalar):
            return self.scalar(node, context)
        if isinstance(node, Sequence):
            values = [self.value(one, context) for one in node.items]
            return UNKNOWN if any(value is UNKNOWN for value in values) else values
        if len(node.entries) == 1 and TYPE_NAME.fullmatch(node.entries[0][0].text):
            name, given = node.entries[0]
            return Invoked(name.text, self.arguments(given, context, name.text))
        help = "a mapping as a value is a layer with its arguments, such as {LeakyReLU: 0.1}"
        self.report("CNN007", "a value cannot be a mapping", node.span, context, help)
        return UNKNOWN

    def scalar(self, node: Scalar, context: Context) -> Any:
        """A number, boolean, null or text; an expression is evaluated."""
        text = node.value
        if not isinstance(text, str) or not is_expression(text):
            return text
        try:
            return evaluate(text, context)
        except ExpressionError as error:
            span = _within(node, error.start, error.end)
            self.report(error.code, error.message, span, context, error.help)
            return UNKNOWN

    def checked(
        self, node: Node, kind: Kind, what: str, context: Context, help: str | None = None
    ) -> Any:
        """A value of one kind; UNKNOWN where it is not, which is reported."""
        value = self.value(node, context)
        if value is UNKNOWN:
            return UNKNOWN
        try:
            return kind.convert(value, 0)
        except ValueError as error:
            expected = str(error) or kind.expected(0)
            message = f"{what} must be {expected}, not {quoted(value)}{origin(node)}"
            self.report("CNN007", message, node.span, context, hint(value, context) or help)
            return UNKNOWN

    def arguments(self, node: Node | None, context: Context, owner: str) -> Arguments:
        """What stands after the layer or block `owner`: a mapping of keywords, a list of inputs."""
        if node is None or (isinstance(node, Scalar) and node.value is None):
            return Arguments()
        if isinstance(node, Mapping):
            return Arguments(
                {key.text: self.argument(one, key.span, context) for key, one in node.entries}
            )
        if isinstance(node, Scalar):
            return Arguments(primary=self.argument(node, node.span, context))
        references = [one for one in node.items if is_reference(one)]
        if len(references) == len(node.items):
            return Arguments(references=tuple(references))
        return Arguments(problem=self.not_inputs(node, owner, context, named=bool(references)))

    def not_inputs(self, node: Sequence, owner: str, context: Context, *, named: bool) -> Problem:
        """Report a list that should hold inputs; `named` says that some of it does."""
        wrong = next(one for one in node.items if not is_reference(one))
        layer_type = layers.find(owner)
        if named or (layer_type and layer_type.many):
            message = f"{kind(wrong)} is not the name of a tensor"
            return self.report("CNN104", message, wrong.span, context, REFERENCE_HELP)
        message = f"a list holds the inputs of {owner}, and {kind(wrong)} is not one"
        help = "write arguments by name"
        if layer_type:
            examples = [example.text for example in layer_type.examples]
            help += ", such as " + next((one for one in examples if "{" in one), examples[0])
        return self.report("CNN005", message, node.span, context, help)

    def argument(self, node: Node, key: Span, context: Context) -> Argument:
        """One value with its places."""
        return Argument(self.value(node, context), node.span, key)


def hint(value: Any, context: Context) -> str | None:
    """What was probably meant by text that stands where something else is needed."""
    if not isinstance(value, str) or len(value) > 60:
        return None
    if value in context.variables():
        return f"write ${value} for the variable"
    if not isinstance(resolve(value).value, str):
        return f"write {value} without quotes"
    if re.fullmatch(r"\([^()]*,[^()]*\)", value):
        return f"write a list: [{value[1:-1]}]"
    return f"write $({value})" if _ARITHMETIC.fullmatch(value) else None


def origin(node: Node) -> str:
    """The expression that gave a value, to follow the value in a message."""
    if isinstance(node, Scalar) and isinstance(node.value, str) and is_expression(node.value):
        return f" (from {node.value})"
    return ""


def _within(node: Scalar, start: int, end: int) -> Span:
    """The part of a scalar that an expression's problem is about."""
    span = node.span
    width = span.end_column - span.column
    quote = 0 if node.plain else 1
    if span.line != span.end_line or end <= start or width != len(node.text) + 2 * quote:
        return span  # with escapes, nothing is where it seems
    start, end = start + quote, end + quote
    return Span(span.file, span.line, span.column + start, span.line, span.column + end)
