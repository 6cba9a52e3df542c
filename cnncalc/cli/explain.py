"""`cnncalc explain`: the manual page of a layer type."""

from __future__ import annotations

import click

from cnncalc import layers
from cnncalc.cli import options
from cnncalc.language.keras import type_help
from cnncalc.render import manual
from cnncalc.suggest import did_you_mean


@click.command()
@click.argument("what", required=False, metavar="[TYPE]")
def command(what: str | None) -> None:
    """Print the manual page of a layer TYPE: arguments, counting rules, examples.

    Without TYPE: list all layer types.

    \b
    cnncalc explain Conv2d
    cnncalc explain ConvTranspose2d
    """
    if what is None:
        click.echo(manual.overview(), nl=False)
        return
    layer_type = layers.find(what)
    if layer_type is None:
        help = type_help(what) or did_you_mean(what, layers.names())
        options.fail(f"there is no layer type '{what}'", help or "'cnncalc explain' lists them")
    click.echo(manual.page(layer_type), nl=False)
