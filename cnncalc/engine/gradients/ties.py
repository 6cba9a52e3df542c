"""At a tie the derivative is a choice: ReLU'(0) = 0, and the first of equal maxima takes it all.

Torch makes these choices, and so must a backward rule: on data with ties its gradient is that of
data on which the tie is broken the way it should be.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from cnncalc.engine.gradients.data import integers
from cnncalc.engine.gradients.probes import difference, floor
from cnncalc.engine.gradients.results import Probe, Verdict
from cnncalc.engine.gradients.structure import MAXIMA, kinds
from cnncalc.engine.gradients.subject import Array, Subject

METHOD = "ties"
CLOSE = 1e-9
CLOSED_AT_ZERO = frozenset({"ReLU", "ReLU6", "LeakyReLU", "PReLU"})
"""Functions of which torch takes the derivative from the left at 0."""


def probe(subject: Subject, upstream: tuple[Array, ...], seed: tuple[int, ...]) -> Probe | None:
    """The gradient at ties against the one beside them; None for layers without ties."""
    names = kinds(subject.layer)
    shape = subject.tensors["input"].shape if "input" in subject.tensors else ()
    if names & MAXIMA:
        # few values, so that most windows have several largest elements; the first is to win
        tied = np.random.default_rng((*seed, 4)).integers(0, 1, shape, endpoint=True) + 0.0
        order = np.arange(prod(shape[1:]), dtype=np.float64).reshape(shape[1:])
        return _compared(subject, upstream, tied, tied - CLOSE * order)
    if names & CLOSED_AT_ZERO:
        tied = integers(np.random.default_rng((*seed, 4)), shape)
        tied[np.abs(tied) <= 4] = 0.0
        return _compared(subject, upstream, tied, np.where(tied == 0, -CLOSE, tied))
    return None


def _compared(subject: Subject, upstream: tuple[Array, ...], tied: Array, broken: Array) -> Probe:
    """One probe for all elements: it shows the one that differs most."""
    at_tie, beside = (
        replace(subject, tensors={**subject.tensors, "input": x}).gradients(upstream)["input"]
        for x in (tied, broken)
    )
    if at_tie is None or beside is None or at_tie.shape != beside.shape:
        return Probe("ties", METHOD, 0.0, 0.0, 0.0, Verdict.NOT_CHECKED)
    flat = int(np.argmax(np.abs(at_tie - beside)))
    a, n = float(at_tie.flat[flat]), float(beside.flat[flat])
    verdict = Verdict.PASSED if np.array_equal(at_tie, beside) else Verdict.FAILED
    return Probe("ties", METHOD, a, n, difference(a, n, floor(beside)), verdict)
