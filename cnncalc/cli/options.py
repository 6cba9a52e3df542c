"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from cnncalc import quantity, source
from cnncalc.analysis.device import parse as parse_device
from cnncalc.analysis.report import BITS, OPTIMIZER_COPIES, Device, Sizing
from cnncalc.argument import LARGEST
from cnncalc.language.builder import Settings
from cnncalc.language.document import parse, plain
from cnncalc.layer import Shape
from cnncalc.pipeline import Loaded, load
from cnncalc.problem import Level, Problem
from cnncalc.render import text
from cnncalc.suggest import did_you_mean

MOST_THREADS = 8
"""Without --threads: each has data of its own, which may be large."""

# at the start of a line, with the version as a number: a JSON report has a text there
_SPEC = re.compile(rb"""^(?:\xef\xbb\xbf)?(?:\{\s*)?["']?cnncalc["']?\s*:\s*\d""", re.MULTILINE)

_SHAPE = re.compile(r"\d+(?:[x,]\d+)*")

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def fail(message: str, help: str | None = None) -> NoReturn:
    """End with exit code 2: wrong usage, or something that cannot be opened."""
    raise click.UsageError(f"{message}\n  help: {help}" if help else message)


class InputShape(click.ParamType[tuple[str | None, Shape]]):
    """`3x224x224`, or `left=3x64x64` for one of several inputs."""

    name = "shape"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str | None, Shape]:
        """The name of the input, if given, and its shape."""
        name, equals, written = value.rpartition("=")
        if not _SHAPE.fullmatch(written):
            self.fail(f"'{value}' is not a shape such as 3x224x224", param, ctx)
        sizes = tuple(int(one) for one in re.split("[x,]", written))
        if not all(1 <= size <= LARGEST for size in sizes):
            self.fail(f"sizes in '{value}' must be from 1 to {LARGEST}", param, ctx)
        return (name if equals else None), sizes


class _Assignment(click.ParamType[tuple[str, Any]]):
    """`name=value`, the value read as YAML."""

    name = "name=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        """The name of the variable and its new value."""
        name, equals, written = value.partition("=")
        if not equals:
            self.fail(f"'{value}' is not of the form name=value", param, ctx)
        document = parse(f"value: {written}".encode(), "--set")
        found = plain(document.root) if document.root and not document.problems else None
        if not isinstance(found, dict) or set(found) != {"value"}:
            why = document.problems[0].message if document.problems else "not a YAML value"
            self.fail(f"'{written}': {why}", param, ctx)
        return name, found["value"]


class Bytes(click.ParamType[int]):
    """`24GiB`, `500MiB`, or bytes."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of bytes."""
        found = quantity.parse(value.removesuffix("B") if value[-2:] in ("GB", "MB") else value)
        if found is None or found.approximate or found.integer is None:
            self.fail(f"'{value}' is not a size such as 24GiB", param, ctx)
        return found.integer


class OnDevice(click.ParamType[Device]):
    """`12TFLOPS`, `12TFLOPS,900GB/s`, or with `12TMACS`."""

    name = "device"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Device:
        """What it does in a second."""
        found = parse_device(value)
        if found is None:
            self.fail(f"'{value}' is not a device such as 12TFLOPS,900GB/s or 12TMACS", param, ctx)
        return found


class Count(click.ParamType[int]):
    """`1M`, or digits."""

    name = "count"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number, from 1."""
        found = quantity.parse(value)
        if found is None or found.approximate or not found.integer:
            self.fail(f"'{value}' is not a number such as 1M", param, ctx)
        return found.integer


def network(function: Callable[..., Any]) -> Callable[..., Any]:
    """The networks that are named, and the options that change them."""
    specs = click.argument("specs", nargs=-1, required=True, metavar="SPEC...")
    return changes(specs(function))


def changes(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that change a network."""
    shape = click.option(
        "--input",
        "inputs",
        type=InputShape(),
        multiple=True,
        metavar="3x256x256",
        help="Change the shape of the input (name=3x64x64 where there are several).",
    )
    return shape(variation(function))


def variation(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that change a network, but for its input."""
    for option in (
        click.option("--variant", metavar="NAME|all", help="A variant of the spec, or all."),
        click.option(
            "--set",
            "assignments",
            type=_Assignment(),
            multiple=True,
            metavar="NAME=VALUE",
            help="Change a variable of the spec.",
        ),
    ):
        function = option(function)
    return function


def sizing(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that sizes in bytes and times depend on."""
    for option in (
        click.option(
            "--images", type=Count(), metavar="1M", help="Give the time for so many images."
        ),
        click.option(
            "--device",
            type=OnDevice(),
            metavar="12TFLOPS[,900GB/s]",
            help="Give times on a device of so many operations (FLOPS or MACS) and bytes a second.",
        ),
    ):
        function = option(function)
    return memory_sizing(function)


def memory_sizing(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that sizes in bytes depend on."""
    for option in (
        click.option(
            "--optimizer",
            type=click.Choice(list(OPTIMIZER_COPIES)),
            default="sgd",
            show_default=True,
            help="Whose state training memory includes.",
        ),
        click.option(
            "--dtype",
            type=click.Choice(list(BITS)),
            default="float32",
            show_default=True,
            help="Type of parameters and activations.",
        ),
        click.option(
            "--batch",
            type=click.IntRange(1, LARGEST),
            default=1,
            show_default=True,
            help="Images at once, for sizes in bytes.",
        ),
    ):
        function = option(function)
    return function


def _threads(ctx: click.Context, param: click.Parameter, value: int | None) -> int:  # noqa: ARG001
    """Fill in the default of `--threads`; click's callback.

    One processor is left to others: threads of BLAS wait for each other in busy loops, so that a
    product on as many threads as processors takes several times as long when one of them is taken.
    """
    return value or min(max(1, (os.cpu_count() or 1) - 1), MOST_THREADS)


def computing(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of commands that run a network; without `--threads` a default is filled in."""
    for option in (
        click.option(
            "--memory",
            type=Bytes(),
            metavar="8GiB",
            help="Refuse what would take more.  [default: 90% of what is free]",
        ),
        click.option(
            "--threads",
            type=click.IntRange(1, 256),
            callback=_threads,
            help=f"How many to use.  [default: all processors but one, at most {MOST_THREADS}]",
        ),
        click.option(
            "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of random data."
        ),
    ):
        function = option(function)
    return function


def read_spec(name: str) -> Loaded:
    """Load a spec; what cannot be opened ends the program with exit code 2."""
    try:
        return load(source.read(name))
    except source.SourceError as error:
        fail(error.message, error.help)


def settings(
    loaded: Loaded,
    inputs: tuple[tuple[str | None, Shape], ...],
    assignments: tuple[tuple[str, Any], ...],
    variant: str | None,
) -> list[Settings]:
    """The networks that were asked for; names that the spec does not have end the program."""
    if loaded.spec is None:
        return [Settings()]
    known = [name for name, _ in loaded.spec.inputs]
    shapes: dict[str, Shape] = {}
    for name, shape in inputs:
        if name is None and len(known) > 1:
            fail(f"the spec has {len(known)} inputs", f"write {known[0]}=... for one of them")
        target = known[0] if name is None and known else name or "input"
        _known("input", target, known)
        shapes[target] = shape
    for name, _ in assignments:
        _known("variable", name, [key.text for key, _ in loaded.spec.vars])
    base = Settings(shapes, dict(assignments), loaded.variant)
    if variant is None:
        return [base]
    if loaded.variant is not None:
        whole, own = loaded.spec.texts["name"], loaded.variant.name.text
        fail(f"'{own}' is itself a variant of {whole}", f"write {whole} --variant {variant}")
    variants = loaded.spec.variants
    if variant == "all":
        return [base, *(Settings(shapes, dict(assignments), one) for one in variants.values())]
    _known("variant", variant, list(variants))
    return [Settings(shapes, dict(assignments), variants[variant])]


def _known(what: str, name: str, known: list[str]) -> None:
    if name not in known:
        listed = f"{what}s: " + ", ".join(known) if known else f"it has no {what}s"
        fail(f"the spec has no {what} '{name}'", did_you_mean(name, known) or listed)


def make_sizing(
    batch: int,
    dtype: str,
    optimizer: str,
    device: Device | None,
    images: int | None,
    memory: int | None = None,
) -> Sizing:
    """What the options of `sizing` describe; images without a device end the program."""
    if images is not None and device is None:
        fail("--images needs a device", "write --device 12TFLOPS --images 1M")
    return Sizing(batch, dtype, optimizer, memory, device, images)


def write(result: str, output: str | None) -> None:
    """Put a result on standard output, or whole into a file, which must not be a spec."""
    if output is None:
        click.echo(result, nl=False)
        return
    try:
        if _is_spec(Path(output)):
            fail(f"'{output}' is a spec, and is not overwritten", "name another file")
        # names of files may hold bytes that are no text
        Path(output).write_text(result, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        fail(f"cannot write '{output}': {(error.strerror or str(error)).lower()}")


def _is_spec(path: Path) -> bool:
    """Whether a file says of itself that it is a spec."""
    return path.is_file() and _SPEC.search(path.read_bytes()) is not None


def report_problems(problems: Sequence[Problem], loaded: Mapping[str, Loaded]) -> bool:
    """Print problems behind the result, on standard error; whether one is an error."""
    if problems:
        sys.stdout.flush()
        click.echo(text.messages(problems, sources(loaded)), err=True)
    return any(problem.level is Level.ERROR for problem in problems)


def sources(loaded: Mapping[str, Loaded]) -> dict[str, list[str]]:
    """The lines of each file, for excerpts."""
    return {file: list(one.document.lines) for file, one in loaded.items()}
