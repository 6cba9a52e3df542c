"""`cnncalc lint`: which specs, which rules, which exit code, and every kind of bad input."""

import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from cnncalc.cli import group
from cnncalc.language.builder import Settings
from cnncalc.lint.check import check
from cnncalc.lint.codes import Choice, choose, codes, matching
from cnncalc.pipeline import load
from cnncalc.source import Source

GOOD = "cnncalc: 1\ninput: [3, 8, 8]\nlayers: [Flatten, {Linear: 4}]\n"
BROKEN = "cnncalc: 1\ninput: [3, 8, 8]\nlayers: [{Linear: 4}]\n"
DROPS = """\
cnncalc: 1
input: [3, 9, 9]
vars: {stride: 2}
layers:
  - Conv2d: {out_channels: 8, kernel_size: 2, stride: $stride}
variants:
  fits: {set: {stride: 7}}
  also: {set: {stride: 4}}
"""
LINE = "net.yaml:5:55: warning CNN202 input-rows-dropped: the last position is never read: "


def lint(*arguments, **options):
    return CliRunner().invoke(group, ["lint", *arguments], **options)


def concise(*arguments, **options):
    """The findings, one a line."""
    return lint(*arguments, "--format", "concise", **options).stdout.splitlines()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(**files):
    for name, text in files.items():
        path = Path(name.replace("__", "/") + ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


# ---- exit codes and levels


@pytest.mark.parametrize(
    ("text", "arguments", "code"),
    [
        (GOOD, [], 0),
        (BROKEN, [], 1),
        (BROKEN, ["--exit-zero"], 0),
        ("layers: [", [], 1),
        (DROPS, [], 0),
        (DROPS, ["--fail-on", "warning"], 1),
        (DROPS, ["--fail-on", "warning", "--ignore", "CNN202"], 0),
        (DROPS, ["--fail-on", "info"], 1),
        (DROPS, ["--fail-on", "warning", "--min-severity", "error"], 2),
        (DROPS, ["--min-severity", "error"], 0),
        (DROPS, ["--select", "CNN9999"], 2),
    ],
)
def test_exit_codes(text, arguments, code):
    write(net=text)
    assert lint("net.yaml", *arguments).exit_code == code


def test_findings_go_to_standard_output_and_the_count_to_the_other():
    write(net=DROPS)
    result = lint("net.yaml", "--select", "CNN202,CNN203")
    assert result.stdout.splitlines() == [
        f"{LINE}9 at a window of 2, stride 2 (as written only)",
        "  5 |   - Conv2d: {out_channels: 8, kernel_size: 2, stride: $stride}",
        "    | " + " " * 54 + "^^^^^^^",
        "  help: pad the end; an input of 8 or 10 is read to its end",
    ]
    assert result.stderr == "1 warning in 1 spec; 1 below --min-severity\n"


def test_the_lowest_level_that_is_shown():
    write(net=DROPS)
    lines = concise("net.yaml", "--select", "CNN202,CNN203", "--fail-on", "info")
    assert [line.split()[1] for line in lines] == ["warning", "info"]
    assert concise("net.yaml", "--min-severity", "error") == []


# ---- networks


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "stride 2 (as written only)"),
        (["--variant", "all"], "stride 2 (as written only)"),
        (["--set", "stride=3"], None),
        (["--set", "stride=2"], "stride 2"),
        (["--variant", "fits"], None),
        (["--variant", "fits", "--set", "stride=2"], "stride 2"),
    ],
)
def test_each_network_of_a_file_is_checked(arguments, said):
    write(net=DROPS)
    found = concise("net.yaml", "--select", "CNN202", *arguments)
    assert found == ([f"{LINE}9 at a window of 2, {said}"] if said else [])


def test_a_finding_says_which_networks_have_it():
    text = DROPS.replace("fits: {set: {stride: 7}}", "fits: {set: {stride: 2}}")
    write(net=text.replace("{stride: 2}\nl", "{stride: 1}\nl"))
    [found] = concise("net.yaml")
    assert found.endswith("stride 2 (in variant fits only)")
    write(net=text)
    [found] = concise("net.yaml")
    assert found.endswith("stride 2 (as written and in variant fits only)")
    many = "".join(f"  v{n}: {{set: {{stride: 2}}}}\n" for n in range(5))
    write(net=text.replace("{stride: 2}\nl", "{stride: 1}\nl") + many)
    [found] = concise("net.yaml")
    assert found.endswith("stride 2 (in variants fits, v0, v1 and 3 more only)")


def test_a_promise_stands_in_its_own_network():
    write(net=DROPS.replace("{stride: 4}}", "{stride: 4}, expect: {params: 1}}"))
    [found] = concise("net.yaml", "--select", "CNN7")
    assert found == (
        "net.yaml:8:45: error CNN701 expect-mismatch: params is 104, not the expected 1"
    )


def test_an_option_must_be_about_some_file():
    write(net=DROPS, other=GOOD)
    assert concise("net.yaml", "other.yaml", "--set", "stride=3", "--select", "CNN202") == []
    result = lint("net.yaml", "other.yaml", "--set", "strid=3")
    assert result.exit_code == 2
    assert "no spec has a variable 'strid'\n  help: did you mean 'stride'?" in result.stderr
    result = lint("net.yaml", "other.yaml", "--variant", "fit")
    assert result.exit_code == 2
    assert "no spec has a variant 'fit'\n  help: did you mean 'fits'?" in result.stderr


def test_a_bundled_variant_is_checked_alone():
    assert concise("lenet5") == []
    assert lint("resnet101", "--select", "CNN7").exit_code == 0


# ---- which files


def shown(*arguments):
    return lint("--show-files", *arguments).stdout.splitlines()


def test_a_folder_means_the_specs_below_it(folder):
    write(b=GOOD, a__net=GOOD, workflow="on: push\njobs: {cnncalc: {}}\n")
    write(a__late="name: x\n" + GOOD, a__indented="tool:\n  cnncalc: 1\n")
    write(**{".hidden__net": GOOD, "node_modules__x__net": GOOD, "venv__lib__net": GOOD})
    Path("venv/pyvenv.cfg").write_text("")
    Path("c.yml").write_text('{"cnncalc": 1}')
    Path("bom.yaml").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    Path("text.txt").write_text(GOOD)
    wanted = ["b.yaml", "bom.yaml", "c.yml", "a/late.yaml", "a/net.yaml"]
    assert shown() == wanted
    assert shown(".") == wanted
    assert shown(str(folder)) == [str(folder / one) for one in wanted]
    assert shown("a", "b.yaml", "a/net.yaml", "./b.yaml") == ["a/late.yaml", "a/net.yaml", "b.yaml"]


def test_a_named_file_is_a_spec_whatever_it_holds():
    write(workflow="on: push\n")
    assert "workflow.yaml:1:1: error CNN002" in lint("workflow.yaml").stdout


def test_no_spec_is_a_mistake_unless_allowed():
    write(workflow="on: push\n")
    result = lint()
    assert result.exit_code == 2
    assert "there is no spec" in result.stderr
    assert lint("--allow-empty").exit_code == 0


def test_standard_input():
    assert concise("-", input=BROKEN)[0].startswith("<stdin>:3:11: error CNN101")
    found = concise("-", "--stdin-filename", "a b/é.yaml", input=BROKEN)
    assert found[0].startswith("a b/é.yaml:3:11: error CNN101")


def test_names_with_spaces_and_other_scripts():
    path = Path("Netze für später") / "空 间.yaml"
    path.parent.mkdir()
    path.write_text(BROKEN)
    assert concise()[0].startswith(f"{path}:3:11: error CNN101")


@pytest.mark.parametrize("ending", ["\r\n", "\r"])
def test_line_ends_and_byte_order_marks_do_not_move_findings(ending):
    Path("net.yaml").write_bytes(b"\xef\xbb\xbf" + DROPS.replace("\n", ending).encode())
    assert concise("net.yaml") == [f"{LINE}9 at a window of 2, stride 2 (as written only)"]


def test_one_broken_file_hides_no_other():
    write(a="cnncalc: 1\nlayers: [", b=BROKEN, d=GOOD)
    Path("c.yaml").mkdir()
    Path("gone.yaml").symlink_to("nowhere")
    result = lint("a.yaml", "missing.yaml", "b.yaml", ".", "--format", "concise")
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == ["a.yaml", "b.yaml"]
    assert "no file and no bundled spec is called 'missing.yaml'" in result.stderr
    assert "gone.yaml" in result.stderr
    assert result.exit_code == 2


def test_a_folder_that_cannot_be_opened_is_named(monkeypatch):
    write(a__net=GOOD, b=BROKEN)
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "a":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    result = lint()
    assert "cannot open './a': permission denied" in result.stderr
    assert "b.yaml:3:11: error CNN101" in result.stdout
    assert result.exit_code == 2


def test_ten_thousand_findings():
    items = "  - Nonsens\n" * 10_000
    write(net=f"cnncalc: 1\ninput: [3, 8, 8]\nlayers:\n{items}")
    assert len(concise("net.yaml")) == 10_000


# ---- which rules


def test_selectors():
    every = frozenset(codes())
    assert matching("ALL") == every
    assert matching("CNN2") == {code for code in every if code[:4] == "CNN2"}
    assert matching("CNN202") == {"CNN202"} == matching("input-rows-dropped")
    assert matching("cnn2") == matching("rows") == matching("") == frozenset()


ALWAYS = {code for code in codes() if code.startswith("CNN0")}
DEFAULT = {code for code, one in codes().items() if one.default}


@pytest.mark.parametrize(
    ("choices", "chosen"),
    [
        ([], DEFAULT),
        ([Choice(select=("CNN202",))], {"CNN202"}),
        ([Choice(select=("CNN2",), ignore=("CNN202",))], matching("CNN2") - {"CNN202"}),
        ([Choice(select=("CNN202",), ignore=("CNN2",))], {"CNN202"}),
        ([Choice(select=("CNN202",)), Choice(extend=("CNN203",))], {"CNN202", "CNN203"}),
        ([Choice(ignore=("CNN2",)), Choice(select=("CNN203",))], {"CNN203"}),
        (
            [Choice(ignore=("CNN2",)), Choice(extend=("CNN203",))],
            DEFAULT - matching("CNN2") | {"CNN203"},
        ),
        ([Choice(extend=("CNN201",)), Choice(ignore=("ALL",))], set()),
        ([Choice(select=("ALL",))], set(codes())),
    ],
)
def test_later_choices_change_what_earlier_ones_left(choices, chosen):
    assert choose(choices).codes == chosen | ALWAYS


def test_a_spec_that_is_not_understood_is_always_said_to_be_so():
    write(net="cnncalc: 1\ninput: [3, 8, 8]\nlayers: [Relu6]\n")
    assert "CNN002" in lint("net.yaml", "--select", "CNN205").stdout
    result = lint("net.yaml", "--ignore", "CNN002")
    assert result.exit_code == 2
    assert "'CNN002' is always reported" in result.stderr


def test_unknown_rules_are_refused_with_a_suggestion():
    write(net=GOOD)
    for option in ("--select", "--ignore", "--extend-select"):
        result = lint("net.yaml", option, "input-row-dropped")
        assert result.exit_code == 2
        assert "did you mean 'input-rows-dropped'?" in result.stderr


def test_rules_do_not_guess_where_the_network_is_not_understood():
    text = DROPS + "  more: {}\n"
    assert [f.problem.code for f in found(text)] == ["CNN202"]
    text = text.replace("layers:\n", "layers:\n  - Nonsense\n")
    assert [f.problem.code for f in found(text)] == ["CNN002"]


def found(text):
    one = load(Source("net.yaml", text.encode()))
    return check(one, [Settings()], (), Choice(select=("CNN202",))).findings


def test_statistics_count_the_findings_of_each_rule():
    write(net=DROPS, other=DROPS, broken=BROKEN)
    lines = lint("--statistics").stdout.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["count", "code", "name"],
        ["2", "CNN202", "input-rows-dropped"],
        ["1", "CNN101", "shape-mismatch"],
    ]


def test_output_goes_into_a_file():
    write(net=DROPS)
    result = lint("net.yaml", "--output", "found.txt")
    assert result.stdout == ""
    assert Path("found.txt").read_text().startswith(LINE)
    assert lint("net.yaml", "--output", "no/such/place").exit_code == 2


# ---- named files, as pre-commit passes them


def test_named_files_that_are_no_specs_are_passed_over_if_asked_for():
    write(net=BROKEN, workflow="on: push\n", other="a: [1\n", vendor__net=BROKEN)
    Path("note.txt").write_text(BROKEN)
    Path("cnncalc.toml").write_text('exclude = ["vendor"]\n')
    named = ("net.yaml", "workflow.yaml", "other.yaml", "vendor/net.yaml", "note.txt")
    assert shown("--force-exclude", *named) == ["net.yaml"]
    assert shown(*named) == list(named)
    result = lint("--force-exclude", *named, "--format", "concise")
    assert result.stdout.count("\n") == 1
    assert result.stderr == "1 error in 1 spec\n"
    assert lint("--force-exclude", *named[1:]).exit_code == 2
    assert lint("--force-exclude", "--allow-empty", *named[1:]).exit_code == 0


def test_what_is_no_file_is_never_passed_over():
    result = lint("--force-exclude", "lenet5", "-", "--show-files", input="on: push\n")
    bundled, stdin = result.stdout.splitlines()
    assert (Path(bundled).name, stdin) == ("lenet5.yaml", "<stdin>")
    result = lint("--force-exclude", "--allow-empty", "missing.yaml")
    assert result.exit_code == 2
    assert "'missing.yaml'" in result.stderr


# ---- files that cannot be read or written


@pytest.mark.parametrize("option", [[], ["--fix"], ["--force-exclude"]])
def test_names_that_no_file_can_have(option):
    write(net=BROKEN)
    result = lint("a" * 5000, "net.yaml/x", "", "net.yaml", "--format", "concise", *option)
    assert result.stdout.startswith("net.yaml:3:11: error CNN101")
    assert result.stderr.count("Error: ") == 3
    assert result.exit_code == 2


def test_a_closed_folder_hides_no_other(monkeypatch):
    write(a__net=BROKEN, b=BROKEN)
    real = {name: getattr(os, name) for name in ("stat", "scandir")}

    def closed(name):
        def call(path, *arguments, **options):
            inside = re.search(r"\ba[/\\]", f"{path}") or name == "scandir"
            if inside and re.search(r"\ba\b", f"{path}"):
                raise PermissionError(13, "Permission denied", str(path))
            return real[name](path, *arguments, **options)

        return call

    for name in real:
        monkeypatch.setattr(os, name, closed(name))
    for named in (["."], ["a/net.yaml", "b.yaml"], ["a", "b.yaml", "--force-exclude"]):
        result = lint(*named, "--format", "concise")
        assert result.stdout.startswith("b.yaml:3:11: error CNN101")
        assert result.stderr.startswith("Error: cannot open")
        assert result.exit_code == 2


def test_a_pipe_in_a_folder_is_no_spec(monkeypatch):
    write(net=BROKEN, pipe=GOOD)
    isfile = os.path.isfile
    monkeypatch.setattr(os.path, "isfile", lambda path: "pipe" not in str(path) and isfile(path))
    assert shown() == ["net.yaml"]
    assert shown("pipe.yaml") == ["pipe.yaml"]


def test_an_unreadable_file_hides_no_other(monkeypatch):
    write(a=BROKEN, b=BROKEN, c=BROKEN)
    opened = Path.open

    def refuse(path, *arguments, **options):
        if path.name == "b.yaml":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    for named in ([], ["a.yaml", "b.yaml", "c.yaml"]):
        result = lint(*named, "--format", "concise")
        assert [line[:6] for line in result.stdout.splitlines()] == ["a.yaml", "c.yaml"]
        assert "cannot read 'b.yaml': permission denied" in result.stderr
        assert result.exit_code == 2


def test_what_a_file_may_hold_instead_of_a_spec():
    Path("binary.yaml").write_bytes(bytes(range(256)))
    Path("utf16.yaml").write_text(GOOD, encoding="utf-16")
    Path("empty.yaml").write_text("")
    Path("large.yaml").write_text("# much\n" * 200_000)
    write(net=BROKEN)
    names = ["binary.yaml", "utf16.yaml", "empty.yaml", "large.yaml", "net.yaml"]
    lines = concise(*names)
    assert [line.partition(":")[0] for line in lines] == names
    assert lint(*names).exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--unsafe-fixes"], "--unsafe-fixes goes with --fix or --diff"),
        (["--fix", "--variant", "fits"], "leave --set and --variant out"),
        (["--diff", "--set", "stride=3"], "leave --set and --variant out"),
        (["--diff", "--format", "json"], "--diff is text"),
        (["--statistics", "--format", "sarif"], "--statistics is text"),
        (["--ignore", "CNN0"], "'CNN0' is always reported"),
        (["--fail-on", "info", "--min-severity", "error"], "is below --min-severity"),
        (["--format", "yaml"], "'yaml' is not one of"),
    ],
)
def test_options_that_contradict_each_other(arguments, said):
    write(net=DROPS)
    result = lint("net.yaml", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""
    assert Path("net.yaml").read_text() == DROPS


def test_standard_input_is_chosen_like_a_file():
    Path("cnncalc.toml").write_text('exclude = ["vendored"]', encoding="utf-8")
    options = ("--select", "CNN202", "--format", "concise", "--force-exclude", "--allow-empty")
    for name, given, found in [
        ("own.yaml", DROPS, 1),
        ("vendored/net.yaml", DROPS, 0),
        ("own.yaml", "version: 1\n", 0),
    ]:
        result = CliRunner().invoke(group, ["lint", "-", "--stdin-filename", name, *options], given)
        assert result.stdout.count("CNN202") == found
        assert result.exit_code == 0


UNUSED = """\
cnncalc: 1
input: [3, 8, 8]
vars: {{kernel: {}, idle: 1}}
layers:
  - Conv2d: {{out_channels: 8, kernel_size: $kernel}}
variants:
  other: {{set: {{kernel: {}}}}}
"""


@pytest.mark.parametrize(
    ("kernels", "where"), [((3, 99), "as written"), ((99, 3), "in variant other"), ((3, 5), None)]
)
def test_what_is_read_once_for_all_networks_is_said_of_those_without_errors(kernels, where):
    Path("net.yaml").write_text(UNUSED.format(*kernels), encoding="utf-8")
    said = "variable 'idle' is never used" + (f" ({where} only)" if where else "")
    found = concise("net.yaml", "--select", "CNN106")
    assert [line for line in found if "CNN106" in line] == [
        f"net.yaml:3:{20 if kernels[0] == 99 else 19}: warning CNN106 unused-definition: {said}"
    ]
