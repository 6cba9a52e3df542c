"""The checks: each compares what the summary says with what the runs gave, layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from math import prod
from typing import NamedTuple

from cnncalc.analysis.cost import requiring_gradients
from cnncalc.analysis.report import Report, Row
from cnncalc.engine.verify.evidence import Evidence, difference, outcome
from cnncalc.engine.verify.memory import inference_memory, training_memory
from cnncalc.engine.verify.results import Check, Difference, Figure, Verdict
from cnncalc.engine.verify.runs import Runs
from cnncalc.engine.weights import key, node_parameters
from cnncalc.graph import Graph, Node
from cnncalc.layer import Shape


class Definition(NamedTuple):
    """A check: it may need a training run, or take one where there can be one.

    One that is `partial` tells something of a run that broke off.
    """

    judge: Callable[[Evidence], Check]
    needs_training: bool = False
    takes_training: bool = False
    partial: bool = False


def judged(name: str, evidence: Evidence) -> Check:
    """The outcome of a check; not run where the run that it needs is missing."""
    definition, graph = CHECKS[name], evidence.graph
    missing = evidence.inference.refused
    if missing is None and (definition.needs_training or _only_trained(graph)):
        missing = evidence.no_training
    if missing is not None:
        return Check(name, Verdict.NOT_RUN, why=missing)
    runs = [evidence.inference]
    if evidence.training is not None and needs_training(name, graph):
        runs.append(evidence.training)
    stops = [one.stopped for one in runs if one.stopped is not None]
    if not stops:
        return definition.judge(evidence)
    found = definition.judge(evidence) if definition.partial else Check(name, Verdict.FAILED)
    return found._replace(verdict=Verdict.FAILED, why=f"the run broke off at {stops[0]}")


def needs_training(name: str, graph: Graph) -> bool:
    """Whether a check takes a training run, if there can be one."""
    definition = CHECKS[name]
    return definition.needs_training or definition.takes_training or _only_trained(graph)


def _only_trained(graph: Graph) -> bool:
    return any(node.train_only for node in graph.nodes)


def _rows(report: Report, runs: Runs) -> Iterator[Row]:
    """The layers that ran."""
    return (row for row in report.rows if row.node.path in runs.recorder.shapes)


def _text(shapes: Iterable[Shape | None]) -> str:
    return ", ".join("none" if one is None else " x ".join(map(str, one)) for one in shapes)


# ---- shapes and counts


def _shapes(evidence: Evidence) -> Check:
    differences: list[Difference] = []
    elements: dict[str, int] = {}
    for report, runs in evidence.pairs():
        for row in _rows(report, runs):
            given = runs.recorder.shapes[row.node.path]
            wanted = tuple((runs.how.batch, *(shape or ())) for shape in row.out_shapes)
            if given != wanted and row.node.path not in elements:
                differences.append(difference(row.node, _text(wanted), _text(given)))
            elements[row.node.path] = sum(prod(shape[1:]) for shape in given)
    rows = evidence.report.rows
    summary = Figure(sum(row.output_elements or 0 for row in rows), "elements", _layers(len(rows)))
    run = Figure(sum(elements.values()), "elements", _layers(len(elements)))
    return outcome("shapes", summary, run, differences)


def _layers(number: int) -> str:
    return "1 layer" if number == 1 else f"{number:,} layers"


def _params(evidence: Evidence) -> Check:
    """The arrays that the layers were given, and took."""
    differences, params, buffers = [], 0, 0
    for row in evidence.report.rows:
        sizes = {True: 0, False: 0}
        for name, one in node_parameters(evidence.graph, row.node).items():
            sizes[one.buffer] += evidence.weights[key(row.node, name)].size
        params, buffers = params + sizes[False], buffers + sizes[True]
        wanted = (row.cost.params, row.cost.buffers) if row.cost else (0, 0)
        if (sizes[False], sizes[True]) != wanted:
            texts = [
                f"{p:,} params, {b:,} buffers" for p, b in (wanted, (sizes[False], sizes[True]))
            ]
            differences.append(difference(row.node, *texts))
    totals = evidence.report.totals
    if totals.buffers != buffers and not differences:
        differences.append(Difference("total", "buffers", str(totals.buffers), str(buffers)))
    summary = Figure(totals.params or 0, "params", f"{totals.buffers or 0:,} buffers")
    run = Figure(params, "params", f"{buffers:,} buffers in {len(evidence.weights):,} arrays")
    return outcome("params", summary, run, differences)


def _macs(evidence: Evidence) -> Check:
    differences: dict[str, Difference] = {}
    for report, runs in evidence.pairs():
        for row in _rows(report, runs):
            given = runs.recorder.products[row.node.path]
            wanted = runs.how.batch * (row.cost.macs if row.cost else 0)
            if given != wanted:
                found = difference(row.node, f"{wanted:,}", f"{given:,}")
                differences.setdefault(row.node.path, found)
    products = sum(evidence.inference.recorder.products.values())
    summary = Figure(evidence.report.totals.macs or 0)
    run = Figure(products // evidence.inference.how.batch, "counted")
    return outcome("macs", summary, run, differences.values())


def _backward_macs(evidence: Evidence) -> Check:
    runs, report = evidence.training, evidence.training_report
    assert runs is not None  # judged() sees to it
    differences = []
    for row in report.rows:
        given = runs.recorder.backward_products.get(row.node.path, 0)
        wanted = runs.how.batch * (sum(row.cost.backward_macs) if row.cost else 0)
        if given != wanted:
            differences.append(difference(row.node, f"{wanted:,}", f"{given:,}"))
    products = sum(runs.recorder.backward_products.values())
    summary = Figure(sum(report.totals.backward_macs or ()))
    run = Figure(products // runs.how.batch, "counted")
    return outcome("backward_macs", summary, run, differences)


def _receptive_field(evidence: Evidence) -> Check:
    """Pixels that units read: by the analysis, and by what the kernels pass back."""
    name, proof = "receptive_field", evidence.field
    assert proof is not None  # there is one where the network was run
    if proof.missing is not None:
        return Check(name, Verdict.NOT_RUN, why=proof.missing)
    reached = f"{proof.by_gradients:,} by gradients"
    if proof.no_gradients is not None:
        reached = "gradients not run"
    units = f"of {proof.units:,} units in {_layers(proof.layers)}"
    figures = Figure(proof.by_sets, "pixels", units), Figure(proof.by_ones, "pixels", reached)
    if proof.stopped is not None:
        return Check(name, Verdict.FAILED, *figures, why=f"the run broke off: {proof.stopped}")
    return outcome(name, *figures, proof.differences.values())


# ---- what the arrays hold


def _finite(evidence: Evidence) -> Check:
    found, arrays = [], 0
    for _, runs in evidence.pairs():
        recorder = runs.recorder
        when = "training" if runs.how.train else "inference"
        found += [
            difference(node, "finite", f"{what} at {when}") for node, what in recorder.infinite
        ]
        arrays += sum(map(len, recorder.shapes.values())) + len(recorder.gradients)
        arrays += sum(one is not None for g in recorder.input_gradients.values() for one in g)
    return outcome("finite", None, _arrays(arrays, "without NaN or infinity", evidence), found)


def _arrays(number: int, what: str, evidence: Evidence) -> Figure:
    unit = "array" if number == 1 else "arrays"
    trained = evidence.training is not None and evidence.training.refused is None
    return Figure(number, f"{unit} {what}", "" if trained else "at inference alone")


def _gradients(evidence: Evidence) -> Check:
    runs, report, graph = evidence.training, evidence.training_report, evidence.graph
    assert runs is not None  # judged() sees to it
    reached = requiring_gradients(graph)
    given: dict[str, dict[str, Shape]] = {}
    for name, shape in runs.recorder.gradients.items():
        given.setdefault(name.rpartition(".")[0], {})[name] = shape
    differences, elements = [], 0
    for node in graph.nodes:
        if runs.stopped and node.path not in runs.recorder.input_gradients:
            continue
        of_node = given.get(node.path, {})
        wanted = {} if reached.isdisjoint(node.outputs) else dict(_trained(graph, node))
        elements += sum(map(prod, wanted.values()))
        if of_node != wanted:
            differences.append(difference(node, _text(wanted.values()), _text(of_node.values())))
        differences += _of_layer_inputs(graph, node, runs, reached)
    differences += _of_inputs(graph, runs)
    found = sum(prod(shape) for shapes in given.values() for shape in shapes.values())
    arrays = f"in {len(runs.recorder.gradients):,} arrays"
    led = "" if elements == report.totals.trainable else "of layers that lead to an output"
    summary = Figure(elements, "trainable params", led)
    return outcome("gradients", summary, Figure(found, "elements", arrays), differences)


def _trained(graph: Graph, node: Node) -> Iterator[tuple[str, Shape]]:
    for name, one in node_parameters(graph, node).items():
        if not one.buffer and not node.frozen:
            yield key(node, name), one.shape


def _of_inputs(graph: Graph, runs: Runs) -> Iterator[Difference]:
    """Gradients of the network's inputs that have another shape than those."""
    reached = requiring_gradients(graph, inputs=True)
    wanted = {
        name: (runs.how.batch, *(graph.values[index].shape or ()))
        for name, index in graph.inputs.items()
        if index in reached
    }
    if runs.first is not None and not runs.stopped and runs.input_gradients != wanted:
        texts = _text(wanted.values()), _text(runs.input_gradients.values())
        yield Difference("inputs", "input", *texts)


def _of_layer_inputs(
    graph: Graph, node: Node, runs: Runs, reached: frozenset[int]
) -> Iterator[Difference]:
    """Gradients of a layer's inputs that have another shape than those."""
    given = runs.recorder.input_gradients.get(node.path)
    if given is None:
        return
    wanted = tuple(
        (runs.how.batch, *(graph.values[index].shape or ())) if index in reached else None
        for index in node.inputs
    )
    if given != wanted:
        yield difference(node, _text(wanted), _text(given))


def _repeatable(evidence: Evidence) -> Check:
    differences, arrays = [], 0
    for _, runs in evidence.pairs():
        if runs.stopped:
            continue
        if runs.first is None or runs.second is None:
            return Check("repeatable", Verdict.NOT_RUN, why="the values are not finite")
        when = "training" if runs.how.train else "inference"
        arrays += len(runs.second)
        differences += [
            Difference(name, when, "the same bits", "others in the second run")
            for name in runs.first
            if runs.first[name] != runs.second.get(name)
        ]
    return outcome("repeatable", None, _arrays(arrays, "equal to the bit", evidence), differences)


CHECKS = {
    "shapes": Definition(_shapes, partial=True),
    "params": Definition(_params),
    "macs": Definition(_macs),
    "backward_macs": Definition(_backward_macs, needs_training=True),
    "receptive_field": Definition(_receptive_field),
    "inference_memory": Definition(inference_memory),
    "training_memory": Definition(training_memory, needs_training=True),
    "finite": Definition(_finite, takes_training=True),
    "gradients": Definition(_gradients, needs_training=True, partial=True),
    "repeatable": Definition(_repeatable, takes_training=True),
}
"""By the names that users write, in the order of the table."""
