"""Rules and the bundled networks: silent on what is accepted, and they see a mistake put there."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from helpers import loaded
from lint_helpers import check, default_rules, network, warnings

from cnncalc import source
from cnncalc.lint import rules
from cnncalc.pipeline import load, variants_of

ALLOWED = yaml.safe_load((Path(__file__).parent / "data/lint_allowed.yaml").read_text("utf-8"))
SPECS = list(source.bundled())


def allowed(spec):
    return {entry["code"]: entry["places"] for entry in ALLOWED if entry["spec"] == spec}


@pytest.mark.parametrize("spec", SPECS)
def test_default_warnings_on_a_bundled_spec_are_those_that_are_allowed(spec):
    one = load(source.read_bundled(spec))
    places = {
        (problem.code, problem.span)
        for variant in (None, *variants_of(one))
        for problem in warnings(network(one, variant))
    }
    assert Counter(code for code, _ in places) == allowed(spec), sorted(places)


def test_every_allowance_is_of_a_spec_and_gives_its_reason():
    for entry in ALLOWED:
        assert entry["spec"] in SPECS
        assert len(entry["reason"].split()) > 3


class Mistake(NamedTuple):
    """What is written in place of what in a spec, and where in that the finding begins."""

    code: str
    spec: str
    old: str
    new: str
    at: str


MISTAKES = [
    Mistake(
        "CNN105",
        "resnet18",
        "  - AdaptiveAvgPool2d: 1\n",
        "  - Conv2d: {out_channels: 8, kernel_size: 1}\n"
        "  - AdaptiveAvgPool2d: 1\n    from: features\n",
        "Conv2d: {out_channels: 8",
    ),
    Mistake("CNN106", "lenet5", "{num_classes: 10}", "{num_classes: 10, width: 6}", "width: 6"),
    Mistake(
        "CNN107",
        "lenet_gluon",
        "      - Tanh\n",
        "      - for: channels\n        in: [1]\n        layers: Tanh\n",
        "channels",
    ),
    Mistake(
        "CNN108",
        "lenet_gluon",
        "  - Flatten\n",
        "  - branches:\n"
        "      whole: {Conv2d: {out_channels: 50, kernel_size: 3}}\n"
        "      half: {MaxPool2d: 2}\n"
        "    merge: Concat\n"
        "  - Flatten\n",
        "Concat",
    ),
    Mistake("CNN202", "resnet50", "stride: 2, padding: 1}\n", "stride: 2}\n", "2}"),
    Mistake(
        "CNN203",
        "lenet_gluon",
        "AvgPool2d: 2",
        "AvgPool2d: {kernel_size: 1, stride: 2}",
        "2}",
    ),
    Mistake(
        "CNN204",
        "mobilenet_v1",
        "$(same_padding(kernel_size))",
        "$kernel_size",
        "$kernel_size",
    ),
    Mistake("CNN205", "yolov2_tiny", "kernel_size: 1}", "kernel_size: 27, padding: 13}", "27,"),
    Mistake(
        "CNN206",
        "unet",
        "kernel_size: 3, padding: 1,",
        "kernel_size: 4, padding: same,",
        "same,",
    ),
    Mistake(
        "CNN207",
        "unet",
        "kernel_size: 2, stride: 2}",
        "kernel_size: 3, stride: 2, padding: 1, output_padding: 1}",
        "3,",
    ),
    Mistake(
        "CNN208",
        "seresnet50",
        "kernel_size: 1, bias: true}\n      - Sigmoid",
        "kernel_size: 3, padding: 1, bias: true}\n      - Sigmoid",
        "3,",
    ),
    Mistake(
        "CNN301",
        "mobilenet_v2",
        "{out_channels: $out, kernel_size: 1}",
        "{out_channels: $out, kernel_size: 1, bias: true}",
        "true",
    ),
    Mistake(
        "CNN302",
        "lenet5",
        "  - Conv2d: {out_channels: 16, kernel_size: 5}\n",
        "  - Conv2d: {out_channels: 16, kernel_size: 3}\n"
        "  - Conv2d: {out_channels: 20, kernel_size: 3}\n",
        "Conv2d: {out_channels: 20",
    ),
    Mistake(
        "CNN303",
        "fmnist_cnn",
        "      - BatchNorm2d\n",
        "      - LeakyReLU\n      - BatchNorm2d\n",
        "LeakyReLU",
    ),
    Mistake(
        "CNN304",
        "mobilenet_v2",
        "      - Conv2d:\n",
        "      - Dropout: 0.1\n      - Conv2d:\n",
        "Dropout",
    ),
    Mistake(
        "CNN305",
        "lenet5",
        "  - Linear: $num_classes\n",
        "  - Linear: $num_classes\n  - Softmax\nloss: CrossEntropyLoss\n",
        "Softmax",
    ),
    Mistake(
        "CNN306",
        "lenet5",
        "  - Linear: $num_classes\n",
        "  - Linear: $num_classes\n  - ReLU\n",
        "ReLU",
    ),
    Mistake(
        "CNN307",
        "dcgan_generator",
        "  - ConvTranspose2d: {out_channels: $nc}\n",
        "  - ConvTranspose2d: {out_channels: $nc}\n"
        "  - Conv2d: {out_channels: $nc, kernel_size: 3, padding: 1, groups: $nc}\n",
        "$nc}",
    ),
    Mistake(
        "CNN308",
        "vgg16",
        "{out_channels: $out, kernel_size: 3, padding: 1}",
        "{out_channels: $out, kernel_size: 3, padding: 1, groups: $(1 if out == 64 else 2)}",
        "$(1 if",
    ),
    Mistake("CNN309", "resnet18", "  - Flatten\n", "  - BatchNorm2d\n  - Flatten\n", "BatchNorm2d"),
    Mistake(
        "CNN401",
        "lenet5",
        "out_channels: 120, kernel_size: 5}",
        "out_channels: 120, kernel_size: [5, 4]}",
        "Conv2d",
    ),
    Mistake(
        "CNN403", "tcn_causal", "dilation: $dilation}", "dilation: $(2 * dilation)}", "$(2 * d"
    ),
    Mistake(
        "CNN404",
        "lenet5",
        "  - AvgPool2d: 2\n    name: s4\n",
        "  - branches:\n"
        "      even: {AvgPool2d: 2}\n"
        "      odd: {MaxPool2d: {kernel_size: 3, stride: 2, padding: 1}}\n"
        "    merge: Maximum\n"
        "    name: s4\n",
        "Maximum",
    ),
    Mistake(
        "CNN502",
        "resnet18",
        "  - AdaptiveAvgPool2d: 1\n  - Flatten\n  - Linear",
        "  - Flatten\n  - Linear",
        "Linear",
    ),
    Mistake(
        "CNN504",
        "resnet50",
        "  - AdaptiveAvgPool2d: 1\n",
        "  - Conv2d: {out_channels: 2048, kernel_size: 5, padding: 2}\n  - AdaptiveAvgPool2d: 1\n",
        "Conv2d",
    ),
    Mistake("CNN505", "lenet5", "  - Flatten\n", "  - Dropout: 0\n  - Flatten\n", "Dropout"),
    Mistake(
        "CNN601",
        "lenet5",
        "  - AvgPool2d: 2\n    name: s2\n",
        "  - AvgPool2d: {kernel_size: 3, stride: 2, padding: 1}\n    name: s2\n",
        "1}",
    ),
    Mistake(
        "CNN602",
        "fmnist_cnn",
        "      - BatchNorm2d\n",
        "      - BatchNorm2d: {momentum: 0.99}\n",
        "0.99",
    ),
    Mistake("CNN603", "fmnist_cnn", "Dropout: 0.5", "Dropout: 0.9", "0.9"),
    Mistake(
        "CNN802",
        "lenet5",
        "  - Flatten\n",
        "  - Dropout: 0.1\n  - Dropout: 0.1\n  - Dropout: 0.1\n  - Flatten\n",
        "Dropout",
    ),
]


def found(text):
    """Every default finding, as code, line and column; the spec is one that can be computed."""
    net = network(loaded(text))
    assert {problem.code for problem in net.report.problems} <= {"CNN701", "CNN702"}
    return {(p.code, p.span.line, p.span.column) for p in check(net, default_rules())}


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.code)
def test_a_mistake_is_one_new_finding_where_it_stands(mistake):
    text = source.read_bundled(mistake.spec).data.decode()
    assert text.count(mistake.old) == 1
    wrong = text.replace(mistake.old, mistake.new)
    start = text.index(mistake.old)
    first, longer = text[:start].count("\n") + 1, mistake.new.count("\n") - mistake.old.count("\n")
    behind = first + mistake.old.count("\n")
    before = {
        (code, line + longer * (line >= behind), column) for code, line, column in found(text)
    }
    [(code, line, column)] = found(wrong) - before
    assert code == mistake.code
    assert first <= line <= first + mistake.new.count("\n")
    assert wrong.splitlines()[line - 1][column - 1 :].startswith(mistake.at)


def test_every_default_rule_has_a_mistake_that_it_sees():
    default = {code for code, rule in rules.catalogue().items() if rule.default}
    assert {mistake.code for mistake in MISTAKES} == default
