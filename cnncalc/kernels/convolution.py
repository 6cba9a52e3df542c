"""Convolution as matrix products over tiles, and both of its gradients.

The input values under the taps of a set of windows are copied into columns, (C x taps, positions),
and one matrix product with the weight (out_channels, C x taps) gives the outputs. A transposed
convolution is the input gradient of a convolution, and its gradients are the other two kernels.
Zeros around the input are written only around the part that is worked on, in the cache.
Source: Chellapilla et al. 2006, High performance convolutional neural networks (im2col).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import NamedTuple

from cnncalc import lazy_numpy as np
from cnncalc.kernels.mode import Array, Finish, Mode, Region

TILE = 1 << 21
"""Elements of a tile of columns, 8 MB of float32: larger products run faster than smaller tiles."""
CACHED = 1 << 16
"""Elements of a block that several passes go over, so that it stays in the cache."""
SMALL = 512
"""Positions below which the products of an image alone are too small: there, images go together."""

Ints = tuple[int, ...]


class Steps(NamedTuple):
    """How windows lie on the input, for each axis; `pads` zeros stand before and after it."""

    stride: Ints
    dilation: Ints
    pads: tuple[tuple[int, int], ...]

    @classmethod
    def unpadded(cls, stride: Ints, dilation: Ints) -> Steps:
        """On an input without zeros around it."""
        return cls(stride, dilation, ((0, 0),) * len(stride))

    def windows(self, n: Ints, kernel: Ints) -> Ints:
        """How many windows fit on each axis: floor((n + P - d(F - 1) - 1) / S) + 1."""
        axes = zip(n, kernel, *self, strict=True)
        return tuple((size + sum(p) - d * (f - 1) - 1) // s + 1 for size, f, s, d, p in axes)


class Part(NamedTuple):
    """Output positions that are computed together: of which images, where, and counted in rows."""

    images: slice
    where: tuple[slice, ...]
    flat: slice


def parts(batch: int, out: Ints, most: int) -> Iterator[Part]:
    """Cut all output positions into parts of at most `most` that follow each other.

    Several whole images go together where they are small; a row is never cut.
    """
    together = most // prod(out)
    if together > 1:
        whole = tuple(slice(0, n) for n in out)
        for images in blocks(batch, -(-batch // together)):
            yield Part(images, whole, slice(0, prod(out)))
        return
    axis = next((a for a in range(len(out)) if prod(out[a + 1 :]) <= most), len(out) - 1)
    row = prod(out[axis + 1 :])
    pieces = blocks(out[axis], -(-out[axis] // max(1, most // row)))
    for image in range(batch):
        for number, outer in enumerate(product(*(range(n) for n in out[:axis]))):
            for piece in pieces:
                start, end = (number * out[axis] + i for i in (piece.start, piece.stop))
                where = (*(slice(i, i + 1) for i in outer), piece)
                yield Part(slice(image, image + 1), where, slice(start * row, end * row))


def blocks(n: int, count: int) -> list[slice]:
    """Cut a range of n into at most `count` of about equal size."""
    step = -(-n // max(1, min(n, count)))
    return [slice(first, min(first + step, n)) for first in range(0, n, step)]


def _sliding(x: Array, kernel: Ints, steps: Steps, groups: int, out: Ints) -> Array:
    """The windows of x (N, C, *n) on its own elements: (N, groups, C / groups, *kernel, *out)."""
    batch, channels = x.shape[0], x.shape[1] // groups
    inner = x.strides[2:]
    return np.lib.stride_tricks.as_strided(
        x,
        (batch, groups, channels, *kernel, *out),
        (
            *(x.strides[0], x.strides[1] * channels, x.strides[1]),
            *(size * d for size, d in zip(inner, steps.dilation, strict=True)),
            *(size * s for size, s in zip(inner, steps.stride, strict=True)),
        ),
    )


class Windows:
    """All windows of x (N, C, *n)."""

    def __init__(self, x: Array, kernel: Ints, steps: Steps, groups: int) -> None:
        batch, channels, *n = x.shape
        self.x, self.kernel, self.steps, self.groups, self.batch = x, kernel, steps, groups, batch
        self.channels = channels // groups
        self.out = steps.windows(tuple(n), kernel)
        self.taps, self.positions = prod(kernel), prod(self.out)
        self.padded = any(side for pair in steps.pads for side in pair)
        one = self.taps == prod(steps.stride) == 1 and not self.padded
        self.single = one and x.flags.c_contiguous

    @property
    def view(self) -> Array:
        """All windows on an input without padding: (N, groups, C / groups, *kernel, *out)."""
        return _sliding(self.x, self.kernel, self.steps, self.groups, self.out)

    def parts(self, most: int) -> list[Part]:
        """All positions in parts of at most so many."""
        return list(parts(self.batch, self.out, most))

    def of(self, part: Part) -> Array:
        """The windows of a part, of an input without padding, to be written to.

        (groups, channels, *kernel, images, *positions)
        """
        where = (*part.where, *(slice(None),) * (len(self.out) - len(part.where)))
        return np.moveaxis(self.view[(part.images, ..., *where)], 0, 2 + len(self.kernel))

    def values(self, part: Part, mode: Mode) -> Array:
        """The values under the windows of a part, shaped as `of` has them."""
        if not self.padded:
            return self.of(part)
        where = (*part.where, *(slice(0, n) for n in self.out[len(part.where) :]))
        piece = self.piece(part.images, slice(None), where, mode)
        out = tuple(one.stop - one.start for one in where)
        found = _sliding(piece, self.kernel, self.steps, self.groups, out)
        return np.moveaxis(found, 0, 2 + len(self.kernel))

    def piece(self, images: slice, channels: slice, where: tuple[slice, ...], mode: Mode) -> Array:
        """What the windows at `where` read of some images and channels: zeros, where x ends.

        In scratch memory.
        """
        shape, into, out_of = [], [], []
        axes = zip(self.x.shape[2:], self.kernel, where, *self.steps, strict=True)
        for n, kernel, one, stride, dilation, (before, _) in axes:
            low = one.start * stride - before
            high = (one.stop - 1) * stride + dilation * (kernel - 1) + 1 - before
            first, last = max(low, 0), max(low, 0, min(high, n))
            shape.append(high - low)
            into.append(slice(first - low, last - low))
            out_of.append(slice(first, last))
        source = self.x[(images, channels, *out_of)]
        found = mode.scratch.array((*source.shape[:2], *shape), source.dtype, "padded")
        found[...] = 0
        found[(..., *into)] = source
        return found

    def columns(self, part: Part, mode: Mode) -> Array:
        """The values under the windows of a part: (groups, channels x taps, positions).

        In scratch memory, or in that of x where windows are single elements.
        """
        found = self.values(part, mode)
        if not (self.single and found.shape[2 + len(self.kernel)] == 1):
            into = mode.scratch.array(found.shape, found.dtype, "columns")
            np.copyto(into, found)
            found = into
        return found.reshape(self.groups, self.channels * self.taps, -1)

    def outputs(self, y: Array, part: Part, mode: Mode) -> Array:
        """What y (N, groups, channels, positions) holds of a part: (groups, channels, positions).

        In scratch memory where there are several images, else a view.
        """
        found = y[part.images, :, :, part.flat]
        if len(found) > 1:
            moved = np.moveaxis(found, 0, 2)
            found = mode.scratch.array(moved.shape, y.dtype, "outputs")
            np.copyto(found, moved)
            return found.reshape(*found.shape[:2], -1)
        return found[0]


def convolve(
    x: Array, weight: Array, bias: Array | None, steps: Steps, groups: int, mode: Mode
) -> Array:
    """Cross-correlation of x (N, C, *n) with weight (out_channels, C / groups, *kernel).

    `mode.finish` is applied to each piece of the output.
    """
    types = (x, weight) if bias is None else (x, weight, bias)
    finish = _with_bias(bias, mode.finish)
    windows = Windows(x, weight.shape[2:], steps, groups)
    y = np.empty((len(x), len(weight), windows.positions), np.result_type(*types))
    matrix = weight.reshape(groups, len(weight) // groups, -1)
    if groups == len(weight) == x.shape[1]:
        _depthwise(windows, matrix, y, mode, finish)
    elif windows.positions < SMALL:
        _by_images(windows, matrix, y, mode, finish)
    else:
        _by_positions(windows, matrix, y, mode, finish)
    return y.reshape(len(x), len(weight), *windows.out)


def _with_bias(bias: Array | None, finish: Finish | None) -> Finish | None:
    """What adds the bias to each piece of the output, before what else is done to it."""
    if bias is None:
        return finish

    def biased(y: Array, region: Region) -> None:
        y += bias[region.channels, None]
        if finish is not None:
            finish(y, region)

    return biased


def _finish(y: Array, part: Part, finish: Finish | None) -> None:
    """Finish a part of the output, (images, channels, positions), a few channels at a time."""
    if finish is not None:
        for channels in blocks(y.shape[1], -(-y.size // CACHED)):
            finish(y[:, channels], Region(part.images, channels, part.flat))


def _by_positions(
    windows: Windows, matrix: Array, y: Array, mode: Mode, finish: Finish | None
) -> None:
    """Some positions of one image at a time."""
    most = windows.positions if windows.single else TILE // (windows.groups * matrix.shape[-1])
    for part in windows.parts(min(max(most, SMALL // 4), windows.positions)):
        into = y[part.images, :, part.flat]
        columns = windows.columns(part, mode)
        mode.tally.matmul(matrix, columns, into.reshape(*matrix.shape[:2], -1))
        _finish(into, part, finish)


def _by_images(
    windows: Windows, matrix: Array, y: Array, mode: Mode, finish: Finish | None
) -> None:
    """All positions of a few small images at a time."""
    for part in windows.parts(SMALL):
        columns = windows.columns(part, mode)
        images = part.images.stop - part.images.start
        shape = (*matrix.shape[:2], images, windows.positions)
        found = y[part.images]
        alone = images == 1
        into = found.reshape(shape) if alone else mode.scratch.array(shape, y.dtype, "outputs")
        mode.tally.matmul(matrix, columns, into.reshape(*shape[:2], -1))
        if not alone:
            found[...] = into.reshape(-1, images, windows.positions).swapaxes(0, 1)
        _finish(found, part, finish)


def _depthwise(
    windows: Windows, matrix: Array, y: Array, mode: Mode, finish: Finish | None
) -> None:
    """Each output channel reads one input channel: a sum over taps, a few channels at a time."""
    for image, channels in _few_channels(windows):
        into = y[image, channels].reshape(-1, *windows.out)
        term = mode.scratch.array(into.shape, y.dtype, "term")
        values = _of_channels(windows, image, channels, mode)
        for number, (one, factor) in enumerate(_taps(values, matrix[channels], windows.kernel)):
            np.multiply(one, factor, out=term if number else into)
            if number:
                np.add(into, term, out=into)
            mode.tally.add(into.size)
        if finish is not None:
            images = slice(image, image + 1)
            finish(y[images, channels], Region(images, channels, slice(0, windows.positions)))


def _few_channels(windows: Windows) -> Iterator[tuple[int, slice]]:
    """Blocks of channels of one image that stay in the cache."""
    count = -(-windows.groups * windows.positions // CACHED)
    return product(range(windows.batch), blocks(windows.groups, count))


def _of_channels(windows: Windows, image: int, channels: slice, mode: Mode) -> Array:
    """The windows of some channels of one image: (channels, *kernel, *out)."""
    x = windows.x[image : image + 1, channels]
    if windows.padded:
        everywhere = tuple(slice(0, n) for n in windows.out)
        x = windows.piece(slice(image, image + 1), channels, everywhere, mode)
    return _sliding(x, windows.kernel, windows.steps, x.shape[1], windows.out)[0, :, 0]


def _taps(values: Array, weight: Array, kernel: Ints) -> Iterator[tuple[Array, Array]]:
    """The values under each tap of a depthwise kernel, and the factors of the channels."""
    ones = (1,) * len(kernel)
    for number, tap in enumerate(np.ndindex(*kernel)):
        yield values[(slice(None), *tap)], weight[:, 0, number].reshape(-1, *ones)


def weight_gradient(
    x: Array, dy: Array, kernel: Ints, steps: Steps, groups: int, mode: Mode
) -> Array:
    """The gradient of `convolve` for its weight: the sum over all windows of dy x window."""
    windows = Windows(x, kernel, steps, groups)
    out_channels = dy.shape[1]
    dy = dy.reshape(len(dy), groups, out_channels // groups, -1)
    rows = windows.channels * windows.taps
    found = np.empty((groups, dy.shape[2], rows), np.result_type(x, dy))
    for number, part in enumerate(windows.parts(max(TILE // (groups * rows), SMALL))):
        right = windows.columns(part, mode).swapaxes(1, 2)
        left = windows.outputs(dy, part, mode)
        if number == 0:
            mode.tally.matmul(left, right, found)
        else:
            term = mode.scratch.array(found.shape, found.dtype, "term")
            found += mode.tally.matmul(left, right, term)
    return found.reshape(out_channels, windows.channels, *kernel)


def turned_gradient(dy: Array, weight: Array, steps: Steps, mode: Mode) -> Array:
    """The input gradient of a `convolve` with stride 1 and one group: (N, C, *n).

    It is the correlation of dy with the kernel turned by 180 degrees, with d(F - 1) zeros around
    dy, less on each side what the input was padded there.
    """
    reach = [d * (f - 1) for f, d in zip(weight.shape[2:], steps.dilation, strict=True)]
    pairs = zip(reach, steps.pads, strict=True)
    steps = steps._replace(pads=tuple((r - before, r - after) for r, (before, after) in pairs))
    turned = np.flip(weight, axis=tuple(range(2, weight.ndim))).swapaxes(0, 1)
    return convolve(dy, np.ascontiguousarray(turned), None, steps, 1, mode)


def input_gradient(
    dy: Array, weight: Array, n: Ints, steps: Steps, groups: int, mode: Mode
) -> Array:
    """The gradient of an unpadded `convolve` for its input, whose axes are n: (N, C, *n).

    Also the transposed convolution of dy, uncropped. Each output value times the weights is added
    to the inputs under its window.
    """
    batch, channels = len(dy), weight.shape[1] * groups
    dx = np.zeros((batch, channels, *n), np.result_type(dy, weight))  # what no window reads stays 0
    windows = Windows(dx, weight.shape[2:], steps, groups)
    dy = dy.reshape(batch, groups, len(weight) // groups, -1)
    matrix = weight.reshape(groups, len(weight) // groups, -1)
    if groups == len(weight) == channels:
        _spread_depthwise(windows, matrix, dy, mode)
    else:
        _spread(windows, matrix, dy, mode)
    return dx


def _spread(windows: Windows, matrix: Array, dy: Array, mode: Mode) -> None:
    """Add to the inputs the products of weights and output gradients, tap by tap."""
    left = matrix.swapaxes(1, 2)
    most = max(TILE // (left.shape[0] * left.shape[1]), SMALL // 4)
    for part in windows.parts(windows.positions if windows.single else most):
        right = windows.outputs(dy, part, mode)
        into = windows.of(part)
        shape = (*left.shape[:2], right.shape[2])
        if windows.single:
            mode.tally.matmul(left, right, into.reshape(shape))
        else:
            term = mode.scratch.array(shape, into.dtype, "columns")
            _add_taps(into, mode.tally.matmul(left, right, term).reshape(into.shape), windows)


def _add_taps(into: Array, values: Array, windows: Windows) -> None:
    """Add tap by tap, as windows share inputs."""
    for tap in np.ndindex(*windows.kernel):
        at = (slice(None), slice(None), *tap)
        into[at] += values[at]


def _spread_depthwise(windows: Windows, matrix: Array, dy: Array, mode: Mode) -> None:
    """Each input channel gets the gradients of one output channel."""
    for image, channels in _few_channels(windows):
        gradient = dy[image, channels].reshape(-1, *windows.out)
        term = mode.scratch.array(gradient.shape, windows.x.dtype, "term")
        values = _of_channels(windows, image, channels, mode)
        for into, factor in _taps(values, matrix[channels], windows.kernel):
            np.multiply(gradient, factor, out=term)
            np.add(into, term, out=into)
            mode.tally.add(gradient.size)
