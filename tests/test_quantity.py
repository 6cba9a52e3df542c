"""Numbers as people write them, against decimal arithmetic."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from cnncalc import quantity

POWERS = {"": "1", "k": "1e3", "M": "1e6", "G": "1e9", "T": "1e12"}
BINARY = {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4}
NUMBERS = st.from_regex(r"\A[0-9]{1,6}(\.[0-9]{1,4})?\Z")
VALUES = st.integers(0, 10**9) | st.fractions(0, 10**6, max_denominator=1000)


def exactly(text, suffix):
    return Fraction(text) * (Fraction(POWERS[suffix]) if suffix in POWERS else BINARY[suffix])


@given(NUMBERS, st.sampled_from([*POWERS, *BINARY]), VALUES)
def test_a_number_is_its_digits_times_its_suffix(text, suffix, value):
    found, wanted = quantity.parse(text + suffix), exactly(text, suffix)
    assert found.matches(wanted)
    assert not found.matches(wanted + Fraction(1, 10**9))
    assert found.integer == (int(wanted) if wanted.denominator == 1 else None)
    assert found.compare(value) == (value > wanted) - (value < wanted)
    assert found.matches(value) == (value == wanted)


@given(NUMBERS, st.sampled_from([*POWERS, *BINARY]))
def test_about_is_half_a_unit_in_the_last_place_either_way(text, suffix):
    """Both ties count: 4.085 G and 4.095 G are each printed as 4.09 G by somebody."""
    found, wanted = quantity.parse("~" + text + suffix), exactly(text, suffix)
    unit = exactly(str(Decimal(1).scaleb(Decimal(text).as_tuple().exponent)), suffix)
    for sign in (1, -1):
        tie = wanted + sign * unit / 2
        assert found.matches(tie)
        assert found.matches(wanted)
        assert not found.matches(tie + sign * Fraction(1, 10**12))


@pytest.mark.parametrize(
    ("text", "value", "matches"),
    [
        ("25557032", 25557032, True),
        ("25557032", 25557033, False),
        ("26M", 26_000_000, True),
        ("26M", 25_557_032, False),
        ("~26M", 25_557_032, True),
        ("~26M", 25_499_999, False),
        ("~26M", 25_500_000, True),
        ("~26M", 26_500_000, True),
        ("~26M", 26_500_001, False),
        ("~4.09G", 4_089_184_256, True),
        ("~4.1G", 4_089_184_256, True),
        ("~4.08G", 4_089_184_256, False),
        ("~4.090G", 4_089_184_256, False),
        ("~97.49MiB", 102_228_128, True),
        ("1.5KiB", 1536, True),
        ("0.5", Fraction(1, 2), True),
        ("~0.33", Fraction(1, 3), True),
        ("0.33", Fraction(1, 3), False),
        ("0", 0, True),
        ("~0", 0, True),
        ("~0", 1, False),
        ("007", 7, True),
    ],
)
def test_matches(text, value, matches):
    assert quantity.parse(text).matches(value) is matches


@pytest.mark.parametrize(
    "text",
    [
        *("", "~", "k", "-1", "+1", "1e6", "1_000", "1,000", ".5", "5.", "1.2.3", "0x10"),
        *("1K", "1m", "1g", "1B", "1kB", "1KB", "1Ki", "1kib", "1 M", "M1", "~~1", "1~"),
        *(" 1", "1 ", "26M\n", "nan", "inf", "true", "1/3", "٣", "²"),
        *("1" * 31, "0." + "1" * 31),
    ],
)
def test_what_is_no_number_is_refused(text):
    assert quantity.parse(text) is None


def test_long_numbers_are_exact():
    digits = "123456789012345678901234567890"
    assert quantity.parse(digits).integer == int(digits)
    assert quantity.parse(f"0.{digits}").matches(Fraction(int(digits), 10**30))
