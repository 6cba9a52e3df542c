"""Whole-process time of `cnncalc lint`, with yamllint and check-jsonschema on the same files.

    python benchmarks/lint.py [--runs 5] [--peers FOLDER]

FOLDER is where the programs yamllint and check-jsonschema stand, such as .venv/bin; those that are
not there are left out. The peers read YAML, and compare it with a schema; they do no arithmetic.
Times are the best of several runs, ratios are to yamllint.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SPECS = Path(__file__).parent.parent / "specs"
COPIES = 100
CNNCALC = [sys.executable, "-m", "cnncalc"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--peers", type=Path, help="a folder with yamllint and check-jsonschema")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        schema = Path(folder) / "schema.json"
        schema.write_bytes(
            subprocess.run([*CNNCALC, "schema"], check=True, capture_output=True).stdout
        )
        copies = Path(folder) / "copies"
        copies.mkdir()
        one = resnet50()
        for number in range(COPIES):
            (copies / f"{number}.yaml").write_text(one, encoding="utf-8")
        tools = programs(options.peers, schema)
        for title, files in {
            "LeNet-5": [SPECS / "lenet5.yaml"],
            "ResNet-50": [copies / "0.yaml"],
            "ResNet-50 and its 7 variants": [SPECS / "resnet50.yaml"],
            f"{COPIES} copies of ResNet-50": sorted(copies.iterdir()),
            "all bundled specs": sorted(SPECS.rglob("*.yaml")),
        }.items():
            table(title, files, tools, options.runs)


def resnet50() -> str:
    """The bundled spec without its variants: one network."""
    text = (SPECS / "resnet50.yaml").read_text(encoding="utf-8")
    return text[: text.index("\nvariants:") + 1]


def programs(peers: Path | None, schema: Path) -> dict[str, list[str]]:
    """What is run, by name; the files follow."""
    found = {"cnncalc lint": [*CNNCALC, "lint"]}
    others = {
        "yamllint": ["--no-warnings"],
        "check-jsonschema": ["--schemafile", str(schema), "--no-cache"],
    }
    for name, arguments in others.items():
        if peers and (peers / name).exists():
            found[name] = [str(peers / name), *arguments]
    return found


def table(title: str, files: list[Path], tools: dict[str, list[str]], runs: int) -> None:
    """A line a program: wall and CPU time, and the ratio."""
    print(f"\n{title} ({len(files)} file{'s' if len(files) > 1 else ''})")
    times = {name: best([*command, *map(str, files)], runs) for name, command in tools.items()}
    base = times.get("yamllint", times["cnncalc lint"])[0]
    for name, (wall, cpu) in times.items():
        print(f"  {name:18} {wall:7.3f} s   {cpu:7.3f} s CPU   {wall / base:5.2f}")


def best(command: list[str], runs: int) -> tuple[float, float]:
    """The shortest wall time of a command, and its CPU time then, in seconds."""
    times = []
    for _ in range(runs + 1):  # the first fills the caches
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 1):  # 1: findings
            sys.exit(f"{command[:3]} ended with {process.returncode}")
        times.append((time.perf_counter() - started, usage.ru_utime + usage.ru_stime))
    return min(times[1:])


if __name__ == "__main__":
    main()
