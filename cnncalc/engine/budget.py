"""How much memory a run takes, known before it starts; and how much there is."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from math import prod
from pathlib import Path
from typing import NamedTuple

from cnncalc.analysis.cost import elements, requiring_gradients
from cnncalc.analysis.memory import training_memory
from cnncalc.engine.errors import EngineError
from cnncalc.engine.liveness import moments
from cnncalc.engine.weights import known_shape, parameters
from cnncalc.graph import Graph, Node
from cnncalc.kernels.convolution import SMALL, TILE
from cnncalc.layer import Shape
from cnncalc.layers.conv import ConvNd, ConvTransposeNd, LocallyConnectedNd
from cnncalc.quantity import in_bytes

FORWARD, BACKWARD = 1, 2
"""Temporary arrays of a layer, in multiples of its inputs and outputs: about the most there is."""
RANDOM = 8
"""Bytes of a random number before it gets its type."""
FREE_SHARE = 0.9
"""Part of what is free that a run may take."""
SCALES = (12, 8, 6, 4, 3, 2, 1)
"""Sixteenths of the size of an input that are tried when the whole is too large."""

Rebuild = Callable[[Mapping[str, Shape]], Graph | None]
"""The network for other shapes of its inputs; None where it has a problem with them."""


class Work(NamedTuple):
    """What is to be run: `item` bytes an element, `keep` for all activations."""

    batch: int = 1
    item: int = 4
    backward: bool = False
    keep: bool = False


def needed(graph: Graph, work: Work) -> int:
    """Bytes that a run takes at its peak, weights and inputs included; raises EngineError.

    The tensors that are alive at each layer, by the rules of the summary, with what the layer
    needs while it works.
    """
    weights = parameters(graph)
    sizes = [elements(one.shape) for one in weights.values()]
    given = sum(elements(known_shape(graph, index)) for index in graph.inputs.values())
    running = _forward(graph, work)
    if work.backward:
        trained = sum(elements(one.shape) for one in weights.values() if not one.buffer)
        running = max(running, _backward(graph, work) + work.item * trained)
    running += work.item * (work.batch * given + sum(_scratch(graph, work).values()))
    return work.item * sum(sizes) + max(running, RANDOM * max(sizes, default=0))


def _forward(graph: Graph, work: Work) -> int:
    gradients = requiring_gradients(graph, inputs=True) if work.backward else frozenset()
    alive = moments(graph, gradients, train=work.backward, batch=work.batch, item=work.item)
    kept = peak = 0
    for node in graph.nodes:
        if node.path in alive:
            peak = max(peak, alive[node.path].live + work.item * _temporary(graph, node, work))
            kept += sum(elements(known_shape(graph, index)) for index in node.outputs)
    return max(peak, work.batch * work.item * kept) if work.keep else peak


def _backward(graph: Graph, work: Work) -> int:
    """All that is saved, the largest set of gradients, and what the largest layer needs."""
    found = training_memory(graph, requiring_gradients(graph, inputs=True))
    if found is None:
        raise EngineError("the shapes of the network are not known", "'cnncalc summary' says why")
    moving = found.saved_elements + found.working_elements
    each = work.item * moving + found.saved_bytes
    temporary = max((_temporary(graph, node, work) for node in graph.nodes), default=0)
    results = sum(elements(known_shape(graph, output.value)) for output in graph.outputs)
    return (
        work.batch * each
        + work.item * found.batch_elements
        + max(work.item * temporary, work.batch * RANDOM * results)
    )


def _temporary(graph: Graph, node: Node, work: Work) -> int:
    """Elements that are freed when the layer has run."""
    layer = node.layer
    xs = [known_shape(graph, index) for index in node.inputs]
    ys = [known_shape(graph, index) for index in node.outputs]
    if isinstance(layer, ConvNd):
        padded = xs[0][0] * prod(
            n + sum(pair) for n, pair in zip(xs[0][1:], layer.pads, strict=True)
        )
        if isinstance(layer, LocallyConnectedNd):
            columns = xs[0][0] * prod(layer.kernel_size) * prod(ys[0][1:])
            stored = sum(elements(one.shape) for one in layer.params(*xs).values())
            return 2 * stored + work.batch * (padded + elements(ys[0]) + 3 * columns)
        zeros = layer.padding_mode == "zeros" and not work.backward
        return 0 if zeros else work.batch * padded * (BACKWARD if work.backward else FORWARD)
    if isinstance(layer, ConvTransposeNd):
        return work.batch * 2 * ys[0][0] * prod(layer.written(xs[0][1:]))
    times = BACKWARD if work.backward else FORWARD
    return work.batch * times * sum(elements(one) for one in (*xs, *ys))


def _scratch(graph: Graph, work: Work) -> dict[str, int]:
    """Elements of each scratch array of `kernels.convolution`.

    They grow to what the largest layer needs, and are kept to the end of the run.
    """
    found: dict[str, int] = {}
    for node in graph.nodes:
        if work.backward or not node.train_only:
            for name, size in _scratch_of(graph, node, work):
                found[name] = max(size, found.get(name, 0))
    return found


def _scratch_of(graph: Graph, node: Node, work: Work) -> Iterator[tuple[str, int]]:
    layer = node.layer
    if isinstance(layer, LocallyConnectedNd) or not isinstance(layer, (ConvNd, ConvTransposeNd)):
        return
    x, y = known_shape(graph, node.inputs[0]), known_shape(graph, node.outputs[0])
    if isinstance(layer, ConvTransposeNd):
        x, y = y, x
    taps = prod(layer.kernel_size)
    rows, positions = x[0] * taps, work.batch * prod(y[1:])
    together = max(SMALL, TILE // rows if work.backward else 0) // prod(y[1:])
    if isinstance(layer, ConvNd) and any(map(any, layer.pads)):
        channels = max(x[0], y[0]) if work.backward else x[0]
        whole = prod(n + sum(pair) for n, pair in zip(x[1:], layer.pads, strict=True))
        yield "padded", max(1, min(work.batch, together)) * channels * whole
    yield "columns", min(max(TILE, SMALL * rows), rows * positions)
    if not work.backward:
        yield "outputs", y[0] * min(SMALL, positions)
        return
    turned, inputs = y[0] * taps, work.batch * prod(x[1:])  # of the turned kernel
    yield "columns", min(max(TILE, SMALL * turned), turned * inputs)
    yield "outputs", y[0] * min(max(SMALL, TILE // rows), positions)
    yield "outputs", x[0] * min(SMALL, inputs)
    yield "term", y[0] * rows // layer.groups


def available() -> int | None:
    """Bytes that a run may take: most of what the machine, or its container, has free."""
    found = [one for one in (_machine(), _container()) if one is not None]
    return int(FREE_SHARE * min(found)) if found else None


def _machine() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    except (OSError, ValueError):
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None  # a system that does not say


def _container() -> int | None:
    """What a limit of Linux control groups leaves."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit = (folder / "memory.max").read_text(encoding="ascii").strip()
        used = int((folder / "memory.current").read_text(encoding="ascii"))
        return None if limit == "max" else int(limit) - used
    except (OSError, ValueError):
        return None


def check(graph: Graph, work: Work, limit: int | None, rebuild: Rebuild | None = None) -> None:
    """Refuse a run that would take more than `limit` bytes; raises EngineError with what fits."""
    total = needed(graph, work)
    if limit is None or total <= limit:
        return
    what = "forward and backward" if work.backward else "forward"
    raise EngineError(
        f"a run {what} of {_images(work.batch)} takes about {in_bytes(total)}, "
        f"and {in_bytes(limit)} may be used",
        _what_fits(graph, work, limit, rebuild),
    )


def check_weights(graph: Graph, item: int, limit: int | None) -> None:
    """Refuse to make weights that would take more than `limit` bytes; raises EngineError."""
    sizes = [elements(one.shape) for one in parameters(graph).values()]
    total = item * sum(sizes) + RANDOM * max(sizes, default=0)
    if limit is not None and total > limit:
        raise EngineError(
            f"the weights take about {in_bytes(total)}, and {in_bytes(limit)} may be used"
        )


def _images(batch: int) -> str:
    return "1 image" if batch == 1 else f"{batch:,} images"


def _what_fits(graph: Graph, work: Work, limit: int, rebuild: Rebuild | None) -> str:
    batch = _largest_batch(graph, work, limit)
    if batch:
        total = in_bytes(needed(graph, work._replace(batch=batch)))
        return f"a batch of {batch:,} fits: {total}"
    work, tried = work._replace(batch=1), ""
    for scale in SCALES if rebuild else ():
        inputs = {
            name: _scaled(known_shape(graph, index), scale) for name, index in graph.inputs.items()
        }
        smaller = rebuild(inputs) if rebuild else None
        if smaller is None:
            continue
        shapes = " and ".join("x".join(map(str, one)) for one in inputs.values())
        least = needed(smaller, work)
        if least <= limit:
            return f"an input of {shapes} fits: {in_bytes(least)}"
        tried = f"even an input of {shapes} takes {in_bytes(least)}"
    return tried or "no smaller batch fits"


def _scaled(shape: Shape, scale: int) -> Shape:
    return shape[0], *(max(1, n * scale // 16) for n in shape[1:])


def _largest_batch(graph: Graph, work: Work, limit: int) -> int:
    """The most images that fit, 0 if not even one does."""
    low, high = 0, work.batch
    while high - low > 1:
        middle = (low + high) // 2
        if needed(graph, work._replace(batch=middle)) <= limit:
            low = middle
        else:
            high = middle
    return low
