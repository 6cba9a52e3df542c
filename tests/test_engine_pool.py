"""Pools against plain loops over their windows. test_answers.py has published numbers.

What happens to NaN, infinities and zeros was compared with PyTorch 2.13.
"""

from itertools import product
from math import prod

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from cnncalc import layers
from cnncalc.kernels import pooling
from cnncalc.kernels.mode import Mode, Wants
from cnncalc.layer import LayerError


def run(layer, x, dy=None):
    """The output, and the gradient of the input for that of the output."""
    y, saved = layer.forward({}, x, mode=Mode())
    dx, _ = layer.backward({}, y if dy is None else dy, saved, wants=Wants(), mode=Mode())
    return y, dx


@st.composite
def pools(draw, family):
    """A pool of any rank with the shape of its input."""
    rank = draw(st.integers(1, 3))

    def per_axis(low, high):
        return draw(st.lists(st.integers(low, high), min_size=rank, max_size=rank))

    arguments = {
        "kernel_size": per_axis(1, 4),
        "stride": per_axis(1, 4),
        "ceil_mode": draw(st.booleans()),
    }
    if family == "LPPool":
        arguments["norm_type"] = draw(st.sampled_from([1, 1.5, 2, 3]))
    else:
        arguments["padding"] = [
            [draw(st.integers(0, f // 2)), draw(st.integers(0, f // 2))]
            for f in arguments["kernel_size"]
        ]
    if family == "MaxPool":
        arguments["dilation"] = per_axis(1, 2)
    if family == "AvgPool":
        arguments["count_include_pad"] = draw(st.booleans())
    shape = (2, *per_axis(1, {1: 16, 2: 7, 3: 5}[rank]))
    layer = layers.find(f"{family}{rank}d")(**arguments)
    try:
        layer.infer(shape)
    except LayerError:
        assume(False)
    return layer, shape


def taps(layer, n, place):
    """The positions under the window of a place, those in the padding included."""
    axes = zip(place, layer.kernel_size, layer.steps, layer.dilations, layer.pads, strict=True)
    ranges = [[o * s - before + t * d for t in range(f)] for o, f, s, d, (before, _) in axes]
    for at in product(*ranges):
        inside = all(0 <= i < size for i, size in zip(at, n, strict=True))
        padded = zip(at, n, layer.pads, strict=True)
        yield at, inside, all(-before <= i < size + after for i, size, (before, after) in padded)


def loop(layer, x, reduce):
    """Apply `reduce(values, taps inside the padded input, all taps)` to each window."""
    n = x.shape[2:]
    y = np.empty((*x.shape[:2], *layer.infer(x.shape[1:])[1:]))
    for place in np.ndindex(*y.shape[2:]):
        found = list(taps(layer, n, place))
        within = sum(padded for _, _, padded in found)
        for image, channel in np.ndindex(*x.shape[:2]):
            values = [x[(image, channel, *at)] for at, inside, _ in found if inside]
            y[(image, channel, *place)] = reduce(values, within, len(found))
    return y


def numbers(shape, seed, dtype=np.float64):
    return np.random.default_rng(seed).integers(-9, 10, (2, *shape)).astype(dtype)


@settings(max_examples=60, deadline=None)
@given(pools("MaxPool"), st.integers(0, 99))
def test_max_pool_takes_the_largest_of_each_window(case, seed):
    layer, shape = case
    x = numbers(shape, seed)
    expected = loop(layer, x, lambda values, _within, _all: max(values, default=-np.inf))
    y, _ = run(layer, x, np.ones(expected.shape))
    np.testing.assert_array_equal(y, expected)
    unsaved, _ = layer.forward({}, x, mode=Mode(save=False))
    np.testing.assert_array_equal(unsaved, expected)


@settings(max_examples=60, deadline=None)
@given(pools("MaxPool"), st.integers(0, 99))
def test_the_gradient_of_a_max_pool_goes_to_the_first_largest_of_each_window(case, seed):
    layer, shape = case
    x = numbers(shape, seed)
    dy = numbers(layer.infer(shape), seed + 1)
    expected = np.zeros_like(x)
    for place in np.ndindex(*dy.shape[2:]):
        inside = [at for at, within, _ in taps(layer, shape[1:], place) if within]
        for image, channel in np.ndindex(*x.shape[:2]) if inside else ():
            first = max(inside, key=lambda at: x[(image, channel, *at)])
            expected[(image, channel, *first)] += dy[(image, channel, *place)]
    _, dx = run(layer, x, dy)
    np.testing.assert_array_equal(dx, expected)


@settings(max_examples=60, deadline=None)
@given(pools("AvgPool"), st.sampled_from([None, 3]), st.integers(0, 99))
def test_average_pool_divides_the_sum_by_the_count_or_the_override(case, override, seed):
    layer, shape = case
    if layer.rank > 1:
        written = {name: getattr(layer, name) for name in layer.arguments}
        layer = type(layer)(**written | {"divisor_override": override})
        override = layer.divisor_override
    else:
        override = None
    x = numbers(shape, seed)

    def count(values, within):
        return override or (within if layer.count_include_pad else len(values))

    def mean(values, within, _all):
        return sum(values) / count(values, within)

    dy = numbers(layer.infer(shape), seed + 1)
    y, dx = run(layer, x, dy)
    np.testing.assert_allclose(y, loop(layer, x, mean), rtol=1e-14)
    expected = np.zeros_like(x)
    for place in np.ndindex(*dy.shape[2:]):
        found = list(taps(layer, shape[1:], place))
        inside = [at for at, within, _ in found if within]
        share = dy[(..., *place)] / count(inside, sum(padded for _, _, padded in found))
        for at in inside:
            expected[(..., *at)] += share
    np.testing.assert_allclose(dx, expected, rtol=1e-13, atol=1e-13)


def test_a_window_that_is_cut_off_counts_what_is_left_with_the_padding():
    """Size 8, padding 1, kernel 3, stride 2, rounded up: the last window holds 7 and padding."""
    layer = layers.find("AvgPool1d")(kernel_size=3, stride=2, padding=1, ceil_mode=True)
    y, _ = run(layer, np.ones((1, 1, 8)))
    assert y.ravel().tolist() == [2 / 3, 1.0, 1.0, 1.0, 1 / 2]


@settings(max_examples=60, deadline=None)
@given(pools("LPPool"), st.integers(0, 99))
def test_power_pool_is_the_norm_of_each_window(case, seed):
    """Times kernel / values, within the root, where ceil_mode leaves a part of a window."""
    layer, shape = case
    x = abs(numbers(shape, seed))
    p = layer.norm_type
    expected = loop(
        layer,
        x,
        lambda values, within, every: (sum(v**p for v in values) * every / within) ** (1 / p),
    )
    dy = numbers(layer.infer(shape), seed + 1)
    y, dx = run(layer, x, dy)
    np.testing.assert_allclose(y, expected, rtol=1e-12)
    slopes = np.zeros_like(x)
    for place in np.ndindex(*dy.shape[2:]):
        found = list(taps(layer, shape[1:], place))
        inside = [at for at, within, _ in found if within]
        for (image, channel), at in product(np.ndindex(*x.shape[:2]), inside):
            norm, factor = y[(image, channel, *place)], len(found) / len(inside)
            if norm > 0:
                share = factor * (x[(image, channel, *at)] / norm) ** (p - 1)
                slopes[(image, channel, *at)] += dy[(image, channel, *place)] * share
    np.testing.assert_allclose(dx, slopes, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("p", [0.5, 1, 1.5, 2, 3])
def test_the_gradient_of_a_norm_of_zeros_is_zero(p):
    layer = layers.find("LPPool1d")(norm_type=p, kernel_size=2)
    _, dx = run(layer, np.array([[[0.0, 0.0, 2.0, 2.0]]]), np.ones((1, 1, 2)))
    assert dx[0, 0, :2].tolist() == [0, 0]
    np.testing.assert_allclose(dx[0, 0, 2:], 2 ** (1 / p - 1), rtol=1e-14)


def test_where_the_slope_is_infinite_no_gradient_stays_none():
    layer = layers.find("LPPool1d")(norm_type=0.5, kernel_size=2)
    _, dx = run(layer, np.array([[[0.0, 4.0]]]), np.zeros((1, 1, 1)))
    assert dx.tolist() == [[[0, 0]]]


def test_a_sum_of_powers_below_zero_counts_with_its_sign():
    layer = layers.find("LPPool1d")(norm_type=3.0, kernel_size=2)
    x = np.array([[[-2.0, 5.0]]])
    y, dx = run(layer, x, np.ones((1, 1, 1)))
    np.testing.assert_allclose(y, (125 - 8) ** (1 / 3), rtol=1e-15)
    np.testing.assert_allclose(dx, x**2 * (125 - 8) ** (-2 / 3), rtol=1e-14)


@pytest.mark.parametrize("kind", ["Avg", "Max"])
@pytest.mark.parametrize(
    ("n", "m"), [((7, 5), (1, 1)), ((7, 5), (3, 2)), ((6, 4), (3, 4)), ((3, 4), (5, 7))]
)
def test_adaptive_pools_read_from_floor_to_ceil(kind, n, m):
    layer = layers.find(f"Adaptive{kind}Pool2d")(output_size=list(m))
    x, dy = numbers((2, *n), 1), numbers((2, *m), 2)
    y, dx = run(layer, x, dy)
    expected = np.zeros_like(x)
    for place in np.ndindex(*m):
        ends = [(o * a // b, -(-(o + 1) * a // b)) for o, a, b in zip(place, n, m, strict=True)]
        cut = tuple(slice(*end) for end in ends)
        for at in np.ndindex(2, 2):
            values, upstream = x[at][cut], dy[(*at, *place)]
            if kind == "Avg":
                np.testing.assert_allclose(y[(*at, *place)], values.mean(), rtol=1e-14, atol=1e-14)
                expected[at][cut] += upstream / values.size
            else:
                assert y[(*at, *place)] == values.max()
                first = np.unravel_index(values.argmax(), values.shape)
                expected[at][cut][first] += upstream
    np.testing.assert_allclose(dx, expected, rtol=1e-13, atol=1e-14)


def test_the_gradient_of_a_max_pool_flows_through_the_largest_only():
    x = np.array([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]], float)
    dy = np.array([[10.0, 20.0], [30.0, 40.0]])
    _, dx = run(layers.find("MaxPool2d")(kernel_size=2), x[None, None], dy[None, None])
    expected = np.zeros((4, 4))
    expected[1, 1], expected[1, 3], expected[2, 0], expected[3, 3] = 10, 20, 30, 40
    np.testing.assert_array_equal(dx[0, 0], expected)


def test_the_gradient_of_an_average_pool_is_an_equal_share_to_each():
    dy = np.array([[8.0, 4.0]])
    _, dx = run(layers.find("AvgPool2d")(kernel_size=2), np.zeros((1, 1, 2, 4)), dy[None, None])
    np.testing.assert_array_equal(dx[0, 0], [[2, 2, 1, 1], [2, 2, 1, 1]])


MAXIMA_OF_THREE = [
    layers.find("MaxPool1d")(kernel_size=3),
    layers.find("AdaptiveMaxPool1d")(output_size=2),
]


@pytest.mark.parametrize("layer", MAXIMA_OF_THREE, ids=repr)
def test_not_a_number_is_larger_than_all_numbers(layer):
    """And of several the last one, as in torch."""
    x = np.array([[[np.nan, 1.0, 2.0, np.nan, np.nan, 3.0]]])
    y, dx = run(layer, x, np.array([[[5.0, 7.0]]]))
    assert np.isnan(y).all()
    assert dx.tolist() == [[[5.0, 0.0, 0.0, 0.0, 7.0, 0.0]]]


@pytest.mark.parametrize("layer", MAXIMA_OF_THREE, ids=repr)
def test_an_infinite_gradient_goes_to_the_maximum_alone(layer):
    x = np.array([[[1.0, 3.0, 2.0, 6.0, 5.0, 4.0]]])
    _, dx = run(layer, x, np.array([[[np.inf, np.nan]]]))
    np.testing.assert_array_equal(dx, [[[0, np.inf, 0, np.nan, 0, 0]]])


def test_of_complex_numbers_the_largest_real_part_is_taken():
    x = np.array([[[-3.0 + 1j, -2 + 9j, -5 + 2j, 1 - 1j, 1 + 7j, -9j]]])
    for layer in MAXIMA_OF_THREE:
        y, dx = run(layer, x)
        assert y.tolist() == [[[-2 + 9j, 1 - 1j]]]
        assert dx.tolist() == [[[0, -2 + 9j, 0, 1 - 1j, 0, 0]]]


def test_padding_is_no_maximum_even_of_infinities():
    layer = layers.find("MaxPool2d")(kernel_size=3, stride=3, padding=1)
    _, dx = run(layer, np.full((1, 1, 2, 5), -np.inf), np.array([[[[2.0, 3.0]]]]))
    assert dx.tolist() == [[[[2, 0, 3, 0, 0], [0, 0, 0, 0, 0]]]]


def test_of_a_window_on_padding_alone_nothing_comes_back():
    """The only window reads positions -1 and 2 of 0 and 1; torch then writes out of bounds."""
    layer = layers.find("MaxPool1d")(kernel_size=2, stride=1, dilation=3, padding=1)
    y, dx = run(layer, np.array([[[7.0, 8.0]] * 2]), np.array([[[5.0]] * 2]))
    assert y.tolist() == [[[-np.inf]] * 2]
    assert dx.tolist() == [[[0, 0]] * 2]


@pytest.mark.parametrize("size", [255, 256, 300])
def test_large_kernels_have_more_taps_than_a_byte_counts(size):
    for place in (0, 44, size - 1):
        x = np.zeros((1, 1, size))
        x[0, 0, place] = 1
        _, dx = run(layers.find("MaxPool1d")(kernel_size=size), x, np.ones((1, 1, 1)))
        assert dx.argmax() == place
        assert dx.sum() == 1


def test_work_in_blocks_gives_the_same(monkeypatch):
    x = np.random.default_rng(0).normal(size=(2, 5, 9, 8))
    layer = layers.find("MaxPool2d")(kernel_size=3, stride=2, padding=1)
    whole = run(layer, x)
    monkeypatch.setattr(pooling, "BLOCK", 100)
    assert prod(x.shape[1:]) > 100
    for one, other in zip(whole, run(layer, x), strict=True):
        np.testing.assert_array_equal(one, other)
