"""`cnncalc specs`: the networks that are shipped."""

from __future__ import annotations

import click

from cnncalc import source
from cnncalc.pipeline import analyse, load
from cnncalc.render.text import count


@click.command()
def command() -> None:
    """List the shipped networks with their params, MACs and source.

    Each name can be given to the other commands.

    \b
    cnncalc specs
    cnncalc summary resnet50
    """
    rows = [("name", "params", "MACs", "source")]
    for name in source.bundled():
        loaded = load(source.read_bundled(name))
        totals = analyse(loaded).totals
        about = loaded.spec.texts.get("source", "") if loaded.spec else ""
        rows.append((name, count(totals.params), count(totals.macs), about))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for name, params, macs, about in rows:
        line = f"{name:<{widths[0]}}  {params:>{widths[1]}}  {macs:>{widths[2]}}  {about}"
        click.echo(line.rstrip())
