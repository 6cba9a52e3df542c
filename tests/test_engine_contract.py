"""What the engine promises of every layer type, over every example of every type."""

from itertools import product

import numpy as np
import pytest
from test_registry import EXAMPLES, make

from cnncalc import layers
from cnncalc.kernels.mode import Mode, Region, Scratch, Wants
from cnncalc.layer import Layer
from cnncalc.layers.conv import ConvNd, ConvTransposeNd
from cnncalc.layers.loss import Loss
from cnncalc.layers.pool import LPPoolNd
from cnncalc.window import Adaptive, Reach, Resized, Sliding, Transposed, Whole

BATCH = 3
RULES = ("infer", "outputs", "params", "macs", "backward_macs", "saved", "window", "windows")
DECLARED = {name for name in layers.names() if layers.find(name).declared}
RUNNABLE = [one for one in EXAMPLES if one.id.rsplit("-", 1)[0] not in DECLARED]
LINEAR_TYPES = ("Conv", "Linear", "LocallyConnected")
REAL_ONLY = {"GELU: none"}  # NumPy has no erf, and ours is for real numbers


class Dirty(Scratch):
    """Scratch memory that holds NaN whenever it is handed out."""

    def array(self, shape, dtype, name):
        found = super().array(shape, dtype, name)
        found[...] = np.nan
        return found


def arrays(layer, example, dtype=np.float64, batch=BATCH):
    """Random inputs and weights, away from kinks; a loss also gets a target."""
    generator = np.random.default_rng(11)
    xs = [generator.normal(0, 1, (batch, *shape)).astype(dtype) for shape in example.shapes]
    if isinstance(layer, LPPoolNd):
        xs = [abs(x) for x in xs]  # the cubes of numbers below 0 have no norm, in torch neither
    if isinstance(layer, Loss):
        shape = (batch, *layer.target(example.shapes[0]))
        if layer.target_kind == "class":
            xs.append(generator.integers(0, example.shapes[0][0], shape))
        else:
            xs.append(generator.uniform(0, 1, shape).astype(dtype))
    weights = {
        name: layer.initial(name, one.shape, generator).astype(dtype)
        for name, one in layer.params(*example.shapes).items()
    }
    return xs, weights


def forward(layer, weights, xs, **mode):
    """The outputs as a tuple, and what was saved."""
    y, saved = layer.forward(weights, *xs, mode=Mode(**mode))
    return (y if isinstance(y, tuple) else (y,)), saved


def upstream(ys):
    generator = np.random.default_rng(12)
    return [np.asarray(generator.normal(0, 1, y.shape)).astype(y.dtype) for y in ys]


def backward(layer, weights, dys, saved, **mode):
    """The gradients of the inputs as a tuple, and those of the weights."""
    dy = dys[0] if len(dys) == 1 else tuple(dys)
    dx, dweights = layer.backward(weights, dy, saved, wants=Wants(), mode=Mode(**mode))
    return (dx if isinstance(dx, tuple) else (dx,)), dweights


TRAINING = pytest.mark.parametrize("train", [False, True], ids=["eval", "train"])


@pytest.mark.parametrize("name", [one for one in layers.names() if one not in DECLARED])
def test_every_type_can_be_run(name):
    cls = layers.find(name)
    assert cls.forward is not Layer.forward
    assert cls.backward is not Layer.backward


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@TRAINING
@pytest.mark.parametrize("example", RUNNABLE)
def test_shapes_and_types(example, train, dtype):
    layer = make(example.text)
    xs, weights = arrays(layer, example, dtype)
    ys, saved = forward(layer, weights, xs, train=train)
    head = () if isinstance(layer, Loss) else (BATCH,)
    assert [y.shape for y in ys] == [(*head, *shape) for shape in layer.outputs(*example.shapes)]
    assert {y.dtype for y in ys} == {np.dtype(dtype)}
    dxs, dweights = backward(layer, weights, upstream(ys), saved, train=train)
    for x, dx in zip(xs[: len(example.shapes)], dxs, strict=False):
        assert (dx.shape, dx.dtype) == (x.shape, x.dtype)
    trained = {n: p for n, p in layer.params(*example.shapes).items() if not p.buffer}
    assert dweights.keys() == trained.keys()
    for name, parameter in trained.items():
        assert (dweights[name].shape, dweights[name].dtype) == (parameter.shape, np.dtype(dtype))


@pytest.mark.parametrize("example", RUNNABLE)
def test_the_products_performed_are_the_macs(example):
    layer = make(example.text)
    xs, weights = arrays(layer, example)
    mode = Mode()
    y, saved = layer.forward(weights, *xs, mode=mode)
    assert mode.tally.products == BATCH * layer.macs(*example.shapes)
    mode = Mode()
    dy = tuple(upstream(y)) if isinstance(y, tuple) else upstream([y])[0]
    layer.backward(weights, dy, saved, wants=Wants(), mode=mode)
    assert mode.tally.products == BATCH * sum(layer.backward_macs(*example.shapes))


@pytest.mark.parametrize("example", [one for one in RUNNABLE if one.id.startswith(LINEAR_TYPES)])
def test_ones_add_up_to_the_macs(example):
    """Each product of ones adds 1 to the output: padding is done by hand, nothing is cropped."""
    layer, (shape,) = make(example.text), example.shapes
    arguments = {name: getattr(layer, name) for name in layer.arguments}
    plain = arguments | {"bias": False}
    if isinstance(layer, ConvNd):
        shape = (shape[0], *(n + sum(p) for n, p in zip(shape[1:], layer.pads, strict=True)))
        plain |= {"padding": 0, "padding_mode": "zeros"}
    if isinstance(layer, ConvTransposeNd):
        plain |= {"padding": 0, "output_padding": 0}
    layer_of_ones = type(layer)(**plain)
    weights = {n: np.ones(p.shape) for n, p in layer_of_ones.params(shape).items()}
    y, _ = layer_of_ones.forward(weights, np.ones((BATCH, *shape)), mode=Mode())
    assert y.sum() == BATCH * layer.macs(*example.shapes)


@TRAINING
@pytest.mark.parametrize("example", RUNNABLE)
def test_backward_is_the_derivative_of_forward(example, train):
    """Along random directions, by complex step (by a central difference where there is an erf)."""
    layer = make(example.text)
    xs, weights = arrays(layer, example)
    ys, saved = forward(layer, weights, xs, train=train)
    dys = upstream(ys)
    dxs, dweights = backward(layer, weights, dys, saved, train=train)
    generator = np.random.default_rng(13)
    tensors = [(xs, place, dxs[place]) for place in range(len(example.shapes))]
    tensors += [(weights, name, gradient) for name, gradient in dweights.items()]

    def along(holder, at, direction):
        places, tensor = holder.copy(), holder[at]
        places[at] = tensor + direction
        given = (weights, places) if holder is xs else (places, xs)
        found, _ = forward(layer, *given, train=train)
        return sum((y * dy).sum() for y, dy in zip(found, dys, strict=True))

    real_only = getattr(layer, "approximate", None) == "none"
    for holder, at, gradient in tensors:
        for _ in range(2):
            u = generator.choice([-1.0, 1.0], holder[at].shape)
            expected = (gradient * u).sum()
            if real_only:
                slope = (along(holder, at, 1e-6 * u) - along(holder, at, -1e-6 * u)) / 2e-6
                np.testing.assert_allclose(expected, slope, rtol=1e-7)
            else:
                slope = along(holder, at, 1e-30j * u).imag / 1e-30
                np.testing.assert_allclose(expected, slope, rtol=1e-10, atol=1e-13)


@TRAINING
@pytest.mark.parametrize("example", RUNNABLE)
def test_saved_tensors_are_the_declared_ones(example, train):
    """Input and output themselves where they are declared, and not a byte more of its own."""
    layer = make(example.text)
    xs, weights = arrays(layer, example, np.float32)
    ys, saved = forward(layer, weights, xs, train=train)
    declared = layer.saved(*example.shapes)
    allowed = [xs[one.which] for one in declared if one.tensor == "input"]
    allowed += [ys[one.which] for one in declared if one.tensor == "output"]
    allowed += xs[len(example.shapes) :] + list(weights.values())
    own = [array for array in leaves(saved) if not any(shares(array, one) for one in allowed)]
    most = sum(
        one.elements * (one.element_bytes or 4) * (BATCH if one.batched else 1)
        for one in declared
        if one.tensor not in ("input", "output")
    )
    used = sum(array.nbytes for array in own)
    assert used <= most
    if train:
        assert used == most


def leaves(saved):
    """All arrays in nested tuples."""
    if isinstance(saved, np.ndarray):
        return [saved] if saved.size else []
    return [leaf for one in saved for leaf in leaves(one)] if isinstance(saved, tuple) else []


def shares(array, other):
    return np.shares_memory(array, other)


@TRAINING
@pytest.mark.parametrize("example", RUNNABLE)
def test_nothing_given_is_changed_and_overwriting_changes_no_bit(example, train):
    layer = make(example.text)
    xs, weights = arrays(layer, example)
    before = [x.copy() for x in xs]
    ys, saved = forward(layer, weights, xs, train=train)
    dys = upstream(ys)
    dxs, dweights = backward(layer, weights, dys, saved, train=train)
    for x, copy in zip((*xs, *dys), (*before, *upstream(ys)), strict=True):
        np.testing.assert_array_equal(x, copy)
    if isinstance(layer, Loss):
        return
    again, _ = forward(layer, weights, before, train=train, save=False, overwrite=True)
    for y, other in zip(ys, again, strict=True):
        np.testing.assert_array_equal(y, other)
    others, more = backward(layer, weights, dys, saved, train=train, overwrite=True)
    for one, other in zip((*dxs, *dweights.values()), (*others, *more.values()), strict=True):
        np.testing.assert_array_equal(one, other)


@TRAINING
@pytest.mark.parametrize("example", RUNNABLE)
def test_what_was_in_scratch_memory_does_not_matter(example, train):
    layer = make(example.text)
    xs, weights = arrays(layer, example, np.float32)
    results = []
    for scratch in (Scratch(), Dirty()):
        ys, saved = forward(layer, weights, xs, train=train, scratch=scratch)
        dxs, dweights = backward(layer, weights, upstream(ys), saved, train=train, scratch=scratch)
        results.append([*ys, *dxs[: len(example.shapes)], *dweights.values()])
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


@TRAINING
@pytest.mark.parametrize("example", RUNNABLE)
def test_the_engine_needs_none_of_the_rules_that_it_proves(example, train, monkeypatch):
    layer = make(example.text)
    xs, weights = arrays(layer, example)
    for rule in RULES:
        monkeypatch.setattr(type(layer), rule, None)
    ys, saved = forward(layer, weights, xs, train=train)
    backward(layer, weights, upstream(ys), saved, train=train)


@pytest.mark.parametrize("example", RUNNABLE)
def test_nothing_is_saved_where_no_backward_pass_follows(example):
    layer = make(example.text)
    xs, weights = arrays(layer, example)
    assert forward(layer, weights, xs, save=False)[1] is None


FUSIBLE = [
    one for one in RUNNABLE if make(one.values[0].text).fusible and len(one.values[0].shapes) <= 2
]


@pytest.mark.parametrize("example", FUSIBLE)
def test_finishing_in_pieces_is_the_forward_pass_to_the_bit(example):
    layer = make(example.text)
    xs, weights = arrays(layer, example, np.float32)
    (y,), _ = forward(layer, weights, xs)
    whole = next(i for i, x in enumerate(xs) if x.shape == y.shape)
    out = xs[whole].copy().reshape(*y.shape[:2], -1)
    finish = layer.finish(weights, xs[:whole] + xs[whole + 1 :])
    places = out.shape[2]
    cuts = [slice(0, places // 2), slice(places // 2, places)]
    for images, channels, positions in product((slice(0, 1), slice(1, BATCH)), cut(out), cuts):
        finish(out[images, channels, positions], Region(images, channels, positions))
    np.testing.assert_array_equal(out.reshape(y.shape), y)


def cut(out):
    half = out.shape[1] // 2
    return slice(0, half), slice(half, out.shape[1])


BEYOND = {
    "zeros": lambda i, n: i if 0 <= i < n else None,
    "circular": lambda i, n: i % n,
    "replicate": lambda i, n: min(max(i, 0), n - 1),
    "reflect": lambda i, n: n - 1 - abs(n - 1 - abs(i)),
}
"""The input position that stands at a position in the padding, if any."""
PADDING_TYPES = {"Circular": "circular", "Replication": "replicate", "Reflection": "reflect"}


def beyond(layer):
    by_name = (
        mode for name, mode in PADDING_TYPES.items() if type(layer).__name__.startswith(name)
    )
    return BEYOND[next(by_name, getattr(layer, "padding_mode", "zeros"))]


def reads(axis, o, n, padding):
    """The input positions that output position o reads, by the definitions of window.py."""
    if isinstance(axis, Whole):
        return set(range(n))
    if isinstance(axis, Adaptive):
        return set(range(o * n // axis.after, -(-(o + 1) * n // axis.after)))
    if isinstance(axis, Sliding):
        taps = {o * axis.stride - axis.before + t * axis.dilation for t in range(axis.kernel)}
        return {padding(i, n) for i in taps} - {None}
    if isinstance(axis, Transposed):
        taps = {t * axis.dilation for t in range(axis.kernel)}
        return {i for i in range(n) if o + axis.before - i * axis.stride in taps}
    raise AssertionError(axis)


def depends_on(layer, example, which):
    """For each output position of the first channel, the input positions that change it."""
    generator = np.random.default_rng(14)
    xs = [generator.uniform(0.1, 0.9, (1, *shape)) for shape in example.shapes]
    _, weights = arrays(layer, example)
    shape = example.shapes[which]
    (before, *_), _ = forward(layer, weights, xs)
    found = {place: set() for place in np.ndindex(*before.shape[2:])}
    for place in np.ndindex(*shape[1:]):
        changed = [x.copy() for x in xs]
        changed[which][(0, slice(None), *place)] += 5.0
        (after, *_), _ = forward(layer, weights, changed)
        for out in np.argwhere((after != before)[0].any(axis=0)).tolist():
            found[tuple(out)].add(place)
    return found


WINDOWED = [
    one
    for one in RUNNABLE
    if not isinstance(make(one.values[0].text).window(*one.values[0].shapes), Reach)
]


@pytest.mark.parametrize("example", WINDOWED)
def test_the_window_is_what_an_output_depends_on(example):
    layer = make(example.text)
    for which, window in enumerate(layer.windows(*example.shapes)):
        n = example.shapes[which][1:]
        for place, found in depends_on(layer, example, which).items():
            if any(isinstance(axis, Resized) for axis in window):
                continue  # shown by test_resampling_reads_its_window
            axes = zip(window, place, n, strict=True)
            assert found == set(
                product(*(reads(axis, o, size, beyond(layer)) for axis, o, size in axes))
            )


def test_scratch_memory_is_used_again_by_arrays_of_one_type():
    scratch = Scratch()
    one = scratch.array((2, 3), np.float64, "a")
    assert scratch.array((6,), np.float64, "a").base is one.base
    other = scratch.array((2, 3), np.complex128, "a")
    assert (other.dtype, other.shape) == (np.complex128, (2, 3))
    assert not np.shares_memory(one, scratch.array((2, 3), np.float64, "b"))
    assert scratch.held == 6 * (8 + 16 + 8)
