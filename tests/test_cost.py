"""Counts of networks, against loops that count each product, and which gradients are computed."""

from itertools import product

import pytest
from helpers import compute, good, loaded, spec

from cnncalc import source
from cnncalc.analysis.report import Sizing
from cnncalc.language.builder import Settings
from cnncalc.pipeline import analyse, load
from cnncalc.render import totals as shown

# ---- every product counted one by one


def conv_products(x, out_channels, kernel, stride=1, padding=0, dilation=1, groups=1):
    """Products of a 2-D convolution of (C, H, W), those with padding included; and its output."""
    channels, *space = x
    starts = []
    for n in space:
        last = n + padding - dilation * (kernel - 1) - 1
        starts.append(range(-padding, last + 1, stride))
    count = 0
    for out in range(out_channels):
        group = out * groups // out_channels
        for _ in product(*starts):
            for channel in range(channels):
                if channel * groups // channels == group:
                    for _ in range(kernel**2):
                        count += 1
    return count, (out_channels, *(len(one) for one in starts))


def transposed_products(x, out_channels, kernel, groups=1):
    """Each input element meets every weight that leads from its channel."""
    count = 0
    for channel, _, _ in product(*(range(n) for n in x)):
        for out in range(out_channels):
            if channel * groups // x[0] == out * groups // out_channels:
                count += kernel**2
    return count


def linear_products(positions, inputs, outputs):
    return sum(1 for _ in product(range(positions), range(inputs), range(outputs)))


def test_macs_of_a_small_network():
    items = """
    - Conv2d: {out_channels: 4, kernel_size: 3, stride: 2, padding: 1}
    - BatchNorm2d
    - ReLU
    - Conv2d: {out_channels: 6, kernel_size: 3, dilation: 2, padding: 2, groups: 2, bias: false}
    - MaxPool2d: 2
    - ConvTranspose2d: {out_channels: 4, kernel_size: 3, stride: 2, groups: 2}
    - Flatten
    - Linear: 5
    """
    report = good(items, input="[3, 9, 11]")
    first, shape = conv_products((3, 9, 11), 4, 3, 2, 1)
    assert report.rows[0].out_shapes == (shape,)
    second, shape = conv_products(shape, 6, 3, 1, 2, 2, 2)
    assert report.rows[3].out_shapes == (shape,)
    third = transposed_products((6, 2, 3), 4, 3, 2)
    fourth = linear_products(1, 4 * 5 * 7, 5)
    assert [row.cost.macs for row in report.rows] == [first, 0, 0, second, 0, third, 0, fourth]
    assert report.totals.macs == first + second + third + fourth


def test_flops_of_a_small_network():
    """Two a product; a bias 1, batch norm 2, ReLU 1 an element; a maximum of 4 compares 3 times."""
    items = """
    - Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}
    - BatchNorm2d
    - ReLU
    - MaxPool2d: 2
    - Conv2d: {out_channels: 2, kernel_size: 1, bias: false}
    - Flatten
    - Linear: 5
    - Softmax
    """
    report = good(items, input="[3, 8, 6]")
    first, _ = conv_products((3, 8, 6), 4, 3, 1, 1)
    second, _ = conv_products((4, 4, 3), 2, 1)
    third = linear_products(1, 2 * 4 * 3, 5)
    each = 4 * 8 * 6
    expected = [2 * first + each, 2 * each, each, 3 * (each // 4), 2 * second, 0, 2 * third + 5]
    assert [row.cost.flops for row in report.rows] == [*expected, 3 * 5]
    assert report.totals.flops == sum(expected) + 3 * 5


def test_parameters_of_a_small_network():
    items = """
    - Conv2d: {out_channels: 4, kernel_size: 3, groups: 2}
    - BatchNorm2d
    - PReLU: 4
    - ConvTranspose2d: {out_channels: 6, kernel_size: 2, bias: false}
    - Flatten
    - Linear: {out_features: 3, bias: false}
    """
    report = good(items, input="[2, 5, 5]")
    weights = sum(1 for _ in product(range(4), range(1), range(3), range(3)))
    transposed = sum(1 for _ in product(range(4), range(6), range(2), range(2)))
    linear = sum(1 for _ in product(range(6 * 4 * 4), range(3)))
    assert [row.cost.params for row in report.rows] == [weights + 4, 8, 4, transposed, 0, linear]
    assert [row.cost.buffers for row in report.rows] == [0, 8, 0, 0, 0, 0]
    assert report.totals.params == weights + 4 + 8 + 4 + transposed + linear
    assert report.totals.buffers == 8


def test_counts_are_of_one_image():
    one = loaded(spec("- Conv2d: {out_channels: 4, kernel_size: 3}\n- ReLU"))
    single, many = (analyse(one, Settings(), Sizing(batch=batch)).totals for batch in (1, 8))
    assert many.peak_inference_bytes == 8 * single.peak_inference_bytes
    for totals in (single, many):
        assert totals.activation_elements == 2 * 4 * 14 * 14
        assert totals.macs == conv_products((3, 16, 16), 4, 3)[0]


# ---- which gradients a training step computes


def backward(items, **options):
    report = good(items, **options)
    return [tuple(row.cost.backward_macs) for row in report.rows]


CONV = "{{Conv2d: {{out_channels: 2, kernel_size: 1}}, trainable: {}}}"
FROZEN, TRAINED = CONV.format("false"), CONV.format("true")
MACS = 2 * 2 * 9  # of each of these on maps of 2 x 3 x 3


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([TRAINED], [(0, MACS)]),
        ([TRAINED, TRAINED], [(0, MACS), (MACS, MACS)]),
        ([FROZEN, TRAINED], [(0, 0), (0, MACS)]),
        ([FROZEN, FROZEN, TRAINED, TRAINED], [(0, 0), (0, 0), (0, MACS), (MACS, MACS)]),
        ([TRAINED, FROZEN], [(0, MACS), (MACS, 0)]),
        ([TRAINED, FROZEN, TRAINED], [(0, MACS), (MACS, 0), (MACS, MACS)]),
        ([FROZEN, FROZEN], [(0, 0), (0, 0)]),
        (["BatchNorm2d", TRAINED], [(0, 0), (MACS, MACS)]),  # the norm is the first to be trained
        (["{BatchNorm2d: {affine: false}}", TRAINED], [(0, 0), (0, MACS)]),
        (["ReLU", TRAINED], [(0, 0), (0, MACS)]),
        (["PReLU", TRAINED], [(0, 0), (MACS, MACS)]),
    ],
)
def test_gradients_are_computed_from_the_first_trainable_weight_on(layers, expected):
    items = "\n".join(f"- {layer}" for layer in layers)
    assert backward(items, input="[2, 3, 3]") == expected


def test_a_frozen_block_freezes_all_in_it():
    conv = "Conv2d: {out_channels: 2, kernel_size: 1}"
    text = spec(
        "- {Stem: null, trainable: false}\n- Conv2d: {out_channels: 2, kernel_size: 1}",
        input="[2, 3, 3]",
        head=f"blocks: {{Stem: {{layers: [{conv}, BatchNorm2d]}}}}",
    )
    report = compute(text)
    assert not report.problems
    totals = report.totals
    assert (totals.params, totals.frozen, totals.trainable) == (6 + 4 + 6, 10, 6)
    assert tuple(totals.backward_macs) == (0, MACS)


def test_two_inputs_of_which_one_is_frozen():
    text = f"""
cnncalc: 1
inputs: {{left: [2, 3, 3], right: [2, 3, 3]}}
layers:
  - {{Conv2d: {{out_channels: 2, kernel_size: 1}}, from: left, name: a, trainable: false}}
  - {{Conv2d: {{out_channels: 2, kernel_size: 1}}, from: right, name: b}}
  - {{Conv2d: {{out_channels: 2, kernel_size: 1}}, from: a, name: c, trainable: false}}
  - Add: [c, b]
  - {FROZEN}
  - Mul: [prev, c]
  - {TRAINED}
"""
    report = compute(text)
    assert not report.problems
    found = [tuple(row.cost.backward_macs) for row in report.rows]
    assert found == [(0, 0), (0, MACS), (0, 0), (0, 0), (MACS, 0), (0, 0), (MACS, MACS)]


def test_what_leads_to_no_output_is_not_trained():
    items = f"""
    - {TRAINED[:-1]}, name: stem}}
    - {TRAINED}
    - {{ReLU: null, from: stem}}
    """
    assert backward(items, input="[2, 3, 3]") == [(0, MACS), (0, 0), (0, 0)]


def test_heads_are_trained_but_do_not_count_at_inference():
    text = spec(
        f"- {TRAINED[:-1]}, name: stem}}\n- {TRAINED}",
        input="[2, 3, 3]",
        head=f"heads: {{aux: {{from: stem, train_only: true, layers: [{TRAINED}]}}}}",
    )
    totals = compute(text).totals
    assert (totals.params, totals.params_inference) == (18, 12)
    assert (totals.macs, tuple(totals.backward_macs)) == (2 * MACS, (2 * MACS, 3 * MACS))


def test_forward_and_backward_of_resnet50():
    """PyTorch's FlopCounterMode gives 24,299,077,632 for a training step: 2 for each of these."""
    totals = analyse(load(source.read_bundled("resnet50"))).totals
    assert totals.macs + sum(totals.backward_macs) == 12_149_538_816 == 24_299_077_632 // 2


# ---- what is not known


def test_a_failing_layer_makes_totals_unknown_and_leaves_the_rest_known():
    items = """
    - Conv2d: {out_channels: 4, kernel_size: 3}
    - Conv2d: {out_channels: 4, kernel_size: 3, groups: 3}
    - ReLU
    - Linear: 3
    """
    report = compute(spec(items))
    assert [row.cost and row.cost.params for row in report.rows] == [4 * 27 + 4, None, None, None]
    assert report.rows[0].cost.backward_macs.weight == report.rows[0].cost.macs > 0
    totals = report.totals
    assert {totals.params, totals.trainable, totals.macs, totals.flops, totals.backward_macs} == {
        None
    }


def test_a_missing_branch_does_not_turn_gradients_of_the_others_to_zero():
    """A misspelt name cuts the network in two: what the first part leads to is not known."""
    items = f"- {TRAINED}\n- {TRAINED}\n- {{ReLU: null, from: nowhere}}"
    report = compute(spec(items, input="[2, 3, 3]"))
    assert [row.cost and tuple(row.cost.backward_macs) for row in report.rows] == [
        (0, MACS),
        (MACS, MACS),
        None,
    ]


# ---- the view of Keras


def test_keras_counts_running_statistics_as_parameters():
    items = f"- {FROZEN}\n- BatchNorm2d\n- {{BatchNorm2d: null, trainable: false}}\n- {TRAINED}"
    report = good(items, input="[2, 3, 3]")
    totals = report.totals
    assert (totals.params, totals.buffers) == (6 + 4 + 4 + 6, 8)
    assert (totals.trainable, totals.frozen) == (4 + 6, 6 + 4)
    text = dict(shown.figures(report, "keras"))["params"]
    assert text == "28 in the Keras view: 10 trainable, 18 non-trainable"
