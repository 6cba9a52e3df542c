"""What changed between two networks, in words; and as text for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Any, NamedTuple

from cnncalc.analysis.condition import Outcome
from cnncalc.analysis.difference import Change, Difference, Numbers, Total, numbers
from cnncalc.analysis.report import Check, Report, Row, Sizing
from cnncalc.layer import Layer, attribute, written_arguments
from cnncalc.render import totals
from cnncalc.render.text import aligned, count, shapes, size
from cnncalc.render.tree import label, value_text

READABLE = 110
"""Characters of a line where there is no terminal."""
MARKS = {"added": "+", "removed": "-", "changed": "~", "affected": " "}
HEADINGS = ("", "old", "new", "change", "")
RIGHT = frozenset(HEADINGS[1:4])
SPELT = {"macs": "MACs", "flops": "FLOPs"}
"""Names that people write in capitals."""


class Shown(NamedTuple):
    """A difference with what the command line adds: the specs as they were named, conditions."""

    difference: Difference
    names: tuple[str, str]
    outcomes: Sequence[Outcome]
    top: int


def to_text(shown: Shown, width: int | None) -> str:
    """Totals, layers, promises and conditions; one line where nothing is different."""
    difference, wide = shown.difference, width or READABLE
    lines = [*promises(difference), *conditions(shown)]
    if difference.same:
        lines = [same(shown), *(line for line in lines if not line.startswith(totals.MARKS[True]))]
        return "\n".join(_wrapped(lines, wide)) + "\n"
    title = f"{shown.names[0]} → {shown.names[1]}"
    parts = [
        [title, *moved(difference)],
        _totals(difference, wide),
        [*_wrapped([headline(shown)], wide), *_layers(shown, wide)],
        list(_wrapped(lines, wide)),
        wrap(notes(difference.new.sizing), min(wide, READABLE)),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _totals(difference: Difference, width: int) -> list[str]:
    """The table of totals; where it is too wide, changes stand in percent only."""
    rows = [HEADINGS, *table(difference)]
    lines = list(aligned(rows[0], rows[1:], RIGHT))
    if max(map(len, lines)) <= width:
        return lines
    narrow = [(*row[:3], row[4]) for row in rows]
    return list(aligned(narrow[0], narrow[1:], RIGHT))


def _wrapped(
    lines: Sequence[str], width: int, first: str = "", others: str = "  "
) -> Iterator[str]:
    """Lines that fit, but for words that do not; `first` and `others` stand before them."""
    for line in lines:
        yield from wrap(
            line,
            width,
            initial_indent=first,
            subsequent_indent=others,
            break_long_words=False,
            break_on_hyphens=False,
        )


def _layers(shown: Shown, width: int) -> Iterator[str]:
    """Each layer with its mark, and its numbers on the next line."""
    listed, left_out = chosen(shown)
    for change in listed:
        head = f"{path(change)}  {described(change)}"
        yield from _wrapped([head], width, f"{MARKS[change.kind]} ", "    ")
        figures = "; ".join(f"{name} {text}" for name, text in moves(change, shown).items())
        yield from _wrapped([figures], width, "    ", "    ")
    yield from _wrapped([left_out], width)


def same(shown: Shown) -> str:
    """The one line about two specs of one network."""
    found = shown.difference.new
    known = f"{count(found.totals.params)} params, {count(found.totals.macs)} MACs"
    return (
        f"{shown.names[0]} and {shown.names[1]} are the same network: "
        f"{len(found.rows):,} layers, {known}"
    )


def moved(difference: Difference) -> Iterator[str]:
    """What is different before any layer and behind the last."""
    if difference.inputs:
        yield f"input {_inputs(difference.old)} → {_inputs(difference.new)}"
    if difference.outputs:
        paths = [", ".join(o.path for o in one.outputs) for one in difference[:2]]
        yield f"output of {paths[0]} → {paths[1]}"


def _inputs(report: Report) -> str:
    return shapes(report.inputs.values()) or "?"


def table(difference: Difference) -> list[tuple[str, str, str, str, str]]:
    """A line for each total."""
    return [
        (
            SPELT.get(name, name),
            figure(name, total.old),
            figure(name, total.new),
            signed(name, total),
            percent(total),
        )
        for name, total in difference.totals.items()
    ]


def figure(name: str, value: Any) -> str:
    """A total as people read it."""
    if name.endswith("memory") or name == "size":
        return size(value)
    return count(value) if value is None or isinstance(value, int) else f"{float(value):g}"


def signed(name: str, total: Total) -> str:
    """A change with its sign, `=` where there is none."""
    if total.change is None:
        return "?"
    sign = "+" if total.change > 0 else "-"
    return sign + figure(name, abs(total.change)) if total.change else "="


def percent(total: Total) -> str:
    """A change in percent with three digits; empty where there is none, or from nothing."""
    share = total.percent
    if not share:
        return ""
    return f"{share:+,.0f}%" if abs(share) >= 1000 else f"{share:+.3g}%"


def headline(shown: Shown) -> str:
    """How many layers changed, and which numbers of others did."""
    difference = shown.difference
    if not difference.compared:
        broken = [
            name
            for name, one in zip(shown.names, difference[:2], strict=True)
            if one.problems and not one.rows
        ]
        return f"layers cannot be compared: {' and '.join(broken)} could not be read"
    kinds = Counter(change.kind for change in difference.layers)
    parts = [f"{kinds[kind]:,} {kind}" for kind in ("changed", "added", "removed") if kinds[kind]]
    if kinds["affected"]:
        what = Counter(
            name for one in difference.layers if one.kind == "affected" for name in one.what
        )
        numbers = ", ".join(f"{what[n]:,} {SPELT.get(n, n)}" for n in Numbers._fields if what[n])
        parts.append(f"{kinds['affected']:,} as before with other numbers ({numbers})")
    return f"layers: {', '.join(parts)}" if parts else "layers: all as before"


def chosen(shown: Shown) -> tuple[list[Change], str]:
    """The layers that are listed, and what to say of the others.

    Where there are too many, those go first in which only the receptive field is another, then
    those that are as before but for their numbers.
    """
    layers = shown.difference.layers
    if len(layers) <= shown.top:
        return list(layers), ""

    def rank(index: int) -> tuple[bool, int]:
        return layers[index].kind == "affected", index

    telling = [
        n for n, one in enumerate(layers) if (one.kind, one.what) != ("affected", ("field",))
    ]
    kept = sorted(sorted(telling, key=rank)[: shown.top])
    left = len(layers) - len(kept)
    return [layers[index] for index in kept], (
        f"{left:,} more layers; --top {len(layers)} or --format json has all"
    )


def path(change: Change) -> str:
    """Where a layer stands, in the new network if it is there."""
    row = change.new or change.old
    return row.node.path if row else ""


def described(change: Change) -> str:
    """The layer as written, with what is written differently."""
    old, new = change.old, change.new
    if old is None or new is None or change.kind == "affected":
        return label(new or old) if new or old else ""  # type: ignore[arg-type]
    said = [_rewritten(old, new) if "layer" in change.what else label(new)]
    if "frozen" in change.what:
        said.append("now frozen" if new.node.frozen else "no longer frozen")
    if "train_only" in change.what:
        said.append("now only in training" if new.node.train_only else "now at inference, too")
    if "inputs" in change.what:
        said.append(f"reads {', '.join(old.input_paths)} → {', '.join(new.input_paths)}")
    return "; ".join(said)


def _rewritten(old: Row, new: Row) -> str:
    """`Conv2d(out_channels=16 → 32, kernel_size=3)`, or both layers where the type is another."""
    one, other = old.node.layer, new.node.layer
    if one is None or other is None or type(one) is not type(other):
        return f"{label(old)} → {label(new)}"
    written = {**written_arguments(one), **written_arguments(other)}
    parts = [_argument(name, one, other) for name in one.arguments if name in written]
    prefix = f"{new.node.name}: " if new.node.name else ""
    return f"{prefix}{new.node.type}({', '.join(parts)})"


def _argument(name: str, old: Layer, new: Layer) -> str:
    before, after = (value_text(getattr(one, attribute(name))) for one in (old, new))
    return f"{name}={after}" if before == after else f"{name}={before} → {after}"


def moves(change: Change, shown: Shown) -> dict[str, str]:
    """The numbers of a layer that came or went, or those that are different."""
    old, new = shown.difference[:2]
    before = written(change.old, old.sizing)
    after = written(change.new, new.sizing)
    if change.old is None or change.new is None:
        return {name: text for name, text in (before or after).items() if text != "0"}
    return {
        name: f"{before[name]} → {after[name]}"
        for name, field in zip(before, Numbers._fields, strict=True)
        if field in change.what
    }


def written(row: Row | None, sizing: Sizing) -> dict[str, str]:
    """The numbers of a layer as people read them; nothing of no layer."""
    if row is None:
        return {}
    found = numbers(row, sizing)
    sizes = [figure("field", one) for one in found.field or (None,)]
    return {
        "output": "?" if found.output is None else shapes(found.output),
        "params": count(found.params),
        "MACs": count(found.macs),
        "memory": size(found.memory),
        "field": sizes[0] if len(set(sizes)) == 1 else " x ".join(sizes),
    }


def promises(difference: Difference) -> Iterator[str]:
    """What the new spec promises: what is broken, what holds, what was promised before."""
    before = {(c.kind, c.key, c.wanted): c.ok for c in difference.old.checks}
    for check in difference.new.checks:
        if not check.ok:
            held = before.get((check.kind, check.key, check.wanted))
            yield f"{totals.MARKS[check.ok]} {_broken(check)}{', held before' if held else ''}"
    kept = sum(check.ok is True for check in difference.new.checks)
    if kept:
        yield f"{totals.MARKS[True]} {kept:,} of {len(difference.new.checks):,} promises hold"
    said = [f"{_wanted(a)} → {b.wanted if b else 'nothing'}" for a, b in difference.promises]
    if said:
        yield f"promises changed: {', '.join(said)}"


def _wanted(check: Check) -> str:
    return f"{check.kind} {check.key} {check.wanted}"


def _broken(check: Check) -> str:
    return _wanted(check) + (" (not checked)" if check.ok is None else f", is {check.actual}")


def conditions(shown: Shown) -> Iterator[str]:
    """Each condition with the change that it is about."""
    for condition, total, holds in shown.outcomes:
        name = condition.total
        if holds is None:
            where = shown.names[total.old is not None]
            said = f"cannot be told, {SPELT.get(name, name)} of {where} not known"
        else:
            share = percent(total)
            said = signed(name, total) + (f" ({share})" if share else "")
            said = "no change" if not total.change else said
        yield f"{totals.MARKS[holds is False]} fail if {condition.text}: {said}"


def notes(sizing: Sizing) -> str:
    """How the numbers are counted."""
    return (
        f"{totals.CONVENTION}; peak memory: tensors alive at inference, training memory: with "
        f"{sizing.optimizer}, size: params and buffers, memory: output, in {sizing.dtype}, "
        f"batch {sizing.batch}; receptive field: the largest axis"
    )
