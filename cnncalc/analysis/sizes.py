"""Which input sizes a network accepts, exactly, and what every layer's sizes are as a function.

One axis of the input varies, the others keep their size. Every layer's output is a course: the
layer's own rule, evaluated over one period and extended by its law.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import NamedTuple

from cnncalc.analysis.course import (
    Course,
    Entry,
    IrregularError,
    constant,
    measured,
    together,
)
from cnncalc.analysis.steady import span
from cnncalc.graph import Graph, Node
from cnncalc.layer import Layer, LayerError, Shape
from cnncalc.problem import Span
from cnncalc.window import Sliding

MOST_TRIED = 1024
"""The largest size that is tried where the written one does not work."""
LETTERS = {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}


class Axis(NamedTuple):
    """A spatial axis of the input, counted from 0; of all `inputs` that have its `written` size."""

    letter: str
    place: int
    inputs: tuple[str, ...]
    written: int


class Step(NamedTuple):
    """What a layer gives: the shapes of its outputs, and what follows from those of its inputs.

    `fits`: no window is cut off, so that every row is read and none of padding is left over.
    """

    outputs: tuple[Course, ...]
    params: Course | None
    macs: Course | None
    fits: Course


class Trace(NamedTuple):
    """A network as a function of one axis: the course of each value, and a step for each node.

    `legal` has entries where the network works at inference, `trains` where it does in training.
    """

    axis: Axis
    values: tuple[Course, ...]
    steps: tuple[Step, ...]
    legal: Course
    trains: Course
    fits: Course


class Failure(NamedTuple):
    """The first layer that an input size breaks, and why; without a path the whole spec."""

    path: str
    type: str
    span: Span
    message: str


class OpaqueError(Exception):
    """A layer of which nothing is known, so that no size can be followed."""

    def __init__(self, node: Node) -> None:
        super().__init__(f"{node.path} is not known")
        self.node = node


def axes(graph: Graph) -> tuple[Axis, ...]:
    """The spatial axes of the inputs; axes of one size and place vary together."""
    found: dict[tuple[str, int, int], list[str]] = {}
    for name, index in graph.inputs.items():
        shape = graph.values[index].shape or ()
        for place, letter in enumerate(LETTERS.get(len(shape) - 1, ())):
            found.setdefault((letter, place, shape[place + 1]), []).append(name)
    return tuple(
        Axis(letter, place, tuple(names), size) for (letter, place, size), names in found.items()
    )


def resized(axis: Axis, name: str, shape: Shape, n: int) -> Shape:
    """The shape of an input when the axis has a size of n."""
    if name not in axis.inputs:
        return shape
    place = axis.place + 1
    return *shape[:place], n, *shape[place + 1 :]


def trace(graph: Graph, axis: Axis, others: Mapping[str, Shape]) -> Trace:
    """Follow one axis through the network; `others` are the shapes of the inputs by name.

    Raises IrregularError, with the layer that is not steady, and OpaqueError.
    """
    values: list[Course] = [constant(())] * len(graph.values)
    for name, index in graph.inputs.items():
        values[index] = _input(axis, name, others[name])
    steps = []
    for node in graph.nodes:
        try:
            step = _step(node, [values[index] for index in node.inputs])
        except IrregularError as error:
            raise IrregularError(f"{node.path}: {node.type}: {error}") from None
        steps.append(step)
        for index, course in zip(node.outputs, step.outputs, strict=True):
            values[index] = course
    lasting = [s for s, node in zip(steps, graph.nodes, strict=True) if not node.train_only]
    legal = together([step.outputs[0] for step in lasting])
    trains = together([step.outputs[0] for step in steps])
    fits = together([*(step.fits for step in lasting), legal])
    return Trace(axis, tuple(values), tuple(steps), legal, trains, fits)


def _input(axis: Axis, name: str, shape: Shape) -> Course:
    if name not in axis.inputs:
        return constant(shape)
    slopes = tuple(int(i == axis.place + 1) for i in range(len(shape)))
    return Course((resized(axis, name, shape, 1),), 1, slopes)


class _Sample(NamedTuple):
    """What a layer gives for inputs of certain shapes."""

    shapes: tuple[Shape, ...]
    params: int
    macs: int
    fits: bool


def _step(node: Node, inputs: Sequence[Course]) -> Step:
    """The step of a layer whose inputs have these courses."""
    layer = node.layer
    if layer is None:
        raise OpaqueError(node)
    start, period = span(layer, inputs)
    seen: dict[tuple[Shape, ...], _Sample | None] = {}
    table: list[_Sample | None] = []
    moving = () if layer.many else inputs[0].moving()
    for n in range(1, start + 2 * period):
        shapes = tuple(entry for one in inputs if (entry := one.at(n)) is not None)
        if len(shapes) < len(inputs):
            table.append(None)
            continue
        if shapes not in seen:
            seen[shapes] = _sample(layer, shapes, len(node.outputs), moving)
        table.append(seen[shapes])
    outputs = tuple(
        measured([one and one.shapes[which] for one in table], period)
        for which in range(len(node.outputs))
    )
    params = _count([one and (one.params,) for one in table], period)
    macs = _count([one and (one.macs,) for one in table], period)
    fits = measured([() if one and one.fits else None for one in table], period)
    return Step(outputs, params, macs, fits)


def _count(entries: Sequence[Entry], period: int) -> Course | None:
    """The course of a number, which may grow otherwise than the sizes do."""
    try:
        return measured(entries, period)
    except IrregularError:
        return None


def _sample(
    layer: Layer, shapes: tuple[Shape, ...], outputs: int, moving: tuple[bool, ...]
) -> _Sample | None:
    """The layer's own rules; None where they do not accept the inputs."""
    try:
        found = layer.outputs(*shapes)
        if len(found) != outputs:
            return None
        params = sum(prod(one.shape) for one in layer.params(*shapes).values())
        return _Sample(found, params, layer.macs(*shapes), _fits(layer, shapes[0], moving))
    except LayerError:
        return None


def _fits(layer: Layer, shape: Shape, moving: tuple[bool, ...]) -> bool:
    """Whether the last window ends where the padded input ends, on the axes that move.

    Then ceil_mode has nothing to round, so that it neither adds a window nor drops one.
    """
    pads: tuple[tuple[int, int], ...] = getattr(layer, "pads", ())
    window = layer.window(shape) if pads else None
    if not isinstance(window, tuple):
        return True
    axes = zip(moving[1:], shape[1:], window, pads, strict=True)
    return not any(
        moves and isinstance(axis, Sliding) and (n + sum(pair) - axis.extent) % axis.stride
        for moves, n, axis, pair in axes
    )


def plain(
    graph: Graph, inputs: Mapping[str, Shape]
) -> tuple[tuple[Shape | None, ...], Failure | None]:
    """The shape of every value at inference for inputs of these shapes, and what fails first."""
    shapes: list[Shape | None] = [None] * len(graph.values)
    first: Failure | None = None
    for name, index in graph.inputs.items():
        shapes[index] = inputs[name]
    for node in graph.nodes:
        known = [shapes[index] for index in node.inputs]
        if node.layer is None or node.train_only or None in known:
            continue
        try:
            found = node.layer.outputs(*(one for one in known if one is not None))
            if len(found) != len(node.outputs):
                message = f"{len(found)} outputs, but {len(node.outputs)} are named"
                raise LayerError(message)
        except LayerError as error:
            first = first or Failure(node.path, node.type, node.span, error.message)
            continue
        for index, shape in zip(node.outputs, found, strict=True):
            shapes[index] = shape
    return tuple(shapes), first


def footing(graph: Graph) -> dict[str, Shape] | None:
    """Shapes of the inputs that work: as written, or the smallest with equal sizes on all axes.

    None: none up to `MOST_TRIED`.
    """
    written = {name: graph.values[index].shape or () for name, index in graph.inputs.items()}
    if plain(graph, written)[1] is None:
        return written
    for n in range(1, MOST_TRIED + 1):
        inputs = {
            name: (shape[0], *(n for _ in shape[1:])) if len(shape) > 1 else shape
            for name, shape in written.items()
        }
        if plain(graph, inputs)[1] is None:
            return inputs
    return None
