"""Shape rules of windowed layers, against stepping the window along an axis by hand."""

from itertools import product

import pytest

from cnncalc import layers
from cnncalc.layer import LayerError


def make(name, **arguments):
    return layers.find(name)(**arguments)


def windows(n, f, s, d, before, after, *, ceil=False):
    """Starts of all windows on an axis, stepping one after the other.

    When rounding up, one more window may hang over the end by less than a stride, as long as it
    starts in the input or in the padding before it (PyTorch's pooling).
    """
    found = []
    start = -before
    while True:
        overshoot = start + d * (f - 1) + 1 - (n + after)
        if overshoot > 0 and not (ceil and overshoot < s and start < n):
            return found
        found.append(start)
        start += s


def inferred(layer, *shape):
    """The inferred shape, None where the layer does not fit."""
    try:
        return layer.infer(shape)
    except LayerError as error:
        if error.code not in ("CNN102", "CNN204"):
            raise
        return None


GRID = list(
    product((1, 2, 3, 4, 5), (1, 2, 3), (1, 2, 3), ((0, 0), (1, 1), (2, 2), (0, 1), (3, 0)))
)


@pytest.mark.parametrize(("f", "s", "d", "pads"), GRID)
def test_convolution_has_one_output_for_each_window(f, s, d, pads):
    layer = make(
        "Conv1d", out_channels=3, kernel_size=f, stride=s, dilation=d, padding=[list(pads)]
    )
    for n in range(1, 14):
        count = len(windows(n, f, s, d, *pads))
        assert inferred(layer, 2, n) == ((3, count) if count else None)


@pytest.mark.parametrize(("f", "s", "d", "pads"), GRID)
@pytest.mark.parametrize("ceil", [False, True])
def test_max_pool_counts_windows_as_pytorch_does(f, s, d, pads, ceil):
    layer = make(
        "MaxPool1d", kernel_size=f, stride=s, dilation=d, padding=[list(pads)], ceil_mode=ceil
    )
    allowed = max(pads) <= f // 2  # torch raises beyond half of the kernel
    for n in range(1, 14):
        count = len(windows(n, f, s, d, *pads, ceil=ceil))
        assert inferred(layer, 2, n) == ((2, count) if count and allowed else None)


def test_means_in_three_dimensions_want_the_kernel_within_the_input():
    """PyTorch: "input image smaller than kernel size", however much is padded."""
    for name, more in (("AvgPool3d", {"padding": 1}), ("LPPool3d", {"norm_type": 2})):
        layer = make(name, kernel_size=3, ceil_mode=True, **more)
        assert inferred(layer, 1, 3, 3, 2) is None
        assert inferred(layer, 1, 3, 3, 3) is not None
    assert inferred(make("AvgPool2d", kernel_size=3, padding=1), 1, 3, 2) == (1, 1, 1)


@pytest.mark.parametrize("name", ["AvgPool2d", "LPPool2d", "MaxPool2d"])
@pytest.mark.parametrize("ceil", [False, True])
def test_pools_work_axis_by_axis(name, ceil):
    norm = {"norm_type": 2} if name == "LPPool2d" else {}
    for f, s in product([(2, 3), (3, 1)], [(1, 2), (3, 2), None]):
        layer = make(name, kernel_size=f, stride=s, ceil_mode=ceil, **norm)
        steps = s or f
        for n, m in product(range(3, 9), range(3, 9)):
            rows = len(windows(n, f[0], steps[0], 1, 0, 0, ceil=ceil))
            columns = len(windows(m, f[1], steps[1], 1, 0, 0, ceil=ceil))
            assert layer.infer((5, n, m)) == (5, rows, columns)


@pytest.mark.parametrize(("f", "s", "d", "pads"), GRID)
def test_transposed_convolution_undoes_the_size_of_a_convolution(f, s, d, pads):
    """Output padding chooses among the sizes that a convolution maps to the same one."""
    for extra in range(max(s, d)):
        layer = make(
            "ConvTranspose1d",
            out_channels=3,
            kernel_size=f,
            stride=s,
            dilation=d,
            padding=[list(pads)],
            output_padding=extra,
        )
        for n in range(1, 8):
            smallest = (n - 1) * s + d * (f - 1) + 1 - sum(pads)
            if smallest + extra < 1:
                assert inferred(layer, 2, n) is None
                continue
            size = layer.infer((2, n))[1]
            assert size == smallest + extra
            if smallest > 0:
                assert len(windows(smallest, f, s, d, *pads)) == n
            if extra < s and size > 0:
                assert len(windows(size, f, s, d, *pads)) == n


def test_transposed_convolution_writes_every_position_it_claims():
    for f, s, d in product((1, 2, 3), (1, 2), (1, 2)):
        layer = make("ConvTranspose1d", out_channels=1, kernel_size=f, stride=s, dilation=d)
        written = {i * s + t * d for i in range(5) for t in range(f)}
        assert layer.infer((1, 5)) == (1, max(written) + 1)


@pytest.mark.parametrize(("word", "share"), [("valid", 0), ("full", 1)])
def test_words_for_padding(word, share):
    for f, s, d in product((1, 2, 3, 5), (1, 2), (1, 2)):
        layer = make("Conv1d", out_channels=1, kernel_size=f, stride=s, dilation=d, padding=word)
        side = share * d * (f - 1)
        count = len(windows(11, f, s, d, side, side))
        assert layer.infer((1, 11)) == (1, count)


def test_same_keeps_the_size_and_puts_the_odd_one_behind():
    for f, d in product((1, 2, 3, 4, 7), (1, 2, 3)):
        layer = make("Conv1d", out_channels=1, kernel_size=f, dilation=d, padding="same")
        assert layer.infer((1, 9)) == (1, 9)
        before, after = layer.pads[0]
        assert after - before in (0, 1)
        assert layer.window((1, 9))[0].before == before


def test_same_with_a_stride_names_the_padding_of_tensorflow():
    """TensorFlow: ceil(N / S) outputs; half of what they need goes before, the rest behind."""
    layer = make("Conv2d", out_channels=1, kernel_size=3, stride=2, padding="same")
    with pytest.raises(LayerError) as caught:
        layer.infer((1, 8, 7))
    assert caught.value.code == "CNN210"
    assert "[[0, 1], [1, 1]]" in caught.value.help
    assert len(windows(8, 3, 2, 1, 0, 1)) == 4
    assert len(windows(7, 3, 2, 1, 1, 1)) == 4


@pytest.mark.parametrize("kind", ["Conv2d", "LocallyConnected2d"])
def test_products_and_weights_of_a_convolution_one_by_one(kind):
    for groups, f, s in product((1, 2), ((1, 1), (2, 3)), ((1, 2), (2, 1))):
        layer = make(kind, out_channels=4, kernel_size=f, stride=s, padding=1, groups=groups)
        x = (2, 5, 6)
        products, places = 0, 0
        for _ in windows(5, f[0], s[0], 1, 1, 1):
            for _ in windows(6, f[1], s[1], 1, 1, 1):
                places += 1
                for out in range(4):
                    group = out // (4 // groups)
                    sees = [c for c in range(2) if c // (2 // groups) == group]
                    products += len(sees) * f[0] * f[1]
        assert layer.macs(x) == products
        sizes = {name: one.shape for name, one in layer.params(x).items()}
        weights = 4 * (2 // groups) * f[0] * f[1]
        shared = kind == "Conv2d"
        assert _product(sizes["weight"]) == weights * (1 if shared else places)
        assert _product(sizes["bias"]) == 4 * (1 if shared else places)


def test_products_of_a_transposed_convolution_one_by_one():
    layer = make("ConvTranspose2d", out_channels=6, kernel_size=(3, 2), stride=2, groups=2)
    products = sum(
        3 * 2
        for _ in product(range(4), range(5))
        for channel in range(4)
        for out in range(6)
        if channel // 2 == out // 3
    )
    assert layer.macs((4, 4, 5)) == products
    assert layer.params((4, 4, 5))["weight"].shape == (4, 3, 3, 2)


def test_adaptive_pools_read_what_pytorch_reads():
    for n, m in product(range(1, 12), range(1, 12)):
        taps = sum(-(-(o + 1) * n // m) - o * n // m for o in range(m))
        layer = make("AdaptiveAvgPool1d", output_size=m)
        assert layer.infer((3, n)) == (3, m)
        assert layer.elementwise_flops((3, n)) == 3 * taps
        largest = make("AdaptiveMaxPool1d", output_size=m)
        assert largest.elementwise_flops((3, n)) == 3 * (taps - m)


PADDED = {
    "ZeroPad1d": lambda xs, a, b: [None] * a + xs + [None] * b,
    "ReflectionPad1d": lambda xs, a, b: xs[a:0:-1] + xs + xs[-2 : -2 - b : -1],
    "ReplicationPad1d": lambda xs, a, b: xs[:1] * a + xs + xs[-1:] * b,
    "CircularPad1d": lambda xs, a, b: (xs[len(xs) - a :] if a else []) + xs + xs[:b],
}


@pytest.mark.parametrize("name", PADDED)
def test_pads_add_as_many_elements_as_there_are_to_take(name):
    for n, a, b in product((1, 2, 4), range(4), range(4)):
        padded = PADDED[name](list(range(n)), a, b)
        layer = make(name, padding=[a, b])
        fits = len(padded) == n + a + b
        assert inferred(layer, 2, n) == ((2, len(padded)) if fits else None)


def test_pads_take_their_sides_in_the_order_of_torch_and_crop():
    layer = make("ZeroPad3d", padding=[1, 2, 3, 4, 5, -1])
    assert layer.infer((1, 10, 20, 30)) == (1, 10 + 5 - 1, 20 + 3 + 4, 30 + 1 + 2)
    assert [axis.before for axis in layer.window((1, 10, 20, 30))] == [5, 3, 1]
    assert inferred(make("ConstantPad1d", padding=[-3, -3], value=0), 1, 6) is None


def _product(sizes):
    found = 1
    for size in sizes:
        found *= size
    return found
