"""Documentation is true: generated pages are fresh, samples are real output, links work."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from helpers import compute

from cnncalc.cli import group

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
SESSION = re.compile(r"```console\n(.*?)```", re.DOTALL)
SPEC = re.compile(r"```yaml( broken)?\n(cnncalc: 1\n.*?)```", re.DOTALL)


def generator():
    where = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(where)
    where.loader.exec_module(module)
    return module


def test_generated_pages_are_fresh():
    for path, text in generator().pages().items():
        assert path.read_text(encoding="utf-8") == text, (
            f"run python docs/generate.py ({path.name})"
        )


def sessions():
    for page in PAGES:
        for block in SESSION.findall(page.read_text(encoding="utf-8")):
            command, _, output = block.partition("\n")
            if command.startswith("$ cnncalc"):
                yield pytest.param(page, command[2:], output, id=f"{page.stem}: {command[2:]}")


@pytest.mark.parametrize(("page", "command", "output"), list(sessions()))
def test_samples_are_real_output(page, command, output, tmp_path, monkeypatch):
    specs = SPEC.findall(page.read_text(encoding="utf-8"))
    for number, (_, text) in enumerate(specs, 1):
        (tmp_path / f"net{number}.yaml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(group, shlex.split(command)[1:])
    shown = [line.rstrip() for line in output.strip("\n").split("\n")]
    real = [line.rstrip() for line in result.output.strip("\n").split("\n")]
    cut = shown.index("...") if "..." in shown else len(shown)
    assert real[:cut] == shown[:cut]
    if cut < len(shown):
        end = shown[cut + 1 :]
        assert real[len(real) - len(end) :] == end


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_specs_in_pages_have_no_problems(page):
    for broken, text in SPEC.findall(page.read_text(encoding="utf-8")):
        assert yaml.safe_load(text)["cnncalc"] == 1
        assert bool(compute(text).problems) == bool(broken)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        assert target.startswith("http") or (page.parent / target).exists(), target
