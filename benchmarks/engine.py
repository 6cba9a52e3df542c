"""The engine's speed and memory, against PyTorch and onnx.reference on the same networks.

    python benchmarks/engine.py [--peer PYTHON] [--no-onnx] [--only resnet50] [--runs 5]

PYTHON is an interpreter that has torch and NumPy; without one those columns are left out. Outputs
are compared before anything is timed, and all gradients in float64 (those of the first layers
differ between any two programs in float32, as gates flip). Runs of both alternate, so that a busy
machine disturbs both alike; times are the best of several runs on the same number of threads.
Forward is in eval mode, `train` is forward + backward in training mode, with the gradients of all
weights, and a dropout of 0 so that all compute the same. `ours MiB` are all arrays of a run, with
its inputs, and in training with the weights; `declared` is what `cnncalc summary` says.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

import cnncalc
from cnncalc.analysis.report import Sizing
from cnncalc.engine.heap import keep_freed_memory
from cnncalc.engine.run import run
from cnncalc.engine.weights import initialise, random_inputs
from cnncalc.graph import Graph
from cnncalc.layer import attribute
from cnncalc.layers.dropout import Dropout

NETWORKS = {
    "resnet50": None,
    "vgg16": None,
    "mobilenet_v2": None,
    "densenet161": None,
    "3x3 64@56": ("[64, 56, 56]", "{out_channels: 64, kernel_size: 3, padding: 1}"),
    "1x1 256->64@56": ("[256, 56, 56]", "{out_channels: 64, kernel_size: 1}"),
    "7x7/2 3->64@224": (
        "[3, 224, 224]",
        "{out_channels: 64, kernel_size: 7, stride: 2, padding: 3}",
    ),
    "3x3 512@7": ("[512, 7, 7]", "{out_channels: 512, kernel_size: 3, padding: 1}"),
    "depthwise 3x3 192@56": (
        "[192, 56, 56]",
        "{out_channels: 192, kernel_size: 3, padding: 1, groups: 192}",
    ),
}
"""Shipped networks, and single convolutions with their input and arguments."""
AGREE = 1e-3
"""The largest difference in float32, over the largest value."""
AGREE_DOUBLE = 1e-6
"""The same in float64, where gates flip too rarely to be seen."""
ZERO = 1e-6
"""Over the largest gradient: what is below is taken to be 0, as that of a bias before a norm."""
PAUSE = 0.1
"""Seconds until the threads of the run before have gone to sleep: they wait in a busy loop."""
HEADINGS = {
    "network": 21,
    "batch": 5,
    "pass": 8,
    "ms": 8,
    "GMAC/s": 6,
    "of peak": 7,
    "torch ms": 8,
    "ratio": 6,
    "onnx ms": 8,
    "ratio of onnx": 13,
    "ours MiB": 8,
    "declared": 8,
}


class Case(NamedTuple):
    """A network with its arrays."""

    spec: str
    graph: Graph
    weights: dict[str, Any]
    inputs: dict[str, Any]
    upstream: Any

    def forward(self, threads: int) -> Any:
        """The output in eval mode."""
        (y,) = run(self.graph, self.weights, self.inputs, threads=threads).outputs.values()
        return y

    def train(self, threads: int) -> dict[str, Any]:
        """The output and the gradients of the weights in training mode."""
        path = self.graph.values[self.graph.outputs[0].value].path
        options = {"train": True, "backward": True, "upstream": {path: self.upstream}}
        found = run(self.graph, self.weights, self.inputs, threads=threads, **options)
        return {"trained": found.outputs[path], **found.gradients}

    def double(self) -> Case:
        """The same in float64."""
        weights, inputs = (
            {name: one.astype(np.float64) for name, one in arrays.items()}
            for arrays in (self.weights, self.inputs)
        )
        return Case(self.spec, self.graph, weights, inputs, self.upstream.astype(np.float64))

    def traced(self, one: str, threads: int) -> int:
        """The peak of the arrays of a run: its inputs, and in training the weights, with them."""
        tracemalloc.start()
        getattr(self, one)(threads)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        with_it = [*self.inputs.values(), *(self.weights.values() if one == "train" else ())]
        return peak + sum(array.nbytes for array in with_it)


def main() -> None:
    options = arguments()
    keep_freed_memory()  # as the commands do
    peak = sgemm(options.threads)
    print(f"{options.threads} threads, sgemm peak {peak:.0f} GMAC/s, best of {options.runs} runs")
    print(line(list(HEADINGS)))
    for name, convolution in NETWORKS.items():
        if options.only in name:
            for batch in options.batch if convolution is None else (1,):
                for row in measured(name, convolution, batch, options, peak):
                    print(line(row), flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--peer", metavar="PYTHON")
    parser.add_argument("--no-onnx", action="store_true")
    parser.add_argument("--only", default="", help="cases with this in their name")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 4])
    return parser.parse_args()


def line(cells: list[str]) -> str:
    first, *others = zip(cells, HEADINGS.values(), strict=True)
    return f"{first[0]:<{first[1]}}" + "".join(f"  {cell:>{width}}" for cell, width in others)


def sgemm(threads: int) -> float:
    """GMAC/s of large float32 products, one a thread."""
    size = 1024
    left, right = np.random.default_rng(0).standard_normal((2, size, size)).astype(np.float32)
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        best = min(
            timed(lambda: list(pool.map(lambda _: left @ right, range(threads)))) for _ in range(8)
        )
    return threads * size**3 / best / 1e9


def measured(
    name: str,
    convolution: tuple[str, str] | None,
    batch: int,
    options: argparse.Namespace,
    peak: float,
) -> Iterator[list[str]]:
    """Two rows: forward, and forward + backward."""
    with tempfile.TemporaryDirectory() as folder:
        case = load(name, convolution, batch, Path(folder))
        totals = cnncalc.summarize(case.spec, sizing=Sizing(batch=batch)).totals
        backward = sum(totals.backward_macs)
        nodes = described(case.graph)
        arrays = {**case.weights, **case.inputs, "upstream": case.upstream}
        with torch_peer(nodes, arrays, options, Path(folder)) as peer:
            if peer:
                compare(name, case, peer, options.threads, Path(folder))
            onnx = None
            if batch == 1 and not options.no_onnx:
                onnx = onnx_time(name, nodes, arrays, case, options.threads)
            for one, job, macs, memory in (
                ("forward", case.forward, totals.macs, totals.peak_inference_bytes),
                ("train", case.train, totals.macs + backward, totals.training_bytes),
            ):
                ours, theirs = alternating(job, one, peer, options)
                rate = macs * batch / ours / 1e9
                slower = onnx if one == "forward" else None
                used = case.traced(one, options.threads)
                yield [
                    *(name, str(batch), one, f"{1e3 * ours:.1f}", f"{rate:.0f}"),
                    f"{rate / peak:.0%}",
                    *(f"{1e3 * theirs:.1f}" if theirs else "-",),
                    *(f"{ours / theirs:.2f}" if theirs else "-",),
                    *(f"{1e3 * slower:.0f}" if slower else "-",),
                    *(f"{ours / slower:.3f}" if slower else "-",),
                    *(f"{used / 2**20:.1f}", f"{memory / 2**20:.1f}"),
                ]


def load(name: str, convolution: tuple[str, str] | None, batch: int, folder: Path) -> Case:
    """A shipped network, or one of a single convolution."""
    spec = name
    if convolution is not None:
        spec = str(folder / "conv.yaml")
        text = f"cnncalc: 1\ninput: {convolution[0]}\nlayers: [Conv2d: {convolution[1]}]\n"
        Path(spec).write_text(text, encoding="utf-8")
    graph = undropped(cnncalc.load(spec))
    output = graph.values[graph.outputs[0].value].shape
    upstream = np.random.default_rng(1).standard_normal((batch, *output), dtype=np.float32)
    return Case(spec, graph, initialise(graph), random_inputs(graph, batch), upstream)


def undropped(graph: Graph) -> Graph:
    """The network with dropout that keeps everything: others would draw other masks."""
    keeping = Dropout(p=0.0)
    return graph._replace(
        nodes=tuple(
            node._replace(layer=keeping) if isinstance(node.layer, Dropout) else node
            for node in graph.nodes
        )
    )


def described(graph: Graph) -> list[dict[str, Any]]:
    """The network for peers that do not know cnncalc, in plain lists and dictionaries."""
    return [
        {
            "path": node.path,
            "type": node.type,
            "arguments": {
                name: getattr(node.layer, attribute(name)) for name in node.layer.arguments
            },
            "weights": list(node.layer.params(*graph.shapes(node.inputs))),
            "inputs": node.inputs,
            "shapes": graph.shapes(node.inputs),
            "output": node.outputs[0],
        }
        for node in graph.nodes
    ]


@contextmanager
def torch_peer(
    nodes: list[dict[str, Any]], arrays: dict[str, Any], options: argparse.Namespace, folder: Path
) -> Iterator[Callable[[str], str] | None]:
    """A process that runs the network in PyTorch when it is asked to."""
    if not options.peer:
        yield None
        return
    description, file = folder / "network.json", folder / "arrays.npz"
    description.write_text(json.dumps(nodes), encoding="utf-8")
    np.savez(file, **arrays)
    script = str(Path(__file__).with_name("torch_peer.py"))
    command = [options.peer, script, str(description), str(file), str(options.threads)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        if process.stdout.readline() != "ready\n":
            sys.exit(f"{options.peer} cannot run {script}")

        def ask(question: str) -> str:
            process.stdin.write(question + "\n")
            process.stdin.flush()
            return process.stdout.readline()

        yield ask
        process.stdin.close()


def compare(name: str, case: Case, peer: Callable[[str], str], threads: int, folder: Path) -> None:
    """End the program where PyTorch computes something else."""
    file = folder / "results.npz"
    peer(f"results {file}")
    theirs = dict(np.load(file))
    agree(f"{name}: output", case.forward(threads), theirs.pop("output"), AGREE)
    ours = case.double().train(threads)
    if set(ours) != set(theirs):
        sys.exit(f"{name}: other gradients: {sorted(set(ours) ^ set(theirs))[:5]}")
    zero = ZERO * max(abs(array).max() for array in theirs.values())
    for what, array in theirs.items():
        agree(f"{name}: gradient of {what}", ours[what], array, AGREE_DOUBLE, zero)


def agree(what: str, ours: Any, theirs: Any, limit: float, zero: float = 0.0) -> None:
    """End the program where two arrays differ by more than that share of the largest value."""
    difference = abs(ours - theirs).max() / max(abs(theirs).max(), zero)
    if not difference <= limit:
        sys.exit(f"{what} differs by {difference:.1e} of its largest value")


def onnx_time(
    name: str, nodes: list[dict[str, Any]], arrays: dict[str, Any], case: Case, threads: int
) -> float:
    """Seconds of onnx.reference for one run, whose output is compared."""
    from onnx_peer import evaluator

    session, found = evaluator(nodes, arrays), []
    with threadpool_limits(threads, "blas"):
        took = timed(lambda: found.extend(session.run(None, {"0": arrays["input"]})))
    agree(f"{name}: output of onnx.reference", case.forward(threads), found[0], AGREE)
    return took


def alternating(
    job: Callable[[int], object],
    one: str,
    peer: Callable[[str], str] | None,
    options: argparse.Namespace,
) -> tuple[float, float | None]:
    """Our best time and the peer's, after one run of each to warm up."""
    ours, theirs = [], []
    for _ in range(options.runs + 1):
        time.sleep(PAUSE)
        ours.append(timed(lambda: job(options.threads)))
        if peer:
            time.sleep(PAUSE)
            theirs.append(float(peer(one)))
    return min(ours[1:]), min(theirs[1:]) if theirs else None


def timed(job: Callable[[], object]) -> float:
    started = time.perf_counter()
    job()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
