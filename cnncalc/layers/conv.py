"""Convolution: shared weights sliding over the input, their transpose, and unshared weights."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from cnncalc.argument import Integer, OneOf, Padding, Pair, PerAxis, argument, flag, positive
from cnncalc.formula import Formula
from cnncalc.kernels import unshared
from cnncalc.kernels.convolution import (
    Steps,
    convolve,
    input_gradient,
    turned_gradient,
    weight_gradient,
)
from cnncalc.kernels.mode import Array, Mode, Wants
from cnncalc.kernels.padding import padded, padded_gradient
from cnncalc.layer import (
    SAVES_INPUT_FOR_WEIGHTS,
    Example,
    Layer,
    LayerError,
    Parameter,
    Saved,
    Shape,
    same,
)
from cnncalc.layers.common import (
    check_rank,
    divides,
    kernel_names,
    size_names,
    window_formula,
    window_output,
)
from cnncalc.window import Sliding, Transposed, Window

PADDING = {"zeros": "constant"} | {name: name for name in ("reflect", "replicate", "circular")}


class ConvNd(Layer, abstract=True):
    """What all convolutions share.

    Output size of an axis: floor((N + P_before + P_after - d (F - 1) - 1) / S) + 1
    (Dumoulin and Visin 2016, A guide to convolution arithmetic, relationship 15).
    """

    finishes = True

    out_channels: int = argument(positive)
    kernel_size: tuple[int, ...] = argument(PerAxis(positive))
    stride: tuple[int, ...] = argument(PerAxis(positive), default=1)
    padding: str | tuple[Pair, ...] = argument(Padding(("same", "valid", "full")), default=0)
    dilation: tuple[int, ...] = argument(PerAxis(positive), default=1)
    groups: int = argument(positive, default=1)
    bias: bool = argument(flag, default=True)
    padding_mode: str = argument(
        OneOf(("zeros", "reflect", "replicate", "circular")), default="zeros"
    )
    in_channels: int | None = argument(positive, default=None)

    @property
    def extents(self) -> tuple[int, ...]:
        """Effective kernel of each axis, d(F - 1) + 1."""
        return tuple(d * (f - 1) + 1 for f, d in zip(self.kernel_size, self.dilation, strict=True))

    @property
    def pads(self) -> tuple[Pair, ...]:
        """Padding (before, after) of each axis; `same` puts the odd one after, as torch does."""
        if not isinstance(self.padding, str):
            return self.padding
        if self.padding == "same":
            return tuple(((k - 1) // 2, k // 2) for k in self.extents)
        side = 1 if self.padding == "full" else 0
        return tuple((side * (k - 1), side * (k - 1)) for k in self.extents)

    def infer(self, x: Shape) -> Shape:
        check_rank(self, x)
        same(self.in_channels, x[0], "in_channels")
        divides(self.groups, x[0], "input channels")
        divides(self.groups, self.out_channels, "out_channels")
        self._check_same(x)
        self._check_mode(x)
        sizes = zip(x[1:], self.kernel_size, self.stride, self.dilation, self.pads, strict=True)
        return self.out_channels, *(window_output(*axis) for axis in sizes)

    def shape_formulas(self, x: Shape) -> tuple[Formula | None, ...]:
        sizes = zip(x[1:], self.kernel_size, self.stride, self.dilation, self.pads, strict=True)
        channels = Formula("out_channels", {"out_channels": self.out_channels})
        return channels, *(window_formula(*axis) for axis in sizes)

    def count_formulas(self, x: Shape) -> dict[str, Formula]:
        return self._counts(x, owners="out_channels")

    def _counts(self, x: Shape, owners: str) -> dict[str, Formula]:
        """Formulas where each of the `owners` has weights of its own."""
        kernel, sizes = kernel_names(self.kernel_size), size_names(self.infer(x)[1:], "_out")
        taps = "*".join([*kernel, "C/groups" if self.groups > 1 else "C"])
        units = "*".join(["out_channels", *sizes])
        channels = {"C": x[0], "groups": self.groups, "out_channels": self.out_channels}
        values = kernel | sizes | channels | {"MACs": self.macs(x)}
        each = f"({taps} + 1)" if self.bias else taps
        texts = {
            "params": f"{each}*{owners.replace('units', units)}",
            "macs": f"{taps}*{units}",
            "flops": f"2*MACs + {units}" if self.bias else "2*MACs",
        }
        return {name: Formula(text, values) for name, text in texts.items()}

    def _check_same(self, x: Shape) -> None:
        if self.padding != "same" or set(self.stride) == {1}:
            return
        outs = [-(-n // s) for n, s in zip(x[1:], self.stride, strict=True)]
        totals = [
            max((out - 1) * s + k - n, 0)
            for out, s, k, n in zip(outs, self.stride, self.extents, x[1:], strict=True)
        ]
        explicit = [[total // 2, total - total // 2] for total in totals]
        raise LayerError(
            f"padding 'same' is not defined for stride {max(self.stride)}",
            code="CNN210",
            argument="padding",
            help=f"write the padding out; TensorFlow's 'same' is {explicit} here",
        )

    def _check_mode(self, x: Shape) -> None:
        limit = {"reflect": 1, "circular": 0}.get(self.padding_mode)
        if limit is None:
            return
        for n, pair in zip(x[1:], self.pads, strict=True):
            if max(pair) > n - limit:
                raise LayerError(
                    f"{self.padding_mode} padding of {max(pair)} needs an input of at least "
                    f"{max(pair) + limit}, not {n}",
                    code="CNN102",
                    argument="padding",
                )

    def assume(self, x: Shape) -> Shape | None:
        if len(x) != self.rank + 1:
            return None
        return self.out_channels, *(-(-n // s) for n, s in zip(x[1:], self.stride, strict=True))

    def params(self, x: Shape) -> dict[str, Parameter]:
        weight = Parameter((self.out_channels, x[0] // self.groups, *self.kernel_size))
        return {"weight": weight} | ({"bias": Parameter((self.out_channels,))} if self.bias else {})

    def macs(self, x: Shape) -> int:
        return prod(self.infer(x)) * (x[0] // self.groups) * prod(self.kernel_size)

    def elementwise_flops(self, x: Shape) -> int:
        return prod(self.infer(x)) if self.bias else 0

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return SAVES_INPUT_FOR_WEIGHTS

    def window(self, x: Shape) -> Window:
        axes = zip(self.kernel_size, self.stride, self.dilation, self.pads, strict=True)
        mode = PADDING[self.padding_mode]
        return tuple(Sliding(f, s, d, before, mode) for f, s, d, (before, _) in axes)

    @property
    def steps(self) -> Steps:
        """How the windows lie on the input with its padding."""
        return Steps.unpadded(self.stride, self.dilation)

    def padded(self, x: Array) -> Array:
        """The input with its padding."""
        return padded(x, self.pads, PADDING[self.padding_mode])

    def _ready(self, x: Array) -> tuple[Array, Steps]:
        """The input, padded unless with zeros, and how the windows lie on it."""
        if self.padding_mode == "zeros":
            return x, Steps(self.stride, self.dilation, self.pads)
        return self.padded(x), self.steps

    def forward(
        self, weights: Mapping[str, Array], x: Array, *, mode: Mode
    ) -> tuple[Array, Array | None]:
        weight, bias = weights["weight"], weights.get("bias")
        ready, steps = self._ready(x)
        y = convolve(ready, weight, bias, steps, self.groups, mode)
        return y, x if mode.save else None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: Array, *, wants: Wants, mode: Mode
    ) -> tuple[Array | None, dict[str, Array]]:
        dx, found, weight = None, {}, weights["weight"]
        if wants.weights:
            x, steps = self._ready(saved)
            found["weight"] = weight_gradient(x, dy, self.kernel_size, steps, self.groups, mode)
            if "bias" in weights:
                found["bias"] = bias_gradient(dy)
        if wants.inputs and self._turns(weight, saved):
            dx = turned_gradient(dy, weight, self._ready(saved)[1], mode)
        elif wants.inputs:
            n = zip(saved.shape[2:], self.pads, strict=True)
            whole = tuple(size + sum(pair) for size, pair in n)
            dx = input_gradient(dy, weight, whole, self.steps, self.groups, mode)
            dx = padded_gradient(dx, self.pads, PADDING[self.padding_mode])
        return dx, found

    def _turns(self, weight: Array, x: Array) -> bool:
        """Whether the input gradient is the convolution with the turned kernel, and less work so.

        Its products are as many where sizes are kept. It takes a copy of the weight.
        """
        kept = [sum(pair) + 1 for pair in self.pads] == list(self.extents)
        plain = prod(self.stride) == self.groups == 1 and self.padding_mode == "zeros"
        return plain and kept and prod(self.kernel_size) > 1 and weight.size <= x.size


def bias_gradient(dy: Array) -> Array:
    """The gradient of a bias for each channel: the sum over images and positions."""
    return dy.sum(axis=(0, *range(2, dy.ndim)))


class Conv1d(ConvNd):
    """1-D convolution (cross-correlation) of a sequence (C, L) into (out_channels, L').

    Params: out_channels x C / groups x F, and out_channels biases.
    MACs: output elements x C / groups x F. FLOPs: 2 x MACs, and 1 an output element for the bias.
    Source: torch.nn.Conv1d.
    """

    rank = 1
    examples = [
        Example("Conv1d: {out_channels: 4, kernel_size: 3}", (3, 9)),
        Example(
            "Conv1d: {out_channels: 4, kernel_size: 2, dilation: 4, padding: [[4, 0]]}", (2, 11)
        ),
        Example("Conv1d: {out_channels: 1, kernel_size: 3, stride: 2, bias: false}", (1, 7)),
        Example("Conv1d: {out_channels: 4, kernel_size: 4, padding: same, groups: 2}", (2, 8)),
        Example("Conv1d: {out_channels: 2, kernel_size: 3, stride: 3, padding: full}", (2, 9)),
    ]


class Conv2d(ConvNd):
    """2-D convolution (cross-correlation) of a map (C, H, W) into (out_channels, H', W').

    Params: out_channels x C / groups x F_h x F_w, and out_channels biases.
    MACs: output elements x C / groups x F_h x F_w; products with padded zeros are counted.
    FLOPs: 2 x MACs, and 1 an output element for the bias.
    `groups` equal to C is a depthwise convolution. Source: torch.nn.Conv2d.
    """

    rank = 2
    examples = [
        Example("Conv2d: {out_channels: 10, kernel_size: 5, padding: 2}", (3, 32, 32)),
        Example("Conv2d: {out_channels: 4, kernel_size: [3, 2], stride: [2, 3]}", (2, 8, 9)),
        Example("Conv2d: {out_channels: 4, kernel_size: 3, stride: 2, padding: 1}", (3, 8, 7)),
        Example(
            "Conv2d: {out_channels: 6, kernel_size: 3, stride: 2, padding: 1, groups: 3}", (3, 8, 7)
        ),
        Example(
            "Conv2d: {out_channels: 4, kernel_size: 3, padding: 1, groups: 4, bias: false}",
            (4, 6, 6),
        ),
        Example(
            "Conv2d: {out_channels: 4, kernel_size: 3, dilation: [2, 1], padding: same}", (2, 9, 8)
        ),
        Example("Conv2d: {out_channels: 2, kernel_size: 4, padding: same}", (2, 7, 7)),
        Example(
            "Conv2d: {out_channels: 2, kernel_size: 3, stride: 2, padding: [[0, 1], [0, 1]]}",
            (2, 8, 8),
        ),
        Example("Conv2d: {out_channels: 2, kernel_size: 3, padding: full}", (2, 5, 4)),
        Example(
            "Conv2d: {out_channels: 2, kernel_size: 3, padding: 1, padding_mode: reflect}",
            (2, 5, 4),
        ),
        Example(
            "Conv2d: {out_channels: 2, kernel_size: 3, padding: 2, padding_mode: replicate}",
            (2, 5, 4),
        ),
        Example(
            "Conv2d: {out_channels: 2, kernel_size: 5, padding: 2, padding_mode: circular}",
            (2, 5, 4),
        ),
        Example("Conv2d: {out_channels: 8, kernel_size: 1}", (4, 3, 3)),
    ]


class Conv3d(ConvNd):
    """3-D convolution (cross-correlation) of a volume (C, D, H, W) into (out_channels, D', H', W').

    Params: out_channels x C / groups x F_d x F_h x F_w, and out_channels biases.
    MACs: output elements x C / groups x F_d x F_h x F_w.
    FLOPs: 2 x MACs, and 1 an output element for the bias. Source: torch.nn.Conv3d.
    """

    rank = 3
    examples = [
        Example("Conv3d: {out_channels: 3, kernel_size: 3, padding: 1}", (2, 4, 5, 6)),
        Example(
            "Conv3d: {out_channels: 4, kernel_size: [1, 3, 2], stride: [1, 2, 2], groups: 2}",
            (2, 3, 6, 7),
        ),
        Example(
            "Conv3d: {out_channels: 2, kernel_size: 2, dilation: 2, padding: [1, 0, 1]}",
            (2, 4, 5, 4),
        ),
    ]


class ConvTransposeNd(Layer, abstract=True):
    """What all transposed convolutions share.

    Output size of an axis: (N - 1) S - P_before - P_after + d (F - 1) + output_padding + 1
    (Dumoulin and Visin 2016, A guide to convolution arithmetic, relationship 14).
    """

    out_channels: int = argument(positive)
    kernel_size: tuple[int, ...] = argument(PerAxis(positive))
    stride: tuple[int, ...] = argument(PerAxis(positive), default=1)
    padding: tuple[Pair, ...] = argument(Padding(), default=0)
    output_padding: tuple[int, ...] = argument(PerAxis(Integer(0)), default=0)
    groups: int = argument(positive, default=1)
    bias: bool = argument(flag, default=True)
    dilation: tuple[int, ...] = argument(PerAxis(positive), default=1)
    in_channels: int | None = argument(positive, default=None)

    def infer(self, x: Shape) -> Shape:
        check_rank(self, x)
        same(self.in_channels, x[0], "in_channels")
        divides(self.groups, x[0], "input channels")
        divides(self.groups, self.out_channels, "out_channels")
        return self.out_channels, *(self._size(axis, n) for axis, n in enumerate(x[1:]))

    def _size(self, axis: int, n: int) -> int:
        f, s, d = self.kernel_size[axis], self.stride[axis], self.dilation[axis]
        before, after = self.padding[axis]
        extra = self.output_padding[axis]
        if extra >= max(s, d):
            raise LayerError(
                f"output_padding {extra} must be smaller than the stride {s} or the dilation {d}",
                code="CNN102",
                argument="output_padding",
            )
        size = (n - 1) * s - before - after + d * (f - 1) + extra + 1
        if size < 1:
            raise LayerError(
                f"padding {before} + {after} crops all of the output: "
                f"({n} - 1) * {s} - {before} - {after} + {d * (f - 1)} + {extra} + 1 = {size}",
                code="CNN102",
                argument="padding",
            )
        return size

    def shape_formulas(self, x: Shape) -> tuple[Formula | None, ...]:
        text = "(N - 1)*S - P_before - P_after + d*(F - 1) + output_padding + 1"
        names = ("N", "F", "S", "d", "output_padding")
        axes = (x[1:], self.kernel_size, self.stride, self.dilation, self.output_padding)
        found = [
            Formula(text, dict(zip(names, axis, strict=True)) | {"P_before": b, "P_after": a})
            for *axis, (b, a) in zip(*axes, self.padding, strict=True)
        ]
        return Formula("out_channels", {"out_channels": self.out_channels}), *found

    def count_formulas(self, x: Shape) -> dict[str, Formula]:
        kernel, sizes = kernel_names(self.kernel_size), size_names(x[1:])
        outs = size_names(self.infer(x)[1:], "_out")
        taps = "*".join([*kernel, "out_channels/groups" if self.groups > 1 else "out_channels"])
        units = "*".join(["out_channels", *outs])
        channels = {"C": x[0], "groups": self.groups, "out_channels": self.out_channels}
        values = kernel | sizes | outs | channels | {"MACs": self.macs(x)}
        texts = {
            "params": f"{taps}*C + out_channels" if self.bias else f"{taps}*C",
            "macs": f"{taps}*{'*'.join(['C', *sizes])}",
            "flops": f"2*MACs + {units}" if self.bias else "2*MACs",
        }
        return {name: Formula(text, values) for name, text in texts.items()}

    def assume(self, x: Shape) -> Shape | None:
        if len(x) != self.rank + 1:
            return None
        return self.out_channels, *(n * s for n, s in zip(x[1:], self.stride, strict=True))

    def params(self, x: Shape) -> dict[str, Parameter]:
        weight = Parameter((x[0], self.out_channels // self.groups, *self.kernel_size))
        return {"weight": weight} | ({"bias": Parameter((self.out_channels,))} if self.bias else {})

    def macs(self, x: Shape) -> int:
        return prod(x) * (self.out_channels // self.groups) * prod(self.kernel_size)

    def elementwise_flops(self, x: Shape) -> int:
        return prod(self.infer(x)) if self.bias else 0

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return SAVES_INPUT_FOR_WEIGHTS

    def window(self, x: Shape) -> Window:
        axes = zip(self.kernel_size, self.stride, self.dilation, self.padding, strict=True)
        return tuple(Transposed(f, s, d, before) for f, s, d, (before, _) in axes)

    @property
    def steps(self) -> Steps:
        """How the windows of the convolution lie whose transpose this is."""
        return Steps.unpadded(self.stride, self.dilation)

    def written(self, n: tuple[int, ...]) -> tuple[int, ...]:
        """Positions that the windows of n inputs write, before any cropping: (N-1)S + d(F-1) + 1."""
        axes = zip(n, self.kernel_size, self.stride, self.dilation, strict=True)
        return tuple((size - 1) * s + d * (f - 1) + 1 for size, f, s, d in axes)

    @property
    def crops(self) -> tuple[Pair, ...]:
        """What is added (cropped, where negative) behind and before what the windows write."""
        axes = zip(self.padding, self.output_padding, strict=True)
        return tuple((-before, extra - after) for (before, after), extra in axes)

    def forward(
        self, weights: Mapping[str, Array], x: Array, *, mode: Mode
    ) -> tuple[Array, Array | None]:
        full = input_gradient(
            x, weights["weight"], self.written(x.shape[2:]), self.steps, self.groups, mode
        )
        y = padded(full, self.crops)
        if "bias" in weights:
            y = y + weights["bias"].reshape(-1, *(1,) * self.rank)
        elif y is not full:
            y = y.copy()  # a view would keep what is cropped in memory
        return y, x if mode.save else None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: Array, *, wants: Wants, mode: Mode
    ) -> tuple[Array | None, dict[str, Array]]:
        dx, found, weight = None, {}, weights["weight"]
        full = padded_gradient(dy, self.crops)
        if wants.weights:
            found["weight"] = weight_gradient(
                full, saved, self.kernel_size, self.steps, self.groups, mode
            )
            if "bias" in weights:
                found["bias"] = bias_gradient(dy)
        if wants.inputs:
            dx = convolve(full, weight, None, self.steps, self.groups, mode)
        return dx, found


class ConvTranspose1d(ConvTransposeNd):
    """1-D transposed convolution of (C, L) into (out_channels, L').

    Params: C x out_channels / groups x F, and out_channels biases.
    MACs: input elements x out_channels / groups x F: each input value meets each weight once.
    FLOPs: 2 x MACs, and 1 an output element for the bias. Source: torch.nn.ConvTranspose1d.
    """

    rank = 1
    examples = [
        Example(
            "ConvTranspose1d: {out_channels: 3, kernel_size: 4, stride: 2, padding: 1}", (2, 5)
        ),
        Example(
            "ConvTranspose1d: {out_channels: 2, kernel_size: 3, stride: 3, output_padding: 1}",
            (2, 4),
        ),
    ]


class ConvTranspose2d(ConvTransposeNd):
    """2-D transposed convolution of (C, H, W) into (out_channels, H', W').

    Params: C x out_channels / groups x F_h x F_w, and out_channels biases.
    MACs: input elements x out_channels / groups x F_h x F_w: each input value meets each weight
    once. (Counting output elements, as some tools do, is S_h x S_w times too much.)
    FLOPs: 2 x MACs, and 1 an output element for the bias. Source: torch.nn.ConvTranspose2d.
    """

    rank = 2
    examples = [
        Example("ConvTranspose2d: {out_channels: 3, kernel_size: 2, stride: 2}", (4, 5, 6)),
        Example(
            "ConvTranspose2d: {out_channels: 2, kernel_size: 4, stride: 2, padding: 1, bias: false}",
            (3, 4, 5),
        ),
        Example(
            "ConvTranspose2d: {out_channels: 4, kernel_size: 3, stride: [2, 1], padding: 1, output_padding: [1, 0], groups: 2}",
            (2, 4, 3),
        ),
        Example("ConvTranspose2d: {out_channels: 2, kernel_size: 3, dilation: 2}", (2, 3, 3)),
    ]


class ConvTranspose3d(ConvTransposeNd):
    """3-D transposed convolution of (C, D, H, W) into (out_channels, D', H', W').

    Params: C x out_channels / groups x F_d x F_h x F_w, and out_channels biases.
    MACs: input elements x out_channels / groups x F_d x F_h x F_w.
    FLOPs: 2 x MACs, and 1 an output element for the bias. Source: torch.nn.ConvTranspose3d.
    """

    rank = 3
    examples = [
        Example("ConvTranspose3d: {out_channels: 2, kernel_size: 2, stride: 2}", (3, 2, 3, 2)),
        Example(
            "ConvTranspose3d: {out_channels: 2, kernel_size: 3, stride: [1, 2, 2], padding: 1}",
            (2, 2, 3, 3),
        ),
    ]


class LocallyConnectedNd(ConvNd, abstract=True):
    """A convolution whose weights are not shared: each output position has its own."""

    finishes = False

    def params(self, x: Shape) -> dict[str, Parameter]:
        out = self.infer(x)
        weight = Parameter((*out, x[0] // self.groups, *self.kernel_size))
        return {"weight": weight} | ({"bias": Parameter(out)} if self.bias else {})

    def count_formulas(self, x: Shape) -> dict[str, Formula]:
        return self._counts(x, owners="units")

    def initial(self, name: str, shape: Shape, generator: Any) -> Array:
        values = super().initial(
            name, (prod(shape[: self.rank + 1]), *shape[self.rank + 1 :]), generator
        )
        return values.reshape(shape)

    def forward(
        self, weights: Mapping[str, Array], x: Array, *, mode: Mode
    ) -> tuple[Array, Array | None]:
        weight = weights["weight"]
        y = unshared.convolve(self.padded(x), weight, self.steps, self.groups, mode)
        if "bias" in weights:
            y = y + weights["bias"]
        return y, x if mode.save else None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: Array, *, wants: Wants, mode: Mode
    ) -> tuple[Array | None, dict[str, Array]]:
        dx, found, weight = None, {}, weights["weight"]
        x = self.padded(saved)
        steps = self.steps
        if wants.weights:
            found["weight"] = unshared.weight_gradient(
                x, dy, weight.shape, steps, self.groups, mode
            )
            if "bias" in weights:
                found["bias"] = dy.sum(axis=0)
        if wants.inputs:
            dx = unshared.input_gradient(dy, weight, x.shape, steps, self.groups, mode)
            dx = padded_gradient(dx, self.pads, PADDING[self.padding_mode])
        return dx, found


class LocallyConnected1d(LocallyConnectedNd):
    """1-D convolution of (C, L) with a weight and a bias of its own for each output position.

    Params: out_channels x L' x C / groups x F, and out_channels x L' biases.
    MACs as Conv1d. FLOPs: 2 x MACs, and 1 an output element for the bias.
    Source: keras.layers.LocallyConnected1D (Keras 2).
    """

    rank = 1
    examples = [
        Example(
            "LocallyConnected1d: {out_channels: 1, kernel_size: 3, stride: 2, bias: false}", (1, 7)
        ),
        Example(
            "LocallyConnected1d: {out_channels: 4, kernel_size: 3, padding: 1, groups: 2}", (2, 5)
        ),
    ]


class LocallyConnected2d(LocallyConnectedNd):
    """2-D convolution of (C, H, W) with a weight and a bias of its own for each output position.

    Params: out_channels x H' x W' x C / groups x F_h x F_w, and out_channels x H' x W' biases.
    MACs as Conv2d. FLOPs: 2 x MACs, and 1 an output element for the bias.
    Source: keras.layers.LocallyConnected2D (Keras 2).
    """

    rank = 2
    examples = [
        Example("LocallyConnected2d: {out_channels: 3, kernel_size: 3, padding: 1}", (2, 4, 5)),
        Example(
            "LocallyConnected2d: {out_channels: 2, kernel_size: [2, 3], stride: 2, dilation: [2, 1]}",
            (2, 6, 7),
        ),
    ]
