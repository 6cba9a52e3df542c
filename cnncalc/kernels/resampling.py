"""Resampling axis by axis: which positions an output reads, and the gradient of reading them.

Positions are computed in the type of the data, as in torch
(aten/src/ATen/native/cpu/UpSampleKernel.cpp, HelperInterpNearest and HelperInterpLinear).
"""

from __future__ import annotations

from cnncalc import lazy_numpy as np
from cnncalc.kernels.mode import Array


def nearest_positions(n: int, m: int, scale: float | None, dtype: object) -> Array:
    """The input position that each of m outputs copies: floor(o / scale), or floor(o n / m).

    For m = n and m = 2 n torch leaves a written scale aside, but only on maps of H + W up to 128,
    and in all gradients, which then are not those of its forward pass; here the scale counts.
    """
    step = np.asarray(n, dtype) / m if scale is None else np.asarray(1 / scale, dtype)
    places = (np.arange(m).astype(dtype) * step).astype(np.float32)  # torch takes floorf
    return np.minimum(np.floor(places).astype(int), n - 1)


def linear_positions(
    n: int, m: int, scale: float | None, align_corners: bool, dtype: object
) -> tuple[Array, Array]:
    """For each of m outputs the lower of two input positions, and the share of the upper one."""
    outputs = np.arange(m).astype(dtype)
    one = np.asarray(1, dtype)
    if align_corners:
        step = one * (n - 1) / (m - 1) if m > 1 else 0 * one
        places = outputs * step
    else:
        step = one * n / m if scale is None else one / scale
        places = np.maximum(step * (outputs + one / 2) - one / 2, 0)
    lower = np.minimum(places.astype(int), n - 1)
    return lower, np.clip(places - lower, 0, 1).astype(dtype)


def taken(x: Array, positions: Array, axis: int) -> Array:
    """The elements at these positions of an axis."""
    return np.take(x, positions, axis)


def taken_gradient(dy: Array, positions: Array, n: int, axis: int) -> Array:
    """The gradient of `taken`, for positions that never go down: it adds up over equal ones.

    First those that are the first to read their position, then the second ones, and so on.
    """
    dx = np.zeros((*dy.shape[:axis], n, *dy.shape[axis + 1 :]), dy.dtype)
    lead = (slice(None),) * axis
    turns = np.arange(len(positions)) - np.searchsorted(positions, positions)
    for turn in range(turns.max() + 1):
        readers = np.flatnonzero(turns == turn)
        dx[(*lead, _slice(positions[readers]))] += dy[(*lead, _slice(readers))]
    return dx


def _slice(places: Array) -> Array | slice:
    """Places at equal distances as a slice, which is an index ten times as fast."""
    first, last = int(places[0]), int(places[-1])
    step = (last - first) // max(1, len(places) - 1) or 1
    regular = range(first, last + 1, step)
    return slice(first, last + 1, step) if places.tolist() == list(regular) else places
