"""Rules about windows, against windows that are written out position by position."""

import re
from types import SimpleNamespace

import pytest
from helpers import compute, loaded, spec
from hypothesis import example, given, strategies as st
from lint_helpers import check, findings, network, place, places

from cnncalc.lint import rules
from cnncalc.lint.rules.window import MOST_WINDOWS, Axis

RULES = rules.catalogue()


def convolution(n, kernel, stride, dilation, before, after):
    """A convolution of a sequence, as a spec, with the positions that each window's taps read."""
    starts = range(-before, n + after - dilation * (kernel - 1), stride)
    text = spec(
        f"- Conv1d: {{out_channels: 2, kernel_size: {kernel}, stride: {stride}, "
        f"dilation: {dilation}, padding: [[{before}, {after}]]}}",
        input=f"[1, {n}]",
    )
    windows = [[start + t * dilation for t in range(kernel)] for start in starts]
    return SimpleNamespace(text=text, n=n, stride=stride, padding=[before, after], windows=windows)


def convolutions():
    size, kernel, few = st.integers(1, 20), st.integers(1, 6), st.integers(1, 4)
    padding = st.integers(0, 9)
    built = st.builds(convolution, size, kernel, few, few, padding, padding)
    return built.filter(lambda one: one.windows)


def numbers(text, code):
    """The numbers in what a rule says of a spec; None where it says nothing."""
    problems = findings(text, code)
    assert len(problems) <= 1
    return [int(n) for n in re.findall(r"\d+", problems[0].message)] if problems else None


@given(convolutions())
@example(convolution(1, 2, 3, 2, 4, 0))  # the one window lies before the input
@example(convolution(6, 2, 2, 2, 0, 0))  # a stride beyond the taps, but not beyond their extent
def test_dropped_rows_are_those_behind_the_last_window(one):
    last = one.windows[-1][-1]
    extent = last - one.windows[-1][0] + 1
    lost = [i for i in range(one.n) if i > last]
    found = numbers(one.text, "CNN202")
    if not lost or extent < one.stride:
        assert found is None
    else:
        assert (found if len(lost) > 1 else [1, *found]) == [len(lost), one.n, extent, one.stride]


@given(convolutions())
def test_a_partial_window_leaves_positions_over(one):
    over = one.n + one.padding[1] - 1 - one.windows[-1][-1]
    extent = one.windows[0][-1] - one.windows[0][0] + 1
    found = numbers(one.text, "CNN201")
    assert found == ([extent, one.stride, over, one.n + sum(one.padding)] if over else None)


@given(convolutions())
def test_blind_windows_end_before_the_input_or_begin_behind_it(one):
    blind = [w for w in one.windows if w[-1] < 0 or w[0] >= one.n]
    found = numbers(one.text, "CNN204")
    assert (found and found[:2]) == ([len(blind), len(one.windows)] if blind else None)


def idle(one):
    """The taps that read no position of the input in any window."""
    taps = zip(*one.windows, strict=True)
    return [t for t, reads in enumerate(taps) if not any(0 <= i < one.n for i in reads)]


@given(convolutions())
@example(convolution(32, 3, 1, 18, 18, 18))  # DeepLabv3's last rate on a map of 32
@example(convolution(2, 3, 1, 1, 1, 1))  # C3D's last temporal kernels
@example(convolution(2, 4, 2, 1, 1, 1))  # the innermost convolution but one of pix2pix
@example(convolution(5, 3, 5, 1, 1, 0))  # a kernel below the size of its input
@example(convolution(2, 1, 3, 1, 1, 1))  # a single tap, which is CNN204's
@example(convolution(1, 3, 1, 1, 2, 2))  # one position, which each tap reads in its turn
def test_taps_that_never_read_are_those_of_no_window(one):
    taps, extent = len(one.windows[0]), one.windows[0][-1] - one.windows[0][0] + 1
    collapsed = one.n == len(one.windows) == 1  # which is CNN208's
    never = [] if collapsed or taps == 1 else idle(one)
    assert numbers(one.text, "CNN205") == ([len(never), taps, extent, one.n] if never else None)


@given(convolutions())
@example(convolution(1, 2, 1, 3, 2, 1))  # of one position, between the two taps
def test_a_collapsed_kernel_has_one_tap_that_reads(one):
    taps = len(one.windows[0])
    single = one.n == 1 and len(one.windows) == 1 and taps > 1
    reading = taps - len(idle(one))
    assert numbers(one.text, "CNN208") == ([taps, 1, reading, taps] if single else None)


def test_axes_are_told_apart_by_what_their_taps_read():
    layer = "- Conv2d: {out_channels: 1, kernel_size: 3, padding: 1}"
    [problem] = findings(spec(layer, input="[1, 1, 8]"), "CNN205")
    assert problem.message == "2 of 3 taps see only padding: a kernel of extent 3 on 1 (height)"
    assert findings(spec(layer, input="[1, 1, 8]"), "CNN208") == ()
    assert findings(spec(layer, input="[1, 2, 8]"), "CNN205") == ()
    pointwise = spec(layer.replace("3, padding: 1", "1, padding: 1"), input="[1, 1, 8]")
    assert findings(pointwise, "CNN205") == ()


@given(convolutions())
@example(convolution(31, 4, 1, 1, 1, 1))  # the last convolutions of PatchGAN
@example(convolution(25, 2, 1, 1, 1, 1))
@example(convolution(8, 2, 1, 2, 1, 1))  # an even kernel, whose taps have a middle all the same
def test_a_shifted_map_lies_half_a_pixel_off(one):
    middle = [window[0] + window[-1] for window in one.windows]  # twice the middles
    halves = all(twice % 2 for twice in middle)
    before, after = one.padding
    grown = len(one.windows) > one.n  # as a smaller map has not kept its place
    shifted = halves and one.stride == 1 and before == after and grown
    assert bool(findings(one.text, "CNN206")) == shifted


@given(st.integers(2, 9), st.integers(1, 9), st.integers(1, 5))
def test_a_checkerboard_is_counted(n, kernel, stride):
    text = spec(
        f"- ConvTranspose1d: {{out_channels: 2, kernel_size: {kernel}, stride: {stride}}}",
        input=f"[1, {n}]",
    )
    reach = range(kernel, (n - 1) * stride)  # away from both ends, where all would be written
    sums = {sum(0 <= o - i * stride < kernel for i in range(n)) for o in reach}
    found = numbers(text, "CNN207")
    assert (found is None) == (kernel % stride == 0)
    if len(reach) >= stride:
        assert sorted(sums) == (found[2:] if found else [kernel // stride])


@pytest.mark.parametrize(
    ("kernel", "stride", "share"), [("1", "2", 75), ("[1, 2]", "[2, 2]", 50), ("2", "3", 56)]
)
def test_the_share_that_a_stride_skips(kernel, stride, share):
    layer = f"- Conv2d: {{out_channels: 1, kernel_size: {kernel}, stride: {stride}}}"
    [problem] = findings(spec(layer, input="[1, 36, 36]"), "CNN203")
    assert f"never reads {share}% of its input" in problem.message


def test_a_stride_below_the_extent_skips_no_stretch():
    layer = "- Conv1d: {out_channels: 1, kernel_size: 2, dilation: 2, stride: 3}"
    assert findings(spec(layer, input="[1, 36]"), "CNN203") == ()
    assert (
        len(findings(spec(layer.replace("stride: 3", "stride: 4"), input="[1, 36]"), "CNN203")) == 1
    )


@pytest.mark.parametrize("smaller", [True, False])
def test_the_sizes_that_are_recommended_fit(smaller):
    layer = "- Conv2d: {out_channels: 8, kernel_size: 7, stride: 4, padding: 1}"
    [problem] = findings(spec(layer, input="[3, 32, 32]"), "CNN202")
    sizes = [int(n) for n in re.findall(r"\d+", problem.help)]
    size = sizes[0] if smaller else sizes[1]
    assert (size < 32) == smaller
    assert findings(spec(layer, input=f"[3, {size}, {size}]"), "CNN202") == ()


@pytest.mark.parametrize(("behind", "lost"), [(0, True), (1, False), (2, False)])
def test_what_a_pad_layer_adds_is_padding(behind, lost):
    # padded to 33, 34 and 35; windows of 4 at stride 2 end at 32, 34 and 34
    text = spec(
        f"""
        - ZeroPad1d: {{padding: [1, {behind}]}}
        - MaxPool1d: {{kernel_size: 4, stride: 2}}
        """,
        input="[1, 32]",
    )
    assert bool(findings(text, "CNN202")) == lost
    assert len(findings(text, "CNN201")) == (behind != 1)


def test_axes_are_named_where_they_differ():
    layer = "- MaxPool3d: {kernel_size: 3, stride: 2}"
    text = spec(layer, input="[1, 8, 9, 10]")
    assert findings(text, "CNN202")[0].message == (
        "the last position is never read: 8 at a window of 3, stride 2 (depth), "
        "the last position is never read: 10 at a window of 3, stride 2 (width)"
    )


def test_the_one_axis_of_two_is_named():
    assert findings(spec("- MaxPool2d: 2", input="[1, 9, 8]"), "CNN202")[0].message == (
        "the last position is never read: 9 at a window of 2, stride 2 (height)"
    )


LEVEL = """
- MaxPool1d: {kernel_size: 2, ceil_mode: true}
- branches:
    low: [{MaxPool1d: {kernel_size: 2, ceil_mode: true}}, {Upsample: {scale_factor: 2}}, CROP]
    same:
  merge: Add
- Upsample: {scale_factor: 2}
- CenterCrop: SIZE
- Add: [input, prev]
"""


@pytest.mark.parametrize(("size", "divisible"), [(16, True), (15, False), (18, False), (20, True)])
def test_the_largest_stride_from_which_a_map_is_enlarged_must_divide_the_input(size, divisible):
    half = -(-size // 2)
    layers = LEVEL.replace("CROP", f"{{CenterCrop: {half}}}").replace("SIZE", str(size))
    found = findings(spec(layers, input=f"[1, {size}]"), "CNN209")
    assert [problem.message for problem in found] == (
        []
        if divisible
        else [
            f"an input of {size} is not divisible by the total stride of 4 before it is upsampled"
        ]
    )


def test_what_is_resized_to_a_size_or_not_enlarged_needs_no_divisible_input():
    text = spec(
        "- MaxPool1d: {kernel_size: 2, ceil_mode: true}\n- ENLARGE\n- Add: [input, prev]",
        input="[1, 15]",
    )
    by_size = text.replace("ENLARGE", "Upsample: {size: 15}")
    assert findings(by_size, "CNN209") == ()
    keeping = "ConvTranspose1d: {out_channels: 1, kernel_size: 8}"  # 8 + 7, of stride 1
    assert findings(text.replace("ENLARGE", keeping), "CNN209") == ()


def test_an_argument_that_stands_elsewhere_leaves_the_layer_to_point_at():
    text = """\
cnncalc: 1
input: [3, 32, 32]
defaults: {Conv2d: {padding: same}}
layers:
  - Conv2d: {out_channels: 8, kernel_size: 2}
#   ^^^^^^
"""
    assert places(findings(text, "CNN206")) == [("CNN206", *place(text))]


def test_a_layer_in_a_block_is_one_finding_with_its_calls():
    text = """\
cnncalc: 1
input: [3, 33, 33]
blocks:
  Down:
    args: {stride: 2}
    layers:
      - Conv2d: {out_channels: 8, kernel_size: 2, stride: $stride}
#                                                         ^^^^^^^
layers:
  - Down
  - Down
  - Upsample: {size: 15}
  - Down
"""
    [problem] = findings(text, "CNN202")
    assert places([problem]) == [("CNN202", *place(text))]
    assert problem.times == 2  # of 33 and of 15, but not of 16
    assert [call.text for call in problem.trace] == ["Down"]


@pytest.mark.parametrize("code", [code for code in RULES if code.startswith("CNN2")])
def test_nothing_is_said_of_layers_that_are_not_sure(code):
    text = spec(
        """
        - Conv2d: {out_channels: 8, kernel_size: 99}
        - Conv2d: {out_channels: 8, kernel_size: 4, stride: 2, padding: 9}
        - ConvTranspose2d: {out_channels: 8, kernel_size: 3, stride: 2}
        - Conv2d: {out_channels: 8, kernel_size: 1, stride: 9}
        - Conv2d: {out_channels: 8, kernel_size: 4, padding: same, dilation: 99}
        """
    )
    assert [problem.code for problem in compute(text).problems] == ["CNN102"]
    for one in (text, "layers: ["):
        assert check(network(loaded(one)), [RULES[code]()]) == ()


SIZES = st.integers(1, 9)


@given(SIZES, SIZES, SIZES, SIZES, st.integers(0, 20), st.integers(0, 20))
def test_idle_taps_one_by_one(n, kernel, stride, dilation, before, after):
    extent = dilation * (kernel - 1) + 1
    starts = range(-before, n + after - extent + 1, stride)
    if starts:
        axis = Axis("width", n, len(starts), kernel, stride, dilation, before, after)
        taps = ([start + t * dilation for start in starts] for t in range(kernel))
        assert axis.idle == sum(not any(0 <= i < n for i in reads) for reads in taps)


def test_kernels_of_any_size_are_counted_at_once():
    big = spec("- Conv2d: {out_channels: 1, kernel_size: 2000000001, padding: 1000000000}")
    [problem] = findings(big, "CNN205")
    assert problem.message.startswith("1999999970 of 2000000001 taps")  # 16 windows reach 31
    apart = Axis("width", 2, MOST_WINDOWS + 1, 3, 3, 1, 9, 3 * MOST_WINDOWS)
    assert apart.idle == 0  # of so many windows that are apart, nothing is said
