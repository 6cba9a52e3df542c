"""Receptive fields, against sets of input positions that are carried through the layers one by one.

The oracle below knows nothing of sizes, jumps and centres: it steps every window of every layer and
collects what it reads. A unit whose window leaves its input, or that reads such a unit, is None and
proves nothing.
"""

import re
from fractions import Fraction
from itertools import groupby
from math import gcd, prod

import pytest
from helpers import compute, good, spec
from hypothesis import assume, given, settings, strategies as st

from cnncalc import source
from cnncalc.analysis.receptive_field import receptive_fields
from cnncalc.language.builder import Settings
from cnncalc.pipeline import expand, load

# ---- the oracle: one axis, every layer by explicit index arithmetic


def read(units, places):
    """What a unit sees that reads these places of its input."""
    if any(not 0 <= place < len(units) or units[place] is None for place in places):
        return None
    return frozenset().union(*(units[place] for place in places))


def slid(units, kernel, stride=1, dilation=1, before=0, after=0):
    found, first = [], -before
    while first + (kernel - 1) * dilation < len(units) + after:
        found.append(read(units, [first + tap * dilation for tap in range(kernel)]))
        first += stride
    return found


def transposed(units, kernel, stride, dilation=1, before=0, after=0, extra=0):
    """Every input, the missing ones beyond the borders too, writes `kernel` outputs."""
    full = (len(units) - 1) * stride + dilation * (kernel - 1) + 1 + extra
    writers = {out: [] for out in range(before, full - after)}
    reach = 1 + kernel * dilation // stride
    for place in range(-reach, len(units) + reach + extra):
        for tap in range(kernel):
            writers.get(place * stride + tap * dilation, []).append(place)
    return [read(units, places) for places in writers.values()]


def nearest(units, size, scale=None):
    step = Fraction(len(units), size) if scale is None else 1 / Fraction(scale)
    return [read(units, [int(out * step)]) for out in range(size)]


def linear(units, size, align_corners=False):
    """The two neighbours of a place, of which one has no weight where the place is exact."""
    n, found = len(units), []
    for out in range(size):
        place = Fraction(2 * out + 1, 2) * Fraction(n, size) - Fraction(1, 2)
        if align_corners:
            place = Fraction(out * (n - 1), size - 1)
        low = place.numerator // place.denominator
        found.append(read(units, [low] if place == low else [low, low + 1]))
    return found


def adaptive(units, size):
    n = len(units)
    return [
        read(units, range(out * n // size, ((out + 1) * n + size - 1) // size))
        for out in range(size)
    ]


def cut(units, before, after):
    """Negative amounts crop; what is padded is nothing of the image."""
    return [units[i] if 0 <= i < len(units) else None for i in range(-before, len(units) + after)]


def joined(*branches):
    assert len({len(units) for units in branches}) == 1
    return [
        None if None in parts else frozenset().union(*parts)
        for parts in zip(*branches, strict=True)
    ]


def image(n):
    return [frozenset({place}) for place in range(n)]


def edges(unit):
    return min(unit), max(unit) + 1


# ---- layers as spec and oracle


@st.composite
def sliding(draw, strides=3, dilations=3):
    kernel, stride = draw(st.integers(1, 5)), draw(st.integers(1, strides))
    dilation = draw(st.integers(1, dilations))
    before, after = draw(st.integers(0, 4)), draw(st.integers(0, 4))
    return (
        f"Conv1d: {{out_channels: 1, kernel_size: {kernel}, stride: {stride}, "
        f"dilation: {dilation}, padding: [[{before}, {after}]]}}",
        lambda units: slid(units, kernel, stride, dilation, before, after),
    )


@st.composite
def pooling(draw):
    kernel, stride = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    side = draw(st.integers(0, kernel // 2))
    layer = draw(st.sampled_from(["MaxPool1d", "AvgPool1d"]))
    return (
        f"{layer}: {{kernel_size: {kernel}, stride: {stride}, padding: {side}}}",
        lambda units: slid(units, kernel, stride, 1, side, side),
    )


@st.composite
def moving(draw):
    before, after = draw(st.integers(-3, 3)), draw(st.integers(-3, 3))
    return f"ZeroPad1d: {{padding: [{before}, {after}]}}", lambda units: cut(units, before, after)


def plain():
    same = ["ReLU", "BatchNorm1d", "Dropout: 0.5", "LocalResponseNorm: 3", "Identity"]
    return st.sampled_from(same).map(lambda text: (text, lambda units: units))


@st.composite
def upsampled(draw):
    factor = draw(st.integers(2, 4))
    return (
        f"Upsample: {{scale_factor: {factor}}}",
        lambda units: nearest(units, factor * len(units)),
    )


def chain(layers, n):
    """A spec of these layers, and the units that the oracle finds."""
    units = image(n)
    for _, follow in layers:
        units = follow(units)
        assume(1 <= len(units) <= 1000)
    return "\n".join(f"- {text}" for text, _ in layers), units


def inner(units):
    """Units that nothing outside the image bears on, with their positions."""
    return [(position, edges(unit)) for position, unit in enumerate(units) if unit]


def last_axis(report):
    (axis,) = report.rows[-1].field.axes
    return axis


@given(st.lists(sliding() | pooling() | moving() | plain(), min_size=1, max_size=5))
@settings(deadline=None, max_examples=200)
def test_windows_that_slide(layers):
    items, units = chain(layers, 60)
    assume(inner(units))
    axis = last_axis(good(items, input="[1, 60]"))
    for position, (first, end) in inner(units):
        assert end - first == axis.size
        assert Fraction(first + end, 2) == axis.start + position * axis.jump


@st.composite
def branched(draw):
    """Two or three paths of one stride, each a chain whose output is cut to the shortest."""
    stride = draw(st.integers(1, 2))
    paths = []
    for _ in range(draw(st.integers(2, 3))):
        kernel, dilation = draw(st.integers(1, 4)), draw(st.integers(1, 2))
        before, after = draw(st.integers(0, 3)), draw(st.integers(0, 3))
        paths.append((kernel, stride, dilation, before, after))
    return paths


@given(branched(), sliding())
@settings(deadline=None, max_examples=150)
def test_branches_see_the_hull(paths, following):
    n = 50
    ends = [slid(image(n), *path) for path in paths]
    shortest = min(map(len, ends))
    branches = []
    for number, (kernel, stride, dilation, before, after) in enumerate(paths):
        conv = (
            f"{{Conv1d: {{out_channels: 1, kernel_size: {kernel}, stride: {stride}, "
            f"dilation: {dilation}, padding: [[{before}, {after}]]}}}}"
        )
        crop = f"{{ZeroPad1d: {{padding: [0, {shortest - len(ends[number])}]}}}}"
        branches.append(f"    b{number}: [{conv}, {crop}]")
    text, follow = following
    items = "- branches:\n" + "\n".join(branches) + f"\n  merge: Add\n- {text}"
    ends = [units[:shortest] for units in ends]
    merged = joined(*ends)
    report = good(items, input=f"[1, {n}]")
    axis = last_axis(report)
    found = inner(follow(merged))
    assume(found)
    for position, (first, end) in found:
        assert end - first == axis.size
        assert Fraction(first + end, 2) == axis.start + position * axis.jump
    centres = {
        tuple(sum(edges(units[p])) for units in ends) for p, unit in enumerate(merged) if unit
    }
    assert report.rows[-1].field.aligned == all(len(set(each)) == 1 for each in centres)


def over_phases(units, period):
    """Mean size, centre and position of neighbouring inner units, over whole periods."""
    runs = [
        list(run)
        for whole, run in groupby(enumerate(units), lambda one: one[1] is not None)
        if whole
    ]
    longest = [(position, edges(unit)) for position, unit in max(runs, key=len, default=[])]
    count = len(longest) // period * period
    if not count:
        return None
    inside = longest[:count]
    size = Fraction(sum(end - first for _, (first, end) in inside), count)
    centre = Fraction(sum(first + end for _, (first, end) in inside), 2 * count)
    return size, centre, Fraction(sum(position for position, _ in inside), count)


dense = sliding(strides=1, dilations=1)


@given(
    st.lists(sliding() | pooling(), max_size=2),
    upsampled(),
    st.lists(dense, max_size=2),
    upsampled(),
    st.lists(dense, max_size=2),
)
@settings(deadline=None, max_examples=200)
def test_nearest_upsampling_among_windows_is_exact_on_average(stem, up, middle, again, end):
    """Repeated elements make sizes alternate; the nominal size is their mean over the phases.

    (A stride behind the upsampling would see some of the phases only.)
    """
    items, units = chain([*stem, up, *middle, again, *end], 40)
    axis = last_axis(good(items, input="[1, 40]"))
    factors = len(up[1](image(1))) * len(again[1](image(1)))
    found = over_phases(units, factors)
    assume(found)
    size, centre, position = found
    assert size == axis.size
    assert centre == axis.start + position * axis.jump


@st.composite
def transposing(draw):
    kernel, stride, dilation = (draw(st.integers(1, last)) for last in (5, 3, 3))
    before, after = draw(st.integers(0, 2)), draw(st.integers(0, 2))
    return (
        f"ConvTranspose1d: {{out_channels: 1, kernel_size: {kernel}, stride: {stride}, "
        f"dilation: {dilation}, padding: [[{before}, {after}]]}}",
        lambda units: transposed(units, kernel, stride, dilation, before, after),
    )


FACTOR = re.compile(r"(?:scale_factor|Transpose1d.*stride): (\d+)")


def over_all_phases(units, period):
    """The smallest and the largest size of neighbouring inner units; None if too few are inner."""
    runs = [list(run) for inside, run in groupby(units, lambda one: one is not None) if inside]
    longest = max(runs, key=len, default=[])
    if len(longest) < period:
        return None
    sizes = [edges(unit)[1] - edges(unit)[0] if unit else 0 for unit in longest]
    return min(sizes), max(sizes)


@given(st.lists(sliding(2) | pooling() | moving() | upsampled() | transposing(), max_size=5))
@settings(deadline=None, max_examples=300)
def test_sizes_vary_from_the_smallest_to_the_largest_inner_unit(layers):
    items, units = chain([("Identity", lambda units: units), *layers], 90)
    axis = last_axis(good(items, input="[1, 90]"))
    period = prod(int(found) for text, _ in layers for found in FACTOR.findall(text))
    assume(period <= 200)
    found = over_all_phases(units, period)
    assume(found)
    assert axis.range == found
    if axis.phases:
        assert_followed(axis, units)


def assert_followed(axis, units):
    """The field of every inner unit is that of its phase."""
    for position, unit in enumerate(units):
        if unit is not None:
            assert axis.phases.at(position) == (edges(unit) if unit else None)


@pytest.mark.parametrize(("one", "other"), [(2, 3), (4, 6), (2, 4), (5, 5)])
def test_branches_that_vary_at_different_periods(one, other):
    """Their hull repeats when both do."""
    n, paths = 120, []
    items = "- branches:\n"
    for factor in (one, other):
        items += (
            f"    b{len(paths)}: [MaxPool1d: {factor}, Upsample: {{scale_factor: {factor}}}, "
            f"Conv1d: {{out_channels: 1, kernel_size: 3, padding: 1}}]\n"
        )
        pooled = slid(image(n), factor, factor)
        paths.append(slid(nearest(pooled, factor * len(pooled)), 3, 1, 1, 1, 1))
    axis = last_axis(good(items + "  merge: Add", input=f"[1, {n}]"))
    assert axis.range == over_all_phases(joined(*paths), one * other)
    assert_followed(axis, joined(*paths))


@given(
    kernel=st.integers(1, 6),
    stride=st.integers(1, 7),
    before=st.integers(0, 3),
    after=st.integers(0, 3),
    dilation=st.integers(1, 3),
    extra=st.integers(0, 2),
)
@settings(deadline=None, max_examples=200)
def test_transposed_convolution(kernel, stride, before, after, dilation, extra):
    """The number of taps depends on the phase: the size is the largest."""
    assume(extra < max(stride, dilation))
    n = 30
    units = transposed(image(n), kernel, stride, dilation, before, after, extra)
    item = (
        f"- ConvTranspose1d: {{out_channels: 1, kernel_size: {kernel}, stride: {stride}, "
        f"padding: [[{before}, {after}]], dilation: {dilation}, output_padding: {extra}}}"
    )
    report = good(item, input=f"[1, {n}]")
    assert report.rows[-1].out_shapes[0] == (1, len(units))
    axis = last_axis(report)
    found = inner(units)
    assert max(end - first for _, (first, end) in found) == axis.size
    assert axis.range == over_all_phases(units, stride)
    assert axis.jump == Fraction(1, stride)
    whole = [one for one in found if one[1][1] - one[1][0] == axis.size]
    if gcd(dilation, stride) == 1 and kernel >= stride:  # no phase is without a tap
        _, centre, position = over_phases(units, stride)
        assert centre == axis.start + position * axis.jump
    elif kernel == 1:
        for position, (first, end) in whole:  # the only tap of the output in the middle
            assert Fraction(first + end, 2) == axis.start + position * axis.jump


@given(st.integers(2, 4), st.integers(1, 5), st.integers(0, 3), st.integers(1, 4))
@settings(deadline=None, max_examples=100)
def test_centres_behind_a_transposed_convolution(factor, more, before, kernel):
    wide = factor + more
    units = slid(transposed(image(30), wide, factor, 1, before, before), kernel)
    items = f"""
    - ConvTranspose1d: {{out_channels: 1, kernel_size: {wide}, stride: {factor}, padding: {before}}}
    - Conv1d: {{out_channels: 1, kernel_size: {kernel}}}
    """
    axis = last_axis(good(items, input="[1, 30]"))
    found = over_phases(units, factor)
    assume(found)
    _, centre, position = found
    assert centre == axis.start + position * axis.jump


@given(st.integers(4, 12), st.integers(2, 24), st.booleans())
@settings(deadline=None, max_examples=150)
def test_linear_resampling(n, size, align_corners):
    """Two taps but where all places are exact; centres are those of the places, on average."""
    units = linear(image(n), size, align_corners)
    text = f"Upsample: {{size: {size}, mode: linear, align_corners: {str(align_corners).lower()}}}"
    axis = last_axis(good(f"- {text}", input=f"[1, {n}]"))
    found = inner(units)
    sizes = {end - first for _, (first, end) in found}
    assert axis.jump == (Fraction(n - 1, size - 1) if align_corners else Fraction(n, size))
    assert axis.size == max(sizes)
    if len(found) >= axis.jump.denominator:
        assert axis.range == (min(sizes), max(sizes))
    assert axis.start == (Fraction(1, 2) if align_corners else Fraction(n, 2 * size))


@pytest.mark.parametrize(
    ("n", "size", "align_corners", "taps"),
    [
        *[(6, 12, False, 2), (6, 18, False, 2), (12, 6, False, 2), (12, 4, False, 1)],
        *[(5, 5, False, 1), (5, 9, True, 2), (9, 5, True, 1), (9, 9, True, 1), (5, 4, True, 2)],
        *[(1, 5, False, 1), (1, 5, True, 1)],
    ],
)
def test_taps_of_linear_resampling(n, size, align_corners, taps):
    """Shrinking by an odd factor hits pixels exactly, as does shrinking between corners."""
    found = inner(linear(image(n), size, align_corners))
    assert max(end - first for _, (first, end) in found) == taps
    text = f"Upsample: {{size: {size}, mode: linear, align_corners: {str(align_corners).lower()}}}"
    axis = last_axis(good(f"- {text}", input=f"[1, {n}]"))
    assert (axis.size, axis.range[1]) == (taps, taps)


@given(st.integers(6, 40), st.integers(2, 12))
@settings(deadline=None, max_examples=100)
def test_adaptive_pooling(n, size):
    units = adaptive(image(n), size)
    axis = last_axis(good(f"- AdaptiveAvgPool1d: {size}", input=f"[1, {n}]"))
    found = inner(units)
    assert axis.range == over_all_phases(units, size)
    assert axis.size == axis.range[1]
    assert axis.jump == Fraction(n, size)
    for (position, (first, _)), (_, (_, end)) in zip(found, reversed(found), strict=True):
        mirrored = size - 1 - position  # windows mirror each other about the centre of the axis
        assert first + end == n
        assert axis.start + position * axis.jump + axis.start + mirrored * axis.jump == n


@given(st.integers(3, 12), st.integers(2, 30))
@settings(deadline=None, max_examples=100)
def test_nearest_resampling_to_any_size(n, size):
    units = nearest(image(n), size)
    axis = last_axis(good(f"- Upsample: {{size: {size}}}", input=f"[1, {n}]"))
    period = Fraction(n, size).denominator
    found_size, centre, position = over_phases(units, period)
    assert (axis.size, axis.jump) == (1, Fraction(n, size)) == (found_size, axis.jump)
    assert centre == axis.start + position * axis.jump


def test_a_written_scale_spaces_the_places():
    """1.5 takes 15 to 22, and steps by 2/3, not by 15/22."""
    units = nearest(image(15), 22, scale="1.5")
    axis = last_axis(good("- Upsample: {scale_factor: 1.5}", input="[1, 15]"))
    _, centre, position = over_phases(units, 3)
    assert axis.jump == Fraction(2, 3)
    assert centre == axis.start + position * axis.jump


def test_a_period_that_is_too_long_is_not_followed():
    items = """
    - Upsample: {size: 1021}
    - Conv1d: {out_channels: 1, kernel_size: 3}
    - branches: {main: [ReLU], skip: null}
      merge: Add
    - Upsample: {size: 1013}
    - Conv1d: {out_channels: 1, kernel_size: 3, stride: 1013}
    """
    rows = good(items, input="[1, 500]").rows
    assert [row.field.axes[0].range for row in rows] == [(1, 1), *[(1, 2)] * 3, None, None]
    assert [row.field.axes[0].edges(0) is None for row in rows] == [False] * 6


def test_periods_whose_multiple_is_too_long_are_not_followed():
    items = """
    - branches:
        one: [MaxPool1d: 31, Upsample: {scale_factor: 31}]
        two: [MaxPool1d: 37, Upsample: {scale_factor: 37}]
      merge: Add
    """
    rows = good(items, input="[1, 2294]").rows
    assert [row.field.axes[0].range for row in rows[1::2]] == [(31, 31), (37, 37)]
    assert rows[-1].field.axes[0].range is None


def test_pixels_from_channels_and_back():
    report = good("- PixelUnshuffle: 2\n- PixelShuffle: 2", input="[1, 12, 8]")
    there, back = (row.field.axes for row in report.rows)
    units = slid(image(12), 2, 2)
    for axis in there:
        assert (axis.size, axis.jump, axis.start) == (2, 2, 1)
    repeated = nearest(units, 12)
    size, centre, position = over_phases(repeated, 2)
    for axis in back:
        assert (axis.size, axis.jump) == (size, 1)
        assert centre == axis.start + position * axis.jump


def test_axes_do_not_mix():
    items = """
    - Conv2d: {out_channels: 2, kernel_size: [3, 5], stride: [2, 1], padding: [[0, 2], [1, 1]]}
    - MaxPool2d: {kernel_size: [2, 1], stride: [1, 3]}
    """
    axes = good(items, input="[1, 30, 40]").rows[-1].field.axes
    columns = [
        slid(slid(image(30), 3, 2, 1, 0, 2), 2, 1),
        slid(slid(image(40), 5, 1, 1, 1, 1), 1, 3),
    ]
    for axis, units in zip(axes, columns, strict=True):
        for position, (first, end) in inner(units):
            assert end - first == axis.size
            assert Fraction(first + end, 2) == axis.start + position * axis.jump


# ---- paths that do not fit together


def test_misaligned_branches_have_a_hull_and_say_so():
    items = """
    - branches:
        left: [Conv1d: {out_channels: 1, kernel_size: 3, padding: [[2, 0]]}]
        right: [Conv1d: {out_channels: 1, kernel_size: 3, padding: [[0, 2]]}]
      merge: Add
    - ReLU
    """
    report = good(items, input="[1, 20]")
    assert [row.field.aligned for row in report.rows] == [True, True, False, False]
    assert (last_axis(report).size, last_axis(report).start) == (5, 0.5)


def test_branches_of_unequal_jumps_have_none():
    items = """
    - branches:
        fast: [Conv1d: {out_channels: 1, kernel_size: 1, stride: 2}]
        slow: [Conv1d: {out_channels: 1, kernel_size: 11}]
      merge: Add
    - {Conv1d: {out_channels: 1, kernel_size: 3}, name: after}
    - AdaptiveAvgPool1d: 1
    """
    report = good(items, input="[1, 20]")
    merged, after, pooled = report.rows[-3:]
    for row in (merged, after):
        (axis,) = row.field.axes
        assert (axis.size, axis.jump, axis.start) == (None, None, None)
        assert not row.field.aligned
    assert pooled.field.axes[0].size == 20
    assert report.field.axes[0].size is None  # of the network: its last convolution has no size


def test_branches_of_unequal_jumps_have_no_size_even_if_it_is_the_same():
    """Their fields move apart, so that the hull grows from unit to unit."""
    items = """
    - branches:
        fast: [Conv1d: {out_channels: 1, kernel_size: 3, stride: 2}]
        slow: [Conv1d: {out_channels: 1, kernel_size: 3}, ZeroPad1d: {padding: [0, -9]}]
      merge: Add
    """
    report = good(items, input="[1, 20]")
    assert (last_axis(report).size, last_axis(report).jump) == (None, None)


def test_vectors_of_one_size_that_meet_keep_it():
    items = """
    - Conv1d: {out_channels: 1, kernel_size: 3, padding: 1}
    - branches:
        one: [Flatten]
        two: [Conv1d: {out_channels: 1, kernel_size: 1}, Flatten]
      merge: Add
    """
    axis = last_axis(good(items, input="[1, 20]"))
    assert (axis.size, axis.jump, axis.range) == (3, None, (3, 3))


# ---- layers that see everything, or lose the order


SQUEEZE = """
    - {Conv2d: {out_channels: 4, kernel_size: 3}, name: map}
    - {AdaptiveAvgPool2d: 1, name: squeeze}
    - Conv2d: {out_channels: 4, kernel_size: 1}
    - {Sigmoid: null, name: gate}
    - Mul: [map, gate]
    - Conv2d: {out_channels: 4, kernel_size: 3, stride: 2}
    """


def test_a_gate_sees_all_and_local_ignores_it():
    report = good(SQUEEZE, input="[1, 20, 30]")
    squeeze, product, end = (report.rows[index].field for index in (1, 4, 5))
    assert [(axis.size, axis.local, axis.jump) for axis in squeeze.axes] == [
        (20, None, None),
        (30, None, None),
    ]
    assert [(axis.size, axis.local, axis.jump) for axis in product.axes] == [(20, 3, 1), (30, 3, 1)]
    assert [(axis.size, axis.local, axis.jump) for axis in end.axes] == [(20, 5, 2), (30, 5, 2)]
    assert product.aligned
    assert product.reducer == end.reducer == squeeze.reducer == "layers.1"
    assert report.field == end  # of the network: its last layer that is not behind the pool alone


@pytest.mark.parametrize(
    ("norm", "local"),
    [
        ("InstanceNorm2d", True),
        ("GroupNorm: 2", True),
        ("LayerNorm: {normalized_shape: [4, 18, 28]}", True),
        ("BatchNorm2d", None),
        ("InstanceNorm2d: {track_running_stats: true}", None),
        ("Softmax: 1", None),
    ],
)
def test_a_norm_over_space_sees_all_through_its_statistics(norm, local):
    items = f"- Conv2d: {{out_channels: 4, kernel_size: 3}}\n- {norm}"
    field = good(items, input="[1, 20, 30]").rows[-1].field
    sizes = (20, 30) if local else (3, 3)
    assert tuple(axis.size for axis in field.axes) == sizes
    assert {(axis.local, axis.jump, axis.start) for axis in field.axes} == {(3, 1, 1.5)}


def test_softmax_and_pooling_along_one_axis():
    field = good("- Softmax: -1", input="[1, 20, 30]").rows[0].field
    assert [(axis.size, axis.local) for axis in field.axes] == [(1, 1), (30, None)]
    field = good("- AdaptiveAvgPool2d: {output_size: [null, 1]}", input="[1, 20, 30]").rows[0].field
    assert [(axis.size, axis.local) for axis in field.axes] == [(1, 1), (30, None)]


def test_an_axis_that_is_seen_whole_stays_so():
    items = """
    - AdaptiveAvgPool2d: {output_size: [null, 1]}
    - Conv2d: {out_channels: 1, kernel_size: 3, padding: 1}
    """
    field = good(items, input="[1, 20, 30]").rows[-1].field
    assert [(axis.size, axis.local, axis.jump) for axis in field.axes] == [
        (3, 3, 1),
        (30, None, None),
    ]


def test_flatten_keeps_the_size_and_ends_the_order():
    report = good(
        "- Conv2d: {out_channels: 4, kernel_size: 3}\n- Flatten\n- ReLU\n- Linear: 3",
        input="[1, 6, 7]",
    )
    conv, flat, relu, end = (row.field for row in report.rows)
    for field in (flat, relu):
        assert [(a.size, a.jump, a.start) for a in field.axes] == [(3, None, None)] * 2
    assert [(a.size, a.local, a.jump) for a in end.axes] == [(6, None, None), (7, None, None)]
    assert report.field == conv


@pytest.mark.parametrize(
    "item",
    [
        "Permute: {dims: [0, 1, 3, 2]}",
        "{Concat: {dim: 2}, from: [prev, prev]}",
        "{Concat: {dim: -1}, from: [prev, input]}",
    ],
)
def test_other_ways_to_lose_the_order(item):
    stem = "- Conv2d: {out_channels: 1, kernel_size: 3, padding: 1}\n"
    field = good(f"{stem}- {item}", input="[1, 9, 9]").rows[-1].field
    assert [(axis.jump, axis.start) for axis in field.axes] == [(None, None)] * 2
    after = good(
        f"{stem}- {item}\n- Conv2d: {{out_channels: 1, kernel_size: 3}}", input="[1, 9, 9]"
    )
    assert [axis.size for axis in after.rows[-1].field.axes] == [None, None]


def test_a_permute_to_channels_last_does_not_make_a_linear_layer_see_a_row():
    """Linear reads the last axis, which holds the channels here: it must not claim a whole axis."""
    items = """
    - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
    - Permute: {dims: [0, 2, 3, 1]}
    - Linear: {in_features: 8, out_features: 8}
    - branches: {main: [ReLU], skip: null}
      merge: Add
    - Linear: {in_features: 8, out_features: 8}
    """
    for row in good(items, input="[1, 20, 30]").rows:
        assert 30 not in [axis.size for axis in row.field.axes]
    branched = items.replace("    - Linear: {in_features: 8, out_features: 8}\n", "", 1)
    field = good(branched, input="[1, 20, 30]").rows[-1].field
    assert 30 not in [axis.size for axis in field.axes]


def test_a_global_field_stays_global_behind_an_unflatten():
    items = """
    - Flatten
    - Linear: 32
    - Unflatten: {dim: 1, unflattened_size: [4, 8]}
    - Conv1d: {out_channels: 2, kernel_size: 3}
    """
    report = good(items, input="[1, 9, 12]")
    assert [[axis.size for axis in row.field.axes] for row in report.rows[1:]] == [[9, 12]] * 3


def test_channels_that_part_and_meet_again_are_as_before():
    items = """
    - Conv2d: {out_channels: 4, kernel_size: 3}
    - {Chunk: 2, name: [left, right]}
    - {Conv2d: {out_channels: 2, kernel_size: 3, padding: 1}, from: right, name: seen}
    - Concat: [left, seen]
    - ChannelShuffle: 2
    """
    report = good(items, input="[1, 20, 20]")
    assert [(a.size, a.jump, a.start) for a in report.rows[-1].field.axes] == [(5, 1, 1.5)] * 2
    assert report.rows[-1].field.aligned


# ---- no path, several inputs, unknown


TWO = """
cnncalc: 1
inputs: {left: [1, 20], right: [1, 24]}
layers:
  - {Conv1d: {out_channels: 2, kernel_size: 3}, from: left, name: one}
  - {Conv1d: {out_channels: 2, kernel_size: 7}, from: right, name: two}
  - Add: [one, two]
"""


def test_a_layer_without_a_path_from_the_input_has_no_field():
    """Fields are relative to the first input; those of another are asked for by its value."""
    report = compute(TWO)
    one, two, both = (row.field for row in report.rows)
    assert (one.axes[0].size, two, both.axes[0].size) == (3, None, 3)
    assert both.aligned
    graph = expand(load(source.Source("two.yaml", TWO.encode())), Settings()).graph
    fields = receptive_fields(graph, graph.inputs["right"])
    found = [fields[node.outputs[0]] for node in graph.nodes]
    assert found[0] is None
    assert [field.axes[0].size for field in found[1:]] == [7, 7]


def test_a_network_without_space_has_no_field():
    report = good("- Linear: 3", input="[5]")
    assert report.rows[0].field is None
    assert report.field is None


def test_what_an_opaque_layer_reads_is_unknown():
    items = """
    - {Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}, name: stem}
    - Opaque: {output: [4, 20, 20], params: 0, macs: 0}
    - ReLU
    - Add: [prev, stem]
    - AdaptiveAvgPool2d: 1
    """
    report = good(items, input="[1, 20, 20]")
    assert report.rows[0].field is not None
    assert [row.field for row in report.rows[1:]] == [None] * 4
    assert report.field is None


def test_past_a_failing_layer_fields_are_unknown():
    items = """
    - Conv2d: {out_channels: 4, kernel_size: 3}
    - Conv2d: {out_channels: 4, kernel_size: 99}
    - ReLU
    """
    report = compute(spec(items))
    assert [row.field is None for row in report.rows] == [False, True, True]
    assert report.field is None


def test_a_failing_head_does_not_hide_the_field_of_the_network():
    text = spec("- {Conv2d: {out_channels: 4, kernel_size: 3}, name: stem}")
    text += "heads: {aux: {from: stem, layers: [Conv2d: {out_channels: 4, kernel_size: 99}]}}\n"
    report = compute(text)
    assert report.problems
    assert [axis.size for axis in report.field.axes] == [3, 3]
