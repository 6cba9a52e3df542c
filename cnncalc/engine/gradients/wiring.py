"""The whole network: whether gradients of all layers are put together as the network is.

Each derivative is one complex step along a random direction, of all tensors at once, of an input,
or of a block of parameters. It can not see a bias whose gradient is 0: layers alone do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import sqrt
from typing import NamedTuple

import numpy as np

from cnncalc.engine.errors import EngineError
from cnncalc.engine.gradients.complex_step import METHOD, STEP, judged
from cnncalc.engine.gradients.differences import LIMIT as DIFFERENCE_LIMIT
from cnncalc.engine.gradients.memory import excess, of_network
from cnncalc.engine.gradients.results import Probe, Verdict, WiringCheck
from cnncalc.engine.gradients.structure import FEW, group_size, kinds
from cnncalc.engine.gradients.subject import BLOCK, Array, inner
from cnncalc.engine.gradients.variants import lifted
from cnncalc.engine.gradients.zeros import structural_zeros
from cnncalc.engine.run import run
from cnncalc.engine.weights import initialise, parameters, random_inputs, random_target
from cnncalc.graph import Graph
from cnncalc.kernels.mode import Mode
from cnncalc.layer import Layer
from cnncalc.layers.loss import Loss

BLOCKS = 16
"""Most blocks of parameters."""
BUDGET = 40_000_000_000
"""Multiplications that all derivatives may take together; a large network gets fewer blocks."""
LIMIT = 1e-9
"""Largest relative error of a complex step through a whole network: rounding adds up."""
NEGLIGIBLE = 1e-12
"""Part of the whole gradient that rounding may leave of one that must be 0."""
ATTEMPTS = 3


class Block(NamedTuple):
    """Tensors that are moved together, by key; those of inputs are their names."""

    what: str
    keys: tuple[str, ...]


def check_wiring(
    graph: Graph,
    refusing: frozenset[Layer],
    *,
    batch: int,
    seed: int,
    threads: int = 1,
    memory: int | None = None,
) -> tuple[WiringCheck, ...]:
    """All derivatives end to end, in training mode; `refusing` takes no complex numbers."""
    declared = [node for node in graph.nodes if node.layer and node.layer.declared]
    if declared:
        note = f"{declared[0].path} ({declared[0].type}) is declared, not modelled"
        return (_whole(Verdict.NOT_CHECKED, note),)
    found: tuple[WiringCheck, ...] = ()
    try:
        too_much = excess(of_network(graph, batch), memory)
        if too_much:
            return (_whole(Verdict.NOT_CHECKED, too_much),)
        for attempt in range(ATTEMPTS):
            found = tuple(_Wiring(graph, refusing, batch, seed + attempt, threads).checks())
            if not any(one.verdict is Verdict.VACUOUS for one in found):
                break
    except EngineError as error:
        return (_whole(Verdict.NOT_CHECKED, error.message),)
    except MemoryError:
        return (_whole(Verdict.NOT_CHECKED, "there is not enough memory for all tensors at once"),)
    except Exception as error:  # a rule that is broken may fail in any way
        return (_whole(Verdict.FAILED, f"{type(error).__name__}: {error}"),)
    return found


def _whole(verdict: Verdict, note: str) -> WiringCheck:
    """Why there is nothing to say about the network as a whole."""
    return WiringCheck("all at once", (), None, verdict, note)


def batch_for(graph: Graph, least: int = 2) -> int:
    """Images at once: more where a batch norm would see too few values to mean anything."""
    for node in graph.nodes:
        shapes = graph.shapes(node.inputs)
        if node.layer is None or shapes is None or "InstanceNormNd" in kinds(node.layer):
            continue
        values = group_size(node.layer, shapes[0], least, train=True)
        if "BatchNormNd" in kinds(node.layer) and values is not None and values < FEW:
            return 2 * least
    return least


class _Wiring:
    """One network with random weights, inputs and upstream gradients."""

    def __init__(
        self, graph: Graph, refusing: frozenset[Layer], batch: int, seed: int, threads: int
    ) -> None:
        self.graph, self.batch, self.seed, self.threads = graph, batch, seed, threads
        self.limit = DIFFERENCE_LIMIT if refusing else LIMIT
        self.steppable = graph._replace(
            nodes=tuple(
                node._replace(layer=lifted(node.layer)) if node.layer in refusing else node
                for node in graph.nodes
            )
        )
        weights = initialise(graph, seed, "float64")
        inputs = random_inputs(graph, batch, seed, "float64")
        self.inputs, self.scale, self.zeros = tuple(inputs), 0.0, structural_zeros(graph)
        self.ends = _Ends(graph, batch, seed)
        result = run(
            graph,
            weights,
            inputs,
            train=True,
            backward=True,
            upstream=self.ends.upstream,
            targets=self.ends.targets,
            input_gradients=True,
            seed=seed,
            threads=threads,
        )
        self.gradients = {**result.gradients, **result.input_gradients}
        del result
        self.tensors: dict[str, Array] = {}
        for given in (weights, inputs):  # one after the other, as they may be huge
            while given:
                name, array = given.popitem()
                self.tensors[name] = array.astype(np.complex128, order="C")

    def checks(self) -> Iterator[WiringCheck]:
        """The derivative along each block; the first is of all tensors at once."""
        fixed = fixed_keys(self.graph)
        moved = [name for name in parameters(self.graph) if name not in fixed]
        yield self._check(Block("all at once", (*self.inputs, *moved)))
        for name in self.inputs:
            yield self._check(Block(f"input {name}" if len(self.inputs) > 1 else "input", (name,)))
        for names in blocks(moved, block_count(self.graph, self.batch)):
            yield self._check(Block(described(names), names))

    def _check(self, block: Block) -> WiringCheck:
        analytic, squares, size = 0.0, 0.0, 0
        for number, name in enumerate(block.keys):
            analytic += self._move(number, name)
            size += self.tensors[name].size
            if name in self.gradients:
                flat = self.gradients[name].reshape(-1)
                squares += float(np.dot(flat, flat))
        numeric = self._numeric()
        for name in block.keys:
            self.tensors[name].imag = 0.0
        self.scale = max(self.scale, sqrt(squares))
        least = sqrt(squares / size) if size else 0.0
        probe = judged(block.what, METHOD, analytic, numeric, least, self.limit)
        tiny = max(sqrt(squares), abs(numeric)) <= NEGLIGIBLE * self.scale
        return WiringCheck(block.what, block.keys, probe, *self._verdict(block, probe, tiny))

    def _move(self, number: int, name: str) -> float:
        """Give a tensor a random imaginary part; the derivative along it, by its gradient.

        A gradient that is not computed must be 0.
        """
        generator = np.random.default_rng((self.seed, 4, number))
        moved = self.tensors[name].reshape(-1)
        gradient = self.gradients[name].reshape(-1) if name in self.gradients else None
        total = 0.0
        for start in range(0, moved.size, BLOCK):
            part = slice(start, min(start + BLOCK, moved.size))
            direction = generator.uniform(-1.0, 1.0, part.stop - start)
            moved.imag[part] = STEP * direction
            if gradient is not None:
                total += float(np.dot(gradient[part], direction))
        return total

    def _numeric(self) -> float:
        weights = {name: a for name, a in self.tensors.items() if name not in self.inputs}
        inputs = {name: self.tensors[name] for name in self.inputs}
        result = run(
            self.steppable, weights, inputs, train=True, seed=self.seed, threads=self.threads
        )
        return self.ends.value(result.outputs) / STEP

    def _verdict(self, block: Block, probe: Probe, tiny: bool) -> tuple[Verdict, str | None]:
        """What the probe shows of this block; `tiny`: its whole gradient is but rounding."""
        if set(block.keys) <= self.zeros:
            verdict = Verdict.ZERO if tiny else Verdict.FAILED
            return verdict, "a norm takes away what a bias adds"
        if tiny and probe.verdict is not Verdict.INCONCLUSIVE:
            return Verdict.VACUOUS, "the gradient is 0 everywhere, which proves nothing"
        return probe.verdict, None


class _Ends:
    """What is behind the outputs: the loss with random targets, or random gradients."""

    def __init__(self, graph: Graph, batch: int, seed: int) -> None:
        self.loss = graph.loss if isinstance(graph.loss, Loss) else None
        self.targets: dict[str, Array] = {}
        self.upstream: dict[str, Array] = {}
        generator = np.random.default_rng((seed, 5))
        for number, output in enumerate(graph.outputs):
            path, shape, _, _ = graph.values[output.value]
            if shape is None:
                continue
            if self.loss:
                target = random_target(self.loss, shape, batch, seed + number, "float64")
                self.targets[path] = target
            else:
                self.upstream[path] = generator.standard_normal((batch, *shape))

    def value(self, outputs: Mapping[str, Array]) -> float:
        """The imaginary part of the one number whose gradients are checked."""
        total = 0.0
        for path, y in outputs.items():
            if self.loss:
                mode = Mode(train=True, save=False)
                total += float(self.loss.forward({}, y, self.targets[path], mode=mode)[0].imag)
            else:
                total += inner((self.upstream[path],), (y,)).imag
        return total


def fixed_keys(graph: Graph) -> frozenset[str]:
    """The tensors without a gradient: buffers, and what is frozen."""
    frozen = {node.path for node in graph.nodes if node.frozen}
    return frozenset(
        name
        for name, parameter in parameters(graph).items()
        if parameter.buffer or name.rpartition(".")[0] in frozen
    )


def block_count(graph: Graph, batch: int) -> int:
    """How many blocks are worth their time: a complex product is four real ones."""
    macs = sum(
        node.layer.macs(*shapes)
        for node in graph.nodes
        if node.layer and (shapes := graph.shapes(node.inputs))
    )
    return max(2, min(BLOCKS, BUDGET // max(1, 4 * batch * macs)))


def blocks(names: list[str], most: int) -> Iterator[tuple[str, ...]]:
    """Neighbouring tensors in blocks of nearly equal number."""
    count = min(most, len(names))
    for number in range(count):
        yield tuple(names[number * len(names) // count : (number + 1) * len(names) // count])


def described(names: tuple[str, ...]) -> str:
    """A block in words."""
    return names[0] if len(names) == 1 else f"{names[0]} and the next {len(names) - 1}"
