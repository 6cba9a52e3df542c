"""Whole networks: what flows where, what is kept, and what is refused."""

import numpy as np
import pytest
from helpers import compute, good, spec

from cnncalc.engine.errors import EngineError
from cnncalc.engine.run import run
from cnncalc.engine.weights import initialise, parameters, random_inputs
from cnncalc.kernels import convolution
from cnncalc.language.builder import Settings
from cnncalc.pipeline import expand, load
from cnncalc.source import Source, read

TRUNK = """
- {Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}, name: stem}
- ReLU
- AdaptiveAvgPool2d: 1
- Flatten
- Linear: 5
"""
SIDE = """
heads:
  side:
    from: stem
    train_only: true
    layers:
    - AdaptiveAvgPool2d: 1
    - Flatten
    - Linear: 3
"""


def network(layers, **options):
    """The graph of these items."""
    text = spec(layers, **options)
    built = expand(load(Source("net.yaml", text.encode())), Settings())
    assert not built.problems, built.problems
    return built.graph


def shipped(name, size=None):
    """A bundled network, on a smaller input."""
    loaded = load(read(name))
    shapes = {} if size is None else {loaded.spec.inputs[0][0]: size}
    return expand(loaded, Settings(shapes)).graph


def arrays(graph, batch=2, dtype="float64"):
    return initialise(graph, dtype=dtype), random_inputs(graph, batch, dtype=dtype)


BRANCHES = """
- {Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}, name: stem}
- BatchNorm2d
- {ReLU, name: trunk}
- {Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}, from: trunk}
- {BatchNorm2d, name: left}
- {Conv2d: {out_channels: 4, kernel_size: 1}, from: trunk}
- {BatchNorm2d, name: right}
- {Add: [left, right], name: sum}
- ReLU
- {Add: [trunk, sum], name: again}
- {Concat: [again, left], name: all}
- {Chunk: 2, name: [first, second]}
- {Mul: [first, second]}
- {MaxPool2d: 2}
- Flatten
- Linear: 3
"""


RESIDUAL = """
- {Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}, name: stem}
- {Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}, from: stem}
- {BatchNorm2d, name: left}
- {Conv2d: {out_channels: 4, kernel_size: 1}, from: stem}
- {BatchNorm2d, name: right}
- {Add: [left, right]}
- ReLU
"""
"""Both sides of the sum have one reader: their gradients are one array."""


def along(graph, weights, inputs, direction, dys, **options):
    """The derivative of sum(output x upstream) along a direction, by complex step."""
    moved = [
        {name: one + 1e-30j * direction.get(name, 0.0) for name, one in group.items()}
        for group in (weights, inputs)
    ]
    result = run(graph, *moved, **options)
    return sum((y * dys[path]).sum() for path, y in result.outputs.items()).imag / 1e-30


@pytest.mark.parametrize("train", [False, True])
def test_gradients_of_a_branched_network_are_derivatives_of_its_outputs(train):
    graph = network(BRANCHES, input="[3, 6, 6]")
    weights, inputs = arrays(graph)
    generator = np.random.default_rng(0)
    dys = {"layers.15": generator.normal(size=(2, 3))}
    result = run(
        graph, weights, inputs, train=train, backward=True, upstream=dys, input_gradients=True
    )
    gradients = result.gradients | result.input_gradients
    for name, gradient in gradients.items():
        u = generator.choice([-1.0, 1.0], gradient.shape)
        slope = along(graph, weights, inputs, {name: u}, dys, train=train)
        np.testing.assert_allclose((gradient * u).sum(), slope, rtol=1e-9, atol=1e-12)
    trained = {name for name, one in parameters(graph).items() if not one.buffer}
    assert set(result.gradients) == trained
    assert set(result.input_gradients) == {"input"}


NETWORKS = ["resnet18", "mobilenet_v2", "vgg16", "densenet121", "unet"]


@pytest.mark.parametrize("layers", [BRANCHES, RESIDUAL])
@pytest.mark.parametrize("cached", [1000, 1 << 20])
def test_taking_over_elementwise_layers_changes_no_bit(layers, cached, monkeypatch):
    monkeypatch.setattr(convolution, "CACHED", cached)
    graph = network(layers, input="[3, 24, 24]")
    weights, inputs = arrays(graph, dtype="float32")
    for threads in (1, 2):
        plain = run(graph, weights, inputs, overwrite=False, threads=threads)
        fused = run(graph, weights, inputs, threads=threads)
        for path, y in plain.outputs.items():
            np.testing.assert_array_equal(fused.outputs[path], y)


@pytest.mark.parametrize("layers", [BRANCHES, RESIDUAL])
@pytest.mark.parametrize("train", [False, True])
def test_overwriting_changes_no_bit(train, layers):
    graph = network(layers, input="[3, 8, 8]")
    weights, inputs = arrays(graph, dtype="float32")
    options = {"train": train, "backward": True, "input_gradients": True}
    plain = run(graph, weights, inputs, overwrite=False, **options)
    quick = run(graph, weights, inputs, **options)
    for ours, theirs in zip(plain, quick, strict=True):
        if isinstance(ours, dict):
            assert ours.keys() == theirs.keys()
            for name, array in ours.items():
                np.testing.assert_array_equal(theirs[name], array)


def test_nothing_given_is_changed():
    graph = network(BRANCHES, input="[3, 8, 8]")
    weights, inputs = arrays(graph)
    copies = [{name: one.copy() for name, one in group.items()} for group in (weights, inputs)]
    run(graph, weights, inputs, train=True, backward=True, input_gradients=True)
    run(graph, weights, inputs)
    for group, copy in zip((weights, inputs), copies, strict=True):
        for name, one in group.items():
            np.testing.assert_array_equal(one, copy[name])


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    graph = network("- Conv2d: {out_channels: 4, kernel_size: 3}\n- Dropout: 0.5")
    weights, inputs = arrays(graph, dtype="float32")
    assert (initialise(graph)["layers.0.weight"] == weights["layers.0.weight"]).all()
    first, second, other = (
        run(graph, weights, inputs, train=True, backward=True, seed=seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.outputs["layers.1"], second.outputs["layers.1"])
    np.testing.assert_array_equal(
        first.gradients["layers.0.weight"], second.gradients["layers.0.weight"]
    )
    assert (first.outputs["layers.1"] != other.outputs["layers.1"]).any()
    assert (initialise(graph, 1)["layers.0.weight"] != weights["layers.0.weight"]).any()


def test_frozen_layers_have_no_gradient_and_pass_it_on_only_where_it_is_needed():
    items = """
    - {Conv2d: {out_channels: 4, kernel_size: 3}, trainable: false}
    - {Conv2d: {out_channels: 4, kernel_size: 3}, name: free}
    - {Conv2d: {out_channels: 4, kernel_size: 3}, trainable: false}
    """
    graph = network(items)
    seen = []
    result = run(graph, *arrays(graph), backward=True, watch=seen.append)
    assert {name.rsplit(".", 1)[0] for name in result.gradients} == {"layers.1"}
    passed = [step.node.path for step in seen if step.backward]
    assert passed == ["layers.2", "layers.1"]
    assert [step.arrays[0] is None for step in seen if step.backward] == [False, True]


def test_heads_for_training_run_in_training_only():
    graph = network(TRUNK, head=SIDE)
    weights, inputs = arrays(graph)
    evaluated = run(graph, weights, inputs)
    trained = run(graph, weights, inputs, train=True, backward=True)
    assert len(evaluated.outputs) == 1
    assert len(trained.outputs) == 2
    side = [name for name in trained.gradients if "side" in name]
    assert side
    assert run(graph, weights, inputs, backward=True).gradients.keys() == (
        trained.gradients.keys() - set(side)
    )
    for name in side:
        assert trained.gradients[name].any()


def test_the_loss_of_the_spec_is_summed_over_outputs():
    graph = network(TRUNK, head=SIDE + "loss: CrossEntropyLoss")
    weights, inputs = arrays(graph, batch=4)
    targets = {path: np.zeros(4, int) for path in run(graph, weights, inputs, train=True).outputs}
    result = run(graph, weights, inputs, train=True, backward=True, targets=targets)
    expected = 0.0
    for y in result.outputs.values():
        logits = y - np.log(np.exp(y).sum(axis=1, keepdims=True))
        expected -= logits[:, 0].mean()
    assert result.loss == pytest.approx(expected, rel=1e-12)
    h = 1e-6
    name = "layers.0.bias"
    slopes = []
    for step in (h, -h):
        moved = weights | {name: weights[name] + step}
        slopes.append(run(graph, moved, inputs, train=True, backward=True, targets=targets).loss)
    assert result.gradients[name].sum() == pytest.approx(
        (slopes[0] - slopes[1]) / (2 * h), rel=1e-6
    )


def test_activations_are_freed_behind_their_last_reader():
    """The peak that tracemalloc sees is that of the largest pair of neighbours, not the sum."""
    import tracemalloc

    graph = network("- repeat: 8\n  layers:\n  - ReLU", input="[4, 64, 64]")
    weights, inputs = arrays(graph, batch=1)
    one = inputs["input"].nbytes
    tracemalloc.start()
    run(graph, weights, inputs, overwrite=False)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 2 * one <= peak < 3 * one


def test_watching_shows_every_node_with_its_products():
    graph = network(BRANCHES, input="[3, 6, 6]")
    report = compute(spec(BRANCHES, input="[3, 6, 6]"))
    seen = []
    run(graph, *arrays(graph), backward=True, input_gradients=True, watch=seen.append)
    steps = [step for step in seen if not step.backward]
    assert [step.node for step in steps] == list(graph.nodes)
    for step, row in zip(steps, report.rows, strict=True):
        assert step.products == 2 * row.cost.macs
        assert [y.shape[1:] for y in step.arrays] == list(row.out_shapes)
    back = {step.node.path: step.products for step in seen if step.backward}
    dead_end = "layers.8"  # a ReLU that nobody reads
    assert back == {
        row.node.path: 4 * row.cost.macs for row in report.rows if row.node.path != dead_end
    }


def refused(match, graph, weights, inputs, **options):
    with pytest.raises(EngineError, match=match) as caught:
        run(graph, weights, inputs, **options)
    return caught.value


def test_arrays_that_do_not_fit_are_refused():
    graph = network("- {Conv2d: {out_channels: 4, kernel_size: 3}}")
    weights, inputs = arrays(graph)
    bias = weights["layers.0.bias"]
    fewer = {"layers.0.weight": weights["layers.0.weight"]}
    refused("layers.0.bias", graph, fewer, inputs)
    refused("'?other'?", graph, weights | {"other": bias}, inputs)
    refused(r"\[5\], not \[4\]", graph, weights | {"layers.0.bias": np.zeros(5)}, inputs)
    refused("input", graph, weights, {})
    refused("N, 3, 16, 16", graph, weights, {"input": np.zeros((3, 16, 16))})
    refused("N, 3, 16, 16", graph, weights, {"input": np.zeros((0, 3, 16, 16))})
    refused("different types", graph, weights, {"input": inputs["input"].astype(np.float32)})
    refused("int64", graph, weights, {"input": inputs["input"].astype(int)})


def test_overflow_names_the_first_layer():
    items = """
    - {Conv2d: {out_channels: 4, kernel_size: 3}, name: a}
    - {Mul: [a, a]}
    - {Add: [prev, a]}
    """
    graph = network(items)
    weights, inputs = arrays(graph, dtype="float32")
    weights["layers.0.weight"] = weights["layers.0.weight"] * np.float32(1e30)
    error = refused(r"overflow in the output of layers\.1", graph, weights, inputs)
    assert "float64" in error.help
    weights["layers.0.bias"][0] = np.nan
    refused(r"NaN in the output of layers\.0", graph, weights, inputs)


def test_declared_layers_cannot_be_run():
    graph = network("- Opaque: {output: [4], params: 0, macs: 0}")
    refused("layers.0 is Opaque", graph, *arrays(graph))


def test_batch_norm_on_a_single_value_says_so():
    graph = network("- Flatten\n- BatchNorm1d", input="[3, 1, 1]")
    weights, inputs = arrays(graph, batch=1)
    refused("layers.1.*more than one value", graph, weights, inputs, train=True)
    assert good("- Flatten\n- BatchNorm1d", input="[3, 1, 1]")
