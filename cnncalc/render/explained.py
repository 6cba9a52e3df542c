"""The working of all layers of a network: as text, Markdown, HTML, LaTeX and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from html import escape
from typing import TYPE_CHECKING, Any

from cnncalc import __version__
from cnncalc.graph import calls
from cnncalc.problem import Span
from cnncalc.render import latex
from cnncalc.render.text import count, headline, printable, shape
from cnncalc.render.tree import label, value_text
from cnncalc.render.working import Entry, Line, document_of, laid_out, numbers

if TYPE_CHECKING:
    from cnncalc.answers.names import Named
    from cnncalc.answers.network import Explained, Explanation

STYLE = """\
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
h2 { font-size: 1.05rem; margin: 2.2rem 0 .2rem; border-top: 1px solid #8885; padding-top: .8rem }
p { margin: .2rem 0; color: #666 }
table { border-collapse: collapse; margin: .6rem 0 }
th { text-align: left; vertical-align: top; font-weight: 600; padding: .1rem 1.5rem .1rem 0 }
td { padding: .1rem 0; font-family: ui-monospace, monospace; font-size: .9rem }
.problem { color: #b00020 }
@media (prefers-color-scheme: dark) { body { background: #111; color: #ddd } p { color: #aaa } }
"""
"""The look of the page, which needs no other file."""


def text(found: Explanation) -> str:
    """Layer by layer, in plain text."""
    parts = []
    for one in _told(found):
        groups = [list(_plain(group)) for group in (_facts(one), _arguments(one), _results(one))]
        lines = [line for group in groups if group for line in (*group, ("", [""]))]
        parts.append(laid_out([("", [_title(one)]), *lines[:-1]]))
    return "\n".join([*parts, *(f"{line}\n" for line in _totals(found))])


def markdown(found: Explanation) -> str:
    """A section for each layer, with a table."""
    parts = [f"# {_cell(_name(found))}", ""]
    for one in _told(found):
        parts += [f"## {_code(_title(one))}", "", "| | |", "|---|---|"]
        for name, lines in [*_facts(one), *_entries(one)]:
            shown = "<br>".join("&emsp;" * line.depth + _code(str(line).strip()) for line in lines)
            parts.append(f"| {_cell(name)} | {shown} |")
        parts.append("")
    return "\n".join([*parts, *(f"{_cell(line)}\n" for line in _totals(found))])


def html(found: Explanation) -> str:
    """One page that needs nothing else; `same as` leads to the layer."""
    name = escape(_name(found))
    parts = [
        "<!DOCTYPE html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{name}</title>',
        f"<style>\n{STYLE}</style></head><body>",
        f"<h1>{name}</h1>",
    ]
    for one in _told(found):
        parts.append(f'<h2 id="{escape(one.row.node.path)}">{escape(_title(one))}</h2>')
        parts.append("<table>")
        parts += [_html_row(one, *entry) for entry in (*_facts(one), *_entries(one))]
        parts.append("</table>")
    parts += [f"<p>{escape(line)}</p>" for line in _totals(found)]
    return "\n".join([*parts, "</body></html>", ""])


def tex(found: Explanation) -> str:
    """An `align*` for each layer, to be put into a document that loads amsmath."""
    parts = [f"% {printable(_name(found))}; needs \\usepackage{{amsmath}}"]
    for one in _told(found):
        parts += ["", f"\\paragraph{{{latex.words(_title(one))}}}"]
        parts += [
            f"{latex.words(name)}: {latex.words('; '.join(map(str, lines)))} \\\\"
            for name, lines in _facts(one)
        ]
        rows = [(name, line) for name, lines in _entries(one) for line in lines]
        if rows:
            shown = [
                latex.row(name, line.before, line.sides, line.behind, line.depth)
                for name, line in rows
            ]
            parts += [r"\begin{align*}", " \\\\\n".join(shown), r"\end{align*}"]
    return "\n".join([*parts, "", *(f"{latex.words(line)}\n" for line in _totals(found))])


def to_json(found: Explanation) -> str:
    """The same as one JSON document."""
    report = found.report
    document = {
        "cnncalc": __version__,
        "spec": report.file,
        "name": report.name,
        "variant": report.variant,
        "layers": [_layer(one) for one in found.layers],
        "params": report.totals.params,
        "macs": report.totals.macs,
    }
    return json.dumps(document, indent=1) + "\n"


def _name(found: Explanation) -> str:
    report = found.report
    whole = report.name or report.file
    return f"{whole} ({report.variant})" if report.variant else whole


def _told(found: Explanation) -> list[Explained]:
    """The layers of which there is something to tell, or that were asked for."""
    return [one for one in found.layers if one.working or one.problem or not found.whole]


def _title(one: Explained) -> str:
    return printable(f"{one.row.node.path}: {label(one.row)}")


def _plain(entries: Iterable[Entry]) -> Iterator[tuple[str, list[str]]]:
    for name, lines in entries:
        yield name, [printable(str(line)) for line in lines]


def _facts(one: Explained) -> Iterator[Entry]:
    """Where a layer is written, and what goes in and out."""
    row = one.row
    around = [f"in {call.text} at {_place(call.span)}" for call in calls(row.node.scope)]
    yield "written", [Line((), behind=words) for words in (f"at {_place(row.node.span)}", *around)]
    if row.in_shapes:
        yield "input", [Line((), behind=words) for words in _inputs(one)]
    if one.working:
        yield "output", [Line((), behind=shape(sizes)) for sizes in row.out_shapes]


def _inputs(one: Explained) -> Iterator[str]:
    """The shapes of its inputs, and where they come from."""
    found = zip(one.row.in_shapes, one.assumed, one.row.input_paths, strict=True)
    for sizes, assumed, path in found:
        yield f"{shape(sizes)}{' (assumed)' if sizes and assumed else ''} from {path}"


def _entries(one: Explained) -> list[Entry]:
    """What is to be told of a layer beyond that."""
    return [*_arguments(one), *_results(one)]


def _arguments(one: Explained) -> Iterator[Entry]:
    """Where its arguments come from."""
    return ((named.name, list(_argument(named))) for named in one.arguments)


def _results(one: Explained) -> Iterator[Entry]:
    """Its numbers, or why there are none here."""
    if one.problem:
        yield "problem", [Line((), behind=headline(one.problem))]
    elif one.working is None:
        yield "not known", [Line((), behind="it rests on a problem elsewhere")]
    elif one.same:
        yield "numbers", [Line((), behind=f"same as {one.same}")]
    else:
        yield from numbers(one.working)


def _argument(named: Named) -> Iterator[Line]:
    """How an argument comes out, and then every variable in it, each below what reads it."""
    yield Line(tuple(_sides(named)), behind=_whose(named))
    yield from _variables(named, 1)


def _variables(named: Named, depth: int) -> Iterator[Line]:
    for one in named.names:
        sides = [one.name, *_sides(one)]
        distinct = [side for at, side in enumerate(sides) if not at or side != sides[at - 1]]
        yield Line(tuple(distinct), behind=_whose(one), depth=depth)
        yield from _variables(one, depth + 1)


def _sides(named: Named) -> list[str]:
    """The expression, the numbers put in, and the value; each once."""
    value = value_text(named.value) if named.known else "?"
    found = [side for side in (named.text, named.numbers, value) if side]
    return [side for at, side in enumerate(found) if not at or side != found[at - 1]]


def _whose(named: Named) -> str:
    place = f", {_place(named.place)}" if named.place else ""
    return f": {named.what}{place}" if named.what else ""


def _place(span: Span) -> str:
    return f"{span.file}:{span.line}"


def _totals(found: Explanation) -> Iterator[str]:
    """What the layers add up to, where all of them are shown, and how many are not known."""
    totals, told, every = found.report.totals, len(_told(found)), len(found.layers)
    number = f"{every:,} layer{'' if every == 1 else 's'}"
    if every > told:
        left = f"{every - told:,} more" if told else number
        yield f"not known, as they rest on a problem elsewhere: {left}"
    elif found.whole and totals.params is not None:
        yield f"in all {number}: {count(totals.params)} params, {count(totals.macs)} MACs"


def _layer(one: Explained) -> dict[str, Any]:
    node = one.row.node
    return {
        "path": node.path,
        "name": node.name,
        "type": node.type,
        "file": node.span.file,
        "line": node.span.line,
        "calls": [{"block": c.text, "line": c.span.line} for c in calls(node.scope)],
        "from": one.row.input_paths,
        "arguments": [_named(named) for named in one.arguments],
        "same_as": one.same,
        "problem": headline(one.problem) if one.problem else None,
        "working": document_of(one.working) if one.working else None,
    }


def _named(named: Named) -> dict[str, Any]:
    return {
        "name": named.name,
        "value": value_text(named.value) if named.known else None,
        "what": named.what,
        "file": named.place and named.place.file,
        "line": named.place and named.place.line,
        "expression": named.text,
        "numbers": named.numbers,
        "names": [_named(one) for one in named.names],
    }


def _html_row(one: Explained, name: str, lines: list[Line]) -> str:
    shown = ["&emsp;" * line.depth + escape(str(line).strip()) for line in lines]
    if one.same and name == "numbers":
        shown = [f'same as <a href="#{escape(one.same)}">{escape(one.same)}</a>']
    mark = ' class="problem"' if name == "problem" else ""
    return f"<tr{mark}><th>{escape(name)}</th><td>{'<br>'.join(shown)}</td></tr>"


def _code(words: str) -> str:
    """Words as they are, in a cell of a table; a tick in them asks for more around."""
    tick = "``" if "`" in words else "`"
    space = " " if words.startswith("`") or words.endswith("`") else ""
    return f"{tick}{space}{words.replace('|', chr(92) + '|')}{space}{tick}"


def _cell(words: str) -> str:
    """Words in Markdown's own text."""
    return "".join(f"\\{sign}" if sign in r"\`*_{}[]<>#|!" else sign for sign in printable(words))
