"""The theoretical field of one unit as a box on the input, its part in the padding included."""

from __future__ import annotations

from typing import NamedTuple

from cnncalc.analysis.receptive_field import AxisField, Field
from cnncalc.analysis.regions import Region
from cnncalc.layer import Shape


class Edges(NamedTuple):
    """Where a box begins and ends on an axis, in input pixels: pixel i goes from i to i + 1."""

    low: float
    high: float


def unit_box(field: Field | None, place: Shape, region: Region) -> tuple[Edges, ...]:
    """The box of the unit at a place, which reads that region: from the formulas, or its hull.

    The formulas know how far it reaches into the padding. They give no box where a unit sees the
    whole input through a reduction, or paths are not aligned.
    """
    axes = field.axes if field is not None and len(field.axes) == len(place) else ()
    hulls = [Edges(hull.start, hull.stop) for hull in region.hull]
    if not axes:
        return tuple(hulls)
    return tuple(map(_edges, axes, place, hulls))


def _edges(axis: AxisField, place: int, hull: Edges) -> Edges:
    if axis.whole is not None or axis.local is None or axis.jump is None or axis.left is None:
        return hull
    low = float(axis.left + place * axis.jump)
    return Edges(min(low, hull.low), max(low + float(axis.local), hull.high))


def centre(edges: Edges) -> float:
    """The middle of a box on an axis."""
    return (edges.low + edges.high) / 2
