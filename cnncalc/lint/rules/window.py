"""How windows lie on their inputs: CNN2xx."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from math import prod
from typing import NamedTuple

from cnncalc.analysis.report import Row
from cnncalc.layer import Shape
from cnncalc.layers.conv import ConvNd, ConvTransposeNd
from cnncalc.layers.pad import PadNd
from cnncalc.layers.pool import PoolNd
from cnncalc.layers.resize import PixelShuffle, Upsample
from cnncalc.lint.network import Network
from cnncalc.lint.rule import Rule
from cnncalc.problem import Level, Problem

AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
"""What the spatial axes are called, by their number."""


MOST_WINDOWS = 100_000


class Axis(NamedTuple):
    """The windows of a layer on one axis: from `n` positions to `out`, padded on both sides."""

    name: str
    n: int
    out: int
    kernel: int
    stride: int
    dilation: int = 1
    before: int = 0
    after: int = 0

    @property
    def extent(self) -> int:
        """Positions from the first tap to the last: d(F - 1) + 1."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def left_over(self) -> int:
        """Padded positions behind the last window; negative where that ends beyond them."""
        last = (self.out - 1) * self.stride
        return self.n + self.before + self.after - last - self.extent

    @property
    def dropped(self) -> int:
        """Positions of the input itself behind the last window."""
        return min(self.n, max(0, self.left_over - self.after))

    @property
    def blind(self) -> int:
        """Windows that lie in the padding altogether."""
        first = (self.before - self.extent) // self.stride + 1 if self.before >= self.extent else 0
        beyond = self.out + -(self.n + self.before) // self.stride
        return min(self.out, first + max(0, beyond))

    @property
    def idle(self) -> int:
        """Taps that lie in the padding in every window; 0 where these are too many to look at."""
        if not self.before and not self.after:
            return 0
        if self.stride <= self.n:  # windows leave out nothing between the first and the last
            first, last = self._reading(self.out - 1)[0], self._reading(0)[1]
            return self.kernel - (last - first + 1)
        if self.out > MOST_WINDOWS:
            return 0
        spans = (self._reading(window) for window in range(self.out))
        return self.kernel - sum(max(0, last - first + 1) for first, last in spans)

    def _reading(self, window: int) -> tuple[int, int]:
        """The first and the last tap of a window that lie on positions of the input."""
        ahead = self.before - window * self.stride  # how far before the input the window begins
        first, last = -(-ahead // self.dilation), (ahead + self.n - 1) // self.dilation
        return max(0, first), min(self.kernel - 1, last)


def axes(row: Row) -> tuple[Axis, ...]:
    """The windows of a convolution or a pool; none of another layer."""
    layer, [x], [y] = row.node.layer, row.in_shapes, row.out_shapes
    if x is None or y is None or not isinstance(layer, ConvNd | PoolNd | ConvTransposeNd):
        return ()
    return _axes(layer, x, y)


@lru_cache(maxsize=10_000)
def _axes(layer: ConvNd | PoolNd | ConvTransposeNd, x: Shape, y: Shape) -> tuple[Axis, ...]:
    sizes = zip(AXES[layer.rank], x[1:], y[1:], layer.kernel_size, strict=True)
    if isinstance(layer, ConvTransposeNd):
        return tuple(Axis(*size, stride) for size, stride in zip(sizes, layer.stride, strict=True))
    steps = layer.steps if isinstance(layer, PoolNd) else layer.stride
    dilations = layer.dilations if isinstance(layer, PoolNd) else layer.dilation
    rest = zip(sizes, steps, dilations, layer.pads, strict=True)
    return tuple(Axis(*size, stride, dilation, *pads) for size, stride, dilation, pads in rest)


def with_idle_taps(row: Row) -> tuple[Axis, ...]:
    """The axes of a convolution on which some of several taps read nothing but padding."""
    return _idle(axes(row))


@lru_cache(maxsize=10_000)
def _idle(windows: tuple[Axis, ...]) -> tuple[Axis, ...]:
    return tuple(axis for axis in windows if axis.kernel > 1 and axis.idle)


def with_pad_layer(row: Row, network: Network) -> tuple[Axis, ...]:
    """The windows, where what a pad layer just before adds counts as their padding."""
    found = axes(row)
    before = network.row_of.get(row.node.inputs[0])
    if before is None or not isinstance(before.node.layer, PadNd):
        return found
    sides = [(max(0, b), max(0, a)) for b, a in before.node.layer.pads]
    return tuple(
        axis._replace(n=axis.n - b - a, before=axis.before + b, after=axis.after + a)
        for axis, (b, a) in zip(found, sides, strict=True)
    )


def zero_padded(network: Network) -> Iterator[Row]:
    """The convolutions whose padding, if any, holds nothing of the input."""
    for row in network.sure(ConvNd):
        assert isinstance(row.node.layer, ConvNd)
        if row.node.layer.padding_mode == "zeros":
            yield row


def said(found: Sequence[Axis], row: Row, phrase: Callable[[Axis], str]) -> str:
    """A phrase of each axis; once without names where it is the same for all of the layer's."""
    return together({axis.name: phrase(axis) for axis in found}, len(axes(row)))


def together(phrases: Mapping[str, str], total: int) -> str:
    """Phrases by the names of their axes, the same ones once, alone if all `total` axes have it."""
    names: dict[str, list[str]] = {}
    for name, text in phrases.items():
        names.setdefault(text, []).append(name)
    if len(names) == 1 and len(phrases) == total:
        return next(iter(names))
    return ", ".join(f"{text} ({' and '.join(those)})" for text, those in names.items())


def by(sizes: Iterable[int]) -> str:
    """Sizes as in `3 x 3`."""
    return " x ".join(map(str, sizes))


class PartialWindow(Rule):
    """Windows that do not divide their input evenly.

    Why it matters: what is left over behind the last window is not read, and which positions that
    are depends on the size of the input. In most accepted networks it is padding only, so that
    this rule is off; CNN202 reports where it is part of the input.

    What to do: choose sizes for which (N + P_before + P_after - d(F - 1) - 1) / S comes out.

    Source: Stanford's CS231n notes, Convolutional Networks, "Spatial arrangement".
    """

    code, name, level, default = "CNN201", "partial-window", Level.INFO, False
    good = (
        """\
cnncalc: 1
input: [3, 33, 33]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, stride: 2, padding: 1}
""",
        """\
cnncalc: 1
input: [3, 8, 8]
layers:
  - MaxPool2d: {kernel_size: 3, stride: 2, ceil_mode: true}
""",
    )
    bad = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, stride: 2, padding: 1}
#                                                     ^
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        for row in network.sure(ConvNd, PoolNd):
            if found := [axis for axis in axes(row) if axis.left_over > 0]:
                yield self.at(row.node, said(found, row, self._said), argument="stride")

    @staticmethod
    def _said(axis: Axis) -> str:
        padded = axis.n + axis.before + axis.after
        window = f"a window of {axis.extent} at stride {axis.stride}"
        return f"{window} leaves {axis.left_over} of {padded} padded positions over"


class InputRowsDropped(Rule):
    """Rows or columns at the end of a map that no window reads.

    Why it matters: part of the image has no effect on the result. Frameworks round the number of
    windows down without a word, and the rows that are lost are real ones, not padding.

    What to do: pad the end, let a pool round up with `ceil_mode: true`, or choose another input
    size. Some accepted networks do lose a row; then say so with an ignore comment.

    Source: Dumoulin and Visin 2016, A guide to convolution arithmetic, sections 2.3 and 2.4.
    """

    code, name = "CNN202", "input-rows-dropped"
    good = (
        """\
cnncalc: 1
input: [3, 223, 223]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 7, stride: 2}
""",
        """\
cnncalc: 1
input: [3, 75, 75]
layers:
  - MaxPool2d: {kernel_size: 2, ceil_mode: true}
""",
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - ZeroPad2d: 1
  - Conv2d: {out_channels: 8, kernel_size: 3, stride: 2}
""",
    )
    bad = (
        """\
cnncalc: 1
input: [3, 224, 224]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 7, stride: 2}
#                                                     ^
""",
        """\
cnncalc: 1
input: [3, 75, 76]
layers:
  - MaxPool2d: 2
#   ^^^^^^^^^
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        for row in network.sure(ConvNd, PoolNd):
            # a stride beyond the kernel skips positions everywhere, which is CNN203's
            every = with_pad_layer(row, network)
            found = [axis for axis in every if axis.dropped and axis.extent >= axis.stride]
            if found:
                message = said(found, row, self._said)
                yield self.at(row.node, message, self._help(found[0]), argument="stride")

    @staticmethod
    def _said(axis: Axis) -> str:
        lost = "position is" if axis.dropped == 1 else f"{axis.dropped} positions are"
        return f"the last {lost} never read: {axis.n} at a window of {axis.extent}, " + (
            f"stride {axis.stride}"
        )

    @staticmethod
    def _help(axis: Axis) -> str:
        smaller, larger = axis.n - axis.dropped, axis.n + axis.stride - axis.left_over
        return f"pad the end; an input of {smaller} or {larger} is read to its end"


class StrideExceedsKernel(Rule):
    """A stride larger than the kernel, which skips positions.

    Why it matters: a share of what the layer before has computed is never read. A 1x1 convolution
    of stride 2, as on the shortcut of a ResNet, ignores three quarters of its input.

    What to do: pool first (a 2x2 average of stride 2 before the 1x1 convolution), or move the
    stride to a layer with a larger kernel.

    Source: He et al. 2019, Bag of tricks for image classification with CNNs, section 4.
    """

    code, name, level = "CNN203", "stride-exceeds-kernel", Level.INFO
    good = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - AvgPool2d: 2
  - Conv2d: {out_channels: 8, kernel_size: 1}
""",
        """\
cnncalc: 1
input: [3, 1, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: [1, 2], stride: 2}
""",
    )
    bad = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 1, stride: 2}
#                                                     ^
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        for row in network.sure(ConvNd, PoolNd):
            found = [axis for axis in axes(row) if axis.stride > axis.extent and axis.out > 1]
            if found:
                unread = 1 - prod(axis.kernel / axis.stride for axis in found)
                windows = said(found, row, lambda a: f"a kernel of {a.kernel} at stride {a.stride}")
                message = f"{windows} never reads {unread:.0%} of its input"
                yield self.at(row.node, message, argument="stride")


class PaddingTooLarge(Rule):
    """Padding as wide as the kernel of a convolution, so that some windows see nothing else.

    Why it matters: those outputs are the bias and nothing more, a frame around the map that is
    computed for nothing and that later layers read as if it were data. For pools torch refuses
    padding of more than half of the kernel; that is the error of this code.

    What to do: use a padding below the kernel's extent d(F - 1) + 1; half of it keeps the size.

    Source: Dumoulin and Visin 2016, A guide to convolution arithmetic, section 2.2, where the
    extent less 1 is full padding.
    """

    code, name = "CNN204", "padding-too-large"
    good = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 2}
""",
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 4, padding_mode: circular}
""",
    )
    bad = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 4}
#                                                      ^
""",
        """\
cnncalc: 1
input: [3, 32]
layers:
  - Conv1d: {out_channels: 8, kernel_size: 1, padding: [[0, 1]]}
#                                                      ^^^^^^^^
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        for row in zero_padded(network):
            if found := [axis for axis in axes(row) if axis.blind]:
                most = min(axis.extent for axis in found) - 1
                help = f"a padding of at most {most} leaves every window part of the input"
                yield self.at(row.node, said(found, row, self._said), help, argument="padding")

    @staticmethod
    def _said(axis: Axis) -> str:
        sees = f"{axis.blind} of {axis.out} windows see only padding"
        pads = f"{axis.before} + {axis.after}"
        return f"{sees}: a kernel of extent {axis.extent} in padding of {pads}"


def collapsed(found: Sequence[Axis]) -> bool:
    """Whether one window lies on one position, so that a single tap reads it."""
    return all(axis.n == axis.out == 1 for axis in found)


class KernelExceedsInput(Rule):
    """A kernel that is so large for its input that some of its taps never read it.

    Why it matters: those taps see padding in every window: weights that are stored, multiplied and
    never trained. It mostly means that an earlier stride or the input size is not what was meant.

    What to do: use a smaller kernel or dilation, less stride before, or a larger input. Transposed
    convolutions are exempt: their kernels write, and are meant to be larger. Of a map of a single
    position CNN208 speaks.

    Source: Chen et al. 2017, Rethinking atrous convolution, section 3.3: towards the size of the
    map, a 3x3 kernel degenerates to 1x1.
    """

    code, name = "CNN205", "kernel-exceeds-input"
    good = (
        """\
cnncalc: 1
input: [3, 2, 2]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
""",
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 18, dilation: 18}
""",
        """\
cnncalc: 1
input: [3, 2, 2]
layers:
  - ConvTranspose2d: {out_channels: 8, kernel_size: 4, stride: 2, padding: 1}
""",
    )
    bad = (
        """\
cnncalc: 1
input: [3, 16, 16]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 16, dilation: 16}
#                                          ^
""",
        """\
cnncalc: 1
input: [3, 2, 2]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 4, stride: 2, padding: 1}
#                                          ^
""",
        """\
cnncalc: 1
input: [3, 2, 8]
layers:
  - Conv2d: {out_channels: 8, kernel_size: [1, 3], padding: [0, 1]}
  - ReLU
  - Conv2d: {out_channels: 8, kernel_size: 5, padding: 2}
#                                          ^
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        for row in zero_padded(network):
            if (found := with_idle_taps(row)) and not collapsed(axes(row)):
                yield self.at(row.node, said(found, row, self._said), argument="kernel_size")

    @staticmethod
    def _said(axis: Axis) -> str:
        sees = "sees" if axis.idle == 1 else "see"
        sizes = f"a kernel of extent {axis.extent} on {axis.n}"
        return f"{axis.idle} of {axis.kernel} taps {sees} only padding: {sizes}"


class EvenKernelShift(Rule):
    """An even kernel whose symmetric padding moves the map by half a pixel.

    Why it matters: there is no middle tap, so that each output lies between two positions. `same`
    puts the odd row of padding at the end, and all shifts add up over the layers; equal padding on
    both sides grows the map instead. What is added to an unshifted branch no longer fits it. Less
    padding, with which the map shrinks, is no try to keep its place: PatchGAN's 4x4 are exempt.

    What to do: use an odd kernel. Where the even one is meant, write the padding of each side, as
    in `padding: [[1, 2], [1, 2]]`, and turn it around in every other layer.

    Source: Wu et al. 2019, Convolution with even-sized kernels and symmetric padding.
    """

    code, name = "CNN206", "even-kernel-shift"
    good = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 5, padding: same}
""",
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 4, padding: [[1, 2], [1, 2]]}
""",
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 4, stride: 2, padding: 1}
""",
        """\
cnncalc: 1
input: [256, 32, 32]
layers:
  - Conv2d: {out_channels: 512, kernel_size: 4, padding: 1}
""",
    )
    bad = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 4, padding: same}
#                                                      ^^^^
""",
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: [3, 2], padding: 1}
#                                                           ^
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        for row in network.sure(ConvNd, PoolNd):
            same = getattr(row.node.layer, "padding", None) == "same"
            found = [
                axis
                for axis in axes(row)
                if axis.stride == 1 and axis.extent % 2 == 0
                if same or axis.before == axis.after >= axis.extent / 2
            ]
            if found:
                padding = "padding 'same'" if same else f"padding {found[0].before} on both sides"
                kernels = said(found, row, lambda a: f"an even kernel of extent {a.extent}")
                message = f"{kernels} with {padding} moves the map by half a pixel"
                yield self.at(row.node, message, argument="padding")


class Checkerboard(Rule):
    """A transposed convolution whose kernel is not a multiple of its stride.

    Why it matters: the kernels of neighbouring inputs overlap unevenly, so that outputs are sums
    of more and of fewer products by turns: a checkerboard in what is generated, and in gradients.

    What to do: use a kernel that is a multiple of the stride (4 at stride 2), or resize with
    `Upsample` and convolve after it.

    Source: Odena, Dumoulin and Olah 2016, Deconvolution and checkerboard artifacts, Distill.
    """

    code, name = "CNN207", "checkerboard"
    good = (
        """\
cnncalc: 1
input: [8, 16, 16]
layers:
  - ConvTranspose2d: {out_channels: 4, kernel_size: 4, stride: 2, padding: 1}
""",
        """\
cnncalc: 1
input: [8, 1, 1]
layers:
  - ConvTranspose2d: {out_channels: 4, kernel_size: 7, stride: 2}
""",
    )
    bad = (
        """\
cnncalc: 1
input: [8, 16, 16]
layers:
  - ConvTranspose2d: {out_channels: 4, kernel_size: 5, stride: 2, padding: 2}
#                                                   ^
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        for row in network.sure(ConvTransposeNd):
            # from a single position there is nothing to overlap
            found = [axis for axis in axes(row) if axis.kernel % axis.stride and axis.n > 1]
            if found:
                above = max(-(-axis.kernel // axis.stride) * axis.stride for axis in found)
                help = f"a kernel of {above} writes every position equally often"
                yield self.at(row.node, said(found, row, self._said), help, argument="kernel_size")

    @staticmethod
    def _said(axis: Axis) -> str:
        few = axis.kernel // axis.stride
        sizes = f"a kernel of {axis.kernel} is no multiple of stride {axis.stride}"
        return f"{sizes}: outputs are sums over {few} and over {few + 1} taps by turns"


class EarlyCollapse(Rule):
    """A kernel of more than one tap on a map of a single position.

    Why it matters: all taps but one see padding only. The layer is a 1x1 convolution with the
    parameters and the MACs of a larger one; the map has become too small too early.

    What to do: stride less before, use a larger input, or write a kernel of 1. Transposed
    convolutions are exempt: from 1x1 is how generators begin.

    Source: Chen et al. 2017, Rethinking atrous convolution, section 3.3: only the middle weight is
    left of such a kernel.
    """

    code, name = "CNN208", "early-collapse"
    good = (
        """\
cnncalc: 1
input: [3, 4, 4]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 4}
  - ReLU
  - Conv2d: {out_channels: 8, kernel_size: 1}
""",
        """\
cnncalc: 1
input: [100, 1, 1]
layers:
  - ConvTranspose2d: {out_channels: 8, kernel_size: 4}
""",
    )
    bad = (
        """\
cnncalc: 1
input: [3, 1, 1]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
#                                          ^
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        for row in zero_padded(network):
            every = axes(row)
            taps = prod(axis.kernel for axis in every)
            if taps > 1 and collapsed(every):
                kernel, size = by(a.kernel for a in every), by(a.n for a in every)
                reading = prod(axis.kernel - axis.idle for axis in every)
                reads = f"{reading} of its {taps} taps reads it"
                message = f"a kernel of {kernel} on a map of {size}: {reads}"
                yield self.at(row.node, message, argument="kernel_size")


class InputNotDivisible(Rule):
    """An input whose size a network with upsampling and skip connections cannot give back.

    Why it matters: each halving of an odd size rounds down, and the upsampled map is then smaller
    than the one that it meets. The error shows in a layer far from its cause, or a crop or a
    resize hides it.

    What to do: choose an input that is divisible by the total stride, or pad it to that. Networks
    that crop on purpose, as the first U-Net did, need no such input.

    Source: Ronneberger et al. 2015, U-Net, section 2: sizes are to be even before every pool.
    """

    code, name, level, default = "CNN209", "input-not-divisible", Level.INFO, False
    good = (
        """\
cnncalc: 1
input: [3, 30, 30]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
    name: fine
  - MaxPool2d: 2
  - Upsample: {scale_factor: 2}
  - Add: [fine, prev]
""",
        """\
cnncalc: 1
input: [3, 31, 31]
layers:
  - MaxPool2d: {kernel_size: 2, ceil_mode: true}
  - Upsample: {scale_factor: 2}
""",
    )
    bad = (
        """\
cnncalc: 1
input: [3, 31, 31]
#      ^^^^^^^^^^^
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
    name: fine
  - MaxPool2d: {kernel_size: 2, ceil_mode: true}
  - Upsample: {scale_factor: 2}
  - CenterCrop: 31
  - Add: [fine, prev]
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        written = network.spec.inputs[0][1] if network.spec and network.spec.inputs else None
        image, strides = network.image, _total_strides(network)
        if written is None or image is None or strides is None:
            return
        if any(n % stride for n, stride in zip(image[1:], strides, strict=True)):
            message = f"an input of {by(image[1:])} is not divisible by the total stride"
            yield self.found(written.span, f"{message} of {by(strides)} before it is upsampled")


def _total_strides(network: Network) -> tuple[int, ...] | None:
    """The largest strides from which maps are enlarged by a factor; None: to meet no other map."""
    larger = enlarged(network)
    met = False
    jumps: list[tuple[int, ...]] = []
    for row in network.sure():
        layer, field = row.node.layer, network.field_of(row.node.inputs[0])
        met = met or 0 < len(larger.intersection(row.node.inputs)) < len(row.node.inputs)
        by_size = isinstance(layer, Upsample) and layer.size is not None
        if enlarges(row) and field and not by_size:
            jumps.append(tuple(max(1, int(axis.jump or 1)) for axis in field.axes))
    return tuple(map(max, zip(*jumps, strict=True))) if met and jumps else None


def enlarges(row: Row) -> bool:
    """Whether a layer makes maps larger, or resamples them."""
    layer = row.node.layer
    if isinstance(layer, ConvTransposeNd):
        return max(layer.stride) > 1
    return isinstance(layer, PixelShuffle | Upsample)


def enlarged(network: Network) -> set[int]:
    """The values that came through a layer that enlarges."""
    found: set[int] = set()
    for row in network.rows:
        if enlarges(row) or not found.isdisjoint(row.node.inputs):
            found.update(row.node.outputs)
    return found
