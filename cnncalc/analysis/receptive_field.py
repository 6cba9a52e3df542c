"""Receptive fields: what part of an input each unit of a layer sees (Araujo, Norris, Sim 2019).

Coordinates are input pixels, the centre of pixel i at i + 0.5. A field is kept by the left edge of
that of unit 0, its size and its jump, which are integers but after upsampling; where those would
be fractions they are exact `Fraction`s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cnncalc.graph import Graph, Node
from cnncalc.layer import Shape
from cnncalc.window import POINT, Adaptive, Axis, Reach, Resized, Sliding, Transposed, Whole

if TYPE_CHECKING:
    from fractions import Fraction

    Exact = int | Fraction


class AxisField(NamedTuple):
    """The field on one axis; None where it is not defined.

    `local` is its size without the paths that arrive only through a global reduction (None: all
    do), and `left` the left edge of unit 0's. `whole` is the size of the input where a unit sees
    all of it through a reduction, else None.
    """

    local: Exact | None = None
    jump: Exact | None = None
    left: Exact | None = None
    whole: int | None = None

    @property
    def size(self) -> Exact | None:
        """Input pixels from the first to the last that a unit sees."""
        return self.local if self.whole is None else self.whole

    @property
    def start(self) -> Exact | None:
        """The centre of the field of unit 0."""
        if self.left is None or self.local is None:
            return None
        return quotient(2 * self.left + self.local, 2)


class Field(NamedTuple):
    """The field of a layer's units on every axis of the input.

    `aligned`: all paths from the input have the same jump and centre. `reducer` is the path of
    the layer through which units see the whole input.
    """

    axes: tuple[AxisField, ...]
    aligned: bool = True
    reducer: str | None = None


def quotient(a: Exact, b: Exact) -> Exact:
    """A / b exactly; an int where it comes out."""
    if isinstance(a, int) and isinstance(b, int) and a % b == 0:
        return a // b
    from fractions import Fraction  # only networks that upsample or centre on half pixels need it

    exact = Fraction(a) / b
    return exact.numerator if exact.denominator == 1 else exact


def receptive_fields(graph: Graph, source: int | None = None) -> tuple[Field | None, ...]:
    """The field of every value relative to one input (the first), by the index of the value.

    None: there is no path from that input, or a shape on the way is not known.
    """
    if source is None:
        source = next(iter(graph.inputs.values()), None)
    fields: list[Field | None] = [None] * len(graph.values)
    image = graph.values[source].shape if source is not None else None
    if source is None or image is None or len(image) < 2:
        return tuple(fields)
    fields[source] = Field(tuple(AxisField(1, 1, 0) for _ in image[1:]))
    for node in graph.nodes:
        found = _field(graph, node, fields, image[1:])
        for index in node.outputs:
            fields[index] = found
    return tuple(fields)


def network_field(graph: Graph, fields: tuple[Field | None, ...]) -> Field | None:
    """The field of a whole network: of its last layer that is not behind a global reduction."""
    for node in reversed(graph.nodes):
        field = fields[node.outputs[0]]
        if field and node.head is None and any(axis.local is not None for axis in field.axes):
            return field
    return None


def _field(graph: Graph, node: Node, fields: list[Field | None], image: Shape) -> Field | None:
    shapes = graph.shapes(node.inputs)
    if node.layer is None or shapes is None:
        return None
    if any(graph.values[index].assumed for index in node.outputs):
        return None
    seen = [
        _through(window, shape, field, image, node)
        for window, shape, field in zip(
            node.layer.windows(*shapes), shapes, (fields[i] for i in node.inputs), strict=True
        )
        if field is not None
    ]
    if not seen:
        return None
    first = seen[0]
    for other in seen[1:]:
        first = _hull(first, other)
    return first


def _through(
    window: tuple[Axis, ...] | Reach, shape: Shape, field: Field, image: Shape, node: Node
) -> Field:
    """The field of a layer whose input has that field."""
    if isinstance(window, Reach):
        return _reach(window, field, image, node)
    if all(axis == POINT for axis in window):
        return field
    if len(window) != len(field.axes):
        return field._replace(axes=(AxisField(),) * len(field.axes))
    axes = tuple(
        _axis(axis, one, n, whole)
        for axis, one, n, whole in zip(window, field.axes, shape[1:], image, strict=True)
    )
    reduced = any(isinstance(axis, Whole) for axis in window)
    return Field(axes, field.aligned, node.path if reduced else field.reducer)


def _reach(window: Reach, field: Field, image: Shape, node: Node) -> Field:
    if window is Reach.ENDS:
        ended = tuple(axis._replace(jump=None, left=None) for axis in field.axes)
        return field._replace(axes=ended)
    kept = field.axes if window is Reach.STATISTICS else (AxisField(),) * len(image)
    axes = tuple(axis._replace(whole=whole) for axis, whole in zip(kept, image, strict=True))
    return Field(axes, field.aligned, node.path)


def _axis(axis: Axis, field: AxisField, n: int, whole: int) -> AxisField:
    """One axis of `n` units with that field, seen through a window."""
    if axis == POINT:
        return field
    if isinstance(axis, Whole):
        return (field if axis.local else AxisField())._replace(whole=whole)
    if field.jump is None:
        return AxisField(whole=field.whole)
    grown, shift, jump = _step(axis, field.jump, n)
    local = None if field.local is None else field.local + grown
    left = None if field.left is None else field.left + shift
    return AxisField(local, jump, left, field.whole)


def _step(axis: Axis, jump: Exact, n: int) -> tuple[Exact, Exact, Exact]:
    """What a window adds to the size and to the left edge, and the new jump."""
    if isinstance(axis, Sliding):
        return (axis.extent - 1) * jump, -axis.before * jump, axis.stride * jump
    if isinstance(axis, Transposed):
        taps = axis.reads[1]
        grown = (taps - 1) * jump
        centre = quotient((2 * axis.before - (axis.extent - 1)) * jump, 2 * axis.stride)
        return grown, centre - quotient(grown, 2), quotient(jump, axis.stride)
    if isinstance(axis, Adaptive):
        widest = -(-axis.before // axis.after) + (1 if axis.before % axis.after else 0)
        grown = (widest - 1) * jump
        ratio = quotient(axis.before * jump, axis.after)
        return grown, quotient(ratio - jump, 2) - quotient(grown, 2), ratio
    assert isinstance(axis, Resized)
    grown = jump if axis.linear and n > 1 and axis.after != axis.before else 0
    if axis.align_corners and axis.after > 1:
        ratio = quotient((axis.before - 1) * jump, axis.after - 1)
        return grown, -quotient(grown, 2), ratio
    ratio = quotient(axis.before * jump, axis.after)
    return grown, quotient(ratio - jump, 2) - quotient(grown, 2), ratio


def _hull(a: Field, b: Field) -> Field:
    """The smallest field around two that meet."""
    axes = tuple(_hull_axis(one, two) for one, two in zip(a.axes, b.axes, strict=True))
    met = all(
        one.jump == two.jump and one.start == two.start
        for one, two in zip(a.axes, b.axes, strict=True)
        if one.local is not None and two.local is not None
    )
    return Field(axes, a.aligned and b.aligned and met, a.reducer or b.reducer)


def _hull_axis(a: AxisField, b: AxisField) -> AxisField:
    whole = a.whole or b.whole
    if a.local is None or b.local is None:  # that path is global only, or not known
        unknown = None in (a.size, b.size)
        return AxisField() if unknown else (a if b.local is None else b)._replace(whole=whole)
    if a.jump is None or a.jump != b.jump or a.left is None or b.left is None:
        return AxisField(a.local if a.local == b.local else None, whole=whole)
    left = min(a.left, b.left)
    right = max(a.left + a.local, b.left + b.local)
    return AxisField(right - left, a.jump, left, whole)
