"""Normalisation: over the batch, the positions, groups of channels, trailing axes, or neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from cnncalc import lazy_numpy as np
from cnncalc.argument import ListOf, Number, Optional, argument, flag, number, positive
from cnncalc.kernels.blocks import Block, broadcasting, memory_for, on_blocks
from cnncalc.kernels.mode import Array, Finish, Mode, Region, Wants
from cnncalc.kernels.statistics import standardize, standardize_backward, summed_to
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


def affine_params(
    shape: Shape, affine: bool, bias: bool, weight: bool = True
) -> dict[str, Parameter]:
    """The learned factors of a norm, and what it adds behind them."""
    learned = {"weight": affine and weight, "bias": affine and bias}
    return {name: Parameter(shape) for name, wanted in learned.items() if wanted}


def along_channels(parameter: Array, x: Array) -> Array:
    """One number for each channel in the form that repeats along the positions of x."""
    return parameter.reshape(-1, *(1,) * (x.ndim - 2))


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
    weight: bool = argument(flag, default=True)  # not of torch: Keras's `scale`

    def infer(self, x: Shape) -> Shape:
        check_rank(self, x)
        same(self.num_features, x[0], "num_features")
        return x

    def assume(self, x: Shape) -> Shape | None:
        return x

    def params(self, x: Shape) -> dict[str, Parameter]:
        found = affine_params((x[0],), self.affine, self.bias, self.weight)
        if self.track_running_stats:
            found["running_mean"] = Parameter((x[0],), buffer=True)
            found["running_var"] = Parameter((x[0],), buffer=True)
        return found

    def elementwise_flops(self, x: Shape) -> int:
        if self.track_running_stats:
            return 2 * prod(x)
        return statistics_flops(prod(x), x[0], self.affine * (self.weight + self.bias))

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return (*SAVES_INPUT, Saved("statistics", elements=2 * x[0], batched=False))

    def window(self, x: Shape) -> Window:
        return pointwise(x) if self.track_running_stats else (Whole(local=True),) * (len(x) - 1)

    def forward(self, weights: Mapping[str, Array], x: Array, *, mode: Mode) -> tuple[Array, Any]:
        if self._uses_running(mode):
            return self._forward_running(weights, x, mode)
        self._check_values(x)
        reuse = x if mode.overwrite and not mode.save else None
        y = memory_for(x.shape, np.result_type(x, *weights.values()), reuse)
        rows = self._rows(x)
        weight, bias = (self._repeated(weights, name, rows) for name in ("weight", "bias"))
        found = standardize(rows, y.reshape(rows.shape), weight, bias, self.eps)
        return y, (x, *found) if mode.save else None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: Any, *, wants: Wants, mode: Mode
    ) -> tuple[Array | None, dict[str, Array]]:
        if self._uses_running(mode):
            wanted = wants.weights and self.affine
            found = self._sums_running(weights, dy, saved, mode) if wanted else {}  # dx may take dy
            return self._backward_running(weights, dy, mode) if wants.inputs else None, found
        x, *statistics = saved
        reuse = dy if mode.overwrite else None
        dtype = np.result_type(dy, x, *weights.values())
        dx = memory_for(x.shape, dtype, reuse) if wants.inputs else None
        rows = self._rows(x)
        sums = standardize_backward(
            dy.reshape(rows.shape),
            rows,
            statistics,
            self._repeated(weights, "weight", rows),
            None if dx is None else dx.reshape(rows.shape),
        )
        return dx, self._gradients(weights, *(one.reshape(-1, x.shape[1]).sum(0) for one in sums))

    @property
    def fusible(self) -> bool:
        return self.track_running_stats

    def finish(self, weights: Mapping[str, Array], others: Sequence[Array]) -> Finish:
        factor, shift = self._scaling(weights)

        def finish(y: Array, region: Region) -> None:
            with broadcasting(y.shape):
                np.multiply(y, factor[region.channels, None], out=y)
                np.add(y, shift[region.channels, None], out=y)

        return finish

    def updates(self, weights: Mapping[str, Array], saved: Any) -> dict[str, Array]:
        if not self.track_running_stats:
            return {}
        x, mean, inverse = saved
        count = x.size // mean.size
        variance = inverse**-2 - self.eps
        found = {"running_mean": mean, "running_var": variance * (count / (count - 1))}
        share = self._share()
        updated = {}
        for name, one in found.items():
            of_channels = one.reshape(-1, x.shape[1]).mean(axis=0)
            new = (1 - share) * weights[name] + share * of_channels
            updated[name] = new.astype(weights[name].dtype)
        return updated

    def _uses_running(self, mode: Mode) -> bool:
        """Whether the statistics are the running ones."""
        return self.track_running_stats and not mode.train

    def _rows(self, x: Array) -> Array:
        """The input as (A, B, P), normalised over A and P."""
        return x.reshape(*x.shape[:2], -1)

    def _repeated(self, weights: Mapping[str, Array], name: str, rows: Array) -> Array | None:
        """A parameter of C elements as one of B elements."""
        found = weights.get(name)
        return None if found is None else np.tile(found, rows.shape[1] // found.size)

    def _check_values(self, x: Array) -> None:
        if x.size == x.shape[1]:
            raise LayerError(
                "batch norm in training needs more than one value per channel; the input has "
                f"{list(x.shape)}",
                help="take a larger batch or a larger map",
            )

    def _share(self) -> float:
        """What a batch adds to the running statistics; without momentum, the first batch."""
        return 1.0 if self.momentum is None else self.momentum

    def _inverse(self, weights: Mapping[str, Array]) -> Array:
        return 1 / np.sqrt(weights["running_var"] + self.eps)

    def _factor(self, weights: Mapping[str, Array]) -> Array:
        inverse = self._inverse(weights)
        return weights["weight"] * inverse if "weight" in weights else inverse

    def _scaling(self, weights: Mapping[str, Array]) -> tuple[Array, Array]:
        """The factor and the shift of each channel that the running statistics amount to."""
        factor = self._factor(weights)
        return factor, weights.get("bias", 0) - weights["running_mean"] * factor

    def _forward_running(
        self, weights: Mapping[str, Array], x: Array, mode: Mode
    ) -> tuple[Array, Any]:
        kept = x if mode.save and self.affine else None  # read for the gradient of the weight only
        factor, shift = (along_channels(one, x) for one in self._scaling(weights))
        reuse = x if mode.overwrite and kept is None else None
        y = memory_for(x.shape, np.result_type(x, shift), reuse)

        def job(block: Block) -> None:
            with broadcasting(x.shape):
                out = np.multiply(x[block], factor[block[1]], out=y[block])
                np.add(out, shift[block[1]], out=out)

        on_blocks(job, y)
        return y, kept

    def _backward_running(self, weights: Mapping[str, Array], dy: Array, mode: Mode) -> Array:
        factor = along_channels(self._factor(weights), dy)
        dx = memory_for(dy.shape, np.result_type(dy, factor), dy if mode.overwrite else None)

        def job(block: Block) -> None:
            with broadcasting(dy.shape):
                np.multiply(dy[block], factor[block[1]], out=dx[block])

        on_blocks(job, dx)
        return dx

    def _sums_running(
        self, weights: Mapping[str, Array], dy: Array, x: Array, mode: Mode
    ) -> dict[str, Array]:
        shape = (*x.shape[:2], -1)
        statistics = (weights["running_mean"], self._inverse(weights))
        sums = standardize_backward(dy.reshape(shape), x.reshape(shape), statistics, None, None)
        return self._gradients(weights, *sums)

    def _gradients(
        self, weights: Mapping[str, Array], plain: Array, along: Array
    ) -> dict[str, Array]:
        """From the sums of dy, and of dy times the standardised x."""
        found = {"weight": along, "bias": plain}
        return {name: one for name, one in found.items() if name in weights}


class BatchNorm1d(BatchNormNd):
    """Normalises each channel of (C,) or (C, L) over the batch and the positions.

    Params: C weights (affine and weight) and C biases (affine and bias); buffers: C running means
    and C running variances. FLOPs: 2 an element (in eval mode: one scale, one shift); without
    running statistics as InstanceNorm, for one image. `weight: false` is Keras's `scale=False`.
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

    Params: C weights (affine and weight) and C biases (affine and bias); buffers: C running means
    and C running variances. FLOPs: 2 an element (in eval mode: one scale, one shift); without
    running statistics as InstanceNorm, for one image. `weight: false` is Keras's `scale=False`.
    Source: torch.nn.BatchNorm2d, Ioffe and Szegedy 2015.
    """

    rank = 2
    examples = [
        Example("BatchNorm2d", (3, 4, 5)),
        Example("BatchNorm2d: {affine: false}", (2, 3, 3)),
        Example("BatchNorm2d: {track_running_stats: false}", (2, 3, 4)),
        Example("BatchNorm2d: {bias: false}", (3, 2, 4)),
        Example("BatchNorm2d: {weight: false}", (3, 4, 2)),
    ]


class BatchNorm3d(BatchNormNd):
    """Normalises each channel of (C, D, H, W) over the batch and the positions.

    Params: C weights (affine and weight) and C biases (affine and bias); buffers: C running means
    and C running variances. FLOPs: 2 an element (in eval mode: one scale, one shift); without
    running statistics as InstanceNorm, for one image. `weight: false` is Keras's `scale=False`.
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

    def _rows(self, x: Array) -> Array:
        return x.reshape(1, x.shape[0] * x.shape[1], -1)

    def _check_values(self, x: Array) -> None:
        if prod(x.shape[2:]) == 1:
            raise LayerError(
                f"instance norm needs more than one position; the input has {list(x.shape)}",
                help="leave it out where only one position is left",
            )

    def _share(self) -> float:
        return 0.0 if self.momentum is None else self.momentum  # so torch.nn.InstanceNorm2d


class InstanceNorm1d(InstanceNormNd):
    """Normalises each channel of each sequence (C, L) over its positions.

    Params: C weights and C biases if affine (not by default), unless weight or bias is false.
    FLOPs: 6 an element, 1 more for each of weight and bias, and 5 a channel; with running
    statistics 2 an element (in eval mode).
    Source: torch.nn.InstanceNorm1d, Ulyanov et al. 2016.
    """

    rank = 1
    examples = [Example("InstanceNorm1d", (3, 5))]


class InstanceNorm2d(InstanceNormNd):
    """Normalises each channel of each map (C, H, W) over its positions.

    Params: C weights and C biases if affine (not by default), unless weight or bias is false.
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

    Params: C weights and C biases if affine (not by default), unless weight or bias is false.
    FLOPs: 6 an element, 1 more for each of weight and bias, and 5 a channel; with running
    statistics 2 an element (in eval mode).
    Source: torch.nn.InstanceNorm3d, Ulyanov et al. 2016.
    """

    rank = 3
    examples = [Example("InstanceNorm3d: {affine: true}", (2, 2, 3, 4))]


class SetNorm(Layer, abstract=True):
    """What the norms share that take sets of one image's elements, which lie next to each other."""

    eps: float

    def _sets(self, x: Array) -> int:
        """How many sets a batch holds."""
        raise NotImplementedError

    def _spread(self, parameter: Array, x: Array) -> Array:
        """A parameter in the form that repeats along x."""
        raise NotImplementedError

    def forward(self, weights: Mapping[str, Array], x: Array, *, mode: Mode) -> tuple[Array, Any]:
        rows = x.reshape(1, self._sets(x), -1)
        reuse = x if mode.overwrite and not mode.save else None
        y = memory_for(x.shape, np.result_type(x, *weights.values()), reuse)
        found = standardize(rows, y.reshape(rows.shape), None, None, self.eps)
        if "weight" in weights:
            y *= self._spread(weights["weight"], x)
        if "bias" in weights:
            y += self._spread(weights["bias"], x)
        return y, (x, *found) if mode.save else None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: Any, *, wants: Wants, mode: Mode
    ) -> tuple[Array | None, dict[str, Array]]:
        x, mean, inverse = saved
        rows = x.reshape(1, self._sets(x), -1)
        scaled = dy * self._spread(weights["weight"], x) if "weight" in weights else dy
        dx = np.empty(x.shape, np.result_type(scaled, x)) if wants.inputs else None
        if dx is not None:
            standardize_backward(
                scaled.reshape(rows.shape),
                rows,
                (mean, inverse),
                None,
                dx.reshape(rows.shape),
            )
        gradients = {}
        if "weight" in weights and wants.weights:
            standardized = ((rows - mean[:, None]) * inverse[:, None]).reshape(x.shape)
            gradients["weight"] = self._summed(dy * standardized, weights["weight"])
        if "bias" in weights and wants.weights:
            gradients["bias"] = self._summed(dy, weights["bias"])
        return dx, gradients

    def _summed(self, each: Array, parameter: Array) -> Array:
        return summed_to(each, self._spread(parameter, each).shape).reshape(parameter.shape)


class GroupNorm(SetNorm):
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

    def _sets(self, x: Array) -> int:
        return int(x.shape[0]) * self.num_groups

    def _spread(self, parameter: Array, x: Array) -> Array:
        return along_channels(parameter, x)


class LayerNorm(SetNorm):
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

    def initial(self, name: str, shape: Shape, generator: Any) -> Array:
        """As for parameters of one axis, whatever the number of axes."""
        return super().initial(name, (prod(shape),), generator).reshape(shape)

    def _sets(self, x: Array) -> int:
        return int(x.size) // prod(self.normalized_shape)

    def _spread(self, parameter: Array, x: Array) -> Array:
        return parameter


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

    def forward(self, weights: Mapping[str, Array], x: Array, *, mode: Mode) -> tuple[Array, Any]:
        scale = self.k + self.alpha / self.size * self._around(x * x, self.size // 2)
        return x / scale**self.beta, (x, scale) if mode.save else None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: Any, *, wants: Wants, mode: Mode
    ) -> tuple[Array, dict[str, Array]]:
        x, scale = saved
        direct = dy / scale**self.beta
        spread = self._around(direct * x / scale, (self.size - 1) // 2)
        return direct - 2 * self.alpha * self.beta / self.size * x * spread, {}

    def _around(self, x: Array, before: int) -> Array:
        """Sums of `size` channels, `before` of them before each channel."""
        total = np.zeros_like(x)
        channels = x.shape[1]
        for offset in range(-before, self.size - before):
            start, stop = max(0, -offset), min(channels, channels - offset)
            if start < stop:
                total[:, start:stop] += x[:, start + offset : stop + offset]
        return total
