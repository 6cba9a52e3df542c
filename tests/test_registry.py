"""Properties that every layer type has, whoever wrote it."""

import inspect
import re
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from cnncalc import layers
from cnncalc.layer import (
    BackwardMacs,
    Layer,
    LayerError,
    Parameter,
    Saved,
    attribute,
    required,
    written_arguments,
)
from cnncalc.window import Adaptive, Reach, Resized, Sliding, Transposed, Whole

RULES = ("infer", "elementwise_flops", "saved", "window")
NO_PRIMARY = {
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    *layers.FAMILIES["conv"],
    "Upsample",
}  # readers would guess differently
NOT_FAMILIES = {"__init__", "common"}


def classes_of(module):
    """The concrete layer types that a module defines, under every name that it gives them."""
    found = inspect.getmembers(module, inspect.isclass)
    own = [(name, cls) for name, cls in found if cls.__module__ == module.__name__]
    return [(name, cls) for name, cls in own if issubclass(cls, Layer) and not cls.abstract]


def make(text):
    """The layer that an example writes, as the builder makes it from a spec."""
    item = yaml.safe_load(text)
    item = {item: None} if isinstance(item, str) else item
    (name,) = (key for key in item if key[0].isupper())
    layer_type, value = layers.find(name), item[name]
    if value is None or isinstance(value, list):
        return layer_type()
    written = value if isinstance(value, dict) else {layer_type.primary: value}
    return layer_type(**{k: v for k, v in written.items() if k not in layer_type.ignored})


TYPES = [pytest.param(name, id=name) for name in layers.names()]
EXAMPLES = [
    pytest.param(example, id=f"{name}-{number}")
    for name in layers.names()
    for number, example in enumerate(layers.find(name).examples)
]


def test_every_family_is_a_module_and_every_module_a_family():
    modules = {path.stem for path in Path(layers.__file__).parent.glob("*.py")}
    assert modules - NOT_FAMILIES == set(layers.FAMILIES)


@pytest.mark.parametrize("family", layers.FAMILIES)
def test_the_table_of_names_holds_the_classes_of_the_module(family):
    defined = classes_of(import_module(f"cnncalc.layers.{family}"))
    assert {name for name, _ in defined} == set(layers.FAMILIES[family])
    assert all(cls.__name__ == name for name, cls in defined)


def test_no_name_is_given_twice():
    named = Counter(name for family in layers.FAMILIES.values() for name in family)
    assert [name for name, count in named.items() if count > 1] == []
    assert len(layers.names()) == named.total()
    for family in layers.FAMILIES:
        source = Path(layers.__file__).with_name(f"{family}.py").read_text(encoding="utf-8")
        written = Counter(re.findall(r"^class (\w+)", source, re.MULTILINE))
        assert [name for name, count in written.items() if count > 1] == []


def test_an_unknown_name_has_no_type():
    assert layers.find("Conv9d") is None


@pytest.mark.parametrize("name", TYPES)
def test_type_is_documented_and_complete(name):
    cls = layers.find(name)
    doc = inspect.getdoc(cls)
    assert cls.__dict__.get("__doc__"), "an inherited docstring describes another type"
    assert "Source:" in doc
    assert doc.split("\n\n")[0].rstrip(".") != name
    assert cls.examples
    assert "examples" in cls.__dict__, "inherited examples show another type"
    for rule in RULES:
        assert getattr(cls, rule) is not getattr(Layer, rule), f"{rule} is missing"


@pytest.mark.parametrize("name", TYPES)
def test_flops_are_stated(name):
    assert "FLOP" in layers.find(name).__doc__


@pytest.mark.parametrize("name", TYPES)
def test_the_primary_argument_is_the_only_required_one_or_else_the_first(name):
    cls = layers.find(name)
    known = list(cls.arguments)
    if name in NO_PRIMARY or not known:
        assert cls.primary is None
    else:
        assert cls.primary == (required(cls) if len(required(cls)) == 1 else known)[0]


@pytest.mark.parametrize("name", TYPES)
def test_arguments_have_a_kind_that_says_what_it_accepts(name):
    cls = layers.find(name)
    for argument, (kind, default) in cls.arguments.items():
        assert kind.expected(cls.rank)
        assert kind.schema(cls.rank)
        assert argument not in cls.ignored
        if argument not in required(cls) and default is not None:
            kind.convert(default, cls.rank)  # a default is a value that may be written


@pytest.mark.parametrize("name", TYPES)
def test_a_value_that_is_no_argument_is_refused_by_name(name):
    cls = layers.find(name)
    plain = dict.fromkeys(required(cls), 1)
    for argument in cls.arguments:
        with pytest.raises(LayerError) as caught:
            cls(**plain | {argument: {"no": "value"}})
        assert (caught.value.code, caught.value.argument) == ("CNN007", argument)


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_has_shapes_and_counts(example):
    layer, xs = make(example.text), example.shapes
    assert re.search(rf"\b{type(layer).__name__}\b", example.text)
    outs = layer.outputs(*xs)
    assert outs[0] == layer.infer(*xs)
    for out in outs:
        assert isinstance(out, tuple)
        assert all(type(size) is int and size > 0 for size in out)
    for count in (layer.macs(*xs), layer.elementwise_flops(*xs), layer.flops(*xs)):
        assert type(count) is int
        assert count >= 0
    assert layer.flops(*xs) == 2 * layer.macs(*xs) + layer.elementwise_flops(*xs)
    backward = layer.backward_macs(*xs)
    assert isinstance(backward, BackwardMacs)
    assert all(type(count) is int and count >= 0 for count in backward)


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_has_parameters_and_saved_tensors(example):
    layer, xs = make(example.text), example.shapes
    for key, parameter in layer.params(*xs).items():
        assert isinstance(parameter, Parameter), key
        assert all(type(size) is int and size > 0 for size in parameter.shape), key
    saved = layer.saved(*xs)
    assert isinstance(saved, tuple)
    assert len({(one.tensor, one.which) for one in saved}) == len(saved)
    for one in saved:
        assert isinstance(one, Saved)
        own = one.tensor not in ("input", "output")
        assert (one.elements > 0) if own else (one.elements == 0)
        assert 0 <= one.which < (len(xs) if one.tensor == "input" else 1)
    if layer.macs(*xs) and layer.params(*xs) and not isinstance(layer, layers.find("Opaque")):
        assert any(one.for_weights for one in saved)


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_has_a_window_for_every_spatial_axis(example):
    layer, xs = make(example.text), example.shapes
    assert len(xs) == 1 or layer.many
    windows = layer.windows(*xs)
    assert len(windows) == len(xs)
    for x, window in zip(xs, (*windows, layer.window(*xs)), strict=False):
        if isinstance(window, Reach):
            continue
        outs = layer.outputs(*xs)
        assert {len(out) for out in outs} == {len(x)}, "axes come or go: that needs a Reach"
        assert len(window) == len(x) - 1
        assert all(isinstance(a, Sliding | Transposed | Resized | Adaptive | Whole) for a in window)
        for axis, n, m in zip(window, x[1:], outs[0][1:], strict=True):
            if isinstance(axis, Resized | Adaptive):
                assert (axis.before, axis.after) == (n, m)


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_gives_back_its_arguments(example):
    layer = make(example.text)
    again = type(layer)(**written_arguments(layer))
    assert written_arguments(again) == written_arguments(layer)
    assert again.outputs(*example.shapes) == layer.outputs(*example.shapes)


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_layer_is_frozen_and_a_view_computes_nothing(example):
    layer, xs = make(example.text), example.shapes
    for argument in layer.arguments:
        with pytest.raises(AttributeError):
            setattr(layer, attribute(argument), None)
    if layer.view:
        assert layer.params(*xs) == {}
        assert layer.macs(*xs) == 0
        if type(layer).__name__ not in layers.FAMILIES["dropout"]:
            assert layer.saved(*xs) == ()
            assert layer.flops(*xs) == 0


@pytest.mark.parametrize("name", TYPES)
def test_huge_sizes_take_no_time_or_memory(name):
    """A size is at most 2^31 - 1: rules neither loop over one nor allocate in proportion to it."""
    for example in layers.find(name).examples:
        layer = make(example.text)
        huge = tuple(tuple(2**31 - 1 for _ in shape) for shape in example.shapes)
        try:
            layer.outputs(*huge)
        except LayerError:
            continue
        counts = (layer.macs(*huge), layer.elementwise_flops(*huge), layer.params(*huge))
        assert all(count is not None for count in (*counts, layer.window(*huge)))
        assert isinstance(layer.saved(*huge), tuple)
