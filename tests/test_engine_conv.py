"""Convolutions against plain loops, and against the closed forms of backpropagation."""

from contextlib import contextmanager
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from naive import convolution, transposed_convolution

from cnncalc import layers
from cnncalc.kernels import convolution as kernels
from cnncalc.kernels.mode import Mode, Wants
from cnncalc.layers.conv import ConvTransposeNd


def integers(generator, shape, dtype=np.float64):
    """Whole numbers, whose sums of products are exact."""
    return generator.integers(-4, 5, shape).astype(dtype)


def weights_of(layer, shape, generator):
    return {name: integers(generator, one.shape) for name, one in layer.params(shape).items()}


@st.composite
def convolutions(draw, transposed=False):
    """A layer with the shape of its input: any rank, every argument."""
    rank = draw(st.integers(1, 3))
    largest = {1: 20, 2: 8, 3: 5}[rank]
    axes = st.lists(st.integers(1, 3), min_size=rank, max_size=rank)
    kernel, stride, dilation = draw(axes), draw(axes), draw(axes)
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    channels, out_channels = (groups * draw(st.integers(1, 3)) for _ in range(2))
    pads = [[draw(st.integers(0, 2)), draw(st.integers(0, 2))] for _ in range(rank)]
    arguments = {
        "out_channels": out_channels,
        "kernel_size": kernel,
        "stride": stride,
        "dilation": dilation,
        "groups": groups,
        "padding": pads,
        "bias": draw(st.booleans()),
    }
    extents = [d * (f - 1) + 1 for f, d in zip(kernel, dilation, strict=True)]
    if transposed:
        limits = [max(s, d) - 1 for s, d in zip(stride, dilation, strict=True)]
        arguments["output_padding"] = [draw(st.integers(0, most)) for most in limits]
        least = [
            -(-max(1, b + a + 2 - e) // s) + 1
            for (b, a), e, s in zip(pads, extents, stride, strict=True)
        ]
        name = f"ConvTranspose{rank}d"
    else:
        least = [max(1, e - b - a) for e, (b, a) in zip(extents, pads, strict=True)]
        name = f"Conv{rank}d"
    n = [draw(st.integers(low, max(low, largest))) for low in least]
    return layers.find(name)(**arguments), (channels, *n)


SIZES = st.sampled_from([(1 << 19, 512), (64, 1), (200, 40), (1 << 19, 1)])
"""Tiles and limits between ways to compute, small enough for small maps to be cut."""


@contextmanager
def sized(sizes):
    """Kernels that cut the work into pieces of these sizes."""
    with pytest.MonkeyPatch.context() as patch:
        for name, size in zip(("TILE", "SMALL"), sizes, strict=True):
            patch.setattr(kernels, name, size)
        yield


def naive(layer, x, weights):
    """What the layer computes, by a plain loop."""
    steps = (layer.stride, layer.padding, layer.dilation, layer.groups)
    if isinstance(layer, ConvTransposeNd):
        weight, bias = weights["weight"], weights.get("bias")
        return transposed_convolution(x, weight, bias, *steps, layer.output_padding)
    return convolution(x, weights["weight"], weights.get("bias"), *steps)


@settings(max_examples=80, deadline=None)
@given(st.booleans().flatmap(convolutions), st.integers(1, 3), SIZES, st.integers(0, 2**32))
def test_forward_equals_a_plain_loop(case, batch, sizes, seed):
    layer, shape = case
    generator = np.random.default_rng(seed)
    x, weights = integers(generator, (batch, *shape)), weights_of(layer, shape, generator)
    mode = Mode()
    with sized(sizes):
        y, saved = layer.forward(weights, x, mode=mode)
    np.testing.assert_array_equal(y, naive(layer, x, weights), strict=True)
    assert saved is x
    assert mode.tally.products == batch * layer.macs(shape)


@settings(max_examples=80, deadline=None)
@given(st.booleans().flatmap(convolutions), st.integers(1, 3), SIZES, st.integers(0, 2**32))
def test_backward_is_the_adjoint_of_a_plain_loop(case, batch, sizes, seed):
    """<f(u), dy> = <u, df(dy)> for each of input, weight and bias, in whole numbers: exact."""
    layer, shape = case
    generator = np.random.default_rng(seed)
    x, weights = integers(generator, (batch, *shape)), weights_of(layer, shape, generator)
    dy = integers(generator, (batch, *layer.infer(shape)))
    mode = Mode()
    with sized(sizes):
        dx, dweights = layer.backward(weights, dy, x, wants=Wants(), mode=mode)
    assert mode.tally.products == 2 * batch * layer.macs(shape)
    assert dx.shape == x.shape
    assert dweights.keys() == weights.keys()
    nothing = {name: np.zeros_like(weight) for name, weight in weights.items()}
    u = integers(generator, x.shape)
    linear = {**weights, **({"bias": nothing["bias"]} if "bias" in weights else {})}
    assert (naive(layer, u, linear) * dy).sum() == (dx * u).sum()
    for name, weight in weights.items():
        v = integers(generator, weight.shape)
        assert (naive(layer, x, nothing | {name: v}) * dy).sum() == (dweights[name] * v).sum()


@pytest.mark.parametrize(("inputs", "of_weights"), list(product([False, True], repeat=2)))
def test_only_the_wanted_gradients_are_computed(inputs, of_weights):
    for layer in (layers.find("Conv2d"), layers.find("ConvTranspose2d")):
        layer = layer(out_channels=3, kernel_size=3)
        weights = weights_of(layer, (2, 5, 5), np.random.default_rng(0))
        x = np.ones((1, 2, 5, 5))
        y, saved = layer.forward(weights, x, mode=Mode())
        mode = Mode()
        dx, dweights = layer.backward(weights, y, saved, wants=Wants(inputs, of_weights), mode=mode)
        assert (dx is not None) is inputs
        assert set(dweights) == ({"weight", "bias"} if of_weights else set())
        assert mode.tally.products == (inputs + of_weights) * layer.macs((2, 5, 5))


def kernel_and_input():
    generator = np.random.default_rng(5)
    x, w = integers(generator, (1, 1, 4, 5)), integers(generator, (1, 1, 3, 2))
    layer = layers.find("Conv2d")(out_channels=1, kernel_size=[3, 2])
    dz = integers(generator, (1, 1, 2, 4))
    dx, found = layer.backward(
        {"weight": w, "bias": np.zeros(1)}, dz, x, wants=Wants(), mode=Mode()
    )
    return x[0, 0], w[0, 0], dz[0, 0], dx[0, 0], found


def correlation(x, k):
    """The sums of all places of the kernel on the map, by the definition."""
    n, m = (a - b + 1 for a, b in zip(x.shape, k.shape, strict=True))
    return np.array(
        [
            [(x[i : i + k.shape[0], j : j + k.shape[1]] * k).sum() for j in range(m)]
            for i in range(n)
        ]
    )


def test_the_gradient_of_the_kernel_is_the_correlation_of_input_and_upstream():
    x, _, dz, _, found = kernel_and_input()
    np.testing.assert_array_equal(found["weight"][0, 0], correlation(x, dz))


def test_the_gradient_of_the_input_is_the_full_correlation_with_the_rotated_kernel():
    _, w, dz, dx, _ = kernel_and_input()
    around = np.pad(dz, [(w.shape[0] - 1,) * 2, (w.shape[1] - 1,) * 2])
    np.testing.assert_array_equal(dx, correlation(around, np.rot90(w, 2)))


def test_the_gradient_of_the_bias_is_the_sum_of_upstream():
    _, _, dz, _, found = kernel_and_input()
    assert found["bias"] == dz.sum()


def test_a_convolution_is_a_product_with_a_doubly_blocked_toeplitz_matrix():
    """A 3x3 kernel on a 4x4 input: a 4 x 16 matrix; its transpose gives the input gradient."""
    generator = np.random.default_rng(1)
    x, w = integers(generator, (1, 1, 4, 4)), integers(generator, (1, 1, 3, 3))
    toeplitz = np.zeros((4, 16))
    for (i, j), (a, b) in product(np.ndindex(2, 2), np.ndindex(3, 3)):
        toeplitz[2 * i + j, 4 * (i + a) + j + b] = w[0, 0, a, b]
    layer = layers.find("Conv2d")(out_channels=1, kernel_size=3, bias=False)
    y, _ = layer.forward({"weight": w}, x, mode=Mode())
    np.testing.assert_array_equal(y.ravel(), toeplitz @ x.ravel())
    dx, _ = layer.backward({"weight": w}, y, x, wants=Wants(), mode=Mode())
    np.testing.assert_array_equal(dx.ravel(), toeplitz.T @ y.ravel())


def test_a_fully_connected_layer_is_a_convolution_whose_kernel_is_the_whole_input():
    generator = np.random.default_rng(2)
    x, w = integers(generator, (2, 3, 4, 5)), integers(generator, (6, 60))
    linear = layers.find("Linear")(out_features=6, bias=False)
    whole = layers.find("Conv2d")(out_channels=6, kernel_size=[4, 5], bias=False)
    y, _ = linear.forward({"weight": w}, x.reshape(2, 60), mode=Mode())
    map_of_one, _ = whole.forward({"weight": w.reshape(6, 3, 4, 5)}, x, mode=Mode())
    np.testing.assert_array_equal(y, map_of_one.reshape(2, 6))
    larger = integers(generator, (2, 3, 5, 7))
    assert whole.forward({"weight": w.reshape(6, 3, 4, 5)}, larger, mode=Mode())[0].shape == (
        *(2, 6, 2, 3),
    )


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_padding_modes_continue_the_input(mode):
    names = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    generator = np.random.default_rng(3)
    layer = layers.find("Conv2d")(
        out_channels=2, kernel_size=[4, 3], padding="same", padding_mode=mode
    )
    weights = weights_of(layer, (2, 5, 4), generator)
    x = integers(generator, (2, 2, 5, 4))
    around = np.pad(x, ((0, 0), (0, 0), (1, 2), (1, 1)), names[mode])
    expected = convolution(
        around, weights["weight"], weights["bias"], (1, 1), ((0, 0),) * 2, (1, 1), 1
    )
    y, _ = layer.forward(weights, x, mode=Mode())
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("rank", [1, 2])
def test_unshared_weights_are_one_kernel_for_each_place(rank):
    generator = np.random.default_rng(4)
    layer = layers.find(f"LocallyConnected{rank}d")(
        out_channels=4, kernel_size=3, stride=2, padding=1, groups=2
    )
    shape = (2, *(6, 5)[:rank])
    weights = weights_of(layer, shape, generator)
    x = integers(generator, (3, *shape))
    mode = Mode()
    y, saved = layer.forward(weights, x, mode=mode)
    assert mode.tally.products == 3 * layer.macs(shape)
    expected = np.empty_like(y)
    for place in np.ndindex(*y.shape[2:]):
        weight = weights["weight"][(slice(None), *place)]
        every = convolution(x, weight, None, layer.stride, layer.padding, layer.dilation, 2)
        at = (slice(None), slice(None), *place)
        expected[at] = every[at] + weights["bias"][(slice(None), *place)]
    np.testing.assert_array_equal(y, expected)
    dy = integers(generator, y.shape)
    dx, found = layer.backward(weights, dy, saved, wants=Wants(), mode=Mode())
    nothing = {name: np.zeros_like(one) for name, one in weights.items()}
    for name in weights:
        v = integers(generator, weights[name].shape)
        moved, _ = layer.forward(nothing | {name: v}, x, mode=Mode())
        assert (moved * dy).sum() == (found[name] * v).sum()
    u = integers(generator, x.shape)
    moved, _ = layer.forward(weights | {"bias": nothing["bias"]}, u, mode=Mode())
    assert (moved * dy).sum() == (dx * u).sum()


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_a_fully_connected_layer_by_its_definition(batch):
    """dW sums the outer products of upstream gradients and inputs; dX = dY W."""
    linear = layers.find("Linear")(out_features=3)
    generator = np.random.default_rng(0)
    x, dy = integers(generator, (batch, 4)), integers(generator, (batch, 3))
    weights = weights_of(linear, (4,), generator)
    mode = Mode()
    y, saved = linear.forward(weights, x, mode=mode)
    dx, found = linear.backward(weights, dy, saved, wants=Wants(), mode=mode)
    matrix, bias = weights["weight"], weights["bias"]
    for n in range(batch):
        assert y[n].tolist() == [sum(matrix[m] * x[n]) + bias[m] for m in range(3)]
        assert dx[n].tolist() == [sum(matrix[:, k] * dy[n]) for k in range(4)]
    for m in range(3):
        outer = [sum(dy[n, m] * x[n, k] for n in range(batch)) for k in range(4)]
        assert found["weight"][m].tolist() == outer
        assert found["bias"][m] == dy[:, m].sum()
    assert mode.tally.products == 3 * batch * linear.macs((4,))
