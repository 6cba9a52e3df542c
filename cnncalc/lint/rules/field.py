"""What receptive fields tell: CNN4xx."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import NamedTuple

from cnncalc.analysis.receptive_field import AxisField
from cnncalc.analysis.regions import LONGEST, ends, smeared
from cnncalc.analysis.report import Row
from cnncalc.graph import Node
from cnncalc.layer import Layer
from cnncalc.layers.conv import ConvNd
from cnncalc.layers.pool import PoolNd
from cnncalc.lint.network import Network
from cnncalc.lint.rule import Rule
from cnncalc.lint.rules.window import AXES, axes, by, enlarged, together
from cnncalc.problem import Level, Problem
from cnncalc.window import Axis, Sliding, Whole, Window


class FieldSmallerThanInput(Rule):
    """A network whose last spatial layer sees less than the input.

    Why it matters: no unit can relate what lies farther apart than its field, and of the field
    itself the middle counts most. Only what follows (a pool over the whole map, a Linear layer)
    brings the parts together. Nothing is said where a later map sees all through a gate, or it is
    not known what that sees.

    What to do: for large objects or context use more layers, stride or dilation. For textures, or
    where a dense layer reads the whole map, it is as it should be.

    Source: Luo et al. 2016, Understanding the effective receptive field in deep convolutional
    neural networks.
    """

    code, name, level = "CNN401", "field-smaller-than-input", Level.INFO
    good = (
        """\
cnncalc: 1
input: [3, 5, 5]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3}
  - ReLU
  - Conv2d: {out_channels: 8, kernel_size: 3}
""",
        """\
cnncalc: 1
input: [16]
layers:
  - Linear: 10
""",
        """\
cnncalc: 1
input: [3, 9, 9]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
  - branches:
      map:
      gate:
        - AdaptiveAvgPool2d: 1
        - Flatten
        - Linear: 8
        - Sigmoid
        - Unflatten: {unflattened_size: [8, 1, 1]}
    merge: Mul
""",
    )
    bad = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 5}
  - ReLU
  - AvgPool2d: 2
#   ^^^^^^^^^
  - Flatten
  - Linear: 10
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        field, image = network.report.field, network.image
        row = next((row for row in network.rows if row.field is field), None)
        if field is None or image is None or row is None or _is_lost(network, row):
            return
        seen = [axis.size for axis in field.axes]
        if any(size and size < n for size, n in zip(seen, image[1:], strict=True)):
            sizes = " x ".join("?" if size is None else f"{float(size):g}" for size in seen)
            message = f"the last spatial layer sees {sizes} of the {by(image[1:])} input"
            yield self.at(row.node, message)


def _is_lost(network: Network, last: Row) -> bool:
    """Whether a map of several positions behind that layer sees all, or nobody knows what."""
    return any(
        row.field is None
        or any(axis.local is None or axis.whole is not None for axis in row.field.axes)
        for row in network.rows[network.rows.index(last) + 1 :]
        if row.node.head is None and prod((row.out_shapes[0] or ())[1:]) > 1
    )


class UnproductiveLayer(Rule):
    """A kernel behind layers that already see more than the image.

    Why it matters: such a layer cannot bring in anything new from around a position, and was found
    to add little to the accuracy for its parameters and MACs.

    What to do: take such layers away, use a larger image, or stride later. The field here is that
    of the longest path; with skip connections the shorter ones may still be smaller than the image.

    Source: Richter et al. 2021, Should you go deeper? Optimizing convolutional neural network
    architectures without training, where it is the border layer.
    """

    code, name, level, default = "CNN402", "unproductive-layer", Level.INFO, False
    good = (
        """\
cnncalc: 1
input: [3, 5, 5]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 5, padding: 2}
  - ReLU
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
""",
    )
    bad = (
        """\
cnncalc: 1
input: [3, 6, 6]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 5, padding: 2}
  - ReLU
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
  - ReLU
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
#                                          ^
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        image = (network.image or ())[1:]
        for row in network.sure(ConvNd, PoolNd):
            field = network.field_of(row.node.inputs[0])
            if field is None or not field.ordered or len(field.axes) != len(axes(row)):
                continue
            seen = [one.local for one in field.axes]
            windows = zip(axes(row), seen, image, strict=True)
            wide = [size is not None and size > n for axis, size, n in windows if axis.kernel > 1]
            if wide and all(wide):
                sizes = " x ".join("?" if size is None else f"{float(size):g}" for size in seen)
                message = f"its input already sees {sizes}, more than the image of {by(image)}"
                yield self.at(row.node, message, argument="kernel_size")


def dilated(layer: Layer | None) -> bool:
    """Whether a layer is a convolution with gaps between its taps."""
    return isinstance(layer, ConvNd) and layer.extents != layer.kernel_size


class Taps(NamedTuple):
    """The positions that a unit reads on an axis: bit i stands for position `first` + i."""

    first: int = 0
    bits: int = 1

    def through(self, window: Axis) -> Taps | None:
        """What a unit behind a window of stride 1 reads; None behind any other."""
        if isinstance(window, Whole) and window.local:
            return self
        if not isinstance(window, Sliding) or window.stride > 1:
            return None
        if self.bits.bit_length() + window.extent > LONGEST:
            return None
        bits = smeared(self.bits, window.kernel, window.dilation)
        return Taps(self.first - window.before, bits)

    def joined(self, other: Taps) -> Taps:
        """What two paths read together."""
        first = min(self.first, other.first)
        bits = self.bits << self.first - first | other.bits << other.first - first
        return Taps(first, bits)

    @property
    def span(self) -> int:
        """Positions from the first to the last."""
        return len(ends(self.bits))


class Run(NamedTuple):
    """Layers of stride 1 behind the value `start`: what a unit reads of that on each axis.

    `dilated` of them are dilated convolutions, `last` being the last, and `plain` are kernels
    without gaps: on the path with most of these, as they fill what others leave, then of those.
    """

    start: int
    axes: tuple[Taps, ...]
    dilated: int = 0
    last: Node | None = None
    plain: int = 0

    def through(self, window: Window, node: Node) -> Run | None:
        """The run behind a layer with that window; None where it ends there."""
        if not isinstance(window, tuple) or len(window) != len(self.axes):
            return None
        found = [taps.through(axis) for taps, axis in zip(self.axes, window, strict=True)]
        kept = tuple(taps for taps in found if taps is not None)
        if len(kept) < len(found):
            return None
        if dilated(node.layer):
            return self._replace(axes=kept, dilated=self.dilated + 1, last=node)
        pairs = zip(self.axes, kept, strict=True)
        wider = any(behind.bits != before.bits for before, behind in pairs)
        return self._replace(axes=kept, plain=self.plain + wider)

    def joined(self, other: Run) -> Run:
        """Two runs from one start that meet."""
        most = max(self, other, key=lambda run: (run.plain, run.dilated))
        pairs = zip(self.axes, other.axes, strict=True)
        return most._replace(axes=tuple(one.joined(two) for one, two in pairs))


class Gridding(Rule):
    """Dilated convolutions in a row that together read only some positions of their field.

    Why it matters: where dilations have a common factor, or grow faster than the kernel can fill
    in, neighbouring outputs depend on separate sets of inputs, and a grid appears in the result.

    What to do: use dilations that fill the field, such as 1, 2, 5 with a kernel of 3, or 1, 2, 4,
    8 with a kernel of 2 or more; or let the last convolutions of the row have dilation 1. What is
    read is counted exactly, from the last layer with a stride on, over all branches. Where one
    of these is a kernel of dilation 1, as in ESPNet, those beside it count as no row.

    Source: Wang et al. 2018, Understanding convolution for semantic segmentation, section 3.2.
    """

    code, name = "CNN403", "gridding"
    good = (
        """\
cnncalc: 1
input: [8, 64, 64]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: same}
  - ReLU
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: same, dilation: 2}
  - ReLU
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: same, dilation: 5}
""",
        """\
cnncalc: 1
input: [8, 64]
layers:
  - for: d
    in: [1, 2, 4, 1, 2, 4]
    layers:
      - Conv1d: {out_channels: 8, kernel_size: 2, dilation: $d}
      - ReLU
""",
    )
    bad = (
        """\
cnncalc: 1
input: [8, 64, 64]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: same, dilation: 2}
  - ReLU
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: same, dilation: 4}
#                                                                      ^
  - ReLU
""",
        """\
cnncalc: 1
input: [8, 64]
layers:
  - Conv1d: {out_channels: 8, kernel_size: 3, padding: same}
  - ReLU
  - Conv1d: {out_channels: 8, kernel_size: 3, padding: same, dilation: 2}
  - ReLU
  - Conv1d: {out_channels: 8, kernel_size: 3, padding: same, dilation: 9}
#                                                                      ^
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        if sum(dilated(row.node.layer) for row in network.rows) < 2:
            return
        reported = set()
        for run in _runs(network):
            if run.dilated < 2 or run.last is None or run.last.outputs in reported:
                continue
            reported.add(run.last.outputs)
            read = {
                name: f"{taps.bits.bit_count()} of {taps.span} positions"
                for name, taps in zip(AXES[len(run.axes)], run.axes, strict=True)
                if taps.bits.bit_count() < taps.span
            }
            if read:
                positions = together(read, len(run.axes))
                message = f"{run.dilated} dilated convolutions in a row read only {positions}"
                help = "use dilations that fill the field, such as 1, 2, 5 with a kernel of 3"
                yield self.at(run.last, message, help, argument="dilation")


def _runs(network: Network) -> Iterator[Run]:
    """The runs of layers of stride 1, each with what a unit at its end reads."""
    runs: dict[int, Run] = {}
    continued: set[int] = set()
    for row in network.sure():
        for index, shape in zip(row.node.inputs, row.in_shapes, strict=True):
            if shape and 2 <= len(shape) <= 4:
                runs.setdefault(index, Run(index, (Taps(),) * (len(shape) - 1)))
        found = _behind(row, runs)
        if found:
            runs.update(dict.fromkeys(row.node.outputs, found))
            continued.update(row.node.inputs)
    return (run for index, run in runs.items() if index not in continued)


def _behind(row: Row, runs: dict[int, Run]) -> Run | None:
    """The run that goes on behind a layer; None where none does, or two meet."""
    layer, shapes = row.node.layer, [shape for shape in row.in_shapes if shape is not None]
    if layer is None:
        return None
    windows = zip(row.node.inputs, layer.windows(*shapes), strict=True)
    arriving = [runs[index].through(window, row.node) for index, window in windows if index in runs]
    going = [run for run in arriving if run is not None]
    if len({run.start for run in going}) != 1:
        return None
    found = going[0]
    for run in going[1:]:
        found = found.joined(run)
    return found


class MergeMisaligned(Rule):
    """Merged maps whose units look at places that do not lie on one another.

    Why it matters: the branches see the image shifted against each other. That happens where one
    branch pads or strides at other places than the other, such as a 1x1 convolution of stride 2
    beside a 3x3 one that is padded at the end only.

    What to do: pad all branches so that their windows have the same centres. Paths through
    upsampling are exempt, and so are causal ones, which see nothing behind their own position.

    Source: Araujo, Norris and Sim 2019, Computing receptive fields of convolutional neural
    networks, Distill, "Alignment issues".
    """

    code, name, level = "CNN404", "merge-misaligned", Level.INFO
    good = (
        """\
cnncalc: 1
input: [8, 32, 32]
layers:
  - branches:
      main: {Conv2d: {out_channels: 8, kernel_size: 3, stride: 2, padding: 1}}
      shortcut: {AvgPool2d: {kernel_size: 1, stride: 2}}
    merge: Add
""",
        """\
cnncalc: 1
input: [8, 32]
layers:
  - branches:
      main: {Conv1d: {out_channels: 8, kernel_size: 3, padding: [[2, 0]]}}
      shortcut:
    merge: Add
""",
    )
    bad = (
        """\
cnncalc: 1
input: [8, 32, 32]
layers:
  - branches:
      main: {Conv2d: {out_channels: 8, kernel_size: 3, stride: 2, padding: [[0, 1], [0, 1]]}}
      shortcut: {AvgPool2d: {kernel_size: 1, stride: 2}}
    merge: Add
#          ^^^
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        larger = enlarged(network)
        for row in network.sure():
            layer = row.node.layer
            if layer is None or not layer.many:
                continue
            fields = [network.field_of(i) for i in row.node.inputs if i not in larger]
            known = [field.axes for field in fields if field]
            apart = max(map(_apart, zip(*known, strict=True)), default=0)
            if apart:
                pixels = "1 input pixel" if apart == 1 else f"{apart:g} input pixels"
                message = f"{row.node.type} joins maps whose fields lie {pixels} apart"
                yield self.at(row.node, message)


def _apart(meeting: tuple[AxisField, ...]) -> float:
    """How far apart the fields of the first units are at most, on an axis where maps meet."""
    edges = {
        (axis.left, axis.left + axis.local)
        for axis in meeting
        if axis.left is not None and axis.local is not None
    }
    jumps = {axis.jump for axis in meeting if axis.local is not None}
    if len(edges) < 2 or len(jumps) != 1 or {right for _, right in edges} == {1}:
        return 0  # all causal in the last case: the first unit sees the first pixel last
    twice = [left + right for left, right in edges]
    return float(max(twice) - min(twice)) / 2
