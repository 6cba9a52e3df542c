"""The columns that a table, CSV or Markdown may show, each over one row or a folded group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from cnncalc.analysis.device import bounds, network_time
from cnncalc.analysis.receptive_field import AxisField, Field
from cnncalc.analysis.report import Row, Sizing, element_bytes
from cnncalc.render import text

Rows = tuple[Row, ...]


class Column(NamedTuple):
    """What a column shows: a number (summed over a group) or a text (of the group's last row)."""

    heading: str
    numeric: bool
    value: Callable[[Rows, Sizing], Any]
    write: Callable[[Any], str] = text.count

    def show(self, rows: Rows, sizing: Sizing) -> str:
        """The cell as people read it."""
        value = self.value(rows, sizing)
        return self.write(value) if self.numeric else str(value)


def _summed(pick: Callable[[Row], int | None]) -> Callable[[Rows, Sizing], int | None]:
    def total(rows: Rows, sizing: Sizing) -> int | None:  # noqa: ARG001 - every column takes it
        values = [pick(row) for row in rows]
        return None if None in values else sum(value for value in values if value is not None)

    return total


def _bytes(rows: Rows, sizing: Sizing) -> int | None:
    found = _summed(lambda row: row.output_elements)(rows, sizing)
    return None if found is None else element_bytes(found * sizing.batch, sizing.dtype)


def _last(pick: Callable[[Row], str]) -> Callable[[Rows, Sizing], str]:
    return lambda rows, sizing: pick(rows[-1])  # noqa: ARG005


def _outputs(row: Row) -> str:
    return text.shapes(row.out_shapes) + (" (assumed)" if row.assumed else "")


def _bound(rows: Rows, sizing: Sizing) -> str:
    """What holds the layers up, with its share of the time where it is not all."""
    found = bounds(rows, sizing)
    whole = sum(found.values())
    if not whole:
        return "-"
    bound = max(found, key=lambda one: found[one])
    return bound if found[bound] == whole else f"{bound} {found[bound] / whole:.0%}"


def of_field(field: Field | None, pick: Callable[[AxisField], Any]) -> str:
    """A number of a receptive field: once where all axes have it, `-` where it is not known."""
    values = [pick(axis) for axis in field.axes] if field else []
    if not values or None in values:
        return "-"
    texts = [f"{float(v):g}" if not isinstance(v, int) else str(v) for v in values]
    return texts[0] if len(set(texts)) == 1 else " x ".join(texts)


def _axes(pick: Callable[[AxisField], Any]) -> Callable[[Rows, Sizing], str]:
    return _last(lambda row: of_field(row.field, pick))


COLUMNS: dict[str, Column] = {
    "path": Column("path", False, _last(lambda row: row.node.path)),
    "name": Column("name", False, _last(lambda row: row.node.name or "")),
    "type": Column("type", False, _last(lambda row: row.node.type)),
    "input": Column("input", False, _last(lambda row: text.shapes(row.in_shapes))),
    "output": Column("output", False, _last(_outputs)),
    "params": Column("params", True, _summed(lambda row: row.cost and row.cost.params)),
    "keras_params": Column(
        "params", True, _summed(lambda row: row.cost and row.cost.params + row.cost.buffers)
    ),
    "trainable": Column("trainable", True, _summed(lambda row: row.cost and row.cost.trainable)),
    "frozen": Column("frozen", True, _summed(lambda row: row.cost and row.cost.frozen)),
    "buffers": Column("buffers", True, _summed(lambda row: row.cost and row.cost.buffers)),
    "macs": Column("MACs", True, _summed(lambda row: row.cost and row.cost.macs)),
    "flops": Column("FLOPs", True, _summed(lambda row: row.cost and row.cost.flops)),
    "backward_macs": Column(
        "backward MACs", True, _summed(lambda row: row.cost and sum(row.cost.backward_macs))
    ),
    "memory": Column("output bytes", True, _bytes),
    "field": Column("field", False, _axes(lambda axis: axis.size)),
    "jump": Column("jump", False, _axes(lambda axis: axis.jump)),
    "start": Column("start", False, _axes(lambda axis: axis.start)),
    "time": Column("time", True, network_time, text.duration),
    "bound": Column("bound", False, _bound),
    "at": Column("at", False, _last(lambda row: str(row.node.span))),
}
"""`share` is not among them: it is a bar, which only the table draws."""

TIMES = ("time", "bound")
"""What only a device gives; the defaults below are followed by it."""

TABLE_DEFAULT = ("layer", "output", "params", "macs", "share", "field")
FLAT_DEFAULT = ("path", "type", "output", "params", "macs", "field")
CSV_DEFAULT = (
    *("path", "name", "type", "input", "output", "params", "trainable", "buffers"),
    *("macs", "flops", "memory", "field", "jump", "start", "at"),
)
