"""The rows of a report as the tree that was written: blocks, loops, branches, heads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from cnncalc.analysis.report import Row
from cnncalc.graph import Scope
from cnncalc.layer import Layer, written_arguments


class Line(NamedTuple):
    """One line of a table: a layer, or a folded or opened structure with the rows in it."""

    guide: str
    label: str
    rows: tuple[Row, ...]
    leaf: bool
    depth: int


@dataclass
class Branch:
    """A scope with what is in it, in order."""

    scope: Scope | None
    children: list[Branch | Row] = field(default_factory=list)

    def rows(self) -> Iterator[Row]:
        """All rows below."""
        for child in self.children:
            if isinstance(child, Branch):
                yield from child.rows()
            else:
                yield child


def tree(rows: tuple[Row, ...]) -> Branch:
    """Rows grouped by their scopes; a scope that is left and entered again stands twice."""
    root = Branch(None)
    path: list[Branch] = [root]
    for row in rows:
        scopes = row.node.scope.outermost_first() if row.node.scope else ()
        kept = 0
        while kept < min(len(scopes), len(path) - 1) and path[kept + 1].scope == scopes[kept]:
            kept += 1
        del path[kept + 1 :]
        for scope in scopes[kept:]:
            branch = Branch(scope)
            path[-1].children.append(branch)
            path.append(branch)
        path[-1].children.append(row)
    return root


def lines(root: Branch, depth: int) -> list[Line]:
    """The tree as lines, structures below `depth` folded into one line each."""
    return list(_lines(root, depth, 1, ""))


def _lines(branch: Branch, depth: int, level: int, guide: str) -> Iterator[Line]:
    for number, child in enumerate(branch.children):
        last = number + 1 == len(branch.children)
        here = guide if level == 1 else guide + ("└ " if last else "├ ")
        below = guide if level == 1 else guide + ("  " if last else "│ ")
        if isinstance(child, Row):
            yield Line(here, label(child), (child,), True, level)
            continue
        yield Line(here, _scope_label(child.scope), tuple(child.rows()), False, level)
        if level < depth:
            deeper = below if level > 1 else ""
            yield from _lines(child, depth, level + 1, deeper)


def _scope_label(scope: Scope | None) -> str:
    if scope is None:
        return ""
    prefix = {"for": "for ", "head": "head ", "branch": "branch "}.get(scope.kind, "")
    return prefix + scope.label


def label(row: Row) -> str:
    """A layer as it would be written, such as `Conv2d(64, kernel_size=7, stride=2)`."""
    node = row.node
    text = node.type if node.layer is None else layer_label(node.layer)
    if node.layer and node.layer.declared:
        text += " (declared)"
    return f"{node.name}: {text}" if node.name else text


def layer_label(layer: Layer, without: str | None = None) -> str:
    """The type with the arguments that differ from their defaults, `without` one of them."""
    written = written_arguments(layer).items()
    parts = [f"{key}={value_text(value)}" for key, value in written if key != without]
    name = type(layer).__name__
    return f"{name}({', '.join(parts)})" if parts else name


def value_text(value: object) -> str:
    """A value with equal axes written once."""
    if isinstance(value, tuple):
        pairs = [value_text(one) for one in value]
        return pairs[0] if len(set(pairs)) == 1 else f"[{', '.join(pairs)}]"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).lower() if isinstance(value, bool) else str(value)
