"""The networks of keras.applications against its table, and against what Keras itself counts.

The columns of tests/data/published/keras_applications.csv: `table_params` is printed in the table
of the documentation; `total`, `trainable` and `non_trainable` are Keras's own counts, where the
moving statistics of a batch norm are parameters that are not trained; `macs_conv_dense` are those
of its convolutions and dense layers; `stage_shapes_hwc` has each size of map that occurs with the
channels of the last layer that puts it out, zero padding and single positions left aside; and
`top_removed_total` is the count with include_top=False.
"""

import csv
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import yaml
from keras_values import drawn, image, sums

from cnncalc import api, source
from cnncalc.engine.weights import parameters
from cnncalc.language.builder import Settings
from cnncalc.pipeline import analyse, expand, load

PUBLISHED = Path(__file__).parent / "data" / "published"


def rows(file):
    with (PUBLISHED / file).open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


ROWS = rows("keras_applications.csv")
VALUES = rows("keras_values.csv")

every_row = pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])


@cache
def networks():
    """Each network of specs/keras by its name: a spec, or a variant in one."""
    names = [name for name in source.networks() if name.startswith("keras/")]
    return {name.removeprefix("keras/"): load(source.read_bundled(name)) for name in names}


@cache
def computed(name, include_top=True):
    loaded = networks()[name]
    variables = {} if include_top else {"include_top": False}
    return analyse(loaded, Settings(variables=variables, variant=loaded.variant))


def keras_total(report):
    """All parameters in the Keras view: moving statistics included."""
    return report.totals.params + report.totals.buffers


def channels_first(shape):
    """H x W x C, as Keras writes it, as (C, H, W)."""
    height, width, channels = map(int, shape.split("x"))
    return channels, height, width


def stages(report):
    """The last output of each size of map, in the order in which the sizes first occur."""
    found = {}
    for row in report.rows:
        (shape,) = row.out_shapes
        if len(shape) == 3 and shape[1:] != (1, 1) and row.node.type != "ZeroPad2d":
            found[shape[1:]] = shape
    return list(found.values())


@every_row
def test_parameters_are_those_of_keras(row):
    report = computed(row["name"])
    totals = report.totals
    assert report.inputs == {"input": channels_first(row["input_hwc"])}
    assert keras_total(report) == int(row["total"]) == int(row["table_params"])
    assert totals.trainable == int(row["trainable"])
    assert totals.buffers + totals.frozen == int(row["non_trainable"])


@every_row
def test_macs_are_those_of_keras(row):
    assert computed(row["name"]).totals.macs == int(row["macs_conv_dense"])


@every_row
def test_stages_are_those_of_keras(row):
    expected = [channels_first(shape) for shape in row["stage_shapes_hwc"].split(" ")]
    assert stages(computed(row["name"])) == expected


@every_row
def test_without_its_top_a_network_ends_in_its_last_map(row):
    report = computed(row["name"], include_top=False)
    assert keras_total(report) == int(row["top_removed_total"])
    assert [one.shape for one in report.outputs] == stages(report)[-1:]
    assert stages(report) == stages(computed(row["name"]))


@pytest.mark.parametrize("row", VALUES, ids=[f"{row['name']} {row['set']}" for row in VALUES])
def test_values_are_those_that_keras_puts_out(row):
    """Paddings, scales and skips that no count shows; keras_values.py says what the sums are of."""
    pairs = (pair.split("=") for pair in row["set"].split())
    variables = {name: yaml.safe_load(value) for name, value in pairs} | {"include_top": False}
    shape = channels_first(row["input_hwc"])
    graph = expand(networks()[row["name"]], Settings({"input": shape}, variables)).graph
    weights = {
        key: drawn(place, key.rpartition(".")[2], one.shape)
        for place, (key, one) in enumerate(parameters(graph).items())
    }
    (output,) = api.run(graph, weights, {"input": image(*shape[1:])}).outputs.values()
    expected = [float(one) for one in row["sums"].split(" ")]
    np.testing.assert_allclose(sums(output), expected, rtol=1e-12)


def test_all_of_the_table_is_checked():
    """Eighteen networks, none of which disagrees, and no column that is not looked at."""
    assert len({row["name"] for row in ROWS}) == len(ROWS) == 18
    counts = {"table_params", "total", "trainable", "non_trainable", "top_removed_total"}
    others = {"name", "input_hwc", "macs_conv_dense", "stage_shapes_hwc", "source"}
    assert set(ROWS[0]) == counts | others
    assert all(row["source"].startswith("Keras applications table") for row in ROWS)
    assert set(VALUES[0]) == {"name", "input_hwc", "set", "sums", "source"}


def test_every_keras_network_that_is_shipped_is_in_the_table():
    assert set(networks()) == {row["name"] for row in ROWS}
    files = {name for name, loaded in networks().items() if loaded.variant is None}
    assert {row["name"] for row in VALUES} == files
