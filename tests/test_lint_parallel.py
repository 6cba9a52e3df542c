"""Many specs at once: the same findings in the same order as one after the other."""

from concurrent.futures import BrokenExecutor, ProcessPoolExecutor

import pytest
from click.testing import CliRunner

from cnncalc.cli import group
from cnncalc.lint import parallel

SPEC = """\
cnncalc: 1
input: [3, {size}, 32]
vars: {{kernel: 3}}
layers:
  - Conv2d: {{out_channels: 4, kernel_size: $kernel, stride: 2}}
  - MaxPool2d: 2
variants:
  wide: {{set: {{kernel: 5}}}}
"""
OPTIONS = ("--min-severity", "info", "--format", "concise", "--select", "ALL")


@pytest.fixture(autouse=True)
def specs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(2 * parallel.FEWEST):
        (tmp_path / f"{number}.yaml").write_text(SPEC.format(size=20 + number), encoding="utf-8")
    (tmp_path / "broken.yaml").write_text("cnncalc: 1\nlayers: [", encoding="utf-8")


def lint(*arguments):
    return CliRunner().invoke(group, ["lint", *arguments])


class Used:
    """A pool that says that it was used."""

    def __init__(self, monkeypatch):
        self.processes = []
        monkeypatch.setattr("concurrent.futures.ProcessPoolExecutor", self.start)

    def start(self, processes, **options):
        self.processes.append(processes)
        return ProcessPoolExecutor(processes, **options)


@pytest.mark.parametrize("more", [(), ("--set", "kernel=4"), ("--variant", "wide")])
def test_processes_find_what_one_finds(monkeypatch, more):
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    one = lint(*OPTIONS, *more)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    used = Used(monkeypatch)
    two = lint(*OPTIONS, *more)
    assert used.processes == [2]
    assert (two.output, two.exit_code) == (one.output, one.exit_code)
    assert one.output.count("CNN201") >= parallel.FEWEST


def test_a_few_specs_start_no_process(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    used = Used(monkeypatch)
    lint(*(f"{number}.yaml" for number in range(2 * parallel.FEWEST - 1)))
    assert used.processes == []


@pytest.mark.parametrize("problem", [OSError, NotImplementedError, ImportError])
def test_where_no_process_can_be_started_one_does_it(monkeypatch, problem):
    def start(*_, **__):
        raise problem

    right = lint(*OPTIONS).output
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr("concurrent.futures.ProcessPoolExecutor", start)
    assert lint(*OPTIONS).output == right


def test_where_a_process_is_killed_one_does_it(monkeypatch):
    class Killed:
        def __init__(self, *_, **__):
            pass

        def map(self, *_):
            raise BrokenExecutor

        def shutdown(self, **_):
            pass

    right = lint(*OPTIONS).output
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr("concurrent.futures.ProcessPoolExecutor", Killed)
    assert lint(*OPTIONS).output == right
