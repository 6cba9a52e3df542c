"""How a layer is run: in training or not, in which memory, with which random numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, NamedTuple

from cnncalc import lazy_numpy as np

Array = Any
"""An array of NumPy; not its own type, as NumPy is imported on first use only."""


class Scratch:
    """Memory for intermediate values, used again and again by the layers of a run.

    Fresh memory costs a page fault for every 4 KiB, which is as much as the work on it.
    """

    def __init__(self) -> None:
        self._buffers: dict[tuple[str, Any], Array] = {}

    @property
    def held(self) -> int:
        """Bytes of all arrays."""
        return sum(buffer.nbytes for buffer in self._buffers.values())

    def array(self, shape: Sequence[int], dtype: Any, name: str) -> Array:
        """An array for use until the next call with that name."""
        size = prod(shape)
        buffer = self._buffers.get((name, dtype))
        if buffer is None or buffer.size < size:
            buffer = self._buffers[name, dtype] = np.empty(size, dtype)
        return buffer[:size].reshape(shape)


class Tally:
    """The door to BLAS: counts the multiplications with a weight that kernels perform."""

    def __init__(self) -> None:
        self.products = 0

    def add(self, products: int) -> None:
        """Count multiplications."""
        self.products += products

    def matmul(self, a: Array, b: Array, out: Array | None = None) -> Array:
        """The matrix product of (..., n, k) and (..., k, m), counted as n k m each."""
        found = np.matmul(a, b, out=out)
        self.products += found.size * a.shape[-1]
        return found


class Region(NamedTuple):
    """A piece of an output (N, C, *n): which images, channels, and positions counted in rows."""

    images: slice
    channels: slice
    positions: slice


Finish = Callable[[Array, Region], None]
"""Changes a piece of an output, (images, channels, positions), in place."""


class Wants(NamedTuple):
    """Which gradients a backward pass is asked for."""

    inputs: bool = True
    weights: bool = True


@dataclass(frozen=True, slots=True)
class Mode:
    """How a forward or backward pass is run.

    `save`: a backward pass follows, so that what it needs must be returned. `overwrite`: nobody
    else reads the first input (in the backward pass: the gradient of the output) any more, so that
    its memory may hold the result. `seed` starts the random numbers of the layer: the same seed
    gives the same mask. `finish` is to be applied to each piece of the output while it is in the
    cache, by a type that `finishes`.
    """

    train: bool = False
    save: bool = True
    overwrite: bool = False
    seed: tuple[int, ...] = (0,)
    scratch: Scratch = field(default_factory=Scratch)
    tally: Tally = field(default_factory=Tally)
    finish: Finish | None = None
