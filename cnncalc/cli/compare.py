"""`cnncalc compare`: networks side by side."""

from __future__ import annotations

import sys
from shutil import get_terminal_size
from typing import Any

import click

from cnncalc.analysis.report import Device
from cnncalc.cli import options
from cnncalc.pipeline import analyse
from cnncalc.render import comparison


@click.command()
@options.network
@options.sizing
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
def command(
    specs: tuple[str, ...],
    inputs: Any,
    assignments: Any,
    variant: str | None,
    batch: int,
    dtype: str,
    optimizer: str,
    device: Device | None,
    images: int | None,
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
    """
    if sort == "time" and device is None:
        options.fail("to sort by time needs a device", "write --device 12TFLOPS")
    sizing = options.make_sizing(batch, dtype, optimizer, device, images)
    loaded, reports = {}, []
    for spec in specs:
        one = options.read_spec(spec)
        loaded[one.document.file] = one
        for setting in options.settings(one, inputs, assignments, variant):
            reports.append(analyse(one, setting, sizing))
    first, shown = reports[0], comparison.ordered(reports, sort)
    if form == "table":
        terminal = get_terminal_size().columns if sys.stdout.isatty() else None
        options.write(comparison.table(shown, first, width or terminal), output)
    else:
        write = {"json": comparison.to_json, "csv": comparison.to_csv}
        options.write(write.get(form, comparison.to_markdown)(shown, first), output)
    problems = [problem for report in reports for problem in report.problems]
    if options.report_problems(problems, loaded):
        raise click.exceptions.Exit(1)
