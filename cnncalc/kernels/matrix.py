"""Matrix products of fully connected layers."""

from __future__ import annotations

from cnncalc import lazy_numpy as np
from cnncalc.kernels.convolution import LARGE, blocks
from cnncalc.kernels.mode import Array, Mode


def product(rows: Array, weight: Array, mode: Mode) -> Array:
    """rows (n, k) times the transpose of weight (m, k): (n, m), some columns at a time."""
    y = np.empty((len(rows), len(weight)), np.result_type(rows, weight))

    def job(block: slice) -> None:
        mode.tally.matmul(rows, weight[block].T, y[:, block])

    large = weight.nbytes >= LARGE
    mode.workers.run(job, blocks(len(weight), mode.workers.threads if large else 1))
    return y
