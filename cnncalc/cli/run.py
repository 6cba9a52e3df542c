"""`cnncalc run`: a network on arrays of the user's, from `.npz` files to `.npz` files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from typing import Any

import click

from cnncalc.cli import options
from cnncalc.graph import Graph
from cnncalc.language.builder import Settings
from cnncalc.layer import Shape
from cnncalc.pipeline import Loaded, expand, rebuilder
from cnncalc.problem import merged
from cnncalc.render import text

WRITES = ("output", "activations", "gradients")
STARTS = ("targets", "upstream")
SETTINGS = ("train", "dtype", "seed", "threads", "force")
SHOWN = 3
"""Arrays of a file that are listed; of more, only the number."""


@click.command()
@click.argument("spec", metavar="SPEC")
@options.variation
@click.option("--init", metavar="FILE", help="Write random weights there, as a start; run nothing.")
@click.option("--weights", metavar="FILE", help="The weights: what --init writes, changed or not.")
@click.option(
    "--input", "given", metavar="FILE", help="The inputs, a batch in front: (N, C, H, W)."
)
@click.option("--output", metavar="FILE", help="Write the outputs there.")
@click.option("--activations", metavar="FILE", help="Write the outputs of all layers there.")
@click.option(
    "--gradients", metavar="FILE", help="Write the gradients of weights and inputs there."
)
@click.option("--targets", metavar="FILE", help="What the loss compares with, for --gradients.")
@click.option(
    "--upstream", metavar="FILE", help="Gradients of the outputs, for --gradients without a loss."
)
@click.option("--train", is_flag=True, help="Batch norm and dropout as in training.")
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float64"]),
    help="What to compute in.  [default: float64 if an array is, else float32]",
)
@options.computing
@click.option("--force", is_flag=True, help="Replace files that exist.")
def command(
    spec: str, assignments: Any, variant: str | None, init: str | None, **asked: Any
) -> None:
    """Run SPEC on arrays from .npz files, and write what it gives to .npz files.

    The names in the files: of weights LAYER.weight and so on, as --init writes them; of inputs
    those of the spec (`input` where there is one), of outputs the paths of their layers. Maps may
    have other sizes than in the spec. Exit code 1: the spec has errors, or values overflow; 2: a
    file does not fit or cannot be read or written, and then none is written.

    \b
    cnncalc run net.yaml --init w.npz
    cnncalc run net.yaml --weights w.npz --input x.npz --output y.npz
    cnncalc run net.yaml --weights w.npz --input x.npz --gradients g.npz --targets t.npz
    """
    if variant == "all":
        options.fail("one network runs at a time, and --variant all names several")
    _check(init, asked)
    loaded = options.read_spec(spec)
    (setting,) = options.settings(loaded, (), assignments, variant)
    network = _Networks(loaded, setting)
    if init is not None:
        _initialise(network, init, asked)
    else:
        _run(network, asked)


def _check(init: str | None, asked: dict[str, Any]) -> None:
    """Refuse options that do not go together."""
    named = [name for name in ("weights", *WRITES, *STARTS) if asked[name] is not None]
    if init is not None:
        if named:
            options.fail(f"--init runs nothing, so that there is no --{named[0]}")
        return
    if asked["weights"] is None:
        options.fail("name the weights: --weights FILE", "--init FILE writes random ones")
    if asked["given"] is None:
        options.fail("name the inputs: --input FILE", "np.savez('x.npz', input=x) writes one")
    files = [asked[name] for name in WRITES if asked[name] is not None]
    if not files:
        options.fail("name a file to write: --output, --activations or --gradients")
    if len(set(files)) < len(files):
        options.fail("each result needs a file of its own")
    if asked["gradients"] is None:
        for name in STARTS:
            if asked[name] is not None:
                options.fail(f"--{name} is for --gradients, which is not there")


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")


class _Networks:
    """The networks of a spec for sizes of its inputs; one with errors ends the program."""

    def __init__(self, loaded: Loaded, setting: Settings) -> None:
        self.loaded, self.setting = loaded, setting
        self.rebuild = rebuilder(loaded, setting)

    def __call__(self, inputs: Mapping[str, Shape]) -> Graph:
        """The network; its problems are printed."""
        built = expand(self.loaded, self.setting._replace(inputs=inputs))
        if built.wrong:
            sources = options.sources({self.loaded.document.file: self.loaded})
            click.echo(text.messages(merged(built.problems), sources), err=True)
            raise click.exceptions.Exit(1)
        return built.graph


@contextmanager
def _refusals() -> Iterator[None]:
    """End the program with what the engine refuses: 1 for values that overflow, else 2."""
    from cnncalc.engine.errors import EngineError, NotFinite

    try:
        yield
    except NotFinite as error:
        click.echo(f"Error: {error.message}\n  help: {error.help}", err=True)
        raise click.exceptions.Exit(1) from None
    except EngineError as error:
        options.fail(error.message, error.help)


def _initialise(network: _Networks, init: str, asked: dict[str, Any]) -> None:
    from cnncalc.engine import budget
    from cnncalc.engine.job import initialise_file

    dtype = asked["dtype"] or "float32"
    with _refusals():
        shapes = initialise_file(
            network,
            init,
            inputs=asked["given"],
            seed=asked["seed"],
            dtype=dtype,
            memory=asked["memory"] or budget.available(),
            force=asked["force"],
        )
    numbers = text.count(sum(map(prod, shapes.values())))
    click.echo(f"wrote {init}: {_many(len(shapes), 'array')}, {numbers} numbers in {dtype}")


def _run(network: _Networks, asked: dict[str, Any]) -> None:
    from cnncalc.engine import budget
    from cnncalc.engine.heap import keep_freed_memory
    from cnncalc.engine.job import Request, run_files

    keep_freed_memory()
    with _refusals():
        done = run_files(
            network,
            Request(
                weights=asked["weights"],
                inputs=asked["given"],
                memory=asked["memory"] or budget.available(),
                **{name: asked[name] for name in (*WRITES, *STARTS, *SETTINGS)},
            ),
            network.rebuild,
        )
    loss = "" if done.loss is None else f", loss {done.loss:.7g}"
    click.echo(f"ran {_many(done.batch, 'image')} in {done.dtype}{loss}")
    for path, shapes in done.files.items():
        click.echo(f"wrote {path}: {_described(shapes)}")


def _described(shapes: dict[str, Shape]) -> str:
    listed = [f"{name} {text.shape(shape)}" for name, shape in shapes.items()]
    return ", ".join(listed) if len(listed) <= SHOWN else _many(len(listed), "array")
