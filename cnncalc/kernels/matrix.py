"""Matrix products of fully connected layers."""

from __future__ import annotations

from cnncalc import lazy_numpy as np
from cnncalc.kernels.convolution import blocks
from cnncalc.kernels.mode import Array, Mode


def product(rows: Array, weight: Array, mode: Mode) -> Array:
    """rows (n, k) times the transpose of weight (m, k): (n, m), each thread some columns."""
    y = np.empty((len(rows), len(weight)), np.result_type(rows, weight))

    def job(block: slice) -> None:
        mode.tally.matmul(rows, weight[block].T, y[:, block])

    mode.workers.run(job, blocks(len(weight), mode.workers.threads))
    return y
