"""Names of Keras and other common names lead to names that exist."""

import re

import pytest

from cnncalc import layers
from cnncalc.language.keras import ARGUMENTS, IDIOMS, SHORT, SLIPS, TYPES, argument_help, type_help

ALL = [argument for name in layers.names() for argument in layers.find(name).arguments]


@pytest.mark.parametrize(("name", "target"), [*TYPES.items(), *SLIPS.items()])
def test_a_type_leads_to_a_type(name, target):
    assert layers.find(target)
    assert layers.find(name) is None, "a name that exists needs no help"
    assert f"'{name}' is '{target}' here" in type_help(name)


@pytest.mark.parametrize(("name", "advice"), IDIOMS.items())
def test_advice_names_only_what_exists(name, advice):
    assert layers.find(name) is None
    types = re.findall(r"\b[A-Z]\w+", advice)
    assert all(layers.find(one) for one in types), advice
    assert advice in type_help(name)
    for one, argument in re.findall(r"(\w+) with (\w+):", advice):
        assert argument in layers.find(one).arguments


def test_no_name_has_two_meanings():
    tables = [set(TYPES), set(SLIPS), set(IDIOMS)]
    assert len(set().union(*tables)) == sum(map(len, tables))


@pytest.mark.parametrize("table", [ARGUMENTS, SHORT])
def test_an_argument_leads_to_an_argument(table):
    for name, targets in table.items():
        assert set(targets) <= set(ALL), name
        assert name not in targets
        for target in targets:
            assert f"'{name}' is '{target}' here" in argument_help(name, [target])


@pytest.mark.parametrize(
    ("layer", "name", "target"),
    [
        ("Conv2d", "filters", "out_channels"),
        ("Conv2d", "strides", "stride"),
        ("Conv2d", "kernel", "kernel_size"),
        ("Conv2d", "in", "in_channels"),
        ("Linear", "units", "out_features"),
        ("Linear", "out_channels", "out_features"),
        ("Linear", "in", "in_features"),
        ("MaxPool2d", "pool_size", "kernel_size"),
        ("Dropout", "rate", "p"),
        ("BatchNorm2d", "epsilon", "eps"),
        ("BatchNorm2d", "scale", "weight"),
        ("BatchNorm2d", "center", "bias"),
        ("LayerNorm", "scale", "elementwise_affine"),
        ("Upsample", "scale", "scale_factor"),
        ("GroupNorm", "groups", "num_groups"),
        ("LeakyReLU", "alpha", "negative_slope"),
    ],
)
def test_help_names_an_argument_that_the_layer_has(layer, name, target):
    known = layers.find(layer).arguments
    assert target in known
    assert f"'{target}'" in argument_help(name, known)


def test_help_is_silent_where_it_knows_nothing_better():
    assert type_help("Frobnicate") is None
    assert argument_help("frobnicate", ["stride"]) is None
    assert argument_help("filters", layers.find("Linear").arguments) is None
    assert "next item" in argument_help("activation", ["stride"])
