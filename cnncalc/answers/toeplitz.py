"""A convolution as a product of matrices: its own matrix, and that of its patches (im2col).

Along an axis, the matrix of a convolution with stride 1 is constant on its diagonals (Toeplitz);
with two axes its blocks are, and lie so themselves: it is doubly blocked.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import NamedTuple

from cnncalc.layer import Layer, LayerError, Shape
from cnncalc.layers.conv import ConvNd, LocallyConnectedNd

MOST_ENTRIES = 4_096
"""More is no picture any more."""

Index = tuple[int, ...]


class Matrices(NamedTuple):
    """y = `matrix` x, and y = weight `patches`, to which a `bias` is then added.

    `matrix` has a row for each output unit and a column for each input element, in torch's order;
    an entry is the index into the weight (output channel, input channel in the group, tap), or
    None for 0. `patches` has a row for each (input channel, tap) and a column for each output
    position; an entry is the index into the input, or None in the padding. `weight` is the layer's
    with all axes but the first in one.
    """

    output: Shape
    input: Shape
    weight: Shape
    groups: int
    bias: bool
    matrix: tuple[tuple[Index | None, ...], ...]
    patches: tuple[tuple[Index | None, ...], ...]


def matrices(layer: Layer, x: Shape) -> Matrices:
    """Both matrices of a small convolution; raises LayerError where they cannot be shown."""
    name = type(layer).__name__
    if not isinstance(layer, ConvNd) or isinstance(layer, LocallyConnectedNd):
        raise LayerError(f"the matrix is that of a convolution, and {name} is none")
    if layer.padding_mode != "zeros" and any(map(any, layer.pads)):
        help = "write padding_mode: zeros"
        raise LayerError("the matrix is shown for padding with zeros only", help=help)
    out = layer.infer(x)
    columns = max(prod(x), x[0] * prod(layer.kernel_size))
    if prod(out) * columns > MOST_ENTRIES:
        raise LayerError(
            f"a matrix of {prod(out):,} x {columns:,} is too large: "
            f"up to {MOST_ENTRIES:,} entries are shown",
            help="take a smaller input, or fewer channels",
        )
    return Matrices(
        output=out,
        input=x,
        weight=layer.params(x)["weight"].shape,
        groups=layer.groups,
        bias=layer.bias,
        matrix=tuple(_row(layer, x, unit) for unit in _places(out)),
        patches=tuple(_patches(layer, x, out)),
    )


def _row(layer: ConvNd, x: Shape, unit: Index) -> tuple[Index | None, ...]:
    """Of one output unit, the weight that each input element meets."""
    each = x[0] // layer.groups
    first = unit[0] // (layer.out_channels // layer.groups) * each
    met = {
        (first + c, *place): (unit[0], c, *tap)
        for tap, place in _taps(layer, x, unit[1:])
        for c in range(each)
    }
    return tuple(met.get(element) for element in _places(x))


def _patches(layer: ConvNd, x: Shape, out: Shape) -> Iterator[tuple[Index | None, ...]]:
    """Row by row, the input element that each output position meets."""
    met = [dict(_taps(layer, x, place)) for place in _places(out[1:])]
    for c, tap in product(range(x[0]), _places(layer.kernel_size)):
        yield tuple((c, *one[tap]) if tap in one else None for one in met)


def _taps(layer: ConvNd, x: Shape, unit: Index) -> Iterator[tuple[Index, Index]]:
    """Every tap at a position of the output, and the place on the input; without the padding."""
    axes = list(zip(unit, layer.stride, layer.dilation, layer.pads, strict=True))
    for tap in _places(layer.kernel_size):
        place = tuple(o * s - pads[0] + t * d for t, (o, s, d, pads) in zip(tap, axes, strict=True))
        if all(0 <= i < n for i, n in zip(place, x[1:], strict=True)):
            yield tap, place


def _places(shape: Shape) -> Iterator[Index]:
    return product(*map(range, shape))
