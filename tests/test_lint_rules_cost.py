"""Rules about cost, against what the networks compute and what the arrays hold."""

import numpy as np
import pytest
from helpers import loaded, spec
from lint_helpers import applied, findings

import cnncalc
from cnncalc.language.builder import Settings
from cnncalc.pipeline import expand


def chain(*items, input="[4, 8, 8]", head=""):
    """A spec with these items one after the other."""
    return spec("\n".join(f"- {item}" for item in items), input=input, head=head)


def result(text, train=False):
    """What a spec computes for random weights and a random image."""
    network = expand(loaded(text), Settings()).graph
    weights = cnncalc.initialise(network, dtype="float64")
    shape = network.values[network.inputs["input"]].shape
    x = 4 * np.random.default_rng(1).normal(size=(3, *shape))
    [y] = cnncalc.run(network, weights, {"input": x}, train=train).outputs.values()
    return x, y


# ---- CNN501


def test_channels_are_counted_where_others_follow():
    text = chain(
        "Conv2d: {out_channels: 12, kernel_size: 1}",
        "ReLU",
        "Conv2d: {out_channels: 20, kernel_size: 1, groups: 4}",
        "ConvTranspose2d: {out_channels: 9, kernel_size: 2}",
        "Flatten",
        "Linear: 24",
        "Linear: 10",
        "Softmax: 1",
    )
    said = [problem.message.split()[0] for problem in findings(text, "CNN501")]
    assert said == ["12", "20", "9"]
    said = [problem.message.split()[0] for problem in findings(text, "CNN501", multiple=3)]
    assert said == ["20"]
    helps = [problem.help for problem in findings(text, "CNN501", multiple=16)]
    assert helps == ["16", "16 or 32", "16", "16 or 32"]


def test_a_linear_layer_on_a_sequence_has_its_channels_last():
    text = chain(
        "Linear: {in_features: 8, out_features: 12}",
        "Linear: {in_features: 12, out_features: 7}",
        input="[16, 8]",
    )
    assert [problem.span.line for problem in findings(text, "CNN501")] == [5]


# ---- CNN502


@pytest.mark.parametrize("features", [27, 28, 29])
def test_the_share_of_linear_layers_is_that_of_the_arrays(features):
    text = chain("Conv2d: {out_channels: 28, kernel_size: 1}", "AdaptiveAvgPool2d: 1", "Flatten",
                 f"Linear: {{out_features: {features}, bias: false}}", "Sigmoid",
                 input="[27, 4, 4]")  # fmt: skip
    network = expand(loaded(text), Settings()).graph
    sizes = {name: array.size for name, array in cnncalc.initialise(network).items()}
    linear, total = sizes["layers.3.weight"], sum(sizes.values())
    problems = findings(text, "CNN502")
    assert len(problems) == (linear > total - linear)
    assert all(f"{linear:,} of {total:,} params" in problem.message for problem in problems)
    assert findings(text, "CNN502", share=0.52) == ()
    assert len(findings(text, "CNN502", share=0.48)) == 1


def test_the_largest_linear_layer_is_pointed_at_and_training_heads_do_not_count():
    layers = ("Conv2d: {out_channels: 2, kernel_size: 1}\n  name: x", "Flatten",
              "Linear: 3", "Tanh", "Linear: 9", "Tanh", "Linear: 400")  # fmt: skip
    assert [problem.span.line for problem in findings(chain(*layers), "CNN502")] == [12]
    head = "heads: {aux: {from: x, train_only: true, layers: [Flatten, {Linear: 1000}]}}"
    few = (*layers[:1], "ReLU", "Conv2d: {out_channels: 2, kernel_size: 3}")
    assert findings(chain(*few, head=head), "CNN502") == ()
    assert findings(chain(*few, head=head.replace(", train_only: true", "")), "CNN502")
    assert findings(chain("Flatten", "Linear: 9"), "CNN502") == ()


# ---- CNN503

RISING = ["ReLU", "ReLU6", "LeakyReLU: 0.1", "ELU", "SELU", "CELU: -2", "Hardsigmoid", "Hardtanh"]
RISING += ["Sigmoid", "Tanh", "Softplus", "Softsign", "LogSigmoid", "LeakyReLU: 0", "ELU: 0"]
TURNING = ["LeakyReLU: -0.1", "ELU: -1", "GELU", "SiLU", "Mish", "Hardswish", "Softmax: 1"]
TURNING += ["PReLU: {init: -0.5}"]


@pytest.mark.parametrize("pool", ["MaxPool2d: 2", "MaxPool2d: {kernel_size: 3, padding: 1}"])
@pytest.mark.parametrize("kind", RISING + TURNING)
def test_what_is_exchanged_computes_the_same_and_the_others_do_not(kind, pool):
    text = chain(kind, pool)
    x, y = result(text)
    swapped = chain(pool, kind)
    equal = np.allclose(result(swapped)[1], y)
    assert equal == (kind in RISING)
    problems = findings(text, "CNN503")
    assert len(problems) == equal
    for problem in problems:
        assert not problem.fix.safe
        assert applied(text, problem.fix) == swapped
        assert f"for {y[0].size:,} elements, not {x[0].size:,}" in problem.message


@pytest.mark.parametrize(
    "layers",
    [
        ("ReLU", "MaxPool2d: {kernel_size: 3, stride: 1, padding: 1}"),
        ("ReLU", "AvgPool2d: 2"),
        ("MaxPool2d: 2", "ReLU"),
        (
            "ReLU:\n  name: x",
            "MaxPool2d: 2\n  name: y",
            "AvgPool2d: 2\n  from: x",
            "Add: [prev, y]",
        ),
    ],
)
def test_what_gains_nothing_by_an_exchange_is_not_reported(layers):
    assert findings(chain(*layers), "CNN503") == ()


def test_an_activation_that_is_an_output_stays_where_it_is():
    text = chain("ReLU:\n  name: x", "MaxPool2d: 2\n  name: y", head="outputs: [y]")
    assert len(findings(text, "CNN503")) == 1
    assert findings(text.replace("[y]", "[x, y]"), "CNN503") == ()


@pytest.mark.parametrize(
    ("written", "mended"),
    [
        ("- ReLU   # one\n- MaxPool2d: 2   # two", "- MaxPool2d: 2   # two\n- ReLU   # one"),
        ("- ReLU\n- MaxPool2d: 2  # two", "- MaxPool2d: 2  # two\n- ReLU"),
        ("- ReLU: # one\n\n- MaxPool2d: 2", "- MaxPool2d: 2\n\n- ReLU: # one"),
        ("- ReLU # one\r\n- MaxPool2d: 2\r\n", "- MaxPool2d: 2\r\n- ReLU # one\r\n"),
        ("- layers: [ReLU, {MaxPool2d: 2}]", "- layers: [{MaxPool2d: 2}, ReLU]"),
        ("- layers: [ReLU, {MaxPool2d: 2}] # all", "- layers: [{MaxPool2d: 2}, ReLU] # all"),
        ("- layers: [ReLU,\n    {MaxPool2d: 2}]", "- layers: [{MaxPool2d: 2},\n    ReLU]"),
        ("- layers: [ReLU, # one\n    {MaxPool2d: 2}]", None),
        ("- layers: [ReLU,\n    {MaxPool2d: 2}] # two", None),
        ("- ReLU\n# half the size\n- MaxPool2d: 2", None),
        ("- ReLU:\n  name: x\n- MaxPool2d: 2", None),
        ("- ReLU\n- MaxPool2d:\n    kernel_size: 2", None),
        ("- layers: [ReLU]\n- MaxPool2d: 2", None),
        ("- ReLU\n- MaxPool2d: 2\n  from: prev", None),
        ("- layers: [{ReLU: , name: x}, {MaxPool2d: 2}]", None),
        ("- ReLU\n- Tanh:\n  if: false\n- MaxPool2d: 2", None),
    ],
)
def test_only_neighbours_are_exchanged_with_the_comments_behind_them(written, mended):
    text = spec(written, input="[4, 8, 8]")
    [problem] = findings(text, "CNN503")
    assert (problem.fix is None) == (mended is None)
    if mended:
        assert applied(text, problem.fix) == text.replace(written, mended)


# ---- CNN504


def test_a_hot_layer_has_its_share_of_the_macs_that_are_counted():
    conv = "Conv2d: {out_channels: 4, kernel_size: %d, padding: same}"
    text = chain(conv % 9, "layers: [{%s}]\n  repeat: 20" % (conv % 3))
    hot, rest = 81 * 16 * 64, 20 * 9 * 16 * 64
    [problem] = findings(text, "CNN504")
    assert f"{hot / (hot + rest):.0%} of the {hot + rest:,} MACs of 21 layers" in problem.message
    assert problem.span.line == 5
    assert findings(text.replace("repeat: 20", "repeat: 19"), "CNN504") == ()
    assert findings(text.replace("repeat: 20", "repeat: 19"), "CNN504", layers=19)
    share = hot / (hot + rest)
    assert findings(text, "CNN504", share=share + 0.01) == ()
    assert findings(text, "CNN504", share=share - 0.01)


# ---- CNN505

IDLE = ["Identity", "Dropout: 0", "Dropout2d: {p: 0.0}", "MaxPool2d: 1", "Add: [prev]",
        "AvgPool2d: {kernel_size: 1, stride: [1, 1]}", "Upsample: {scale_factor: 1}",
        "Concat: [prev]", "Maximum: [prev]", "Mul: [prev]"]  # fmt: skip
BUSY = ["Dropout: 0.1", "MaxPool2d: {kernel_size: 1, stride: 2}", "Upsample: {scale_factor: 2}",
        "AvgPool2d: {kernel_size: 1, divisor_override: 2}", "Add: [prev, prev]",
        "LPPool2d: {norm_type: 2, kernel_size: 1}"]  # fmt: skip


@pytest.mark.parametrize("kind", IDLE + BUSY)
def test_what_gives_back_its_input_is_reported(kind):
    text = chain("Tanh", kind, "Sigmoid")
    _, y = result(text, train=True)
    _, without = result(chain("Tanh", "Sigmoid"), train=True)
    equal = np.array_equal(y, without)
    assert equal == (kind in IDLE)
    problems = findings(text, "CNN505")
    assert [problem.span.line for problem in problems] == [6] * equal
    for problem in problems:
        assert problem.fix.safe
        assert applied(text, problem.fix) == chain("Tanh", "Sigmoid")


@pytest.mark.parametrize(
    "layers",
    [
        "- Tanh\n- Dropout: $drop",
        "- Tanh\n- MaxPool2d: {kernel_size: $one, stride: 1}",
        "- branches: {a: [Tanh, Identity], b: [Tanh]}\n  merge: Add",
        "- Tanh\n- Identity:\n  name: x",
        "- Tanh:\n  name: x\n- Sigmoid\n- Identity:\n  from: x",
        "- Tanh\n- Same",
        "- Tanh\n- apply: $act",
        "- branches: {a: [Last], b: [Tanh]}\n  merge: Add\n- Last",
        "- for: n\n  in: [8, 16]\n  layers:\n  - Upsample: {scale_factor: $(n // 8)}",
    ],
)
def test_what_says_something_is_no_leftover(layers):
    blocks = "{Same: {layers: [Identity]}, Last: {layers: [Tanh, Identity]}}"
    head = f"vars: {{drop: 0, one: 1, act: Identity}}\nblocks: {blocks}"
    assert findings(spec(layers, input="[4, 8, 8]", head=head), "CNN505") == ()


def test_a_merge_of_one_branch_has_no_fix():
    text = spec("- branches: {a: [Tanh]}\n  merge: Concat", input="[4, 8, 8]")
    [problem] = findings(text, "CNN505")
    assert problem.fix is None
    assert "Concat gives back" in problem.message
