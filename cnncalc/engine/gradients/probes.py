"""Where a gradient is probed, and how two derivatives are compared."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf, isfinite, prod, sqrt
from typing import NamedTuple

import numpy as np

from cnncalc.engine.gradients.subject import Array

DIRECTIONS = 2
MOST_GROUPS = 8

Index = tuple[int, ...]


class Place(NamedTuple):
    """An element of a tensor that is probed alone, and why this one."""

    at: Index
    why: str

    @property
    def text(self) -> str:
        """As people read it: `[0, 3, 2, 2] largest`."""
        return f"[{', '.join(map(str, self.at))}] {self.why}"


def places(gradient: Array, generator: np.random.Generator, groups: int = 1) -> list[Place]:
    """About six elements: extremes, corners, and for weights one of each of the first groups."""
    shape, size = gradient.shape, gradient.size
    magnitude = np.abs(gradient).reshape(-1)
    found: dict[Index, str] = {}

    def take(flat: int, why: str) -> None:
        index = tuple(int(i) for i in np.unravel_index(flat, shape))
        found.setdefault(index, why)

    take(int(np.argmax(magnitude)), "largest")
    take(int(np.argmin(magnitude)), "smallest")
    take(0, "first")
    take(size - 1, "last")
    for index, why in _inside(shape, generator, groups):
        found.setdefault(index, why)
    return [Place(index, why) for index, why in found.items()]


def _inside(
    shape: Index, generator: np.random.Generator, groups: int
) -> Iterator[tuple[Index, str]]:
    """An element of each group (of the first axis), in alternate corners of the last axes."""
    chosen = min(max(groups, 2), MOST_GROUPS, shape[0])
    for number in range(chosen):
        low, high = number * shape[0] // chosen, (number + 1) * shape[0] // chosen
        index = [int(generator.integers(low, high))]
        index += [int(generator.integers(size)) for size in shape[1:2]]
        index += [(size - 1) if (number + axis) % 2 else 0 for axis, size in enumerate(shape[2:])]
        yield tuple(index), f"in group {number + 1}" if groups > 1 else "inside"


def signs(generator: np.random.Generator, shape: Index) -> Array:
    """A random direction of ones and minus ones."""
    return 2.0 * generator.integers(0, 1, shape, np.int8, endpoint=True) - 1.0


def unit(shape: Index, index: Index) -> Array:
    """The direction of one element."""
    found = np.zeros(shape)
    found[index] = 1.0
    return found


def floor(gradient: Array) -> float:
    """The size of a typical element of a gradient, which an error is measured by at least."""
    flat = gradient.reshape(-1)
    return sqrt(float(np.dot(flat, flat)) / prod(gradient.shape))


def difference(analytic: float, numeric: float, least: float) -> float:
    """How far two derivatives are apart, relative to the larger one, or to a typical element."""
    if not (isfinite(analytic) and isfinite(numeric)):
        return inf
    if analytic == numeric:
        return 0.0
    return abs(analytic - numeric) / max(abs(analytic), abs(numeric), least)
