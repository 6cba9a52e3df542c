"""`cnncalc convert`: a spec as the text of another network that computes the same."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cnncalc import source
from cnncalc.cli import options
from cnncalc.language.builder import Settings
from cnncalc.pipeline import expand, load
from cnncalc.problem import merged
from cnncalc.render.text import shape
from cnncalc.source import Source

if TYPE_CHECKING:
    from cnncalc.answers.rewriting import Converted, Larger


@click.command()
@click.argument("spec", metavar="SPEC")
@click.option(
    "--fully-convolutional",
    is_flag=True,
    help="Convolutions in place of Linear layers behind a Flatten.",
)
@click.option("--output", metavar="FILE", help="Write there instead of to standard output.")
@click.option("--force", is_flag=True, help="Replace a file that exists; never SPEC itself.")
def command(spec: str, fully_convolutional: bool, output: str | None, force: bool) -> None:
    """Print SPEC as a fully convolutional network, which takes larger inputs, too.

    The first Linear behind a Flatten becomes a convolution whose kernel is the whole map, later
    ones convolutions with a kernel of 1. On the input of the spec, parameters and outputs stay the
    same; weights have to be reshaped only. All else in the text stays, comments included. What was
    done is told on standard error. Exit code 1: it cannot be converted.

    \b
    cnncalc convert alexnet --fully-convolutional
    cnncalc convert net.yaml --fully-convolutional --output fully.yaml
    """
    if not fully_convolutional:
        options.fail("it is not said what to convert to", "write --fully-convolutional")
    if output is not None and _is_same(spec, output):
        options.fail(f"'{output}' is the spec itself, and is not changed", "name another file")
    from cnncalc.answers.convolutional import RefusedError
    from cnncalc.answers.rewriting import fully_convolutional as convert

    given = _read(spec)
    try:
        converted = convert(given)
    except RefusedError as error:
        where = f"{error.span}: " if error.span else f"{given.file}: "
        help = f"\n  help: {error.help}" if error.help else ""
        click.echo(f"{where}not converted: {error.message}{help}", err=True)
        raise click.exceptions.Exit(1) from None
    _write(converted.source.data, output, force)
    _tell(given, converted)


def _is_same(spec: str, output: str) -> bool:
    """Whether the result would take the place of the spec."""
    one, other = Path(spec), Path(output)
    return one.exists() and other.exists() and one.samefile(other)


def _read(spec: str) -> Source:
    """The text of a spec; one with errors ends the program, with exit code 1."""
    try:
        given = source.read(spec)
    except source.SourceError as error:
        options.fail(error.message, error.help)
    loaded = load(given)
    problems = merged(expand(loaded, Settings(variant=loaded.variant)).problems)
    if options.report_problems(problems, {given.file: loaded}):
        raise click.exceptions.Exit(1)
    return given


def _write(data: bytes, output: str | None, force: bool) -> None:
    """Put the new spec on standard output, or whole into a file."""
    if output is None:
        click.echo(data, nl=False)
        return
    from cnncalc.engine.errors import EngineError
    from cnncalc.engine.new_file import NewFile

    try:
        file = NewFile(output, force=force)
        try:
            file.write(lambda opened: opened.write(data))
            file.place()
        finally:
            file.discard()
    except EngineError as error:
        options.fail(error.message, error.help)


def _tell(given: Source, converted: Converted) -> None:
    """Say on standard error what was done."""
    from cnncalc.answers.rewriting import larger

    sys.stdout.flush()
    if given.variant:
        click.echo(
            f"{given.file}: the whole file is converted, as {given.variant} is in it", err=True
        )
    for line, note in converted.notes:
        click.echo(f"{given.file}{f':{line}' if line else ''}: {note}", err=True)
    click.echo(
        "weights: the same tensors in the same order; those of a Linear, (out, in), "
        "take the shape of its convolution's",
        err=True,
    )
    found = larger(converted.source)
    if found is None:
        click.echo("an input twice as large does not fit yet: 'cnncalc sizes' says why", err=True)
        return
    click.echo(_promise(found), err=True)


def _promise(found: Larger) -> str:
    """What a larger input gives, if the weights are as good for that."""
    size = f"an input of {shape(found.input)}"
    for name, *sizes, head in found.others:
        if head is None:
            before, after = (shape(one) if one else "missing" for one in sizes)
            return f"{size} needs other weights: {name} would be {after}, not {before}"
    outputs = ", ".join(shape(one.shape) for one in found.report.outputs)
    heads = ", ".join(dict.fromkeys(f"head {one.head}" for one in found.others))
    others = f", but needs other weights in {heads}" if heads else ""
    return f"{size} now gives {outputs}{others}"
