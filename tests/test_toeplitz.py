"""The matrices of a convolution, multiplied out, against plain loops and worked examples."""

from math import prod

import numpy as np
import pytest
from naive import convolution
from test_answers import EXAMPLES
from test_layer_command import run

from cnncalc import layers
from cnncalc.answers.toeplitz import matrices

LAYERS = [
    ("Conv2d", {"out_channels": 1, "kernel_size": 3}, (1, 4, 4)),
    ("Conv2d", {"out_channels": 2, "kernel_size": [2, 3], "stride": [2, 1]}, (3, 4, 5)),
    (
        "Conv2d",
        {"out_channels": 4, "kernel_size": 3, "padding": [[1, 0], [0, 2]], "groups": 2},
        (2, 4, 3),
    ),
    ("Conv2d", {"out_channels": 1, "kernel_size": 2, "dilation": 2, "padding": 1}, (2, 4, 4)),
    ("Conv1d", {"out_channels": 3, "kernel_size": 3, "stride": 2, "padding": "full"}, (2, 7)),
    ("Conv3d", {"out_channels": 1, "kernel_size": 2, "padding": [0, 1, 0]}, (2, 2, 3, 3)),
]


def filled(entries, values):
    """A matrix with numbers in place of indices, 0 for None."""
    return np.array(
        [[0.0 if one is None else values[tuple(one)] for one in row] for row in entries]
    )


@pytest.mark.parametrize(("name", "arguments", "x"), LAYERS)
def test_both_products_are_the_convolution(name, arguments, x):
    layer = layers.find(name)(**arguments, bias=False)
    found = matrices(layer, x)
    generator = np.random.default_rng(7)
    image, weight = generator.normal(size=x), generator.normal(size=found.weight)
    wanted = convolution(
        image[None], weight, None, layer.stride, layer.pads, layer.dilation, layer.groups
    )[0]
    matrix = filled(found.matrix, weight)
    assert matrix.shape == (wanted.size, image.size)
    np.testing.assert_allclose((matrix @ image.ravel()).reshape(found.output), wanted)
    patches = filled(found.patches, image).reshape(layer.groups, -1, prod(wanted.shape[1:]))
    rows = weight.reshape(layer.groups, -1, patches.shape[1])
    np.testing.assert_allclose((rows @ patches).reshape(found.output), wanted)


def test_a_matrix_of_one_channel_is_doubly_blocked():
    """Constant along the diagonals of a block, and of the blocks."""
    matrix = matrices(layers.find("Conv2d")(out_channels=1, kernel_size=3), (1, 5, 6)).matrix
    blocks = {
        (i, j): [row[6 * j : 6 * j + 6] for row in matrix[4 * i : 4 * i + 4]]
        for i in range(3)
        for j in range(5)
    }
    for (i, j), block in blocks.items():
        assert block == blocks.get((i + 1, j + 1), block)
        for r in range(3):
            assert block[r][:-1] == block[r + 1][1:]


@pytest.mark.parametrize(
    "row", [one for one in EXAMPLES["values"] if "corr2d" in one["op"] and "y" in one]
)
def test_values_of_the_notes(row):
    image, weight = (np.array(row[key], float) for key in "xw")
    weight = weight.reshape(1, -1, *weight.shape[-2:])
    image = image.reshape(weight.shape[1], *image.shape[-2:])
    arguments = {key: row[key] for key in ("padding", "stride") if key in row}
    layer = layers.find("Conv2d")(
        out_channels=1, kernel_size=list(weight.shape[2:]), bias=False, **arguments
    )
    found = matrices(layer, image.shape)
    y = filled(found.matrix, weight) @ image.ravel()
    assert y.reshape(found.output[1:]).tolist() == row["y"]


def test_the_picture():
    shown = run("Conv2d out_channels=1 kernel_size=2 --input 1x2x3 --toeplitz").splitlines()
    assert shown[2] == "y = W x + b, W being 2 x 6:"
    assert shown[3].split() == ["x00", "x01", "x02", "|", "x10", "x11", "x12"]
    assert shown[5].split() == ["y00", "w00", "w01", "0", "|", "w10", "w11", "0"]
    assert shown[6].split() == ["y01", "0", "w00", "w01", "|", "0", "w10", "w11"]
    assert shown[8] == "im2col: y = w X + b, w being 1 x 4 and X 4 x 2:"
    assert [line.split() for line in shown[11:]] == [
        ["00", "x00", "x01"],
        ["01", "x01", "x02"],
        ["10", "x10", "x11"],
        ["11", "x11", "x12"],
    ]


def test_names_with_channels_and_with_long_axes():
    shown = run("Conv1d out_channels=2 kernel_size=2 --input 2x3 --toeplitz")
    assert "w1,0,1" in shown
    assert "x1,2" in shown
    assert "x0,10" in run("Conv2d out_channels=1 kernel_size=1 --input 1x1x12 --toeplitz")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("ReLU --input 1x4x4", "ReLU is none"),
        ("LocallyConnected2d out_channels=1 kernel_size=3 --input 1x4x4", "is none"),
        ("Conv2d out_channels=1 kernel_size=3 --input 1x99x99", "too large"),
        ("Conv1d out_channels=1 kernel_size=999 padding=999 --input 1x2", "too large"),
        (
            "Conv2d out_channels=1 kernel_size=3 padding=1 padding_mode=reflect --input 1x4x4",
            "zeros only",
        ),
        ("Conv2d out_channels=1 kernel_size=3 --input 1x4x4 --dense", "ask one"),
    ],
)
def test_what_is_not_shown(command, words):
    assert words in run(f"{command} --toeplitz", 2)
