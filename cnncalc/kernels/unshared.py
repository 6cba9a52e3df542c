"""Convolution whose weights are not shared: a matrix product for each output position."""

from __future__ import annotations

from cnncalc import lazy_numpy as np
from cnncalc.kernels.convolution import Steps, Windows
from cnncalc.kernels.mode import Array, Mode


def convolve(x: Array, weight: Array, steps: Steps, groups: int, mode: Mode) -> Array:
    """x (N, C, *n) with weight (out_channels, *out, C / groups, *kernel)."""
    windows = Windows(x, weight.shape[-(x.ndim - 2) :], steps, groups)
    products = mode.tally.matmul(_matrices(weight, windows), _columns(windows))
    return _by_image(products, windows).reshape(len(x), len(weight), *windows.out)


def gradients(
    x: Array, weight: Array, dy: Array, steps: Steps, groups: int, mode: Mode
) -> tuple[Array, Array]:
    """The gradients of `convolve` for its input and its weight."""
    dx = np.zeros(x.shape, np.result_type(dy, weight))
    kernel = weight.shape[-(x.ndim - 2) :]
    read, written = (Windows(one, kernel, steps, groups) for one in (x, dx))
    upstream = _by_position(dy, read)
    dweight = mode.tally.matmul(upstream, _columns(read).swapaxes(2, 3))
    dcolumns = mode.tally.matmul(_matrices(weight, read).swapaxes(2, 3), upstream)
    values = dcolumns.transpose(3, 0, 2, 1).reshape(written.view.shape)
    for tap in np.ndindex(*kernel):
        at = (slice(None),) * 3 + tap
        written.view[at] += values[at]
    dweight = dweight.swapaxes(1, 2).reshape(weight.shape)
    return dx, dweight


def _matrices(weight: Array, windows: Windows) -> Array:
    """The weight of each position: (groups, positions, out_channels / groups, channels x taps)."""
    columns = windows.channels * windows.taps
    return weight.reshape(windows.groups, -1, windows.positions, columns).swapaxes(1, 2)


def _columns(windows: Windows) -> Array:
    """The values under the windows: (groups, positions, channels x taps, images)."""
    batch, groups = windows.batch, windows.groups
    values = windows.view.reshape(batch, groups, -1, windows.positions)
    return values.transpose(1, 3, 2, 0)


def _by_position(dy: Array, windows: Windows) -> Array:
    """Output gradients as (groups, positions, out_channels / groups, images)."""
    values = dy.reshape(windows.batch, windows.groups, -1, windows.positions)
    return values.transpose(1, 3, 2, 0)


def _by_image(products: Array, windows: Windows) -> Array:
    """(groups, positions, out_channels / groups, images) as (images, channels, positions)."""
    return products.transpose(3, 0, 2, 1).reshape(windows.batch, -1, windows.positions)
