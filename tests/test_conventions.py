"""How other tools count, against what they gave: for single layers, and for whole networks.

conventions_layers.csv holds what each tool gave for one module of torch.nn in eval mode, batch 1,
with torch 2.13.0; conventions_networks.csv what it gave for models of torchvision 0.28.0: in the
form "torchvision" as they are, in the form "modules" with each function that a model calls (ReLU,
pooling, a mean over the map) put in its place as a module, by torch.fx; in the form "torch.nn" for
a network written as a Sequential by hand. The versions are those that `CONVENTIONS` names; thop
0.0.30 ran in float64, as its sums of float32 lose the last digits.
counting_tools.csv is what the READMEs of THOP and ptflops print, of versions that they do not name;
that of ptflops gives one number by each of its backends for some networks.
"""

import csv
import json
import re
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers import good

from cnncalc import source
from cnncalc.analysis.conventions import CONVENTIONS, by_conventions
from cnncalc.cli import group
from cnncalc.pipeline import analyse, load

PUBLISHED = Path(__file__).parent / "data" / "published"
TOOLS = {one.tool: one for one in CONVENTIONS}
MEASURED = [tool for tool in TOOLS if tool != "Keras"]  # which has no operations to measure

# What torchvision calls as functions: of a network, the layers of ours by path and type.
FUNCTIONS = {
    "densenet": r"layers\.7 ReLU|layers\.8 AdaptiveAvgPool2d",
    "googlenet": r".* ReLU",
    "inception_v3": r".* (ReLU|AvgPool2d)|.*Reduction.* MaxPool2d",
    "mobilenet_v2": r".* AdaptiveAvgPool2d",
}
# Where it takes the mean over the map, which no tool counts.
MEANS = ("mnasnet", "shufflenet_v2")

NO_SPEC = {
    *("convnext_base", "efficientnet_b0", "efficientnet_v2_m", "maxvit_t", "mobilenet_v3_large"),
    *("regnet_y_1_6gf", "vit_b_16"),
}
# THOP's table is of torchvision's mnasnet before 0.5, whose stem had 32 and 16 channels for every
# width: with that stem thop 0.0.30 gives 142,658,240 and 529,980,960.
OLDER_NETWORKS = {("thop", "mnasnet0_5"): 142658240, ("thop", "mnasnet1_3"): 529980960}


def rows(table):
    with (PUBLISHED / f"{table}.csv").open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def number(text):
    return int(text) if text else None


def run(*arguments, code=0):
    result = CliRunner().invoke(group, ["compare", "--conventions", *arguments])
    assert result.exit_code == code, result.output
    return result


@cache
def analysed(name):
    return analyse(load(source.read(name)))


def by_tool(report):
    return {one.convention.tool: one for one in by_conventions(report)}


@cache
def of_network(name):
    return by_tool(analysed(name))


# ---- single layers


LAYERS = rows("conventions_layers")


@pytest.mark.parametrize("row", LAYERS, ids=lambda row: f"{row['layer']} {row['input']}")
def test_a_single_layer(row):
    found = by_tool(good(f"- {row['layer']}", input=f"[{row['input'].replace('x', ', ')}]"))
    assert {tool: found[tool].number for tool in MEASURED} == {
        tool: int(row[tool]) for tool in MEASURED
    }
    assert {tool: found[tool].params for tool in MEASURED} == {
        tool: number(row.get(f"{tool} params")) for tool in MEASURED
    }


def test_every_rule_was_measured():
    types = {re.sub(r"[123]d$", "", row["layer"].split(":")[0]) for row in LAYERS}
    for convention in CONVENTIONS:
        assert set(convention.rules) <= types


def test_ptflops_gives_trainable_params():
    """It gave 18 for these layers, where the others gave 130."""
    frozen = "- {Conv2d: {out_channels: 4, kernel_size: 3}, trainable: false}\n"
    rest = "- BatchNorm2d\n- Conv2d: {out_channels: 2, kernel_size: 1}"
    found = by_tool(good(frozen + rest, input="[3, 8, 8]"))
    assert {tool: found[tool].params for tool in MEASURED} == {
        "FlopCounterMode": None,
        "ptflops (pytorch)": 18,
        "ptflops (aten)": 18,
        **dict.fromkeys(("torchinfo", "fvcore", "thop", "thop (2019)"), 130),
    }


# ---- whole networks


NETWORKS = rows("conventions_networks")


def called(name):
    """The layers of ours that torchvision calls as functions, and whether as a mean."""
    pattern = next((one for key, one in FUNCTIONS.items() if name.startswith(key)), None)
    if name.startswith(MEANS):
        pattern = r".* AdaptiveAvgPool2d"
    report = analysed(name)
    return [
        row
        for row in report.rows
        if pattern and re.fullmatch(pattern, f"{row.node.path} {row.node.type}")
    ]


@cache
def missed(name):
    """What each tool does not see of the network, by its own rules."""
    struck = by_tool(replace(analysed(name), rows=tuple(called(name))))
    seen = {tool: one.number or 0 for tool, one in struck.items()}
    if not name.startswith(MEANS):
        seen["ptflops (pytorch)"] //= 2  # once as a function, not again as a module
        seen["fvcore"] = 0  # it traces what is computed, functions too
    return seen


def modules_count(name, tool):
    """What the tool gives for our network as modules, with padding in numbers as in torchvision.

    fvcore counts convolutions as 0 where padding is a word.
    """
    words = [
        row
        for row in analysed(name).rows
        if row.node.type == "Conv2d" and row.node.layer.padding in ("same", "valid")
    ]
    back = sum(row.cost.macs for row in words if not row.node.train_only)
    return of_network(name)[tool].number + (back if tool == "fvcore" else 0)


def own_count(name, tool):
    """What the tool gives for the network of torchvision."""
    return modules_count(name, tool) - missed(name)[tool]


@pytest.mark.parametrize(
    "row", NETWORKS, ids=lambda row: f"{row['tool']} {row['network']} {row['form']}"
)
def test_a_network(row):
    found = of_network(row["network"])[row["tool"]]
    assert found.convention.version == row["version"]
    if row["form"] == "modules":
        assert modules_count(row["network"], row["tool"]) == int(row["count"])
        assert missed(row["network"])["ptflops (pytorch)"] > 0
    else:
        assert own_count(row["network"], row["tool"]) == int(row["count"])
        assert found.params == number(row["params"])


def test_the_networks_of_torchvision_were_measured_by_all_tools():
    names = {row["name"] for row in rows("torchvision")}
    measured = {(row["network"], row["tool"]) for row in NETWORKS}
    assert measured >= {(name, tool) for name in names for tool in MEASURED}


@pytest.mark.parametrize("row", rows("keras_applications"), ids=lambda row: row["name"])
def test_keras_counts_statistics_as_params(row):
    found = of_network(f"keras/{row['name']}")["Keras"]
    assert (found.number, found.params) == (None, int(row["total"]))


# ---- published figures


PRINTED = [row for row in rows("counting_tools") if row["model"] not in NO_SPEC]


def test_nothing_that_is_printed_is_left_out():
    names = {row["name"] for row in rows("torchvision")}
    printed = {row["model"] for row in rows("counting_tools")}
    assert printed - NO_SPEC <= names
    assert not NO_SPEC & names


def rounded(count):
    return str((Decimal(count) / 10**9).quantize(Decimal("0.01"), ROUND_HALF_UP))


def printed_by(tool, backend=None):
    return [row for row in PRINTED if row["tool"] == tool and backend in (None, row["backend"])]


@pytest.mark.parametrize("row", printed_by("thop"), ids=lambda row: row["model"])
def test_the_table_in_the_readme_of_thop(row):
    older = OLDER_NETWORKS.get((row["tool"], row["model"]))
    own = own_count(row["model"], "thop (2019)")
    assert rounded(older or own) == row["gmacs"]
    assert older is None or rounded(own) != row["gmacs"]


@pytest.mark.parametrize(
    "row", printed_by("ptflops"), ids=lambda row: f"{row['model']} {row['backend']}"
)
def test_the_table_in_the_readme_of_ptflops(row):
    assert rounded(own_count(row["model"], f"ptflops ({row['backend']})")) == row["gmacs"]


# ---- the command


MANY = """\
cnncalc: 1
name: many
input: [4, 9, 7]
layers:
  - ConvTranspose2d: {out_channels: 8, kernel_size: 3}
  - GroupNorm: {num_groups: 2}
  - SELU
  - ReLU
  - AvgPool2d: {kernel_size: 3}
  - AvgPool2d: {kernel_size: [1, 2]}
  - Upsample: {scale_factor: [1.5, 2]}
  - Linear: {in_features: 2, out_features: 5}
  - Conv2d: {out_channels: 2, kernel_size: 3, padding: same}
  - Conv2d: {out_channels: 2, kernel_size: 3, padding: same, padding_mode: circular}
"""
STRUCK = {
    "torchinfo": [
        "transposed convolution counted as if each place of its output saw a whole window",
        "Linear counted at one position only",
        "norm counted once a param, not once an element",
    ],
    "fvcore": ["convolution with padding 'same' or 'valid' counted as 0"],
    "thop": [
        "transposed convolution counted as if each place of its output saw a whole window",
        "group norm not counted, nor its params",
    ],
    "thop (2019)": [
        "transposed convolution counted as if each place of its output saw a whole window",
        "Linear counted twice, others once a multiply-add",
        "norm not counted, as others are",
        "average pooling counted with a window of one side, not of its area",
    ],
    "ptflops (pytorch)": [
        "counted as a module, and again as the function that it calls",
        "factors of upsampling cut to integers",
        "activation not counted, as others are",
    ],
    "ptflops (aten)": [],
    "Keras": [],
    "FlopCounterMode": [],
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "many.yaml").write_text(MANY)


def networks(*arguments, code=0):
    return json.loads(run(*arguments, "--format", "json", code=code).stdout)["networks"]


@pytest.mark.usefixtures("folder")
def test_known_errors_with_the_number_of_layers_that_they_strike():
    (one,) = networks("many.yaml")
    assert {
        tool["tool"]: [found["error"] for found in tool["errors"]] for tool in one["tools"]
    } == (STRUCK)
    struck = {found["error"]: found["layers"] for tool in one["tools"] for found in tool["errors"]}
    assert struck.pop("counted as a module, and again as the function that it calls") == 4
    assert set(struck.values()) == {1}  # of two average poolings, one has a square window


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("form", ["table", "csv", "markdown"])
def test_all_errors_are_told_in_every_form(form):
    shown = " ".join(run("many.yaml", "--format", form).stdout.split())
    for error in {error for found in STRUCK.values() for error in found}:
        assert f"{error} (" in shown


def test_layers_without_an_error_are_not_struck():
    found = by_tool(good("- Conv2d: {out_channels: 2, kernel_size: 3}\n- ReLU6\n- Flatten"))
    assert not any(one.errors for one in found.values())
    pooled = by_tool(good("- AvgPool1d: 3\n- Upsample: {scale_factor: [2]}", input="[4, 9]"))
    assert [pooled[tool].errors for tool in ("thop (2019)", "torchinfo")] == [(), ()]
    assert [error for error, _ in pooled["ptflops (pytorch)"].errors] == [
        "counted as a module, and again as the function that it calls"
    ]


def test_linear_on_positions_is_struck():
    text = "- Linear: {in_features: 12, out_features: 7}"
    said = ("Linear counted at one position only", 1)
    assert said in by_tool(good(text, input="[5, 12]"))["torchinfo"].errors
    assert said not in by_tool(good(text, input="[12]"))["torchinfo"].errors


def test_json_gives_our_numbers_and_multiples_of_them_in_the_same_unit():
    (one,) = networks("resnet50")
    assert (one["name"], one["inputs"]) == ("resnet50", {"input": [3, 224, 224]})
    assert (one["macs"], one["params"]) == (4089184256, 25557032)
    tools = {tool["tool"]: tool for tool in one["tools"]}
    measured = {row["tool"]: int(row["count"]) for row in NETWORKS if row["network"] == "resnet50"}
    for tool, count in measured.items():
        ours = one["flops"] if tools[tool]["unit"] == "FLOPs" else one["macs"]
        assert tools[tool]["relative"] == count / ours
    assert {key: tools["Keras"][key] for key in ("unit", "count", "relative", "params")} == {
        "unit": None,
        "count": None,
        "relative": None,
        "params": 25610152,  # 53,120 statistics
    }
    assert all(tool["version"] and tool["counts"] and tool["source"] for tool in one["tools"])


def test_the_table():
    shown = run("resnet50").stdout
    lines = [re.split(r"  +", line.strip()) for line in shown.split("\n\n")[0].split("\n")]
    assert lines[:2] == [
        ["resnet50, input 3 x 224 x 224"],
        ["tool", *["counts", "unit", "x", "params"]],
    ]
    assert ["cnncalc", "4,089,184,256", "MACs", "1", "25,557,032"] in lines
    assert ["thop", "4,133,742,592", "MACs", "1.0109", "25,557,032"] in lines
    assert ["Keras", "-", "-", "-", "25,610,152"] in lines
    assert ["FlopCounterMode", "8,178,368,512", "FLOPs", "0.9952", "-"] in lines
    assert "torchinfo: norm counted once a param, not once an element (53 layers)" in shown
    assert "thop (2019): Linear counted twice, others once a multiply-add (1 layer)" in shown
    for convention in CONVENTIONS:
        assert f"  {convention.tool} {convention.version}: " in shown
    assert all(len(line) <= 70 for line in run("resnet50", "--width", "70").stdout.split("\n"))


@pytest.mark.usefixtures("folder")
def test_a_ratio_that_is_exactly_1_is_shown_so():
    Path("plain.yaml").write_text(
        "cnncalc: 1\ninput: [3, 8, 8]\n"
        "layers: [{Conv2d: {out_channels: 2, kernel_size: 3, bias: false}}]\n"
    )
    assert re.search(r"ptflops \(aten\) +1,944 +MACs +1 +54\n", run("plain.yaml").stdout)


def test_several_networks_and_variants():
    found = networks("resnet18", "mobilenet_v2", "--variant", "all", code=0)
    assert len(found) > 2
    assert [one["name"] for one in found][:1] == ["resnet18"]
    assert {one["variant"] for one in found} >= {None, "mobilenet_v2_x0_5"}


def test_csv_and_markdown():
    table = list(csv.DictReader(run("resnet50", "--format", "csv").stdout.splitlines()))
    assert [row["tool"] for row in table] == list(TOOLS)
    thop = table[list(TOOLS).index("thop")]
    assert (thop["unit"], thop["count"], thop["input"]) == ("MACs", "4133742592", "3x224x224")
    keras = table[list(TOOLS).index("Keras")]
    assert (keras["count"], keras["relative"], keras["params"]) == ("", "", "25610152")
    shown = run("resnet50", "--format", "markdown").stdout
    assert shown.startswith("### resnet50, input 3 x 224 x 224\n\n| tool | counts |")
    assert "| thop | 4,133,742,592 | MACs | 1.0109 | 25,557,032 |" in shown
    assert "- **torchinfo**: norm counted once a param, not once an element (53 layers)" in shown
    assert "- **Keras 3**: params," in shown


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "layer",
    [
        "LocallyConnected2d: {out_channels: 2, kernel_size: 3}",
        "Scale",
        "Opaque: {output: [8, 4, 4], params: 100, macs: 1600}",
    ],
)
def test_what_no_tool_has_a_rule_for_is_unknown(layer):
    conv = "Conv2d: {out_channels: 2, kernel_size: 3}"
    Path("odd.yaml").write_text(f"cnncalc: 1\ninput: [3, 8, 8]\nlayers:\n  - {conv}\n  - {layer}\n")
    (one,) = networks("odd.yaml")
    assert one["params"] > 0
    assert {tool["count"] for tool in one["tools"]} == {None}
    assert re.search(r"thop +\? +MACs +\? ", run("odd.yaml").stdout)


@pytest.mark.usefixtures("folder")
def test_a_network_with_errors_is_unknown():
    Path("broken.yaml").write_text("cnncalc: 1\ninput: [3, 8, 8]\nlayers: [{Linear: 4}]\n")
    result = run("broken.yaml", code=1)
    assert re.search(r"cnncalc +\? +MACs", result.stdout)
    assert "broken.yaml:3:11: error CNN101" in result.stderr


def test_heads_that_exist_in_training_only_are_not_run():
    """thop gave 6,624,904 params for GoogLeNet in eval mode, where p.numel() gives 13,004,888."""
    found = of_network("googlenet")
    assert (found["thop"].params, found["torchinfo"].params) == (6624904, 13004888)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("--sort", "macs"), "--sort"),
        (("--batch", "1"), "--batch"),
        (("--dtype", "int8"), "--dtype"),
        (("--optimizer", "adam"), "--optimizer"),
        (("--device", "1TFLOPS"), "--device"),
    ],
)
def test_options_that_say_nothing_here_are_refused(arguments, name):
    result = run("resnet50", *arguments, code=2)
    assert f"{name} does not go with --conventions" in result.stderr
