"""What the keys of an item were probably meant to be, where they are not what they should be.

Each correction is reported once, and the item is then read as it was meant.
"""

from __future__ import annotations

from collections.abc import Iterable

from cnncalc import layers
from cnncalc.language.document import Mapping, Node, Scalar
from cnncalc.language.forms import TYPE_NAME, Forms, is_null
from cnncalc.problem import Problem
from cnncalc.suggest import nearest

HEADS = ("layers", "branches", "apply")
MODIFIERS = ("name", "from", "repeat", "for", "in", "if", "merge", "trainable", "expect")
RESERVED = ("share", "import")


class Corrections(Forms):
    """Corrects the keys of items; `unreadable` are the blocks that were not understood, and why."""

    def __init__(self) -> None:
        super().__init__()
        self.types = layers.names()
        self.unreadable: dict[str, Problem] = {}
        self.block_arguments: dict[str, tuple[str, ...]] = {}

    def is_head(self, name: str) -> bool:
        """Whether a key says what an item is."""
        return name in HEADS or name in self.unreadable or bool(TYPE_NAME.fullmatch(name))

    def meant(self, text: str) -> str | None:
        """The help for text that is no name: `relu`, `nn.ReLU` or `Conv2d(3, 64, 3)`."""
        name = text.partition("(")[0].rpartition(".")[2]
        layer_type = layers.find(name)
        if layer_type is None:
            near = nearest(name, (*HEADS, *MODIFIERS, *self.types))
            return f"did you mean '{near}'?" if near else None
        if text.endswith(")") and not text.endswith("()"):
            return f"write arguments by name, such as {layer_type.examples[0].text}"
        return f"write '{name}'"

    def corrected(self, node: Mapping) -> Mapping:
        """The item as it was probably meant."""
        return self.gathered(self.spelled(node))

    def spelled(self, node: Mapping) -> Mapping:
        """The item with near misses of heads and modifiers spelled right."""
        strange = self.arguments_beside(node)
        entries = []
        for key, value in node.entries:
            if not self.is_head(key.text) and key.text not in MODIFIERS and key not in strange:
                self.unknown_key(key)
                near = nearest(key.text, (*HEADS, *MODIFIERS, *self.types))
                if near and near in (*HEADS, *MODIFIERS) and node.get(near) is None:
                    entries.append((key._replace(value=near, text=near), value))
            else:
                entries.append((key, value))
        return Mapping(tuple(entries), node.span)

    def unknown_key(self, key: Scalar) -> None:
        """Report a key of an item that means nothing."""
        if key.text in RESERVED:
            self.report("CNN002", f"'{key.text}' is reserved for a later version", key.span)
            return
        message = f"'{key.text}' is neither a layer, a block nor a modifier"
        help = self.meant(key.text) or "modifiers: " + ", ".join(MODIFIERS)
        self.report("CNN002", message, key.span, help)

    def arguments_beside(self, node: Mapping) -> list[Scalar]:
        """The keys that belong under the layer or block beside which they stand."""
        heads = [key.text for key, _ in node.entries if TYPE_NAME.fullmatch(key.text)]
        known = self.arguments(heads[0]) if len(heads) == 1 else ()
        return [k for k, _ in node.entries if k.text in known and k.text not in MODIFIERS]

    def arguments(self, name: str) -> Iterable[str]:
        """What may be written under a layer type or block."""
        layer_type = layers.find(name)
        return layer_type.arguments if layer_type else self.block_arguments.get(name, ())

    def gathered(self, node: Mapping) -> Mapping:
        """The item with arguments that stand beside their layer put under it."""
        beside = self.arguments_beside(node)
        if not beside:
            return node
        head = next(key for key, _ in node.entries if TYPE_NAME.fullmatch(key.text))
        names = " and ".join(f"'{key.text}'" for key in beside)
        what, no = "are arguments", "modifiers"
        if len(beside) == 1:
            what, no = "is an argument", "a modifier"
        message = f"{names} {what} of {head.text}, not {no}"
        help = f"indent further than '{head.text}', or write it in its braces"
        self.report("CNN002", message, beside[0].span, help)
        moved = [entry for entry in node.entries if entry[0] in beside]
        rest = [entry for entry in node.entries if entry[0] not in beside]
        entries = [(key, _with(value, moved) if key is head else value) for key, value in rest]
        return Mapping(tuple(entries), node.span)


def _with(value: Node, moved: list[tuple[Scalar, Node]]) -> Node:
    """What stands after a head, with more arguments; a scalar or list stays as it is."""
    if is_null(value):
        return Mapping(tuple(moved), value.span)
    if not isinstance(value, Mapping):
        return value
    new = [entry for entry in moved if value.get(entry[0].text) is None]
    return Mapping((*value.entries, *new), value.span)
