"""Formulas and words for LaTeX."""

from __future__ import annotations

import ast
import re

_SIGNS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "#$%&_"},
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}
_NUMBER = re.compile(r"-?\d{1,3}(,\d{3})+(\.\d+)?")
_SUM, _PRODUCT, _ATOM = range(3)


class _NoFormulaError(Exception):
    """What is not made of numbers, names and the four operations."""


def words(text: str) -> str:
    """Text with LaTeX's own signs escaped."""
    return "".join(_SIGNS.get(sign, sign) for sign in text)


def formula(text: str) -> str:
    """Sums, products and quotients in math mode; anything else as it is, in typewriter."""
    if _NUMBER.fullmatch(text):
        return text.replace(",", "{,}")
    try:
        return _tex(ast.parse(text, mode="eval").body)[0]
    except (SyntaxError, ValueError, _NoFormulaError):
        return f"\\texttt{{{words(text)}}}"


def row(name: str, before: str, sides: tuple[str, ...], behind: str, depth: int = 0) -> str:
    """A row of an `align`: the name, what is equal, and words behind it.

    One that is indented tells of a name in the row above, and not of what that row is called.
    """
    shown = " = ".join(map(formula, sides))
    said = f"\\text{{{words(behind)}}}" if behind else ""
    start = f"\\text{{{words(before)}}}" if before else ""
    if depth:
        return "&" + r" \quad" * depth + f" \\text{{where }}{shown}{said}"
    sign = "=" if sides and not before else r"\colon\;"
    return f"\\text{{{words(name)}}} &{sign} {start}{shown}{said}".rstrip()


def _tex(node: ast.expr) -> tuple[str, int]:
    """A formula, and how strongly it holds together."""
    if isinstance(node, ast.BinOp):
        return _binary(node)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return f"-{_within(node.operand, _PRODUCT)}", _SUM
    if isinstance(node, ast.Name):
        return _name(node.id), _ATOM
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return str(node.value), _ATOM
    raise _NoFormulaError


def _binary(node: ast.BinOp) -> tuple[str, int]:
    if isinstance(node.op, ast.Div):
        return f"\\frac{{{_tex(node.left)[0]}}}{{{_tex(node.right)[0]}}}", _ATOM
    if isinstance(node.op, ast.Mult):
        left, right = _within(node.left, _PRODUCT), _within(node.right, _ATOM)
        return f"{left} \\cdot {right}", _PRODUCT
    if isinstance(node.op, ast.FloorDiv):
        inner = f"\\frac{{{_tex(node.left)[0]}}}{{{_tex(node.right)[0]}}}"
        return f"\\left\\lfloor {inner} \\right\\rfloor", _ATOM
    if isinstance(node.op, ast.Add | ast.Sub):
        sign = "+" if isinstance(node.op, ast.Add) else "-"
        return f"{_tex(node.left)[0]} {sign} {_within(node.right, _PRODUCT)}", _SUM
    raise _NoFormulaError


def _within(node: ast.expr, least: int) -> str:
    """A part, in brackets if it holds together less than that."""
    shown, strength = _tex(node)
    return shown if strength >= least else f"\\left({shown}\\right)"


def _name(name: str) -> str:
    """`F_h` with an index, `out_channels` as a word."""
    letter, _, index = name.partition("_")
    if len(name) == 1:
        return name
    if len(letter) == 1 and index:
        return f"{letter}_{{\\mathrm{{{words(index)}}}}}"
    return f"\\mathit{{{words(name)}}}"
