"""The check of gradients on whole networks: what is shrunk, and whether layers are wired right."""

import numpy as np
import pytest
from helpers import loaded, spec
from hypothesis import given, settings, strategies as st

from cnncalc.engine import backward, forward
from cnncalc.engine.gradients.check import check_gradients
from cnncalc.engine.gradients.results import Verdict
from cnncalc.engine.gradients.shrink import _live, shrink
from cnncalc.engine.gradients.signature import signatures
from cnncalc.engine.gradients.wiring import BLOCKS, batch_for, block_count, blocks
from cnncalc.kernels.mode import Mode
from cnncalc.language.builder import Settings
from cnncalc.layers.conv import Conv2d
from cnncalc.pipeline import expand, load, rebuilder
from cnncalc.source import read
from cnncalc.window import Sliding, Transposed


def network(text):
    """The network of a spec, and the same for other inputs."""
    one = loaded(text)
    built = expand(one, Settings())
    assert not built.problems, built.problems
    return built.graph, rebuilder(one, Settings())


def checked(text, **options):
    graph, rebuild = network(text)
    return check_gradients(graph, rebuild=rebuild, **options)


def ends(report):
    """The verdicts end to end."""
    return {one.what: one.verdict for one in report.wiring}


RESIDUAL = """
- Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}
- {ReLU: null, name: stem}
- {Conv2d: {out_channels: 1, kernel_size: 1}, name: thin}
- {Identity: null, from: stem}
- branches:
    main:
      - Conv2d: {out_channels: 4, kernel_size: 3, padding: 1, bias: false}
      - BatchNorm2d
      - ReLU
      - Dropout: 0.3
    shortcut: []
  merge: Add
- branches:
    left: [{Conv2d: {out_channels: 2, kernel_size: 1}}]
    right: [{Conv2d: {out_channels: 3, kernel_size: 1}}, Tanh]
  merge: Concat
- {Chunk: {chunks: 5, dim: 1}, name: [a, b, c, d, e]}
- {Mul: [a, e], name: product}
- {Add: [product, b, thin]}
- Flatten
- Linear: 3
"""


# ---- wiring


def test_a_network_with_branches_passes_end_to_end():
    report = checked(spec(RESIDUAL, input="[2, 6, 5]"))
    assert report.verdict is Verdict.PASSED
    assert len(report.wiring) >= 10
    assert max(one.probe.error for one in report.wiring) < 1e-11


def _overwriting(self, node, dxs, _, wanted):
    """A gradient that arrives second takes the place of the first."""
    for index, dx in zip(node.inputs, dxs, strict=True):
        if index in wanted:
            self.gradients[index] = dx


def _reversed_inputs(original):
    def give(self, node, dxs, dys, wanted):
        same = len({dx.shape for dx in dxs}) == 1
        original(self, node, tuple(reversed(dxs)) if same else dxs, dys, wanted)

    return give


def _forgetful(original):
    def take(self, node):
        dys = original(self, node)
        return (*dys[:-1], np.zeros_like(dys[-1])) if len(dys) > 1 else dys

    return take


@pytest.mark.parametrize("fault", ["overwritten", "reversed", "forgotten"])
def test_gradients_that_are_put_together_wrongly_fail(monkeypatch, fault):
    kind = backward.Backward
    change = {
        "overwritten": ("_give", _overwriting),
        "reversed": ("_give", _reversed_inputs(kind._give)),
        "forgotten": ("_take", _forgetful(kind._take)),
    }[fault]
    monkeypatch.setattr(kind, *change)
    report = checked(spec(RESIDUAL, input="[2, 6, 5]"))
    assert all(one.verdict.good for one in report.layers)
    assert ends(report)["all at once"] is Verdict.FAILED
    assert report.verdict is Verdict.FAILED


def test_a_mask_that_is_not_replayed_between_passes_fails(monkeypatch):
    calls = iter(range(10**6))

    def mode(**values):
        return Mode(**values | {"seed": (next(calls),)})

    monkeypatch.setattr(forward, "Mode", mode)
    report = checked(spec("- Linear: 20\n- Dropout: 0.5\n- Linear: 3", input="[9]"))
    assert ends(report)["all at once"] is Verdict.FAILED


def test_a_bias_before_a_batch_norm_is_0_by_structure():
    layers = "- Conv2d: {out_channels: 3, kernel_size: 3}\n- BatchNorm2d"
    report = checked(spec(layers, input="[2, 6, 6]"))
    assert report.verdict.good
    found = ends(report)
    assert found["layers.0.bias"] is Verdict.ZERO
    assert found["layers.0.weight"] is Verdict.PASSED
    (bias,) = (t for t in report.layers[0].tensors if t.tensor == "bias")
    assert bias.verdict is Verdict.PASSED  # alone it is checked like any other


@pytest.mark.parametrize(
    ("between", "zero"),
    [
        ("MaxPool2d: 2", True),
        ("Upsample: {scale_factor: 2, mode: bilinear}", True),
        ("ReflectionPad2d: 1", True),
        ("ReplicationPad2d: 1", True),
        ("AdaptiveAvgPool2d: 2", True),
        ("ZeroPad2d: 1", False),
        ("ReLU", False),
        ("LocallyConnected2d: {out_channels: 3, kernel_size: 1}", False),
    ],
)
def test_a_bias_is_0_through_layers_that_keep_it(between, zero):
    layers = f"- Conv2d: {{out_channels: 3, kernel_size: 3}}\n- {between}\n- BatchNorm2d"
    report = checked(spec(layers, input="[2, 8, 8]"))
    assert report.verdict is Verdict.PASSED
    assert ends(report)["layers.0.bias"] is (Verdict.ZERO if zero else Verdict.PASSED)


def test_a_direction_along_which_the_derivative_is_0_by_chance_is_not_taken():
    for seed in range(8):  # the gradients of this bias are -0.2, 0 and 0.2
        report = checked(spec("- Linear: 5", input="[9]", head="loss: L1Loss"), seed=seed)
        assert report.verdict is Verdict.PASSED
        assert all(one.probe.analytic for one in report.wiring)


def test_a_bias_that_something_else_reads_too_is_not_0():
    layers = """
    - {Conv2d: {out_channels: 3, kernel_size: 1}, name: c}
    - BatchNorm2d
    - Add: [prev, c]
    """
    report = checked(spec(layers, input="[2, 4, 4]"))
    assert ends(report)["layers.0.bias"] is Verdict.PASSED


def test_a_bias_of_a_result_of_the_network_is_not_0():
    text = """
    cnncalc: 1
    input: [2, 4, 4]
    layers:
      - {Conv2d: {out_channels: 3, kernel_size: 1}, name: c}
      - {BatchNorm2d: null, name: n}
    outputs: [c, n]
    """.replace("\n    ", "\n")
    report = checked(text)
    assert report.verdict is Verdict.PASSED
    assert ends(report)["layers.0.bias"] is Verdict.PASSED


def test_a_gradient_where_there_must_be_none_fails(monkeypatch):
    right = Conv2d.backward

    def backward(self, *arguments, **options):
        dx, named = right(self, *arguments, **options)
        return dx, {n: g + 1 if n == "bias" else g for n, g in named.items()}

    monkeypatch.setattr(Conv2d, "backward", backward)
    layers = "- Conv2d: {out_channels: 3, kernel_size: 3}\n- BatchNorm2d"
    report = checked(spec(layers, input="[2, 6, 6]"))
    assert ends(report)["layers.0.bias"] is Verdict.FAILED


def test_a_bias_along_another_axis_than_the_channels_is_not_0():
    layers = "- Linear: {in_features: 4, out_features: 6}\n- BatchNorm2d"
    report = checked(spec(layers, input="[6, 4, 4]"))
    assert report.verdict is Verdict.PASSED
    assert ends(report)["layers.0.bias"] is Verdict.PASSED


def test_an_exact_gelu_is_differentiated_on_the_way():
    report = checked(spec("- Linear: 6\n- GELU\n- Linear: 5\n- GELU\n- Linear: 2", input="[4]"))
    assert report.verdict is Verdict.PASSED
    assert {t.method for one in report.layers for t in one.tensors if one.type == "GELU"} == {
        "differences"
    }
    assert max(one.probe.error for one in report.wiring) < 1e-9


def test_frozen_parameters_have_no_gradient_and_the_rest_passes():
    layers = "- {Linear: 6, trainable: false}\n- ReLU\n- Linear: 3"
    report = checked(spec(layers, input="[4]"))
    assert report.verdict is Verdict.PASSED
    assert set(ends(report)) == {"all at once", "input", "layers.2.weight", "layers.2.bias"}
    assert report.coverage.tensors == 7  # alone, the frozen layer is checked as well


def test_heads_losses_and_several_inputs():
    text = """
    cnncalc: 1
    inputs: {left: [3, 8, 8], right: [3, 8, 8]}
    layers:
      - {Conv2d: {out_channels: 4, kernel_size: 3}, from: left, name: a}
      - {Conv2d: {out_channels: 4, kernel_size: 3}, from: right, name: b}
      - {Add: [a, b], name: sum}
      - AdaptiveAvgPool2d: 1
      - Flatten
      - Linear: 5
    heads:
      aux: {from: sum, train_only: true, layers: [Flatten, {Linear: 5}]}
    loss: CrossEntropyLoss
    """
    report = checked(text.replace("\n    ", "\n"))
    assert report.verdict is Verdict.PASSED
    assert {"input left", "input right"} <= set(ends(report))
    (loss,) = (one for one in report.layers if one.type == "CrossEntropyLoss")
    assert loss.paths == ("loss", "loss")


def test_a_loss_whose_gradient_is_wrong_fails_end_to_end(monkeypatch):
    from cnncalc.layers.loss import MSELoss

    right = MSELoss.backward
    monkeypatch.setattr(
        MSELoss,
        "backward",
        lambda self, *a, **k: tuple(
            (tuple(None if d is None else 2 * d for d in one) if isinstance(one, tuple) else one)
            for one in right(self, *a, **k)
        ),
    )
    report = checked(spec("- Linear: 3", input="[4]", head="loss: MSELoss"))
    assert ends(report)["all at once"] is Verdict.FAILED
    assert report.layers[-1].verdict is Verdict.FAILED


def test_a_layer_that_is_declared_is_never_proved():
    layers = "- Linear: 6\n- Opaque: {output: 4, params: 0, macs: 0}"
    report = checked(spec(layers, input="[4]"))
    assert report.verdict is Verdict.NOT_CHECKED
    assert report.coverage == (1, 2, 3, 4)
    (end,) = report.wiring
    assert end.verdict is Verdict.NOT_CHECKED
    assert "declared, not modelled" in end.note


def test_a_batch_norm_of_single_values_gets_more_images():
    graph, _ = network(spec("- Linear: 6\n- BatchNorm1d\n- ReLU\n- Linear: 2", input="[4]"))
    assert batch_for(graph) == 4
    assert check_gradients(graph).verdict.good
    graph, _ = network(spec("- BatchNorm2d", input="[4, 2, 2]"))
    assert batch_for(graph) == 2


def test_the_same_seed_gives_the_same_report():
    text = spec(RESIDUAL, input="[2, 6, 5]")
    one = checked(text, seed=3)
    assert one == checked(text, seed=3)
    assert one != checked(text, seed=4)
    two = checked(text, seed=3, threads=2)
    assert two == checked(text, seed=3, threads=2)
    assert one.layers == two.layers  # the network itself sums in another order on two threads


def test_blocks_hold_every_tensor_once():
    for count in (1, 5, 16, 17, 40, 161):
        names = [str(n) for n in range(count)]
        found = list(blocks(names, BLOCKS))
        assert [name for block in found for name in block] == names
        assert len(found) == min(count, 16)
        assert max(map(len, found)) - min(map(len, found)) <= 1


def test_large_networks_have_fewer_blocks_but_at_least_two():
    graph, _ = network(spec("- Linear: 6", input="[4]"))
    assert block_count(graph, 2) == BLOCKS
    big = "- Conv2d: {out_channels: 1024, kernel_size: 3, padding: 1}\n" * 3
    graph, _ = network(spec(big, input="[1024, 64, 64]"))
    assert block_count(graph, 2) == 2


# ---- distinct layers


def test_layers_are_distinct_by_type_arguments_and_shapes():
    layers = """
    - Conv2d: {out_channels: 3, kernel_size: 3, padding: 1}
    - ReLU
    - Conv2d: {out_channels: 3, kernel_size: 3, padding: [1, 1]}
    - ReLU
    - Conv2d: {out_channels: 3, kernel_size: 3, padding: 1, bias: false}
    - MaxPool2d: 2
    - ReLU
    """
    graph, _ = network(spec(layers))
    paths = [one.paths for one in signatures(graph)]
    assert paths == [
        ("layers.0", "layers.2"),
        ("layers.1", "layers.3"),
        ("layers.4",),
        ("layers.5",),
        ("layers.6",),
    ]


def test_one_layer_alone():
    report = checked(spec("- Linear: 6\n- ReLU\n- Linear: 2", input="[4]"), layer="layers.2")
    assert [one.paths for one in report.layers] == [("layers.2",)]
    assert report.wiring == ()


# ---- shrinking


def shrunk(text):
    graph, rebuild = network(text)
    found = shrink(graph, rebuild)
    return [found.values[index].shape for index in found.inputs.values()]


@pytest.mark.parametrize(
    ("layers", "input", "wanted"),
    [
        ("- Conv2d: {out_channels: 2, kernel_size: 3, padding: 1}", "[3, 64, 48]", (3, 2, 2)),
        ("- Conv2d: {out_channels: 2, kernel_size: 3}", "[3, 64, 48]", (3, 4, 4)),
        ("- Conv2d: {out_channels: 2, kernel_size: 3, stride: 2}", "[3, 64, 65]", (3, 6, 5)),
        ("- MaxPool2d: 2\n- MaxPool2d: 2", "[3, 64, 65]", (3, 8, 9)),
        ("- Conv2d: {out_channels: 2, kernel_size: 3, dilation: 4, padding: 4}", "[3, 64, 64]",
         (3, 5, 5)),
        ("- Flatten\n- {Linear: {in_features: 192, out_features: 2}}", "[3, 8, 8]", (3, 8, 8)),
        ("- Flatten\n- Linear: 2", "[3, 8, 8]", (3, 2, 2)),
        ("- Conv2d: {out_channels: 2, kernel_size: 8}", "[3, 8, 12]", (3, 8, 9)),
        ("- Upsample: {scale_factor: 2}", "[3, 8, 8]", (3, 2, 2)),
        ("- Upsample: {size: 16}", "[3, 8, 8]", (3, 8, 8)),
        ("- AdaptiveAvgPool2d: 7", "[3, 20, 20]", (3, 2, 2)),
        ("- ConvTranspose2d: {out_channels: 2, kernel_size: 2, stride: 2}", "[3, 8, 8]",
         (3, 2, 2)),
        ("- ConvTranspose2d: {out_channels: 2, kernel_size: 5, padding: 4}", "[3, 8, 8]",
         (3, 6, 6)),
        ("- ConvTranspose2d: {out_channels: 2, kernel_size: 3, dilation: 4, padding: 4}",
         "[3, 8, 8]", (3, 5, 5)),
        ("- ReflectionPad2d: 3", "[3, 8, 8]", (3, 4, 4)),
        ("- CenterCrop: $(spatial(prev)[0] // 2)", "[3, 64, 64]", (3, 16, 16)),
        ("- Linear: 2", "[7]", (7,)),
        ("- Conv1d: {out_channels: 2, kernel_size: 2, stride: 2}", "[3, 99]", (3, 5)),
        ("- Conv3d: {out_channels: 2, kernel_size: 3, padding: 1}", "[3, 4, 20, 1]",
         (3, 2, 2, 1)),
    ],
)  # fmt: skip
def test_the_smallest_input_on_which_every_layer_does_the_same(layers, input, wanted):
    assert shrunk(spec(layers, input=input)) == [wanted]


def test_several_inputs_shrink_in_proportion():
    text = """
    cnncalc: 1
    inputs: {large: [3, 64, 64], small: [3, 32, 32]}
    layers:
      - {MaxPool2d: 2, from: large, name: half}
      - Add: [half, small]
    """.replace("\n    ", "\n")
    assert shrunk(text) == [(3, 4, 4), (3, 2, 2)]


def test_inputs_without_a_common_proportion_stay():
    text = """
    cnncalc: 1
    inputs: {a: [1, 6], b: [1, 5]}
    layers:
      - {ReLU: null, from: a, name: c}
      - {ReLU: null, from: b, name: d}
    outputs: [c, d]
    """.replace("\n    ", "\n")
    assert shrunk(text) == [(1, 6), (1, 5)]


def test_an_adaptive_pool_is_checked_at_its_size_as_written():
    report = checked(spec("- ReLU\n- AdaptiveAvgPool2d: 7", input="[3, 20, 20]"))
    assert [one.shapes for one in report.layers] == [((3, 2, 2),), ((3, 20, 20),)]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("resnet50", (3, 64, 64)),  # 64 -> 32 -> 16 -> 8 -> 4 -> 2
        ("vgg16", (3, 64, 64)),
        ("unet", (3, 32, 32)),
        ("lenet5", (1, 32, 32)),  # its last kernel is as large as the map
        ("dcgan_generator", (100, 1, 1)),
    ],
)
def test_bundled_networks_shrink(name, wanted):
    one = load(read(name))
    graph = expand(one, Settings()).graph
    smaller = shrink(graph, rebuilder(one, Settings()))
    assert [smaller.values[index].shape for index in smaller.inputs.values()] == [wanted]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_shrunk_network_keeps_remainders_and_taps(data):
    layers, size = [], data.draw(st.integers(20, 90))
    for _ in range(data.draw(st.integers(1, 4))):
        k = data.draw(st.integers(1, 5))
        s, d = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 2))
        p = data.draw(st.integers(0, 2))
        layers.append((k, s, p, d))
    text = "\n".join(
        f"- Conv1d: {{out_channels: 1, kernel_size: {k}, stride: {s}, padding: {p}, dilation: {d}}}"
        for k, s, p, d in layers
    )
    one = loaded(spec(text, input=f"[1, {size}]"))
    built = expand(one, Settings())
    if built.wrong:
        return
    smaller = shrink(built.graph, rebuilder(one, Settings()))
    for node, (k, s, p, d) in zip(built.graph.nodes, layers, strict=True):
        ((_, n),) = built.graph.shapes(node.inputs)
        ((_, small),) = smaller.shapes(node.inputs)
        assert small >= min(n, 2)
        assert (n + 2 * p - d * (k - 1) - 1) % s == (small + 2 * p - d * (k - 1) - 1) % s
        assert seen(n, k, s, p, d) == seen(small, k, s, p, d)


def seen(n, k, s, p, d):
    """The taps that meet an element, by trying all."""
    steps = (n + 2 * p - d * (k - 1) - 1) // s + 1
    return {t for t in range(k) for o in range(steps) if 0 <= o * s - p + t * d < n}


@given(
    *(st.integers(1, 6) for _ in range(3)),
    st.integers(-2, 8),
    st.integers(1, 12),
    st.integers(1, 9),
)
def test_taps_that_meet_the_map(kernel, stride, dilation, before, positions, steps):
    wanted = {
        t
        for t in range(kernel)
        for o in range(steps)
        if 0 <= o * stride - before + t * dilation < positions
    }
    for kind in (Sliding, Transposed):
        assert _live(kind(kernel, stride, dilation, before), positions, steps) == wanted
