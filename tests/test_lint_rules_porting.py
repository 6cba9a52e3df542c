"""Rules about other frameworks' meanings, and about promises."""

import numpy as np
import pytest
from helpers import loaded, spec
from lint_helpers import check, findings, network

import cnncalc
from cnncalc.language.builder import Settings
from cnncalc.lint import rules
from cnncalc.pipeline import expand


def one(layer, input="[2, 6, 6]", head=""):
    return spec(f"- {layer}", input=input, head=head)


def result(text, x):
    graph = expand(loaded(text), Settings()).graph
    [y] = cnncalc.run(graph, {}, {"input": x}).outputs.values()
    return y


# ---- CNN601


@pytest.mark.parametrize(
    ("arguments", "input"),
    [
        ("kernel_size: 3, padding: 1", "[2, 6, 6]"),
        ("kernel_size: 3, stride: 1, padding: [0, 1]", "[2, 6, 6]"),
        ("kernel_size: 2", "[2, 6, 6]"),
        ("kernel_size: 3, padding: 0", "[2, 6, 6]"),
        ("kernel_size: 3, ceil_mode: true", "[2, 7, 7]"),
    ],
)
def test_an_average_pool_is_reported_where_the_two_countings_differ(arguments, input):
    text = one(f"AvgPool2d: {{{arguments}}}", input)
    size = int(input[4])
    x = np.random.default_rng(1).normal(size=(1, 2, size, size))
    flags = [f"AvgPool2d: {{{arguments}, count_include_pad: {flag}}}" for flag in ("true", "false")]
    with_pad, without = (result(one(flag, input), x) for flag in flags)
    differ = not np.allclose(with_pad, without)
    assert len(findings(text, "CNN601")) == differ
    assert all(findings(one(flag, input), "CNN601") == () for flag in flags)
    if differ:
        assert np.array_equal(result(text, x), with_pad)  # the message says: in torch they count


def test_defaults_say_it_too():
    text = one("AvgPool2d: {kernel_size: 3, padding: 1}")
    assert findings(text, "CNN601")
    for entry, count in (("count_include_pad: true", 0), ("ceil_mode: true", 1)):
        head = f"defaults: {{AvgPool2d: {{{entry}}}}}"
        again = one("AvgPool2d: {kernel_size: 3, padding: 1}", head=head)
        assert len(findings(again, "CNN601")) == count


# ---- CNN602


@pytest.mark.parametrize(
    ("layer", "count"),
    [
        ("BatchNorm2d: {momentum: 0.99}", 1),
        ("BatchNorm2d: {momentum: 0.5}", 1),
        ("BatchNorm2d: {momentum: 0.49}", 0),
        ("BatchNorm2d: {momentum: null}", 0),
        ("BatchNorm2d: {momentum: 0.99, track_running_stats: false}", 0),
        ("InstanceNorm2d: {momentum: 0.9}", 0),
        ("InstanceNorm2d: {momentum: 0.9, track_running_stats: true}", 1),
    ],
)
def test_a_momentum_is_the_share_of_the_new_batch(layer, count):
    assert len(findings(one(layer), "CNN602")) == count


def test_the_help_gives_the_momentum_that_keeps_keras_statistics():
    text = one("BatchNorm2d: {momentum: 0.99}")
    [problem] = findings(text, "CNN602")
    said = problem.help.split()[3]
    graph = expand(loaded(text.replace("0.99", said)), Settings()).graph
    weights = cnncalc.initialise(graph, dtype="float64")
    x = np.random.default_rng(1).normal(size=(4, 2, 6, 6))
    found = cnncalc.run(graph, weights, {"input": x}, train=True).buffers["layers.0.running_mean"]
    keras = 0.99 * weights["layers.0.running_mean"] + (1 - 0.99) * x.mean(axis=(0, 2, 3))
    assert np.allclose(found, keras)


# ---- CNN603


@pytest.mark.parametrize("kind", ["Dropout", "Dropout2d", "AlphaDropout"])
@pytest.mark.parametrize(("p", "help"), [(0.8, None), (0.81, "0.19"), (0.9, "0.1"), (1, "0")])
def test_dropout_above_four_fifths_is_reported(kind, p, help):
    problems = findings(one(f"{kind}: {p}"), "CNN603")
    assert [problem.help.split()[1] for problem in problems] == ([help] if help else [])
    if problems:
        assert problems[0].message.startswith(f"{100 * p:.0f}% ")


# ---- CNN604


@pytest.mark.parametrize("kind", ["MaxPool2d", "AvgPool2d", "LPPool2d"])
@pytest.mark.parametrize("ceil", [True, False])
def test_pools_that_round_up_are_reported_with_their_size(kind, ceil):
    order = "norm_type: 2, " if kind == "LPPool2d" else ""
    flag = str(ceil).lower()
    text = one(f"{kind}: {{{order}kernel_size: 3, stride: 2, ceil_mode: {flag}}}")
    size = result(text, np.ones((1, 2, 6, 6))).shape[2]
    assert size == 2 + ceil
    messages = [problem.message for problem in findings(text, "CNN604")]
    assert messages == ["the size is rounded up, to 3 x 3"] * ceil


# ---- CNN703


@pytest.mark.parametrize(
    ("head", "variant", "line"),
    [
        ("", None, 1),
        ("budget: {params: 1}", None, None),
        ("expect: {params: 0}", None, None),
        ("variants:\n  a: {set: {v: 1}}", "a", 4),
        ("variants:\n  a: {set: {v: 1}, expect: {params: 0}}", "a", None),
        ("expect: {params: 0}\nvariants:\n  a: {set: {v: 1}}", "a", 5),
    ],
)
def test_a_network_without_promises_is_reported_where_it_begins(head, variant, line):
    text = one("LeakyReLU: $v", head=f"{head}\nvars: {{v: 0}}")
    found = [problem.span.line for problem in findings(text, "CNN703", variant)]
    assert found == ([line] if line else [])


def test_of_a_file_that_cannot_be_read_nothing_is_said():
    assert check(network(loaded("layers: [")), [rules.catalogue()["CNN703"]()]) == ()
