"""What a file promises under `expect`, beside what its networks are: for `cnncalc expect`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping as Mapped
from typing import NamedTuple

from cnncalc.language.builder import Settings
from cnncalc.language.document import Mapping, Node, Scalar, plain
from cnncalc.language.promised import usual
from cnncalc.lint.check import PROMISES, Checked, Finding
from cnncalc.lint.edits import Edits, keyed
from cnncalc.lint.network import Network
from cnncalc.pipeline import Loaded
from cnncalc.problem import Edit, Fix, Level, Problem, Span, merged

MISMATCH = "CNN701"


class Block(NamedTuple):
    """An `expect` with its text; `variant` is the one that it is of."""

    line: int
    variant: str | None
    text: str


def networks(loaded: Loaded) -> list[Network]:
    """The networks of a file: as written, and its variants; or the one that was named."""
    variants = loaded.spec.variants.values() if loaded.spec else ()
    chosen = [loaded.variant] if loaded.variant else [None, *variants]
    return [Network(loaded, Settings(variant=one)) for one in chosen]


def errors(loaded: Loaded) -> tuple[Problem, ...]:
    """Why the numbers of a file are not sure; nothing if they are."""
    problems = (problem for one in networks(loaded) for problem in one.report.problems)
    broken = (p for p in problems if p.level is Level.ERROR and p.code not in PROMISES)
    return merged(dict.fromkeys(broken))


def check(loaded: Loaded) -> Checked:
    """The promises that are not kept, and the blocks that are empty or not there; with fixes."""
    found: list[Problem] = []
    for network in networks(loaded):
        found += (one for one in network.report.problems if one.code == MISMATCH)
        found += _unwritten(network)
    return Checked(loaded.document, tuple(Finding(one) for one in merged(found)))


def blocks(loaded: Loaded) -> Iterator[Block]:
    """Every `expect` of the networks of a file, in its order; the text has the comments in it."""
    found: dict[Span, str | None] = {}
    for network in networks(loaded):
        variant = network.settings.variant
        if variant and variant.expect:
            found[variant.expect.span] = variant.name.text
        elif network.spec and not variant:
            own = [network.spec.expect, *(one.expect for one in network.built.expectations)]
            found.update({one.span: None for one in own if one})
    edits = Edits(loaded.document)
    for span, name in sorted(found.items()):
        key = edits.entries[span].key.span
        yield Block(key.line, name, _text(edits, key, span))


def _text(edits: Edits, key: Span, value: Span) -> str:
    """A key with its value: whole lines where it has them for itself, moved to the left."""
    before = edits.lines[key.line - 1][: key.column - 1]
    if before.strip():
        return edits.source(key._replace(end_line=value.end_line, end_column=value.end_column))
    lines = edits.lines[key.line - 1 : value.end_line]
    return "\n".join(line.removeprefix(before).rstrip() for line in lines)


def _unwritten(network: Network) -> Iterator[Problem]:
    """The network of a file that has no `expect`, and any network whose `expect` is empty."""
    variant, root = network.settings.variant, network.loaded.document.root
    owner = _at(_at(root, "variants"), variant.name.text) if variant else root
    expect = _at(owner, "expect")
    if not isinstance(root, Mapping) or (variant and expect is None):
        return
    numbers = usual(network.report)
    edits = Edits(network.loaded.document)
    edit = _filled(edits, expect, numbers, root) if expect else _added(edits, root, numbers)
    if edit:
        fix = Fix("write what is computed", (edit,), safe=False)
        yield Problem("CNN703", "nothing is expected", edit.span, fix=fix, rule="no-expectations")


def _at(node: Node | None, key: str) -> Node | None:
    return node.get(key) if isinstance(node, Mapping) else None


def _filled(edits: Edits, expect: Node, numbers: Mapped[str, str], root: Mapping) -> Edit | None:
    """Write the numbers where nothing stands; None where something does."""
    empty = expect.value is None if isinstance(expect, Scalar) else not plain(expect)
    if not empty:
        return None
    before = edits.lines[expect.span.line - 1][: expect.span.column - 1]
    return Edit(expect.span, f"{' ' * before.endswith(':')}{_flow(numbers, root)}")


def _added(edits: Edits, root: Mapping, numbers: Mapped[str, str]) -> Edit:
    """Write the numbers behind the input of a file."""
    last = next(value for key, value in root.entries if key.text in ("input", "inputs")).span
    if edits.is_flow(root):
        key = keyed("expect", root.entries[0][0])
        return Edit(_behind(last, last.end_column), f", {key}: {_flow(numbers, root)}")
    margin = "\n" + " " * (root.span.column - 1)
    lines = (f"{margin}  {key}: {text}" for key, text in numbers.items())
    end = len(edits.lines[last.end_line - 1]) + 1
    return Edit(_behind(last, end), f"{margin}expect:{''.join(lines)}")


def _behind(span: Span, column: int) -> Span:
    return span._replace(line=span.end_line, column=column, end_column=column)


def _flow(numbers: Mapped[str, str], root: Mapping) -> str:
    """The numbers in brackets, with keys in the manner of the file's."""
    model = root.entries[0][0]
    return f"{{{', '.join(f'{keyed(key, model)}: {text}' for key, text in numbers.items())}}}"
