"""A layer with one of its rules replaced, but otherwise the same: same type, same arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cnncalc.engine.gradients.complex_step import STEP
from cnncalc.engine.gradients.subject import Array
from cnncalc.kernels.mode import Mode
from cnncalc.layer import Layer

SMALL = 1e-3
"""Step of the real differences that stand in for a complex function."""


def variant(layer: Layer, **rules: Any) -> Layer:
    """A copy of the layer with other rules (methods)."""
    changed = type(type(layer).__name__, (type(layer),), rules)
    twin: Layer = object.__new__(changed)
    vars(twin).update(vars(layer))
    return twin


def lifted(layer: Layer) -> Layer:
    """A layer that refuses complex numbers, made to take a complex step.

    f(x + ihd) is f(x) + ih D, where D is the real difference of fourth order along d.
    """

    def forward(
        self: Layer,  # noqa: ARG001 - the rule of a class
        weights: Mapping[str, Array],
        *xs: Array,
        mode: Mode,
    ) -> tuple[Any, Any]:
        arrays = [*weights.values(), *xs]
        if not any(map(np.iscomplexobj, arrays)):
            return layer.forward(weights, *xs, mode=mode)
        largest = max(float(np.abs(array.imag).max()) for array in arrays)

        def at(step: float) -> Array:
            share = step / (largest or 1.0)
            moved = [array.real + share * array.imag for array in arrays]
            named = dict(zip(weights, moved, strict=False))
            y: Array = layer.forward(named, *moved[len(weights) :], mode=mode)[0]
            return y

        change = 8 * (at(SMALL) - at(-SMALL)) - (at(2 * SMALL) - at(-2 * SMALL))
        return at(0.0) + 1j * (largest / STEP * change / (12 * SMALL)) * STEP, None

    return variant(layer, forward=forward)
