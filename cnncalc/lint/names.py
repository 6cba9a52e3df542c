"""The names of a spec as it is written: what defines each, what uses it, and what it hides.

One walk in the order of the file, in which a name means what it would mean in the expansion.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from cnncalc.language.document import Mapping, Node, Scalar, Sequence
from cnncalc.language.expression import ExpressionError, is_expression, references, tensors
from cnncalc.language.spec import (
    Apply,
    Block,
    Branches,
    Group,
    Head,
    Invocation,
    Item,
    Items,
    Spec,
)


class Definition(NamedTuple):
    """A name where it is defined; `owner` is the block around it, or None.

    `local`: no one outside the file can ask for it. `sure`: no `if` decides whether it is there;
    else `instead` is what the name stands for where it is not.
    """

    kind: str
    name: Scalar
    owner: str | None = None
    local: bool = True
    sure: bool = True
    instead: Definition | None = None


class Place(NamedTuple):
    """What is visible at one place, by name; `taken` cannot be bound there, which is reported."""

    variables: dict[str, Definition]
    tensors: dict[str, Definition]
    owner: str | None = None
    local: bool = False
    sure: bool = True
    taken: frozenset[str] = frozenset()

    def inside(self) -> Place:
        """A stretch of items with names of its own."""
        return self._replace(variables=dict(self.variables), tensors=dict(self.tensors), local=True)


class Names:
    """All names of a spec.

    What the file's own tensors are used for is not looked at, as anyone may ask for them.
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.definitions: list[Definition] = []
        """Variables, block arguments and blocks."""
        self.bound: list[tuple[Definition, ...]] = []
        """Tensors, with those that one item binds together."""
        self.used: set[Scalar] = set()
        """The names of definitions, where they are defined, that something refers to."""
        self.hidden: list[tuple[Definition, Definition]] = []
        """A definition and the one of the same name that cannot be seen behind it."""
        self.given: set[tuple[str | None, str]] = set()
        """Blocks and arguments of theirs that some call gives."""
        self.passed: set[tuple[str | None, str]] = set()
        """The same where what is given is computed from the variable of that name."""
        self.changed: set[str] = set()
        """Variables that a variant sets."""
        self._blocks = {name: Definition("block", one.name) for name, one in spec.blocks.items()}
        self._file()

    # ---- the parts of a file

    def _file(self) -> None:
        top = Place({}, {})
        for key, node in self.spec.vars:
            self._value(node, top)
            self._variable("variable", key, top)
        for name, shape in self.spec.inputs:
            if shape is not None:
                self._value(shape, top)
                here = Scalar(name, name, shape.span, True)
                top.tensors[name] = Definition("input", here)
        for _, given in self.spec.defaults.values():
            self._value(given, top)
        for variant in self.spec.variants.values():
            for key, node in variant.settings:
                self.changed.add(key.text)
                self._value(node, top)
        for block in self.spec.blocks.values():
            self._block(block, top)
        self._items(self.spec.items, top)
        for head in self.spec.heads:
            self._head(head, top)
        if self.spec.loss:
            self._invocation(self.spec.loss, top)
        self.definitions += self._blocks.values()

    def _block(self, block: Block, top: Place) -> None:
        name = block.name.text
        inside = Place(dict(top.variables), {}, name, local=True)
        for one in block.inputs:
            inside.tensors[one.text] = Definition("input", one, name)
        for key, default in block.args:
            self._value(default, inside)
            if _reads(default, key.text):
                self.passed.add((name, key.text))
            self._variable("block argument", key, inside)
        for key, node in block.vars:
            self._value(node, inside)
            self._variable("variable", key, inside)
        self._items(block.items, inside)

    def _head(self, head: Head, top: Place) -> None:
        if head.train_only:
            self._value(head.train_only, top)
        self._items(head.items, top.inside())
        self._tensors("head", [head.name], top)

    # ---- items

    def _items(self, items: Items, place: Place) -> None:
        for item in items.items:
            self._item(item, place)

    def _item(self, item: Item, place: Place) -> None:
        inside = place
        if item.loop or item.repeat:
            inside = place.inside()
        if item.loop:
            self._value(item.loop.rows, place)
            for name in item.loop.names:
                self._variable("loop variable", name, inside)
        if item.condition:
            inside = inside._replace(sure=False)
        for node in (item.condition, item.repeat, item.trainable):
            if node is not None:
                self._value(node, inside)
        self._refer(item.sources or (), inside)
        self._head_of(item, inside)
        if item.names:
            self._tensors("tensor", item.names, place._replace(sure=inside.sure))

    def _head_of(self, item: Item, place: Place) -> None:
        """What an item computes."""
        head = item.head
        if isinstance(head, Group):
            self._items(head.items, place)
        elif isinstance(head, Branches):
            for branch in head.branches:
                inside = place.inside()._replace(taken=frozenset(place.tensors))
                if isinstance(branch.body, Items):
                    self._items(branch.body, inside)
                elif branch.body is not None:
                    self._refer([branch.body], inside)
            if head.merge:
                self._invocation(head.merge, place)
        elif isinstance(head, Apply):
            self._value(head.value, place)
        elif isinstance(head, Invocation):
            self._invocation(head, place)

    def _invocation(self, call: Invocation, place: Place) -> None:
        """A layer or block with its arguments or its inputs."""
        self._use(call.name.text, self._blocks)
        if isinstance(call.value, Sequence):
            self._refer([one for one in call.value.items if isinstance(one, Scalar)], place)
        elif call.value is not None:
            self._value(call.value, place)
            self._arguments(call, call.value)

    def _arguments(self, call: Invocation, value: Node) -> None:
        """What a call gives to the arguments of its block."""
        block = self.spec.blocks.get(call.name.text)
        if block is None:
            return
        primary = [(block.args[0][0], value)] if block.args else []
        for key, node in value.entries if isinstance(value, Mapping) else primary:
            self.given.add((call.name.text, key.text))
            if _reads(node, key.text):
                self.passed.add((call.name.text, key.text))

    # ---- names

    def _value(self, node: Node, place: Place) -> None:
        """Everything that a value refers to."""
        if isinstance(node, Sequence):
            for one in node.items:
                self._value(one, place)
        elif isinstance(node, Mapping):
            for key, one in node.entries:
                self._use(key.text, self._blocks)
                self._value(one, place)
        elif not is_expression(node.text):
            self._use(node.text, self._blocks)  # a block that is passed as a value
        else:
            self._expression(node.text, place)

    def _expression(self, text: str, place: Place) -> None:
        try:
            variables, asked = references(text), tensors(text)
        except ExpressionError:
            return  # which is reported where it is evaluated
        for name in variables:
            self._use(name, place.variables)
        for name in asked:
            self._use(name, place.tensors)

    def _refer(self, names: Iterable[Scalar], place: Place) -> None:
        """References to tensors."""
        for name in names:
            self._use(name.text, place.tensors)

    def _use(self, name: str, visible: dict[str, Definition]) -> None:
        one = visible.get(name)
        while one:
            self.used.add(one.name)
            one = one.instead

    def _variable(self, kind: str, name: Scalar, place: Place) -> None:
        """Define a variable; only those of blocks and of the file are kept to be used."""
        new = Definition(kind, name, place.owner)
        self._define(new, place.variables)
        if kind != "loop variable":
            self.definitions.append(new)

    def _tensors(self, kind: str, names: Iterable[Scalar], place: Place) -> None:
        """Bind the names of one item."""
        found = []
        for name in names:
            new = Definition(kind, name, place.owner, place.local, place.sure)
            if name.text not in place.taken:
                self._define(new, place.tensors)
            found.append(new)
        self.bound.append(tuple(found))

    def _define(self, new: Definition, visible: dict[str, Definition]) -> None:
        old = visible.get(new.name.text)
        if old and old.sure and new.sure:
            self.hidden.append((new, old))
        visible[new.name.text] = new if new.sure else new._replace(instead=old)


def _reads(node: Node, name: str) -> bool:
    """Whether a value is computed from the variable of that name."""
    if not isinstance(node, Scalar) or not is_expression(node.text):
        return False
    try:
        return name in references(node.text)
    except ExpressionError:
        return False
