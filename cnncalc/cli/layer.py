"""`cnncalc layer`: one layer without a file, with the working shown."""

from __future__ import annotations

from collections.abc import Sequence

import click

from cnncalc.analysis.report import BITS
from cnncalc.answers.dense import dense as compare
from cnncalc.answers.one_layer import read_layer
from cnncalc.answers.working import working
from cnncalc.cli import options
from cnncalc.language.builder import Settings
from cnncalc.layer import Layer, Shape
from cnncalc.pipeline import expand
from cnncalc.problem import merged
from cnncalc.render import working as render

Named = tuple[str | None, Shape]


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
    words: tuple[str, ...], inputs: tuple[Named, ...], dense: bool, dtype: str, form: str
) -> None:
    """Print what one LAYER gives and costs, each number with its formula.

    LAYER is written as in a spec, or with its arguments as words. Exit code 1: it does not fit.

    \b
    cnncalc layer 'Conv2d: {out_channels: 10, kernel_size: 5, padding: 2}' --input 3x32x32
    cnncalc layer Conv2d out_channels=10 kernel_size=5 padding=2 --input 3x32x32
    cnncalc layer MaxPool2d 3 --input 64x112x112
    cnncalc layer Conv2d out_channels=32 kernel_size=3 padding=1 --input 16x64x64 --dense
    """
    if not inputs:
        options.fail("the shape of the input is missing", "write --input 3x32x32")
    layer = _built(_text(words), inputs)
    shapes = [shape for _, shape in inputs]
    found = working(layer, *shapes, dtype=dtype)
    answer = compare(layer, shapes[0]) if dense else None
    if dense and answer is None:
        options.fail(f"--dense compares a convolution, and {type(layer).__name__} is none")
    if form == "json":
        more = {"dense": answer._asdict()} if answer else {}
        click.echo(render.as_json(found, **more), nl=False)
        return
    click.echo(render.text(found), nl=False)
    if answer:
        click.echo(render.dense_text(answer), nl=False)


def _text(words: Sequence[str]) -> str:
    """The layer as a spec writes it, from its type and arguments in words."""
    name, *arguments = words
    if not arguments:
        return name
    if len(arguments) == 1 and "=" not in arguments[0]:
        return f"{name}: {arguments[0]}"
    strange = [word for word in arguments if "=" not in word]
    if strange or ":" in name:
        options.fail(
            f"'{(strange or words)[0]}' is not an argument such as kernel_size=3",
            f"write 'cnncalc layer {name.partition(':')[0]} out_channels=8 kernel_size=3', "
            "or the whole layer in quotes",
        )
    pairs = (word.partition("=") for word in arguments)
    return f"{name}: {{{', '.join(f'{key}: {value}' for key, _, value in pairs)}}}"


def _built(text: str, inputs: Sequence[Named]) -> Layer:
    """The layer; what is wrong with it is printed, and ends the program with exit code 1."""
    shapes = {name or f"input{number}": shape for number, (name, shape) in enumerate(inputs, 1)}
    loaded = read_layer(text, shapes)
    built = expand(loaded, Settings(inputs=shapes))
    if options.report_problems(merged(built.problems), {loaded.document.file: loaded}):
        raise click.exceptions.Exit(1)
    if len(built.graph.nodes) != 1 or built.graph.nodes[0].layer is None:
        options.fail(
            f"that is {len(built.graph.nodes)} layers, not one",
            "write several layers into a file, for 'cnncalc summary FILE'",
        )
    return built.graph.nodes[0].layer
