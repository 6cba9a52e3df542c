"""Losses against the math module, number by number, and their gradients by the complex step."""

import math
from itertools import product

import numpy as np
import pytest

from cnncalc import layers
from cnncalc.kernels.mode import Mode, Wants
from cnncalc.layer import LayerError

EVAL = Mode()
REDUCTIONS = ["mean", "sum"]


def make(name, **arguments):
    return layers.find(name)(**arguments)


def value(layer, x, target):
    return layer.forward({}, x, target, mode=EVAL)[0]


def gradient(layer, x, target, upstream=1.0):
    _, saved = layer.forward({}, x, target, mode=EVAL)
    dy = np.asarray(upstream, x.dtype)
    (dx, none), nothing = layer.backward({}, dy, saved, wants=Wants(), mode=EVAL)
    assert (none, nothing) == (None, {})
    assert (dx.shape, dx.dtype) == (x.shape, x.dtype)
    return dx


def stepped(layer, x, target):
    """The derivative by each element of x, by complex steps."""
    found = np.empty(x.shape)
    for index in np.ndindex(*x.shape):
        z = x.astype(complex)
        z[index] += 1e-30j
        found[index] = value(layer, z, target).imag / 1e-30
    return found


def random(*shape):
    return np.random.default_rng(3).normal(0, 2, shape)


def classes(x, ignored=None):
    generator = np.random.default_rng(4)
    target = generator.integers(0, x.shape[1], (x.shape[0], *x.shape[2:]))
    if ignored is not None:
        target[generator.random(target.shape) < 0.4] = ignored
    return target


# ---- cross-entropy


def plain_cross_entropy(x, target, ignore, smoothing, reduction):
    """-sum q log p over the classes; q is 1 - s for the target and s / K more for each class."""
    terms = []
    for n, *place in np.ndindex(*target.shape):
        right = target[(n, *place)]
        if right == ignore:
            continue
        row = [float(x[(n, k, *place)]) for k in range(x.shape[1])]
        top = max(row)
        total = top + math.log(math.fsum(math.exp(v - top) for v in row))
        share = [smoothing / len(row) + (1 - smoothing) * (k == right) for k in range(len(row))]
        terms.append(math.fsum(q * (total - v) for q, v in zip(share, row, strict=True)))
    return math.fsum(terms) / (len(terms) if reduction == "mean" else 1)


CROSS = list(product([(4,), (3, 5), (4, 2, 3)], [0.0, 0.1, 1.0], [None, -100, 1], REDUCTIONS))


@pytest.mark.parametrize(("shape", "smoothing", "ignored", "reduction"), CROSS)
def test_cross_entropy(shape, smoothing, ignored, reduction):
    x = random(6, *shape)
    target = classes(x, ignored)
    ignore = -100 if ignored is None else ignored
    layer = make(
        "CrossEntropyLoss", ignore_index=ignore, label_smoothing=smoothing, reduction=reduction
    )
    y = value(layer, x, target)
    assert y.shape == ()
    expected = plain_cross_entropy(x, target, ignore, smoothing, reduction)
    assert float(y) == pytest.approx(expected, rel=1e-13)
    dx = gradient(layer, x, target)
    np.testing.assert_allclose(dx, stepped(layer, x, target), rtol=1e-11, atol=1e-15)
    np.testing.assert_allclose(gradient(layer, x, target, -2.5), -2.5 * dx, rtol=1e-14)


def test_cross_entropy_knows_nothing_at_first():
    """Equal logits cost log K, and push each wrong class by 1 / K, the right one by 1 / K - 1."""
    layer, x, target = make("CrossEntropyLoss"), np.zeros((2, 10)), np.array([3, 0])
    assert float(value(layer, x, target)) == pytest.approx(math.log(10))
    expected = np.full((2, 10), 0.1)
    expected[0, 3] = expected[1, 0] = -0.9
    np.testing.assert_allclose(gradient(layer, x, target), expected / 2)


def test_cross_entropy_of_large_logits():
    layer, x = make("CrossEntropyLoss"), np.array([[1e4, 0.0, -1e4]])
    assert float(value(layer, x, np.array([2]))) == 2e4
    assert float(value(layer, x, np.array([0]))) == 0
    np.testing.assert_array_equal(gradient(layer, x, np.array([2])), [[1, 0, -1]])


def test_where_all_is_ignored_the_mean_is_not_a_number_and_the_sum_is_zero():
    x, target = random(2, 3), np.array([-100, -100])
    for smoothing in (0, 0.1):
        mean = make("CrossEntropyLoss", label_smoothing=smoothing)
        assert math.isnan(value(mean, x, target))
        assert not gradient(mean, x, target).any()
        assert value(make("CrossEntropyLoss", reduction="sum"), x, target) == 0


@pytest.mark.parametrize("name", ["CrossEntropyLoss", "MultiMarginLoss"])
@pytest.mark.parametrize("wrong", [-1, 3, 1000])
def test_a_target_that_is_no_class_is_refused(name, wrong):
    with pytest.raises(LayerError, match=rf"holds {wrong}, .* has 3, 0 to 2"):
        value(make(name), random(2, 3), np.array([1, wrong]))


# ---- hinge


@pytest.mark.parametrize(
    ("p", "margin", "reduction"), list(product([1, 2], [1.0, 0.25, -0.5], REDUCTIONS))
)
def test_multi_margin(p, margin, reduction):
    x = random(5, 4)
    target = classes(x)
    layer = make("MultiMarginLoss", p=p, margin=margin, reduction=reduction)
    expected = 0.0
    for row, right in zip(x, target, strict=True):
        terms = [max(0, margin - row[right] + v) ** p for k, v in enumerate(row) if k != right]
        expected += sum(terms) / 4
    expected /= 5 if reduction == "mean" else 1
    assert float(value(layer, x, target)) == pytest.approx(expected, rel=1e-14)
    dx = gradient(layer, x, target)
    np.testing.assert_allclose(dx, stepped(layer, x, target), rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(gradient(layer, x, target, 3.0), 3 * dx, rtol=1e-14)


def test_a_margin_just_kept_has_no_gradient():
    layer, x = make("MultiMarginLoss"), np.array([[2.0, 1.0, 1.5]])
    assert float(value(layer, x, np.array([0]))) == pytest.approx(0.5 / 3)
    np.testing.assert_allclose(gradient(layer, x, np.array([0])), [[-1 / 3, 0, 1 / 3]])


# ---- losses of single elements


ELEMENTS = {
    "MSELoss": lambda x, t: (x - t) ** 2,
    "L1Loss": lambda x, t: abs(x - t),
    "BCEWithLogitsLoss": lambda x, t: (
        -t * math.log(1 / (1 + math.exp(-x))) - (1 - t) * math.log(1 / (1 + math.exp(x)))
    ),
}


@pytest.mark.parametrize("name", ELEMENTS)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(3,), (2, 3, 2)])
def test_losses_of_single_elements(name, reduction, shape):
    x = random(4, *shape)
    target = np.random.default_rng(6).uniform(0, 1, x.shape)
    layer = make(name, reduction=reduction)
    pairs = zip(x.ravel().tolist(), target.ravel().tolist(), strict=True)
    total = math.fsum(ELEMENTS[name](*pair) for pair in pairs)
    count = x.size if reduction == "mean" else 1
    y = value(layer, x, target)
    assert y.shape == ()
    assert float(y) == pytest.approx(total / count, rel=1e-13)
    dx = gradient(layer, x, target)
    np.testing.assert_allclose(dx, stepped(layer, x, target), rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(gradient(layer, x, target, -0.5), -0.5 * dx, rtol=1e-14)


def test_the_absolute_error_has_no_slope_at_zero():
    dx = gradient(
        make("L1Loss", reduction="sum"), np.array([[1.0, 2.0, 3.0]]), np.full((1, 3), 2.0)
    )
    assert dx.tolist() == [[-1, 0, 1]]


def test_binary_cross_entropy_of_large_logits():
    """Warnings are errors here; log(1 + exp(1000)) is 1000."""
    layer = make("BCEWithLogitsLoss", reduction="sum")
    x = np.array([[1000.0, -1000.0, 1000.0, -1000.0]])
    target = np.array([[1.0, 0.0, 0.0, 1.0]])
    assert float(value(layer, x, target)) == 2000
    np.testing.assert_array_equal(gradient(layer, x, target), [[0, 0, 1, -1]])
    assert float(value(layer, np.zeros((1, 1)), np.ones((1, 1)))) == pytest.approx(math.log(2))


# ---- all


@pytest.mark.parametrize("name", layers.FAMILIES["loss"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_type_and_memory(name, dtype):
    x = random(3, 4).astype(dtype)
    layer = make(name)
    by_class = layer.target_kind == "class"
    target = classes(x) if by_class else np.full(x.shape, 0.5, dtype)
    before = x.copy(), target.copy()
    y, (kept, other) = layer.forward({}, x, target, mode=EVAL)
    assert isinstance(y, np.ndarray)
    assert (y.shape, y.dtype) == ((), dtype)
    assert other is target
    assert (kept is x) == (layer.saved((4,))[0].tensor == "input")
    gradient(layer, x, target)
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(target, before[1])
    alone, none = layer.forward({}, x, target, mode=Mode(save=False))
    assert (alone, none) == (y, None)
