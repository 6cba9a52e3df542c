"""The small forms that a spec is made of: mappings, names, references, layers as values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping as Dict
from typing import TypeGuard

from cnncalc.language.document import Mapping, Node, Scalar, Sequence
from cnncalc.language.spec import Invocation
from cnncalc.problem import Problem, Span
from cnncalc.suggest import did_you_mean, nearest

TYPE_NAME = re.compile(r"[A-Z][A-Za-z0-9]*")
IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*")
REFERENCES = ("prev", "prev2", "input")
REFERENCE_HELP = "write prev, prev2, input, or the 'name:' of an earlier item"


class Forms:
    """Reads small forms; wrong ones are reported, and left out of the result.

    `types` are the names of layers and blocks, for suggestions.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.types: tuple[str, ...] = ()

    def report(self, code: str, message: str, span: Span, help: str | None = None) -> None:
        """Add a problem."""
        self.problems.append(Problem(code, message, span, help))

    def keys(self, node: Mapping, allowed: tuple[str, ...], where: str) -> dict[str, Node]:
        """The entries by key; one that is not allowed is reported, and read as a near miss."""
        found = {key.text: value for key, value in node.entries if key.text in allowed}
        for key, value in node.entries:
            if key.text not in allowed:
                near = nearest(key.text, allowed)
                known = f"did you mean '{near}'?" if near else "keys: " + ", ".join(allowed)
                message = f"{where} has no key '{key.text}'"
                self.report("CNN002", message, key.span, known)
                if near:
                    found.setdefault(near, value)
        return found

    def mapping(self, node: Node | None, what: str, help: str | None = None) -> Mapping | None:
        """The node if it is a mapping; null and nothing are None."""
        if isinstance(node, Mapping):
            return node
        if node is not None and not is_null(node):
            self.report("CNN007", f"{what} must be a mapping, not {kind(node)}", node.span, help)
        return None

    def entries(self, keys: Dict[str, Node], key: str) -> tuple[tuple[Scalar, Node], ...]:
        """The entries of the mapping at a key; none where there is none."""
        node = self.mapping(keys.get(key), key)
        return node.entries if node else ()

    def text(self, node: Node, what: str) -> str:
        """A scalar as written."""
        if isinstance(node, Scalar):
            return node.text
        self.report("CNN007", f"{what} must be text, not {kind(node)}", node.span)
        return ""

    def identifiers(
        self, entries: Iterable[tuple[Scalar, Node]], what: str
    ) -> tuple[tuple[Scalar, Node], ...]:
        """The entries, whose keys should be names; wrong ones are reported and kept."""
        found = tuple(entries)
        for key, _ in found:
            self.identifier(key, what)
        return found

    def identifier(self, scalar: Scalar, what: str) -> None:
        """Report a scalar that may not name a tensor, variable, argument or branch."""
        if not IDENTIFIER.fullmatch(scalar.text):
            message = f"'{scalar.text}' cannot be the name of {article(what)} {what}"
            if scalar.value is None:
                message = f"{article(what)} {what} must have a name, not {scalar.text or 'nothing'}"
            help = "names are lower case: a letter or '_', then letters, digits and '_'"
            self.report("CNN007", message, scalar.span, help)
        elif scalar.text in REFERENCES:
            message = f"'{scalar.text}' is a word of the grammar"
            help = f"give the {what} another name"
            self.report("CNN007", message, scalar.span, help)

    def names(self, node: Node, what: str) -> tuple[Scalar, ...]:
        """One name or a list of them; wrong ones are reported and kept."""
        nodes = node.items if isinstance(node, Sequence) else (node,)
        found = []
        for one in nodes:
            if not isinstance(one, Scalar):
                message = f"{article(what)} {what} must be a name, not {kind(one)}"
                self.report("CNN007", message, one.span)
                continue
            self.identifier(one, what)
            found.append(one)
        return tuple(found)

    def references(self, node: Node, what: str) -> tuple[Scalar, ...]:
        """One reference or a list of them; one that is none stays in its place, empty."""
        nodes = node.items if isinstance(node, Sequence) else (node,)
        found = []
        for one in nodes:
            if isinstance(one, Scalar) and IDENTIFIER.fullmatch(one.text) and one.value is not None:
                found.append(one)
            else:
                self.report(
                    "CNN104",
                    f"{what} takes names of tensors, not {kind(one)}",
                    one.span,
                    REFERENCE_HELP,
                )
                found.append(Scalar(None, "", one.span, True))
        return tuple(found)

    def invocation(self, node: Node, what: str) -> Invocation | None:
        """A layer or block as a value: `Name`, or a mapping with the one key `Name`."""
        if isinstance(node, Scalar) and TYPE_NAME.fullmatch(node.text):
            name, value = node, None
        elif isinstance(node, Mapping) and len(node.entries) == 1:
            name, value = node.entries[0]
        else:
            help = did_you_mean(node.text, self.types) if isinstance(node, Scalar) else None
            self.report("CNN007", f"{what} must be a layer, not {kind(node)}", node.span, help)
            return None
        return Invocation(name, value)


def is_null(node: Node) -> bool:
    """Whether nothing, `null` or `~` is written."""
    return isinstance(node, Scalar) and node.value is None


def is_text(node: Node) -> TypeGuard[Scalar]:
    """Whether a node is a scalar that holds text."""
    return isinstance(node, Scalar) and isinstance(node.value, str)


def article(noun: str) -> str:
    """The article of a noun in a message."""
    return "an" if noun[0] in "aeiou" else "a"


def is_reference(node: Node) -> TypeGuard[Scalar]:
    """Whether a node is written like the name of a tensor."""
    return is_text(node) and bool(IDENTIFIER.fullmatch(node.text))


def kind(node: Node) -> str:
    """What a node is, to stand in a message."""
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    return "nothing" if node.value is None else f"'{node.text}'"
