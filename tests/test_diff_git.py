"""`REV:path`: files as git has them, and everything that git may refuse."""

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from cnncalc import git
from cnncalc.cli import group
from cnncalc.source import MAX_BYTES, SourceError

OLD = "cnncalc: 1\ninput: [3, 8, 8]\nlayers: [Flatten, {Linear: 4}]\n"
NEW = OLD.replace("4}", "8}")


def run(*arguments):
    options = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *options, *arguments], check=True, capture_output=True)


def commit(**files):
    for name, text in files.items():
        Path(f"{name}.yaml").write_text(text, encoding="utf-8")
    run("add", "--all")
    run("commit", "--quiet", "--message", "fix: a change")


@pytest.fixture(autouse=True)
def repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "none"))
    run("init", "--quiet", "--initial-branch", "main", ".")
    Path("models").mkdir()
    commit(net=OLD, gone=OLD, **{"models/ü net": OLD})
    Path("gone.yaml").unlink()
    commit(net=NEW)
    return tmp_path


def diff(*arguments, code=0):
    result = CliRunner().invoke(group, ["diff", *arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("HEAD~1:net.yaml", OLD),
        ("HEAD:net.yaml", NEW),
        ("main:./net.yaml", NEW),
        ("main@{0}:net.yaml", NEW),
        (":net.yaml", NEW),
        ("HEAD^{/fix: a}:net.yaml", NEW),
        ("HEAD:models/ü net.yaml", OLD),
        ("HEAD~1:gone.yaml", OLD),
    ],
)
def test_a_file_of_a_revision(spec, text):
    assert git.names(spec)
    found = git.read(spec)
    assert (found.file, found.data) == (spec, text.encode())


def test_paths_are_those_of_git_in_a_folder(monkeypatch):
    monkeypatch.chdir("models")
    assert git.read("HEAD~1:net.yaml").data == OLD.encode()
    assert git.read("HEAD:./ü net.yaml").data == OLD.encode()
    assert git.read("HEAD:../net.yaml").data == NEW.encode()
    with pytest.raises(SourceError) as caught:
        git.read("HEAD:ü net.yaml")
    assert "'HEAD:./ü net.yaml'" in caught.value.help or "./" in caught.value.help


@pytest.mark.parametrize(
    ("spec", "said", "help"),
    [
        ("nope:net.yaml", "invalid object name 'nope'", "not fetched"),
        ("HEAD:gone.yaml", "path 'gone.yaml' does not exist in 'HEAD'", "git log"),
        ("HEAD:models", "it is not a file", "name a file in it"),
        ("HEAD:", "it is not a file", "name a file in it"),
        (":/fix", "Not a valid object name", None),
        ("--output=x:net.yaml", "a revision does not begin with '-'", None),
        ("-p:net.yaml", "a revision does not begin with '-'", None),
    ],
)
def test_what_git_does_not_give(spec, said, help):
    with pytest.raises(SourceError) as caught:
        git.read(spec)
    assert said in caught.value.message
    assert spec in caught.value.message
    assert help is None or help in caught.value.help


def test_outside_of_a_repository(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("outside")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parent))
    said = diff("HEAD:net.yaml", "lenet5", code=2).stderr
    assert "not a git repository" in said
    assert "help: run it in the repository" in said


def test_without_git(monkeypatch):
    monkeypatch.setenv("PATH", "")
    said = diff("HEAD:net.yaml", "net.yaml", code=2).stderr
    assert "'HEAD:net.yaml' is read with git, which is not installed" in said


@pytest.mark.parametrize("spec", [r"C:\net.yaml", "C:/net.yaml", "net.yaml", "resnet50", "-"])
def test_what_is_not_in_git(spec):
    assert not git.names(spec)


def test_a_file_whose_name_has_a_colon(tmp_path):
    (tmp_path / "a:b.yaml").write_text(OLD)
    assert not git.names("a:b.yaml")
    assert "the same network" in diff("a:b.yaml", "HEAD~1:net.yaml").stdout


def test_of_a_huge_file_no_more_is_read_than_a_spec_may_have():
    commit(huge="#" * (3 * MAX_BYTES))
    assert len(git.read("HEAD:huge.yaml").data) == MAX_BYTES + 1
    assert "CNN008" in diff("HEAD:net.yaml", "HEAD:huge.yaml", code=1).stderr


def test_two_revisions_and_the_file_at_hand():
    assert "→ 8)" in diff("HEAD~1:net.yaml", "net.yaml").stdout
    assert "out_features=4 → 8" in diff("HEAD~1:net.yaml", "HEAD:net.yaml").stdout
    assert "the same network" in diff("HEAD:net.yaml", "net.yaml").stdout


def test_messages_name_the_revision():
    commit(net="cnncalc: 1\ninput: [3, 8, 8]\nlayers: [{Linear: 4}]\n")
    said = diff("HEAD~1:net.yaml", "HEAD:net.yaml", code=1).stderr
    assert "HEAD:net.yaml:3:11: error CNN101" in said
    assert "3 | layers: [{Linear: 4}]" in said


def test_a_removed_file_is_not_found():
    assert "no file and no bundled spec is called 'gone.yaml'" in (
        diff("HEAD~1:gone.yaml", "gone.yaml", code=2).stderr
    )
