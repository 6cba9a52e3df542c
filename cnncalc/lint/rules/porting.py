"""What other frameworks mean otherwise: CNN6xx."""

from __future__ import annotations

from collections.abc import Iterator

from cnncalc.layers.dropout import DropoutBase
from cnncalc.layers.norm import BatchNormNd
from cnncalc.layers.pool import AvgPoolNd, LPPoolNd, MaxPoolNd
from cnncalc.lint.network import Network
from cnncalc.lint.rule import Rule
from cnncalc.problem import Level, Problem


class AvgPoolCountsPadding(Rule):
    """An average pool with padding that does not say whether the padding counts.

    Why it matters: PyTorch divides by the whole kernel, padding included, Keras and TensorFlow
    by what lies in the input. A ported network differs at its borders, and no shape shows it.

    What to do: write `count_include_pad`, true or false, as the original has it.

    Source: torch.nn.AvgPool2d; tf.nn.avg_pool2d, whose SAME padding is not counted.
    """

    code, name, level = "CNN601", "avgpool-counts-padding", Level.INFO
    good = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - AvgPool2d: {kernel_size: 3, stride: 1, padding: 1, count_include_pad: true}
  - AvgPool2d: 2
""",
        """\
cnncalc: 1
input: [3, 32, 32]
defaults: {AvgPool2d: {count_include_pad: false}}
layers:
  - AvgPool2d: {kernel_size: 3, stride: 1, padding: 1}
""",
    )
    bad = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - AvgPool2d: {kernel_size: 3, stride: 1, padding: 1}
#                                                   ^
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        defaults = network.spec.defaults if network.spec else {}
        for row in network.sure(AvgPoolNd):
            assert isinstance(row.node.layer, AvgPoolNd)
            padding = max(map(max, row.node.layer.pads))
            usual = defaults.get(row.node.type)
            said = usual is not None and usual[1].get("count_include_pad") is not None
            if padding and not said and "count_include_pad" not in row.node.written:
                message = f"padding of {padding} counts in the mean, in torch but not in Keras"
                yield self.at(row.node, message, "write count_include_pad", argument="padding")


class KerasMomentum(Rule):
    """The momentum of a batch norm as Keras writes it.

    Why it matters: PyTorch's momentum is the share of the new batch in the running statistics, 0.1
    by default; Keras's is the share of the old ones, 0.99. With 0.99 in PyTorch's place the
    statistics are those of the last batch, and the network is noise at inference.

    What to do: write 1 - momentum: 0.01 for Keras's 0.99, 0.003 for TensorFlow's 0.997.

    Source: torch.nn.BatchNorm2d (note on momentum); keras.layers.BatchNormalization.
    """

    code, name = "CNN602", "keras-momentum"
    good = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - BatchNorm2d: {momentum: 0.01}
  - BatchNorm2d: {momentum: null}
""",
    )
    bad = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - BatchNorm2d: {momentum: 0.99}
#                           ^^^^
""",
        """\
cnncalc: 1
input: [3, 32, 32]
defaults: {BatchNorm2d: {momentum: 0.5}}
layers:
  - BatchNorm2d
#   ^^^^^^^^^^^
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        for row in network.sure(BatchNormNd):
            assert isinstance(row.node.layer, BatchNormNd)
            momentum = row.node.layer.momentum or 0
            if momentum >= 0.5 and row.node.layer.track_running_stats:
                message = f"momentum {momentum:g} is the share of the new batch, not of the old"
                help = f"Keras's {momentum:g} is {1 - momentum:.6g} here"
                yield self.at(row.node, message, help, argument="momentum")


class KeepProb(Rule):
    """A dropout that drops nearly everything.

    Why it matters: TensorFlow 1 asked for the probability to keep, PyTorch and Keras ask for that
    to drop. A `keep_prob` of 0.9 that was copied drops nine of ten values, and the network hardly
    trains.

    What to do: write 1 - keep_prob.

    Source: tf.compat.v1.nn.dropout (`keep_prob`, `rate`); torch.nn.Dropout.
    """

    code, name = "CNN603", "keep-prob"
    good = (
        """\
cnncalc: 1
input: [16]
layers:
  - Dropout: 0.8
""",
    )
    bad = (
        """\
cnncalc: 1
input: [16]
layers:
  - Dropout: 0.9
#            ^^^
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        for row in network.sure(DropoutBase):
            assert isinstance(row.node.layer, DropoutBase)
            p = row.node.layer.p
            if p > 0.8:
                help = f"write {1 - p:.6g} if {p:g} of them are to be kept"
                yield self.at(row.node, f"{p:.0%} of all values are dropped", help, argument="p")


class CeilMode(Rule):
    """A pool that rounds its size up.

    Why it matters: Caffe rounds up, PyTorch, TensorFlow and most converters round down. Where the
    windows do not come out evenly, the map has a row more, and the last window is cut off.

    What to do: keep it where the original is of Caffe; write it down where the network is ported,
    as some runtimes do not support it.

    Source: torch.nn.MaxPool2d (`ceil_mode`); Caffe, pooling_layer.cpp.
    """

    code, name, level, default = "CNN604", "ceil-mode", Level.INFO, False
    good = (
        """\
cnncalc: 1
input: [3, 33, 33]
layers:
  - MaxPool2d: {kernel_size: 3, stride: 2}
""",
    )
    bad = (
        """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - MaxPool2d: {kernel_size: 3, stride: 2, ceil_mode: true}
#                                                     ^^^^
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        for row in network.sure(MaxPoolNd, AvgPoolNd, LPPoolNd):
            if getattr(row.node.layer, "ceil_mode", False):
                sizes = " x ".join(map(str, (row.out_shapes[0] or ())[1:]))
                message = f"the size is rounded up, to {sizes}"
                yield self.at(row.node, message, argument="ceil_mode")
