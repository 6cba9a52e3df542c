"""The formats of findings for CI systems, against their schemas and their rules."""

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path, PureWindowsPath
from urllib.parse import unquote

import jsonschema
import pytest
from click.testing import CliRunner
from helpers import loaded

from cnncalc.cli import group
from cnncalc.lint.codes import codes
from cnncalc.lint.identity import Paths
from cnncalc.problem import Span

# OASIS, SARIF 2.1.0 with errata 01, schemas/sarif-schema-2.1.0.json, unchanged
SARIF = json.loads((Path(__file__).parent / "data" / "sarif-2.1.0.schema.json").read_text("utf-8"))

NET = """\
cnncalc: 1
input: [3, 15, 15]
blocks:
  Down:
    args: {stride: 2}
    layers:
      - Conv2d: {out_channels: 8, kernel_size: 2, stride: $stride}
layers:
  - Down
  - Down
  - Conv2d: {out_channels: 8, kernel_size: 1}
    # cnncalc: ignore[CNN202] stale
  - Linear: 4
variants:
  odd: {set: {}}
"""
SELECT = "--select=CNN202,CNN101,CNN901"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_WORKSPACE", "CI_PROJECT_DIR", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    Path("a b").mkdir()
    Path("a b/nét.yaml").write_text(NET, encoding="utf-8")
    Path("good.yaml").write_text("cnncalc: 1\ninput: [4]\nlayers: [{Linear: 4}]\n")


def lint(form, *arguments, **options):
    return CliRunner().invoke(group, ["lint", "--format", form, SELECT, *arguments], **options)


def stale(text=NET):
    """The network without its error, so that its comment is known to be stale."""
    Path("a b/nét.yaml").write_text(text.replace("Linear: 4", "Flatten:"), encoding="utf-8")


def test_json():
    found = json.loads(lint("json").stdout)
    assert found["specs"] == ["good.yaml", "a b/nét.yaml"]
    assert found["counts"] == {"error": 1, "warning": 1, "info": 0}
    first, second = found["findings"]
    assert (first["code"], first["count"], first["networks"]) == ("CNN202", 2, None)
    assert first["trace"][0]["call"] == "Down"
    assert (second["code"], second["at"]["line"], second["fix"]) == ("CNN101", 13, None)
    stale()
    fix = json.loads(lint("json").stdout)["findings"][1]["fix"]
    assert (fix["safe"], fix["edits"][0]["text"]) == (True, "")


def test_json_of_nothing():
    assert json.loads(lint("json", "good.yaml").stdout)["findings"] == []


def test_github():
    lines = lint("github").stdout.splitlines()
    assert lines == [
        "::warning file=a b/nét.yaml,line=7,endLine=7,col=59,endColumn=65,"
        "title=CNN202 input-rows-dropped::the last position is never read: 15 at a window of 2, "
        "stride 2 (2 times)%0Ain Down at a b/nét.yaml:9:5%0A"
        "help: pad the end; an input of 14 or 16 is read to its end",
        "::error file=a b/nét.yaml,line=13,endLine=13,col=5,endColumn=10,"
        "title=CNN101 shape-mismatch::Linear on a map: the input has 3 axes [8, 3, 3], not 1%0A"
        "help: put Flatten before it, or AdaptiveAvgPool2d: 1 and Flatten; for the last axis "
        "alone write in_features: 3",
    ]
    stale()
    assert "title=CNN901 unused-suppression" in lint("github").stdout


def understood(line):
    """A workflow command as GitHub's runner reads it (ActionCommand.TryParseV2)."""
    command, _, message = line.removeprefix("::").partition("::")
    name, _, properties = command.partition(" ")
    pairs = dict(one.split("=", 1) for one in properties.split(","))
    plain = {
        key: unescaped(value, {**DATA, "%3A": ":", "%2C": ","}) for key, value in pairs.items()
    }
    return name, plain, unescaped(message, DATA)


DATA = {"%0D": "\r", "%0A": "\n", "%25": "%"}


def unescaped(text, marks):
    return re.sub("|".join(marks), lambda found: marks[found[0]], text)


def test_what_github_would_read_as_its_own_is_escaped():
    Path("100%,a:b.yaml").write_text(NET.replace("- Linear: 4", "- '50%0A, ::x:'"))
    *_, line = lint("github", "100%,a:b.yaml").stdout.splitlines()
    name, properties, message = understood(line)
    assert (name, properties["file"]) == ("error", "100%,a:b.yaml")
    assert properties["title"] == "CNN002 unknown-name"
    assert message.startswith("'50%0A, ::x:' is not a layer or block")


def test_github_takes_columns_of_one_line_only():
    Path("net.yaml").write_text("cnncalc: 1\ninput: [3,\n  no]\nlayers: [{ReLU: [\n1]}]\n")
    lines = [understood(line)[1] for line in lint("github", "net.yaml").stdout.splitlines()]
    assert [(one["line"], one["endLine"]) for one in lines] == [("2", "3"), ("3", "3"), ("4", "5")]
    assert [{"col", "endColumn"} & set(one) for one in lines] == [
        set(),
        {"col", "endColumn"},
        set(),
    ]


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ("github", "at a b/nét.yaml:9:5"),
        ("sarif", "a%20b/n%C3%A9t.yaml"),
        ("gitlab", json.dumps("a b/nét.yaml")),
    ],
)
@pytest.mark.parametrize(
    ("git", "workspace"),
    [
        (True, {}),
        (False, {"GITHUB_WORKSPACE": "."}),
        (False, {"CI_PROJECT_DIR": "."}),
        (True, {"GITHUB_WORKSPACE": ".."}),  # checked out into a folder of the workspace
    ],
)
def test_code_hosts_get_paths_from_the_root_of_the_repository(
    form, shown, git, workspace, monkeypatch, tmp_path
):
    if git:
        Path(".git").mkdir()
    env = {"GITHUB_WORKSPACE": None, "CI_PROJECT_DIR": None}
    env |= {name: str((tmp_path / place).resolve()) for name, place in workspace.items()}
    whole = lint(form, "a b", "good.yaml", env=env).stdout
    assert shown in whole
    monkeypatch.chdir("a b")
    assert lint(form, ".", "../good.yaml", env=env).stdout == whole
    assert lint(form, str(tmp_path / "a b"), "../good.yaml", env=env).stdout == whole


def test_fixes_name_files_as_findings_do(monkeypatch):
    Path(".git").mkdir()
    stale()
    monkeypatch.chdir("a b")
    [*_, last] = sarif()["results"]
    [change] = last["fixes"][0]["artifactChanges"]
    found = last["locations"][0]["physicalLocation"]["artifactLocation"]
    assert change["artifactLocation"] == found
    assert unquote(found["uri"]) == "a b/nét.yaml"


@pytest.mark.parametrize("form", ["github", "gitlab"])
def test_a_file_outside_the_repository_keeps_its_path(form, monkeypatch, tmp_path):
    monkeypatch.chdir("a b")
    Path(".git").mkdir()
    Path("../bad.yaml").write_text("cnncalc: [")
    found = lint(form, "../bad.yaml", env={"GITHUB_WORKSPACE": str(tmp_path / "a b")}).stdout
    assert "../bad.yaml" in found


def test_the_page_of_a_github_step():
    Path("page.md").write_text("before\n")
    result = lint("github", env={"GITHUB_STEP_SUMMARY": "page.md"})
    assert result.exit_code == 1
    lines = Path("page.md").read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["before", "### cnncalc lint: 1 error, 1 warning in 2 specs"]
    assert lines[5].startswith("| `a b/nét.yaml:7:59` | warning | CNN202 input-rows-dropped | `the")
    assert lint("github", env={"GITHUB_STEP_SUMMARY": "no/such/page"}).exit_code == 2


def page(*arguments):
    Path("page.md").unlink(missing_ok=True)
    lint("github", *arguments, env={"GITHUB_STEP_SUMMARY": "page.md"})
    return Path("page.md").read_text(encoding="utf-8")


def test_nothing_on_the_page_is_markdown_of_a_spec():
    Path("net.yaml").write_text(NET.replace("Linear: 4", "'`a` | $x$ <b> @me ``c': 4"))
    row = page("net.yaml").splitlines()[-1]
    assert "| ``` '`a` \\| $x$ <b> @me ``c' is neither" in row
    assert row.endswith(" ``` |")


def test_the_page_stays_below_what_github_takes():
    item = f"  - {'N' * 4000}\n"
    Path("net.yaml").write_text("cnncalc: 1\ninput: [3]\nlayers:\n" + item * 250)
    Path("more.yaml").write_text("cnncalc: 1\ninput: [3]\nlayers:\n" + "  - Nonsens\n" * 1250)
    text = page("net.yaml", "more.yaml")
    assert len(text.encode()) < 2**18
    assert text.count("\n| `") == 300
    assert text.endswith("\n1,200 more\n")


def sarif(*arguments):
    log = json.loads(lint("sarif", *arguments).stdout)
    jsonschema.Draft4Validator(SARIF).validate(log)
    return log["runs"][0]


def test_the_schema_refuses_what_is_no_sarif():
    log = json.loads(lint("sarif").stdout)
    log["runs"][0]["results"][0]["level"] = "info"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft4Validator(SARIF).validate(log)


def test_sarif():
    run = sarif()
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(codes())
    for rule in rules:
        short, full, help = (
            rule[key]["text"] for key in ("shortDescription", "fullDescription", "help")
        )
        assert full.startswith(short)
        assert help.startswith(full)
        assert len(short) < len(full) < min(1024, len(help))  # as code scanning wants it
    first, second = run["results"]
    assert rules[first["ruleIndex"]]["id"] == first["ruleId"] == "CNN202"
    assert (first["level"], first["occurrenceCount"]) == ("warning", 2)
    [location] = first["locations"]
    place = location["physicalLocation"]
    assert unquote(place["artifactLocation"]["uri"]) == "a b/nét.yaml"
    text = NET.split("\n")[place["region"]["startLine"] - 1]
    assert text[place["region"]["startColumn"] - 1 : place["region"]["endColumn"] - 1] == "$stride"
    assert first["relatedLocations"][0]["message"]["text"] == "in Down"
    assert rules[second["ruleIndex"]]["id"] == second["ruleId"] == "CNN101"


def test_sarif_of_absolute_paths_of_broken_files_and_of_fixes(tmp_path):
    stale()
    [_, unused] = sarif(str(tmp_path / "a b"))["results"]
    uri = unused["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert unquote(uri) == f"file://{tmp_path}/a b/nét.yaml"
    [replacement] = unused["fixes"][0]["artifactChanges"][0]["replacements"]
    assert replacement["insertedContent"]["text"] == ""
    Path("broken.yaml").write_text("cnncalc: [")
    Path("empty.yaml").write_text("")
    assert len(sarif("broken.yaml", "empty.yaml")["results"]) == 2


def test_junit():
    root = ElementTree.fromstring(lint("junit").stdout)
    assert root.attrib == {
        "name": "cnncalc lint",
        "tests": "3",
        "failures": "2",
        "errors": "0",
    }
    suites = list(root)
    assert [suite.get("name") for suite in suites] == ["good.yaml", "a b/nét.yaml"]
    assert [case.find("failure") for case in suites[0]] == [None]
    failures = [case.find("failure") for case in suites[1]]
    assert [one.get("type") for one in failures] == ["warning", "error"]
    assert "  7 |       - Conv2d: {out_channels: 8" in failures[0].text
    for suite in suites:
        assert int(suite.get("tests")) == len(suite)


# what junit-10.xsd of Jenkins' xUnit plugin has: attributes, with `!` those that must be there
JUNIT = {
    "testsuites": "name time tests failures errors",
    "testsuite": "name! tests! failures! errors! group time skipped timestamp hostname id package "
    "file log url",
    "testcase": "name! time classname group",
    "failure": "type message",
}
NESTED = {("testsuites", "testsuite"), ("testsuite", "testcase"), ("testcase", "failure")}


def test_junit_has_nothing_that_its_schema_lacks():
    root = ElementTree.fromstring(lint("junit").stdout)
    assert {(one.tag, child.tag) for one in root.iter() for child in one} == NESTED
    for one in root.iter():
        known = JUNIT[one.tag].split()
        assert set(one.attrib) <= {name.rstrip("!") for name in known}
        assert set(one.attrib) >= {name[:-1] for name in known if name[-1] == "!"}


def test_junit_of_what_xml_has_no_place_for():
    Path("x&<>.yaml").write_text('cnncalc: 1\nname: "\x1b[0m"\n"<&\x00>": 1\n')
    root = ElementTree.fromstring(lint("junit", "x&<>.yaml").stdout)
    assert root[0].get("name") == "x&<>.yaml"


def test_gitlab():
    first, second = json.loads(lint("gitlab").stdout)
    assert first["location"] == {
        "path": "a b/nét.yaml",
        "positions": {"begin": {"line": 7, "column": 59}, "end": {"line": 7, "column": 66}},
    }
    assert (first["check_name"], first["severity"]) == ("CNN202", "minor")
    assert (second["check_name"], second["severity"]) == ("CNN101", "major")
    assert len({first["fingerprint"], second["fingerprint"]}) == 2
    assert "line" in first["location"]["positions"]["begin"]  # as GitLab's table has it
    wanted = {"description", "check_name", "fingerprint", "severity", "location"}
    assert set(first) == set(second) == wanted
    assert json.loads(lint("gitlab", "good.yaml").stdout) == []


@pytest.mark.parametrize("name", ["a b\\c.yaml", "C:\\x\\a b\\c.yaml"])
def test_paths_of_windows(name, monkeypatch):
    for module in ("gitlab", "sarif"):
        monkeypatch.setattr(f"cnncalc.render.{module}.PurePath", PureWindowsPath)
    options = {"input": "cnncalc: [", "env": {"GITHUB_WORKSPACE": None, "CI_PROJECT_DIR": None}}
    [found] = json.loads(lint("gitlab", "-", "--stdin-filename", name, **options).stdout)
    assert found["location"]["path"] == name.replace("\\", "/")
    log = json.loads(lint("sarif", "-", "--stdin-filename", name, **options).stdout)
    [place] = log["runs"][0]["results"][0]["locations"]
    uri = place["physicalLocation"]["artifactLocation"]["uri"]
    assert uri in ("a%20b/c.yaml", "file:///C:/x/a%20b/c.yaml")


def fingerprints(text):
    Path("a b/nét.yaml").write_text(text, encoding="utf-8")
    found = json.loads(lint("gitlab", "a b").stdout)
    run = sarif("a b")["results"]
    names = [one["fingerprint"] for one in found]
    assert names == [one["partialFingerprints"]["cnncalc/v1"] for one in run]
    return names


def test_fingerprints_do_not_move_with_lines():
    before = fingerprints(NET)
    assert len(set(before)) == 2
    moved = NET.replace("blocks:", "# a comment\n\nname: moved\nblocks:").replace("{out", "{ out")
    assert fingerprints(moved) == before
    assert fingerprints(NET.replace("Down", "Other"))[0] != before[0]
    assert fingerprints(NET.replace("  - Down\n", "  - Down\n  - ReLU\n"))[0] == before[0]


def test_fingerprints_of_one_place_differ():
    text = "cnncalc: 1\ninput: [3, 15, 15]\nlayers: [{Linear: 4, foo: 1, bar: 2}]\n"
    found = fingerprints(text)
    assert len(set(found)) == len(found) > 1


def test_the_path_of_an_item():
    paths = Paths(loaded(NET).document)
    column = NET.split("\n")[6].index("$stride") + 1
    assert paths.of(Span("", 7, column, 7, column)) == "blocks.Down.layers.0.Conv2d.stride"
    assert paths.of(Span("", 10, 5, 10, 9)) == "layers.1"
    assert Paths(loaded("x: [").document).of(Span("", 1, 1, 1, 1)) == ""


@pytest.mark.parametrize("form", ["text", "json", "github", "sarif", "junit", "gitlab"])
def test_names_that_are_no_text(form):
    name = "bad \udcff.yaml"  # as Python has a name of another encoding
    options = {"input": "cnncalc: [", "env": {"GITHUB_STEP_SUMMARY": "page.md"}}
    result = lint(form, "-", "--stdin-filename", name, "--output", "out", **options)
    assert result.exit_code == 1
    text = Path("out").read_text(encoding="utf-8")
    shown = {"sarif": "bad%20%FF.yaml", "junit": "bad  .yaml"}
    assert shown.get(form, "bad \\udcff.yaml") in text


FINDINGS = {
    "json": lambda text: len(json.loads(text)["findings"]),
    "github": lambda text: text.count("\n"),
    "sarif": lambda text: len(json.loads(text)["runs"][0]["results"]),
    "junit": lambda text: len(list(ElementTree.fromstring(text).iter("failure"))),
    "gitlab": lambda text: len({one["fingerprint"] for one in json.loads(text)}),
}


@pytest.mark.parametrize("form", FINDINGS)
def test_ten_thousand_findings(form):
    Path("net.yaml").write_text("cnncalc: 1\ninput: [3]\nlayers:\n" + "  - Nonsens\n" * 10_000)
    assert FINDINGS[form](lint(form, "net.yaml").stdout) == 10_000


@pytest.mark.parametrize("form", FINDINGS)
def test_a_file_that_cannot_be_read_hides_no_other(form):
    result = lint(form, "missing.yaml", "a b", "good.yaml")
    assert FINDINGS[form](result.stdout) == 2
    assert "'missing.yaml'" in result.stderr
    assert result.exit_code == 2


@pytest.mark.parametrize("form", FINDINGS)
def test_statistics_are_text(form):
    assert lint(form, "--statistics").exit_code == 2
