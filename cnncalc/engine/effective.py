"""The effective receptive field: how much each pixel weighs in what a unit gives.

Source: Luo et al. 2016, Understanding the effective receptive field in deep convolutional networks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from cnncalc.analysis.unit_box import Edges
from cnncalc.engine import budget
from cnncalc.engine.budget import Rebuild, Work
from cnncalc.engine.errors import EngineError
from cnncalc.engine.part import leading_to, one_hot
from cnncalc.engine.run import run
from cnncalc.engine.weights import Array, initialise, random_inputs
from cnncalc.graph import Graph
from cnncalc.layer import Shape

SHARES = (0.5, 0.9, 0.99)
"""Of all that reaches the input, what the boxes hold."""
DTYPE = "float32"
NEAR = 1e-9
"""Distances that differ by less in relation are of the same box."""


class Held(NamedTuple):
    """The smallest box around the field's centre that holds a share; a range of pixels an axis."""

    share: float
    box: tuple[range, ...]


class Effective(NamedTuple):
    """The mean absolute gradient of a unit for the positions of an input; its sum is 1."""

    gradient: Array
    samples: int
    seed: int
    held: tuple[Held, ...]

    def cells(self, steps: Sequence[int]) -> list[list[float]]:
        """The means over blocks of these sizes, as rows of a map (one row of a sequence)."""
        blocks = self.gradient.reshape((1, -1)) if self.gradient.ndim == 1 else self.gradient
        for axis, step in enumerate(steps):
            n = blocks.shape[axis]
            first = np.arange(0, n, step)
            ends = np.minimum(first + step, n)
            widths = (ends - first).reshape((-1, *(1,) * (blocks.ndim - axis - 1)))
            blocks = np.add.reduceat(blocks, first, axis) / widths
        found: list[list[float]] = blocks.tolist()
        return found


class Unit(NamedTuple):
    """A unit of a value, and the theoretical field of it on an input of that name."""

    value: int
    place: Shape
    input: str
    field: tuple[Edges, ...]


class Sampling(NamedTuple):
    """How often the gradient is taken: sample i has the random weights and inputs of seed + i."""

    samples: int = 10
    seed: int = 0
    threads: int = 1
    memory: int | None = None


def effective(
    graph: Graph,
    unit: Unit,
    sampling: Sampling,
    rebuild: Rebuild | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Effective:
    """The gradient of a unit, all its channels added up, over random inputs and weights.

    In eval mode, on one image a sample. Raises EngineError for what takes too much memory, and
    where no gradient arrives.
    """
    part = leading_to(graph, unit.value)
    item = np.dtype(DTYPE).itemsize
    work = Work(1, item, backward=True)
    budget.check(part, work, sampling.memory, _rebuilt(graph, unit, rebuild))
    total: Array = np.zeros(())
    for sample in range(sampling.samples):
        total = total + _gradient(part, unit, sampling.seed + sample, sampling.threads)
        if progress is not None:
            progress(sample + 1, sampling.samples)
    if not total.sum() > 0:
        raise EngineError(
            f"no gradient arrives at {unit.input} in {sampling.samples} samples",
            "take more: --samples, or another unit",
        )
    gradient = total / total.sum()
    return Effective(gradient, sampling.samples, sampling.seed, boxes(gradient, unit.field))


def _rebuilt(graph: Graph, unit: Unit, rebuild: Rebuild | None) -> Rebuild | None:
    """The part of the network for other inputs."""
    path = graph.values[unit.value].path

    def part(inputs: Mapping[str, Shape]) -> Graph | None:
        found = rebuild(inputs) if rebuild else None
        places = [i for i, one in enumerate(found.values) if one.path == path] if found else []
        return leading_to(found, places[0]) if found and places else None

    return part if rebuild else None


def _gradient(part: Graph, unit: Unit, seed: int, threads: int) -> Array:
    """The absolute gradient for the input, added up over its channels, in float64."""
    done = run(
        part,
        initialise(part, seed, DTYPE),
        random_inputs(part, 1, seed, DTYPE),
        backward=True,
        upstream={part.values[unit.value].path: one_hot(part, unit.value, [unit.place], DTYPE)},
        input_gradients=True,
        seed=seed,
        threads=threads,
    )
    found: Array = abs(done.input_gradients[unit.input][0]).astype(np.float64).sum(axis=0)
    return found


def boxes(gradient: Array, field: Sequence[Edges]) -> tuple[Held, ...]:
    """The smallest boxes around the field's centre, in its proportions, that hold SHARES."""
    distances = [
        abs(np.arange(n) + 0.5 - (edges.low + edges.high) / 2) / (edges.high - edges.low)
        for n, edges in zip(gradient.shape, field, strict=True)
    ]
    farthest = np.zeros(())
    for distance in distances:
        farthest = np.maximum.outer(farthest, distance)
    order = np.argsort(farthest, axis=None)
    sums = np.cumsum(gradient.ravel()[order])
    found = []
    for share in SHARES:
        last = min(int(np.searchsorted(sums, share * sums[-1])), len(order) - 1)
        reach = farthest.ravel()[order[last]] * (1 + NEAR)
        found.append(Held(share, tuple(_within(distance, reach) for distance in distances)))
    return tuple(found)


def _within(distance: Array, reach: float) -> range:
    """The positions of an axis that are not farther than that."""
    inside = np.flatnonzero(distance <= reach)
    return range(int(inside[0]), int(inside[-1]) + 1)
