"""`cnncalc rules`: what the linter looks for."""

from __future__ import annotations

import click

from cnncalc.lint.codes import codes
from cnncalc.render import rule_page


@click.command()
@click.option("--all", "every", is_flag=True, help="Also those that are off by default.")
def command(every: bool) -> None:
    """List the rules of `cnncalc lint` that are on by default.

    \b
    cnncalc rules --all
    cnncalc explain CNN202
    """
    shown = [one for one in codes().values() if every or one.default]
    click.echo(rule_page.table(shown), nl=False)
