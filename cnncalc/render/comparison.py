"""Networks side by side, each number beside its ratio to that of the first."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from textwrap import wrap
from typing import Any, NamedTuple

from cnncalc import __version__
from cnncalc.analysis.device import network_time
from cnncalc.analysis.report import Report, Sizing
from cnncalc.render import totals
from cnncalc.render.columns import of_field
from cnncalc.render.machine import device_json, field_json, plain_csv, plain_markdown
from cnncalc.render.text import aligned, count, duration, shape, size

RATIO = "x"
ENDLESS = 100_000
"""Width of a pipe: columns are as wide as their content."""
READABLE = 110
"""Characters of a line of prose."""


class Figure(NamedTuple):
    """A number of a network: its name for people, where it stands, and how it is written."""

    heading: str
    value: Callable[[Report], float | None]
    show: Callable[[Any], str]
    relative: bool = True


FIGURES: dict[str, Figure] = {
    "params": Figure("params", lambda report: report.totals.params, count),
    "macs": Figure("MACs", lambda report: report.totals.macs, count),
    "flops": Figure("FLOPs", lambda report: report.totals.flops, count),
    "activation_elements": Figure(
        "activations", lambda report: report.totals.activation_elements, count
    ),
    "peak_inference_bytes": Figure("peak", lambda report: report.totals.peak_inference_bytes, size),
    "training_bytes": Figure("training", lambda report: report.totals.training_bytes, size),
    "param_bytes": Figure("size", lambda report: report.totals.param_bytes, size),
    "depth": Figure("depth", lambda report: report.totals.depth, count, relative=False),
}
"""By the key of the report's totals."""

TIME = Figure("time", lambda report: network_time(report.rows, report.sizing), duration)
"""Of one image, where there is a device."""

SORTS: dict[str, Callable[[Report], float | None]] = {
    "params": FIGURES["params"].value,
    "macs": FIGURES["macs"].value,
    "activations": FIGURES["activation_elements"].value,
    "memory": FIGURES["peak_inference_bytes"].value,
    "training": FIGURES["training_bytes"].value,
    "size": FIGURES["param_bytes"].value,
    "depth": FIGURES["depth"].value,
    "receptive-field": lambda report: _largest(report),
    "time": TIME.value,
}
"""What a comparison can be sorted by, largest first."""

DISPENSABLE = (
    *("FLOPs", "input", "training", "activations", "field", "depth", "checks", "peak", "size"),
    RATIO,
)
"""Columns that give way, in this order, where a terminal is narrow."""


class Column(NamedTuple):
    """A heading with its cells; a ratio stands behind the number that it is of."""

    heading: str
    cells: Sequence[str]
    right: bool = True
    of: str | None = None


def figures(sizing: Sizing) -> dict[str, Figure]:
    """The numbers that are compared, times among them where there is a device."""
    found = dict(FIGURES)
    if sizing.device is not None:
        found["seconds"] = TIME
    if sizing.images is not None:
        found["seconds_of_images"] = Figure(
            f"{count(sizing.images)} images", _time_of_images, duration, relative=False
        )
    return found


def _time_of_images(report: Report) -> float | None:
    seconds, images = TIME.value(report), report.sizing.images
    return None if seconds is None or images is None else seconds * images


def ordered(reports: Sequence[Report], key: str | None) -> list[Report]:
    """The largest first and what is not known last; without a key as they were given."""
    if key is None:
        return list(reports)
    return sorted(reports, key=lambda report: -(SORTS[key](report) or 0))


def _largest(report: Report) -> float | None:
    """The field on the axis where it is largest."""
    sizes = [axis.size for axis in report.field.axes] if report.field else []
    return max((float(one) for one in sizes if one is not None), default=None)


def ratio(report: Report, first: Report, figure: Figure) -> float | None:
    """How many times the number of the first network; None where one is not known, or that is 0."""
    own, base = figure.value(report), figure.value(first)
    return None if own is None or not base else own / base


def table(reports: Sequence[Report], first: Report, width: int | None) -> str:
    """The table, and how its numbers are counted; without a width as wide as it needs."""
    columns = _fitted(_columns(reports, first), width or ENDLESS)
    lines = _aligned(columns)
    notes = wrap(_notes(first), min(width or READABLE, READABLE))
    return "\n".join((*lines, "", *notes)) + "\n"


def _aligned(columns: Sequence[Column]) -> list[str]:
    """The lines of the table; headings may repeat, so that sides are those of padded cells."""
    padded = []
    for column in columns:
        wide = max(map(len, (column.heading, *column.cells)))
        adjust = str.rjust if column.right else str.ljust
        padded.append([adjust(cell, wide) for cell in (column.heading, *column.cells)])
    heading, *rows = zip(*padded, strict=True)
    return list(aligned(heading, rows, frozenset()))


def _notes(first: Report) -> str:
    sizing = first.sizing
    time = f"; time: {totals.assumptions(sizing)}" if sizing.device else ""
    return (
        f"{RATIO}: times the number of {network(first)}; {totals.CONVENTION}; "
        f"peak: tensors alive at inference, training: with {sizing.optimizer}, "
        f"size: params and buffers, in {sizing.dtype}, batch {sizing.batch}{time}"
    )


def _columns(reports: Sequence[Report], first: Report) -> list[Column]:
    columns = [
        Column("network", [network(report) for report in reports], right=False),
        Column("input", [_inputs(report) for report in reports], right=False),
    ]
    for figure in figures(first.sizing).values():
        cells = [figure.show(figure.value(report)) for report in reports]
        columns.append(Column(figure.heading, cells))
        if figure.relative:
            times = [_times(ratio(report, first, figure)) for report in reports]
            columns.append(Column(RATIO, times, of=figure.heading))
    fields = [of_field(report.field, lambda axis: axis.size) for report in reports]
    columns.append(Column("field", fields))
    columns.append(Column("checks", [_checked(report) for report in reports]))
    return columns


def _fitted(columns: Sequence[Column], width: int) -> Sequence[Column]:
    """What fits: columns give way with their ratios, then all ratios; params and MACs stay."""
    for heading in DISPENSABLE:
        if _taken(columns) <= width:
            break
        columns = [one for one in columns if heading not in (one.heading, one.of)]
    return columns


def _taken(columns: Sequence[Column]) -> int:
    """Characters of a line, with the gaps between columns."""
    widths = [max(map(len, (column.heading, *column.cells))) for column in columns]
    return sum(widths) + 2 * (len(widths) - 1)


def network(report: Report) -> str:
    """The name of a network, with its variant."""
    name = report.name or report.file
    return f"{name} ({report.variant})" if report.variant else name


def _inputs(report: Report) -> str:
    return ", ".join(shape(sizes) for sizes in report.inputs.values())


def _times(number: float | None) -> str:
    """A ratio with three digits, as 0.137 or 1,250."""
    if number is None:
        return "?"
    return f"{number:,.0f}" if number >= 1000 else f"{number:.3g}"


def _checked(report: Report) -> str:
    """Errors of the spec, or what it expects and does not get, or how many promises hold."""
    failed = sum(check.ok is False for check in report.checks)
    if errors := len(report.problems) - failed:
        return f"{errors} error{'s' if errors > 1 else ''}"
    if failed:
        return f"{failed} failed"
    held = sum(check.ok is True for check in report.checks)
    return f"{held} ok" if held else "-"


def to_markdown(reports: Sequence[Report], first: Report) -> str:
    """The table as Markdown."""
    columns = _columns(reports, first)
    headings = [column.heading for column in columns]
    rows = zip(*(column.cells for column in columns), strict=True)
    right = frozenset(column.heading for column in columns if column.right)
    return plain_markdown(headings, rows, right) + f"\n_{_notes(first)}_\n"


def to_csv(reports: Sequence[Report], first: Report) -> str:
    """Numbers bare, unknown empty; `x_relative` is x as a multiple of that of the first."""
    records = [_record(report, first) for report in reports]
    rows = (["" if one is None else one for one in record.values()] for record in records)
    return plain_csv(list(records[0]), rows)


def _record(report: Report, first: Report) -> dict[str, Any]:
    record: dict[str, Any] = {
        "name": report.name,
        "variant": report.variant,
        "spec": report.file,
        "input": _inputs(report).replace(" x ", "x"),
    }
    for key, figure in figures(first.sizing).items():
        record[key] = figure.value(report)
        record[f"{key}_relative"] = ratio(report, first, figure)
    return record | {"field": of_field(report.field, lambda axis: axis.size)}


def to_json(reports: Sequence[Report], first: Report) -> str:
    """An object with one network a line, documented in docs/compare.md."""
    head = {
        "cnncalc": __version__,
        "comparison": 1,
        "first": network(first),
        "batch": first.sizing.batch,
        "dtype": first.sizing.dtype,
        "optimizer": first.sizing.optimizer,
        **device_json(first.sizing),
    }
    members = ",\n".join(f"{json.dumps(key)}: {json.dumps(one)}" for key, one in head.items())
    networks = ",\n".join("  " + json.dumps(_object(report, first)) for report in reports)
    return f'{{{members},\n"networks": [\n{networks}\n]}}\n'


def _object(report: Report, first: Report) -> dict[str, Any]:
    compared = figures(first.sizing)
    return {
        "name": report.name,
        "variant": report.variant,
        "spec": report.file,
        "inputs": report.inputs,
        **{key: figure.value(report) for key, figure in compared.items()},
        "receptive_field": field_json(report.field),
        "relative": {key: ratio(report, first, figure) for key, figure in compared.items()},
        "problems": len(report.problems),
    }
