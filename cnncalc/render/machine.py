"""Reports for programs and pages: JSON, CSV, Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from cnncalc import __version__
from cnncalc.analysis.device import layer_time, network_time
from cnncalc.analysis.receptive_field import AxisField, Field
from cnncalc.analysis.report import Report, Row, Sizing, element_bytes
from cnncalc.analysis.storage import storage, wanted
from cnncalc.layer import written_arguments
from cnncalc.problem import Problem, Span
from cnncalc.render import totals
from cnncalc.render.columns import COLUMNS
from cnncalc.render.tree import Line

if TYPE_CHECKING:
    from fractions import Fraction

    from cnncalc.analysis.receptive_field import Exact


def to_json(report: Report) -> str:
    """The JSON report, documented in docs/report.md; one line a layer."""
    head = {
        "cnncalc": __version__,
        "report": 1,
        "spec": report.file,
        "name": report.name,
        "variant": report.variant,
        "inputs": report.inputs,
        "batch": report.sizing.batch,
        "dtype": report.sizing.dtype,
        **_sparsity(report.sizing),
        **device_json(report.sizing),
    }
    tail: dict[str, Any] = {
        "outputs": [result._asdict() for result in report.outputs],
        "totals": _totals(report),
        "checks": [check._asdict() for check in report.checks],
        "problems": [problem_json(problem) for problem in report.problems],
    }
    layers = ",\n".join("  " + json.dumps(_layer(row, report.sizing)) for row in report.rows)
    return f'{_members(head)},\n"layers": [\n{layers}\n],\n{_members(tail)}'.join("{}") + "\n"


def _sparsity(sizing: Sizing) -> dict[str, Any]:
    """The share of the weights that is pruned, where one is."""
    return {} if sizing.sparsity is None else {"sparsity": float(sizing.sparsity)}


def device_json(sizing: Sizing) -> dict[str, Any]:
    """The device with the number of images to be run through it, where there is one."""
    if sizing.device is None:
        return {}
    return {"device": {**sizing.device._asdict(), "images": sizing.images}}


def several_json(reports: Sequence[Report]) -> str:
    """One report, or a list of them."""
    if len(reports) == 1:
        return to_json(reports[0])
    return "[" + ",\n".join(to_json(report).rstrip() for report in reports) + "]\n"


def _members(values: dict[str, Any]) -> str:
    return ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in values.items())


def _layer(row: Row, sizing: Sizing) -> dict[str, Any]:
    node, cost, elements = row.node, row.cost, row.output_elements
    outputs = {"out_shape": row.out_shapes[0]}
    if len(row.out_shapes) > 1:
        outputs = {"out_shape": None, "out_shapes": row.out_shapes}  # type: ignore[dict-item]
    return {
        "path": node.path,
        "name": node.name,
        "type": node.type,
        "args": written_arguments(node.layer) if node.layer else {},
        "inputs": row.input_paths,
        "in_shapes": row.in_shapes,
        **outputs,
        "assumed": row.assumed,
        "declared": bool(node.layer and node.layer.declared),
        "params": cost and cost.params,
        "trainable": cost and cost.trainable,
        "buffers": cost and cost.buffers,
        "macs": cost and cost.macs,
        "flops": cost and cost.flops,
        "backward_macs": cost and cost.backward_macs._asdict(),
        "output_bytes": None
        if elements is None
        else element_bytes(elements * sizing.batch, sizing.dtype),
        "receptive_field": field_json(row.field),
        **_time(row, sizing),
        "train_only": node.train_only,
        "at": {"line": node.span.line, "column": node.span.column},
    }


def _time(row: Row, sizing: Sizing) -> dict[str, Any]:
    """What an image takes, where there is a device."""
    if sizing.device is None:
        return {}
    time = layer_time(row, sizing)
    found = time and {**time._asdict(), "seconds": time.seconds, "bound": time.bound}
    return {"time": found}


def field_json(field: Field | None) -> dict[str, Any] | None:
    """A receptive field as the report has it."""
    if field is None:
        return None

    def axes(values: Iterable[Exact | None]) -> list[Any] | None:
        found = [exact(value) for value in values]
        return None if None in found else found

    def of(axis: AxisField) -> tuple[Exact | None, Exact | None, Exact | None]:
        return axis.size, axis.jump, axis.start

    size, jump, start = zip(*map(of, field.axes), strict=True)
    return {
        "size": axes(size),
        "jump": axes(jump),
        "start": axes(start),
        "local": axes(axis.local for axis in field.axes),
        "aligned": field.aligned,
    }


def exact(value: int | Fraction | None) -> int | float | str | None:
    """A number as JSON: a fraction that is no exact decimal is a string such as "1/3"."""
    if value is None or isinstance(value, int):
        return value
    denominator = value.denominator
    for prime in (2, 5):
        while denominator % prime == 0:
            denominator //= prime
    return float(value) if denominator == 1 else str(value)


def _totals(report: Report) -> dict[str, Any]:
    sums = report.totals
    found = sums.numbers()
    backward = sums.backward_macs
    found["backward_macs"] = backward and backward._asdict()
    found["receptive_field"] = field_json(report.field)
    if wanted(report.sizing):
        stored = storage(report.rows, report.sizing)
        found["storage"] = stored and stored._asdict()
    if report.sizing.device is not None:
        found["seconds"] = network_time(report.rows, report.sizing)
    if sums.largest_batch is not None:
        found["largest_batch"] = sums.largest_batch._asdict()
    return found


def problem_json(problem: Problem) -> dict[str, Any]:
    """A problem as the report has it."""
    return {
        "code": problem.code,
        "name": problem.name,
        "level": problem.level.value,
        "message": problem.message,
        "help": problem.help,
        "count": problem.times,
        "at": place_json(problem.span),
        "trace": [{"call": call.text, "at": place_json(call.span)} for call in problem.trace],
    }


def place_json(span: Span) -> dict[str, Any]:
    """A stretch of a file as the report has it."""
    return {
        "file": span.file,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }


def to_csv(report: Report, rows: Sequence[Row], columns: Sequence[str]) -> str:
    """One line a layer with a header; numbers bare, unknown empty."""
    values = ([COLUMNS[key].value((row,), report.sizing) for key in columns] for row in rows)
    return plain_csv(columns, (["" if one is None else one for one in row] for row in values))


def plain_csv(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table as CSV, with a header."""
    import csv
    import io

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(headings)
    writer.writerows(rows)
    return out.getvalue()


def plain_markdown(
    headings: Sequence[str], rows: Iterable[Sequence[str]], right: frozenset[str] = frozenset()
) -> str:
    """A table as Markdown, the columns of `right` to the right."""
    rules = ("---:" if heading in right else "---" for heading in headings)
    lines = ["| " + " | ".join(headings) + " |", "|" + "|".join(rules) + "|"]
    for row in rows:
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
    return "\n".join(lines) + "\n"


def to_markdown(report: Report, lines: Sequence[Line], columns: Sequence[str]) -> str:
    """A heading, the table, the totals and what failed."""
    shown = [COLUMNS[key] for key in columns]
    parts = [
        f"### {totals.title(report)}",
        "",
        "| " + " | ".join(column.heading for column in shown) + " |",
        "|" + "|".join("---:" if column.numeric else "---" for column in shown) + "|",
    ]
    for line in lines:
        cells = [column.show(line.rows, report.sizing) for column in shown]
        if columns[0] == "path" and not line.leaf:
            cells[0] = f"{line.label} ({len(line.rows)} layers)"
        parts.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    if report.totals.macs is None:
        parts += ["", totals.unknown(report)]
    else:
        parts += ["", *(f"- **{name}**: {value}" for name, value in totals.figures(report))]
    for kind, found in totals.checks(report):
        parts.append(
            f"- **{kind}**: " + ", ".join(f"{totals.MARKS[ok]} {text}" for ok, text in found)
        )
    parts += [f"- `{p.span}` {p.code} {p.name}: {p.message}" for p in report.problems]
    parts += ["", f"_{totals.CONVENTION}_"]
    return "\n".join(parts) + "\n"
