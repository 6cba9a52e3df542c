"""Worked examples of lecture notes: sizes, parameters, operations, fields and whole networks.

tests/data/worked_examples.yaml holds them with their sources.
"""

from math import prod
from pathlib import Path

import pytest
import yaml
from helpers import good

from cnncalc import layers, source
from cnncalc.pipeline import analyse, load

EXAMPLES = yaml.safe_load(
    (Path(__file__).parent / "data" / "worked_examples.yaml").read_text(encoding="utf-8")
)

FACTS = {  # what a row of `parameters` states; its other keys are arguments of the layer
    *("source", "layer", "in", "out", "params", "parts", "weights", "biases"),
    *("in_elements", "out_elements", "dense_equivalent"),
}

IN_WORDS = {  # layers that the notes describe in words
    "depthwise 3x3 then pointwise 1x1 with bias": (
        ("Conv2d", {"out_channels": 16, "kernel_size": 3, "padding": 1, "groups": 16}, "weight"),
        ("Conv2d", {"out_channels": 32, "kernel_size": 1}, "weight", "bias"),
    ),
    "1-D locally connected, window 3, stride 2, weights not shared": (
        ("LocallyConnected1d", {"out_channels": 1, "kernel_size": 3, "stride": 2}, "weight"),
    ),
    "Conv1d window 3, stride 2, weights shared": (
        ("Conv1d", {"out_channels": 1, "kernel_size": 3, "stride": 2}, "weight"),
    ),
}


def cases(section):
    return [pytest.param(row, id=f"{i}-{row['source']}") for i, row in enumerate(EXAMPLES[section])]


def make(name, **arguments):
    return layers.find(name)(**arguments)


def sizes(layer, x):
    """Elements of each parameter."""
    return {name: prod(one.shape) for name, one in layer.params(x).items() if not one.buffer}


@pytest.mark.parametrize("row", cases("output_size"))
def test_output_size(row):
    padding = row.get("pads", (row.get("p", 0),) * 2)
    window = {"kernel_size": row["f"], "stride": row["s"], "dilation": row.get("d", 1)}
    if row.get("pool"):
        layer = make("MaxPool1d", padding=row["p"], **window)
    else:
        layer = make("Conv1d", out_channels=1, padding=[list(padding)], **window)
    x = (1, row["n"])
    for _ in range(row.get("layers", 1)):
        (axis,), before = layer.window(x), x[1]
        x = layer.infer(x)
    assert x == (1, row["out"])
    read = (x[1] - 1) * axis.stride + axis.extent
    assert (read == before + sum(padding)) is row["exact"]


@pytest.mark.parametrize("row", cases("parameters"))
def test_parameters(row):
    written = {key: value for key, value in row.items() if key not in FACTS}
    parts = IN_WORDS.get(row["layer"]) or ((row["layer"], written),)
    x = tuple(row.get("in") or [row["in_elements"]])
    assert prod(x) == row.get("in_elements", prod(x))
    found = []
    for name, arguments, *tensors in parts:
        if tensors:
            arguments = arguments | {"bias": "bias" in tensors}
        if name == "Linear":
            x = make("Flatten").infer(x)
        layer = make(name, **arguments)
        found += sizes(layer, x).items()
        x = layer.infer(x)
    counts = [count for _, count in found]
    assert sum(counts) == row["params"]
    assert x == tuple(row.get("out", x))
    assert prod(x) == row.get("out_elements", prod(x))
    assert counts == row.get("parts", counts)
    for fact, tensor in (("weights", "weight"), ("biases", "bias")):
        if fact in row:
            assert dict(found)[tensor] == row[fact]


def test_a_dense_layer_in_place_of_a_convolution():
    (row,) = (row for row in EXAMPLES["parameters"] if "dense_equivalent" in row)
    dense = make("Linear", out_features=row["out_elements"])
    assert sum(sizes(dense, (row["in_elements"],)).values()) == row["dense_equivalent"]


def test_compute():
    (row,) = (row for row in EXAMPLES["compute"] if "layer" in row)
    arguments = {key: row[key] for key in ("out_channels", "kernel_size")}
    layer, x = make(row["layer"], **arguments), tuple(row["in"])
    assert layer.infer(x) == tuple(row["out"])
    assert layer.macs(x) == row["macs"]
    ten_layers_a_million_images = 10 * 10**6 * layer.macs(x)
    assert ten_layers_a_million_images == 1.024e16
    assert round(ten_layers_a_million_images / 0.15e12 / 3600, 1) == 19.0
    assert round(ten_layers_a_million_images / 12e12 / 60) == 14


@pytest.mark.parametrize("f", [1, 3, 5])
@pytest.mark.parametrize("p", [2, 3])
def test_receptive_field_of_a_pooled_convolution(f, p):
    row = EXAMPLES["receptive_field"][0]
    assert row["field"] == "P + F - 1"
    conv = f"- Conv2d: {{out_channels: 4, kernel_size: {f}}}"
    report = good(f"{conv}\n- MaxPool2d: {p}")
    assert [axis.size for axis in report.field.axes] == [p + f - 1] * 2


def written(text):
    """An item of a spec for a layer in short, such as `Conv2d 7 stride 2 padding 3`."""
    name, *words = text.split()
    if not words:
        return f"- {name}"
    arguments = {"kernel_size": words[0]} | dict(zip(words[1::2], words[2::2], strict=True))
    if name == "Conv2d":
        arguments["out_channels"] = 64
    return f"- {name}: {{{', '.join(f'{key}: {value}' for key, value in arguments.items())}}}"


def test_receptive_field_of_a_stem():
    row = EXAMPLES["receptive_field"][1]
    items = "\n".join(written(text) for text in row["layers"])
    report = good(items, input=str(row["input"]))
    whole_pixels, *units = row["rows"]
    assert whole_pixels == {"map": row["input"][1], "start": 0.5, "jump": 1, "field": 1}
    found = [
        {"map": n, "start": axis.start, "jump": axis.jump, "field": axis.size}
        for one in report.rows
        for n, axis in zip(one.out_shapes[0][1:], one.field.axes, strict=True)
    ]
    assert found == [unit for unit in units for _ in "HW"]


NETWORKS = EXAMPLES["networks"]


@pytest.mark.parametrize("name", NETWORKS)
def test_network(name):
    """Layer by layer; the notes' tables may leave out activations and Flatten."""
    wanted = NETWORKS[name]
    report = analyse(load(source.read_bundled(name)))
    assert report.inputs == {"input": tuple(wanted["input"])}
    printed = {row[0] for row in wanted["rows"]}
    assert [
        [row.node.type, list(row.out_shapes[0]), keras_params(row)]
        for row in report.rows
        if row.node.type in printed
    ] == wanted["rows"]
    assert sum(keras_params(row) for row in report.rows) == wanted["params"]["total"]


@pytest.mark.parametrize(
    "name", [name for name in NETWORKS if "trainable" in NETWORKS[name]["params"]]
)
def test_keras_totals_of_a_network(name):
    totals = analyse(load(source.read_bundled(name))).totals
    assert {
        "total": totals.params + totals.buffers,
        "trainable": totals.trainable,
        "non_trainable": totals.buffers + totals.frozen,
    } == NETWORKS[name]["params"]


def keras_params(row):
    """Keras counts running statistics as parameters."""
    return row.cost.params + row.cost.buffers


def test_the_last_pool_of_dogs_vs_cats_is_not_the_usual_one():
    """18 to 8, which kernel 3 and stride 2 give."""
    usual, found = make("MaxPool2d", kernel_size=2), make("MaxPool2d", kernel_size=3, stride=2)
    assert usual.infer((512, 18, 18)) == (512, 9, 9)
    assert found.infer((512, 18, 18)) == (512, 8, 8)
