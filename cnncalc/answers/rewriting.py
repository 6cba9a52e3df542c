"""A spec as the text of its fully convolutional network: the rest stays as it is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from math import prod
from typing import NamedTuple

from cnncalc.analysis.report import Report, report
from cnncalc.answers.convolutional import Change, RefusedError, changes, weights
from cnncalc.graph import Graph, Node, calls
from cnncalc.language.builder import Settings
from cnncalc.language.document import Mapping, Scalar
from cnncalc.layer import Shape
from cnncalc.layers.linear import Linear
from cnncalc.lint.edits import Edits
from cnncalc.lint.fixes import edited
from cnncalc.lint.removal import removal
from cnncalc.pipeline import Loaded, analyse, expand, load, rebuilder
from cnncalc.problem import Edit, Level, Span
from cnncalc.source import Source

NEUTRAL = {
    "stride": "1",
    "padding": "0",
    "dilation": "1",
    "groups": "1",
    "padding_mode": "zeros",
    "ceil_mode": "false",
}
"""What a file's `defaults` may say otherwise of a convolution or a pool."""

ARGUMENT = "kernel_size"
"""The argument of a block whose calls need different kernels."""

ROUNDS = 100
"""Expectations are brought up to date one after the other, but not without end."""

_BOM = b"\xef\xbb\xbf"

Decision = Change | None


class Converted(NamedTuple):
    """The new spec, and what was done, each with its line (None: nowhere in particular)."""

    source: Source
    notes: tuple[tuple[int | None, str], ...]


class Other(NamedTuple):
    """A weight that has another shape for a larger input; None: it is not there.

    `head` is the head that it belongs to, if that is there in training only.
    """

    name: str
    before: Shape | None
    shape: Shape | None
    head: str | None


class Larger(NamedTuple):
    """What a network makes of an input twice as large, and the weights that it cannot keep."""

    input: Shape
    report: Report
    others: tuple[Other, ...]


class _Use(NamedTuple):
    """One expansion of a layer of the text in one of its networks, and what becomes of it."""

    variant: str | None
    node: Node
    change: Decision


def fully_convolutional(source: Source) -> Converted:
    """The spec with convolutions for its Linear layers; raises RefusedError.

    Every network of the file, variants included, keeps its parameters, MACs and outputs.
    """
    loaded = load(source)
    graphs = dict(_networks(loaded))
    uses: dict[Span, list[_Use]] = defaultdict(list)
    for name, graph in graphs.items():
        changed = changes(graph)
        for index, node in enumerate(graph.nodes):
            uses[node.span].append(_Use(name, node, changed.get(index)))
    wanted = {span: found for span, found in uses.items() if any(use.change for use in found)}
    if not wanted:
        raise RefusedError(
            "there is no Linear behind a Flatten of a map, so that there is nothing to convert"
        )
    writer = _Writer(loaded)
    for span, found in sorted(wanted.items()):
        writer.write(span, found)
    new = _encoded(source, edited(loaded.document.text, writer.edits()))
    _check(graphs, new)
    new, refreshed = _refreshed(new)
    notes = sorted(writer.notes, key=lambda note: note[0])
    return Converted(new, (*notes, *((None, note) for note in refreshed)))


def larger(source: Source) -> Larger | None:
    """What a network makes of an input twice as large; None where that is not known."""
    loaded = load(source)
    setting = Settings(variant=loaded.variant)
    graph = expand(loaded, setting).graph
    shapes = {name: graph.values[index].shape or () for name, index in graph.inputs.items()}
    doubled = {name: (*one[:1], *(2 * n for n in one[1:])) for name, one in shapes.items()}
    found = rebuilder(loaded, setting)(doubled)
    if found is None:
        return None
    others = _others(graph, found)
    return Larger(next(iter(doubled.values())), report(found), others)


def _others(graph: Graph, larger: Graph) -> tuple[Other, ...]:
    """The weights that have another shape in the second network."""
    before, after = dict(_tensors(graph)), dict(_tensors(larger))
    return tuple(
        Other(name, before.get((name, head)), after.get((name, head)), head)
        for name, head in before | after
        if before.get((name, head)) != after.get((name, head))
    )


def _tensors(graph: Graph) -> Iterator[tuple[tuple[str, str | None], Shape]]:
    """The shapes of a network's weights, by name and by head of training only."""
    for node in graph.nodes:
        shapes = graph.shapes(node.inputs)
        if node.layer is not None and shapes is not None:
            for name, one in node.layer.params(*shapes).items():
                yield (f"{node.path}.{name}", node.head if node.train_only else None), one.shape


def _networks(loaded: Loaded) -> Iterator[tuple[str | None, Graph]]:
    """The networks of the file by the names of their variants; none of them may have errors."""
    variants = loaded.spec.variants if loaded.spec else {}
    for name, variant in ((None, None), *variants.items()):
        built = expand(loaded, Settings(variant=variant))
        errors = [problem for problem in built.problems if problem.level is Level.ERROR]
        if errors:
            which = f" (variant {name})" if name else ""
            raise RefusedError(errors[0].message + which, errors[0].span, errors[0].help)
        yield name, built.graph


def _encoded(source: Source, text: str) -> Source:
    mark = _BOM if source.data.startswith(_BOM) else b""
    return source._replace(data=mark + text.encode())


def _check(graphs: dict[str | None, Graph], source: Source) -> None:
    """Refuse a text whose networks are not the same as before."""
    after = dict(_networks(load(source)))
    for name, before in graphs.items():
        same = list(weights(before)) == list(weights(after[name]))
        pairs = zip(before.outputs, after[name].outputs, strict=True)
        sizes = [
            tuple(prod(graph.values[one.value].shape or ()) for graph, one in both)
            for both in (((before, a), (after[name], b)) for a, b in pairs)
        ]
        if not same or any(a != b for a, b in sizes):
            which = f"variant {name}" if name else "the network"
            raise RefusedError(
                f"{which} would not stay the same: something in the spec asks for the sizes of "
                "what changes",
                help="look for in_channels, channels() and spatial() behind the Flatten",
            )


def _refreshed(source: Source) -> tuple[Source, list[str]]:
    """The spec with its expectations brought up to date, and what that changed."""
    notes: list[str] = []
    for _ in range(ROUNDS):
        loaded = load(source)
        variants = loaded.spec.variants.values() if loaded.spec else ()
        reports = (analyse(loaded, Settings(variant=one)) for one in (None, *variants))
        stale = [p for one in reports for p in one.problems if p.code == "CNN701"]
        if not stale:
            break
        problem = stale[0]
        edits = Edits(loaded.document)
        if problem.fix:
            found: Iterable[Edit | None] = problem.fix.edits
            notes.append(f"expected {problem.message.partition(' is ')[0]} is brought up to date")
        else:
            found = [removal(loaded.document, edits.entries[problem.span])]
            notes.append(f"left out, as it holds no more: {problem.message}")
        text = edited(loaded.document.text, [edit for edit in found if edit])
        if text == loaded.document.text:
            break
        source = _encoded(source, text)
    return source, notes


class _Writer:
    """Collects the edits of one text."""

    def __init__(self, loaded: Loaded) -> None:
        assert loaded.spec is not None
        self.spec, self.document = loaded.spec, loaded.document
        self.text = Edits(loaded.document)
        self.done: list[Edit] = []
        self.dropped: list[tuple[Span, str]] = []
        self.blocks: dict[str, Span] = {}
        self.notes: list[tuple[int, str]] = []

    def write(self, span: Span, uses: list[_Use]) -> None:
        """Change what is written at one place, for all its expansions."""
        decisions = {use.change for use in uses}
        node = uses[0].node
        if self.text.source(span).strip("'\"") != node.type:
            help = "write the layer out where it stands"
            raise RefusedError(f"{node.type} is passed on as a value", span, help)
        if len(decisions) == 1:
            (change,) = decisions
            assert change is not None
            self.change(node, change, str(_brief(change.kernel)))
        else:
            change = self.parameter(span, uses)
            self.change(node, change, f"${ARGUMENT}")
        kernel = " or ".join(
            dict.fromkeys(" x ".join(map(str, use.change.kernel)) for use in uses if use.change)
        )
        size = f" with a kernel of {kernel}" if kernel else ""
        what = f"becomes {change.type}{size}" if change.type else "is left out"
        self.note(span, f"{node.type} {what}: {change.why}")

    def note(self, span: Span, words: str) -> None:
        self.notes.append((span.line, words))

    def change(self, node: Node, change: Change, kernel: str) -> None:
        """Write one layer anew."""
        if not change.type:
            self.dropped.append((node.span, node.type))
        elif change.along_channels:
            self.along_channels(node)
        elif isinstance(node.layer, Linear):
            self.linear(node, node.layer, change, kernel)
        elif change.kernel:
            sizes = {"kernel_size": kernel, "stride": _brief(change.stride)}
            self.head(node.span, change.type, sizes | self.neutral(change.type, sizes))
        else:
            self.done.append(Edit(node.span, change.type))

    def neutral(self, type_name: str, given: Iterable[str]) -> dict[str, str]:
        """What must be written as the file's defaults say otherwise."""
        entry = self.spec.defaults.get(type_name)
        keys = [key.text for key, _ in entry[1].entries] if entry else []
        return {key: NEUTRAL[key] for key in keys if key in NEUTRAL and key not in given}

    def along_channels(self, node: Node) -> None:
        span = node.written.get("dim")
        if span is None:
            help = f"write dim: 1 at the {node.type}"
            raise RefusedError(f"{node.type} has its dim from elsewhere", node.span, help)
        self.done.append(Edit(span, "1"))

    def linear(self, node: Node, layer: Linear, change: Change, kernel: str) -> None:
        """A Linear as a convolution, with what else is written at it."""
        added = {"kernel_size": kernel} | self.neutral(change.type, ())
        entry = self.spec.defaults.get(change.type)
        if "bias" not in node.written and (
            not layer.bias or (entry and entry[1].get("bias") is not None)
        ):
            added["bias"] = str(layer.bias).lower()
        if "out_features" not in node.written:
            added = {"out_channels": str(layer.out_features)} | added
        value = self.value(node.span)
        if not isinstance(value, Mapping):
            if "out_features" in node.written:
                out = self.text.source(node.written["out_features"])
                added = {"out_channels": out} | added
            self.head(node.span, change.type, added)
            return
        self.done.append(Edit(node.span, change.type))
        for key, one in value.entries:
            if key.text == "out_features":
                self.done.append(Edit(key.span, "out_channels"))
            elif key.text == "in_features":
                self.done += [Edit(key.span, "kernel_size"), Edit(one.span, kernel)]
                del added["kernel_size"]
        if added:
            self.done.append(self.text.with_entries(value, *_entries(added)))

    def value(self, span: Span) -> Mapping | Scalar | None:
        """What stands behind the type of a layer; None for nothing, and for a list of inputs."""
        entry = self.text.entries.get(span)
        value = entry.value if entry and entry.key.span == span else None
        return value if isinstance(value, Mapping | Scalar) else None

    def head(self, span: Span, name: str, arguments: dict[str, str]) -> None:
        """Write another layer or block call where one stands that has no mapping to keep."""
        value, written = self.value(span), f"{{{', '.join(_entries(arguments))}}}"
        if value is not None:
            self.done.append(Edit(span, name))
            space = "" if self.text.source(value.span) else " "
            self.done.append(Edit(value.span, f"{space}{written}"))
        else:
            listed = self.text.items.get(span)
            block = listed is not None and not self.text.is_flow(listed.owner)
            pair = f"{name}: {written}"
            self.done.append(Edit(span, pair if block else f"{{{pair}}}"))

    def parameter(self, span: Span, uses: list[_Use]) -> Change:
        """Make the kernel of a Linear an argument of its block; returns the change of all uses."""
        kernels: dict[Span, set[Decision]] = defaultdict(set)
        if not isinstance(uses[0].node.layer, Linear):
            raise self.several(uses, "write it out once for each of them")
        for use in uses:
            scope = use.node.scope
            if scope is None or scope.kind != "block":
                raise self.several(uses, "write the first Linear out of the loop")
            kernels[scope.span].add(use.change)
        first = uses[0].change
        if first is None or any(len(one) > 1 for one in kernels.values()):
            raise self.several(uses, "write the first of them out")
        if any(use.change is None or use.change.type != first.type for use in uses):
            raise self.several(uses, "write the layer out where it reads a map")
        name = self.text.source(next(iter(kernels)))
        block = self.spec.blocks.get(name)
        taken = {key.text for key, _ in (*block.args, *block.vars)} if block else {ARGUMENT}
        if block is None or ARGUMENT in taken or name in self.blocks:
            raise self.several(uses, "write the first of them out")
        self.blocks[name] = span
        self.declare(name, block.args)
        for call, (change,) in sorted(kernels.items()):
            if change and set(change.kernel) != {1}:
                self.call(call, name, block.args, str(_brief(change.kernel)))
        return first._replace(why="its kernel is the map that the block gets")

    def several(self, uses: list[_Use], help: str) -> RefusedError:
        """A layer that is written once, and would have to become several."""
        node = uses[0].node
        kinds: dict[str, set[str | None]] = defaultdict(set)
        for use in uses:
            kinds[_needed(use)].add(use.variant)
        words = " and ".join(filter(None, kinds))
        elsewhere = ", and not in other places" if "" in kinds else ""
        kept = next((use.node for use in uses if not use.change and use.node.train_only), None)
        if kept:
            help = self.copies(kept)
        elif sum(map(len, kinds.values())) == len(set[str | None]().union(*kinds.values())):
            help = "its variants differ: convert a copy without those that need another kernel"
        return RefusedError(f"this {node.type} is needed {words}{elsewhere}", node.span, help)

    def copies(self, node: Node) -> str:
        """How a head of training keeps a layer that the network does not: by blocks of its own."""
        names = [self.text.source(call.span) for call in reversed(calls(node.scope))]
        if len(names) == 1:
            what = f"a copy of block {names[0]} under another name"
        else:
            what = f"copies of the blocks {' and '.join(names)} under other names"
        return f"head {node.head} is for training only and stays as it is: give it {what}"

    def declare(self, name: str, args: tuple[tuple[Scalar, object], ...]) -> None:
        """Give a block the argument, which is 1 where a call does not say otherwise."""
        root = self.document.root
        blocks = root.get("blocks") if isinstance(root, Mapping) else None
        block = blocks.get(name) if isinstance(blocks, Mapping) else None
        assert isinstance(block, Mapping)
        written = block.get("args")
        if args and isinstance(written, Mapping):
            self.done.append(self.text.with_entries(written, f"{ARGUMENT}: 1"))
        else:
            self.done.append(self.text.with_entries(block, f"args: {{{ARGUMENT}: 1}}"))
        self.note(block.span, f"block {name} has the new argument {ARGUMENT}")

    def call(
        self, span: Span, name: str, args: tuple[tuple[Scalar, object], ...], kernel: str
    ) -> None:
        """Give the kernel in a call of a block."""
        value = self.value(span)
        if isinstance(value, Mapping):
            self.done.append(self.text.with_entries(value, f"{ARGUMENT}: {kernel}"))
            return
        given = {}
        if value is not None and (source := self.text.source(value.span)):
            given[args[0][0].text] = source
        self.head(span, name, given | {ARGUMENT: kernel})

    def edits(self) -> list[Edit]:
        """All edits; what goes is taken out, or is an Identity where it cannot be."""
        places = [self.text.items.get(span) for span, _ in self.dropped]
        owners = [item.owner.span for item in places if item]
        found = list(self.done)
        for (span, _), item in zip(self.dropped, places, strict=True):
            beside = owners.count(item.owner.span) if item else 0
            crowded = item and (
                beside == len(item.owner.items) or (beside > 1 and self.text.is_flow(item.owner))
            )
            edit = None if crowded else self.text.without_item(span)
            found += [edit] if edit else self.identity(span)
        return found

    def identity(self, span: Span) -> list[Edit]:
        """An Identity in place of a layer, under its name and with its inputs."""
        value = self.value(span)
        written = value is not None and self.text.source(value.span)
        behind = [Edit(value.span, "null")] if value is not None and written else []
        return [Edit(span, "Identity"), *behind]


def _needed(use: _Use) -> str:
    """As what one expansion needs a layer; nothing where it is left out."""
    if use.change is None:
        return f"as it is in head {use.node.head}" if use.node.train_only else "as it is"
    if use.change.kernel:
        return f"with a kernel of {_brief(use.change.kernel)}"
    return use.change.type and f"as {use.change.type}"


def _entries(arguments: dict[str, str]) -> list[str]:
    return [f"{key}: {value}" for key, value in arguments.items()]


def _brief(sizes: tuple[int, ...]) -> str:
    """One number where all axes are equal, else a list."""
    return str(sizes[0]) if len(set(sizes)) == 1 else str(list(sizes))
