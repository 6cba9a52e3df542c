"""Data for a layer alone: integers for exact sums, or numbers away from kinks and ties."""

from __future__ import annotations

from math import prod, sqrt

import numpy as np

from cnncalc.engine.gradients.structure import (
    MAXIMA,
    NORMS,
    divisor,
    group_size,
    kinds,
    kinks,
)
from cnncalc.engine.gradients.subject import Array, Subject, input_names
from cnncalc.engine.weights import random_target
from cnncalc.kernels.mode import Mode
from cnncalc.layer import Layer, Shape
from cnncalc.layers.loss import Loss

MARGIN = 0.05
"""Distance from every kink; the largest step of a difference moves an element by 0.02."""
SPACING = 0.1
"""Distance between any two elements that a maximum compares."""
LARGEST = 8
"""Integer data lie from 1 to this, of either sign."""

Generator = np.random.Generator


def integer_subject(
    layer: Layer, shapes: tuple[Shape, ...], batch: int, train: bool, seed: tuple[int, ...]
) -> Subject:
    """A layer with integers as data, multiples of whatever it divides by."""
    generator = np.random.default_rng(seed)
    names, scale = input_names(len(shapes)), divisor(layer, shapes[0])
    tensors: dict[str, Array] = {
        name: integers(generator, (batch, *shape), scale)
        for name, shape in zip(names, shapes, strict=True)
    }
    buffers: dict[str, Array] = {}
    for name, parameter in layer.params(*shapes).items():
        if parameter.buffer:
            buffers[name] = _integer_buffer(layer, name, parameter.shape, generator)
        else:
            tensors[name] = integers(generator, parameter.shape)
    return Subject(layer, Mode(train=train, seed=seed), names, tensors, buffers)


def integers(generator: Generator, shape: Shape, scale: int = 1) -> Array:
    """Integers but for 0, as float64; small ones, so that a huge tensor needs no second copy."""
    magnitude = generator.integers(1, LARGEST, shape, np.int8, endpoint=True)
    sign = generator.integers(0, 1, shape, np.int8, endpoint=True)
    sign += sign
    sign -= 1
    magnitude *= sign
    found = magnitude.astype(np.float64)
    if scale != 1:
        found *= scale
    return found


def _integer_buffer(layer: Layer, name: str, shape: Shape, generator: Generator) -> Array:
    """A running mean, or a running variance that makes the root of variance + eps a power of 2."""
    if name != "running_var":
        return integers(generator, shape)
    eps: float = layer.eps  # type: ignore[attr-defined]
    powers = 4.0 ** generator.integers(0, 2, shape, endpoint=True)
    while eps > 1 and (powers <= eps).any():
        powers *= 4.0
    return powers - eps


def real_subject(
    layer: Layer, shapes: tuple[Shape, ...], batch: int, train: bool, seed: tuple[int, ...]
) -> Subject:
    """A layer with random numbers as data."""
    generator = np.random.default_rng(seed)
    names = input_names(len(shapes))
    target = _target(layer, shapes[0], batch, seed)
    inputs = _inputs(layer, shapes, batch, train, generator, target)
    tensors = dict(zip(names, inputs, strict=True))
    buffers: dict[str, Array] = {}
    for name, parameter in layer.params(*shapes).items():
        place = buffers if parameter.buffer else tensors
        # the base class's values: a type's own may be constant, which would hide a mixed-up axis
        place[name] = Layer.initial(layer, name, parameter.shape, generator)
    return Subject(layer, Mode(train=train, seed=seed), names, tensors, buffers, target)


def _target(layer: Layer, x: Shape, batch: int, seed: tuple[int, ...]) -> Array | None:
    if not isinstance(layer, Loss):
        return None
    target = random_target(layer, x, batch, seed[0], "float64")
    if getattr(layer, "ignore_index", None) == target.flat[0]:  # one at least must count
        target.flat[0] = (target.flat[0] + 1) % x[0]
    return target


def _inputs(
    layer: Layer,
    shapes: tuple[Shape, ...],
    batch: int,
    train: bool,
    generator: Generator,
    target: Array | None,
) -> list[Array]:
    full = [(batch, *shape) for shape in shapes]
    names = kinds(layer)
    if names & MAXIMA:
        sets = full[0][0] if "Maxout" in names else full[0][0] * full[0][1]
        return [_distinct(generator, full[0], sets)]
    if "Maximum" in names:
        return [_apart(generator, shape, i, len(full)) for i, shape in enumerate(full)]
    if "LPPoolNd" in names:
        return [generator.uniform(0.5, 1.5, shape) for shape in full]
    if kinks(layer):
        return [_beside(generator, shape, kinks(layer)) for shape in full]
    if "L1Loss" in names and target is not None:
        return [target + _beside(generator, full[0], (0.0,))]
    if "MultiMarginLoss" in names and target is not None:
        return [_hinged(generator, full[0], target, layer.margin)]  # type: ignore[attr-defined]
    values = [generator.standard_normal(shape) for shape in full]
    if names & NORMS and group_size(layer, shapes[0], batch, train) == 2:
        # the norm of two values is nearly their order alone, unless they are as small as eps
        values = [value * 2 * sqrt(layer.eps) for value in values]  # type: ignore[attr-defined]
    return values


def _beside(generator: Generator, shape: Shape, bends: tuple[float, ...]) -> Array:
    """Numbers in every region between kinks, none close to one."""
    lower = np.array([bends[0] - 2.0, *bends])
    upper = np.array([*bends, bends[-1] + 2.0])
    margin = np.minimum(MARGIN, (upper - lower) / 4)
    region = generator.permutation(prod(shape)).reshape(shape) % len(lower)
    share = generator.uniform(0.0, 1.0, shape)
    low, high = (lower + margin)[region], (upper - margin)[region]
    found: Array = low + share * (high - low)
    return found


def _distinct(generator: Generator, shape: Shape, sets: int) -> Array:
    """Numbers that are all different within an image, or within a channel of one."""
    size = prod(shape) // sets
    ranks = generator.permuted(np.tile(np.arange(size), (sets, 1)), axis=1)
    return ((ranks - size / 2) * SPACING).reshape(shape)


def _apart(generator: Generator, shape: Shape, place: int, count: int) -> Array:
    """Numbers that differ from those of the same call for another `place`."""
    return generator.integers(-2, 2, shape, endpoint=True) + place / count


def _hinged(generator: Generator, shape: Shape, target: Array, margin: float) -> Array:
    """Scores whose hinges, margin - score of the target + score, are some open, some closed."""
    at_target = generator.standard_normal((shape[0], 1))
    scores = at_target - margin + _beside(generator, shape, (0.0,))
    np.put_along_axis(scores, target[:, None], at_target, axis=1)
    return scores


def upstream_for(
    subject: Subject, seed: tuple[int, ...], *, whole: bool, scale: int = 1
) -> tuple[Array, ...]:
    """A random gradient of the outputs (never ones: they cancel in norms and softmax)."""
    generator = np.random.default_rng((*seed, 1))
    shapes = [np.shape(y) for y in subject.output()]
    if whole:
        return tuple(integers(generator, shape, scale) for shape in shapes)
    return tuple(np.asarray(generator.standard_normal(shape)) for shape in shapes)
