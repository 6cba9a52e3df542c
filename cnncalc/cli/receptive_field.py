"""`cnncalc receptive-field`: what part of the input each unit of a layer sees."""

from __future__ import annotations

from typing import Any, NamedTuple

import click

from cnncalc.analysis import regions
from cnncalc.analysis.regions import Region
from cnncalc.analysis.report import Report, Row
from cnncalc.cli import options
from cnncalc.cli.field_output import (
    check_drawable,
    field_drawing,
    is_picture,
    picture_file,
    region_of,
    unit_drawing,
)
from cnncalc.graph import Graph
from cnncalc.language.builder import Settings
from cnncalc.pipeline import Loaded, analyse, expand, rebuilder
from cnncalc.problem import Problem
from cnncalc.render import fields, machine
from cnncalc.render.drawing import Drawing
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
@click.option(
    "--output", metavar="FILE", help="Write there; a picture, if it ends in .svg or .png."
)
@click.option("--force", is_flag=True, help="Replace a picture that exists.")
@click.option("--effective", is_flag=True, help="How much each pixel weighs, by random gradients.")
@click.option("--samples", type=click.IntRange(1), help="Gradients for --effective.  [default: 10]")
@options.computing
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
    force: bool,
    effective: bool,
    **how: Any,
) -> None:
    """Print the receptive field of every layer of SPEC, exactly, through branches.

    Size: input pixels that a unit sees. Jump: input pixels between neighbouring units. Start: the
    centre of the first unit's field (pixel 0 is centred at 0.5). Padding: how far that field
    reaches over the edge. A picture has a panel for each layer that changes the field. Exit code 1:
    the spec has errors.

    \b
    cnncalc receptive-field resnet50
    cnncalc receptive-field resnet50 --layer features --unit 0,0
    cnncalc receptive-field net.yaml --input 3x512x512 --format csv
    cnncalc receptive-field net.yaml --output fields.svg
    cnncalc receptive-field resnet50 --layer features --effective
    """
    asked = _Asked(layer, unit, everything, form, is_picture(output), effective, how)
    asked.check(len(specs) > 1 or variant == "all")
    shown: list[str] = []
    problems: list[Problem] = []
    loaded = {}
    with picture_file(output, force=force) as draw:
        for spec in specs:
            one = options.read_spec(spec)
            loaded[one.document.file] = one
            for setting in options.settings(one, inputs, assignments, variant):
                report = analyse(one, setting)
                problems += report.problems
                if not report.rows:
                    continue
                if asked.drawn:
                    draw(_drawing(one, setting, report, asked))
                else:
                    shown.append(_text(one, setting, report, asked))
    if shown:
        options.write("\n".join(shown), output)
    if options.report_problems(problems, loaded):
        raise click.exceptions.Exit(1)


class _Asked(NamedTuple):
    """What is to be shown: all layers or a unit of one, as text or drawn."""

    layer: str | None
    unit: tuple[int, ...] | None
    everything: bool
    form: str
    drawn: bool
    effective: bool
    how: dict[str, Any]

    def check(self, several: bool) -> None:
        """Refuse options that do not go together."""
        if self.unit is not None and self.layer is None:
            options.fail("--unit needs a --layer")
        if self.layer is not None and self.form != "table":
            options.fail("--layer is shown as text only", "leave out --format")
        if self.effective and self.form != "table":
            options.fail("--effective is shown as text or as a picture", "leave out --format")
        if self.how["samples"] and not self.effective:
            options.fail("--samples is for --effective, which is not there")
        if self.drawn and several:
            options.fail("a picture shows one network", "name one spec, and one variant")
        if self.drawn and self.form != "table":
            options.fail(f"a picture is no {self.form}", "leave out --format")


def _text(loaded: Loaded, setting: Settings, report: Report, asked: _Asked) -> str:
    """One network as text."""
    if asked.layer is None and not asked.effective:
        return _render(report, asked.form, asked.everything)
    graph = expand(loaded, setting).graph
    row = _row(graph, report, asked)
    place, region = _unit(graph, row, asked.unit)
    if not asked.effective:
        return _unit_text(graph, report, row, place, region)
    from cnncalc.cli import effective

    again = rebuilder(loaded, setting)
    return effective.text(effective.measure(graph, row, place, region, asked.how, again))


def _drawing(loaded: Loaded, setting: Settings, report: Report, asked: _Asked) -> Drawing:
    """One network as a picture."""
    graph = expand(loaded, setting).graph
    check_drawable(graph)
    if asked.layer is None and not asked.effective:
        return field_drawing(graph, report)
    row = _row(graph, report, asked)
    place, region = _unit(graph, row, asked.unit)
    if not asked.effective:
        return unit_drawing(graph, report, row, place, region)
    from cnncalc.cli import effective

    again = rebuilder(loaded, setting)
    shown = effective.measure(graph, row, place, region, asked.how, again)
    return effective.drawing(graph, report, shown)


def _row(graph: Graph, report: Report, asked: _Asked) -> Row:
    """The layer that is asked for, else the last with a map."""
    return _last(report) if asked.layer is None else _find(graph, report, asked.layer)


def _render(report: Report, form: str, everything: bool) -> str:
    if form == "table":
        return fields.table(report, everything)
    if form == "json":
        return machine.fields_json(report)
    lines = fields.lines(report, everything)
    if form == "csv":
        return machine.plain_csv(fields.HEADINGS, lines)
    return machine.plain_markdown(fields.HEADINGS, lines)


def _unit(
    graph: Graph, row: Row, position: tuple[int, ...] | None
) -> tuple[tuple[int, ...], Region]:
    """The place of a unit, the middle without one, and what it reads of the first input."""
    size = (row.out_shapes[0] or ())[1:]
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
    name, source = next(iter(graph.inputs.items()))
    region = region_of(graph, source, row, position)
    if region is None:
        options.fail(f"what {row.node.path} reads of {name} is not known")
    return position, region


def _unit_text(
    graph: Graph, report: Report, row: Row, position: tuple[int, ...], region: Region
) -> str:
    size = (row.out_shapes[0] or ())[1:]
    read = regions.read_by(graph, row.node.outputs[0], regions.unit(size, position))
    rows = {one.node.outputs[0]: one for one in report.rows}
    steps = tuple(
        (rows[index], one)
        for index, one in sorted(read.items(), reverse=True)
        if one is not None and index in rows
    )
    name = next(iter(graph.inputs))
    called = "the input" if name == "input" else name
    return fields.unit(fields.Unit(row, position, called, region, steps))


def _last(report: Report) -> Row:
    """The last layer with places on the input that is more than one unit; none ends the program."""
    maps = [
        row
        for row in report.rows
        if row.field is not None and row.field.ordered and set((row.out_shapes[0] or ())[1:]) - {1}
    ]
    if not maps:
        options.fail("no layer has a map with places on the input")
    return maps[-1]


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
