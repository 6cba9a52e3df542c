"""The formulas of receptive fields against the exact sets of pixels, on random graphs.

The sets are clipped to every map; the formulas know no borders. So what a unit reads lies in its
field, and reaches from one end of it to the other where no window on the way leaves its map.
"""

from helpers import spec
from hypothesis import assume, example, given, settings, strategies as st

from cnncalc.analysis.receptive_field import receptive_fields
from cnncalc.analysis.regions import read_by, unit
from cnncalc.language.builder import Settings
from cnncalc.pipeline import expand, load
from cnncalc.source import Source


def attempt(lines, size):
    text = spec("\n".join(lines), input=f"[1, {size[0]}, {size[1]}]")
    return expand(load(Source("net.yaml", text.encode())), Settings())


# ---- layers as lines of a spec


@st.composite
def keeping(draw):
    """A convolution that keeps the size of its map, with more padding on one side or the other."""
    sides = []
    kernel, dilation = [draw(st.integers(1, 3)) for _ in "hw"], draw(st.integers(1, 7))
    for k in kernel:
        before = draw(st.integers(0, dilation * (k - 1)))
        sides.append([before, dilation * (k - 1) - before])
    return [
        f"- Conv2d: {{out_channels: 1, kernel_size: {kernel}, dilation: {dilation}, "
        f"padding: {sides}}}"
    ]


@st.composite
def moving(draw):
    """A window of any kind, with a stride whose last step may not fit."""
    kernel, stride = (
        [draw(st.integers(1, 4)) for _ in "hw"],
        [draw(st.integers(1, 3)) for _ in "hw"],
    )
    dilation, pads = draw(st.integers(1, 3)), [draw(st.integers(0, 3)) for _ in "abcd"]
    return draw(
        st.sampled_from(
            [
                f"- Conv2d: {{out_channels: 1, kernel_size: {kernel}, stride: {stride}, "
                f"dilation: {dilation}, padding: [{pads[:2]}, {pads[2:]}]}}",
                f"- MaxPool2d: {{kernel_size: {kernel}, stride: {stride}}}",
                f"- AvgPool2d: {{kernel_size: {kernel}, stride: {stride}, ceil_mode: true}}",
                f"- ZeroPad2d: {{padding: {[pads[0] - 2, pads[1], pads[2] - 1, pads[3] - 2]}}}",
            ]
        )
    ).splitlines()


@st.composite
def branched(draw, inner):
    """Two or three branches of layers that keep the size, which may be branches themselves."""
    lines = ["- branches:"]
    for number in range(draw(st.integers(2, 3))):
        layers = draw(st.lists(inner, max_size=2))
        items = [line for layer in layers for line in layer] or ["- Identity"]
        lines += [f"    b{number}:", *(f"      {line}" for line in items)]
    return [*lines, "  merge: " + draw(st.sampled_from(["Add", "Concat"]))]


UPSAMPLING = st.sampled_from(
    [
        "- Upsample: {scale_factor: 2}",
        "- Upsample: {size: [7, 5], mode: bilinear}",
        "- Upsample: {scale_factor: 3, mode: bilinear, align_corners: true}",
        "- ConvTranspose2d: {out_channels: 1, kernel_size: 3, stride: 2, padding: 1}",
        "- ConvTranspose2d: {out_channels: 1, kernel_size: [2, 4], stride: [3, 5], dilation: 2}",
        "- AdaptiveAvgPool2d: {output_size: [3, 4]}",
    ]
).map(lambda line: [line])
BRANCHED = branched(keeping() | branched(keeping()))
SIZES = st.tuples(st.integers(4, 14), st.integers(4, 14))


def units(graph, value):
    """Every unit of a map: its place, and the exact region of the input behind it."""
    height, width = graph.values[value].shape[1:]
    for place in ((i, j) for i in range(height) for j in range(width)):
        yield place, read_by(graph, value, unit((height, width), place))[0]


def built(layers, size):
    """The graph, its last value, and that one's field."""
    found = attempt([line for layer in layers for line in layer], size)
    assume(not found.problems)
    last = found.graph.outputs[0].value
    assume(max(found.graph.values[last].shape[1:]) <= 20)
    return found.graph, last, receptive_fields(found.graph)[last]


def inside(graph, value, place):
    """Where the windows behind a unit reach on the input, or None where one leaves its map.

    Boxes from first to last position are carried back: convolutions, pools and pads are all.
    """
    boxes = {value: tuple((i, i) for i in place)}
    for node in reversed(graph.nodes):
        box = boxes.get(node.outputs[0])
        shapes = graph.shapes(node.inputs)
        if box is None:
            continue
        for index, window in zip(node.inputs, node.layer.windows(*shapes), strict=True):
            reach = tuple(
                (a * axis.stride - axis.before, b * axis.stride - axis.before + axis.extent - 1)
                for (a, b), axis in zip(box, window, strict=True)
            )
            known = boxes.get(index, reach)
            reach = tuple(
                (min(a, c), max(b, d)) for (a, b), (c, d) in zip(reach, known, strict=True)
            )
            sizes = graph.values[index].shape[1:]
            if any(a < 0 or b >= n for (a, b), n in zip(reach, sizes, strict=True)):
                return None
            boxes[index] = reach
    return boxes[0]


def field_of(axis, position):
    """The edges of the field of a unit on one axis."""
    if axis.phases:
        return axis.phases.at(position) or (0, 0)
    first = axis.left + position * axis.jump
    return first, first + axis.size


@settings(max_examples=300, deadline=None)
@given(st.lists(moving() | keeping() | BRANCHED, min_size=1, max_size=4), SIZES)
def test_a_region_lies_in_the_field_and_fills_it_away_from_borders(layers, size):
    graph, last, field = built(layers, size)
    for place, region in units(graph, last):
        box = [field_of(*one) for one in zip(field.axes, place, strict=True)]
        for read, (first, end) in zip(region.hull, box, strict=True):
            assert not read or first <= read.start < read.stop <= end
        reach = inside(graph, last, place)
        if reach is not None:
            assert [(read.start, read.stop) for read in region.hull] == box
            assert [(first, last + 1) for first, last in reach] == box


@settings(max_examples=200, deadline=None)
@given(
    st.lists(moving() | keeping() | BRANCHED, max_size=2),
    UPSAMPLING,
    st.lists(moving() | keeping() | BRANCHED | UPSAMPLING, max_size=2),
    SIZES,
)
@example([["- MaxPool2d: 4"]], ["- Upsample: {size: 5, mode: bilinear}"], [], (4, 7))
def test_behind_an_upsampling_a_region_lies_in_the_field_of_its_phase(before, up, behind, size):
    graph, last, field = built([*before, up, *behind], size)
    assume(all(axis.range for axis in field.axes))  # of a period that is followed
    for place, region in units(graph, last):
        for read, axis, position in zip(region.hull, field.axes, place, strict=True):
            first, end = field_of(axis, position)
            assert not read or first <= read.start < read.stop <= end
            assert len(read) <= axis.range[1]
