"""All checks of one network."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from cnncalc.analysis.report import Report, Sizing, report
from cnncalc.engine import budget
from cnncalc.engine.budget import Rebuild, Work
from cnncalc.engine.errors import EngineError
from cnncalc.engine.plan import plan
from cnncalc.engine.verify.checks import CHECKS, judged, needs_training
from cnncalc.engine.verify.evidence import Evidence
from cnncalc.engine.verify.field import FieldProof, Given, prove
from cnncalc.engine.verify.recorder import Inputs, Recorder
from cnncalc.engine.verify.results import Verification
from cnncalc.engine.verify.runs import How, Runs, explained, perform
from cnncalc.engine.weights import Arrays, initialise, known_shape
from cnncalc.graph import Graph
from cnncalc.suggest import did_you_mean

TWICE = {"repeatable", "gradients"}
"""Checks that compare the watched run with one as users run it."""
TRACED = {"inference_memory", "training_memory"}

Progress = Callable[[int, int], object]
"""Is told how many steps are done, of how many."""


def verify(
    graph: Graph,
    *,
    variant: str | None = None,
    checks: Sequence[str] = tuple(CHECKS),
    batch: int | None = None,
    dtype: str = "float32",
    seed: int = 0,
    threads: int = 1,
    memory: int | None = None,
    rebuild: Rebuild | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Run a network without problems on random data, and compare what its summary says.

    `checks` are names of CHECKS. Without `batch`, one image runs, and two in training where a batch
    norm needs them. Nothing runs that would take more than `memory` bytes; `rebuild` gives the
    network for other inputs, to say which would fit.
    """
    for name in checks:
        if name not in CHECKS:
            help = did_you_mean(name, CHECKS) or f"checks: {', '.join(CHECKS)}"
            raise EngineError(f"there is no check '{name}'", help)
    how = How(False, batch or 1, dtype, seed, threads)
    evidence = _Verifier(graph, checks, how, memory, rebuild, progress).evidence(batch)
    training = evidence.training
    return Verification(
        file=graph.file,
        name=graph.name,
        variant=variant,
        inputs={name: known_shape(graph, index) for name, index in graph.inputs.items()},
        layers=len(graph.nodes),
        dtype=dtype,
        seed=seed,
        batch=evidence.inference.how.batch,
        training_batch=training.how.batch if training and training.refused is None else None,
        checks=tuple(judged(name, evidence) for name in CHECKS if name in checks),
    )


class _Verifier:
    """Gathers the evidence."""

    def __init__(
        self,
        graph: Graph,
        checks: Sequence[str],
        how: How,
        memory: int | None,
        rebuild: Rebuild | None,
        progress: Progress | None,
    ) -> None:
        self.graph, self.how, self.memory, self.rebuild = graph, how, memory, rebuild
        self.progress = progress
        self.twice = not TWICE.isdisjoint(checks)
        self.traced = not TRACED.isdisjoint(checks)
        self.field = "receptive_field" in checks
        self.training = any(needs_training(name, graph) for name in checks)
        passes = (2 if self.twice else 1) * (3 if self.training else 1)
        self.steps, self.done = passes * len(graph.nodes), 0

    def evidence(self, batch: int | None) -> Evidence:
        """Run what the checks need."""
        weights: Arrays = {}
        how = self.how._replace(batch=batch or 1)
        inference = self._refused(how)
        if inference is None:
            weights = initialise(self.graph, how.seed, how.dtype)
            inference = self._perform(weights, how)
        training, missing = None, inference.refused
        if missing is None and self.training:
            training = self._train(weights, [batch] if batch else [1, 2])
            missing = training.refused
        return Evidence(
            graph=self.graph,
            weights=weights,
            report=self._report(how.batch),
            inference=inference,
            training_report=self._report(training.how.batch if training else how.batch),
            training=training,
            no_training=missing,
            field=self._prove_field(weights, inference),
        )

    def _prove_field(self, weights: Arrays, inference: Runs) -> FieldProof | None:
        """What units read, if that is asked for and the network can be run."""
        if not self.field or inference.refused is not None:
            return None
        how = self.how
        given = Given(weights, how.dtype, how.seed, how.threads, self.memory)
        return prove(self.graph, given, self.rebuild)

    def _train(self, weights: Arrays, batches: list[int]) -> Runs:
        """The first batch of these that can be trained on: batch norm may need several values."""
        for batch in batches:
            how = self.how._replace(train=True, batch=batch)
            refused = self._refused(how)
            found = refused or self._perform(weights, how)
            if refused is not None or found.refused is None:
                break
        return found

    def _refused(self, how: How) -> Runs | None:
        """Why a run cannot be started, if so."""
        item = np.dtype(how.dtype).itemsize
        work = Work(how.batch, item, backward=how.train)
        try:
            plan(self.graph, train=how.train, backward=how.train, input_gradients=True, fuse=False)
            budget.check(self.graph, work, self.memory, self.rebuild)
        except EngineError as error:
            return Runs(how, Recorder(Inputs({}), _silence), refused=explained(error))
        return None

    def _perform(self, weights: Arrays, how: How) -> Runs:
        return perform(self.graph, weights, how, self._tell, twice=self.twice, memory=self.traced)

    def _report(self, batch: int) -> Report:
        return report(self.graph, sizing=Sizing(batch, self.how.dtype))

    def _tell(self, steps: int) -> None:
        self.done = min(self.done + steps, self.steps)
        if self.progress is not None:
            self.progress(self.done, self.steps)


def _silence() -> None:
    """Tell nobody."""
