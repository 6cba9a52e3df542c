"""`cnncalc explain`: the manual page of a type or a lint rule, or the working of a network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click

from cnncalc import layers, source
from cnncalc.analysis.report import BITS, Report, Row
from cnncalc.cli import options
from cnncalc.graph import Graph
from cnncalc.language.keras import type_help
from cnncalc.render import manual
from cnncalc.suggest import did_you_mean

FORMATS = ("text", "markdown", "html", "latex", "json")


@click.command()
@click.argument("what", required=False, metavar="[TYPE|RULE|SPEC]")
@click.argument("layer", required=False, metavar="[LAYER]")
@options.changes
@click.option("--dtype", type=click.Choice(list(BITS)), help="Of elements.  [default: float32]")
@click.option("--format", "form", type=click.Choice(FORMATS), help="Of a SPEC.  [default: text]")
@click.option("--output", metavar="FILE", help="Write there instead of to standard output.")
def command(what: str | None, layer: str | None, output: str | None, **how: Any) -> None:
    """Print the working of every layer of SPEC, or of one LAYER: each number with its formula.

    Names are followed through expressions to where their values are written. LAYER is a path, as
    'summary' shows it, a name, or a structure such as layers.3[0]. Exit code 1: the spec has
    errors.

    Of a layer TYPE or a lint RULE: its manual page. Without anything: list all layer types.

    \b
    cnncalc explain Conv2d
    cnncalc explain CNN202
    cnncalc explain resnet50 layers.0.ConvBN.0
    cnncalc explain net.yaml --format html --output net.html
    """
    page = None if layer else _page(what)
    if page is None:
        assert what is not None
        _network(what, layer, output, **how)
        return
    if used := [name for name, value in how.items() if value]:
        name = {"form": "format", "inputs": "input", "assignments": "set"}.get(used[0], used[0])
        options.fail(f"--{name} is for a spec", "a manual page is text, and has no numbers")
    options.write(page, output)


def _page(what: str | None) -> str | None:
    """The manual page of that name; None where a spec has it. Else the program ends."""
    if what is None:
        return manual.overview()
    from cnncalc.lint.codes import find
    from cnncalc.render import rule_page

    layer_type, rule = layers.find(what), find(what)
    if layer_type or rule:
        if Path(what).is_file():
            click.echo(f"note: '{what}' is a file, too: write ./{what} for that", err=True)
        return manual.page(layer_type) if layer_type else rule and rule_page.page(rule)
    if not _is_spec(what):
        _unknown(what)
    return None


def _unknown(what: str) -> NoReturn:
    """End the program: nothing has that name."""
    from cnncalc.lint.codes import codes

    names = [*layers.names(), *codes(), *(one.name for one in codes().values())]
    help = type_help(what) or did_you_mean(what, [*names, *source.networks()])
    options.fail(
        f"no layer type, lint rule, file or bundled spec is called '{what}'",
        help
        or "'cnncalc explain' lists the types, 'cnncalc rules --all' the rules, "
        "'cnncalc specs' the specs",
    )


def _is_spec(what: str) -> bool:
    """Whether there is a file or a bundled network of that name, even one that cannot be read."""
    return what == "-" or Path(what).exists() or what in source.networks()


def _network(
    what: str,
    layer: str | None,
    output: str | None,
    *,
    inputs: Any,
    variant: str | None,
    assignments: Any,
    dtype: str | None,
    form: str | None,
) -> None:
    """Print the working of a network; one with errors ends the program with exit code 1."""
    from cnncalc.analysis.report import report as count
    from cnncalc.answers.names import Tracer
    from cnncalc.answers.network import explain
    from cnncalc.pipeline import expand
    from cnncalc.problem import merged
    from cnncalc.render import explained

    loaded = options.read_spec(what)
    if variant == "all":
        options.fail("one network is explained at a time", "name one variant")
    (setting,) = options.settings(loaded, inputs, assignments, variant)
    built = expand(loaded, setting)
    report = count(built.graph, variant=setting.variant and setting.variant.name.text)
    if loaded.spec is not None and (report.rows or layer is None):
        tracer = Tracer(loaded.document, loaded.spec, setting)
        wanted = _wanted(report, built.graph, layer)
        found = explain(built, report, tracer, wanted, dtype or "float32")
        shown = {
            "text": explained.text,
            "markdown": explained.markdown,
            "html": explained.html,
            "latex": explained.tex,
            "json": explained.to_json,
        }
        options.write(shown[form or "text"](found), output)
    if options.report_problems(merged(built.problems), {loaded.document.file: loaded}):
        raise click.exceptions.Exit(1)


def _wanted(report: Report, graph: Graph, layer: str | None) -> Callable[[Row], bool] | None:
    """Which layers are asked for, None for all; none of that name ends the program."""
    from cnncalc.answers.network import matching

    if layer is None:
        return None
    paths = matching(report, graph.names.items(), layer)
    if not paths:
        _no_layer(report, graph, layer)
    return lambda row: row.node.path in paths


def _no_layer(report: Report, graph: Graph, layer: str) -> NoReturn:
    """End the program: no layer is meant by that word."""
    such = f"such as '{report.rows[-1].node.path}'; 'cnncalc summary' lists them"
    if layer in graph.names:
        options.fail(f"'{layer}' is an input of the network, not a layer", such)
    made = [name for name, index in graph.names.items() if graph.values[index].producer is not None]
    known = [*made, *(row.node.path for row in report.rows)]
    options.fail(f"there is no layer '{layer}'", did_you_mean(layer, known) or such)
