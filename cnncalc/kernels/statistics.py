"""Mean and variance, and what norms do with them, on arrays (A, B, P): over A and P, for each B.

For a batch norm A is the batch, B the channels, P the positions; where every image has statistics
of its own, A is 1. Variances take a second pass over the deviations (the difference of two large
sums would lose all digits), which costs little while a block is in the cache. Sums over a row are
left to BLAS, which adds up faster than NumPy; sums of rows are in float64, as in torch.
"""

from __future__ import annotations

from collections.abc import Sequence

from cnncalc import lazy_numpy as np
from cnncalc.kernels.blocks import broadcasting, on_channels
from cnncalc.kernels.mode import Array

LONG_ROW = 128
"""From here on a call of BLAS for each row is cheaper than another pass."""


def sums(x: Array) -> Array:
    """The sum over A and P, for each B, in float64."""
    rows = x @ np.ones(x.shape[2], x.dtype) if x.shape[2] > 1 else x[:, :, 0]
    return rows.sum(axis=0, dtype=np.result_type(rows, np.float64))


def products(x: Array, y: Array) -> Array:
    """The sum of x y over A and P, for each B, in float64."""
    if x.shape[2] < LONG_ROW:
        return sums(x * y)
    rows = (x[:, :, None, :] @ y[:, :, :, None])[:, :, 0, 0]
    return rows.sum(axis=0, dtype=np.result_type(rows, np.float64))


def summed_to(x: Array, shape: tuple[int, ...]) -> Array:
    """The sum of x over the axes along which an array of `shape` is repeated; x itself if none."""
    new = x.ndim - len(shape)
    repeated = [new + axis for axis, size in enumerate(shape) if size < x.shape[new + axis]]
    if not (new or repeated):
        return x
    return x.sum(axis=(*range(new), *repeated), keepdims=True).reshape(shape)


def standardize(
    x: Array, y: Array, weight: Array | None, bias: Array | None, eps: float
) -> tuple[Array, Array]:
    """y = weight (x - mean) / sigma + bias; gives mean and 1 / sigma, sigma^2 = variance + eps.

    `weight` and `bias` have one number for each B. `y` may be `x`.
    """
    count = x.shape[0] * x.shape[2]
    mean = np.empty(x.shape[1], y.dtype)
    inverse = np.empty_like(mean)

    def job(part: slice) -> None:
        mean[part] = sums(x[:, part]) / count
        with broadcasting(x.shape):
            out = np.subtract(x[:, part], mean[part, None], out=y[:, part])
            inverse[part] = 1 / np.sqrt(products(out, out) / count + eps)
            factor = inverse[part] if weight is None else inverse[part] * weight[part]
            np.multiply(out, factor[:, None], out=out)
            if bias is not None:
                np.add(out, bias[part, None], out=out)

    on_channels(job, x)
    return mean, inverse


def standardize_backward(
    dy: Array,
    x: Array,
    statistics: Sequence[Array],
    weight: Array | None,
    dx: Array | None,
) -> tuple[Array, Array]:
    """The sums of dy, and of dy (x - mean) / sigma, for each B; `dx` is filled unless it is None.

    dx = weight / sigma (dy - mean(dy) - (x - mean) / sigma^2 mean(dy (x - mean))); it may be `dy`.
    `statistics` are mean and 1 / sigma. Source: Ioffe and Szegedy 2015, section 3.
    """
    mean, inverse = statistics
    count = x.shape[0] * x.shape[2]
    plain = np.empty(x.shape[1], np.result_type(dy, x))
    along = np.empty_like(plain)

    def job(part: slice) -> None:
        with broadcasting(x.shape):
            work = x[:, part] - mean[part, None]
            plain[part] = sums(dy[:, part])
            along[part] = products(dy[:, part], work) * inverse[part]
            if dx is None:
                return
            factor = inverse[part] if weight is None else inverse[part] * weight[part]
            np.multiply(work, (along[part] * inverse[part] / -count)[:, None], out=work)
            np.add(work, dy[:, part], out=work)
            out = np.multiply(work, factor[:, None], out=dx[:, part])
            np.subtract(out, (plain[part] * factor / count)[:, None], out=out)

    on_channels(job, x)
    return plain, along
