from __future__ import annotations

import re

import pytest
import yaml
from hypothesis import given, settings, strategies as st

from cnncalc.language import document
from cnncalc.language.document import Document, Mapping, Scalar, Sequence, parse


def load(text: str) -> Document:
    return parse(text.encode(), "net.yaml")


def value(text: str) -> object:
    """The value of one plain scalar, which must raise no problem."""
    found = load(f"a: {text}\n")
    assert found.problems == ()
    assert isinstance(found.root, Mapping)
    node = found.root.get("a")
    assert isinstance(node, Scalar)
    return node.value


def problems(text: str) -> list[tuple[str, int, int, str, str | None]]:
    return [(p.code, p.span.line, p.span.column, p.message, p.help) for p in load(text).problems]


def only(text: str) -> tuple[str, int, int, str, str | None]:
    found = problems(text)
    assert len(found) == 1, found
    return found[0]


def caret(found: Document) -> str:
    """The text under the caret of the only problem."""
    (problem,) = found.problems
    span = problem.span
    assert span.line == span.end_line
    return found.lines[span.line - 1][span.column - 1 : span.end_column - 1]


PARSERS = ["C", "Python"] if yaml.__with_libyaml__ else ["Python"]


@pytest.fixture(params=PARSERS, autouse=True)
def _parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test holds with and without libyaml."""
    if request.param == "Python":
        monkeypatch.setattr(document, "_LOADER", yaml.SafeLoader)


# ---- values: the core schema of YAML 1.2, section 10.3.2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("false", False),
        ("0", 0),
        ("-19", -19),
        ("+12", 12),
        ("0x10", 16),
        ("0xfF", 255),
        ("0o14", 12),
        ("9223372036854775808", 2**63),
        ("0.0", 0.0),
        ("-2.5", -2.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("1e-3", 0.001),
        ("+12e03", 12000.0),
        ("-2E+05", -200000.0),
        ("~4.09G", "~4.09G"),
        ("26M", "26M"),
        ("24GiB", "24GiB"),
        ("1.2.3", "1.2.3"),
        ("+", "+"),
        (".", "."),
        ("1e", "1e"),
        ("0x", "0x"),
        ("-0x10", "-0x10"),
        ("12:30:45", "12:30:45"),
        ("nullable", "nullable"),
        ("y", "y"),
        ("nO", "nO"),
        ("$mid", "$mid"),
        ("$(a if b else c)", "$(a if b else c)"),
        ("$(f(32*w, 8))", "$(f(32*w, 8))"),
        ("'yes'", "yes"),
        ('"010"', "010"),
        ("'null'", "null"),
        ('"a\\tb"', "a\tb"),
        ("|\n  010\n", "010\n"),
        (">-\n  yes\n", "yes"),
    ],
)
def test_scalars_of_the_core_schema(text: str, expected: object) -> None:
    assert value(text) == expected
    assert type(value(text)) is type(expected)


@pytest.mark.parametrize(
    ("text", "guess", "reason", "help"),
    [
        ("yes", True, "'yes' is not a boolean here", "write true, or 'yes' in quotes"),
        ("Off", False, "'Off' is not a boolean here", "write false, or 'Off' in quotes"),
        ("no", False, "'no' is not a boolean here", "write false, or 'no' in quotes"),
        ("ON", True, "'ON' is not a boolean here", "write true, or 'ON' in quotes"),
        ("True", True, "'True' is not a boolean here", "write true, or 'True' in quotes"),
        ("FALSE", False, "'FALSE' is not a boolean here", "write false, or 'FALSE' in quotes"),
        ("NULL", None, "'NULL' is not null here", "write null, or 'NULL' in quotes"),
        ("Null", None, "'Null' is not null here", "write null, or 'Null' in quotes"),
        (
            *("010", 10, "'010' has a leading zero, octal to some readers of YAML"),
            "write 10, or '010' in quotes",
        ),
        (
            *("-007", -7, "'-007' has a leading zero, octal to some readers of YAML"),
            "write -7, or '-007' in quotes",
        ),
        ("1_000", 1000, "'1_000' is a number with '_' in it", "write 1000, or '1_000' in quotes"),
        ("1_0.5", 10.5, "'1_0.5' is a number with '_' in it", "write 10.5, or '1_0.5' in quotes"),
        (".inf", 1, "'.inf' is not a finite number", "write a number, or '.inf' in quotes"),
        ("-.INF", 1, "'-.INF' is not a finite number", "write a number, or '-.INF' in quotes"),
        (".NaN", 1, "'.NaN' is not a finite number", "write a number, or '.NaN' in quotes"),
        (
            *("2024-01-31", "2024-01-31", "'2024-01-31' is a date to some readers of YAML"),
            "write '2024-01-31' in quotes",
        ),
    ],
)
def test_what_readers_disagree_on_is_refused_with_a_guess(
    text: str, guess: object, reason: str, help: str
) -> None:
    found = load(f"key: {text}\n")
    (problem,) = found.problems
    assert (problem.code, problem.message, problem.help) == ("CNN006", reason, help)
    assert str(problem.span) == "net.yaml:1:6"
    assert caret(found) == text
    assert isinstance(found.root, Mapping)
    node = found.root.get("key")
    assert isinstance(node, Scalar)
    assert (node.value, type(node.value), node.text) == (guess, type(guess), text)


@pytest.mark.parametrize(
    "text", ["9223372036854775809", "-9223372036854775809", "1" * 5000, "0x" + "f" * 17, "1e400"]
)
def test_numbers_beyond_the_limits(text: str) -> None:
    code, line, column, message, _ = only(f"a: {text}\n")
    assert (code, line, column) == ("CNN007", 1, 4)
    assert "is too large" in message
    assert len(message) < 110


def test_an_underscored_number_beyond_the_limit_is_not_suggested() -> None:
    assert only("a: 9_" + "9" * 30)[0] == "CNN007"


# ---- places


def text_at(found: Document, node: Scalar) -> str:
    span = node.span
    return found.lines[span.line - 1][span.column - 1 : span.end_column - 1]


def test_every_scalar_knows_its_place() -> None:
    found = load("a: {bé: 'x y', c: [1, $n]}\n# note\nd:\n  - é: ü\n")
    root = found.root
    assert isinstance(root, Mapping)
    inner = root.get("a")
    assert isinstance(inner, Mapping)
    (key, quoted), (_, items) = inner.entries
    assert isinstance(quoted, Scalar)
    assert isinstance(items, Sequence)
    assert text_at(found, key) == "bé"
    assert text_at(found, quoted) == "'x y'"
    assert (quoted.text, quoted.plain, key.plain) == ("x y", False, True)
    assert [text_at(found, one) for one in items.items if isinstance(one, Scalar)] == ["1", "$n"]
    assert (inner.span.column, inner.span.end_column) == (4, 27)
    assert (items.span.column, items.span.end_column) == (19, 26)
    d = root.get("d")
    assert isinstance(d, Sequence)
    assert d.span == ("net.yaml", 4, 3, 4, 9)
    assert root.span == ("net.yaml", 1, 1, 4, 9)


def test_block_scalars_and_blocks_end_with_their_content() -> None:
    root = load("a: |\n  x\n  yz\n\n\nb:\n  - c: 1\n\n\nd: 2\n").root
    assert isinstance(root, Mapping)
    text, items = root.get("a"), root.get("b")
    assert text is not None
    assert items is not None
    assert text.span == ("net.yaml", 1, 4, 3, 5)
    assert items.span == ("net.yaml", 7, 3, 7, 9)


def test_an_empty_value_stands_behind_its_colon() -> None:
    root = load("- Unit:\n  repeat: 2\n").root
    assert isinstance(root, Sequence)
    (item,) = root.items
    assert isinstance(item, Mapping)
    value = item.get("Unit")
    assert value == Scalar(None, "", value.span, True) if value else False
    assert value.span[1:] == (1, 8, 1, 8)


def test_a_mapping_finds_its_keys() -> None:
    root = load("a: 1\n'b': 2\n").root
    assert isinstance(root, Mapping)
    b, key = root.get("b"), root.key("b")
    assert isinstance(b, Scalar)
    assert b.value == 2
    assert key is not None
    assert (key.text, key.plain, key.span.line) == ("b", False, 2)
    assert root.get("c") is None
    assert root.key("c") is None


def test_byte_order_mark_and_carriage_returns_do_not_move_columns() -> None:
    plain = load("a: 1\nb: [yes]\n")
    for data in (b"\xef\xbb\xbfa: 1\nb: [yes]\n", b"a: 1\r\nb: [yes]\r\n", b"a: 1\rb: [yes]\r"):
        other = parse(data, "net.yaml")
        assert other.root == plain.root
        assert other.problems == plain.problems
        assert other.lines == plain.lines


def test_json_is_yaml() -> None:
    root = load('{"cnncalc": 1,\n "layers": ["ReLU", {"Linear": 10}], "x": null}').root
    assert isinstance(root, Mapping)
    assert [key.text for key, _ in root.entries] == ["cnncalc", "layers", "x"]


def test_nested_flow_collections() -> None:
    root = load("[[1, {a: [2, {b: 3}]}], c: d, [], {}]").root
    assert isinstance(root, Sequence)
    pair = root.items[1]
    assert isinstance(pair, Mapping)
    assert [key.text for key, _ in pair.entries] == ["c"]
    assert [len(one) for one in root.items if isinstance(one, Sequence | Mapping)] == [2, 2, 2, 2]
    assert root.items[2] == Sequence((), root.items[2].span)
    assert root.items[3] == Mapping((), root.items[3].span)


# ---- bytes


def test_empty_files_show_the_smallest_spec() -> None:
    for text in ("", "\n \n", "# only a comment\n", "---\n", "\ufeff"):
        code, line, column, message, help = only(text)
        assert (code, line, column, message) == ("CNN001", 1, 1, "the file is empty")
        assert help is not None
        smallest = load(help.partition(": ")[2])
        assert smallest.problems == ()
        assert isinstance(smallest.root, Mapping)
        assert smallest.root.get("cnncalc") is not None
    assert problems("''") == []


@pytest.mark.parametrize(
    ("data", "line", "column", "message"),
    [
        (b"a: 1\nb: \xff\n", 2, 4, "the byte 0xff is not UTF-8"),
        ("ä: é".encode() + b"\xe9", 1, 5, "the byte 0xe9 is not UTF-8"),
        (b"a: 1\r\nb: \0\n", 2, 4, "the character U+0000 is not allowed in YAML"),
        (b"a: \x1b[0m", 1, 4, "the character U+001B is not allowed in YAML"),
        ("a: b\u2028c".encode(), 1, 5, "the character U+2028 is not allowed in YAML"),
        ("a: \ufeff".encode(), 1, 4, "the character U+FEFF is not allowed in YAML"),
    ],
)
def test_bytes_that_are_no_text(data: bytes, line: int, column: int, message: str) -> None:
    found = parse(data, "net.yaml")
    (problem,) = found.problems
    assert found.root is None
    assert (problem.code, problem.message) == ("CNN001", message)
    assert (problem.span.line, problem.span.column) == (line, column)
    assert problem.help


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_utf_16_is_told_to_become_utf_8(encoding: str) -> None:
    data = "\ufeffa: 1" if encoding == "utf-16-be" else "a: 1"
    (problem,) = parse(data.encode(encoding), "<stdin>").problems
    assert (problem.code, str(problem.span)) == ("CNN001", "<stdin>:1:1")
    assert problem.help == "save it as UTF-8"


def test_a_mebibyte_is_the_limit() -> None:
    fits = b"a: 1\n#" + b"x" * (2**20 - 6)
    assert parse(fits, "net.yaml").problems == ()
    (problem,) = parse(fits + b"x", "net.yaml").problems
    assert problem.code == "CNN008"
    assert problem.message == "the file is larger than 1 MiB (1,048,576 bytes), which is the limit"


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{a: ", "}"), ("- ", "")])
def test_fifty_levels_are_the_limit(opening: str, closing: str) -> None:
    assert problems(opening * 50 + "x" + closing * 50) == []
    found = load(opening * 51 + "x" + closing * 51)
    (problem,) = found.problems
    assert (problem.code, problem.span.column) == ("CNN008", 50 * len(opening) + 1)
    assert found.root is None


@pytest.mark.parametrize("text", ["[" * 200_000, "{a: " * 200_000, "- " * 400_000, "? " * 400_000])
def test_deep_nesting_is_refused(text: str) -> None:
    assert only(text)[0] == "CNN008"


# ---- what the dialect leaves out


def test_a_duplicate_key_keeps_the_first() -> None:
    found = load("a: {k: 1,\n    k: 2, 'k': 3}\n")
    assert [(p.code, str(p.span), p.message, p.help) for p in found.problems] == [
        (
            *("CNN003", f"net.yaml:2:{column}", "the key 'k' is given twice"),
            "it is first at line 1, column 5; keep one of them",
        )
        for column in (5, 11)
    ]
    assert isinstance(found.root, Mapping)
    inner = found.root.get("a")
    assert isinstance(inner, Mapping)
    assert [value.value for _, value in inner.entries if isinstance(value, Scalar)] == [1]


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("a: &x 1", (1, 4), "the anchor '&x' is not supported"),
        ("a: &x\n  b: 1", (1, 4), "the anchor '&x' is not supported"),
        ("a: [&x {b: 1}]", (1, 5), "the anchor '&x' is not supported"),
        ("a: !!str 1", (1, 4), "the tag '!!str' is not supported"),
        ("a: !mine [1]", (1, 4), "the tag '!mine' is not supported"),
        ("!!str a: 1", (1, 1), "the tag '!!str' is not supported"),
        ("a: ! 'x'", (1, 4), "the tag '!' is not supported"),
        ("a: 1\n---\nb: 2\n", (2, 1), "a second document starts here"),
        ("on: 1", (1, 1), "the key 'on' is not a string"),
        ("a: {12: 1}", (1, 5), "the key '12' is not a string"),
        ("null: 1", (1, 1), "the key 'null' is not a string"),
        ("2024-01-01: 1", (1, 1), "the key '2024-01-01' is not a string"),
        ("? \n: 1", (1, 2), "a key is empty"),
    ],
)
def test_left_out_but_understood(text: str, place: tuple[int, int], message: str) -> None:
    found = load(text)
    (problem,) = found.problems
    assert (problem.code, problem.message) == ("CNN006", message)
    assert (problem.span.line, problem.span.column) == place
    assert found.root is not None


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("a: *x", (1, 4), "the alias '*x' is not supported"),
        ("*x : 1", (1, 1), "the alias '*x' is not supported"),
        ("a:\n  <<: *x\n", (2, 3), "the merge key '<<' is not supported"),
        ("<<: [*x, *y]", (1, 1), "the merge key '<<' is not supported"),
        ("[a]: 1", (1, 1), "a key must be a string, not a list"),
        ("a: {{x}}", (1, 5), "a key must be a string, not a mapping"),
    ],
)
def test_left_out_and_not_understood(text: str, place: tuple[int, int], message: str) -> None:
    found = load(text)
    (problem,) = found.problems
    assert (problem.code, problem.message) == ("CNN006", message)
    assert (problem.span.line, problem.span.column) == place
    assert found.root is None


def test_a_quoted_merge_key_or_number_is_a_key_like_any_other() -> None:
    assert problems("'<<': 1\n'12': 2\n'on': 3\n") == []


def test_a_key_keeps_its_text_when_it_is_refused() -> None:
    root = load("on: 1\n").root
    assert isinstance(root, Mapping)
    assert root.get("on") is not None


def test_a_text_tag_makes_text() -> None:
    root = load("a: !!str 010\n").root
    assert isinstance(root, Mapping)
    node = root.get("a")
    assert isinstance(node, Scalar)
    assert node.value == "010"


# ---- syntax


@pytest.mark.parametrize(
    ("text", "place", "under", "help"),
    [
        ("a: {out: ${mid}}", (1, 10), "${mid}", "write $mid or $(mid)"),
        ("a: [1, ${ mid }, 2]", (1, 8), "${ mid }", "write $mid or $(mid)"),
        ("a: {out: ${}}", (1, 10), "${}", "write $name or $(name)"),
        (
            "- ReLU\n  name: pre",
            (1, 3),
            "ReLU",
            "write '- ReLU:' with a colon when modifiers follow",
        ),
        (
            *("a:\n  - Conv2d\n\n    from: [a, b]", (2, 5), "Conv2d"),
            "write '- Conv2d:' with a colon when modifiers follow",
        ),
        (
            *("- ReLU  # activate\n  # why\n  name: pre\n- x", (1, 3), "ReLU"),
            "write '- ReLU:' with a colon when modifiers follow",
        ),
        ("a:\n\tb: 1", (2, 1), "\t", "indent with spaces"),
        ("a:\n  \t- b", (2, 3), "\t", "indent with spaces"),
        ("a:\n  - b\n\t- c", (3, 1), "\t", "indent with spaces"),
        ("a: {b: 1,\n\tc: 2,\n\td: 3}", (2, 1), "\t", "indent with spaces"),
        ("a: [1, 2\nb: 3\n", (1, 4), "[", "write the missing ']'"),
        ("- {a: 1\n- b\n", (1, 3), "{", "write the missing '}'"),
        ("[a, b", (1, 1), "[", "write the missing ']'"),
        ("a: [", (1, 4), "[", "write the missing ']'"),
        ("a: {b: [1,\n", (1, 8), "[", "write the missing ']'"),
        ("a: 'abc\nb: 1\n", (1, 4), "'", None),
        ('a: "abc\nb: 1', (1, 4), '"', None),
        ("a: b: c", (1, 5), ":", "put a value with ': ' in quotes"),
        (
            *("a: 1\n b: 2", (2, 3), ":"),
            "check the indentation, and that the line above ends as it should",
        ),
        ("a:\n  - b: 1\n   c: 2", (3, 4), "c", "check the indentation"),
        ("a: @x", (1, 4), "@", "put it in quotes"),
        ("a: %x", (1, 4), "%", "put it in quotes"),
        ("a: * x", (1, 4), "*", "put it in quotes"),
        ("a: 1\n- b", (2, 1), "-", "check the indentation: no list can go on here"),
        ("a: - b", (1, 4), "-", "start the list on the next line, or write [a, b]"),
        ("a: [1, 2]]", (1, 10), "]", None),
        ("a: {b: 1}}", (1, 10), "}", None),
        ("a: [1 2}", (1, 8), "}", None),
        ("a: [\n  {b: 1}\n  {c: 2}\n]\n", (3, 3), "{", None),
        ("a: {x: 1\n    y: 2}\n", (2, 5), "y", None),
        ("a: 'b' cd", (1, 8), "cd", "put the whole value in one pair of quotes"),
        ("a: ]", (1, 4), "]", None),
        ("a: 1\nbc\nd: 2\n", (2, 1), "bc", None),
        ("a: 1\n...\nb: 2\n", (3, 1), "b", "delete the '...'"),
        ("- Conv2d:{a: 1}", (1, 3), "Conv2d:{a", "write 'Conv2d: {a'"),
        ("a: {b:1}", (1, 5), "b:1", "write 'b: 1'"),
    ],
)
def test_a_syntax_error_is_one_problem_where_the_mistake_is(
    text: str, place: tuple[int, int], under: str, help: str | None
) -> None:
    found = load(text)
    (problem,) = found.problems
    assert problem.code == "CNN001"
    assert (problem.span.line, problem.span.column) == place
    assert caret(found) == under
    assert problem.help == help
    assert found.root is None
    words = re.sub("'[^']*'", "", problem.message)
    assert words == words.lower()
    for jargon in ("token", "<", "node content", "did not find", "block mapping"):
        assert jargon not in problem.message


def test_an_unknown_escape_is_shown() -> None:
    assert only('a: "x\\q"')[3:] == ("'\\q' is no escape in double quotes", "use single quotes")


def test_a_tab_between_key_and_value_is_fine_in_c_and_explained_in_python() -> None:
    found = problems("a:\t1\n")
    assert found in ([], [("CNN001", 1, 3, "a tab between the tokens of a line", "use spaces")])


def test_tabs_inside_values_and_comments_are_no_indentation() -> None:
    assert problems("a: |\n  x\n  \ty\nb: 'x\ty'\nc: 1 #\tz\n") == []


def test_errors_before_a_syntax_error_are_kept() -> None:
    found = problems("a: yes\nb: [\n")
    assert [(code, line) for code, line, *_ in found] == [("CNN006", 1), ("CNN001", 2)]


# ---- expressions that flow style cuts


@pytest.mark.parametrize(
    ("text", "column", "under", "sign"),
    [
        ("x: {out: $(make_divisible(32*w, 8)), k: 3}", 10, "$(make_divisible(32*w", ","),
        ("x: {out: $(f(a, b, c)), k: 3}", 10, "$(f(a", ","),
        ("x: {out: $(f(g(a, 8), g(b, 8)))}", 10, "$(f(g(a", ","),
        ("x: {out: $(f(a, yes)), yes: $b}", 10, "$(f(a", ","),
        ("x: {out: $(max([1, 2]))}", 10, "$(max(", "["),
        ("x: {out: $(x[0])}", 10, "$(x", "["),
        ("x: {out: $(f(x, 'b')), k: 3}", 10, "$(f(x", ","),
        ("x: {out: $(a #b), k: 3}", 10, "$(a", "#"),
        ("x: {out: $(f({a: 1}))}", 10, "$(f(", "{"),
        ("x: {$(f(a, b)): 3}", 5, "$(f(a", ","),
    ],
)
def test_a_cut_expression_is_one_problem(text: str, column: int, under: str, sign: str) -> None:
    found = load(text)
    first = found.problems[0]
    assert (first.code, first.span.line, first.span.column) == ("CNN001", 1, column)
    assert first.message == f"'{sign}' cuts the expression '{under}' short"
    assert first.help == "quote it, or write the mapping on separate lines"
    assert found.root is None
    rest = found.problems[1:]
    if "yes: $b" in text:  # a mistake of its own, behind the cut expression
        assert [p.message for p in rest] == ["the key 'yes' is not a string"]
    else:
        assert rest == ()


def test_cut_in_a_list_and_twice_in_a_mapping() -> None:
    assert only("x: [$(f(1, 2)), 3]")[4] == "quote it, or write the list on separate lines"
    found = problems("x: {a: $(f(x, 8)), b: $(f(y, 8))}")
    assert [(code, column) for code, _, column, *_ in found] == [("CNN001", 8), ("CNN001", 23)]


@pytest.mark.parametrize(
    "text",
    [
        "x: {out: $(f(a)), k: $((a + b) * c)}",
        "x: {out: '$(f(a, b))', k: \"$(f(a, [1, 2]))\"}",
        "x:\n  out: $(f(a, b))\n  k: $(max([1, 2]))\n",
        "x: {out: a (b, c: d}",
        "x:\n  out: $(never closed\n",
    ],
)
def test_what_is_no_cut_expression(text: str) -> None:
    assert problems(text) == []


# ---- everything else


def test_many_layers_are_read() -> None:
    lines = [f"- Conv2d: {{out_channels: {i}, kernel_size: 3}}" for i in range(1_000)]
    data = "\n".join(["cnncalc: 1", "layers:", *lines]).encode()
    found = parse(data, "net.yaml")
    assert isinstance(found.root, Mapping)
    layers = found.root.get("layers")
    assert isinstance(layers, Sequence)
    assert len(layers.items) == 1_000


def test_values_are_frozen() -> None:
    found = load("a: 1")
    for one in (found, found.root):
        with pytest.raises(AttributeError):
            one.span = None  # type: ignore[union-attr]


def check_sane(found: Document) -> None:
    assert (found.root is not None) or found.problems
    for problem in found.problems:
        assert problem.code in ("CNN001", "CNN003", "CNN006", "CNN007", "CNN008")
        assert problem.span[1:3] <= problem.span[3:5]
        assert 1 <= problem.span.line <= len(found.lines) + 1
        assert problem.span.column >= 1
        assert "\n" not in problem.message
        assert len(problem.message) < 200


# Text of the signs that matter, so that most examples are nearly YAML.
YAMLISH = st.text(st.sampled_from(list("aR:,-$()[]{}'\"\n #&*!|>?%@\t01_.~<é\r\\")), max_size=40)
PIECES = st.lists(
    st.sampled_from(
        [
            *("a: ", "- ", "\n", "\n  ", "ReLU", "{", "}", "[", "]", ", ", "$(f(x", "))", "${a}"),
            *("yes", "010", "<<: ", "*a", "&a ", "!!str ", "---\n", "...\n", "'", '"', "# c", "\t"),
            *("? ", ": ", "|\n", "1", "null", "\r\n", "%YAML 1.1\n", '"\\UFFFFFFFF"', "...", "b:c"),
        ]
    ),
    max_size=16,
).map("".join)


@settings(deadline=None, max_examples=200)
@given(st.one_of(YAMLISH, PIECES, st.text(max_size=30)))
def test_any_text_gives_nodes_or_problems(text: str) -> None:
    for loader in (yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(document, "_LOADER", loader)
            check_sane(parse(text.encode("utf-8", "replace"), "net.yaml"))


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=40))
def test_any_bytes_give_nodes_or_problems(data: bytes) -> None:
    check_sane(parse(data, "net.yaml"))
