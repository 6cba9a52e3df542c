"""`cnncalc run`: from files to files, and every file or option that does not fit."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import cnncalc
from cnncalc.cli import group

NET = """cnncalc: 1
name: net
input: [2, 6, 6]
vars: {out: 3}
layers:
  - {Conv2d: {out_channels: 4, kernel_size: 3, bias: false}, name: stem}
  - BatchNorm2d
  - ReLU
  - AdaptiveAvgPool2d: 1
  - Flatten
  - Linear: $out
variants: {wide: {set: {out: 5}}}
"""
FIXED = "cnncalc: 1\ninput: [1, 4]\nlayers: [Flatten, {Linear: 2}]\n"
BROKEN = "cnncalc: 1\ninput: [3, 8, 8]\nlayers: [{Linear: 4}]\n"
OPAQUE = "cnncalc: 1\ninput: [4]\nlayers: [{Opaque: {output: 3, params: 0, macs: 0}}]\n"


def run(*arguments):
    return CliRunner().invoke(group, ["run", *arguments])


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "net": NET,
        "fixed": FIXED,
        "broken": BROKEN,
        "opaque": OPAQUE,
        "loss": NET + "loss: CrossEntropyLoss\n",
    }.items():
        Path(f"{name}.yaml").write_text(text)
    assert run("net.yaml", "--init", "w.npz").exit_code == 0
    np.savez("x.npz", input=images())
    np.savez("t.npz", **{"layers.5": np.array([2, 0])})
    np.savez("u.npz", **{"layers.5": np.ones((2, 3), np.float32)})
    return tmp_path


def listing():
    return sorted(path.name for path in Path().iterdir())


def images(shape=(2, 2, 6, 6), dtype="float32"):
    return np.random.default_rng(1).normal(size=shape).astype(dtype)


def stored(path):
    with np.load(path, allow_pickle=False) as found:
        return dict(found)


def reference(weights, x):
    """The outputs of NET, computed with sums over windows."""
    w = {name: array.astype("float64") for name, array in weights.items()}
    y = np.zeros((len(x), 4, x.shape[2] - 2, x.shape[3] - 2))
    for i in range(3):
        for j in range(3):
            window = x[:, :, i : i + y.shape[2], j : j + y.shape[3]]
            y += np.einsum("ncij,oc->noij", window, w["layers.0.weight"][:, :, i, j])
    mean, variance, gamma, beta = (
        w[f"layers.1.{name}"].reshape(-1, 1, 1)
        for name in ("running_mean", "running_var", "weight", "bias")
    )
    y = np.maximum((y - mean) / np.sqrt(variance + 1e-5) * gamma + beta, 0).mean(axis=(2, 3))
    return y @ w["layers.5.weight"].T + w["layers.5.bias"]


FILES = ("net.yaml", "--weights", "w.npz", "--input", "x.npz")


def test_from_files_to_a_file():
    result = run(*FILES, "--output", "y.npz")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "ran 2 images in float32\nwrote y.npz: layers.5 2 x 3\n"
    found = stored("y.npz")
    assert list(found) == ["layers.5"]
    assert found["layers.5"].dtype == np.float32
    expected = reference(stored("w.npz"), images())
    np.testing.assert_allclose(found["layers.5"], expected, rtol=1e-5)


def test_random_weights_to_start_from():
    result = run("net.yaml", "--init", "v.npz", "--dtype", "float64", "--seed", "3")
    assert result.stdout == "wrote v.npz: 7 arrays, 103 numbers in float64\n"
    found = stored("v.npz")
    network = cnncalc.load("net.yaml")
    expected = cnncalc.initialise(network, seed=3, dtype="float64")
    assert list(found) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)
    again = run("net.yaml", "--init", "v.npz")
    assert (again.exit_code, "'v.npz' exists" in again.stderr) == (2, True)
    assert run("net.yaml", "--init", "v.npz", "--force").exit_code == 0
    assert stored("v.npz")["layers.0.weight"].dtype == np.float32


def test_the_sizes_of_maps_follow_the_input():
    np.savez("x.npz", input=images((1, 2, 9, 5)))
    assert run(*FILES, "--output", "y.npz").exit_code == 0
    expected = reference(stored("w.npz"), images((1, 2, 9, 5)))
    np.testing.assert_allclose(stored("y.npz")["layers.5"], expected, rtol=1e-5)


def test_weights_for_another_size_of_the_input():
    np.savez("x.npz", input=images((2, 1, 7)))
    assert run("fixed.yaml", "--init", "f.npz", "--input", "x.npz").exit_code == 0
    assert stored("f.npz")["layers.1.weight"].shape == (2, 7)
    files = ("fixed.yaml", "--weights", "f.npz", "--input", "x.npz")
    assert run(*files, "--output", "y.npz").exit_code == 0
    np.savez("x.npz", input=images((2, 1, 8)))
    result = run(*files, "--output", "z.npz")
    assert result.exit_code == 2
    assert "f.npz: the weight of a wrong shape: layers.1.weight is [2, 7], not [2, 8]" in (
        result.stderr
    )


def test_variables_and_variants():
    assert run("net.yaml", "--init", "v.npz", "--variant", "wide").exit_code == 0
    assert stored("v.npz")["layers.5.bias"].shape == (5,)
    assert run("net.yaml", "--init", "v.npz", "--set", "out=7", "--force").exit_code == 0
    assert stored("v.npz")["layers.5.bias"].shape == (7,)


@pytest.mark.parametrize(
    ("weights", "inputs", "dtype", "expected"),
    [
        ("float32", "float32", None, "float32"),
        ("float16", "float16", None, "float32"),
        ("float32", "float64", None, "float64"),
        ("float64", "float16", None, "float64"),
        ("float64", "float64", "float32", "float32"),
        ("float32", "float32", "float64", "float64"),
    ],
)
def test_what_is_computed_in(weights, inputs, dtype, expected):
    np.savez("w.npz", **{n: a.astype(weights) for n, a in stored("w.npz").items()})
    np.savez("x.npz", input=images(dtype=inputs))
    options = ("--dtype", dtype) if dtype else ()
    result = run(*FILES, "--output", "y.npz", *options)
    assert f"ran 2 images in {expected}\n" in result.stdout
    assert stored("y.npz")["layers.5"].dtype == expected


def test_activations_of_all_layers():
    result = run(*FILES, "--activations", "a.npz", "--output", "y.npz")
    assert "wrote a.npz: 6 arrays" in result.stdout
    found = stored("a.npz")
    assert list(found) == [f"layers.{i}" for i in range(6)]
    np.testing.assert_array_equal(found["layers.2"], np.maximum(found["layers.1"], 0))
    np.testing.assert_array_equal(found["layers.5"], stored("y.npz")["layers.5"])


def test_gradients_for_given_gradients_of_the_outputs():
    assert run(*FILES, "--gradients", "g.npz", "--upstream", "u.npz").exit_code == 0
    found, weights = stored("g.npz"), stored("w.npz")
    trained = [name for name in weights if "running" not in name]
    assert list(found) == [*trained, "input"]
    assert found["input"].shape == (2, 2, 6, 6)
    np.testing.assert_array_equal(found["layers.5.bias"], [2, 2, 2])
    moved = weights | {"layers.0.weight": weights["layers.0.weight"].astype("float64")}
    direction = np.sign(found["layers.0.weight"]).astype("float64")
    sums = []
    for step in (1e-4, -1e-4):
        moved["layers.0.weight"] = weights["layers.0.weight"] + step * direction
        sums.append(reference(moved, images()).sum())
    slope = (sums[0] - sums[1]) / 2e-4
    np.testing.assert_allclose((found["layers.0.weight"] * direction).sum(), slope, rtol=1e-3)


def test_gradients_of_a_loss():
    result = run("loss.yaml", *FILES[1:], "--gradients", "g.npz", "--targets", "t.npz")
    assert result.exit_code == 0, result.stderr
    y = reference(stored("w.npz"), images())
    share = np.exp(y) / np.exp(y).sum(axis=1, keepdims=True)
    loss = -np.log(share[[0, 1], [2, 0]]).mean()
    assert result.stdout.startswith(f"ran 2 images in float32, loss {loss:.4f}")
    share[[0, 1], [2, 0]] -= 1
    np.testing.assert_allclose(stored("g.npz")["layers.5.bias"], share.sum(axis=0) / 2, rtol=1e-4)


def test_training_mode_normalises_by_the_batch():
    assert run(*FILES, "--activations", "a.npz", "--train").exit_code == 0
    found, weights = stored("a.npz")["layers.1"], stored("w.npz")
    np.testing.assert_allclose(found.mean(axis=(0, 2, 3)), weights["layers.1.bias"], atol=1e-6)


def save(name, **arrays):
    np.savez(name, **arrays)


def lacking():
    weights = stored("w.npz")
    weights["layers.0.wieght"] = weights.pop("layers.0.weight")
    save("w.npz", **weights)


def integers():
    save("x.npz", input=np.ones((2, 2, 6, 6), int))


def with_nan():
    weights = stored("w.npz")
    weights["layers.5.weight"][2, 1] = np.nan
    save("w.npz", **weights)


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lacking, "w.npz lacks the weight: layers.0.weight, and holds an array that the network"),
        (lacking, "help: 'layers.0.wieght' may be 'layers.0.weight'"),
        (integers, "'input' in x.npz holds int64, not float16, float32 or float64"),
        (with_nan, "'layers.5.weight' in w.npz holds nan at [2, 1]"),
        (lambda: save("x.npz", input=images((2, 6, 6))), "is [2, 6, 6], not [N, 2, 6, 6]"),
        (
            lambda: save("x.npz", input=images((2, 6, 6))),
            "help: the batch comes first: input[None]",
        ),
        (lambda: save("x.npz", input=images((1, 3, 6, 6))), "is [1, 3, 6, 6], not [N, 2, 6, 6]"),
        (lambda: save("x.npz", input=images((0, 2, 6, 6))), "is [0, 2, 6, 6], not [N, 2, 6, 6]"),
        (lambda: save("x.npz", inptu=images()), "help: 'inptu' may be 'input'"),
        (lambda: Path("x.npz").write_bytes(b"hello"), "'x.npz' is not an .npz file"),
        (lambda: Path("x.npz").unlink(), "cannot open 'x.npz': no such file or directory"),
        (lambda: Path("w.npz").write_bytes(Path("w.npz").read_bytes()[:900]), "w.npz is damaged"),
        (lambda: Path("y.npz").touch(), "'y.npz' exists"),
        (lambda: Path("y.npz").mkdir(), "'y.npz' is not a file that could be replaced"),
    ],
)
def test_files_that_do_not_fit(prepare, message):
    prepare()
    before = {path: path.stat().st_mtime_ns for path in Path().iterdir()}
    result = run(*FILES, "--output", "y.npz")
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    assert message in result.stderr
    assert before == {path: path.stat().st_mtime_ns for path in Path().iterdir()}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("net.yaml",), "name the weights: --weights FILE"),
        (("net.yaml", "--weights", "w.npz"), "name the inputs: --input FILE"),
        (FILES, "name a file to write: --output, --activations or --gradients"),
        (
            ("net.yaml", "--init", "v.npz", "--output", "y.npz"),
            "--init runs nothing, so that there",
        ),
        ((*FILES, "--output", "y.npz", "--activations", "y.npz"), "needs a file of its own"),
        ((*FILES, "--output", "y.npz", "--targets", "t.npz"), "--targets is for --gradients"),
        ((*FILES, "--gradients", "g.npz"), "no loss that gradients could start from"),
        (
            ("loss.yaml", *FILES[1:], "--gradients", "g.npz"),
            "the loss of the network needs targets",
        ),
        ((*FILES, "--gradients", "g.npz", "--targets", "t.npz"), "the network has no loss"),
        (
            ("loss.yaml", *FILES[1:], "--gradients", "g.npz", "--upstream", "u.npz"),
            "the network has a loss",
        ),
        (
            (*FILES, "--gradients", "g.npz", "--upstream", "x.npz"),
            "x.npz lacks the output gradient",
        ),
        (("net.yaml", "--init", "v.npz", "--variant", "all"), "one network runs at a time"),
        (("net.yaml", "--init", "v.npz", "--variant", "wied"), "did you mean 'wide'?"),
        (("nte.yaml", "--init", "v.npz"), "no file and no bundled spec is called 'nte.yaml'"),
        (("net.yaml", "--init", "no/v.npz"), "cannot write 'no/v.npz': no such file or directory"),
        (
            ("net.yaml", "--init", "v.npz", "--memory", "100"),
            "the weights take about 988 B, and 100",
        ),
        ((*FILES, "--output", "y.npz", "--memory", "100"), "a run forward of 2 images takes about"),
        (
            ("opaque.yaml", "--weights", "e.npz", "--input", "x4.npz", "--output", "y.npz"),
            "is Opaque",
        ),
    ],
)
def test_wrong_usage(arguments, message):
    np.savez("e.npz")
    np.savez("x4.npz", input=np.ones((1, 4)))
    before = listing()
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert listing() == before


def test_classes_that_do_not_exist():
    for target, message in [
        (np.array([0, 3]), "loss: the target holds 3, which is no class"),
        (np.array([0.0, 1.0]), "the loss takes the numbers of classes"),
        (np.array([0, 1, 2]), "layers.5 is [3], not [2]"),
    ]:
        np.savez("t.npz", **{"layers.5": target})
        result = run("loss.yaml", *FILES[1:], "--gradients", "g.npz", "--targets", "t.npz")
        assert result.exit_code == 2
        assert message in result.stderr
        assert not Path("g.npz").exists()


def test_a_spec_with_errors_is_not_run():
    result = run("broken.yaml", "--init", "v.npz")
    assert result.exit_code == 1
    assert "broken.yaml:3:11: error CNN101 shape-mismatch: Linear on a map" in result.stderr
    np.savez("x.npz", input=images((2, 2, 2, 2)))
    result = run(*FILES, "--output", "y.npz")
    assert result.exit_code == 1
    assert "error CNN102 window-does-not-fit" in result.stderr
    assert not Path("y.npz").exists()


def test_overflow_names_the_first_layer():
    weights = stored("w.npz")
    weights["layers.5.weight"][:] = 3e38
    save("w.npz", **weights)
    result = run(*FILES, "--output", "y.npz")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: overflow in the output of layers.5 (Linear)")
    assert "use float64" in result.stderr
    assert "y.npz" not in listing()
    assert not [name for name in listing() if name.startswith(".")]


def test_too_large_an_input_is_refused_with_what_fits():
    np.savez("x.npz", input=np.zeros((40, 2, 100, 100), np.float32))
    result = run(*FILES, "--output", "y.npz", "--memory", "20MiB")
    assert result.exit_code == 2
    assert "help: a batch of " in result.stderr
    np.savez("x.npz", input=np.zeros((1, 2, 1000, 1000), np.float32))
    result = run(*FILES, "--output", "y.npz", "--memory", "20MiB")
    assert "a run forward of 1 image takes about " in result.stderr
    assert "help: an input of 2x" in result.stderr
    assert not Path("y.npz").exists()
