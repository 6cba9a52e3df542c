"""Mending what was found: edits of the text that keep all the rest of it, checked afterwards."""

from __future__ import annotations

import re
from bisect import bisect, insort
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from cnncalc.language.builder import Settings
from cnncalc.language.decoding import LINE_END
from cnncalc.lint.check import Checked
from cnncalc.pipeline import Loaded, expand, load
from cnncalc.problem import Edit, Fix, Level, Span
from cnncalc.source import Source

ROUNDS = 10
"""A fix can make place for another, but not without end."""

_BOM = b"\xef\xbb\xbf"


class Mended(NamedTuple):
    """The spec after its fixes, how many there were, and how many would have changed a shape.

    `unwanted` is how many are left that were not wanted.
    """

    source: Source
    fixed: int
    refused: int
    unwanted: int = 0


def mend(
    source: Source, check: Callable[[Loaded], Checked], wanted: Callable[[Fix], bool]
) -> Mended:
    """Apply all wanted fixes, again and again until there is none left that can be applied."""
    fixed = 0
    for _ in range(ROUNDS):
        loaded = load(source)
        fixes = [f.problem.fix for f in check(loaded).findings if f.problem.fix]
        chosen = list(_apart(fix for fix in fixes if wanted(fix)))
        if not chosen:
            return Mended(source, fixed, 0, unwanted=len(fixes))
        source, number = _applied(source, loaded, chosen)
        fixed += number
        if number < len(chosen):
            return Mended(source, fixed, len(chosen) - number)
    return Mended(source, fixed, 0)


def _apart(fixes: Iterable[Fix]) -> Iterator[Fix]:
    """The fixes that do not touch each other; of those that do, the first."""
    taken: list[_Stretch] = []
    for fix in fixes:
        stretches = [_stretch(edit.span) for edit in fix.edits]
        if all(_is_free(one, taken) for one in stretches):
            for one in stretches:
                insort(taken, one)
            yield fix


_Stretch = tuple[tuple[int, int], tuple[int, int]]


def _stretch(span: Span) -> _Stretch:
    return (span.line, span.column), (span.end_line, span.end_column)


def _is_free(stretch: _Stretch, taken: Sequence[_Stretch]) -> bool:
    """Whether a stretch touches none of those, which are sorted and do not touch each other."""
    start, end = stretch
    place = bisect(taken, stretch)
    return (not place or taken[place - 1][1] < start) and (
        place == len(taken) or end < taken[place][0]
    )


def _applied(source: Source, loaded: Loaded, fixes: Sequence[Fix]) -> tuple[Source, int]:
    """The spec with these fixes, without those after which it would not be the same network."""
    before = _networks(loaded)
    together = _edited(source, loaded, fixes)
    if not fixes or _is_kept(before, together):
        return together, len(fixes)
    kept: list[Fix] = []
    for fix in fixes:
        if _is_kept(before, _edited(source, loaded, [*kept, fix])):
            kept.append(fix)
    return _edited(source, loaded, kept), len(kept)


class _Network(NamedTuple):
    """What a fix may not change: what comes out, and that there are no more errors."""

    shapes: list[Any]
    errors: Counter[str]


def _networks(loaded: Loaded) -> dict[str | None, _Network]:
    """The networks of a file by their names; the file's own has none."""
    variants = loaded.spec.variants if loaded.spec else {}
    found = {}
    for name, variant in ((None, None), *variants.items()):
        built = expand(loaded, Settings(variant=variant))
        errors = Counter(p.code for p in built.problems if p.level is Level.ERROR)
        graph = built.graph
        ends = [graph.values[index].shape for index in graph.inputs.values()]
        ends += [graph.values[output.value].shape for output in graph.outputs]
        found[name] = _Network(ends, errors)
    return found


def _is_kept(before: dict[str | None, _Network], source: Source) -> bool:
    """Whether a spec still has these networks."""
    after = _networks(load(source))
    return after.keys() == before.keys() and all(
        after[name].shapes == one.shapes and after[name].errors <= one.errors
        for name, one in before.items()
    )


def _edited(source: Source, loaded: Loaded, fixes: Iterable[Fix]) -> Source:
    """The spec with the edits of some fixes, which do not touch each other."""
    text = loaded.document.text
    edits = [edit for fix in fixes for edit in fix.edits]
    mark = _BOM if source.data.startswith(_BOM) else b""
    return source._replace(data=mark + edited(text, edits).encode())


def edited(text: str, edits: Iterable[Edit]) -> str:
    """A text with edits that do not touch each other; line ends are those of the text."""
    ends = [match.end() for match in LINE_END.finditer(text)]
    starts = [0, *ends, len(text)]
    first = LINE_END.search(text)

    size = len(text)

    def offset(line: int, column: int) -> int:
        return min(starts[min(line, len(starts)) - 1] + column - 1, size)

    for edit in sorted(edits, reverse=True):
        span = edit.span
        new = re.sub("\r\n|\n", first.group() if first else "\n", edit.text)
        start, end = offset(span.line, span.column), offset(span.end_line, span.end_column)
        text = text[:start] + new + text[end:]
    return text
