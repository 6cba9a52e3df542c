"""`cnncalc compare`: networks side by side, in every format."""

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cnncalc.cli import group

PUBLISHED = Path(__file__).parent / "data" / "published" / "torchvision.csv"
SMALL = "cnncalc: 1\nname: small\ninput: [3, 8, 8]\nlayers: [Flatten, {Linear: 4}]\n"
LARGE = """\
cnncalc: 1
name: large
input: [3, 8, 8]
vars: {c: 4}
layers: [{Conv2d: {out_channels: $c, kernel_size: 3, padding: 1}}, Flatten, {Linear: 4}]
variants:
  wide: {set: {c: 8}}
"""
BROKEN = "cnncalc: 1\nname: broken\ninput: [3, 8, 8]\nlayers: [{Linear: 4}]\n"
NOTHING = "cnncalc: 1\nname: nothing\ninput: [3, 8, 8]\nlayers: [Flatten]\n"


def run(*arguments, code=0):
    result = CliRunner().invoke(group, ["compare", *arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in (("small", SMALL), ("large", LARGE), ("broken", BROKEN), ("no", NOTHING)):
        (tmp_path / f"{name}.yaml").write_text(text)


def networks(*arguments, code=0):
    return json.loads(run(*arguments, "--format", "json", code=code).stdout)["networks"]


def table(*arguments, code=0):
    """The cells of the table by their heading; a ratio has the heading before it and " x"."""
    lines = run(*arguments, code=code).stdout.split("\n\n")[0].split("\n")
    headings, *rows = ([cell.strip() for cell in line.split("  ") if cell] for line in lines)
    for number, heading in enumerate(headings):
        if heading == "x":
            headings[number] = f"{headings[number - 1]} x"
    return [dict(zip(headings, row, strict=True)) for row in rows]


def test_published_params_and_macs_and_their_ratios():
    with PUBLISHED.open(newline="", encoding="utf-8") as lines:
        known = {row["name"]: row for row in csv.DictReader(lines)}
    names = ["resnet50", "vgg11", "squeezenet1_1", "resnet152"]
    found = networks(*names)
    for name, one in zip(names, found, strict=True):
        assert (one["variant"] or one["name"]) == name
        for key in ("params", "macs"):
            assert one[key] == int(known[name][key])
            wanted = int(known[name][key]) / int(known["resnet50"][key])
            assert one["relative"][key] == pytest.approx(wanted, rel=1e-12)


def test_numbers_by_hand():
    """small: 192 x 4 + 4 params. large: 4 x 27 + 4 and 256 x 4 + 4; 64 places of 108 MACs."""
    small, large = networks("small.yaml", "large.yaml")
    assert (small["params"], large["params"]) == (772, 1140)
    assert (small["macs"], large["macs"]) == (768, 64 * 108 + 1024)
    assert (small["activation_elements"], large["activation_elements"]) == (196, 516)
    assert (small["depth"], large["depth"]) == (1, 2)
    assert (small["param_bytes"], large["param_bytes"]) == (3088, 4560)
    assert small["relative"] == dict.fromkeys(small["relative"], 1.0)
    assert large["relative"]["params"] == 1140 / 772
    assert large["relative"]["depth"] == 2


def test_the_table_shows_counts_with_ratios_to_the_first_that_was_given():
    first, second = table("large.yaml", "small.yaml", "--sort", "params")
    assert (first["network"], first["params"], first["params x"]) == ("large", "1,140", "1")
    assert (second["network"], second["params"], second["params x"]) == ("small", "772", "0.677")
    first, second = table("small.yaml", "large.yaml", "--sort", "params")
    assert (first["network"], first["params x"], second["params x"]) == ("large", "1.48", "1")
    assert (
        "x: times the number of small" in run("small.yaml", "large.yaml", "--sort", "depth").stdout
    )


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("params", ["vgg16", "resnet50", "squeezenet"]),
        ("macs", ["vgg16", "resnet50", "squeezenet"]),
        ("activations", ["resnet50", "vgg16", "squeezenet"]),
        ("memory", ["vgg16", "resnet50", "squeezenet"]),
        ("depth", ["resnet50", "squeezenet", "vgg16"]),
        ("receptive-field", ["resnet50", "vgg16", "squeezenet"]),
        (None, ["squeezenet", "resnet50", "vgg16"]),
    ],
)
def test_sorting_puts_the_largest_first(key, wanted):
    sort = ["--sort", key] if key else []
    found = networks("squeezenet1_0", "resnet50", "vgg16", *sort)
    assert [one["name"][: len(name)] for one, name in zip(found, wanted, strict=True)] == wanted


def test_variants_by_name_and_all_of_them():
    assert [one["variant"] for one in networks("large.yaml", "--variant", "all")] == [None, "wide"]
    assert [one["params"] for one in networks("large.yaml", "--variant", "wide")] == [
        8 * 28 + 8 * 64 * 4 + 4
    ]
    assert [one["variant"] for one in networks("mobilenet_v2_x0_5")] == ["mobilenet_v2_x0_5"]


def test_input_batch_dtype_and_optimizer():
    (one,) = networks("small.yaml", "--input", "3x4x4", "--batch", "2", "--dtype", "float16")
    assert (one["params"], one["param_bytes"]) == (48 * 4 + 4, 2 * 196)
    assert one["peak_inference_bytes"] == 2 * 2 * (48 + 4)
    plain, adam = (
        networks("small.yaml", "--optimizer", name)[0]["training_bytes"] for name in ("sgd", "adam")
    )
    assert adam - plain == 2 * 4 * 772


def test_a_network_with_errors_is_unknown_and_the_others_are_shown():
    result = run("small.yaml", "broken.yaml", "--format", "json", code=1)
    small, broken = json.loads(result.stdout)["networks"]
    assert (small["params"], broken["params"], broken["relative"]["params"]) == (772, None, None)
    assert "broken.yaml:4:11: error CNN101" in result.stderr
    last = table("small.yaml", "broken.yaml", code=1)[1]
    assert (last["params"], last["params x"], last["checks"]) == ("?", "?", "1 error")
    assert [
        one["name"] for one in networks("broken.yaml", "small.yaml", "--sort", "params", code=1)
    ] == [
        "small",
        "broken",
    ]


def test_nothing_is_a_multiple_of_nothing():
    _, small = networks("no.yaml", "small.yaml")
    assert small["relative"]["params"] is None
    assert small["relative"]["activation_elements"] == 196 / 192


def test_csv_and_json_have_the_same_numbers():
    (row,) = csv.DictReader(io.StringIO(run("large.yaml", "--format", "csv").stdout))
    (one,) = networks("large.yaml")
    for key, value in one["relative"].items():
        assert float(row[f"{key}_relative"]) == value
        assert float(row[key]) == one[key]
    assert row["input"] == "3x8x8"


def test_markdown_has_as_many_cells_in_every_line():
    lines = run("large.yaml", "small.yaml", "--format", "markdown").stdout.split("\n")
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == 4
    assert len({line.count("|") for line in rows}) == 1
    assert "| small | 3 x 8 x 8 | 772 | 0.677 |" in rows[3]


@pytest.mark.parametrize("width", [50, 80, 100, 150, 200])
def test_no_line_is_wider_than_the_terminal_and_no_number_is_cut(width):
    out = run("resnet50", "vgg16", "--width", str(width)).stdout
    assert max(map(len, out.split("\n"))) <= width
    assert "4,089,184,256" in out
    assert "138,357,544" in out


def test_promises_that_do_not_hold(tmp_path):
    (tmp_path / "promise.yaml").write_text(SMALL + "expect: {params: 5, macs: 768}\n")
    (row,) = table("promise.yaml", code=1)
    assert row["checks"] == "1 failed"
    (tmp_path / "promise.yaml").write_text(SMALL + "expect: {params: 772, macs: 768}\n")
    assert table("promise.yaml")[0]["checks"] == "2 ok"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("small.yaml", "--sort", "name"), "'name' is not one of"),
        (("missing.yaml",), "missing.yaml"),
        (("small.yaml", "--variant", "wide"), "the spec has no variant 'wide'"),
        ((), "Missing argument 'SPEC...'"),
    ],
)
def test_wrong_usage(arguments, message):
    assert message in run(*arguments, code=2).stderr


def test_of_several_specs_summary_prints_every_table():
    out = CliRunner().invoke(group, ["summary", "small.yaml", "large.yaml"]).stdout
    assert out.index("small, input") < out.index("large, input 3 x 8 x 8")
    assert out.count("\nmodel size") == 2
