"""What is paid for little: CNN5xx."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any, ClassVar

from cnncalc.analysis.report import Row
from cnncalc.layers.activation import (
    CELU,
    ELU,
    SELU,
    Hardsigmoid,
    Hardtanh,
    LeakyReLU,
    LogSigmoid,
    ReLU,
    ReLU6,
    Sigmoid,
    Softplus,
    Softsign,
    Tanh,
)
from cnncalc.layers.conv import ConvNd, ConvTransposeNd
from cnncalc.layers.dropout import DropoutBase
from cnncalc.layers.linear import Identity, Linear
from cnncalc.layers.merge import Merge
from cnncalc.layers.pool import AvgPoolNd, MaxPoolNd
from cnncalc.layers.resize import Upsample
from cnncalc.lint.edits import Edits, everywhere, mend
from cnncalc.lint.network import Network
from cnncalc.lint.rule import Rule
from cnncalc.problem import Level, Problem

NEVER_FALLING = (
    ReLU,
    ReLU6,
    SELU,
    CELU,
    Hardsigmoid,
    Hardtanh,
    Sigmoid,
    Tanh,
    Softsign,
    LogSigmoid,
)
"""Activations that never fall, whatever their arguments."""

SLOPES = {LeakyReLU: "negative_slope", ELU: "alpha", Softplus: "beta"}
"""Activations that never fall where this argument is not negative."""


class ChannelsMultiple(Rule):
    """Channels that are no multiple of 8.

    Why it matters: tensor cores and vector units work on blocks of channels; a block that is not
    full takes the time of a full one, and some kernels are not chosen at all.

    What to do: round with `$(make_divisible(c))`. The input and the last layer, whose channels are
    given, are exempt. The option `multiple` is the size of a block.

    Source: NVIDIA, Deep learning performance: convolutional layers user's guide, "Channels in and
    out"; Sandler et al. 2018, MobileNetV2 (its reference code, for the rounding).
    """

    code, name, level, default = "CNN501", "channels-multiple", Level.INFO, False
    options: ClassVar[Mapping[str, Any]] = {"multiple": 8}
    good = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 16, kernel_size: 3}
  - ReLU
  - Conv2d: {out_channels: 10, kernel_size: 1}
""",
    )
    bad = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 12, kernel_size: 3}
#                          ^^
  - ReLU
  - Flatten
  - Linear: 10
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        multiple = self.option("multiple")
        weighted: set[int] = set()  # values from which a layer with weights can be reached
        for row in reversed(tuple(network.sure())):
            layer = row.node.layer
            [values, *_], inner = row.out_shapes, not weighted.isdisjoint(row.node.outputs)
            counted = isinstance(layer, ConvNd | ConvTransposeNd | Linear)
            if inner or counted:
                weighted.update(row.node.inputs)
            if not counted or not inner or values is None:
                continue
            channels = values[-1] if isinstance(layer, Linear) else values[0]
            if channels % multiple:
                below = channels // multiple * multiple
                help = " or ".join(str(n) for n in (below, below + multiple) if n)
                argument = "out_features" if isinstance(layer, Linear) else "out_channels"
                message = f"{channels} channels are no multiple of {multiple}"
                yield self.at(row.node, message, help, argument=argument)


class DenseHeavy(Rule):
    """Linear layers that hold most of the parameters of a convolutional network.

    Why it matters: they are used once an image each and overfit easily; AlexNet and VGG have nine
    tenths of their parameters there, and networks that pool over the whole map do without.

    What to do: put `AdaptiveAvgPool2d: 1` before the Flatten, or fewer features. The option `share`
    is the share that is allowed.

    Source: Lin et al. 2014, Network in network, section 3.2 (global average pooling).
    """

    code, name, level = "CNN502", "dense-heavy", Level.INFO
    options: ClassVar[Mapping[str, Any]] = {"share": 0.5}
    good = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 64, kernel_size: 3}
  - ReLU
  - AdaptiveAvgPool2d: 1
  - Flatten
  - Linear: 10
""",
        """\
cnncalc: 1
input: [16]
layers:
  - Linear: 10
""",
    )
    bad = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 64, kernel_size: 3}
  - ReLU
  - Flatten
  - Linear: 10
#   ^^^^^^
  - ReLU
  - Linear: 10
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        total = network.report.totals.params_inference
        rows = [row for row in network.rows if not row.node.train_only]
        if not total or not any(isinstance(row.node.layer, ConvNd) for row in rows):
            return
        linear = [(_params(row), row) for row in rows if isinstance(row.node.layer, Linear)]
        held = sum(params for params, _ in linear)
        if held > self.option("share") * total:
            _, largest = max(linear, key=lambda one: one[0])
            message = f"Linear layers hold {held:,} of {total:,} params ({held / total:.0%})"
            yield self.at(largest.node, message)


def _params(row: Row) -> int:
    return row.cost.params if row.cost else 0


class PoolAfterActivation(Rule):
    """An activation before a max pool that could as well stand behind it.

    Why it matters: where the activation never falls, the largest value stays the largest, so that
    both orders give the same numbers; behind the pool there are fewer of them to compute and to
    keep for the backward pass.

    What to do: exchange the two.

    Source: max(f(x), f(y)) = f(max(x, y)) for every f that never falls.
    """

    code, name, level, default = "CNN503", "pool-after-activation", Level.INFO, False
    fixable = True
    good = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3}
  - MaxPool2d: 2
  - ReLU
""",
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3}
  - SiLU
  - MaxPool2d: 2
""",
    )
    bad = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3}
  - ReLU
#   ^^^^
  - MaxPool2d: 2
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        edits = Edits(network.loaded.document)
        found = [row for row in network.sure() if self._swaps(network, row)]
        mended = {row.node.span for row in everywhere(network, found)}
        for row in found:
            [pool] = network.following(row)
            before, behind = row.output_elements or 0, pool.output_elements or 0
            message = f"behind the {pool.node.type} it gives the same for {behind:,} elements"
            swap = edits.swapped(row.node.span, pool.node.span) if row.node.span in mended else ()
            title = f"exchange it with the {pool.node.type}"
            fix = mend(title, *swap, safe=False)
            yield self.at(row.node, f"{message}, not {before:,}", fix=fix)

    @staticmethod
    def _swaps(network: Network, row: Row) -> bool:
        """Whether only a pool reads the layer, and the layer never falls."""
        layer, behind = row.node.layer, network.following(row)
        slope = SLOPES.get(type(layer)) if layer else None
        rising = isinstance(layer, NEVER_FALLING) or (slope and getattr(layer, slope) >= 0)
        if not rising or len(behind) != 1 or network.is_output(row.node):
            return False
        less = (behind[0].output_elements or 0) < (row.output_elements or 0)
        return isinstance(behind[0].node.layer, MaxPoolNd) and less


class HotLayer(Rule):
    """One layer that takes a large share of the MACs of a deep network.

    Why it matters: it bounds what any change elsewhere can save, and is often an accident: a large
    kernel at full resolution, a forgotten stride, or channels that were not reduced.

    What to do: give it a stride, fewer channels or a bottleneck. The options are the `share` that
    is allowed, in networks of more than so many `layers` with MACs.

    Source: Szegedy et al. 2016, Rethinking the Inception architecture, section 3 (balance).
    """

    code, name, level = "CNN504", "hot-layer", Level.INFO
    options: ClassVar[Mapping[str, Any]] = {"share": 0.3, "layers": 20}
    good = (
        """\
cnncalc: 1
input: [8, 32, 32]
layers:
  - layers:
      - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
      - ReLU
    repeat: 21
""",
        """\
cnncalc: 1
input: [8, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
  - ReLU
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
""",
    )
    bad = (
        """\
cnncalc: 1
input: [8, 32, 32]
layers:
  - Conv2d: {out_channels: 64, kernel_size: 7, padding: 3}
#   ^^^^^^
  - ReLU
  - layers:
      - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
      - ReLU
    repeat: 20
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        total = network.report.totals.macs
        rows = [row for row in network.rows if not row.node.train_only]
        counts = [row.cost.macs if row.cost else 0 for row in rows]
        working = sum(1 for count in counts if count)
        if not total or working <= self.option("layers"):
            return
        for row, count in zip(rows, counts, strict=True):
            if count > self.option("share") * total:
                message = f"{count / total:.0%} of the {total:,} MACs of {working} layers"
                yield self.at(row.node, f"this layer has {message}")


class NoOpLayer(Rule):
    """A layer that gives back what it was given.

    Why it matters: it is left over from a change, or an argument is not what was meant. It costs
    the reader time, and some runtimes a copy.

    What to do: delete it. An Identity in a branch or with a name says something and is exempt, as
    is a number that comes from a variable, which another variant may set.

    Source: the definitions in torch.nn of Identity, Dropout (p = 0), MaxPool2d, AvgPool2d and
    Upsample (of factor 1).
    """

    code, name, fixable = "CNN505", "no-op-layer", True
    good = (
        """\
cnncalc: 1
input: [3, 32, 32]
vars: {drop: 0}
layers:
  - Dropout: $drop
  - MaxPool2d: {kernel_size: 1, stride: 2}
  - branches: {left: [Identity], right: [ReLU]}
    merge: Add
  - Identity:
    name: features
""",
    )
    bad = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - ReLU
  - Dropout: 0
#   ^^^^^^^
  - MaxPool2d: 2
""",
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3}
  - Concat: [prev]
#   ^^^^^^
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        edits = Edits(network.loaded.document)
        found = [row for row in network.sure() if self._is_idle(row, edits)]
        for row in everywhere(network, found):
            message = f"{row.node.type} gives back what it is given"
            edit = edits.without_item(row.node.span)
            yield self.at(row.node, message, fix=mend(f"delete the {row.node.type}", edit))

    def _is_idle(self, row: Row, edits: Edits) -> bool:
        """Whether what is written at the layer makes its output its input."""
        node, layer = row.node, row.node.layer
        if isinstance(layer, Merge):
            return len(node.inputs) == 1
        if isinstance(layer, Identity):
            branched = node.scope and any(s.kind == "branch" for s in node.scope.outermost_first())
            item = edits.items.get(node.span)
            return not branched and item is not None and item.plain and len(item.owner.items) > 1
        return self._does_nothing(row) and all(map(edits.literal, node.written.values()))

    @staticmethod
    def _does_nothing(row: Row) -> bool:
        layer = row.node.layer
        if isinstance(layer, DropoutBase):
            return layer.p == 0
        if isinstance(layer, Upsample):
            return layer.size is None and row.in_shapes == row.out_shapes
        if isinstance(layer, MaxPoolNd | AvgPoolNd):
            factor = getattr(layer, "divisor_override", None) or 1
            return factor == prod(layer.kernel_size) == prod(layer.steps) == 1
        return False
