"""`cnncalc lint --fix` and `--diff`: only what is at fault changes, and the network stays."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers import loaded

from cnncalc.cli import group
from cnncalc.engine.new_file import NewFile
from cnncalc.lint import rules
from cnncalc.lint.fixes import edited
from cnncalc.lint.rule import Rule
from cnncalc.problem import Edit, Fix, Span

NET = """\
# a net
cnncalc: 1
input: [3, 16, 16]   # an image
layers:
  # cnncalc: ignore[CNN202] stale
  - Conv2d: {out_channels: 8,  kernel_size: 3}  # cnncalc: ignore[CNN203]

  - ReLU # cnncalc: ignore[CNN202, CNN203]
"""
MENDED = """\
# a net
cnncalc: 1
input: [3, 16, 16]   # an image
layers:
  - Conv2d: {out_channels: 8,  kernel_size: 3}

  - ReLU
"""
SELECT = "--select=CNN202,CNN203,CNN9"


def lint(*arguments, **options):
    return CliRunner().invoke(group, ["lint", SELECT, *arguments], **options)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(NET)


def after(data=None, *arguments):
    """The file after --fix."""
    if data is not None:
        Path("net.yaml").write_bytes(data)
    result = lint("--fix", *arguments, "net.yaml")
    assert result.exit_code == 0, result.output
    return Path("net.yaml").read_bytes()


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("last", [True, False])
def test_only_what_is_at_fault_changes(ending, mark, last):
    def form(text):
        return mark + (text if last else text.rstrip("\n")).replace("\n", ending).encode()

    assert after(form(NET)) == form(MENDED)


def test_what_is_left_is_shown():
    text = NET.replace("  # cnncalc: ignore[CNN202] stale\n", "")
    Path("net.yaml").write_text(text.replace("size: 3", "size: 3, stride: 2"))
    result = lint("--fix", "net.yaml", "--format", "concise")
    assert "net.yaml:5:" in result.stdout
    assert "CNN202 input-rows-dropped" in result.stdout
    assert "mended 3 in 1 file\n1 warning in 1 spec\n" in result.stderr
    assert result.exit_code == 0


def test_the_number_of_fixes_is_told_beforehand():
    assert "4 warnings in 1 spec; --fix mends 4" in lint("net.yaml").stderr


def test_a_diff_changes_nothing():
    result = lint("--diff", "net.yaml")
    assert result.exit_code == 1
    assert Path("net.yaml").read_text() == NET
    assert result.stdout.splitlines() == [
        "--- net.yaml",
        "+++ net.yaml",
        "@@ -2,7 +2,6 @@",
        " cnncalc: 1",
        " input: [3, 16, 16]   # an image",
        " layers:",
        "-  # cnncalc: ignore[CNN202] stale",
        "-  - Conv2d: {out_channels: 8,  kernel_size: 3}  # cnncalc: ignore[CNN203]",
        "+  - Conv2d: {out_channels: 8,  kernel_size: 3}",
        " ",
        "-  - ReLU # cnncalc: ignore[CNN202, CNN203]",
        "+  - ReLU",
    ]
    assert result.stderr == "--fix would mend 4\n"
    assert lint("--diff", "--fix", "net.yaml").stdout == result.stdout
    assert lint("--diff", "-", input=NET).stdout.startswith("--- <stdin>\n")
    Path("net.yaml").write_text(MENDED)
    result = lint("--diff", "net.yaml")
    assert (result.exit_code, result.stdout) == (0, "")


def test_a_diff_of_a_file_without_a_last_line_end():
    Path("net.yaml").write_text(NET.rstrip("\n"))
    assert lint("--diff", "net.yaml").stdout.count("\\ No newline at end of file\n") == 2


# ---- files that must not be damaged


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-", "--fix"], "--fix changes files, not standard input"),
        (["lenet5", "--fix"], "'lenet5' is shipped with cnncalc"),
        (["net.yaml", "--fix", "--set", "x=1"], "a fix is for all networks of a file"),
        (["net.yaml", "--diff", "--variant", "x"], "a fix is for all networks of a file"),
        (["net.yaml", "--unsafe-fixes"], "--unsafe-fixes goes with --fix or --diff"),
        (["net.yaml", "--diff", "--format", "json"], "--diff is text"),
    ],
)
def test_options_that_contradict_each_other(arguments, message):
    result = lint(*arguments, input=NET)
    assert result.exit_code == 2
    assert message in result.stderr
    assert Path("net.yaml").read_text() == NET


def test_a_read_only_file_is_left_and_others_are_mended():
    Path("net.yaml").chmod(0o444)
    Path("other.yaml").write_text(NET)
    result = lint("--fix")
    assert result.exit_code == 2
    assert "Error: 'net.yaml' is read-only, and is left as it is" in result.stderr
    assert "mended 4 in 1 file" in result.stderr
    assert Path("net.yaml").read_text() == NET
    assert Path("other.yaml").read_text() == MENDED
    assert {one.name for one in Path().iterdir()} == {"net.yaml", "other.yaml"}


def test_a_file_that_changes_under_a_fix_is_left(monkeypatch):
    write = NewFile.write

    def slow(self, fill):
        write(self, fill)
        Path("net.yaml").write_text("cnncalc: 1 # by someone else\n")

    monkeypatch.setattr(NewFile, "write", slow)
    result = lint("--fix", "net.yaml")
    assert result.exit_code == 2
    assert "'net.yaml' has changed meanwhile, and is left as it is" in result.stderr
    assert Path("net.yaml").read_text() == "cnncalc: 1 # by someone else\n"
    assert [one.name for one in Path().iterdir()] == ["net.yaml"]


def test_the_mode_of_a_file_and_a_link_to_it_stay():
    Path("net.yaml").chmod(0o640)
    Path("link.yaml").symlink_to("net.yaml")
    assert lint("--fix", "link.yaml").exit_code == 0
    assert Path("link.yaml").is_symlink()
    assert Path("net.yaml").read_text() == MENDED
    assert Path("net.yaml").stat().st_mode & 0o777 == 0o640


def test_a_broken_file_hides_no_fix_of_another():
    Path("broken.yaml").write_text("cnncalc: [")
    result = lint("--fix")
    assert result.exit_code == 1
    assert "broken.yaml:1:" in result.stdout
    assert Path("net.yaml").read_text() == MENDED


# ---- fixes that rules make


class Replace(Rule):
    """A rule that finds a word, whose fix puts another in its place."""

    code, name, fixable = "CNN202", "input-rows-dropped", True
    word, new, safe = "kernel_size: 3", "kernel_size: 1", True

    def check(self, network):
        lines = network.loaded.document.lines
        for number, line in enumerate(lines, 1):
            column = line.find(self.word) + 1
            if column and not network.settings.variant:
                span = Span("net.yaml", number, column, number, column + len(self.word))
                fix = Fix("replace it", (Edit(span, self.new),), self.safe)
                yield self.found(span, "found", fix=fix)


@pytest.fixture
def replace(monkeypatch):
    def use(**changes):
        rule = type("Changed", (Replace,), changes)
        monkeypatch.setattr("cnncalc.lint.check.catalogue", lambda: {"CNN202": rule})

    return use


PAIR = """\
cnncalc: 1
input: [3, 16, 16]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3}
  - MaxPool2d: 1
"""


@pytest.mark.parametrize(
    ("new", "kept"),
    [
        ("kernel_size: 1", True),  # another shape
        ("kernel_size: [3, 3", True),  # no YAML any more
        ("kernel_size: 3, x: 1", True),  # a new error
        ("kernel_size: [3, 3]", False),
    ],
)
def test_a_fix_after_which_it_is_another_network_is_refused(replace, new, kept):
    replace(new=new)
    Path("net.yaml").write_text(PAIR)
    result = lint("--fix", "net.yaml")
    assert (Path("net.yaml").read_text() == PAIR) == kept
    assert ("net.yaml: 1 not mended, as the network would change" in result.stderr) == kept


def test_a_refused_fix_holds_up_no_other(replace):
    replace(new="kernel_size: 1")
    text = PAIR + "  # cnncalc: ignore[CNN203] stale\n  - ReLU\n"
    Path("net.yaml").write_text(text)
    assert "1 not mended" in lint("--fix", "net.yaml").stderr
    assert Path("net.yaml").read_text() == PAIR + "  - ReLU\n"


def test_unsafe_fixes_need_their_option(replace):
    replace(new="kernel_size: [3, 3]", safe=False)
    text = PAIR.encode()
    assert after(text) == text
    assert after(text, "--unsafe-fixes") == text.replace(b"size: 3", b"size: [3, 3]")


def test_a_fix_is_for_all_networks_of_a_file(replace):
    replace(new="kernel_size: [3, 3]")
    text = (PAIR + "variants: {same: {}}\n").encode()
    assert after(text) == text  # the variant does not have the finding


def test_a_fix_is_for_all_expansions_of_a_line(replace):
    replace(new="kernel_size: [3, 3]")
    ignored = PAIR.replace("3}\n", "3}  # cnncalc: ignore[CNN202]\n").encode()
    assert after(ignored) == ignored


def test_a_fix_that_never_ends(replace):
    replace(word="kernel_size", new="kernel_size")
    Path("net.yaml").write_text(PAIR)
    assert lint("--fix", "net.yaml").exit_code == 0
    assert Path("net.yaml").read_text() == PAIR


def test_every_fix_of_every_rule_keeps_its_bad_examples_networks():
    for code, rule in rules.catalogue().items():
        for text in rule.bad if rule.fixable else ():
            Path("net.yaml").write_text(text)
            arguments = ["--min-severity", "info", "--fix", "--unsafe-fixes", "net.yaml"]
            result = CliRunner().invoke(group, ["lint", "--select", code, *arguments])
            assert "not mended" not in result.stderr, code
            assert loaded(Path("net.yaml").read_text()).problems == ()


# ---- the edits themselves


def place(line, column, end_line, end_column):
    return Span("", line, column, end_line, end_column)


@pytest.mark.parametrize(
    ("edits", "result"),
    [
        ([Edit(place(1, 1, 1, 2), "X")], "Xb\r\ncd\r\n\r\nef"),
        ([Edit(place(1, 2, 1, 2), "X"), Edit(place(2, 1, 2, 2), "")], "aXb\r\nd\r\n\r\nef"),
        ([Edit(place(2, 1, 3, 1), "")], "ab\r\n\r\nef"),
        ([Edit(place(4, 1, 5, 1), "")], "ab\r\ncd\r\n\r\n"),
        ([Edit(place(4, 3, 4, 3), "\nx\r\ny")], "ab\r\ncd\r\n\r\nef\r\nx\r\ny"),
        (
            [Edit(place(1, 1, 1, 3), "long and longer"), Edit(place(4, 1, 5, 1), "Z")],
            "long and longer\r\ncd\r\n\r\nZ",
        ),
    ],
)
def test_edits_of_a_text(edits, result):
    assert edited("ab\r\ncd\r\n\r\nef", edits) == result
    assert edited("ab\r\ncd\r\n\r\nef", reversed(edits)) == result


JSON = """\
{"cnncalc": 1, "input": [3, 8, 8], "layers": [{"Conv2d": {"out_channels": 4, "kernel_size": 3}},
"BatchNorm2d", "Flatten", {"Linear": 5}, {"BatchNorm1d": {}}, "Tanh", "Tanh", "Tanh"]}
"""


def test_json_stays_json():
    Path("net.yaml").write_text(JSON, encoding="utf-8")
    lint("net.yaml", "--select=CNN3,CNN802", "--min-severity=info", "--fix", "--unsafe-fixes")
    _, _, layers = json.loads(Path("net.yaml").read_text(encoding="utf-8")).values()
    assert layers[0] == {"Conv2d": {"out_channels": 4, "kernel_size": 3, "bias": False}}
    assert layers[3] == {"Linear": {"out_features": 5, "bias": False}}
    assert layers[5:] == [{"Tanh": None, "repeat": 3}]


BIASED = """\
cnncalc: 1
input: [3, 32, 32]
layers:
  - Conv2d: {{out_channels: 8, kernel_size: 3}}
  - BatchNorm2d
{}
"""


@pytest.mark.parametrize(
    ("promise", "safe"),
    [
        ("expect: {output: [8, 30, 30], macs: 194400, layers: {layers.0: {stride: 1}}}", True),
        ("outputs: [prev]\nexpect: {outputs: [[8, 30, 30]]}", True),
        ("budget: {receptive_field: 3}", True),
        ("expect: {params: 240}", False),
        ("expect: {layers: {layers.0: {params: 224}}}", False),
        ("budget: {training_bytes: 1G}", False),
    ],
)
def test_a_bias_that_no_promise_counts_goes_safely(promise, safe):
    Path("net.yaml").write_text(BIASED.format(promise), encoding="utf-8")
    result = lint("net.yaml", "--select", "CNN301", "--fix")
    left = "" if safe else "; 1 more with --unsafe-fixes"
    assert f"mended {int(safe)} in {int(safe)} file{'' if safe else 's'}{left}\n" in result.stderr
    assert ("bias: false" in Path("net.yaml").read_text(encoding="utf-8")) is safe


def test_a_diff_says_what_is_unsafe():
    Path("net.yaml").write_text(BIASED.format("expect: {params: 240}"), encoding="utf-8")
    result = lint("net.yaml", "--select", "CNN301", "--diff")
    assert result.stderr == "--fix would mend 0; 1 more with --unsafe-fixes\n"
