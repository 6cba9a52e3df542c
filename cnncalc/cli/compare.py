"""`cnncalc compare`: networks side by side."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from shutil import get_terminal_size
from typing import Any

import click

from cnncalc.analysis.report import Device, Report
from cnncalc.cli import options
from cnncalc.pipeline import analyse
from cnncalc.render import comparison

WITHOUT_CONVENTIONS = ("sort", "batch", "dtype", "optimizer", "device", "images")
"""Options that say nothing of how tools count."""


@click.command()
@options.network
@options.sizing
@click.option(
    "--conventions",
    is_flag=True,
    help="Show instead how other tools would count each SPEC, and where they err.",
)
@click.option("--sort", type=click.Choice(list(comparison.SORTS)), help="Largest first.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "markdown"]),
    default="table",
    show_default=True,
)
@click.option("--width", type=click.IntRange(20, 10_000), help="Columns of text in the table.")
@click.option("--output", metavar="FILE", help="Write there instead of to standard output.")
@click.pass_context
def command(
    ctx: click.Context,
    specs: tuple[str, ...],
    inputs: Any,
    assignments: Any,
    variant: str | None,
    batch: int,
    dtype: str,
    optimizer: str,
    device: Device | None,
    images: int | None,
    conventions: bool,
    sort: str | None,
    form: str,
    width: int | None,
    output: str | None,
) -> None:
    """Print networks side by side, each number also as a multiple of that of the first SPEC.

    SPEC is a file, - for standard input, or the name of a shipped network or variant (`cnncalc
    specs`). Exit code 1: a spec has errors, or an expect or budget does not hold.

    \b
    cnncalc compare resnet50 mobilenet_v2 vgg16
    cnncalc compare resnet50 resnet101 resnet152 --sort macs
    cnncalc compare mobilenet_v2 --variant all
    cnncalc compare old.yaml new.yaml --batch 32 --optimizer adam
    cnncalc compare resnet50 vgg16 --device 12TFLOPS,900GB/s --images 1M
    cnncalc compare resnet50 vgg16 --format csv
    cnncalc compare --conventions resnet50
    """
    if conventions:
        _refuse(ctx, WITHOUT_CONVENTIONS)
    if sort == "time" and device is None:
        options.fail("to sort by time needs a device", "write --device 12TFLOPS")
    sizing = options.make_sizing(batch, dtype, optimizer, device, images)
    loaded, reports = {}, []
    for spec in specs:
        one = options.read_spec(spec)
        loaded[one.document.file] = one
        for setting in options.settings(one, inputs, assignments, variant):
            reports.append(analyse(one, setting, sizing))
    terminal = get_terminal_size().columns if sys.stdout.isatty() else None
    if conventions:
        result = _conventions(reports, form, width or terminal)
    else:
        shown = comparison.ordered(reports, sort)
        result = _comparison(shown, reports[0], form, width or terminal)
    options.write(result, output)
    problems = [problem for report in reports for problem in report.problems]
    if options.report_problems(problems, loaded):
        raise click.exceptions.Exit(1)


def _refuse(ctx: click.Context, names: Sequence[str]) -> None:
    """End the program where one of these options was given."""
    for name in names:
        if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            options.fail(
                f"--{name} does not go with --conventions",
                "tools count one image, in any data type, on any device: leave it out",
            )


def _comparison(shown: Sequence[Report], first: Report, form: str, width: int | None) -> str:
    if form == "table":
        return comparison.table(shown, first, width)
    write = {"json": comparison.to_json, "csv": comparison.to_csv}
    return write.get(form, comparison.to_markdown)(shown, first)


def _conventions(reports: Sequence[Report], form: str, width: int | None) -> str:
    from cnncalc.render import conventions

    networks = [conventions.counted(report) for report in reports]
    if form == "table":
        return conventions.tables(networks, width)
    write = {"json": conventions.to_json, "csv": conventions.to_csv}
    return write.get(form, conventions.to_markdown)(networks)
