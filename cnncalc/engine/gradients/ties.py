"""At a kink the derivative is a choice: ReLU'(0) = 0, and the first of equal maxima takes it all.

Torch makes these choices, and so must a backward rule: on data that lie on a kink its gradient is
that of data beside it, on the side that torch takes.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from cnncalc.engine.gradients.probes import difference, floor
from cnncalc.engine.gradients.results import Probe, Verdict
from cnncalc.engine.gradients.structure import MAXIMA, kinds, kinks, sides
from cnncalc.engine.gradients.subject import Array, Subject

METHOD = "ties"
CLOSE = 1e-9
"""How far beside a kink; the derivative there differs by about as much."""
LIMIT = 1e-6


def probe(subject: Subject, upstream: tuple[Array, ...], seed: tuple[int, ...]) -> Probe | None:
    """The gradient at ties against the one beside them; None for layers without ties."""
    generator, x = np.random.default_rng((*seed, 4)), subject.tensors.get("input")
    if x is None:
        return None
    if kinds(subject.layer) & MAXIMA:
        # few values, so that most windows have several largest elements; the first is to win
        tied = generator.integers(0, 1, x.shape, endpoint=True) + 0.0
        order = np.arange(prod(x.shape[1:]), dtype=np.float64).reshape(x.shape[1:])
        return _compared(subject, upstream, tied, tied - CLOSE * order)
    if sides(subject.layer):
        chosen = generator.integers(0, len(sides(subject.layer)), x.shape)
        at = np.array(kinks(subject.layer), np.float64)[chosen]
        side = np.array(sides(subject.layer))[chosen]
        return _compared(subject, upstream, at, at + CLOSE * side)
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
    least = max(floor(beside), floor(upstream[0]))  # beside ReLU's kink all gradients are 0
    error = difference(a, n, least)
    verdict = Verdict.PASSED if error <= LIMIT else Verdict.FAILED
    return Probe("ties", METHOD, a, n, error, verdict)
