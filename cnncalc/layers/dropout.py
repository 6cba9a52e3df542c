"""Dropout: random zeros in training, nothing at inference."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod, sqrt
from typing import Any

from cnncalc import lazy_numpy as np
from cnncalc.argument import Number, argument
from cnncalc.kernels.blocks import Block, memory_for, on_blocks
from cnncalc.kernels.mode import Array, Mode, Wants
from cnncalc.layer import Example, Layer, Saved, Shape, saves
from cnncalc.layers.common import check_rank
from cnncalc.window import Window, pointwise

ALPHA = 1.7580993408473766
"""What SELU tends to far below zero, but for the sign: there, AlphaDropout puts what it drops."""


class DropoutBase(Layer, abstract=True):
    """What all dropouts share: the output is a view at inference, and masked in training."""

    primary = "p"
    view = True
    ignored = ("inplace",)

    p: float = argument(Number(0, 1), default=0.5)

    def infer(self, x: Shape) -> Shape:
        return x

    def elementwise_flops(self, x: Shape) -> int:
        return 0

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return (saves("mask", prod(x), element_bytes=1),)

    def window(self, x: Shape) -> Window:
        return pointwise(x)

    def forward(self, weights: Mapping[str, Array], x: Array, *, mode: Mode) -> tuple[Array, Any]:
        if not mode.train:
            return x, None
        mask = self._draw(x.shape, mode)
        y = self._masked(x, mask, mode)
        self._shift(y, mask)
        return y, mask if mode.save else None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: Any, *, wants: Wants, mode: Mode
    ) -> tuple[Array, dict[str, Array]]:
        return (self._masked(dy, saved, mode) if mode.train else dy), {}

    def _draw(self, shape: Shape, mode: Mode) -> Array:
        """What is kept: each element with probability 1 - p."""
        return np.random.default_rng(mode.seed).random(shape, np.float32) >= self.p

    def _masked(self, x: Array, mask: Array, mode: Mode) -> Array:
        """x where the mask is set, scaled, and 0 elsewhere."""
        y = memory_for(x.shape, x.dtype, x if mode.overwrite else None)
        each = mask.reshape(*mask.shape, *(1,) * (x.ndim - mask.ndim))
        scale = self._scale()

        def job(block: Block) -> None:
            out = np.multiply(x[block], each[block], out=y[block])
            np.multiply(out, scale, out=out)

        on_blocks(job, y)
        return y

    def _shift(self, y: Array, mask: Array) -> None:
        """Add what keeps the mean."""

    def _scale(self) -> float:
        return 1 / (1 - self.p) if self.p < 1 else 0.0


class Dropout(DropoutBase):
    """Zeroes each element with probability p in training, and scales the rest by 1 / (1 - p).

    The shape is kept. FLOPs: 0 (nothing is done at inference). Source: torch.nn.Dropout,
    Srivastava et al. 2014.
    """

    examples = [
        Example("Dropout: 0.5", (6,)),
        Example("Dropout: {p: 0.2}", (3, 4, 4)),
    ]


class AlphaDropout(DropoutBase):
    """Dropout that keeps mean and variance of activations, for networks with SELU.

    The shape is kept. FLOPs: 0 at inference. Source: torch.nn.AlphaDropout, Klambauer et al. 2017.
    """

    examples = [Example("AlphaDropout: 0.1", (6,))]

    def _shift(self, y: Array, mask: Array) -> None:
        if self.p < 1:
            y += self._scale() * ALPHA * (mask - (1 - self.p))

    def _scale(self) -> float:
        return 1 / sqrt((1 + self.p * ALPHA**2) * (1 - self.p)) if self.p < 1 else 0.0


class ChannelDropout(DropoutBase, abstract=True):
    """What the dropouts share that zero whole channels."""

    def infer(self, x: Shape) -> Shape:
        check_rank(self, x)
        return x

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return (saves("mask", x[0], element_bytes=1),)

    def _draw(self, shape: Shape, mode: Mode) -> Array:
        return super()._draw(shape[:2], mode)


class Dropout1d(ChannelDropout):
    """Zeroes whole channels of a sequence (C, L) with probability p in training.

    The shape is kept. FLOPs: 0 at inference. Source: torch.nn.Dropout1d, Tompson et al. 2015.
    """

    rank = 1
    examples = [Example("Dropout1d: 0.3", (4, 5))]


class Dropout2d(ChannelDropout):
    """Zeroes whole channels of a map (C, H, W) with probability p in training.

    The shape is kept. FLOPs: 0 at inference. Source: torch.nn.Dropout2d, Tompson et al. 2015.
    """

    rank = 2
    examples = [Example("Dropout2d: 0.3", (4, 3, 5))]


class Dropout3d(ChannelDropout):
    """Zeroes whole channels of a volume (C, D, H, W) with probability p in training.

    The shape is kept. FLOPs: 0 at inference. Source: torch.nn.Dropout3d, Tompson et al. 2015.
    """

    rank = 3
    examples = [Example("Dropout3d: 0.3", (4, 2, 3, 2))]
