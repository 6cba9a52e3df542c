"""Conditions of `cnncalc diff --fail-if`: what they mean, exactly, and what is not one."""

from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from cnncalc.analysis.condition import ConditionError, judge, parse
from cnncalc.analysis.difference import TOTALS, Total


def holds(text, old, new):
    condition = parse(text)
    return judge(condition, {condition.total: Total(old, new)}).holds


@pytest.mark.parametrize(
    ("text", "old", "new", "wanted"),
    [
        ("macs > +5%", 100, 105, False),
        ("macs >= +5%", 100, 105, True),
        ("macs > +5%", 1000, 1051, True),
        ("macs>+5%", 1000, 1051, True),
        ("macs > +0.1%", 10**30, 10**30 + 10**27, False),
        ("macs > +0.1%", 10**30, 10**30 + 10**27 + 1, True),
        ("params < -3%", 100, 97, False),
        ("params <= -3%", 100, 97, True),
        ("params < -3%", 100, 96, True),
        ("params < -3%", 100, 200, False),
        ("params > -3%", 100, 98, True),
        ("flops > +1M", 5, 10**6 + 5, False),
        ("flops > +1M", 5, 10**6 + 6, True),
        ("flops < -1.5k", 2000, 499, True),
        ("flops < -1.5k", 2000, 500, False),
        ("peak memory > +1MiB", 0, 2**20 + 1, True),
        ("peak-memory > +1MB", 0, 10**6, False),
        ("training_memory >= +1MB", 0, 10**6, True),
        ("Size > +0", 8, 8, False),
        ("size > 0", 8, 9, True),
        ("size >= 0%", 8, 8, True),
        ("depth < 0", 8, 7, True),
        ("receptive field < -1", Fraction(7, 2), Fraction(5, 2), False),
        ("receptive field <= -1", Fraction(7, 2), Fraction(5, 2), True),
        ("receptive field < -28%", Fraction(7, 2), Fraction(5, 2), True),
        ("receptive field < -29%", Fraction(7, 2), Fraction(5, 2), False),
        ("macs > +5%", 0, 1, True),
        ("macs < -5%", 0, 1, False),
        ("macs > +5%", 0, 0, False),
        ("macs > -5%", 0, 0, True),
        ("macs >= +5%", 0, 0, False),
        ("macs > +5%", None, 1, None),
        ("macs > +5%", 1, None, None),
        ("macs < -1", None, None, None),
    ],
)
def test_a_condition_on_a_change(text, old, new, wanted):
    assert holds(text, old, new) is wanted


@given(st.integers(1, 10**15), st.integers(0, 10**15), st.integers(-200, 200))
def test_percentages_are_exact(old, new, percent):
    share = Fraction(100 * (new - old), old)
    text = f"macs {{}} {percent:+d}%"
    assert holds(text.format(">"), old, new) == (share > percent)
    assert holds(text.format("<="), old, new) == (share <= percent)


@pytest.mark.parametrize("name", TOTALS)
def test_every_total_can_be_limited(name):
    assert parse(f"{name} > +1").total == name


@pytest.mark.parametrize(
    ("text", "said", "help"),
    [
        ("", "'' is not a condition", "write one such as 'macs > +5%'"),
        ("macs", "'macs' is not a condition", "macs > +5%"),
        ("speed > +5%", "there is no number called 'speed'", "params, macs, flops, peak memory"),
        ("> +5%", "there is no number called ''", "numbers: params"),
        ("macs = +5%", "'=' does not compare", "> >= < or <="),
        ("macs != +5%", "'!=' does not compare", "> >= < or <="),
        ("macs => +5%", "is not a", "write"),
        ("macs > 5%", "'5%' needs a sign", "write +5% for an increase"),
        ("macs > 5G", "'5G' needs a sign", "is a budget in the spec"),
        ("macs > +", "'' is not a number", "+5%, -3% or +1M"),
        ("macs > +5X", "'5X' is not a number", "+1M"),
        ("macs > +~5M", "'~5M' is not a number", "+1M"),
        ("macs > +5MB", "'5MB' is not a number", "+1M"),
        ("macs > +5% +3%", "is not a condition", "macs > +5%"),
    ],
)
def test_what_is_not_a_condition(text, said, help):
    with pytest.raises(ConditionError) as caught:
        parse(text)
    assert said in caught.value.message
    assert help in caught.value.help
