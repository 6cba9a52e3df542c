"""A layer alone, on data of its own: this gives the verdict on its backward rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cnncalc.engine.gradients import ties
from cnncalc.engine.gradients.adjoint import Exact
from cnncalc.engine.gradients.complex_step import Smooth, tensor_check
from cnncalc.engine.gradients.data import integer_subject, real_subject
from cnncalc.engine.gradients.guards import guarded
from cnncalc.engine.gradients.memory import excess, of_layer
from cnncalc.engine.gradients.results import LayerCheck, TensorCheck, Verdict, worst
from cnncalc.engine.gradients.signature import Signature
from cnncalc.engine.gradients.structure import divisor, zero_gradient
from cnncalc.engine.gradients.subject import identical, input_names
from cnncalc.layer import Layer, LayerError, Shape
from cnncalc.layers.loss import Loss

ATTEMPTS = 8
"""How often other data are tried where a gradient is 0 everywhere, as under a mask of zeros."""
NEGLIGIBLE = 1e-12
"""A gradient that must be 0 may have rounding errors of this size."""


@np.errstate(all="ignore")
def check_signature(
    signature: Signature, seed: int, batch: int = 2, memory: int | None = None
) -> tuple[LayerCheck, ...]:
    """The checks of one distinct layer, in one or in both modes."""
    layer, shapes = signature.layer, signature.shapes
    if layer.declared:
        return (_unchecked(signature, None, "declared, not modelled"),)
    too_much = excess(of_layer(signature, batch), memory)
    if too_much:
        return (_unchecked(signature, None, too_much),)
    try:
        modes = _modes(layer, shapes, seed, batch)
    except LayerError as error:
        return (_unchecked(signature, None, error.message),)
    except NotImplementedError:
        return (_unchecked(signature, None, "it has no forward rule"),)
    return tuple(_check_mode(signature, batch, train, name, seed) for train, name in modes.items())


def tensor_names(signature: Signature) -> tuple[str, ...]:
    """The tensors that have a gradient: inputs first, then parameters."""
    own = signature.layer.params(*signature.shapes)
    return *input_names(len(signature.shapes)), *(n for n, p in own.items() if not p.buffer)


def _modes(
    layer: Layer, shapes: tuple[Shape, ...], seed: int, batch: int
) -> dict[bool, str | None]:
    """Training and not, where the output differs; else one for both."""
    if isinstance(layer, Loss):
        return {True: None}
    subject = integer_subject(layer, shapes, batch, False, (seed,))
    training = replace(subject, mode=replace(subject.mode, train=True))
    evaluated, trained = subject.output(), training.output()
    if all(map(identical, evaluated, trained)):
        return {False: None}
    return {False: "eval", True: "train"}


def _check_mode(
    signature: Signature, batch: int, train: bool, name: str | None, seed: int
) -> LayerCheck:
    tensors: tuple[TensorCheck, ...] = ()
    for attempt in range(ATTEMPTS):
        tensors = _Attempt(signature, batch, train, (seed, attempt)).tensors()
        if worst(tensor.verdict for tensor in tensors) is not Verdict.VACUOUS:
            break
    return LayerCheck(
        signature.paths, signature.layer, signature.type, signature.shapes, name, tensors
    )


class _Attempt:
    """One set of data for a layer in one mode."""

    def __init__(
        self, signature: Signature, batch: int, train: bool, seed: tuple[int, ...]
    ) -> None:
        self.signature, self.batch, self.train, self.seed = signature, batch, train, seed
        self.names = tensor_names(signature)

    def tensors(self) -> tuple[TensorCheck, ...]:
        """The checks of all tensors, by the method that fits each; raises nothing of the layer's.

        A rule that is broken may fail in any way, which is a finding and no reason to stop.
        """
        try:
            return self._tensors()
        except NotImplementedError:
            return self._all(Verdict.NOT_CHECKED, "it has no backward rule")
        except Exception as error:
            return self._all(Verdict.FAILED, f"{type(error).__name__}: {error}")

    def _tensors(self) -> tuple[TensorCheck, ...]:
        found = self._exact()
        rest = [name for name in self.names if name not in found]
        if rest:
            found |= self._smooth(rest)
        return tuple(self._structural(found[name]) for name in self.names)

    def _exact(self) -> dict[str, TensorCheck]:
        layer, shapes = self.signature.layer, self.signature.shapes
        if isinstance(layer, Loss):
            return {}
        subject = integer_subject(layer, shapes, self.batch, self.train, self.seed)
        before = subject.fingerprint()
        exact = Exact(subject, self.seed, divisor(layer, shapes[0]))
        return guarded(exact.checks(), subject, exact.upstream, exact.gradients, before)

    def _smooth(self, names: list[str]) -> dict[str, TensorCheck]:
        layer, shapes = self.signature.layer, self.signature.shapes
        subject = real_subject(layer, shapes, self.batch, self.train, self.seed)
        before = subject.fingerprint()
        smooth = Smooth(subject, self.seed)
        found = {name: smooth.check(name) for name in names}
        tie = ties.probe(subject, smooth.upstream, self.seed)
        if tie is not None and "input" in found:
            one = found["input"]
            verdict = worst((one.verdict, tie.verdict))
            if one.probes:
                found["input"] = tensor_check("input", (*one.probes, tie), verdict)
        return guarded(found, subject, smooth.upstream, smooth.gradients, before)

    def _structural(self, one: TensorCheck) -> TensorCheck:
        """A gradient of 0 where it must be so is right; there is no other way to prove it."""
        layer, shapes = self.signature.layer, self.signature.shapes
        why = zero_gradient(layer, shapes, one.tensor, self.batch, self.train)
        if why is None or not one.probes:
            return one
        largest = max(max(abs(p.analytic), abs(p.numeric)) for p in one.probes)
        verdict = Verdict.ZERO if largest <= NEGLIGIBLE else Verdict.FAILED
        return one._replace(error=0.0, verdict=verdict, note=why)

    def _all(self, verdict: Verdict, note: str) -> tuple[TensorCheck, ...]:
        return tuple(TensorCheck(name, "-", None, verdict, note) for name in self.names)


def _unchecked(signature: Signature, mode: str | None, note: str) -> LayerCheck:
    tensors = tuple(
        TensorCheck(name, "-", None, Verdict.NOT_CHECKED, note) for name in tensor_names(signature)
    )
    return LayerCheck(
        signature.paths, signature.layer, signature.type, signature.shapes, mode, tensors
    )
