"""Shape rules of windowed layers, against stepping the window along an axis by hand."""

from itertools import product

import pytest

from cnncalc import layers
from cnncalc.layer import LayerError, Saved
from cnncalc.window import POINT, Adaptive, Sliding, Transposed, Whole


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


def test_padding_of_a_pool_is_at_most_half_of_its_kernel():
    """PyTorch: "pad should be at most half of kernel size"; here that goes for each side."""
    for name, f, p in product(("MaxPool1d", "AvgPool1d"), range(1, 7), range(5)):
        for pads in (p, [[0, p]], [[p, 0]]):
            layer = make(name, kernel_size=f, padding=pads)
            if 2 * p <= f:
                assert layer.infer((1, 9))
                continue
            with pytest.raises(LayerError) as caught:
                layer.infer((1, 9))
            assert (caught.value.code, caught.value.argument) == ("CNN204", "padding")
            assert f"at most {f // 2}" in caught.value.help


def test_the_manual_of_pytorch_on_pools():
    """Output sizes that the examples in the documentation of torch.nn give."""
    assert make("MaxPool2d", kernel_size=3, stride=2).infer((16, 50, 32)) == (16, 24, 15)
    assert make("AvgPool2d", kernel_size=[3, 2], stride=[2, 1]).infer((16, 50, 32)) == (16, 24, 31)
    assert make("AdaptiveMaxPool2d", output_size=[5, 7]).infer((64, 8, 9)) == (64, 5, 7)
    assert make("AdaptiveMaxPool2d", output_size=[None, 7]).infer((64, 10, 9)) == (64, 10, 7)
    stem = make("MaxPool2d", kernel_size=3, stride=2, padding=1)
    assert stem.infer((64, 112, 112)) == (64, 56, 56)  # ResNet


def test_the_stride_of_a_pool_is_its_kernel_unless_written():
    for name in ("MaxPool2d", "AvgPool2d", "LPPool2d"):
        norm = {"norm_type": 2} if name == "LPPool2d" else {}
        for stride in ({}, {"stride": None}, {"stride": [2, 3]}):
            layer = make(name, kernel_size=[2, 3], **stride, **norm)
            assert layer.infer((1, 7, 7)) == (1, 3, 2)
            assert layer.window((1, 7, 7)) == (Sliding(2, 2), Sliding(3, 3))
    with pytest.raises(LayerError):
        make("LPPool2d", kernel_size=2, norm_type=0)


@pytest.mark.parametrize("ceil", [False, True])
def test_operations_of_pools_one_by_one(ceil):
    x = (3, 8, 7)
    places = len(windows(8, 3, 2, 1, 1, 1, ceil=ceil)) * len(windows(7, 2, 3, 1, 0, 0, ceil=ceil))
    cells, taps = 3 * places, 3 * 2
    more = {"kernel_size": [3, 2], "stride": [2, 3], "ceil_mode": ceil}
    largest = make("MaxPool2d", padding=[1, 0], **more)
    assert largest.flops(x) == cells * (taps - 1)  # comparisons
    assert largest.saved(x) == (Saved("argmax", elements=cells, element_bytes=8),)
    mean = make("AvgPool2d", padding=[1, 0], **more)
    assert (mean.flops(x), mean.saved(x)) == (cells * (taps - 1 + 1), ())  # sums, one division
    norm = make("LPPool2d", norm_type=2, **more)
    cells = norm.infer(x)[1] * norm.infer(x)[2] * 3
    assert norm.flops(x) == cells * (taps + (taps - 1) + 1 + 1)  # powers, sums, from 0, root
    assert norm.saved(x) == (Saved("input"), Saved("output"))


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


@pytest.mark.parametrize("kind", ["Conv1d", "ConvTranspose1d", "LocallyConnected1d"])
def test_a_bias_is_one_addition_an_output_element(kind):
    layer = make(kind, out_channels=4, kernel_size=3, stride=2)
    plain = make(kind, out_channels=4, kernel_size=3, stride=2, bias=False)
    outputs = 4 * layer.infer((2, 9))[1]
    assert layer.flops((2, 9)) == 2 * layer.macs((2, 9)) + outputs
    assert plain.flops((2, 9)) == 2 * layer.macs((2, 9))
    assert list(plain.params((2, 9))) == ["weight"]
    assert layer.saved((2, 9)) == (Saved("input", for_weights=True),)


@pytest.mark.parametrize(
    ("name", "arguments", "x", "guess"),
    [
        ("Conv2d", {"out_channels": 8, "kernel_size": 9, "stride": 2}, (3, 5, 4), (8, 3, 2)),
        ("ConvTranspose1d", {"out_channels": 8, "kernel_size": 1, "stride": 3}, (3, 5), (8, 15)),
        ("MaxPool2d", {"kernel_size": 8, "stride": [2, 3]}, (3, 5, 4), (3, 3, 2)),
        ("AdaptiveAvgPool2d", {"output_size": [None, 6]}, (3,), (3, 1, 6)),
    ],
)
def test_what_is_assumed_after_an_error(name, arguments, x, guess):
    """Sizes go on shrinking by the stride, so that one error does not cause others."""
    assert make(name, **arguments).assume(x) == guess


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


def test_adaptive_pools_are_ordinary_windows_where_sizes_divide():
    """The window that is named reads what the definition says, output by output."""
    for n, m in product(range(1, 13), range(1, 13)):
        x = (1, n)
        for name in ("AdaptiveAvgPool1d", "AdaptiveMaxPool1d"):
            (axis,) = make(name, output_size=m).window(x)
            reads = [set(range(o * n // m, -(-(o + 1) * n // m))) for o in range(m)]
            if isinstance(axis, Whole):
                assert reads == [set(range(n))]
                assert not axis.local
            elif isinstance(axis, Adaptive):
                assert axis == (n, m)
                assert n % m
            else:
                assert reads == [tapped(axis, o) for o in range(m)]
    assert make("AdaptiveAvgPool2d", output_size=[None, 1]).window((1, 4, 5)) == (POINT, Whole())


def tapped(axis, o):
    return {o * axis.stride - axis.before + t * axis.dilation for t in range(axis.kernel)}


@pytest.mark.parametrize("name", ["Conv2d", "LocallyConnected2d", "MaxPool2d", "AvgPool2d"])
def test_the_window_starts_where_stepping_starts(name):
    more = {"out_channels": 1} if "Con" in name else {}
    d = (1, 1) if name == "AvgPool2d" else (3, 2)
    dilation = {} if name == "AvgPool2d" else {"dilation": list(d)}
    pads = ((1, 0), (2, 1))
    f, s, x = (3, 4), (2, 3), (1, 12, 15)
    layer = make(name, kernel_size=f, stride=s, padding=[list(p) for p in pads], **dilation, **more)
    out = layer.infer(x)
    for axis, window in enumerate(layer.window(x)):
        starts = windows(x[1 + axis], f[axis], s[axis], d[axis], *pads[axis])
        assert out[1 + axis] == len(starts)
        expected = [{start + t * d[axis] for t in range(f[axis])} for start in starts]
        assert [tapped(window, o) for o in range(len(starts))] == expected


def test_a_transposed_convolution_works_axis_by_axis():
    layer = make(
        "ConvTranspose2d",
        out_channels=2,
        kernel_size=[3, 4],
        stride=[2, 3],
        padding=[[1, 0], [0, 2]],
        output_padding=[1, 2],
        dilation=[1, 2],
    )
    expected = []
    for f, s, d, (before, after), extra in ((3, 2, 1, (1, 0), 1), (4, 3, 2, (0, 2), 2)):
        written = {i * s + t * d for i in range(5) for t in range(f)}
        expected.append(len(range(before, max(written) + 1 - after)) + extra)
    assert layer.infer((1, 5, 5)) == (2, *expected)
    assert layer.window((1, 5, 5)) == (Transposed(3, 2, 1, 1), Transposed(4, 3, 2, 0))
    with pytest.raises(LayerError, match="output_padding 2"):
        make("ConvTranspose1d", out_channels=1, kernel_size=3, output_padding=2, stride=2).infer(
            (1, 5)
        )


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_a_padding_mode_takes_no_more_than_there_is(mode):
    pad = {"zeros": "ZeroPad1d", "replicate": "ReplicationPad1d"}.get(mode)
    pad = pad or {"reflect": "ReflectionPad1d", "circular": "CircularPad1d"}[mode]
    for n, p in product(range(1, 6), range(6)):
        layer = make("Conv1d", out_channels=1, kernel_size=1, padding=p, padding_mode=mode)
        padded = PADDED[pad](list(range(n)), p, p)
        fits = len(padded) == n + 2 * p
        assert inferred(layer, 1, n) == ((1, len(padded)) if fits else None)


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


def test_negative_sides_crop():
    """Cropping three of two elements is refused, whatever is padded on the other side."""
    for n, a, b in product((1, 2, 3, 5), range(-4, 3), range(-4, 3)):
        crops = max(0, -a) + max(0, -b)
        left = n + a + b
        fits = crops <= n and left > 0
        assert inferred(make("ZeroPad1d", padding=[a, b]), 1, n) == ((1, left) if fits else None)
        zeros = make("ConstantPad1d", padding=[a, b], value=2)
        assert inferred(zeros, 1, n) == inferred(make("ZeroPad1d", padding=[a, b]), 1, n)


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
