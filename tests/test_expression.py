from __future__ import annotations

import ast
import warnings
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given, settings, strategies as st

from cnncalc.language import expression, expression_syntax
from cnncalc.language.arithmetic import OPERATORS, OperandError, bounded, combine
from cnncalc.language.expression import (
    UNKNOWN,
    Environment,
    ExpressionError,
    evaluate,
    integer,
    is_expression,
    references,
)
from cnncalc.language.functions import FUNCTIONS, make_divisible, same_padding

LAYER = object()


class Fixed:
    """An environment of fixed values."""

    names: ClassVar[dict[str, object]] = {
        "n": 3,
        "mid": 64,
        "width": 1.5,
        "k": [3, 5],
        "pair": (3, 5),
        "mode": "same",
        "yes": True,
        "nothing": None,
        "act": LAYER,
        "unknown": UNKNOWN,
        "partly": [UNKNOWN, 7],
        "huge": 2**62,
        "long": "x" * 1001,
        "wide": list(range(10_001)),
    }
    shapes: ClassVar[dict[str, tuple[int, ...] | None]] = {
        "prev": (8, 4, 6),
        "flat": (10,),
        "lost": None,
    }

    def variable(self, name: str) -> object:
        return self.names[name]

    def variables(self) -> list[str]:
        return list(self.names)

    def shape(self, tensor: str) -> tuple[int, ...] | None:
        return self.shapes[tensor]

    def tensors(self) -> list[str]:
        return list(self.shapes)


FIXED: Environment = Fixed()


def refused(text: str) -> tuple[str, str | None, str]:
    """Message, help and the characters to blame."""
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, FIXED)
    error = caught.value
    assert error.code == "CNN004"
    assert 0 <= error.start < error.end <= len(text)
    assert str(error) == error.message
    return error.message, error.help, text[error.start : error.end]


# ---- values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$n", 3),
        ("$(n)", 3),
        ("$( n )", 3),
        ("$(n\n  + 1)", 4),
        ("$mode", "same"),
        ("$k", [3, 5]),
        ("$pair", [3, 5]),
        ("$nothing", None),
        ("$(4 * mid)", 256),
        ("$(7 // 2)", 3),
        ("$(-7 // 2)", -4),
        ("$(7 / 2)", 3.5),
        ("$(6 / 2)", 3.0),
        ("$(-7 % 3)", 2),
        ("$(2 ** 10)", 1024),
        ("$(2 ** -1)", 0.5),
        ("$(2 ** 0.5)", 2**0.5),
        ("$((-8) ** 2.0)", 64.0),
        ("$(2 ** 63)", 2**63),
        ("$(-(2 ** 63))", -(2**63)),
        ("$(huge * 2)", 2**63),
        ("$(1 + 2 * 3 - 4)", 3),
        ("$(+n - -n)", 6),
        ("$(True)", True),
        ("$(true)", True),
        ("$(false)", False),
        ("$(null)", None),
        ("$(None)", None),
        ("$('a')", "a"),
        ("$([1, 'a', [n]])", [1, "a", [3]]),
        ("$(k[0] + k[-1])", 8),
        ("$(1 < n <= 3)", True),
        ("$(1 < n < 3)", False),
        ("$(n != 3)", False),
        ("$(n == 3.0)", True),
        ("$(mode == 'same')", True),
        ("$(n == 'same')", False),
        ("$(n == null)", False),
        ("$(nothing == null)", True),
        ("$(1 == true)", False),
        ("$([1] == [true])", False),
        ("$(k == [3, 5])", True),
        ("$(k == [3])", False),
        ("$(yes == true)", True),
        ("$(n in [1, 3])", True),
        ("$(n not in [1, 3])", False),
        ("$(1 in [true])", False),
        ("$(not n > 2)", False),
        ("$(n > 2 and mid > 2)", True),
        ("$(n > 5 or mid > 2)", True),
        ("$(nothing or mid)", 64),
        ("$(n and mid)", 64),
        ("$(false and missing)", False),
        ("$(true or missing)", True),
        ("$(1 if n > 2 else 0)", 1),
        ("$(missing if n < 2 else 0)", 0),
        ("$(act == null)", False),
        ("$(1 if act else 2)", 1),
        ("$(min(3, 1.5, 2))", 1.5),
        ("$(max([3, 7, 5]))", 7),
        ("$(sum(k))", 8),
        ("$(sum([]))", 0),
        ("$(len(k))", 2),
        ("$(len([]))", 0),
        ("$(abs(-3))", 3),
        ("$(int(3.9))", 3),
        ("$(int(-3.9))", -3),
        ("$(floor(-3.1))", -4),
        ("$(ceil(3.1))", 4),
        ("$(round(2.6))", 3),
        ("$(round(2.345678, 2))", 2.35),
        ("$(round(1234, -2))", 1200),
        ("$(range(3))", [0, 1, 2]),
        ("$(range(2, 5))", [2, 3, 4]),
        ("$(range(5, 0, -2))", [5, 3, 1]),
        ("$(range(0, 5, 2))", [0, 2, 4]),
        ("$(range(5, 0))", []),
        ("$(range(6 / 2))", [0, 1, 2]),
        ("$(channels(prev))", 8),
        ("$(spatial(prev))", [4, 6]),
        ("$(spatial(prev)[1])", 6),
        ("$(spatial(flat))", []),
    ],
)
def test_values(text: str, expected: object) -> None:
    found = evaluate(text, FIXED)
    assert found == expected
    assert type(found) is type(expected)


def test_a_layer_passes_through_untouched() -> None:
    assert evaluate("$act", FIXED) is LAYER
    assert evaluate("$(act if n == 3 else null)", FIXED) is LAYER


def test_what_is_an_expression() -> None:
    assert is_expression("$x")
    assert is_expression("$")
    assert not is_expression("x$(a)")
    assert not is_expression("")


# torchvision's _make_divisible, by hand: nearest multiple of 8, +8 when below 90 %.
@pytest.mark.parametrize(
    ("value", "divisor", "expected"),
    [
        *((3, 8, 8), (8, 8, 8), (11, 8, 16), (12, 8, 16), (32 * 0.75, 8, 24), (18.9, 8, 24)),
        *((36, 8, 40), (35, 8, 32), (1280 * 1.4, 8, 1792), (33.6, 8, 32), (5, 2, 6), (0, 4, 4)),
    ],
)
def test_make_divisible(value: float, divisor: int, expected: int) -> None:
    assert make_divisible(value, divisor) == expected


@given(st.floats(0, 1e6), st.integers(1, 64))
def test_make_divisible_keeps_its_promise(value: float, divisor: int) -> None:
    found = make_divisible(value, divisor)
    assert found % divisor == 0
    assert found >= divisor
    assert found >= 0.9 * value
    assert found <= max(value + divisor, divisor)


@pytest.mark.parametrize(
    ("kernel_size", "dilation", "expected"),
    [
        *((1, 1, 0), (3, 1, 1), (7, 1, 3), (3, 4, 4), (2, 2, 1), ([3, 5], 1, [1, 2])),
        *(([3, 5], 2, [2, 4]), (3, [1, 2], [1, 2]), ([3, 5], [2, 1], [2, 2]), (3.0, 1, 1)),
    ],
)
def test_same_padding(kernel_size: object, dilation: object, expected: object) -> None:
    assert same_padding(kernel_size, dilation) == expected


def test_an_even_shift_has_no_same_padding() -> None:
    message, help, blamed = refused("$(n + same_padding(4))")
    assert message == ("same_padding(4, 1) would need 3 in all, which two equal sides cannot share")
    assert help == "use an odd kernel size, or write the padding of each side"
    assert blamed == "same_padding(4)"


# ---- what is not known


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$unknown", UNKNOWN),
        ("$(unknown + 1)", UNKNOWN),
        ("$(1 - unknown)", UNKNOWN),
        ("$(-unknown)", UNKNOWN),
        ("$(not unknown)", UNKNOWN),
        ("$(unknown < 3)", UNKNOWN),
        ("$(unknown == unknown)", UNKNOWN),
        ("$(1 < 2 < unknown)", UNKNOWN),
        ("$(2 < 1 < unknown)", False),
        ("$(unknown < 2 < 1)", False),
        ("$(unknown if n else 1)", UNKNOWN),
        ("$(1 if unknown else missing)", UNKNOWN),
        ("$(unknown and true)", UNKNOWN),
        ("$(unknown and false)", False),
        ("$(false and unknown)", False),
        ("$(unknown or true)", True),
        ("$(unknown or false)", UNKNOWN),
        ("$(unknown != 0 and 1 // 0)", UNKNOWN),
        ("$([1, unknown])", UNKNOWN),
        ("$partly", UNKNOWN),
        ("$(partly[1])", 7),
        ("$(partly[0])", UNKNOWN),
        ("$(unknown[0])", UNKNOWN),
        ("$(len(partly))", 2),
        ("$(sum(partly))", UNKNOWN),
        ("$(max(1, unknown))", UNKNOWN),
        ("$(partly == [1, 7])", UNKNOWN),
        ("$(range(unknown))", UNKNOWN),
        ("$(same_padding(unknown))", UNKNOWN),
        ("$(channels(lost))", UNKNOWN),
        ("$(2 * channels(lost))", UNKNOWN),
        ("$(spatial(lost)[0])", UNKNOWN),
    ],
)
def test_unknown_flows_through(text: str, expected: object) -> None:
    assert evaluate(text, FIXED) is expected or evaluate(text, FIXED) == expected
    assert (evaluate(text, FIXED) is UNKNOWN) is (expected is UNKNOWN)


def test_unknown_is_one_and_says_so() -> None:
    assert repr(UNKNOWN) == "UNKNOWN"
    assert type(UNKNOWN)(UNKNOWN.value) is UNKNOWN


# ---- names


def test_unknown_names_are_suggested() -> None:
    assert refused("$widht") == ("unknown variable 'widht'", "did you mean 'width'?", "widht")
    assert refused("$(2 + zzz)") == ("unknown variable 'zzz'", None, "zzz")
    assert refused("$(rnage(3))") == ("unknown function 'rnage'", "did you mean 'range'?", "rnage")
    assert refused("$(channels(perv))") == ("unknown tensor 'perv'", "did you mean 'prev'?", "perv")


def test_tensors_and_functions_are_no_variables() -> None:
    assert refused("$(prev * 2)")[1] == (
        "'prev' is a tensor: write channels(prev) or spatial(prev)"
    )
    assert refused("$len")[1] == "'len' is a function: write $(len(...))"
    assert refused("$(spatial)")[1] == "'spatial' is a function: write $(spatial(...))"


def test_places_count_characters_not_bytes() -> None:
    assert refused("$('éü' == missing)")[2] == "missing"
    assert refused("$(é + 1)")[2] == "é"


# ---- forms


@pytest.mark.parametrize(
    ("text", "message", "help", "blamed"),
    [
        ("$", "'$' without a name", "write $name or $(expression)", "$"),
        ("$1x", "'1x' is not a name", "write $name or $(expression)", "1x"),
        ("$-a", "'-a' is not a name", "write $name or $(expression)", "-a"),
        ("$()", "the expression is empty", "write $name or $(expression)", "$()"),
        ("$(a", "'(' is never closed", None, "("),
        ("$(f(a)", "'(' is never closed", None, "("),
        ("$([1)", "'(' is never closed", None, "("),
        ("$a-b", "'-b' stands behind the expression '$a'", "write $(a-b)", "-b"),
        ("$a + $b", "' + $b' stands behind the expression '$a'", "write $(a + b)", " + $b"),
        ("$a.b", "'.b' stands behind the expression '$a'", "write $(a.b)", ".b"),
        ("$(a)-(b)", "'-(b)' stands behind the expression '$(a)'", "write $((a)-(b))", "-(b)"),
        ("${mid}", "'${' is not how a variable is written", "write $mid or $(mid)", "${mid}"),
        ("$(a b)", "cannot make sense of '$(a b)'", None, None),
        ("$(a +)", "cannot make sense of '$(a +)'", None, None),
        ("$('a)", "cannot make sense of '$('a)'", None, None),
        (
            *("$(a + $b)", "cannot make sense of '$(a + $b)'"),
            *("inside $( ) a name stands without '$'", "$"),
        ),
        ("$(a && b)", "cannot make sense of '$(a && b)'", "write 'and'", None),
        ("$(a || b)", "cannot make sense of '$(a || b)'", "write 'or'", None),
        ("$(!a)", "cannot make sense of '$(!a)'", "write 'not'", None),
        ("$(a = 1)", "cannot make sense of '$(a = 1)'", "write '==' to compare", None),
        (
            "$(a ? 1 : 2)",
            "cannot make sense of '$(a ? 1 : 2)'",
            "write 'a if condition else b'",
            None,
        ),
        ("$(a # b)", "'#' has no meaning in an expression", None, "#"),
        ("$(a\0)", "a control character in the expression", None, None),
        ("$(1, 2)", "a tuple is not allowed in an expression", "write [a, b]", "(1, 2)"),
        ("$(n is 3)", "'is' is not allowed in an expression", "write '=='", "n is 3"),
        (
            *("$(n ^ 2)", "an operator other than + - * / // % ** is not allowed"),
            *("write ** for a power", "n ^ 2"),
        ),
        (
            *("$(make_divisible(n, d=8))", "make_divisible takes its arguments without keywords"),
            *("write the values alone, in their order", "d=8"),
        ),
        (
            *("$(channels('prev'))", "channels takes the name of one tensor"),
            *("write channels(prev), channels(input) or channels(name)", "channels('prev')"),
        ),
    ],
)
def test_forms(text: str, message: str, help: str | None, blamed: str | None) -> None:
    found = refused(text)
    assert found[:2] == (message, help)
    assert blamed is None or found[2] == blamed


def test_a_parenthesis_in_a_string_closes_nothing() -> None:
    assert evaluate("$(')' == '(')", FIXED) is False
    assert evaluate("$('\\'(' == \"'(\")", FIXED) is True
    assert evaluate("$('#' == '#')", FIXED) is True


# ---- attacks and limits


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$(().__class__)", "an attribute is not allowed in an expression"),
        ("$(n.real)", "an attribute is not allowed in an expression"),
        ("$(k.append(1))", "only a function can be called"),
        ("$((lambda: 1)())", "only a function can be called"),
        ("$(__import__('os'))", "unknown function '__import__'"),
        ("$(eval('1'))", "unknown function 'eval'"),
        ("$(open('/etc/passwd'))", "unknown function 'open'"),
        ("$(lambda: 1)", "a lambda is not allowed in an expression"),
        ("$([x for x in k])", "a comprehension is not allowed in an expression"),
        ("$({x for x in k})", "a comprehension is not allowed in an expression"),
        ("$({x: 1 for x in k})", "a comprehension is not allowed in an expression"),
        ("$(sum(x for x in k))", "a comprehension is not allowed in an expression"),
        ("$(f'{n}')", "an f-string is not allowed in an expression"),
        ("$(a := 1)", "an assignment is not allowed in an expression"),
        ("$(max(*k))", "a starred argument is not allowed in an expression"),
        ("$([*k])", "a starred argument is not allowed in an expression"),
        ("$(max(**k))", "max takes its arguments without keywords"),
        ("$({1: 2})", "a mapping is not allowed in an expression"),
        ("$({1})", "a set is not allowed in an expression"),
        ("$(k[0:1])", "a slice is not allowed in an expression"),
        ("$(k[n])", "a subscript must be an integer written out, such as x[0]"),
        ("$(k[True])", "a subscript must be an integer written out, such as x[0]"),
        ("$(k['a'])", "a subscript must be an integer written out, such as x[0]"),
        ("$(k[0, 1])", "a subscript must be an integer written out, such as x[0]"),
        ("$(~n)", "this is not allowed in an expression"),
        ("$(1j)", "'1j' is not allowed in an expression"),
        ("$(b'x')", "'b'x'' is not allowed in an expression"),
        ("$(...)", "'Ellipsis' is not allowed in an expression"),
        ("$(1 @ 2)", "an operator other than + - * / // % ** is not allowed"),
        ("$(1 << 99)", "an operator other than + - * / // % ** is not allowed"),
        ("$(await_ if lambda: 1 else 2)", "cannot make sense of '$(await_ if lambda: 1 else 2)'"),
        ("$((yield))", "this is not allowed in an expression"),
        # refused also where it would not be evaluated
        ("$(1 if true else n.real)", "an attribute is not allowed in an expression"),
        ("$(true or foo())", "unknown function 'foo'"),
        # arithmetic takes numbers only
        ('$("a"*10**9)', "'*' takes numbers only, not 'a'"),
        ("$([0]*10**9)", "'*' takes numbers only, not '[0]'"),
        ("$('%200000000d' % 1)", "'%' takes numbers only, not '%200000000d'"),
        ("$('a' + 'b')", "'+' takes numbers only, not 'a'"),
        ("$(1 + true)", "'+' takes numbers only, not 'true'"),
        ("$(yes * 2)", "'*' takes numbers only, not 'true'"),
        ("$(-true)", "a sign takes numbers only, not 'true'"),
        ("$(1 + null)", "'+' takes numbers only, not 'null'"),
        ("$(1 < 'a')", "'<' takes numbers only, not 'a'"),
        ("$('a' < 'b')", "'<' takes numbers only, not 'a'"),
        ("$(true <= 1)", "'<=' takes numbers only, not 'true'"),
        ("$(1 in 2)", "'in' takes a list, not '2'"),
        ("$('a' in 'abc')", "'in' takes a list, not 'abc'"),
        ("$(min('a', 'b'))", "min takes numbers only, not 'a'"),
        ("$(sum(['a']))", "sum takes numbers only, not 'a'"),
        ("$(sum(3))", "sum takes a list, not '3'"),
        ("$(len(3))", "len takes a list, not '3'"),
        ("$(len('abc'))", "len takes a list, not 'abc'"),
        ("$(int('3'))", "int takes numbers only, not '3'"),
        ("$(int(true))", "int takes numbers only, not 'true'"),
        ("$(floor('a'))", "floor takes numbers only, not 'a'"),
        ("$(ceil(null))", "ceil takes numbers only, not 'null'"),
        ("$(abs(k))", "abs takes numbers only, not '[3, 5]'"),
        ("$(round('a'))", "round takes numbers only, not 'a'"),
        ("$(make_divisible('a'))", "make_divisible takes numbers only, not 'a'"),
        ("$(n[0])", "a subscript takes a list, not '3'"),
        ("$(mode[0])", "a subscript takes a list, not 'same'"),
        # out of range
        ("$(k[2])", "there is no [2] in a list of 2 entries"),
        ("$(k[-3])", "there is no [-3] in a list of 2 entries"),
        ("$([1][1])", "there is no [1] in a list of 1 entry"),
        ("$(min())", "min takes 1 or more arguments, not 0"),
        ("$(int(1, 2))", "int takes 1 argument, not 2"),
        ("$(round(1, 2, 3))", "round takes 1 to 2 arguments, not 3"),
        ("$(min([]))", "min of an empty list"),
        ("$(max(3))", "max of one value takes a list, not '3'"),
        ("$(1 / 0)", "division of '1' by zero"),
        ("$(1 // 0.0)", "division of '1' by zero"),
        ("$(n % 0)", "division of '3' by zero"),
        ("$(0 ** -1)", "'0 ** -1' is a division by zero"),
        ("$((-8) ** 0.5)", "'-8 ** 0.5' is not a real number"),
        ("$(range(0, 1, 0))", "range with a step of zero"),
        ("$(range(2.5))", "a bound of range must be an integer, not '2.5'"),
        ("$(range(true))", "a bound of range must be an integer, not 'true'"),
        ("$(make_divisible(8, 0))", "the divisor of make_divisible must be 1 or more, not '0'"),
        ("$(same_padding(0))", "same_padding takes sizes of 1 or more, not '0'"),
        ("$(same_padding(2.5))", "the kernel size of same_padding must be an integer, not '2.5'"),
        (
            "$(same_padding([1, 3, 5], [1, 2]))",
            "same_padding has 3 kernel sizes, but 2 dilations",
        ),
        # limits
        ("$(9**9**9)", "the exponent '387420489' is too large; the limit is 64"),
        ("$(2 ** 65)", "the exponent '65' is too large; the limit is 64"),
        ("$(2 ** -65)", "the exponent '-65' is too large; the limit is 64"),
        ("$(2 ** 64)", "the result is too large: integers go up to 2**63"),
        ("$(2 ** 63 + 1)", "the result is too large: integers go up to 2**63"),
        ("$(huge * huge)", "the result is too large: integers go up to 2**63"),
        ("$(-huge * 4)", "the result is too large: integers go up to 2**63"),
        ("$(int(1e300))", "the result is too large: integers go up to 2**63"),
        ("$(9223372036854775809)", "this is too large: integers go up to 2**63"),
        ("$(" + "9" * 190 + ")", "this is too large: integers go up to 2**63"),
        ("$(1e999)", "this is too large: numbers go up to about 1.8e308"),
        ("$(1e308 * 10)", "the result is not a finite number"),
        ("$(1e300 ** 2)", "the result is not a finite number"),
        ("$(1e308 - -1e308)", "the result is not a finite number"),
        ("$(sum([1e308, 1e308]))", "the result is not a finite number"),
        ("$(round(2.5, 16))", "round to '16' digits; the limit is 15"),
        ("$(round(25, -16))", "round to '-16' digits; the limit is 15"),
        ("$(range(10**12))", "range of 1,000,000,000,000 entries; the limit is 10,000"),
        (
            "$(range(-2**63, 2**63))",
            "range of 18,446,744,073,709,551,616 entries; the limit is 10,000",
        ),
        ("$(range(10001))", "range of 10,001 entries; the limit is 10,000"),
        ("$long", "a string of 1,001 characters; the limit is 1,000"),
        ("$wide", "a list of 10,001 entries; the limit is 10,000"),
    ],
)
def test_refused_clearly(text: str, message: str) -> None:
    assert refused(text)[0] == message


def test_lists_and_digits_up_to_the_limit() -> None:
    assert evaluate("$(len(range(10000)))", FIXED) == 10_000
    assert evaluate("$(round(0.1234567890123456, 15))", FIXED) == 0.123456789012346
    assert evaluate("$(0.5 ** 64)", FIXED) == 0.5**64


def test_two_hundred_characters_are_the_limit() -> None:
    fits = "$(" + "1" + "+1" * 98 + ")"
    assert len(fits) == 200
    assert evaluate(fits, FIXED) == 99
    longer = fits[:-1] + " )"
    assert refused(longer) == (
        "the expression has 201 characters; the limit is 200",
        "name its parts in 'vars'",
        longer,
    )


@pytest.mark.parametrize(
    ("opening", "closing"), [("(", ")"), ("[", "]"), ("-", ""), ("not ", ""), ("abs(", ")")]
)
def test_twenty_levels_are_the_limit(opening: str, closing: str) -> None:
    def nested(levels: int) -> str:
        return "$(" + opening * levels + "1" + closing * levels + ")"

    evaluate(nested(19), FIXED)
    message, help, _ = refused(nested(21))
    assert message == "the expression is nested deeper than 20, which is the limit"
    assert help == "name its parts in 'vars'"


def test_subscripts_nest_too() -> None:
    assert "nested deeper" in refused("$(k" + "[0]" * 25 + ")")[0]


def test_doubtful_strings_raise_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert evaluate(r"$('\d' == '\d')", FIXED) is True


def test_the_message_shows_only_some_of_a_long_value() -> None:
    assert len(refused("$(1 + 'a" + "b" * 150 + "')")[0]) < 90


# ---- integers


def test_integer() -> None:
    assert integer(64.0, "groups") == 64
    assert type(integer(64.0, "groups")) is int
    assert integer(-3, "groups") == -3
    for value, shown in (
        *((37.5, "37.5"), (True, "true"), ("64", "64"), (None, "null"), (float("inf"), "inf")),
        *((float("nan"), "nan"), ([64], "[64]")),
    ):
        with pytest.raises(OperandError, match="must be an integer") as caught:
            integer(value, "groups")
        assert caught.value.message == f"groups must be an integer, not '{shown}'"


# ---- the rest of the interface


def test_references() -> None:
    assert references("$mid") == {"mid"}
    assert references("$(channels(prev) + n * min(k, a[0]) if true else b)") == {"n", "k", "a", "b"}
    assert references("$(prev + channels(prev))") == {"prev"}
    with pytest.raises(ExpressionError):
        references("$(a.b)")


def test_a_text_is_parsed_once() -> None:
    expression_syntax.read.cache_clear()
    for _ in range(100):
        evaluate("$(n * 17)", FIXED)
    assert expression_syntax.read.cache_info().misses == 1


def test_nothing_is_evaluated_by_python() -> None:
    package = Path(expression.__file__).parent
    for name in ("expression", "expression_syntax", "arithmetic", "functions"):
        tree = ast.parse((package / f"{name}.py").read_text("utf-8"))
        called = {
            node.func.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert not called & {"eval", "exec", "compile", "__import__"}


NUMBERS = st.one_of(st.integers(-(2**63), 2**63), st.floats(-1e308, 1e308))


@given(st.sampled_from(sorted(OPERATORS, key=lambda kind: kind.__name__)), NUMBERS, NUMBERS)
def test_arithmetic_gives_bounded_numbers_or_refuses(
    kind: type[ast.operator], left: float, right: float
) -> None:
    try:
        found = combine(kind, left, right)
    except OperandError:
        return
    assert isinstance(found, int | float)
    assert abs(found) <= 2**63 if isinstance(found, int) else abs(found) <= 1.8e308


def check_bounded(text: str) -> None:
    blamed = 0, 1
    try:
        evaluate(text, FIXED)
    except ExpressionError as error:
        blamed = error.start, error.end
    assert 0 <= blamed[0] < blamed[1] <= len(text)


WORDS = st.lists(
    st.sampled_from(
        [
            *("n", "mid", "k", "mode", "unknown", "partly", "act", "huge", "9", "2.5", "1e308"),
            *("'a'", "true", "null", "(", ")", "[", "]", ",", "+", "-", "*", "/", "//", "%", "**"),
            *("<", "==", " and ", " or ", "not ", " if ", " else ", " in ", ".", ":=", "lambda:"),
            *(f"{name}(" for name in FUNCTIONS),
            *("channels(", "spatial(", "prev", "lost", "é", "#", "$", "=", "*", "f'{n}'", " for "),
        ]
    ),
    max_size=25,
).map("".join)


@settings(deadline=None, max_examples=400)
@given(st.one_of(st.text(max_size=60), WORDS, WORDS.map(lambda words: f"({words})")))
def test_any_text_gives_a_value_or_an_expression_error(text: str) -> None:
    check_bounded("$" + text)


# Expressions that parse, so that the walk itself meets every mixture of values.
def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    signs = ["+", "-", "*", "/", "//", "%", "**", "<", "==", "!=", "and", "or", "in"]
    calls = st.sampled_from([*FUNCTIONS])
    return st.one_of(
        st.tuples(inner, st.sampled_from(signs), inner).map(lambda p: f"({' '.join(p)})"),
        st.tuples(inner, inner, inner).map(lambda p: f"({p[0]} if {p[1]} else {p[2]})"),
        st.tuples(calls, st.lists(inner, max_size=3)).map(lambda p: f"{p[0]}({', '.join(p[1])})"),
        st.lists(inner, max_size=3).map(lambda p: f"[{', '.join(p)}]"),
        inner.map(lambda p: f"{p}[0]"),
        inner.map(lambda p: f"(not {p})"),
        inner.map(lambda p: f"(-{p})"),
    )


LEAVES = st.sampled_from(
    [
        *("n", "mid", "width", "k", "mode", "yes", "nothing", "act", "unknown", "partly", "huge"),
        *("missing", "0", "1", "64", "2.5", "1e308", "'a'", "true", "channels(prev)"),
        *("spatial(prev)", "spatial(lost)", "[]"),
    ]
)


@settings(deadline=None, max_examples=400)
@given(st.recursive(LEAVES, _grown, max_leaves=8))
def test_any_expression_gives_a_value_or_an_expression_error(text: str) -> None:
    check_bounded(f"$({text})")


def test_lists_of_lists_are_counted_whole() -> None:
    """Ten of ten, nine times over, would be 10^9 entries."""
    with pytest.raises(OperandError, match="a list of 12,002 entries"):
        bounded([list(range(6000)), list(range(6000))])
