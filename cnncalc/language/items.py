"""The items of a `layers:` list: which key is the head, and what the modifiers are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping as Dict

from cnncalc import layers
from cnncalc.language.document import Mapping, Node, Scalar, Sequence
from cnncalc.language.forms import IDENTIFIER, TYPE_NAME, Forms, is_null, is_text, kind
from cnncalc.language.scalars import quote
from cnncalc.language.spec import (
    Apply,
    Branch,
    Branches,
    Group,
    Invocation,
    Item,
    Items,
    Loop,
    Unreadable,
)
from cnncalc.problem import Problem
from cnncalc.suggest import did_you_mean

HEADS = ("layers", "branches", "apply")
MODIFIERS = ("name", "from", "repeat", "for", "in", "if", "merge", "trainable", "expect")
RESERVED = ("share", "import")


class ItemReader(Forms):
    """Reads items; `unreadable` are the blocks that were not understood, and why."""

    def __init__(self) -> None:
        super().__init__()
        self.types = layers.names()
        self.unreadable: dict[str, Problem] = {}
        self.block_arguments: dict[str, tuple[str, ...]] = {}

    def items(self, node: Node | None) -> Items:
        """The value of a `layers:` key: a list of items, one item, or null for none."""
        if node is None or is_null(node):
            return Items((), True)
        if isinstance(node, Sequence):
            read = [self.item(one) for one in node.items]
            return Items(tuple(read), True)
        return Items((self.item(node),), False)

    def item(self, node: Node) -> Item:
        """One item with its modifiers."""
        if is_text(node):
            return Item(self.bare(node), node.span)
        if not isinstance(node, Mapping):
            help = "an item is a layer or block, such as 'ReLU' or 'Conv2d: {...}'"
            self.report("CNN007", f"an item cannot be {kind(node)}", node.span, help)
            return Item(Unreadable(kind(node), self.problems[-1]), node.span)
        before = len(self.problems)
        node = self.gathered(node)
        key = self.head_key(node)
        doubt = self.problems[-1] if len(self.problems) > before else None
        keys = {k.text: value for k, value in node.entries}
        head = self.item_head(key, node, keys) if key else None
        first = key or next((one for one, _ in node.entries), None)
        return Item(
            head=head or Unreadable(first.text if first else "{}", self.problems[-1]),
            span=(first or node).span,
            names=self.names(keys["name"], "tensor") if "name" in keys else (),
            sources=self.references(keys["from"], "from") if "from" in keys else None,
            loop=self.loop(node, keys),
            condition=keys.get("if"),
            repeat=keys.get("repeat"),
            trainable=keys.get("trainable"),
            expect=self.mapping(keys.get("expect"), "expect"),
            doubt=doubt,
        )

    def bare(self, node: Scalar) -> Invocation | Unreadable:
        """A layer or block without arguments and modifiers."""
        if node.text in self.unreadable:
            return Unreadable(node.text, self.unreadable[node.text])
        if TYPE_NAME.fullmatch(node.text):
            return Invocation(node, None)
        message = f"{quote(node.text)} is not a layer or block"
        self.report("CNN002", message, node.span, self.meant(node.text))
        return Unreadable(node.text, self.problems[-1])

    def meant(self, text: str, others: tuple[str, ...] = ()) -> str | None:
        """The help for text that is no name: `relu`, `nn.ReLU` or `Conv2d(3, 64, 3)`."""
        name = text.partition("(")[0].rpartition(".")[2]
        layer_type = layers.find(name)
        if layer_type is None:
            return did_you_mean(name, (*others, *self.types))
        if text.endswith(")") and not text.endswith("()"):
            return f"write arguments by name, such as {layer_type.examples[0].text}"
        return f"write '{name}'"

    def gathered(self, node: Mapping) -> Mapping:
        """The item, with arguments that stand beside their layer put under it; that is reported."""
        heads = [key for key, _ in node.entries if TYPE_NAME.fullmatch(key.text)]
        known = self.arguments(heads[0].text) if len(heads) == 1 else ()
        strange = [key for key, _ in node.entries if key.text in known]
        beside = [key for key in strange if key.text not in MODIFIERS]
        if not beside:
            return node
        head, names = heads[0], " and ".join(f"'{key.text}'" for key in beside)
        single = len(beside) == 1
        words = "is an argument" if single else "are arguments"
        help = f"indent further than '{head.text}', or write it in its braces"
        message = (
            f"{names} {words} of {head.text}, {'not a modifier' if single else 'not modifiers'}"
        )
        self.report("CNN002", message, beside[0].span, help)
        moved = [entry for entry in node.entries if entry[0] in beside]
        rest = [entry for entry in node.entries if entry[0] not in beside]
        entries = [(key, _with(value, moved) if key is head else value) for key, value in rest]
        return Mapping(tuple(entries), node.span)

    def arguments(self, name: str) -> Iterable[str]:
        """What may be written under a layer type or block."""
        layer_type = layers.find(name)
        return layer_type.arguments if layer_type else self.block_arguments.get(name, ())

    def head_key(self, node: Mapping) -> Scalar | None:
        """The one key that says what the item is; reports every other key that is no modifier."""
        heads: list[Scalar] = []
        unknown = False
        for key, _ in node.entries:
            if key.text in HEADS or key.text in self.unreadable or TYPE_NAME.fullmatch(key.text):
                heads.append(key)
            elif key.text not in MODIFIERS:
                self.unknown_key(key)
                unknown = True
        if len(heads) > 1:
            message = f"one item holds both '{heads[0].text}' and '{heads[1].text}'"
            self.report("CNN002", message, heads[1].span, "start a new item with '- '")
            return None
        if not heads and not unknown:
            first = node.entries[0][0] if node.entries else None
            help = "an item needs one layer, block, 'layers', 'branches' or 'apply'"
            self.report("CNN005", "nothing to compute here", (first or node).span, help)
        return heads[0] if heads else None

    def unknown_key(self, key: Scalar) -> None:
        """Report a key of an item that means nothing."""
        if key.text in RESERVED:
            self.report("CNN002", f"'{key.text}' is reserved for a later version", key.span)
            return
        help = self.meant(key.text, (*HEADS, *MODIFIERS))
        self.report(
            "CNN002",
            f"'{key.text}' is neither a layer, a block nor a modifier",
            key.span,
            help or "modifiers: " + ", ".join(MODIFIERS),
        )

    def item_head(
        self, key: Scalar, node: Mapping, keys: Dict[str, Node]
    ) -> Invocation | Group | Branches | Apply | Unreadable | None:
        """What an item computes."""
        if "merge" in keys and key.text != "branches":
            merge = node.key("merge")
            assert merge is not None
            self.report("CNN002", "'merge' belongs to 'branches'", merge.span)
        value = keys[key.text]
        if key.text in self.unreadable:
            return Unreadable(key.text, self.unreadable[key.text])
        if key.text == "layers":
            return Group(self.items(value))
        if key.text == "apply":
            return Apply(key, value)
        if key.text == "branches":
            return self.branches(key, keys)
        return Invocation(key, None if is_null(value) else value)

    def branches(self, key: Scalar, keys: Dict[str, Node]) -> Branches | None:
        """`branches:` with its `merge:`."""
        if "merge" not in keys:
            help = "write 'merge: Add', 'merge: Concat' or another type that takes several inputs"
            self.report("CNN005", "'branches' needs a 'merge'", key.span, help)
            merge = None
        else:
            merge = self.invocation(keys["merge"], "merge")
        written = keys["branches"]
        help = "give every branch a name: {left: [...], right: [...]}"
        node = self.mapping(written, "branches", help)
        if is_null(written) or (node and not node.entries):
            self.report("CNN005", "'branches' has no branch", key.span, help)
        if node is None or not node.entries:
            return None
        found = [Branch(name, self.branch(value)) for name, value in node.entries]
        return Branches(tuple(b for b in found if self.identifier(b.name, "branch")), merge, key)

    def branch(self, node: Node) -> Items | Scalar | None:
        """The body of a branch: a reference, nothing, or items."""
        if is_text(node) and IDENTIFIER.fullmatch(node.text):
            return node
        return None if is_null(node) else self.items(node)

    def loop(self, node: Mapping, keys: Dict[str, Node]) -> Loop | None:
        """`for:` with `in:`; one without the other is reported."""
        if ("for" in keys) == ("in" in keys):
            names = keys.get("for")
            if names is None:
                return None
            return Loop(self.names(names, "loop variable"), isinstance(names, Sequence), keys["in"])
        present, missing = ("for", "in") if "for" in keys else ("in", "for")
        key = node.key(present)
        assert key is not None
        help = "a loop is 'for: n' with 'in: [1, 2, 3]'"
        self.report("CNN005", f"'{present}' needs '{missing}' beside it", key.span, help)
        return None


def _with(value: Node, moved: list[tuple[Scalar, Node]]) -> Node:
    """What stands after a head, with more arguments; a scalar or list stays as it is."""
    if is_null(value):
        return Mapping(tuple(moved), value.span)
    if not isinstance(value, Mapping):
        return value
    new = [entry for entry in moved if value.get(entry[0].text) is None]
    return Mapping((*value.entries, *new), value.span)
