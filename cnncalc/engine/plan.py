"""What a run does at each node, decided before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from cnncalc.analysis.cost import requiring_gradients, trains
from cnncalc.analysis.memory import bases_of, kept_tensors
from cnncalc.engine.errors import EngineError
from cnncalc.engine.fusion import Followers, followers, others
from cnncalc.engine.weights import weight_keys
from cnncalc.graph import Graph, Node, Output
from cnncalc.kernels.mode import Wants
from cnncalc.layer import Layer


class Follower(NamedTuple):
    """A node whose work the stage before it does, and its inputs beside that stage's output.

    `weights` are the keys of its weights by their own names.
    """

    node: Node
    layer: Layer
    weights: Mapping[str, str]
    others: tuple[int, ...]


class Stage(NamedTuple):
    """One node of a run, with the elementwise layers that it takes over.

    `place` is its number in the order of execution. `weights` are the keys of the node's weights by
    their own names. `frees`: the values that nobody reads behind
    it. `overwrite`: nobody else needs the memory of its first input. `wants` is None where no
    gradient passes the node.
    """

    place: int
    node: Node
    layer: Layer
    weights: Mapping[str, str]
    followers: tuple[Follower, ...]
    wants: Wants | None
    frees: tuple[int, ...] = ()
    overwrite: bool = False

    @property
    def inputs(self) -> tuple[int, ...]:
        """The values that the stage reads."""
        return sum((follower.others for follower in self.followers), self.node.inputs)

    @property
    def outputs(self) -> tuple[int, ...]:
        """The values that the stage makes."""
        return self.followers[-1].node.outputs if self.followers else self.node.outputs


class Plan(NamedTuple):
    """The stages of a run in order, its results, and the values whose gradient is computed."""

    stages: tuple[Stage, ...]
    outputs: tuple[Output, ...]
    gradients: frozenset[int]


def plan(graph: Graph, *, train: bool, backward: bool, input_gradients: bool, fuse: bool) -> Plan:
    """Decide what is run; raises EngineError for what cannot be.

    `fuse` lets convolutions take over the elementwise layers behind them.
    """
    if not train:
        graph = _inference(graph)
    gradients = requiring_gradients(graph, inputs=input_gradients) if backward else frozenset()
    stages = _stages(graph, followers(graph) if fuse else {}, gradients)
    last = {index: stage.place for stage in stages for index in stage.inputs}
    last |= {output.value: len(graph.nodes) for output in graph.outputs}
    free = _Freedom(graph, bases_of(graph, graph.nodes, training=train), last, gradients)
    return Plan(tuple(free.granted_to(stage) for stage in stages), graph.outputs, gradients)


def _stages(graph: Graph, taken_over: Followers, gradients: frozenset[int]) -> list[Stage]:
    """A stage for each node that no other one takes over."""
    inside = {place for chain in taken_over.values() for place in chain}
    found = []
    for place, node in enumerate(graph.nodes):
        chain, value = [], node.outputs[0]
        for follower in (graph.nodes[other] for other in taken_over.get(place, ())):
            keys = weight_keys(graph, follower)
            chain.append(Follower(follower, _runnable(follower), keys, others(follower, value)))
            value = follower.outputs[0]
        if place not in inside:
            wants = _wants(graph, node, gradients)
            keys = weight_keys(graph, node)
            found.append(Stage(place, node, _runnable(node), keys, tuple(chain), wants))
    return found


def _inference(graph: Graph) -> Graph:
    """The network without its heads for training."""
    nodes = tuple(node for node in graph.nodes if not node.train_only)
    return graph._replace(nodes=nodes, outputs=tuple(graph.inference_outputs()))


def _runnable(node: Node) -> Layer:
    if node.layer is None:
        raise EngineError(f"{node.path} has a problem", "'cnncalc summary' shows it")
    if node.layer.declared:
        raise EngineError(
            f"{node.path} is {node.type}: its numbers are declared, so that it cannot be run",
            "write it with layers that cnncalc knows",
        )
    return node.layer


class _Freedom:
    """Which memory may be freed or written to: what no input, output or backward pass needs."""

    def __init__(
        self,
        graph: Graph,
        bases: Mapping[int, int],
        last: Mapping[int, int],
        gradients: frozenset[int],
    ) -> None:
        self.bases, self.last = bases, last
        self.kept = {bases[index] for index in graph.inputs.values()}
        for saved, inputs, outputs in kept_tensors(graph, gradients):
            if saved.tensor in ("input", "output"):
                tensors = inputs if saved.tensor == "input" else outputs
                self.kept.add(bases[tensors[saved.which]])
        self.last_of_base: dict[int, int] = {}
        for index, place in last.items():
            base = bases[index]
            self.last_of_base[base] = max(place, self.last_of_base.get(base, 0))

    def granted_to(self, stage: Stage) -> Stage:
        """The stage with what it may free, and whether it may overwrite its first input."""
        touched = {*stage.inputs, *stage.outputs}
        place = stage.place
        read = [self.bases[index] for index in stage.inputs]
        alone = read[0] not in self.kept and read.count(read[0]) == 1
        return stage._replace(
            frees=tuple(index for index in touched if self.last.get(index, place) == place),
            overwrite=alone and self.last_of_base[read[0]] == place,
        )


def _wants(graph: Graph, node: Node, gradients: frozenset[int]) -> Wants | None:
    if gradients.isdisjoint(node.outputs):
        return None
    return Wants(not gradients.isdisjoint(node.inputs), trains(graph, node))
