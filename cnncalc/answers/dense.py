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
    output unit, `shared` the layer.
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
    values = {"inputs": prod(x), "units": units, "MACs": products}
    texts = ("(inputs + 1)*units", "MACs + units") if layer.bias else ("inputs*units", "MACs")
    connected, local = (Formula(text, values) for text in texts)
    shared = sum(prod(one.shape) for one in layer.params(x).values())
    return Dense(int(connected.value), connected, int(local.value), local, shared)
