"""Where an argument has its value from: the expression, its numbers, and those of its names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from cnncalc.graph import Node
from cnncalc.language.builder import Settings
from cnncalc.language.document import Document, Mapping, Node as Written, Scalar, Sequence
from cnncalc.language.expression import (
    UNKNOWN,
    ExpressionError,
    evaluate,
    is_expression,
    places,
    tensors,
)
from cnncalc.language.scope import Context, Origin
from cnncalc.language.spec import Spec
from cnncalc.layer import attribute
from cnncalc.lint.edits import walk
from cnncalc.problem import Span

_TIGHT = re.compile(r"\s*(\*\*|//|[*/%])\s*")


class Named(NamedTuple):
    """An argument or a variable, and how its value comes out.

    `what` says what a variable is; `place` is None for what no file says. `text` is the expression
    in names and `numbers` with their values put in, both None where the value itself is written.
    `names` are the variables in it.
    """

    name: str
    value: Any
    what: str | None = None
    place: Span | None = None
    text: str | None = None
    numbers: str | None = None
    names: tuple[Named, ...] = ()

    @property
    def known(self) -> bool:
        """Whether it has a value, which one that rests on a problem has not."""
        return self.value is not UNKNOWN


class Tracer:
    """Follows the names in one spec, as it was built with these settings."""

    def __init__(self, document: Document, spec: Spec, settings: Settings) -> None:
        self.spec, self.settings = spec, settings
        nodes = walk(document.root) if document.root else ()
        self.nodes = {node.span: node for node in nodes if not isinstance(node, Mapping)}

    def arguments(self, node: Node, context: Context) -> tuple[Named, ...]:
        """The arguments of a layer that are computed, or that the file's defaults give."""
        layer = node.layer
        if layer is None:
            return ()
        around = self._written_in(node.span, context)
        values = {name: getattr(layer, attribute(name)) for name in layer.arguments}
        found = [
            self._traced(name, values[name], None, span, around)
            for name, span in node.written.items()
            if name in values
        ]
        return (*(one for one in found if one.text), *self._defaults(node, values, context))

    def _defaults(self, node: Node, values: dict[str, Any], context: Context) -> Iterator[Named]:
        """The arguments that stand under `defaults`, and not at the layer."""
        entry = self.spec.defaults.get(node.type)
        for key, one in entry[1].entries if entry else ():
            if key.text in values and key.text not in node.written:
                what = f"default of {node.type}"
                yield self._traced(key.text, values[key.text], what, one.span, context.at_top())

    def _written_in(self, span: Span, context: Context) -> Context:
        """Where the arguments of a layer are written: for one that was passed on, by the caller."""
        written = self.nodes.get(span)
        while isinstance(written, Scalar) and is_expression(written.text):
            origin = context.origins.get(written.text.strip("$()"))
            if origin is None:
                return context
            context, written = origin.context, self.nodes.get(origin.span)
        return context

    def _traced(
        self, name: str, value: Any, what: str | None, span: Span, context: Context
    ) -> Named:
        """A value that is written at that place, where these names are visible."""
        node = self.nodes.get(span)
        variables = {one: self._variable(one, span, context) for one in _variables(node)}
        if node is None or not _computed(node):
            return Named(name, value, what, span)
        known = {one.name: one.value for one in variables.values() if one.known}
        numbers = _shown(node, known)
        return Named(
            name=name,
            value=_listed(value, numbers, context),
            what=what,
            place=span,
            text=_shown(node, {}),
            numbers=numbers,
            names=tuple(variables.values()),
        )

    def _variable(self, name: str, user: Span, context: Context) -> Named:
        """A variable that is read by what is written at `user`."""
        if name not in context.names:
            value = context.variable(name) if name in context.variables() else UNKNOWN
            return Named(name, value, "channels of the input")
        value, origin = context.names[name], context.origins.get(name)
        if origin and origin.span == user and origin.hidden:  # it reads another of its own name
            value, origin = origin.hidden
        origin = origin or self._of_file(name, context)
        if origin is None:
            return Named(name, value, "set on the command line")
        found = self._traced(name, value, origin.what, origin.span, origin.context)
        if origin.part is None or found.numbers is None:
            return found
        what = f"{origin.what} {origin.part} {found.numbers}"  # which is not what it is equal to
        return found._replace(what=what, text=None, numbers=None)

    def _of_file(self, name: str, context: Context) -> Origin | None:
        """Where a variable of the file is written; None for the command line."""
        if name in self.settings.variables:
            return None
        variant = self.settings.variant
        for key, node in variant.settings if variant else ():
            if variant and key.text == name:
                return Origin(f"set by {variant.name.text}", node.span, context.at_top())
        written = {key.text: node for key, node in self.spec.vars}
        return Origin("variable of the file", written[name].span, context.at_top())


def _scalars(node: Written | None) -> Iterator[Scalar]:
    return (one for one in walk(node) if isinstance(one, Scalar)) if node else iter(())


def _expressions(node: Written | None) -> Iterator[str]:
    """The expressions in a value."""
    return (s.value for s in _scalars(node) if isinstance(s.value, str) and is_expression(s.value))


def _computed(node: Written) -> bool:
    return any(True for _ in _expressions(node))


def _variables(node: Written | None) -> Iterable[str]:
    """The variables that a value reads, each once."""
    return dict.fromkeys(name for text in _expressions(node) for name, _, _ in _places(text))


def _places(text: str) -> tuple[tuple[str, int, int], ...]:
    """The variables of an expression with their places; none of one that makes no sense."""
    try:
        return places(text)
    except ExpressionError:
        return ()


def _shown(node: Written, values: dict[str, Any]) -> str:
    """A value as a formula, with these numbers put in: `4*mid` for `$(4 * mid)`."""
    if isinstance(node, Sequence):
        return f"[{', '.join(_shown(one, values) for one in node.items)}]"
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return node.text if isinstance(node, Scalar) else "..."
    text = node.value
    if not is_expression(text):
        return text
    for name, start, end in reversed(_places(text)):
        if name in values:
            text = text[:start] + _number(values[name]) + text[end:]
    inner = text[2:].rstrip()[:-1] if text.startswith("$(") else text[1:]
    return inner.strip() if "'" in inner or '"' in inner else _TIGHT.sub(r"\1", inner.strip())


def _listed(value: Any, numbers: str, context: Context) -> Any:
    """A value of several axes as the list that the expression gives, if it gives one."""
    if not isinstance(value, tuple):
        return value
    text = f"$({numbers})"
    try:
        found = evaluate(text, context)
    except ExpressionError:
        return value
    if not isinstance(found, list):
        return value
    if not tensors(text):
        return found
    # names may mean other tensors by now, so that only the form is sure
    axes = [one[0] if isinstance(one, tuple) and len(set(one)) == 1 else one for one in value]
    flat = not any(isinstance(one, list | tuple) for one in (*found, *axes))
    return axes if flat and len(axes) == len(found) else value


def _number(value: Any) -> str:
    """A value as an expression would write it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return str(value) if value >= 0 else f"({value})"
    return repr(value) if isinstance(value, str) else str(value)
