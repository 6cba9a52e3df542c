"""Norms against sums of single numbers, and their gradients against the Jacobian written out."""

from itertools import product
from math import fsum, sqrt

import numpy as np
import pytest

from cnncalc import layers
from cnncalc.kernels import blocks, statistics
from cnncalc.kernels.mode import Mode, Region, Wants
from cnncalc.layer import LayerError

TRAIN, EVAL = Mode(train=True), Mode()
BATCH = 3


def make(name, **arguments):
    return layers.find(name)(**arguments)


def random(shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).normal(0.5, 1.5, shape).astype(dtype)


def weights_of(layer, shape, dtype=np.float64):
    generator = np.random.default_rng(1)
    return {
        name: generator.uniform(0.5, 1.5, one.shape).astype(dtype)
        for name, one in layer.params(shape).items()
    }


def sets_of(layer, shape):
    """The indices of the elements that are normalised together, for each set."""
    name = type(layer).__name__
    found = {}
    for index in product(*map(range, shape)):
        if name.startswith("BatchNorm"):
            key = index[1]
        elif name.startswith("InstanceNorm"):
            key = index[:2]
        elif name == "GroupNorm":
            key = index[0], index[1] // (shape[1] // layer.num_groups)
        else:
            key = index[: len(shape) - len(layer.normalized_shape)]
        found.setdefault(key, []).append(index)
    return found.values()


def parameter_at(layer, index):
    """Which element of weight and bias belongs to an element of the input."""
    if type(layer).__name__ == "LayerNorm":
        return index[-len(layer.normalized_shape) :]
    return index[1]


def plain(layer, weights, x):
    """The output and the standardised input, one number at a time."""
    y, standard = np.empty(x.shape), np.empty(x.shape)
    for indices in sets_of(layer, x.shape):
        values = [float(x[index]) for index in indices]
        mean = fsum(values) / len(values)
        variance = fsum((v - mean) ** 2 for v in values) / len(values)
        for index in indices:
            at = parameter_at(layer, index)
            standard[index] = (x[index] - mean) / sqrt(variance + layer.eps)
            factor = weights["weight"][at] if "weight" in weights else 1
            y[index] = factor * standard[index] + (weights["bias"][at] if "bias" in weights else 0)
    return y, standard


def plain_gradients(layer, weights, x, dy):
    """dx by the Jacobian w / sigma (delta_ij - 1 / m - s_i s_j / m), and those of the weights."""
    _, standard = plain(layer, weights, x)
    dx = np.zeros(x.shape)
    found = {name: np.zeros(one.shape) for name, one in weights.items() if "running" not in name}
    for indices in sets_of(layer, x.shape):
        m = len(indices)
        sigma = sqrt(np.var([x[i] for i in indices]) + layer.eps)
        for i, j in product(indices, indices):
            at = parameter_at(layer, j)
            factor = weights["weight"][at] if "weight" in weights else 1
            slope = (i == j) - 1 / m - standard[i] * standard[j] / m
            dx[i] += dy[j] * factor / sigma * slope
    for index in product(*map(range, x.shape)):
        at = parameter_at(layer, index)
        if "weight" in found:
            found["weight"][at] += dy[index] * standard[index]
        if "bias" in found:
            found["bias"][at] += dy[index]
    return dx, found


SWITCHES = [{"affine": True}, {"affine": False}, {"affine": True, "bias": False}]
WITHOUT_WEIGHT = {"affine": True, "weight": False}  # of batch and instance norms
OWN_STATISTICS = [
    *((f"BatchNorm{d}d", s, (4, 3, 2, 2)[: d + 1]) for d in (1, 2, 3) for s in SWITCHES),
    ("BatchNorm2d", WITHOUT_WEIGHT, (4, 3, 2)),
    ("InstanceNorm2d", WITHOUT_WEIGHT, (4, 3, 2)),
    ("BatchNorm1d", {}, (4,)),
    *((f"InstanceNorm{d}d", s, (4, 3, 2, 2)[: d + 1]) for d in (1, 2, 3) for s in SWITCHES),
    *(("GroupNorm", s | {"num_groups": 2}, (4, 3, 2)) for s in SWITCHES),
    ("GroupNorm", {"num_groups": 2}, (6,)),
    ("GroupNorm", {"num_groups": 1}, (2, 3, 2, 2)),
    ("LayerNorm", {"normalized_shape": [2]}, (3, 2)),
    ("LayerNorm", {"normalized_shape": [3, 2], "bias": False}, (2, 3, 2)),
    ("LayerNorm", {"normalized_shape": [4, 3], "elementwise_affine": False}, (4, 3)),
]
NAMES = [f"{name}-{number}" for number, (name, _, _) in enumerate(OWN_STATISTICS)]


@pytest.mark.parametrize(("name", "arguments", "shape"), OWN_STATISTICS, ids=NAMES)
def test_a_norm_in_training_is_the_sum_of_single_numbers(name, arguments, shape):
    layer = make(name, **arguments)
    x, weights = random((BATCH, *shape)), weights_of(layer, shape)
    y, _ = layer.forward(weights, x, mode=TRAIN)
    np.testing.assert_allclose(y, plain(layer, weights, x)[0], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("name", "arguments", "shape"), OWN_STATISTICS, ids=NAMES)
def test_its_gradients_are_the_jacobian_times_the_upstream_gradient(name, arguments, shape):
    layer = make(name, **arguments)
    x, weights = random((BATCH, *shape)), weights_of(layer, shape)
    dy = random(x.shape, seed=2)
    _, saved = layer.forward(weights, x, mode=TRAIN)
    dx, found = layer.backward(weights, dy, saved, wants=Wants(), mode=TRAIN)
    expected, of_weights = plain_gradients(layer, weights, x, dy)
    np.testing.assert_allclose(dx, expected, rtol=1e-11, atol=1e-13)
    assert found.keys() == of_weights.keys()
    for key, one in of_weights.items():
        np.testing.assert_allclose(found[key], one, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", ["BatchNorm2d", "InstanceNorm2d"])
def test_without_running_statistics_eval_takes_those_of_the_input(name):
    layer = make(name, track_running_stats=False)
    x = random((BATCH, 2, 3, 4))
    weights = weights_of(layer, (2, 3, 4))
    in_eval, saved = layer.forward(weights, x, mode=EVAL)
    np.testing.assert_array_equal(in_eval, layer.forward(weights, x, mode=TRAIN)[0])
    dx, _ = layer.backward(weights, x, saved, wants=Wants(), mode=EVAL)
    np.testing.assert_allclose(dx, plain_gradients(layer, weights, x, x)[0], atol=1e-13)


@pytest.mark.parametrize("name", ["BatchNorm2d", "InstanceNorm2d"])
@pytest.mark.parametrize("switches", [*SWITCHES, WITHOUT_WEIGHT])
def test_running_statistics_are_a_scale_and_a_shift_of_each_channel(name, switches):
    layer = make(name, track_running_stats=True, eps=0.01, **switches)
    x, weights = random((BATCH, 2, 3, 4)), weights_of(layer, (2, 3, 4))
    dy = random(x.shape, seed=2)
    y, saved = layer.forward(weights, x, mode=EVAL)
    dx, found = layer.backward(weights, dy, saved, wants=Wants(), mode=EVAL)
    for channel in range(2):
        sigma = sqrt(weights["running_var"][channel] + 0.01)
        standard = (x[:, channel] - weights["running_mean"][channel]) / sigma
        factor = weights["weight"][channel] if "weight" in weights else 1
        bias = weights["bias"][channel] if "bias" in weights else 0
        np.testing.assert_allclose(y[:, channel], factor * standard + bias, rtol=1e-12)
        np.testing.assert_allclose(dx[:, channel], dy[:, channel] * factor / sigma, rtol=1e-12)
        if "weight" in weights:
            expected = fsum((dy[:, channel] * standard).flat)
            np.testing.assert_allclose(found["weight"][channel], expected, rtol=1e-12)
        if "bias" in weights:
            np.testing.assert_allclose(found["bias"][channel], fsum(dy[:, channel].flat))
    assert found.keys() == weights.keys() - {"running_mean", "running_var"}


def test_in_eval_only_the_gradient_of_the_weight_needs_the_input():
    x = random((BATCH, 2, 3, 4))
    for affine in (True, False):
        layer = make("BatchNorm2d", affine=affine)
        _, saved = layer.forward(weights_of(layer, (2, 3, 4)), x, mode=EVAL)
        assert (saved is x) == affine


def test_frozen_weights_and_unwanted_inputs_are_left_out():
    layer = make("BatchNorm2d")
    x, weights = random((BATCH, 2, 3, 4)), weights_of(layer, (2, 3, 4))
    for mode in (TRAIN, EVAL):
        _, saved = layer.forward(weights, x, mode=mode)
        full, found = layer.backward(weights, x, saved, wants=Wants(), mode=mode)
        dx, none = layer.backward(weights, x, saved, wants=Wants(weights=False), mode=mode)
        np.testing.assert_array_equal(dx, full)
        assert mode.train or none == {}
        nothing, again = layer.backward(weights, x, saved, wants=Wants(inputs=False), mode=mode)
        assert nothing is None
        for name in found:
            np.testing.assert_array_equal(again[name], found[name])


@pytest.mark.parametrize("name", ["BatchNorm2d", "InstanceNorm2d", "GroupNorm", "LayerNorm"])
def test_a_large_mean_does_not_drown_a_small_variance(name):
    """In float32 the difference of E[x^2] and E[x]^2 would be noise here."""
    arguments = {"GroupNorm": {"num_groups": 1}, "LayerNorm": {"normalized_shape": [1, 16, 16]}}
    layer = make(name, eps=0, **arguments.get(name, {}))
    x = (1000 + np.random.default_rng(0).integers(-1, 2, (2, 1, 16, 16))).astype(np.float32)
    weights = {n: np.ones(p.shape, np.float32) for n, p in layer.params(x.shape[1:]).items()}
    weights |= {"bias": weights["bias"] * 0} if "bias" in weights else {}
    y, _ = layer.forward(weights, x, mode=TRAIN)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.std(), 1, rtol=1e-4)
    exact, _ = plain(layer, weights, x)
    np.testing.assert_allclose(y, exact, rtol=0, atol=2e-4)


@pytest.mark.parametrize(
    ("name", "x"),
    [
        ("BatchNorm1d", (1, 4)),
        ("BatchNorm1d", (1, 4, 1)),
        ("BatchNorm2d", (1, 4, 1, 1)),
        ("InstanceNorm1d", (3, 4, 1)),
        ("InstanceNorm2d", (3, 4, 1, 1)),
    ],
)
def test_one_value_has_no_variance(name, x):
    layer = make(name, track_running_stats=True)
    weights = weights_of(layer, x[1:])
    with pytest.raises(LayerError, match="needs more than one") as caught:
        layer.forward(weights, np.ones(x), mode=TRAIN)
    assert caught.value.code == "CNN101"
    assert str(list(x)) in caught.value.message
    layer.forward(weights, np.ones(x), mode=EVAL)
    two = (2, *x[1:]) if "Batch" in name else (*x[:-1], 2)
    layer.forward(weights, np.ones(two), mode=TRAIN)


# ---- running statistics


def updated(layer, weights, x):
    """The buffers after a training pass over x."""
    ones = {name: np.ones(x.shape[1], x.dtype) for name in ("weight", "bias") if layer.affine}
    _, saved = layer.forward(ones | weights, x, mode=TRAIN)
    return layer.updates(weights, saved)


def test_running_statistics_move_by_the_momentum_to_the_unbiased_variance():
    layer = make("BatchNorm1d", momentum=0.25)
    x = np.array([[1.0, 0.0], [3.0, 4.0], [8.0, 2.0]])  # means 4 and 2, squares around 26 and 8
    weights = {"running_mean": np.array([0.0, 1.0]), "running_var": np.array([1.0, 2.0])}
    found = updated(layer, weights, x)
    np.testing.assert_allclose(found["running_mean"], [0.25 * 4, 0.75 + 0.25 * 2])
    np.testing.assert_allclose(found["running_var"], [0.75 + 0.25 * 13, 1.5 + 0.25 * 4])


def test_without_momentum_the_first_batch_replaces_them():
    x = np.array([[1.0], [3.0]])
    weights = {"running_mean": np.array([9.0]), "running_var": np.array([9.0])}
    found = updated(make("BatchNorm1d", momentum=None), weights, x)
    assert found["running_mean"] == 2.0
    np.testing.assert_allclose(found["running_var"], [2.0], rtol=1e-12)


def test_those_of_instance_norms_are_means_over_the_images():
    layer = make("InstanceNorm1d", track_running_stats=True, momentum=0.5)
    x = np.array([[[1.0, 3.0]], [[0.0, 8.0]]])  # means 2 and 4, unbiased variances 2 and 32
    weights = {"running_mean": np.array([1.0]), "running_var": np.array([1.0])}
    found = updated(layer, weights, x)
    assert found["running_mean"].tolist() == [0.5 + 0.5 * 3]
    np.testing.assert_allclose(found["running_var"], [0.5 + 0.5 * 17], rtol=1e-12)
    still = make("InstanceNorm1d", track_running_stats=True, momentum=None)
    assert updated(still, weights, x)["running_mean"].tolist() == [1.0]  # as in torch


def test_they_keep_their_own_type_and_other_norms_have_none():
    layer = make("BatchNorm2d")
    x = random((BATCH, 2, 3, 4), dtype=np.float32)
    weights = weights_of(layer, (2, 3, 4), np.float32)
    assert updated(make("BatchNorm2d", track_running_stats=False), {}, x) == {}
    assert {one.dtype for one in updated(layer, weights, x).values()} == {np.dtype("f4")}
    assert updated(make("GroupNorm", num_groups=2), {}, x) == {}


# ---- relations between norms


def test_group_norm_lies_between_instance_norm_and_layer_norm():
    x = random((BATCH, 4, 3, 2))
    of = lambda name, **arguments: make(name, **arguments).forward({}, x, mode=EVAL)[0]  # noqa: E731
    one_group = of("GroupNorm", num_groups=1, affine=False)
    layer_norm = of("LayerNorm", normalized_shape=[4, 3, 2], elementwise_affine=False)
    np.testing.assert_allclose(one_group, layer_norm, rtol=1e-13)
    each = of("GroupNorm", num_groups=4, affine=False)
    np.testing.assert_allclose(each, of("InstanceNorm2d"), rtol=1e-13)


def test_layer_norm_starts_with_factors_around_one_whatever_its_axes():
    layer = make("LayerNorm", normalized_shape=[8, 50, 50])
    generator = np.random.default_rng(0)
    weight = layer.initial("weight", (8, 50, 50), generator)
    assert weight.shape == (8, 50, 50)
    assert 0.5 <= weight.min() < 0.51 < 1.49 < weight.max() <= 1.5
    assert abs(layer.initial("bias", (8, 50, 50), generator).mean()) < 0.01


# ---- local response norm


def plain_response(x, size, alpha, beta, k):
    y = np.empty(x.shape, x.dtype)
    for n, c in product(range(x.shape[0]), range(x.shape[1])):
        around = range(max(0, c - size // 2), min(x.shape[1], c + (size - 1) // 2 + 1))
        squares = sum(x[n, other] ** 2 for other in around)
        y[n, c] = x[n, c] / (k + alpha / size * squares) ** beta
    return y


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9, 16])
def test_local_response_norm_looks_at_the_channels_around(size):
    layer = make("LocalResponseNorm", size=size, alpha=0.7, beta=0.6, k=1.5)
    x, dy = random((2, 6, 2, 3)), random((2, 6, 2, 3), seed=2)
    y, saved = layer.forward({}, x, mode=EVAL)
    np.testing.assert_allclose(y, plain_response(x, size, 0.7, 0.6, 1.5), rtol=1e-13)
    dx, _ = layer.backward({}, dy, saved, wants=Wants(), mode=EVAL)
    for channel in range(6):
        step = np.zeros(x.shape, complex)
        step[:, channel] = 1e-30j
        slopes = plain_response(x + step, size, 0.7, 0.6, 1.5).imag / 1e-30
        np.testing.assert_allclose(dx[:, channel], (dy * slopes).sum(axis=1), rtol=1e-11)


def test_alexnet_s_local_response_norm_by_hand():
    layer = make("LocalResponseNorm", size=5, alpha=1.0, beta=1.0, k=2.0)
    y, _ = layer.forward({}, np.arange(1.0, 5).reshape(1, 4, 1), mode=EVAL)
    expected = [1 / (2 + 14 / 5), 2 / (2 + 30 / 5), 3 / (2 + 30 / 5), 4 / (2 + 29 / 5)]
    np.testing.assert_allclose(y.ravel(), expected, rtol=1e-15)


# ---- blocks


@pytest.mark.parametrize("shape", [(3, 7, 5, 5), (2, 5, 12, 13), (5, 6)])
def test_work_in_blocks_gives_what_work_in_one_piece_gives(shape, monkeypatch):
    layer = make("BatchNorm2d" if len(shape) > 2 else "BatchNorm1d")
    x, weights, dy = random(shape), weights_of(layer, shape[1:]), random(shape, seed=2)

    def run(mode):
        y, saved = layer.forward(weights, x, mode=mode)
        dx, found = layer.backward(weights, dy, saved, wants=Wants(), mode=mode)
        updates = layer.updates(weights, saved) if mode.train else {}
        return [y, dx, *found.values(), *updates.values()]

    for train in (True, False):
        whole = run(Mode(train=train))
        with monkeypatch.context() as patch:
            patch.setattr(blocks, "CACHED_BYTES", 400)
            parts = run(Mode(train=train))
        for one, other in zip(parts, whole, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_over_short_and_long_rows_are_those_of_single_numbers(dtype):
    for shape in ((1, 3, 1), (4, 3, 1), (2, 3, 7), (3, 2, statistics.LONG_ROW + 3)):
        x, y = random(shape, dtype=dtype), random(shape, seed=2, dtype=dtype)
        sums, products = statistics.sums(x), statistics.products(x, y)
        for b in range(shape[1]):
            at = x[:, b].ravel().tolist(), y[:, b].ravel().tolist()
            close = {"rel_tol": 1e-5} if dtype is np.float32 else {"rel_tol": 1e-13}
            assert sums[b] == pytest.approx(fsum(at[0]), rel=close["rel_tol"])
            exact = fsum(p * q for p, q in zip(*at, strict=True))
            assert products[b] == pytest.approx(exact, rel=close["rel_tol"] * 10)
        assert sums.dtype == products.dtype == np.float64


def test_blocks_cover_every_element_once():
    for shape, count in product([(1, 1), (1, 7, 2), (3, 5, 4), (8, 2), (5, 3, 2, 2)], range(1, 40)):
        assert len(blocks.pieces(shape[1], count)) <= count
        seen = np.zeros(shape, int)
        for block in blocks.blocks(shape, count):
            seen[block] += 1
        assert (seen == 1).all()


def test_broadcasting_leaves_numpy_as_it_was():
    usual = np.getbufsize()
    with blocks.broadcasting((1, 3, 4, 100)):
        assert np.getbufsize() < usual
    with pytest.raises(ZeroDivisionError), blocks.broadcasting((1, 3, 400)):
        _ = 1 / 0
    assert np.getbufsize() == usual


def test_a_result_takes_the_memory_it_may_overwrite_and_no_other():
    layer = make("BatchNorm2d")
    weights = weights_of(layer, (2, 3, 4))
    x = random((BATCH, 2, 3, 4))
    for train in (True, False):
        expected, saved = layer.forward(weights, x, mode=Mode(train=train))
        given = x.copy()
        y, _ = layer.forward(weights, given, mode=Mode(train=train, save=False, overwrite=True))
        assert y is given
        np.testing.assert_array_equal(y, expected)
        given = x.copy()
        y, kept = layer.forward(weights, given, mode=Mode(train=train, overwrite=True))
        np.testing.assert_array_equal(given, x)  # backward reads it
        dy = random(x.shape, seed=2)
        dx, found = layer.backward(weights, dy, saved, wants=Wants(), mode=Mode(train=train))
        over = Mode(train=train, overwrite=True)
        again, more = layer.backward(weights, dy, kept, wants=Wants(), mode=over)
        assert again is dy
        np.testing.assert_array_equal(again, dx)
        for name in found:
            np.testing.assert_array_equal(more[name], found[name])


@pytest.mark.parametrize("train", [True, False])
def test_complex_weights_make_a_complex_output(train):
    layer, x = make("BatchNorm2d"), random((BATCH, 2, 3, 4))
    weights = weights_of(layer, (2, 3, 4))
    expected, _ = layer.forward(weights, x, mode=Mode(train=train))
    weights["bias"] = weights["bias"] + 1e-30j
    y, _ = layer.forward(weights, x, mode=Mode(train=train, save=False, overwrite=True))
    np.testing.assert_allclose(y, expected + 1e-30j, rtol=1e-14)
    assert (y.imag == 1e-30).all()


def test_a_view_with_gaps_is_read_as_it_is_and_not_overwritten():
    layer = make("BatchNorm2d")
    weights = weights_of(layer, (2, 3, 4))
    wide = random((BATCH, 4, 4, 3))
    x = wide[:, ::2].transpose(0, 1, 3, 2)
    for train in (True, False):
        mode = Mode(train=train, save=False, overwrite=True)
        y, _ = layer.forward(weights, x, mode=mode)
        expected, _ = layer.forward(weights, np.ascontiguousarray(x), mode=Mode(train=train))
        np.testing.assert_allclose(y, expected, rtol=1e-14)


@pytest.mark.parametrize("name", ["BatchNorm2d", "InstanceNorm2d"])
def test_finishing_a_piece_is_the_forward_pass_over_it(name):
    layer = make(name, track_running_stats=True)
    x = random((2, 4, 9, 20), dtype=np.float32)
    weights = weights_of(layer, (4, 9, 20), np.float32)
    expected, _ = layer.forward(weights, x, mode=EVAL)
    finish = layer.finish(weights, [])
    rows = x.reshape(2, 4, 180)
    for images, channels, positions in product(
        (slice(0, 1), slice(1, 2)), (slice(0, 3), slice(3, 4)), (slice(0, 150), slice(150, 180))
    ):
        finish(rows[images, channels, positions], Region(images, channels, positions))
    np.testing.assert_array_equal(rows.reshape(x.shape), expected)
    assert not make(name, track_running_stats=False).fusible
