"""`cnncalc summary`: the table of a network, or of several one after the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from cnncalc.analysis.report import Device, Report, Row
from cnncalc.cli import options
from cnncalc.pipeline import analyse
from cnncalc.render import columns as render_columns
from cnncalc.render.tree import Line, lines, tree
from cnncalc.suggest import did_you_mean

if TYPE_CHECKING:
    from fractions import Fraction

SORTS = {"params": "params", "macs": "macs", "memory": "memory", "time": "time"}


def _columns(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Check `--columns`; click's callback."""
    if value is None:
        return ()
    known = ("layer", "share", *render_columns.COLUMNS)
    chosen = tuple(one.strip() for one in value.split(",") if one.strip())
    for one in chosen:
        if one not in known:
            help = did_you_mean(one, known) or "columns: " + ", ".join(known)
            raise click.BadParameter(f"there is no column '{one}'; {help}", ctx, param)
    return chosen


def _sparsity(ctx: click.Context, param: click.Parameter, value: str | None) -> Fraction | None:
    """Read `--sparsity`; click's callback."""
    if value is None:
        return None
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?%?", value):
        raise click.BadParameter(f"'{value}' is not a share such as 90% or 0.9", ctx, param)
    from fractions import Fraction  # paid for only by the option

    share = Fraction(value.rstrip("%")) / (100 if value.endswith("%") else 1)
    if share >= 1:
        help = f"; write {value}%" if not value.endswith("%") and share < 100 else ""
        raise click.BadParameter(f"'{value}' must be below 100%{help}", ctx, param)
    return share


@click.command()
@options.network
@options.sizing
@click.option(
    "--sparsity",
    callback=_sparsity,
    metavar="90%",
    help="Give the size of the model with that share of its weights pruned.",
)
@click.option(
    "--memory", type=options.Bytes(), metavar="24GiB", help="Give the largest batch that fits."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "markdown"]),
    default="table",
    show_default=True,
)
@click.option("--depth", type=click.IntRange(1, 100), help="Fold structures below this depth.")
@click.option(
    "--sort", type=click.Choice(list(SORTS)), help="Largest layers first, as a flat list."
)
@click.option("--top", type=click.IntRange(1), help="Show only so many layers, as a flat list.")
@click.option("--columns", callback=_columns, metavar="A,B,...", help="Which columns to show.")
@click.option(
    "--counting",
    type=click.Choice(["pytorch", "keras"]),
    default="pytorch",
    show_default=True,
    help="Keras counts the statistics of batch norm as non-trainable params.",
)
@click.option("--width", type=click.IntRange(20, 10_000), help="Columns of text in the table.")
@click.option("--output", metavar="FILE", help="Write there instead of to standard output.")
def command(
    specs: tuple[str, ...],
    inputs: Any,
    assignments: Any,
    variant: str | None,
    batch: int,
    dtype: str,
    optimizer: str,
    device: Device | None,
    images: int | None,
    memory: int | None,
    sparsity: Fraction | None,
    form: str,
    output: str | None,
    **view: Any,
) -> None:
    """Print shapes, params, MACs, receptive field and memory of every layer of SPEC.

    SPEC is a file, - for standard input, or the name of a shipped network (`cnncalc specs`).
    Several specs, or --variant all, give one table after the other; `cnncalc compare` puts their
    totals side by side. Exit code 1: the spec has errors, or an expect or budget does not hold.

    \b
    cnncalc summary resnet50
    cnncalc summary net.yaml --input 3x256x256 --batch 32 --memory 24GiB
    cnncalc summary resnet50 --sort macs --top 10
    cnncalc summary mobilenet_v2 --variant mobilenet_v2_x0_5
    cnncalc summary resnet50 --device 12TFLOPS,900GB/s --images 1M
    cnncalc summary resnet50 --dtype int8 --sparsity 90%
    cnncalc summary net.yaml --format json --output report.json
    """
    if device is None and (
        view["sort"] == "time" or not {*view["columns"]}.isdisjoint(render_columns.TIMES)
    ):
        options.fail("times need a device", "write --device 12TFLOPS or --device 12TFLOPS,900GB/s")
    size = options.make_sizing(batch, dtype, optimizer, device, images, memory)
    size = size._replace(sparsity=sparsity)
    loaded = {}
    reports = []
    for spec in specs:
        one = options.read_spec(spec)
        loaded[one.document.file] = one
        for setting in options.settings(one, inputs, assignments, variant):
            reports.append(analyse(one, setting, size))
    options.write(_render(reports, form, view), output)
    problems = [problem for report in reports for problem in report.problems]
    if options.report_problems(problems, loaded):
        raise click.exceptions.Exit(1)


def _render(reports: Sequence[Report], form: str, view: dict[str, Any]) -> str:
    if form == "json":
        from cnncalc.render.machine import several_json

        return several_json(reports)
    if form in ("csv", "markdown"):
        return "\n".join(_plain(report, form, view) for report in reports)
    return "\n".join(_table(report, view) for report in reports)


def _plain(report: Report, form: str, view: dict[str, Any]) -> str:
    from cnncalc.render import machine

    if form == "csv":
        chosen = [c for c in view["columns"] if c in render_columns.COLUMNS]
        default = _default(report, render_columns.CSV_DEFAULT, view["counting"])
        return machine.to_csv(report, _rows(report, view), chosen or default)
    chosen = [c for c in view["columns"] if c in render_columns.COLUMNS]
    shown = _flat(report, view) if _is_flat(view) else lines(tree(report.rows), view["depth"] or 99)
    if view["depth"] is None:
        shown = [line for line in shown if line.leaf]
    default = _default(report, render_columns.FLAT_DEFAULT, view["counting"])
    return machine.to_markdown(report, shown, chosen or default)


def _table(report: Report, view: dict[str, Any]) -> str:
    from cnncalc.render import table

    if _is_flat(view):
        shown, left_out = _flat(report, view), 0
        default = render_columns.FLAT_DEFAULT
    else:
        shown, left_out = table.fold(tree(report.rows), view["depth"])
        default = render_columns.TABLE_DEFAULT
    return table.summary(
        report,
        shown,
        view["columns"] or _default(report, default, view["counting"]),
        left_out=left_out,
        counting=view["counting"],
        width=view["width"],
    )


def _default(report: Report, columns: tuple[str, ...], counting: str) -> tuple[str, ...]:
    """The columns that nobody chose: with times where there is a device, params as counted."""
    if counting == "keras":
        columns = tuple("keras_params" if one == "params" else one for one in columns)
    return (*columns, *render_columns.TIMES) if report.sizing.device else columns


def _is_flat(view: dict[str, Any]) -> bool:
    return bool(view["sort"] or view["top"])


def _rows(report: Report, view: dict[str, Any]) -> list[Row]:
    """The layers in the wanted order, at most as many as wanted."""
    rows = list(report.rows)
    if view["sort"]:
        key = render_columns.COLUMNS[SORTS[view["sort"]]]
        rows.sort(key=lambda row: -(key.value((row,), report.sizing) or 0))
    return rows[: view["top"]]


def _flat(report: Report, view: dict[str, Any]) -> list[Line]:
    from cnncalc.render.tree import label

    return [Line("", label(row), (row,), True, 1) for row in _rows(report, view)]
