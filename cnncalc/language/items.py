"""The items of a `layers:` list: which key is the head, and what the modifiers are."""

from __future__ import annotations

from collections.abc import Mapping as Dict

from cnncalc.language.corrections import Corrections
from cnncalc.language.document import Mapping, Node, Scalar, Sequence
from cnncalc.language.forms import IDENTIFIER, TYPE_NAME, is_null, is_text, kind
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


class ItemReader(Corrections):
    """Reads items."""

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
        first = node.entries[0][0] if node.entries else Scalar(None, "{}", node.span, True)
        node = self.corrected(node)
        key = self.head_key(node, first, known=len(self.problems) > before)
        doubt = self.problems[-1] if len(self.problems) > before else None
        keys = {k.text: value for k, value in node.entries}
        head = self.item_head(key, node, keys) if key else None
        return Item(
            head=head or Unreadable((key or first).text, self.problems[-1]),
            span=(key or first).span,
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

    def head_key(self, node: Mapping, first: Scalar, *, known: bool) -> Scalar | None:
        """The one key that says what the item is; `known` is whether something wrong was found."""
        heads = [key for key, _ in node.entries if self.is_head(key.text)]
        if len(heads) > 1:
            message = f"one item holds both '{heads[0].text}' and '{heads[1].text}'"
            self.report("CNN002", message, heads[1].span, "start a new item with '- '")
            return None
        if not heads and not known:
            help = "an item needs one layer, block, 'layers', 'branches' or 'apply'"
            self.report("CNN005", "nothing to compute here", first.span, help)
        return heads[0] if heads else None

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
        entries = self.identifiers(node.entries, "branch")
        found = [Branch(name, self.branch(value)) for name, value in entries]
        return Branches(tuple(found), merge, key)

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
