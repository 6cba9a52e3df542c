"""The bundled specs: each keeps its promises, which are exact, and says whence it comes.

That they agree with published counts is for tests/test_published.py and its kin.
"""

from functools import cache

import pytest

from cnncalc import source
from cnncalc.language.builder import Settings
from cnncalc.language.document import Mapping, Scalar
from cnncalc.pipeline import analyse, load, variants_of

SPECS = list(source.bundled())


@cache
def loaded(name):
    return load(source.read_bundled(name))


@cache
def computed(name, variant=None):
    return analyse(loaded(name), Settings(variant=variant and variants_of(loaded(name))[variant]))


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
    assert computed(name, variant).totals.numbers() != computed(name).totals.numbers()


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
    keys = {key.text for key, _ in spec.expect.entries}
    assert {"params", "macs"} <= keys
    assert keys & {"output", "outputs"}
    if any(head.train_only for head in spec.heads):
        assert "params_inference" in dict(scalars(spec.expect))


def test_a_broken_promise_is_found():
    text = source.read_bundled("lenet5").data.replace(b"macs: 416520", b"macs: 416521")
    report = analyse(load(source.Source("lenet5.yaml", text)))
    assert [(check.key, check.ok) for check in report.checks if not check.ok] == [("macs", False)]
    assert [problem.code for problem in report.problems] == ["CNN701"]
