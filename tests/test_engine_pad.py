"""Pads, crops and moves of elements, against NumPy's own and against counting."""

from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from cnncalc import layers
from cnncalc.kernels.mode import Mode, Wants
from cnncalc.layer import LayerError

KINDS = {
    "ZeroPad": "constant",
    "ConstantPad": "constant",
    "ReflectionPad": "reflect",
    "ReplicationPad": "edge",
    "CircularPad": "wrap",
}


def run(layer, x):
    y, saved = layer.forward({}, x, mode=Mode())
    dy = np.random.default_rng(3).integers(-9, 10, y.shape).astype(float)
    dx, _ = layer.backward({}, dy, saved, wants=Wants(), mode=Mode())
    return y, dy, dx


def labelled(shape, batch=2):
    """Every element another number, so that a copy shows where it came from."""
    return np.arange(1.0, batch * np.prod(shape) + 1).reshape(batch, *shape)


def is_adjoint(x, y, dy, dx):
    """The gradient of a copied element is the sum of those of its copies."""
    for label, gradient in zip(x.ravel(), dx.ravel(), strict=True):
        assert gradient == dy[y == label].sum()


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(list(KINDS)),
    st.integers(1, 3),
    st.lists(st.integers(-2, 3), min_size=6, max_size=6),
    st.lists(st.integers(2, 5), min_size=3, max_size=3),
)
def test_pads_are_those_of_numpy(kind, rank, sides, n):
    sides, shape = sides[: 2 * rank], (2, *n[:rank])
    value = {"value": -7.0} if kind == "ConstantPad" else {}
    layer = layers.find(f"{kind}{rank}d")(padding=sides, **value)
    try:
        layer.infer(shape)
    except LayerError:
        assume(False)
    pairs = [(sides[2 * axis], sides[2 * axis + 1]) for axis in reversed(range(rank))]
    x = labelled(shape)
    cut = tuple(
        slice(max(0, -before), size - max(0, -after))
        for size, (before, after) in zip(shape[1:], pairs, strict=True)
    )
    around = [(0, 0), (0, 0), *((max(0, before), max(0, after)) for before, after in pairs)]
    if KINDS[kind] == "constant":
        expected = np.pad(x[(..., *cut)], around, constant_values=value.get("value", 0.0))
    elif kind == "CircularPad":
        expected = np.pad(x[(..., *cut)], around, KINDS[kind])
    else:  # torch mirrors and repeats the whole input, then crops
        expected = np.pad(x, around, KINDS[kind])
        ends = [
            slice(max(0, -before), size - max(0, -after))
            for size, (before, after) in zip(expected.shape[2:], pairs, strict=True)
        ]
        expected = expected[(..., *ends)]
    y, dy, dx = run(layer, x)
    np.testing.assert_array_equal(y, expected, strict=True)
    is_adjoint(x, y, dy, dx)


def test_repeating_an_edge_beyond_what_is_cropped():
    layer = layers.find("ReplicationPad1d")(padding=[-5, 4])
    y, _, _ = run(layer, labelled((1, 3), batch=1))
    assert y.tolist() == [[[3.0, 3.0]]]


def test_a_pad_of_nothing_is_a_copy():
    x = labelled((1, 3))
    y, _, _ = run(layers.find("ZeroPad1d")(padding=0), x)
    assert not np.shares_memory(x, y)
    np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize(
    ("n", "size", "first"), [(5, 2, 2), (7, 2, 2), (5, 4, 0), (7, 4, 2), (4, 4, 0)]
)
def test_the_middle_starts_at_half_the_surplus_rounded_to_even(n, size, first):
    """As torchvision's center_crop, which rounds with Python's round."""
    assert first == round((n - size) / 2)
    x = labelled((2, n, n + 1))
    layer = layers.find("CenterCrop")(size=[size, n + 1])
    y, dy, dx = run(layer, x)
    np.testing.assert_array_equal(y, x[:, :, first : first + size])
    is_adjoint(x, y, dy, dx)


def test_channels_are_shuffled_as_a_transposed_matrix():
    """3 groups of 2: the channels 0..5 in the order 0, 2, 4, 1, 3, 5 (torch.nn.ChannelShuffle)."""
    x = np.arange(6.0).reshape(1, 6, 1, 1)
    y, _, _ = run(layers.find("ChannelShuffle")(groups=3), x)
    assert y.ravel().tolist() == [0, 2, 4, 1, 3, 5]
    x = labelled((6, 2))
    is_adjoint(x, *run(layers.find("ChannelShuffle")(groups=3), x))


def test_pixels_come_from_channels_row_by_row():
    """Torch's order: channel c r r + i r + j becomes pixel (h r + i, w r + j) of channel c."""
    x = labelled((8, 2, 3))
    y, dy, dx = run(layers.find("PixelShuffle")(upscale_factor=2), x)
    for c, i, j, h, w in product(range(2), range(2), range(2), range(2), range(3)):
        np.testing.assert_array_equal(y[:, c, 2 * h + i, 2 * w + j], x[:, 4 * c + 2 * i + j, h, w])
    is_adjoint(x, y, dy, dx)
    back, dy, dx = run(layers.find("PixelUnshuffle")(downscale_factor=2), y)
    np.testing.assert_array_equal(back, x)
    is_adjoint(y, back, dy, dx)


def test_axes_are_moved_and_moved_back():
    x = labelled((2, 3, 4))
    y, dy, dx = run(layers.find("Permute")(dims=[0, -1, 1, 2]), x)
    np.testing.assert_array_equal(y, np.moveaxis(x, 3, 1))
    assert np.shares_memory(x, y)
    is_adjoint(x, y, dy, dx)


@pytest.mark.parametrize(
    ("layer", "sizes"),
    [
        (layers.find("Chunk")(chunks=4), [2, 2, 2]),
        (layers.find("Chunk")(chunks=2, dim=2), [3, 2]),
        (layers.find("Split")(split_size_or_sections=4), [4, 2]),
        (layers.find("Split")(split_size_or_sections=[1, 2, 3]), [1, 2, 3]),
    ],
)
def test_pieces_are_views_that_lie_one_behind_the_other(layer, sizes):
    x = labelled((6, 5))
    ys, saved = layer.forward({}, x, mode=Mode())
    assert [y.shape[layer.dim] for y in ys] == sizes
    assert all(np.shares_memory(x, y) for y in ys)
    np.testing.assert_array_equal(np.concatenate(ys, layer.dim), x)
    dx, _ = layer.backward({}, tuple(10 * y for y in ys), saved, wants=Wants(), mode=Mode())
    np.testing.assert_array_equal(dx, 10 * x)


def test_names_of_axes_change_without_a_copy():
    x = labelled((2, 3, 4))
    for text, shape in [
        (layers.find("Flatten")(), (2, 24)),
        (layers.find("Flatten")(start_dim=2), (2, 2, 12)),
        (layers.find("Flatten")(start_dim=-3, end_dim=2), (2, 6, 4)),
        (layers.find("Unflatten")(dim=3, unflattened_size=[-1, 2]), (2, 2, 3, 2, 2)),
        (layers.find("Identity")(), (2, 2, 3, 4)),
    ]:
        y, dy, dx = run(text, x)
        assert y.shape == shape
        assert np.shares_memory(x, y)
        np.testing.assert_array_equal(dx.ravel(), dy.ravel())


def test_scale_multiplies_each_channel_and_starts_as_written():
    layer = layers.find("Scale")(init=20, bias=True)
    assert layer.initial("weight", (2,), None).tolist() == [20, 20]
    assert layer.initial("bias", (2,), None).tolist() == [0, 0]
    weights = {"weight": np.array([2.0, 3.0]), "bias": np.array([10.0, 20.0])}
    x = np.array([[[1.0, 2.0], [3.0, 4.0]]])
    y, saved = layer.forward(weights, x, mode=Mode())
    assert y.tolist() == [[[12, 14], [29, 32]]]
    dx, found = layer.backward(weights, np.ones_like(y), saved, wants=Wants(), mode=Mode())
    assert dx.tolist() == [[[2, 2], [3, 3]]]
    assert found["weight"].tolist() == [3, 7]
    assert found["bias"].tolist() == [2, 2]
