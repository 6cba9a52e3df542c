"""Layers that are not linear: the complex step, with a real difference as a second opinion.

f(x + ihu) = f(x) + ih <f'(x), u> + O(h^2) has no subtraction, so that h may be as small as 1e-30
and the derivative is exact to rounding. Gates are those of the real part, which h never flips.
Source: Squire and Trapp 1998, Using complex variables to estimate derivatives of real functions.
"""

from __future__ import annotations

from math import isfinite, sqrt

import numpy as np

from cnncalc.engine.gradients.data import upstream_for
from cnncalc.engine.gradients.differences import LIMIT as DIFFERENCE_LIMIT, derivative
from cnncalc.engine.gradients.probes import (
    DIRECTIONS,
    difference,
    floor,
    places,
    signs,
    unit,
)
from cnncalc.engine.gradients.results import Probe, TensorCheck, Verdict, worst
from cnncalc.engine.gradients.subject import Array, Subject, inner

METHOD = "complex step"
DIFFERENCES = "differences"
STEP = 1e-30
LIMIT = 1e-10
"""Largest relative error of a complex step that passes."""
REFUSALS = (TypeError, ValueError, NotImplementedError)
"""What a layer raises that does not take complex numbers."""


class Smooth:
    """A layer on real numbers, with its gradients."""

    def __init__(self, subject: Subject, seed: tuple[int, ...]) -> None:
        self.subject = subject
        self.generator = np.random.default_rng((*seed, 3))
        self.upstream = upstream_for(subject, seed, whole=False)
        self.gradients = subject.gradients(self.upstream)

    def check(self, name: str) -> TensorCheck:
        """The check of one tensor."""
        gradient, shape = self.gradients.get(name), self.subject.tensors[name].shape
        if gradient is None:
            return TensorCheck(name, "-", None, Verdict.NOT_CHECKED, "backward gives no gradient")
        if gradient.shape != shape:
            note = f"the gradient has the shape {list(gradient.shape)}, not {list(shape)}"
            return TensorCheck(name, "-", None, Verdict.FAILED, note)
        if gradient.dtype != np.float64:
            note = f"the gradient is of {gradient.dtype}, the tensor of float64"
            return TensorCheck(name, "-", None, Verdict.FAILED, note)
        probes = self._probes(name, gradient)
        verdict = worst(probe.verdict for probe in probes)
        if verdict is not Verdict.FAILED and not gradient.any():
            verdict = Verdict.VACUOUS
        return tensor_check(name, probes, verdict)

    def _probes(self, name: str, gradient: Array) -> tuple[Probe, ...]:
        shape, least = gradient.shape, floor(gradient)
        directions = [signs(self.generator, shape) for _ in range(DIRECTIONS)]
        named = [(f"direction {n}", u) for n, u in enumerate(directions, 1)]
        groups = int(getattr(self.subject.layer, "groups", 1))
        named += [
            (place.text, unit(shape, place.at))
            for place in places(gradient, self.generator, groups)
        ]
        try:
            found = [self._complex(name, what, u, gradient, least) for what, u in named]
        except REFUSALS:
            return tuple(self._real(name, what, u, gradient, least) for what, u in named)
        return *found, self._real(name, "second opinion", directions[0], gradient, least)

    def _complex(
        self, name: str, what: str, direction: Array, gradient: Array, least: float
    ) -> Probe:
        moved = self.subject.tensors[name] + 1j * STEP * direction
        numeric = inner(self.upstream, self.subject.output({name: moved})).imag / STEP
        analytic = float(np.dot(gradient.reshape(-1), direction.reshape(-1)))
        return judged(what, METHOD, analytic, numeric, least, LIMIT)

    def _real(self, name: str, what: str, direction: Array, gradient: Array, least: float) -> Probe:
        start, bases = self.subject.tensors[name], self.subject.output()
        terms = [v * y for v, y in zip(self.upstream, bases, strict=True)]
        size = sqrt(sum(float(np.dot(t.ravel(), t.ravel())) for t in terms))

        def along(step: float) -> float:
            """How far the sum has moved: small, so that it keeps more digits than the sum has."""
            ys = self.subject.output({name: start + step * direction})
            return float(
                inner(self.upstream, tuple(y - base for y, base in zip(ys, bases, strict=True)))
            )

        estimate = derivative(along, least, size)
        analytic = float(np.dot(gradient.reshape(-1), direction.reshape(-1)))
        probe = judged(what, DIFFERENCES, analytic, estimate.value, least, DIFFERENCE_LIMIT)
        unsure = estimate.error > DIFFERENCE_LIMIT * max(abs(analytic), abs(estimate.value), least)
        return probe._replace(verdict=Verdict.INCONCLUSIVE) if unsure else probe


def tensor_check(name: str, probes: tuple[Probe, ...], verdict: Verdict) -> TensorCheck:
    """A check with the worst error of its main method, and of what did not pass."""
    method = probes[0].method
    errors = [p.error for p in probes if p.method == method or not p.verdict.good]
    return TensorCheck(name, method, max(errors), verdict, None, probes)


def judged(
    what: str, method: str, analytic: float, numeric: float, least: float, limit: float
) -> Probe:
    """A probe with its verdict; without a numeric derivative there is none."""
    error = difference(analytic, numeric, least)
    verdict = Verdict.PASSED if error <= limit else Verdict.FAILED
    if not isfinite(numeric):
        verdict = Verdict.INCONCLUSIVE
    return Probe(what, method, analytic, numeric, error, verdict)
