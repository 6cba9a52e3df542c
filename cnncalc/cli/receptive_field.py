"""`cnncalc receptive-field`: what part of the input each unit of a layer sees."""

from __future__ import annotations

from typing import Any

import click

from cnncalc.analysis import regions
from cnncalc.analysis.report import Report, Row
from cnncalc.cli import options
from cnncalc.graph import Graph
from cnncalc.pipeline import analyse, expand
from cnncalc.problem import Problem
from cnncalc.render import fields, machine, text
from cnncalc.suggest import did_you_mean


class _Position(click.ParamType[tuple[int, ...]]):
    """`3,4`: a place on a map, counted from 0."""

    name = "position"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """One number for each axis."""
        parts = str(value).split(",")
        if not all(part.strip().isdecimal() for part in parts):
            self.fail(f"'{value}' is not a place such as 3,4 (row,column, from 0)", param, ctx)
        return tuple(int(part) for part in parts)


@click.command()
@options.network
@click.option("--layer", metavar="PATH", help="One layer: the exact region that a unit reads.")
@click.option("--unit", type=_Position(), metavar="R,C", help="Its place; default: the middle.")
@click.option("--all", "everything", is_flag=True, help="Also layers that change nothing.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "markdown"]),
    default="table",
    show_default=True,
)
@click.option("--output", metavar="FILE", help="Write there instead of to standard output.")
def command(
    specs: tuple[str, ...],
    inputs: Any,
    assignments: Any,
    variant: str | None,
    layer: str | None,
    unit: tuple[int, ...] | None,
    everything: bool,
    form: str,
    output: str | None,
) -> None:
    """Print the receptive field of every layer of SPEC, exactly, through branches.

    Size: input pixels that a unit sees. Jump: input pixels between neighbouring units. Start: the
    centre of the first unit's field (pixel 0 is centred at 0.5). Padding: how far that field
    reaches over the edge. Exit code 1: the spec has errors.

    \b
    cnncalc receptive-field resnet50
    cnncalc receptive-field resnet50 --layer features --unit 0,0
    cnncalc receptive-field net.yaml --input 3x512x512 --format csv
    """
    if unit is not None and layer is None:
        options.fail("--unit needs a --layer")
    if layer is not None and form != "table":
        options.fail("--layer is shown as text only", "leave out --format")
    shown: list[str] = []
    problems: list[Problem] = []
    loaded = {}
    for spec in specs:
        one = options.read_spec(spec)
        loaded[one.document.file] = one
        for setting in options.settings(one, inputs, assignments, variant):
            report = analyse(one, setting)
            problems += report.problems
            if not report.rows:
                continue
            if layer is None:
                shown.append(_render(report, form, everything))
            else:
                shown.append(_unit(expand(one, setting).graph, report, layer, unit))
    if shown:
        options.write("\n".join(shown), output)
    if options.report_problems(problems, loaded):
        raise click.exceptions.Exit(1)


def _render(report: Report, form: str, everything: bool) -> str:
    if form == "table":
        return fields.table(report, everything)
    if form == "json":
        return machine.fields_json(report)
    lines = fields.lines(report, everything)
    if form == "csv":
        return machine.plain_csv(fields.HEADINGS, lines)
    return machine.plain_markdown(fields.HEADINGS, lines)


def _unit(graph: Graph, report: Report, layer: str, position: tuple[int, ...] | None) -> str:
    row = _find(graph, report, layer)
    shape = row.out_shapes[0]
    size = (shape or ())[1:]
    if row.field is None or not row.field.ordered or not size:
        options.fail(
            f"{row.node.path} ({row.node.type}) has no map with places on the input",
            "choose a layer before a Flatten",
        )
    position = tuple(n // 2 for n in size) if position is None else position
    if len(position) != len(size) or any(i >= n for i, n in zip(position, size, strict=False)):
        options.fail(
            f"there is no unit {','.join(map(str, position))} on a map of "
            f"{' x '.join(map(str, size))}",
            f"units are counted from 0 to {','.join(str(n - 1) for n in size)}",
        )
    large = regions.too_large(graph)
    if large is not None:
        options.fail(
            f"a map of {text.shape(large)} is too large to follow single positions through it",
            f"use an input with axes of at most {regions.LONGEST:,}: --input",
        )
    read = regions.read_by(graph, row.node.outputs[0], regions.unit(size, position))
    name, source = next(iter(graph.inputs.items()))
    region = read.get(source)
    if region is None:
        options.fail(f"what {row.node.path} reads of {name} is not known")
    rows = {one.node.outputs[0]: one for one in report.rows}
    steps = tuple(
        (rows[index], one)
        for index, one in sorted(read.items(), reverse=True)
        if one is not None and index in rows
    )
    called = "the input" if name == "input" else name
    return fields.unit(fields.Unit(row, position, called, region, steps))


def _find(graph: Graph, report: Report, layer: str) -> Row:
    """The layer of that path or name; none ends the program."""
    rows = {row.node.path: row for row in report.rows}
    by_value = {index: row for row in report.rows for index in row.node.outputs}
    named = {name: by_value[index] for name, index in graph.names.items() if index in by_value}
    found = rows.get(layer) or named.get(layer)
    if found is None:
        near = did_you_mean(layer, [*named, *rows])
        options.fail(f"there is no layer '{layer}'", near or "leave out --layer to list them")
    return found
