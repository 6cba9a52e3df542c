"""Receptive fields as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cnncalc import __version__
from cnncalc.render.machine import exact, field_json

if TYPE_CHECKING:
    from cnncalc.analysis.input_view import InputView
    from cnncalc.analysis.receptive_field import Field
    from cnncalc.analysis.regions import Region
    from cnncalc.analysis.report import Report, Row
    from cnncalc.render.field_unit import Unit


def layers(views: Sequence[InputView]) -> str:
    """The fields of all layers, on each input in turn."""
    return _document(views[0].report, {"fields": [_view(view) for view in views]})


def units(report: Report, found: Sequence[Unit]) -> str:
    """What one unit reads of each input, and on the way there."""
    return _document(report, {"units": [_unit(one) for one in found]})


def several(documents: Sequence[str]) -> str:
    """One document, or a list of them."""
    if len(documents) == 1:
        return documents[0]
    return "[" + ",\n".join(document.rstrip() for document in documents) + "]\n"


def _document(report: Report, members: dict[str, Any]) -> str:
    head = {
        "cnncalc": __version__,
        "spec": report.file,
        "name": report.name,
        "variant": report.variant,
    }
    return json.dumps(head | members, indent=1) + "\n"


def _view(view: InputView) -> dict[str, Any]:
    covering = view.covering
    return {
        "input": view.name,
        "shape": view.shape,
        "covered_at": covering and covering.node.path,
        "unread": view.never_read,
        "reducers": view.reducers,
        "layers": [
            _layer(row, unread) for row, unread in zip(view.report.rows, view.unread, strict=True)
        ],
    }


def _layer(row: Row, unread: int | None) -> dict[str, Any]:
    return {
        "path": row.node.path,
        "type": row.node.type,
        "out_shape": row.out_shapes[0],
        "receptive_field": _field(row.field),
        "unread": unread,
    }


def _field(field: Field | None) -> dict[str, Any] | None:
    """As in the report, with what is beside it in the table."""
    found = field_json(field)
    if field is None or found is None:
        return None
    return found | {
        "range": [axis.range for axis in field.axes],
        "padding": [exact(axis.padding) for axis in field.axes],
        "reducer": field.reducer,
    }


def _unit(found: Unit) -> dict[str, Any]:
    return {
        "layer": found.row.node.path,
        "type": found.row.node.type,
        "unit": found.place,
        "input": found.input,
        **_region(found.region),
        "holes": found.region.holes,
        "steps": [{"path": path, **_region(region)} for path, region in found.steps],
    }


def _region(region: Region) -> dict[str, Any]:
    """The first and the last position read on each axis; null where nothing is."""
    hull = [[axis.start, axis.stop - 1] for axis in region.hull] if region.products else None
    return {"map": region.size, "positions": region.positions, "box": hull}
