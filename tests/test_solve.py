"""`cnncalc layer --solve` and `--until`, against trying every value."""

import json
import shlex
from itertools import product

import pytest
from click.testing import CliRunner
from test_layer_command import run

from cnncalc import layers
from cnncalc.answers.one_layer import read_layer
from cnncalc.answers.solve import depth, first, solve
from cnncalc.cli import group
from cnncalc.layer import LayerError

TRIED = 24


def make(name, **arguments):
    return layers.find(name)(**arguments)


def size_of(name, n, arguments):
    """The length that the layer gives, None where it cannot be made or does not fit."""
    try:
        return make(name, **arguments).infer((2, n))[1]
    except LayerError:
        return None


def solutions(command, code=0):
    found = json.loads(run(f"{command} --format json", code))
    return [
        {"values": [one["value"] for one in axis["solutions"]]} | axis for axis in found["axes"]
    ]


CONV = {"out_channels": 2, "kernel_size": 3}
WINDOWS = [
    *(
        ("Conv1d", CONV | {"stride": s, "padding": p, "dilation": d})
        for s, p, d in product((1, 2, 3), (0, 2), (1, 2))
    ),
    ("Conv1d", CONV | {"padding": "same"}),
    ("Conv1d", CONV | {"padding": "full", "stride": 2}),
    ("Conv1d", CONV | {"padding": 2, "padding_mode": "reflect"}),
    ("LocallyConnected1d", CONV | {"stride": 2}),
    *(
        ("MaxPool1d", {"kernel_size": 4, "stride": s, "padding": p, "ceil_mode": c, "dilation": d})
        for s, p, c, d in product((None, 1, 3, 7), (0, 2), (False, True), (1, 2))
    ),
    ("AvgPool1d", {"kernel_size": 3, "ceil_mode": True}),
    ("LPPool1d", {"norm_type": 2, "kernel_size": 3, "stride": 2}),
    *(
        ("ConvTranspose1d", CONV | {"stride": s, "padding": 1, "output_padding": o, "dilation": d})
        for s, o, d in ((1, 0, 1), (2, 1, 1), (3, 2, 2))
    ),
]


@pytest.mark.parametrize("asked", ["stride", "kernel_size", "dilation", "input"])
@pytest.mark.parametrize(("name", "arguments"), WINDOWS)
def test_all_values_are_found_and_no_other(name, arguments, asked):
    if asked not in (*layers.find(name).arguments, "input"):
        with pytest.raises(LayerError, match="has no argument"):
            solve(make(name, **arguments), (2, 9), asked, (3,))
        return
    for n, wanted in product((8, 13), (1, 2, 5, 12)):
        (found,) = solve(make(name, **arguments), (2, n), asked, (wanted,))
        values = range(1, TRIED)
        right = {
            value
            for value in values
            if wanted
            == (
                size_of(name, value, arguments)
                if asked == "input"
                else size_of(name, n, arguments | {asked: value})
            )
        }
        assert {one.value for one in found.found if one.value < TRIED} == right
        assert bool(found.found) is (found.why is None)


@pytest.mark.parametrize(
    ("name", "arguments"), [one for one in WINDOWS if "Pool1d" not in one[0] or "Max" in one[0]]
)
def test_all_paddings_are_found_and_no_other(name, arguments):
    for n, wanted in product((8, 13), (1, 2, 5, 9, 12)):
        (found,) = solve(make(name, **arguments), (2, n), "padding", (wanted,))
        right = {
            (before, after)
            for before, after in product(range(TRIED), repeat=2)
            if size_of(name, n, arguments | {"padding": [[before, after]]}) == wanted
        }
        listed = {
            one.value if isinstance(one.value, tuple) else (one.value,) * 2 for one in found.found
        }
        assert listed <= right | {pair for pair in listed if max(pair) >= TRIED}
        equal = {pair for pair in right if pair[0] == pair[1]}
        assert {pair for pair in listed if pair[0] == pair[1] < TRIED} == equal
        if right and not listed:  # only far from equal, as a pool with a limit on each side has it
            assert all(abs(before - after) > 1 for before, after in right)
        exact = [one for one in found.found if one.exact]
        assert not any(isinstance(one.value, tuple) for one in found.found) or not any(
            isinstance(one.value, int) for one in exact
        )


@pytest.mark.parametrize("low", [0, 1, 5])
def test_the_first_value_for_which_something_holds(low):
    for high, wanted in product(range(low, low + 20), range(low - 1, low + 22)):
        found = first(low, high, lambda value, wanted=wanted: value >= wanted)
        assert found == min(max(wanted, low), high + 1)


@pytest.mark.parametrize(("f", "p"), [(3, 1), (5, 2), (7, 3)])
def test_padding_that_keeps_every_size(f, p):
    command = f"Conv2d out_channels=8 kernel_size={f} --keep-size"
    assert f"(N - {f} + 2*{p})/1 + 1 = N\n" in run(command)
    for n in (f, 20, 33):
        found = solutions(f"{command} --input 1x{n}x{n}")
        assert [axis["values"] for axis in found] == [[p]] * 2


# ---- the command


def test_axes_are_solved_apart():
    high, wide = solutions("Conv2d out_channels=1 kernel_size=[3,5] --input 1x8x9 --keep-size")
    assert (high["axis"], high["values"]) == ("height", [1])
    assert (wide["axis"], wide["values"]) == ("width", [2])
    shown = run("Conv2d out_channels=1 kernel_size=[3,5] --input 1x8x9 --output-size 8x5")
    assert "padding for a height of 8:" in shown
    assert "padding for a width of 5:" in shown


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (
            "Conv2d out_channels=1 kernel_size=5 --input 1x32x32 --solve stride --output-size 17",
            "none: stride 1 gives 28, stride 2 gives 14",
        ),
        (
            "Conv2d out_channels=1 kernel_size=5 --input 1x32x32 --solve stride --output-size 40",
            "none: stride 1 gives 28, and no other gives more",
        ),
        (
            "Conv2d out_channels=1 stride=2 padding=9 kernel_size=1 --input 1x5x5 --output-size 2",
            "none: padding of 0 in all gives 3, and no other gives less",
        ),
        (
            "MaxPool2d kernel_size=3 stride=1 --input 1x9x9 --output-size 11",
            "none: padding 2 is more than half of the kernel of 3",
        ),
        (
            "Conv2d out_channels=1 kernel_size=3 padding=1 --input 1x9x9 --until 4",
            "does not make the map smaller",
        ),
        (
            "Conv2d out_channels=1 kernel_size=5 stride=2 --input 1x224x224 --until 2",
            "after 5: a kernel of 5 does not fit into an input of 4",
        ),
    ],
)
def test_what_has_no_solution(command, why):
    assert why in run(command, 1)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("ReLU --input 1x8x8 --solve padding --output-size 4", "no window"),
        ("LPPool2d norm_type=2 kernel_size=2 --input 1x8x8 --output-size 4", "no argument 'pad"),
        ("Conv2d out_channels=1 kernel_size=3 --input 1x8x8 --solve stride", "--output-size 16"),
        ("Conv2d out_channels=1 kernel_size=3 --output-size 4", "write --input"),
        ("Conv2d out_channels=1 kernel_size=3 stride=2 --keep-size", "write --input"),
        ("Conv2d out_channels=1 kernel_size=3 --input 1x8 --keep-size", "needs an input of 3 axes"),
        ("Conv2d out_channels=1 kernel_size=3 --input 1x8x8 --output-size 4x4x4", "2 output sizes"),
        ("MaxPool2d 2 --solve input --keep-size", "--keep-size compares"),
        ("Conv2d out_channels=1 kernel_size=3 --input 1x8x8 --until 3 --dense", "ask one"),
        ("Flatten --input 3x8x8 --until 4", "Flatten makes [192] of [3, 8, 8]"),
        ("Flatten --input 3x2x2 --until 4", "Flatten makes [12] of [3, 2, 2]"),
        ("Flatten 2 --input 3x8x8 --until 4", "Flatten makes [3, 64] of [3, 8, 8]"),
        (
            "'Opaque: {output: 10, params: 0, macs: 0, flops: 500}' --input 3x8x8 --until 2",
            "Opaque makes [10] of [3, 8, 8]",
        ),
        ("Linear 4 --input 32 --until 3", "Linear makes [4] of [32]"),
        ("ReLU --input 32 --until 3", "ReLU makes [32] of [32]"),
        ("Softmax --input 10 --until 3", "Softmax makes [10] of [10]"),
        ("Unflatten unflattened_size=[2,4,4] --input 32 --until 3", "makes [2, 4, 4] of [32]"),
        ("Add --input 3x8x8 --input 3x8x8 --until 3", "there are 2 inputs"),
    ],
)
def test_a_question_that_cannot_be_asked(command, words):
    assert words in run(command, 2)


def test_what_is_asked_for_need_not_be_written():
    written = (
        "Conv2d out_channels=1 kernel_size=9 --input 1x9x9 --solve kernel_size --output-size 7"
    )
    assert solutions(written) == solutions(written.replace("kernel_size=9 ", ""))
    bare = "MaxPool2d --input 1x9x9 --solve kernel_size --output-size 4"
    assert [axis["values"] for axis in solutions(bare)] == [[2]] * 2
    (layer,) = (
        one.layer for one in built(read_layer("MaxPool2d: 3", asked="kernel_size")).graph.nodes
    )
    assert layer.kernel_size == (3, 3)


@pytest.mark.parametrize(
    ("command", "label"),
    [
        ("MaxPool2d kernel_size=3 --input 1x9x9 --output-size 3", "MaxPool2d(kernel_size=3)"),
        (
            "MaxPool2d padding=1 kernel_size=3 --input 1x9x9 --solve kernel_size --output-size 3",
            "MaxPool2d(padding=1)",
        ),
        ("MaxPool2d --input 1x9x9 --solve kernel_size --output-size 3", "MaxPool2d"),
        ("MaxPool2d 3 --solve input --output-size 3", "MaxPool2d(kernel_size=3)"),
    ],
)
def test_what_is_asked_for_is_not_said_to_be_written(command, label):
    assert json.loads(run(f"{command} --format json"))["layer"] == label


def built(loaded):
    from cnncalc.pipeline import Settings, expand

    return expand(loaded, Settings())


def test_many_solutions_are_counted():
    shown = run("Conv2d out_channels=1 kernel_size=3 --input 1x9x9 --solve stride --output-size 1")
    assert len(shown.splitlines()) == 14
    first_line = shown.splitlines()[1].split()
    assert first_line[0] == "7"
    assert shown.endswith(f"and {2**31 - 1 - 6 - 12:,} more\n")


def test_depth_of_a_layer_whose_channels_change():
    found = depth(make("Conv2d", out_channels=8, kernel_size=3, in_channels=3), (3, 9, 9), 2)
    assert found.layers == 1
    assert "in_channels is written as 3, but the input has 8" in found.why


def test_help_names_the_questions():
    shown = CliRunner().invoke(group, shlex.split("layer --help")).output
    assert "--solve" in shown
    assert "--until" in shown
