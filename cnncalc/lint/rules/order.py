"""Which layers follow which: CNN3xx."""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd, prod

from cnncalc.analysis.report import Row
from cnncalc.layers.activation import (
    Activation,
    Hardtanh,
    LogSoftmax,
    Maxout,
    ReLU,
    ReLU6,
    Sigmoid,
    Softmax,
)
from cnncalc.layers.conv import ConvNd, ConvTransposeNd, LocallyConnectedNd
from cnncalc.layers.dropout import DropoutBase
from cnncalc.layers.linear import Identity, Linear, Reshaping, Scale
from cnncalc.layers.merge import Concat, Merge, Mul
from cnncalc.layers.norm import BatchNormNd, InstanceNormNd, SetNorm
from cnncalc.layers.opaque import Opaque
from cnncalc.layers.pad import PadNd
from cnncalc.layers.pool import PoolNd
from cnncalc.layers.resize import Upsample
from cnncalc.layers.shape import Permute
from cnncalc.lint.edits import Edits, everywhere, mend
from cnncalc.lint.network import Network
from cnncalc.lint.rule import Rule
from cnncalc.problem import Level, Problem

IDEMPOTENT = (ReLU, ReLU6, Hardtanh)
"""Activations that change nothing when they are applied again."""

BETWEEN = (BatchNormNd, SetNorm, Activation, Mul)
"""What stands between the two halves of a separable convolution: norms, activations and gates."""


def is_depthwise(row: Row) -> bool:
    """Whether the layer is a convolution of each channel for itself."""
    layer, shape = row.node.layer, row.in_shapes[0]
    return isinstance(layer, ConvNd) and shape is not None and layer.groups == shape[0] > 1


def groups_of(row: Row) -> int:
    """The groups of a convolution; 1 of another layer."""
    return row.node.layer.groups if isinstance(row.node.layer, ConvNd) else 1


def is_mixing(row: Row) -> bool:
    """Whether an output of the layer depends on several channels, with weights."""
    layer, shape = row.node.layer, row.in_shapes[0]
    if isinstance(layer, ConvNd | ConvTransposeNd):
        return shape is None or shape[0] > layer.groups or shape[0] == 1
    return isinstance(layer, Linear | Opaque)


def last_of(network: Network) -> Iterator[Row]:
    """The layers in which the outputs of the network end, but for those that only rearrange."""
    for index in dict.fromkeys(output.value for output in network.graph.outputs):
        row = network.row_of.get(index)
        while row and isinstance(row.node.layer, Reshaping | Permute | DropoutBase):
            row = next(iter(network.preceding(row)), None)
        if row and not row.assumed:
            yield row


WITHOUT_BIASES = ("output", "outputs", "shape", "stride", "receptive_field", "macs", "depth")
"""What a file may promise that is the same without biases."""


def _counts_biases(promise: str) -> bool:
    """Whether a number of `expect` or `budget`, such as `stem.params`, has them in it."""
    return promise.split(".")[-1].split("[")[0] not in WITHOUT_BIASES


class BiasBeforeNorm(Rule):
    """A bias that the norm behind it takes away again.

    Why it matters: the norm subtracts the mean of each channel, and with it whatever was added to
    all of the channel. The bias costs memory and gets no gradient; the norm has one of its own.

    What to do: write `bias: false`, or put it into `defaults`. Where the file promises a number
    that biases count in, such as `params`, the fix is unsafe, as it would break the promise.

    Source: Ioffe and Szegedy 2015, Batch normalization, section 3.2.
    """

    code, name, fixable = "CNN301", "bias-before-norm", True
    good = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, bias: false}
  - BatchNorm2d
""",
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3}
    name: raw
  - BatchNorm2d
  - Add: [prev, raw]
""",
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3}
  - LayerNorm: {normalized_shape: [8, 30, 30]}
""",
    )
    bad = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3}
#   ^^^^^^
  - BatchNorm2d
""",
        """\
cnncalc: 1
input: [3, 32]
layers:
  - Flatten
  - Linear: {out_features: 8, bias: true}
#                                   ^^^^
  - BatchNorm1d
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        edits = Edits(network.loaded.document)
        found = [row for row in network.sure() if self._cancels(network, row)]
        mended = {row.node.span for row in everywhere(network, found)}
        promised = any(_counts_biases(one.key) for one in network.report.checks)
        for row in found:
            norm, shape = network.following(row)[0].node, row.out_shapes[0] or (0,)
            edit = edits.with_argument(row.node, "bias", "false")
            fix = mend("write bias: false", edit, safe=not promised)
            yield self.at(
                row.node,
                f"the {norm.type} behind it takes the bias of {shape[0]} values away again",
                "write bias: false",
                argument="bias",
                fix=fix if row.node.span in mended else None,
            )

    @staticmethod
    def _cancels(network: Network, row: Row) -> bool:
        """Whether a bias adds the same to all that a norm takes one mean of."""
        layer = row.node.layer
        if not isinstance(layer, ConvNd | ConvTransposeNd | Linear) or not layer.bias:
            return False
        elsewhere = isinstance(layer, Linear) and len(row.out_shapes[0] or ()) > 1
        if isinstance(layer, LocallyConnectedNd) or elsewhere:
            return False  # the mean is not one of what has the same bias
        behind = [one.node.layer for one in network.following(row)]
        norms = bool(behind) and all(isinstance(one, BatchNormNd) for one in behind)
        return norms and not network.is_output(row.node)


class NoActivationBetweenConvs(Rule):
    """A convolution of a convolution, without anything nonlinear between them.

    Why it matters: two linear maps in a row are one linear map. The second convolution adds
    parameters and MACs and nothing that a single one could not compute.

    What to do: put an activation between them, or merge them. Exempt is what is split on purpose:
    depthwise and pointwise pairs, linear bottlenecks (fewer channels between than on both sides, or
    a pointwise projection of what a depthwise convolution, its norm, activation and gate have
    made), and kernels that are factors of one, such as 1x7 and 7x1.

    Source: Goodfellow, Bengio and Courville 2016, Deep learning, section 6.1; for the bottlenecks
    Sandler et al. 2018, MobileNetV2.
    """

    code, name = "CNN302", "no-activation-between-convs"
    good = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3}
  - ReLU
  - Conv2d: {out_channels: 8, kernel_size: 3}
""",
        """\
cnncalc: 1
input: [8, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, groups: 8}
  - Conv2d: {out_channels: 16, kernel_size: 1}
""",
        """\
cnncalc: 1
input: [16, 32, 32]
layers:
  - Conv2d: {out_channels: 4, kernel_size: 1, bias: false}
  - BatchNorm2d
  - Conv2d: {out_channels: 16, kernel_size: 1}
""",
        """\
cnncalc: 1
input: [8, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: [1, 7]}
  - Conv2d: {out_channels: 8, kernel_size: [7, 1]}
""",
        """\
cnncalc: 1
input: [16, 32, 32]
layers:
  - Conv2d: {out_channels: 16, kernel_size: 3, groups: 16, bias: false}
  - BatchNorm2d
  - ReLU
  - Conv2d: {out_channels: 16, kernel_size: 1, bias: false}
  - BatchNorm2d
  - Conv2d: {out_channels: 72, kernel_size: 1, bias: false}
""",
    )
    bad = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, bias: false}
  - BatchNorm2d
  - Conv2d: {out_channels: 16, kernel_size: 1}
#   ^^^^^^
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        before: dict[int, Row] = {}  # the convolution whose linear image a value is
        projections = _projections(network)
        for row in network.sure():
            first = before.get(row.node.inputs[0])
            if isinstance(row.node.layer, ConvNd):
                split = first and (first.node.outputs in projections or self._is_split(first, row))
                if first and not split:
                    message = f"nothing nonlinear between the {first.node.type} on line "
                    message += f"{first.node.span.line} and this one: together they are one"
                    yield self.at(row.node, message, "put an activation such as ReLU between them")
                first = row
            elif not self._is_linear(row):
                first = None
            [index, *more] = row.node.outputs
            single = len(network.readers.get(index, ())) == 1 and not network.is_output(row.node)
            if first and single and not more:
                before[index] = first

    @staticmethod
    def _is_linear(row: Row) -> bool:
        """Whether a layer with one input leaves a linear map of what was before it linear."""
        layer = row.node.layer
        if isinstance(layer, InstanceNormNd):
            return False
        return isinstance(layer, BatchNormNd | PadNd | Identity | Scale | DropoutBase)

    @staticmethod
    def _is_split(first: Row, second: Row) -> bool:
        """Whether two convolutions are the parts of one that was split to save something."""
        one, two = first.node.layer, second.node.layer
        assert isinstance(one, ConvNd)
        assert isinstance(two, ConvNd)
        if is_depthwise(first) or is_depthwise(second):
            return True
        if first.in_shapes[0] and one.out_channels < min(first.in_shapes[0][0], two.out_channels):
            return True
        kernels = list(zip(one.kernel_size, two.kernel_size, strict=True))
        return any(f > 1 == g for f, g in kernels) and any(g > 1 == f for f, g in kernels)


def _projections(network: Network) -> set[tuple[int, ...]]:
    """The outputs of pointwise convolutions that end a depthwise one, and add no channels."""
    filtered: set[int] = set()  # what a depthwise convolution made, up to norm, activation, gate
    found: set[tuple[int, ...]] = set()
    for row in network.sure():
        layer, behind = row.node.layer, not filtered.isdisjoint(row.node.inputs)
        if is_depthwise(row) or (behind and isinstance(layer, BETWEEN)):
            filtered.update(row.node.outputs)
        elif behind and isinstance(layer, ConvNd) and set(layer.kernel_size) == {1}:
            [shape] = row.in_shapes
            if shape and layer.out_channels <= shape[0]:
                found.add(row.node.outputs)
    return found


class RepeatedActivation(Rule):
    """An activation directly behind an activation.

    Why it matters: the second one mostly does nothing (ReLU of ReLU), or squeezes a range that the
    first has cut already (Sigmoid of ReLU is never below a half). Often a layer between them was
    lost, or a block brings its own.

    What to do: delete one of them. A gate that is built of two, such as Tanh of Softplus before a
    Mul, is exempt.

    Source: max(0, max(0, x)) = max(0, x); Misra 2019, Mish, for the gate.
    """

    code, name, fixable = "CNN303", "repeated-activation", True
    good = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3}
  - ReLU
  - Conv2d: {out_channels: 8, kernel_size: 3}
  - ReLU
""",
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3}
    name: x
  - Softplus
  - Tanh
  - Mul: [prev, x]
""",
    )
    bad = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3}
  - ReLU
  - ReLU
#   ^^^^
  - MaxPool2d: 2
""",
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3}
  - ReLU
  - LeakyReLU: 0.1
#   ^^^^^^^^^
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        edits = Edits(network.loaded.document)
        found = [row for row in network.sure(Activation) if self._repeats(network, row)]
        again = [row for row in found if self._is_idle(network, row)]
        mended = {row.node.span for row in everywhere(network, again)}
        for row in found:
            [first] = network.preceding(row)
            message = f"{row.node.type} directly behind the {first.node.type} "
            message += f"on line {first.node.span.line}"
            idle = " changes nothing" if self._is_idle(network, row) else ""
            edit = edits.without_item(row.node.span) if row.node.span in mended else None
            yield self.at(row.node, message + idle, fix=mend(f"delete the {row.node.type}", edit))

    @staticmethod
    def _repeats(network: Network, row: Row) -> bool:
        """Whether an activation follows another, and is no gate."""
        pair = [row, *network.preceding(row)]
        behind = network.following(row)
        if behind and all(isinstance(one.node.layer, Mul) for one in behind):
            return False
        kinds = [isinstance(one.node.layer, Activation) for one in pair]
        return len(pair) == 2 and all(kinds) and not isinstance(row.node.layer, Maxout)

    @staticmethod
    def _is_idle(network: Network, row: Row) -> bool:
        [first] = network.preceding(row)
        return isinstance(row.node.layer, IDEMPOTENT) and row.node.layer == first.node.layer


class DropoutBeforeNorm(Rule):
    """A dropout whose output reaches a batch norm through convolutions, activations and pools.

    Why it matters: in training dropout raises the variance of what it lets through, at inference it
    does not. The norm has learned the one and is given the other, and the error grows from norm to
    norm.

    What to do: put dropout behind the last norm, or only in front of the last layers.

    Source: Li et al. 2018, Understanding the disharmony between dropout and batch normalization by
    variance shift.
    """

    code, name = "CNN304", "dropout-before-norm"
    good = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, bias: false}
  - BatchNorm2d
  - ReLU
  - Dropout2d: 0.1
  - Conv2d: {out_channels: 8, kernel_size: 3}
""",
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Dropout: 0.1
  - Conv2d: {out_channels: 8, kernel_size: 3}
  - GroupNorm: 4
""",
    )
    bad = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Dropout: 0.1
#   ^^^^^^^
  - Conv2d: {out_channels: 8, kernel_size: 3, bias: false}
  - ReLU
  - AvgPool2d: 2
  - BatchNorm2d
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        norms: dict[str, Row] = {}  # by the path of a layer, the first norm that its input reaches
        for row in reversed(tuple(network.sure())):
            layer = row.node.layer
            behind = (norms.get(one.node.path) for one in network.following(row))
            norm = next((one for one in behind if one), None)
            if isinstance(layer, BatchNormNd) and not isinstance(layer, InstanceNormNd):
                norm = row if layer.track_running_stats else None
            elif isinstance(layer, DropoutBase) and layer.p and norm:
                place = f"the {norm.node.type} on line {norm.node.span.line}"
                message = f"what is dropped with p = {layer.p:g} reaches {place}"
                yield self.at(row.node, f"{message}, whose statistics it changes in training")
            elif not isinstance(layer, ConvNd | Activation | PoolNd | DropoutBase):
                norm = None
            if norm:
                norms[row.node.path] = norm


class SoftmaxBeforeLoss(Rule):
    """An output that ends in a softmax or a sigmoid, where the loss wants logits.

    Why it matters: CrossEntropyLoss has a softmax in it, BCEWithLogitsLoss a sigmoid. What has been
    through one is squeezed into 0..1, so that the second one can never be sure of a class, and the
    gradients nearly vanish: it trains, badly and without an error. Without a `loss:` it is a hint.

    What to do: let the network end in its last linear layer, and take the softmax where
    probabilities are needed.

    Source: torch.nn.CrossEntropyLoss, torch.nn.BCEWithLogitsLoss.
    """

    code, name = "CNN305", "softmax-before-loss"
    good = (
        """\
cnncalc: 1
input: [16]
layers:
  - Linear: 10
loss: CrossEntropyLoss
""",
        """\
cnncalc: 1
input: [16]
layers:
  - Linear: 10
  - Sigmoid
loss: MSELoss
""",
    )
    bad = (
        """\
cnncalc: 1
input: [16]
layers:
  - Linear: 10
  - Softmax
#   ^^^^^^^
loss: CrossEntropyLoss
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        loss = network.spec.loss.name.text if network.spec and network.spec.loss else None
        if loss not in (None, "CrossEntropyLoss", "BCEWithLogitsLoss"):
            return
        for row in last_of(network):
            if isinstance(row.node.layer, Softmax | LogSoftmax | Sigmoid):
                ends, help = f"the output ends in {row.node.type}", f"delete the {row.node.type}"
                if loss:
                    yield self.at(row.node, f"{loss} takes logits, and {ends}", help)
                else:
                    hint = self.at(row.node, f"{ends}, so that a loss must not take logits")
                    yield hint._replace(level=Level.INFO)


class ReluOnLogits(Rule):
    """An output that ends in ReLU.

    Why it matters: no score can be negative, and a class whose score is 0 for all images gets no
    gradient any more. For amounts that cannot be negative it may be meant.

    What to do: delete the last ReLU, unless the outputs are features or amounts.

    Source: torch.nn.CrossEntropyLoss, whose input are scores without bounds.
    """

    code, name, level = "CNN306", "relu-on-logits", Level.INFO
    good = (
        """\
cnncalc: 1
input: [16]
layers:
  - Linear: 32
  - ReLU
  - Linear: 10
""",
    )
    bad = (
        """\
cnncalc: 1
input: [3, 8, 8]
layers:
  - Conv2d: {out_channels: 10, kernel_size: 8}
  - ReLU
#   ^^^^
  - Flatten
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        for row in last_of(network):
            if isinstance(row.node.layer, ReLU | ReLU6):
                yield self.at(row.node, f"the output ends in {row.node.type}: no score below 0")


class DepthwiseWithoutPointwise(Rule):
    """A depthwise convolution whose channels never meet.

    Why it matters: it filters each channel alone, a factor of C cheaper, and relies on a pointwise
    convolution to combine them. Without one the channels are as many separate networks.

    What to do: put a convolution with `kernel_size: 1` behind it. It may stand behind one merge,
    as in ConvMixer, but no farther. A gate (Mul) does not count, nor does a Concat, as in GhostNet,
    or what adds one value to each channel, as the style of a StyleGAN does.

    Source: Howard et al. 2017, MobileNets, section 3.1.
    """

    code, name = "CNN307", "depthwise-without-pointwise"
    good = (
        """\
cnncalc: 1
input: [8, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, groups: 8}
  - ReLU
  - Conv2d: {out_channels: 16, kernel_size: 1}
""",
        """\
cnncalc: 1
input: [8, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1, groups: 8}
  - Add: [prev, input]
  - Conv2d: {out_channels: 16, kernel_size: 1}
""",
        """\
cnncalc: 1
inputs: {map: [8, 32, 32], noise: [8, 32, 32], shift: [8, 1, 1]}
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1, groups: 8}
  - Add: [prev, noise]
  - LeakyReLU: 0.2
  - Add: [prev, shift]
  - Conv2d: {out_channels: 16, kernel_size: 3}
""",
        """\
cnncalc: 1
input: [16, 32, 32]
layers:
  - branches:
      map:
      ghost: {Conv2d: {out_channels: 16, kernel_size: 3, padding: 1, groups: 16}}
    merge: Concat
    name: first
  - Tanh
  - Add: [prev, first]
  - Conv2d: {out_channels: 16, kernel_size: 1}
""",
    )
    bad = (
        """\
cnncalc: 1
input: [8, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, groups: 8}
#                                                     ^
  - ReLU
  - MaxPool2d: 2
""",
        """\
cnncalc: 1
input: [8, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1, groups: 8}
#                                                                 ^
  - Add: [prev, input]
    name: first
  - ReLU
  - Add: [prev, first]
  - Conv2d: {out_channels: 16, kernel_size: 1}
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        merges: dict[str, int] = {}  # by path of a layer, the merges from its input to a mixing
        for row in reversed(network.rows):
            behind = [merges.get(one.node.path, 2) for one in network.following(row)]
            nearest = min(behind, default=2)
            if is_depthwise(row) and nearest > 1 and not row.assumed:
                shape = row.in_shapes[0]
                message = f"nothing behind it mixes its {shape[0] if shape else 0} channels"
                help = "put a Conv2d with kernel_size: 1 behind it"
                yield self.at(row.node, message, help, argument="groups")
            unknown = row.node.layer is None or is_mixing(row)
            merges[row.node.path] = 0 if unknown else nearest + self._joins(row)

    @staticmethod
    def _joins(row: Row) -> bool:
        """Whether a layer makes one map of several; a shift of whole channels is no map."""
        if not isinstance(row.node.layer, Merge) or isinstance(row.node.layer, Mul | Concat):
            return False
        sizes = [prod(shape[1:]) for shape in row.in_shapes if shape]
        return min(sizes, default=1) == max(sizes, default=1)


class GroupedWithoutMixing(Rule):
    """Two grouped convolutions in a row, with nothing that mixes their groups.

    Why it matters: the groups become as many narrow networks side by side, none of which sees what
    the others have found.

    What to do: put a ChannelShuffle or a convolution without groups between them.

    Source: Zhang et al. 2017, ShuffleNet, section 3.1.
    """

    code, name, level = "CNN308", "grouped-without-mixing", Level.INFO
    good = (
        """\
cnncalc: 1
input: [8, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, groups: 4}
  - ReLU
  - ChannelShuffle: 4
  - Conv2d: {out_channels: 8, kernel_size: 3, groups: 4}
""",
        """\
cnncalc: 1
input: [12, 32, 32]
layers:
  - Conv2d: {out_channels: 12, kernel_size: 3, groups: 4}
  - ReLU
  - Conv2d: {out_channels: 12, kernel_size: 3, groups: 3}
""",
    )
    bad = (
        """\
cnncalc: 1
input: [8, 32, 32]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, groups: 4}
  - ReLU
  - MaxPool2d: 2
  - Conv2d: {out_channels: 8, kernel_size: 3, groups: 2}
#                                                     ^
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        before: dict[int, Row] = {}  # the grouped convolution whose groups are apart in a value
        for row in network.sure():
            first = before.get(row.node.inputs[0])
            layer = row.node.layer
            if isinstance(layer, ConvNd) and not is_depthwise(row):
                parts = gcd(layer.groups, groups_of(first)) if first else 1
                if first and parts > 1:
                    message = f"the channels stay apart in {parts} parts since the "
                    message += f"{first.node.type} on line {first.node.span.line}"
                    yield self.at(row.node, message, argument="groups")
                first = row if layer.groups > 1 else None
            elif not self._keeps_apart(row):
                first = None
            if first:
                before.update(dict.fromkeys(row.node.outputs, first))

    @staticmethod
    def _keeps_apart(row: Row) -> bool:
        """Whether a layer with one input leaves each channel alone, and in its place."""
        layer = row.node.layer
        alone = BatchNormNd | PoolNd | PadNd | DropoutBase | Identity | Scale | Upsample
        pointwise = isinstance(layer, Activation) and not isinstance(
            layer, Softmax | LogSoftmax | Maxout
        )
        return is_depthwise(row) or pointwise or isinstance(layer, alone)


class SingleValueNorm(Rule):
    """A batch norm of a map that has only one position.

    Why it matters: with a batch of one image there is one value for each channel, from which no
    variance can be taken: training stops with an error, and small batches have poor statistics. An
    instance norm has never more than that one value, and its output is 0.

    What to do: leave the norm out behind a global pool, or put it before that.

    Source: torch.nn.functional.batch_norm ("Expected more than 1 value per channel when training").
    """

    code, name = "CNN309", "single-value-norm"
    good = (
        """\
cnncalc: 1
input: [8, 32, 32]
layers:
  - BatchNorm2d
  - AdaptiveAvgPool2d: 1
""",
        """\
cnncalc: 1
input: [16]
layers:
  - BatchNorm1d
""",
    )
    bad = (
        """\
cnncalc: 1
input: [8, 32, 32]
layers:
  - AdaptiveAvgPool2d: 1
  - BatchNorm2d
#   ^^^^^^^^^^^
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        for row in network.sure(BatchNormNd):
            shape = row.in_shapes[0] or ()
            if len(shape) > 1 and prod(shape[1:]) == 1:
                sizes = " x ".join(map(str, shape))
                fails = "training with one image fails"
                if isinstance(row.node.layer, InstanceNormNd):
                    fails = "its output is 0"
                yield self.at(row.node, f"one value for each channel of {sizes}: {fails}")
