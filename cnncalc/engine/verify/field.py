"""The proof of receptive fields: what units read, by sets of positions and by execution.

Two proofs. Ones are sent backwards through the kernels, and must arrive at just the positions that
`analysis.regions` says, at every layer on the way; and on random weights and inputs no gradient of
a unit may reach further, which alone would not do: a gate can hide what a layer may read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import product
from math import prod
from typing import NamedTuple

import numpy as np

from cnncalc.analysis import regions
from cnncalc.analysis.receptive_field import UNKNOWN, receptive_fields
from cnncalc.analysis.regions import Region
from cnncalc.engine import budget
from cnncalc.engine.budget import Rebuild, Work
from cnncalc.engine.errors import EngineError
from cnncalc.engine.part import leading_to, one_hot
from cnncalc.engine.run import run
from cnncalc.engine.step import Step
from cnncalc.engine.verify.indicator import Mask, masks, rounding
from cnncalc.engine.verify.results import Difference
from cnncalc.engine.weights import Array, Arrays, initialise, known_shape, random_inputs
from cnncalc.graph import Graph, Node
from cnncalc.layer import Shape
from cnncalc.layers.resize import Upsample

LAYERS = 6
"""Layers whose units are followed, besides those that no other map follows."""
RANDOM = 3
"""Units of a layer that are drawn, besides the corners and the middle."""
MOST = 4096
"""Positions on an axis of a smaller input, where units cannot be followed on the network's own."""
ELEMENTS = 1 << 22
"""Of a mask, with all units that are followed at once."""


class Given(NamedTuple):
    """With what a network is run: on a batch of one."""

    weights: Arrays
    dtype: str = "float32"
    seed: int = 0
    threads: int = 1
    memory: int | None = None


@dataclass
class FieldProof:
    """What was compared: units of layers, and the pixels of inputs that they read.

    `by_sets` and `by_ones` are those pixels by the analysis and by the kernels, `by_gradients`
    pixels that a gradient of one of the units reached. `missing` is why nothing could be compared,
    `no_gradients` why the network was not run, and `stopped` why a run broke off. `shapes` are
    those of inputs that the units were followed to.
    """

    layers: int = 0
    units: int = 0
    by_sets: int = 0
    by_ones: int = 0
    by_gradients: int = 0
    differences: dict[str, Difference] = field(default_factory=dict)
    missing: str | None = None
    no_gradients: str | None = None
    stopped: str | None = None
    shapes: tuple[Shape, ...] = ()

    def differ(self, graph: Graph, index: int, readers: Sequence[Node], *texts: str) -> None:
        """Write down that analysis and run disagree on what is read of a value."""
        path, kind = graph.values[index].path, ""
        if len(readers) == 1:
            path, kind = readers[0].path, readers[0].type
        self.differences.setdefault(path, Difference(path, kind, *texts))


class Followed(NamedTuple):
    """A unit, and what it reads of every value by the analysis."""

    value: int
    place: Shape
    reads: dict[int, Region | None]

    def pixels(self, graph: Graph) -> int:
        """How many positions of all inputs it reads."""
        found = (self.reads.get(index) for index in graph.inputs.values())
        return sum(region.positions for region in found if region is not None)


def prove(graph: Graph, given: Given, rebuild: Rebuild | None = None) -> FieldProof:
    """Run both proofs; the first one also on the network for inputs of one more pixel an axis.

    Sizes that are odd and even go through other cases of strides and paddings. Where a map is too
    large to follow units on it, the network is taken for smaller inputs.
    """
    proof = FieldProof()
    near = _small_enough(graph, rebuild)
    if near is None:
        sizes = " x ".join(map(str, regions.too_large(graph) or ()))
        proof.missing = f"a map of {sizes} is too large to follow units on it"
        return proof
    if near is not graph:
        given = given._replace(weights=initialise(near, given.seed, given.dtype))
    units = list(_all_units(near, given.seed))
    if not units:
        proof.missing = "no layer has places that are in the order of an input's"
        return proof
    try:
        _by_ones(near, units, proof)
        other = _rebuilt(near, lambda n: n + 1, rebuild)
        if other is not None:
            _by_ones(other, list(_all_units(other, given.seed)), proof)
        _by_gradients(near, units, given, proof)
    except Exception as error:  # what a wrong rule leads to
        proof.stopped = f"{type(error).__name__}: {error}"
    return proof


def _small_enough(graph: Graph, rebuild: Rebuild | None) -> Graph | None:
    """The network, or that for smaller inputs, whose units can be followed."""
    if regions.too_large(graph) is None:
        return graph
    return _rebuilt(graph, lambda n: min(n, MOST), rebuild)


def _rebuilt(graph: Graph, size: Callable[[int], int], rebuild: Rebuild | None) -> Graph | None:
    """The network for inputs whose axes have other sizes, if there is one that can be followed."""
    shapes = {name: known_shape(graph, index) for name, index in graph.inputs.items()}
    changed = {name: (shape[0], *map(size, shape[1:])) for name, shape in shapes.items()}
    found = rebuild(changed) if rebuild else None
    return None if found is None or regions.too_large(found) is not None else found


# ---- units


def _all_units(graph: Graph, seed: int) -> Iterator[Followed]:
    generator = np.random.default_rng(seed)
    for value in _layers(graph):
        size = known_shape(graph, value)[1:]
        for place in _places(size, generator):
            yield Followed(value, place, regions.read_by(graph, value, regions.unit(size, place)))


def _layers(graph: Graph) -> list[int]:
    """The maps that no other map follows, and some evenly spread before them."""
    fields = [receptive_fields(graph, source) for source in graph.inputs.values()]
    maps = [
        index
        for node in graph.nodes
        for index in node.outputs
        if len(graph.values[index].shape or ()) > 1
        and all(one[index] is not UNKNOWN for one in fields)
        and any(one is not None and one.ordered for one in (of[index] for of in fields))
    ]
    known = set(maps)
    read = {i for node in graph.nodes if not known.isdisjoint(node.outputs) for i in node.inputs}
    spread = {maps[len(maps) * number // LAYERS] for number in range(LAYERS)} if maps else set()
    return [index for index in maps if index in spread or index not in read]


def _places(size: Shape, generator: np.random.Generator) -> list[Shape]:
    """The corners, the middle, and some at random, each once."""
    corners = list(product(*((0, n - 1) for n in size)))
    middle = tuple(n // 2 for n in size)
    drawn = [tuple(generator.integers(0, size).tolist()) for _ in range(RANDOM)]
    return list(dict.fromkeys([*corners, middle, *drawn]))


# ---- the first proof: ones


def _by_ones(graph: Graph, units: Sequence[Followed], proof: FieldProof) -> None:
    proof.shapes += tuple(known_shape(graph, index) for index in graph.inputs.values())
    largest = max(prod(value.shape or ()) // (value.shape or (1,))[0] for value in graph.values)
    most = max(1, ELEMENTS // largest)
    for value in dict.fromkeys(unit.value for unit in units):
        proof.layers += 1
        of_layer = [unit for unit in units if unit.value == value]
        for first in range(0, len(of_layer), most):
            _compare(graph, of_layer[first : first + most], proof)


def _compare(graph: Graph, units: Sequence[Followed], proof: FieldProof) -> None:
    """Units of one layer, backwards up to where analysis and run first differ."""
    proof.units += len(units)
    inputs = set(graph.inputs.values())
    for mask in masks(graph, units[0].value, [unit.place for unit in units]):
        expected = [unit.reads[mask.value] for unit in units]
        if mask.value in inputs:
            proof.by_sets += sum(one.positions for one in expected if one is not None)
            proof.by_ones += 0 if mask.read is None else int(mask.read.sum())
        if _differ(graph, mask, expected, proof):
            return


def _differ(graph: Graph, mask: Mask, expected: Sequence[Region | None], proof: FieldProof) -> bool:
    """Whether a unit reads other positions than the analysis says, which is written down."""
    for number, region in enumerate(expected):
        read = None if mask.read is None else mask.read[number]
        if region is None or not region.size or (read is not None and _is(region, read)):
            continue
        texts = _counted(_array(region)), "nothing known" if read is None else _counted(read)
        proof.differ(graph, mask.value, mask.readers, *texts)
        return True
    return False


def _is(region: Region, read: Array) -> bool:
    return bool((_array(region) == read).all())


def _array(region: Region) -> Array:
    """The region as an array of its map's size, True where a position is read."""
    found = np.zeros(region.size, bool)
    for sets in region.products:
        found |= reduce(np.logical_and.outer, map(_set, sets, region.size))
    return found


def _set(bits: int, n: int) -> Array:
    """A set of positions of an axis of n as an array."""
    read = np.frombuffer(bits.to_bytes(-(-n // 8), "little"), np.uint8)
    return np.unpackbits(read, count=n, bitorder="little").astype(bool)


def _counted(read: Array) -> str:
    """A set of positions in a few words."""
    places = np.nonzero(read)
    if not places[0].size:
        return "nothing"
    box = " x ".join(f"{axis.min()}..{axis.max()}" for axis in places)
    return f"{places[0].size:,} positions in {box}"


# ---- the second proof: gradients


def _by_gradients(graph: Graph, units: Sequence[Followed], given: Given, proof: FieldProof) -> None:
    """One unit on random weights and inputs, and every gradient on the way to the inputs."""
    unit = _telling(graph, units)
    part = leading_to(graph, unit.value)
    dtype = _exact_enough(part, given.dtype)
    try:
        work = Work(1, np.dtype(dtype).itemsize, backward=True)
        budget.check(part, work, given.memory)
        upstream = one_hot(part, unit.value, [unit.place], dtype)
        run(
            part,
            _weights(part, given.weights, dtype),
            random_inputs(part, 1, given.seed, dtype),
            backward=True,
            upstream={part.values[unit.value].path: upstream},
            input_gradients=True,
            threads=given.threads,
            overwrite=False,
            watch=_Watch(part, unit, proof),
        )
    except EngineError as error:
        proof.no_gradients = error.message
    except MemoryError:
        proof.no_gradients = "there is not enough memory"


def _exact_enough(part: Graph, dtype: str) -> str:
    """The type to run in: in float32, resampling may take the pixel beside that of exact places.

    So does torch: it computes places in the type of the data.
    """
    resampled = any(isinstance(node.layer, Upsample) for node in part.nodes)
    return "float64" if resampled else dtype


def _weights(part: Graph, weights: Arrays, dtype: str) -> Arrays:
    """The weights of a part of the network."""
    paths = {node.path for node in part.nodes}
    return {
        name: one.astype(dtype, copy=False)
        for name, one in weights.items()
        if name.rpartition(".")[0] in paths
    }


def _telling(graph: Graph, units: Sequence[Followed]) -> Followed:
    """A unit of the last layer where one leaves out any pixels: that which reads most of them."""
    everything = sum(prod(known_shape(graph, index)[1:]) for index in graph.inputs.values())
    partial = [unit for unit in units if 0 < unit.pixels(graph) < everything] or list(units)
    last = [unit for unit in partial if unit.value == partial[-1].value]
    return max(last, key=lambda unit: unit.pixels(graph))


class _Watch:
    """Looks at the gradient of each layer's inputs, as it is made, up to the first too far."""

    def __init__(self, graph: Graph, unit: Followed, proof: FieldProof) -> None:
        self.graph, self.unit, self.proof = graph, unit, proof
        self.zero = 0.0
        """What a 0 may have come out as so far, in parts of the largest gradient."""
        self.beyond = False

    def __call__(self, step: Step) -> None:
        """Compare where the gradient is not 0 with what the unit reads."""
        layer, shapes = step.node.layer, self.graph.shapes(step.node.inputs)
        if self.beyond or not step.backward or layer is None or shapes is None:
            return
        inputs = set(self.graph.inputs.values())
        for index, gradient in zip(step.node.inputs, step.arrays, strict=True):
            region = self.unit.reads.get(index)
            if gradient is None or region is None or not region.size:
                continue
            self.zero = max(self.zero, rounding(layer, shapes, gradient.dtype))
            size = abs(gradient[0]).max(axis=0)
            read = size > self.zero * size.max()
            beyond = read & ~_array(region)
            if index in inputs:
                self.proof.by_gradients += int(read.sum())
            if beyond.any():
                self.beyond = True
                most = f"at most {_counted(_array(region))}"
                texts = most, f"a gradient at {_counted(beyond)} beyond"
                self.proof.differ(self.graph, index, [step.node], *texts)
