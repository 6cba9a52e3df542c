"""The messages for typical mistakes, word for word: tests/cases/NAME.yaml gives NAME.out.

Read what you are about to accept, then run with UPDATE_CASES=1.
"""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from cnncalc.cli import group
from cnncalc.language.builder import Settings
from cnncalc.pipeline import analyse, load
from cnncalc.render.text import messages
from cnncalc.source import Source

CASES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))


def said(path):
    loaded = load(Source(path.name, path.read_bytes()))
    variants = loaded.spec.variants.values() if loaded.spec else ()
    settings = [Settings(variant=variant) for variant in variants] or [Settings()]
    problems = [p for one in settings for p in analyse(loaded, one).problems]
    return messages(problems, {path.name: loaded.document.lines}) + "\n"


@pytest.mark.parametrize("path", CASES, ids=lambda p: p.stem)
def test_messages_of_a_mistake(path):
    found = said(path)
    expected = path.with_suffix(".out")
    if os.environ.get("UPDATE_CASES"):
        expected.write_text(found, encoding="utf-8")
    assert found == expected.read_text(encoding="utf-8")


def test_there_are_cases():
    assert len(CASES) >= 20


COMMANDS = (
    "summary --format json SPEC",
    "compare SPEC",
    "compare --conventions SPEC",
    "diff lenet5 SPEC",
    "diff SPEC lenet5",
    "receptive-field SPEC",
    "receptive-field --format json SPEC",
    "receptive-field --layer layers.2 --unit 0,0 SPEC",
    "receptive-field --layer layers.3 --unit 0 SPEC",
    "sizes SPEC",
    "explain SPEC",
    "explain --format html SPEC",
    "convert --fully-convolutional SPEC",
    "expect SPEC",
    "lint --select ALL --diff --unsafe-fixes SPEC",
    "verify SPEC",
    "check-gradients SPEC",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_shows_a_traceback(command):
    for path in CASES:
        words = [str(path) if word == "SPEC" else word for word in command.split()]
        result = CliRunner().invoke(group, words)
        assert result.exit_code in (0, 1, 2), path.name
        assert result.exception is None or isinstance(result.exception, SystemExit), path.name
