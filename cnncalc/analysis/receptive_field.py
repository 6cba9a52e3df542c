"""Receptive fields: what part of an input each unit of a layer sees (Araujo, Norris, Sim 2019).

Coordinates are input pixels, the centre of pixel i at i + 0.5. A field is kept by the left edge of
that of unit 0, its size and its jump, which are integers but after upsampling; where those would
be fractions they are exact `Fraction`s.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from cnncalc.analysis import phases
from cnncalc.analysis.phases import Phases
from cnncalc.graph import Graph, Node
from cnncalc.layer import Layer, Shape
from cnncalc.window import POINT, Adaptive, Axis, Reach, Resized, Sliding, Transposed, Whole, Window

if TYPE_CHECKING:
    from fractions import Fraction

    Exact = int | Fraction


class AxisField(NamedTuple):
    """The field on one axis; None where it is not defined.

    `local` is its size without the paths that arrive only through a global reduction (None: all
    do), and `left` the left edge of unit 0's. `whole` is the size of the input where a unit sees
    all of it through a reduction, else None. Where units see more or less by turns, these are the
    nominal values, and `phases` are the fields themselves.
    """

    local: Exact | None = None
    jump: Exact | None = None
    left: Exact | None = None
    whole: int | None = None
    phases: Phases | None = None

    @property
    def size(self) -> Exact | None:
        """Input pixels from the first to the last that a unit sees."""
        return self.local if self.whole is None else self.whole

    @property
    def range(self) -> tuple[int, int] | None:
        """The smallest and the largest `local` of units away from borders; None: not known."""
        if self.phases is not None:
            return self.phases.sizes
        return (self.local, self.local) if isinstance(self.local, int) else None

    @property
    def start(self) -> Exact | None:
        """The centre of the field of unit 0."""
        twice = _twice_start(self)
        return None if twice is None else quotient(twice, 2)

    @property
    def padding(self) -> Exact | None:
        """How far the field of unit 0 reaches over the edge of the input: size / 2 - start."""
        return None if self.left is None else -self.left

    def edges(self, unit: int) -> tuple[Exact, Exact] | None:
        """Where the field of a unit begins and ends, reductions apart; None: not known."""
        if self.phases is not None and self.phases.edges:
            return self.phases.at(unit)
        if self.local is None or self.left is None or self.jump is None:
            return None
        low = self.left + unit * self.jump
        return low, low + self.local


class Field(NamedTuple):
    """The field of a layer's units on every axis of the input.

    `aligned`: all paths from the input have the same jump and centre. `reducer` is the path of
    the first layer through which units see the whole input. `ordered`: the layer's positions are
    in the order of the input's, which a Flatten ends.
    """

    axes: tuple[AxisField, ...]
    aligned: bool = True
    reducer: str | None = None
    ordered: bool = True


UNKNOWN = Field((), aligned=False)
"""The field behind a layer that is not modelled, or that failed."""


def quotient(a: Exact, b: Exact) -> Exact:
    """A / b exactly; an int where it comes out."""
    if isinstance(a, int) and isinstance(b, int) and a % b == 0:
        return a // b
    from fractions import Fraction  # only networks that upsample or centre on half pixels need it

    exact = Fraction(a) / b
    return exact.numerator if exact.denominator == 1 else exact


def receptive_fields(graph: Graph, source: int | None = None) -> tuple[Field | None, ...]:
    """The field of every value relative to one input (the first), by the index of the value.

    None: there is no path from that input. UNKNOWN: some layer on the way is not known.
    """
    if source is None:
        source = next(iter(graph.inputs.values()), None)
    fields: list[Field | None] = [None] * len(graph.values)
    image = graph.values[source].shape if source is not None else None
    if source is None or image is None or len(image) < 2:
        return tuple(fields)
    fields[source] = Field(tuple(AxisField(1, 1, 0) for _ in image[1:]))
    windows = cache(_windows)  # networks repeat layers
    for node in graph.nodes:
        found = _field(graph, node, fields, image[1:], windows)
        for index in node.outputs:
            fields[index] = found
    return tuple(fields)


def network_field(graph: Graph, fields: tuple[Field | None, ...]) -> Field | None:
    """The field of a whole network: of its last layer that is not behind a global reduction.

    A Flatten before that reduction has the field of its input. None where it is not known.
    """
    for node in reversed(graph.nodes):
        field = fields[node.outputs[0]]
        if node.head is not None or field is None:
            continue
        if field is UNKNOWN:
            return None
        reduced = all(axis.local is None and axis.whole for axis in field.axes)
        same_as_before = not field.ordered and all(axis.size for axis in field.axes)
        if not reduced and not same_as_before:
            return field
    return None


def _windows(layer: Layer, *shapes: Shape) -> tuple[Window, ...]:
    return layer.windows(*shapes)


def _field(
    graph: Graph,
    node: Node,
    fields: list[Field | None],
    image: Shape,
    windows: Callable[..., tuple[Window, ...]],
) -> Field | None:
    shapes = graph.shapes(node.inputs)
    if node.layer is None or shapes is None:
        return UNKNOWN
    if graph.assumed(node.outputs):
        return UNKNOWN
    before = [fields[index] for index in node.inputs]
    if UNKNOWN in before:
        return UNKNOWN
    found: Field | None = None
    for window, shape, field in zip(windows(node.layer, *shapes), shapes, before, strict=True):
        if field is not None:
            one = _through(window, shape, field, image, node)
            if one is UNKNOWN:
                return UNKNOWN
            found = one if found is None else _hull(found, one)
    return found


def _through(
    window: tuple[Axis, ...] | Reach, shape: Shape, field: Field, image: Shape, node: Node
) -> Field:
    """The field of a layer whose input has that field."""
    if isinstance(window, Reach):
        return _reach(window, field, image, node)
    if all(axis == POINT for axis in window):
        return field
    if not field.ordered or len(window) != len(field.axes):  # whose axes are not the image's
        return field._replace(axes=tuple(AxisField(whole=axis.whole) for axis in field.axes))
    axes = tuple(
        _axis(axis, one, n, whole)
        for axis, one, n, whole in zip(window, field.axes, shape[1:], image, strict=True)
    )
    reduced = any(isinstance(axis, Whole) for axis in window)
    return field._replace(axes=axes, reducer=field.reducer or (node.path if reduced else None))


def _reach(window: Reach, field: Field, image: Shape, node: Node) -> Field:
    if window is Reach.UNKNOWN:
        return UNKNOWN
    if window is Reach.ENDS:
        ended = tuple(axis._replace(jump=None, left=None) for axis in field.axes)
        return field._replace(axes=ended, ordered=False)
    kept = field.axes if window is Reach.STATISTICS else (AxisField(),) * len(image)
    axes = tuple(axis._replace(whole=whole) for axis, whole in zip(kept, image, strict=True))
    return field._replace(axes=axes, reducer=field.reducer or node.path)


def _axis(axis: Axis, field: AxisField, n: int, whole: int) -> AxisField:
    """One axis of `n` units with that field, seen through a window."""
    if axis == POINT:
        return field
    if isinstance(axis, Whole):
        return (field if axis.local else AxisField())._replace(whole=whole)
    if field.jump is None or field.local is None or field.left is None:
        return AxisField(whole=field.whole)
    taps, shift, step = _step(axis, n)
    local = field.local + (taps - 1) * field.jump
    left = field.left + shift * field.jump
    jump, turns = _plain(step * field.jump), _turns(axis, field)
    return AxisField(_plain(local), jump, _plain(left), field.whole, turns)


def _turns(axis: Axis, field: AxisField) -> Phases | None:
    """The phases behind a window; None while all units see equally much."""
    if isinstance(axis, Sliding) and field.phases is None:
        return None
    return phases.through(_phases(field), axis)


def _phases(field: AxisField) -> Phases:
    """The phases of an axis whose units may see equally much, which is one phase."""
    if field.phases is not None:
        return field.phases
    left, jump, local = field.left, field.jump, field.local
    assert isinstance(left, int)
    assert isinstance(jump, int)
    assert isinstance(local, int)
    return Phases(jump, ((left, left + local),))


def _step(axis: Axis, n: int) -> tuple[int, Exact, Exact]:
    """What a window does, in units of its input.

    The most units from the first to the last that it reads, where that of output 0 begins (on
    average over phases), and the step to the next output.
    """
    if isinstance(axis, Sliding):
        return axis.extent, -axis.before, axis.stride
    if isinstance(axis, Transposed):
        taps = axis.reads[1]
        centre = quotient(2 * axis.before - (axis.extent - 1), 2 * axis.stride)
        return taps, centre - quotient(taps - 1, 2), quotient(1, axis.stride)
    if isinstance(axis, Adaptive):
        step = quotient(axis.before, axis.after)
        taps = 1 - -(step.numerator - 1) // step.denominator
        return taps, quotient(step - taps, 2), step
    assert isinstance(axis, Resized)
    return _resized(axis, n)


def _resized(axis: Resized, n: int) -> tuple[int, Exact, Exact]:
    """Resampling: one tap, or the two around a place, of which one may have no weight."""
    step = axis.step
    parts = step.denominator
    if axis.align_corners:
        taps = 1 if parts == 1 or n == 1 else 2
        return taps, quotient(1 - taps, 2), step
    if axis.linear:
        exact = parts == 1 and step % 2 == 1
        taps = 1 if exact or n == 1 else 2
        return taps, quotient(step - taps, 2), step
    # nearest is the one before, on average (parts - 1) / (2 parts) off
    return 1, -quotient(parts - 1, 2 * parts), step


def _plain(number: Exact) -> Exact:
    """The number as an int if it is one."""
    return number.numerator if number.denominator == 1 else number


def _hull(a: Field, b: Field) -> Field:
    """The smallest field around two that meet."""
    axes = tuple(_hull_axis(one, two) for one, two in zip(a.axes, b.axes, strict=True))
    met = all(
        one.jump == two.jump and _twice_start(one) == _twice_start(two)
        for one, two in zip(a.axes, b.axes, strict=True)
        if one.local is not None and two.local is not None
    )
    aligned = a.aligned and b.aligned and met
    return Field(axes, aligned, a.reducer or b.reducer, a.ordered and b.ordered)


def _twice_start(axis: AxisField) -> Exact | None:
    """Twice the start, which takes no fraction where fields lie around the edge of a pixel."""
    return None if axis.left is None or axis.local is None else 2 * axis.left + axis.local


def _hull_axis(a: AxisField, b: AxisField) -> AxisField:
    whole = a.whole or b.whole
    if a.size is None or b.size is None:  # one has no single size
        return AxisField(whole=whole)
    if a.local is None or b.local is None:  # that path is global only
        return (a if b.local is None else b)._replace(whole=whole)
    if a.jump is None and (a.local, a.jump, a.phases) == (b.local, b.jump, b.phases):
        return a._replace(whole=whole)  # two that are no longer in order, of one size
    if a.jump is None or a.jump != b.jump or a.left is None or b.left is None:
        return AxisField(whole=whole)
    left = min(a.left, b.left)
    right = max(a.left + a.local, b.left + b.local)
    equal = a.phases is None and b.phases is None
    turns = None if equal else phases.joined(_phases(a), _phases(b))
    return AxisField(_plain(right - left), a.jump, left, whole, turns)
