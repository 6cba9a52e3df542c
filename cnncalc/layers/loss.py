"""Losses: one number from a prediction and a target, for training; written under `loss:`.

Counts are of one image; the one division of a mean is left out. The target belongs to the caller: its memory is not counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, ClassVar

from cnncalc import lazy_numpy as np
from cnncalc.argument import LARGEST, Integer, Number, OneOf, argument, number
from cnncalc.kernels.mode import Array, Mode, Wants
from cnncalc.kernels.smooth import above, log_softmax, magnitude, sigmoid, softplus
from cnncalc.layer import SAVES_INPUT, Example, Layer, LayerError, Saved, Shape, saves
from cnncalc.window import Reach, Window

one_number = OneOf(("mean", "sum"))  # torch's "none" leaves no single number to minimise


class Loss(Layer, abstract=True):
    """What all losses share: a prediction and a target to one number."""

    operations: ClassVar[int]
    """FLOPs an element of the prediction."""
    target_kind: ClassVar[str] = "number"
    """What the target holds: a "class" index, any "number", or a "probability" from 0 to 1."""

    def target(self, x: Shape) -> Shape:
        """The shape of the target for a prediction x."""
        return x

    def infer(self, x: Shape) -> Shape:
        return ()

    def assume(self, x: Shape) -> Shape | None:
        return ()

    def elementwise_flops(self, x: Shape) -> int:
        return self.operations * prod(x)

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return SAVES_INPUT

    def window(self, x: Shape) -> Window:
        return Reach.EVERYTHING

    def forward(
        self, weights: Mapping[str, Array], x: Array, target: Array, *, mode: Mode
    ) -> tuple[Array, Any]:
        """The loss as an array without axes; `target` (N, *target(x)) holds classes or numbers."""
        raise NotImplementedError

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: Any, *, wants: Wants, mode: Mode
    ) -> tuple[tuple[Array, None], dict[str, Array]]:
        """The gradient of the prediction; the target has none."""
        raise NotImplementedError


def number_of(loss: Any, x: Array) -> Array:
    """An array without axes, of the type of x."""
    return np.asarray(loss, x.dtype)


def checked_classes(target: Array, classes: int) -> Array:
    """The target, where every number is a class; raises LayerError."""
    wrong = target[(target < 0) | (target >= classes)]
    if wrong.size:
        raise LayerError(
            f"the target holds {wrong.flat[0]}, which is no class: the prediction has {classes}, "
            f"0 to {classes - 1}"
        )
    return target


class CrossEntropyLoss(Loss):
    """-log softmax(x)[target] over the classes (axis 0), meaned over positions: (K, ...) to ().

    It takes logits: a Softmax before it would be a second one. Targets of `ignore_index` count
    nothing. FLOPs: log-softmax 3 an element, and 1 a position for the sum; label smoothing adds
    1 an element and 3 a position (mean over the classes, weighted sum). Saves the log-softmax.
    Source: torch.nn.CrossEntropyLoss.
    """

    ignore_index: int = argument(Integer(-LARGEST), default=-100)
    reduction: str = argument(one_number, default="mean")
    label_smoothing: float = argument(Number(0, 1), default=0.0)
    primary = "ignore_index"
    target_kind = "class"
    examples = [
        Example("CrossEntropyLoss", (10,)),
        Example("CrossEntropyLoss: {label_smoothing: 0.1, ignore_index: 2}", (4, 3, 5)),
        Example("CrossEntropyLoss: {reduction: sum}", (4, 3)),
    ]

    def target(self, x: Shape) -> Shape:
        return x[1:]

    def elementwise_flops(self, x: Shape) -> int:
        positions = prod(x[1:])
        smoothing = prod(x) + 3 * positions if self.label_smoothing else 0
        return 3 * prod(x) + positions + smoothing

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return (saves("log_softmax", prod(x)),)

    def forward(
        self, weights: Mapping[str, Array], x: Array, target: Array, *, mode: Mode
    ) -> tuple[Array, Any]:
        logs = log_softmax(x, 1)
        counted = target != self.ignore_index
        classes = checked_classes(np.where(counted, target, 0), x.shape[1])
        terms = -np.take_along_axis(logs, classes[:, None], axis=1)[:, 0]
        if self.label_smoothing:
            smooth = self.label_smoothing
            terms = (1 - smooth) * terms - smooth / x.shape[1] * logs.sum(axis=1)
        total = terms[counted].sum()
        if self.reduction == "mean":
            with np.errstate(invalid="ignore"):  # not a number where nothing counts, as in torch
                total = total / np.count_nonzero(counted)
        return number_of(total, x), (logs, target) if mode.save else None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: Any, *, wants: Wants, mode: Mode
    ) -> tuple[tuple[Array, None], dict[str, Array]]:
        logs, target = saved
        counted = target != self.ignore_index
        classes = np.where(counted, target, 0)[:, None]
        scale = dy.item()
        if self.reduction == "mean":
            scale /= max(1, np.count_nonzero(counted))
        dx = np.exp(logs)
        of_target = np.take_along_axis(dx, classes, axis=1) - (1 - self.label_smoothing)
        np.put_along_axis(dx, classes, of_target, axis=1)
        dx -= self.label_smoothing / logs.shape[1]
        dx *= scale * counted[:, None]
        return (dx, None), {}


class MultiMarginLoss(Loss):
    """Multi-class hinge, sum over wrong classes of max(0, margin - x[target] + x)^p / K: (K,) to ().

    FLOPs: 4 an element (subtract, add, max, sum), and 1 for the square where p is 2.
    Source: torch.nn.MultiMarginLoss.
    """

    p: int = argument(Integer(1, 2), default=1)
    margin: float = argument(number, default=1.0)
    reduction: str = argument(one_number, default="mean")
    primary = "p"
    target_kind = "class"
    examples = [
        Example("MultiMarginLoss", (10,)),
        Example("MultiMarginLoss: {p: 2, margin: 0.5}", (4,)),
    ]

    def target(self, x: Shape) -> Shape:
        return ()

    def infer(self, x: Shape) -> Shape:
        if len(x) != 1:
            raise LayerError(
                f"MultiMarginLoss needs a prediction of 1 axis (classes,), not {list(x)}",
                help="put Flatten before the end of the network",
            )
        return ()

    def elementwise_flops(self, x: Shape) -> int:
        return (3 + self.p) * prod(x)

    def forward(
        self, weights: Mapping[str, Array], x: Array, target: Array, *, mode: Mode
    ) -> tuple[Array, Any]:
        missing = self._missing(x, target)
        total = (missing**self.p).sum() / x.shape[1]
        if self.reduction == "mean":
            total = total / x.shape[0]
        return number_of(total, x), (x, target) if mode.save else None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: Any, *, wants: Wants, mode: Mode
    ) -> tuple[tuple[Array, None], dict[str, Array]]:
        x, target = saved
        missing = self._missing(x, target)
        dx = (missing.real > 0).astype(missing.dtype) if self.p == 1 else 2 * missing
        np.put_along_axis(dx, target[:, None], -dx.sum(axis=1, keepdims=True), axis=1)
        batch, classes = x.shape
        dx *= dy.item() / classes / (batch if self.reduction == "mean" else 1)
        return (dx, None), {}

    def _missing(self, x: Array, target: Array) -> Array:
        """By how much each wrong class comes too close to the right one; 0 for that."""
        at = checked_classes(target, x.shape[1])[:, None]
        missing = above(self.margin - np.take_along_axis(x, at, axis=1) + x)
        np.put_along_axis(missing, at, 0, axis=1)
        return missing


class Elementwise(Loss, abstract=True):
    """What the losses share that sum up a function of each element of prediction and target."""

    reduction: str = argument(one_number, default="mean")

    def terms(self, x: Array, target: Array) -> Array:
        """The function, element by element."""
        raise NotImplementedError

    def slopes(self, x: Array, target: Array) -> Array:
        """Its derivative by the prediction."""
        raise NotImplementedError

    def forward(
        self, weights: Mapping[str, Array], x: Array, target: Array, *, mode: Mode
    ) -> tuple[Array, Any]:
        terms = self.terms(x, target)
        total = terms.mean() if self.reduction == "mean" else terms.sum()
        return number_of(total, x), (x, target) if mode.save else None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: Any, *, wants: Wants, mode: Mode
    ) -> tuple[tuple[Array, None], dict[str, Array]]:
        x, target = saved
        scale = dy.item() / (x.size if self.reduction == "mean" else 1)
        return (scale * self.slopes(x, target), None), {}


class MSELoss(Elementwise):
    """Mean of (x - target)^2; any shape to ().

    FLOPs: 3 an element (subtract, square, sum). Source: torch.nn.MSELoss.
    """

    primary = "reduction"
    operations = 3
    examples = [Example("MSELoss", (3, 4, 5)), Example("MSELoss: sum", (6,))]

    def terms(self, x: Array, target: Array) -> Array:
        return (x - target) ** 2

    def slopes(self, x: Array, target: Array) -> Array:
        return 2 * (x - target)


class L1Loss(Elementwise):
    """Mean of |x - target|; any shape to ().

    FLOPs: 3 an element (subtract, absolute value, sum). Source: torch.nn.L1Loss.
    """

    primary = "reduction"
    operations = 3
    examples = [Example("L1Loss", (3, 4, 5)), Example("L1Loss: sum", (6,))]

    def terms(self, x: Array, target: Array) -> Array:
        return magnitude(x - target)

    def slopes(self, x: Array, target: Array) -> Array:
        return np.sign((x - target).real)


class BCEWithLogitsLoss(Elementwise):
    """Binary cross-entropy of sigmoid(x), max(x, 0) - x target + log(1 + exp(-|x|)), meaned.

    Any shape to (). It takes logits: a Sigmoid before it would be a second one.
    FLOPs: 9 an element (max, multiply, subtract, absolute value, exp, add, log, add, sum).
    Source: torch.nn.BCEWithLogitsLoss.
    """

    primary = "reduction"
    operations = 9
    target_kind = "probability"
    examples = [
        Example("BCEWithLogitsLoss", (1,)),
        Example("BCEWithLogitsLoss: sum", (3, 4, 5)),
    ]

    def terms(self, x: Array, target: Array) -> Array:
        return softplus(x) - x * target

    def slopes(self, x: Array, target: Array) -> Array:
        return sigmoid(x) - target
