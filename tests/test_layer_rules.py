"""Rules of layers without a sliding window, against NumPy and published numbers."""

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
        return function(*(np.ones((1, *x)) for x in xs)).shape[1:]
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
        assert layer.infer(x) == computed(lambda a: a @ np.ones((4, 5)).T, x)
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


# ---- activations


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
def test_a_merge_of_one_is_the_identity_and_a_failed_one_goes_on_with_the_first(name):
    assert make(name).infer((2, 3, 4)) == (2, 3, 4)
    assert make(name).flops((2, 3, 4)) == 0
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
