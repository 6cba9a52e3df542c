"""Activations against the math module, number by number, and at kinks and extremes."""

import math
from itertools import product

import numpy as np
import pytest

from cnncalc import layers
from cnncalc.kernels import blocks, smooth
from cnncalc.kernels.mode import Mode, Wants

EVAL = Mode()
POINTS = np.concatenate([np.linspace(-9, 9, 181), [-30.0, -15.5, 15.5, 30.0, 1e-9, -1e-9]])


def make(name, **arguments):
    return layers.find(name)(**arguments)


def forward(layer, x, weights=None):
    return layer.forward(weights or {}, np.asarray(x), mode=EVAL)


def derivative(layer, x):
    """The gradient for an upstream gradient of ones."""
    y, saved = forward(layer, x)
    dx, none = layer.backward({}, np.ones_like(y), saved, wants=Wants(), mode=EVAL)
    assert none == {}
    return dx


def logistic(x):
    return 1 / (1 + math.exp(-x))


def normal(x):
    """The density of the normal distribution, and its integral."""
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi), math.erfc(-x / math.sqrt(2)) / 2


def gelu_tanh(x):
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2)
    rise = 1 + math.tanh(inner)
    return x * rise / 2, rise / 2 + x / 2 * slope / math.cosh(min(abs(inner), 300)) ** 2


def mish(x):
    rise = math.tanh(math.log1p(math.exp(x)))
    return x * rise, rise + x * (1 - rise**2) * logistic(x)


def bounded(low, high):
    return lambda x: (min(max(x, low), high), float(low < x < high))


def exponential(alpha, scale=1.0, width=1.0):
    def value(x):
        if x > 0:
            return scale * x, scale
        return scale * alpha * math.expm1(x / width), scale * alpha / width * math.exp(x / width)

    return value


def softplus(beta, threshold):
    def value(x):
        if beta * x > threshold:
            return x, 1.0
        return math.log1p(math.exp(beta * x)) / beta, logistic(beta * x)

    return value


def hardswish(x):
    slope = 0.0 if x <= -3 else 1.0 if x >= 3 else x / 3 + 0.5
    return x * min(max(x + 3, 0), 6) / 6, slope


SELU = exponential(1.6732632423543772, 1.0507009873554805)
TABLE = [
    ("ReLU", {}, lambda x: (max(x, 0), float(x > 0))),
    ("ReLU6", {}, bounded(0, 6)),
    ("Hardtanh", {}, bounded(-1, 1)),
    ("Hardtanh", {"min_val": -0.5, "max_val": 2}, bounded(-0.5, 2)),
    ("LeakyReLU", {}, lambda x: (x, 1) if x > 0 else (0.01 * x, 0.01)),
    ("LeakyReLU", {"negative_slope": 1.5}, lambda x: (x, 1) if x > 0 else (1.5 * x, 1.5)),
    ("LeakyReLU", {"negative_slope": -0.5}, lambda x: (x, 1) if x > 0 else (-0.5 * x, -0.5)),
    ("ELU", {}, exponential(1.0)),
    ("ELU", {"alpha": 0.3}, exponential(0.3)),
    ("SELU", {}, SELU),
    ("CELU", {"alpha": 2}, exponential(2.0, width=2.0)),
    ("GELU", {}, lambda x: (x * normal(x)[1], normal(x)[1] + x * normal(x)[0])),
    ("GELU", {"approximate": "tanh"}, gelu_tanh),
    ("SiLU", {}, lambda x: (x * logistic(x), logistic(x) * (1 + x * (1 - logistic(x))))),
    ("Mish", {}, mish),
    ("Hardswish", {}, hardswish),
    ("Hardsigmoid", {}, lambda x: (min(max(x + 3, 0), 6) / 6, (-3 < x < 3) / 6)),
    ("Sigmoid", {}, lambda x: (logistic(x), logistic(x) * logistic(-x))),
    ("Tanh", {}, lambda x: (math.tanh(x), 1 / math.cosh(x) ** 2)),
    ("Softplus", {}, softplus(1, 20)),
    ("Softplus", {"beta": 2, "threshold": 3}, softplus(2, 3)),
    ("Softsign", {}, lambda x: (x / (1 + abs(x)), 1 / (1 + abs(x)) ** 2)),
    ("LogSigmoid", {}, lambda x: (math.log(logistic(x)), logistic(-x))),
]
NAMES = [f"{name}-{number}" for number, (name, _, _) in enumerate(TABLE)]


@pytest.mark.parametrize(("name", "arguments", "exact"), TABLE, ids=NAMES)
def test_values_and_derivatives_are_those_of_the_formula(name, arguments, exact):
    layer = make(name, **arguments)
    x = POINTS.reshape(11, -1)
    values, slopes = np.moveaxis([[exact(float(v)) for v in row] for row in x], -1, 0)
    y, _ = forward(layer, x)
    np.testing.assert_allclose(y, values, rtol=3e-15, atol=2e-15)
    np.testing.assert_allclose(derivative(layer, x), slopes, rtol=3e-14, atol=3e-15)
    single = x.astype(np.float32)
    assert forward(layer, single)[0].dtype == derivative(layer, single).dtype == np.float32
    np.testing.assert_allclose(forward(layer, single)[0], values, rtol=3e-6, atol=1e-6)


@pytest.mark.parametrize(("name", "arguments", "exact"), TABLE, ids=NAMES)
def test_the_complex_step_gives_the_derivative(name, arguments, exact):
    layer = make(name, **arguments)
    x = POINTS.reshape(11, -1)
    if arguments.get("approximate", "none") == "none" and name == "GELU":
        with pytest.raises(TypeError, match="real"):
            forward(layer, x + 1e-30j)
        return
    y, _ = forward(layer, x + 1e-30j)
    slopes = np.array([[exact(float(v))[1] for v in row] for row in x])
    np.testing.assert_allclose(y.imag / 1e-30, slopes, rtol=3e-14, atol=3e-15)
    np.testing.assert_allclose(y.real, forward(layer, x)[0], rtol=1e-14, atol=3e-15)


@pytest.mark.parametrize(
    ("name", "arguments", "at", "slope"),
    [
        ("ReLU", {}, 0, 0),
        ("ReLU6", {}, 0, 0),
        ("ReLU6", {}, 6, 0),
        ("Hardtanh", {}, -1, 0),
        ("Hardtanh", {}, 1, 0),
        ("LeakyReLU", {"negative_slope": 0.2}, 0, 0.2),
        ("ELU", {"alpha": 0.5}, 0, 0.5),
        ("CELU", {"alpha": 0.5}, 0, 1),
        ("Hardswish", {}, -3, 0),
        ("Hardswish", {}, 3, 1),
        ("Hardsigmoid", {}, -3, 0),
        ("Hardsigmoid", {}, 3, 0),
        ("Softplus", {"threshold": 2}, 2, logistic(2)),
        ("Softsign", {}, 0, 1),
        ("LogSigmoid", {}, 0, 0.5),
    ],
)
def test_the_derivative_at_a_kink_is_torch_s(name, arguments, at, slope):
    for zero in (0.0, -0.0):
        x = np.array([[at + zero if at else zero]])
        assert derivative(make(name, **arguments), x)[0, 0] == pytest.approx(slope, abs=1e-15)


LIMITS = {
    "Sigmoid": (0, 1),
    "Softplus": (0, 1e4),
    "LogSigmoid": (-1e4, 0),
    "SiLU": (0, 1e4),
    "Mish": (0, 1e4),
    "GELU": (0, 1e4),
    "ELU": (-1, 1e4),
    "SELU": (-1.7580993408473766, 1.0507009873554805e4),
    "CELU": (-1, 1e4),
    "Tanh": (-1, 1),
    "Softsign": (-1e4 / 10001, 1e4 / 10001),
    "Hardswish": (0, 1e4),
}


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_overflows_far_from_zero(name, dtype):
    """Warnings are errors here."""
    layer = make(name)
    y, _ = forward(layer, np.array([[-1e4, 1e4]], dtype))
    np.testing.assert_allclose(y[0], LIMITS[name], rtol=1e-6, atol=1e-30)
    slopes = derivative(layer, np.array([[-1e4, 1e4]], dtype))[0]
    right = {"SELU": 1.05070099, "Tanh": 0, "Sigmoid": 0, "LogSigmoid": 0, "Softsign": 1e-8}
    left = {"LogSigmoid": 1, "Softsign": 1e-8}
    np.testing.assert_allclose(slopes, [left.get(name, 0), right.get(name, 1)], rtol=1e-3)


def test_relu_keeps_what_is_not_a_number():
    y, _ = forward(make("ReLU"), np.array([[np.nan, np.inf, -np.inf]]))
    np.testing.assert_array_equal(y, [[np.nan, np.inf, 0]])


# ---- elementary functions


def test_erf_is_that_of_the_math_module():
    x = np.concatenate([np.linspace(-7, 7, 28001), np.logspace(-300, 0, 301), [0.46875, np.inf]])
    x = np.concatenate([x, -x])
    exact = np.array([math.erf(v) for v in x])
    np.testing.assert_allclose(smooth.erf(x), exact, rtol=5e-16)
    single = x[abs(x) > 1e-30].astype(np.float32)
    found = smooth.erf(single)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [math.erf(v) for v in single], rtol=4e-7)
    assert np.signbit(smooth.erf(np.array([-0.0])))[0]
    assert np.isnan(smooth.erf(np.array([np.nan])))[0]


def test_the_slope_of_erf_is_its_series():
    x = np.linspace(-5, 5, 101)
    exact = [2 / math.sqrt(math.pi) * math.exp(-(v**2)) for v in x]
    np.testing.assert_allclose(smooth.erf_slope(x), exact, rtol=1e-14)
    assert smooth.erf_slope(np.array([1e30], np.float32))[0] == 0


def test_the_logarithm_of_a_small_complex_number_keeps_its_digits():
    x = np.concatenate([np.logspace(-20, 0, 41), -np.logspace(-20, -1, 39)])
    for size in (1e-30, 1e-3):
        found = smooth.log1p(x + 1j * size * x)
        imaginary = [math.atan2(size * v, 1 + v) for v in x]
        real = [math.log1p(v * (2 + v) + (size * v) ** 2) / 2 for v in x]
        np.testing.assert_allclose(found.real, real, rtol=1e-15)
        np.testing.assert_allclose(found.imag, imaginary, rtol=1e-15)


# ---- softmax


AXES = [((6,), 1), ((3, 4), 1), ((3, 4), 2), ((3, 4), -1), ((2, 3, 2), -2)]


@pytest.mark.parametrize(("shape", "dim"), AXES)
@pytest.mark.parametrize("name", ["Softmax", "LogSoftmax"])
def test_softmax_and_its_jacobian(name, shape, dim):
    """dy_i / dx_j is y_i (delta_ij - y_j) for softmax, and delta_ij - y_j for its logarithm."""
    generator = np.random.default_rng(0)
    x, dy = (generator.normal(0, 2, (2, *shape)) for _ in range(2))
    layer = make(name, dim=dim)
    y, saved = layer.forward({}, x, mode=EVAL)
    assert saved is y
    dx, _ = layer.backward({}, dy, saved, wants=Wants(), mode=EVAL)
    rows = [np.moveaxis(one, dim, -1).reshape(-1, x.shape[dim]) for one in (x, y, dy, dx)]
    for row, out, upstream, gradient in zip(*rows, strict=True):
        total = math.fsum(math.exp(v) for v in row)
        soft = [math.exp(v) / total for v in row]
        expected = soft if name == "Softmax" else [math.log(s) for s in soft]
        np.testing.assert_allclose(out, expected, rtol=1e-13)
        for j in range(len(row)):
            slopes = [(i == j) - soft[j] for i in range(len(row))]
            if name == "Softmax":
                slopes = [s * slope for s, slope in zip(soft, slopes, strict=True)]
            exact = math.fsum(u * s for u, s in zip(upstream, slopes, strict=True))
            assert gradient[j] == pytest.approx(exact, rel=1e-12, abs=1e-14)


def test_softmax_of_large_numbers():
    x = np.array([[1e4, 1e4, -1e4], [-1e4, -1e4, -1e4]])
    y, _ = forward(make("Softmax"), x)
    np.testing.assert_allclose(y, [[0.5, 0.5, 0], [1 / 3] * 3])
    y, _ = forward(make("LogSoftmax"), x)
    np.testing.assert_allclose(y, [[-math.log(2)] * 2 + [-2e4 - math.log(2)], [-math.log(3)] * 3])


# ---- maxout


@pytest.mark.parametrize(("shape", "pieces"), [((6,), 2), ((6, 2), 3), ((4, 2, 3), 4), ((3, 2), 1)])
def test_maxout_takes_the_largest_of_neighbouring_channels(shape, pieces):
    generator = np.random.default_rng(0)
    x = generator.integers(-2, 3, (2, *shape)).astype(float)  # with many ties
    layer = make("Maxout", pieces=pieces)
    y, saved = layer.forward({}, x, mode=EVAL)
    assert saved.dtype == np.int64
    assert saved.shape == y.shape == (2, shape[0] // pieces, *shape[1:])
    dy = generator.normal(0, 1, y.shape)
    dx, _ = layer.backward({}, dy, saved, wants=Wants(), mode=EVAL)
    expected = np.zeros(x.shape)
    for n, c, *place in product(*map(range, y.shape)):
        group = [x[(n, c * pieces + k, *place)] for k in range(pieces)]
        assert y[(n, c, *place)] == max(group)
        first = c * pieces + group.index(max(group))
        expected[(n, first, *place)] = dy[(n, c, *place)]
    np.testing.assert_array_equal(dx, expected)


# ---- PReLU


@pytest.mark.parametrize("shape", [(3,), (3, 4), (3, 2, 2)])
@pytest.mark.parametrize("shared", [True, False])
def test_prelu_learns_its_slopes(shape, shared):
    generator = np.random.default_rng(0)
    layer = make("PReLU", num_parameters=1 if shared else 3)
    slopes = np.array([0.3]) if shared else np.array([0.3, -0.2, 1.5])
    x, dy = (generator.normal(0, 1, (2, *shape)) for _ in range(2))
    x.flat[0] = 0.0
    y, saved = layer.forward({"weight": slopes}, x, mode=EVAL)
    dx, found = layer.backward({"weight": slopes}, dy, saved, wants=Wants(), mode=EVAL)
    dslopes = np.zeros(slopes.shape)
    for index in np.ndindex(*x.shape):
        at = 0 if shared else index[1]
        assert y[index] == (x[index] if x[index] > 0 else slopes[at] * x[index])
        assert dx[index] == dy[index] * (1 if x[index] > 0 else slopes[at])
        dslopes[at] += dy[index] * min(x[index], 0)
    np.testing.assert_allclose(found["weight"], dslopes, rtol=1e-13)


def test_prelu_starts_with_its_own_slope():
    layer = make("PReLU", num_parameters=3, init=0.1)
    assert layer.initial("weight", (3,), np.random.default_rng(0)).tolist() == [0.1] * 3


# ---- memory, blocks


@pytest.mark.parametrize(("name", "arguments"), [row[:2] for row in TABLE], ids=NAMES)
def test_in_place_and_in_blocks_to_the_bit(name, arguments, monkeypatch):
    layer = make(name, **arguments)
    x = np.random.default_rng(0).normal(0, 4, (3, 5, 7)).astype(np.float32)
    dy = np.random.default_rng(1).normal(0, 1, x.shape).astype(np.float32)
    before = x.copy(), dy.copy()
    y, saved = layer.forward({}, x, mode=EVAL)
    dx, _ = layer.backward({}, dy, saved, wants=Wants(), mode=EVAL)
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(dy, before[1])
    assert saved is (y if name in ("ReLU", "Sigmoid", "Tanh") else x)
    monkeypatch.setattr(blocks, "CACHED_BYTES", 64)
    given = x.copy()
    again, kept = layer.forward({}, given, mode=Mode(overwrite=True))
    np.testing.assert_array_equal(again, y)
    assert (again is given) == (saved is y)
    back = dy.copy()
    other, _ = layer.backward({}, back, kept, wants=Wants(), mode=Mode(overwrite=True))
    assert other is back
    np.testing.assert_array_equal(other, dx)
    alone, none = layer.forward({}, given := x.copy(), mode=Mode(save=False, overwrite=True))
    assert (alone is given, none) == (True, None)
    np.testing.assert_array_equal(alone, y)


@pytest.mark.parametrize(("name", "arguments"), [row[:2] for row in TABLE], ids=NAMES)
def test_finishing_a_piece_is_the_forward_pass_over_it(name, arguments):
    layer = make(name, **arguments)
    x = np.random.default_rng(0).normal(0, 4, (2, 5, 37)).astype(np.float32)
    expected, _ = layer.forward({}, x, mode=EVAL)
    assert layer.fusible
    finish = layer.finish({}, [])
    for cut in (slice(0, 17), slice(17, 18), slice(18, 37)):
        finish(x[:, :, cut], None)
    np.testing.assert_array_equal(x, expected)
    assert not make("Softmax").fusible
    assert not make("Maxout", pieces=2).fusible
