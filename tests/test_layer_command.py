"""`cnncalc layer`: numbers with their formulas. test_answers.py has the worked examples."""

import json
import re
import shlex
from fractions import Fraction
from math import ceil, floor, prod

import pytest
from click.testing import CliRunner
from hypothesis import assume, example, given, settings, strategies as st
from test_registry import EXAMPLES as LAYERS, make

from cnncalc import layers
from cnncalc.answers.working import MOST_RUNS, working
from cnncalc.cli import group
from cnncalc.formula import Formula
from cnncalc.layer import LayerError
from cnncalc.render.working import decimal, saving


def run(command, code=0):
    """What the command prints on both streams together."""
    result = CliRunner().invoke(group, ["layer", *shlex.split(command)])
    assert result.exit_code == code, result.output
    return result.output


def answers(command):
    """The JSON of a command, its steps by name."""
    found = json.loads(run(f"{command} --format json"))
    return found | {step["name"]: step for step in found["sizes"] + found["counts"]}


# ---- formulas


@pytest.mark.parametrize("one", LAYERS)
def test_formulas_give_what_the_rules_give(one):
    """Python evaluates what is shown."""
    layer, xs = make(one.text), one.shapes
    formulas = layer.shape_formulas(*xs)
    rounding = ceil if getattr(layer, "ceil_mode", False) else floor
    for formula, size in zip(formulas, layer.infer(*xs) if formulas else (), strict=True):
        if formula:
            assert rounding(eval(formula.numbers)) == size
            assert abs(float(formula.value) - eval(formula.numbers)) < 1e-9
    counts = layer.count_formulas(*xs)
    params = sum(prod(one.shape) for one in layer.params(*xs).values() if not one.buffer)
    actual = {"params": params, "macs": layer.macs(*xs), "flops": layer.flops(*xs)}
    for name, formula in counts.items():
        assert formula.value == eval(formula.numbers) == actual[name]


@pytest.mark.parametrize("name", layers.names())
def test_every_type_that_multiplies_has_a_formula_for_it(name):
    for one in layers.find(name).examples:
        layer = make(one.text)
        if layer.macs(*one.shapes) and not layer.declared:
            assert {"macs", "flops"} <= layer.count_formulas(*one.shapes).keys()


def test_a_formula_is_evaluated_exactly():
    formula = Formula("(N - F + 2*P)/S + 1", {"N": 7, "F": 3, "P": 0, "S": 3})
    assert formula.numbers == "(7 - 3 + 2*0)/3 + 1"
    assert str(formula.value) == "7/3"
    assert Formula("N + P", {"N": 5, "P": -2}).numbers == "5 + (-2)"
    assert Formula("N + P", {"N": 5, "P": -2}).value == 3


# ---- what no window reads


def source(place, n, mode):
    """The position of the input that is read at a place, None for the padding."""
    if 0 <= place < n or mode == "zeros":
        return place if 0 <= place < n else None
    if mode == "circular":
        return place % n
    if mode == "replicate":
        return min(max(place, 0), n - 1)
    return -place if place < 0 else 2 * (n - 1) - place


def listed(words):
    """The places in `positions 0 to 1, 3`."""
    runs = (re.fullmatch(r"(-?\d+)(?: to (-?\d+))?", run) for run in words.split(", "))
    return {place for run in runs for place in range(int(run[1]), int(run[2] or run[1]) + 1)}


def noted(notes, n, after):
    """The places that the notes name."""
    found = set()
    for note in notes:
        assert note.startswith("never read: ")
        what = note.removeprefix("never read: ")
        last = re.fullmatch(r"the last (?:position|(\d+)) of the padding", what)
        if last:
            found |= set(range(n + after - int(last[1] or 1), n + after))
        else:
            pattern = r"positions? (.*?)(?:, counted from 0| of the padding)"
            found |= listed(re.fullmatch(pattern, what)[1])
    return found


@settings(max_examples=400, deadline=None)
@given(
    st.integers(1, 25),
    st.integers(1, 4),
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(0, 4),
    st.integers(0, 4),
    st.sampled_from(["zeros", "reflect", "replicate", "circular"]),
)
@example(20, 4, 4, 3, 1, 1, "zeros")
def test_places_that_no_window_reads(n, f, s, d, before, after, mode):
    """Against the places that are read, one by one; copies of the input read the input."""
    layer = layers.find("Conv1d")(
        out_channels=1,
        kernel_size=f,
        stride=s,
        dilation=d,
        padding=((before, after),),
        padding_mode=mode,
    )
    try:
        out = layer.infer((1, n))[1]
    except LayerError:
        assume(False)
    met = {o * s - before + t * d for o in range(out) for t in range(f)}
    sources = {source(place, n, mode) for place in met}
    unread = {place for place in range(n) if place not in sources}
    unread |= {place for place in range(-before, n + after) if not 0 <= place < n} - met
    notes = working(layer, (1, n)).sizes[1].notes
    if len(unread) <= MOST_RUNS:
        assert noted(notes, n, after) == unread
    assert bool(notes) is bool(unread)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            "MaxPool1d kernel_size=3 stride=3 dilation=3 padding=1 --input 1x6",
            ["positions 0 to 1, 3 to 4, counted from 0", "the last position of the padding"],
        ),
        (
            "Conv1d out_channels=1 kernel_size=4 stride=4 dilation=3 padding=1 --input 1x20",
            ["positions 0 to 1, 4, 15, 18 to 19, counted from 0"],
        ),
        (
            "Conv1d out_channels=1 kernel_size=2 stride=8 dilation=3 padding=3 --input 1x8",
            [
                "positions 1 to 4, 6 to 7, counted from 0",
                "positions -2 to -1, 9 to 10 of the padding",
            ],
        ),
        (
            "Conv1d out_channels=1 kernel_size=1 stride=2 --input 1x224",
            ["112 positions: 1, 3, 5, 7, ..., 223, counted from 0"],
        ),
        (
            "Conv1d out_channels=1 kernel_size=1 stride=2 --input 1x4000000",
            ["2,000,000 positions: 1, 3, 5, 7, ..., 3999999, counted from 0"],
        ),
        (
            "MaxPool1d kernel_size=3 stride=1 ceil_mode=true padding=1 --input 1x1",
            [],
        ),
    ],
)
def test_what_is_never_read_in_words(command, said):
    """By hand."""
    assert answers(command)["length"]["notes"] == [f"never read: {one}" for one in said]


@pytest.mark.parametrize(
    ("command", "positions"),
    [
        ("Conv1d out_channels=1 kernel_size=2 stride=3 --input 1x2000000000", "2,000,000,000"),
        (
            "Conv1d out_channels=1 kernel_size=2 stride=3 padding=1 padding_mode=circular "
            "--input 1x2000000",
            "2,000,002",
        ),
        ("MaxPool1d kernel_size=2000000000 ceil_mode=true --input 1x10", "2,000,000,000"),
    ],
)
def test_an_axis_that_is_too_long_to_look_at_is_said_to_be(command, positions):
    notes = answers(command)["length"]["notes"]
    assert notes == [f"what is never read is not looked for in {positions} positions"]


def test_a_window_that_ceil_mode_drops():
    pool = "MaxPool1d kernel_size=2 stride=3 padding=1 ceil_mode=true --input 1x"
    assert layers.find("MaxPool1d")(kernel_size=2, stride=3, padding=1, ceil_mode=True).infer(
        (1, 4)
    ) == (1, 2)
    dropped, kept = run(f"{pool}4"), run(f"{pool}6")
    assert "2.33, rounded down to 2\n" in dropped
    assert "less the last window" in dropped
    assert "less the last window" not in kept


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("7/3", "2.33"),
        ("237/4", "59.25"),
        ("197/2", "98.5"),
        ("59999/1000", "59.999"),
        ("8", "8"),
        ("-1/3", "-0.33"),
        ("1999999/1000000", "1.999999"),
        ("5000/2", "2,500"),
        ("9/8", "1.125"),
        ("1/8", "0.125"),
        ("43/16", "2.6875"),
        ("1/3", "0.33"),
        ("43/32", "1.34"),
    ],
)
def test_a_quotient_in_decimals_is_never_shown_as_whole(value, shown):
    assert decimal(Fraction(value)) == shown


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        (4, 1, "75.0 % (4 times fewer)"),
        (3, 2, "33.3 % (1.5 times fewer)"),
        (7, 7, "0.0 % (1 times fewer)"),
        (4, 5, "none: 25.0 % more (1.25 times as many)"),
        (416, 896, "none: 115.4 % more (2.15 times as many)"),
        (1, 5001, "none: 500,000.0 % more (5,001 times as many)"),
        (10**4, 1, "99.99 % (10,000 times fewer)"),
        (10**9, 3, "over 99.9999 % (333,333,333 times fewer)"),
    ],
)
def test_a_share_is_never_shown_as_all(before, after, shown):
    assert saving(before, after) == shown


# ---- dense


@pytest.mark.parametrize("bias", ["true", "false"])
def test_dense_counts_the_layers_that_it_names(bias):
    arguments = f"out_channels=4 kernel_size=[3,2] stride=2 padding=1 groups=2 bias={bias}"
    found = answers(f"Conv2d {arguments} --input 6x9x8 --dense")["dense"]
    unshared = answers(f"LocallyConnected2d {arguments} --input 6x9x8")
    out = prod(unshared["outputs"][0])
    dense = answers(f"Linear out_features={out} bias={bias} --input {6 * 9 * 8}")
    shared = answers(f"Conv2d {arguments} --input 6x9x8")
    assert found["connected"] == dense["params"]["value"]
    assert found["local"] == unshared["params"]["value"]
    assert found["shared"] == shared["params"]["value"]


def test_dense_shows_both_savings():
    shown = run("Conv2d out_channels=32 kernel_size=3 padding=1 --input 16x64x64 --dense")
    assert "8,590,065,664 params" in shown
    assert "4,640 params" in shown
    assert f"({8590065664 / 19005440:,.2f} times fewer) by local connections" in shown
    assert f"({19005440 // 4640:,} times fewer) by sharing" in shown


@pytest.mark.parametrize(("bias", "plus"), [("true", 1), ("false", 0)])
def test_dense_says_where_local_connections_take_more(bias, plus):
    """27 weights in a kernel of 3 x 3 on 3 channels, 12 inputs, and 32 outputs."""
    command = f"Conv2d out_channels=8 kernel_size=3 padding=1 bias={bias} --dense --input"
    shown, usual = run(f"{command} 3x2x2"), run(f"{command} 3x6x6")
    (unshared,) = (line for line in shown.splitlines() if line.startswith("unshared"))
    numbers = "(27 + 1)*32" if plus else "27*32"
    assert unshared.endswith(
        f"kernel{' + 1)' if plus else ''}*units = {numbers} = {(27 + plus) * 32:,} params"
    )
    more = (27 + plus) / (12 + plus) - 1
    assert f"none: {100 * more:.1f} % more" in shown
    assert f"({1 + more:.2f} times as many) by local connections" in shown
    assert "over the padding" in shown
    assert "-" not in shown.partition("saved")[2]
    assert "over the padding" not in usual
    assert "more" not in usual


# ---- the window, and memory


@pytest.mark.parametrize(
    ("command", "reads"),
    [
        (
            "Conv1d out_channels=1 kernel_size=3 stride=2 padding=1 --input 1x6",
            "unit 0 reads -1 to 1, each next 2 further, unit 2 reads 3 to 5 (the input is 0 to 5)",
        ),
        (
            "Conv1d out_channels=1 kernel_size=2 dilation=3 --input 1x5",
            "unit 0 reads 0 to 3 in steps of 3, unit 1 reads 1 to 4 in steps of 3 "
            "(the input is 0 to 4)",
        ),
        ("MaxPool1d 4 --input 1x4", "unit 0 reads 0 to 3 (the input is 0 to 3)"),
        ("ReLU --input 1x3", "unit 0 reads 0, unit 2 reads 2 (the input is 0 to 2)"),
        (
            "ConvTranspose1d out_channels=1 kernel_size=4 stride=2 --input 1x5",
            "each unit reads 2 positions, each position writes 4",
        ),
        (
            "ConvTranspose1d out_channels=1 kernel_size=3 stride=2 --input 1x5",
            "each unit reads 1 to 2 positions, each position writes 3",
        ),
        ("AdaptiveAvgPool1d 3 --input 1x5", "each unit reads 2 or 3 positions"),
        ("AdaptiveAvgPool1d 5 --input 1x3", "each unit reads 1 or 2 positions"),
        ("AdaptiveAvgPool1d 1 --input 1x5", "each unit reads the whole axis"),
        ("Upsample scale_factor=2 --input 1x5", "each unit reads 1 position"),
        ("Upsample scale_factor=2 mode=linear --input 1x5", "each unit reads at most 2 positions"),
        ("Linear 3 --input 5", "each unit reads the whole input"),
    ],
)
def test_what_a_unit_reads(command, reads):
    assert [axis["reads"] for axis in answers(command)["window"]] == [reads]


def test_memory_is_of_all_inputs_and_outputs():
    found = {
        step["name"]: step["value"] for step in answers("Chunk chunks=2 --input 4x5x5")["memory"]
    }
    assert found == {"input": 4 * 100, "output": 4 * 100, "params and buffers": 0}
    found = {step["name"]: step["value"] for step in answers("BatchNorm1d --input 8")["memory"]}
    assert found["params and buffers"] == 4 * 8 * 4


# ---- what is wrong


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        ("Conv2 out_channels=1 kernel_size=3 --input 3x9x9", 1, "did you mean 'Conv2d'?"),
        ("Conv2d filters=1 kernel_size=3 --input 3x9x9", 1, "is 'out_channels' here"),
        ("Conv2d out_channels=1 kernel_size=9 --input 3x5x5", 1, "does not fit"),
        ("'Conv2d: {out_channels: 1' --input 3x5x5", 1, "CNN001"),
        ("'' --input 3x5x5", 1, "empty"),
        ("'[ReLU]' --input 3x5x5", 1, "an item cannot be a list"),
        ("Conv2d 3 padding=1 --input 3x5x5", 2, "'3' is not an argument"),
        ("'Conv2d: {out_channels: 1}' padding=1 --input 3x5x5", 2, "all of them in it"),
        ("'{layers: [ReLU, ReLU]}' --input 3x5x5", 2, "that is 2 layers, not one"),
        ("ReLU", 2, "write --input 3x32x32"),
        ("ReLU --input 3x5x5 --dense", 2, "ReLU is none"),
        ("ReLU --input 3x5xa", 2, "is not a shape"),
        ("Add --input 3x5x5 --input 4x5x5", 1, "needs inputs of one shape"),
        ("ReLU --input 3x5x5 --input 3x5x5", 1, "takes one input, not 2"),
    ],
)
def test_a_mistake_is_explained(command, code, words):
    assert words in run(command, code)


def test_layers_with_several_inputs_and_outputs():
    assert answers("Concat --input 3x5x5 --input 4x5x5")["outputs"] == [[7, 5, 5]]
    assert answers("Chunk chunks=2 --input 4x5x5")["outputs"] == [[2, 5, 5], [2, 5, 5]]


def test_one_byte_is_not_bytes():
    command = "Conv2d out_channels=1 kernel_size=3 bias=false --input 1x3x3 --dtype binary"
    shown = run(command)
    assert "9*1/8 = 1.125, rounded up to 2 bytes\n" in shown
    assert "1*1/8 = 0.125, rounded up to 1 byte\n" in shown


def test_bytes_follow_the_data_type():
    command = "Conv2d out_channels=10 kernel_size=5 padding=2 --input 3x32x32 --dtype"
    for dtype, size in {"float32": 3040, "int8": 760, "int4": 380, "binary": 95}.items():
        (params,) = (s for s in answers(f"{command} {dtype}")["memory"] if "params" in s["name"])
        assert params["value"] == size
        assert params["exact"] == str(size)
