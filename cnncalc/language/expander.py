"""Items -> nodes: loops, conditions, copies, groups, branches and blocks are written out in order.

Modifiers apply in the order for, if, repeat.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from cnncalc.argument import flag, natural
from cnncalc.graph import Scope
from cnncalc.language.assembler import MAX_LAYERS, Assembler, FullError
from cnncalc.language.document import Mapping, Node, Scalar, Sequence
from cnncalc.language.evaluate import Arguments, Evaluator, Invoked
from cnncalc.language.expression import UNKNOWN
from cnncalc.language.instantiate import Instantiator
from cnncalc.language.references import References
from cnncalc.language.scope import BROKEN, Context, Flow, Missing, Origin, Tensor, Tensors
from cnncalc.language.spec import (
    Apply,
    Block,
    Branches,
    Group,
    Item,
    Items,
    Loop,
    Spec,
    Unreadable,
    bound_by,
)
from cnncalc.layer import quoted

MAX_ITEMS = 1_000_000
MAX_DEPTH = 50


SEVERAL_HELP = "name them, as in 'name: [a, b]', and refer to those"


class Expectation(NamedTuple):
    """An `expect:` on one item, with the value that one expansion of the item gave."""

    value: int
    expect: Mapping
    scope: Scope | None


class Expander:
    """Writes out the items of one spec; `assembler` has the nodes, `expectations` the promises."""

    def __init__(self, spec: Spec, evaluator: Evaluator) -> None:
        self.spec, self.evaluator, self.report = spec, evaluator, evaluator.report
        self.references = References(spec, evaluator)
        self.instantiator = Instantiator(spec, evaluator)
        self.assembler = Assembler(self.instantiator, evaluator)
        self.expectations: list[Expectation] = []
        self.steps = 0

    def items(self, items: Items, context: Context, path: str) -> None:
        """Expand items one after the other; raises FullError, reported, when nested too deep."""
        if context.depth > MAX_DEPTH and items.items:
            span = items.items[0].span
            message = f"items are nested more than {MAX_DEPTH} deep"
            self.report("CNN008", message, span, context)
            raise FullError
        for index, item in enumerate(items.items):
            self.item(item, context, f"{path}.{index}" if items.listed else path)

    def item(self, item: Item, context: Context, path: str) -> None:
        """Expand one item with all its modifiers, and bind its names."""
        if item.loop is None:
            outputs = self.conditional(item, context, path)
        else:
            outputs = self.loop(item, item.loop, context, path)
        if outputs is None:
            self.mark_absent(item, context)
        elif item.names:
            self.references.bind_all(item, outputs, context)

    def loop(self, item: Item, loop: Loop, context: Context, path: str) -> list[Tensor] | None:
        """Expand the item once for each row; the outputs are those of the last row."""
        outputs = None
        for number, row in enumerate(self.rows(loop, context)):
            label = ", ".join(f"{name}={_short(value)}" for name, value in row.items())
            here = f"{path}[{number}]"
            inside = context.inside(
                Scope("for", label, here, item.span, context.scope),
                names=context.names | row,
                bound=Tensors(context.bound),
                unsure=context.unsure or UNKNOWN in row.values(),
                origins=context.origins | _places(loop, number, context),
            )
            outputs = self.conditional(item, inside, here) or outputs
        return outputs

    def rows(self, loop: Loop, context: Context) -> list[dict[str, Any]]:
        """The loop variables of each iteration; unknown rows count once."""
        names = [name.text for name in loop.names]
        rows = self.evaluator.value(loop.rows, context)
        if rows is UNKNOWN or not names:
            return [dict.fromkeys(names, UNKNOWN)]
        if not isinstance(rows, list):
            message = f"'in' must be a list of rows, not {quoted(rows)}"
            help = "such as [1, 2, 3] or $(range(3))"
            self.report("CNN007", message, loop.rows.span, context, help)
            return [dict.fromkeys(names, UNKNOWN)]
        found = []
        for number, row in enumerate(rows):
            values = row if loop.several else [row]
            if not isinstance(values, list) or len(values) != len(names):
                count = len(values) if isinstance(values, list) else 1
                span = getattr(loop.rows, "items", [loop.rows] * len(rows))[number].span
                values_text = f"{count} value{'' if count == 1 else 's'}"
                message = f"row {number + 1} has {values_text} for {len(names)} loop variables"
                self.report("CNN007", message, span, context, f"variables: {', '.join(names)}")
                values = [UNKNOWN] * len(names)
            found.append(dict(zip(names, values, strict=True)))
        return found

    def conditional(self, item: Item, context: Context, path: str) -> list[Tensor] | None:
        """Expand the item unless its `if` is false, which leaves everything as it was."""
        if item.condition is not None:
            kept = self.evaluator.checked(item.condition, flag, "if", context)
            if kept is False:
                return None
            context = context._replace(unsure=context.unsure or kept is UNKNOWN)
        if item.repeat is None:
            return self.single(item, context, path, "")
        copies = self.evaluator.checked(item.repeat, natural, "repeat", context)
        if copies is not UNKNOWN and copies > MAX_LAYERS:
            message = f"repeat {copies} is more than {MAX_LAYERS:,} layers"
            self.report("CNN008", message, item.repeat.span, context)
            raise FullError
        outputs = None
        unsure = context.unsure or copies is UNKNOWN
        for copy in range(1 if copies is UNKNOWN else copies):
            inside = context._replace(bound=Tensors(context.bound), unsure=unsure)
            outputs = self.single(item, inside, path, f"[{copy}]")
        return outputs

    def mark_absent(self, item: Item, context: Context) -> None:
        """Remember why the names of an item that was left out are not bound."""
        for name in bound_by(item):
            reason = f"'{name.text}' is not there: the item on line {item.span.line} is left out"
            context.bound.absent[name.text] = reason

    def single(self, item: Item, context: Context, path: str, copy: str) -> list[Tensor] | None:
        """Expand one copy of an item; returns its outputs."""
        self.steps += 1
        if self.steps > MAX_ITEMS:
            message = f"the spec expands to more than {MAX_ITEMS:,} items"
            self.report("CNN008", message, item.span, context)
            raise FullError
        if item.trainable is not None:
            trainable = self.evaluator.checked(item.trainable, flag, "trainable", context)
            if trainable is False:
                context = context._replace(frozen=True)
        sources = None
        if item.sources is not None:
            sources = [self.references.resolve(source, context) for source in item.sources]
        outputs = self.expand(item, sources, context, path, copy)
        if item.doubt is not None:
            self.assembler.doubt(outputs, item.doubt)
        if item.expect is not None and len(outputs) == 1 and isinstance(outputs[0], int):
            self.expectations.append(Expectation(outputs[0], item.expect, context.scope))
        return outputs

    def expand(
        self, item: Item, sources: list[Tensor] | None, context: Context, path: str, copy: str
    ) -> list[Tensor]:
        """Expand what an item computes; returns its outputs."""
        head = item.head
        if isinstance(head, Group):
            if copy:
                place = Scope("repeat", f"copy {copy}", path + copy, item.span, context.scope)
                context = context._replace(scope=place)
            return self.group(head, item, sources, context, path + copy)
        if isinstance(head, Branches):
            outputs = self.branches(head, item, sources, context, path + copy)
        elif isinstance(head, Apply):
            value = self.evaluator.value(head.value, context)
            outputs = self.apply(value, head, sources, context, path, copy)
        elif isinstance(head, Unreadable):
            outputs = [self.assembler.unreadable(item, context, path + copy)]
        else:
            given = self.evaluator.arguments(head.value, context, head.name.text)
            outputs = self.invoke(head.name, given, sources, context, path, copy)
        context.flow.push(
            outputs[0]
            if len(outputs) == 1
            else Missing("the item before has several outputs", SEVERAL_HELP)
        )
        return outputs

    def group(
        self, head: Group, item: Item, sources: list[Tensor] | None, context: Context, path: str
    ) -> list[Tensor]:
        """A plain group is as if its items stood here; with `from` it counts as one item."""
        if sources is None:
            self.items(head.items, context.inside(context.scope), path)
            return [context.flow.prev]
        start = self.only(sources, item, context)
        inside = context.inside(context.scope, flow=Flow(start))
        self.items(head.items, inside, path)
        context.flow.push(inside.flow.prev)
        return [inside.flow.prev]

    def only(self, sources: list[Tensor] | None, item: Item, context: Context) -> Tensor:
        """The one tensor that an item starts from."""
        if sources is None:
            return context.flow.prev
        if len(sources) != 1:
            message = f"a group starts from one tensor, not {len(sources)}"
            span = item.sources[-1].span if item.sources else item.span
            self.report("CNN005", message, span, context)
            return BROKEN
        return sources[0]

    def branches(
        self, head: Branches, item: Item, sources: list[Tensor] | None, context: Context, path: str
    ) -> list[Tensor]:
        """Expand each branch from one start, and merge their ends."""
        start = self.only(sources, item, context)
        ends = []
        for branch in head.branches:
            name = branch.name.text
            here = f"{path}.{name}"
            inside = context.inside(
                Scope("branch", name, here, branch.name.span, context.scope),
                bound=Tensors(context.bound, branch=True),
                flow=Flow(start),
            )
            if isinstance(branch.body, Items):
                self.items(branch.body, inside, here)
                end = self.references.usable(inside.flow.prev, branch.name.span, inside)
            elif branch.body is None:
                end = self.references.usable(start, branch.name.span, inside)
            else:
                end = self.references.resolve(branch.body, inside)
            ends.append(end)
        if head.merge is None:
            return [BROKEN]
        given = self.evaluator.arguments(head.merge.value, context, head.merge.name.text)
        return self.invoke(head.merge.name, given, ends, context, path, "", joined=True)

    def apply(
        self,
        value: Any,
        head: Apply,
        sources: list[Tensor] | None,
        context: Context,
        path: str,
        copy: str,
    ) -> list[Tensor]:
        """A layer or block that was passed as a value; null is the identity."""
        span = head.value.span
        if value is UNKNOWN:
            return [BROKEN]
        if value is None:
            return [sources[0] if sources else context.flow.prev]
        if isinstance(value, str):
            value = Invoked(value, Arguments())
        if not isinstance(value, Invoked):
            message = f"apply takes a layer or block, not {quoted(value)}"
            self.report("CNN007", message, span, context, "such as ReLU or {LeakyReLU: 0.1}")
            return [BROKEN]
        name = Scalar(value.name, value.name, span, True)
        return self.invoke(name, value.arguments, sources, context, path, copy)

    # ---- layers and blocks

    def invoke(
        self,
        name: Scalar,
        given: Arguments,
        sources: list[Tensor] | None,
        context: Context,
        path: str,
        copy: str,
        *,
        joined: bool = False,
    ) -> list[Tensor]:
        """Add a layer or expand a block; the path of a `joined` layer ends in its type."""
        tensors = self.sources(name, given, sources, context)
        block = self.spec.blocks.get(name.text)
        if block is not None:
            return [self.block(block, name, given, tensors, context, f"{path}.{name.text}{copy}")]
        path = f"{path}.{name.text}" if joined else path + copy
        return self.assembler.layer(name, given, tensors, context, path)

    def sources(
        self, name: Scalar, given: Arguments, sources: list[Tensor] | None, context: Context
    ) -> list[Tensor]:
        """The inputs of a layer or block: a written list, `from`, or prev."""
        if given.references is not None:
            if sources is not None:
                message = f"{name.text} has its inputs twice: in its list and from elsewhere"
                self.report("CNN005", message, name.span, context)
            return [self.references.resolve(one, context) for one in given.references]
        if sources is None:
            return [self.references.usable(context.flow.prev, name.span, context)]
        return sources

    def block(
        self,
        block: Block,
        name: Scalar,
        given: Arguments,
        tensors: list[Tensor],
        context: Context,
        path: str,
    ) -> Tensor:
        """Expand the definition of a block with its own names; returns its output."""
        inputs = tuple(one.text for one in block.inputs)
        if name.text in context.blocks:
            chain = " -> ".join((*context.blocks, name.text))
            message = f"block {name.text} calls itself: {chain}"
            self.report("CNN104", message, name.span, context)
            return BROKEN
        if len(tensors) != max(1, len(inputs)):
            wanted = f"{len(inputs)} inputs ({', '.join(inputs)})" if inputs else "one input"
            message = f"block {name.text} takes {wanted}, not {len(tensors)}"
            help = f"write 'from:' with {len(inputs)} names of tensors" if len(inputs) > 1 else None
            self.report("CNN005", message, name.span, context, help)
            tensors = [BROKEN] * max(1, len(inputs))
        label = str(Invoked(name.text, given._replace(primary=None)))
        if given.primary:
            label = f"{name.text}({_short(given.primary.value)})"
        inside = context.inside(
            Scope("block", label, path, name.span, context.scope),
            names=dict(context.file_names),
            bound=Tensors(bound=dict(zip(inputs, tensors, strict=False))),
            flow=Flow(tensors[0]),
            input=tensors[0],
            inputs=inputs,
            blocks=(*context.blocks, name.text),
            origins={},
        )
        self.instantiator.fill(block, name, given, context, inside)
        self.items(block.items, inside, path)
        return self.references.usable(inside.flow.prev, name.span, inside)


def _places(loop: Loop, number: int, context: Context) -> dict[str, Origin]:
    """Where the loop variables of an iteration have their values from."""
    rows = loop.rows
    row = rows.items[number] if isinstance(rows, Sequence) and number < len(rows.items) else rows
    cells: tuple[Node, ...] = (row,) * len(loop.names)
    part = "over" if row is rows else "in the row" if loop.several else None
    if loop.several and isinstance(row, Sequence) and len(row.items) == len(cells):
        cells, part = row.items, None
    return {
        name.text: Origin("of the loop", cell.span, context, part=part)
        for name, cell in zip(loop.names, cells, strict=True)
    }


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 24 else text[:21] + "..."
