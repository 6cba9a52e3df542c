"""Whole-process time and memory of `cnncalc summary`, against a bare interpreter and torchinfo.

    python benchmarks/startup.py [--runs 10] [--peer PYTHON]

PYTHON is an interpreter that has torch and torchinfo; without one that row is left out. Times are
the best of several runs; ratios are to the bare interpreter.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PEER = """
import torch, torchinfo
from torch import nn

def conv(i, o, k, s=1):
    return nn.Sequential(nn.Conv2d(i, o, k, s, k // 2, bias=False), nn.BatchNorm2d(o))

class Bottleneck(nn.Module):
    def __init__(self, i, mid, s):
        super().__init__()
        self.main = nn.Sequential(conv(i, mid, 1), nn.ReLU(), conv(mid, mid, 3, s), nn.ReLU(),
                                  conv(mid, 4 * mid, 1))
        plain = s == 1 and i == 4 * mid
        self.shortcut = nn.Identity() if plain else conv(i, 4 * mid, 1, s)
        self.relu = nn.ReLU()
    def forward(self, x):
        return self.relu(self.main(x) + self.shortcut(x))

layers, c = [conv(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)], 64
for mid, n, s in [(64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)]:
    for k in range(n):
        layers.append(Bottleneck(c, mid, s if k == 0 else 1))
        c = 4 * mid
net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))
print(torchinfo.summary(net, (1, 3, 224, 224), verbose=0))
"""


def best(command: list[str], runs: int) -> tuple[float, int]:
    """The shortest wall time in seconds, and the peak memory in MiB, of a command."""
    times, peak = [], 0
    for _ in range(runs + 1):  # the first fills the caches
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        times.append(time.perf_counter() - started)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{command} ended with {process.returncode}")
        peak = max(peak, usage.ru_maxrss // (2**20 if sys.platform == "darwin" else 2**10))
    return min(times[1:]), peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--peer", help="an interpreter that has torch and torchinfo")
    options = parser.parse_args()
    ours = [sys.executable, "-m", "cnncalc", "summary", "resnet50"]
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "import click": [sys.executable, "-c", "import click"],
        "cnncalc --help": [sys.executable, "-m", "cnncalc", "--help"],
        "summary resnet50 --format json": [*ours, "--format", "json"],
        "summary resnet50": ours,
        "summary resnet50 --depth 9": [*ours, "--depth", "9"],
    }
    with tempfile.TemporaryDirectory() as folder:
        if options.peer:
            script = Path(folder) / "peer.py"
            script.write_text(PEER)
            commands["torchinfo (PyTorch)"] = [options.peer, str(script)]
        bare = 0.0
        print(f"{'command':<32} {'seconds':>8} {'ratio':>7} {'peak MiB':>9}")
        for name, command in commands.items():
            seconds, peak = best(command, options.runs if "torch" not in name else 3)
            bare = bare or seconds
            print(f"{name:<32} {seconds:>8.3f} {seconds / bare:>7.1f} {peak:>9}")


if __name__ == "__main__":
    main()
