"""The memory checks: bytes in use at every layer, against the liveness rules of the summary."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from cnncalc.analysis.cost import requiring_gradients
from cnncalc.analysis.memory import training_memory as analysed
from cnncalc.engine.liveness import Moment, moments
from cnncalc.engine.verify.evidence import Evidence, difference
from cnncalc.engine.verify.results import Check, Difference, Figure, Verdict
from cnncalc.engine.verify.runs import Runs
from cnncalc.graph import Graph, Node
from cnncalc.quantity import in_bytes

SHARE, BYTES = 0.01, 64 * 1024
"""How far a figure and a run may be apart, besides Python's own objects."""
BYTES_PER_LAYER = 1024
BYTES_PER_IMAGE, MOST_IMAGES = 256, 2000
"""Parts of a batch are tuples, of which Python keeps 2,000 of a size for use again."""


def near(figure: int, measured: int, runs: Runs) -> bool:
    """Whether a measured number of bytes is the figure, as far as can be measured."""
    return abs(measured - figure) <= _tolerance(figure, runs)


def _tolerance(figure: int, runs: Runs) -> float:
    layers, images = len(runs.recorder.shapes), min(runs.how.batch, MOST_IMAGES)
    return SHARE * figure + BYTES + BYTES_PER_LAYER * layers + BYTES_PER_IMAGE * images


class Measured(NamedTuple):
    """Bytes in use at a layer in the forward pass, and what they should be."""

    node: Node
    live: int
    wanted: Moment


def _measured(graph: Graph, runs: Runs, gradients: frozenset[int]) -> Iterator[Measured]:
    """The layers that ran; new running statistics, which the run hands back, are left out."""
    how, buffers = runs.how, 0
    item = np.dtype(how.dtype).itemsize
    wanted = moments(graph, gradients, train=how.train, batch=how.batch, item=item)
    for node in graph.nodes:
        live = runs.recorder.live.get(node.path)
        if live is None:
            continue
        buffers += runs.buffers.get(node.path, 0)
        if not how.train or not gradients.isdisjoint(node.outputs):
            yield Measured(node, live - runs.recorder.before - buffers, wanted[node.path])


def _differences(runs: Runs, found: list[Measured]) -> Iterator[Difference]:
    for one in found:
        if not near(one.wanted.live, one.live, runs):
            yield difference(one.node, in_bytes(one.wanted.live), in_bytes(max(0, one.live)))


def inference_memory(evidence: Evidence) -> Check:
    """The largest total of live tensors at inference."""
    graph, runs = evidence.graph, evidence.inference
    figure = evidence.report.totals.peak_inference_bytes or 0
    found = list(_measured(graph, runs, frozenset()))
    highest = max(found, key=lambda one: one.live)
    differences = list(_differences(runs, found))
    if not differences and not near(figure, highest.live, runs):
        differences = [difference(highest.node, in_bytes(figure), in_bytes(highest.live))]
    workspace = in_bytes(max(0, runs.peak - highest.live))
    run = Figure(highest.live, "bytes", f"workspace {workspace}")
    return _memory("inference_memory", Figure(figure, "bytes"), run, differences)


def training_memory(evidence: Evidence) -> Check:
    """What is saved for the backward pass, and whether that pass stays within the figure."""
    graph, runs = evidence.graph, evidence.training
    assert runs is not None  # judged() sees to it
    gradients = requiring_gradients(graph)
    found = list(_measured(graph, runs, gradients))
    if not found or not runs.recorder.live_backward:
        return Check("training_memory", Verdict.NOT_RUN, why="no layer is trained")
    if runs.second is None:
        return Check("training_memory", Verdict.NOT_RUN, why="the values are not finite")
    figure = evidence.training_report.totals.training_bytes or 0
    last = found[-1]
    saved = last.live - (last.wanted.live - last.wanted.saved)
    differences = list(_differences(runs, found))
    if not differences and not near(_saved(graph, runs), saved, runs):
        differences = [difference(last.node, in_bytes(_saved(graph, runs)), in_bytes(saved))]
    stored = sum(one.nbytes for one in evidence.weights.values())
    path, most = max(runs.recorder.live_backward.items(), key=lambda item: item[1])
    most += stored - runs.recorder.before - sum(runs.buffers.values()) - last.wanted.results
    if most > figure + _tolerance(figure, runs):
        node = next(node for node in graph.nodes if node.path == path)
        differences.append(difference(node, f"at most {in_bytes(figure)}", in_bytes(most)))
    run = Figure(most, "bytes", f"{in_bytes(saved)} of it saved")
    return _memory("training_memory", Figure(figure, "bytes"), run, differences)


def _saved(graph: Graph, runs: Runs) -> int:
    """What the summary counts as saved, but for what the loss saves: it is measured before that."""
    item = np.dtype(runs.how.dtype).itemsize
    found = analysed(graph._replace(loss=None))
    if found is None:
        return 0
    each = item * found.saved_elements + found.saved_bytes
    return runs.how.batch * each + item * found.batch_elements


def _memory(name: str, summary: Figure, run: Figure, differences: list[Difference]) -> Check:
    """The numbers need not be equal, as `near` has compared them."""
    verdict = Verdict.FAILED if differences else Verdict.PASSED
    return Check(name, verdict, summary, run, differences=tuple(differences))
