"""FLOPs of elementwise layers: their formulas, computed with numbers that count what is done."""

from functools import reduce
from itertools import product
from math import prod

import pytest

from cnncalc import layers


def make(name, **arguments):
    return layers.find(name)(**arguments)


class Counted:
    """A number that counts operations; the sign counts nothing."""

    operations = 0

    def _count(self, *_):
        Counted.operations += 1
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = _count
    __rtruediv__ = __abs__ = _count

    def __neg__(self):
        return self


def once(*numbers):
    """An exponential, logarithm, tanh, erf, or a choice by comparison."""
    return next(one for one in numbers if isinstance(one, Counted))._count()


exp = log = tanh = erf = clamp = once


def choose(_, *numbers):
    return once(*numbers)


def square(x):
    return x * x


def relu6(x):
    return clamp(clamp(x, 0), 6)


def sigmoid(x):
    return 1 / (1 + exp(-x))


def elu(x):
    return choose("x > 0", x, 1.0 * (exp(x) - 1))


def softmax(xs):
    powers = [exp(x) for x in xs]
    total = reduce(lambda a, b: a + b, powers, 0)
    return [power / total for power in powers]


def log_softmax(xs):
    total = log(reduce(lambda a, b: a + b, [exp(x) for x in xs]))
    return [x - total for x in xs]


FORMULAS = {
    "ReLU": lambda x: clamp(x, 0),
    "ReLU6": relu6,
    "LeakyReLU": lambda x: choose("x > 0", x, 0.01 * x),
    "PReLU": lambda x: choose("x > 0", x, 0.25 * x),
    "ELU": elu,
    "SELU": lambda x: 1.05 * elu(x),
    "CELU": lambda x: choose("x > 0", x, 1.0 * (exp(x / 1.0) - 1)),
    "GELU": lambda x: 0.5 * x * (1 + erf(x / 1.41)),
    "SiLU": lambda x: x * sigmoid(x),
    "Mish": lambda x: x * tanh(log(1 + exp(x))),
    "Hardswish": lambda x: x * (relu6(x + 3) / 6),
    "Hardsigmoid": lambda x: relu6(x + 3) / 6,
    "Hardtanh": lambda x: clamp(clamp(x, -1), 1),
    "Sigmoid": sigmoid,
    "Tanh": tanh,
    "Softplus": lambda x: choose("beta x > threshold", x, log(1 + exp(1.0 * x)) / 1.0),
    "Softsign": lambda x: x / (1 + abs(x)),
    "LogSigmoid": lambda x: -log(1 + exp(-x)),
    "BCEWithLogitsLoss": lambda x: 0 + (clamp(x, 0) - x * 0.3 + log(1 + exp(-abs(x)))),
    "MSELoss": lambda x: 0 + square(x - 0.3),
    "L1Loss": lambda x: 0 + abs(x - 0.3),
    "MultiMarginLoss": lambda x: 0 + clamp(1 - Counted() + x, 0),
}


def counted(formula, *values):
    Counted.operations = 0
    formula(*values)
    return Counted.operations


@pytest.mark.parametrize("name", FORMULAS)
def test_flops_are_the_operations_of_the_formula(name):
    one = counted(FORMULAS[name], Counted())
    assert make(name).elementwise_flops((1,)) == one
    assert make(name).elementwise_flops((7,)) == 7 * one


def test_every_elementwise_activation_has_its_formula():
    others = {"Softmax", "LogSoftmax", "Maxout"}
    assert set(layers.FAMILIES["activation"]) - set(FORMULAS) == others


def test_flops_that_depend_on_arguments():
    gelu = counted(lambda x: 0.5 * x * (1 + tanh(0.8 * (x + 0.044715 * (x * x * x)))), Counted())
    assert make("GELU", approximate="tanh").elementwise_flops((3,)) == 3 * gelu
    squared = counted(lambda x: 0 + square(clamp(1 - Counted() + x, 0)), Counted())
    assert make("MultiMarginLoss", p=2).elementwise_flops((3,)) == 3 * squared


@pytest.mark.parametrize("k", [1, 2, 5])
def test_flops_over_an_axis(k):
    assert make("Softmax").elementwise_flops((k,)) == counted(softmax, [Counted()] * k)
    assert make("LogSoftmax").elementwise_flops((k,)) == counted(log_softmax, [Counted()] * k)
    largest = counted(lambda xs: reduce(once, xs), [Counted()] * k)
    assert make("Maxout", pieces=k).elementwise_flops((4 * k, 3)) == 4 * 3 * largest


def test_cross_entropy_counts_a_log_softmax_at_every_position():
    one = counted(lambda xs: 0 - log_softmax(xs)[0], [Counted()] * 5)
    assert make("CrossEntropyLoss").elementwise_flops((5, 3, 2)) == 6 * one

    def smoothed(xs):
        found = log_softmax(xs)
        return 0 + (0.9 * found[0] + 0.1 * reduce(lambda a, b: a + b, found, 0))

    one = counted(smoothed, [Counted()] * 5)
    layer = make("CrossEntropyLoss", label_smoothing=0.1)
    assert layer.elementwise_flops((5, 3, 2)) == 6 * one


def test_upsample_weighs_two_taps_an_axis():
    for mode, rank in (("linear", 1), ("bilinear", 2), ("trilinear", 3)):
        one = counted(
            lambda taps: [0 + 0.5 * tap for tap in taps],
            [Counted() for _ in product(range(2), repeat=rank)],
        )
        layer = make("Upsample", scale_factor=2, mode=mode)
        x = (2, 3, 4, 5)[: rank + 1]
        assert layer.elementwise_flops(x) == prod(layer.infer(x)) * one
    assert make("Upsample", scale_factor=2).flops((2, 3, 4)) == 0
