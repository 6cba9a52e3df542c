"""What changed between two networks, as a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from cnncalc.analysis.difference import Change
from cnncalc.render import difference as words, totals
from cnncalc.render.difference import Shown
from cnncalc.render.machine import plain_markdown
from cnncalc.render.text import headline, printable

NUMBERS = ("output", "params", "MACs", "memory", "field")
NAMES = {"+": "added", "-": "removed", "~": "changed", " ": ""}


def to_markdown(shown: Shown) -> str:
    """Totals first, then what is broken, then the layers, folded away."""
    found = shown.difference
    lines = [*words.promises(found), *words.conditions(shown)]
    wrong = [f"- {_plain(line)}" for line in (*lines, *_problems(shown))]
    if found.same:
        return "\n".join([_plain(words.same(shown)), "", *wrong]).rstrip() + "\n"
    old, new = map(_code, shown.names)
    parts = [f"### {old} → {new}", *map(_plain, words.moved(found)), _totals(shown)]
    parts += ["\n".join(wrong), *_layers(shown)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _totals(shown: Shown) -> str:
    headings = ("", "old", "new", "change", "%")
    return plain_markdown(headings, words.table(shown.difference), frozenset(headings[1:])).rstrip()


def _problems(shown: Shown) -> Iterator[str]:
    for problem in shown.difference.new.problems:
        yield f"{totals.MARKS[False]} {headline(problem)}"
    broken = len(shown.difference.old.problems)
    if broken:
        yield f"{shown.names[0]} had {broken:,} {'problem' if broken == 1 else 'problems'}"


def _layers(shown: Shown) -> list[str]:
    """A table that opens on a click, or a line where there is nothing to put in."""
    said, (listed, left_out) = words.headline(shown), words.chosen(shown)
    if not listed:
        return [_plain(said)]
    rows = [_row(change, shown) for change in listed]
    layers = plain_markdown(("", "path", "layer", *NUMBERS), rows).rstrip()
    return [
        f"<details><summary>{_plain(said)}</summary>",
        layers,
        _plain(left_out),
        f"_{words.notes(shown.difference.new.sizing)}_",
        "</details>",
    ]


def _row(change: Change, shown: Shown) -> tuple[str, ...]:
    moves = words.moves(change, shown)
    return (
        NAMES[words.MARKS[change.kind]],
        _code(words.path(change)),
        _plain(words.described(change)),
        *(moves.get(name, "") for name in NUMBERS),
    )


def _code(text: str) -> str:
    """A text in which nothing is markup."""
    return f"`{printable(text).replace('`', chr(39))}`"


def _plain(text: str) -> str:
    """A text without what Markdown or HTML would take for markup, and that calls nobody."""
    safe = escape(printable(text), quote=False).replace("@", "@\u200b")
    return "".join(f"\\{one}" if one in "`*_[]\\" else one for one in safe)
