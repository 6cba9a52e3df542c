"""`cnncalc verify`: right networks pass, and every planted fault is caught and named."""

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from test_engine_run import BRANCHES, SIDE, TRUNK, network, shipped

import cnncalc
from cnncalc.analysis import report
from cnncalc.analysis.cost import requiring_gradients
from cnncalc.cli import group, verify as cli
from cnncalc.engine import budget
from cnncalc.engine.budget import Work, needed
from cnncalc.engine.errors import EngineError
from cnncalc.engine.liveness import moments
from cnncalc.engine.run import run as run_engine
from cnncalc.engine.verify import memory
from cnncalc.engine.verify.checks import CHECKS
from cnncalc.engine.verify.results import Verdict
from cnncalc.engine.verify.verify import verify
from cnncalc.engine.weights import initialise, random_inputs
from cnncalc.layer import BackwardMacs
from cnncalc.layers.activation import ReLU
from cnncalc.layers.conv import Conv2d
from cnncalc.layers.linear import Linear
from cnncalc.layers.norm import BatchNorm2d

NET = """cnncalc: 1
name: net
input: [3, 64, 64]
vars: {c: 8}
layers:
  - Conv2d: {out_channels: $c, kernel_size: 3}
  - BatchNorm2d
  - ReLU
  - Conv2d: {out_channels: $c, kernel_size: 3, padding: 1}
  - ReLU
  - AdaptiveAvgPool2d: 1
  - Flatten
  - Linear: 3
variants: {wide: {set: {c: 16}}}
"""
OPAQUE = (
    "cnncalc: 1\ninput: [4]\nlayers: [{Linear: 4}, {Opaque: {output: 3, params: 0, macs: 0}}]\n"
)


def run(*arguments):
    return CliRunner().invoke(group, ["verify", *arguments])


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(NET)
    Path("opaque.yaml").write_text(OPAQUE)
    Path("broken.yaml").write_text(NET.replace("Flatten", "{Linear: 4}"))
    return tmp_path


def judged(graph, **options):
    """The checks of a network by name."""
    return {check.name: check for check in verify(graph, **options).checks}


def verdicts(graph, **options):
    return {name: check.verdict.value for name, check in judged(graph, **options).items()}


def plain(size=64, **options):
    return network(
        "- Conv2d: {out_channels: 8, kernel_size: 3}\n- BatchNorm2d\n- ReLU\n"
        "- Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}\n- ReLU\n"
        "- AdaptiveAvgPool2d: 1\n- Flatten\n- Linear: 3",
        input=f"[3, {size}, {size}]",
        **options,
    )


ALL = dict.fromkeys(CHECKS, "passed")


# ---- what is right passes


CROPPED = "ConvTranspose2d: {out_channels: 32, kernel_size: 16, stride: 2, padding: 7, bias: false}"
ADDED_UP = """
- {Conv2d: {out_channels: 16, kernel_size: 1}, name: a}
- {Upsample: {scale_factor: 2}}
- {AdaptiveAvgPool2d: 1, name: g}
- {AdaptiveAvgPool2d: 1, from: a, name: q}
- {Add: [g, q]}
"""
"""In backward, Upsample's gradient of `a` comes on top of another one, when no more is in use."""


@pytest.mark.parametrize(
    ("layers", "options"),
    [
        (BRANCHES, {}),
        (TRUNK, {"head": "loss: CrossEntropyLoss"}),
        (TRUNK, {"head": SIDE}),
        (TRUNK, {"head": SIDE + "loss: MSELoss"}),
        ("- MaxPool2d: 2\n- Flatten\n- Linear: 3", {}),
        ("- Conv2d: {out_channels: 4, kernel_size: 1, groups: 1}\n- Dropout: 0.5", {}),
        (f"- {{{CROPPED}}}", {}),
        ("- BatchNorm2d\n- ReLU", {"input": "[60000, 2, 2]"}),
        (ADDED_UP, {"input": "[3, 128, 128]"}),
    ],
    ids=range(9),
)
def test_networks_of_all_kinds_pass(layers, options):
    graph = network(layers, **{"input": "[3, 48, 48]", **options})
    for dtype in ("float32", "float64"):
        assert verdicts(graph, dtype=dtype, threads=2) == ALL, judged(graph, dtype=dtype)


def test_several_inputs():
    Path("two.yaml").write_text(
        "cnncalc: 1\ninputs: {left: [3, 200, 200], right: [3, 200, 200]}\n"
        "layers:\n- Add: [left, right]\n- Conv2d: {out_channels: 2, kernel_size: 3}\n"
    )
    assert verdicts(cnncalc.load("two.yaml")) == ALL


@pytest.mark.parametrize("name", ["lenet5", "resnet18", "mobilenet_v2", "shufflenet_v2_x1_0"])
def test_shipped_networks_pass(name):
    assert verdicts(shipped(name), threads=2) == ALL


def test_frozen_layers_have_no_gradients():
    graph = network(
        "- Conv2d: {out_channels: 4, kernel_size: 3}\n  trainable: false\n- Flatten\n- Linear: 2"
    )
    found = judged(graph)
    assert {name: check.verdict.value for name, check in found.items()} == ALL
    assert found["gradients"].run.value == 4 * 14 * 14 * 2 + 2
    assert found["backward_macs"].summary.value == 4 * 14 * 14 * 2


def test_the_numbers_are_those_of_arithmetic():
    found = judged(plain())
    sides = 62 * 62
    macs = sides * 8 * 27 + sides * 8 * 72 + 8 * 3
    values = {
        name: (c.summary and c.summary.value, c.run and c.run.value) for name, c in found.items()
    }
    assert values["shapes"] == (sides * 8 * 5 + 8 + 8 + 3,) * 2
    assert values["params"] == (8 * 28 + 16 + 8 * 73 + 27,) * 2
    assert values["macs"] == (macs, macs)
    assert values["backward_macs"] == (sides * 8 * 27 + 2 * sides * 8 * 72 + 2 * 24,) * 2
    assert values["inference_memory"][0] == 2 * 8 * sides * 4
    assert abs(values["inference_memory"][1] - 2 * 8 * sides * 4) < 70_000
    assert values["gradients"] == (8 * 28 + 16 + 8 * 73 + 27,) * 2
    outputs, gradients, into_inputs = 8, 8, 7
    assert values["finite"][1] == 2 * outputs + gradients + into_inputs


# ---- every fault is caught


def fault(monkeypatch, cls, rule, change):
    """Put what `change` makes of a rule's result in its place."""
    right = getattr(cls, rule)
    monkeypatch.setattr(cls, rule, lambda self, *a, **k: change(right(self, *a, **k), *a))


def caught(**options):
    """The checks that failed, with the layers that they name."""
    return {
        name: [one.path for one in check.differences]
        for name, check in judged(plain(128), **options).items()
        if check.verdict is Verdict.FAILED
    }


def test_nothing_is_caught_where_nothing_is_wrong():
    assert caught() == {}


def more_backward(count, *_):
    return BackwardMacs(count.input, count.weight + 1)


def saves_nothing(*_):
    return ()


FAULTS = [
    (Conv2d, "macs", lambda n, *_: n + 1, {"macs", "backward_macs"}, "layers.0"),
    (Linear, "macs", lambda n, *_: n - 1, {"macs", "backward_macs"}, "layers.7"),
    (Linear, "backward_macs", more_backward, {"backward_macs"}, "layers.7"),
    (ReLU, "saved", saves_nothing, {"training_memory"}, "layers.6"),  # a conv saves the others
    (BatchNorm2d, "saved", saves_nothing, {"training_memory"}, "layers.2"),  # the first behind it
]


@pytest.mark.parametrize(("cls", "rule", "change", "checks", "path"), FAULTS, ids=range(5))
def test_wrong_counting_rules_are_caught(monkeypatch, cls, rule, change, checks, path):
    fault(monkeypatch, cls, rule, change)
    found = caught()
    assert found.keys() == checks
    assert all(paths[0] == path for paths in found.values()), found


def test_a_view_that_is_none_is_caught(monkeypatch):
    monkeypatch.setattr(ReLU, "view", True)
    assert caught() == {"inference_memory": ["layers.2", "layers.4"]}


def another_shape(result, *_):
    y, saved = result
    return y[:, :, 1:], saved


def test_a_wrong_shape_is_caught_and_named(monkeypatch):
    fault(monkeypatch, Conv2d, "forward", another_shape)
    (first, *_) = judged(plain())["shapes"].differences
    assert first == ("layers.0", "Conv2d", "1 x 8 x 62 x 62", "1 x 8 x 61 x 62")


def test_a_run_that_breaks_off_says_where(monkeypatch):
    fault(monkeypatch, ReLU, "forward", lambda result, *_: (result[0][0, 0], None))
    found = judged(plain())
    assert found["shapes"].verdict is Verdict.FAILED
    assert found["shapes"].differences[0].path == "layers.2"
    assert found["shapes"].why.startswith("the run broke off at layers.3 (Conv2d): ")
    assert found["macs"].verdict is Verdict.FAILED


def test_a_backward_pass_that_breaks_off_says_where(monkeypatch):
    fault(monkeypatch, ReLU, "backward", lambda *_: 1 / 0)
    found = judged(plain())
    why = "the run broke off at layers.4 (ReLU): ZeroDivisionError: division by zero"
    assert found["gradients"].why == why
    assert found["macs"].verdict is Verdict.PASSED


def test_products_that_are_performed_twice_are_caught(monkeypatch):
    right = Linear.forward

    def forward(self, weights, x, *, mode):
        right(self, weights, x, mode=mode)
        return right(self, weights, x, mode=mode)

    monkeypatch.setattr(Linear, "forward", forward)
    found = judged(plain())
    assert found["macs"].verdict is Verdict.FAILED
    assert found["macs"].differences == (("layers.7", "Linear", "24", "48"),)
    assert found["macs"].run.value == found["macs"].summary.value + 24


def test_a_tensor_that_is_kept_is_caught(monkeypatch):
    kept = []

    def keep(result, *_):
        kept.append(result[0])
        return result

    fault(monkeypatch, BatchNorm2d, "forward", keep)
    found = caught()
    assert found["inference_memory"][0] == "layers.3"  # the first that should not see it any more


def test_what_backward_keeps_beyond_the_figure_is_caught(monkeypatch):
    kept = []

    def keep(result, *_):
        kept.append(np.zeros(3_000_000))
        return result

    fault(monkeypatch, Conv2d, "backward", keep)
    assert caught().keys() == {"training_memory"}


def test_values_that_are_not_finite_are_caught_and_named(monkeypatch):
    fault(monkeypatch, BatchNorm2d, "forward", lambda result, *_: (result[0] / 0.0, result[1]))
    with np.errstate(all="ignore"):
        found = judged(plain(128))
    assert found["finite"].verdict is Verdict.FAILED
    assert found["inference_memory"].verdict is Verdict.PASSED
    assert found["finite"].differences[0][:2] == ("layers.1", "BatchNorm2d")
    assert found["finite"].differences[0].run == "infinity in the output at inference"
    assert found["macs"].verdict is Verdict.PASSED
    assert found["repeatable"].why == "the values are not finite"
    assert found["repeatable"].verdict is Verdict.NOT_RUN


def transposed(result, *_):
    dx, named = result
    return dx, {n: g.T if n == "weight" else g for n, g in named.items()}


def without_bias(result, *_):
    dx, named = result
    return dx, {n: g for n, g in named.items() if n != "bias"}


@pytest.mark.parametrize(
    ("change", "given"), [(transposed, "8 x 3, 3"), (without_bias, "3 x 8")], ids=range(2)
)
def test_gradients_of_another_shape_are_caught(monkeypatch, change, given):
    fault(monkeypatch, Linear, "backward", change)
    found = judged(plain())["gradients"]
    assert found.verdict is Verdict.FAILED
    assert found.differences == (("layers.7", "Linear", "3 x 8, 3", given),)


def test_gradients_of_inputs_of_another_shape_are_caught(monkeypatch):
    fault(monkeypatch, ReLU, "backward", lambda result, *_: (result[0][:, :1], {}))
    found = judged(plain())["gradients"]
    assert found.verdict is Verdict.FAILED
    assert found.why.startswith("the run broke off at layers.3 (Conv2d): ")
    assert found.differences == (("layers.4", "ReLU", "1 x 8 x 62 x 62", "1 x 1 x 62 x 62"),)


def test_gradients_of_the_networks_inputs_of_another_shape_are_caught(monkeypatch):
    def change(result, *_):
        dx, named = result
        return (dx[:, :1] if dx is not None and dx.shape[1] == 3 else dx), named

    fault(monkeypatch, Conv2d, "backward", change)
    found = judged(plain())["gradients"]
    assert found.differences == (("inputs", "input", "1 x 3 x 64 x 64", "1 x 1 x 64 x 64"),)


@pytest.mark.parametrize(("cls", "rule"), [(ReLU, "forward"), (Linear, "backward")])
def test_runs_that_differ_in_a_bit_are_caught(monkeypatch, cls, rule):
    calls = []

    def differ(result, *_):
        calls.append(1)
        last = result[0] if rule == "forward" else result[1]["bias"]
        last.flat[0] += 1e-3 * len(calls)
        return result

    fault(monkeypatch, cls, rule, differ)
    found = judged(plain())["repeatable"]
    assert found.verdict is Verdict.FAILED
    wanted = "output layers.7" if rule == "forward" else "gradient of layers.7.bias"
    assert wanted in [one.path for one in found.differences]


def test_params_that_are_not_counted_are_caught(monkeypatch):
    from cnncalc.analysis import cost

    right = cost._cost

    def wrong(graph, node, *rest):
        found = right(graph, node, *rest)
        return found._replace(params=found.params - 1) if node.type == "Linear" else found

    monkeypatch.setattr(cost, "_cost", wrong)
    found = judged(plain())["params"]
    assert found.verdict is Verdict.FAILED
    assert found.differences == (
        ("layers.7", "Linear", "26 params, 0 buffers", "27 params, 0 buffers"),
    )


@pytest.mark.parametrize("place", ["report", "memory"])
def test_totals_that_do_not_follow_from_the_layers_are_caught(monkeypatch, place):
    """The sums of the summary, over rules that are right."""
    if place == "report":
        right = report.inference_peak

        def wrong(graph):
            return right(graph)._replace(declared=right(graph).declared * 2)

        monkeypatch.setattr(report, "inference_peak", wrong)
        assert caught().keys() == {"inference_memory"}
    else:
        right = memory.analysed

        def wrong(graph):
            return right(graph)._replace(saved_elements=right(graph).saved_elements * 2)

        monkeypatch.setattr(memory, "analysed", wrong)
        assert caught() == {"training_memory": ["layers.7"]}


# ---- what cannot be run


def test_batch_norm_on_single_values_takes_two_images():
    graph = network("- Conv2d: {out_channels: 4, kernel_size: 3}\n- Flatten\n- BatchNorm1d")
    found = verify(graph)
    assert (found.batch, found.training_batch) == (1, 2)
    assert verdicts(graph) == ALL
    found = verify(graph, batch=1)
    assert found.training_batch is None
    missing = {c.name for c in found.checks if c.verdict is Verdict.NOT_RUN}
    assert missing == {"backward_macs", "training_memory", "gradients"}
    (why,) = {c.why for c in found.checks if c.name in ("gradients", "training_memory")}
    assert "batch norm in training needs more than one value per channel" in why


def test_what_is_declared_is_not_run():
    result = run("opaque.yaml")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[-1] == "not proved: 0 of 10 checks passed, 10 not run"
    assert lines[2].startswith("nothing was run: layers.1 is Opaque: its numbers are declared")


def test_layers_for_training_alone_need_a_training_run():
    graph = network(TRUNK, head=SIDE)
    assert verdicts(graph, checks=["shapes", "macs"]) == {"shapes": "passed", "macs": "passed"}
    declared = SIDE.replace("- Flatten", "- {Opaque: {output: 4, params: 0, macs: 0}}")
    found = judged(network(TRUNK, head=declared), checks=["shapes", "inference_memory"])
    assert found["shapes"].verdict is Verdict.NOT_RUN
    assert "Opaque" in found["shapes"].why


@pytest.mark.parametrize("name", CHECKS)
def test_each_check_alone(name):
    assert verdicts(plain(), checks=[name]) == {name: ALL[name]}


def test_a_check_that_does_not_exist():
    with pytest.raises(EngineError, match="there is no check 'shape'"):
        verify(plain(), checks=["shape"])


# ---- memory


def test_live_tensors_counted_by_hand():
    graph = network("- {ReLU, name: a}\n- Tanh\n- Sigmoid\n- {Add: [a, prev]}\n- Flatten")
    elements, found = 3 * 16 * 16, moments(graph, frozenset(), train=False, batch=5, item=4)
    tensors = [2, 2, 3, 3, 1]  # at Sigmoid: its input, its output, and a
    assert [one.live for one in found.values()] == [5 * 4 * elements * n for n in tensors]
    assert {one.saved for one in found.values()} == {0}
    gradients = requiring_gradients(graph, inputs=True)
    found = list(moments(graph, gradients, train=True, batch=5, item=8).values())
    kept = [1, 2, 3, 3, 3]  # the outputs of ReLU, Tanh and Sigmoid
    assert [one.saved for one in found] == [5 * 8 * elements * n for n in kept]
    assert found[-1].live == found[-1].saved + found[-1].results == 5 * 8 * elements * 4


def test_results_live_to_the_end():
    graph = network(
        "- {ReLU, name: a}\n- Sigmoid\n- Tanh\n- AdaptiveAvgPool2d: 1",
        head="heads: {early: {from: a, layers: [Tanh]}}",
    )
    found = moments(graph, frozenset(), train=False, batch=1, item=4)
    elements = 3 * 16 * 16
    assert [one.live // 4 for one in found.values()] == [
        *(2 * elements, 2 * elements, 3 * elements, 2 * elements + 3),
        2 * elements + 3,  # what the head gives, with what it reads; and the pool's
    ]
    results = [one.results // 4 for one in found.values()]
    assert results == [0, 0, 0, 3, elements + 3]


@pytest.mark.parametrize("train", [False, True], ids=["inference", "training"])
@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("lenet5", None),
        ("resnet18", None),
        ("mobilenet_v2", None),
        ("unet", (3, 64, 64)),
        ("tcn_causal", None),
        ("dcgan_generator", None),
        ("densenet121", (3, 64, 64)),
    ],
)
def test_the_estimate_is_what_a_run_takes_or_somewhat_more(name, size, train):
    graph = shipped(name, size)
    for batch in (1, 3):
        weights = initialise(graph)
        inputs = random_inputs(graph, batch)
        given = sum(one.nbytes for one in (*weights.values(), *inputs.values()))
        tracemalloc.start()
        run_engine(graph, weights, inputs, train=train, backward=train, threads=2)
        peak = given + tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        estimate = needed(graph, Work(batch, backward=train))
        assert peak <= estimate <= 2.5 * peak + 1_000_000


def test_an_inference_that_fits_runs_where_training_does_not():
    graph = shipped("resnet18")
    limit = needed(graph, Work(1, backward=True)) - 1
    found = verify(graph, memory=limit, checks=["macs", "gradients"])
    macs, gradients = found.checks
    assert (macs.verdict, gradients.verdict) == (Verdict.PASSED, Verdict.NOT_RUN)
    assert gradients.why.startswith("a run forward and backward of 1 image takes about 1")
    assert found.training_batch is None
    assert judged(graph, memory=limit + 1, checks=["gradients"])["gradients"].run is not None


def test_a_refusal_says_what_fits():
    graph = plain(256)
    sizes = {batch: needed(graph, Work(batch)) for batch in range(1, 9)}
    with pytest.raises(EngineError) as caught:
        budget.check(graph, Work(8), sizes[5])
    assert caught.value.message.startswith("a run forward of 8 images takes about ")
    assert caught.value.help.startswith("a batch of 5 fits: ")
    budget.check(graph, Work(5), sizes[5])
    with pytest.raises(EngineError) as caught:
        budget.check(graph, Work(8), sizes[1] - 1, lambda inputs: plain(inputs["input"][1]))
    assert caught.value.help.startswith("an input of 3x192x192 fits: ")
    with pytest.raises(EngineError) as caught:
        budget.check(graph, Work(8), 1000, lambda inputs: plain(inputs["input"][1]))
    assert caught.value.help.startswith("even an input of 3x16x16 takes ")
    with pytest.raises(EngineError) as caught:
        budget.check(graph, Work(8), 1000, lambda _: None)
    assert caught.value.help == "no smaller batch fits"


def test_there_is_memory(monkeypatch):
    assert 2**20 < budget.available() < 2**50
    monkeypatch.setattr(budget, "_machine", lambda: 1000)
    monkeypatch.setattr(budget, "_container", lambda: 500)
    assert budget.available() == 450
    monkeypatch.setattr(budget, "_container", lambda: None)
    assert budget.available() == 900
    monkeypatch.setattr(budget, "_machine", lambda: None)
    assert budget.available() is None


# ---- the command


def test_a_table_and_a_verdict():
    result = run("net.yaml")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "net, input 3 x 64 x 64: 8 layers, float32, batch 1, seed 0"
    assert lines[2].split("  ")[0] == "check"
    rows = {line.split()[0]: line for line in lines[3:13]}
    assert list(rows) == list(CHECKS)
    assert rows["macs"].split() == ["macs", "3,044,472", "3,044,472", "counted", "passed"]
    assert lines[-1] == "passed: 10 of 10 checks passed"


def test_a_disagreement_is_named(monkeypatch):
    fault(monkeypatch, Linear, "macs", lambda n, *_: n + 1)
    result = run("net.yaml", "--checks", "macs,shapes")
    assert result.exit_code == 1
    assert "macs failed\n  layers.7 (Linear): summary says 25, the run gives 24\n" in result.stdout
    assert result.stdout.splitlines()[-1] == "failed: macs; 1 of 2 checks passed"


def test_of_many_layers_the_first_are_named(monkeypatch):
    fault(monkeypatch, Conv2d, "macs", lambda n, *_: n + 1)
    result = run("resnet18", "--checks", "macs", "--input", "3x32x32")
    assert result.stdout.count("(Conv2d): summary says") == 5
    assert "\n  and 15 more\n" in result.stdout


def test_json_has_both_numbers():
    found = json.loads(run("net.yaml", "--format", "json", "--seed", "4").stdout)
    assert (found["verify"], found["name"], found["seed"]) == (1, "net", 4)
    assert (found["passed"], found["failed"], found["not_run"]) == (10, 0, 0)
    assert found["verdict"] == "passed"
    macs = next(one for one in found["checks"] if one["check"] == "macs")
    assert macs == {
        "check": "macs",
        "verdict": "passed",
        "summary": {"value": 3044472, "unit": "", "note": ""},
        "run": {"value": 3044472, "unit": "counted", "note": ""},
        "why": None,
        "differences": [],
    }


def test_several_networks_get_a_comparison():
    result = run("net.yaml", "opaque.yaml", "--variant", "all")
    assert result.exit_code == 1
    rows = result.stdout.splitlines()[-3:]
    assert [row.partition("  ")[0] for row in rows] == ["net", "net (wide)", "opaque.yaml"]
    assert [row.split(":")[0].split()[-1] for row in rows] == ["passed", "passed", "proved"]
    many = json.loads(run("net.yaml", "net.yaml", "--format", "json", "--checks", "macs").stdout)
    assert [one["verdict"] for one in many] == ["passed", "passed"]


def test_options_change_the_network():
    options = ("--input", "3x32x32", "--set", "c=4", "--dtype", "float64", "--batch", "3")
    found = json.loads(run("net.yaml", *options, "--threads", "2", "--format", "json").stdout)
    assert (found["inputs"], found["dtype"]) == ({"input": [3, 32, 32]}, "float64")
    assert (found["batch"], found["training_batch"], found["verdict"]) == (3, 3, "passed")
    sizes = {one["check"]: one["summary"] for one in found["checks"]}
    assert sizes["inference_memory"]["value"] == 3 * 8 * 2 * 4 * 30 * 30


def test_a_spec_with_errors_is_not_run():
    result = run("broken.yaml")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "error CNN101 shape-mismatch: Linear on a map" in result.stderr
    result = run("net.yaml", "broken.yaml", "--checks", "shapes")
    assert result.exit_code == 1
    assert "passed: 1 of 1 check passed" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing argument 'SPEC...'"),
        (("net.yaml", "--checks", "mac"), "there is no check 'mac'; did you mean 'macs'?"),
        (("net.yaml", "--checks", "nonsense"), "checks: shapes, params, macs"),
        (("net.yaml", "--checks", ","), "name a check: shapes"),
        (("net.yaml", "--batch", "0"), "is not in the range"),
        (("net.yaml", "--threads", "0"), "is not in the range"),
        (("net.yaml", "--dtype", "int8"), "'int8' is not one of"),
        (("net.yaml", "--memory", "much"), "'much' is not a size such as 24GiB"),
        (("missing.yaml",), "no file and no bundled spec is called 'missing.yaml'"),
        (("net.yaml", "--output", "."), "cannot write '.'"),
    ],
)
def test_wrong_usage(arguments, message):
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_results_go_to_a_file():
    result = run("net.yaml", "--output", "found.txt", "--checks", "shapes")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "passed: 1 of 1 check passed" in Path("found.txt").read_text()


def test_too_little_memory_is_refused_before_anything_runs():
    result = run("net.yaml", "--memory", "200KiB", "--batch", "4")
    assert result.exit_code == 1
    assert "nothing was run: a run forward of 4 images takes about" in result.stdout
    assert "may be used; an input of 3x" in result.stdout


def test_the_command_knows_all_checks():
    assert tuple(CHECKS) == cli.CHECKS
