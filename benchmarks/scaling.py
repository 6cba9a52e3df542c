"""Time per layer of `summary --format json` as the network grows, against yaml.safe_load.

    python benchmarks/scaling.py

Three shapes of spec: a chain that `repeat` makes, the same chain written out, and residual blocks.
The peer loads the written-out file with PyYAML's C loader, and infers nothing.
"""

from __future__ import annotations

import time

import yaml

from cnncalc.pipeline import analyse, load
from cnncalc.render.machine import to_json
from cnncalc.source import Source

HEAD = "cnncalc: 1\ninput: [3, 32, 32]\n"
ITEM = "  - Conv2d: {out_channels: 3, kernel_size: 3, padding: 1}\n"
RESIDUAL = """
blocks:
  Residual:
    layers:
      - branches:
          main:
            - Conv2d: {out_channels: $in_channels, kernel_size: 3, padding: 1}
            - ReLU
            - Conv2d: {out_channels: $in_channels, kernel_size: 3, padding: 1}
          shortcut:
        merge: Add
"""


def repeated(n: int) -> str:
    return f"{HEAD}layers:\n{ITEM}    repeat: {n}\n"


def written(n: int) -> str:
    return f"{HEAD}layers:\n{ITEM * n}"


def residual(n: int) -> str:
    return f"{HEAD}{RESIDUAL}layers:\n  - Residual:\n    repeat: {n // 4}\n"


def seconds(text: str) -> float:
    """The best of three times from text to JSON."""
    times = []
    for _ in range(3):
        started = time.perf_counter()
        report = analyse(load(Source("benchmark", text.encode())))
        to_json(report)
        times.append(time.perf_counter() - started)
        assert not report.problems, report.problems[0]
    return min(times)


def main() -> None:
    print("microseconds a layer")
    print(f"{'layers':>7} {'repeat':>8} {'written':>8} {'blocks':>8} {'safe_load':>10}")
    for n in (100, 1_000, 10_000, 50_000):
        per_layer = [seconds(repeated(n)) / n * 1e6]
        fits = len(written(n)) < 2**20
        per_layer.append(seconds(written(n)) / n * 1e6 if fits else float("nan"))
        per_layer.append(seconds(residual(n)) / n * 1e6)
        started = time.perf_counter()
        if fits:
            yaml.load(written(n), yaml.CSafeLoader)
        peer = (time.perf_counter() - started) / n * 1e6 if fits else float("nan")
        cells = " ".join(f"{value:>8.1f}" for value in per_layer)
        print(f"{n:>7,} {cells} {peer:>10.1f}")


if __name__ == "__main__":
    main()
