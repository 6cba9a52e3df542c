"""Located nodes -> the written spec: what each item is, checked once, before any expansion.

Only the form is read here: which keys there are, what kind of head an item has, whether names are
names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping as Dict

from cnncalc import layers
from cnncalc.document import Mapping, Node, Scalar, Sequence
from cnncalc.keras import type_help
from cnncalc.problem import Problem, Span
from cnncalc.spec import (
    Apply,
    Block,
    Branch,
    Branches,
    Group,
    Head,
    Invocation,
    Item,
    Items,
    Loop,
    Spec,
    Variant,
)
from cnncalc.suggest import did_you_mean

TYPE_NAME = re.compile(r"[A-Z][A-Za-z0-9]*")
IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*")
REFERENCES = ("prev", "prev2", "input")

FILE_KEYS = (
    *("cnncalc", "name", "description", "source", "input", "inputs", "vars", "defaults", "blocks"),
    *("layers", "heads", "outputs", "loss", "expect", "budget", "variants", "lint"),
)
HEADS = ("layers", "branches", "apply")
MODIFIERS = ("name", "from", "repeat", "for", "in", "if", "merge", "trainable", "expect")
RESERVED = ("share", "import")


def read(root: Node, file: str) -> tuple[Spec, tuple[Problem, ...]]:
    """The written spec, and what is wrong with its form; wrong parts are left out."""
    reader = _Reader()
    return reader.file(root, file), tuple(reader.problems)


class _Reader:
    """Reads one file, collecting problems."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.types: tuple[str, ...] = layers.names()

    def report(self, code: str, message: str, span: Span, help: str | None = None) -> None:
        self.problems.append(Problem(code, message, span, help))

    def file(self, root: Node, file: str) -> Spec:
        if not isinstance(root, Mapping):
            self.report(
                "CNN007",
                f"a spec is a mapping that starts with 'cnncalc: 1', not {_kind(root)}",
                root.span,
            )
            root = Mapping((), root.span)
        else:
            self.version(root)
        keys = self.keys(root, FILE_KEYS, "a spec")
        if "layers" not in keys and isinstance(root, Mapping) and root.entries:
            self.report("CNN005", "'layers' is missing", root.span)
        blocks = {b.name.text: b for b in self.blocks(keys.get("blocks"))}
        self.types += tuple(blocks)
        outputs = keys.get("outputs")
        variants = [self.variant(key, node) for key, node in self.entries(keys, "variants")]
        return Spec(
            file=file,
            texts={
                k: self.text(keys[k], k) for k in ("name", "description", "source") if k in keys
            },
            inputs=self.inputs(root, keys),
            vars=self.identifiers(self.entries(keys, "vars"), "variable"),
            defaults=self.defaults(keys),
            blocks=blocks,
            items=self.items(keys.get("layers")),
            heads=tuple(self.head(key, node) for key, node in self.entries(keys, "heads")),
            outputs=None if outputs is None else self.references(outputs, "outputs"),
            loss=self.invocation(keys["loss"], "loss") if "loss" in keys else None,
            expect=self.mapping(keys.get("expect"), "expect"),
            budget=self.mapping(keys.get("budget"), "budget"),
            variants={v.name.text: v for v in variants if v},
        )

    def version(self, root: Mapping) -> None:
        written = root.get("cnncalc")
        if written is None:
            span = root.entries[0][0].span if root.entries else root.span
            self.report("CNN005", "'cnncalc' is missing", span, "start the file with 'cnncalc: 1'")
        elif not isinstance(written, Scalar) or written.value != 1 or written.value is True:
            self.report("CNN007", f"grammar version must be 1, not {_shown(written)}", written.span)

    # ---- small forms

    def keys(self, node: Mapping, allowed: Iterable[str], where: str) -> dict[str, Node]:
        """The entries by key; keys that are not allowed are reported and left out."""
        found = {}
        for key, value in node.entries:
            if key.text in allowed:
                found[key.text] = value
            else:
                self.report(
                    "CNN002",
                    f"{where} has no key '{key.text}'",
                    key.span,
                    did_you_mean(key.text, allowed) or "known keys: " + ", ".join(allowed),
                )
        return found

    def mapping(self, node: Node | None, what: str) -> Mapping | None:
        """The node if it is a mapping; null and nothing are None."""
        if isinstance(node, Mapping):
            return node
        if node is not None and not _is_null(node):
            self.report("CNN007", f"{what} must be a mapping, not {_kind(node)}", node.span)
        return None

    def entries(self, keys: Dict[str, Node], key: str) -> tuple[tuple[Scalar, Node], ...]:
        node = self.mapping(keys.get(key), key)
        return node.entries if node else ()

    def text(self, node: Node, what: str) -> str:
        if isinstance(node, Scalar):
            return node.text
        self.report("CNN007", f"{what} must be text, not {_kind(node)}", node.span)
        return ""

    def identifiers(
        self, entries: Iterable[tuple[Scalar, Node]], what: str
    ) -> tuple[tuple[Scalar, Node], ...]:
        return tuple((key, node) for key, node in entries if self.identifier(key, what))

    def identifier(self, scalar: Scalar, what: str) -> bool:
        """Whether the scalar may name a tensor, variable, argument or branch."""
        if not IDENTIFIER.fullmatch(scalar.text):
            self.report(
                "CNN007",
                f"'{scalar.text}' cannot be the name of a {what}",
                scalar.span,
                "names are lower case: a letter or '_', then letters, digits and '_'",
            )
            return False
        if scalar.text in REFERENCES:
            self.report("CNN007", f"'{scalar.text}' is a word of the grammar", scalar.span)
            return False
        return True

    def names(self, node: Node, what: str) -> tuple[Scalar, ...]:
        """One name or a list of them."""
        nodes = node.items if isinstance(node, Sequence) else (node,)
        found = []
        for one in nodes:
            if not isinstance(one, Scalar):
                self.report("CNN007", f"a {what} must be a name, not {_kind(one)}", one.span)
            elif self.identifier(one, what):
                found.append(one)
        return tuple(found)

    def references(self, node: Node, what: str) -> tuple[Scalar, ...]:
        """One reference or a list of them."""
        nodes = node.items if isinstance(node, Sequence) else (node,)
        found = []
        for one in nodes:
            if isinstance(one, Scalar) and IDENTIFIER.fullmatch(one.text) and one.value is not None:
                found.append(one)
            else:
                self.report(
                    "CNN104",
                    f"{what} takes names of tensors, not {_shown(one)}",
                    one.span,
                    "write prev, prev2, input, or the 'name:' of an earlier item",
                )
        return tuple(found)

    def invocation(self, node: Node, what: str) -> Invocation | None:
        """A layer or block as a value: `Name`, or a mapping with the one key `Name`."""
        if isinstance(node, Scalar) and TYPE_NAME.fullmatch(node.text):
            name, value = node, None
        elif isinstance(node, Mapping) and len(node.entries) == 1:
            name, value = node.entries[0]
        else:
            self.report("CNN007", f"{what} must be a layer, not {_shown(node)}", node.span)
            return None
        return Invocation(name, value)

    # ---- parts of a file

    def inputs(self, root: Mapping, keys: Dict[str, Node]) -> tuple[tuple[str, Node], ...]:
        if "input" in keys and "inputs" in keys:
            key = root.key("inputs")
            assert key is not None
            self.report("CNN002", "'input' and 'inputs' exclude each other", key.span)
        if "inputs" in keys:
            entries = self.identifiers(self.entries(keys, "inputs"), "input")
            return tuple((key.text, node) for key, node in entries)
        if "input" in keys:
            return (("input", keys["input"]),)
        if root.entries:
            self.report(
                "CNN005",
                "'input' is missing",
                root.entries[0][0].span,
                "write the shape of one image, such as 'input: [3, 224, 224]'",
            )
        return ()

    def defaults(self, keys: Dict[str, Node]) -> dict[str, tuple[Scalar, Mapping]]:
        found = {}
        for key, node in self.entries(keys, "defaults"):
            if layers.find(key.text) is None:
                self.report(
                    "CNN002",
                    f"defaults are for layer types, and '{key.text}' is none",
                    key.span,
                    type_help(key.text) or did_you_mean(key.text, layers.names()),
                )
            elif (given := self.mapping(node, f"defaults of {key.text}")) is not None:
                found[key.text] = (key, given)
        return found

    def blocks(self, node: Node | None) -> Iterable[Block]:
        mapping = self.mapping(node, "blocks")
        entries = mapping.entries if mapping else ()
        self.types += tuple(key.text for key, _ in entries)
        for key, body in entries:
            if not TYPE_NAME.fullmatch(key.text):
                help = "block names start with a capital letter, and have letters and digits only"
                self.report("CNN007", f"'{key.text}' cannot be the name of a block", key.span, help)
            elif layers.find(key.text) is not None:
                message = f"'{key.text}' is the name of a layer type"
                self.report("CNN007", message, key.span, "give the block another name")
            elif (given := self.mapping(body, f"block {key.text}")) is not None:
                yield self.block(key, given)

    def block(self, name: Scalar, node: Mapping) -> Block:
        keys = self.keys(node, ("inputs", "args", "vars", "layers"), f"block {name.text}")
        if "layers" not in keys:
            self.report("CNN005", f"block {name.text} has no 'layers'", name.span)
        return Block(
            name=name,
            inputs=self.names(keys["inputs"], "input") if "inputs" in keys else (),
            args=self.identifiers(self.entries(keys, "args"), "argument"),
            vars=self.identifiers(self.entries(keys, "vars"), "variable"),
            items=self.items(keys.get("layers")),
        )

    def head(self, name: Scalar, node: Node) -> Head:
        self.identifier(name, "head")
        given = self.mapping(node, f"head {name.text}") or Mapping((), name.span)
        keys = self.keys(given, ("from", "train_only", "layers"), f"head {name.text}")
        source = None
        if "from" not in keys:
            self.report("CNN005", f"head {name.text} has no 'from'", name.span)
        elif len(found := self.references(keys["from"], "from")) == 1:
            source = found[0]
        elif len(found) > 1:
            self.report("CNN005", "a head starts from one tensor", found[1].span)
        return Head(name, source, keys.get("train_only"), self.items(keys.get("layers")))

    def variant(self, name: Scalar, node: Node) -> Variant | None:
        given = self.mapping(node, f"variant {name.text}")
        if given is None:
            return None
        keys = self.keys(given, ("set", "expect", "budget"), f"variant {name.text}")
        return Variant(
            name,
            self.identifiers(self.entries(keys, "set"), "variable"),
            self.mapping(keys.get("expect"), "expect"),
            self.mapping(keys.get("budget"), "budget"),
        )

    # ---- items

    def items(self, node: Node | None) -> Items:
        """The value of a `layers:` key: a list of items, one item, or null for none."""
        if node is None or _is_null(node):
            return Items((), True)
        if isinstance(node, Sequence):
            read = (self.item(one) for one in node.items)
            return Items(tuple(item for item in read if item), True)
        item = self.item(node)
        return Items((item,) if item else (), False)

    def item(self, node: Node) -> Item | None:
        if isinstance(node, Scalar) and isinstance(node.value, str):
            if TYPE_NAME.fullmatch(node.text):
                return Item(Invocation(node, None), node.span)
            help = did_you_mean(node.text, self.types)
            self.report("CNN002", f"'{node.text}' is not a layer or block", node.span, help)
            return None
        if not isinstance(node, Mapping):
            help = "an item is a layer or block, such as 'ReLU' or 'Conv2d: {...}'"
            self.report("CNN007", f"an item cannot be {_kind(node)}", node.span, help)
            return None
        key = self.head_key(node)
        if key is None:
            return None
        keys = {k.text: value for k, value in node.entries}
        head = self.item_head(key, node, keys)
        if head is None:
            return None
        return Item(
            head=head,
            span=key.span,
            names=self.names(keys["name"], "tensor") if "name" in keys else (),
            sources=self.references(keys["from"], "from") if "from" in keys else None,
            loop=self.loop(node, keys),
            condition=keys.get("if"),
            repeat=keys.get("repeat"),
            trainable=keys.get("trainable"),
            expect=self.mapping(keys.get("expect"), "expect"),
        )

    def head_key(self, node: Mapping) -> Scalar | None:
        """The one key that says what the item is; reports every other key that is no modifier."""
        heads: list[Scalar] = []
        unknown = False
        for key, _ in node.entries:
            if key.text in HEADS or TYPE_NAME.fullmatch(key.text):
                heads.append(key)
            elif key.text not in MODIFIERS:
                self.unknown_key(key)
                unknown = True
        if len(heads) > 1:
            self.report(
                "CNN002",
                f"one item holds both '{heads[0].text}' and '{heads[1].text}'",
                heads[1].span,
                "start a new item with '- '",
            )
        elif not heads and not unknown:
            first = node.entries[0][0] if node.entries else None
            help = "an item needs one layer, block, 'layers', 'branches' or 'apply'"
            self.report("CNN005", "nothing to compute here", (first or node).span, help)
        return heads[0] if heads else None

    def unknown_key(self, key: Scalar) -> None:
        if key.text in RESERVED:
            self.report("CNN002", f"'{key.text}' is reserved for a later version", key.span)
            return
        help = did_you_mean(key.text, (*HEADS, *MODIFIERS, *self.types))
        self.report(
            "CNN002",
            f"'{key.text}' is neither a layer, a block nor a modifier",
            key.span,
            help or "modifiers: " + ", ".join(MODIFIERS),
        )

    def item_head(
        self, key: Scalar, node: Mapping, keys: Dict[str, Node]
    ) -> Invocation | Group | Branches | Apply | None:
        if "merge" in keys and key.text != "branches":
            merge = node.key("merge")
            assert merge is not None
            self.report("CNN002", "'merge' belongs to 'branches'", merge.span)
        value = keys[key.text]
        if key.text == "layers":
            return Group(self.items(value))
        if key.text == "apply":
            return Apply(key, value)
        if key.text == "branches":
            return self.branches(key, keys)
        return Invocation(key, None if _is_null(value) else value)

    def branches(self, key: Scalar, keys: Dict[str, Node]) -> Branches | None:
        if "merge" not in keys:
            help = "write 'merge: Add', 'merge: Concat' or another type that takes several inputs"
            self.report("CNN005", "'branches' needs a 'merge'", key.span, help)
            merge = None
        else:
            merge = self.invocation(keys["merge"], "merge")
        node = self.mapping(keys["branches"], "branches")
        if node is None or not node.entries:
            self.report("CNN005", "'branches' has no branch", key.span)
            return None
        found = [Branch(name, self.branch(value)) for name, value in node.entries]
        return Branches(tuple(b for b in found if self.identifier(b.name, "branch")), merge, key)

    def branch(self, node: Node) -> Items | Scalar | None:
        if isinstance(node, Scalar) and isinstance(node.value, str):
            if IDENTIFIER.fullmatch(node.text):
                return node
        return None if _is_null(node) else self.items(node)

    def loop(self, node: Mapping, keys: Dict[str, Node]) -> Loop | None:
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


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None


def _kind(node: Node) -> str:
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    return "nothing" if node.value is None else f"'{node.text}'"


def _shown(node: Node) -> str:
    return _kind(node)
