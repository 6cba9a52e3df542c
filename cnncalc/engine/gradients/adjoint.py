"""Linear layers: <f(u) - f(0), v> = <u, f^T v>, in integers and compared with ==.

Whether a layer is linear in a tensor, and exact on integers, is not listed anywhere but found out:
f(u) + f(-u) = 2 f(0) and f(2u) - f(u) = f(u) - f(0), and all results are multiples of 2^-12. What
is not goes to the complex step, so that a wrong answer here can not let anything pass.
"""

from __future__ import annotations

from contextlib import suppress
from math import prod

import numpy as np

from cnncalc.engine.gradients.data import integers, upstream_for
from cnncalc.engine.gradients.probes import DIRECTIONS, difference, floor, places, unit
from cnncalc.engine.gradients.results import Probe, TensorCheck, Verdict, worst
from cnncalc.engine.gradients.subject import BLOCK, Array, Subject

METHOD = "adjoint"
FRACTION = 4096.0
"""Results are multiples of one over this, or they are not taken as exact."""
EXACT = 2.0**53


class Exact:
    """A layer on integers, where its outputs are exact."""

    def __init__(self, subject: Subject, seed: tuple[int, ...], scale: int) -> None:
        self.subject, self.scale = subject, scale
        self.generator = np.random.default_rng((*seed, 2))
        self.y = subject.output()
        self.upstream = upstream_for(subject, seed, whole=True, scale=scale)
        self.possible = all(map(_whole, self.y)) and self._sums_fit()
        self.gradients: dict[str, Array | None] = {}

    def _sums_fit(self) -> bool:
        """Whether no sum inside can reach 2^53, where integers stop being exact.

        A sum has at most as many terms as the largest tensor, and a term is at most the product
        of the largest elements of all tensors (backward: the gradient in place of one of them).
        """
        arrays = list(self.subject.tensors.values())
        size = max(a.size for a in (*arrays, *self.upstream, *self.y))
        largest = [max(1.0, _largest(array)) for array in arrays]
        upstream = max(_largest(v) for v in self.upstream)
        forward, backward = prod(largest), prod(largest) / min(largest) * upstream
        return size * max(forward, backward) * FRACTION * 2 < EXACT

    def checks(self) -> dict[str, TensorCheck]:
        """The check of every tensor that the layer is linear in; nothing where it is not exact."""
        if not self.possible:
            return {}
        found: dict[str, TensorCheck] = {}
        for name in self.subject.tensors:
            zero = self._zero(name)
            if zero is None:
                continue
            if not self.gradients:
                self.gradients = self.subject.gradients(self.upstream)
            gradient = self.gradients.get(name)
            if gradient is None or gradient.shape != self.subject.tensors[name].shape:
                continue  # the other methods say what is wrong with it
            if _whole(gradient):
                with suppress(_InexactError):
                    found[name] = self._check(name, gradient, zero)
        return found

    def _zero(self, name: str) -> tuple[Array, ...] | None:
        """f(0) of this tensor, where f is linear in it."""
        u = self.subject.tensors[name]
        zero = self._output(name, np.zeros(u.shape))
        minus = self._output(name, -u)
        if not all(
            np.array_equal(y + m, 2 * z) for y, m, z in zip(self.y, minus, zero, strict=True)
        ):
            return None
        del minus
        double = self._output(name, 2 * u)
        linear = all(
            np.array_equal(d - y, y - z) for d, y, z in zip(double, self.y, zero, strict=True)
        )
        return zero if linear else None

    def _output(self, name: str, tensor: Array) -> tuple[Array, ...]:
        return self.subject.output({name: tensor})

    def _check(self, name: str, gradient: Array, zero: tuple[Array, ...]) -> TensorCheck:
        """All probes of one tensor; raises _InexactError."""
        shape, least = gradient.shape, floor(gradient)
        size = self.scale if name in self.subject.inputs else 1
        probes = []
        for number in range(1, DIRECTIONS + 1):
            direction = integers(self.generator, shape, size)
            probes.append(
                _compared(
                    f"direction {number}",
                    _dot(gradient, direction),
                    self._change(name, direction, zero),
                    least,
                )
            )
            del direction
        groups = int(getattr(self.subject.layer, "groups", 1))
        for place in places(gradient, self.generator, groups):
            numeric = self._change(name, size * unit(shape, place.at), zero)
            analytic = int(gradient[place.at] * FRACTION) * size
            probes.append(_compared(place.text, analytic, numeric, least * size, size))
        error = max(probe.error for probe in probes)
        verdict = worst(probe.verdict for probe in probes)
        if verdict is Verdict.PASSED and not gradient.any():
            verdict = Verdict.VACUOUS
        return TensorCheck(name, METHOD, error, verdict, None, tuple(probes))

    def _change(self, name: str, direction: Array, zero: tuple[Array, ...]) -> int:
        """<f(u) - f(0), v>, times FRACTION."""
        y = self._output(name, direction)
        if not all(map(_whole, y)):
            raise _InexactError
        return sum(_dot(a - z, v) for a, z, v in zip(y, zero, self.upstream, strict=True))


class _InexactError(Exception):
    """A direction whose outputs are not exact, although others were."""


def _compared(what: str, analytic: int, numeric: int, least: float, size: int = 1) -> Probe:
    """Both are integers, the derivatives along a direction of that size, times FRACTION."""
    verdict = Verdict.PASSED if analytic == numeric else Verdict.FAILED
    error = difference(analytic / FRACTION, numeric / FRACTION, least)
    return Probe(
        what, METHOD, analytic / FRACTION / size, numeric / FRACTION / size, error, verdict
    )


def _whole(array: Array) -> bool:
    """Whether all elements are multiples of 1 / FRACTION, and finite."""
    flat = array.reshape(-1)
    for start in range(0, flat.size, BLOCK):
        block = flat[start : start + BLOCK] * FRACTION
        if not np.array_equal(block, np.rint(block)):  # NaN is not equal to itself
            return False
    return bool(_largest(flat) < EXACT / FRACTION)


def _largest(array: Array) -> float:
    return float(max(array.max(), -array.min()))


def _dot(fractions: Array, whole: Array) -> int:
    """The exact inner product, times FRACTION, of multiples of 1 / FRACTION with integers."""
    left, right = fractions.reshape(-1), whole.reshape(-1)
    total = 0
    for start in range(0, left.size, BLOCK):
        a = left[start : start + BLOCK] * FRACTION
        b = right[start : start + BLOCK]
        if _largest(a) * _largest(b) * BLOCK < 2.0**62:
            total += int(np.dot(a.astype(np.int64), b.astype(np.int64)))
        else:
            total += sum(int(x) * int(y) for x, y in zip(a.tolist(), b.tolist(), strict=True))
    return total
