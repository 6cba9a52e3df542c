"""Normalisation: over the batch, the positions, groups of channels, trailing axes, or neighbours."""

from __future__ import annotations

from math import prod

from cnncalc.argument import ListOf, Number, Optional, argument, flag, number, positive
from cnncalc.layer import (
    SAVES_INPUT,
    Example,
    Layer,
    LayerError,
    Parameter,
    Saved,
    Shape,
    same,
    saves,
)
from cnncalc.layers.common import check_rank, divides
from cnncalc.window import POINT, Reach, Whole, Window, pointwise


def statistics_flops(elements: int, groups: int, affine: int) -> int:
    """Operations of a norm that computes its own statistics.

    Mean and variance take 1 + 3 an element (sum; subtract, square, sum) and 5 a group (two
    divisions, eps, root, reciprocal), normalising 2 an element, and each affine parameter 1.
    """
    return (6 + affine) * elements + 5 * groups


def affine_params(shape: Shape, affine: bool, bias: bool) -> dict[str, Parameter]:
    """The learned factors of a norm, and what it adds behind them."""
    if not affine:
        return {}
    return {"weight": Parameter(shape)} | ({"bias": Parameter(shape)} if bias else {})


class BatchNormNd(Layer, abstract=True):
    """What all batch norms share.

    In eval mode they take the running statistics, or where there are none those of the input.
    """

    primary = "num_features"

    num_features: int | None = argument(positive, default=None)
    eps: float = argument(Number(0), default=1e-5)
    momentum: float | None = argument(Optional(number), default=0.1)
    affine: bool = argument(flag, default=True)
    track_running_stats: bool = argument(flag, default=True)
    bias: bool = argument(flag, default=True)

    def infer(self, x: Shape) -> Shape:
        check_rank(self, x)
        same(self.num_features, x[0], "num_features")
        return x

    def assume(self, x: Shape) -> Shape | None:
        return x

    def params(self, x: Shape) -> dict[str, Parameter]:
        found = affine_params((x[0],), self.affine, self.bias)
        if self.track_running_stats:
            found["running_mean"] = Parameter((x[0],), buffer=True)
            found["running_var"] = Parameter((x[0],), buffer=True)
        return found

    def elementwise_flops(self, x: Shape) -> int:
        if self.track_running_stats:
            return 2 * prod(x)
        return statistics_flops(prod(x), x[0], self.affine * (1 + self.bias))

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return (*SAVES_INPUT, Saved("statistics", elements=2 * x[0], batched=False))

    def window(self, x: Shape) -> Window:
        return pointwise(x) if self.track_running_stats else (Whole(local=True),) * (len(x) - 1)


class BatchNorm1d(BatchNormNd):
    """Normalises each channel of (C,) or (C, L) over the batch and the positions.

    Params: C weights (affine) and C biases (bias); buffers: C running means and C running
    variances. FLOPs: 2 an element (in eval mode: one scale, one shift); without running statistics
    as InstanceNorm, for one image.
    Source: torch.nn.BatchNorm1d, Ioffe and Szegedy 2015.
    """

    rank = 1
    examples = [
        Example("BatchNorm1d", (4,)),
        Example("BatchNorm1d: {eps: 0.001, momentum: 0.01}", (3, 5)),
    ]

    def infer(self, x: Shape) -> Shape:
        if len(x) != 1:
            return super().infer(x)
        same(self.num_features, x[0], "num_features")
        return x


class BatchNorm2d(BatchNormNd):
    """Normalises each channel of (C, H, W) over the batch and the positions.

    Params: C weights (affine) and C biases (bias); buffers: C running means and C running
    variances. FLOPs: 2 an element (in eval mode: one scale, one shift); without running statistics
    as InstanceNorm, for one image.
    Source: torch.nn.BatchNorm2d, Ioffe and Szegedy 2015.
    """

    rank = 2
    examples = [
        Example("BatchNorm2d", (3, 4, 5)),
        Example("BatchNorm2d: {affine: false}", (2, 3, 3)),
        Example("BatchNorm2d: {track_running_stats: false}", (2, 3, 4)),
        Example("BatchNorm2d: {bias: false}", (3, 2, 4)),
    ]


class BatchNorm3d(BatchNormNd):
    """Normalises each channel of (C, D, H, W) over the batch and the positions.

    Params: C weights (affine) and C biases (bias); buffers: C running means and C running
    variances. FLOPs: 2 an element (in eval mode: one scale, one shift); without running statistics
    as InstanceNorm, for one image.
    Source: torch.nn.BatchNorm3d, Ioffe and Szegedy 2015.
    """

    rank = 3
    examples = [Example("BatchNorm3d", (2, 2, 3, 4))]


class InstanceNormNd(BatchNormNd, abstract=True):
    """What all instance norms share: statistics of one channel of one image."""

    affine: bool = argument(flag, default=False)
    track_running_stats: bool = argument(flag, default=False)

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return (*SAVES_INPUT, saves("statistics", 2 * x[0]))


class InstanceNorm1d(InstanceNormNd):
    """Normalises each channel of each sequence (C, L) over its positions.

    Params: C weights and C biases if affine (not by default), the latter unless bias is false.
    FLOPs: 6 an element, 1 more for each of weight and bias, and 5 a channel; with running
    statistics 2 an element (in eval mode).
    Source: torch.nn.InstanceNorm1d, Ulyanov et al. 2016.
    """

    rank = 1
    examples = [Example("InstanceNorm1d", (3, 5))]


class InstanceNorm2d(InstanceNormNd):
    """Normalises each channel of each map (C, H, W) over its positions.

    Params: C weights and C biases if affine (not by default), the latter unless bias is false.
    FLOPs: 6 an element, 1 more for each of weight and bias, and 5 a channel; with running
    statistics 2 an element (in eval mode).
    Source: torch.nn.InstanceNorm2d, Ulyanov et al. 2016.
    """

    rank = 2
    examples = [
        Example("InstanceNorm2d", (3, 4, 5)),
        Example("InstanceNorm2d: {affine: true, track_running_stats: true}", (2, 3, 4)),
    ]


class InstanceNorm3d(InstanceNormNd):
    """Normalises each channel of each volume (C, D, H, W) over its positions.

    Params: C weights and C biases if affine (not by default), the latter unless bias is false.
    FLOPs: 6 an element, 1 more for each of weight and bias, and 5 a channel; with running
    statistics 2 an element (in eval mode).
    Source: torch.nn.InstanceNorm3d, Ulyanov et al. 2016.
    """

    rank = 3
    examples = [Example("InstanceNorm3d: {affine: true}", (2, 2, 3, 4))]


class GroupNorm(Layer):
    """Normalises groups of neighbouring channels of (C, *) over the group and all positions.

    Params: C weights (affine) and C biases (bias). FLOPs: 6 an element, 1 more for each of weight
    and bias, and 5 a group.
    Source: torch.nn.GroupNorm, Wu and He 2018.
    """

    primary = "num_groups"

    num_groups: int = argument(positive)
    num_channels: int | None = argument(positive, default=None)
    eps: float = argument(Number(0), default=1e-5)
    affine: bool = argument(flag, default=True)
    bias: bool = argument(flag, default=True)
    examples = [
        Example("GroupNorm: 2", (4, 3, 5)),
        Example("GroupNorm: {num_groups: 1, affine: false}", (3, 4)),
        Example("GroupNorm: {num_groups: 3, bias: false}", (3, 4, 2)),
        Example("GroupNorm: {num_groups: 3, num_channels: 6}", (6,)),
    ]

    def infer(self, x: Shape) -> Shape:
        same(self.num_channels, x[0], "num_channels")
        divides(self.num_groups, x[0], "channels", "num_groups")
        return x

    def assume(self, x: Shape) -> Shape | None:
        return x

    def params(self, x: Shape) -> dict[str, Parameter]:
        return affine_params((x[0],), self.affine, self.bias)

    def elementwise_flops(self, x: Shape) -> int:
        return statistics_flops(prod(x), self.num_groups, self.affine * (1 + self.bias))

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return (*SAVES_INPUT, saves("statistics", 2 * self.num_groups))

    def window(self, x: Shape) -> Window:
        if len(x) == 1:
            return Reach.STATISTICS
        return (Whole(local=True),) * (len(x) - 1)


class LayerNorm(Layer):
    """Normalises over the trailing axes, which must have the sizes `normalized_shape`.

    Params: a weight and (bias) a bias for each element of normalized_shape
    (elementwise_affine). FLOPs: 6 an element, 1 more for each of weight and bias, and 5 for each
    set that is normalised. Source: torch.nn.LayerNorm, Ba et al. 2016.
    """

    primary = "normalized_shape"

    normalized_shape: tuple[int, ...] = argument(ListOf(positive))
    eps: float = argument(Number(0), default=1e-5)
    elementwise_affine: bool = argument(flag, default=True)
    bias: bool = argument(flag, default=True)
    examples = [
        Example("LayerNorm: 6", (6,)),
        Example("LayerNorm: 4", (3, 5, 4)),
        Example("LayerNorm: {normalized_shape: [2, 3, 4], bias: false}", (2, 3, 4)),
    ]

    def infer(self, x: Shape) -> Shape:
        trailing = x[-len(self.normalized_shape) :]
        if trailing != self.normalized_shape:
            raise LayerError(
                f"normalized_shape {list(self.normalized_shape)} does not match the last axes of "
                f"{list(x)}",
                argument="normalized_shape",
                help=f"write {trailing[0] if len(trailing) == 1 else list(trailing)}",
            )
        return x

    def assume(self, x: Shape) -> Shape | None:
        return x

    def params(self, x: Shape) -> dict[str, Parameter]:
        return affine_params(self.normalized_shape, self.elementwise_affine, self.bias)

    def elementwise_flops(self, x: Shape) -> int:
        sets = prod(x) // prod(self.normalized_shape)
        affine = self.elementwise_affine * (1 + self.bias)
        return statistics_flops(prod(x), sets, affine)

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        sets = prod(x) // prod(self.normalized_shape)
        return (*SAVES_INPUT, saves("statistics", 2 * sets))

    def window(self, x: Shape) -> Window:
        if len(x) == 1:
            return Reach.STATISTICS
        kept = max(0, len(x) - 1 - len(self.normalized_shape))
        return (POINT,) * kept + (Whole(local=True),) * (len(x) - 1 - kept)


class LocalResponseNorm(Layer):
    """Divides each element by (k + alpha / size x sum of squares of `size` channels around) ^ beta.

    The shape is kept; no parameters. FLOPs: 2 size + 4 an element (squares and sum; scale, add,
    power, divide). Source: torch.nn.LocalResponseNorm, Krizhevsky et al. 2012.
    """

    primary = "size"

    size: int = argument(positive)
    alpha: float = argument(number, default=1e-4)
    beta: float = argument(number, default=0.75)
    k: float = argument(number, default=1.0)
    examples = [
        Example("LocalResponseNorm: 5", (6, 3, 4)),
        Example("LocalResponseNorm: {size: 2, alpha: 0.5, beta: 0.5, k: 2}", (3, 4)),
    ]

    def infer(self, x: Shape) -> Shape:
        if len(x) < 2:
            raise LayerError(f"LocalResponseNorm needs channels and positions, not {list(x)}")
        return x

    def assume(self, x: Shape) -> Shape | None:
        return x

    def elementwise_flops(self, x: Shape) -> int:
        return (2 * self.size + 4) * prod(x)

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return (*SAVES_INPUT, saves("scale", prod(x)))

    def window(self, x: Shape) -> Window:
        return pointwise(x)
