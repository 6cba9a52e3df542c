"""The planted faults: every one of them must be caught."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from cnncalc import layers
from cnncalc.engine.gradients import faults
from cnncalc.engine.gradients.faults import Call, Fault, Gradients
from cnncalc.engine.gradients.subject import Array
from cnncalc.engine.gradients.variants import variant
from cnncalc.kernels.mode import Mode, Wants
from cnncalc.layer import Layer, Shape


class Mutant(NamedTuple):
    """A layer, what is wrong with its backward rule, and the rule."""

    layer: Layer
    shapes: tuple[Shape, ...]
    what: str
    fault: Fault

    def planted(self) -> Layer:
        """The layer with the broken rule."""

        def forward(_: Layer, weights: Mapping[str, Array], *xs: Array, mode: Mode) -> Any:
            y, saved = self.layer.forward(weights, *xs, mode=mode)
            return y, (saved, xs)

        def backward(
            _: Layer,
            weights: Mapping[str, Array],
            dy: Array,
            saved: Any,
            *,
            wants: Wants,  # noqa: ARG001 - the rule of a class
            mode: Mode,
        ) -> Gradients:
            own, xs = saved
            return self.fault(Call(self.layer, weights, xs, dy, own, mode))

        return variant(self.layer, forward=forward, backward=backward)


def mutants() -> Iterator[Mutant]:
    """All of them."""
    for name, arguments, shapes, what, fault in FAULTS:
        layer_type = layers.find(name)
        assert layer_type is not None
        yield Mutant(layer_type(**arguments), shapes, what, fault)


CONV = {"out_channels": 4, "kernel_size": 3, "padding": 1}
MAP: tuple[Shape, ...] = ((3, 7, 6),)
EVEN: tuple[Shape, ...] = ((6, 6, 6),)
TWO: tuple[Shape, ...] = ((3, 4, 5), (3, 4, 5))
POOL = {"kernel_size": 2}
NO_LAST_ROW = faults.of_input(faults.without_last_row)
NO_LAST_IMAGE = faults.of_input(faults.without_last_image)

Planted = tuple[str, dict[str, Any], tuple[Shape, ...], str, Fault]
"""The type of a layer, its arguments, the shapes of its inputs, the fault in words, the rule."""

FAULTS: tuple[Planted, ...] = (
    ("Conv2d", CONV, MAP, "kernel axes transposed", faults.of("weight", faults.turned_axes)),
    ("Conv2d", CONV, MAP, "last row of the input missing", NO_LAST_ROW),
    ("Conv2d", CONV, MAP, "kernel not turned", faults.unflipped),
    ("Conv2d", CONV, MAP, "bias divided by the batch", faults.of("bias", lambda db: db / 2)),
    ("Conv2d", CONV, MAP, "leak of 1e-3", faults.of("weight", lambda dw: dw * 1.001)),
    (
        "Conv2d",
        {"out_channels": 6, "kernel_size": 3, "stride": 2, "groups": 3},
        ((3, 9, 8),),
        "groups shifted by one",
        faults.of_input(lambda dx: np.roll(dx, 1, 1)),
    ),
    (
        "Conv2d",
        {"out_channels": 2, "kernel_size": 3, "stride": 2},
        ((2, 9, 9),),
        "stride off by one",
        faults.of_input(lambda dx: np.roll(dx, 1, -1)),
    ),
    (
        "ConvTranspose2d",
        {"out_channels": 4, "kernel_size": 3, "stride": 2},
        ((4, 3, 4),),
        "in and out channels transposed",
        faults.of("weight", lambda dw: np.swapaxes(dw, 0, 1)),
    ),
    ("Linear", {"out_features": 6}, ((6,),), "weight not transposed", faults.untransposed),
    ("Linear", {"out_features": 4}, ((6,),), "last image left out", NO_LAST_IMAGE),
    ("BatchNorm2d", {}, MAP, "term of the mean missing", faults.batch_norm("mean")),
    ("BatchNorm2d", {}, MAP, "term of the variance missing", faults.batch_norm("variance")),
    (
        "GroupNorm",
        {"num_groups": 2},
        ((4, 3, 3),),
        "groups of one channel",
        faults.taken_for("GroupNorm", num_groups=4),
    ),
    (
        "LayerNorm",
        {"normalized_shape": 5},
        ((3, 4, 5),),
        "bias from one image",
        faults.of("bias", lambda db: db / 2),
    ),
    (
        "LocalResponseNorm",
        {"size": 3, "alpha": 0.5},
        ((4, 3, 3),),
        "neighbours missing",
        faults.without_neighbours,
    ),
    ("MaxPool2d", POOL, EVEN, "the last of equal maxima", faults.last_maximum),
    (
        "MaxPool2d",
        POOL,
        EVEN,
        "argmax off by one",
        faults.of_input(lambda dx: np.roll(dx, 1, -1)),
    ),
    (
        "AvgPool2d",
        {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False},
        ((2, 7, 8),),
        "padding counted",
        faults.taken_for("AvgPool2d", kernel_size=3, stride=2, padding=1),
    ),
    ("ReflectionPad2d", {"padding": 2}, MAP, "gradient of the padding lost", faults.cropped),
    (
        "Upsample",
        {"scale_factor": 2, "mode": "bilinear"},
        ((2, 3, 4),),
        "taken for nearest",
        faults.taken_for("Upsample", scale_factor=2),
    ),
    ("ChannelShuffle", {"groups": 2}, EVEN, "not shuffled back", faults.shuffled_again),
    ("ReLU", {}, MAP, "open at 0", faults.open_at_zero),
    ("PReLU", {"num_parameters": 3}, MAP, "slope of the positive side", faults.slope_of_all),
    ("Tanh", {}, MAP, "wrong sign", faults.of_output(lambda y, dy: dy * (1 + y * y))),
    ("Sigmoid", {}, MAP, "factor 1 - y missing", faults.of_output(lambda y, dy: dy * y)),
    ("GELU", {}, MAP, "term of the density missing", faults.without_density),
    ("Softmax", {}, ((6,),), "cross term missing", faults.of_output(lambda y, dy: dy * y)),
    ("Dropout", {"p": 0.5}, MAP, "mask not replayed", faults.another_mask),
    ("Mul", {}, TWO, "gates swapped", faults.swapped),
    (
        "Add",
        {},
        ((3, 4, 5), (3, 1, 1)),
        "sum of the broadcast missing",
        faults.without_sum,
    ),
    ("Concat", {}, TWO, "channels in the wrong order", faults.swapped),
    ("CrossEntropyLoss", {}, ((5,),), "not divided by the batch", faults.times_batch),
)
