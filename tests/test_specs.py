"""The bundled specs: each keeps its promises, and agrees with published counts to the last unit.

Published counts stand in tests/data with their sources. Every row there is either the row of a
bundled spec (or variant), or named below as not bundled.
"""

import csv
from functools import cache
from pathlib import Path

import pytest

from cnncalc import source
from cnncalc.language.builder import Settings
from cnncalc.language.document import Mapping, Scalar
from cnncalc.pipeline import analyse, load, variants_of

DATA = Path(__file__).parent / "data"
SPECS = list(source.bundled())

NO_TORCHVISION_SPEC = {"densenet169", "densenet201", "resnet101", "resnet152", "squeezenet1_1"}

HALF_PRECISION_FILES = {"wide_resnet50_2"}  # 132 MiB for 68.9 M parameters: 2 bytes each

OTHERS = {  # the row's name: the spec that it describes, and what to set in it
    "LeNet-5 modern (full C3, plain avg-pool, linear output)": ("lenet5", {}),
    "AlexNet two-tower (groups=2 on conv2,4,5)": ("alexnet_two_tower", {}),
    "AlexNet one-tower, no groups": ("alexnet_two_tower", {"towers": 1}),
    'AlexNet torchvision ("one weird trick")': ("alexnet", {}),
    "squeezenet1_0": ("squeezenet1_0", {}),
    "milesial/Pytorch-UNet (BN, bias-free 3x3 convs, ConvTranspose 2x2), 3->2 classes": (
        "unet",
        {},
    ),
    "milesial-style, 3->1 class": ("unet", {"num_classes": 1}),
    "U-Net milesial (1->1, convT)": ("unet", {"num_classes": 1}),
    "generator nz=100 ngf=64 nc=3": ("dcgan_generator", {}),
    "discriminator ndf=64 nc=3": ("dcgan_discriminator", {}),
    "C3D 487 classes (Sports-1M)": ("c3d", {}),
    "C3D 101 classes (UCF101)": ("c3d", {"num_classes": 101}),
}


def rows(file):
    with (DATA / file).open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


@cache
def loaded(name):
    return load(source.read_bundled(name))


@cache
def computed(name, variant=None):
    return analyse(loaded(name), Settings(variant=variant and variants_of(loaded(name))[variant]))


def bundled_as(name):
    """The spec of that name, or the spec that has a variant of it; None if there is neither."""
    if name in SPECS:
        return name, None
    return next(((spec, name) for spec in SPECS if name in variants_of(loaded(spec))), None)


def scalars(node):
    """Every scalar value in a node, with the path of keys that leads to it."""
    if isinstance(node, Scalar):
        yield "", node
    elif isinstance(node, Mapping):
        for key, value in node.entries:
            yield from ((f"{key.text}.{path}".strip("."), one) for path, one in scalars(value))
    else:
        for item in node.items:
            yield from scalars(item)


def assert_kept(report):
    """No problem, and at least one promise, all of them checked and kept."""
    assert report.problems == ()
    assert report.checks
    assert [check for check in report.checks if check.ok is not True] == []


def conv_out_elements(report):
    convs = [row for row in report.rows if row.node.type.startswith("Conv")]
    return sum(row.output_elements for row in convs if not row.node.train_only)


@pytest.mark.parametrize("name", SPECS)
def test_spec_keeps_its_promises(name):
    assert_kept(computed(name))


VARIANTS = [
    pytest.param(name, variant, id=f"{name}-{variant}")
    for name in SPECS
    for variant in variants_of(loaded(name))
]


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_variant_keeps_its_promises(name, variant):
    assert_kept(computed(name, variant))
    assert computed(name, variant).totals != computed(name).totals


@pytest.mark.parametrize("name", SPECS)
def test_spec_says_what_it_is_and_whence(name):
    texts = loaded(name).spec.texts
    assert texts["name"] == name
    assert texts["description"]
    paper, separator, implementation = texts["source"].partition("; ")
    assert paper
    assert separator
    assert implementation


@pytest.mark.parametrize("name", SPECS)
def test_expected_numbers_are_exact_integers(name):
    spec = loaded(name).spec
    expects = [spec.expect, *(variant.expect for variant in spec.variants.values())]
    for expect in expects:
        found = list(scalars(expect))
        assert "params" in dict(found)
        for path, one in found:
            assert one.text.isdecimal(), f"{path}: {one.text} at {one.span}"
    assert {"params", "macs", "output"} <= {key.text for key, _ in spec.expect.entries}
    if spec.heads:
        assert "params_inference" in dict(scalars(spec.expect))


def test_every_row_of_torchvision_is_bundled_or_listed():
    missing = {row["name"] for row in rows("torchvision.csv") if not bundled_as(row["name"])}
    assert missing == NO_TORCHVISION_SPEC


TORCHVISION = [
    pytest.param(row, id=row["name"]) for row in rows("torchvision.csv") if bundled_as(row["name"])
]


@pytest.mark.parametrize("row", TORCHVISION)
def test_counts_are_those_of_torchvision(row):
    report = computed(*bundled_as(row["name"]))
    totals = report.totals
    assert report.inputs == {"input": tuple(int(size) for size in row["input"].split("x"))}
    inference = row["note"].startswith("params of the inference graph")
    params = totals.params_inference if inference else totals.params
    assert (params, totals.macs, conv_out_elements(report)) == (
        int(row["params"]),
        int(row["macs"]),
        int(row["conv_out_elements"]),
    )
    assert round(totals.macs / 1e9, 3) == float(row["gmacs_published"])


@pytest.mark.parametrize("row", TORCHVISION)
def test_size_is_that_of_the_file_of_weights(row):
    totals = computed(*bundled_as(row["name"])).totals
    stored = totals.params + totals.buffers
    assert totals.param_bytes == 4 * stored
    size = stored * (2 if row["name"] in HALF_PRECISION_FILES else 4) / 2**20
    assert size <= float(row["file_mib"]) <= 1.005 * size


def test_every_other_network_that_is_bundled_has_its_row():
    assert set(OTHERS) <= {row["name"] for row in rows("others.csv")}


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, id=row["name"]) for row in rows("others.csv") if row["name"] in OTHERS],
)
def test_counts_are_those_published(row):
    name, variables = OTHERS[row["name"]]
    rank = len(computed(name).inputs["input"])
    shape = tuple(int(size) for size in row["input"].split("x"))[-rank:]  # some write the batch
    totals = analyse(loaded(name), Settings({"input": shape}, variables)).totals
    assert totals.params == int(row["computed_params"])
    assert totals.macs == int(row["computed_macs"])


def test_a_broken_promise_is_found():
    text = source.read_bundled("lenet5").data.replace(b"macs: 416520", b"macs: 416521")
    report = analyse(load(source.Source("lenet5.yaml", text)))
    assert [(check.key, check.ok) for check in report.checks if not check.ok] == [("macs", False)]
    assert [problem.code for problem in report.problems] == ["CNN701"]
