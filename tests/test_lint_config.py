"""Config files and the `lint:` of a spec: what they choose, and what is wrong in them."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers import loaded

from cnncalc.cli import group
from cnncalc.lint import codes, rules, settings
from cnncalc.lint.rule import Rule

DROPS = """\
cnncalc: 1
input: [3, 9, 9]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 2, stride: 2}
"""


def lint(*arguments):
    return CliRunner().invoke(group, ["lint", "--format", "concise", *arguments])


def found(*arguments):
    """File, level and code of each finding."""
    lines = lint(*arguments).stdout.splitlines()
    return [(line.split(":")[0], *line.split()[1:3]) for line in lines]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a/b").mkdir(parents=True)
    for name in ("net", "a/net", "a/b/net"):
        Path(f"{name}.yaml").write_text(DROPS)


FINDING = ("warning", "CNN202")


def test_the_nearest_config_counts():
    Path("cnncalc.toml").write_text('ignore = "CNN202"')
    Path("pyproject.toml").write_text('[tool.cnncalc]\nselect = ["CNN202"]')  # the other wins
    Path("a/pyproject.toml").write_text("[tool.ruff]\nline-length = 9\n[broken")  # none of ours
    assert found() == []
    Path("a/pyproject.toml").write_text('[tool.cnncalc]\nselect = ["CNN202"]')
    assert found() == [("a/net.yaml", *FINDING), ("a/b/net.yaml", *FINDING)]
    assert found("a/b/net.yaml") == [("a/b/net.yaml", *FINDING)]


@pytest.mark.parametrize(
    ("config", "files"),
    [
        ("", ["net.yaml", "a/net.yaml", "a/b/net.yaml"]),
        ('exclude = ["a"]', ["net.yaml"]),
        ('exclude = ["./a/b/"]', ["net.yaml", "a/net.yaml"]),
        ('exclude = ["a/*.yaml"]', ["net.yaml"]),
        ('exclude = ["b"]', ["net.yaml", "a/net.yaml", "a/b/net.yaml"]),
        ('include = ["a/b"]', ["a/b/net.yaml"]),
        ('include = ["*.yml"]', []),
        ('[per-file-ignores]\n"a/b/*" = ["CNN202"]', ["net.yaml", "a/net.yaml"]),
        ('[per-file-ignores]\na = "input-rows-dropped"\n"other.yaml" = ["ALL"]', ["net.yaml"]),
    ],
)
def test_files_that_a_config_leaves_out(config, files):
    Path("cnncalc.toml").write_text(config)
    assert found("--allow-empty", "--extend-select", "CNN201") == [
        one for file in files for one in [(file, *FINDING)]
    ]


def test_a_file_that_is_named_is_checked_in_spite_of_exclude():
    Path("cnncalc.toml").write_text('exclude = ["net.yaml"]')
    assert lint().exit_code == 2
    assert found("net.yaml") == [("net.yaml", *FINDING)]


def test_severity():
    Path("cnncalc.toml").write_text(
        '[severity]\ninput-rows-dropped = "error"\nCNN201 = "warning"\n'
    )
    assert found("net.yaml", "--extend-select", "CNN201") == [
        ("net.yaml", "warning", "CNN201"),
        ("net.yaml", "error", "CNN202"),
    ]
    assert lint("net.yaml").exit_code == 1


@pytest.mark.parametrize(
    ("config", "own", "line", "codes"),
    [
        ("", "", [], ["CNN202"]),
        ("ignore = ['CNN2']", "", [], []),
        ("ignore = ['CNN2']", "lint: {extend-select: CNN202}\n", [], ["CNN202"]),
        ("", "lint: {ignore: [CNN202]}\n", [], []),
        ("", "lint: {ignore: [CNN202]}\n", ["--extend-select", "CNN202"], ["CNN202"]),
        ("select = ['CNN202']", "lint: {select: [CNN201]}\n", [], ["CNN201"]),
        ("", "lint: {extend-select: [CNN201]}\n", ["--ignore", "CNN202"], ["CNN201"]),
    ],
)
def test_the_command_line_wins_over_the_file_and_that_over_the_config(config, own, line, codes):
    Path("cnncalc.toml").write_text(config)
    Path("net.yaml").write_text(own + DROPS)
    assert [
        one
        for _, _, one in found("net.yaml", "--min-severity", "info", *line)
        if one in ("CNN201", "CNN202")
    ] == codes


# ---- mistakes in a config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[tool.cnncalc]\nselct = []",
            "2:1: there is no setting 'selct'\n  help: did you mean 'select'?",
        ),
        ("[tool.cnncalc]\n\n  ignore = ['CNN202', 'CNN299']", "3:23: there is no rule 'CNN299'"),
        ("[tool.cnncalc]\nignore = ['CNN001']", "2:11: 'CNN001' is always reported"),
        ("[tool.cnncalc]\nselect = [3]", "2:11: select takes texts, not 3"),
        ("[tool.cnncalc.severity]\nCNN202 = 'eror'", "2:10: there is no level 'eror'"),
        ("[tool.cnncalc]\nseverity = {CNN999 = 'error'}", "2:13: there is no rule 'CNN999'"),
        ("[tool.cnncalc]\nseverity = 3", "2:12: severity takes a mapping, not 3"),
        ("[tool.cnncalc.rules.CNN202]\nshare = 1", "2:1: CNN202 has no option 'share'"),
        ("[tool.cnncalc.rules.CNN2]\nshare = 1", "1:21: there is no rule 'CNN2'"),
        ("[tool.cnncalc.per-file-ignores]\n'a' = ['CNN888']", "2:8: there is no rule 'CNN888'"),
        ("x = 1\n[tool.cnncalc]\ninclude = [1]", "3:12: include takes texts, not 1"),
        ("[tool.cnncalc]\nselect = [", "2:11: "),
        ("[tool.cnncalc]\nselect == 3", "2:9: "),
        ("tool.cnncalc = 3\n[tool.x]\n[[tool.cnncalc]]", ""),
    ],
)
def test_a_mistake_in_a_config_has_its_place(text, message):
    Path("pyproject.toml").write_text(text)
    result = lint("net.yaml")
    assert result.exit_code == 2
    assert f"Error: pyproject.toml:{message}" in result.stderr


def test_a_config_that_cannot_be_read():
    Path("cnncalc.toml").write_bytes(b"exclude = ['\xff']")
    assert "Error: cnncalc.toml:1:1: the file is not UTF-8" in lint("net.yaml").stderr


def test_all_mistakes_of_a_config_are_told_at_once():
    Path("cnncalc.toml").write_text("selct = 1\nignore = ['CNN777']\n")
    said = lint("net.yaml").stderr
    assert "cnncalc.toml:1:1" in said
    assert "cnncalc.toml:2:11" in said


# ---- the file's own


@pytest.mark.parametrize(
    ("own", "place", "code", "message"),
    [
        ("{selct: []}", (1, 8), "CNN002", "there is no setting 'selct'"),
        ("{ignore: [CNN202, CNN299]}", (1, 25), "CNN902", "there is no rule 'CNN299'"),
        ("{severity: {CNN202: eror}}", (1, 27), "CNN007", "there is no level 'eror'"),
        ("{rules: {CNN202: {share: 1}}}", (1, 25), "CNN002", "CNN202 has no option 'share'"),
        ("{rules: {CNN299: {}}}", (1, 16), "CNN902", "there is no rule 'CNN299'"),
        ("{include: a}", (1, 8), "CNN002", "there is no setting 'include'"),
        ("3", (1, 7), "CNN007", "lint must be a mapping"),
    ],
)
def test_a_mistake_in_a_spec_is_a_finding(own, place, code, message):
    _, [problem] = settings.written(loaded(f"lint: {own}\n{DROPS}").document)
    assert (problem.code, problem.message) == (code, message)
    assert (problem.span.line, problem.span.column) == place
    Path("net.yaml").write_text(f"lint: {own}\n{DROPS}")
    assert any(one[2] == code for one in found("net.yaml"))


class Share(Rule):
    """A rule with options, which says what they are."""

    code, name, good, bad = "CNN999", "share", (), ()
    options = {"share": 0.5, "most": 3, "strict": False, "names": ["a"]}  # noqa: RUF012

    def check(self, network):
        said = [self.option(name) for name in self.options]
        yield self.found(network.spec.items.items[0].span, str(said))


@pytest.fixture
def share(monkeypatch):
    every = {**rules.catalogue(), "CNN999": Share}
    monkeypatch.setattr(codes, "catalogue", lambda: every)
    monkeypatch.setattr("cnncalc.lint.check.catalogue", lambda: every)
    codes.codes.cache_clear()
    yield
    codes.codes.cache_clear()


@pytest.mark.usefixtures("share")
def test_options_of_rules_by_code_or_name():
    Path("cnncalc.toml").write_text(
        "select = ['CNN999']\nrules.CNN999.share = 1\nrules.share.most = 5"
    )
    Path("net.yaml").write_text("lint: {rules: {share: {names: [b], most: 7}}}\n" + DROPS)
    assert "share: [1, 7, False, ['b']]" in lint("net.yaml").stdout
    assert "share: [1, 5, False, ['a']]" in lint("a/net.yaml").stdout


@pytest.mark.usefixtures("share")
@pytest.mark.parametrize("value", ["share = 'x'", "most = 2.5", "most = true", "strict = 1"])
def test_an_option_is_of_the_kind_of_its_default(value):
    Path("cnncalc.toml").write_text(f"[rules.CNN999]\n{value}")
    name = value.split()[0]
    column = value.index("=") + 3
    result = lint("net.yaml")
    assert f"cnncalc.toml:2:{column}: {name} must be like its default" in result.stderr
    assert result.exit_code == 2
