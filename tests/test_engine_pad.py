"""Pads against NumPy's own, and their gradients against counting."""

import numpy as np
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
    x = labelled((1, 3))
    is_adjoint(x, *run(layers.find("ReplicationPad1d")(padding=[-5, 9]), x))
    is_adjoint(x, *run(layers.find("ReplicationPad1d")(padding=[9, -5]), x))


def test_a_pad_of_nothing_is_a_copy():
    x = labelled((1, 3))
    y, _, _ = run(layers.find("ZeroPad1d")(padding=0), x)
    assert not np.shares_memory(x, y)
    np.testing.assert_array_equal(x, y)
