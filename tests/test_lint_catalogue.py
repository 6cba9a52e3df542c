"""Every rule of the linter: how it is described, and that its examples are what they say."""

import re

import pytest
from helpers import loaded
from lint_helpers import check, network, place, places, warnings

from cnncalc.lint import rules

RULES = rules.catalogue()
PARTS = ("Why it matters:", "What to do:", "Source:")

GOOD, BAD = (
    [
        pytest.param(code, text, id=f"{code}-{number}")
        for code, rule in RULES.items()
        for number, text in enumerate(getattr(rule, kind))
    ]
    for kind in ("good", "bad")
)


def found(code, text):
    """The findings of a rule and of all default warnings, in a spec without problems."""
    net = network(loaded(text))
    assert net.report.problems == ()
    others = (problem for problem in warnings(net) if problem.code != code)
    return (*check(net, [RULES[code]()]), *others)


def test_codes_and_names_are_unique_and_belong_to_their_family():
    names = [rule.name for rule in RULES.values()]
    assert len(set(names)) == len(names)
    for code, rule in RULES.items():
        family = rules.FAMILIES[int(code[3]) - 1]
        assert re.fullmatch(r"CNN[1-8]\d\d", code)
        assert rule.__module__ == f"cnncalc.lint.rules.{family}"
        assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", rule.name)


@pytest.mark.parametrize("code", RULES)
def test_a_rule_is_described(code):
    first, *paragraphs = RULES[code].page().split("\n\n")
    assert len(first.splitlines()) == 1
    assert first.endswith(".")
    assert [part for part in PARTS if part in RULES[code].page()] == list(PARTS)
    starts = [p.split(":")[0] + ":" for p in paragraphs]
    assert [start for start in starts if start in PARTS] == list(PARTS)
    assert RULES[code].good
    assert RULES[code].bad


@pytest.mark.parametrize(("code", "text"), BAD)
def test_a_bad_spec_gives_the_one_finding_at_its_mark(code, text):
    problems = found(code, text)
    assert places(problems) == [(code, *place(text))]
    assert problems[0].level is RULES[code].level
    assert not problems[0].message.endswith(".")


@pytest.mark.parametrize(("code", "text"), GOOD)
def test_a_good_spec_gives_none(code, text):
    assert places(found(code, text)) == []
