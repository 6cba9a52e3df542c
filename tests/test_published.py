"""The shipped networks against published counts: torchvision's table, and those of many others.

The tables stand in tests/data/published with their sources. Counts that are printed in full must
be equal; those that are printed rounded, equal to the digits printed. In others.csv, `network` is
the spec or variant that a row is about, `set` what the row changes in it, and `computed_*` was
counted outside of this project, on another implementation of the network. Its parameters are the
trainable ones: the fixed output layer of LeNet-5 is no parameter to LeCun et al.
"""

import csv
import re
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path

import pytest

from cnncalc import source
from cnncalc.language.builder import Settings
from cnncalc.pipeline import analyse, load

PUBLISHED = Path(__file__).parent / "data" / "published"

HALF_PRECISION_FILES = {"wide_resnet50_2", "wide_resnet101_2"}  # 2 bytes a parameter

# Printed counts that are not those of the network, by row and column: what it would round to.
DISAGREEING = {
    # The README of ShuffleNet-Series gives g = 3 and g = 8 one number; its own code gives two.
    ("ShuffleNetV1 1.0x (group=3)", "flops_published"): "137M",
    # The paper's table 7 cuts 290.675 off; slim's mobilenet_v1.md has 291 for the same network.
    ("1.0 MobileNet-160", "flops_published"): "291M",
    # The I3D paper cuts 79.991 off.
    ("C3D 487 classes (Sports-1M)", "params_published"): "80 M",
}

UNITS = {"M": 10**6, "Bn": 10**9}


def rows(file):
    with (PUBLISHED / file).open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def cases(found):
    return [pytest.param(row, id=f"{i}-{row['name']}") for i, row in enumerate(found)]


TORCHVISION = rows("torchvision.csv")
OTHERS = rows("others.csv")


@cache
def loaded(name):
    return load(source.read_bundled(name))


def computed(name, inputs=None, variables=None):
    settings = Settings(inputs or {}, variables or {}, loaded(name).variant)
    report = analyse(loaded(name), settings)
    assert not report.problems
    return report


def shape_of(row):
    return tuple(int(size) for size in row["input"].split("x"))


def elements(report, type):
    """Output elements of the layers whose type starts so, in the inference graph."""
    found = (row for row in report.rows if row.node.type.startswith(type))
    return sum(row.output_elements for row in found if not row.node.train_only)


@pytest.mark.parametrize("row", cases(TORCHVISION))
def test_counts_are_those_of_torchvision(row):
    report = computed(row["name"])
    totals = report.totals
    assert report.inputs == {"input": shape_of(row)}
    inference = row["note"].startswith("params of the inference graph")
    params = totals.params_inference if inference else totals.params
    assert params == int(row["params"])
    assert totals.macs == int(row["macs"])
    assert elements(report, "Conv") == int(row["conv_out_elements"])
    assert rounded(totals.macs, row["gmacs_published"], 10**9) == row["gmacs_published"]


@pytest.mark.parametrize("row", cases(TORCHVISION))
def test_size_is_that_of_the_file_of_weights(row):
    totals = computed(row["name"]).totals
    stored = totals.params + totals.buffers
    assert totals.param_bytes == 4 * stored
    size = stored * (2 if row["name"] in HALF_PRECISION_FILES else 4) / 2**20
    (percent,) = re.findall(r"up to (\S+) % above params \+ buffers", row["note"])
    assert size <= float(row["file_mib"]) <= (1 + float(percent) / 100) * size


def other(row):
    """The report of a row of others.csv: its network, with its input and what it sets."""
    inputs = {"input": shape_of(row)} if row["input"] else {}
    pairs = (pair.split("=") for pair in row["set"].split())
    return computed(row["network"], inputs, {name: int(value) for name, value in pairs})


COUNTED = [row for row in OTHERS if row["computed_params"]]


@pytest.mark.parametrize("row", cases(COUNTED))
def test_counts_are_those_of_another_implementation(row):
    totals = other(row).totals
    assert totals.trainable == int(row["computed_params"])
    assert row["computed_macs"] in ("", str(totals.macs))


def rounded(count, printed, unit=1):
    """A count as `printed` prints it: in the same unit, to as many digits."""
    number, _, rest = printed.partition(" ")
    figure = number.rstrip("M")
    scale = UNITS.get("M" if figure != number else rest.split(" ")[0], unit)
    digits = Decimal(1).scaleb(Decimal(figure).as_tuple().exponent)
    value = (Decimal(count) / scale).quantize(digits, ROUND_HALF_UP)
    return printed.replace(figure, str(value), 1)


def connections(report):
    """Inputs of all units, the bias as one, as LeCun et al. 1998 count: 5 a unit of subsampling."""
    weighed = [row for row in report.rows if row.cost.macs]
    biases = sum(row.output_elements for row in weighed if row.node.layer.bias)
    return report.totals.macs + biases + 5 * elements(report, "AvgPool")


def operations(report, convention):
    """What a published number counts, and the unit that it is in where it does not say."""
    macs = report.totals.macs
    if convention == "connections":
        return connections(report), 1
    if convention.startswith("GMACs (fvcore"):
        return macs + 2 * elements(report, "BatchNorm"), 10**9
    per_mac = 2 if "2xMACs" in convention else 1
    return per_mac * macs, 10**9 if convention.startswith(("GMACs", "BFLOPs")) else 1


PRINTED = {
    (row["name"], column): row
    for column in ("params_published", "flops_published")
    for row in OTHERS
    if row[column]
}


@pytest.mark.parametrize(("name", "column"), PRINTED)
def test_printed_counts_are_the_rounded_ones(name, column):
    row = PRINTED[name, column]
    report = other(row)
    count, unit = report.totals.trainable, 1
    if column == "flops_published":
        count, unit = operations(report, row["flops_convention"])
    expected = DISAGREEING.get((name, column), row[column])
    assert rounded(count, row[column], unit) == expected


def test_three_printed_counts_disagree():
    assert len(DISAGREEING) == 3
    for (name, column), ours in DISAGREEING.items():
        assert PRINTED[name, column][column] != ours


FIELDS = [row for row in OTHERS if row["receptive_field"]]


@pytest.mark.parametrize("row", cases(FIELDS))
def test_receptive_fields_are_those_published(row):
    (axis,) = other(row).field.axes
    assert axis.size == int(row["receptive_field"])


def test_no_row_is_without_a_check():
    assert (len(TORCHVISION), len(OTHERS)) == (36, 55)
    assert [row for row in OTHERS if row not in COUNTED and row not in FIELDS] == []
    assert len({row["name"] for row in (*TORCHVISION, *OTHERS)}) == 36 + 55 - 2  # both SqueezeNets


@pytest.mark.parametrize(
    ("count", "printed", "unit", "expected"),
    [
        (138_365_952, "138M", 1, "138M"),
        (5_449_776, "5.5M", 1, "5.4M"),
        (79_991_015, "79 M", 1, "80 M"),
        (78_409_573, "78.41 M (often quoted)", 1, "78.41 M (often quoted)"),
        (2_270_512_192, "2.27 Bn ops", 1, "2.27 Bn ops"),
        (65_864_075_264, "65.87", 10**9, "65.86"),
        (61_707, "61706", 1, "61707"),
    ],
)
def test_rounded(count, printed, unit, expected):
    assert rounded(count, printed, unit) == expected
