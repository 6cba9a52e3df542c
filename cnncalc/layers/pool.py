"""Pooling: windows that take a maximum, a mean or a p-norm, of fixed or of adapted size."""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd, prod
from typing import Any, ClassVar

from cnncalc import lazy_numpy as np
from cnncalc.argument import (
    Number,
    Optional,
    Padding,
    Pair,
    PerAxis,
    argument,
    flag,
    positive,
)
from cnncalc.formula import Formula
from cnncalc.kernels import pooling
from cnncalc.kernels.convolution import Steps
from cnncalc.kernels.mode import Array, Mode, Wants
from cnncalc.layer import (
    SAVES_INPUT,
    SAVES_NOTHING,
    Example,
    Layer,
    LayerError,
    Saved,
    Shape,
    saves,
)
from cnncalc.layers.common import (
    check_rank,
    kernel_names,
    size_names,
    window_formula,
    window_output,
)
from cnncalc.window import POINT, Adaptive, Axis, Sliding, Whole, Window

ARGMAX_BYTES = 8  # torch keeps the place of each maximum as int64


class PoolNd(Layer, abstract=True):
    """What all pools with a fixed window share."""

    primary: ClassVar[str | None] = "kernel_size"
    within_input: ClassVar[bool] = False
    """Whether torch wants the kernel to fit without padding, as it does for means in 3-D."""
    operations: ClassVar[str]
    """FLOPs of an output element, F being the elements of the kernel."""

    kernel_size: tuple[int, ...]  # the families declare these, each in torch's order
    stride: tuple[int, ...] | None
    ceil_mode: bool

    @property
    def steps(self) -> tuple[int, ...]:
        """The stride of each axis, which is the kernel where none is written."""
        return self.stride or self.kernel_size

    @property
    def pads(self) -> tuple[Pair, ...]:
        """Padding (before, after) of each axis."""
        return ((0, 0),) * self.rank

    @property
    def dilations(self) -> tuple[int, ...]:
        """The dilation of each axis."""
        return (1,) * self.rank

    def infer(self, x: Shape) -> Shape:
        check_rank(self, x)
        axes = zip(x[1:], self.kernel_size, self.steps, self.dilations, self.pads, strict=True)
        return x[0], *(self._size(*axis) for axis in axes)

    def shape_formulas(self, x: Shape) -> tuple[Formula | None, ...]:
        axes = zip(x[1:], self.kernel_size, self.steps, self.dilations, self.pads, strict=True)
        return None, *(window_formula(*axis) for axis in axes)

    def count_formulas(self, x: Shape) -> dict[str, Formula]:
        kernel, sizes = kernel_names(self.kernel_size), size_names(self.infer(x)[1:], "_out")
        each = self.operations.replace("F", "*".join(kernel))
        text = "*".join([each, "C", *sizes])
        return {"flops": Formula(text, kernel | sizes | {"C": x[0]})}

    def _size(self, n: int, f: int, s: int, d: int, pads: Pair) -> int:
        if max(pads) > f // 2:
            raise LayerError(
                f"padding {max(pads)} is more than half of the kernel of {f}",
                code="CNN204",
                argument="padding",
                help=f"torch allows at most {f // 2}; use a pad layer for more",
            )
        if self.within_input and f > n:
            raise LayerError(
                f"a kernel of {f} is larger than the input of {n}",
                code="CNN102",
                argument="kernel_size",
                help=f"{type(self).__name__} of torch needs a kernel of at most {n} here, "
                "however much is padded",
            )
        if not self.ceil_mode:
            return window_output(n, f, s, d, pads)
        return _ceil_output(n, f, s, d, pads)

    def assume(self, x: Shape) -> Shape | None:
        if len(x) != self.rank + 1:
            return None
        return x[0], *(-(-n // s) for n, s in zip(x[1:], self.steps, strict=True))

    def window(self, x: Shape) -> Window:
        axes = zip(self.kernel_size, self.steps, self.dilations, self.pads, strict=True)
        return tuple(Sliding(f, s, d, before) for f, s, d, (before, _) in axes)

    def pool(self, n: tuple[int, ...]) -> pooling.Pool:
        """Where the windows lie on an input of n."""
        steps = Steps.unpadded(self.steps, self.dilations)
        return pooling.Pool(n, self.kernel_size, steps, self.pads, self.ceil_mode)


def _ceil_output(n: int, f: int, s: int, d: int, pads: Pair) -> int:
    """Windows of an axis when rounding up; one that starts in the padding behind is dropped."""
    if n + sum(pads) + s - 1 < d * (f - 1) + 1:
        return window_output(n, f, s, d, pads)  # raises: not even a part of a window fits
    out = -(-(n + sum(pads) - d * (f - 1) - 1) // s) + 1
    return out - 1 if (out - 1) * s >= n + pads[0] else out


class MaxPoolNd(PoolNd, abstract=True):
    """What all max pools share."""

    operations = "(F - 1)"

    kernel_size: tuple[int, ...] = argument(PerAxis(positive))
    stride: tuple[int, ...] | None = argument(Optional(PerAxis(positive)), default=None)
    padding: tuple[Pair, ...] = argument(Padding(), default=0)
    dilation: tuple[int, ...] = argument(PerAxis(positive), default=1)
    ceil_mode: bool = argument(flag, default=False)

    @property
    def pads(self) -> tuple[Pair, ...]:
        return self.padding

    @property
    def dilations(self) -> tuple[int, ...]:
        return self.dilation

    def elementwise_flops(self, x: Shape) -> int:
        return prod(self.infer(x)) * (prod(self.kernel_size) - 1)

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return (saves("argmax", prod(self.infer(x)), element_bytes=ARGMAX_BYTES),)

    def forward(self, weights: Mapping[str, Array], x: Array, *, mode: Mode) -> tuple[Array, Any]:
        y, places = pooling.maxima(x, self.pool(x.shape[2:]), mode)
        return y, (places, x.shape) if mode.save else None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: Any, *, wants: Wants, mode: Mode
    ) -> tuple[Array, dict[str, Array]]:
        return pooling.scattered(dy, *saved), {}


class MaxPool1d(MaxPoolNd):
    """The largest value of each window of a sequence (C, L) -> (C, L').

    L' = floor((L + P_before + P_after - d (F - 1) - 1) / S) + 1; with ceil_mode rounded up, less
    the last window if it would start in the padding behind. FLOPs: F - 1 an output element.
    Source: torch.nn.MaxPool1d.
    """

    rank = 1
    examples = [
        Example("MaxPool1d: 2", (2, 7)),
        Example("MaxPool1d: {kernel_size: 3, stride: 2, padding: 1, dilation: 2}", (2, 11)),
        Example("MaxPool1d: {kernel_size: 3, stride: 2, ceil_mode: true}", (2, 8)),
    ]


class MaxPool2d(MaxPoolNd):
    """The largest value of each window of a map (C, H, W) -> (C, H', W').

    N' = floor((N + P_before + P_after - d (F - 1) - 1) / S) + 1 on each axis; with ceil_mode
    rounded up, less the last window if it would start in the padding behind.
    FLOPs: F_h F_w - 1 an output element. Source: torch.nn.MaxPool2d.
    """

    rank = 2
    examples = [
        Example("MaxPool2d: 2", (2, 6, 7)),
        Example("MaxPool2d: {kernel_size: 3, stride: 2, padding: 1}", (2, 8, 7)),
        Example("MaxPool2d: {kernel_size: [3, 2], stride: [1, 3], dilation: [2, 1]}", (2, 8, 9)),
        Example("MaxPool2d: {kernel_size: 3, stride: 2, ceil_mode: true}", (2, 8, 6)),
        Example("MaxPool2d: {kernel_size: 3, stride: 2, padding: [[0, 1], [0, 1]]}", (2, 8, 8)),
    ]


class MaxPool3d(MaxPoolNd):
    """The largest value of each window of a volume (C, D, H, W) -> (C, D', H', W').

    N' as MaxPool2d on each axis. FLOPs: F_d F_h F_w - 1 an output element.
    Source: torch.nn.MaxPool3d.
    """

    rank = 3
    examples = [
        Example("MaxPool3d: 2", (2, 4, 5, 4)),
        Example(
            "MaxPool3d: {kernel_size: [1, 2, 3], stride: [1, 2, 2], padding: [0, 1, 1]}",
            (2, 3, 5, 6),
        ),
        Example("MaxPool3d: {kernel_size: 2, stride: 2, ceil_mode: true}", (1, 3, 4, 5)),
    ]


class AvgPoolNd(PoolNd, abstract=True):
    """What all average pools share."""

    operations = "F"

    kernel_size: tuple[int, ...] = argument(PerAxis(positive))
    stride: tuple[int, ...] | None = argument(Optional(PerAxis(positive)), default=None)
    padding: tuple[Pair, ...] = argument(Padding(), default=0)
    ceil_mode: bool = argument(flag, default=False)
    count_include_pad: bool = argument(flag, default=True)

    @property
    def pads(self) -> tuple[Pair, ...]:
        return self.padding

    def elementwise_flops(self, x: Shape) -> int:
        return prod(self.infer(x)) * prod(self.kernel_size)

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return SAVES_NOTHING

    def divisor(self, pool: pooling.Pool, x: Array) -> Array | int:
        """What the sum of each window is divided by."""
        return pool.counts(x.real.dtype, self.count_include_pad)

    def forward(self, weights: Mapping[str, Array], x: Array, *, mode: Mode) -> tuple[Array, Any]:
        pool = self.pool(x.shape[2:])
        y = pooling.sums(x, pool)
        y /= self.divisor(pool, x)
        return y, x.shape[2:] if mode.save else None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: Any, *, wants: Wants, mode: Mode
    ) -> tuple[Array, dict[str, Array]]:
        pool = self.pool(saved)
        return pooling.sums_gradient(dy / self.divisor(pool, dy), pool), {}


class AvgPool1d(AvgPoolNd):
    """The mean of each window of a sequence (C, L) -> (C, L').

    L' as MaxPool1d. Padding counts in the mean unless count_include_pad is false.
    FLOPs: F an output element. Source: torch.nn.AvgPool1d.
    """

    rank = 1
    examples = [
        Example("AvgPool1d: 2", (2, 7)),
        Example("AvgPool1d: {kernel_size: 3, stride: 2, padding: 1, ceil_mode: true}", (2, 8)),
    ]


class DividingAvgPool(AvgPoolNd, abstract=True):
    """What the average pools share whose divisor may be written."""

    divisor_override: int | None = argument(Optional(positive), default=None)

    def divisor(self, pool: pooling.Pool, x: Array) -> Array | int:
        return self.divisor_override or super().divisor(pool, x)


class AvgPool2d(DividingAvgPool):
    """The mean of each window of a map (C, H, W) -> (C, H', W').

    N' as MaxPool2d. Padding counts in the mean unless count_include_pad is false;
    divisor_override replaces the count. FLOPs: F_h F_w an output element.
    Source: torch.nn.AvgPool2d.
    """

    rank = 2
    examples = [
        Example("AvgPool2d: 2", (2, 6, 7)),
        Example(
            "AvgPool2d: {kernel_size: 3, stride: 2, padding: 1, count_include_pad: false}",
            (2, 7, 8),
        ),
        Example(
            "AvgPool2d: {kernel_size: [3, 2], stride: [2, 1], padding: [1, 0], ceil_mode: true}",
            (2, 6, 5),
        ),
        Example("AvgPool2d: {kernel_size: 2, divisor_override: 3}", (2, 4, 5)),
    ]


class AvgPool3d(DividingAvgPool):
    """The mean of each window of a volume (C, D, H, W) -> (C, D', H', W').

    N' as MaxPool2d. FLOPs: F_d F_h F_w an output element. Source: torch.nn.AvgPool3d.
    """

    rank = 3
    within_input = True
    examples = [
        Example("AvgPool3d: 2", (2, 4, 5, 4)),
        Example(
            "AvgPool3d: {kernel_size: [2, 3, 1], stride: 2, padding: [0, 1, 0], ceil_mode: true}",
            (1, 5, 4, 3),
        ),
    ]


class LPPoolNd(PoolNd, abstract=True):
    """What all p-norm pools share.

    Where the norm is 0 its gradient is 0, as in torch; for p below 1 torch gives NaN there.
    """

    primary = None
    operations = "(2*F + 1)"

    norm_type: float = argument(Number(0))
    kernel_size: tuple[int, ...] = argument(PerAxis(positive))
    stride: tuple[int, ...] | None = argument(Optional(PerAxis(positive)), default=None)
    ceil_mode: bool = argument(flag, default=False)

    def check_arguments(self) -> None:
        """Refuse a norm of order 0, for which there is no root."""
        if not self.norm_type:
            message = "norm_type must be a number above 0, not '0'"
            raise LayerError(message, code="CNN007", argument="norm_type")

    def elementwise_flops(self, x: Shape) -> int:
        return prod(self.infer(x)) * (2 * prod(self.kernel_size) + 1)

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return (*SAVES_INPUT, Saved("output"))

    def scale(self, pool: pooling.Pool, x: Array) -> Array:
        """What each sum is multiplied by: more than 1 where ceil_mode cuts a window off.

        torch takes the mean of what is left, times the size of the whole kernel.
        """
        return prod(self.kernel_size) / pool.counts(x.real.dtype, include_pad=False)

    def forward(self, weights: Mapping[str, Array], x: Array, *, mode: Mode) -> tuple[Array, Any]:
        pool = self.pool(x.shape[2:])
        total = pooling.sums(x**self.norm_type, pool)
        total *= self.scale(pool, x)
        y = total ** (1 / self.norm_type)
        return y, (x, y) if mode.save else None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: Any, *, wants: Wants, mode: Mode
    ) -> tuple[Array, dict[str, Array]]:
        x, y = saved
        pool, p = self.pool(x.shape[2:]), self.norm_type
        root = np.where(y == 0, 1, y) ** (1 - p) * (y != 0)
        dx = pooling.sums_gradient(dy * root * self.scale(pool, x), pool)
        if p < 1:
            x = np.where(dx == 0, 1, x)  # the slope at 0 is infinite, also where nothing arrives
        return dx * x ** (p - 1), {}


class LPPool1d(LPPoolNd):
    """The p-norm of each window of a sequence (C, L) -> (C, L'); p = 2 is L2 pooling.

    L' as MaxPool1d without padding. FLOPs: 2 F + 1 an output element (power, sum, root).
    Source: torch.nn.LPPool1d.
    """

    rank = 1
    examples = [
        Example("LPPool1d: {norm_type: 2, kernel_size: 3}", (2, 7)),
        Example("LPPool1d: {norm_type: 1, kernel_size: 2, stride: 1}", (2, 5)),
    ]


class LPPool2d(LPPoolNd):
    """The p-norm of each window of a map (C, H, W) -> (C, H', W'); p = 2 is L2 pooling.

    N' as MaxPool2d without padding. FLOPs: 2 F_h F_w + 1 an output element.
    Source: torch.nn.LPPool2d.
    """

    rank = 2
    examples = [
        Example("LPPool2d: {norm_type: 2, kernel_size: 2}", (2, 5, 6)),
        Example(
            "LPPool2d: {norm_type: 3, kernel_size: [3, 2], stride: [2, 1], ceil_mode: true}",
            (2, 6, 5),
        ),
    ]


class LPPool3d(LPPoolNd):
    """The p-norm of each window of a volume (C, D, H, W) -> (C, D', H', W').

    N' as MaxPool2d without padding. FLOPs: 2 F_d F_h F_w + 1 an output element.
    Source: torch.nn.LPPool3d.
    """

    rank = 3
    within_input = True
    examples = [
        Example("LPPool3d: {norm_type: 2, kernel_size: 2}", (2, 4, 5, 4)),
        Example(
            "LPPool3d: {norm_type: 2, kernel_size: [1, 2, 3], stride: [1, 2, 2]}", (1, 2, 5, 6)
        ),
    ]


class AdaptivePoolNd(Layer, abstract=True):
    """What all pools share that are told their output size.

    Output o of M on an axis of N reads floor(o N / M) up to ceil((o + 1) N / M), the end
    exclusive; the sizes of all windows of an axis add up to N + M - gcd(N, M).
    """

    primary = "output_size"

    output_size: tuple[int | None, ...] = argument(PerAxis(Optional(positive)))

    def infer(self, x: Shape) -> Shape:
        check_rank(self, x)
        return x[0], *(n if m is None else m for n, m in zip(x[1:], self.output_size, strict=True))

    def shape_formulas(self, x: Shape) -> tuple[Formula | None, ...]:
        return None, *(
            Formula("N", {"N": n}) if m is None else Formula("output_size", {"output_size": m})
            for n, m in zip(x[1:], self.output_size, strict=True)
        )

    def assume(self, x: Shape) -> Shape | None:
        sizes = [1 if m is None else m for m in self.output_size]
        return (x[0], *sizes)

    def window(self, x: Shape) -> Window:
        axes: list[Axis] = []
        for n, m in zip(x[1:], self.infer(x)[1:], strict=True):
            if m == 1 and n > 1:
                axes.append(Whole())
            elif n == m:
                axes.append(POINT)
            else:
                axes.append(Adaptive(n, m) if n % m else Sliding(n // m, n // m))
        return tuple(axes)

    def taps(self, x: Shape) -> int:
        """Elements that all windows of one channel read."""
        sizes = zip(x[1:], self.infer(x)[1:], strict=True)
        return prod(n + m - gcd(n, m) for n, m in sizes)


class AdaptiveAvgPoolNd(AdaptivePoolNd, abstract=True):
    """What all adaptive average pools share."""

    def elementwise_flops(self, x: Shape) -> int:
        return x[0] * self.taps(x)

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return SAVES_NOTHING

    def forward(self, weights: Mapping[str, Array], x: Array, *, mode: Mode) -> tuple[Array, Any]:
        windows = pooling.adaptive_windows(x.shape[2:], self.output_size)
        return pooling.adaptive_means(x, windows), x.shape[2:] if mode.save else None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: Any, *, wants: Wants, mode: Mode
    ) -> tuple[Array, dict[str, Array]]:
        windows = pooling.adaptive_windows(saved, self.output_size)
        return pooling.adaptive_means_gradient(dy, windows, saved), {}


class AdaptiveMaxPoolNd(AdaptivePoolNd, abstract=True):
    """What all adaptive max pools share."""

    def elementwise_flops(self, x: Shape) -> int:
        return x[0] * self.taps(x) - prod(self.infer(x))

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return (saves("argmax", prod(self.infer(x)), element_bytes=ARGMAX_BYTES),)

    def forward(self, weights: Mapping[str, Array], x: Array, *, mode: Mode) -> tuple[Array, Any]:
        windows = pooling.adaptive_windows(x.shape[2:], self.output_size)
        y, places = pooling.adaptive_maxima(x, windows)
        return y, (places, x.shape) if mode.save else None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: Any, *, wants: Wants, mode: Mode
    ) -> tuple[Array, dict[str, Array]]:
        return pooling.scattered(dy, *saved), {}


class AdaptiveAvgPool1d(AdaptiveAvgPoolNd):
    """The means of as many windows as asked for, (C, L) -> (C, output_size).

    Window o reads floor(o L / M) up to ceil((o + 1) L / M). FLOPs: 1 an element read.
    Source: torch.nn.AdaptiveAvgPool1d.
    """

    rank = 1
    examples = [
        Example("AdaptiveAvgPool1d: 1", (2, 7)),
        Example("AdaptiveAvgPool1d: 3", (2, 7)),
    ]


class AdaptiveAvgPool2d(AdaptiveAvgPoolNd):
    """The means of as many windows as asked for, (C, H, W) -> (C, *output_size).

    `AdaptiveAvgPool2d: 1` is global average pooling; null keeps the size of an axis.
    Window o of an axis reads floor(o N / M) up to ceil((o + 1) N / M).
    FLOPs: 1 an element read. Source: torch.nn.AdaptiveAvgPool2d.
    """

    rank = 2
    examples = [
        Example("AdaptiveAvgPool2d: 1", (2, 4, 5)),
        Example("AdaptiveAvgPool2d: {output_size: [3, 2]}", (2, 7, 6)),
        Example("AdaptiveAvgPool2d: {output_size: [null, 4]}", (2, 3, 6)),
        Example("AdaptiveAvgPool2d: 5", (2, 3, 4)),
    ]


class AdaptiveAvgPool3d(AdaptiveAvgPoolNd):
    """The means of as many windows as asked for, (C, D, H, W) -> (C, *output_size).

    Windows as AdaptiveAvgPool2d. FLOPs: 1 an element read. Source: torch.nn.AdaptiveAvgPool3d.
    """

    rank = 3
    examples = [
        Example("AdaptiveAvgPool3d: 1", (2, 2, 3, 4)),
        Example("AdaptiveAvgPool3d: {output_size: [2, null, 3]}", (2, 5, 3, 4)),
    ]


class AdaptiveMaxPool1d(AdaptiveMaxPoolNd):
    """The maxima of as many windows as asked for, (C, L) -> (C, output_size).

    Windows as AdaptiveAvgPool1d. FLOPs: elements read, less 1 an output element.
    Source: torch.nn.AdaptiveMaxPool1d.
    """

    rank = 1
    examples = [
        Example("AdaptiveMaxPool1d: 1", (2, 7)),
        Example("AdaptiveMaxPool1d: 3", (2, 7)),
    ]


class AdaptiveMaxPool2d(AdaptiveMaxPoolNd):
    """The maxima of as many windows as asked for, (C, H, W) -> (C, *output_size).

    Windows as AdaptiveAvgPool2d. FLOPs: elements read, less 1 an output element.
    Source: torch.nn.AdaptiveMaxPool2d.
    """

    rank = 2
    examples = [
        Example("AdaptiveMaxPool2d: 1", (2, 4, 5)),
        Example("AdaptiveMaxPool2d: {output_size: [3, 2]}", (2, 7, 6)),
    ]


class AdaptiveMaxPool3d(AdaptiveMaxPoolNd):
    """The maxima of as many windows as asked for, (C, D, H, W) -> (C, *output_size).

    Windows as AdaptiveAvgPool2d. FLOPs: elements read, less 1 an output element.
    Source: torch.nn.AdaptiveMaxPool3d.
    """

    rank = 3
    examples = [
        Example("AdaptiveMaxPool3d: 1", (2, 2, 3, 4)),
        Example("AdaptiveMaxPool3d: {output_size: [2, 3, 2]}", (2, 5, 4, 3)),
    ]
