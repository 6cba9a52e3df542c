"""The smallest input on which every layer still does all that it does on the one as written.

Kept are the channels, the remainder of every stride (what is left over behind the last window),
the taps of every kernel that meet the map at all, the ratio of every resampling, and maps of at
least 2 where there were more. Adaptive pools are checked at their size as written, so that they
do not hold the input up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import islice
from math import prod

from cnncalc.engine.gradients.structure import kinds
from cnncalc.graph import Graph, Node
from cnncalc.layer import Layer, LayerError, Shape
from cnncalc.window import Axis, Reach, Resized, Sliding, Transposed

Rebuild = Callable[[Mapping[str, Shape]], Graph | None]
"""The network for other shapes of its inputs, or None where it has a problem with them."""

MOST_TRIES = 4096
MOST_REBUILDS = 16
LONGEST_KERNEL = 4096  # kernels longer than that are compared by size alone


def shrink(graph: Graph, rebuild: Rebuild) -> Graph:
    """The same network on the smallest inputs that will do, or the network itself."""
    written = input_shapes(graph)
    found, refused = _by_inference(graph, written)
    smaller = rebuild(found) if found != written else None
    if smaller is None or not alike(graph, smaller):
        return _by_rebuilding(graph, written, rebuild) if refused else graph
    if all(a.layer == b.layer for a, b in zip(graph.nodes, smaller.nodes, strict=True)):
        return smaller
    # arguments follow from the shape: what the layers as they are allow is not all that there is
    other = _by_rebuilding(graph, written, rebuild)
    return min(smaller, other, key=lambda one: sum(map(prod, input_shapes(one).values())))


def input_shapes(graph: Graph) -> dict[str, Shape]:
    """The shapes of a network's inputs."""
    return {name: graph.values[index].shape or () for name, index in graph.inputs.items()}


def _by_inference(graph: Graph, written: dict[str, Shape]) -> tuple[dict[str, Shape], bool]:
    """Axis by axis the smallest inputs, with the layers as they are.

    Also whether a layer refused an input, whose arguments may follow from the shape.
    """
    found, refused = written, False
    for axis in range(1, max((len(shape) for shape in written.values()), default=0)):
        for candidate in islice(_smaller(found, axis), MOST_TRIES):
            try:
                if _keeps(graph, candidate):
                    found = candidate
                    break
            except LayerError:
                refused = True
    return found, refused


def _smaller(shapes: dict[str, Shape], axis: int) -> Iterator[dict[str, Shape]]:
    """The inputs with one axis scaled down, smallest first; all in proportion."""
    having = {name: shape for name, shape in shapes.items() if len(shape) > axis}
    longest = max((shape[axis] for shape in having.values()), default=0)
    for size in range(1, longest):
        if any(shape[axis] * size % longest for shape in having.values()):
            continue
        yield shapes | {
            name: (*shape[:axis], shape[axis] * size // longest, *shape[axis + 1 :])
            for name, shape in having.items()
        }


def _by_rebuilding(graph: Graph, written: dict[str, Shape], rebuild: Rebuild) -> Graph:
    """The smallest inputs that the spec itself accepts, with one remainder on all axes."""
    longest = max(max(shape[1:], default=0) for shape in written.values())
    period = next((p for p in (32, 16, 8, 4, 2) if 4 * p <= longest), longest)
    for size in islice(range(longest % period + period, longest, period), MOST_REBUILDS):
        shapes = {
            name: (shape[0], *(n * size // longest for n in shape[1:]))
            for name, shape in written.items()
        }
        smaller = rebuild(shapes) if all(all(shape) for shape in shapes.values()) else None
        if smaller is not None and alike(graph, smaller):
            return smaller
    return graph


def _keeps(graph: Graph, inputs: dict[str, Shape]) -> bool:
    """Whether every layer, given these inputs, does what it does now; raises LayerError."""
    shapes: dict[int, Shape] = {graph.inputs[name]: shape for name, shape in inputs.items()}
    for node in graph.nodes:
        old_in, old_out = graph.shapes(node.inputs), graph.shapes(node.outputs)
        if node.layer is None or old_in is None or old_out is None:
            return False
        new_in = tuple(shapes[index] for index in node.inputs)
        new_out = node.layer.outputs(*new_in)
        if not _does_the_same(node.layer, (old_in, old_out), node.layer, (new_in, new_out)):
            return False
        shapes.update(zip(node.outputs, new_out, strict=True))
    return True


def alike(graph: Graph, other: Graph) -> bool:
    """Whether two networks have the same layers, which do the same."""
    if len(graph.nodes) != len(other.nodes):
        return False
    return all(_alike(graph, a, other, b) for a, b in zip(graph.nodes, other.nodes, strict=True))


def _alike(graph: Graph, node: Node, other: Graph, twin: Node) -> bool:
    old = graph.shapes(node.inputs), graph.shapes(node.outputs)
    new = other.shapes(twin.inputs), other.shapes(twin.outputs)
    if (node.path, node.inputs, node.outputs) != (twin.path, twin.inputs, twin.outputs):
        return False
    if type(node.layer) is not type(twin.layer) or node.layer is None or twin.layer is None:
        return False
    if None in old or None in new:
        return False
    return _does_the_same(node.layer, old, twin.layer, new)  # type: ignore[arg-type]


Ends = tuple[tuple[Shape, ...], tuple[Shape, ...]]
"""The shapes of a layer's inputs and of its outputs."""


def _does_the_same(layer: Layer, old: Ends, twin: Layer, new: Ends) -> bool:
    """Whether a layer treats every axis of its smaller inputs as it does the larger ones."""
    (old_in, old_out), (new_in, new_out) = old, new
    if len(old_out) != len(new_out):
        return False
    if not all(map(_large_enough, (*old_in, *old_out), (*new_in, *new_out))):
        return False
    if old == new or "AdaptivePoolNd" in kinds(layer):
        return True
    windows = zip(layer.windows(*old_in), twin.windows(*new_in), old_in, new_in, strict=True)
    for old_window, new_window, x, y in windows:
        if isinstance(old_window, Reach) or isinstance(new_window, Reach):
            if old_window != new_window:
                return False
            continue
        before = zip(x[1:], old_out[0][1:], strict=True)
        after = zip(y[1:], new_out[0][1:], strict=True)
        if not all(map(_same_axis, old_window, new_window, before, after)):
            return False
    return True


def _large_enough(old: Shape, new: Shape) -> bool:
    """Whether all axes are there, and none became 1 that was more."""
    return len(old) == len(new) and all(
        s >= min(n, 2) for n, s in zip(old[1:], new[1:], strict=True)
    )


def _same_axis(old: Axis, new: Axis, before: tuple[int, int], after: tuple[int, int]) -> bool:
    """Whether windows on an axis from n to m work as those on one from s to t."""
    (n, m), (s, t) = before, after
    if type(old) is not type(new):
        return False
    if isinstance(old, Sliding) and isinstance(new, Sliding):
        if old[:3] != new[:3] or (n - s) % old.stride:
            return False
        if old.before != new.before:  # a crop in the middle: from N - size, half of it
            return ((n - m) - (s - t)) % 4 == 0
        return _live(old, n, m) == _live(new, s, t)
    if isinstance(old, Transposed) and isinstance(new, Transposed):
        return old == new and _live(old, m, n) == _live(new, t, s)
    if isinstance(old, Resized) and isinstance(new, Resized):
        left_over = (old.scale or 0) * n - m == (new.scale or 0) * s - t and old.scale
        same_kind = (old.linear, old.align_corners) == (new.linear, new.align_corners)
        return same_kind and (m * s == t * n or bool(left_over))
    return True


@cache
def _live(window: Sliding | Transposed, positions: int, steps: int) -> frozenset[int]:
    """The taps that meet a position (in 0 up to `positions`) in at least one step.

    The others only ever see padding: their gradient is 0, which would prove nothing.
    """
    if window.kernel > LONGEST_KERNEL:
        return frozenset()
    live = set()
    for tap in range(window.kernel):
        offset = tap * window.dilation - window.before
        first = max(0, -(offset // window.stride))
        if first < steps and first * window.stride + offset < positions:
            live.add(tap)
    return frozenset(live)
