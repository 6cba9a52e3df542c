"""`cnncalc schema`: what editors need to know about specs."""

from __future__ import annotations

import json

import click

from cnncalc.cli import options
from cnncalc.schema.spec import schema


@click.command()
@click.option("--output", metavar="FILE", help="Write there instead of to standard output.")
def command(output: str | None) -> None:
    """Print a JSON Schema of specs, for completion and help in editors.

    The first line of a spec names it: '# yaml-language-server: $schema=cnncalc.schema.json'. It
    knows how a spec is written; 'cnncalc lint' knows what it computes, too.

    \b
    cnncalc schema
    cnncalc schema --output cnncalc.schema.json
    """
    options.write(json.dumps(schema(), indent=1) + "\n", output)
