"""How a spec is written: CNN8xx."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping as Dict
from itertools import takewhile
from typing import Any, ClassVar, NamedTuple

from cnncalc.graph import Node as Made
from cnncalc.language.document import Mapping, Scalar
from cnncalc.language.expression import is_expression
from cnncalc.language.forms import IDENTIFIER
from cnncalc.language.spec import Branches, Group, Item, Items, Spec
from cnncalc.layer import written_arguments
from cnncalc.lint.edits import Edits, Listed, mend, tokens
from cnncalc.lint.network import Network
from cnncalc.lint.rule import Rule
from cnncalc.problem import Edit, Fix, Level, Problem, Span

NAME = re.compile(r"[a-z_][a-z0-9_]*")

FEWEST = 3
"""Items in a row that are worth a loop."""


class Copy(NamedTuple):
    """An item, which is reported at `span`, as a row of its scalars and brackets."""

    span: Span
    item: Listed
    tokens: tuple[Scalar | str, ...]

    def differs(self, other: Copy) -> list[int]:
        """The places at which another item has something else; all of them where it is longer."""
        if len(self.tokens) != len(other.tokens):
            return [*range(len(self.tokens))]
        pairs = zip(self.tokens, other.tokens, strict=True)
        return [place for place, (one, two) in enumerate(pairs) if _content(one) != _content(two)]

    def number(self, place: int) -> Scalar | None:
        """The number at a place, if it is one."""
        found = self.tokens[place]
        written = isinstance(found, Scalar) and type(found.value) in (int, float)
        return found if written and isinstance(found, Scalar) else None

    def argument(self, place: int) -> str | None:
        """The argument whose value stands at a place."""
        key = self.tokens[place - 1]
        return key.text if isinstance(key, Scalar) and IDENTIFIER.fullmatch(key.text) else None


class ExplicitDefault(Rule):
    """An argument that is written with the value that it has anyway.

    Why it matters: what stands in a spec is read as a decision. Without the defaults, the arguments
    that make the layer what it is are the ones that are seen.

    What to do: leave it out. The option `keep` names arguments for which writing the default says
    something, as `count_include_pad` does (CNN601). The primary argument is exempt: `Dropout: 0.5`
    says how much.

    Source: Hunt and Thomas 1999, The pragmatic programmer, on saying each thing once; the defaults
    are torch.nn's.
    """

    code, name, level, default = "CNN801", "explicit-default", Level.INFO, False
    fixable = True
    options: ClassVar[Dict[str, Any]] = {"keep": ["count_include_pad"]}
    good = (
        """\
cnncalc: 1
input: [3, 32, 32]
vars: {groups: 1}
defaults: {Conv2d: {bias: false}}
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1, groups: $groups}
  - Dropout: 0.5
  - ReLU
  - Conv2d: {out_channels: 10, kernel_size: 1, bias: true}
  - AvgPool2d: {kernel_size: 2, count_include_pad: true}
""",
    )
    bad = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, stride: 1, padding: 1}
#                                                     ^
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        edits = Edits(network.loaded.document)
        defaults = network.spec.defaults if network.spec else {}
        for node in {node.span: node for node in network.graph.nodes}.values():
            mine = defaults.get(node.type)
            for name in self._usual(node):
                if not edits.literal(node.written[name]) or (mine and mine[1].get(name)):
                    continue
                edit = edits.without_entry(node.written[name])
                message = f"{edits.source(node.written[name])} is the default of {name}"
                yield self.at(node, message, argument=name, fix=mend(f"delete {name}", edit))

    def _usual(self, node: Made) -> list[str]:
        """The written arguments that have their default, but for the primary one."""
        if node.layer is None:
            return []
        unusual = {*written_arguments(node.layer), *self.option("keep"), node.layer.primary}
        known = [name for name in node.written if name in node.layer.arguments]
        return [name for name in known if name not in unusual]


class CopyPaste(Rule):
    """Three or more items in a row that are equal, or that differ in one number.

    Why it matters: what is meant to be the same can drift apart, and the next reader has to compare
    the lines to see what does not differ.

    What to do: write `repeat: 3`, or a loop over the number that differs:
    `for: c` with `in: [16, 32, 64]`. Both mean exactly the text written out; only the paths of the
    layers change, as in files of weights.

    Source: Fowler 1999, Refactoring, chapter 3 (duplicated code).
    """

    code, name, level, fixable = "CNN802", "copy-paste", Level.INFO, True
    textual = True
    good = (
        """\
cnncalc: 1
input: [3, 32, 32]
blocks:
  Same:
    args: {out: required}
    layers:
      - Conv2d: {out_channels: $out, kernel_size: 3, padding: 1}
      - ReLU
layers:
  - Same: 8
    repeat: 3
  - Same: 16
  - Same: 32
""",
    )
    bad = (
        """\
cnncalc: 1
input: [3, 32, 32]
blocks:
  Same:
    args: {out: required}
    layers:
      - Conv2d: {out_channels: $out, kernel_size: 3, padding: 1}
      - ReLU
layers:
  - Same: 8
#   ^^^^
  - Same: 8
  - Same: 8
""",
        """\
cnncalc: 1
input: [3, 32, 32]
blocks:
  Same:
    args: {out: required}
    layers:
      - Conv2d: {out_channels: $out, kernel_size: 3, padding: 1}
      - ReLU
layers:
  - Same: {out: 16}
#   ^^^^
  - Same: {out: 32}
  - Same: {out: 64}
  - MaxPool2d: 2
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        edits = Edits(network.loaded.document)
        for items in _lists(network.spec) if network.spec else ():
            copies = [_copy(item, edits) for item in items]
            while copies:
                run, place = _run(copies)
                copies = copies[len(run) :]
                if len(run) >= FEWEST:
                    yield self._finding(run, place, edits)

    def _finding(self, run: list[Copy], place: int | None, edits: Edits) -> Problem:
        span = run[0].span
        if place is None:
            message = f"{len(run)} equal items in a row"
            help = f"write one of them, with repeat: {len(run)}"
            return self.found(span, message, help, fix=_repeated(run, edits))
        values, of = _values(run, place), run[0].argument(place) or "number"
        message = f"{len(run)} items in a row differ in one {of} only: {values}"
        help = f"write a loop over [{values}]"
        return self.found(span, message, help, fix=_looped(run, place, edits))


def _copy(item: Item, edits: Edits) -> Copy:
    listed = edits.items[item.span]
    return Copy(item.span, listed, tuple(tokens(listed.node)))


def _content(token: Scalar | str) -> object:
    """What two tokens have in common that mean the same."""
    return (type(token.value), token.value) if isinstance(token, Scalar) else token


def _values(run: list[Copy], place: int) -> str:
    """The numbers in which items differ, as they are written."""
    return ", ".join(number.text for one in run if (number := one.number(place)))


def _lists(spec: Spec) -> Iterator[tuple[Item, ...]]:
    """All lists of items of a file."""
    pending = [spec.items, *(b.items for b in spec.blocks.values()), *(h.items for h in spec.heads)]
    while pending:
        items = pending.pop()
        if items.listed:
            yield items.items
        for item in items.items:
            if isinstance(item.head, Group):
                pending.append(item.head.items)
            elif isinstance(item.head, Branches):
                bodies = (branch.body for branch in item.head.branches)
                pending += [body for body in bodies if isinstance(body, Items)]


def _run(copies: list[Copy]) -> tuple[list[Copy], int | None]:
    """The first items that are equal, or else that differ at one place, which is a number."""
    first = copies[0]
    equal = [*takewhile(lambda one: not first.differs(one), copies)]
    if len(equal) >= FEWEST or len(equal) == len(copies):
        return equal, None
    differing = first.differs(copies[len(equal)])
    if len(differing) != 1:
        return equal, None
    [place] = differing

    def similar(one: Copy) -> bool:
        others = [where for where in first.differs(one) if where != place]
        return not others and one.number(place) is not None

    run = [*takewhile(similar, copies)]
    return (run, place) if len(run) >= FEWEST else (equal, None)


def _repeated(run: list[Copy], edits: Edits) -> Fix | None:
    """One of the items with `repeat:`, in place of all."""
    first = edits.with_modifier(run[0].span, "repeat", str(len(run)))
    rest = [edits.without_item(one.span) for one in run[1:]]
    return mend(f"write one of them, with repeat: {len(run)}", first, *rest, safe=False)


def _looped(run: list[Copy], place: int, edits: Edits) -> Fix | None:
    """One of the items in a loop over the numbers, in place of all."""
    item, number = run[0].item, run[0].number(place)
    text, start = edits.source(item.node.span), item.node.span.column
    names = (name for name in (run[0].argument(place), "value", "n") if name)
    name = next((name for name in names if name not in _in_use(edits)), None)
    if name is None or number is None or not item.plain or "\n" in text:
        return None
    if edits.is_flow(item.owner):
        return None
    one = text[: number.span.column - start] + f"${name}" + text[number.span.end_column - start :]
    lines = (f"for: {name}", f"in: [{_values(run, place)}]", "layers:", f"  - {one}")
    first = Edit(item.node.span, (edits.line_end + " " * (start - 1)).join(lines))
    rest = [edits.without_item(copy.span) for copy in run[1:]]
    return mend(f"write a loop over {name}", first, *rest, safe=False)


def _in_use(edits: Edits) -> set[str]:
    """The names that occur in expressions, and those of the file's variables."""
    root = edits.document.root
    scalars = [one for one in tokens(root) if isinstance(one, Scalar)] if root else []
    texts = [one.text for one in scalars if is_expression(one.text)]
    variables = root.get("vars") if isinstance(root, Mapping) else None
    names = [key.text for key, _ in variables.entries] if isinstance(variables, Mapping) else []
    return {*names, *(name for text in texts for name in NAME.findall(text))}
