"""`cnncalc explain`: the manual page of a layer type or of a lint rule."""

from __future__ import annotations

import click

from cnncalc import layers
from cnncalc.cli import options
from cnncalc.language.keras import type_help
from cnncalc.render import manual
from cnncalc.suggest import did_you_mean


@click.command()
@click.argument("what", required=False, metavar="[TYPE|RULE]")
def command(what: str | None) -> None:
    """Print the manual page of a layer TYPE, or of a lint RULE by its code or name.

    Of a type: arguments, counting rules, examples; of a rule: why it matters, what to do. Without
    either: list all layer types. `cnncalc rules` lists the rules.

    \b
    cnncalc explain Conv2d
    cnncalc explain CNN202
    cnncalc explain bias-before-norm
    """
    if what is None:
        click.echo(manual.overview(), nl=False)
        return
    layer_type = layers.find(what)
    click.echo(manual.page(layer_type) if layer_type else _rule(what), nl=False)


def _rule(what: str) -> str:
    """The page of a rule; what is none ends the program."""
    from cnncalc.lint.codes import codes, find
    from cnncalc.render import rule_page

    rule = find(what)
    if rule is None:
        names = [*layers.names(), *codes(), *(one.name for one in codes().values())]
        help = type_help(what) or did_you_mean(what, names)
        options.fail(
            f"there is no layer type or lint rule '{what}'",
            help or "'cnncalc explain' lists the types, 'cnncalc rules --all' the rules",
        )
    return rule_page.page(rule)
