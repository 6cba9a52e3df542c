"""`cnncalc expect`: what networks are now, as the promises of their specs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from cnncalc import source
from cnncalc.cli import lint_fixes, options
from cnncalc.lint import promises
from cnncalc.lint.fixes import mend
from cnncalc.pipeline import load
from cnncalc.source import Source


@click.command()
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...")
@click.option("--write", is_flag=True, help="Write it into the files; all else in them stays.")
@click.option("--diff", is_flag=True, help="Show what --write would change, and change nothing.")
def command(specs: tuple[str, ...], write: bool, diff: bool) -> None:
    """Print what a spec can promise: each 'expect' in it with the numbers that are computed now.

    Only the keys that are there have their numbers renewed: of the file, of its variants, of
    items. A file without 'expect' gets params, MACs and output. Exit code 1: --write would change
    something, or a network has problems, so that its numbers are not sure; 2: wrong usage, or a
    file that cannot be read or written.

    \b
    cnncalc expect net.yaml
    cnncalc expect net.yaml --diff
    cnncalc expect specs/*.yaml --write
    """
    if write and diff:
        options.fail("--diff changes nothing, and --write does", "leave one of them out")
    if write:
        lint_fixes.check_usage(specs, "--write")
    sources = _read(specs)
    sure = [one for one in sources if not _is_broken(one)]
    stale = _write(sure) if write else _diff(sure) if diff else _print(sure)
    raise click.exceptions.Exit(int(stale or len(sure) < len(sources)))


def _read(specs: Sequence[str]) -> list[Source]:
    """The specs, each once."""
    found: dict[tuple[str, str | None], Source] = {}
    for name in specs:
        try:
            one = source.read(name)
        except source.SourceError as error:
            options.fail(error.message, error.help)
        found.setdefault((os.path.realpath(one.file), one.variant), one)
    return list(found.values())


def _is_broken(one: Source) -> bool:
    """Whether the numbers of a spec are not sure, which is said."""
    loaded = load(one)
    broken = options.report_problems(promises.errors(loaded), {one.file: loaded})
    if broken:
        click.echo(f"{one.file}: nothing is promised of a network with problems", err=True)
    return broken


def _write(sources: Sequence[Source]) -> bool:
    """Put the numbers into the files; whether some number could not be put there."""
    done = lint_fixes.replaced(sources, promises.check, unsafe=True)
    for file in done.files:
        click.echo(f"wrote {file}", err=True)
    if not done.written:
        raise click.exceptions.Exit(2)
    return _left(done.sources)


def _diff(sources: Sequence[Source]) -> bool:
    """Show what would be changed; whether there is something."""
    text, _ = lint_fixes.diff(sources, promises.check, unsafe=True)
    click.echo(text, nl=False)
    return bool(text) | _left([_renewed(one) for one in sources])


def _print(sources: Sequence[Source]) -> bool:
    """Show the promises as they would be; whether they are others now."""
    after = [_renewed(one) for one in sources]
    shown = [(one.file, block) for one in after for block in promises.blocks(load(one))]
    for file, block in shown:
        if len(shown) > 1:
            of = f", variant {block.variant}" if block.variant else ""
            click.echo(f"# {file}:{block.line}{of}")
        click.echo(block.text)
    stale = [old.file for old, new in zip(sources, after, strict=True) if old.data != new.data]
    sys.stdout.flush()
    for file in stale:
        click.echo(f"{file}: --write would change it, and --diff shows how", err=True)
    return bool(stale) | _left(after)


def _renewed(one: Source) -> Source:
    return mend(one, promises.check, lambda _: True).source


def _left(sources: Sequence[Source]) -> bool:
    """Whether there are promises that nothing can mend, which is said."""
    loaded = [load(one) for one in sources]
    found = [finding.problem for one in loaded for finding in promises.check(one).findings]
    return options.report_problems(found, {one.document.file: one for one in loaded})
