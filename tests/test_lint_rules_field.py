"""Rules about receptive fields, against sets of positions that are written out."""

import re
from itertools import product

import pytest
from helpers import spec
from hypothesis import given, strategies as st
from lint_helpers import findings


def stack(kernel, dilations, *, before=(), after=(), rank=1):
    """A stack of dilated convolutions of stride 1."""
    size = [200] * rank
    layers = [
        f"- Conv{rank}d: {{out_channels: 2, kernel_size: {kernel}, dilation: {d}, padding: same}}"
        for d in dilations
    ]
    return spec("\n".join([*before, *layers, *after]), input=str([2, *size]))


def read(kernel, dilations):
    """The positions that one output of the stack reads, by trying all ways through the taps."""
    ways = product(range(kernel), repeat=len(dilations))
    return {sum(t * d for t, d in zip(way, dilations, strict=True)) for way in ways}


def gridding(text):
    """How many convolutions, positions read and positions in the field; None: no finding."""
    problems = findings(text, "CNN403")
    assert len(problems) <= 1
    return [int(n) for n in re.findall(r"\d+", problems[0].message)] if problems else None


@given(st.integers(2, 4), st.lists(st.integers(1, 6), min_size=1, max_size=5))
def test_gridding_is_holes_in_the_exact_field(kernel, dilations):
    found = read(kernel, dilations)
    dilated, span = sum(d > 1 for d in dilations), max(found) + 1
    holes = dilated >= 2 and len(found) < span
    assert gridding(stack(kernel, dilations)) == ([dilated, len(found), span] if holes else None)


@pytest.mark.parametrize(
    ("kernel", "dilations", "holes"),
    [
        # Wang et al. 2018, section 3.2 and figure 2: what they call a problem and its remedy
        (3, [2, 2, 2], True),
        (3, [1, 2, 3], False),
        (3, [1, 2, 5], False),
        (3, [1, 2, 9], True),
        # van den Oord et al. 2016, WaveNet, section 2.1: two cycles, whose field is 1 + 2 * 1023
        (2, [2**i for i in range(10)] * 2, False),
        # the order does not matter to what the last layer reads
        (3, [4, 2, 1], False),
    ],
)
def test_published_stacks(kernel, dilations, holes):
    assert (gridding(stack(kernel, dilations)) is not None) == holes


def test_a_convolution_that_fills_the_grid_may_come_first_or_last():
    fill = "- Conv1d: {out_channels: 2, kernel_size: 3}"
    assert gridding(stack(3, [2, 2])) == [2, 5, 9]
    assert gridding(stack(3, [2, 2], before=[fill])) is None
    assert gridding(stack(3, [2, 2], after=["- ReLU", fill])) is None


def test_a_stride_begins_a_new_run():
    pool = ["- MaxPool1d: 2"]
    fill = ["- Conv1d: {out_channels: 2, kernel_size: 3}"]
    assert gridding(stack(3, [2, 2], after=pool + fill)) == [2, 5, 9]
    assert gridding(stack(3, [2, 2], before=fill + pool)) == [2, 5, 9]
    one = "- Conv1d: {out_channels: 2, kernel_size: 3, dilation: 2}"
    assert gridding(stack(3, [2], before=[one, *pool])) is None


def test_the_axes_with_holes_are_named():
    text = spec(
        """
        - Conv2d: {out_channels: 2, kernel_size: [3, 1], dilation: 2}
        - Conv2d: {out_channels: 2, kernel_size: 3, dilation: [2, 1]}
        """,
        input="[2, 32, 32]",
    )
    [problem] = findings(text, "CNN403")
    assert problem.message.endswith("read only 5 of 9 positions (height)")
    [problem] = findings(stack(3, [2, 2], rank=2), "CNN403")
    assert problem.message.endswith("read only 5 of 9 positions")


def test_branches_fill_the_field_of_one_another():
    # 2 + 2 reads 0, 2, 4, 6, 8; beside it 2 + 1 reads 1 to 7, once both are padded alike
    text = """
        - Conv1d: {out_channels: 2, kernel_size: 3, dilation: 2, padding: same}
        - branches:
            a: {Conv1d: {out_channels: 2, kernel_size: 3, dilation: 2, padding: same}}
            b: {Conv1d: {out_channels: 2, kernel_size: KERNEL, padding: same}}
          merge: Add
        """
    assert gridding(spec(text.replace("KERNEL", "3"), input="[2, 64]")) is None
    assert gridding(spec(text.replace("KERNEL", "1"), input="[2, 64]")) == [2, 5, 9]


PYRAMID = """
- branches:
    plain: [PLAIN]
    two: {Conv1d: {out_channels: 2, kernel_size: 3, dilation: 2, padding: same}}
    eight: {Conv1d: {out_channels: 2, kernel_size: 3, dilation: 8, padding: same}}
  merge: Add
"""


@pytest.mark.parametrize(
    ("plain", "positions"),
    [
        ("{Conv1d: {out_channels: 2, kernel_size: 3, padding: same}}", None),
        ("{MaxPool1d: {kernel_size: 3, stride: 1, padding: 1}}", None),
        ("", {0, 2, 8}),
        ("{ZeroPad1d: {padding: [2, -2]}}", {0, 2, 8}),
        ("{Conv1d: {out_channels: 2, kernel_size: 1}}", {0, 2, 8}),
        ("{ZeroPad1d: 1}, {Conv1d: {out_channels: 2, kernel_size: 3, dilation: 3, padding: 2}}",
         {0, 2, 3, 8}),
    ],
)  # fmt: skip
def test_a_kernel_without_gaps_beside_dilated_ones_ends_their_row(plain, positions):
    # Mehta et al. 2018, ESPNet: dilations of 1 to 16 side by side, one such module on another
    text = spec(2 * PYRAMID.replace("PLAIN", plain), input="[2, 64]")
    if positions is None:
        assert gridding(text) is None
    else:
        taps = positions | {-one for one in positions}
        read = {one + two for one in taps for two in taps}
        assert gridding(text) == [2, len(read), max(read) - min(read) + 1]


def test_a_gate_from_the_whole_map_changes_nothing():
    gate = "- branches:\n    a:\n    b: {AdaptiveAvgPool1d: 1}\n  merge: Mul".splitlines()
    fill = "- Conv1d: {out_channels: 2, kernel_size: 3}"
    assert gridding(stack(3, [2, 2], after=gate)) == [2, 5, 9]
    assert gridding(stack(3, [2, 2], after=[*gate, fill])) is None


def test_two_ends_of_a_run_are_one_finding():
    text = stack(3, [2, 2], after=["- ReLU", "  name: a", "- Tanh"]).replace("- ReLU", "- ReLU:")
    two = text.replace("- Tanh", "- Tanh:\n  name: b\n- Sigmoid:\n  from: a\n  name: c")
    [problem] = findings(two + "outputs: [b, c]\n", "CNN403")
    assert problem.times == 1


def test_a_norm_over_the_map_does_not_end_a_run():
    norm = "- InstanceNorm1d"
    fill = "- Conv1d: {out_channels: 2, kernel_size: 3}"
    assert gridding(stack(3, [2, 2], after=[norm, fill])) is None


def test_maps_of_two_runs_do_not_fill_one_another():
    text = stack(3, [2, 2]) + "\n".join(
        [
            "- branches:",
            "    dilated:",
            "    other: [{MaxPool1d: 2}, {Upsample: {scale_factor: 2}}]",
            "  merge: Add",
            "- Conv1d: {out_channels: 2, kernel_size: 3}",
        ]
    )
    assert gridding(text) == [2, 5, 9]


@pytest.mark.parametrize("size", [13, 16, 20])
def test_the_last_field_is_compared_with_the_input(size):
    # by hand: 4, one more for the pool, 4 steps of 2 for the kernel of 5, none for that of 1
    text = spec(
        """
        - Conv1d: {out_channels: 2, kernel_size: 4}
        - MaxPool1d: 2
        - Conv1d: {out_channels: 2, kernel_size: 5}
        - Conv1d: {out_channels: 2, kernel_size: 1}
        - AdaptiveAvgPool1d: 1
        """,
        input=f"[1, {size}]",
    )
    problems = findings(text, "CNN401")
    assert bool(problems) == (size > 13)
    if problems:
        assert problems[0].message == f"the last spatial layer sees 13 of the {size} input"
        written = text.splitlines()[problems[0].span.line - 1]
        assert written == "- Conv1d: {out_channels: 2, kernel_size: 5}"


SQUEEZE = """
- Conv1d: {out_channels: 4, kernel_size: 3, padding: 1}
- branches:
    map:
    gate: [GATE]
  merge: Mul
"""


@pytest.mark.parametrize(
    "gate",
    [
        "{Conv1d: {out_channels: 4, kernel_size: 1}}",
        "Flatten, {Linear: 4}, {Unflatten: {unflattened_size: [4, 1]}}",
    ],
)
@pytest.mark.parametrize("behind", ["", "- Conv1d: {out_channels: 2, kernel_size: 3}\n- ReLU\n"])
def test_a_squeeze_of_the_whole_map_sees_all_however_it_is_written(gate, behind):
    layers = SQUEEZE.replace("GATE", "{AdaptiveAvgPool1d: 1}, " + gate) + behind
    end = "- AdaptiveAvgPool1d: 1\n- Flatten\n- Linear: 10"
    assert findings(spec(layers + end, input="[4, 32]"), "CNN401") == ()
    narrow = SQUEEZE.replace("gate: [GATE]", "gate: [Sigmoid]") + behind + end
    [problem] = findings(spec(narrow, input="[4, 32]"), "CNN401")
    assert "of the 32 input" in problem.message


def test_nothing_is_said_of_a_map_of_which_nobody_knows_what_it_sees():
    conv = "Conv1d: {out_channels: 2, kernel_size: 3}"
    mixing = "Flatten, {Linear: 64}, {Unflatten: {unflattened_size: [2, 32]}}"
    text = spec(f"- {conv}\n- layers: [{mixing}]\n- {conv}", input="[4, 32]")
    assert findings(text, "CNN401") == ()
    head = f"heads: {{aux: {{from: x, layers: [{mixing}]}}}}"
    text = spec(f"- {conv}\n  name: x\n- Tanh", input="[4, 32]", head=head)
    assert len(findings(text, "CNN401")) == 1


@pytest.mark.parametrize(("size", "unproductive"), [(3, 2), (4, 2), (5, 1), (6, 1), (7, 0)])
def test_layers_are_unproductive_where_their_input_sees_more_than_the_image(size, unproductive):
    # by hand: the inputs of the four layers see 1, 3, 5 and 7
    layer = "- Conv1d: {out_channels: 2, kernel_size: 3, padding: 1}"
    text = spec("\n".join([layer] * 4), input=f"[1, {size}]")
    last = len(text.splitlines())
    lines = [problem.span.line for problem in findings(text, "CNN402")]
    assert lines == list(range(last - unproductive + 1, last + 1))


def test_only_the_axes_on_which_a_kernel_is_wide_must_be_seen():
    tall = "Conv2d: {out_channels: 2, kernel_size: [5, 1], padding: [2, 0]}"
    text = spec(f"- {tall}\n- {tall}", input="[1, 3, 9]")
    [problem] = findings(text, "CNN402")
    assert problem.message == "its input already sees 5 x 1, more than the image of 3 x 9"
    wide = text.replace("[5, 1], padding: [2, 0]}\n- ", "5, padding: 2}\n- ")
    assert findings(wide.replace("[5, 1], padding: [2, 0]", "5, padding: 2"), "CNN402") == ()


@pytest.mark.parametrize(
    ("before", "after", "apart"),
    [
        (1, 1, None),
        (0, 2, "1 input pixel"),
        (0, 3, "1 input pixel"),
        (3, 0, "2 input pixels"),
        (2, 0, None),
        (2, 1, None),
    ],
)
def test_misaligned_maps_and_how_far(before, after, apart):
    """The middle of the first window is at 1 - before, that of the other branch at 0.

    With 2 before, both first windows end with the first pixel, as causal ones do.
    """
    text = spec(
        f"""
        - branches:
            a:
              Conv1d: {{out_channels: 2, kernel_size: 3, stride: 2, padding: [[{before}, {after}]]}}
            b: {{Conv1d: {{out_channels: 2, kernel_size: 1, stride: 2}}}}
          merge: Concat
        """,
        input="[1, 33]",
    )
    said = f"Concat joins maps whose fields lie {apart} apart"
    assert [p.message for p in findings(text, "CNN404")] == ([said] if apart else [])


def test_windows_that_end_at_one_place_are_not_causal_for_that():
    text = spec(
        """
        - branches:
            a: {AvgPool1d: 2}
            b: {MaxPool1d: {kernel_size: 3, stride: 2, padding: 1}}
          merge: Add
        """,
        input="[1, 8]",
    )
    [problem] = findings(text, "CNN404")
    assert problem.message == "Add joins maps whose fields lie 0.5 input pixels apart"


def test_decoders_are_not_asked_for_alignment():
    text = spec(
        """
        - Conv1d: {out_channels: 2, kernel_size: 3, padding: 1}
          name: fine
        - Conv1d: {out_channels: 2, kernel_size: 2, stride: 2}
        - ConvTranspose1d: {out_channels: 2, kernel_size: 4, stride: 2, padding: 1}
        - Add: [fine, prev]
        """,
        input="[1, 32]",
    )
    assert findings(text, "CNN404") == ()
    shifted = text.replace("kernel_size: 4, stride: 2, padding: 1", "kernel_size: 2, stride: 2")
    assert findings(shifted, "CNN404") == ()


def test_the_image_itself_may_be_what_is_not_aligned():
    text = spec(
        "- Conv1d: {out_channels: 1, kernel_size: 2, padding: same}\n- Add: [input, prev]",
        input="[1, 9]",
    )
    [problem] = findings(text, "CNN404")
    assert problem.message == "Add joins maps whose fields lie 0.5 input pixels apart"
