"""Layers that join several inputs into one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from math import ceil, prod
from typing import Any

from cnncalc import lazy_numpy as np
from cnncalc.argument import LARGEST, Integer, argument, number
from cnncalc.formula import Formula
from cnncalc.kernels.blocks import Block, broadcasting, memory_for, on_blocks
from cnncalc.kernels.mode import Array, Finish, Mode, Region, Wants
from cnncalc.kernels.statistics import summed_to
from cnncalc.layer import SAVES_NOTHING, Example, Layer, LayerError, Saved, Shape, saves
from cnncalc.layers.common import axis_of, element_names
from cnncalc.window import POINT, Reach, Whole, Window, pointwise

NAMES = {
    1: ("features",),
    2: ("channels", "length"),
    3: ("channels", "height", "width"),
    4: ("channels", "depth", "height", "width"),
}


class Merge(Layer, abstract=True):
    """What all types share that join their inputs."""

    many = True

    def infer(self, *xs: Shape) -> Shape:
        name = type(self).__name__
        for place, x in enumerate(xs[1:], 2):
            if len(x) != len(xs[0]):
                flat = 1 in (len(x), len(xs[0]))
                raise LayerError(
                    f"{name} needs inputs with equally many axes: input 1 is {list(xs[0])}, "
                    f"input {place} is {list(x)}",
                    help="leave out the Flatten, or undo it with Unflatten" if flat else None,
                )
        return self.merged(xs)

    def merged(self, xs: tuple[Shape, ...]) -> Shape:
        """The shape of the output, for inputs with equally many axes; raises LayerError."""
        raise NotImplementedError

    def assume(self, *xs: Shape) -> Shape | None:
        return xs[0] if xs else None

    def elementwise_flops(self, *xs: Shape) -> int:
        return (len(xs) - 1) * prod(self.infer(*xs))

    def count_formulas(self, *xs: Shape) -> dict[str, Formula]:
        out = self.infer(*xs)
        if not 1 <= len(out) <= 4 or not self.flops(*xs):
            return {}
        sizes = element_names(out)
        each = self.flops(*xs) // ((len(xs) - 1) * prod(out))
        text = "*".join(["(inputs - 1)", *sizes] if each == 1 else [f"{each}*(inputs - 1)", *sizes])
        return {"flops": Formula(text, sizes | {"inputs": len(xs)})}

    def saved(self, *xs: Shape) -> tuple[Saved, ...]:
        return SAVES_NOTHING

    def window(self, *xs: Shape) -> Window:
        return pointwise(self.infer(*xs))

    def windows(self, *xs: Shape) -> tuple[Window, ...]:
        out = self.infer(*xs)
        return tuple(
            tuple(POINT if n == m else Whole() for n, m in zip(x[1:], out[1:], strict=True))
            for x in xs
        )


def disagree(
    merge: Merge, rule: str, pair: tuple[int, int], xs: tuple[Shape, ...], axes: list[int]
) -> LayerError:
    """The error for two inputs (counted from 0) that should agree in `axes`, and what to do."""
    first, second = sorted(pair)
    a, b = xs[first], xs[second]
    axes = [axis for axis in axes if a[axis] != b[axis]]
    names = NAMES.get(len(a), tuple(f"dim {dim}" for dim in range(1, len(a) + 1)))
    differing = ", ".join(f"{names[axis]} {a[axis]} against {b[axis]}" for axis in axes)
    help = "compare the strides and paddings on both paths"
    if axes == [0]:
        layer = f"Conv{len(a) - 1}d with kernel_size 1" if 2 <= len(a) <= 4 else "Linear"
        help = f"bring one of them to the channels of the other, as by a {layer}"
    return LayerError(
        f"{type(merge).__name__} needs {rule}: input {first + 1} is {list(a)}, "
        f"input {second + 1} is {list(b)} ({differing})",
        help=help,
    )


def folded(operation: Callable[..., Array], xs: Sequence[Array], mode: Mode) -> Array:
    """operation(operation(x1, x2), x3)...; axes of 1 are repeated."""
    if len(xs) == 1:
        return xs[0].copy()
    shape = np.broadcast_shapes(*(x.shape for x in xs))
    alone = not any(np.may_share_memory(xs[0], x) for x in xs[1:])
    y = memory_for(shape, np.result_type(*xs), xs[0] if mode.overwrite and alone else None)
    first, *others = (np.broadcast_to(x, shape) for x in xs)

    def job(block: Block) -> None:
        with broadcasting(shape):
            so_far = first[block]
            for x in others:
                so_far = operation(so_far, x[block], out=y[block])

    on_blocks(job, y)
    return y


def folding(operation: Callable[..., Array], others: Sequence[Array]) -> Finish:
    """What `folded` does, on pieces of the first input."""
    rows = [x.reshape(*x.shape[:2], -1) for x in others]

    def finish(y: Array, region: Region) -> None:
        with broadcasting(y.shape):
            for x in rows:
                sizes = zip(region, x.shape, strict=True)
                operation(y, x[tuple(cut if n > 1 else slice(None) for cut, n in sizes)], out=y)

    return finish


class Equal(Merge, abstract=True):
    """What merges share whose inputs have one shape, or are one value a channel, (C, 1, 1)."""

    def merged(self, xs: tuple[Shape, ...]) -> Shape:
        full = next((i for i, x in enumerate(xs) if set(x[1:]) - {1}), 0)
        out = xs[full]
        for i, x in enumerate(xs):
            axes = [0] if set(x[1:]) == {1} else list(range(len(x)))
            if any(x[axis] != out[axis] for axis in axes):
                raise disagree(self, "inputs of one shape", (full, i), xs, axes)
        return out


class Add(Equal):
    """Sum of the inputs: any number of (C, ...) to (C, ...); all but the first times `alpha`.

    All shapes are equal, except that (C, 1, 1) is added to every position (torch would repeat any
    axis of 1, which is more often a mistake). FLOPs: 1 a further input and output element, 2 with
    an alpha other than 1. Source: torch.add; He et al. 2016, Deep residual learning; for alpha,
    Szegedy et al. 2016, Inception-v4, where residuals are scaled down.
    """

    alpha: float = argument(number, default=1.0)
    primary = "alpha"
    examples = [
        Example("Add: [left, right]", (2, 3, 4), (2, 3, 4)),
        Example("Add: [left, right, pooled]", (2, 3, 4), (2, 3, 4), (2, 1, 1)),
        Example("Add: [pooled, map]", (2, 1, 1), (2, 3, 4)),
        Example("Add: [left, right]", (6,), (6,)),
        Example("{Add: {alpha: 0.25}, from: [input, residual]}", (2, 3, 4), (2, 3, 4)),
    ]

    def elementwise_flops(self, *xs: Shape) -> int:
        return super().elementwise_flops(*xs) * (1 if self.alpha == 1 else 2)

    def _plus(self, a: Array, b: Array, out: Array) -> Array:
        return np.add(a, b if self.alpha == 1 else self.alpha * b, out=out)

    def forward(self, weights: Mapping[str, Array], *xs: Array, mode: Mode) -> tuple[Array, Any]:
        return folded(self._plus, xs, mode), [x.shape for x in xs] if mode.save else None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: Any, *, wants: Wants, mode: Mode
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        first, *others = saved
        scaled = dy if self.alpha == 1 else self.alpha * dy
        further = (summed_to(scaled, shape) for shape in others)
        return (summed_to(dy, first), *further), {}  # dy itself where not summed

    @property
    def fusible(self) -> bool:
        return self.alpha == 1  # else it matters which of the inputs is the first

    def finish(self, weights: Mapping[str, Array], others: Sequence[Array]) -> Finish:
        return folding(np.add, others)


def larger(a: Array, b: Array, out: Array) -> Array:
    """The larger of two numbers; of complex ones, by their real parts."""
    if np.iscomplexobj(out):
        return np.positive(np.where(b.real > a.real, b, a), out=out)
    return np.maximum(a, b, out=out)


class Maximum(Equal):
    """Largest of the inputs, element by element: any number of (C, ...) to (C, ...).

    All shapes are equal, except that (C, 1, 1) is compared with every position.
    FLOPs: 1 a further input and output element. Saves which inputs were the largest, 1 byte an
    output element for up to 8 inputs. Two equal inputs get half of the gradient each; of more, the
    last gets a half, the one before it a quarter... Source: torch.maximum, two by two.
    """

    examples = [
        Example("Maximum: [left, right]", (2, 3, 4), (2, 3, 4)),
        Example("Maximum: [left, middle, right]", (6,), (6,), (6,)),
    ]

    def saved(self, *xs: Shape) -> tuple[Saved, ...]:
        return (saves("mask", prod(self.infer(*xs)), element_bytes=ceil(len(xs) / 8)),)

    def forward(self, weights: Mapping[str, Array], *xs: Array, mode: Mode) -> tuple[Array, Any]:
        y = folded(larger, xs, replace(mode, overwrite=False))
        if not mode.save:
            return y, None
        won = np.stack([np.broadcast_to(x.real == y.real, y.shape) for x in xs])
        return y, (np.packbits(won, axis=0), [x.shape for x in xs])

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: Any, *, wants: Wants, mode: Mode
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        won, shapes = saved
        won = np.unpackbits(won, axis=0, count=len(shapes))
        left, gradients = dy, []
        for which in range(len(shapes) - 1, 0, -1):
            taken = left * won[which]
            taken -= 0.5 * taken * won[:which].any(axis=0)
            left = left - taken
            gradients.append(taken)
        found = reversed([*gradients, left])
        return tuple(summed_to(one, x) for one, x in zip(found, shapes, strict=True)), {}


class Mul(Merge):
    """Product of the inputs; an axis of 1 is repeated, so that (C, 1, 1) gates (C, H, W).

    FLOPs: 1 a further input and output element. Saves its inputs.
    Source: torch.mul; Hu et al. 2018, Squeeze-and-excitation networks.
    """

    examples = [
        Example("Mul: [map, gate]", (2, 3, 4), (2, 1, 1)),
        Example("Mul: [gate, map]", (1, 3, 4), (2, 3, 4)),
        Example("Mul: [column, row]", (2, 3, 1), (2, 1, 4)),
        Example("Mul: [left, middle, right]", (6,), (6,), (6,)),
    ]

    def merged(self, xs: tuple[Shape, ...]) -> Shape:
        out = []
        for axis, sizes in enumerate(zip(*xs, strict=True)):
            wide = next((i for i, size in enumerate(sizes) if size != 1), 0)
            for i, size in enumerate(sizes):
                if size not in (1, sizes[wide]):
                    rule = "equal sizes, or 1, in every axis"
                    raise disagree(self, rule, (wide, i), xs, [axis])
            out.append(sizes[wide])
        return tuple(out)

    def saved(self, *xs: Shape) -> tuple[Saved, ...]:
        return tuple(Saved("input", which) for which in range(len(xs)))

    def forward(self, weights: Mapping[str, Array], *xs: Array, mode: Mode) -> tuple[Array, Any]:
        kept = xs if mode.save else None
        return folded(np.multiply, xs, replace(mode, overwrite=mode.overwrite and not kept)), kept

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: Any, *, wants: Wants, mode: Mode
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        gradients = []
        for which, x in enumerate(saved):
            others = (*saved[:which], *saved[which + 1 :])
            gradients.append(summed_to(reduce(np.multiply, others, dy), x.shape))
        return tuple(gradients), {}


class Concat(Merge):
    """The inputs one after the other along an axis: (C1, ...), (C2, ...) to (C1 + C2, ...).

    `dim` counts as in torch: 1, the default, is the channels; the other axes must be equal.
    FLOPs: 0. Source: torch.cat; Huang et al. 2017, Densely connected convolutional networks.
    """

    dim: int = argument(Integer(-LARGEST), default=1)
    primary = "dim"
    examples = [
        Example("Concat: [left, right]", (2, 3, 4), (1, 3, 4)),
        Example("{Concat: {dim: -1}, from: [left, right]}", (2, 3, 4), (2, 3, 1)),
        Example("Concat: [left, middle, right]", (6,), (1,), (2,)),
    ]

    def merged(self, xs: tuple[Shape, ...]) -> Shape:
        first = xs[0]
        joined = axis_of(self.dim, first)
        axes = [axis for axis in range(len(first)) if axis != joined]
        for i, x in enumerate(xs):
            if any(x[axis] != first[axis] for axis in axes):
                rule = f"equal sizes in all axes but dim {joined + 1}"
                raise disagree(self, rule, (0, i), xs, axes)
        return *first[:joined], sum(x[joined] for x in xs), *first[joined + 1 :]

    def shape_formulas(self, *xs: Shape) -> tuple[Formula | None, ...]:
        joined = axis_of(self.dim, xs[0])
        letter = "N" if joined else "C"
        sizes = {f"{letter}_{number}": x[joined] for number, x in enumerate(xs, 1)}
        total = Formula(" + ".join(sizes), sizes)
        return tuple(total if axis == joined else None for axis in range(len(xs[0])))

    def elementwise_flops(self, *xs: Shape) -> int:
        return 0

    def window(self, *xs: Shape) -> Window:
        along_space = axis_of(self.dim, xs[0]) > 0
        return Reach.ENDS if along_space else pointwise(xs[0])

    def windows(self, *xs: Shape) -> tuple[Window, ...]:
        return (self.window(*xs),) * len(xs)

    def forward(self, weights: Mapping[str, Array], *xs: Array, mode: Mode) -> tuple[Array, Any]:
        sizes = [x.shape[self.dim] for x in xs]
        return np.concatenate(xs, axis=self.dim), sizes if mode.save else None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: Any, *, wants: Wants, mode: Mode
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        return tuple(np.split(dy, np.cumsum(saved)[:-1], axis=self.dim)), {}
