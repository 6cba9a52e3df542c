"""What a convolution would cost without its two savings: local connections, shared weights."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from cnncalc.formula import Formula
from cnncalc.layer import Layer, Shape
from cnncalc.layers.conv import ConvNd


class Dense(NamedTuple):
    """Parameters of layers with the same input and output, from the freest to the layer itself.

    `connected` is the fully connected layer, `local` the one with a kernel of its own for each
    output unit, `shared` the layer. Kernels that are not shared have weights over the padding, too,
    so that `local` may be more than `connected`.
    """

    connected: int
    connected_formula: Formula
    local: int
    local_formula: Formula
    shared: int


def dense(layer: Layer, x: Shape) -> Dense | None:
    """The comparison, None where the layer is no convolution; raises LayerError as `infer`."""
    if not isinstance(layer, ConvNd):
        return None
    units, products = prod(layer.infer(x)), layer.macs(x)
    values = {"inputs": prod(x), "units": units, "kernel": products // units}
    text = "({} + 1)*units" if layer.bias else "{}*units"
    connected, local = (Formula(text.format(each), values) for each in ("inputs", "kernel"))
    shared = sum(prod(one.shape) for one in layer.params(x).values())
    return Dense(int(connected.value), connected, int(local.value), local, shared)
