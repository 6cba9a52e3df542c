"""Rules about the order of layers, against what the networks compute."""

import numpy as np
import pytest
from helpers import good, loaded, spec
from hypothesis import given, strategies as st
from lint_helpers import applied, findings

import cnncalc
from cnncalc.engine.errors import EngineError
from cnncalc.language.builder import Settings
from cnncalc.pipeline import expand

CONV = "Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}"
PLAIN = "Conv2d: {out_channels: 4, kernel_size: 3, padding: 1, bias: false}"


def chain(*items, input="[4, 8, 8]", head=""):
    """A spec with these items one after the other."""
    return spec("\n".join(f"- {item}" for item in items), input=input, head=head)


def graph(text):
    return expand(loaded(text), Settings()).graph


def images(network, batch=3, seed=1):
    """Random arrays for the inputs of a network."""
    draw = np.random.default_rng(seed).normal
    return {
        name: draw(size=(batch, *network.values[i].shape)) for name, i in network.inputs.items()
    }


def outputs(network, x, *, weights=None, train=False):
    weights = cnncalc.initialise(network, dtype="float64") if weights is None else weights
    return [*cnncalc.run(network, weights, x, train=train).outputs.values()]


# ---- CNN301


@pytest.mark.parametrize(
    ("layer", "norm", "input", "cancels"),
    [
        ("Conv2d: {out_channels: 4, kernel_size: 3}", "BatchNorm2d", "[4, 8, 8]", True),
        ("Conv2d: {out_channels: 4, kernel_size: 3}", "InstanceNorm2d", "[4, 8, 8]", True),
        ("Conv2d: {out_channels: 4, kernel_size: 3}", "GroupNorm: 2", "[4, 8, 8]", False),
        ("Conv2d: {out_channels: 4, kernel_size: 3}", "LocalResponseNorm: 3", "[4, 8, 8]", False),
        ("ConvTranspose1d: {out_channels: 4, kernel_size: 3}", "BatchNorm1d", "[4, 8]", True),
        ("LocallyConnected1d: {out_channels: 4, kernel_size: 3}", "BatchNorm1d", "[4, 8]", False),
        ("Linear: 5", "BatchNorm1d", "[6]", True),
        ("Linear: {in_features: 8, out_features: 5}", "BatchNorm1d", "[4, 8]", False),
        ("Conv1d: {out_channels: 4, kernel_size: 3}", "InstanceNorm1d", "[4, 8]", True),
        ("Linear: 5", "BatchNorm1d: {affine: false}", "[6]", True),
    ],
)
def test_a_bias_is_reported_where_another_one_would_change_nothing(layer, norm, input, cancels):
    text = chain(layer, norm, input=input)
    network = graph(text)
    weights = cnncalc.initialise(network, dtype="float64")
    drawn = np.random.default_rng(2).normal(size=weights["layers.0.bias"].shape)
    other = weights | {"layers.0.bias": drawn}
    x = images(network)
    [one], [two] = (outputs(network, x, weights=w, train=True) for w in (weights, other))
    assert np.allclose(one, two) == cancels
    assert bool(findings(text, "CNN301")) == cancels


def test_a_bias_that_something_else_reads_is_none_to_report():
    text = chain(CONV + "\n  name: raw", "BatchNorm2d", "Add: [prev, raw]")
    assert findings(text, "CNN301") == ()
    assert findings(text.replace("Add: [prev, raw]", "ReLU"), "CNN301")
    both = spec(
        f"- {CONV}\n- branches: {{left: [BatchNorm2d], right: [InstanceNorm2d]}}\n  merge: Add",
        input="[4, 8, 8]",
    )
    assert findings(both, "CNN301")
    assert findings(both.replace("InstanceNorm2d", "Identity"), "CNN301") == ()
    out = chain(CONV + "\n  name: raw", "BatchNorm2d", head="outputs: [raw]")
    assert findings(out, "CNN301") == ()


@pytest.mark.parametrize(
    ("written", "mended"),
    [
        (
            "- Conv2d: {out_channels: 8, kernel_size: 3}   # a comment",
            "- Conv2d: {out_channels: 8, kernel_size: 3, bias: false}   # a comment",
        ),
        (
            "- Conv2d:\n    out_channels: 8\n    kernel_size: [3,\n      3]   # square",
            "- Conv2d:\n    out_channels: 8\n    kernel_size: [3,\n      3]   # square\n"
            "    bias: false",
        ),
        (
            "- Conv2d: {out_channels: 8, bias: true, kernel_size: 3}",
            "- Conv2d: {out_channels: 8, bias: false, kernel_size: 3}",
        ),
        ("- Flatten\n- Linear: 8", "- Flatten\n- Linear: {out_features: 8, bias: false}"),
        ("- Flatten\n- Linear: {\n  }\n", None),
        ("- Conv2d: {out_channels: 8, kernel_size: 3, bias: $b}", None),
        ("- Flatten\n- Linear: $(max(7, 8))", None),
        ("- apply: {Conv2d: {out_channels: 8, kernel_size: 3}}", None),
    ],
)
def test_the_fix_writes_the_argument_and_nothing_else(written, mended):
    head = "vars: {b: true}\ndefaults: {Linear: {out_features: 8}}"
    norm = "BatchNorm1d" if "Linear" in written else "BatchNorm2d"
    text = spec(f"{written}\n- {norm}", input="[3, 6, 6]", head=head)
    [problem] = findings(text, "CNN301")
    if written == "- Flatten\n- Linear: {\n  }\n":
        mended = "- Flatten\n- Linear: {bias: false}\n"
    if mended is None:
        assert problem.fix is None
        return
    assert problem.fix.safe
    after = applied(text, problem.fix)
    assert after == text.replace(written.rstrip("\n"), mended.rstrip("\n"))
    assert findings(after, "CNN301") == ()


def test_a_line_that_is_not_everywhere_before_a_norm_has_no_fix():
    text = """\
cnncalc: 1
input: [3, 16, 16]
layers:
  - for: norm
    in: [true, false]
    layers:
      - Conv2d: {out_channels: 8, kernel_size: 3}
      - BatchNorm2d:
        if: $norm
      - ReLU
"""
    [problem] = findings(text, "CNN301")
    assert problem.fix is None
    [problem] = findings(text.replace("false]", "true]"), "CNN301")
    assert problem.times == 2
    assert applied(text, problem.fix).count("bias: false") == 1


def test_the_fix_is_not_safe_where_parameters_are_promised():
    text = chain(CONV, "BatchNorm2d", head="expect: {params: 156}")
    assert [problem.fix.safe for problem in findings(text, "CNN301")] == [False]


# ---- CNN302


@pytest.mark.parametrize(
    "between",
    [
        (),
        ("BatchNorm2d",),
        ("Identity",),
        ("Scale: 0.5",),
        ("BatchNorm2d", "Dropout2d: 0.1", "ZeroPad2d: 1"),
    ],
)
def test_what_is_reported_is_a_linear_map(between):
    text = chain(CONV, *between, CONV)
    [problem] = findings(text, "CNN302")
    assert problem.span.line == text.count("\n")
    network = graph(text)
    one, two = images(network, seed=1), images(network, seed=2)
    both = {name: one[name] + two[name] for name in one}
    none = {name: 0 * one[name] for name in one}
    [f], [g], [h], [zero] = (outputs(network, x) for x in (one, two, both, none))
    assert np.allclose(f + g, h + zero)


@pytest.mark.parametrize(
    "layers",
    [
        (CONV, "ReLU", CONV),
        (CONV, "InstanceNorm2d", CONV),
        (CONV, "GroupNorm: 2", CONV),
        (CONV, "MaxPool2d: 2", CONV),
        ("Conv2d: {out_channels: 4, kernel_size: 3, groups: 4}", CONV),
        (CONV, "Conv2d: {out_channels: 4, kernel_size: 3, groups: 4}"),
        ("Conv2d: {out_channels: 3, kernel_size: 1}", CONV),
        ("Conv2d: {out_channels: 4, kernel_size: [3, 1]}",
         "Conv2d: {out_channels: 4, kernel_size: [1, 3]}"),
        (CONV + "\n  name: x", CONV, "Add: [prev, x]"),
    ],
)  # fmt: skip
def test_what_was_split_on_purpose_is_not_reported(layers):
    assert findings(chain(*layers), "CNN302") == ()


@pytest.mark.parametrize(
    "layers",
    [
        ("Conv2d: {out_channels: 4, kernel_size: 1}", CONV),  # not fewer between
        ("Conv2d: {out_channels: 3, kernel_size: 1}", "Conv2d: {out_channels: 3, kernel_size: 1}"),
        (CONV, "Conv2d: {out_channels: 4, kernel_size: 1}"),
        ("Conv2d: {out_channels: 4, kernel_size: [3, 1]}",
         "Conv2d: {out_channels: 4, kernel_size: [3, 1]}"),
        ("Conv2d: {out_channels: 4, kernel_size: 3, groups: 2}", CONV),
    ],
)  # fmt: skip
def test_what_only_looks_split_is_reported(layers):
    assert len(findings(chain(*layers), "CNN302")) == 1


DEPTHWISE = "Conv2d: {out_channels: 4, kernel_size: 3, padding: 1, groups: 4}"
POINTWISE = "Conv2d: {out_channels: 4, kernel_size: 1}"
SQUEEZE = f"[{{AdaptiveAvgPool2d: 1}}, {{{POINTWISE}}}, Sigmoid]"
GATE = f"branches: {{map: , gate: {SQUEEZE}}}\n  merge: Mul"


@pytest.mark.parametrize(
    "between",
    [(), ("BatchNorm2d", "ReLU"), ("GroupNorm: 2", "SiLU"), ("BatchNorm2d", "ReLU", GATE)],
)
def test_a_projection_behind_a_depthwise_convolution_is_a_linear_bottleneck(between):
    layers = (*between, POINTWISE, "BatchNorm2d", CONV)
    assert findings(chain(DEPTHWISE, *layers), "CNN302") == ()
    full = DEPTHWISE.replace("groups: 4", "groups: 2")
    assert findings(chain(full, "ReLU", *layers), "CNN302")


@pytest.mark.parametrize(
    "layers",
    [
        (DEPTHWISE, "ReLU", POINTWISE.replace("4", "5"), CONV),  # more channels than before
        (DEPTHWISE, "ReLU", CONV, CONV),  # not pointwise
        (DEPTHWISE, "ReLU", POINTWISE, "ReLU", POINTWISE, CONV),  # not the first one behind it
        (DEPTHWISE, "ReLU", "MaxPool2d: 2", POINTWISE, CONV),  # not directly behind it
    ],
)
def test_what_is_no_projection_of_a_depthwise_convolution_is_reported(layers):
    assert len(findings(chain(*layers), "CNN302")) == 1


def test_three_convolutions_are_two_findings():
    text = chain(CONV, CONV, CONV)
    assert [p.span.line for p in findings(text, "CNN302")] == [6, 7]
    out = chain(CONV + "\n  name: x", CONV + "\n  name: y", head="outputs: [x, y]")
    assert findings(out, "CNN302") == ()


# ---- CNN303


@pytest.mark.parametrize("kind", ["ReLU", "ReLU6", "Hardtanh: {min_val: -2}"])
def test_an_idle_activation_is_deleted_and_the_network_computes_the_same(kind):
    text = chain(CONV, kind, kind, "MaxPool2d: 2")
    [problem] = findings(text, "CNN303")
    assert "changes nothing" in problem.message
    assert problem.fix.safe
    after = applied(text, problem.fix)
    assert after.count(kind) == 1
    x = images(graph(text))
    assert np.array_equal(outputs(graph(text), x), outputs(graph(after), x))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("ReLU", "Sigmoid"),
        ("Sigmoid", "Sigmoid"),
        ("ReLU6", "ReLU"),
        ("LeakyReLU: 0.1", "LeakyReLU: 0.1"),
        ("Hardtanh", "Hardtanh: {min_val: -2}"),
        ("Softmax: 1", "LogSoftmax: 1"),
    ],
)
def test_activations_that_do_something_have_no_fix(first, second):
    text = chain(CONV, first, second, "MaxPool2d: 2")
    [problem] = findings(text, "CNN303")
    assert problem.fix is None
    assert "changes nothing" not in problem.message
    network = graph(text)
    once = graph(chain(CONV, first, "MaxPool2d: 2"))
    x = {name: 5 * one for name, one in images(network).items()}
    same = np.allclose(outputs(network, x), outputs(once, x))
    assert same == (first in ("ReLU6", "Hardtanh"))  # whose range lies in that of the second


def test_gates_and_maxout_are_no_repetition():
    gate = chain(CONV + "\n  name: x", "Softplus", "Tanh", "Mul: [prev, x]")
    assert findings(gate, "CNN303") == ()
    assert findings(gate.replace("Mul", "Add"), "CNN303")
    assert findings(chain(CONV, "ReLU", "Maxout: 2"), "CNN303") == ()


@pytest.mark.parametrize(
    ("written", "mended"),
    [
        ("- ReLU\n- ReLU   # twice\n- ReLU6", "- ReLU\n# twice\n- ReLU6"),
        ("- ReLU\n- ReLU:\n    inplace: true\n- ReLU6", "- ReLU\n- ReLU6"),
        ("- layers: [ReLU, ReLU, ReLU6]", "- layers: [ReLU, ReLU6]"),
        ("- layers: [ReLU, {ReLU: }]", "- layers: [ReLU]"),
        ("- ReLU\n- ReLU:\n  name: x\n- ReLU6", None),
        ("- ReLU\n- layers: [ReLU]\n- ReLU6", None),
        ("- ReLU\n- layers:\n    ReLU\n- ReLU6", None),
        ("- ReLU\n- ReLU:\n    # really\n    inplace: true\n- ReLU6", None),
        ("- layers: [ReLU, # one\n    ReLU]", None),
        ("- Tanh\n- ReLU\n- ReLU\n- Add: [prev, prev2]", None),
        ("- Tanh\n- for: i\n  in: [0, 1]\n  layers:\n  - ReLU\n- Tanh", None),
    ],
)
def test_the_fix_takes_an_item_out_and_keeps_every_comment(written, mended):
    text = spec(written, input="[3, 6, 6]")
    first = findings(text, "CNN303")[0]
    assert (first.fix is None) == (mended is None)
    if mended is not None:
        assert applied(text, first.fix) == text.replace(written, mended)


# ---- CNN304


@pytest.mark.parametrize("between", [(), (PLAIN,), (PLAIN, "ReLU"), ("MaxPool2d: 2", "Dropout: 0")])
def test_dropout_that_reaches_a_norm_is_reported_once(between):
    text = chain("Dropout: 0.2", *between, "BatchNorm2d", "ReLU", PLAIN, "BatchNorm2d")
    [problem] = findings(text, "CNN304")
    assert problem.span.line == 5
    assert f"BatchNorm2d on line {6 + len(between)}" in problem.message


@pytest.mark.parametrize(
    "layers",
    [
        ("Dropout: 0", "BatchNorm2d"),
        ("Dropout: 0.2", "GroupNorm: 2"),
        ("Dropout: 0.2", "InstanceNorm2d"),
        ("Dropout: 0.2", "BatchNorm2d: {track_running_stats: false}"),
        ("Dropout: 0.2", "Flatten", "Linear: {out_features: 3, bias: false}", "BatchNorm1d"),
        ("Dropout: 0.2", "Add: [prev, input]", "BatchNorm2d"),
        ("BatchNorm2d", "Dropout: 0.2", CONV),
        ("Dropout: 0.2", "GroupNorm: 2", "BatchNorm2d"),
    ],
)
def test_dropout_elsewhere_is_not_reported(layers):
    assert findings(chain(*layers), "CNN304") == ()


# ---- CNN305, CNN306


@pytest.mark.parametrize(
    ("loss", "level"),
    [(None, "info"), ("CrossEntropyLoss", "warning"), ("BCEWithLogitsLoss", "warning"),
     ("MSELoss", None), ("L1Loss", None)],
)  # fmt: skip
@pytest.mark.parametrize("last", ["Softmax: 1", "LogSoftmax: 1", "Sigmoid"])
def test_what_a_loss_says_of_the_last_activation(last, loss, level):
    head = f"loss: {loss}" if loss else ""
    problems = findings(chain("Flatten", "Linear: 10", last, head=head), "CNN305")
    assert [problem.level.value for problem in problems] == ([level] if level else [])
    assert all((loss or "a loss") in problem.message for problem in problems)


@pytest.mark.parametrize(("last", "code"), [("Softmax: 1", "CNN305"), ("ReLU", "CNN306")])
def test_outputs_end_behind_what_only_rearranges(last, code):
    conv = "Conv2d: {out_channels: 10, kernel_size: 8}"
    for rest in ((), ("Flatten",), ("Dropout: 0.1", "Flatten", "Identity")):
        assert [p.span.line for p in findings(chain(conv, last, *rest), code)] == [6]
    assert findings(chain(conv, last, "AdaptiveAvgPool2d: 1", "Flatten"), code) == ()
    heads = "heads: {aux: {from: x, train_only: true, layers: [Tanh]}}".replace("Tanh", last)
    text = chain(conv + "\n  name: x", "Tanh", head=heads.replace("[", "[{").replace("]}}", "}]}}"))
    text = text if ":" in last else text.replace("{ReLU}", "ReLU")
    assert [p.span.line for p in findings(text, code)] == [3]


# ---- CNN307, CNN308

DEPTHWISE = "Conv2d: {out_channels: 4, kernel_size: 3, padding: 1, groups: 4}"


def reads(text):
    """Which channels of the input each channel of the output depends on."""
    network = graph(text)
    weights = cnncalc.initialise(network, dtype="float64")
    x = images(network)
    [before] = outputs(network, x, weights=weights)
    found = []
    for channel in range(x["input"].shape[1]):
        changed = x["input"].copy()
        changed[:, channel] += 1
        [after] = outputs(network, {"input": changed}, weights=weights)
        axes = (0, *range(2, after.ndim))
        found.append((before != after).any(axis=axes))
    return np.array(found).T


@pytest.mark.parametrize(
    "behind",
    [(), ("Sigmoid", "AvgPool2d: 2"), ("BatchNorm2d", DEPTHWISE), ("ChannelShuffle: 2", "Scale"),
     (PLAIN,), ("Sigmoid", "Conv2d: {out_channels: 2, kernel_size: 1, groups: 2}"),
     ("AdaptiveAvgPool2d: 1", "Flatten", "Linear: 3"), ("Tanh", DEPTHWISE, "Tanh", PLAIN),
     ("ConvTranspose2d: {out_channels: 2, kernel_size: 2}",)],
)  # fmt: skip
def test_a_depthwise_convolution_is_reported_where_no_output_sees_two_channels(behind):
    text = chain(DEPTHWISE, *behind)
    alone = reads(text).sum(axis=1).max() == 1
    layers = good("\n".join(f"- {item}" for item in (DEPTHWISE, *behind)), input="[4, 8, 8]").rows
    depthwise = [row for row in layers if "groups=4" in str(row.node.layer)]
    assert len(findings(text, "CNN307")) == (len(depthwise) if alone else 0)


@pytest.mark.parametrize(
    ("layers", "count"),
    [
        ((DEPTHWISE, "Add: [prev, input]", PLAIN), 0),
        ((DEPTHWISE + "\n  name: x", PLAIN, "Add: [prev, x]"), 0),
        ((DEPTHWISE, "Add: [prev, input]", "ReLU", "Add: [prev, input]", PLAIN), 1),
        ((DEPTHWISE, "Concat: [prev, input]", "Tanh:\n  name: x", "Add: [prev, x]", PLAIN), 0),
        ((DEPTHWISE, "Add: [prev, input]", "Add: [prev, shift]", PLAIN), 0),
        ((DEPTHWISE, "Add: [prev, shift]", "Add: [prev, shift]", "ReLU"), 1),
        ((DEPTHWISE, "Mul: [prev, input]", "Mul: [prev, input]", "Add: [prev, input]", PLAIN), 0),
        (("Conv2d: {out_channels: 4, kernel_size: 3, groups: 2}", "ReLU"), 0),
        ((DEPTHWISE.replace("out_channels: 4", "out_channels: 8"), "ReLU"), 1),
    ],
)
def test_mixing_behind_one_merge_counts(layers, count):
    shift = ("AdaptiveAvgPool2d: 1\n  name: shift", "Identity:\n  from: input")
    assert len(findings(chain(*shift, *layers), "CNN307")) == count


def test_a_convolution_of_one_channel_is_not_depthwise():
    assert findings(chain(CONV, input="[1, 8, 8]"), "CNN307") == ()


@given(st.sampled_from([1, 2, 3, 4, 6, 12]), st.sampled_from([1, 2, 3, 4, 6]), st.booleans())
def test_the_parts_that_stay_apart_are_those_that_never_meet(first, second, depthwise):
    items = [f"Conv2d: {{out_channels: 12, kernel_size: 1, groups: {n}}}" for n in (first, second)]
    filters = ["Conv2d: {out_channels: 12, kernel_size: 1, groups: 12}"] if depthwise else []
    text = chain(items[0], "Sigmoid", *filters, items[1], input="[12, 2, 2]")
    problems = findings(text, "CNN308")
    sees = reads(text).astype(int)
    meets = np.linalg.matrix_power(np.minimum(sees @ sees.T, 1), 12) > 0
    parts = len({tuple(row) for row in meets})
    if first == 12 or parts == 1:
        assert problems == ()
    else:
        assert [f"apart in {parts} parts" in problem.message for problem in problems] == [True]


@pytest.mark.parametrize(
    "between",
    ["ChannelShuffle: 2", PLAIN, "Softmax: 1", "Add: [prev, input]", "GroupNorm: 1", "Maxout: 2"],
)
def test_what_mixes_groups_ends_the_row(between):
    grouped = "Conv2d: {out_channels: 4, kernel_size: 1, groups: 2}"
    assert findings(chain(grouped, "ReLU", grouped), "CNN308")
    assert findings(chain(grouped, between, grouped), "CNN308") == ()


# ---- CNN309


@pytest.mark.parametrize("input", ["[4, 1, 1]", "[4, 1, 2]", "[4, 1]", "[4, 3]", "[4, 1, 1, 1]"])
@pytest.mark.parametrize("kind", ["BatchNorm", "InstanceNorm"])
def test_a_norm_is_reported_where_it_cannot_be_trained_with_one_image(kind, input):
    text = chain(f"{kind}{input.count(',')}d", input=input)
    network = graph(text)
    try:
        outputs(network, images(network, batch=1), train=True)
        fails = False
    except EngineError:
        fails = True
    problems = findings(text, "CNN309")
    assert [problem.span.line for problem in problems] == [5] * fails
