"""The text of an expression -> a syntax tree in which nothing is left but what is allowed.

Python's own parser reads it; `eval` never sees it. What is refused is refused here, before any
value is known, also in a branch that would not be taken.
"""

from __future__ import annotations

import ast
import re
import warnings
from functools import lru_cache
from typing import NoReturn

from cnncalc.language.arithmetic import LARGEST, OPERATORS
from cnncalc.language.functions import FUNCTIONS
from cnncalc.suggest import did_you_mean

MAXIMUM_LENGTH = 200
MAXIMUM_DEPTH = 20
FORMS = "write $name or $(expression)"
TENSOR_FUNCTIONS = ("channels", "spatial")
CONSTANTS = {"true": True, "false": False, "null": None}

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STRING = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\"""")
_SPACES = dict.fromkeys(map(ord, "\t\r\n"), " ")
_ALLOWED = "an expression has numbers, strings, names, lists, operators and calls of " + ", ".join(
    (*FUNCTIONS, *TENSOR_FUNCTIONS)
)
_REFUSED: dict[type[ast.AST], str] = {
    ast.Attribute: "an attribute",
    ast.Lambda: "a lambda",
    ast.ListComp: "a comprehension",
    ast.SetComp: "a comprehension",
    ast.DictComp: "a comprehension",
    ast.GeneratorExp: "a comprehension",
    ast.JoinedStr: "an f-string",
    ast.NamedExpr: "an assignment",
    ast.Starred: "a starred argument",
    ast.Dict: "a mapping",
    ast.Set: "a set",
    ast.Tuple: "a tuple",
    ast.Slice: "a slice",
}
_HINTS = (
    (r"\$", "inside $( ) a name stands without '$'"),
    (r"&&", "write 'and'"),
    (r"\|\|", "write 'or'"),
    (r"!(?!=)", "write 'not'"),
    (r"\?", "write 'a if condition else b'"),
    (r"(?<![=!<>])=(?!=)", "write '==' to compare"),
)


class ExpressionError(Exception):
    """What is wrong with an expression, and which characters of its text are to blame."""

    def __init__(
        self, message: str, help: str | None, start: int, end: int, code: str = "CNN004"
    ) -> None:
        super().__init__(message)
        self.message = message
        self.help = help
        self.start = start
        self.end = end
        self.code = code


@lru_cache(maxsize=4096)
def read(text: str) -> ast.expr:
    """The checked tree of `$name` or `$(...)`; raises ExpressionError.

    Cached, because one expression is evaluated for thousands of expansions.
    """
    if len(text) > MAXIMUM_LENGTH:
        message = f"the expression has {len(text)} characters; the limit is {MAXIMUM_LENGTH}"
        raise ExpressionError(message, "name its parts in 'vars'", 0, len(text))
    line = text.translate(_SPACES)
    if not line.isprintable():
        raise ExpressionError("a control character in the expression", None, 0, len(text))
    _check_form(line)
    tree = _parse(line)
    _Check(line).node(tree, 0)
    return tree


def place(text: str, node: ast.AST) -> tuple[int, int]:
    """The characters of the text that a node stands for."""
    source = text[1:].encode()  # the parser counts bytes
    start, end = node.col_offset, node.end_col_offset  # type: ignore[attr-defined]
    return len(source[:start].decode()) + 1, len(source[:end].decode()) + 1


def tensor_argument(call: ast.Call) -> str:
    """The name of the tensor in a checked `channels(x)` or `spatial(x)`."""
    argument = call.args[0]
    assert isinstance(argument, ast.Name)
    return argument.id


def function_name(call: ast.Call) -> str:
    """The name of the function in a checked call."""
    assert isinstance(call.func, ast.Name)
    return call.func.id


def _check_form(text: str) -> None:
    """Raise unless the text is `$name`, or `$(` up to the parenthesis that closes it."""
    rest = text[1:]
    name = _NAME.match(rest)
    if rest.startswith("("):
        end = _closing(text)
    elif name:
        end = name.end() + 1
    elif rest.startswith("{"):
        inner = _NAME.search(rest)
        word = inner.group() if inner else "name"
        help = f"write ${word} or $({word})"
        raise ExpressionError("'${' is not how a variable is written", help, 0, len(text))
    elif not rest:
        raise ExpressionError("'$' without a name", FORMS, 0, 1)
    else:
        raise ExpressionError(f"'{rest}' is not a name", FORMS, 1, len(text))
    if not text[2 : end - 1].strip() and rest.startswith("("):
        raise ExpressionError("the expression is empty", FORMS, 0, end)
    if end < len(text):
        message = f"'{text[end:]}' stands behind the expression '{text[:end]}'"
        whole = rest.replace("$", "").strip()
        raise ExpressionError(message, f"write $({whole})", end, len(text))


def _closing(text: str) -> int:
    """The end of `$(...)`; raises for a parenthesis without its partner, or too many of them."""
    opened: list[int] = []
    at = 1
    while at < len(text):
        sign = text[at]
        string = _STRING.match(text, at)
        if string:
            at = string.end()
            continue
        if sign in "([{":
            opened.append(at)
        elif sign in ")]}":
            opened.pop()
        elif sign == "#":
            raise ExpressionError("'#' has no meaning in an expression", None, at, at + 1)
        at += 1
        if len(opened) > MAXIMUM_DEPTH:
            _too_deep(at - 1, len(text))
        if not opened:
            return at
    raise ExpressionError(f"'{text[opened[-1]]}' is never closed", None, opened[-1], opened[-1] + 1)


def _too_deep(start: int, end: int) -> NoReturn:
    message = f"the expression is nested deeper than {MAXIMUM_DEPTH}, which is the limit"
    raise ExpressionError(message, "name its parts in 'vars'", start, end)


def _parse(text: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about doubtful strings such as "\d"
            return ast.parse(text[1:], mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        at = min(getattr(error, "offset", None) or 1, len(text) - 1)
        bare = _STRING.sub("", text[1:])
        help = next((hint for pattern, hint in _HINTS if re.search(pattern, bare)), None)
        message = f"cannot make sense of '{text}'"
        raise ExpressionError(message, help, at, at + 1) from None


class _Check:
    """Walks a tree and raises at the first thing that is not allowed."""

    def __init__(self, text: str) -> None:
        self.text = text

    def fail(self, node: ast.AST, message: str, help: str | None = None) -> NoReturn:
        raise ExpressionError(message, help, *place(self.text, node))

    def node(self, node: ast.expr, depth: int) -> None:
        """Check a node and what is in it."""
        if depth > MAXIMUM_DEPTH:
            _too_deep(*place(self.text, node))
        match node:
            case ast.Constant(value=value):
                self.constant(node, value)
            case ast.Name():
                pass
            case ast.List(elts=parts) | ast.BoolOp(values=parts):
                self.nodes(parts, depth)
            case ast.BinOp(left=left, op=op, right=right):
                self.operator(node, op)
                self.node(left, depth)  # a long sum nests on its left, for the parser only
                self.node(right, depth + 1)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() | ast.Not(), operand=operand):
                self.node(operand, depth + 1)
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                if any(isinstance(op, ast.Is | ast.IsNot) for op in ops):
                    self.fail(node, "'is' is not allowed in an expression", "write '=='")
                self.nodes([left, *comparators], depth)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self.nodes([test, body, orelse], depth)
            case ast.Subscript(value=value, slice=index):
                self.index(index)
                self.node(value, depth + 1)
            case ast.Call():
                self.call(node, depth)
            case _:
                self.refuse(node)

    def nodes(self, nodes: list[ast.expr], depth: int) -> None:
        for node in nodes:
            self.node(node, depth + 1)

    def refuse(self, node: ast.AST) -> NoReturn:
        what = _REFUSED.get(type(node), "this")
        help = "write [a, b]" if isinstance(node, ast.Tuple) else _ALLOWED
        self.fail(node, f"{what} is not allowed in an expression", help)

    def constant(self, node: ast.expr, value: object) -> None:
        if value is None or isinstance(value, bool | str):
            return
        if not isinstance(value, int | float):
            self.fail(node, f"'{value}' is not allowed in an expression", _ALLOWED)
        if isinstance(value, int) and value > LARGEST:
            self.fail(node, "this is too large: integers go up to 2**63")
        if value == float("inf"):
            self.fail(node, "this is too large: numbers go up to about 1.8e308")

    def operator(self, node: ast.expr, op: ast.operator) -> None:
        if type(op) not in OPERATORS:
            help = "write ** for a power" if isinstance(op, ast.BitXor) else None
            signs = " ".join(known.sign for known in OPERATORS.values())
            self.fail(node, f"an operator other than {signs} is not allowed", help)

    def index(self, node: ast.expr) -> None:
        if isinstance(node, ast.Slice):
            self.refuse(node)
        written = node
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            written = node.operand
        if not isinstance(written, ast.Constant) or type(written.value) is not int:
            self.fail(node, "a subscript must be an integer written out, such as x[0]")

    def call(self, node: ast.Call, depth: int) -> None:
        if not isinstance(node.func, ast.Name):
            self.fail(node.func, "only a function can be called", _ALLOWED)
        name = node.func.id
        if name not in FUNCTIONS and name not in TENSOR_FUNCTIONS:
            help = did_you_mean(name, (*FUNCTIONS, *TENSOR_FUNCTIONS)) or _ALLOWED
            self.fail(node.func, f"unknown function '{name}'", help)
        if node.keywords:
            message = f"{name} takes its arguments without keywords"
            self.fail(node.keywords[0], message, "write the values alone, in their order")
        if name in TENSOR_FUNCTIONS:
            if len(node.args) != 1 or not isinstance(node.args[0], ast.Name):
                message = f"{name} takes the name of one tensor"
                self.fail(node, message, f"write {name}(prev), {name}(input) or {name}(name)")
            return
        self.nodes(node.args, depth)
        if not FUNCTIONS[name].takes(len(node.args)):
            expected = FUNCTIONS[name].expected
            self.fail(node, f"{name} takes {expected}, not {len(node.args)}")
