"""What `import cnncalc` offers for running networks; the examples of docs/engine.md run."""

import re
from pathlib import Path

import numpy as np
import pytest

import cnncalc

PAGE = Path(__file__).parent.parent / "docs" / "engine.md"
NET = """cnncalc: 1
input: [2, 5, 5]
vars: {out: 3}
layers:
  - Conv2d: {out_channels: $out, kernel_size: 3}
  - {Chunk: 3, name: [a, b, c]}
  - {Add: [a, b, c]}
  - Dropout: 0.5
variants: {wide: {set: {out: 6}}}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(NET)
    return tmp_path


def test_the_examples_of_the_page_run():
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 5
    exec("\n".join(blocks), {})


def given(**options):
    network = cnncalc.load("net.yaml", **options)
    weights = cnncalc.initialise(network, seed=2)
    x = np.random.default_rng(0).normal(size=(4, 2, 5, 5)).astype("float32")
    return network, weights, {"input": x}


def test_activations_are_kept_on_request():
    arguments = given()
    assert cnncalc.run(*arguments).activations == {}
    found = cnncalc.run(*arguments, activations=True).activations
    assert list(found) == [
        "layers.0",
        "layers.1:0",
        "layers.1:1",
        "layers.1:2",
        "layers.2",
        "layers.3",
    ]
    parts = [found[path] for path in ("layers.1:0", "layers.1:1", "layers.1:2")]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), found["layers.0"])
    np.testing.assert_allclose(found["layers.2"], sum(parts), rtol=1e-6)


def test_gradients_come_in_the_order_of_the_weights():
    network, weights, inputs = given()
    upstream = {"layers.3": np.ones((4, 1, 3, 3), "float32")}
    found = cnncalc.run(network, weights, inputs, backward=True, upstream=upstream)
    assert list(found.gradients) == ["layers.0.weight", "layers.0.bias"]
    np.testing.assert_array_equal(found.gradients["layers.0.bias"], [36, 36, 36])
    assert found.loss is None
    assert found.input_gradients["input"].shape == (4, 2, 5, 5)


def test_the_seed_chooses_the_masks():
    arguments = given()
    first, again, other = (
        cnncalc.run(*arguments, train=True, seed=seed).outputs["layers.3"] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_settings_reach_what_is_run():
    assert given(variables={"out": 9})[1]["layers.0.bias"].shape == (9,)
    found = cnncalc.verify("net.yaml", variant="wide", inputs={"input": (2, 9, 9)}, batch=2)
    assert (found.variant, found.inputs, found.batch) == ("wide", {"input": (2, 9, 9)}, 2)
    macs = next(check for check in found.checks if check.name == "macs")
    assert macs.run.value == 6 * 7 * 7 * 18


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"targets": {"layers.3": np.ones(4)}}, "the network has no loss"),
        ({"upstream": {"layers.9": np.ones(4)}}, "the network has no output 'layers.9'"),
        (
            {"upstream": {"layers.3": np.ones((4, 1, 3, 2))}},
            "the upstream gradient of layers.3 has the shape [4, 1, 3, 2], not [4, 1, 3, 3]",
        ),
    ],
)
def test_gradients_that_do_not_fit(options, message):
    with pytest.raises(cnncalc.EngineError) as caught:
        cnncalc.run(*given(), backward=True, **options)
    assert message in caught.value.message


def test_a_network_with_a_loss_takes_targets():
    Path("net.yaml").write_text(NET + "loss: CrossEntropyLoss\n")
    network, weights, inputs = given()
    for options, message in [
        ({"upstream": {"layers.3": np.ones((4, 1, 3, 3))}}, "the network has a loss"),
        ({"targets": {"layers.3": np.ones((4, 3, 3))}}, "classes, which are integers"),
        ({"targets": {"layers.3": np.ones((4, 1, 3, 3), int)}}, "not [4, 3, 3]"),
        ({"targets": {"layers.3": np.ones((4, 3, 3), int)}}, "loss: the target holds 1, which is"),
    ]:
        with pytest.raises(cnncalc.EngineError) as caught:
            cnncalc.run(network, weights, inputs, backward=True, **options)
        assert message in caught.value.message
    targets = {"layers.3": np.zeros((4, 3, 3), int)}
    found = cnncalc.run(network, weights, inputs, backward=True, targets=targets)
    assert found.loss == 0  # one class alone is certain


def test_a_spec_with_errors_is_not_run():
    Path("net.yaml").write_text(NET.replace("kernel_size: 3", "kernel_size: 30"))
    with pytest.raises(cnncalc.SpecError):
        cnncalc.verify("net.yaml")


def test_weights_are_loaded_as_they_were_saved():
    network, weights, _ = given()
    cnncalc.save_weights("w.npz", weights)
    for dtype, expected in ((None, "float32"), ("float64", "float64")):
        found = cnncalc.load_weights(network, Path("w.npz"), dtype=dtype)
        assert {one.dtype.name for one in found.values()} == {expected}
        for name, array in weights.items():
            np.testing.assert_array_equal(found[name], array)
    with pytest.raises(cnncalc.EngineError, match=r"'w\.npz' exists"):
        cnncalc.save_weights("w.npz", weights)
    cnncalc.save_weights("w.npz", weights, force=True)
