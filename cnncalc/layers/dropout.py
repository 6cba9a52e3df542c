"""Dropout: random zeros in training, nothing at inference."""

from __future__ import annotations

from math import prod

from cnncalc.argument import Number, argument
from cnncalc.layer import Example, Layer, Saved, Shape, saves
from cnncalc.layers.common import check_rank
from cnncalc.window import Window, pointwise


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


class ChannelDropout(DropoutBase, abstract=True):
    """What the dropouts share that zero whole channels."""

    def infer(self, x: Shape) -> Shape:
        check_rank(self, x)
        return x

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return (saves("mask", x[0], element_bytes=1),)


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
