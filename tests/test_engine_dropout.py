"""Dropouts: what is zeroed, how often, by what the rest is scaled, and that backward repeats it."""

from math import sqrt

import numpy as np
import pytest

from cnncalc import layers
from cnncalc.kernels import blocks
from cnncalc.kernels.mode import Mode, Wants

NAMES = layers.FAMILIES["dropout"]
ALPHA = 1.7580993408473766
SHAPES = {"Dropout1d": (3, 4), "Dropout2d": (3, 4, 2), "Dropout3d": (3, 2, 3, 2)}


def train(**options):
    return Mode(train=True, **options)


def make(name, p=0.5):
    return layers.find(name)(p=p)


def sample(name, images=400, dtype=np.float64):
    """Numbers that are never zero."""
    shape = (images, *SHAPES.get(name, (3, 5)))
    return np.random.default_rng(5).uniform(1, 2, shape).astype(dtype)


@pytest.mark.parametrize("name", NAMES)
def test_at_inference_the_output_is_the_input(name):
    x = sample(name)
    y, saved = make(name).forward({}, x, mode=Mode())
    assert y is x
    assert saved is None
    dx, none = make(name).backward({}, x, None, wants=Wants(), mode=Mode())
    assert dx is x
    assert none == {}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_in_training_each_number_is_dropped_or_scaled(name, dtype):
    p, x = 0.3, sample(name, dtype=dtype)
    y, mask = make(name, p).forward({}, x, mode=train())
    assert (y.dtype, mask.dtype) == (dtype, bool)
    kept, dropped = x / (1 - p), np.zeros_like(x)
    if name == "AlphaDropout":
        a = 1 / sqrt((1 - p) * (1 + p * ALPHA**2))
        b = a * ALPHA * p
        kept, dropped = a * x + b, np.full_like(x, b - a * ALPHA)
    each = np.broadcast_to(mask.reshape(*mask.shape, *(1,) * (x.ndim - mask.ndim)), x.shape)
    np.testing.assert_allclose(y, np.where(each, kept, dropped), rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_as_many_are_dropped_as_p_says(name, p):
    """Within five standard deviations."""
    _, mask = make(name, p).forward({}, sample(name, images=20_000), mode=train())
    assert abs((~mask).mean() - p) < 5 * sqrt(p * (1 - p) / mask.size)
    each = (~mask).mean(axis=0)
    assert np.abs(each - p).max() < 5 * sqrt(p * (1 - p) / len(mask))
    pairs = (~mask[:, 0] & ~mask[:, 1]).mean()  # neighbours are independent
    assert abs(pairs - p * p) < 5 * sqrt(p * p * (1 - p * p) / len(mask))


@pytest.mark.parametrize("name", SHAPES)
def test_channel_dropouts_zero_whole_channels(name):
    x = sample(name)
    y, mask = make(name).forward({}, x, mode=train())
    assert mask.shape == x.shape[:2]
    dropped = (y == 0).reshape(*mask.shape, -1)
    np.testing.assert_array_equal(dropped.any(axis=2), ~mask)
    np.testing.assert_array_equal(dropped.all(axis=2), ~mask)


def test_the_others_zero_single_elements():
    x = np.ones((50, 4, 6, 5))
    y, mask = make("Dropout").forward({}, x, mode=train())
    assert mask.shape == x.shape
    np.testing.assert_array_equal(y != 0, mask)


@pytest.mark.parametrize("name", NAMES)
def test_backward_repeats_the_mask(name):
    p, x = 0.3, sample(name)
    dy = np.random.default_rng(6).uniform(1, 2, x.shape)
    y, mask = make(name, p).forward({}, x, mode=train())
    dx, none = make(name, p).backward({}, dy, mask, wants=Wants(), mode=train())
    other, _ = make(name, p).forward({}, x + dy, mode=train())
    assert none == {}
    np.testing.assert_allclose(dx, other - y, rtol=1e-12, atol=1e-13)  # an affine function


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides_the_mask(name):
    x = sample(name)
    first, one = make(name).forward({}, x, mode=train(seed=(3, 1)))
    again, two = make(name).forward({}, x, mode=train(seed=(3, 1)))
    _, other = make(name).forward({}, x, mode=train(seed=(3, 2)))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(one, two)
    assert (one != other).mean() > 0.4


@pytest.mark.parametrize("name", NAMES)
def test_p_of_0_and_1(name):
    x = sample(name)
    y, mask = make(name, 0).forward({}, x, mode=train())
    np.testing.assert_array_equal(y, x)
    assert mask.all()
    y, mask = make(name, 1).forward({}, x, mode=train())
    assert not y.any()
    assert not mask.any()
    dx, _ = make(name, 1).backward({}, x, mask, wants=Wants(), mode=train())
    assert not dx.any()


def test_alpha_dropout_keeps_mean_and_variance():
    """Of numbers with mean 0 and variance 1, within five standard deviations."""
    x = np.random.default_rng(7).normal(0, 1, (1000, 1000))
    for p in (0.1, 0.4):
        y, _ = make("AlphaDropout", p).forward({}, x, mode=train())
        assert abs(y.mean()) < 5 / sqrt(x.size)
        assert abs(y.var() - 1) < 5 * sqrt(3 / x.size)


def test_dropout_keeps_the_mean():
    y, _ = make("Dropout", 0.8).forward({}, np.ones((1000, 1000)), mode=train())
    assert abs(y.mean() - 1) < 5 * sqrt(0.8 / 0.2 / y.size)


@pytest.mark.parametrize("name", NAMES)
def test_in_place_and_in_blocks_to_the_bit(name, monkeypatch):
    x, dy = sample(name, images=20), sample(name, images=20)[::-1].copy()
    y, mask = make(name).forward({}, x, mode=train())
    dx, _ = make(name).backward({}, dy, mask, wants=Wants(), mode=train())
    np.testing.assert_array_equal(x, sample(name, images=20))
    assert make(name).forward({}, x, mode=train(save=False))[1] is None
    monkeypatch.setattr(blocks, "CACHED_BYTES", 64)
    mode = train(overwrite=True)
    again, same = make(name).forward({}, x, mode=mode)
    assert again is x
    np.testing.assert_array_equal(again, y)
    back, _ = make(name).backward({}, dy, same, wants=Wants(), mode=mode)
    assert back is dy
    np.testing.assert_array_equal(back, dx)
