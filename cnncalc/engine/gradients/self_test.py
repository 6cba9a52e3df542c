"""The test of the check itself: planted faults are caught, and right rules raise no alarm."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from threadpoolctl import threadpool_limits

from cnncalc.engine.gradients.alone import check_signature
from cnncalc.engine.gradients.check import BATCH, Progress
from cnncalc.engine.gradients.mutants import Mutant, mutants
from cnncalc.engine.gradients.results import LayerCheck, TensorCheck, Verdict, worst
from cnncalc.engine.gradients.signature import Signature
from cnncalc.layer import Layer, Shape


class Trial(NamedTuple):
    """One planted fault; `right` is what the check says of the right rule.

    `tensor` is the one that gave it away, by a derivative. (A rule that raises, or breaks its
    contract, is no fault of the kind planted.)
    """

    type: str
    what: str
    right: Verdict
    tensor: TensorCheck | None

    @property
    def caught(self) -> bool:
        """Whether the fault was found, and nothing where there is none."""
        return self.tensor is not None and self.right.good


class SelfTest(NamedTuple):
    """All trials."""

    seed: int
    trials: tuple[Trial, ...]

    @property
    def passed(self) -> bool:
        """Whether every fault was caught without a false alarm."""
        return all(trial.caught for trial in self.trials)


def self_test(*, seed: int = 0, threads: int = 1, progress: Progress | None = None) -> SelfTest:
    """Plant every fault, and check the layer with it and without."""
    planted = list(mutants())
    found = []
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        for trial in pool.map(lambda mutant: _trial(mutant, seed), planted):
            found.append(trial)
            if progress:
                progress(len(found), len(planted))
    return SelfTest(seed, tuple(found))


def _trial(mutant: Mutant, seed: int) -> Trial:
    right = _checks(mutant.layer, mutant.shapes, seed)
    broken = _checks(mutant.planted(), mutant.shapes, seed)
    tensors = [tensor for one in broken for tensor in one.tensors]
    failed = [one for one in tensors if any(p.verdict is Verdict.FAILED for p in one.probes)]
    return Trial(
        type(mutant.layer).__name__,
        mutant.what,
        worst(one.verdict for one in right),
        max(failed, key=lambda tensor: tensor.error or 0.0, default=None),
    )


def _checks(layer: Layer, shapes: tuple[Shape, ...], seed: int) -> tuple[LayerCheck, ...]:
    signature = Signature(layer, type(layer).__name__, shapes, ("self-test",))
    return check_signature(signature, seed, BATCH)
