"""The table on a terminal; the only importer of rich."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import StringIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cnncalc.analysis.report import Report, Sizing
from cnncalc.render import totals
from cnncalc.render.columns import COLUMNS
from cnncalc.render.tree import Branch, Line, lines

READABLE = 60
"""Lines that a table has at most when nobody said how deep it should go."""

ENDLESS = 100_000
"""Width of a pipe: columns are as wide as their content."""

NARROWEST = 28
"""Below this width of the column of layers, the bars of shares give their place to it."""

BAR = 8
EIGHTHS = " ▏▎▍▌▋▊▉█"


def console(width: int | None) -> Console:
    """A console that writes into a string, as wide and as colourful as the terminal."""
    terminal = Console()
    return Console(
        file=StringIO(),
        width=width or (terminal.width if terminal.is_terminal else ENDLESS),
        force_terminal=terminal.is_terminal,
        color_system=terminal.color_system if terminal.is_terminal else None,  # type: ignore[arg-type]
        no_color=terminal.no_color,
        highlight=False,
    )


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
    whole = report.totals.macs or 0
    cells = {key: [_cell(key, line, report, whole) for line in shown] for key in columns}
    for dispensable, least in (("share", NARROWEST), ("field", 16), ("output", 16)):
        if out.width - _taken(cells) < least and "layer" in cells:
            cells.pop(dispensable, None)
    gap = Text(f"... {left_out:,} more lines (--depth 1 shows all) ...", "dim")
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for key, column in cells.items():
        widths = [*column, gap] if left_out and key == "layer" else column
        _add_column(table, key, widths, out.width - _taken(cells))
    for number, (line, row) in enumerate(
        zip(shown, zip(*cells.values(), strict=True), strict=True)
    ):
        if left_out and number == READABLE - 10:
            table.add_row(gap)
        table.add_row(*row, style=_style(line))
    if shown:
        out.print(table)
        _totals(out, report, counting)
    return _text(out)


def _taken(cells: Mapping[str, Sequence[Text]]) -> int:
    """Characters that all columns but the layers' take, with the gaps between columns."""
    widths = [_wide(key, column) + 3 for key, column in cells.items() if key != "layer"]
    return sum(widths)


def _wide(key: str, column: Sequence[Text]) -> int:
    return _column_width(_heading(key), column)


def _column_width(heading: str, column: Sequence[Text]) -> int:
    return max((len(heading), *(cell.cell_len for cell in column)))


def _heading(key: str) -> str:
    return {"layer": "layer", "share": "share of MACs"}.get(key) or COLUMNS[key].heading


def _add_column(table: Table, key: str, column: Sequence[Text], left: int) -> None:
    """Numbers are never cut: the column of layers takes what is left."""
    wide = _wide(key, column)
    if key == "layer":
        wide = max(min(wide, left), 16)
    right = key in COLUMNS and (COLUMNS[key].numeric or key in ("field", "jump", "start"))
    table.add_column(
        _heading(key),
        justify="right" if right else "left",
        no_wrap=True,
        overflow="ellipsis",
        width=wide,
    )


def _cell(key: str, line: Line, report: Report, whole: int) -> Text:
    if key == "layer":
        return _layer(line)
    if key == "share":
        return _share(line, whole, report.sizing)
    return Text(COLUMNS[key].show(line.rows, report.sizing))


def _layer(line: Line) -> Text:
    broken = next((row.node.problem for row in line.rows if row.node.problem), None)
    text = Text(no_wrap=not broken)  # a cause is worth several lines
    text.append(line.guide, "dim").append(line.label, "" if line.leaf else "bold")
    return text.append(f" {totals.MARKS[False]} {broken.message}", "red") if broken else text


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
    if report.totals.macs is None:
        out.print(Text(totals.unknown(report), "yellow"))
        return
    for name, value in totals.figures(report, counting):
        out.print(Text.assemble((f"{name:<14}", "bold"), value))
    for kind, found in totals.checks(report):
        _checks(out, kind, found)
    out.print(Text(totals.CONVENTION, "dim"))


def _checks(out: Console, kind: str, found: list[tuple[bool | None, str]]) -> None:
    """All checks of one kind, as many on a line as fit."""
    styles = {True: "green", False: "bold red", None: "dim"}
    line = Text(f"{kind:<14}", "bold")
    for ok, text in found:
        mark = f"{totals.MARKS[ok]} {text}"
        if line.cell_len > 14 and line.cell_len + len(mark) > min(out.width, 110):
            out.print(line)
            line = Text(" " * 14)
        line.append(mark + "   ", styles[ok])
    out.print(line)


def _text(out: Console) -> str:
    assert isinstance(out.file, StringIO)
    lines = out.file.getvalue().split("\n")
    return "\n".join(line.rstrip() for line in lines)
