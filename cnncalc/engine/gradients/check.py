"""All checks of the gradients of one network."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from threadpoolctl import threadpool_limits

from cnncalc.engine.gradients.alone import check_signature
from cnncalc.engine.gradients.complex_step import DIFFERENCES
from cnncalc.engine.gradients.results import GradientReport, LayerCheck, Shrinking
from cnncalc.engine.gradients.shrink import Rebuild, input_shapes, shrink
from cnncalc.engine.gradients.signature import LOSS, Signature, signatures
from cnncalc.engine.gradients.wiring import batch_for, check_wiring
from cnncalc.graph import Graph
from cnncalc.layer import Layer

BATCH = 2

Progress = Callable[[int, int], object]
"""Is told how many steps are done, of how many."""


def check_gradients(
    graph: Graph,
    *,
    rebuild: Rebuild | None = None,
    variant: str | None = None,
    layer: str | None = None,
    seed: int = 0,
    threads: int = 1,
    memory: int | None = None,
    progress: Progress | None = None,
) -> GradientReport:
    """Check every backward rule of a network without problems, and how they are put together.

    `rebuild` gives the network for smaller inputs; without it the inputs stay as they are. With
    the path of a `layer` it is the only one that is checked. The same seed gives the same data.
    What would take more than `memory` bytes is reported as not checked.
    """
    smaller = shrink(graph, rebuild) if rebuild else graph
    chosen = [s for s in signatures(smaller, graph) if layer is None or layer in s.paths]
    batch = batch_for(smaller)
    tell = progress or _silence
    with threadpool_limits(1, "blas"):
        layers = _alone(chosen, seed, threads, memory, tell)
        refusing = _refusing(layers)
        wiring = (
            check_wiring(smaller, refusing, batch=batch, seed=seed, threads=threads, memory=memory)
            if layer is None
            else ()
        )
    tell(len(chosen) + 1, len(chosen) + 1)
    return GradientReport(
        file=graph.file,
        name=graph.name,
        variant=variant,
        seed=seed,
        nodes=len(graph.nodes),
        shrinking=Shrinking(input_shapes(graph), input_shapes(smaller), batch),
        layers=layers,
        wiring=wiring,
    )


def path_of(graph: Graph, name: str) -> str | None:
    """The path of the layer that is called so, by its path or its name."""
    for node in graph.nodes:
        if name in (node.path, node.name):
            return node.path
    return LOSS if name == LOSS and graph.loss is not None else None


def _alone(
    chosen: list[Signature], seed: int, threads: int, memory: int | None, tell: Progress
) -> tuple[LayerCheck, ...]:
    """The checks of all distinct layers, in their order."""

    def check(signature: Signature) -> tuple[LayerCheck, ...]:
        return check_signature(signature, seed, BATCH, memory)

    found: list[LayerCheck] = []
    with ThreadPoolExecutor(threads) as pool:
        for done, checks in enumerate(pool.map(check, chosen)):
            tell(done, len(chosen) + 1)
            found.extend(checks)
    return tuple(found)


def _refusing(layers: tuple[LayerCheck, ...]) -> frozenset[Layer]:
    """The layers that took no complex numbers."""
    return frozenset(
        one.layer for one in layers if any(t.method == DIFFERENCES for t in one.tensors)
    )


def _silence(done: int, steps: int) -> None:
    """Say nothing."""
