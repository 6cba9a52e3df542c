"""The written spec -> Graph: inputs and variables, items, heads, outputs, loss, in this order.

Expansion and shape inference are one pass, because a block may ask for the shape of its input.
"""

from __future__ import annotations

from collections.abc import Mapping as Dict
from types import MappingProxyType
from typing import Any, NamedTuple

from cnncalc.argument import ListOf, flag, positive
from cnncalc.graph import Graph, Node, Output, Scope
from cnncalc.language.assembler import FullError
from cnncalc.language.document import Scalar
from cnncalc.language.evaluate import Evaluator
from cnncalc.language.expander import Expander, Expectation
from cnncalc.language.expression import UNKNOWN
from cnncalc.language.scope import BROKEN, Context, Flow, Missing, Tensor, Tensors
from cnncalc.language.spec import (
    Head,
    Spec,
    Variant,
)
from cnncalc.layer import Layer, LayerError, Shape
from cnncalc.problem import Level, Problem
from cnncalc.suggest import did_you_mean


class Settings(NamedTuple):
    """What differs from the spec as written: input shapes by name, variables, a variant."""

    inputs: Dict[str, Shape] = MappingProxyType({})
    variables: Dict[str, Any] = MappingProxyType({})
    variant: Variant | None = None


class Built(NamedTuple):
    """The network, what is wrong with it, and the expectations of single items.

    `contexts` say for each node which names are visible where it is written.
    """

    graph: Graph
    problems: tuple[Problem, ...]
    expectations: tuple[Expectation, ...]
    contexts: tuple[Context, ...] = ()

    @property
    def wrong(self) -> bool:
        """Whether there is an error, so that no number is sure."""
        return any(problem.level is Level.ERROR for problem in self.problems)


def build(spec: Spec, settings: Settings | None = None) -> Built:
    """Expand the spec and infer every shape; problems are collected, never raised."""
    builder = _Builder(spec, settings or Settings())
    return builder.build()


class _Builder:
    """One pass over one spec."""

    def __init__(self, spec: Spec, settings: Settings) -> None:
        self.spec, self.settings = spec, settings
        self.evaluator = Evaluator()
        self.report = self.evaluator.report
        self.expander = Expander(spec, self.evaluator)
        self.references, self.assembler = self.expander.references, self.expander.assembler
        self.variables: dict[str, Any] = {}

    def build(self) -> Built:
        inputs = self.inputs()
        first = next(iter(inputs.values()), BROKEN)
        top = self.context(first, Tensors(bound=dict(inputs)))
        heads: list[Output] = []
        outputs: list[Output] = []
        try:
            self.expander.items(self.spec.items, top, "layers")
            heads = [found for head in self.spec.heads for found in self.head(head, top, first)]
            outputs = self.outputs(top)
        except FullError:
            pass
        names = {name: t for name, t in top.bound.bound.items() if isinstance(t, int)}
        graph = Graph(
            file=self.spec.file,
            name=self.spec.texts.get("name"),
            inputs={name: t for name, t in inputs.items() if isinstance(t, int)},
            values=tuple(self.assembler.values),
            nodes=tuple(self.named(node) for node in self.assembler.nodes),
            outputs=(*outputs, *heads),
            names=names,
            loss=self.loss(top, outputs),
        )
        return Built(
            graph,
            tuple(self.evaluator.problems),
            tuple(self.expander.expectations),
            tuple(self.assembler.contexts),
        )

    def named(self, node: Node) -> Node:
        """The node under the name that its output is bound to."""
        name = self.references.value_names.get(node.outputs[0]) if len(node.outputs) == 1 else None
        return node._replace(name=name) if name else node

    # ---- the file

    def context(self, first: Tensor, bound: Tensors) -> Context:
        return Context(
            self.assembler.values, self.variables, self.variables, {}, bound, Flow(first), first
        )

    def inputs(self) -> dict[str, Tensor]:
        """The model inputs; evaluates the file's variables first, which shapes may use."""
        bare = self.context(BROKEN, Tensors())
        self.file_variables(bare)
        found: dict[str, Tensor] = {}
        for name, node in self.spec.inputs:
            shape: Any = self.settings.inputs.get(name)
            if shape is None and node is not None:
                help = "such as [3, 224, 224]: C, H, W, no batch"
                shape = self.evaluator.checked(node, ListOf(positive), "input", bare, help)
            found[name] = self.assembler.input(name, None if shape is UNKNOWN else shape)
        return found

    def file_variables(self, bare: Context) -> None:
        """Evaluate `vars`; the command line wins over the variant, the variant over the file."""
        variant = self.settings.variant.settings if self.settings.variant else ()
        changed = {name.text: node for name, node in variant}
        for name, node in self.spec.vars:
            self.variables[name.text] = (
                self.settings.variables[name.text]
                if name.text in self.settings.variables
                else self.evaluator.value(changed.pop(name.text, node), bare)
            )
        for name, _ in variant:
            if name.text in changed and name.text not in self.settings.variables:
                help = did_you_mean(name.text, self.variables)
                message = f"the file has no variable '{name.text}'"
                self.report("CNN002", message, name.span, bare, help)

    def head(self, head: Head, top: Context, first: Tensor) -> list[Output]:
        """Expand a side output; its name is then visible to later heads."""
        source = self.references.resolve(head.source, top) if head.source else BROKEN
        train_only = False
        if head.train_only is not None:
            what = "train_only"
            train_only = self.evaluator.checked(head.train_only, flag, what, top) is True
        if head.source and not train_only:
            source = self.lasting(source, head.source, top)
        name = head.name.text
        path = f"heads.{name}"
        inside = top.inside(
            Scope("head", name, path, head.name.span, None),
            bound=Tensors(top.bound),
            flow=Flow(source),
            input=first,
            head=name,
            train_only=train_only,
        )
        self.expander.items(head.items, inside, path)
        self.references.bind(head.name, inside.flow.prev, top)
        value = inside.flow.prev
        return [Output(value, name, train_only)] if isinstance(value, int) else []

    def lasting(self, tensor: Tensor, reference: Scalar, context: Context) -> Tensor:
        """The tensor, if it exists at inference; else that is reported."""
        producer = self.assembler.values[tensor].producer if isinstance(tensor, int) else None
        if producer is None or not self.assembler.nodes[producer].train_only:
            return tensor
        message = f"'{reference.text}' exists in training only, and this at inference too"
        help = "write 'train_only: true' here as well"
        self.report("CNN104", message, reference.span, context, help)
        return BROKEN

    def outputs(self, top: Context) -> list[Output]:
        """The results of the network: the last item's, or those that are named."""
        if self.spec.outputs is None:
            return self.last_output(top)
        found = [
            self.lasting(self.references.resolve(reference, top), reference, top)
            for reference in self.spec.outputs
        ]
        return [Output(value) for value in found if isinstance(value, int)]

    def last_output(self, top: Context) -> list[Output]:
        """The output of the last item."""
        items, last = self.spec.items.items, top.flow.prev
        if isinstance(last, Missing) and last.reason is not None and items:
            help = "name the network's outputs: 'outputs: [a, b]'"
            self.report("CNN104", "the network ends in several tensors", items[-1].span, top, help)
        return [Output(last)] if isinstance(last, int) and items else []

    def loss(self, top: Context, outputs: list[Output]) -> Layer | None:
        """The loss, which must fit the outputs."""
        written = self.spec.loss
        if written is None:
            return None
        given = self.evaluator.arguments(written.value, top, written.name.text)
        loss = self.expander.instantiator.loss(written.name, given, top)
        for output in outputs:
            value = self.assembler.values[output.value]
            if loss is not None and value.shape is not None and not value.assumed:
                try:
                    loss.infer(value.shape)
                except LayerError as error:
                    self.report(error.code, error.message, written.name.span, top, error.help)
        return loss
