"""Rules of layers without a window, against NumPy, counted operations and published numbers."""

from functools import reduce
from itertools import permutations, product
from math import prod

import numpy as np
import pytest

from cnncalc import layers
from cnncalc.layer import LayerError, Saved
from cnncalc.window import POINT, Reach, Resized, Sliding, Whole


def make(name, **arguments):
    return layers.find(name)(**arguments)


def inferred(layer, *xs):
    """The inferred shape, None where the layer does not fit."""
    try:
        return layer.infer(*xs)
    except LayerError:
        return None


def computed(function, *xs):
    """The shape without batch of what NumPy gives for a batch of 1, None where it raises."""
    try:
        return function(*(np.empty((1, *x)) for x in xs)).shape[1:]
    except ValueError:
        return None


def sizes(layer, *xs):
    return {name: one.shape for name, one in layer.params(*xs).items()}


# ---- linear


@pytest.mark.parametrize(
    ("inputs", "outputs", "params"),
    [
        (9216, 4096, 37_752_832),  # AlexNet fc6
        (25088, 4096, 102_764_544),  # VGG-16 fc6
        (2048, 1000, 2_049_000),  # ResNet-50 fc
    ],
)
def test_linear_has_the_published_parameters(inputs, outputs, params):
    layer = make("Linear", out_features=outputs)
    assert sum(prod(shape) for shape in sizes(layer, (inputs,)).values()) == params
    assert layer.macs((inputs,)) == params - outputs
    assert layer.elementwise_flops((inputs,)) == outputs


def test_linear_is_a_matrix_product_on_the_last_axis():
    for x in [(5,), (3, 5), (2, 3, 5)]:
        layer = make("Linear", in_features=5, out_features=4, bias=False)
        assert sizes(layer, x) == {"weight": (4, 5)}
        assert layer.infer(x) == computed(lambda a: a @ np.empty((4, 5)).T, x)
        places = prod(x[:-1])
        assert layer.macs(x) == sum(1 for _ in product(range(places), range(5), range(4)))
        assert layer.flops(x) == 2 * layer.macs(x)


@pytest.mark.parametrize("in_features", [None, 60])
def test_linear_on_a_map_asks_for_flatten(in_features):
    """With a written in_features that fits the flattened map, Flatten was forgotten too."""
    layer = make("Linear", in_features=in_features, out_features=10)
    with pytest.raises(LayerError, match="Linear on a map") as caught:
        layer.infer((3, 4, 5))
    assert caught.value.code == "CNN101"
    assert "Flatten" in caught.value.help
    assert "AdaptiveAvgPool2d" in caught.value.help
    assert layer.assume((3, 4, 5)) == (10,)


def test_linear_with_a_written_size_takes_the_last_axis_even_of_a_map_of_one_row():
    assert make("Linear", in_features=5, out_features=2).infer((1, 1, 5)) == (1, 1, 2)
    assert make("Linear", in_features=4, out_features=2).window((3, 5, 4)) == (POINT, Whole())
    assert make("Linear", out_features=2).window((4,)) is Reach.EVERYTHING


def test_flatten_merges_neighbouring_axes():
    for x in [(6,), (2, 3), (2, 3, 4), (2, 3, 4, 5)]:
        dims = [dim for dim in range(-len(x) - 1, len(x) + 1) if dim % (len(x) + 1)]
        for start, end in product(dims, dims):
            merged = [1, *x]
            first, last = start % len(merged), end % len(merged)
            for _ in range(last - first):
                merged[first : first + 2] = [merged[first] * merged[first + 1]]
            expected = tuple(merged[1:]) if first <= last else None
            layer = make("Flatten", start_dim=start, end_dim=end)
            assert inferred(layer, x) == expected
            if expected == x:
                assert layer.window(x) == (POINT,) * (len(x) - 1)
            elif expected:
                assert layer.window(x) is Reach.ENDS


def test_unflatten_is_a_reshape_of_one_axis():
    for size, a, b in product((1, 6, 12), (-1, 1, 2, 3), (-1, 1, 2, 4)):
        if a == b == -1:
            continue
        layer = make("Unflatten", dim=-2, unflattened_size=[a, b])
        expected = computed(lambda x, a=a, b=b: x.reshape(1, a, b, 5), (size, 5))
        assert inferred(layer, (size, 5)) == expected
        if expected:
            assert make("Flatten", end_dim=2).infer(expected) == (size, 5)


def test_scale_has_a_factor_for_each_channel():
    assert sizes(make("Scale"), (7, 3, 3)) == {"weight": (7,)}
    biased = make("Scale", init=20, bias=True)
    assert sizes(biased, (7,)) == {"weight": (7,), "bias": (7,)}
    assert (make("Scale").flops((7, 3, 3)), biased.flops((7, 3, 3))) == (63, 126)


# ---- activations: the formulas, computed with numbers that count what is done to them


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


def test_softmax_sees_the_whole_axis_and_no_other():
    assert make("Softmax").window((3, 4, 5)) == (POINT, POINT)
    assert make("Softmax", dim=2).window((3, 4, 5)) == (Whole(), POINT)
    assert make("LogSoftmax", dim=-1).window((3, 4, 5)) == (POINT, Whole())
    assert make("Softmax").window((3,)) is Reach.EVERYTHING


def test_prelu_has_one_slope_or_one_for_each_channel():
    assert sizes(make("PReLU"), (5, 2, 2)) == {"weight": (1,)}
    assert sizes(make("PReLU", num_parameters=5), (5, 2, 2)) == {"weight": (5,)}
    assert [inferred(make("PReLU", num_parameters=n), (5, 2)) for n in (1, 2, 5)] == [
        (5, 2),
        None,
        (5, 2),
    ]


def test_maxout_keeps_the_largest_of_neighbouring_channels():
    for channels, pieces in product(range(1, 13), range(1, 5)):
        expected = computed(
            lambda a, c=channels, p=pieces: a.reshape(1, c // p, p, 3).max(2), (channels, 3)
        )
        assert inferred(make("Maxout", pieces=pieces), (channels, 3)) == expected


def test_what_is_saved_for_backward():
    """The tensors that torch's derivative formulas read."""
    output = {"ReLU", "Sigmoid", "Tanh", "Softmax", "LogSoftmax"}
    for name in set(layers.FAMILIES["activation"]) - {"Maxout"}:
        (one,) = make(name).saved((4, 3))
        assert one.tensor == ("output" if name in output else "input"), name
    assert make("Maxout", pieces=2).saved((4, 3)) == (Saved("argmax", elements=6, element_bytes=8),)
    assert make("Add").saved((4, 3), (4, 3)) == make("Concat").saved((4, 3), (4, 3)) == ()
    assert make("Mul").saved((4, 3), (4, 1)) == (Saved("input", 0), Saved("input", 1))
    assert make("Maximum").saved((4, 3), (4, 3)) == (Saved("mask", elements=12, element_bytes=1),)
    assert make("Linear", out_features=2).saved((4,)) == (Saved("input", for_weights=True),)
    assert make("Upsample", scale_factor=2).saved((4, 3)) == ()


# ---- resolution


@pytest.mark.parametrize(
    ("n", "scale", "m"),
    [(5, 2, 10), (5, 1.5, 7), (7, 0.5, 3), (10, 1.1, 11), (100, 0.29, 28), (3, 1.3, 3)],
)
def test_upsample_sizes_are_those_of_pytorch(n, scale, m):
    """100 * 0.29 is 28.999999999999996 in floating point, and PyTorch 2.13 makes 28 of it."""
    for mode in ("nearest", "linear"):
        assert make("Upsample", scale_factor=scale, mode=mode).infer((2, n)) == (2, m)
    assert make("Upsample", size=m).infer((2, n)) == (2, m)


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


def test_upsample_names_the_written_factor_only_where_it_sets_the_positions():
    def window(n, **arguments):
        return make("Upsample", **arguments).window((1, n))[0]

    assert window(5, scale_factor=1.5) == Resized(5, 7, scale=1.5)
    assert window(4, scale_factor=1.5) == Resized(4, 6)
    assert window(5, scale_factor=1.5, recompute_scale_factor=True) == Resized(5, 7)
    assert window(5, size=7, mode="linear") == Resized(5, 7, linear=True)
    aligned = window(5, scale_factor=1.5, mode="linear", align_corners=True)
    assert aligned == Resized(5, 7, linear=True, align_corners=True)
    assert window(3, scale_factor=1.3) == Resized(3, 3, scale=1.3)
    assert window(3, scale_factor=1.3, mode="linear") == Resized(3, 3, linear=True)


def test_pixels_and_channels_change_places():
    for r, c, n, m in product((1, 2, 3), (1, 4, 9, 12), (1, 2, 3), (2, 6)):
        shuffled = computed(
            lambda a, r=r, c=c, n=n, m=m: (
                a.reshape(1, c // r**2, r, r, n, m)
                .transpose(0, 1, 4, 2, 5, 3)
                .reshape(1, c // r**2, n * r, m * r)
            ),
            (c, n, m),
        )
        up, down = (
            make("PixelShuffle", upscale_factor=r),
            make("PixelUnshuffle", downscale_factor=r),
        )
        assert inferred(up, (c, n, m)) == shuffled
        if shuffled:
            assert down.infer(shuffled) == (c, n, m)
            assert down.window(shuffled) == (Sliding(r, r),) * 2
            assert up.window((c, n, m)) == (Resized(n, n * r), Resized(m, m * r))
        assert (inferred(down, (c, n, m)) is None) == bool(n % r or m % r)


# ---- cutting and reordering


def test_center_crop_starts_where_torchvision_starts():
    for n, size in product(range(1, 14), repeat=2):
        layer = make("CenterCrop", size=[size, 1])
        if size > n:
            assert inferred(layer, (2, n, 1)) is None
            continue
        start = round(
            (n - size) / 2.0
        )  # torchvision: int(round((image_height - crop_height) / 2.0))
        assert layer.infer((2, n, 1)) == (2, size, 1)
        assert layer.window((2, n, 1)) == (Sliding(before=-start), POINT)


@pytest.mark.parametrize(
    ("n", "chunks", "pieces"),
    [(11, 6, [2, 2, 2, 2, 2, 1]), (12, 6, [2] * 6), (13, 6, [3, 3, 3, 3, 1]), (3, 5, [1] * 3)],
)
def test_chunk_gives_the_pieces_of_the_manual(n, chunks, pieces):
    """The first three are the examples in the documentation of torch.chunk."""
    layer = make("Chunk", chunks=chunks)
    assert [shape[0] for shape in layer.outputs((n, 4))] == pieces
    other = make("Chunk", chunks=chunks, dim=-1)
    assert other.outputs((4, n)) == tuple((4, piece) for piece in pieces)
    assert (layer.window((n, 4)), other.window((4, n))) == ((POINT,), Reach.ENDS)


@pytest.mark.parametrize(
    ("how", "pieces"), [(2, [2, 2, 1]), ([1, 4], [1, 4]), ([4], None), (5, [5]), (9, [5])]
)
def test_split_tells_a_size_from_a_list_of_sizes(how, pieces):
    """The first two are the examples in the documentation of torch.split."""
    layer = make("Split", split_size_or_sections=how)
    if pieces is None:
        assert inferred(layer, (5, 2)) is None
    else:
        assert [shape[0] for shape in layer.outputs((5, 2))] == pieces


def test_pieces_joined_again_are_the_whole():
    for n, size, dim in product(range(1, 9), range(1, 5), (1, 2)):
        x = (n, n, 3)
        pieces = make("Split", split_size_or_sections=size, dim=dim).outputs(x)
        if len(pieces) > 1:
            assert make("Concat", dim=dim).infer(*pieces) == x


def test_too_many_pieces_are_refused_before_they_are_made():
    for layer in (make("Chunk", chunks=2**31 - 1), make("Split", split_size_or_sections=1)):
        with pytest.raises(LayerError) as caught:
            layer.outputs((2**31 - 1,))
        assert caught.value.code == "CNN008"


def test_permute_is_a_transposition():
    x = (2, 3, 4)
    for order in permutations(range(1, 4)):
        for sign in (0, 4):
            layer = make("Permute", dims=[0, *(dim - sign for dim in order)])
            assert layer.infer(x) == computed(lambda a, o=order: a.transpose(0, *o), x)
            moved = order != (1, 2, 3)
            assert layer.window(x) == (Reach.ENDS if moved else (POINT, POINT))
    for wrong in ([1, 0, 2, 3], [0, 1, 2], [0, 1, 1, 2], [0, 1, 2, 4]):
        assert inferred(make("Permute", dims=wrong), x) is None


# ---- merges

SHAPES = [(2,), (1,), (2, 3, 4), (2, 3, 1), (2, 1, 1), (1, 3, 4), (1, 1, 1), (3, 3, 4), (2, 3, 5)]


@pytest.mark.parametrize("count", [2, 3])
def test_mul_broadcasts_as_numpy_does_among_equally_many_axes(count):
    for xs in product(SHAPES, repeat=count):
        expected = None
        if len({len(x) for x in xs}) == 1:
            expected = computed(lambda *arrays: reduce(np.multiply, arrays), *xs)
        layer = make("Mul")
        assert inferred(layer, *xs) == expected
        if expected:
            assert layer.flops(*xs) == (count - 1) * prod(expected)
            for x, window in zip(xs, layer.windows(*xs), strict=True):
                repeated = [n != m for n, m in zip(x[1:], expected[1:], strict=True)]
                assert window == tuple(Whole() if one else POINT for one in repeated)


@pytest.mark.parametrize("name", ["Add", "Maximum"])
def test_sums_broadcast_nothing_but_a_value_for_each_channel(name):
    allowed = {}
    for xs in product(SHAPES, repeat=3):
        out = inferred(make(name), *xs)
        full = {x for x in xs if x[1:] not in ((), (1, 1))} or set(xs)
        same_channels = len({(len(x), x[0]) for x in xs}) == 1
        assert out == (full.pop() if len(full) == 1 and same_channels else None)
        allowed[xs] = out
    assert allowed[(2, 1, 1), (2, 3, 4), (2, 3, 4)] == (2, 3, 4)
    assert allowed[(2, 3, 1), (2, 3, 4), (2, 3, 4)] is None


def test_concat_joins_as_numpy_does():
    for xs in product(SHAPES, repeat=2):
        for dim in (-3, -2, -1, 1, 2, 3):
            usable = dim % (len(xs[0]) + 1) and -len(xs[0]) - 1 <= dim <= len(xs[0])
            expected = computed(lambda *a, d=dim: np.concatenate(a, d), *xs) if usable else None
            layer = make("Concat", dim=dim)
            assert inferred(layer, *xs) == expected, (xs, dim)
            if expected:
                along_space = expected[0] == xs[0][0]
                assert (layer.window(*xs) is Reach.ENDS) == along_space
                assert layer.flops(*xs) == 0


@pytest.mark.parametrize("name", layers.FAMILIES["merge"])
def test_a_merge_wants_two_inputs_and_goes_on_with_the_first(name):
    with pytest.raises(LayerError) as caught:
        make(name).infer((2, 3, 4))
    assert caught.value.code == "CNN005"
    assert make(name).assume((2, 3, 4), (5, 3, 4)) == (2, 3, 4)


# ---- declared numbers, losses


def test_opaque_has_the_declared_numbers():
    layer = make("Opaque", output=[8, 4], params=100, macs=30)
    assert layer.infer((3, 9)) == (8, 4)
    assert (sizes(layer, (3, 9)), layer.macs((3, 9))) == ({"params": (100,)}, 30)
    assert layer.flops((3, 9)) == 60
    more = make("Opaque", output=8, params=0, macs=4_100_000_000, flops=9_000_000_000)
    assert (more.flops((3,)), more.infer((3,)), more.params((3,))) == (9_000_000_000, (8,), {})
    assert layer.window((3, 9)) is Reach.UNKNOWN


def test_a_loss_is_one_number_from_a_prediction_and_a_target():
    x = (5, 3, 2)
    targets = {name: make(name) for name in layers.FAMILIES["loss"]}
    assert {name for name, loss in targets.items() if loss.target((5,)) == ()} == {
        "CrossEntropyLoss",
        "MultiMarginLoss",
    }
    assert targets["CrossEntropyLoss"].target(x) == (3, 2)
    assert targets["MSELoss"].target(x) == targets["L1Loss"].target(x) == x
    assert {inferred(loss, x) for loss in targets.values()} == {(), None}
    assert inferred(targets["MultiMarginLoss"], x) is None
    assert {loss.infer((5,)) for loss in targets.values()} == {()}


# ---- messages

WRONG = [
    ("Linear", {"in_features": 7, "out_features": 2}, [(5,)], "CNN101", ["7", "5"]),
    ("Flatten", {"start_dim": 0}, [(2, 3)], "CNN007", ["start_dim 0 is the batch"]),
    ("Flatten", {"end_dim": 4}, [(2, 3)], "CNN007", ["end_dim 4", "[2, 3]"]),
    ("Flatten", {"start_dim": 2, "end_dim": 1}, [(2, 3)], "CNN007", ["2", "1"]),
    ("Unflatten", {"unflattened_size": [4, 2]}, [(9,)], "CNN101", ["[4, 2]", "8", "9"]),
    ("Unflatten", {"unflattened_size": [-1, -1]}, [], "CNN007", ["[-1, -1]"]),
    ("Unflatten", {"unflattened_size": [0, 3]}, [], "CNN007", ["[0, 3]"]),
    ("PReLU", {"num_parameters": 3}, [(5,)], "CNN101", ["3", "5"]),
    ("CELU", {"alpha": 0}, [], "CNN007", ["alpha", "0"]),
    ("Hardtanh", {"min_val": 2, "max_val": 1}, [], "CNN007", ["2", "1"]),
    ("Softmax", {"dim": 3}, [(2, 3)], "CNN007", ["dim 3", "[2, 3]"]),
    ("Softmax", {"dim": -3}, [(2, 3)], "CNN007", ["dim -3 is the batch"]),
    ("Maxout", {"pieces": 4}, [(6,)], "CNN103", ["4", "6"]),
    ("Upsample", {}, [], "CNN005", ["size", "scale_factor"]),
    ("Upsample", {"size": 2, "scale_factor": 2}, [], "CNN005", ["both"]),
    ("Upsample", {"size": 2, "align_corners": False}, [], "CNN007", ["nearest"]),
    ("Upsample", {"size": 2, "recompute_scale_factor": True}, [], "CNN007", ["size"]),
    ("Upsample", {"size": 2, "mode": "bilinear"}, [(2, 3)], "CNN101", ["bilinear", "[2, 3]"]),
    ("Upsample", {"size": 2}, [(2,)], "CNN101", ["[2]"]),
    ("Upsample", {"size": [2, 2]}, [(2, 3)], "CNN101", ["[2, 2]", "2", "1"]),
    ("Upsample", {"scale_factor": 0.2}, [(2, 3)], "CNN102", ["0.2", "3"]),
    ("PixelShuffle", {"upscale_factor": 2}, [(6, 2, 2)], "CNN103", ["6", "4"]),
    ("PixelShuffle", {"upscale_factor": 2}, [(4, 2)], "CNN101", ["[4, 2]"]),
    ("PixelUnshuffle", {"downscale_factor": 2}, [(1, 4, 5)], "CNN102", ["width 5", "2"]),
    ("ChannelShuffle", {"groups": 4}, [(6, 2)], "CNN103", ["4", "6"]),
    ("ChannelShuffle", {"groups": 2}, [(6,)], "CNN101", ["[6]"]),
    ("CenterCrop", {"size": 5}, [(1, 6, 4)], "CNN102", ["5", "4"]),
    ("CenterCrop", {"size": [5]}, [(1, 6, 8)], "CNN101", ["[5]", "2 spatial axes"]),
    ("Split", {"split_size_or_sections": [1, 2]}, [(5,)], "CNN101", ["[1, 2]", "3", "5"]),
    ("Permute", {"dims": [0, 2]}, [(2, 3)], "CNN101", ["[0, 2]", "[2, 3]"]),
    ("Permute", {"dims": [1, 0]}, [(2,)], "CNN007", ["[1, 0]", "batch"]),
    ("Add", {}, [(8, 4, 4), (8, 2, 4)], "CNN101", ["[8, 4, 4]", "[8, 2, 4]", "height 4 against 2"]),
    ("Add", {}, [(8, 4, 4), (2, 1, 1)], "CNN101", ["[2, 1, 1]", "(channels 8 against 2)"]),
    ("Maximum", {}, [(4,), (4,), (5,)], "CNN101", ["input 3", "features 4 against 5"]),
    ("Mul", {}, [(8, 4, 4), (8,)], "CNN101", ["[8, 4, 4]", "[8]", "axes"]),
    ("Mul", {}, [(1, 4), (8, 3), (7, 1)], "CNN101", ["input 2", "input 3", "8 against 7"]),
    ("Concat", {}, [(1, 4, 4), (2, 4, 5)], "CNN101", ["(width 4 against 5)", "dim 1"]),
    ("Concat", {"dim": 0}, [(1, 4), (2, 4)], "CNN007", ["dim 0 is the batch"]),
    ("MultiMarginLoss", {}, [(5, 2)], "CNN101", ["[5, 2]"]),
    ("MultiMarginLoss", {"p": 3}, [], "CNN007", ["1 to 2", "3"]),
    ("CrossEntropyLoss", {"reduction": "none"}, [], "CNN007", ["mean, sum", "none"]),
    ("Opaque", {"output": 1, "params": 0, "macs": 5, "flops": 9}, [], "CNN007", ["9", "10"]),
    ("Opaque", {"output": 1, "params": -1, "macs": 5}, [], "CNN007", ["params", "-1"]),
]


@pytest.mark.parametrize(("name", "arguments", "xs", "code", "parts"), WRONG)
def test_messages_quote_what_is_wrong(name, arguments, xs, code, parts):
    with pytest.raises(LayerError) as caught:
        make(name, **arguments).infer(*xs)
    error = caught.value
    assert error.code == code
    assert all(part in error.message for part in parts), error.message
    assert not error.message.endswith(".")
    assert error.argument is None or error.argument in layers.find(name).arguments


def test_help_of_a_merge_depends_on_what_differs():
    def help_for(*xs):
        with pytest.raises(LayerError) as caught:
            make("Add").infer(*xs)
        return caught.value.help

    assert "Conv2d with kernel_size 1" in help_for((4, 3, 3), (8, 3, 3))
    assert "Conv1d with kernel_size 1" in help_for((4, 3), (8, 3))
    assert "Linear" in help_for((4,), (8,))
    assert "strides" in help_for((4, 3, 3), (8, 2, 2))
    assert "Unflatten" in help_for((4, 3, 3), (4,))
