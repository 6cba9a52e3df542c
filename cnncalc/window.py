"""How one output cell of a layer looks at the layer's input, axis by axis.

A layer's window is a tuple with one of the axis types below for every spatial axis, or a `Reach`
where no such tuple exists. Positions on an axis are counted from 0; output unit `o` of an axis of
`n` input positions reads the positions named in each class.
"""

from __future__ import annotations

from enum import Enum
from math import gcd
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from fractions import Fraction


class Sliding(NamedTuple):
    """A convolution or pooling window: reads `o * stride - before + t * dilation`, t < kernel.

    What it reads beyond the ends is padding: by `mode` a constant, which is nothing of the input,
    or a copy of the input (reflect, replicate, circular). Circular padding wraps what a crop
    leaves: `before` and `after` are negative where positions are cropped.
    """

    kernel: int = 1
    stride: int = 1
    dilation: int = 1
    before: int = 0
    mode: str = "constant"
    after: int = 0

    @property
    def extent(self) -> int:
        """Positions from the first tap to the last: d(F - 1) + 1."""
        return self.dilation * (self.kernel - 1) + 1


class Transposed(NamedTuple):
    """A transposed convolution: reads each `i` with `i * stride - before + t * dilation == o`."""

    kernel: int = 1
    stride: int = 1
    dilation: int = 1
    before: int = 0

    @property
    def extent(self) -> int:
        """Output positions that one input position writes: d(F - 1) + 1."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def reads(self) -> tuple[int, int]:
        """Input positions from first to last tap: the fewest and the most over output phases."""
        common = gcd(self.dilation, self.stride)
        period = self.stride // common
        fewest, most = self.kernel // period, -(-self.kernel // period)
        if common > 1:
            fewest = 0  # phases between the dilated taps read nothing
        step = self.dilation // common
        return max(0, (fewest - 1) * step + 1), (most - 1) * step + 1


class Resized(NamedTuple):
    """Resampling from `before` to `after` positions: one tap (nearest), or two (linear).

    `scale` is the written factor where after / before is not exactly that (1.5 takes 5 to 7), and
    where the positions are spaced by it (not with `align_corners`).
    """

    before: int
    after: int
    linear: bool = False
    align_corners: bool = False
    scale: float | None = None

    @property
    def step(self) -> Fraction:
        """Input positions for each output position: by the corners, the scale, or the sizes."""
        from fractions import Fraction  # only networks that resample need it

        if self.align_corners and self.after > 1:
            return Fraction(self.before - 1, self.after - 1)
        if self.scale is None:
            return Fraction(self.before, self.after)
        return 1 / Fraction(repr(self.scale))


class Adaptive(NamedTuple):
    """Adaptive pooling from `before` to `after`: reads floor(o N/M) up to ceil((o+1) N/M)."""

    before: int
    after: int

    def taps(self, o: int) -> range:
        """The positions that an output reads."""
        return range(o * self.before // self.after, -(-(o + 1) * self.before // self.after))


class Whole(NamedTuple):
    """Every unit reads the whole axis; a norm (`local`) does so only through its statistics."""

    local: bool = False


Axis = Sliding | Transposed | Resized | Adaptive | Whole


class Reach(Enum):
    """The window of a layer whose output has no spatial axes to match its input's."""

    ENDS = "each unit reads one place, but positions are no longer in spatial order"
    EVERYTHING = "each unit reads the whole input"
    STATISTICS = "each unit reads one place, and the whole input through a norm"
    UNKNOWN = "what a unit reads is not declared"


Window = tuple[Axis, ...] | Reach

POINT = Sliding()


def pointwise(shape: tuple[int, ...]) -> Window:
    """The window of a layer that works on every position alone."""
    return (POINT,) * (len(shape) - 1)
