"""Norms, dropout and padding: counts by hand, and what a norm reads, by changing one element."""

from math import prod

import numpy as np
import pytest

from cnncalc import layers
from cnncalc.layer import LayerError, Parameter, Saved
from cnncalc.window import POINT, Reach, Sliding, Whole

NORMS = layers.FAMILIES["norm"]
ARGUMENTS = {
    "GroupNorm": {"num_groups": 3},
    "LayerNorm": {"normalized_shape": 3},
    "LocalResponseNorm": {"size": 3},
}


def sized(layer):
    return (6, 4, 2, 3)[: layer.rank + 1] if layer.rank else (6, 2, 3)


def make(name, **arguments):
    return layers.find(name)(**arguments)


def refused(name, x, **arguments):
    with pytest.raises(LayerError) as caught:
        make(name, **arguments).infer(x)
    return caught.value


def elements(layer, x, *, buffer=False):
    return sum(prod(one.shape) for one in layer.params(x).values() if one.buffer == buffer)


# ---- shapes and parameters


def test_resnet_50_has_its_published_batch_norm_parameters():
    """Keras prints 53,120 non-trainable parameters: the running statistics."""
    channels = [64]
    for blocks, width in ((3, 64), (4, 128), (6, 256), (3, 512)):
        channels += [width, width, 4 * width] * blocks + [4 * width]  # the last: the shortcut
    norm = make("BatchNorm2d")
    assert sum(elements(norm, (c, 7, 7), buffer=True) for c in channels) == 53_120
    assert sum(elements(norm, (c, 7, 7)) for c in channels) == 53_120


def test_vit_b_16_has_its_published_layer_norm_parameters():
    """25 norms of width 768, two in each of 12 blocks and one at the end."""
    norm = make("LayerNorm", normalized_shape=768, eps=1e-6)
    assert elements(norm, (197, 768)) * 25 == 38_400


@pytest.mark.parametrize("name", ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d"])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("track", [True, False])
def test_batch_norm_has_what_its_switches_say(name, affine, track):
    layer = make(name, affine=affine, track_running_stats=track)
    x = (6, 4, 3, 2)[: layer.rank + 1]
    assert layer.infer(x) == x
    names = ["weight", "bias"] * affine + ["running_mean", "running_var"] * track
    assert layer.params(x) == {key: Parameter((6,), key.startswith("running")) for key in names}


def test_defaults_of_the_norms():
    """torch.nn: batch norm learns and tracks, instance norm neither, group norm learns."""
    x = (6, 4, 3)
    assert list(make("BatchNorm2d").params(x)) == ["weight", "bias", "running_mean", "running_var"]
    assert make("InstanceNorm2d").params(x) == {}
    assert make("GroupNorm", num_groups=2).params(x) == {
        "weight": Parameter((6,)),
        "bias": Parameter((6,)),
    }
    assert make("LocalResponseNorm", size=5).params(x) == {}
    norm = make("BatchNorm2d")
    assert (norm.eps, norm.momentum) == (1e-5, 0.1)
    assert make("BatchNorm2d", momentum=None).momentum is None


@pytest.mark.parametrize("name", ["BatchNorm2d", "InstanceNorm2d", "GroupNorm", "LayerNorm"])
def test_a_norm_without_bias_only_scales(name):
    switch = "elementwise_affine" if name == "LayerNorm" else "affine"
    more = {"GroupNorm": {"num_groups": 3}, "LayerNorm": {"normalized_shape": 5}}.get(name, {})
    x = (6, 4, 5)
    scaled = make(name, **{switch: True}, bias=False, **more)
    learned = [key for key, one in scaled.params(x).items() if not one.buffer]
    assert learned == ["weight"]
    plain = make(name, **{switch: False}, bias=True, **more)
    assert elements(plain, x) == 0


@pytest.mark.parametrize("name", ["BatchNorm2d", "InstanceNorm2d"])
def test_a_norm_without_weight_only_shifts(name):
    """What Keras writes as scale=False, in its Inception networks."""
    x = (6, 4, 5)
    shifted = make(name, affine=True, weight=False)
    learned = [key for key, one in shifted.params(x).items() if not one.buffer]
    assert learned == ["bias"]
    assert elements(make(name, affine=True, weight=False, bias=False), x) == 0
    assert elements(make(name, affine=False, weight=True), x) == 0


def test_batch_norm_1d_takes_features_and_sequences():
    for x in [(5,), (5, 7)]:
        assert make("BatchNorm1d").infer(x) == x
    assert refused("BatchNorm1d", (5, 7, 7)).help == "did you mean 'BatchNorm2d'?"


@pytest.mark.parametrize("x", [(4,), (2, 4), (2, 3, 4), (5, 2, 3, 4)])
def test_layer_norm_works_on_trailing_axes(x):
    for count in range(1, len(x) + 1):
        layer = make("LayerNorm", normalized_shape=list(x[-count:]))
        assert layer.infer(x) == x
        for one in layer.params(x).values():
            assert one.shape == x[-count:]
            assert np.broadcast_shapes(one.shape, x) == x
        wrong = [*x[-count:-1], x[-1] + 1]
        assert refused("LayerNorm", x, normalized_shape=wrong).code == "CNN101"
    assert refused("LayerNorm", x, normalized_shape=[1, *x]).code == "CNN101"


def test_group_norm_wants_groups_of_equal_size():
    for channels in range(1, 13):
        for groups in range(1, 14):
            sizes = {len(part) for part in np.array_split(range(channels), groups)}
            layer = make("GroupNorm", num_groups=groups)
            if len(sizes) == 1 and 0 not in sizes:
                assert layer.infer((channels, 3)) == (channels, 3)
            else:
                error = refused("GroupNorm", (channels, 3), num_groups=groups)
                assert (error.code, error.argument) == ("CNN103", "num_groups")


# ---- operations


def test_a_norm_with_its_own_statistics_counts_every_step():
    """Three channels of 4 elements each."""
    mean = 4 + 1  # sum, divide
    variance = 4 + 4 + 4 + 1  # subtract, square, sum, divide
    factor = 1 + 1 + 1  # add eps, root, reciprocal
    normalise = 4 + 4  # subtract, multiply
    one = mean + variance + factor + normalise
    x = (3, 2, 2)
    assert make("InstanceNorm2d").flops(x) == 3 * one
    assert make("InstanceNorm2d", affine=True).flops(x) == 3 * (one + 4 + 4)
    assert make("InstanceNorm2d", affine=True, bias=False).flops(x) == 3 * (one + 4)
    assert make("InstanceNorm2d", affine=True, weight=False).flops(x) == 3 * (one + 4)
    assert make("BatchNorm2d", affine=False, track_running_stats=False).flops(x) == 3 * one
    assert make("GroupNorm", num_groups=3, affine=False).flops(x) == 3 * one
    assert make("GroupNorm", num_groups=3).flops(x) == 3 * (one + 4 + 4)
    assert make("GroupNorm", num_groups=3, bias=False).flops(x) == 3 * (one + 4)
    rows = make("LayerNorm", normalized_shape=4, elementwise_affine=False)
    assert rows.flops((3, 4)) == 3 * one
    assert make("LayerNorm", normalized_shape=4).flops((3, 4)) == 3 * (one + 4 + 4)
    assert make("LayerNorm", normalized_shape=4, bias=False).flops((3, 4)) == 3 * (one + 4)


def test_fewer_groups_take_fewer_divisions():
    per_group = 2 + 3  # two divisions; eps, root, reciprocal
    flops = [make("GroupNorm", num_groups=g, affine=False).flops((6, 5)) for g in (6, 3, 2, 1)]
    assert np.diff(flops).tolist() == [-3 * per_group, -per_group, -per_group]


@pytest.mark.parametrize("name", ["BatchNorm2d", "InstanceNorm2d"])
def test_running_statistics_leave_one_scale_and_one_shift(name):
    layer = make(name, track_running_stats=True)
    assert layer.flops((64, 112, 112)) == 64 * 112 * 112 + 64 * 112 * 112


def test_local_response_norm_counts_every_step():
    size = 5
    squares, total = size, size
    scale_add_power_divide = 4
    layer = make("LocalResponseNorm", size=size)
    one = squares + total + scale_add_power_divide
    assert layer.flops((96, 55, 55)) == 96 * 55 * 55 * one  # AlexNet's first


@pytest.mark.parametrize("name", NORMS)
def test_norms_multiply_with_no_shared_weight(name):
    layer = make(name, **ARGUMENTS.get(name, {}))
    assert layer.macs(sized(layer)) == 0


# ---- kept for backward


def test_norms_keep_their_input_and_a_mean_and_a_deviation_of_each_set():
    x = (6, 4, 5)

    def statistics(name, **arguments):
        whole, own = make(name, **arguments).saved(x)
        assert whole == Saved("input")
        assert own.element_bytes is None
        return own.elements, own.batched

    assert statistics("BatchNorm2d") == (6 * 2, False)  # over the batch: once for all images
    assert statistics("InstanceNorm2d") == (6 * 2, True)
    assert statistics("GroupNorm", num_groups=3) == (3 * 2, True)
    assert statistics("LayerNorm", normalized_shape=5) == (6 * 4 * 2, True)
    assert statistics("LayerNorm", normalized_shape=[4, 5]) == (6 * 2, True)
    assert statistics("LayerNorm", normalized_shape=[6, 4, 5]) == (2, True)
    assert statistics("LocalResponseNorm", size=5) == (6 * 4 * 5, True)  # the divisors


@pytest.mark.parametrize(
    ("name", "x", "mask"),
    [
        ("Dropout", (6,), 6),
        ("Dropout", (6, 4, 5), 120),
        ("AlphaDropout", (6, 4), 24),
        ("Dropout1d", (6, 4), 6),
        ("Dropout2d", (6, 4, 5), 6),
        ("Dropout3d", (6, 4, 5, 2), 6),
    ],
)
def test_dropout_keeps_a_byte_for_each_thing_it_drops(name, x, mask):
    layer = make(name)
    assert layer.saved(x) == (Saved("mask", elements=mask, element_bytes=1),)
    assert (layer.infer(x), layer.params(x), layer.flops(x)) == (x, {}, 0)
    assert layer.window(x) == (POINT,) * (len(x) - 1)
    assert (layer.p, layer.view, layer.ignored) == (0.5, True, ("inplace",))


def test_dropout_wants_a_probability():
    assert [make("Dropout", p=p).p for p in (0, 1)] == [0.0, 1.0]
    for p in (-0.1, 1.1):
        assert refused("Dropout", (6,), p=p).code == "CNN007"


def test_channels_are_dropped_from_maps_of_the_right_rank():
    assert refused("Dropout2d", (6, 4)).help == "did you mean 'Dropout1d'?"
    assert "before Flatten" in refused("Dropout2d", (6,)).help


# ---- what a norm reads


def normalised(x, axes):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)


def grouped(groups):
    def function(x):
        rows = x.reshape(groups, -1)
        return normalised(rows, (1,)).reshape(x.shape)

    return function


def neighbours(x):
    padded = np.pad(x**2, [(1, 1)] + [(0, 0)] * (x.ndim - 1))
    return x / (1 + padded[:-2] + padded[1:-1] + padded[2:]) ** 0.75


READS = [
    ("InstanceNorm1d", {}, (2, 5), lambda x: normalised(x, (1,))),
    ("InstanceNorm2d", {}, (2, 3, 4), lambda x: normalised(x, (1, 2))),
    ("InstanceNorm2d", {"track_running_stats": True}, (2, 3, 4), lambda x: (x - 0.3) / 2),
    ("BatchNorm2d", {}, (2, 3, 4), lambda x: (x - 0.3) / 2),
    ("BatchNorm2d", {"track_running_stats": False}, (2, 3, 4), lambda x: normalised(x, (1, 2))),
    ("GroupNorm", {"num_groups": 1}, (4, 3, 5), grouped(1)),
    ("GroupNorm", {"num_groups": 2}, (4, 3, 5), grouped(2)),
    ("GroupNorm", {"num_groups": 4}, (4, 3), grouped(4)),
    ("LayerNorm", {"normalized_shape": 4}, (3, 4), lambda x: normalised(x, (1,))),
    ("LayerNorm", {"normalized_shape": 5}, (3, 4, 5), lambda x: normalised(x, (2,))),
    ("LayerNorm", {"normalized_shape": [4, 5]}, (3, 4, 5), lambda x: normalised(x, (1, 2))),
    ("LayerNorm", {"normalized_shape": [3, 4, 5]}, (3, 4, 5), lambda x: normalised(x, (0, 1, 2))),
    ("LocalResponseNorm", {"size": 3}, (4, 3, 5), neighbours),
]


@pytest.mark.parametrize(("name", "arguments", "x", "function"), READS)
def test_a_norm_reads_the_axes_along_which_a_change_spreads(name, arguments, x, function):
    one = np.random.default_rng(1).normal(size=x)
    other = one.copy()
    other[(0,) * len(x)] += 1
    changed = np.argwhere(~np.isclose(function(one), function(other), rtol=0, atol=1e-9))
    spread = changed.any(axis=0)[1:]  # whether it left place 0 of each spatial axis
    expected = tuple(Whole(local=True) if far else POINT for far in spread)
    assert make(name, **arguments).window(x) == expected


def test_a_norm_over_features_reads_all_of_them():
    assert make("LayerNorm", normalized_shape=4).window((4,)) is Reach.STATISTICS
    assert make("GroupNorm", num_groups=2).window((4,)) is Reach.STATISTICS
    assert make("BatchNorm1d").window((4,)) == ()


# ---- padding


PAD_MODES = {
    "ZeroPad": "constant",
    "ConstantPad": "constant",
    "ReflectionPad": "reflect",
    "ReplicationPad": "replicate",
    "CircularPad": "circular",
}


@pytest.mark.parametrize("name", layers.FAMILIES["pad"])
def test_padding_is_free_and_moves_the_start(name):
    value = {"value": 2.5} if name.startswith("Constant") else {}
    layer = make(name, padding=1, **value)
    x = (3, 4, 5, 6)[: layer.rank + 1]
    assert layer.infer(x) == (3, *(n + 2 for n in x[1:]))
    assert (layer.params(x), layer.saved(x), layer.flops(x), layer.view) == ({}, (), 0, False)
    sides = [1, 0, 2, 1, 3, 2][: 2 * layer.rank]
    layer = make(name, padding=sides, **value)
    mode = PAD_MODES[name.removesuffix(f"{layer.rank}d")]
    befores = (3, 2, 1)[3 - layer.rank :]
    assert layer.window(x) == tuple(Sliding(before=n, mode=mode) for n in befores)
    assert layer.infer(x) == (
        3,
        *(n + 2 * b - 1 for n, b in zip(x[1:], sides[-2::-2], strict=True)),
    )


# ---- messages

WRONG = [
    ("BatchNorm2d", {"num_features": 8}, (6, 3, 3), "CNN101", ["num_features", "8", "6"]),
    ("BatchNorm1d", {"num_features": 8}, (6,), "CNN101", ["num_features", "8", "6"]),
    ("InstanceNorm1d", {"num_features": 8}, (6, 3), "CNN101", ["num_features", "8", "6"]),
    ("InstanceNorm1d", {}, (6,), "CNN101", ["(C, L)", "[6]"]),
    ("BatchNorm2d", {"eps": -1}, (6, 3, 3), "CNN007", ["eps", "-1"]),
    ("GroupNorm", {"num_groups": 4}, (6, 3), "CNN103", ["num_groups 4", "6 channels"]),
    ("GroupNorm", {"num_groups": 2, "num_channels": 4}, (6,), "CNN101", ["num_channels", "4", "6"]),
    ("GroupNorm", {}, (6,), "CNN005", ["num_groups"]),
    ("LayerNorm", {"normalized_shape": [5, 3]}, (6, 4, 3), "CNN101", ["[5, 3]", "[6, 4, 3]"]),
    ("LocalResponseNorm", {"size": 5}, (6,), "CNN101", ["[6]"]),
    ("LocalResponseNorm", {"size": 0}, (6, 2), "CNN007", ["size", "0"]),
    ("ReflectionPad1d", {"padding": [4, 0]}, (1, 4), "CNN102", ["4", "5"]),
    ("CircularPad1d", {"padding": [0, 5]}, (1, 4), "CNN102", ["5", "4"]),
    ("ZeroPad1d", {"padding": [-2, -2]}, (1, 4), "CNN102", ["-2 + -2", "4"]),
    ("ZeroPad2d", {"padding": 1}, (1, 4), "CNN101", ["(C, H, W)", "[1, 4]"]),
    ("ZeroPad2d", {"padding": [1, 2]}, (1, 4, 4), "CNN007", ["[left, right, top, bottom]"]),
    ("ConstantPad1d", {"padding": 1}, (1, 4), "CNN005", ["value"]),
    ("Dropout", {"p": 2}, (6,), "CNN007", ["p must be", "2"]),
]


@pytest.mark.parametrize(("name", "arguments", "x", "code", "parts"), WRONG)
def test_messages_quote_what_is_wrong(name, arguments, x, code, parts):
    error = refused(name, x, **arguments)
    assert error.code == code
    assert all(part in error.message for part in parts), error.message
    assert not error.message.endswith(".")
    assert error.argument is None or error.argument in layers.find(name).arguments


def test_help_says_what_would_fit():
    assert refused("LayerNorm", (6, 4, 3), normalized_shape=[5, 3]).help == "write [4, 3]"
    assert refused("LayerNorm", (6, 4, 3), normalized_shape=5).help == "write 3"
    assert "3" in refused("GroupNorm", (6, 4), num_groups=4).help
