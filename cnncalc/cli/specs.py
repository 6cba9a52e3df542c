"""`cnncalc specs`: the catalogue of the networks that are shipped."""

from __future__ import annotations

import sys
from shutil import get_terminal_size

import click

from cnncalc import source
from cnncalc.catalogue import entries
from cnncalc.cli import options
from cnncalc.render import catalogue
from cnncalc.suggest import did_you_mean


@click.command()
@click.argument("text", default="")
@click.option(
    "--sort",
    type=click.Choice(["name", *catalogue.SORTS]),
    default="name",
    show_default=True,
    help="Numbers: largest first.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "markdown"]),
    default="table",
    show_default=True,
)
@click.option("--width", type=click.IntRange(20, 10_000), help="Columns of text in the table.")
@click.option("--output", metavar="FILE", help="Write there instead of to standard output.")
def command(text: str, sort: str, form: str, width: int | None, output: str | None) -> None:
    """List the shipped networks, or those with TEXT in their name, description or source.

    Each name can be given to the other commands, in place of a file.

    \b
    cnncalc specs
    cnncalc specs resnet --sort macs
    cnncalc specs arXiv:1512
    cnncalc specs --sort receptive-field --format csv
    cnncalc summary resnet101
    """
    found = catalogue.ordered(entries(text), sort)
    if not found:
        help = did_you_mean(text, source.networks()) or "'cnncalc specs' lists all of them"
        options.fail(f"no network has '{text}' in its name, description or source", help)
    if form == "table":
        terminal = get_terminal_size().columns if sys.stdout.isatty() else None
        options.write(catalogue.table(found, width or terminal), output)
    else:
        write = {"json": catalogue.to_json, "csv": catalogue.to_csv}
        options.write(write.get(form, catalogue.to_markdown)(found), output)
