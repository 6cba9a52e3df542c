"""Depth: the number in a network's name, and the longest of all paths where they can be listed."""

import csv
from pathlib import Path

import pytest
from helpers import compute, good, spec

from cnncalc import api
from cnncalc.analysis.cost import costs
from cnncalc.analysis.depth import depth

TABLE = Path(__file__).parent / "data" / "published" / "depth.csv"

CONV = "- Conv2d: {out_channels: 3, kernel_size: 3, padding: 1}"

# Printed depths that are not those of the network: what the code that is said to be shown gives.
DISAGREEING = {
    # 5 in the stem, 3 in each of the three mixed blocks between the stages, 4 in each of the
    # 10 + 20 + 10 residual blocks, the last convolution and the classifier.
    "keras/InceptionResNetV2": 5 + 3 * 3 + 4 * (10 + 20 + 10) + 1 + 1,
}


def published():
    with TABLE.open(newline="", encoding="utf-8") as lines:
        return [pytest.param(row, id=row["network"]) for row in csv.DictReader(lines)]


def of(layers, **options):
    return good(layers, **options).totals.depth


def listed_paths(graph):
    """The layers with MACs on each path from an input to an output, path by path."""
    counts = costs(graph)
    readers = [[n for n in graph.nodes if i in n.inputs] for i in range(len(graph.values))]
    results = {output.value for output in graph.inference_outputs()}

    def walk(value, layers):
        if value in results:
            yield layers
        for node in readers[value]:
            macs = counts[graph.nodes.index(node)].macs
            for output in node.outputs:
                yield from walk(output, layers + bool(macs))

    return [layers for value in graph.inputs.values() for layers in walk(value, 0)]


@pytest.mark.parametrize("row", published())
def test_depth_is_that_published(row):
    wanted = DISAGREEING.get(row["network"], int(row["depth"]))
    assert api.summarize(row["network"]).totals.depth == wanted


@pytest.mark.parametrize(("name", "layers", "blocks"), [("seresnet50", 50, 16)])
def test_the_two_layers_of_every_gate_count(name, layers, blocks):
    assert api.summarize(name).totals.depth == layers + 2 * blocks


@pytest.mark.parametrize("name", ["resnet18", "unet", "yolov3_tiny"])
def test_depth_is_the_longest_of_all_paths(name):
    network = api.load(name)
    found = listed_paths(network)
    assert len(set(found)) > 1
    assert depth(network, costs(network)) == max(found)


def test_layers_without_macs_do_not_count():
    assert of(f"{CONV}\n- BatchNorm2d\n- ReLU\n- MaxPool2d: 2\n- Flatten\n- Linear: 5") == 2
    assert of("- ReLU\n- MaxPool2d: 2") == 0


def test_the_longer_branch_counts_whichever_comes_first():
    long, short = f"[{', '.join(['{Conv2d: {out_channels: 3, kernel_size: 1}}'] * 3)}]", "[ReLU]"
    for first, second in ((long, short), (short, long)):
        branches = f"- branches: {{a: {first}, b: {second}}}\n  merge: Add"
        assert of(f"{CONV}\n{branches}") == 4


def test_of_several_outputs_the_deepest_counts():
    layers = f"{CONV}\n  name: a\n{CONV}\n  name: b\n{CONV}\n  from: a\n  name: c"
    assert of(layers, head="outputs: [c, b]") == 2
    assert of(layers, head="outputs: [a]") == 1


TWO_INPUTS = """\
cnncalc: 1
inputs: {x: [3, 8, 8], y: [3, 8, 8]}
layers:
  - {Conv2d: {out_channels: 3, kernel_size: 1}, from: x, name: a}
  - {Conv2d: {out_channels: 3, kernel_size: 1}, from: a, name: b}
  - {Add: [b, y]}
"""


def test_of_several_inputs_the_farther_counts():
    assert compute(TWO_INPUTS).totals.depth == 2


def test_a_head_for_training_does_not_count():
    head = f"""\
heads:
  aux:
    from: stem
    train_only: true
    layers:
      {CONV}
      {CONV}
      {CONV}
"""
    report = compute(spec(f"{CONV}\n  name: stem\n- ReLU", head=head))
    assert not report.problems
    assert len(report.rows) == 5
    assert report.totals.depth == 1


def test_a_broken_head_for_training_leaves_the_depth_known():
    head = """\
heads:
  aux: {from: stem, train_only: true, layers: [{Conv2d: {out_channels: 4, kernel_size: 99}}]}
"""
    report = compute(spec(f"{CONV}\n  name: stem\n- ReLU", head=head))
    assert report.problems
    assert (report.totals.params, report.totals.depth) == (None, 1)


@pytest.mark.parametrize(
    "layers",
    [
        "- Conv2d: {out_channels: 4, kernel_size: 99}\n- ReLU",
        "- Foo: 3\n- ReLU",
        f"{CONV}\n  name: a\n- MaxPool2d: 2\n- Add: [prev, a]\n{CONV}",
        "- {ReLU: null, from: nowhere}",
    ],
)
def test_depth_is_not_known_where_macs_are_not(layers):
    totals = compute(spec(layers)).totals
    assert (totals.macs, totals.depth) == (None, None)


def test_depth_and_size_can_be_expected_and_limited():
    layers = f"{CONV}\n- Flatten\n- Linear: 5"  # 84 + 3,845 parameters, of 4 bytes each
    head = "expect: {depth: 2, size_bytes: 15716}\nbudget: {depth: 2, size_bytes: 16KiB}"
    report = compute(spec(layers, head=head))
    assert [check.ok for check in report.checks] == [True] * 4
    head = "expect: {depth: 3, size_bytes: ~15.4KiB}\nbudget: {depth: 1, size_bytes: 15KiB}"
    report = compute(spec(layers, head=head))
    assert [(check.key, check.ok) for check in report.checks] == [
        ("depth", False),
        ("size_bytes", False),
        ("depth", False),
        ("size_bytes", False),
    ]
