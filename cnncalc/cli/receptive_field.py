"""`cnncalc receptive-field`: what part of the input each unit of a layer sees."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from shutil import get_terminal_size
from typing import Any, NamedTuple

import click

from cnncalc.analysis import regions
from cnncalc.analysis.input_view import InputView, input_views
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
from cnncalc.render import field_unit, fields, fields_json, machine
from cnncalc.render.drawing import Drawing
from cnncalc.render.fields import ENDLESS
from cnncalc.suggest import did_you_mean

MOST_DIGITS = 19


class _Position(click.ParamType[tuple[int, ...]]):
    """`3,4`: a place on a map, counted from 0."""

    name = "position"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """One number for each axis."""
        parts = str(value).split(",")
        if not all(part.strip().isdecimal() and len(part) < MOST_DIGITS for part in parts):
            self.fail(f"'{value}' is not a place such as 3,4 (row,column, from 0)", param, ctx)
        return tuple(int(part) for part in parts)


@click.command()
@options.network
@click.option("--layer", metavar="PATH", help="One layer: the exact region that a unit reads.")
@click.option("--unit", type=_Position(), metavar="R,C", help="Its place; default: the middle.")
@click.option("--of", metavar="INPUT", help="The input that fields are on.  [default: each]")
@click.option("--all", "everything", is_flag=True, help="Also layers that change nothing.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "markdown"]),
    default="table",
    show_default=True,
)
@click.option("--width", type=click.IntRange(20, 10_000), help="Columns of text in the table.")
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
    of: str | None,
    everything: bool,
    form: str,
    width: int | None,
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
    terminal = get_terminal_size().columns if sys.stdout.isatty() and output is None else ENDLESS
    drawn = is_picture(output)
    asked = _Asked(layer, unit, everything, form, width or terminal, drawn, effective, how)
    asked.check(len(specs) > 1 or variant == "all")
    shown: list[str] = []
    problems: list[Problem] = []
    loaded = {}
    with picture_file(output, force=force) as draw:
        for spec in specs:
            one = options.read_spec(spec)
            loaded[one.document.file] = one
            for setting in options.settings(one, inputs, assignments, variant):
                built = expand(one, setting)
                report = analyse(one, setting, built=built)
                problems += report.problems
                views = _views(built.graph, report, of)
                if not report.rows or not views or (asked.drawn and built.wrong):
                    continue  # a picture cannot show what is wrong
                if asked.drawn:
                    draw(_drawing(one, setting, views[0], asked))
                else:
                    shown.append(_text(one, setting, views, asked))
    if shown:
        options.write(fields_json.several(shown) if form == "json" else "\n".join(shown), output)
    if options.report_problems(problems, loaded):
        raise click.exceptions.Exit(1)


class _Asked(NamedTuple):
    """What is to be shown: all layers or a unit of one, as text or drawn."""

    layer: str | None
    unit: tuple[int, ...] | None
    everything: bool
    form: str
    width: int
    drawn: bool
    effective: bool
    how: dict[str, Any]

    def check(self, several: bool) -> None:
        """Refuse options that do not go together."""
        if self.unit is not None and self.layer is None:
            options.fail("--unit needs a --layer")
        if self.effective and self.form != "table":
            options.fail("--effective is shown as text or as a picture", "leave out --format")
        if self.how["samples"] and not self.effective:
            options.fail("--samples is for --effective, which is not there")
        if self.drawn and several:
            options.fail("a picture shows one network", "name one spec, and one variant")
        if self.drawn and self.form != "table":
            options.fail(f"a picture is no {self.form}", "leave out --format")


def _views(graph: Graph, report: Report, of: str | None) -> tuple[InputView, ...]:
    """The network relative to each input, or to one; one that is not there ends the program."""
    if of is not None and of not in graph.inputs:
        listed = "inputs: " + ", ".join(graph.inputs)
        options.fail(f"there is no input '{of}'", did_you_mean(of, graph.inputs) or listed)
    return tuple(view for view in input_views(graph, report) if of in (None, view.name))


def _text(loaded: Loaded, setting: Settings, views: Sequence[InputView], asked: _Asked) -> str:
    """One network as text."""
    if asked.layer is None and not asked.effective:
        return _render(views, asked)
    reached = [view for view in views if _row(view, asked).field is not None] or views[:1]
    if not asked.effective:
        units = [_unit_of(view, asked) for view in reached]
        return _render_units(reached[0].report, units, asked)
    from cnncalc.cli import effective

    view, again = reached[0], rebuilder(loaded, setting)
    row = _row(view, asked)
    place, region = _unit(view.graph, row, asked.unit)
    return effective.text(effective.measure(view.graph, row, place, region, asked.how, again))


def _drawing(loaded: Loaded, setting: Settings, view: InputView, asked: _Asked) -> Drawing:
    """One network as a picture."""
    graph, report = view.graph, view.report
    check_drawable(graph)
    if asked.layer is None and not asked.effective:
        return field_drawing(graph, report)
    row = _row(view, asked)
    place, region = _unit(graph, row, asked.unit)
    if not asked.effective:
        return unit_drawing(graph, report, row, place, region)
    from cnncalc.cli import effective

    again = rebuilder(loaded, setting)
    shown = effective.measure(graph, row, place, region, asked.how, again)
    return effective.drawing(graph, report, shown)


def _row(view: InputView, asked: _Asked) -> Row:
    """The layer that is asked for, else the last with a map."""
    if asked.layer is None:
        return _last(view.report)
    return _find(view.graph, view.report, asked.layer)


def _render(views: Sequence[InputView], asked: _Asked) -> str:
    if asked.form == "table":
        return "\n".join(fields.table(view, asked.everything, asked.width) for view in views)
    if asked.form == "json":
        return fields_json.layers(views)
    lines = [line for view in views for line in fields.lines(view, asked.everything)]
    if asked.form == "csv":
        return machine.plain_csv(fields.HEADINGS, lines)
    return machine.plain_markdown(fields.HEADINGS, lines, fields.NUMBERS)


def _render_units(report: Report, units: Sequence[field_unit.Unit], asked: _Asked) -> str:
    if asked.form == "table":
        return "\n".join(field_unit.unit(one, asked.everything, asked.width) for one in units)
    if asked.form == "json":
        return fields_json.units(report, units)
    lines = [line for one in units for line in field_unit.lines(one, asked.everything)]
    if asked.form == "csv":
        return machine.plain_csv(field_unit.HEADINGS, lines)
    return machine.plain_markdown(field_unit.HEADINGS, lines, field_unit.NUMBERS)


def _unit(
    graph: Graph, row: Row, position: tuple[int, ...] | None
) -> tuple[tuple[int, ...], Region]:
    """The place of a unit, the middle without one, and what it reads of the first input."""
    size = (row.out_shapes[0] or ())[1:]
    name, source = next(iter(graph.inputs.items()))
    if row.field is None:
        options.fail(f"{row.node.path} ({row.node.type}) does not depend on {name} in a known way")
    if not row.field.ordered or not size:
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
    region = region_of(graph, source, row, position)
    if region is None:
        options.fail(f"what {row.node.path} reads of {name} is not known")
    return position, region


def _unit_of(view: InputView, asked: _Asked) -> field_unit.Unit:
    """A unit with the regions that it reads on the way back, layer by layer."""
    row = _row(view, asked)
    place, region = _unit(view.graph, row, asked.unit)
    one = regions.unit((row.out_shapes[0] or ())[1:], place)
    read = regions.read_by(view.graph, row.node.outputs[0], one)
    values = view.graph.values
    steps = tuple(
        (values[index].path, one)
        for index, one in sorted(read.items(), reverse=True)
        if one is not None and values[index].producer is not None
    )
    return field_unit.Unit(row, place, view.name, region, steps)


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
        inside = [path for path in rows if path.startswith((f"{layer}.", f"{layer}["))]
        near = f"its last layer is '{inside[-1]}'" if inside else None
        near = near or did_you_mean(layer, [*named, *rows])
        options.fail(f"there is no layer '{layer}'", near or "leave out --layer to list them")
    return found
