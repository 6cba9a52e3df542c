"""What a unit reads, by execution: ones sent backwards through the engine's own kernels.

A mask (units, 1, *positions) stands for all channels. Weights are 1, activations and norms with
running statistics let everything pass, and pools add up, so that no gate hides what a layer may
read. After every layer the mask is made of zeros and ones anew: sums of many layers would overflow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce, singledispatch
from typing import Any, NamedTuple

import numpy as np

from cnncalc.engine.weights import Array
from cnncalc.graph import Graph, Node
from cnncalc.kernels import pooling
from cnncalc.kernels.mode import Mode, Wants
from cnncalc.kernels.statistics import summed_to
from cnncalc.layer import Layer, Shape, attribute
from cnncalc.layers.activation import Activation, OverAxis
from cnncalc.layers.conv import ConvNd, ConvTransposeNd
from cnncalc.layers.dropout import DropoutBase
from cnncalc.layers.linear import Linear, Reshaping, Scale
from cnncalc.layers.merge import Concat, Merge
from cnncalc.layers.norm import BatchNormNd, LocalResponseNorm
from cnncalc.layers.pad import PadNd
from cnncalc.layers.pool import AdaptivePoolNd, PoolNd
from cnncalc.layers.resize import PixelShuffle, PixelUnshuffle, Upsample
from cnncalc.layers.shape import CenterCrop, ChannelShuffle, Permute, Pieces

Masks = tuple[Array | None, ...]


class Mask(NamedTuple):
    """Which positions of a value the units read: (units, *positions), True where one is read.

    None: the value is no map whose positions are in the order of the output's. `readers` are the
    layers through which it was reached.
    """

    value: int
    read: Array | None
    readers: tuple[Node, ...]


def masks(graph: Graph, value: int, places: Sequence[Shape]) -> Iterator[Mask]:
    """What these units of a value read of all values that it depends on, backwards."""
    found: dict[int, Array | None] = {value: _one_hot(_positions(graph, value), places)}
    readers: dict[int, tuple[Node, ...]] = {}
    producer = graph.values[value].producer
    for node in reversed(graph.nodes[: -1 if producer is None else producer + 1]):
        arriving = {index: found.pop(index) for index in node.outputs if index in found}
        if not arriving:
            continue
        for index, mask in arriving.items():
            yield Mask(index, _plain(mask), readers.get(index, ()))
        for index, mask in zip(node.inputs, _through(graph, node, arriving), strict=True):
            found[index] = _union(found[index], mask) if index in found else mask
            readers[index] = (*readers.get(index, ()), node)
    for index, mask in found.items():
        yield Mask(index, _plain(mask), readers.get(index, ()))


def _positions(graph: Graph, value: int) -> Shape:
    return (graph.values[value].shape or ())[1:]


def _one_hot(size: Shape, places: Sequence[Shape]) -> Array:
    mask = np.zeros((len(places), 1, *size))
    for number, place in enumerate(places):
        mask[(number, 0, *place)] = 1
    return mask


def _plain(mask: Array | None) -> Array | None:
    return None if mask is None else mask[:, 0] > 0


def _union(a: Array | None, b: Array | None) -> Array | None:
    return None if a is None or b is None else np.maximum(a, b)


def _through(graph: Graph, node: Node, arriving: dict[int, Array | None]) -> Masks:
    """What is read of each input of a node, for what is read of its outputs."""
    shapes = graph.shapes(node.inputs)
    unknown = (None,) * len(node.inputs)
    sizes = {_positions(graph, index) for index in arriving}
    if node.layer is None or shapes is None or len(sizes) > 1 or not all(sizes):
        return unknown
    mask = reduce(_union, arriving.values())
    if mask is None:
        return unknown
    found = _back(node.layer, mask, shapes)
    return tuple(
        None if one is None else _binary(one, rounding(node.layer, shapes)) for one in found
    )


def rounding(layer: Layer, shapes: Sequence[Shape], dtype: Any = np.float64) -> float:
    """What a share of 0 may come out as: 0, but for linear resampling, which rounds places."""
    if not isinstance(layer, Upsample) or layer.mode == "nearest":
        return 0.0
    return max(*shapes[0], *layer.infer(*shapes)) * float(np.finfo(dtype).eps)


def _binary(gradient: Array, zero: float) -> Array:
    """One for all channels: 1 where a gradient arrives in any."""
    found: Array = np.any(abs(gradient) > zero, axis=1, keepdims=True)
    return found.astype(np.float64)


# ---- layers: from the mask of the output to the gradients of the inputs


def _in_general(layer: Layer, mask: Array, shapes: Sequence[Shape]) -> Masks:
    """Through the layer itself, on random values in all channels: norms and softmax over space."""
    (shape,) = shapes
    generator = np.random.default_rng(0)
    parameters = layer.params(shape).items()
    weights = {name: layer.initial(name, one.shape, generator) for name, one in parameters}
    rows, places = np.unique(mask, axis=0, return_inverse=True)
    found = np.empty((len(rows), 1, *shape[1:]))
    for number, row in enumerate(rows):
        y, saved = layer.forward(weights, generator.normal(0, 1, (1, *shape)), mode=Mode())
        dy = generator.normal(0, 1, y.shape) * row
        dx, _ = layer.backward(weights, dy, saved, wants=Wants(weights=False), mode=Mode())
        found[number] = (dx[0] != 0).any(axis=0)
    return (found[places.ravel()],)


_back = singledispatch(_in_general)


@_back.register(Activation)
@_back.register(DropoutBase)
@_back.register(Scale)
@_back.register(LocalResponseNorm)
@_back.register(ChannelShuffle)
@_back.register(Pieces)
@_back.register(Reshaping)
def _same(layer: Layer, mask: Array, shapes: Sequence[Shape]) -> Masks:  # noqa: ARG001 - a rule
    """Each position for itself."""
    return tuple(mask if shape[1:] == mask.shape[2:] else None for shape in shapes)


@_back.register
def _of_softmax(layer: OverAxis, mask: Array, shapes: Sequence[Shape]) -> Masks:
    along_channels = layer.dim % mask.ndim == 1
    return (_same if along_channels else _in_general)(layer, mask, shapes)


@_back.register
def _of_batch_norm(layer: BatchNormNd, mask: Array, shapes: Sequence[Shape]) -> Masks:
    return (_same if layer.track_running_stats else _in_general)(layer, mask, shapes)


@_back.register
def _of_permute(layer: Permute, mask: Array, shapes: Sequence[Shape]) -> Masks:
    kept = [dim % mask.ndim for dim in layer.dims] == list(range(mask.ndim))
    return _same(layer, mask, shapes) if kept else (None,)


@_back.register(ConvNd)
@_back.register(ConvTransposeNd)
def _of_convolution(layer: ConvNd | ConvTransposeNd, mask: Array, shapes: Sequence[Shape]) -> Masks:
    """The same layer with one channel and weights of 1."""
    written = {name: getattr(layer, attribute(name)) for name in layer.arguments}
    single = {"out_channels": 1, "groups": 1, "bias": False, "in_channels": None}
    return (_of_ones(type(layer)(**(written | single)), mask, shapes[0]),)


@_back.register
def _of_linear(layer: Linear, mask: Array, shapes: Sequence[Shape]) -> Masks:
    return (_of_ones(layer, mask, shapes[0]) if len(shapes[0]) > 1 else None,)


def _of_ones(layer: Layer, mask: Array, shape: Shape) -> Array:
    one_channel = (1, *shape[1:])
    weights = {name: np.ones(one.shape) for name, one in layer.params(one_channel).items()}
    x = np.zeros((len(mask), *one_channel))
    dx: Array
    dx, _ = layer.backward(weights, mask, x, wants=Wants(weights=False), mode=Mode())
    return dx


@_back.register
def _of_pool(layer: PoolNd, mask: Array, shapes: Sequence[Shape]) -> Masks:
    return (pooling.sums_gradient(mask, layer.pool(shapes[0][1:])),)


@_back.register
def _of_adaptive_pool(layer: AdaptivePoolNd, mask: Array, shapes: Sequence[Shape]) -> Masks:
    n = shapes[0][1:]
    windows = pooling.adaptive_windows(n, layer.output_size)
    return (pooling.adaptive_means_gradient(mask, windows, n),)


@_back.register(Upsample)
@_back.register(PadNd)
@_back.register(CenterCrop)
@_back.register(PixelShuffle)
@_back.register(PixelUnshuffle)
def _of_moving(layer: Layer, mask: Array, shapes: Sequence[Shape]) -> Masks:
    """Through the layer itself, which has no weights and treats all channels alike."""
    if isinstance(layer, PixelUnshuffle):
        mask = np.repeat(mask, layer.downscale_factor**2, axis=1)
    saved, wants = shapes[0][1:], Wants(weights=False)
    return (layer.backward({}, mask, saved, wants=wants, mode=Mode())[0],)


@_back.register
def _of_merge(layer: Merge, mask: Array, shapes: Sequence[Shape]) -> Masks:
    if isinstance(layer, Concat):
        along_channels = layer.dim % mask.ndim == 1
        return _same(layer, mask, shapes) if along_channels else (None,) * len(shapes)
    return tuple(summed_to(mask, (len(mask), 1, *shape[1:])) for shape in shapes)
