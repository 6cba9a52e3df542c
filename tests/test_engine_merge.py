"""Merges against single numbers, and their gradients against those of torch's two by two."""

from fractions import Fraction
from functools import reduce
from itertools import product

import numpy as np
import pytest

from cnncalc import layers
from cnncalc.kernels import blocks
from cnncalc.kernels.mode import Mode, Region, Wants

EVAL = Mode()


def make(name, **arguments):
    return layers.find(name)(**arguments)


def run(layer, xs, dy=None, **mode):
    """The output, and the gradients for an upstream gradient (random, if none is given)."""
    y, saved = layer.forward({}, *xs, mode=Mode(**mode))
    if dy is None:
        dy = np.random.default_rng(9).integers(-9, 10, y.shape).astype(y.dtype)
    dxs, none = layer.backward({}, dy, saved, wants=Wants(), mode=Mode(**mode))
    assert none == {}
    assert len(dxs) == len(xs)
    assert all(dx.shape == x.shape for dx, x in zip(dxs, xs, strict=True))
    return y, dxs, dy


def integers(*shapes, low=-4, high=4, dtype=np.float64):
    generator = np.random.default_rng(8)
    return [generator.integers(low, high + 1, (2, *shape)).astype(dtype) for shape in shapes]


def places(y, x):
    """For each place in y the place in x that it comes from: an axis of 1 is repeated."""
    for out in np.ndindex(*y.shape):
        yield out, tuple(i if n > 1 else 0 for i, n in zip(out, x.shape, strict=True))


EQUAL = [
    [(3, 2, 4), (3, 2, 4)],
    [(3, 2, 4), (3, 1, 1)],
    [(3, 1, 1), (3, 2, 4)],
    [(3, 2, 4), (3, 2, 4), (3, 1, 1), (3, 2, 4)],
    [(5,), (5,), (5,)],
    [(3, 2)],
]
ANY = [*EQUAL, [(1, 2, 4), (3, 2, 4)], [(3, 2, 1), (3, 1, 4)], [(1, 1), (3, 4), (3, 1)]]


@pytest.mark.parametrize("shapes", EQUAL)
def test_add_is_the_sum_and_hands_the_gradient_to_all(shapes):
    xs = integers(*shapes)
    y, dxs, dy = run(make("Add"), xs)
    expected, gradients = np.zeros(y.shape), [np.zeros(x.shape) for x in xs]
    for x, gradient in zip(xs, gradients, strict=True):
        for out, place in places(y, x):
            expected[out] += x[place]
            gradient[place] += dy[out]
    np.testing.assert_array_equal(y, expected)
    for dx, gradient in zip(dxs, gradients, strict=True):
        np.testing.assert_array_equal(dx, gradient)
        assert (dx is dy) == (dx.shape == dy.shape)


@pytest.mark.parametrize("alpha", [0.25, -2, 0])
@pytest.mark.parametrize("shapes", EQUAL)
def test_alpha_multiplies_all_inputs_but_the_first(shapes, alpha):
    """As torch.add(a, b, alpha=alpha) does, applied to one input after the other."""
    xs = integers(*shapes)
    y, dxs, dy = run(make("Add", alpha=alpha), xs)
    scaled = [x if i == 0 else alpha * x for i, x in enumerate(xs)]
    expected, gradients, _ = run(make("Add"), scaled, dy=dy)
    np.testing.assert_array_equal(y, expected)
    for i, (dx, gradient) in enumerate(zip(dxs, gradients, strict=True)):
        np.testing.assert_array_equal(dx, gradient if i == 0 else alpha * gradient)


def test_alpha_costs_one_operation_more_for_each_further_input():
    x = (4, 3, 2)
    assert make("Add").flops(x, x, x) == 24 * 2
    assert make("Add", alpha=0.5).flops(x, x, x) == 24 * (2 + 2)


def test_a_sum_with_alpha_is_finished_by_itself():
    """A fused layer does not know which of its inputs it continues."""
    assert make("Add").fusible
    assert not make("Add", alpha=0.5).fusible


@pytest.mark.parametrize("shapes", ANY)
def test_mul_is_the_product_and_its_gradients_leave_one_out(shapes):
    xs = integers(*shapes)
    xs[0].flat[0] = 0  # a division by x would show
    y, dxs, dy = run(make("Mul"), xs)
    gradients = [np.zeros(x.shape) for x in xs]
    maps = [dict(places(y, x)) for x in xs]
    for out in np.ndindex(*y.shape):
        factors = [x[at[out]] for x, at in zip(xs, maps, strict=True)]
        assert y[out] == reduce(lambda a, b: a * b, factors)
        for i, (gradient, at) in enumerate(zip(gradients, maps, strict=True)):
            others = factors[:i] + factors[i + 1 :]
            gradient[at[out]] += reduce(lambda a, b: a * b, others, dy[out])
    for dx, gradient in zip(dxs, gradients, strict=True):
        np.testing.assert_array_equal(dx, gradient)


def two_by_two(values):
    """What each input gets of the gradient of max(max(a, b), c)...: halves where two are equal."""
    shares, largest = [Fraction(1)], values[0]
    for value in values[1:]:
        mine = Fraction(1, 2) if value == largest else Fraction(int(value > largest))
        shares = [share * (1 - mine) for share in shares] + [mine]
        largest = max(largest, value)
    return shares


@pytest.mark.parametrize("count", [1, 2, 3, 8, 9, 20])
def test_maximum_splits_the_gradient_between_equal_inputs(count):
    xs = integers(*[(4, 3, 5)] * count, low=-1, high=1)
    y, dxs, dy = run(make("Maximum"), xs)
    for out in np.ndindex(*y.shape):
        values = [x[out] for x in xs]
        assert y[out] == max(values)
        for dx, share in zip(dxs, two_by_two(values), strict=True):
            assert dx[out] == dy[out] * float(share)


def test_of_two_equal_inputs_each_gets_half():
    x = np.array([[1.0, 2.0, 3.0]])
    _, (a, b), _ = run(make("Maximum"), [x, x[:, ::-1].copy()], dy=np.array([[10.0, 20.0, 30.0]]))
    assert (a.tolist(), b.tolist()) == ([[0, 10, 30]], [[10, 10, 0]])


@pytest.mark.parametrize("shapes", EQUAL)
def test_maximum_repeats_one_value_a_channel(shapes):
    xs = integers(*shapes)
    y, dxs, dy = run(make("Maximum"), xs)
    gradients = [np.zeros(x.shape) for x in xs]
    maps = [dict(places(y, x)) for x in xs]
    for out in np.ndindex(*y.shape):
        values = [x[at[out]] for x, at in zip(xs, maps, strict=True)]
        assert y[out] == max(values)
        for gradient, at, share in zip(gradients, maps, two_by_two(values), strict=True):
            gradient[at[out]] += dy[out] * float(share)
    for dx, gradient in zip(dxs, gradients, strict=True):
        np.testing.assert_array_equal(dx, gradient)


@pytest.mark.parametrize("count", [2, 8, 9])
def test_maximum_saves_the_bytes_that_it_declares(count):
    layer, xs = make("Maximum"), integers(*[(3, 5)] * count)
    y, (winners, _) = layer.forward({}, *xs, mode=EVAL)
    (declared,) = layer.saved(*[(3, 5)] * count)
    assert winners.nbytes == len(y) * declared.elements * declared.element_bytes
    assert winners.nbytes == y.size * (1 if count <= 8 else 2)


def test_maximum_of_complex_numbers_goes_by_the_real_parts():
    """Of two that are equal, it is the first."""
    a, b = np.array([[1 + 9j, 2 + 1j, -5 - 7j, 4]]), np.array([[0 + 1j, 3 - 9j, -6 + 7j, 4 + 1j]])
    y, _ = make("Maximum").forward({}, a, b, mode=EVAL)
    assert y.tolist() == [[1 + 9j, 3 - 9j, -5 - 7j, 4]]


@pytest.mark.parametrize(
    ("dim", "shapes"),
    [
        (1, [(2, 3, 4), (1, 3, 4), (5, 3, 4)]),
        (-1, [(2, 3), (2, 1)]),
        (2, [(2, 1, 3), (2, 4, 3), (2, 2, 3)]),
        (1, [(6,), (1,)]),
        (1, [(3, 2)]),
    ],
)
def test_concat_puts_one_behind_the_other_and_cuts_the_gradient(dim, shapes):
    xs = integers(*shapes)
    y, dxs, dy = run(make("Concat", dim=dim), xs)
    axis = dim % y.ndim
    start = 0
    for x, dx in zip(xs, dxs, strict=True):
        for place in np.ndindex(*x.shape):
            out = (*place[:axis], place[axis] + start, *place[axis + 1 :])
            assert y[out] == x[place]
            assert dx[place] == dy[out]
        start += x.shape[axis]
    assert start == y.shape[axis]


# ---- memory, blocks


@pytest.mark.parametrize("name", ["Add", "Mul", "Maximum", "Concat"])
def test_what_is_given_stays_and_the_type_too(name):
    xs = integers((3, 2, 4), (3, 2, 4), dtype=np.float32)
    before = [x.copy() for x in xs]
    y, dxs, _ = run(make(name), xs)
    assert {one.dtype for one in (y, *dxs)} == {np.dtype(np.float32)}
    for x, copy in zip(xs, before, strict=True):
        np.testing.assert_array_equal(x, copy)
    assert make(name).forward({}, *xs, mode=Mode(save=False))[1] is None


def test_one_branch_alone_is_copied():
    (x,) = integers((3, 2))
    for name in ("Add", "Mul", "Maximum", "Concat"):
        y, _ = make(name).forward({}, x, mode=Mode(save=False, overwrite=True))
        np.testing.assert_array_equal(y, x)
        assert not np.shares_memory(y, x)


@pytest.mark.parametrize("name", ["Add", "Mul"])
def test_the_sum_may_take_the_memory_of_the_first_input(name):
    for shapes in EQUAL[:4]:
        xs = integers(*shapes)
        expected, _, _ = run(make(name), xs)
        given = [x.copy() for x in xs]
        y, _ = make(name).forward({}, *given, mode=Mode(save=False, overwrite=True))
        np.testing.assert_array_equal(y, expected)
        assert (y is given[0]) == (xs[0].shape == y.shape)
        for x, copy in zip(given[1:], xs[1:], strict=True):
            np.testing.assert_array_equal(x, copy)


def test_an_input_that_comes_again_is_not_overwritten():
    for name, expected in (("Add", 9.0), ("Mul", 27.0)):
        x = np.full((1, 2, 2), 3.0)
        y, _ = make(name).forward({}, x, x, x, mode=Mode(save=False, overwrite=True))
        assert (y == expected).all()


def test_a_product_that_will_be_differentiated_keeps_its_inputs():
    a, b = integers((3, 2), (3, 2))
    copy = a.copy()
    y, saved = make("Mul").forward({}, a, b, mode=Mode(overwrite=True))
    assert not np.shares_memory(y, a)
    assert saved[0] is a
    assert saved[1] is b
    np.testing.assert_array_equal(a, copy)


@pytest.mark.parametrize("name", ["Add", "Mul", "Maximum"])
def test_work_in_blocks_is_the_same_to_the_bit(name, monkeypatch):
    xs = [x / 7 for x in integers((5, 12, 13), (5, 1, 1), (5, 12, 13))]
    whole, gradients, dy = run(make(name), xs)
    monkeypatch.setattr(blocks, "CACHED_BYTES", 400)
    parts, others, _ = run(make(name), xs, dy=dy)
    np.testing.assert_array_equal(parts, whole)
    for one, other in zip(others, gradients, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("other", [(4, 3, 20), (4, 1, 1)])
def test_finishing_a_piece_is_the_sum_over_it(other):
    x, y = integers((4, 3, 20), other, dtype=np.float32)
    expected, _, _ = run(make("Add"), [x / 7, y / 3])
    rows = (x / 7).reshape(2, 4, 60)
    finish = make("Add").finish({}, [y / 3])
    for region in product(
        (slice(0, 1), slice(1, 2)), (slice(0, 3), slice(3, 4)), (slice(0, 31), slice(31, 60))
    ):
        finish(rows[region], Region(*region))
    np.testing.assert_array_equal(rows.reshape(expected.shape), expected)
