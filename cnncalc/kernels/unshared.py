"""Convolution whose weights are not shared: a matrix product for each output position."""

from __future__ import annotations

from cnncalc import lazy_numpy as np
from cnncalc.kernels.convolution import Ints as Shape, Steps, Windows
from cnncalc.kernels.mode import Array, Mode


def convolve(x: Array, weight: Array, steps: Steps, groups: int, mode: Mode) -> Array:
    """x (N, C, *n) with weight (out_channels, *out, C / groups, *kernel)."""
    windows = Windows(x, weight.shape[-(x.ndim - 2) :], steps, groups)
    products = mode.tally.matmul(_matrices(weight, windows), _columns(windows))
    return _by_image(products, windows).reshape(len(x), len(weight), *windows.out)


def weight_gradient(
    x: Array, dy: Array, weight: Shape, steps: Steps, groups: int, mode: Mode
) -> Array:
    """The gradient of `convolve` for its weight, which has that shape."""
    windows = Windows(x, weight[-(x.ndim - 2) :], steps, groups)
    upstream = _by_position(dy, windows)
    dweight = mode.tally.matmul(upstream, _columns(windows).swapaxes(2, 3))
    return dweight.swapaxes(1, 2).reshape(weight)


def input_gradient(
    dy: Array, weight: Array, x: Shape, steps: Steps, groups: int, mode: Mode
) -> Array:
    """The gradient of `convolve` for its input, which has that shape."""
    dx = np.zeros(x, np.result_type(dy, weight))
    kernel = weight.shape[-(len(x) - 2) :]
    windows = Windows(dx, kernel, steps, groups)
    upstream = _by_position(dy, windows)
    dcolumns = mode.tally.matmul(_matrices(weight, windows).swapaxes(2, 3), upstream)
    into = windows.view
    values = dcolumns.transpose(3, 0, 2, 1).reshape(into.shape)
    for tap in np.ndindex(*kernel):
        at = (slice(None),) * 3 + tap
        into[at] += values[at]
    return dx


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
