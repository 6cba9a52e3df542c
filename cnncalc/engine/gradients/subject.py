"""One layer with data for all its tensors: its output, its gradients, and what must not change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from cnncalc.kernels.mode import Mode, Wants
from cnncalc.layer import Layer

Array = NDArray[Any]

EVERYTHING = Wants()
BLOCK = 2**20
"""Elements of a huge array that are worked on at once."""


@dataclass(frozen=True)
class Subject:
    """A layer in one mode, alone.

    `tensors` are those that have a gradient, the inputs first under the names of `inputs`;
    `buffers` and the `target` of a loss have none.
    """

    layer: Layer
    mode: Mode
    inputs: tuple[str, ...]
    tensors: Mapping[str, Array]
    buffers: Mapping[str, Array] = field(default_factory=dict)
    target: Array | None = None

    def output(self, changed: Mapping[str, Array] | None = None) -> tuple[Array, ...]:
        """The outputs, with some tensors replaced."""
        y, _ = self._forward({**self.tensors, **(changed or {})}, save=False)
        return y if isinstance(y, tuple) else (y,)

    def gradients(
        self, upstream: tuple[Array, ...], wants: Wants = EVERYTHING
    ) -> dict[str, Array | None]:
        """The gradient of every tensor, as the backward rule gives it; None where it does not."""
        y, saved = self._forward(self.tensors, save=True)
        dy = upstream if isinstance(y, tuple) else upstream[0]
        weights = self._weights(self.tensors)
        dx, named = self.layer.backward(weights, dy, saved, wants=wants, mode=self.mode)
        dxs = dx if isinstance(dx, tuple) else (dx,)
        found: dict[str, Array | None] = dict.fromkeys(self.tensors)
        if wants.inputs:
            found.update(zip(self.inputs, dxs, strict=False))
        return found | named

    def overwritten(self, upstream: tuple[Array, ...]) -> dict[str, Array | None]:
        """The gradients where the layer may write over its first input and over `upstream`."""
        copies = {name: self.tensors[name].copy() for name in self.inputs}
        mode = replace(self.mode, overwrite=True)
        twin = replace(self, tensors={**self.tensors, **copies}, mode=mode)
        return twin.gradients(tuple(v.copy() for v in upstream))

    def fingerprint(self) -> dict[str, int]:
        """Checksums of everything that the layer is given, which it must not write to."""
        given = {**self.tensors, **self.buffers}
        if self.target is not None:
            given["target"] = self.target
        return {name: crc32(np.ascontiguousarray(array).data) for name, array in given.items()}

    def _weights(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        own = {name: array for name, array in tensors.items() if name not in self.inputs}
        return {**own, **self.buffers}

    def _forward(self, tensors: Mapping[str, Array], *, save: bool) -> tuple[Any, Any]:
        xs = [tensors[name] for name in self.inputs]
        if self.target is not None:
            xs.append(self.target)
        mode = replace(self.mode, save=save)
        return self.layer.forward(self._weights(tensors), *xs, mode=mode)


def input_names(count: int) -> tuple[str, ...]:
    """How the inputs of a layer are called: `input`, or `input 1`, `input 2`..."""
    return ("input",) if count == 1 else tuple(f"input {number}" for number in range(1, count + 1))


def identical(a: Array, b: Array) -> bool:
    """Whether two arrays are equal, NaN to itself; block by block, as they may be huge."""
    left, right = a.reshape(-1), b.reshape(-1)
    blocks = (slice(start, start + BLOCK) for start in range(0, left.size, BLOCK))
    return a.shape == b.shape and all(
        np.array_equal(left[one], right[one])
        or np.array_equal(left[one], right[one], equal_nan=True)
        for one in blocks
    )


def inner(upstream: tuple[Array, ...], ys: tuple[Array, ...]) -> Any:
    """Sum of upstream x output over all outputs, without conjugation."""
    total: Any = 0.0
    for v, y in zip(upstream, ys, strict=True):
        if np.iscomplexobj(y):
            flat = np.ascontiguousarray(y).reshape(-1)
            total += complex(np.dot(v.ravel(), flat.real), np.dot(v.ravel(), flat.imag))
        else:
            total += float(np.dot(v.ravel(), np.ravel(y)))
    return total
