"""What a report says in every format: one set of numbers, as documented, unknown where unknown."""

import csv
import json
import re
from fractions import Fraction
from functools import cache
from io import StringIO
from pathlib import Path

import pytest
from helpers import compute, good, loaded, spec
from jsonschema import Draft202012Validator

from cnncalc import source
from cnncalc.analysis.report import Device, Sizing
from cnncalc.language.builder import Settings
from cnncalc.pipeline import analyse, load, variants_of
from cnncalc.render import machine, table, totals
from cnncalc.render.columns import COLUMNS, CSV_DEFAULT, FLAT_DEFAULT, TABLE_DEFAULT
from cnncalc.render.tree import lines, tree
from cnncalc.source import Source

ROOT = Path(__file__).parent.parent
DOCS = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")
SCHEMA = json.loads((ROOT / "docs" / "report.schema.json").read_text(encoding="utf-8"))
DEVICE = Device(12e12, False, 900e9)
VALIDATOR = Draft202012Validator(SCHEMA)
SPECS = list(source.bundled())

BROKEN = {
    "empty": "",
    "no mapping": "- 1\n",
    "not closed": "cnncalc: 1\nlayers: [\n",
    "binary": "\x00\x01",
    "no input": "cnncalc: 1\nlayers: [ReLU]\n",
    "no layers": "cnncalc: 1\ninput: [3, 8, 8]\n",
    "bad input": "cnncalc: 1\ninput: [3, 0, 8]\nlayers: [ReLU]\n",
    "unknown type": spec("- Conv2d: {out_channels: 4, kernel_size: 3}\n- Foo: 3\n- ReLU"),
    "unknown argument": spec("- Conv2d: {out_channels: 4, kernal_size: 3}\n- ReLU"),
    "kernel too large": spec("- Conv2d: {out_channels: 4, kernel_size: 99}\n- ReLU\n- Flatten"),
    "linear on a map": spec("- Linear: 10\n- ReLU"),
    "unequal merge": spec(
        "- Conv2d: {out_channels: 4, kernel_size: 3}\n- Add: [prev, input]\n- ReLU"
    ),
    "missing tensor": spec("- ReLU\n- {ReLU: null, from: nowhere}\n- Add: [prev, nowhere]"),
    "chunk in three": spec("- {Chunk: 2, name: [a, b, c]}\n- {ReLU: null, from: c}"),
    "ends in chunk": spec("- {Chunk: 3, name: [a, b, c]}"),
    "recursion": spec("- A", head="blocks: {A: {layers: [A]}}"),
    "bad expectations": spec("- ReLU", head="expect: {params: many, output: [1]}\nbudget: {no: 1}"),
    "bad loss": spec("- ReLU", head="loss: Foo"),
}


@cache
def bundled(name, variant=None):
    one = load(source.read_bundled(name))
    return analyse(one, Settings(variant=variant and variants_of(one)[variant]))


def as_json(report):
    return json.loads(machine.to_json(report))


def valid(report):
    found = as_json(report)
    assert [error.message for error in VALIDATOR.iter_errors(found)] == []
    return found


def sized(text, **sizing):
    return analyse(loaded(text), Settings(), Sizing(**sizing))


# ---- the schema and the documentation


def test_the_schema_is_one():
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", SPECS)
def test_reports_of_bundled_specs_are_valid(name):
    valid(bundled(name))
    for variant in variants_of(load(source.read_bundled(name))):
        assert valid(bundled(name, variant))["variant"] == variant


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_reports_of_broken_specs_are_valid(text):
    found = valid(compute(text))
    assert found["problems"] or text == BROKEN["ends in chunk"]


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "int8", "int4", "binary"])
def test_reports_of_all_sizings_are_valid(dtype):
    text = spec("- Conv2d: {out_channels: 4, kernel_size: 3}")
    found = valid(sized(text, dtype=dtype, batch=7, memory=10**9))
    assert (found["dtype"], found["batch"]) == (dtype, 7)
    assert set(found["totals"]["largest_batch"]) == {"memory", "training", "inference"}


def section(title):
    return DOCS.split(f"## {title}\n")[1].split("\n## ")[0]


def documented(text):
    """The keys in the first column of a table."""
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    return {key for row in rows for key in re.findall("`([^`]+)`", row.split("|")[1])}


def test_the_keys_of_a_report_are_those_documented():
    found = valid(sized(spec("- ReLU"), device=DEVICE, sparsity=Fraction(1, 2)))
    assert set(found) == documented(DOCS.split("## A layer")[0])
    assert set(SCHEMA["properties"]) == set(found)
    always = set(found) - {"device", "sparsity"}
    assert set(SCHEMA["required"]) == always == set(valid(bundled("lenet5")))


def test_the_keys_of_a_layer_are_those_documented():
    text = spec("- {Chunk: 3, name: [a, b, c]}\n- {ReLU: null, from: a}")
    found = valid(sized(text, device=DEVICE))
    several, one = found["layers"]
    assert set(several) - set(one) == {"out_shapes"}
    keys = documented(section("A layer"))
    assert set(one) == keys
    assert set(SCHEMA["$defs"]["layer"]["required"]) == keys - {"time"}
    assert set(SCHEMA["$defs"]["layer"]["properties"]) == {*keys, "out_shapes"}
    assert "`out_shapes`" in section("A layer")


def test_the_keys_of_the_totals_are_those_documented():
    text = section("Totals")
    prose = text.split("\n| key")[0]
    keys = documented(text) | set(re.findall("`([a-z_]+)`", prose))
    everything = {"memory": 1, "device": DEVICE, "sparsity": Fraction(1, 2)}
    found = valid(sized(spec("- ReLU"), **everything))["totals"]
    assert set(found) == keys
    assert set(SCHEMA["$defs"]["totals"]["properties"]) == keys
    always = keys - {"largest_batch", "seconds", "storage"}
    assert set(valid(bundled("lenet5"))["totals"]) == always
    assert set(SCHEMA["$defs"]["totals"]["required"]) == always


def test_the_first_layer_of_resnet50():
    """Spelled out: the shape of these numbers is what other programs rely on."""
    layer = valid(bundled("resnet50"))["layers"][0]
    at = layer.pop("at")
    assert layer == {
        "path": "layers.0.ConvBN.0",
        "name": None,
        "type": "Conv2d",
        "args": {
            "out_channels": 64,
            "kernel_size": [7, 7],
            "stride": [2, 2],
            "padding": [[3, 3], [3, 3]],
            "bias": False,
        },
        "inputs": ["input"],
        "in_shapes": [[3, 224, 224]],
        "out_shape": [64, 112, 112],
        "assumed": False,
        "declared": False,
        "params": 64 * 3 * 49,
        "trainable": 64 * 3 * 49,
        "buffers": 0,
        "macs": 118013952,
        "flops": 2 * 118013952,
        "backward_macs": {"input": 0, "weight": 118013952},
        "output_bytes": 4 * 64 * 112 * 112,
        "receptive_field": {
            "size": [7, 7],
            "jump": [2, 2],
            "start": [0.5, 0.5],
            "local": [7, 7],
            "aligned": True,
        },
        "train_only": False,
    }
    assert at == {"line": 19, "column": 9}


# ---- numbers that must be equal wherever they stand


def of_csv(report, columns=CSV_DEFAULT):
    return list(csv.DictReader(StringIO(machine.to_csv(report, report.rows, columns))))


@pytest.mark.parametrize("name", SPECS)
def test_columns_add_up_to_the_totals(name):
    report = bundled(name)
    found, layers = as_json(report)["totals"], as_json(report)["layers"]
    rows = of_csv(report, tuple(COLUMNS))
    at_inference = [not layer["train_only"] for layer in layers]
    for key in ("params", "trainable", "frozen", "buffers"):
        assert sum(int(row[key]) for row in rows) == found[key]
    for key in ("macs", "flops"):
        kept = [int(row[key]) for row, one in zip(rows, at_inference, strict=True) if one]
        assert sum(kept) == found[key]
        assert sum(one[key] for one in layers if not one["train_only"]) == found[key]
    assert sum(int(row["backward_macs"]) for row in rows) == sum(found["backward_macs"].values())
    memory = [int(row["memory"]) for row, one in zip(rows, at_inference, strict=True) if one]
    assert sum(memory) == 4 * found["activation_elements"]
    assert found["params"] == found["trainable"] + found["frozen"]
    assert found["param_bytes"] == 4 * (found["params"] + found["buffers"])
    assert [int(row["memory"]) for row in rows] == [one["output_bytes"] for one in layers]


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("depth", [1, 2, 99])
def test_lines_of_a_folded_table_add_up(name, depth):
    report = bundled(name)
    shown = lines(tree(report.rows), depth)
    top = [line for line in shown if line.depth == 1]
    for key in ("params", "trainable", "buffers"):
        values = [COLUMNS[key].value(line.rows, report.sizing) for line in top]
        assert sum(values) == getattr(report.totals, key)
    deepest = [line for line in lines(tree(report.rows), 99) if line.leaf]
    assert [line.rows[0] for line in deepest] == list(report.rows)


@pytest.mark.parametrize("name", ["resnet50", "googlenet", "unet", "tcn_causal"])
def test_the_text_of_a_table_holds_the_numbers_of_the_report(name):
    report = bundled(name)
    every = lines(tree(report.rows), 99)
    text = table.summary(report, every, TABLE_DEFAULT)
    found = report.totals
    for number in (found.params, found.trainable, found.buffers, found.macs, found.flops):
        assert f" {number:,}" in text
    assert f"backward MACs {sum(found.backward_macs):,}" in text
    assert f"{found.activation_elements:,} elements an image" in text
    body = text.split("\n\n")[0].splitlines()[3:]
    assert len(body) == len(every)
    for written, line in zip(body, every, strict=True):
        for key in ("params", "macs"):
            value = COLUMNS[key].value(line.rows, report.sizing)
            assert re.search(rf"(?<![\d,]){value:,}(?![\d,])", written), written
        shape = " x ".join(map(str, line.rows[-1].out_shapes[0]))
        assert shape in written


@pytest.mark.parametrize("name", ["resnet50", "googlenet", "lenet5"])
def test_csv_holds_the_numbers_of_the_json(name):
    report = bundled(name)
    for row, layer in zip(of_csv(report), as_json(report)["layers"], strict=True):
        assert tuple(row) == CSV_DEFAULT
        assert (row["path"], row["name"], row["type"]) == (
            layer["path"],
            layer["name"] or "",
            layer["type"],
        )
        assert row["output"] == " x ".join(map(str, layer["out_shape"]))
        for key in ("params", "trainable", "buffers", "macs", "flops"):
            assert int(row[key]) == layer[key]
        assert row["at"].endswith(f":{layer['at']['line']}:{layer['at']['column']}")


def test_csv_of_unknown_numbers_is_empty():
    report = compute(BROKEN["kernel too large"])
    for row in of_csv(report):
        assert None not in row  # as many cells as columns
        assert [row[key] for key in ("params", "macs", "flops", "memory")] == [""] * 4


def test_csv_and_markdown_survive_odd_names():
    """A comma, a quote, a bar in a file's name or a value breaks no row."""
    text = spec("- Conv2d: {out_channels: 4, kernel_size: [3, 2]}\n- ReLU")
    report = analyse(load(Source('a "b", c|d.yaml', text.encode())))
    (conv, _) = of_csv(report, tuple(COLUMNS))
    assert len(conv) == len(COLUMNS)
    assert conv["field"] == "3 x 2"
    assert conv["at"].startswith('a "b", c|d.yaml:')
    shown = [line for line in lines(tree(report.rows), 99) if line.leaf]
    for row in cells(machine.to_markdown(report, shown, ["path", "at"])):
        assert len(row) == 2


def cells(markdown):
    """The cells of the table, header and rule first."""
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    return [re.split(r"(?<!\\)\|", row)[1:-1] for row in rows]


@pytest.mark.parametrize("name", ["resnet50", "inception_v3", "dcgan_generator"])
def test_markdown_is_one_table_and_the_totals(name):
    report = bundled(name)
    shown = [line for line in lines(tree(report.rows), 99) if line.leaf]
    text = machine.to_markdown(report, shown, FLAT_DEFAULT)
    heading, rule, *body = cells(text)
    assert [one.strip() for one in heading] == [COLUMNS[key].heading for key in FLAT_DEFAULT]
    assert [one.strip().endswith(":") for one in rule] == [
        COLUMNS[key].numeric for key in FLAT_DEFAULT
    ]
    assert {len(row) for row in body} == {len(FLAT_DEFAULT)}
    column = FLAT_DEFAULT.index("params")
    numbers = [int(row[column].replace(",", "")) for row in body]
    assert sum(numbers) == report.totals.params
    assert f"- **MACs**: {report.totals.macs:,} " in text
    assert text.endswith(f"_{totals.CONVENTION}_\n")


# ---- how numbers are written


@pytest.mark.parametrize(
    ("factor", "jump", "start"), [(2, 0.5, 0.25), (4, 0.25, 0.125), (3, "1/3", "1/6"), (1, 1, 0.5)]
)
def test_fractions_are_strings_where_no_decimal_is_exact(factor, jump, start):
    found = valid(good(f"- Upsample: {{scale_factor: {factor}}}", input="[1, 6]"))
    (layer,) = found["layers"]
    field = layer["receptive_field"]
    assert (field["size"], field["jump"], field["start"]) == ([1], [jump], [start])
    assert type(field["jump"][0]) is type(jump)


# ---- what is not known


UNKNOWN_TOTALS = [name for name in BROKEN if not name.startswith(("bad ", "ends", "chunk"))]


@pytest.mark.parametrize("name", [*UNKNOWN_TOTALS, "bad input"])
def test_totals_of_what_could_not_be_computed_are_null(name):
    found = valid(compute(BROKEN[name]))["totals"]
    assert {json.dumps(value) for value in found.values()} == {"null"}


def test_past_a_failing_layer_everything_is_null():
    found = valid(compute(BROKEN["kernel too large"]))
    for layer in found["layers"]:
        known = [
            key for key in ("params", "macs", "flops", "output_bytes") if layer[key] is not None
        ]
        assert known == []
        assert layer["receptive_field"] is None
        assert layer["backward_macs"] is None
    assert found["totals"]["receptive_field"] is None


def test_before_a_failing_layer_everything_is_known():
    first, *others = valid(compute(BROKEN["unknown type"]))["layers"]
    assert (first["params"], first["macs"]) == (4 * 27 + 4, 4 * 27 * 14 * 14)
    assert first["receptive_field"]["size"] == [3, 3]
    for layer in others:
        assert (layer["params"], layer["out_shape"], layer["receptive_field"]) == (None, None, None)


def test_an_assumed_shape_counts_nothing():
    linear, relu = valid(compute(BROKEN["linear on a map"]))["layers"]
    for layer in (linear, relu):
        assert layer["assumed"]
        assert (layer["params"], layer["macs"], layer["output_bytes"]) == (None, None, None)


def test_frozen_parameters_are_not_trainable():
    items = "- {Conv2d: {out_channels: 4, kernel_size: 3}, trainable: false}\n- BatchNorm2d"
    found = valid(good(items))
    conv, norm = found["layers"]
    assert (conv["params"], conv["trainable"], conv["buffers"]) == (112, 0, 0)
    assert (norm["params"], norm["trainable"], norm["buffers"]) == (8, 8, 8)
    totals_ = found["totals"]
    assert (totals_["params"], totals_["trainable"], totals_["frozen"]) == (120, 8, 112)


def test_what_is_declared_is_marked():
    found = valid(good("- Opaque: {output: [4, 4, 4], params: 100, macs: 1600}\n- ReLU"))
    opaque, relu = found["layers"]
    assert (opaque["declared"], opaque["params"], opaque["macs"]) == (True, 100, 1600)
    assert (relu["declared"], relu["receptive_field"]) == (False, None)
    assert (found["totals"]["params"], found["totals"]["receptive_field"]) == (100, None)


def test_no_training_in_integers():
    found = valid(sized(spec("- ReLU"), dtype="int8", memory=10**6))["totals"]
    assert found["training_bytes"] is None
    assert found["largest_batch"]["training"] is None
    assert found["largest_batch"]["inference"] > 0
