"""A run from files to files: all are looked at before data are read, and all written or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, NamedTuple

import numpy as np

from cnncalc.engine import budget, files
from cnncalc.engine.activations import run_keeping
from cnncalc.engine.arrays import ArrayFile, read
from cnncalc.engine.budget import Rebuild, Work
from cnncalc.engine.errors import EngineError
from cnncalc.engine.new_file import NewFile
from cnncalc.engine.run import run
from cnncalc.engine.weights import Array, initialise, known_shape
from cnncalc.graph import Graph
from cnncalc.layer import Shape

Network = Callable[[Mapping[str, Shape]], Graph]
"""The network for these shapes of its inputs; without one, as the spec says."""


class Request(NamedTuple):
    """What to run: paths of files to read and to write, None where there is none.

    Gradients need `targets` for the loss, or without a loss, `upstream`: those of the outputs.
    """

    weights: str
    inputs: str
    output: str | None = None
    activations: str | None = None
    gradients: str | None = None
    targets: str | None = None
    upstream: str | None = None
    train: bool = False
    dtype: str | None = None
    seed: int = 0
    threads: int = 1
    memory: int | None = None
    force: bool = False


class Written(NamedTuple):
    """What was written: for each file the shapes of its arrays."""

    dtype: str
    batch: int
    loss: float | None
    files: dict[str, dict[str, Shape]]


class _Ready(NamedTuple):
    graph: Graph
    batch: int
    dtype: np.dtype[Any]
    weights: dict[str, Array]
    inputs: dict[str, Array]
    start: dict[str, Array]
    results: dict[str, NewFile]


def run_files(network: Network, request: Request, rebuild: Rebuild | None = None) -> Written:
    """Run a network on the arrays of files; raises EngineError, and then writes nothing."""
    with ExitStack() as opened:
        ready = _prepare(network, request, rebuild, opened)
        backward = request.gradients is not None
        options: dict[str, Any] = {
            "train": request.train,
            "seed": request.seed,
            "threads": request.threads,
            "backward": backward,
            "input_gradients": backward,
            "upstream" if ready.graph.loss is None else "targets": ready.start,
        }
        given = ready.graph, ready.weights, ready.inputs
        activations: dict[str, Array] = {}
        if request.activations is None:
            result = run(*given, **options)
        else:
            result, activations = run_keeping(*given, **options)
        gradients = {n: result.gradients[n] for n in ready.weights if n in result.gradients}
        found = {
            "output": result.outputs,
            "activations": activations,
            "gradients": {**gradients, **result.input_gradients},
        }
        files.save({file: found[what] for what, file in ready.results.items()})
    shapes = {
        str(file.path): {name: array.shape for name, array in found[what].items()}
        for what, file in ready.results.items()
    }
    return Written(str(ready.dtype), ready.batch, result.loss, shapes)


def _prepare(
    network: Network, request: Request, rebuild: Rebuild | None, opened: ExitStack
) -> _Ready:
    """Refuse what does not fit, then read."""
    inputs, weights = (
        opened.enter_context(ArrayFile(path)) for path in (request.inputs, request.weights)
    )
    graph, given = fitting(network, inputs)
    names = files.match_weights(graph, weights)
    dtype = np.dtype(request.dtype) if request.dtype else files.type_of(inputs, weights)
    work = Work(
        given.batch,
        dtype.itemsize,
        backward=request.gradients is not None,
        keep=request.activations is not None,
    )
    budget.check(graph, work, request.memory, rebuild)
    results = _results(request, opened)
    return _Ready(
        graph,
        given.batch,
        dtype,
        read(weights, names, dtype),
        read(inputs, given.names, dtype),
        _start(graph, request, given.batch, dtype),
        results,
    )


def fitting(network: Network, inputs: ArrayFile) -> tuple[Graph, files.Given]:
    """The network for the sizes of these inputs."""
    graph = network({})
    given = files.match_inputs(graph, inputs)
    written = {name: known_shape(graph, index) for name, index in graph.inputs.items()}
    return (graph if given.shapes == written else network(given.shapes)), given


def _results(request: Request, opened: ExitStack) -> dict[str, NewFile]:
    """The files to write, which vanish unless they are completed."""
    found = {}
    for what in ("output", "activations", "gradients"):
        path = getattr(request, what)
        if path is not None:
            found[what] = NewFile(path, force=request.force)
            opened.callback(found[what].discard)
    return found


def _start(graph: Graph, request: Request, batch: int, dtype: np.dtype[Any]) -> dict[str, Array]:
    if request.gradients is None:
        return {}
    path = _start_file(graph, request)
    with ArrayFile(path) as file:
        names = files.match_start(graph, file, batch, train=request.train)
        return files.read_start(graph, file, names, dtype)


def _start_file(graph: Graph, request: Request) -> str:
    if graph.loss is None:
        help = "give those of the outputs (--upstream), or write 'loss:' in the spec"
        if request.targets is not None:
            raise EngineError("the network has no loss to compare targets with", help)
        if request.upstream is None:
            raise EngineError("the network has no loss that gradients could start from", help)
        return request.upstream
    if request.upstream is not None:
        message = "the network has a loss, so that its outputs take no gradients"
        raise EngineError(message, "give the loss its targets (--targets)")
    if request.targets is None:
        raise EngineError("the loss of the network needs targets", "give them (--targets)")
    return request.targets


def initialise_file(
    network: Network,
    path: str,
    *,
    inputs: str | None = None,
    seed: int = 0,
    dtype: str = "float32",
    memory: int | None = None,
    force: bool = False,
) -> dict[str, Shape]:
    """Write random weights, for `inputs` of other sizes than the spec's; gives their shapes."""
    if inputs is None:
        graph = network({})
    else:
        with ArrayFile(inputs) as file:
            graph, _ = fitting(network, file)
    budget.check_weights(graph, np.dtype(dtype).itemsize, memory)
    result = NewFile(path, force=force)
    try:
        found = initialise(graph, seed, dtype)
        files.save({result: found})
    finally:
        result.discard()
    return {name: one.shape for name, one in found.items()}
