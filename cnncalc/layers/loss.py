"""Losses: one number from a prediction and a target, for training; written under `loss:`.

Counts are of one image; the one division of a mean is left out. The target belongs to the caller: its memory is not counted.
"""

from __future__ import annotations

from math import prod
from typing import ClassVar

from cnncalc.argument import LARGEST, Integer, Number, OneOf, argument, number
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


class MSELoss(Loss):
    """Mean of (x - target)^2; any shape to ().

    FLOPs: 3 an element (subtract, square, sum). Source: torch.nn.MSELoss.
    """

    reduction: str = argument(one_number, default="mean")
    primary = "reduction"
    operations = 3
    examples = [Example("MSELoss", (3, 4, 5)), Example("MSELoss: sum", (6,))]


class L1Loss(Loss):
    """Mean of |x - target|; any shape to ().

    FLOPs: 3 an element (subtract, absolute value, sum). Source: torch.nn.L1Loss.
    """

    reduction: str = argument(one_number, default="mean")
    primary = "reduction"
    operations = 3
    examples = [Example("L1Loss", (3, 4, 5)), Example("L1Loss: sum", (6,))]


class BCEWithLogitsLoss(Loss):
    """Binary cross-entropy of sigmoid(x), max(x, 0) - x target + log(1 + exp(-|x|)), meaned.

    Any shape to (). It takes logits: a Sigmoid before it would be a second one.
    FLOPs: 9 an element (max, multiply, subtract, absolute value, exp, add, log, add, sum).
    Source: torch.nn.BCEWithLogitsLoss.
    """

    reduction: str = argument(one_number, default="mean")
    primary = "reduction"
    operations = 9
    target_kind = "probability"
    examples = [
        Example("BCEWithLogitsLoss", (1,)),
        Example("BCEWithLogitsLoss: sum", (3, 4, 5)),
    ]
