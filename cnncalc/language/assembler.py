"""Layers and their inputs -> nodes and values, with the shapes inferred on the way."""

from __future__ import annotations

from functools import cache

from cnncalc.graph import Node, Value
from cnncalc.language.document import Scalar
from cnncalc.language.evaluate import Argument, Arguments, Evaluator
from cnncalc.language.instantiate import Instantiator, Made
from cnncalc.language.scope import Context, Tensor
from cnncalc.language.spec import Item, Unreadable
from cnncalc.layer import Layer, LayerError, Shape
from cnncalc.problem import Problem, Span

MAX_LAYERS = 100_000


def _written(made: Made, given: Arguments) -> dict[str, Span]:
    """The places of the arguments at a layer, the primary one under its name."""
    places = {name: argument.span for name, argument in given.keywords.items()}
    if given.primary and made.layer and made.layer.primary:
        places[made.layer.primary] = given.primary.span
    return places


def _outputs(layer: Layer, *shapes: Shape) -> tuple[Shape, ...]:
    return layer.outputs(*shapes)


class FullError(Exception):
    """The network is larger than a limit allows; it has been reported."""


class Assembler:
    """The nodes and values of one network, in execution order, and what is visible at each node."""

    def __init__(self, instantiator: Instantiator, evaluator: Evaluator) -> None:
        self.instantiator, self.report = instantiator, evaluator.report
        self._outputs = cache(_outputs)  # networks repeat layers
        self.values: list[Value] = []
        self.nodes: list[Node] = []
        self.contexts: list[Context] = []

    def input(self, name: str, shape: Shape | None) -> Tensor:
        """Add a model input."""
        self.values.append(Value(name, shape, None))
        return len(self.values) - 1

    def layer(
        self, name: Scalar, given: Arguments, tensors: list[Tensor], context: Context, path: str
    ) -> list[Tensor]:
        """Add a layer; returns its outputs. Raises FullError, reported, at the limit."""
        if len(self.nodes) >= MAX_LAYERS:
            message = f"the network has more than {MAX_LAYERS:,} layers"
            self.report("CNN008", message, name.span, context)
            raise FullError
        made = self.instantiator.layer(name, given, len(tensors), context)
        inputs = tuple([self.existing(tensor) for tensor in tensors])
        shapes, assumed, problem = self.infer(made, inputs, name, given, context)
        first = len(self.values)
        for number, shape in enumerate(shapes):
            port = f"{path}:{number}" if len(shapes) > 1 else path
            self.values.append(Value(port, shape, len(self.nodes), assumed))
        outputs = range(first, len(self.values))
        self.contexts.append(context)
        self.nodes.append(
            Node(
                path=path,
                name=None,
                type=made.type,
                layer=made.layer,
                inputs=inputs,
                outputs=tuple(outputs),
                scope=context.scope,
                span=name.span,
                head=context.head,
                frozen=context.frozen,
                train_only=context.train_only,
                problem=problem,
                written=_written(made, given),
            )
        )
        return list(outputs)

    def unreadable(self, item: Item, context: Context, path: str) -> Tensor:
        """Add a node for an item that was not understood; returns its unknown output."""
        assert isinstance(item.head, Unreadable)
        self.values.append(Value(path, None, len(self.nodes)))
        output = len(self.values) - 1
        self.contexts.append(context)
        self.nodes.append(
            Node(
                path=path,
                name=None,
                type=item.head.text,
                layer=None,
                inputs=(),
                outputs=(output,),
                scope=context.scope,
                span=item.span,
                head=context.head,
                train_only=context.train_only,
                problem=item.head.problem,
            )
        )
        return output

    def doubt(self, outputs: list[Tensor], problem: Problem) -> None:
        """Mark the outputs of an item as unsure, and the layers that made them as its place."""
        for index in outputs:
            if not isinstance(index, int):
                continue
            value = self.values[index]
            self.values[index] = value._replace(assumed=True)
            if value.producer is not None and self.nodes[value.producer].problem is None:
                node = self.nodes[value.producer]
                self.nodes[value.producer] = node._replace(problem=problem)

    def existing(self, tensor: Tensor) -> int:
        """The tensor, or a value of unknown shape in place of one that is missing."""
        if isinstance(tensor, int):
            return tensor
        self.values.append(Value("?", None, None))
        return len(self.values) - 1

    def infer(
        self, made: Made, inputs: tuple[int, ...], name: Scalar, given: Arguments, context: Context
    ) -> tuple[tuple[Shape | None, ...], bool, Problem | None]:
        """The shapes of the outputs, whether they are assumed, and the layer's problem."""
        known = [self.values[index] for index in inputs]
        assumed = made.repaired or context.unsure or any(value.assumed for value in known)
        shapes = [value.shape for value in known if value.shape is not None]
        if made.layer is None or len(shapes) < len(known):
            return (None,), assumed, made.problem
        try:
            return self._outputs(made.layer, *shapes), assumed, made.problem
        except LayerError as error:
            # what does not fit an assumed shape may fit the right one
            problem = made.problem if assumed else self.misfit(error, name, given, context)
            return (made.layer.assume(*shapes),), True, problem

    def misfit(
        self, error: LayerError, name: Scalar, given: Arguments, context: Context
    ) -> Problem:
        """Report a layer that does not fit its input, at the argument to blame."""
        argument: Argument | None = None
        if error.argument:
            argument = given.keywords.get(error.argument, given.primary)
        span: Span = argument.span if argument else name.span
        return self.report(error.code, error.message, span, context, error.help)
