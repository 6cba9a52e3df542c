"""`cnncalc verify`: the numbers of the summary, proved by running the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cnncalc.cli import options
from cnncalc.cli.progress import progress
from cnncalc.language.builder import Settings
from cnncalc.pipeline import Loaded, expand, rebuilder
from cnncalc.problem import Problem, merged
from cnncalc.suggest import did_you_mean

if TYPE_CHECKING:
    from cnncalc.engine.verify.results import Verification

CHECKS = (
    *("shapes", "params", "macs", "backward_macs", "receptive_field"),
    *("inference_memory", "training_memory", "finite", "gradients", "repeatable"),
)
"""Written out here, as the engine takes a while to import."""


def _checks(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Read `--checks`; click's callback."""
    if value is None:
        return CHECKS
    chosen = tuple(one.strip() for one in value.split(",") if one.strip())
    for one in chosen:
        if one not in CHECKS:
            help = did_you_mean(one, CHECKS) or "checks: " + ", ".join(CHECKS)
            raise click.BadParameter(f"there is no check '{one}'; {help}", ctx, param)
    if not chosen:
        raise click.BadParameter("name a check: " + ", ".join(CHECKS), ctx, param)
    return chosen


@click.command()
@options.network
@click.option(
    "--checks", callback=_checks, metavar="A,B,...", help="Which checks to run.  [default: all]"
)
@click.option(
    "--batch",
    type=click.IntRange(1),
    help="Images at once.  [default: 1; 2 in training where batch norm needs them]",
)
@options.computing
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float64"]),
    default="float32",
    show_default=True,
    help="Type of parameters and activations.",
)
@click.option(
    "--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True
)
@click.option("--output", metavar="FILE", help="Write there instead of to standard output.")
def command(
    specs: tuple[str, ...],
    inputs: Any,
    assignments: Any,
    variant: str | None,
    form: str,
    output: str | None,
    **how: Any,
) -> None:
    """Prove what `summary` says of SPEC by running it forward and backward on random data.

    The checks: shapes of every layer, params, macs and backward_macs (counted as they are
    performed), inference_memory and training_memory (measured), finite values, shapes of all
    gradients, and repeatable (the same seed gives the same bits). Exit code 1: summary and run
    disagree, nothing could be run, or the spec has errors.

    \b
    cnncalc verify resnet50
    cnncalc verify net.yaml --checks shapes,macs --batch 4
    """
    found: list[Verification] = []
    problems: list[Problem] = []
    loaded = {}
    for spec in specs:
        one = options.read_spec(spec)
        loaded[one.document.file] = one
        for setting in options.settings(one, inputs, assignments, variant):
            wrong, verification = _verify(one, setting, how)
            problems += wrong
            found += [verification] if verification else []
    if found:
        options.write(_render(found, form), output)
    errors = options.report_problems(merged(problems), loaded)
    if errors or any(one.verdict.value != "passed" for one in found):
        raise click.exceptions.Exit(1)


def _verify(
    loaded: Loaded, setting: Settings, how: dict[str, Any]
) -> tuple[tuple[Problem, ...], Verification | None]:
    """The problems of a network, and its verification if it has no errors."""
    built = expand(loaded, setting)
    if built.wrong:
        return merged(built.problems), None
    from cnncalc.engine import budget
    from cnncalc.engine.heap import keep_freed_memory
    from cnncalc.engine.verify.verify import verify

    keep_freed_memory()
    memory = how["memory"] or budget.available()
    with progress(f"verify {built.graph.name or built.graph.file}") as tell:
        found = verify(
            built.graph,
            variant=setting.variant.name.text if setting.variant else None,
            rebuild=rebuilder(loaded, setting),
            progress=tell,
            **{**how, "memory": memory},
        )
    return merged(built.problems), found


def _render(found: list[Verification], form: str) -> str:
    from cnncalc.render import checks

    if form == "json":
        return checks.to_json(found)
    blocks = [checks.report(one) for one in found]
    if len(found) > 1:
        blocks.append(checks.comparison(found))
    return "\n".join(blocks)
