"""Layers that reorder or cut their input: shuffling, cropping, splitting, permuting."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import Any

from cnncalc import lazy_numpy as np
from cnncalc.argument import LARGEST, Integer, ListOf, OneOrList, Pair, argument, positive
from cnncalc.formula import Formula
from cnncalc.kernels.mode import Array, Mode, Wants
from cnncalc.kernels.padding import padded, padded_gradient
from cnncalc.layer import Example, LayerError, Shape, quoted
from cnncalc.layers.common import Moving, axis_of, divides, per_axis
from cnncalc.window import Reach, Sliding, Window, pointwise

MOST_PIECES = 10_000  # outputs are named in the spec; more of them are a mistake


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

    def forward(self, weights: Mapping[str, Array], x: Array, *, mode: Mode) -> tuple[Array, None]:
        return _transposed(x, self.groups), None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: None, *, wants: Wants, mode: Mode
    ) -> tuple[Array, dict[str, Array]]:
        return _transposed(dy, dy.shape[1] // self.groups), {}


def _transposed(x: Array, rows: int) -> Array:
    """The channels as a matrix of so many rows, transposed."""
    return x.reshape(len(x), rows, -1, *x.shape[2:]).swapaxes(1, 2).reshape(x.shape)


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
        sizes = per_axis(self.size, x, "size")
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

    def shape_formulas(self, x: Shape) -> tuple[Formula | None, ...]:
        return None, *(Formula("size", {"size": size}) for size in self.infer(x)[1:])

    def window(self, x: Shape) -> Window:
        sizes = zip(x[1:], self.infer(x)[1:], strict=True)
        return tuple(Sliding(before=-_offset(n - size)) for n, size in sizes)

    def _cuts(self, n: tuple[int, ...]) -> list[Pair]:
        """What is cut off before and behind, as negative padding."""
        sizes = zip(n, per_axis(self.size, (1, *n), "size"), strict=True)
        cuts = [(old - size, _offset(old - size)) for old, size in sizes]
        return [(-before, before - surplus) for surplus, before in cuts]

    def forward(self, weights: Mapping[str, Array], x: Array, *, mode: Mode) -> tuple[Array, Any]:
        return padded(x, self._cuts(x.shape[2:])), x.shape[2:] if mode.save else None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: Any, *, wants: Wants, mode: Mode
    ) -> tuple[Array, dict[str, Array]]:
        return padded_gradient(dy, self._cuts(saved)), {}


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

    dim: int

    def forward(
        self, weights: Mapping[str, Array], x: Array, *, mode: Mode
    ) -> tuple[tuple[Array, ...], Any]:
        axis = axis_of(self.dim, x.shape[1:]) + 1
        ends = list(accumulate(self.sizes(x.shape[axis])))
        return tuple(np.split(x, ends[:-1], axis)), axis if mode.save else None

    def backward(
        self,
        weights: Mapping[str, Array],
        dy: tuple[Array, ...],
        saved: Any,
        *,
        wants: Wants,
        mode: Mode,
    ) -> tuple[Array, dict[str, Array]]:
        pieces = dy if isinstance(dy, tuple) else (dy,)
        return np.concatenate(pieces, saved), {}

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

    def forward(self, weights: Mapping[str, Array], x: Array, *, mode: Mode) -> tuple[Array, None]:
        return x.transpose(self.dims), None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: None, *, wants: Wants, mode: Mode
    ) -> tuple[Array, dict[str, Array]]:
        order = [dim % dy.ndim for dim in self.dims]
        return dy.transpose([order.index(axis) for axis in range(dy.ndim)]), {}
