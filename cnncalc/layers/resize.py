"""Layers that change the resolution: resampling, and pixels from channels and back."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from cnncalc import lazy_numpy as np
from cnncalc.argument import LARGEST, Number, OneOf, OneOrList, Optional, argument, flag, positive
from cnncalc.formula import Formula
from cnncalc.kernels import resampling
from cnncalc.kernels.mode import Array, Mode, Wants
from cnncalc.layer import Example, LayerError, Shape
from cnncalc.layers.common import Moving, check_rank, per_axis
from cnncalc.window import Resized, Sliding, Window

MODES = {"linear": 1, "bilinear": 2, "trilinear": 3}  # and the spatial axes that they work on


class Upsample(Moving):
    """Resampling of a sequence, map or volume (C, N...) to (C, M...).

    M = size, or floor(N scale_factor), which is taken in floating point as torch does. `nearest`
    takes one element; `linear`, `bilinear` and `trilinear` (for 1, 2, 3 axes) weigh 2 an axis.
    FLOPs: nearest 0; linear 2 (multiply, add) for each of the 2, 4 or 8 taps of an output element.
    Source: torch.nn.Upsample.
    """

    size: int | tuple[int, ...] | None = argument(Optional(OneOrList(positive)), default=None)
    scale_factor: float | tuple[float, ...] | None = argument(
        Optional(OneOrList(Number(0, LARGEST))), default=None
    )
    mode: str = argument(OneOf(("nearest", *MODES)), default="nearest")
    align_corners: bool | None = argument(Optional(flag), default=None)
    recompute_scale_factor: bool | None = argument(Optional(flag), default=None)
    examples = [
        Example("Upsample: {scale_factor: 2}", (2, 3, 4)),
        Example("Upsample: {scale_factor: [1.5, 0.7], mode: bilinear}", (2, 5, 4)),
        Example("Upsample: {size: [5, 3], mode: bilinear, align_corners: true}", (2, 3, 4)),
        Example("Upsample: {size: 7, mode: linear}", (3, 4)),
        Example("Upsample: {scale_factor: 2, mode: trilinear}", (1, 2, 3, 2)),
        Example("Upsample: {scale_factor: 1.5, recompute_scale_factor: true}", (2, 5)),
    ]

    def check_arguments(self) -> None:
        """Refuse arguments that contradict each other, as torch does."""
        if (self.size is None) == (self.scale_factor is None):
            which = "neither is" if self.size is None else "both are"
            raise LayerError(
                f"Upsample takes either size or scale_factor, and {which} written",
                code="CNN005",
                argument=None if self.size is None else "scale_factor",
            )
        if self.align_corners is not None and self.mode == "nearest":
            raise LayerError(
                "align_corners has no meaning for mode 'nearest'",
                code="CNN007",
                argument="align_corners",
                help="leave it out, or choose mode linear, bilinear or trilinear",
            )
        if self.recompute_scale_factor and self.size is not None:
            raise LayerError(
                "recompute_scale_factor has no meaning beside size",
                code="CNN007",
                argument="recompute_scale_factor",
            )

    def infer(self, x: Shape) -> Shape:
        self._check_mode(x)
        if self.size is not None:
            return x[0], *per_axis(self.size, x, "size")
        scales = per_axis(self.scale_factor, x, "scale_factor")
        sizes = [int(n * scale) for n, scale in zip(x[1:], scales, strict=True)]
        for n, scale, size in zip(x[1:], scales, sizes, strict=True):
            if size < 1:
                raise LayerError(
                    f"scale_factor {scale:g} leaves nothing of an axis of {n}",
                    code="CNN102",
                    argument="scale_factor",
                )
        return x[0], *sizes

    def shape_formulas(self, x: Shape) -> tuple[Formula | None, ...]:
        if self.size is not None:
            sizes = per_axis(self.size, x, "size")
            return None, *(Formula("size", {"size": size}) for size in sizes)
        scales = per_axis(self.scale_factor, x, "scale_factor")
        return None, *(
            Formula("N*scale_factor", {"N": n, "scale_factor": scale})
            for n, scale in zip(x[1:], map(_whole, scales), strict=True)
        )

    def _check_mode(self, x: Shape) -> None:
        rank = MODES.get(self.mode)
        if rank == len(x) - 1 or (rank is None and 2 <= len(x) <= 4):
            return
        if not 2 <= len(x) <= 4:
            raise LayerError(
                f"Upsample needs an input with 1 to 3 spatial axes, not {list(x)}",
                help="Upsample comes before Flatten, or after Unflatten",
            )
        right = next(mode for mode in MODES if MODES[mode] == len(x) - 1)
        raise LayerError(
            f"mode '{self.mode}' needs {rank} spatial axes, but the input {list(x)} "
            f"has {len(x) - 1}",
            argument="mode",
            help=f"did you mean '{right}'?",
        )

    def elementwise_flops(self, x: Shape) -> int:
        taps = 0 if self.mode == "nearest" else 2 ** (len(x) - 1)
        return 2 * taps * prod(self.infer(x))

    def window(self, x: Shape) -> Window:
        linear, aligned = self.mode != "nearest", bool(self.align_corners)
        spaced = not (self.scale_factor is None or self.recompute_scale_factor or aligned)
        scales = per_axis(self.scale_factor if spaced else 1.0, x, "scale_factor")
        axes = []
        for n, m, scale in zip(x[1:], self.infer(x)[1:], scales, strict=True):
            copied = linear and n == m  # torch then copies, whatever the factor
            odd = spaced and n * scale != m and not copied
            axes.append(Resized(n, m, linear, aligned, scale if odd else None))
        return tuple(axes)

    def _axes(self, n: tuple[int, ...]) -> list[tuple[int, int, int, float | None]]:
        """For each spatial axis: its number in an array, its sizes, and the factor if it counts."""
        shape = (1, *n)
        if self.size is not None:
            sizes = per_axis(self.size, shape, "size")
            factors = (None,) * len(n)
        else:
            scales = per_axis(self.scale_factor, shape, "scale_factor")
            sizes = tuple(int(old * scale) for old, scale in zip(n, scales, strict=True))
            factors = (None,) * len(n) if self.recompute_scale_factor else scales
        return list(zip(range(2, len(n) + 2), n, sizes, factors, strict=True))

    def _linear(
        self, old: int, new: int, factor: float | None, x: Array, axis: int
    ) -> tuple[Array, Array, Array]:
        """The lower and the upper positions, and the share of the upper, along the axis."""
        aligned, dtype = bool(self.align_corners), x.real.dtype
        lower, share = resampling.linear_positions(old, new, factor, aligned, dtype)
        along = (-1, *(1,) * (x.ndim - axis - 1))
        return lower, np.minimum(lower + 1, old - 1), share.reshape(along)

    def forward(self, weights: Mapping[str, Array], x: Array, *, mode: Mode) -> tuple[Array, Any]:
        y = x
        for axis, old, new, factor in self._axes(x.shape[2:]):
            if self.mode == "nearest":
                positions = resampling.nearest_positions(old, new, factor, x.real.dtype)
                y = resampling.taken(y, positions, axis)
            elif old != new:  # torch copies where nothing changes, whatever the factor
                lower, upper, share = self._linear(old, new, factor, y, axis)
                above = resampling.taken(y, upper, axis) * share
                y = resampling.taken(y, lower, axis) * (1 - share) + above
        return y.copy() if y is x else y, x.shape[2:] if mode.save else None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: Any, *, wants: Wants, mode: Mode
    ) -> tuple[Array, dict[str, Array]]:
        for axis, old, new, factor in reversed(self._axes(saved)):
            if self.mode == "nearest":
                positions = resampling.nearest_positions(old, new, factor, dy.real.dtype)
                dy = resampling.taken_gradient(dy, positions, old, axis)
            elif old != new:
                lower, upper, share = self._linear(old, new, factor, dy, axis)
                above = resampling.taken_gradient(dy * share, upper, old, axis)
                dy = resampling.taken_gradient(dy * (1 - share), lower, old, axis) + above
        return dy, {}


def _whole(scale: float) -> float:
    """A factor without a point where it needs none."""
    return int(scale) if scale == int(scale) else scale


class PixelShuffle(Moving):
    """Channels become pixels: (C, H, W) to (C / r^2, H r, W r), r = upscale_factor.

    FLOPs: 0. Source: torch.nn.PixelShuffle; Shi et al. 2016 (sub-pixel convolution).
    """

    rank = 2
    upscale_factor: int = argument(positive)
    primary = "upscale_factor"
    examples = [Example("PixelShuffle: 2", (8, 3, 4)), Example("PixelShuffle: 3", (9, 2, 1))]

    def infer(self, x: Shape) -> Shape:
        check_rank(self, x)
        r = self.upscale_factor
        if x[0] % r**2:
            raise LayerError(
                f"{x[0]} input channels are not a multiple of upscale_factor {r} squared, {r**2}",
                code="CNN103",
                argument="upscale_factor",
                help=f"give the layer before it {-(-x[0] // r**2) * r**2} channels",
            )
        return x[0] // r**2, x[1] * r, x[2] * r

    def shape_formulas(self, x: Shape) -> tuple[Formula | None, ...]:
        r = self.upscale_factor
        sides = (Formula("N*r", {"N": n, "r": r}) for n in x[1:])
        return Formula("C/(r*r)", {"C": x[0], "r": r}), *sides

    def window(self, x: Shape) -> Window:
        return tuple(Resized(n, n * self.upscale_factor) for n in x[1:])

    def forward(self, weights: Mapping[str, Array], x: Array, *, mode: Mode) -> tuple[Array, None]:
        return pixels_from_channels(x, self.upscale_factor), None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: None, *, wants: Wants, mode: Mode
    ) -> tuple[Array, dict[str, Array]]:
        return channels_from_pixels(dy, self.upscale_factor), {}


def pixels_from_channels(x: Array, r: int) -> Array:
    """(N, C r r, H, W) to (N, C, H r, W r): output pixel (h r + i, w r + j) is channel c r r + i r + j."""
    batch, channels, height, width = x.shape
    apart = x.reshape(batch, channels // r**2, r, r, height, width)
    return apart.transpose(0, 1, 4, 2, 5, 3).reshape(batch, -1, height * r, width * r)


def channels_from_pixels(x: Array, r: int) -> Array:
    """The way back: (N, C, H r, W r) to (N, C r r, H, W)."""
    batch, channels, height, width = x.shape
    apart = x.reshape(batch, channels, height // r, r, width // r, r)
    return apart.transpose(0, 1, 3, 5, 2, 4).reshape(batch, -1, height // r, width // r)


class PixelUnshuffle(Moving):
    """Pixels become channels: (C, H, W) to (C r^2, H / r, W / r), r = downscale_factor.

    FLOPs: 0. Source: torch.nn.PixelUnshuffle.
    """

    rank = 2
    downscale_factor: int = argument(positive)
    primary = "downscale_factor"
    examples = [Example("PixelUnshuffle: 2", (2, 4, 6)), Example("PixelUnshuffle: 3", (1, 3, 6))]

    def infer(self, x: Shape) -> Shape:
        check_rank(self, x)
        r = self.downscale_factor
        for n, axis in zip(x[1:], ("height", "width"), strict=True):
            if n % r:
                raise LayerError(
                    f"the {axis} {n} is not a multiple of downscale_factor {r}",
                    code="CNN102",
                    argument="downscale_factor",
                    help=f"crop it to {n // r * r} or pad it to {-(-n // r) * r}",
                )
        return x[0] * r**2, x[1] // r, x[2] // r

    def shape_formulas(self, x: Shape) -> tuple[Formula | None, ...]:
        r = self.downscale_factor
        sides = (Formula("N/r", {"N": n, "r": r}) for n in x[1:])
        return Formula("C*r*r", {"C": x[0], "r": r}), *sides

    def assume(self, x: Shape) -> Shape | None:
        r = self.downscale_factor
        return (x[0] * r**2, -(-x[1] // r), -(-x[2] // r)) if len(x) == 3 else None

    def window(self, x: Shape) -> Window:
        return (Sliding(self.downscale_factor, self.downscale_factor),) * 2

    def forward(self, weights: Mapping[str, Array], x: Array, *, mode: Mode) -> tuple[Array, None]:
        return channels_from_pixels(x, self.downscale_factor), None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: None, *, wants: Wants, mode: Mode
    ) -> tuple[Array, dict[str, Array]]:
        return pixels_from_channels(dy, self.downscale_factor), {}
