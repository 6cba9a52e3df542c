"""Crops, shuffles, cuts and new names of axes, and what only scales: against counting."""

from itertools import product

import numpy as np
import pytest
from test_engine_pad import is_adjoint, labelled, run

from cnncalc import layers
from cnncalc.kernels.mode import Mode, Wants


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
