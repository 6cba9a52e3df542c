"""Work on arrays of images in blocks that stay in a core's cache.

A pass over a block that the pass before it left in the cache costs a fraction of one over an array
that has to come from memory: what needs several passes is done block by block. On one thread: at
each operation NumPy releases Python's lock and takes it again, and a thread that waits for it
sleeps for longer than an operation on a block takes. Threads share matrix products, inside BLAS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil, prod
from typing import Any

from cnncalc import lazy_numpy as np
from cnncalc.kernels.mode import Array

CACHED_BYTES = 1 << 19
"""Of each array that a job works on; three of them fit into a cache of 2 MB."""

Block = tuple[slice, slice]
"""Images and channels: the first two axes of an array."""


def pieces(total: int, count: int) -> list[slice]:
    """`total` elements in at most `count` runs of equal length, but for the last."""
    step = ceil(total / min(count, total))
    return [slice(start, min(start + step, total)) for start in range(0, total, step)]


def blocks(shape: tuple[int, ...], count: int) -> list[Block]:
    """(N, C, ...) in about `count` pieces: channels of an image, or all channels of some images."""
    images, channels = shape[:2]
    if count <= images:
        return [(part, slice(None)) for part in pieces(images, count)]
    parts = pieces(channels, ceil(count / images))
    return [(slice(n, n + 1), part) for n in range(images) for part in parts]


def _count(array: Array) -> int:
    """In how many pieces an array is worked on."""
    count: int = ceil(array.nbytes / CACHED_BYTES)
    return max(1, count)


def on_blocks(job: Callable[[Block], object], array: Array) -> None:
    """Call `job` on every block of an array (N, C, ...)."""
    for block in blocks(array.shape, _count(array)):
        job(block)


def on_channels(job: Callable[[slice], object], array: Array) -> None:
    """Call `job` on runs of channels of (N, C, ...), each of all images."""
    for channels in pieces(array.shape[1], _count(array)):
        job(channels)


@contextmanager
def broadcasting(shape: tuple[int, ...]) -> Iterator[None]:
    """For operations of (N, C, ...) with one number for each channel, all of one type.

    NumPy from 2.3 copies such numbers into buffers where a channel is shorter than those, which
    takes three times as long as the operation itself.
    """
    if prod(shape[2:]) < 128:  # many short rows: here the copies are worth it
        yield
        return
    usual = np.setbufsize(64)
    try:
        yield
    finally:
        np.setbufsize(usual)


def memory_for(shape: tuple[int, ...], dtype: Any, reuse: Array | None) -> Array:
    """A contiguous array for a result: `reuse` if it fits, or a new one."""
    fits = reuse is not None and reuse.shape == shape and reuse.dtype == dtype
    if fits and reuse.flags.c_contiguous:  # type: ignore[union-attr]
        return reuse
    return np.empty(shape, dtype)
