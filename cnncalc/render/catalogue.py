"""The catalogue: one line a network, for people and for programs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from textwrap import wrap
from typing import Any

from cnncalc.catalogue import Entry
from cnncalc.render.columns import of_field
from cnncalc.render.machine import field_json, plain_csv, plain_markdown
from cnncalc.render.text import aligned, count, rounded, shape

HEADINGS = ("name", "params", "MACs", "size MiB", "depth", "field", "input", "source")
NUMBERS = frozenset(HEADINGS[1:6])
CSV_KEYS = ("name", "params", "macs", "size_bytes", "depth", "field", "input", "source")
CONVENTION = (
    "params: sum of p.numel(), as PyTorch counts; MACs: multiply-adds with a weight, one image, "
    "forward, bias not counted; size: params and buffers in float32; depth: layers with MACs on "
    "the longest path; field: of the last layer that is not behind a global reduction, in pixels"
)
ENDLESS = 100_000
"""Width of a pipe: columns are as wide as their content."""
READABLE = 110
"""Characters of a line of prose."""
LEAST = 20
"""Characters of the source that are worth a column."""

Number = Callable[[int | None], str]
Columns = dict[str, Sequence[str]]

LAYOUTS: tuple[tuple[str, Number], ...] = (
    ("source", count),
    ("input", count),
    ("field", count),
    ("field", rounded),
    ("depth", rounded),
    ("params", rounded),
)
"""The last column and how numbers are written; the first that fits is shown, or the last."""

SORTS: dict[str, Callable[[Entry], float | None]] = {
    "params": lambda entry: entry.numbers.params,
    "macs": lambda entry: entry.numbers.macs,
    "size": lambda entry: entry.numbers.size_bytes,
    "depth": lambda entry: entry.numbers.depth,
    "receptive-field": lambda entry: _largest(entry),
}
"""What the catalogue can be sorted by, largest first, beside the name."""


def ordered(entries: Iterable[Entry], key: str) -> list[Entry]:
    """By name, numbers in it by their value, or the largest first and what is not known last."""
    by_name = sorted(entries, key=lambda entry: _natural(entry.name))
    if key == "name":
        return by_name
    return sorted(by_name, key=lambda entry: -(SORTS[key](entry) or 0))


def _natural(name: str) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", name.lower())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _largest(entry: Entry) -> float | None:
    """The field on the axis where it is largest."""
    sizes = [axis.size for axis in entry.field.axes] if entry.field else []
    return max((float(size) for size in sizes if size is not None), default=None)


def cells(entry: Entry, number: Number = count) -> tuple[str, ...]:
    """What people read of a network, in the order of `HEADINGS`."""
    numbers = entry.numbers
    return (
        entry.name,
        number(numbers.params),
        number(numbers.macs),
        "?" if numbers.size_bytes is None else f"{numbers.size_bytes / 2**20:,.2f}",
        count(numbers.depth),
        of_field(entry.field, lambda axis: axis.size),
        _inputs(entry, " x "),
        entry.source,
    )


def _inputs(entry: Entry, times: str) -> str:
    """The shapes of the inputs, with their names where there are several."""
    shapes = {name: shape(sizes).replace(" x ", times) for name, sizes in entry.inputs.items()}
    if len(shapes) == 1:
        return next(iter(shapes.values()))
    return ", ".join(f"{name}={one}" for name, one in shapes.items())


def table(entries: Sequence[Entry], width: int | None) -> str:
    """The table, and how its numbers are counted; None is as wide as it needs."""
    for last, number in LAYOUTS:
        columns = _fitted(_columns(entries, last, number), width or ENDLESS)
        if _taken(columns) <= (width or ENDLESS):
            break
    shown = list(zip(*columns.values(), strict=True))
    networks = "1 network" if len(entries) == 1 else f"{len(entries)} networks"
    notes = wrap(f"{networks}; {CONVENTION}", min(width or READABLE, READABLE))
    return "\n".join((*aligned(tuple(columns), shown, NUMBERS), "", *notes)) + "\n"


def _columns(entries: Sequence[Entry], last: str, number: Number) -> Columns:
    """The columns up to that one, with their cells."""
    columns = zip(*(cells(entry, number) for entry in entries), strict=True)
    shown = HEADINGS[: HEADINGS.index(last) + 1]
    return dict(zip(shown, columns, strict=False))


def _fitted(columns: Columns, width: int) -> Columns:
    """The sources cut to what the other columns leave, but not to less than is worth reading."""
    if "source" not in columns:
        return columns
    room = max(LEAST, width - _taken({**columns, "source": ()}) + len("source"))
    cut = [one if len(one) <= room else f"{one[: room - 1]}…" for one in columns["source"]]
    return {**columns, "source": cut}


def _taken(columns: Columns) -> int:
    """Characters of a line, with the gaps between columns."""
    widths = [max(map(len, (heading, *column))) for heading, column in columns.items()]
    return sum(widths) + 2 * (len(widths) - 1)


def to_csv(entries: Iterable[Entry]) -> str:
    """Numbers bare, unknown empty."""
    return plain_csv(CSV_KEYS, map(_record, entries))


def _record(entry: Entry) -> list[Any]:
    numbers = entry.numbers
    counts = (numbers.params, numbers.macs, numbers.size_bytes, numbers.depth)
    field = of_field(entry.field, lambda axis: axis.size)
    return [entry.name, *counts, field, _inputs(entry, "x"), entry.source]


def to_json(entries: Iterable[Entry]) -> str:
    """A list of objects with the keys of the report's totals; one line a network."""
    return "[\n" + ",\n".join(json.dumps(_object(entry)) for entry in entries) + "\n]\n"


def _object(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "description": entry.description,
        "source": entry.source,
        "inputs": entry.inputs,
        **entry.numbers._asdict(),
        "receptive_field": field_json(entry.field),
    }


def to_markdown(entries: Iterable[Entry]) -> str:
    """The table as Markdown."""
    return plain_markdown(HEADINGS, map(cells, entries), NUMBERS) + f"\n_{CONVENTION}_\n"
