"""A layer that is not modelled: what the spec declares of it is taken as given."""

from __future__ import annotations

from cnncalc.argument import Integer, ListOf, Optional, argument, positive
from cnncalc.layer import SAVES_INPUT, Example, Layer, LayerError, Parameter, Saved, Shape
from cnncalc.window import Reach, Window

count = Integer(0, 2**63 - 1)


class Opaque(Layer):
    """A layer that is not modelled, with the numbers that are declared for it.

    Any input to `output`. Params and MACs: as declared; the backward pass takes the MACs again for
    each gradient. FLOPs: `flops`, those of the whole layer, or 2 x MACs where it is not written.
    Saves its input. What its outputs read is unknown. No number of it is ever proved.
    Source: the spec.
    """

    output: tuple[int, ...] = argument(ListOf(positive))
    params_: int = argument(count)
    macs_: int = argument(count)
    flops_: int | None = argument(Optional(count), default=None)
    primary = "output"
    declared = True
    examples = [
        Example("Opaque: {output: [8, 4, 4], params: 100, macs: 1600}", (3, 8, 8)),
        Example("Opaque: {output: 10, params: 0, macs: 0, flops: 500}", (3, 8, 8)),
    ]

    def check_arguments(self) -> None:
        """Refuse fewer FLOPs than the MACs alone take."""
        if self.flops_ is not None and self.flops_ < 2 * self.macs_:
            raise LayerError(
                f"flops {self.flops_} is less than the {2 * self.macs_} of the {self.macs_} MACs",
                code="CNN007",
                argument="flops",
                help="flops are those of the whole layer, and count 2 a MAC",
            )

    def infer(self, x: Shape) -> Shape:
        return self.output

    def params(self, x: Shape) -> dict[str, Parameter]:
        return {"params": Parameter((self.params_,))} if self.params_ else {}

    def macs(self, x: Shape) -> int:
        return self.macs_

    def elementwise_flops(self, x: Shape) -> int:
        return 0 if self.flops_ is None else self.flops_ - 2 * self.macs_

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return SAVES_INPUT

    def window(self, x: Shape) -> Window:
        return Reach.UNKNOWN
