"""Pruned and quantised models: what is stored, by hand, and as torch.nn.utils.prune keeps it."""

import json
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers import good
from jsonschema import Draft202012Validator

from cnncalc.analysis.report import Sizing
from cnncalc.analysis.storage import storage
from cnncalc.cli import group

ROOT = Path(__file__).parent.parent

# 108 weights and 4 biases, 8 params and 8 statistics, 1 param, 720 weights and 5 biases
LAYERS = """\
- Conv2d: {out_channels: 4, kernel_size: 3}
- BatchNorm2d
- PReLU
- Flatten
- Linear: 5
"""
NET = "cnncalc: 1\ninput: [3, 8, 8]\nlayers:\n" + LAYERS


def stored(layers=LAYERS, *, dtype="float32", sparsity=None, input="[3, 8, 8]"):
    share = None if sparsity is None else Fraction(sparsity)
    return storage(good(layers, input=input).rows, Sizing(dtype=dtype, sparsity=share))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text(NET)


def run(*arguments, code=0):
    result = CliRunner().invoke(group, ["summary", *arguments])
    assert result.exit_code == code, result.output
    return result


def lines(*arguments):
    """The totals of the table by their names."""
    shown = run("net.yaml", "--width", "200", *arguments).stdout.split("\n")
    return {line[:12].strip(): line[14:].strip() for line in shown}


@pytest.mark.parametrize(
    ("dtype", "size"),
    [("int8", 828 + 104), ("int4", 414 + 104), ("binary", 104 + 104), ("float16", 2 * 854)],
)
def test_weights_in_the_data_type_and_all_else_in_float32(dtype, size):
    found = stored(dtype=dtype)
    assert (found.weights, found.kept, found.others) == (828, 828, 26)
    assert found.bytes == size


def test_a_binary_network_is_32_times_smaller():
    """As lecture notes say of BinaryNet and XNOR-Net, where there is nothing but weights."""
    layers = "- Conv2d: {out_channels: 8, kernel_size: 3, bias: false}"
    assert stored(layers).bytes == 4 * 216 == 32 * stored(layers, dtype="binary").bytes


@pytest.mark.parametrize(("sparsity", "kept"), [("0.9", 83), ("0.5", 414), ("0.333", 552)])
def test_as_many_weights_are_kept_as_torch_keeps(sparsity, kept):
    """torch 2.13.0, prune.global_unstructured on both weights: the mask has so many ones."""
    found = stored(sparsity=sparsity)
    assert (found.weights, found.kept, found.bytes) == (828, kept, 4 * (kept + 26))


@pytest.mark.parametrize(("weights", "kept"), [(3, 1), (5, 3), (7, 3)])
def test_halves_are_rounded_to_even_as_torch_does(weights, kept):
    layers = "- Linear: {out_features: 1, bias: false}"
    assert stored(layers, sparsity="0.5", input=f"[{weights}]").kept == kept


def test_nothing_is_pruned_at_0():
    assert stored(sparsity="0").kept == 828


def test_pruned_and_quantised():
    assert stored(dtype="int4", sparsity="0.9").bytes == 42 + 104  # 83 halves of a byte
    assert stored(dtype="float16", sparsity="0.5").bytes == 2 * 414 + 2 * 26


def test_what_indices_would_take():
    """A bit for each of 828 weights; 83 columns, and 4 + 1 and 5 + 1 row starts."""
    found = stored(sparsity="0.9", dtype="int8")
    assert (found.bitmap_bytes, found.csr_bytes) == (104, 4 * (83 + 5 + 6))


@pytest.mark.parametrize(
    ("layer", "weights", "others"),
    [
        ("ConvTranspose2d: {out_channels: 6, kernel_size: 2, groups: 3}", 24, 6),
        ("LocallyConnected2d: {out_channels: 2, kernel_size: 8}", 384, 2),
        ("LayerNorm: {normalized_shape: [3, 8, 8]}", 0, 384),
        ("PReLU: {num_parameters: 3}", 0, 3),
        ("Scale: {bias: true}", 0, 6),
        ("BatchNorm2d: {affine: false}", 0, 6),
        ("Opaque: {output: [8, 4, 4], params: 100, macs: 1600}", 0, 100),
    ],
)
def test_weights_are_what_macs_multiply_with(layer, weights, others):
    found = stored(f"- {layer}", dtype="int8", sparsity="0.5")
    assert (found.weights, found.others) == (weights, others)
    assert found.bytes == weights // 2 + 4 * others


def test_rows_of_a_transposed_convolution_are_input_channels():
    layers = "- ConvTranspose2d: {out_channels: 6, kernel_size: 2, groups: 3}"
    assert stored(layers, sparsity="0.5").csr_bytes == 4 * (12 + 3 + 1)


def test_heads_for_training_are_stored_with_the_model_as_its_params_are():
    found = json.loads(run("googlenet", "--dtype", "int8", "--format", "json").stdout)["totals"]
    stored = found["storage"]
    assert stored["weights"] + stored["others"] == found["params"] + found["buffers"]


# ---- the command


def test_the_table_says_what_is_stored_and_what_is_not():
    found = lines("--sparsity", "90%", "--dtype", "int8")
    assert found["stored"] == (
        "187 B, 18.3 times smaller than all in float32: 83 of 828 weights in int8, "
        "26 biases, params of norms and buffers in float32"
    )  # 854 * 4 / 187
    assert found["not in it"] == (
        "which weights are kept: 104 B as a bitmap, 376 B as CSR with 32-bit indices; "
        "scales and zero points of quantisation"
    )
    quantised = lines("--dtype", "binary")
    assert quantised["stored"].startswith("208 B, 16.4 times smaller")
    assert "828 weights in binary" in quantised["stored"]
    assert quantised["not in it"] == "scales and zero points of quantisation"
    assert lines("--sparsity", "0")["not in it"].startswith("which weights are kept: 104 B")
    pruned = lines("--sparsity", "0.9")
    assert "83 of 828 weights in float32, 26 biases" in pruned["stored"]
    assert "quantisation" not in pruned["not in it"]


def test_without_pruning_and_quantisation_it_says_nothing_of_them():
    assert "stored" not in lines()
    assert "stored" not in lines("--dtype", "float16")
    report = json.loads(run("net.yaml", "--format", "json").stdout)
    assert "storage" not in report["totals"]
    assert "sparsity" not in report


def test_json_and_markdown():
    schema = json.loads((ROOT / "docs" / "report.schema.json").read_text(encoding="utf-8"))
    arguments = ("net.yaml", "--sparsity", "90%", "--dtype", "int8")
    report = json.loads(run(*arguments, "--format", "json").stdout)
    Draft202012Validator(schema).validate(report)
    assert report["sparsity"] == 0.9
    assert report["totals"]["storage"] == {
        "weights": 828,
        "kept": 83,
        "others": 26,
        "bytes": 187,
        "bitmap_bytes": 104,
        "csr_bytes": 376,
    }
    assert "- **stored**: 187 B" in run(*arguments, "--format", "markdown").stdout


def test_other_numbers_do_not_depend_on_it():
    plain, pruned = (
        json.loads(run("net.yaml", "--format", "json", *more).stdout)
        for more in ((), ("--sparsity", "50%"))
    )
    del pruned["totals"]["storage"], pruned["sparsity"]
    assert pruned == plain


def test_a_network_with_errors_is_unknown(tmp_path):
    (tmp_path / "broken.yaml").write_text("cnncalc: 1\ninput: [3, 8, 8]\nlayers: [{Linear: 4}]\n")
    result = run("broken.yaml", "--sparsity", "50%", "--format", "json", code=1)
    assert json.loads(result.stdout)["totals"]["storage"] is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("90", "'90' must be below 100%; write 90%"),
        ("100%", "'100%' must be below 100%"),
        ("1", "'1' must be below 100%; write 1%"),
        ("150", "'150' must be below 100%"),
        ("-5%", "'-5%' is not a share such as 90% or 0.9"),
        ("nan", "'nan' is not a share"),
        ("", "'' is not a share"),
        ("1/2", "'1/2' is not a share"),
        ("90 %", "'90 %' is not a share"),
        ("٩٠%", "is not a share"),
    ],
)
def test_what_is_no_sparsity(value, message):
    result = run("net.yaml", "--sparsity", value, code=2)
    assert message in result.stderr
