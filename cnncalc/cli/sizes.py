"""`cnncalc sizes`: which input sizes a network accepts, exactly."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import click

from cnncalc.analysis.course import LONGEST, IrregularError
from cnncalc.analysis.size_report import (
    AxisSizes,
    Try,
    followed,
    giving,
    last_map,
    symbolic,
    total,
    tried,
)
from cnncalc.analysis.sizes import Axis, Failure, Trace, axes, footing, plain, resized, trace
from cnncalc.cli import options
from cnncalc.graph import Graph
from cnncalc.language.builder import Built, Settings
from cnncalc.layer import Shape
from cnncalc.pipeline import Loaded, expand
from cnncalc.problem import Level, Problem, merged
from cnncalc.render import sizes as render, text
from cnncalc.render.sizes import Sizes, Target
from cnncalc.suggest import did_you_mean

TRIED_AROUND = 32
"""Without --range, sizes are tried so far around the written one, where they must be tried."""
OF_SIZE = frozenset({"CNN101", "CNN102", "CNN103"})
"""Problems that another input size may not have."""
READS_SIZES = re.compile(r"\bspatial\s*\(")
READS_CHANNELS = re.compile(r"\b(channels\s*\(|in_channels)")


class _Range(click.ParamType[range]):
    """`200:230`: sizes from the first to the last."""

    name = "range"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> range:
        """The sizes, both ends among them."""
        first, colon, last = str(value).partition(":")
        if not (colon and first.isdecimal() and last.isdecimal() and len(last) < 6):
            self.fail(f"'{value}' is not a range such as 200:230", param, ctx)
        if not 1 <= int(first) <= int(last) <= LONGEST:
            self.fail(f"'{value}' must rise, from 1 or more to at most {LONGEST}", param, ctx)
        return range(int(first), int(last) + 1)


class _Map(click.ParamType[Shape]):
    """`7x7`: the size of a map."""

    name = "map"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Shape:
        """One size for each axis."""
        if not re.fullmatch(r"[1-9]\d{0,8}(x[1-9]\d{0,8})*", str(value)):
            self.fail(f"'{value}' is not a size of a map such as 7x7", param, ctx)
        return tuple(int(one) for one in value.split("x"))


@click.command()
@click.argument("spec")
@options.changes
@click.option(
    "--target-output", "target", type=_Map(), metavar="7x7", help="Which sizes give such a map."
)
@click.option("--layer", metavar="PATH", help="The layer of that map.  [default: the last map]")
@click.option(
    "--range", "shown", type=_Range(), metavar="200:230", help="Show each of these sizes."
)
@click.option("--symbolic", "formulas", is_flag=True, help="Sizes and MACs of layers as formulas.")
@click.option(
    "--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True
)
@click.option("--output", metavar="FILE", help="Write there instead of to standard output.")
def command(
    spec: str, inputs: Any, assignments: Any, variant: str | None, output: str | None, **asked: Any
) -> None:
    """Print which input sizes SPEC accepts, and what breaks at the nearest others.

    Each spatial axis varies alone. Windows fit: no row is dropped where a stride does not divide.
    Same weights: the layers have as many parameters as for the written size. Rules are exact for
    all sizes; a spec that computes with spatial() is tried size by size. Exit code 1: no size
    works, or the spec has errors that no size mends.

    \b
    cnncalc sizes unet
    cnncalc sizes resnet50 --target-output 7x7
    cnncalc sizes alexnet --range 60:70
    cnncalc sizes vgg16 --symbolic
    """
    loaded = options.read_spec(spec)
    wish = _Asked(**asked)
    shown: list[Sizes] = []
    problems: list[Problem] = []
    for setting in options.settings(loaded, inputs, assignments, variant):
        built = expand(loaded, setting)
        if _hopeless(built):
            problems += merged(built.problems)
        else:
            shown.append(_answer(loaded, setting, built.graph, wish))
    if shown:
        options.write(_render(loaded, shown, wish), output)
    failed = options.report_problems(problems, {loaded.document.file: loaded})
    if failed or any(not _works(one) for sizes in shown for one in sizes.axes):
        raise click.exceptions.Exit(1)


class _Asked(NamedTuple):
    """What is to be shown."""

    target: Shape | None
    layer: str | None
    shown: range | None
    formulas: bool
    form: str


def _works(one: AxisSizes) -> bool:
    return any(entry is not None for entry in one.legal.entries)


def _hopeless(built: Built) -> bool:
    """Whether there are errors that no input size mends."""
    errors = [one for one in built.problems if one.level is Level.ERROR]
    nodes = built.graph.nodes
    known = all(node.layer is not None for node in nodes)
    return not known or not nodes or any(one.code not in OF_SIZE for one in errors)


def _render(loaded: Loaded, shown: list[Sizes], wish: _Asked) -> str:
    if wish.form == "table":
        return "\n".join(render.text(one) for one in shown)
    from cnncalc.render import sizes_json

    return sizes_json.several(loaded.document.file, shown)


def _answer(loaded: Loaded, setting: Settings, graph: Graph, wish: _Asked) -> Sizes:
    """All that is asked of one network."""
    around = axes(graph)
    if not around:
        options.fail(
            f"the input {render.input_text(_shapes(graph))} has no spatial axes",
            "sizes are those of a sequence (C, L), a map (C, H, W) or a volume (C, D, H, W)",
        )
    others = footing(graph) or dict(_shapes(graph))
    written = render.input_text(_shapes(graph))
    title = graph.name or graph.file
    if setting.variant and not loaded.variant:
        title += f" --variant {setting.variant.name.text}"
    sizes = Sizes(title, written, render.input_text(list(others.items())), ())
    try:
        if any(READS_SIZES.search(line) for line in loaded.document.lines):
            raise IrregularError("the spec computes with spatial()")
        traces = [trace(graph, axis, others) for axis in around]
        _check_channels(loaded, traces)
    except IrregularError as why:
        return _try(loaded, setting, around, others, sizes._replace(why=str(why)), wish)
    return _follow(graph, traces, others, sizes, wish)


def _shapes(graph: Graph) -> list[tuple[str, Shape]]:
    return [(name, graph.values[index].shape or ()) for name, index in graph.inputs.items()]


def _check_channels(loaded: Loaded, traces: list[Trace]) -> None:
    """Refuse specs that compute with channels where these depend on sizes."""
    moved = any(course.moving()[:1] == (True,) for one in traces for course in one.values)
    if moved and any(READS_CHANNELS.search(line) for line in loaded.document.lines):
        raise IrregularError("the spec computes with channels that depend on the size")


def _try(
    loaded: Loaded,
    setting: Settings,
    around: tuple[Axis, ...],
    others: Mapping[str, Shape],
    sizes: Sizes,
    wish: _Asked,
) -> Sizes:
    """The answer where sizes cannot be followed: the spec is expanded for each."""
    for name, given in (("--target-output", wish.target), ("--symbolic", wish.formulas)):
        if given:
            options.fail(f"{name} needs closed forms: {sizes.why}", f"leave {name} out")
    found = []
    for axis in around:
        first = max(1, axis.written - TRIED_AROUND)
        tested = wish.shown or range(first, axis.written + TRIED_AROUND + 1)
        found.append(tried(axis, others, tested, _expanding(loaded, setting)))
    return sizes._replace(axes=tuple(found))


def _expanding(loaded: Loaded, setting: Settings) -> Try:
    """Plain shape inference, of the whole spec."""

    def attempt(inputs: Mapping[str, Shape]) -> Failure | None:
        built = expand(loaded, setting._replace(inputs=inputs))
        errors = [one for one in merged(built.problems) if one.level is Level.ERROR]
        return Failure("", "", errors[0].span, errors[0].message) if errors else None

    return attempt


def _follow(
    graph: Graph, traces: list[Trace], others: Mapping[str, Shape], sizes: Sizes, wish: _Asked
) -> Sizes:
    """The answer where the course of every size is known."""
    found = tuple(followed(graph, one, others) for one in traces)
    sizes = sizes._replace(axes=found)
    if not all(map(_works, found)):
        return sizes
    forms = symbolic(graph, traces, [one.base for one in found])
    value = _value(graph, traces, wish.layer)
    if value is not None:
        path = graph.values[value].path
        shown = next((one for one in forms if one.path == path), None)
        sizes = sizes._replace(map=shown, named=wish.layer is not None)
    if wish.target is not None:
        sizes = sizes._replace(target=_target(graph, traces, value, wish.target))
    if wish.shown is not None:
        rows = tuple(_rows(graph, one, others, value, wish.shown) for one in traces)
        sizes = sizes._replace(rows=rows)
    if wish.formulas:
        sizes = sizes._replace(forms=tuple(forms), macs=total(forms))
    return sizes


def _value(graph: Graph, traces: list[Trace], layer: str | None) -> int | None:
    """The output of the layer that is asked for, or of the last with a map."""
    if layer is None:
        return last_map(graph, traces)
    paths = {node.path: node.outputs[0] for node in graph.nodes}
    named = {**paths, **graph.names}
    if layer not in named:
        help = did_you_mean(layer, named) or "'cnncalc summary' with --format csv lists the paths"
        options.fail(f"there is no layer '{layer}'", help)
    return named[layer]


def _target(graph: Graph, traces: list[Trace], value: int | None, wanted: Shape) -> Target:
    """The sizes that give a map of that size."""
    if value is None:
        options.fail("no layer has a map with places on every axis", "name one by --layer")
    path, shape = graph.values[value].path, graph.values[value].shape or ()
    if len(shape) == 1:
        options.fail(f"{path} gives a vector, and that has no map", "name a layer with a map")
    if len(wanted) == 1:
        wanted *= len(traces)
    if len(wanted) != len(traces) or len(shape) != len(wanted) + 1:
        size = "x".join(map(str, shape[1:]))
        options.fail(f"the map of {path} has {len(shape) - 1} axes ({size}), not {len(wanted)}")
    try:
        found = tuple(
            giving(one, value, one.axis.place + 1, size)
            for one, size in zip(traces, wanted, strict=True)
        )
    except IrregularError as error:
        options.fail(str(error))
    return Target(path, wanted, found)


def _rows(
    graph: Graph, one: Trace, others: Mapping[str, Shape], value: int | None, shown: range
) -> tuple[tuple[str, ...], ...]:
    """Each size of a range: the map, whether windows fit, and what breaks."""
    rows = []
    for n in shown:
        inputs = {name: resized(one.axis, name, shape, n) for name, shape in others.items()}
        failure = plain(graph, inputs)[1]
        entry = one.values[value].at(n) if value is not None and failure is None else None
        fits = "yes" if one.fits.at(n) is not None else "no"
        breaks = f"{failure.path}: {failure.message}" if failure else ""
        rows.append((str(n), text.shape(entry) if entry else "-", fits, breaks))
    return tuple(rows)
