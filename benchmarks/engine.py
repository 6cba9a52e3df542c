"""Time and memory of the engine, against PyTorch and `onnx.reference` on the CPU.

    python benchmarks/engine.py [--peer PYTHON] [--no-onnx] [--only resnet50] [--runs 5]

PYTHON is an interpreter that has torch; without one its columns stay empty. All run the same network
with the same weights and inputs in float32 on the same threads, and results are compared before
times are taken: it ends with 1 where they differ. Ours and PyTorch's runs alternate, so that what
else the machine does disturbs both alike; times are the best of all runs, in milliseconds.
`onnx.reference` runs once, forward only, on one image.

Networks are trained in training mode, with dropout of 0 so that both compute the same, and without
the gradient of the input. Single convolutions are the layer alone, with both gradients.

`of peak`: products against those of two large matrices, one pair a thread, in the same minute.
`peak`: largest memory of arrays during a run; `declared`: what `cnncalc summary` says it needs.
Both leave out the weights in a forward pass, and count them, and their gradients, in training.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from peers import Peer, TooSlow, description, difference
from threadpoolctl import threadpool_limits

import cnncalc
from cnncalc.analysis.report import Sizing, report
from cnncalc.engine.run import run
from cnncalc.engine.weights import initialise, known_shape, random_inputs
from cnncalc.graph import Graph
from cnncalc.kernels.mode import Mode, Wants, Workers
from cnncalc.layers.dropout import Dropout

NETWORKS = ("resnet50", "vgg16", "mobilenet_v2", "densenet161")
CONVOLUTIONS = {
    "3x3 64@56": ("[64, 56, 56]", "{out_channels: 64, kernel_size: 3, padding: 1}"),
    "1x1 256->64@56": ("[256, 56, 56]", "{out_channels: 64, kernel_size: 1}"),
    "7x7/2 3->64@224": (
        "[3, 224, 224]",
        "{out_channels: 64, kernel_size: 7, stride: 2, padding: 3}",
    ),
    "depthwise 3x3 144@56": (
        "[144, 56, 56]",
        "{out_channels: 144, kernel_size: 3, padding: 1, groups: 144}",
    ),
    "3x3 512@7": ("[512, 7, 7]", "{out_channels: 512, kernel_size: 3, padding: 1}"),
}
TOLERANCE = 1e-3
PAUSE = 0.02
"""Seconds after a run in which the threads of the one before go to sleep."""
HEAD = (
    f"{'case':<22} {'pass':<8} {'batch':>5} {'ms':>8} {'GMAC/s':>7} {'of peak':>7}"
    f" {'torch ms':>8} {'ours/torch':>10} {'onnx ms':>8} {'onnx/ours':>9}"
    f" {'difference':>10} {'peak MiB':>8} {'declared':>8} {'ratio':>6}"
)


class Case(NamedTuple):
    """A network, or a convolution alone, whose gradients reach the input."""

    name: str
    graph: Graph
    alone: bool


class Runs:
    """Our side: inputs of one batch, and what the last run gave."""

    def __init__(self, case: Case, weights: dict[str, Any], batch: int, workers: Workers) -> None:
        self.graph, self.alone, self.weights, self.workers = *case[1:], weights, workers
        self.inputs = random_inputs(case.graph, batch)
        generator = np.random.default_rng((0, 9))
        self.upstream = {
            case.graph.values[one.value].path: generator.standard_normal(
                (batch, *known_shape(case.graph, one.value)), np.float32
            )
            for one in case.graph.outputs
        }
        self.outputs: dict[str, Any] = {}
        self.gradients: dict[str, Any] = {}

    def clear(self) -> None:
        """Forget the last run."""
        self.outputs, self.gradients = {}, {}

    def once(self, train: bool) -> float:
        """The seconds of one run."""
        started = time.perf_counter()
        (self._layer if self.alone else self._network)(train)
        return time.perf_counter() - started

    def _network(self, train: bool) -> None:
        found = run(
            self.graph,
            self.weights,
            self.inputs,
            train=train,
            backward=train,
            upstream=self.upstream,
            threads=self.workers.threads,
        )
        self.outputs, self.gradients = dict(found.outputs), dict(found.gradients)

    def _layer(self, train: bool) -> None:
        (node,) = self.graph.nodes
        assert node.layer is not None
        (name, x), (path, dy) = *self.inputs.items(), *self.upstream.items()
        weights = {key.removeprefix(f"{node.path}."): w for key, w in self.weights.items()}
        mode = Mode(train=train, save=train, workers=self.workers)
        y, saved = node.layer.forward(weights, x, mode=mode)
        self.outputs = {path: y}
        if train:
            dx, dweights = node.layer.backward(weights, dy, saved, wants=Wants(), mode=mode)
            self.gradients = {f"{node.path}.{key}": dw for key, dw in dweights.items()}
            self.gradients[name] = dx

    def peak(self, train: bool) -> int:
        """The largest memory of arrays during a run, from the inputs on; with weights if `train`."""
        self.clear()
        self.inputs = {name: x.copy() for name, x in self._traced()}
        self.once(train)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak + (sum(w.nbytes for w in self.weights.values()) if train else 0)

    def _traced(self) -> Iterator[tuple[str, Any]]:
        gc.collect()
        tracemalloc.start()
        yield from self.inputs.items()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", help="an interpreter that has torch")
    parser.add_argument("--no-onnx", action="store_true", help="leave out onnx.reference")
    parser.add_argument("--onnx-limit", type=float, default=300, help="seconds for one run of it")
    parser.add_argument("--only", default="", help="cases with this in their name")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 4])
    options = parser.parse_args()
    print(f"float32, {options.threads} threads, best of {options.runs}\n{HEAD}", flush=True)
