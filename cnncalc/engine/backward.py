"""The backward pass over a network, and the gradients that it starts from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from cnncalc.engine.errors import EngineError
from cnncalc.engine.forward import Forward, Setting
from cnncalc.engine.plan import Plan, Stage
from cnncalc.engine.step import Step
from cnncalc.engine.weights import Array, Arrays, known_shape, random_target
from cnncalc.graph import Graph, Node
from cnncalc.kernels.mode import Mode, Wants
from cnncalc.layer import LayerError, Shape
from cnncalc.layers.loss import Loss


class Start(NamedTuple):
    """The loss, if the network has one, and the gradient of each output, by value."""

    loss: float | None
    gradients: dict[int, Array]


def start(
    graph: Graph,
    todo: Plan,
    outputs: Arrays,
    setting: Setting,
    upstream: Arrays,
    targets: Arrays,
) -> Start:
    """Where the backward pass starts from: the loss, or the gradients given, or random ones."""
    losses: list[float] = []
    found: dict[int, Array] = {}
    for number, output in enumerate(todo.outputs):
        if output.value not in todo.gradients:
            continue
        path = graph.values[output.value].path
        y = outputs[path]
        if isinstance(graph.loss, Loss):
            target = targets.get(path)
            if target is None:
                seed = setting.seed + number
                target = random_target(graph.loss, y.shape[1:], len(y), seed, y.real.dtype)
            loss, found[output.value] = _loss(graph.loss, y, target, setting)
            losses.append(loss)
        elif path in upstream:
            found[output.value] = upstream[path].astype(y.dtype, copy=False)
        else:
            generator = np.random.default_rng((setting.seed, 3, number))
            found[output.value] = generator.standard_normal(y.shape).astype(y.dtype)
    return Start(sum(losses) if losses else None, found)


def check_start(graph: Graph, todo: Plan, batch: int, upstream: Arrays, targets: Arrays) -> None:
    """Refuse gradients of outputs, or targets, that do not fit; raises EngineError."""
    if targets and not isinstance(graph.loss, Loss):
        raise EngineError(
            "the network has no loss to compare targets with", "write one under 'loss:' in the spec"
        )
    if upstream and isinstance(graph.loss, Loss):
        raise EngineError(
            "the network has a loss, so that its outputs take no gradients", "give targets instead"
        )
    for what, given in (("upstream gradient", upstream), ("target", targets)):
        wanted = start_shapes(graph, todo, batch)
        for path, array in given.items():
            if path not in wanted:
                raise EngineError(
                    f"the network has no output '{path}'", f"outputs: {', '.join(wanted)}"
                )
            if array.shape != wanted[path]:
                shapes = f"{list(array.shape)}, not {list(wanted[path])}"
                raise EngineError(f"the {what} of {path} has the shape {shapes}")
    for path, array in targets.items():
        if takes_classes(graph) != (array.dtype.kind in "iu"):
            kind = "classes, which are integers" if takes_classes(graph) else "numbers, no integers"
            raise EngineError(f"the target of {path} holds {array.dtype}; the loss takes {kind}")


def start_shapes(graph: Graph, todo: Plan, batch: int) -> dict[str, Shape]:
    """The shapes of all targets, or without a loss of all gradients of outputs, by path."""
    found = {}
    for output in todo.outputs:
        shape = known_shape(graph, output.value)
        if isinstance(graph.loss, Loss):
            shape = graph.loss.target(shape)
        found[graph.values[output.value].path] = (batch, *shape)
    return found


def takes_classes(graph: Graph) -> bool:
    """Whether the loss compares with the numbers of classes."""
    return isinstance(graph.loss, Loss) and graph.loss.target_kind == "class"


def _loss(loss: Loss, y: Array, target: Array, setting: Setting) -> tuple[Any, Array]:
    mode = Mode(train=setting.train, scratch=setting.scratch)
    try:
        value, saved = loss.forward({}, y, target, mode=mode)
    except LayerError as error:
        raise EngineError(f"loss: {error.message}", error.help) from None
    dxs, _ = loss.backward({}, np.ones_like(value), saved, wants=Wants(), mode=mode)
    return value.item(), dxs[0]


class Backward:
    """The gradients that are alive, by value.

    `own` are those whose memory belongs to nobody else, so that it may be written to.
    """

    def __init__(self, forward: Forward, gradients: dict[int, Array]) -> None:
        self.forward, self.gradients = forward, gradients
        self.own: set[int] = set()

    def run(self, todo: Plan) -> dict[str, Array]:
        """Pass back through all stages; gives the gradients of the weights by key."""
        found: dict[str, Array] = {}
        for stage in reversed(todo.stages):
            if stage.wants is not None:
                found |= self._pass_through(stage, stage.wants, todo.gradients)
        return found

    def of_inputs(self) -> dict[str, Array]:
        """The gradients of the network's inputs by name, as far as they were wanted."""
        inputs = self.forward.graph.inputs
        return {n: self.gradients[index] for n, index in inputs.items() if index in self.gradients}

    def _pass_through(self, stage: Stage, wants: Wants, wanted: frozenset[int]) -> dict[str, Array]:
        node, setting = stage.node, self.forward.setting
        dys = self._take(node)
        mode = Mode(
            train=setting.train,
            overwrite=setting.overwrite and self.own.issuperset(node.outputs),
            seed=(setting.seed, stage.place),
            scratch=setting.scratch,
        )
        dx, dweights = stage.layer.backward(
            self.forward.weights(stage.weights),
            dys[0] if len(dys) == 1 else dys,
            self.forward.saved.pop(stage.place),
            wants=wants,
            mode=mode,
        )
        dxs = dx if isinstance(dx, tuple) else (dx,)
        named = {stage.weights[name]: gradient for name, gradient in dweights.items()}
        if self.forward.watch is not None:
            shown = tuple(
                one if index in wanted else None
                for index, one in zip(node.inputs, dxs, strict=True)
            )
            products, held = mode.tally.products, setting.scratch.held
            self.forward.watch(Step(node, shown, named, products, backward=True, held=held))
        if wants.inputs:
            self._give(node, dxs, dys, wanted)
        return named if wants.weights else {}

    def _take(self, node: Node) -> tuple[Array, ...]:
        """The gradients of the outputs; zeros for a piece that nobody read."""
        arrived = [self.gradients[i] for i in node.outputs if i in self.gradients]
        batch, dtype = len(arrived[0]), arrived[0].dtype
        values = self.forward.graph.values
        return tuple(
            self.gradients.pop(i)
            if i in self.gradients
            else np.zeros((batch, *(values[i].shape or ())), dtype)
            for i in node.outputs
        )

    def _give(
        self, node: Node, dxs: Sequence[Array], dys: Sequence[Array], wanted: frozenset[int]
    ) -> None:
        """Add to the gradients of the inputs."""
        own = self.own.issuperset(node.outputs)
        for place, (index, dx) in enumerate(zip(node.inputs, dxs, strict=True)):
            if index not in wanted:
                continue
            if index not in self.gradients:
                self.gradients[index] = dx
                others = [*dxs[:place], *dxs[place + 1 :], *(() if own else dys)]
                if not any(one is not None and np.may_share_memory(dx, one) for one in others):
                    self.own.add(index)
            elif index in self.own:
                self.gradients[index] += dx
            else:
                self.gradients[index] = self.gradients[index] + dx
                self.own.add(index)
