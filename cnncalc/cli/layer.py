"""`cnncalc layer`: one layer without a file, with the working shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import click

from cnncalc.analysis.report import BITS
from cnncalc.answers import solve as solving
from cnncalc.answers.dense import dense as compare
from cnncalc.answers.one_layer import read_layer
from cnncalc.answers.solve import ASKED
from cnncalc.answers.toeplitz import matrices as toeplitz_of
from cnncalc.answers.working import working
from cnncalc.argument import LARGEST
from cnncalc.cli import options
from cnncalc.language.builder import Settings
from cnncalc.layer import Layer, LayerError, Shape
from cnncalc.pipeline import expand
from cnncalc.problem import merged
from cnncalc.render import matrices, solved, working as render

Named = tuple[str | None, Shape]

ANY_SIZE = 10_000
"""Stands for every size, where what keeps this one keeps all: padding may not exceed some."""


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="LAYER...")
@click.option(
    "--input",
    "inputs",
    type=options.InputShape(),
    multiple=True,
    metavar="3x32x32",
    help="The shape of its input; again for each further input.",
)
@click.option("--dense", is_flag=True, help="Compare with fully connected and unshared layers.")
@click.option(
    "--solve",
    type=click.Choice(ASKED),
    help="Find what gives --output-size, or keeps the size.",
)
@click.option(
    "--output-size",
    type=options.InputShape(),
    metavar="16",
    help="The size to solve for, one for all axes or 16x8.",
)
@click.option("--keep-size", is_flag=True, help="Solve for an output as large as the input.")
@click.option(
    "--until",
    type=click.IntRange(1, LARGEST),
    metavar="N",
    help="How many such layers make the map N or smaller.",
)
@click.option("--toeplitz", is_flag=True, help="Show a small convolution as a matrix.")
@click.option(
    "--dtype",
    type=click.Choice(list(BITS)),
    default="float32",
    show_default=True,
    help="Type of parameters and activations.",
)
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)
def command(
    words: tuple[str, ...],
    inputs: tuple[Named, ...],
    dense: bool,
    solve: str | None,
    output_size: Named | None,
    keep_size: bool,
    until: int | None,
    toeplitz: bool,
    dtype: str,
    form: str,
) -> None:
    """Print what one LAYER gives and costs, each number with its formula.

    LAYER is written as in a spec, or with its arguments as words. Exit code 1: it does not fit,
    or nothing solves it. What is solved for need not be written.

    \b
    cnncalc layer 'Conv2d: {out_channels: 10, kernel_size: 5, padding: 2}' --input 3x32x32
    cnncalc layer Conv2d out_channels=10 kernel_size=5 padding=2 --input 3x32x32
    cnncalc layer MaxPool2d 3 --input 64x112x112
    cnncalc layer Conv2d out_channels=32 kernel_size=3 padding=1 --input 16x64x64 --dense
    cnncalc layer Conv2d out_channels=8 kernel_size=7 --keep-size
    cnncalc layer MaxPool2d 2 --input 8x32x32 --solve stride --output-size 16
    cnncalc layer Conv2d out_channels=8 kernel_size=5 --input 8x224x224 --until 4
    cnncalc layer Conv2d out_channels=1 kernel_size=3 --input 1x4x4 --toeplitz
    """
    goal = output_size[1] if output_size else None
    if sum(map(bool, (dense, solve or keep_size or goal, until, toeplitz))) > 1:
        options.fail(
            "--dense, --until, --toeplitz and a size to solve for are different questions",
            "ask one of them",
        )
    if solve or keep_size or goal:
        _solve(_text(words), inputs, solve or "padding", goal, keep_size, form)
        return
    if not inputs:
        _missing()
    layer = _built(_text(words), inputs)
    shapes = [shape for _, shape in inputs]
    if until is not None:
        _depth(layer, shapes, until, form)
    elif toeplitz:
        _matrices(layer, shapes[0], form)
    else:
        _working(layer, shapes, dense, dtype, form)


def _working(layer: Layer, shapes: Sequence[Shape], dense: bool, dtype: str, form: str) -> None:
    """Print all numbers of the layer."""
    found = working(layer, *shapes, dtype=dtype)
    answer = compare(layer, shapes[0]) if dense else None
    if dense and answer is None:
        options.fail(f"--dense compares a convolution, and {type(layer).__name__} is none")
    if form == "json":
        click.echo(render.as_json(found, answer), nl=False)
        return
    click.echo(render.text(found), nl=False)
    if answer:
        click.echo(render.dense_text(answer), nl=False)


def _solve(
    text: str,
    inputs: Sequence[Named],
    asked: str,
    goal: Shape | None,
    keep_size: bool,
    form: str,
) -> None:
    """Print what fits; nothing that does ends the program with exit code 1."""
    if keep_size == (goal is not None):
        options.fail("give the size to solve for", "either --output-size 16 or --keep-size")
    layer = _built(text, (), asked)
    x, every_size = _asked_of(layer, inputs, asked, keep_size)
    wanted = x[1:] if goal is None else goal * layer.rank if len(goal) == 1 else goal
    try:
        found = solving.solve(layer, x, asked, wanted)
    except LayerError as error:
        options.fail(error.message, error.help)
    if form == "json":
        click.echo(solved.as_json(layer, x, found, every_size), nl=False)
    else:
        click.echo(solved.text(found, x, every_size), nl=False)
    if not all(one.found for one in found):
        raise click.exceptions.Exit(1)


def _asked_of(
    layer: Layer, inputs: Sequence[Named], asked: str, keep_size: bool
) -> tuple[Shape, bool]:
    """The input, and whether any other would do: it is asked for, or steps of 1 keep every size."""
    if inputs:
        return inputs[0][1], False
    if asked == "input" and keep_size:
        options.fail("--keep-size compares with an input, and that is asked for")
    stride: tuple[int, ...] = getattr(layer, "stride", None) or ()
    if asked != "input" and not (keep_size and set(stride) == {1}):
        _missing()
    channels = max(getattr(layer, "in_channels", None) or 1, getattr(layer, "groups", 1))
    size = 1 if asked == "input" else ANY_SIZE
    return (channels, *(size,) * layer.rank), asked != "input"


def _depth(layer: Layer, shapes: Sequence[Shape], until: int, form: str) -> None:
    """Print how many layers it takes; if no number of them does, that is exit code 1."""
    if len(shapes) > 1:
        options.fail(f"--until follows one map, and there are {len(shapes)} inputs")
    try:
        found = solving.depth(layer, shapes[0], until)
    except LayerError as error:
        options.fail(error.message, error.help)
    if form == "json":
        click.echo(solved.depth_json(layer, found), nl=False)
    else:
        click.echo(solved.depth_text(found), nl=False)
    if found.why:
        raise click.exceptions.Exit(1)


def _matrices(layer: Layer, x: Shape, form: str) -> None:
    """Print a convolution as a matrix."""
    try:
        found = toeplitz_of(layer, x)
    except LayerError as error:
        options.fail(error.message, error.help)
    show = matrices.as_json if form == "json" else matrices.text
    click.echo(show(layer, found), nl=False)


def _missing() -> NoReturn:
    options.fail("the shape of the input is missing", "write --input 3x32x32")


def _text(words: Sequence[str]) -> str:
    """The layer as a spec writes it, from its type and arguments in words."""
    name, *arguments = words
    if not arguments:
        return name
    if len(arguments) == 1 and "=" not in arguments[0]:
        return f"{name}: {arguments[0]}"
    strange = [word for word in arguments if "=" not in word]
    if ":" in name:
        options.fail(
            f"arguments stand behind '{name}'", "write all of them in it, or all behind it"
        )
    if strange:
        help = "write arguments as name=value, or the whole layer in quotes"
        options.fail(f"'{strange[0]}' is not an argument such as kernel_size=3", help)
    pairs = (word.partition("=") for word in arguments)
    return f"{name}: {{{', '.join(f'{key}: {value}' for key, _, value in pairs)}}}"


def _built(text: str, inputs: Sequence[Named], asked: str | None = None) -> Layer:
    """The layer; what is wrong with it is printed, and ends the program with exit code 1.

    Without inputs it is not looked at whether one would fit.
    """
    shapes = {name or f"input{number}": shape for number, (name, shape) in enumerate(inputs, 1)}
    loaded = read_layer(text, shapes or ("input",), asked)
    built = expand(loaded, Settings(inputs=shapes))
    if options.report_problems(merged(built.problems), {loaded.document.file: loaded}):
        raise click.exceptions.Exit(1)
    if len(built.graph.nodes) != 1 or built.graph.nodes[0].layer is None:
        options.fail(
            f"that is {len(built.graph.nodes)} layers, not one",
            "write several layers into a file, for 'cnncalc summary FILE'",
        )
    return built.graph.nodes[0].layer
