"""Pooling: maxima and sums of windows of x (N, C, *n), and their gradients.

Sums and maxima are taken axis by axis, so that a window of F x F costs 2 F operations, not F^2;
only the places of maxima are looked for at every element.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from math import prod
from typing import Any

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

    def positions(self, axis: int) -> Array:
        """The positions on an axis under each window: (out, kernel), those in the padding too."""
        starts = np.arange(self.out[axis]) * self.steps.stride[axis] - self.pads[axis][0]
        return starts[:, None] + np.arange(self.kernel[axis]) * self.steps.dilation[axis]

    def within(self, axis: int, pair: tuple[int, int] = (0, 0)) -> Array:
        """Which of `positions` lie on the axis with so much of its padding."""
        places = self.positions(axis)
        return (places >= -pair[0]) & (places < self.n[axis] + pair[1])

    def counts(self, dtype: object, include_pad: bool) -> Array:
        """Elements of each window: those in the input, or also those in its padding."""
        pairs = self.pads if include_pad else ((0, 0),) * len(self.n)
        sizes = (self.within(axis, pair).sum(axis=1) for axis, pair in enumerate(pairs))
        return reduce(np.multiply.outer, sizes).astype(dtype)

    def inside(self, tap: Ints) -> Array:
        """Whether the element at a tap of each window is one of the input."""
        return reduce(np.logical_and.outer, (self.within(axis)[:, t] for axis, t in enumerate(tap)))

    def holds_anything(self) -> Array:
        """Whether a window has any element of the input."""
        axes = (self.within(axis).any(axis=1) for axis in range(len(self.n)))
        return reduce(np.logical_and.outer, axes)

    def places(self, taps: Array) -> Array:
        """Where in the input, counted in rows, the element at a tap of each window lies."""
        corners, offsets = np.zeros((), np.int64), np.zeros((), np.int64)
        for axis, (n, d) in enumerate(zip(self.n, self.steps.dilation, strict=True)):
            corners = np.add.outer(corners * n, self.positions(axis)[:, 0])
            offsets = np.add.outer(offsets * n, np.arange(self.kernel[axis]) * d)
        return corners + offsets.ravel()[taps]


def sums(x: Array, pool: Pool) -> Array:
    """The sum of each window."""
    return _folded(padded(x, pool.exact), pool, np.add)


def _folded(x: Array, pool: Pool, operation: Any) -> Array:
    """The elements of each window of a padded array taken together, axis by axis."""
    for axis in range(len(pool.n)):
        first, *others = (x[_at(axis + 2, places)] for places in pool.slices(axis))
        x = first.copy()
        for other in others:
            operation(x, other, out=x)
    return x


def sums_gradient(dy: Array, pool: Pool) -> Array:
    """The gradient of `sums`: each input adds up the gradients of its windows."""
    for axis in reversed(range(len(pool.n))):
        size = pool.n[axis] + sum(pool.exact[axis])
        found = np.zeros((*dy.shape[: axis + 2], size, *dy.shape[axis + 3 :]), dy.dtype)
        for places in pool.slices(axis):
            found[_at(axis + 2, places)] += dy
        dy = found
    return padded_gradient(dy, pool.exact)


def _at(axis: int, places: slice) -> tuple[slice, ...]:
    """The index of some places of an axis."""
    return (*(slice(None),) * axis, places)


def maxima(x: Array, pool: Pool, mode: Mode) -> tuple[Array, Array | None]:
    """The largest value of each window, and if `mode.save` its place in x, counted in rows.

    Of several equal ones the first, of complex numbers the one with the largest real part. NaN
    counts as larger than all numbers, and the last one is taken. A window on padding alone is
    -inf, from a place behind x. Source: aten/src/ATen/native/cpu/MaxPoolKernel.cpp.
    """
    if not np.iscomplexobj(x):
        return _maxima(x, pool, mode.save)
    _, places = _maxima(x.real, pool, save=True)
    return np.append(x, -np.inf)[places], places


def _maxima(x: Array, pool: Pool, save: bool) -> tuple[Array, Array | None]:
    y = np.empty((*x.shape[:2], *pool.out), x.dtype)
    places = np.empty(y.shape, np.int64) if save else None
    planes = _planes(x)
    for block in _blocks(x):
        part = padded(x[block], pool.exact, value=-np.inf)
        best = y[block] = _folded(part, pool, np.maximum)
        if places is not None:
            at = pool.places(_taps_of(part, best, pool))
            places[block] = np.add(at, planes[block], out=at)
    if places is not None:
        nowhere = ~pool.holds_anything()
        if nowhere.any():
            places[..., nowhere] = x.size
    return y, places


def _planes(x: Array) -> Array:
    """The place of the first element of each channel."""
    first = np.arange(prod(x.shape[:2])) * prod(x.shape[2:])
    return first.reshape(*x.shape[:2], *(1,) * (x.ndim - 2))


def _taps_of(x: Array, best: Array, pool: Pool) -> Array:
    """The tap of each window of a padded array that has the largest value: the first, or last NaN.

    Found without branches: of equal values, the first is where most taps are left.
    """
    windows = Windows(x, pool.kernel, pool.steps, 1).view[:, 0]
    taps = [(slice(None), slice(None), *tap) for tap in np.ndindex(*pool.kernel)]
    left = np.zeros(best.shape, np.uint8 if len(taps) < 256 else np.int64)
    equal = np.empty(best.shape, bool)
    for number, tap in enumerate(taps):
        np.equal(windows[tap], best, out=equal)
        np.maximum(left, equal.view(np.uint8) * left.dtype.type(len(taps) - number), out=left)
    found = left.dtype.type(len(taps)) - left
    if not best.min() > -np.inf:
        _settle(found, windows, best, pool)
    return found


def _settle(found: Array, windows: Array, best: Array, pool: Pool) -> None:
    """The taps where numbers do not decide: -inf, which the padding has too, and NaN."""
    numbered = list(enumerate(np.ndindex(*pool.kernel)))
    for number, tap in reversed(numbered):
        np.copyto(found, number, where=(best == -np.inf) & pool.inside(tap))
    for number, tap in numbered:
        np.copyto(found, number, where=np.isnan(windows[(slice(None), slice(None), *tap)]))


def scattered(dy: Array, places: Array, shape: Ints) -> Array:
    """The gradient of maxima: it adds up at their places; what lies behind the array is lost."""
    dx = np.zeros(prod(shape) + 1, dy.dtype)
    np.add.at(dx, places.ravel(), dy.ravel())
    return dx[:-1].reshape(shape)


def _blocks(x: Array) -> list[tuple[slice, slice]]:
    """Some channels of one image each."""
    count = -(-x.shape[1] * prod(x.shape[2:]) // BLOCK)
    channels = blocks(x.shape[1], count)
    return [(slice(image, image + 1), part) for image in range(len(x)) for part in channels]


def adaptive_windows(n: Ints, output_size: Sequence[int | None]) -> list[list[slice]]:
    """The windows on each axis: o of M on N reads floor(o N / M) up to ceil((o + 1) N / M)."""
    return [
        [slice(o * size // m, -(-(o + 1) * size // m)) for o in range(m)]
        for size, m in ((size, m or size) for size, m in zip(n, output_size, strict=True))
    ]


def adaptive_means(x: Array, windows: list[list[slice]]) -> Array:
    """The mean of each window, axis by axis; of everything, by a product, which is faster."""
    n = prod(x.shape[2:])
    if all(len(cuts) == 1 for cuts in windows):
        means = x.reshape(*x.shape[:2], n) @ np.ones(n, x.dtype) / n
        return means.reshape(*x.shape[:2], *(1,) * len(windows))
    for axis, cuts in enumerate(windows, 2):
        x = _joined((x[_at(axis, cut)].mean(axis=axis, keepdims=True) for cut in cuts), axis)
    return x


def adaptive_means_gradient(dy: Array, windows: list[list[slice]], n: Ints) -> Array:
    """The gradient of the means: each element gets its share from each of its windows."""
    for axis, cuts in reversed(list(enumerate(windows, 2))):
        found = np.zeros((*dy.shape[:axis], n[axis - 2], *dy.shape[axis + 1 :]), dy.dtype)
        for o, cut in enumerate(cuts):
            found[_at(axis, cut)] += dy[_at(axis, slice(o, o + 1))] / (cut.stop - cut.start)
        dy = found
    return dy


def adaptive_maxima(x: Array, windows: list[list[slice]]) -> tuple[Array, Array]:
    """The largest value of each window and its place in x, as `maxima`, axis by axis."""
    places, width = np.broadcast_to(_planes(x), x.shape), 1
    for axis, cuts in reversed(list(enumerate(windows, 2))):
        best = _joined((_pick(x[_at(axis, cut)].real, axis, cut.start) for cut in cuts), axis)
        places = np.take_along_axis(places, best, axis) + best * width
        width *= x.shape[axis]
        x = np.take_along_axis(x, best, axis)
    return x, places


def _pick(x: Array, axis: int, start: int) -> Array:
    """Where on an axis the largest value is: the first of equal ones, the last NaN."""
    best = x.argmax(axis=axis, keepdims=True)
    unknown = np.isnan(x)
    if unknown.any():
        last = x.shape[axis] - 1 - np.flip(unknown, axis).argmax(axis=axis, keepdims=True)
        best = np.where(unknown.any(axis=axis, keepdims=True), last, best)
    return best + start


def _joined(pieces: Iterable[Array], axis: int) -> Array:
    return np.concatenate(list(pieces), axis)
