"""The command line: exit codes, what goes where, and every kind of bad input."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import cnncalc
from cnncalc.cli import COMMANDS, group

GOOD = "cnncalc: 1\ninput: [3, 8, 8]\nvars: {c: 4}\nlayers: [Flatten, {Linear: $c}]\n"
BROKEN = "cnncalc: 1\ninput: [3, 8, 8]\nlayers: [{Linear: 4}]\n"


def process(*arguments, **options):
    """The command as users run it."""
    command = [sys.executable, "-m", "cnncalc", *arguments]
    return subprocess.run(command, capture_output=True, check=False, **options)


def run(*arguments, **options):
    return CliRunner().invoke(group, [*arguments], **options)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "broken.yaml").write_text(BROKEN)
    return tmp_path


def test_exit_codes():
    assert process("summary", "good.yaml").returncode == 0
    assert process("summary", "broken.yaml").returncode == 1
    assert process("summary", "missing.yaml").returncode == 2
    assert process("summary", "good.yaml", "broken.yaml").returncode == 1
    assert process("nonsense").returncode == 2


def test_results_and_messages_go_to_their_own_streams():
    done = process("summary", "broken.yaml", "--format", "json", text=True, encoding="utf-8")
    assert json.loads(done.stdout)["problems"][0]["code"] == "CNN101"
    assert done.stderr.startswith("broken.yaml:3:11: error CNN101 shape-mismatch: Linear on a map")
    assert "good" not in process("summary", "good.yaml", text=True, encoding="utf-8").stderr


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "the byte 0x89 is not UTF-8"),
        (b"cnncalc: 1\nname: \xff\n", "net.yaml:2:7: error CNN001 yaml-syntax: the byte 0xff"),
        (b"cnncalc: 1\x00", "U+0000"),
        (b"a" * 5_000_000, "the file is larger than 1 MiB"),
        (b"[" * 100_000, "nested deeper than 50"),
        ("cnncalc: 1".encode("utf-16"), "the file is UTF-16"),
        (b"a: &a [x]\nb: *a\n", "the alias '*a' is not supported"),
    ],
)
def test_files_that_are_no_specs(data, message):
    Path("net.yaml").write_bytes(data)
    result = run("summary", "net.yaml")
    assert result.exit_code == 1
    assert message in result.stderr
    assert isinstance(result.exception, SystemExit)


def test_what_cannot_be_opened():
    Path("sub").mkdir()
    for name, message in [
        ("missing.yaml", "no file and no bundled spec is called 'missing.yaml'"),
        ("resnet5", "did you mean 'resnet50'?"),
        ("sub", "'sub' is a directory"),
        ("x" * 5000, "cannot open"),
        ("a\0b", "cannot open"),
    ]:
        result = run("summary", name)
        assert result.exit_code == 2
        assert message in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "d=3"), "the spec has no variable 'd'"),
        (("--set", "c"), "'c' is not of the form name=value"),
        (("--set", "c=[1"), "'[' is never closed"),
        (("--input", "3x8"), None),
        (("--input", "3x0x8"), "must be from 1 to"),
        (("--input", "big"), "'big' is not a shape such as 3x224x224"),
        (("--input", "left=3x8x8"), "the spec has no input 'left'"),
        (("--variant", "small"), "the spec has no variant 'small'"),
        (("--format", "xml"), "'xml' is not one of"),
        (("--columns", "paramz"), "there is no column 'paramz'; did you mean 'params'?"),
        (("--batch", "0"), "is not in the range"),
        (("--memory", "much"), "'much' is not a size such as 24GiB"),
        (("--dtype", "float31"), "is not one of"),
        (("--depht", "3"), "--depth"),
        (("--output", "no/such/folder/x"), "cannot write 'no/such/folder/x'"),
        (("--output", "."), "cannot write '.'"),
    ],
)
def test_wrong_options(arguments, message):
    result = run("summary", "good.yaml", *arguments)
    if message is None:
        assert result.exit_code == 0
        return
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_misspelt_command_is_suggested():
    result = run("sumary")
    assert result.exit_code == 2
    assert "there is no command 'sumary'; did you mean 'summary'?" in result.stderr


def test_options_that_change_the_network():
    found = json.loads(run("summary", "good.yaml", "--set", "c=7", "--format", "json").stdout)
    assert found["outputs"][0]["shape"] == [7]
    found = json.loads(run("summary", "good.yaml", "--input", "1x2x2", "--format", "json").stdout)
    assert found["totals"]["params"] == 4 * 4 + 4


def test_standard_input_and_output_file():
    result = run("summary", "-", "--format", "json", "--output", "report.json", input=GOOD)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert json.loads(Path("report.json").read_text("utf-8"))["spec"] == "<stdin>"


def test_a_file_wins_over_a_bundled_name():
    Path("resnet50").write_text(GOOD)
    found = json.loads(run("summary", "resnet50", "--format", "json").stdout)
    assert found["totals"]["params"] == 192 * 4 + 4


def test_batch_and_dtype_scale_sizes_in_bytes():
    one = json.loads(run("summary", "good.yaml", "--format", "json").stdout)["totals"]
    many = run("summary", "good.yaml", "--batch", "10", "--dtype", "float16", "--format", "json")
    ten = json.loads(many.stdout)["totals"]
    assert ten["peak_inference_bytes"] == 5 * one["peak_inference_bytes"]
    assert ten["param_bytes"] * 2 == one["param_bytes"]


def test_a_broken_pipe_ends_quietly():
    command = f'"{sys.executable}" -m cnncalc summary resnet50 --format json | head -c 10'
    done = subprocess.run(command, shell=True, capture_output=True, check=False)
    assert done.stderr == b""
    assert done.stdout == b'{"cnncalc"'


def test_a_terminal_without_bars_and_lines_gets_replacements():
    environment = os.environ | {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    done = process("summary", "resnet50", env=environment)
    assert done.returncode == 0
    assert "ConvBN(out=64, kernel_size=7, stride=2)" in done.stdout.decode("cp1252")


def test_version_and_help():
    assert run("--version").stdout == f"cnncalc {cnncalc.__version__}\n"
    overview = run("--help").stdout
    for name in COMMANDS:
        assert name in overview
        page = run(name, "--help").stdout
        assert f"cnncalc {name}" in page


def test_completion_knows_commands_and_options():
    environment = os.environ | {
        "_CNNCALC_COMPLETE": "bash_complete",
        "COMP_WORDS": "cnncalc summary --dep",
        "COMP_CWORD": "2",
    }
    done = process(env=environment, text=True)
    assert "--depth" in done.stdout


def test_specs_lists_every_bundled_network():
    out = run("specs").stdout
    for path in (Path(__file__).parent.parent / "specs").rglob("*.yaml"):
        assert path.stem in out
    assert "25,557,032" in out


def test_explain_prints_a_page_for_every_type_and_suggests():
    assert "MACs: output elements x C / groups" in run("explain", "Conv2d").stdout
    assert "ConvTranspose2d" in run("explain").stdout
    for wrong, right in [("conv2d", "Conv2d"), ("Dense", "Linear")]:
        result = run("explain", wrong)
        assert result.exit_code == 2
        assert right in result.stderr


def test_the_python_api(folder):
    report = cnncalc.summarize("good.yaml", variables={"c": 2}, inputs={"input": (1, 2, 2)})
    assert report.totals.params == 4 * 2 + 2
    assert len(cnncalc.load("good.yaml").nodes) == 2
    with pytest.raises(cnncalc.SpecError) as caught:
        cnncalc.load(folder / "broken.yaml")
    assert [problem.code for problem in caught.value.problems] == ["CNN101"]


@pytest.mark.parametrize("redirection", ["> /dev/full", ">&-", "- <&-", "2>&-"])
def test_streams_that_are_full_or_closed(redirection):
    command = f'"{sys.executable}" -m cnncalc summary good.yaml broken.yaml {redirection}'
    done = subprocess.run(command, shell=True, capture_output=True, check=False)
    assert b"Traceback" not in done.stderr
    assert done.returncode in (1, 2)


def test_no_escape_codes_where_nobody_looks():
    for environment in ({}, {"FORCE_COLOR": "1"}, {"TERM": "xterm-256color"}):
        done = process("summary", "good.yaml", "broken.yaml", env=os.environ | environment)
        assert b"\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize("variable", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colours_where_they_are_not_wanted(variable):
    shown = on_a_terminal("summary", "good.yaml", env=os.environ | {"TERM": "xterm"} | variable)
    assert "Linear" in shown
    assert not re.search(r"\x1b\[(\d+;)*(3|4|9|10)[0-7]", shown)


def on_a_terminal(*arguments, **options):
    """What the command writes to a terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "cnncalc", *arguments]
    subprocess.run(command, stdin=theirs, stdout=theirs, stderr=theirs, check=False, **options)
    os.close(theirs)
    found = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # the end, on Linux
            chunk = b""
        if not chunk:
            os.close(ours)
            return found.decode()
        found += chunk


@pytest.mark.parametrize("name", ["/dev/null", "/dev/zero", "", "-", "good.yaml/x", "good"])
def test_strange_names_of_specs(name):
    done = process("summary", name, input=b"", timeout=60)
    assert done.returncode in (1, 2)
    assert b"Traceback" not in done.stderr
    assert done.stderr.count(b"\n") >= 2


@pytest.mark.parametrize(
    "value", ["", "abc", "{Linear: 3}", "[1, 2]", "$(9**9**9)", "-1", "1.5", "true", "~", "1e300"]
)
def test_any_value_for_a_variable(value):
    result = run("summary", "good.yaml", "--set", f"c={value}")
    assert result.exit_code == 1
    assert "good.yaml:4:28: error CNN007 bad-value: out_features must be" in result.stderr


@pytest.mark.parametrize("name", [*COMMANDS, None])
def test_help_shows_examples_a_line_each(name):
    """Click joins lines unless it finds the character that a raw docstring would spell out."""
    found = CliRunner().invoke(group, [*([name] if name else []), "--help"])
    assert found.exit_code == 0
    assert "\\b" not in found.output
    examples = [line for line in found.output.splitlines() if line.startswith("  cnncalc ")]
    assert len(examples) >= 2


@pytest.mark.parametrize("command", ["summary", "lint", "explain", "schema", "diff lenet5"])
@pytest.mark.parametrize("text", [GOOD, '{"cnncalc": 1, "input": [8], "layers": ["ReLU"]}'])
def test_an_output_never_takes_the_place_of_a_spec(tmp_path, command, text):
    path = tmp_path / "net.yaml"
    path.write_text(text, encoding="utf-8")
    given = () if command == "schema" else (str(path),)
    result = CliRunner().invoke(group, [*command.split(), *given, "--output", str(path)])
    assert result.exit_code == 2
    assert f"'{path}' is a spec, and is not overwritten" in " ".join(result.output.split())
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("report.json", "summary lenet5 --format json"),
        ("findings.yaml", "lint lenet5 --format json"),
    ],
)
def test_an_output_takes_the_place_of_another_one(tmp_path, name, command):
    for _ in range(2):
        words = [*command.split(), "--output", str(tmp_path / name)]
        assert CliRunner().invoke(group, words).exit_code == 0
