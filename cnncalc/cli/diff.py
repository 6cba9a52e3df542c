"""`cnncalc diff`: what changed from one spec to another."""

from __future__ import annotations

import sys
from shutil import get_terminal_size
from typing import Any

import click

from cnncalc import git, source
from cnncalc.analysis.condition import Condition, ConditionError, judge, parse
from cnncalc.analysis.difference import difference
from cnncalc.analysis.report import Report, Sizing
from cnncalc.cli import options
from cnncalc.language.builder import Settings
from cnncalc.pipeline import Loaded, analyse, load
from cnncalc.render import difference as text
from cnncalc.render.difference import Shown


class FailIf(click.ParamType[Condition]):
    """`macs > +5%`, or `params > +1M`."""

    name = "condition"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Condition:
        """The condition, whose total is one of those that are compared."""
        try:
            return parse(value)
        except ConditionError as error:
            self.fail(error.message + (f"\n  help: {error.help}" if error.help else ""), param, ctx)


@click.command()
@click.argument("old")
@click.argument("new")
@click.option(
    "--fail-if",
    "conditions",
    type=FailIf(),
    multiple=True,
    metavar="'macs > +5%'",
    help="End with exit code 1 if a total changes like that; may be repeated.",
)
@options.changes
@options.memory_sizing
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
)
@click.option(
    "--top",
    type=click.IntRange(0),
    default=40,
    show_default=True,
    help="List at most so many layers, those that are most different.",
)
@click.option("--width", type=click.IntRange(20, 10_000), help="Columns of text.")
@click.option("--output", metavar="FILE", help="Write there instead of to standard output.")
def command(
    old: str,
    new: str,
    conditions: tuple[Condition, ...],
    batch: int,
    dtype: str,
    optimizer: str,
    form: str,
    top: int,
    width: int | None,
    output: str | None,
    **changes: Any,
) -> None:
    """Print what changed from OLD to NEW: each layer, the totals, and what the new spec promises.

    A spec is a file, - for standard input, the name of a shipped network (`cnncalc specs`), or a
    file in git as REV:path. The options hold for both. Exit code 1: a condition of --fail-if
    holds or cannot be told, or NEW has errors or breaks an expect or budget.

    \b
    cnncalc diff HEAD:net.yaml net.yaml
    cnncalc diff origin/main:./net.yaml net.yaml --fail-if 'macs > +5%' --fail-if 'params > +1M'
    cnncalc diff HEAD~1:net.yaml HEAD:net.yaml --format markdown --output comment.md
    cnncalc diff resnet50 resnet101
    """
    if old == new == "-":
        options.fail("standard input can be one of the two specs only")
    sizing = options.make_sizing(batch, dtype, optimizer, None, None)
    (first, before), (second, after) = (_analysed(spec, changes, sizing) for spec in (old, new))
    found = difference(before, after)
    outcomes = [judge(condition, found.totals) for condition in conditions]
    variant = f" ({changes['variant']})" if changes["variant"] else ""
    names = _named(old, before) + variant, _named(new, after) + variant
    shown = Shown(found, names, outcomes, top)
    options.write(_rendered(shown, form, width), output)
    if before.file != after.file:
        options.report_problems(before.problems, {before.file: first})
    wrong = options.report_problems(after.problems, {after.file: second})
    if wrong or any(outcome.holds is not False for outcome in outcomes):
        raise click.exceptions.Exit(1)


def _named(spec: str, report: Report) -> str:
    """A spec as it was named; standard input by the name that messages use."""
    return report.file if spec == "-" else spec


def _analysed(spec: str, changes: dict[str, Any], sizing: Sizing) -> tuple[Loaded, Report]:
    loaded = _read(spec)
    try:
        return loaded, analyse(loaded, _setting(loaded, changes), sizing)
    except click.UsageError as error:
        options.fail(f"{spec}: {error.message}")


def _read(spec: str) -> Loaded:
    """Load a spec, also one in git; what cannot be opened ends the program with exit code 2."""
    if not git.names(spec):
        return options.read_spec(spec)
    try:
        return load(git.read(spec))
    except source.SourceError as error:
        options.fail(error.message, error.help)


def _setting(loaded: Loaded, changes: dict[str, Any]) -> Settings:
    """The one network that was asked for."""
    if changes["variant"] == "all":
        options.fail("one variant is compared at a time", "write --variant NAME")
    (setting,) = options.settings(loaded, **changes)
    return setting


def _rendered(shown: Shown, form: str, width: int | None) -> str:
    if form == "json":
        from cnncalc.render.difference_json import to_json

        return to_json(shown)
    if form == "markdown":
        from cnncalc.render.difference_markdown import to_markdown

        return to_markdown(shown)
    terminal = get_terminal_size().columns if sys.stdout.isatty() else None
    return text.to_text(shown, width or terminal)
