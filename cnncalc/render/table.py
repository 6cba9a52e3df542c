"""The table on a terminal; the only importer of rich."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from io import StringIO
from typing import IO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cnncalc.analysis.report import Report, Row, Sizing
from cnncalc.render import totals
from cnncalc.render.columns import COLUMNS
from cnncalc.render.text import count, rounded, shape, size
from cnncalc.render.tree import Branch, Line, lines

READABLE = 60
"""Lines that a table has at most when nobody said how deep it should go."""

BAR = 8
EIGHTHS = " ▏▎▍▌▋▊▉█"


def console(width: int | None, file: IO[str] | None = None) -> Console:
    """A console that writes colours only to a terminal, and is as wide as need be in a pipe."""
    found = Console(file=file or StringIO(), width=width, highlight=False, soft_wrap=True)
    if file is None:
        terminal = Console(highlight=False)
        found = Console(
            file=StringIO(),
            width=width or (terminal.width if terminal.is_terminal else 10_000),
            force_terminal=terminal.is_terminal,
            no_color=terminal.no_color,
            highlight=False,
            legacy_windows=False,
        )
    return found


def fold(root: Branch, depth: int | None) -> tuple[list[Line], int]:
    """The lines to show, and how many layers of the flat end were left out.

    Without a depth: the deepest that stays readable; a network that is long even when folded is
    cut in its middle.
    """
    if depth is not None:
        return lines(root, depth), 0
    best = lines(root, 1)
    for deeper in range(2, 50):
        found = lines(root, deeper)
        if len(found) > READABLE or len(found) == len(best):
            break
        best = found
    if len(best) > READABLE:
        kept = best[: READABLE - 10] + best[-10:]
        return kept, len(best) - len(kept)
    return best, 0


def summary(
    report: Report,
    shown: Sequence[Line],
    columns: Sequence[str],
    *,
    left_out: int = 0,
    counting: str = "pytorch",
    width: int | None = None,
) -> str:
    """The table of one network with its totals and checks."""
    out = console(width)
    out.print(Text(totals.title(report), style="bold"))
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for key in columns:
        _add_column(table, key)
    whole = report.totals.macs or 0
    for number, line in enumerate(shown):
        if left_out and number == READABLE - 10:
            table.add_row(Text(f"... {left_out:,} more lines (--depth 1 shows all) ...", "dim"))
        cells = [_cell(key, line, report, whole) for key in columns]
        table.add_row(*cells, style=_style(line))
    if shown:
        out.print(table)
    _totals(out, report, counting)
    return _text(out)


def comparison(reports: Sequence[Report], width: int | None = None) -> str:
    """One line of totals for each network."""
    out = console(width)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("network", no_wrap=True)
    for heading in ("input", "params", "MACs", "FLOPs", "size", "peak", "field", "checks"):
        table.add_column(heading, justify="right", no_wrap=True)
    for report in reports:
        found = report.totals
        failed = any(check.ok is False for check in report.checks)
        errors = len(report.problems)
        name = report.name or report.file
        table.add_row(
            f"{name} ({report.variant})" if report.variant else name,
            ", ".join(shape(sizes) for sizes in report.inputs.values()),
            count(found.params),
            count(found.macs),
            rounded(found.flops),
            size(found.param_bytes),
            size(found.peak_inference_bytes),
            _network_field(report),
            Text("failed" if failed else f"{errors} errors", "red") if errors else _checked(report),
        )
    out.print(table)
    out.print(Text(totals.CONVENTION, "dim"))
    return _text(out)


def _add_column(table: Table, key: str) -> None:
    if key == "share":
        table.add_column("share of MACs", no_wrap=True)
    elif key == "layer":
        table.add_column("layer", no_wrap=True, overflow="ellipsis", min_width=16)
    else:
        column = COLUMNS[key]
        right = column.numeric or key in ("field", "jump", "start")
        table.add_column(column.heading, justify="right" if right else "left", no_wrap=True)


def _cell(key: str, line: Line, report: Report, whole: int) -> Text:
    if key == "layer":
        return _layer(line)
    if key == "share":
        return _share(line, whole, report.sizing)
    return Text(COLUMNS[key].show(line.rows, report.sizing))


def _layer(line: Line) -> Text:
    text = Text(line.guide, "dim")
    text.append(line.label, "bold" if not line.leaf else "")
    broken = next((row.node.problem for row in line.rows if row.node.problem), None)
    if broken:
        text.append(f"  <- {broken.message}", "red")
    return text


def _share(line: Line, whole: int, sizing: Sizing) -> Text:
    macs = COLUMNS["macs"].value(line.rows, sizing)
    if not whole or macs is None:
        return Text("")
    share = macs / whole
    filled, rest = divmod(round(share * BAR * 8), 8)
    bar = EIGHTHS[8] * filled + (EIGHTHS[rest] if rest else "")
    text = Text(f"{bar:<{BAR}}", "cyan")
    return text.append(f" {share:6.1%}" if macs else "", "dim" if line.depth > 1 else "")


def _style(line: Line) -> str:
    if any(row.node.problem for row in line.rows):
        return "red"
    if all(row.node.train_only for row in line.rows):
        return "dim"
    return ""


def _totals(out: Console, report: Report, counting: str) -> None:
    out.print()
    for name, value in totals.figures(report, counting):
        out.print(Text.assemble((f"{name:<14}", "bold"), value))
    unknown = sum(row.cost is None for row in report.rows)
    if unknown:
        known = sum(row.cost.macs for row in report.rows if row.cost)
        out.print(
            Text(
                f"{unknown:,} of {len(report.rows):,} layers are not sure; the others have "
                f"{known:,} MACs",
                "yellow",
            )
        )
    for line in totals.checks(report):
        word, _, rest = line.partition(": ")
        style = {"ok": "green", "FAILED": "red"}.get(word, "dim")
        out.print(Text.assemble((f"{word:<14}", style), rest))
    out.print(Text(totals.CONVENTION, "dim"))


def _checked(report: Report) -> str:
    done = [check for check in report.checks if check.ok is not None]
    return f"{len(done)} ok" if done else "-"


def _network_field(report: Report) -> str:
    last: tuple[Row, ...] = report.rows[-1:]
    if not last or report.field is None:
        return "-"
    return COLUMNS["field"].show((last[0]._replace(field=report.field),), report.sizing)


def _text(out: Console) -> str:
    assert isinstance(out.file, StringIO)
    lines = out.file.getvalue().split("\n")
    return "\n".join(line.rstrip() for line in lines)


def encodable(text: str) -> str:
    """The text for a terminal that cannot show blocks and tree lines."""
    encoding = sys.stdout.encoding or "ascii"
    return text.encode(encoding, "replace").decode(encoding)
