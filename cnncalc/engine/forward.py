"""The forward pass over a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from cnncalc.engine.errors import EngineError
from cnncalc.engine.plan import Follower, Plan, Stage
from cnncalc.engine.step import Step, Watch
from cnncalc.engine.weights import Array, Arrays
from cnncalc.graph import Graph
from cnncalc.kernels.mode import Finish, Mode, Region, Scratch
from cnncalc.layer import LayerError


class Setting(NamedTuple):
    """How all layers of a run are run."""

    train: bool
    seed: int
    overwrite: bool
    scratch: Scratch


class Forward:
    """The tensors that are alive: values that are still read, and what backward needs."""

    def __init__(
        self, graph: Graph, weights: Arrays, setting: Setting, watch: Watch | None
    ) -> None:
        self.graph, self.setting, self.watch = graph, setting, watch
        self.all_weights = weights
        self.values: dict[int, Array] = {}
        self.saved: dict[int, Any] = {}
        self.buffers: dict[str, Array] = {}

    def run(self, todo: Plan, inputs: Arrays) -> dict[str, Array]:
        """Run all stages; gives the outputs by path."""
        self.values = {index: inputs[name] for name, index in self.graph.inputs.items()}
        for stage in todo.stages:
            self._pass_through(stage)
        found = {
            self.graph.values[output.value].path: self.values[output.value]
            for output in todo.outputs
        }
        self.values = {}
        return found

    def weights(self, keys: Mapping[str, str]) -> dict[str, Array]:
        """The weights of these keys, by their names in a layer."""
        return {name: self.all_weights[one] for name, one in keys.items()}

    def _finish(self, followers: tuple[Follower, ...]) -> Finish | None:
        """What the layers that a stage takes over do, one after the other."""
        found = [
            follower.layer.finish(
                self.weights(follower.weights), [self.values[index] for index in follower.others]
            )
            for follower in followers
        ]
        if not found:
            return None

        def finish(y: Array, region: Region) -> None:
            for one in found:
                one(y, region)

        return finish

    def _pass_through(self, stage: Stage) -> None:
        node, setting = stage.node, self.setting
        mode = Mode(
            train=setting.train,
            save=setting.train or stage.wants is not None,
            overwrite=setting.overwrite and stage.overwrite,
            seed=(setting.seed, stage.place),
            scratch=setting.scratch,
            finish=self._finish(stage.followers),
        )
        weights = self.weights(stage.weights)
        xs = [self.values[index] for index in node.inputs]
        try:
            y, saved = stage.layer.forward(weights, *xs, mode=mode)
        except LayerError as error:
            raise EngineError(f"{node.path}: {error.message}", error.help) from None
        ys = y if isinstance(y, tuple) else (y,)
        self.values.update(zip(stage.outputs, ys, strict=True))
        if setting.train:
            updates = stage.layer.updates(weights, saved)
            self.buffers |= {stage.weights[name]: value for name, value in updates.items()}
        if stage.wants is not None:
            self.saved[stage.place] = saved
        for index in stage.frees:
            del self.values[index]
        if self.watch is not None:
            held = setting.scratch.held
            self.watch(Step(node, ys, {}, mode.tally.products, backward=False, held=held))
