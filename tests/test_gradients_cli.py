"""`cnncalc check-gradients`: exit codes, what the tables say, JSON, bad input."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cnncalc.cli import group
from cnncalc.engine.gradients import mutants as planted
from cnncalc.engine.gradients.results import Verdict
from cnncalc.layers.linear import Linear

NET = """cnncalc: 1
name: net
input: [3, 40, 40]
vars: {c: 4}
layers:
  - Conv2d: {out_channels: $c, kernel_size: 3, stride: 2}
  - BatchNorm2d
  - {ReLU: null, name: gate}
  - Conv2d: {out_channels: $c, kernel_size: 3, padding: 1}
  - ReLU
  - Flatten
  - Linear: 3
variants: {wide: {set: {c: 6}}}
"""
OPAQUE = """cnncalc: 1
input: [4]
layers: [{Linear: 4}, {Opaque: {output: 3, params: 0, macs: 0}}]
"""


def run(*arguments):
    return CliRunner().invoke(group, ["check-gradients", *arguments])


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(NET)
    Path("opaque.yaml").write_text(OPAQUE)
    Path("broken.yaml").write_text(NET.replace("Flatten", "{Linear: 4}"))
    return tmp_path


@pytest.fixture
def broken_linear(monkeypatch):
    """Linear with a gradient of the weight that is a little too large."""
    right = Linear.backward

    def backward(self, *arguments, **options):
        dx, named = right(self, *arguments, **options)
        return dx, {n: g * 1.001 if n == "weight" else g for n, g in named.items()}

    monkeypatch.setattr(Linear, "backward", backward)


def cells(text, first):
    """The lines that start with this cell, split into cells."""
    return [line.split() for line in text.splitlines() if line.startswith(first)]


def test_a_network_that_passes():
    result = run("net.yaml")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "net: gradients of 7 layers, seed 0"
    assert lines[1].startswith("input shrunk from 3 x 40 x 40 to 3 x 6 x 6: ")
    assert lines[1].endswith("batch 2")
    assert lines[-2] == "6 of 6 distinct layers, 14 of 14 tensors checked"
    assert lines[-1].startswith("passed: the gradients of every layer and of the network are")
    assert cells(result.stdout, "layers.0 ") == [
        ["layers.0", "1", "Conv2d", "input", "adjoint", "0", "passed"]
    ]
    assert [row[2:4] for row in cells(result.stdout, "layers.1 ")] == [
        ["BatchNorm2d", "(eval)"],
        ["BatchNorm2d", "(train)"],
    ]
    ((what, count, _, *verdict),) = cells(result.stdout, "layers.0.bias")
    assert (what, count) == ("layers.0.bias", "1")
    assert " ".join(verdict) == "zero by structure: a norm takes away what a bias adds"


@pytest.mark.usefixtures("broken_linear")
def test_a_wrong_gradient_is_named_with_both_numbers():
    result = run("net.yaml")
    assert result.exit_code == 1
    assert "layers.6 (Linear), weight: along " in result.stdout
    assert "backward gives " in result.stdout
    assert "(complex step)" in result.stdout  # 1.001 times an integer is not exact
    last = result.stdout.splitlines()[-1]
    assert last.startswith("failed: 1 tensor failed; ")
    assert "end to end failed" in last
    found = json.loads(run("net.yaml", "--format", "json").stdout)
    assert found["verdict"] == "failed"
    (layer,) = (one for one in found["layers"] if one["type"] == "Linear")
    verdicts = {one["tensor"]: one["verdict"] for one in layer["tensors"]}
    assert verdicts == {"input": "passed", "weight": "failed", "bias": "passed"}
    (weight,) = (one for one in layer["tensors"] if one["tensor"] == "weight")
    assert weight["worst_error"] == pytest.approx(1e-3, rel=0.01)


def test_what_is_declared_is_never_passed():
    result = run("opaque.yaml")
    assert result.exit_code == 1
    assert "not checked: declared, not modelled" in result.stdout
    lines = result.stdout.splitlines()
    assert lines[-2] == "1 of 2 distinct layers, 3 of 4 tensors checked"
    assert lines[-1] == "not proved: 1 tensor not checked; 1 derivative end to end not checked"


def test_one_layer_in_detail():
    by_path, by_name = run("net.yaml", "--layer", "layers.2"), run("net.yaml", "--layer", "gate")
    assert by_path.exit_code == by_name.exit_code == 0
    assert by_path.stdout == by_name.stdout
    text = by_path.stdout
    assert "layers.2: ReLU() on 4 x 2 x 2" in text
    for what in ("direction 1", "direction 2", "largest", "smallest"):
        assert what in text
    assert "second opinion" in text
    assert "ties" in text
    assert "end to end" not in text
    assert "1 of 1 distinct layers, 1 of 1 tensors checked" in text


def test_layers_that_share_a_check_are_listed():
    Path("twice.yaml").write_text(
        "cnncalc: 1\ninput: [4]\nlayers: [{Linear: 4}, {Linear: 4}, ReLU]\n"
    )
    assert (
        "shared by 2 layers: layers.0, layers.1" in run("twice.yaml", "--layer", "layers.1").stdout
    )


def test_the_loss_in_detail():
    Path("loss.yaml").write_text(NET + "loss: CrossEntropyLoss\n")
    result = run("loss.yaml", "--layer", "loss")
    assert result.exit_code == 0
    assert "loss: CrossEntropyLoss() on 3" in result.stdout


def test_several_specs_and_variants_get_a_summary():
    result = run("net.yaml", "--variant", "all")
    assert result.exit_code == 0
    rows = result.stdout.splitlines()[-2:]
    assert [row.split()[0] for row in rows] == ["net", "net"]
    assert "net (wide)" in rows[1]
    assert all(row.endswith("passed") for row in rows)
    result = run("net.yaml", "opaque.yaml")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1].split()[-2:] == ["not", "checked"]


def test_what_takes_too_much_memory_is_not_checked():
    result = run("vgg16", "--layer", "layers.3.Dense.0", "--memory", "1GiB")
    assert result.exit_code == 1
    assert "not checked: it would take about 3.0" in result.stdout
    found = json.loads(run("net.yaml", "--memory", "1KiB", "--format", "json").stdout)
    assert found["verdict"] == "not checked"
    assert found["coverage"]["layers"] == found["coverage"]["tensors"] == 0
    (end,) = found["end_to_end"]
    assert "and 1 KiB may be used" in end["note"]


def test_a_spec_with_errors_is_not_run():
    result = run("broken.yaml")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "error CNN101 shape-mismatch: Linear on a map" in result.stderr
    result = run("net.yaml", "broken.yaml")
    assert result.exit_code == 1
    assert "net: gradients of 7 layers" in result.stdout
    assert "CNN101" in result.stderr


def test_json_holds_everything_that_was_probed():
    found = json.loads(run("net.yaml", "--format", "json").stdout)
    assert (found["check_gradients"], found["name"], found["verdict"]) == (1, "net", "passed")
    assert found["inputs"] == {"input": [3, 40, 40]}
    assert found["run_on"] == {"input": [3, 6, 6]}
    assert found["coverage"] == {
        "layers": 6, "all_layers": 6, "tensors": 14, "all_tensors": 14
    }  # fmt: skip
    for layer in found["layers"]:
        for tensor in layer["tensors"]:
            directions = [p for p in tensor["probes"] if p["along"].startswith("direction")]
            assert len(directions) == 2
            assert len(tensor["probes"]) > 2 or layer["in_shapes"] == [[1]]
    assert found["end_to_end"][0]["along"] == "all at once"
    both = json.loads(run("net.yaml", "opaque.yaml", "--format", "json").stdout)
    assert [one["verdict"] for one in both] == ["passed", "not checked"]


def test_the_seed_changes_the_data_and_nothing_else():
    first = run("net.yaml", "--format", "json").stdout
    assert run("net.yaml", "--format", "json").stdout == first
    other = json.loads(run("net.yaml", "--format", "json", "--seed", "7").stdout)
    first = json.loads(first)
    assert other["verdict"] == first["verdict"]
    assert other["layers"] != first["layers"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name a spec, or use --self-test"),
        (("net.yaml", "--self-test"), "--self-test takes no spec"),
        (("net.yaml", "--layer", "layers.22"), "the network has no layer 'layers.22'"),
        (("net.yaml", "--layer", "gat"), "did you mean 'gate'?"),
        (("missing.yaml",), "no file and no bundled spec is called 'missing.yaml'"),
        (("net.yaml", "--seed", "-1"), "is not in the range"),
        (("net.yaml", "--threads", "0"), "is not in the range"),
        (("net.yaml", "--format", "csv"), "'csv' is not one of"),
        (("net.yaml", "--set", "d=1"), "the spec has no variable 'd'"),
        (("net.yaml", "--output", "."), "cannot write '.'"),
    ],
)
def test_wrong_usage(arguments, message):
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_the_network_is_changed_by_options():
    found = json.loads(
        run("net.yaml", "--set", "c=5", "--input", "3x20x20", "--format", "json").stdout
    )
    assert found["inputs"] == {"input": [3, 20, 20]}
    assert found["layers"][1]["in_shapes"][0][0] == 5


def test_the_self_test():
    result = run("--self-test", "--threads", "2")
    assert result.exit_code == 0
    faults = len(planted.FAULTS)
    assert faults >= 16
    assert result.stdout.splitlines()[-1] == f"{faults} of {faults} caught, 0 false alarms"
    assert result.stdout.count(" caught ") == faults
    found = json.loads(run("--self-test", "--format", "json").stdout)
    assert (found["caught"], found["verdict"]) == (faults, "passed")


def test_a_self_test_that_misses_a_fault_fails(monkeypatch):
    name, arguments, shapes, _, _ = planted.FAULTS[0]
    harmless = (name, arguments, shapes, "nothing", planted.Call.right)
    monkeypatch.setattr(planted, "FAULTS", (planted.FAULTS[0], harmless))
    result = run("--self-test")
    assert result.exit_code == 1
    assert "NOT CAUGHT" in result.stdout
    assert result.stdout.splitlines()[-1] == "1 of 2 caught, 0 false alarms"


@pytest.mark.usefixtures("broken_linear")
def test_a_self_test_with_a_false_alarm_fails():
    result = run("--self-test")
    assert result.exit_code == 1
    assert "FALSE ALARM: failed" in result.stdout


def test_the_verdicts_are_ordered_from_good_to_bad():
    assert [one for one in Verdict if one.good] == [Verdict.PASSED, Verdict.ZERO]
    assert list(Verdict)[-1] is Verdict.FAILED


def test_results_go_to_a_file():
    result = run("net.yaml", "--output", "found.txt")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "passed: " in Path("found.txt").read_text()
