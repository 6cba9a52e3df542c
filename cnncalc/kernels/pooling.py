"""Pooling: maxima and sums of windows of x (N, C, *n), and their gradients.

Sums are taken axis by axis, so that a window of F x F costs 2 F operations, not F^2; so are
maxima where nobody asks for their places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

from cnncalc import lazy_numpy as np
from cnncalc.kernels.convolution import Ints, Steps, Windows, blocks
from cnncalc.kernels.mode import Array, Mode
from cnncalc.kernels.padding import Pairs, padded, padded_gradient

BLOCK = 1 << 17
"""Elements that a thread works on at once: half a megabyte of float32."""


def pooled_size(n: int, f: int, s: int, d: int, pads: tuple[int, int], ceil_mode: bool) -> int:
    """Windows on an axis; rounding up, one that starts in the padding behind is dropped."""
    steps, rest = divmod(n + sum(pads) - d * (f - 1) - 1, s)
    if ceil_mode and rest and (steps + 1) * s < n + pads[0]:
        return steps + 2
    return steps + 1


class Pool:
    """Where the windows lie on inputs of one size."""

    def __init__(
        self, n: Ints, kernel: Ints, steps: Steps, pads: Pairs, ceil_mode: bool = False
    ) -> None:
        self.n, self.kernel, self.steps, self.pads = n, kernel, steps, tuple(pads)
        axes = list(zip(n, kernel, steps.stride, steps.dilation, self.pads, strict=True))
        self.out = tuple(pooled_size(*axis, ceil_mode) for axis in axes)
        self.exact = tuple(
            (before, (m - 1) * s + d * (f - 1) + 1 - size - before)
            for m, (size, f, s, d, (before, _)) in zip(self.out, axes, strict=True)
        )
        """Padding with which the windows end where the input does."""

    def slices(self, axis: int) -> Iterator[slice]:
        """The positions under each tap of the windows along an axis."""
        s, d, m = self.steps.stride[axis], self.steps.dilation[axis], self.out[axis]
        for tap in range(self.kernel[axis]):
            yield slice(tap * d, tap * d + (m - 1) * s + 1, s)

    def counts(self, dtype: object, include_pad: bool) -> Array:
        """Elements of each window: those in the input, or also those in its padding."""
        found = np.ones((), dtype)
        for n, f, s, m, (before, after) in zip(
            self.n, self.kernel, self.steps.stride, self.out, self.pads, strict=True
        ):
            starts = np.arange(m) * s - before
            low, high = (-before, n + after) if include_pad else (0, n)
            sizes = np.minimum(starts + f, high) - np.maximum(starts, low)
            found = np.multiply.outer(found, sizes.astype(dtype))
        return found


def sums(x: Array, pool: Pool) -> Array:
    """The sum of each window."""
    x = padded(x, pool.exact)
    for axis in range(len(pool.n)):
        first, *others = pool.slices(axis)
        at = (slice(None),) * (axis + 2)
        total = x[(*at, first)].copy()
        for other in others:
            total += x[(*at, other)]
        x = total
    return x


def sums_gradient(dy: Array, pool: Pool) -> Array:
    """The gradient of `sums`: each input adds up the gradients of its windows."""
    for axis in reversed(range(len(pool.n))):
        size = pool.n[axis] + sum(pool.exact[axis])
        found = np.zeros((*dy.shape[: axis + 2], size, *dy.shape[axis + 3 :]), dy.dtype)
        for places in pool.slices(axis):
            found[(*(slice(None),) * (axis + 2), places)] += dy
        dy = found
    return padded_gradient(dy, pool.exact)


def maxima(x: Array, pool: Pool, mode: Mode) -> tuple[Array, Array | None]:
    """The largest value of each window, and if `mode.save` the tap it is at.

    Of several equal ones the first, of complex numbers the one with the largest real part. NaN
    counts as larger than all numbers.
    """
    y = np.empty((*x.shape[:2], *pool.out), x.dtype)
    taps = np.empty(y.shape, np.int64) if mode.save else None

    def job(block: tuple[slice, slice]) -> None:
        part = padded(x[block], pool.exact, value=-np.inf)
        if np.iscomplexobj(x):
            at = _taps_of(part, _largest(part.real, pool), pool)
            windows = Windows(part, pool.kernel, pool.steps, 1).view
            flat = windows.reshape(*part.shape[:2], -1, *pool.out)
            y[block] = np.take_along_axis(flat, at[:, :, None], 2)[:, :, 0]
        else:
            y[block] = _largest(part, pool)
            at = None if taps is None else _taps_of(part, y[block], pool)
        if taps is not None:
            taps[block] = at

    mode.workers.run(job, _blocks(x))
    return y, taps


def _largest(x: Array, pool: Pool) -> Array:
    """The largest of each window of a padded array, axis by axis."""
    for axis in reversed(range(len(pool.n))):
        first, *others = pool.slices(axis)
        at = (slice(None),) * (axis + 2)
        found = x[(*at, first)].copy()
        for other in others:
            np.maximum(found, x[(*at, other)], out=found)
        x = found
    return x


def _taps_of(x: Array, best: Array, pool: Pool) -> Array:
    """The tap of each window whose real part is the largest: the first, or the last NaN."""
    windows = Windows(x.real, pool.kernel, pool.steps, 1).view[:, 0]
    taps = np.zeros(best.shape, np.int64 if prod(pool.kernel) > 127 else np.int8)
    numbered = list(enumerate(np.ndindex(*pool.kernel)))
    for number, tap in reversed(numbered):
        np.copyto(taps, number, where=windows[(slice(None), slice(None), *tap)] == best)
    if np.isnan(best).any():
        for number, tap in numbered:
            np.copyto(taps, number, where=np.isnan(windows[(slice(None), slice(None), *tap)]))
    return taps


def maxima_gradient(dy: Array, taps: Array, pool: Pool, mode: Mode) -> Array:
    """The gradient of the maxima: it goes to the element at the tap, and nowhere else."""
    size = tuple(n + sum(pair) for n, pair in zip(pool.n, pool.exact, strict=True))
    dx = np.zeros((*dy.shape[:2], *size), dy.dtype)

    def job(block: tuple[slice, slice]) -> None:
        windows = Windows(dx[block], pool.kernel, pool.steps, 1).view[:, 0]
        for number, tap in enumerate(np.ndindex(*pool.kernel)):
            into = windows[(slice(None), slice(None), *tap)]
            into += dy[block] * (taps[block] == number)

    mode.workers.run(job, _blocks(dx))
    return padded_gradient(dx, pool.exact)


def _blocks(x: Array) -> list[tuple[slice, slice]]:
    """Some channels of one image each."""
    count = -(-x.shape[1] * prod(x.shape[2:]) // BLOCK)
    channels = blocks(x.shape[1], max(2, count))
    return [(slice(image, image + 1), part) for image in range(len(x)) for part in channels]


def adaptive_windows(n: Ints, output_size: Sequence[int | None]) -> list[list[slice]]:
    """The windows on each axis: o of M on N reads floor(o N / M) up to ceil((o + 1) N / M)."""
    return [
        [slice(o * size // m, -(-(o + 1) * size // m)) for o in range(m)]
        for size, m in ((size, m or size) for size, m in zip(n, output_size, strict=True))
    ]


def adaptive_means(x: Array, windows: list[list[slice]]) -> Array:
    """The mean of each window, axis by axis."""
    for axis, cuts in enumerate(windows, 2):
        if len(cuts) == 1:
            x = x.mean(axis=axis, keepdims=True)
            continue
        found = np.empty((*x.shape[:axis], len(cuts), *x.shape[axis + 1 :]), x.dtype)
        before = (slice(None),) * axis
        for o, cut in enumerate(cuts):
            found[(*before, o)] = x[(*before, cut)].mean(axis=axis)
        x = found
    return x


def adaptive_means_gradient(dy: Array, windows: list[list[slice]], n: Ints) -> Array:
    """The gradient of the means: each element gets its share from each of its windows."""
    for axis, cuts in reversed(list(enumerate(windows, 2))):
        found = np.zeros((*dy.shape[:axis], n[axis - 2], *dy.shape[axis + 1 :]), dy.dtype)
        before = (slice(None),) * axis
        for o, cut in enumerate(cuts):
            share = dy[(*before, slice(o, o + 1))] / (cut.stop - cut.start)
            found[(*before, cut)] += share
        dy = found
    return dy


def adaptive_maxima(x: Array, windows: list[list[slice]]) -> tuple[Array, Array]:
    """The largest value of each window, and its position counted in rows; the first of equals."""
    n = x.shape[2:]
    out = tuple(len(cuts) for cuts in windows)
    y, places = np.empty((*x.shape[:2], *out), x.dtype), np.empty((*x.shape[:2], *out), np.int64)
    positions = np.arange(prod(n)).reshape(n)
    for cell in np.ndindex(*out):
        cut = tuple(cuts[o] for cuts, o in zip(windows, cell, strict=True))
        values = x[(..., *cut)].reshape(*x.shape[:2], -1)
        best = values.real.argmax(axis=-1)
        places[(..., *cell)] = positions[cut].ravel()[best]
        y[(..., *cell)] = np.take_along_axis(values, best[..., None], -1)[..., 0]
    return y, places


def adaptive_maxima_gradient(dy: Array, places: Array, n: Ints) -> Array:
    """The gradient of the maxima: it goes to their positions."""
    dx = np.zeros((*dy.shape[:2], prod(n)), dy.dtype)
    image, channel = np.ogrid[: dy.shape[0], : dy.shape[1]]
    flat = (*dy.shape[:2], -1)
    at = (image[..., None], channel[..., None], places.reshape(flat))
    np.add.at(dx, at, dy.reshape(flat))
    return dx.reshape(*dy.shape[:2], *n)
