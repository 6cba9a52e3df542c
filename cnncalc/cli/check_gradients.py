"""`cnncalc check-gradients`: every backward rule of a network against its own forward pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cnncalc.cli import options
from cnncalc.cli.progress import progress
from cnncalc.graph import Graph
from cnncalc.language.builder import Settings
from cnncalc.pipeline import Loaded, expand, rebuilder
from cnncalc.problem import Problem, merged
from cnncalc.suggest import did_you_mean

if TYPE_CHECKING:
    from cnncalc.engine.gradients.results import GradientReport


@click.command()
@click.argument("specs", nargs=-1, metavar="SPEC...")
@options.changes
@click.option("--layer", metavar="PATH", help="Check this layer alone, and show every derivative.")
@options.computing
@click.option("--self-test", is_flag=True, help="Plant broken backward rules, and catch them all.")
@click.option(
    "--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True
)
@click.option("--output", metavar="FILE", help="Write there instead of to standard output.")
def command(
    specs: tuple[str, ...],
    inputs: Any,
    assignments: Any,
    variant: str | None,
    layer: str | None,
    self_test: bool,
    form: str,
    output: str | None,
    **how: Any,
) -> None:
    """Check the gradients of every layer of SPEC against its own forward pass.

    Each distinct layer alone, every input and parameter: linear layers exactly in integers, the
    others by complex steps and differences; then the whole network. Exit code 1: a gradient is
    wrong, or could not be checked, or the spec has errors.

    \b
    cnncalc check-gradients resnet50
    cnncalc check-gradients net.yaml --layer layers.3
    cnncalc check-gradients --self-test
    """
    if self_test:
        if specs:
            raise click.UsageError("--self-test takes no spec: it brings its own layers")
        _self_test(how["seed"], how["threads"], form, output)
        return
    if not specs:
        raise click.UsageError("name a spec, or use --self-test")
    found: list[GradientReport] = []
    problems: list[Problem] = []
    loaded = {}
    for spec in specs:
        one = options.read_spec(spec)
        loaded[one.document.file] = one
        for setting in options.settings(one, inputs, assignments, variant):
            wrong, report = _check(one, setting, layer, how)
            problems += wrong
            found += [report] if report else []
    if found:
        options.write(_render(found, form, layer is not None), output)
    errors = options.report_problems(merged(problems), loaded)
    if errors or not all(report.verdict.good for report in found):
        raise click.exceptions.Exit(1)


def _check(
    loaded: Loaded, setting: Settings, layer: str | None, how: dict[str, Any]
) -> tuple[tuple[Problem, ...], GradientReport | None]:
    """The problems of a network, and the check of its gradients if it has no errors."""
    built = expand(loaded, setting)
    if built.wrong:
        return merged(built.problems), None
    from cnncalc.engine import budget
    from cnncalc.engine.gradients.check import check_gradients
    from cnncalc.engine.heap import keep_freed_memory

    keep_freed_memory()
    memory = how["memory"] or budget.available()
    with progress(f"check-gradients {built.graph.name or built.graph.file}") as tell:
        report = check_gradients(
            built.graph,
            rebuild=rebuilder(loaded, setting),
            variant=setting.variant.name.text if setting.variant else None,
            layer=None if layer is None else _path(built.graph, layer),
            progress=tell,
            **{**how, "memory": memory},
        )
    return merged(built.problems), report


def _path(graph: Graph, name: str) -> str:
    """The path of the layer; ends the program where there is none."""
    from cnncalc.engine.gradients.check import path_of

    found = path_of(graph, name)
    if found is None:
        known = [n for node in graph.nodes for n in (node.path, node.name) if n]
        options.fail(f"the network has no layer '{name}'", did_you_mean(name, known))
    return found


def _render(found: list[GradientReport], form: str, probes: bool) -> str:
    if form == "json":
        from cnncalc.render.gradients_json import to_json

        return to_json(found)
    from cnncalc.render import gradients

    blocks = [gradients.report(one, probes=probes) for one in found]
    if len(found) > 1:
        blocks.append(gradients.summary(found))
    return "\n".join(blocks)


def _self_test(seed: int, threads: int, form: str, output: str | None) -> None:
    from cnncalc.engine.gradients.self_test import self_test
    from cnncalc.render import self_test as render

    with progress("self-test") as tell:
        found = self_test(seed=seed, threads=threads, progress=tell)
    options.write(render.to_json(found) if form == "json" else render.report(found), output)
    if not found.passed:
        raise click.exceptions.Exit(1)
