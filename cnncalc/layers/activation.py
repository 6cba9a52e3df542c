"""Activations: a function of every element alone, except over an axis (softmax) or pieces (maxout).

FLOPs are those of the formula in the docstring: an addition, subtraction, multiplication,
division, absolute value, or choice by comparison counts 1, as does an exponential, logarithm, tanh
or erf; a change of sign counts nothing. What is saved is what torch's derivative formula reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import pi, prod, sqrt
from typing import Any, ClassVar

from cnncalc import lazy_numpy as np
from cnncalc.argument import LARGEST, Integer, OneOf, argument, number, positive
from cnncalc.formula import Formula
from cnncalc.kernels.blocks import memory_for, on_blocks
from cnncalc.kernels.mode import Array, Finish, Mode, Wants
from cnncalc.kernels.smooth import (
    above,
    below,
    clip,
    erf,
    erf_slope,
    log_softmax,
    magnitude,
    sigmoid,
    softplus,
)
from cnncalc.layer import (
    SAVES_INPUT,
    SAVES_OUTPUT,
    Example,
    Layer,
    LayerError,
    Parameter,
    Saved,
    Shape,
    saves,
)
from cnncalc.layers.common import axis_of, divides
from cnncalc.window import POINT, Reach, Whole, Window, pointwise

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


class Activation(Layer, abstract=True):
    """What all activations share: the shape of the input is kept."""

    operations: ClassVar[int] = 1
    """FLOPs an element."""
    saves: ClassVar[tuple[Saved, ...]] = SAVES_INPUT

    def infer(self, x: Shape) -> Shape:
        return x

    def elementwise_flops(self, x: Shape) -> int:
        return self.operations * prod(x)

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return self.saves

    def window(self, x: Shape) -> Window:
        return pointwise(x)


class Elementwise(Activation, abstract=True):
    """A function of every element alone, computed block by block, which may be in place."""

    def value(self, x: Array, out: Array) -> None:
        """Write the function of x to `out`."""
        raise NotImplementedError

    def gradient(self, dy: Array, kept: Array, out: Array) -> None:
        """Write dy times the derivative to `out`, from what was kept: input or output."""
        raise NotImplementedError

    @property
    def fusible(self) -> bool:
        return True

    def finish(self, weights: Mapping[str, Array], others: Sequence[Array]) -> Finish:
        return lambda y, _: self.value(y, y)

    def forward(self, weights: Mapping[str, Array], x: Array, *, mode: Mode) -> tuple[Array, Array]:
        keeps_input = mode.save and self.saves == SAVES_INPUT
        y = memory_for(x.shape, x.dtype, x if mode.overwrite and not keeps_input else None)
        on_blocks(lambda block: self.value(x[block], y[block]), y)
        kept = x if keeps_input else y
        return y, kept if mode.save else None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: Array, *, wants: Wants, mode: Mode
    ) -> tuple[Array, dict[str, Array]]:
        dx = memory_for(dy.shape, np.result_type(dy, saved), dy if mode.overwrite else None)
        on_blocks(lambda b: self.gradient(dy[b], saved[b], dx[b]), dx)
        return dx, {}


def kink(dy: Array, x: Array, slope: Array | float, out: Array) -> None:
    """Write dy where x > 0, and `slope` dy elsewhere."""
    rising = x.real > 0
    np.add(dy * rising, dy * slope * ~rising, out=out)


class ReLU(Elementwise):
    """Rectified linear unit, max(0, x); any shape, kept.

    FLOPs: 1 an element. Saves its output. Source: torch.nn.ReLU.
    """

    ignored = ("inplace",)
    saves = SAVES_OUTPUT
    examples = [Example("ReLU", (3, 4, 5)), Example("ReLU: {inplace: true}", (6,))]

    def value(self, x: Array, out: Array) -> None:
        if np.iscomplexobj(x):
            out[...] = above(x)
        else:
            np.maximum(x, 0, out=out)

    def gradient(self, dy: Array, kept: Array, out: Array) -> None:
        np.multiply(dy, kept.real > 0, out=out)


class ReLU6(Elementwise):
    """ReLU with an upper limit, min(max(0, x), 6); any shape, kept.

    FLOPs: 2 an element. Source: torch.nn.ReLU6.
    """

    ignored = ("inplace",)
    operations = 2
    examples = [Example("ReLU6", (3, 4, 5))]

    def value(self, x: Array, out: Array) -> None:
        clip(x, 0, 6, out)

    def gradient(self, dy: Array, kept: Array, out: Array) -> None:
        np.multiply(dy, (kept.real > 0) & (kept.real < 6), out=out)


class LeakyReLU(Elementwise):
    """ReLU with a slope below zero: x where x > 0, else negative_slope x; any shape, kept.

    FLOPs: 2 an element (choice, multiply). Source: torch.nn.LeakyReLU.
    """

    negative_slope: float = argument(number, default=0.01)
    primary = "negative_slope"
    ignored = ("inplace",)
    operations = 2
    examples = [Example("LeakyReLU", (3, 4, 5)), Example("LeakyReLU: 0.2", (6,))]

    def value(self, x: Array, out: Array) -> None:
        np.add(above(x), self.negative_slope * below(x), out=out)

    def gradient(self, dy: Array, kept: Array, out: Array) -> None:
        kink(dy, kept, self.negative_slope, out)


class PReLU(Activation):
    """LeakyReLU whose slope is learned, one for all channels or one for each; any shape, kept.

    Params: num_parameters, which is 1 or C. FLOPs: 2 an element (choice, multiply).
    Source: torch.nn.PReLU; He et al. 2015, Delving deep into rectifiers.
    """

    num_parameters: int = argument(positive, default=1)
    init: float = argument(number, default=0.25)
    primary = "num_parameters"
    operations = 2
    examples = [Example("PReLU", (3, 4, 5)), Example("PReLU: {num_parameters: 6, init: 0.1}", (6,))]

    def infer(self, x: Shape) -> Shape:
        if self.num_parameters not in (1, x[0]):
            raise LayerError(
                f"num_parameters {self.num_parameters} is neither 1 nor the {x[0]} input channels",
                argument="num_parameters",
                help=f"write 1 (one slope for all channels) or {x[0]} (one for each)",
            )
        return x

    def assume(self, x: Shape) -> Shape | None:
        return x

    def params(self, x: Shape) -> dict[str, Parameter]:
        return {"weight": Parameter((self.num_parameters,))}

    def initial(self, name: str, shape: Shape, generator: Any) -> Array:
        """The slope that `init` sets."""
        return np.full(shape, self.init)

    def forward(self, weights: Mapping[str, Array], x: Array, *, mode: Mode) -> tuple[Array, Array]:
        slope = self._slopes(weights, x)
        return above(x) + slope * below(x), x if mode.save else None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: Array, *, wants: Wants, mode: Mode
    ) -> tuple[Array, dict[str, Array]]:
        slope = self._slopes(weights, saved)
        dx = np.empty(dy.shape, np.result_type(dy, slope))
        kink(dy, saved, slope, dx)
        each = (dy * below(saved)).sum(axis=(0, *range(2, dy.ndim)))
        return dx, {"weight": each if self.num_parameters > 1 else each.sum(keepdims=True)}

    @staticmethod
    def _slopes(weights: Mapping[str, Array], x: Array) -> Array:
        return weights["weight"].reshape(-1, *(1,) * (x.ndim - 2))


class ELU(Elementwise):
    """Exponential linear unit: x where x > 0, else alpha (exp(x) - 1); any shape, kept.

    FLOPs: 4 an element (choice, exp, subtract, multiply). Source: torch.nn.ELU.
    """

    alpha: float = argument(number, default=1.0)
    primary = "alpha"
    ignored = ("inplace",)
    operations = 4
    examples = [Example("ELU", (3, 4, 5)), Example("ELU: 0.5", (6,))]

    def value(self, x: Array, out: Array) -> None:
        np.add(above(x), self.alpha * np.expm1(below(x)), out=out)

    def gradient(self, dy: Array, kept: Array, out: Array) -> None:
        kink(dy, kept, self.alpha * np.exp(below(kept)), out)


class SELU(Elementwise):
    """Scaled ELU, scale x ELU(x) with the constants that keep mean 0 and variance 1; shape kept.

    FLOPs: 5 an element (ELU 4, multiply).
    Source: torch.nn.SELU; Klambauer et al. 2017, Self-normalizing neural networks.
    """

    ignored = ("inplace",)
    operations = 5
    examples = [Example("SELU", (3, 4, 5))]

    def value(self, x: Array, out: Array) -> None:
        np.multiply(above(x) + SELU_ALPHA * np.expm1(below(x)), SELU_SCALE, out=out)

    def gradient(self, dy: Array, kept: Array, out: Array) -> None:
        kink(dy * SELU_SCALE, kept, SELU_ALPHA * np.exp(below(kept)), out)


class CELU(Elementwise):
    """Smooth ELU: x where x > 0, else alpha (exp(x / alpha) - 1); any shape, kept.

    FLOPs: 5 an element (ELU 4, divide). Source: torch.nn.CELU.
    """

    alpha: float = argument(number, default=1.0)
    primary = "alpha"
    ignored = ("inplace",)
    operations = 5
    examples = [Example("CELU", (3, 4, 5)), Example("CELU: 2", (6,))]

    def check_arguments(self) -> None:
        """Refuse a division by zero, as torch does."""
        if self.alpha == 0:
            raise LayerError("alpha must not be 0", code="CNN007", argument="alpha")

    def value(self, x: Array, out: Array) -> None:
        np.add(above(x), self.alpha * np.expm1(below(x) / self.alpha), out=out)

    def gradient(self, dy: Array, kept: Array, out: Array) -> None:
        kink(dy, kept, np.exp(below(kept) / self.alpha), out)


class GELU(Elementwise):
    """Gaussian error linear unit, x (1 + erf(x / sqrt(2))) / 2; any shape, kept.

    With `approximate: tanh`, x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.
    FLOPs: 5 an element (divide, erf, add, two multiplies); approximated 9 (x^3 two multiplies,
    factor, add, factor, tanh, add, two multiplies).
    Source: torch.nn.GELU; Hendrycks and Gimpel 2016, Gaussian error linear units.
    """

    approximate: str = argument(OneOf(("none", "tanh")), default="none")
    primary = "approximate"
    examples = [Example("GELU", (3, 4, 5)), Example("GELU: tanh", (6,))]

    def elementwise_flops(self, x: Shape) -> int:
        return {"none": 5, "tanh": 9}[self.approximate] * prod(x)

    def value(self, x: Array, out: Array) -> None:
        scaled = np.tanh(self._inner(x)) if self.approximate == "tanh" else erf(x * sqrt(0.5))
        np.multiply(0.5 * x, 1 + scaled, out=out)

    def gradient(self, dy: Array, kept: Array, out: Array) -> None:
        if self.approximate == "tanh":
            scaled = np.tanh(self._inner(kept))
            inner_slope = sqrt(2 / pi) * (1 + 3 * 0.044715 * kept * kept)
            slope = (1 - scaled * scaled) * inner_slope
        else:
            scaled = erf(kept * sqrt(0.5))
            slope = erf_slope(kept * sqrt(0.5)) * sqrt(0.5)
        np.multiply(dy, 0.5 * (1 + scaled + kept * slope), out=out)

    @staticmethod
    def _inner(x: Array) -> Array:
        return sqrt(2 / pi) * (x + 0.044715 * x * x * x)


class SiLU(Elementwise):
    """Sigmoid linear unit (swish), x sigmoid(x); any shape, kept.

    FLOPs: 4 an element (sigmoid 3, multiply). Source: torch.nn.SiLU.
    """

    ignored = ("inplace",)
    operations = 4
    examples = [Example("SiLU", (3, 4, 5))]

    def value(self, x: Array, out: Array) -> None:
        np.multiply(x, sigmoid(x), out=out)

    def gradient(self, dy: Array, kept: Array, out: Array) -> None:
        gate = sigmoid(kept)
        np.multiply(dy, gate * (1 + kept * (1 - gate)), out=out)


class Mish(Elementwise):
    """Mish, x tanh(log(1 + exp(x))); any shape, kept.

    FLOPs: 5 an element (exp, add, log, tanh, multiply). Source: torch.nn.Mish; Misra 2019.
    """

    ignored = ("inplace",)
    operations = 5
    examples = [Example("Mish", (3, 4, 5))]

    def value(self, x: Array, out: Array) -> None:
        np.multiply(x, np.tanh(softplus(x)), out=out)

    def gradient(self, dy: Array, kept: Array, out: Array) -> None:
        gate = np.tanh(softplus(kept))
        np.multiply(dy, gate + kept * (1 - gate * gate) * sigmoid(kept), out=out)


class Hardswish(Elementwise):
    """Piecewise swish, x ReLU6(x + 3) / 6; any shape, kept.

    FLOPs: 5 an element (add, ReLU6 2, divide, multiply).
    Source: torch.nn.Hardswish; Howard et al. 2019, Searching for MobileNetV3.
    """

    ignored = ("inplace",)
    operations = 5
    examples = [Example("Hardswish", (3, 4, 5))]

    def value(self, x: Array, out: Array) -> None:
        np.multiply(x, clip(x + 3, 0, 6) / 6, out=out)

    def gradient(self, dy: Array, kept: Array, out: Array) -> None:
        rising = (kept.real > -3) & (kept.real < 3)
        np.multiply(dy, (kept / 3 + 0.5) * rising + (kept.real >= 3), out=out)


class Hardsigmoid(Elementwise):
    """Piecewise sigmoid, ReLU6(x + 3) / 6; any shape, kept.

    FLOPs: 4 an element (add, ReLU6 2, divide). Source: torch.nn.Hardsigmoid.
    """

    ignored = ("inplace",)
    operations = 4
    examples = [Example("Hardsigmoid", (3, 4, 5))]

    def value(self, x: Array, out: Array) -> None:
        np.divide(clip(x + 3, 0, 6), 6, out=out)

    def gradient(self, dy: Array, kept: Array, out: Array) -> None:
        np.multiply(dy / 6, (kept.real > -3) & (kept.real < 3), out=out)


class Hardtanh(Elementwise):
    """Clamp, min(max(x, min_val), max_val); any shape, kept.

    FLOPs: 2 an element. Source: torch.nn.Hardtanh.
    """

    min_val: float = argument(number, default=-1.0)
    max_val: float = argument(number, default=1.0)
    primary = "min_val"
    ignored = ("inplace",)
    operations = 2
    examples = [
        Example("Hardtanh", (3, 4, 5)),
        Example("Hardtanh: {min_val: -0.5, max_val: 2}", (6,)),
    ]

    def check_arguments(self) -> None:
        """Refuse an empty range, as torch does."""
        if self.max_val <= self.min_val:
            raise LayerError(
                f"max_val {self.max_val:g} must be larger than min_val {self.min_val:g}",
                code="CNN007",
                argument="max_val",
            )

    def value(self, x: Array, out: Array) -> None:
        clip(x, self.min_val, self.max_val, out)

    def gradient(self, dy: Array, kept: Array, out: Array) -> None:
        np.multiply(dy, (kept.real > self.min_val) & (kept.real < self.max_val), out=out)


class Sigmoid(Elementwise):
    """Logistic function, 1 / (1 + exp(-x)); any shape, kept.

    FLOPs: 3 an element (exp, add, divide). Saves its output. Source: torch.nn.Sigmoid.
    """

    operations = 3
    saves = SAVES_OUTPUT
    examples = [Example("Sigmoid", (3, 4, 5))]

    def value(self, x: Array, out: Array) -> None:
        out[...] = sigmoid(x)

    def gradient(self, dy: Array, kept: Array, out: Array) -> None:
        np.multiply(dy, kept * (1 - kept), out=out)


class Tanh(Elementwise):
    """Hyperbolic tangent; any shape, kept.

    FLOPs: 1 an element. Saves its output. Source: torch.nn.Tanh.
    """

    saves = SAVES_OUTPUT
    examples = [Example("Tanh", (3, 4, 5))]

    def value(self, x: Array, out: Array) -> None:
        np.tanh(x, out=out)

    def gradient(self, dy: Array, kept: Array, out: Array) -> None:
        np.multiply(dy, 1 - kept * kept, out=out)


class Softplus(Elementwise):
    """Smooth ReLU, log(1 + exp(beta x)) / beta, or x where beta x > threshold; any shape, kept.

    FLOPs: 6 an element (multiply, choice, exp, add, log, divide). Source: torch.nn.Softplus.
    """

    beta: float = argument(number, default=1.0)
    threshold: float = argument(number, default=20.0)
    primary = "beta"
    operations = 6
    examples = [Example("Softplus", (3, 4, 5)), Example("Softplus: {beta: 2, threshold: 1}", (6,))]

    def value(self, x: Array, out: Array) -> None:
        scaled = self.beta * x
        straight = scaled.real > self.threshold
        out[...] = np.where(straight, x, softplus(scaled) / self.beta)

    def gradient(self, dy: Array, kept: Array, out: Array) -> None:
        scaled = self.beta * kept
        straight = scaled.real > self.threshold
        np.multiply(dy, np.where(straight, 1, sigmoid(scaled)), out=out)


class Softsign(Elementwise):
    """Softsign, x / (1 + |x|); any shape, kept.

    FLOPs: 3 an element (absolute value, add, divide). Source: torch.nn.Softsign.
    """

    operations = 3
    examples = [Example("Softsign", (3, 4, 5))]

    def value(self, x: Array, out: Array) -> None:
        np.divide(x, 1 + magnitude(x), out=out)

    def gradient(self, dy: Array, kept: Array, out: Array) -> None:
        np.divide(dy, (1 + magnitude(kept)) ** 2, out=out)


class LogSigmoid(Elementwise):
    """Logarithm of the sigmoid, -log(1 + exp(-x)); any shape, kept.

    FLOPs: 3 an element (exp, add, log). Source: torch.nn.LogSigmoid.
    """

    operations = 3
    examples = [Example("LogSigmoid", (3, 4, 5))]

    def value(self, x: Array, out: Array) -> None:
        np.negative(softplus(-x), out=out)

    def gradient(self, dy: Array, kept: Array, out: Array) -> None:
        np.multiply(dy, sigmoid(-kept), out=out)


class OverAxis(Activation, abstract=True):
    """What softmax and its logarithm share: each output depends on a whole axis of the input.

    `dim` counts as in torch, the batch being 0; the default is the channels. (torch leaves it to
    a deprecated guess, which for a batch of sequences is the batch itself.)
    """

    dim: int = argument(Integer(-LARGEST), default=1)
    primary = "dim"
    operations = 3
    saves = SAVES_OUTPUT

    def infer(self, x: Shape) -> Shape:
        axis_of(self.dim, x)
        return x

    def assume(self, x: Shape) -> Shape | None:
        return x

    def window(self, x: Shape) -> Window:
        if len(x) == 1:
            return Reach.EVERYTHING
        axis = axis_of(self.dim, x)
        return tuple(Whole() if axis == at else POINT for at in range(1, len(x)))


class Softmax(OverAxis):
    """Softmax over one axis, exp(x) / sum exp(x); any shape, kept. `dim: 1` is the channels.

    FLOPs: 3 an element (exp, sum, divide; the shift by the largest is not counted).
    Saves its output. Source: torch.nn.Softmax.
    """

    examples = [
        Example("Softmax", (6,)),
        Example("Softmax", (3, 4, 5)),
        Example("Softmax: {dim: -1}", (3, 4, 5)),
    ]

    def forward(self, weights: Mapping[str, Array], x: Array, *, mode: Mode) -> tuple[Array, Array]:
        y = np.exp(x - x.real.max(axis=self.dim, keepdims=True))
        y /= y.sum(axis=self.dim, keepdims=True)
        return y, y if mode.save else None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: Array, *, wants: Wants, mode: Mode
    ) -> tuple[Array, dict[str, Array]]:
        along = dy * saved
        return along - saved * along.sum(axis=self.dim, keepdims=True), {}


class LogSoftmax(OverAxis):
    """Logarithm of softmax over one axis, x - log(sum exp(x)); any shape, kept.

    FLOPs: 3 an element (exp, sum and its logarithm, subtract). Saves its output.
    Source: torch.nn.LogSoftmax.
    """

    examples = [Example("LogSoftmax", (6,)), Example("LogSoftmax: 2", (3, 4, 5))]

    def forward(self, weights: Mapping[str, Array], x: Array, *, mode: Mode) -> tuple[Array, Array]:
        y = log_softmax(x, self.dim)
        return y, y if mode.save else None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: Array, *, wants: Wants, mode: Mode
    ) -> tuple[Array, dict[str, Array]]:
        return dy - np.exp(saved) * dy.sum(axis=self.dim, keepdims=True), {}


class Maxout(Activation):
    """Largest of each group of `pieces` neighbouring channels: (C, ...) to (C / pieces, ...).

    FLOPs: pieces - 1 an output element. Saves its argmax, 8 bytes an output element.
    Source: Goodfellow et al. 2013, Maxout networks.
    """

    pieces: int = argument(positive)
    primary = "pieces"
    examples = [Example("Maxout: 2", (6, 4, 5)), Example("Maxout: {pieces: 3}", (6,))]

    def infer(self, x: Shape) -> Shape:
        divides(self.pieces, x[0], "input channels", "pieces")
        return x[0] // self.pieces, *x[1:]

    def shape_formulas(self, x: Shape) -> tuple[Formula | None, ...]:
        channels = Formula("C/pieces", {"C": x[0], "pieces": self.pieces})
        return channels, *(None for _ in x[1:])

    def elementwise_flops(self, x: Shape) -> int:
        return (self.pieces - 1) * prod(self.infer(x))

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return (saves("argmax", prod(self.infer(x)), element_bytes=8),)

    def forward(self, weights: Mapping[str, Array], x: Array, *, mode: Mode) -> tuple[Array, Array]:
        pieces = x.reshape(x.shape[0], -1, self.pieces, *x.shape[2:])
        largest = pieces.real.argmax(axis=2)
        y = np.take_along_axis(pieces, largest[:, :, None], axis=2)[:, :, 0]
        return y, largest if mode.save else None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: Array, *, wants: Wants, mode: Mode
    ) -> tuple[Array, dict[str, Array]]:
        batch, groups, *positions = dy.shape
        dx = np.zeros((batch, groups, self.pieces, *positions), dy.dtype)
        np.put_along_axis(dx, saved[:, :, None], dy[:, :, None], axis=2)
        return dx.reshape(batch, groups * self.pieces, *positions), {}
