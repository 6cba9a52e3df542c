"""Padding: constants, mirrored, repeated or wrapped elements around the spatial axes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from cnncalc.argument import Pair, Sides, argument, number
from cnncalc.formula import Formula
from cnncalc.kernels.mode import Array, Mode, Wants
from cnncalc.kernels.padding import padded, padded_gradient
from cnncalc.layer import Example, LayerError, Shape
from cnncalc.layers.common import Moving, check_rank
from cnncalc.window import Sliding, Window


class PadNd(Moving, abstract=True):
    """What all pads share: N' = N + before + after; a negative amount crops."""

    primary = "padding"
    mode: ClassVar[str] = "constant"
    """How `kernels.padding` names what it pads with."""

    padding: tuple[int, ...] = argument(Sides())

    @property
    def pads(self) -> tuple[Pair, ...]:
        """Padding (before, after) of each axis, first axis first."""
        return tuple(zip(self.padding[-2::-2], self.padding[::-2], strict=True))

    def infer(self, x: Shape) -> Shape:
        check_rank(self, x)
        return x[0], *(self._size(n, pair) for n, pair in zip(x[1:], self.pads, strict=True))

    def shape_formulas(self, x: Shape) -> tuple[Formula | None, ...]:
        return None, *(
            Formula("N + P_before + P_after", {"N": n, "P_before": before, "P_after": after})
            for n, (before, after) in zip(x[1:], self.pads, strict=True)
        )

    def _size(self, n: int, pads: Pair) -> int:
        self.check(n, pads)
        if n + sum(pads) < 1:
            raise _cropped(n, pads)
        return n + sum(pads)

    def check(self, n: int, pads: Pair) -> None:
        """Whether an axis of n can be padded so; raises LayerError."""

    def window(self, x: Shape) -> Window:
        mode = self.mode
        return tuple(Sliding(before=b, mode=mode, after=min(a, 0)) for b, a in self.pads)

    def forward(self, weights: Mapping[str, Array], x: Array, *, mode: Mode) -> tuple[Array, None]:
        y = padded(x, self.pads, self.mode, self.constant)
        return y.copy() if y.base is x or y is x else y, None

    def backward(
        self, weights: Mapping[str, Array], dy: Array, saved: None, *, wants: Wants, mode: Mode
    ) -> tuple[Array, dict[str, Array]]:
        return padded_gradient(dy, self.pads, self.mode), {}

    @property
    def constant(self) -> float:
        """The number that constant padding pads with."""
        return 0.0


def _cropped(n: int, pads: Pair) -> LayerError:
    message = f"padding {pads[0]} + {pads[1]} crops all of an input of {n}"
    return LayerError(message, code="CNN102", argument="padding")


class ZeroPadNd(PadNd, abstract=True):
    """Pads with zeros, which cannot crop more than there is."""

    def check(self, n: int, pads: Pair) -> None:
        """Torch crops before it pads."""
        if n + sum(side for side in pads if side < 0) < 0:
            raise _cropped(n, pads)


class ReflectionPadNd(PadNd, abstract=True):
    """Pads that mirror the input, which must be larger than the padding."""

    mode = "reflect"

    def check(self, n: int, pads: Pair) -> None:
        """The mirror leaves out the edge, so that there are n - 1 elements to take."""
        if max(pads) >= n:
            raise LayerError(
                f"reflection padding of {max(pads)} needs an input of at least {max(pads) + 1}, "
                f"not {n}",
                code="CNN102",
                argument="padding",
            )


class CircularPadNd(PadNd, abstract=True):
    """Pads that wrap the input around, which must not be smaller than the padding."""

    mode = "circular"

    def check(self, n: int, pads: Pair) -> None:
        """There are n elements to take, less those that are cropped."""
        left = n + sum(side for side in pads if side < 0)
        if max(pads) > left:
            cropped = f", of which {left} are left" if left < n else ""
            raise LayerError(
                f"circular padding of {max(pads)} needs an input of at least {max(pads)}, "
                f"not {n}{cropped}",
                code="CNN102",
                argument="padding",
            )


class ConstantPadNd(ZeroPadNd, abstract=True):
    """Pads with a given number."""

    value: float = argument(number)

    @property
    def constant(self) -> float:
        return self.value


class ZeroPad1d(ZeroPadNd):
    """Zeros around a sequence (C, L) -> (C, L + left + right); negative amounts crop.

    `padding` is one number, or [left, right]. FLOPs: 0. Source: torch.nn.ZeroPad1d.
    """

    rank = 1
    examples = [
        Example("ZeroPad1d: 2", (2, 5)),
        Example("ZeroPad1d: {padding: [3, -1]}", (2, 5)),
    ]


class ZeroPad2d(ZeroPadNd):
    """Zeros around a map (C, H, W) -> (C, H + top + bottom, W + left + right).

    `padding` is one number, or [left, right, top, bottom]; negative amounts crop. FLOPs: 0.
    Source: torch.nn.ZeroPad2d.
    """

    rank = 2
    examples = [
        Example("ZeroPad2d: 1", (2, 3, 4)),
        Example("ZeroPad2d: {padding: [1, 2, 0, -1]}", (2, 4, 5)),
    ]


class ZeroPad3d(ZeroPadNd):
    """Zeros around a volume (C, D, H, W); each axis grows by both of its sides.

    `padding` is one number, or [left, right, top, bottom, front, back]; negative amounts crop.
    FLOPs: 0. Source: torch.nn.ZeroPad3d.
    """

    rank = 3
    examples = [
        Example("ZeroPad3d: 1", (1, 2, 3, 2)),
        Example("ZeroPad3d: {padding: [1, 0, 0, 2, 1, 1]}", (2, 2, 3, 4)),
    ]


class ConstantPad1d(ConstantPadNd):
    """A number around a sequence (C, L) -> (C, L + left + right); negative amounts crop.

    `padding` is one number, or [left, right]. FLOPs: 0. Source: torch.nn.ConstantPad1d.
    """

    rank = 1
    examples = [Example("ConstantPad1d: {padding: [1, 2], value: -1.5}", (2, 4))]


class ConstantPad2d(ConstantPadNd):
    """A number around a map (C, H, W) -> (C, H + top + bottom, W + left + right).

    `padding` is one number, or [left, right, top, bottom]; negative amounts crop. FLOPs: 0.
    Source: torch.nn.ConstantPad2d.
    """

    rank = 2
    examples = [Example("ConstantPad2d: {padding: [0, 1, 2, -1], value: 3}", (2, 4, 3))]


class ConstantPad3d(ConstantPadNd):
    """A number around a volume (C, D, H, W); each axis grows by both of its sides.

    `padding` is one number, or [left, right, top, bottom, front, back]; negative amounts crop.
    FLOPs: 0. Source: torch.nn.ConstantPad3d.
    """

    rank = 3
    examples = [Example("ConstantPad3d: {padding: [1, 0, 0, 2, 1, 1], value: 0.5}", (2, 2, 3, 4))]


class ReplicationPadNd(PadNd, abstract=True):
    """Pads that repeat the edge, however far it is cropped."""

    mode = "replicate"


class ReflectionPad1d(ReflectionPadNd):
    """The mirrored input around a sequence (C, L) -> (C, L + left + right).

    `padding` is one number, or [left, right], below L. FLOPs: 0.
    Source: torch.nn.ReflectionPad1d.
    """

    rank = 1
    examples = [Example("ReflectionPad1d: {padding: [2, 1]}", (2, 4))]


class ReflectionPad2d(ReflectionPadNd):
    """The mirrored input around a map (C, H, W) -> (C, H + top + bottom, W + left + right).

    `padding` is one number, or [left, right, top, bottom], below the axis. FLOPs: 0.
    Source: torch.nn.ReflectionPad2d.
    """

    rank = 2
    examples = [
        Example("ReflectionPad2d: 1", (2, 3, 4)),
        Example("ReflectionPad2d: {padding: [2, 1, 0, 2]}", (2, 3, 4)),
    ]


class ReflectionPad3d(ReflectionPadNd):
    """The mirrored input around a volume (C, D, H, W); each axis grows by both of its sides.

    `padding` is one number, or [left, right, top, bottom, front, back]. FLOPs: 0.
    Source: torch.nn.ReflectionPad3d.
    """

    rank = 3
    examples = [Example("ReflectionPad3d: {padding: [1, 2, 0, 1, 1, 0]}", (1, 2, 3, 4))]


class ReplicationPad1d(ReplicationPadNd):
    """The repeated edge around a sequence (C, L) -> (C, L + left + right).

    `padding` is one number, or [left, right]; negative amounts crop. FLOPs: 0.
    Source: torch.nn.ReplicationPad1d.
    """

    rank = 1
    examples = [Example("ReplicationPad1d: {padding: [2, 3]}", (2, 3))]


class ReplicationPad2d(ReplicationPadNd):
    """The repeated edge around a map (C, H, W) -> (C, H + top + bottom, W + left + right).

    `padding` is one number, or [left, right, top, bottom]; negative amounts crop. FLOPs: 0.
    Source: torch.nn.ReplicationPad2d.
    """

    rank = 2
    examples = [Example("ReplicationPad2d: {padding: [2, 0, 1, 3]}", (2, 3, 2))]


class ReplicationPad3d(ReplicationPadNd):
    """The repeated edge around a volume (C, D, H, W); each axis grows by both of its sides.

    `padding` is one number, or [left, right, top, bottom, front, back]; negative amounts crop.
    FLOPs: 0. Source: torch.nn.ReplicationPad3d.
    """

    rank = 3
    examples = [Example("ReplicationPad3d: {padding: [1, 2, 0, 1, 1, 0]}", (1, 2, 3, 2))]


class CircularPad1d(CircularPadNd):
    """The wrapped input around a sequence (C, L) -> (C, L + left + right).

    `padding` is one number, or [left, right], at most L. FLOPs: 0. Source: torch.nn.CircularPad1d.
    """

    rank = 1
    examples = [Example("CircularPad1d: {padding: [3, 1]}", (2, 3))]


class CircularPad2d(CircularPadNd):
    """The wrapped input around a map (C, H, W) -> (C, H + top + bottom, W + left + right).

    `padding` is one number, or [left, right, top, bottom], at most the axis. FLOPs: 0.
    Source: torch.nn.CircularPad2d.
    """

    rank = 2
    examples = [Example("CircularPad2d: {padding: [2, 1, 0, 3]}", (2, 3, 4))]


class CircularPad3d(CircularPadNd):
    """The wrapped input around a volume (C, D, H, W); each axis grows by both of its sides.

    `padding` is one number, or [left, right, top, bottom, front, back]. FLOPs: 0.
    Source: torch.nn.CircularPad3d.
    """

    rank = 3
    examples = [Example("CircularPad3d: {padding: [1, 2, 0, 1, 1, 0]}", (1, 2, 3, 4))]
