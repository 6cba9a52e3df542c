"""A network as other tools would count it, beside our own numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Any, NamedTuple

from cnncalc import __version__
from cnncalc.analysis.conventions import Found, by_conventions
from cnncalc.analysis.report import Report
from cnncalc.render import totals
from cnncalc.render.machine import plain_csv, plain_markdown
from cnncalc.render.text import aligned, count, shape

READABLE = 110
"""Characters of a line of prose."""

HEADINGS = ("tool", "counts", "unit", "x", "params")
RIGHT = frozenset({"counts", "x", "params"})

ASSUMED = (
    "x: times the number of cnncalc in the same unit, one image, forward; each layer is taken for "
    "a module of torch.nn: where a model calls ReLU or pooling as a function, thop and torchinfo "
    "count 0, and ptflops (pytorch) once; merges, crops and reshapes count 0"
)


class Counted(NamedTuple):
    """A network, and what each tool gives for it."""

    report: Report
    found: tuple[Found, ...]


def counted(report: Report) -> Counted:
    """What each tool gives for a network."""
    return Counted(report, by_conventions(report))


def tables(networks: Sequence[Counted], width: int | None) -> str:
    """A table a network with the known errors, and what the tools count."""
    wide = min(width or READABLE, READABLE)
    parts = [part for one in networks for part in (_table(one), _errors(one, wide)) if part]
    notes = "\n".join((*wrap(ASSUMED, wide), *_hanging(_tools(networks), wide)))
    return "\n\n".join((*parts, notes)) + "\n"


def _table(one: Counted) -> str:
    lines = aligned(HEADINGS, _rows(one), RIGHT)
    return "\n".join((totals.title(one.report), *lines))


def _rows(one: Counted) -> list[tuple[str, ...]]:
    ours = one.report.totals
    return [
        ("cnncalc", count(ours.macs), "MACs", "1", count(ours.params)),
        ("cnncalc", count(ours.flops), "FLOPs", "1", count(ours.params)),
        *(_row(found) for found in one.found),
    ]


def _row(found: Found) -> tuple[str, ...]:
    """`-` is what the tool does not give, `?` what is not known."""
    convention, relative = found.convention, found.relative
    times = "?" if relative is None else "1" if relative == 1 else f"{float(relative):,.4f}"
    numbers = (count(found.number), convention.unit, times)
    operations = ("-", "-", "-") if convention.unit is None else numbers
    params = "-" if convention.params is None else count(found.params)
    return (convention.tool, *map(str, operations), params)


def _errors(one: Counted, width: int) -> str:
    lines = list(_hanging(_struck(one), width))
    return "\n".join(("known errors that strike here:", *lines)) if lines else ""


def _struck(one: Counted) -> list[tuple[str, str]]:
    """Each tool with each of its errors."""
    return [(found.convention.tool, said) for found in one.found for said in _said(found)]


def _said(found: Found) -> list[str]:
    return [f"{error} ({_layers(struck)})" for error, struck in found.errors]


def _layers(number: int) -> str:
    return f"{count(number)} layer" + "s" * (number != 1)


def _tools(networks: Sequence[Counted]) -> list[tuple[str, str]]:
    conventions = (found.convention for found in networks[0].found)
    return [(f"{one.tool} {one.version}", f"{one.counts} [{one.source}]") for one in conventions]


def _hanging(said: Sequence[tuple[str, str]], width: int) -> Iterator[str]:
    """Lines of `name: text`, the later ones of each indented."""
    for name, text in said:
        yield from wrap(f"{name}: {text}", width, initial_indent="  ", subsequent_indent="    ")


def to_markdown(networks: Sequence[Counted]) -> str:
    """A heading and a table a network, and what the tools count."""
    parts = []
    for one in networks:
        parts += [f"### {totals.title(one.report)}", plain_markdown(HEADINGS, _rows(one), RIGHT)]
        errors = _listed(_struck(one))
        parts += ["Known errors that strike here:", errors] if errors else []
    parts += [f"_{ASSUMED}_", _listed(_tools(networks))]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _listed(said: Sequence[tuple[str, str]]) -> str:
    return "\n".join(f"- **{name}**: {text}" for name, text in said)


def to_csv(networks: Sequence[Counted]) -> str:
    """A line a network and tool; numbers bare, unknown empty."""
    records = [_record(one, found) for one in networks for found in one.found]
    rows = (["" if cell is None else cell for cell in record.values()] for record in records)
    return plain_csv(list(records[0]), rows)


def _record(one: Counted, found: Found) -> dict[str, Any]:
    return {
        "name": one.report.name,
        "variant": one.report.variant,
        "spec": one.report.file,
        "input": ", ".join(shape(each) for each in one.report.inputs.values()).replace(" x ", "x"),
        "tool": found.convention.tool,
        "version": found.convention.version,
        "unit": found.convention.unit,
        "count": found.number,
        "relative": None if found.relative is None else float(found.relative),
        "params": found.params,
        "errors": "; ".join(_said(found)),
    }


def to_json(networks: Sequence[Counted]) -> str:
    """An object with one tool a line, documented in docs/compare.md."""
    head = f'"cnncalc": {json.dumps(__version__)},\n"conventions": 1'
    body = ",\n".join(map(_object, networks))
    return f'{{{head},\n"networks": [\n{body}\n]}}\n'


def _object(one: Counted) -> str:
    report, ours = one.report, one.report.totals
    head = {
        "name": report.name,
        "variant": report.variant,
        "spec": report.file,
        "inputs": report.inputs,
        "macs": ours.macs,
        "flops": ours.flops,
        "params": ours.params,
        "problems": len(report.problems),
    }
    members = ", ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in head.items())
    tools = ",\n".join("    " + json.dumps(_tool(found)) for found in one.found)
    return f'  {{{members}, "tools": [\n{tools}\n  ]}}'


def _tool(found: Found) -> dict[str, Any]:
    convention = found.convention
    return {
        "tool": convention.tool,
        "version": convention.version,
        "unit": convention.unit,
        "count": found.number,
        "relative": None if found.relative is None else float(found.relative),
        "params": found.params,
        "errors": [{"error": error, "layers": struck} for error, struck in found.errors],
        "counts": convention.counts,
        "source": convention.source,
    }
