"""Hooks for pre-commit, the GitHub action and docs/ci.md: they name what exists, and it runs."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from cnncalc.cli import group

ROOT = Path(__file__).parent.parent
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
BLOCKS = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]

# the keys of a hook that pre-commit's documentation lists; those that must be there
KNOWN = {"id", "name", "entry", "language", "description", "types", "files", "require_serial"}
NEEDED = {"id", "name", "entry", "language"}

FILES = {
    "nets/good.yaml": "cnncalc: 1\ninput: [3, 8, 8]\nlayers: [Flatten, {Linear: 4}]\n",
    "nets/bad é.yml": "cnncalc: 1\ninput: [3, 8, 8]\nlayers: [{Linear: 4}]\n",
    "nets/no-op.yaml": "cnncalc: 1\ninput: [4]\nlayers:\n  - Linear: 4\n  - Dropout: 0\n",
    ".github/workflows/ci.yaml": "on: push\njobs: {}\n",
    "broken.yaml": "a: [1\n",
    "readme.md": "cnncalc: 1\n",
}


@pytest.fixture(autouse=True)
def repository(tmp_path, monkeypatch):
    for name in ("GITHUB_WORKSPACE", "CI_PROJECT_DIR", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "repository"
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


# ---- pre-commit


def hook(number, *names):
    """Run a hook as pre-commit does, with the names that its pattern lets through."""
    entry = HOOKS[number]
    command = [*shlex.split(entry["entry"]), *entry.get("args", [])]
    assert command[0] == "cnncalc"
    passed = [name for name in names if re.search(entry["files"], name)]
    return CliRunner().invoke(group, [*command[1:], *passed])


@pytest.mark.parametrize("entry", HOOKS, ids=lambda one: one["id"])
def test_hooks_have_what_pre_commit_needs(entry):
    assert set(entry) >= NEEDED
    assert set(entry) <= KNOWN
    assert (entry["language"], entry["types"]) == ("python", ["yaml"])


def test_the_hook_checks_specs_and_no_other_yaml():
    result = hook(0, *FILES)
    assert result.exit_code == 1
    assert re.findall(r"^(.*?):\d+:\d+: (\w+)", result.stdout, re.MULTILINE) == [
        ("nets/bad é.yml", "error"),
        ("nets/no-op.yaml", "warning"),
    ]
    assert "in 3 specs" in result.stderr
    assert hook(0, "nets/good.yaml", "nets/no-op.yaml").exit_code == 0


@pytest.mark.parametrize("number", range(len(HOOKS)))
def test_a_commit_without_specs_passes(number):
    result = hook(number, ".github/workflows/ci.yaml", "broken.yaml", "readme.md")
    assert (result.exit_code, result.stdout) == (0, "")


def test_the_other_hook_mends_what_it_is_given_and_nothing_else():
    result = hook(1, *FILES)
    assert result.exit_code == 1
    changed = {name for name, text in FILES.items() if Path(name).read_text("utf-8") != text}
    assert changed == {"nets/no-op.yaml"}
    assert "Dropout" not in Path("nets/no-op.yaml").read_text()


def test_the_page_names_the_hooks():
    [own, local] = [block["repos"][0] for block in BLOCKS if "repos" in block]
    assert {one["id"] for one in own["hooks"]} <= {one["id"] for one in HOOKS}
    [shown], first = local["hooks"], HOOKS[0]
    same = ("id", "name", "entry", "types", "require_serial")
    assert {key: shown[key] for key in same} == {key: first[key] for key in same}
    assert all(f"`{one['id']}`" in PAGE or one is first for one in HOOKS)


# ---- the action

STEPS = [step for step in ACTION["runs"]["steps"] if "run" in step]
PYTHON = "${{ steps.python.outputs.python-path }}"
WRAPPER = """\
#!/usr/bin/env bash
printf '%s\\n' "${PYTHONPATH-}" "$@" >> "$RUNNER_TEMP/record"
if [[ $2 != pip ]]; then exec "$REAL" "$@"; fi
"""


def act(step, folder, **inputs):
    """Run a step as GitHub's runner does; a Python that writes down what it is asked to do."""
    temp = folder.parent / "temp"
    temp.mkdir(exist_ok=True)
    python, script = temp / "python", temp / "step.sh"
    python.write_text(WRAPPER)
    python.chmod(0o755)
    given = {name: one["default"] for name, one in ACTION["inputs"].items()} | inputs
    values = {f"${{{{ inputs.{name} }}}}": value for name, value in given.items()}
    values[PYTHON] = str(python)
    script.write_text(step["run"])
    env = {
        **os.environ,
        "REAL": sys.executable,
        "RUNNER_TEMP": str(temp),
        "GITHUB_WORKSPACE": str(folder),
        "GITHUB_ACTION_PATH": str(ROOT),
        "GITHUB_STEP_SUMMARY": str(temp / "page.md"),
        **{name: values[value] for name, value in step["env"].items()},
    }
    bash = [shutil.which("bash"), "--noprofile", "--norc", "-eo", "pipefail", str(script)]
    done = subprocess.run(bash, env=env, capture_output=True, encoding="utf-8", check=False)
    record = (temp / "record").read_text(encoding="utf-8").splitlines()
    return done, record, temp


def test_the_action_is_composite_and_no_input_is_part_of_a_script():
    assert ACTION["runs"]["using"] == "composite"
    for step in ACTION["runs"]["steps"]:
        assert ("run" in step) == ("shell" in step) != ("uses" in step)
        assert "${{" not in step.get("run", "")
    used = set(re.findall(r"inputs\.([\w-]+)", (ROOT / "action.yml").read_text("utf-8")))
    assert used == set(ACTION["inputs"])
    [python] = [step for step in ACTION["runs"]["steps"] if step.get("id") == "python"]
    assert python["with"]["python-version"] == "${{ inputs.python-version }}"


def test_the_action_installs_itself_apart(repository):
    done, record, temp = act(STEPS[0], repository)
    assert done.returncode == 0, done.stderr
    assert record[1:4] == ["-m", "pip", "install"]
    assert record[-1] == str(ROOT)
    assert record[record.index("--target") + 1] == f"{temp}/cnncalc"


def test_the_action_annotates_and_fails(repository):
    done, record, temp = act(STEPS[1], repository)
    assert done.returncode == 1
    assert record[0] == f"{temp}/cnncalc"
    assert record[-2:] == ["--", "."]
    commands = [line.split(",")[0] for line in done.stdout.splitlines()]
    assert commands == ["::error file=nets/bad é.yml", "::warning file=nets/no-op.yaml"]
    page = (temp / "page.md").read_text(encoding="utf-8")
    assert page.count("### cnncalc lint: 1 error, 1 warning in 3 specs") == 1


def test_the_action_takes_paths_options_and_a_file_for_sarif(repository):
    given = {"paths": "nets/bad é.yml\n\nnets/good.yaml\n", "args": " --select CNN7  --exit-zero "}
    done, record, temp = act(STEPS[1], repository, **given, **{"sarif-file": "a b.sarif"})
    assert (done.returncode, done.stdout) == (0, "")
    assert record.count("nets/bad é.yml") == 2
    assert json.loads(Path("a b.sarif").read_text("utf-8"))["runs"][0]["results"] == []
    done, _, _ = act(STEPS[1], repository, **{"sarif-file": "a b.sarif"})
    assert done.returncode == 1
    assert len(json.loads(Path("a b.sarif").read_text("utf-8"))["runs"][0]["results"]) == 2
    assert (temp / "page.md").read_text("utf-8").count("###") == 2


@pytest.mark.parametrize(
    "inputs", [{"args": "--no-such-option"}, {"sarif-file": "no/such/folder"}, {"paths": "missing"}]
)
def test_the_action_says_what_it_cannot_do(repository, inputs):
    done, _, _ = act(STEPS[1], repository, **inputs)
    assert done.returncode == 2
    assert "Error: " in done.stderr


@pytest.mark.parametrize("given", ["$(touch pwned)", "`touch pwned`", '"; touch pwned; "'])
def test_inputs_are_no_commands(repository, given):
    names = ("paths", "args", "sarif-file")
    act(STEPS[1], repository, **dict.fromkeys(names, given))
    assert not Path("pwned").exists()


def test_modules_of_the_repository_are_left_alone(repository):
    for name in ("cnncalc", "yaml", "click"):
        Path(f"{name}.py").write_text("raise SystemExit('not this one')\n")
    done, _, _ = act(STEPS[1], repository)
    assert done.stdout.startswith("::error file=nets/bad é.yml")


def test_the_page_uses_the_inputs_that_there_are():
    [steps] = [block["jobs"]["specs"]["steps"] for block in BLOCKS if "specs" in jobs(block)]
    [given] = [step["with"] for step in steps if step["uses"].startswith("OWNER/")]
    assert set(given) <= set(ACTION["inputs"])
    table = re.findall(r"^\| `([\w-]+)` \| .* \| (?:`(.*?)`)? *\|$", PAGE, re.MULTILINE)
    assert dict(table) == {name: one["default"] for name, one in ACTION["inputs"].items()}


def test_the_comment_on_a_pull_request(repository):
    [steps] = [block["jobs"]["changes"]["steps"] for block in BLOCKS if "changes" in jobs(block)]
    programs = repository.parent / "programs"
    programs.mkdir()
    python = shlex.quote(Path(sys.executable).as_posix())
    for name, text in (("cnncalc", f'exec {python} -m cnncalc "$@"'), ("gh", 'cat "${@: -1}"')):
        (programs / name).write_text(f"#!/usr/bin/env bash\n{text}\n")
        (programs / name).chmod(0o755)
    (repository.parent / "step.sh").write_text(steps[-1]["run"])
    env = {
        **os.environ,
        "PATH": os.pathsep.join([str(programs), os.environ["PATH"]]),
        "NUMBER": "1",
        **dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "somebody"),
        **dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "a@b.c"),
    }

    def run(*command):
        done = subprocess.run(command, env=env, capture_output=True, encoding="utf-8", check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def comment():
        run("git", "add", ".")
        run("git", "commit", "-qm", "a change")
        bash = [shutil.which("bash"), "--noprofile", "--norc", "-eo", "pipefail"]
        return run(*bash, str(repository.parent / "step.sh"))

    run("git", "init", "-q")
    run("git", "add", ".")
    run("git", "commit", "-qm", "before")
    Path("readme.md").write_text("nothing of interest\n")
    assert comment() == ""
    for name in ("nets/bad é.yml", "nets/good.yaml"):
        Path(name).write_text(FILES["nets/good.yaml"].replace("4", "5"), encoding="utf-8")
    text = comment()
    assert text.count("### ") == 2
    assert "| params | 772 | 965 | +193 |" in text  # 3 * 8 * 8 weights and a bias, 4 and 5 times


def jobs(block):
    return block.get("jobs", {}) if isinstance(block, dict) else {}


# ---- every command on the page

COMMANDS = sorted(
    set(re.findall(r"(?:^|- |run: |entry: )(cnncalc lint[^#\n]*)", PAGE, re.MULTILINE))
)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_on_the_page_are_accepted(command):
    words = [Path(word).name if "/" in word else word for word in shlex.split(command)[1:]]
    Path("net1.yaml").write_text(FILES["nets/good.yaml"])
    result = CliRunner().invoke(group, words)
    assert result.exit_code in (0, 1), result.output


def test_there_are_commands_on_the_page():
    assert len(COMMANDS) > 5
