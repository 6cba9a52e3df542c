"""`cnncalc rules` and `cnncalc explain CODE`: every code that is reported has its page."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import cnncalc
from cnncalc.cli import group
from cnncalc.lint.codes import codes
from cnncalc.lint.rules import catalogue
from cnncalc.problem import NAMES, Level

PACKAGE = Path(cnncalc.__file__).parent
SOURCES = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
PARTS = ("Why it matters:", "What to do:", "Source:")


def run(*arguments):
    return CliRunner().invoke(group, [*arguments])


def test_every_code_in_the_source_has_a_page_and_the_other_way_round():
    assert set(re.findall(r'"(CNN\d{3})"', SOURCES)) == set(codes())


def test_names_are_unique_and_stand_in_one_place():
    names = [one.name for one in codes().values()]
    assert len(set(names)) == len(names)
    for code in NAMES.keys() & catalogue().keys():  # also reported by the rules of shapes
        assert catalogue()[code].name == NAMES[code]
    assert set(codes()) == NAMES.keys() | catalogue().keys()


@pytest.mark.parametrize("code", codes())
def test_a_page_by_code_and_by_name(code):
    one = codes()[code]
    page = run("explain", code).stdout
    assert page == run("explain", one.name).stdout
    assert page.startswith(f"{code} {one.name}\n\n{one.level.value}, ")
    assert [part for part in PARTS if f"\n\n{part}" in page] == list(PARTS)
    assert one.title.endswith(".")
    assert "\n" not in one.title
    for spec in (*one.bad[:1], *one.good[:1]):
        assert all(line.strip() in page for line in spec.splitlines())
    for name, default in one.options.items():
        assert f"{name} = {default!r}" in page


def test_a_near_miss_is_suggested():
    for wrong, right in (
        ("CNN22", "CNN202"),
        ("bias-before-norms", "bias-before-norm"),
        ("Conv2", "Conv2d"),
    ):
        result = run("explain", wrong)
        assert result.exit_code == 2
        assert re.search(rf"did you mean '{right}'\?", result.stderr)


def test_the_list_of_rules():
    def listed(*arguments):
        return [line.split()[0] for line in run("rules", *arguments).stdout.splitlines()[1:]]

    assert listed("--all") == list(codes())
    assert listed() == [code for code, one in codes().items() if one.default]
    assert len(listed()) < len(listed("--all"))


def test_levels_of_what_is_reported_without_a_rule():
    levels = {code: one.level for code, one in codes().items() if code not in catalogue()}
    assert {code for code, level in levels.items() if level is not Level.ERROR} == {
        "CNN901",
        "CNN902",
    }
