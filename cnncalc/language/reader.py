"""Located nodes -> the written spec: what each part is, checked once, before any expansion.

Only the form is read here: which keys there are, what kind of head an item has, whether names are
names.
"""

from __future__ import annotations

from collections.abc import Mapping as Dict

from cnncalc import layers
from cnncalc.language.document import Mapping, Node, Scalar, Sequence
from cnncalc.language.forms import TYPE_NAME, is_null, is_text, kind
from cnncalc.language.items import ItemReader
from cnncalc.language.keras import type_help
from cnncalc.language.spec import Block, Head, Items, Spec, Variant
from cnncalc.problem import Problem
from cnncalc.suggest import did_you_mean, nearest

FILE_KEYS = (
    *("cnncalc", "name", "description", "source", "input", "inputs", "vars", "defaults", "blocks"),
    *("layers", "heads", "outputs", "loss", "expect", "budget", "variants", "lint"),
)

BLOCK_KEYS = ("inputs", "args", "vars", "layers")
HEAD_KEYS = ("from", "train_only", "layers")
VARIANT_KEYS = ("set", "expect", "budget")

NEEDED = {
    "cnncalc": "'cnncalc: 1' for the version of the grammar",
    "input": "the shape of one image as 'input: [3, 224, 224]'",
    "layers": "the network as a list under 'layers:'",
}


def read(root: Node, file: str) -> tuple[Spec, tuple[Problem, ...]]:
    """The written spec, and what is wrong with its form; wrong parts are left out."""
    reader = _FileReader()
    return reader.file(root, file), tuple(reader.problems)


class _FileReader(ItemReader):
    """Reads one file, collecting problems."""

    def file(self, root: Node, file: str) -> Spec:
        if not isinstance(root, Mapping):
            message = f"a spec is a mapping that starts with 'cnncalc: 1', not {kind(root)}"
            self.report("CNN007", message, root.span)
            return self.empty(file)
        keys = self.keys(root, FILE_KEYS, "a spec")
        self.version(keys)
        self.missing(root, keys)
        written = keys.get("layers")
        nothing = isinstance(written, Sequence) and not written.items
        if written and (nothing or is_null(written)):
            help = "such as [Flatten, {Linear: 10}]"
            self.report("CNN005", "'layers' is empty", written.span, help)
        blocks = {b.name.text: b for b in self.blocks(keys.get("blocks"))}
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

    def missing(self, root: Mapping, keys: Dict[str, Node]) -> None:
        """Report the keys that every file needs, all at once."""
        lacking = [key for key in NEEDED if key not in keys]
        if "inputs" in keys and "input" in lacking:
            lacking.remove("input")
        if lacking:
            names = " and ".join(f"'{key}'" for key in lacking)
            message = f"{names} {'is' if len(lacking) == 1 else 'are'} missing"
            help = "write " + " and ".join(NEEDED[key] for key in lacking)
            first = root.entries[0][0] if root.entries else root
            self.report("CNN005", message, first.span, help)

    def version(self, keys: Dict[str, Node]) -> None:
        """The grammar version must be the one that is read here."""
        written = keys.get("cnncalc")
        if written is None:
            return
        if not isinstance(written, Scalar) or written.value != 1 or written.value is True:
            message = f"grammar version must be 1, not {kind(written)}"
            self.report("CNN007", message, written.span)

    @staticmethod
    def empty(file: str) -> Spec:
        """A spec in which nothing is written."""
        nothing = Items((), True)
        return Spec(file, {}, (), (), {}, {}, nothing, (), None, None, None, None, {})

    def inputs(self, root: Mapping, keys: Dict[str, Node]) -> tuple[tuple[str, Node | None], ...]:
        """The shapes of the inputs by name, None for one that was not understood."""
        one, several = root.key("input"), root.key("inputs")
        if one and several:
            self.report("CNN002", "'input' and 'inputs' exclude each other", several.span)
        if "inputs" in keys and (several or not one):
            help = "write the shape of a single input as 'input: [3, 224, 224]'"
            given = self.mapping(keys["inputs"], "inputs", help)
            if is_null(keys["inputs"]) or (given and not given.entries):
                self.report("CNN005", "'inputs' is empty", keys["inputs"].span, help)
            entries = self.identifiers(given.entries if given else (), "input")
            return tuple((key.text, node) for key, node in entries)
        written = keys.get("input")
        if isinstance(written, Mapping):
            message = "input must be a list of sizes, not a mapping"
            help = "such as [3, 224, 224]; several inputs stand under 'inputs', by name"
            self.report("CNN007", message, written.span, help)
            return (("input", None),)
        return (("input", written),) if written else ()

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
            if (given := self.mapping(node, f"defaults of {key.text}")) is not None:
                found[key.text] = (key, given)
        return found

    def blocks(self, node: Node | None) -> list[Block]:
        """The definitions; the names of all are known before any body is read."""
        mapping = self.mapping(node, "blocks")
        found = []
        for key, body in mapping.entries if mapping else ():
            given = self.block_body(key, body)
            if given is None:
                self.unreadable[key.text] = self.problems[-1]
                continue
            found.append((key, given))
            arguments = given.get("args")
            if isinstance(arguments, Mapping):
                self.block_arguments[key.text] = tuple(k.text for k, _ in arguments.entries)
        self.types += tuple(key.text for key, _ in found)
        return [self.block(key, given) for key, given in found]

    def block_body(self, key: Scalar, body: Node) -> Mapping | None:
        """What is written in a block, if that and its name are as they should be."""
        if not TYPE_NAME.fullmatch(key.text):
            help = "block names start with a capital letter, and have letters and digits only"
            self.report("CNN007", f"'{key.text}' cannot be the name of a block", key.span, help)
            return None
        if layers.find(key.text) is not None:
            message = f"'{key.text}' is the name of a layer type"
            self.report("CNN007", message, key.span, "give the block another name")
            return None
        what = f"block {key.text}"
        help = "such as {args: {out: required}, layers: [...]}"
        if is_null(body):
            self.report("CNN005", f"{what} is empty", key.span, help)
        return self.mapping(body, what, help)

    def block(self, name: Scalar, node: Mapping) -> Block:
        keys = self.keys(node, BLOCK_KEYS, f"block {name.text}")
        if "layers" not in keys:
            self.report("CNN005", f"block {name.text} has no 'layers'", name.span)
        return Block(
            name=name,
            inputs=self.names(keys["inputs"], "input") if "inputs" in keys else (),
            args=self.declared(keys),
            vars=self.identifiers(self.entries(keys, "vars"), "variable"),
            items=self.items(keys.get("layers")),
        )

    def declared(self, keys: Dict[str, Node]) -> tuple[tuple[Scalar, Node], ...]:
        """The arguments of a block with their defaults; a misspelt `required` is reported."""
        found = []
        for key, node in self.identifiers(self.entries(keys, "args"), "argument"):
            if is_text(node) and node.text != "required" and nearest(node.text, ["required"]):
                message = f"the default of '{key.text}' is the text '{node.text}'"
                self.report("CNN002", message, node.span, "did you mean 'required'?")
                node = node._replace(value="required", text="required")
            found.append((key, node))
        return tuple(found)

    def head(self, name: Scalar, node: Node) -> Head:
        self.identifier(name, "head")
        given = self.mapping(node, f"head {name.text}") or Mapping((), name.span)
        keys = self.keys(given, HEAD_KEYS, f"head {name.text}")
        source = None
        if "from" not in keys:
            self.report("CNN005", f"head {name.text} has no 'from'", name.span)
        elif len(found := self.references(keys["from"], "from")) == 1:
            source = found[0]
        elif len(found) > 1:
            message = f"a head starts from one tensor, not {len(found)}"
            self.report("CNN005", message, found[1].span)
        return Head(name, source, keys.get("train_only"), self.items(keys.get("layers")))

    def variant(self, name: Scalar, node: Node) -> Variant | None:
        given = self.mapping(node, f"variant {name.text}")
        if given is None:
            return None
        keys = self.keys(given, VARIANT_KEYS, f"variant {name.text}")
        return Variant(
            name,
            self.identifiers(self.entries(keys, "set"), "variable"),
            self.mapping(keys.get("expect"), "expect"),
            self.mapping(keys.get("budget"), "budget"),
        )
