"""Layers that change the shape: resampling, shuffling, cropping, splitting, permuting."""

from __future__ import annotations

from math import prod
from typing import Any

from cnncalc.argument import (
    LARGEST,
    Integer,
    ListOf,
    Number,
    OneOf,
    OneOrList,
    Optional,
    argument,
    flag,
    positive,
)
from cnncalc.layer import SAVES_NOTHING, Example, Layer, LayerError, Saved, Shape, quoted
from cnncalc.layers.common import axis_of, check_rank, divides
from cnncalc.window import Reach, Resized, Sliding, Window, pointwise

MODES = {"linear": 1, "bilinear": 2, "trilinear": 3}  # and the spatial axes that they work on
MOST_PIECES = 10_000  # outputs are named in the spec; more of them are a mistake


class Moving(Layer, abstract=True):
    """What layers share that only move their elements."""

    def elementwise_flops(self, x: Shape) -> int:
        return 0

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return SAVES_NOTHING


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

    def __post_init__(self) -> None:
        """Refuse arguments that contradict each other, as torch does."""
        super().__post_init__()
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
            return x[0], *_per_axis(self.size, x, "size")
        scales = _per_axis(self.scale_factor, x, "scale_factor")
        sizes = [int(n * scale) for n, scale in zip(x[1:], scales, strict=True)]
        for n, scale, size in zip(x[1:], scales, sizes, strict=True):
            if size < 1:
                raise LayerError(
                    f"scale_factor {scale:g} leaves nothing of an axis of {n}",
                    code="CNN102",
                    argument="scale_factor",
                )
        return x[0], *sizes

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
        scales = _per_axis(self.scale_factor if spaced else 1.0, x, "scale_factor")
        return tuple(
            Resized(n, m, linear, aligned, scale if spaced and n * scale != m else None)
            for n, m, scale in zip(x[1:], self.infer(x)[1:], scales, strict=True)
        )


def _per_axis(value: Any, x: Shape, argument: str) -> tuple[Any, ...]:
    """One value for each spatial axis, from one for all or a list."""
    if not isinstance(value, tuple):
        return (value,) * (len(x) - 1)
    if len(value) != len(x) - 1:
        raise LayerError(
            f"{argument} {quoted(value)} has {len(value)} entries, but the input {list(x)} "
            f"has {len(x) - 1} spatial axes",
            argument=argument,
        )
    return value


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

    def window(self, x: Shape) -> Window:
        return tuple(Resized(n, n * self.upscale_factor) for n in x[1:])


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

    def assume(self, x: Shape) -> Shape | None:
        r = self.downscale_factor
        return (x[0] * r**2, -(-x[1] // r), -(-x[2] // r)) if len(x) == 3 else None

    def window(self, x: Shape) -> Window:
        return (Sliding(self.downscale_factor, self.downscale_factor),) * 2


class ChannelShuffle(Moving):
    """Channels of all groups interleaved, (C, ...) kept: (groups, C / groups) transposed.

    FLOPs: 0. Source: torch.nn.ChannelShuffle; Zhang et al. 2018, ShuffleNet.
    """

    groups: int = argument(positive)
    primary = "groups"
    examples = [Example("ChannelShuffle: 2", (6, 3, 4)), Example("ChannelShuffle: 3", (6, 5))]

    def infer(self, x: Shape) -> Shape:
        if len(x) < 2:
            raise LayerError(
                f"ChannelShuffle needs channels and at least one spatial axis, not {list(x)}",
                help="ChannelShuffle comes before Flatten, or after Unflatten",
            )
        divides(self.groups, x[0], "input channels")
        return x

    def assume(self, x: Shape) -> Shape | None:
        return x

    def window(self, x: Shape) -> Window:
        return pointwise(x)


class CenterCrop(Moving):
    """The middle of a sequence, map or volume: (C, N...) to (C, size...).

    It starts at (N - size) / 2, a half rounded to even. To crop to another tensor's size, write
    `size: $(spatial(name))`. FLOPs: 0; a view.
    Source: torchvision.transforms.CenterCrop (which pads what is too small; here an error).
    """

    size: int | tuple[int, ...] = argument(OneOrList(positive))
    primary = "size"
    view = True
    examples = [
        Example("CenterCrop: 2", (2, 5, 4)),
        Example("CenterCrop: {size: [2, 4]}", (2, 5, 7)),
        Example("CenterCrop: 3", (2, 6)),
    ]

    def infer(self, x: Shape) -> Shape:
        if len(x) < 2:
            raise LayerError(
                f"CenterCrop needs an input with spatial axes, not {list(x)}",
                help="CenterCrop comes before Flatten, or after Unflatten",
            )
        sizes = _per_axis(self.size, x, "size")
        for n, size in zip(x[1:], sizes, strict=True):
            if size > n:
                raise LayerError(
                    f"a crop of {size} is larger than the axis of {n} that it is cut from",
                    code="CNN102",
                    argument="size",
                    help=f"the input is {list(x)}",
                )
        return x[0], *sizes

    def assume(self, x: Shape) -> Shape | None:
        sizes = self.size if isinstance(self.size, tuple) else (self.size,) * (len(x) - 1)
        return (x[0], *sizes) if len(x) > 1 else None

    def window(self, x: Shape) -> Window:
        sizes = zip(x[1:], self.infer(x)[1:], strict=True)
        return tuple(Sliding(before=-_offset(n - size)) for n, size in sizes)


def _offset(surplus: int) -> int:
    """Half of what is cut off, a half rounded to even."""
    half, odd = divmod(surplus, 2)
    return half + (half % 2 if odd else 0)


class Pieces(Moving, abstract=True):
    """What layers share that cut one axis; their outputs are named: `name: [left, right]`."""

    view = True

    def sizes(self, n: int) -> list[int]:
        """How an axis of n is cut; raises LayerError."""
        raise NotImplementedError

    def _cut(self, dim: int, x: Shape) -> tuple[Shape, ...]:
        axis = axis_of(dim, x)
        return tuple((*x[:axis], size, *x[axis + 1 :]) for size in self.sizes(x[axis]))

    def infer(self, x: Shape) -> Shape:
        return self.outputs(x)[0]

    def window(self, x: Shape) -> Window:
        same_places = len(x) == 1 or self.infer(x)[1:] == x[1:]
        return pointwise(x) if same_places else Reach.ENDS


def _equal_sizes(n: int, size: int, argument: str) -> list[int]:
    """Pieces of `size`, the last one smaller where need be; raises LayerError."""
    count = -(-n // size)
    if count > MOST_PIECES:
        raise LayerError(
            f"an axis of {n} would be cut into {count:,} pieces; the most are {MOST_PIECES:,}",
            code="CNN008",
            argument=argument,
        )
    return [size] * (n // size) + ([n % size] if n % size else [])


class Chunk(Pieces):
    """An axis cut into `chunks` pieces of equal size, the last one smaller where need be.

    As in torch there may be fewer: 4 chunks of 6 are 3 pieces of 2. `dim: 1` is the channels.
    FLOPs: 0; views. Source: torch.chunk.
    """

    chunks: int = argument(positive)
    dim: int = argument(Integer(-LARGEST), default=1)
    primary = "chunks"
    examples = [
        Example("{Chunk: 2, name: [left, right]}", (4, 3, 3)),
        Example("{Chunk: {chunks: 2, dim: -1}, name: [left, right]}", (2, 3, 5)),
        Example("{Chunk: 2, name: [left, right]}", (5,)),
    ]

    def sizes(self, n: int) -> list[int]:
        return _equal_sizes(n, -(-n // self.chunks), "chunks")

    def outputs(self, x: Shape) -> tuple[Shape, ...]:
        return self._cut(self.dim, x)


class Split(Pieces):
    """An axis cut into pieces of one size (the last one smaller), or of listed sizes.

    `dim: 1` is the channels. FLOPs: 0; views. Source: torch.split.
    """

    split_size_or_sections: int | tuple[int, ...] = argument(OneOrList(positive))
    dim: int = argument(Integer(-LARGEST), default=1)
    primary = "split_size_or_sections"
    examples = [
        Example(
            "{Split: {split_size_or_sections: [1, 3]}, name: [small, large]}",
            (4, 3, 3),
        ),
        Example("{Split: 3, name: [first, rest]}", (5,)),
        Example("{Split: {split_size_or_sections: 2, dim: 2}, name: [top, bottom]}", (2, 4, 3)),
    ]

    def sizes(self, n: int) -> list[int]:
        if isinstance(self.split_size_or_sections, int):
            return _equal_sizes(n, self.split_size_or_sections, "split_size_or_sections")
        total = sum(self.split_size_or_sections)
        if total != n:
            raise LayerError(
                f"the sections {quoted(self.split_size_or_sections)} make {total}, "
                f"but dim {self.dim} of the input has {n}",
                argument="split_size_or_sections",
            )
        return list(self.split_size_or_sections)

    def outputs(self, x: Shape) -> tuple[Shape, ...]:
        return self._cut(self.dim, x)


class Permute(Moving):
    """The axes in another order: `dims: [0, 2, 3, 1]` takes (C, H, W) to (H, W, C).

    dims count the batch, which stays first. FLOPs: 0; a view.
    Source: torch.permute, torchvision.ops.Permute.
    """

    dims: tuple[int, ...] = argument(ListOf(Integer(-LARGEST)))
    primary = "dims"
    view = True
    examples = [
        Example("Permute: {dims: [0, 2, 3, 1]}", (2, 3, 4)),
        Example("Permute: {dims: [0, -1, 1]}", (2, 3)),
        Example("Permute: {dims: [0, 1, 2]}", (2, 3)),
    ]

    def infer(self, x: Shape) -> Shape:
        dims = [dim + len(x) + 1 if dim < 0 else dim for dim in self.dims]
        if sorted(dims) != list(range(len(x) + 1)):
            raise LayerError(
                f"dims {quoted(self.dims)} is not an order of the {len(x) + 1} dims "
                f"(0 the batch) of the input {list(x)}",
                argument="dims",
                help=f"name each of {list(range(len(x) + 1))} once",
            )
        if dims[0]:
            raise LayerError(
                f"dims {quoted(self.dims)} moves the batch, dim 0",
                code="CNN007",
                argument="dims",
                help="put 0 first",
            )
        return tuple(x[dim - 1] for dim in dims[1:])

    def window(self, x: Shape) -> Window:
        moved = any(dim % (len(x) + 1) != place for place, dim in enumerate(self.dims))
        return Reach.ENDS if moved else pointwise(x)
