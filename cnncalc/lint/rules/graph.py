"""How names and branches hang together: CNN1xx."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import gcd
from typing import NamedTuple

from cnncalc.analysis.report import Row
from cnncalc.language.document import Sequence
from cnncalc.layer import Layer, Shape
from cnncalc.layers.pool import AdaptivePoolNd
from cnncalc.layers.resize import Upsample
from cnncalc.lint.names import Definition, Names
from cnncalc.lint.network import Network
from cnncalc.lint.removal import Entry, entries, removal
from cnncalc.lint.rule import Rule
from cnncalc.lint.rules.window import AXES
from cnncalc.problem import Fix, Level, Problem, Span
from cnncalc.window import Axis, Resized, Sliding, Transposed, Whole


class UnusedResult(Rule):
    """A layer whose result reaches no output of the network.

    Why it matters: it is computed, and its parameters are stored, for nothing. Mostly a reference
    names another layer than was meant, or a branch was left behind when its merge was rewritten.

    What to do: use the result, name it under `outputs`, or delete the layer.

    Source: the same check on code is pyflakes' "local variable is assigned to but never used".
    """

    code, name = "CNN105", "unused-result"
    good = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
    name: stem
  - ReLU
  - Add: [stem, prev]
""",
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
    name: stem
  - ReLU
outputs: [stem, prev]
""",
    )
    bad = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
    name: stem
  - ReLU
#   ^^^^
  - Tanh:
    from: stem
""",
        """\
cnncalc: 1
inputs:
  left: [3, 32, 32]
  right: [3, 32, 32]
#        ^^^^^^^^^^^
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        if network.built.wrong:
            return  # a reference that failed leaves its tensor unused
        results = {output.value for output in network.graph.outputs}
        for row in network.rows:
            if results.isdisjoint(row.node.outputs) and not network.following(row):
                yield self.at(row.node, f"the result of {row.node.type} reaches no output")
        for name, shape in network.spec.inputs if network.spec else ():
            index = network.graph.inputs[name]
            if shape and index not in results and index not in network.readers:
                yield self.found(shape.span, f"no layer reads the input '{name}'")


class UnusedDefinition(Rule):
    """A block, variable, block argument or name that nothing refers to.

    Why it matters: a number that is changed there changes nothing, and the reader looks for what
    it is for. Names of tensors count inside blocks, loops, branches and heads only: elsewhere they
    are also what `expect` and the command line call the layer.

    What to do: delete it, or use it where the number was written out.

    Source: the same check on code is pyflakes' "unused import" and "unused variable".
    """

    code, name, fixable = "CNN106", "unused-definition", True
    textual = True
    good = (
        """\
cnncalc: 1
input: [3, 32, 32]
vars: {width: 16, half: $(width // 2)}
blocks:
  Conv:
    args: {out: required}
    layers:
      - Conv2d: {out_channels: $out, kernel_size: 3, padding: 1}
        name: main
      - Sigmoid
      - Mul: [main, prev]
layers:
  - Conv: $half
    name: features
""",
    )
    bad = (
        """\
cnncalc: 1
input: [3, 32, 32]
vars: {width: 16, depth: 3}
#                 ^^^^^
layers:
  - Conv2d: {out_channels: $width, kernel_size: 3, padding: 1}
""",
        """\
cnncalc: 1
input: [3, 32, 32]
blocks:
  Conv:
    args: {out: required, groups: 1}
#                         ^^^^^^
    layers:
      - Conv2d: {out_channels: $out, kernel_size: 3, padding: 1}
layers:
  - Conv: 8
""",
        """\
cnncalc: 1
input: [3, 32, 32]
blocks:
  Gate:
# ^^^^
    layers: [Tanh]
layers:
  - Tanh
""",
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - branches:
      main:
        - Conv2d: {out_channels: 3, kernel_size: 3, padding: 1}
          name: first
#               ^^^^^
      shortcut:
    merge: Add
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        if network.spec is None or network.built.wrong:
            return
        names = Names(network.spec)
        unused = [one for one in names.definitions if one.name not in names.used]
        unused += [
            bound[0]
            for bound in names.bound
            if bound[0].local and not any(one.name in names.used for one in bound)
        ]
        places = {
            place: entry for entry in entries(network.loaded.document) for place in _at(entry)
        }
        for one in unused:
            edit = None
            if (entry := places.get(one.name.span)) and not _needed(one, names):
                edit = removal(network.loaded.document, entry)
            said = f"{one.kind} '{one.name.text}'"
            fix = Fix(f"delete the {said}", (edit,)) if edit else None
            yield self.found(one.name.span, f"{said} is never used", fix=fix)


def _at(entry: Entry) -> Iterator[Span]:
    """The places of definitions that an entry is there for: its key, or what `name:` binds."""
    yield entry.key.span
    if entry.key.text == "name":
        value = entry.value
        yield value.items[0].span if isinstance(value, Sequence) and value.items else value.span


def _needed(one: Definition, names: Names) -> bool:
    """Whether a definition cannot go alone, because something gives it a value."""
    if one.kind == "block argument":
        assert one.owner is not None
        first = names.spec.blocks[one.owner].args[0][0]
        return first == one.name or (one.owner, one.name.text) in names.given
    return one.owner is None and one.name.text in names.changed


class ShadowedName(Rule):
    """A name that hides another of the same spelling.

    Why it matters: the reader sees one name and thinks of the other. A block argument that hides a
    variable of the file makes `--set` and variants act on half of the network; a tensor that is
    bound again in a loop is the old one again after it.

    What to do: rename one of them. It is no finding where a call or the default computes the
    argument from the variable of that name, nor where an `if` decides which tensor gets the name.

    Source: the same check on code is pylint's W0621, redefined-outer-name.
    """

    code, name = "CNN107", "shadowed-name"
    textual = True
    good = (
        """\
cnncalc: 1
input: [3, 32, 32]
vars: {width: 16}
blocks:
  Conv:
    args: {width: required}
    layers:
      - Conv2d: {out_channels: $width, kernel_size: 3, padding: 1}
layers:
  - Conv: {width: $width}
""",
        """\
cnncalc: 1
input: [3, 32, 32]
vars: {wide: true}
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
    if: $wide
    name: stem
  - Conv2d: {out_channels: 8, kernel_size: 1}
    if: $(not wide)
    name: stem
  - ReLU
  - Add: [stem, prev]
""",
    )
    bad = (
        """\
cnncalc: 1
input: [3, 32, 32]
vars: {width: 16}
blocks:
  Conv:
    args: {width: 8}
#          ^^^^^
    layers:
      - Conv2d: {out_channels: $width, kernel_size: 3, padding: 1}
layers:
  - Conv
  - ReLU
  - Conv2d: {out_channels: $width, kernel_size: 3, padding: 1}
""",
        """\
cnncalc: 1
input: [3, 32, 32]
vars: {width: 16}
layers:
  - Conv2d: {out_channels: $width, kernel_size: 3, padding: 1}
  - for: width
#        ^^^^^
    in: [16, 32]
    layers:
      - ReLU
      - Conv2d: {out_channels: $width, kernel_size: 3, padding: 1}
""",
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
    name: x
  - ReLU
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
    name: x
#         ^
  - ReLU
  - Add: [x, prev]
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        names = Names(network.spec) if network.spec else None
        for new, old in names.hidden if names else ():
            if names and (new.owner, new.name.text) in names.passed:
                continue
            again = f"{new.kind} '{new.name.text}' hides the {old.kind} of that name"
            yield self.found(new.name.span, f"{again} on line {old.name.span.line}")


class Stride(NamedTuple):
    """Steps of the input for `up` steps of a map, on one axis, in lowest terms."""

    down: int
    up: int

    def times(self, down: int, up: int) -> Stride:
        """The stride behind a layer that takes `down` steps of its input for `up` of its own."""
        common = gcd(self.down * down, self.up * up)
        return Stride(self.down * down // common, self.up * up // common)

    def __str__(self) -> str:
        return str(self.down) if self.up == 1 else f"{self.down}/{self.up}"


Strides = tuple[Stride | None, ...]
"""The strides of a map on every axis; None where it has none, or a size that is written."""


class CoincidentalMerge(Rule):
    """Merged maps of equal size that have different strides.

    Why it matters: their positions stand for different places of the image, at a different pace;
    only this input size makes them fit. With any other the network fails, or adds what does not
    belong together.

    What to do: give both branches the same strides, or resize one to the other's size, which says
    that it is meant. Maps of one position and those of a size that is written are exempt.

    Source: Araujo, Norris and Sim 2019, Computing receptive fields of convolutional neural
    networks, Distill, "Alignment issues".
    """

    code, name, level = "CNN108", "coincidental-merge", Level.ERROR
    good = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - branches:
      strided: {Conv2d: {out_channels: 8, kernel_size: 3, stride: 2, padding: 1}}
      pooled: {MaxPool2d: 2}
    merge: Concat
""",
        """\
cnncalc: 1
input: [3, 8, 8]
layers:
  - branches:
      map:
      gate: {AdaptiveAvgPool2d: 1}
    merge: Mul
""",
    )
    bad = (
        """\
cnncalc: 1
input: [3, 4, 4]
layers:
  - branches:
      cropped: {Conv2d: {out_channels: 8, kernel_size: 3}}
      strided: {Conv2d: {out_channels: 8, kernel_size: 3, stride: 2, padding: 1}}
    merge: Concat
#          ^^^^^^
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        strides: dict[int, Strides] = {}
        if network.image and network.graph.inputs:
            first = next(iter(network.graph.inputs.values()))
            strides[first] = (Stride(1, 1),) * (len(network.image) - 1)
        for row in network.sure():
            met, *others = _arriving(row, strides)
            if others:
                axes = [{one for one in axis if one} for axis in zip(met, *others, strict=True)]
                apart = [number for number, those in enumerate(axes) if len(those) > 1]
                if apart:
                    yield self.at(row.node, _said(row, apart[0], axes[apart[0]]))
                met = tuple(next(iter(those)) if len(those) == 1 else None for those in axes)
            strides.update(dict.fromkeys(row.node.outputs, met))


def _arriving(row: Row, strides: dict[int, Strides]) -> list[Strides]:
    """The strides in which each input of a layer arrives at its output."""
    found: list[Strides] = []
    assert row.node.layer is not None
    steps = _steps(row.node.layer, *row.in_shapes)
    for index, taken in zip(row.node.inputs, steps, strict=True):
        before = strides.get(index)
        if before is None or taken is None or len(before) != len(taken):
            found.append((None,) * (len(row.out_shapes[0] or ()) - 1))
        else:
            found.append(before if set(taken) == {(1, 1)} else tuple(map(_through, before, taken)))
    return found


Step = tuple[int, int]
"""Steps of its input that a layer takes for so many steps of its own, on one axis."""


@lru_cache(maxsize=10_000)
def _steps(layer: Layer, *shapes: Shape | None) -> tuple[tuple[Step | None, ...] | None, ...]:
    """The steps of each input on each axis; None where strides end."""
    resized = isinstance(layer, Upsample) and layer.size is not None
    if resized or isinstance(layer, AdaptivePoolNd):  # to a size that is written
        return (None,) * len(shapes)
    known = [shape for shape in shapes if shape is not None]
    return tuple(
        tuple(map(_step, window, shape[1:])) if isinstance(window, tuple) else None
        for window, shape in zip(layer.windows(*known), known, strict=True)
    )


def _step(window: Axis, n: int) -> Step | None:
    """The steps of a window; on an axis of one position there are none."""
    if n == 1:
        return None
    if isinstance(window, Sliding):
        return window.stride, 1
    if isinstance(window, Transposed):
        return 1, window.stride
    if isinstance(window, Resized) and window.after % window.before == 0:
        return 1, window.after // window.before
    return (1, 1) if isinstance(window, Whole) and window.local else None


def _through(stride: Stride | None, step: Step | None) -> Stride | None:
    return stride.times(*step) if stride and step else None


def _said(row: Row, axis: int, strides: set[Stride]) -> str:
    """What is wrong with a merge, on one of its axes."""
    [shape, *_] = row.out_shapes
    assert shape is not None
    met = " and ".join(map(str, sorted(strides, key=lambda stride: stride.down / stride.up)))
    name = AXES[len(shape) - 1][axis]
    joins = f"{row.node.type} joins maps of strides {met}"
    return f"{joins}, which only by coincidence have the same {name} of {shape[axis + 1]}"
