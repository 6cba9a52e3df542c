"""Comments that ignore findings: what they are about, and those that are about nothing."""

import pytest
from helpers import loaded

from cnncalc.language.builder import Settings
from cnncalc.lint.check import check
from cnncalc.lint.codes import Choice

BLOCK = """\
cnncalc: 1
input: [3, 31, 31]
blocks:
  Down:
    layers:
      - Conv2d: {out_channels: 8, kernel_size: 2, stride: 2}
      - ReLU
  Pair:
    layers:
      - Down
      - Down
layers:
  - Pair
  - Upsample: {scale_factor: 3}
  - Down
"""
CONV = 6
"""The line of the convolution, which drops a row in each of its three copies."""


def lint(text, code="CNN202"):
    """Code, line and count of what one rule finds, and what is said of comments."""
    one = loaded(text)
    names = [None, *one.spec.variants.values()] if one.spec else [None]
    settings = [Settings(variant=name) for name in names]
    findings = check(one, settings, (), Choice(select=(code, "CNN9"))).findings
    return [(f.problem.code, f.problem.span.line, f.problem.times) for f in findings]


def commented(text, line, comment="# cnncalc: ignore[CNN202] meant", above=False):
    """A text with a comment at the end of a line, or above it."""
    lines = text.split("\n")
    if above:
        lines.insert(line - 1, comment)
    else:
        lines[line - 1] += f"  {comment}"
    return "\n".join(lines)


def test_without_a_comment_there_are_three():
    assert lint(BLOCK) == [("CNN202", CONV, 3)]


@pytest.mark.parametrize("above", [False, True])
@pytest.mark.parametrize(
    ("line", "left"),
    [
        (CONV, 0),  # the item itself, in all its expansions
        (4, 0),  # the block that it is in
        (10, 2),  # a call on the way: that one only
        (11, 2),
        (13, 1),  # an outer call: all that is in it
        (15, 2),
        (12, 0),  # the layers altogether
    ],
)
def test_a_comment_is_about_the_item_that_begins_in_its_line(line, left, above):
    found = lint(commented(BLOCK, line, above=above))
    assert found == ([("CNN202", CONV + (above and line <= CONV), left)] if left else [])


@pytest.mark.parametrize("line", [2, 7, 14])
def test_a_comment_that_matches_nothing_is_a_finding(line):
    assert lint(commented(BLOCK, line)) == sorted(
        [("CNN202", CONV, 3), ("CNN901", line, 1)], key=lambda one: one[1]
    )


def test_a_comment_above_may_stand_above_others():
    text = commented(BLOCK, CONV, "      # why\n\n      # so", above=True)
    text = commented(text, CONV, "      # cnncalc: ignore[input-rows-dropped]", above=True)
    assert lint(text) == []


def test_items_of_a_flow_list_on_one_line_share_its_comment():
    text = """\
cnncalc: 1
input: [3, 31, 31]
layers: [
  {MaxPool2d: 2}, {MaxPool2d: 2}, # cnncalc: ignore[CNN202]
  {MaxPool2d: 2},
  Flatten]
"""
    assert lint(text) == [("CNN202", 5, 1)]


def test_an_argument_of_its_own_line():
    text = """\
cnncalc: 1
input: [3, 31, 31]
layers:
  - Conv2d:
      out_channels: 8
      kernel_size: 2
      stride: 2  # cnncalc: ignore[CNN202]
"""
    assert lint(text) == []
    moved = text.replace("  # cnncalc: ignore[CNN202]", "").replace(
        "kernel_size: 2", "kernel_size: 2  # cnncalc: ignore[CNN202]"
    )
    assert lint(moved) == [("CNN901", 6, 1), ("CNN202", 7, 1)]


def test_what_is_no_comment():
    note = "# cnncalc: ignore[CNN202]"
    text = BLOCK.replace(
        "layers:\n  - Pair", f"description: |\n  a text\n  {note}\nlayers:\n  - Pair"
    )
    text = text.replace("cnncalc: 1\n", f"cnncalc: 1\nname: 'x {note}'\nsource: \"x\n  {note}\"\n")
    assert lint(text + "# cnncalc: 1\n# a word of cnncalc: ignore it\n") == [("CNN202", 9, 3)]


def test_several_codes_of_which_one_is_unused():
    text = commented(BLOCK, CONV, "# cnncalc: ignore[ CNN202 , CNN203] why")
    assert lint(text) == []  # CNN203 was not looked for
    one = loaded(text)
    [found] = check(one, [Settings()], (), Choice(select=("CNN202", "CNN203", "CNN9"))).findings
    column = text.split("\n")[CONV - 1].index("CNN203") + 1
    assert found.problem.span[1:] == (CONV, column, CONV, column + 6)


@pytest.mark.parametrize(
    ("comment", "message", "help"),
    [
        ("# cnncalc: ignore[CNN2002]", "there is no rule 'CNN2002'", "did you mean 'CNN202'?"),
        (
            "# cnncalc: ignore[]",
            "there is no rule ''",
            "'cnncalc rules --all' lists codes and names",
        ),
        ("# cnncalc: ignore", "'# cnncalc: ignore' is not understood", "write '# cnncalc: ignore["),
        ("#cnncalc:ignroe[CNN202]", "'#cnncalc:ignroe[CNN202]' is not understood", "write '# "),
        ("# cnncalc: ignore[CNN002]", "'CNN002' cannot be ignored", "mend what it reports"),
    ],
)
def test_a_comment_that_is_not_understood(comment, message, help):
    found = check(loaded(commented(BLOCK, 7, comment)), [Settings()], (), Choice(select=("CNN9",)))
    [problem] = [finding.problem for finding in found.findings]
    assert (problem.code, problem.span.line, problem.message) == ("CNN902", 7, message)
    assert problem.help.startswith(help)


VARIANTS = """\
cnncalc: 1
input: [3, 31, 31]
vars: {stride: 1}
layers:
  - Conv2d: {out_channels: 8, kernel_size: 2, stride: $stride}  # cnncalc: ignore[CNN202]
variants:
  down: {set: {stride: 2}}
"""


def test_a_comment_that_a_variant_needs_is_used():
    assert lint(VARIANTS) == []
    assert lint(VARIANTS.replace("stride: 2", "stride: 1")) == [("CNN901", 5, 1)]


def test_nobody_knows_whether_a_comment_is_needed_where_not_all_is_checked():
    one = loaded(VARIANTS)
    for settings in (Settings(), Settings(variables={"stride": 1})):
        assert check(one, [settings], (), Choice(select=("CNN202", "CNN9"))).findings == ()
    text = commented(BLOCK, 7).replace("- Down\nlayers", "- Dwn\nlayers")
    assert [code for code, _, _ in lint(text)] == ["CNN002"]
