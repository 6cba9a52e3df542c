"""Fully connected layers, and what leads into and out of them."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from cnncalc import lazy_numpy as np
from cnncalc.argument import LARGEST, Integer, ListOf, argument, flag, number, positive
from cnncalc.formula import Formula
from cnncalc.kernels.matrix import outer_sum
from cnncalc.kernels.mode import Array, Mode, Wants
from cnncalc.layer import (
    SAVES_INPUT_FOR_WEIGHTS,
    Example,
    Layer,
    LayerError,
    Parameter,
    Saved,
    Shape,
    quoted,
    same,
)
from cnncalc.layers.common import Moving, axis_of, size_names
from cnncalc.window import POINT, Reach, Whole, Window, pointwise


class Linear(Layer):
    """Fully connected layer on the last axis, y = x W^T + b: (F,) to (out_features,).

    An input of more axes, (..., F) to (..., out_features), needs a written `in_features`: on the
    map of a convolution this is nearly always a forgotten Flatten.
    Params: out_features x F, and out_features biases. MACs: positions x F x out_features.
    FLOPs: 2 x MACs, and 1 an output element for the bias. Source: torch.nn.Linear.
    """

    in_features: int | None = argument(positive, default=None)
    out_features: int = argument(positive)
    bias: bool = argument(flag, default=True)
    primary = "out_features"
    examples = [
        Example("Linear: 10", (6,)),
        Example("Linear: {out_features: 3, bias: false}", (7,)),
        Example("Linear: {in_features: 5, out_features: 2}", (3, 4, 5)),
    ]

    def infer(self, x: Shape) -> Shape:
        unwritten = self.in_features in (None, prod(x)) and self.in_features != x[-1]
        if len(x) > 1 and unwritten:
            raise LayerError(
                f"Linear on a map: the input has {len(x)} axes {list(x)}, not 1",
                help="put Flatten before it, or AdaptiveAvgPool2d: 1 and Flatten; "
                f"for the last axis alone write in_features: {x[-1]}",
            )
        same(self.in_features, x[-1], "in_features")
        return *x[:-1], self.out_features

    def shape_formulas(self, x: Shape) -> tuple[Formula | None, ...]:
        units = Formula("out_features", {"out_features": self.out_features})
        return *(None for _ in x[:-1]), units

    def count_formulas(self, x: Shape) -> dict[str, Formula]:
        positions = prod(x[:-1])
        values = {"F": x[-1], "out_features": self.out_features, "positions": positions}
        each = "positions*out_features" if positions > 1 else "out_features"
        texts = {
            "params": "(F + 1)*out_features" if self.bias else "F*out_features",
            "macs": f"F*{each}",
            "flops": f"2*MACs + {each}" if self.bias else "2*MACs",
        }
        values["MACs"] = self.macs(x)
        return {name: Formula(text, values) for name, text in texts.items()}

    def assume(self, x: Shape) -> Shape | None:
        return (self.out_features,)

    def params(self, x: Shape) -> dict[str, Parameter]:
        weight = {"weight": Parameter((self.out_features, x[-1]))}
        return weight | ({"bias": Parameter((self.out_features,))} if self.bias else {})

    def macs(self, x: Shape) -> int:
        return prod(x) * self.out_features

    def elementwise_flops(self, x: Shape) -> int:
        return prod(self.infer(x)) if self.bias else 0

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return SAVES_INPUT_FOR_WEIGHTS

    def window(self, x: Shape) -> Window:
        return (*(POINT,) * (len(x) - 2), Whole()) if len(x) > 1 else Reach.EVERYTHING

    def forward(
        self, weights: Mapping[str, Array], x: Array, *, mode: Mode
    ) -> tuple[Array, Array | None]:
        y = mode.tally.matmul(x.reshape(-1, x.shape[-1]), weights["weight"].T)
        if "bias" in weights:
            y = y + weights["bias"]
        return y.reshape(*x.shape[:-1], -1), x if mode.save else None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: Array, *, wants: Wants, mode: Mode
    ) -> tuple[Array | None, dict[str, Array]]:
        dx, found, weight = None, {}, weights["weight"]
        rows = dy.reshape(-1, dy.shape[-1])
        if wants.weights:
            found["weight"] = outer_sum(rows, saved.reshape(-1, saved.shape[-1]), mode)
            if "bias" in weights:
                found["bias"] = rows.sum(axis=0)
        if wants.inputs:
            dx = mode.tally.matmul(rows, weight).reshape(saved.shape)
        return dx, found


class Reshaping(Moving, abstract=True):
    """What layers share that only name their elements anew."""

    view = True

    def window(self, x: Shape) -> Window:
        return pointwise(x) if self.infer(x) == x else Reach.ENDS

    def renamed(self, shape: Shape) -> tuple[int, ...]:
        """The shape after it, of an array's without the batch; -1 stands for what is left."""
        raise NotImplementedError

    def forward(self, weights: Mapping[str, Array], x: Array, *, mode: Mode) -> tuple[Array, Any]:
        return x.reshape(len(x), *self.renamed(x.shape[1:])), x.shape if mode.save else None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: Any, *, wants: Wants, mode: Mode
    ) -> tuple[Array, dict[str, Array]]:
        return dy.reshape(saved), {}


class Flatten(Reshaping):
    """Axes from start_dim to end_dim become one: (C, H, W) to (C H W,).

    Both count as in torch: the batch is dim 0, and stays. FLOPs: 0; a view.
    Source: torch.nn.Flatten.
    """

    start_dim: int = argument(Integer(-LARGEST), default=1)
    end_dim: int = argument(Integer(-LARGEST), default=-1)
    primary = "start_dim"
    examples = [
        Example("Flatten", (3, 4, 5)),
        Example("Flatten: 2", (3, 4, 5)),
        Example("Flatten: {start_dim: -3, end_dim: 2}", (3, 4, 5)),
        Example("Flatten", (6,)),
    ]

    def infer(self, x: Shape) -> Shape:
        start = axis_of(self.start_dim, x, "start_dim")
        end = axis_of(self.end_dim, x, "end_dim")
        if start > end:
            raise LayerError(
                f"start_dim {self.start_dim} comes after end_dim {self.end_dim} "
                f"in an input of {list(x)}",
                code="CNN007",
                argument="start_dim",
            )
        return *x[:start], prod(x[start : end + 1]), *x[end + 1 :]

    def shape_formulas(self, x: Shape) -> tuple[Formula | None, ...]:
        if len(self.infer(x)) > 1 or not 1 < len(x) < 5:
            return ()
        sizes = {"C": x[0]} | size_names(x[1:])
        return (Formula("*".join(sizes), sizes),)

    def renamed(self, shape: Shape) -> tuple[int, ...]:
        start = axis_of(self.start_dim, shape, "start_dim")
        end = axis_of(self.end_dim, shape, "end_dim")
        return *shape[:start], -1, *shape[end + 1 :]


class Unflatten(Reshaping):
    """One axis becomes several: (F,) to unflattened_size, whose product is F; one may be -1.

    `dim` counts as in torch: the batch is 0, and the default 1 is the first axis after it.
    FLOPs: 0; a view. Source: torch.nn.Unflatten.
    """

    dim: int = argument(Integer(-LARGEST), default=1)
    unflattened_size: tuple[int, ...] = argument(ListOf(Integer(-1)))
    primary = "unflattened_size"
    examples = [
        Example("Unflatten: {unflattened_size: [3, 2, 2]}", (12,)),
        Example("Unflatten: {dim: -1, unflattened_size: [-1, 2]}", (3, 4)),
    ]

    def check_arguments(self) -> None:
        """Refuse what can not be a shape."""
        sizes = self.unflattened_size
        if 0 in sizes or sizes.count(-1) > 1:
            raise LayerError(
                "unflattened_size must be a list of positive integers, one of which may be -1, "
                f"not {quoted(sizes)}",
                code="CNN007",
                argument="unflattened_size",
            )

    def infer(self, x: Shape) -> Shape:
        axis = axis_of(self.dim, x)
        known = prod(size for size in self.unflattened_size if size > 0)
        rest, over = divmod(x[axis], known)
        if over or (rest != 1 and -1 not in self.unflattened_size):
            raise LayerError(
                f"unflattened_size {quoted(self.unflattened_size)} makes {known}, "
                f"but the input has {x[axis]} in dim {axis + 1}",
                argument="unflattened_size",
            )
        sizes = (rest if size == -1 else size for size in self.unflattened_size)
        return *x[:axis], *sizes, *x[axis + 1 :]

    def assume(self, x: Shape) -> Shape | None:
        return self.unflattened_size if len(x) == 1 and -1 not in self.unflattened_size else None

    def renamed(self, shape: Shape) -> tuple[int, ...]:
        axis = axis_of(self.dim, shape)
        return *shape[:axis], *self.unflattened_size, *shape[axis + 1 :]


class Identity(Reshaping):
    """The input itself; any shape. FLOPs: 0; a view. Source: torch.nn.Identity."""

    examples = [Example("Identity", (3, 4, 5))]

    def infer(self, x: Shape) -> Shape:
        return x

    def renamed(self, shape: Shape) -> tuple[int, ...]:
        return shape


class Scale(Layer):
    """A learned factor, and optionally a bias, for each channel; any shape, kept.

    `init` is the factor's initial value: 1e-6 for layer scale, 20 for the L2-norm scale of SSD.
    Params: C, and C biases. MACs: 0. FLOPs: 1 an element, and 1 for the bias.
    Source: Touvron et al. 2021, Going deeper with image transformers (layer scale).
    """

    init: float = argument(number, default=1.0)
    bias: bool = argument(flag, default=False)
    primary = "init"
    examples = [
        Example("Scale: 20", (3, 4, 5)),
        Example("Scale: {init: 0.1, bias: true}", (6,)),
    ]

    def infer(self, x: Shape) -> Shape:
        return x

    def params(self, x: Shape) -> dict[str, Parameter]:
        factor = {"weight": Parameter((x[0],))}
        return factor | ({"bias": Parameter((x[0],))} if self.bias else {})

    def elementwise_flops(self, x: Shape) -> int:
        return (2 if self.bias else 1) * prod(x)

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return SAVES_INPUT_FOR_WEIGHTS

    def window(self, x: Shape) -> Window:
        return pointwise(x)

    def initial(self, name: str, shape: Shape, generator: Any) -> Array:
        return np.full(shape, self.init) if name == "weight" else np.zeros(shape)

    def forward(
        self, weights: Mapping[str, Array], x: Array, *, mode: Mode
    ) -> tuple[Array, Array | None]:
        along = (-1, *(1,) * (x.ndim - 2))
        y = x * weights["weight"].reshape(along)
        if "bias" in weights:
            y = y + weights["bias"].reshape(along)
        return y, x if mode.save else None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: Array, *, wants: Wants, mode: Mode
    ) -> tuple[Array, dict[str, Array]]:
        positions = (0, *range(2, dy.ndim))
        found = {"weight": (dy * saved).sum(axis=positions)}
        if "bias" in weights:
            found["bias"] = dy.sum(axis=positions)
        return dy * weights["weight"].reshape(-1, *(1,) * (dy.ndim - 2)), found
