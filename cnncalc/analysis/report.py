"""The report: everything that is known of one network, as frozen rows and totals.

What is not known is None, never 0. Sizes in bytes are for the batch and the data type; params,
MACs, FLOPs and activation elements are for one image.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cnncalc.analysis.cost import Cost, costs, elements, requiring_gradients
from cnncalc.analysis.depth import depth
from cnncalc.analysis.memory import Training, inference_peak, training_memory
from cnncalc.analysis.order import Peak
from cnncalc.analysis.receptive_field import UNKNOWN, Field, network_field, receptive_fields
from cnncalc.graph import Graph, Node
from cnncalc.layer import BackwardMacs, Shape
from cnncalc.problem import Problem

BITS = {
    "float64": 64,
    "float32": 32,
    "float16": 16,
    "bfloat16": 16,
    "int8": 8,
    "int4": 4,
    "binary": 1,
}
"""Bits of an element of each data type."""

OPTIMIZER_COPIES = {"sgd": 0, "momentum": 1, "adam": 2}
"""Tensors of the size of the trainable parameters that an optimizer keeps."""


class Row(NamedTuple):
    """One layer: its node, with shapes, counts and field; None is unknown."""

    node: Node
    input_paths: tuple[str, ...]
    in_shapes: tuple[Shape | None, ...]
    out_shapes: tuple[Shape | None, ...]
    assumed: bool
    cost: Cost | None
    field: Field | None

    @property
    def output_elements(self) -> int | None:
        """Elements of all outputs for one image."""
        if None in self.out_shapes or self.assumed:
            return None
        return sum(elements(shape) for shape in self.out_shapes if shape is not None)


class Headline(NamedTuple):
    """What a network is known by; `size_bytes` is of params and buffers in float32."""

    params: int | None
    buffers: int | None
    macs: int | None
    depth: int | None
    size_bytes: int | None


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the network; the training graph for params, the inference graph for MACs.

    `size_bytes` is of params and buffers in float32, as a file holds them; `param_bytes` in the
    data type. `depth` is the most layers with MACs on a path.
    """

    params: int | None
    trainable: int | None
    frozen: int | None
    buffers: int | None
    params_inference: int | None
    macs: int | None
    flops: int | None
    backward_macs: BackwardMacs | None
    depth: int | None
    activation_elements: int | None
    size_bytes: int | None
    param_bytes: int | None
    peak_inference_bytes: int | None
    peak_inference_bytes_best_order: int | None
    training_bytes: int | None


class Device(NamedTuple):
    """What a device does in a second: operations, and bytes between memory and processor.

    `macs`: an operation is a multiply-add, and nothing else takes time to compute; else it is a
    FLOP. `bandwidth` None: moving takes no time.
    """

    operations: float
    macs: bool
    bandwidth: float | None


class Sizing(NamedTuple):
    """What sizes in bytes and times depend on; `images` are to be run through `device`."""

    batch: int = 1
    dtype: str = "float32"
    optimizer: str = "sgd"
    memory: int | None = None
    device: Device | None = None
    images: int | None = None


class LargestBatch(NamedTuple):
    """The most images at once that fit a given memory; None where that is not known."""

    memory: int
    training: int | None
    inference: int | None


class Result(NamedTuple):
    """An output of the network that exists at inference."""

    path: str
    shape: Shape | None
    head: str | None


class Check(NamedTuple):
    """A number of `expect` or `budget` beside the computed one; `ok` is None if not checked."""

    kind: str
    key: str
    wanted: str
    actual: str
    ok: bool | None


@dataclass(frozen=True, slots=True)
class Report:
    """All of one network, or of one variant of it."""

    file: str
    name: str | None
    variant: str | None
    inputs: Mapping[str, Shape | None]
    sizing: Sizing
    rows: tuple[Row, ...]
    outputs: tuple[Result, ...]
    totals: Totals
    field: Field | None
    largest_batch: LargestBatch | None = None
    checks: tuple[Check, ...] = ()
    problems: tuple[Problem, ...] = ()


def report(
    graph: Graph,
    *,
    variant: str | None = None,
    sizing: Sizing | None = None,
    problems: tuple[Problem, ...] = (),
) -> Report:
    """Compute all numbers of a network."""
    sizing = sizing or Sizing()
    fields, gradients = receptive_fields(graph), requiring_gradients(graph)
    counted = costs(graph, gradients)
    rows = tuple(
        _row(graph, node, cost, fields) for node, cost in zip(graph.nodes, counted, strict=True)
    )
    peak, training = inference_peak(graph), training_memory(graph, gradients)
    totals = _totals(rows, headline(graph, counted), peak, training, sizing)
    return Report(
        file=graph.file,
        name=graph.name,
        variant=variant,
        inputs={name: graph.values[index].shape for name, index in graph.inputs.items()},
        sizing=sizing,
        rows=rows,
        outputs=tuple(
            Result(graph.values[o.value].path, graph.values[o.value].shape, o.head)
            for o in graph.inference_outputs()
        ),
        totals=totals,
        field=network_field(graph, fields),
        largest_batch=_largest_batch(totals, peak, training, sizing),
        problems=problems,
    )


def headline(graph: Graph, counted: Sequence[Cost | None]) -> Headline:
    """The few numbers that a catalogue lists; `counted` are the costs of the nodes."""
    inference = (
        cost for node, cost in zip(graph.nodes, counted, strict=True) if not node.train_only
    )
    params = _total(cost and cost.params for cost in counted)
    buffers = _total(cost and cost.buffers for cost in counted)
    stored = _total((params, buffers))
    return Headline(
        params=params,
        buffers=buffers,
        macs=_total(cost and cost.macs for cost in inference),
        depth=depth(graph, counted),
        size_bytes=None if stored is None else element_bytes(stored, "float32"),
    )


def element_bytes(count: int, dtype: str) -> int:
    """Bytes of that many elements; types below a byte are packed."""
    return -(-count * BITS[dtype] // 8)


def _row(graph: Graph, node: Node, cost: Cost | None, fields: tuple[Field | None, ...]) -> Row:
    outputs = [graph.values[index] for index in node.outputs]
    field = fields[node.outputs[0]]
    return Row(
        node=node,
        input_paths=tuple(graph.values[index].path for index in node.inputs),
        in_shapes=tuple(graph.values[index].shape for index in node.inputs),
        out_shapes=tuple(value.shape for value in outputs),
        assumed=any(value.assumed for value in outputs),
        cost=cost,
        field=None if field is UNKNOWN else field,
    )


def _total(values: Iterable[int | None]) -> int | None:
    """The sum; None where a value is not known, or where there is none (no network was read)."""
    known: list[int] = []
    for value in values:
        if value is None:
            return None
        known.append(value)
    return sum(known) if known else None


def _totals(
    rows: tuple[Row, ...],
    first: Headline,
    peak: Peak | None,
    training: Training | None,
    sizing: Sizing,
) -> Totals:
    inference = [row for row in rows if not row.node.train_only]
    trainable = _total(row.cost and row.cost.trainable for row in rows)
    stored = _total((first.params, first.buffers))
    for_input = _total(row.cost and row.cost.backward_macs.input for row in rows)
    for_weight = _total(row.cost and row.cost.backward_macs.weight for row in rows)
    per_image = sizing.batch
    return Totals(
        params=first.params,
        trainable=trainable,
        frozen=_total(row.cost and row.cost.frozen for row in rows),
        buffers=first.buffers,
        params_inference=_total(row.cost and row.cost.params for row in inference),
        macs=first.macs,
        flops=_total(row.cost and row.cost.flops for row in inference),
        backward_macs=None
        if for_input is None or for_weight is None
        else BackwardMacs(for_input, for_weight),
        depth=first.depth,
        activation_elements=_total(row.output_elements for row in inference),
        size_bytes=first.size_bytes,
        param_bytes=None if stored is None else element_bytes(stored, sizing.dtype),
        peak_inference_bytes=peak and element_bytes(per_image * peak.declared, sizing.dtype),
        peak_inference_bytes_best_order=None
        if peak is None or peak.best is None
        else element_bytes(per_image * peak.best, sizing.dtype),
        training_bytes=_training_bytes(stored, trainable, training, sizing, sizing.batch),
    )


def _training_bytes(
    stored: int | None, trainable: int | None, training: Training | None, sizing: Sizing, batch: int
) -> int | None:
    """Bytes of a training step; None where unknown, or where nobody trains in that type."""
    if stored is None or trainable is None or training is None or "float" not in sizing.dtype:
        return None
    copies = 1 + OPTIMIZER_COPIES[sizing.optimizer]
    fixed = stored + copies * trainable + training.batch_elements
    moving = training.saved_elements + training.working_elements
    return element_bytes(fixed + batch * moving, sizing.dtype) + batch * training.saved_bytes


def _largest_batch(
    totals: Totals, peak: Peak | None, training: Training | None, sizing: Sizing
) -> LargestBatch | None:
    if sizing.memory is None:
        return None
    stored = _total((totals.params, totals.buffers))
    bytes_at = [
        _training_bytes(stored, totals.trainable, training, sizing, batch) for batch in (0, 1)
    ]
    inference = train = None
    if totals.param_bytes is not None and peak is not None:
        bits = peak.declared * BITS[sizing.dtype]
        inference = _fit(8 * (sizing.memory - totals.param_bytes), bits)
    if bytes_at[0] is not None and bytes_at[1] is not None:
        train = _fit(sizing.memory - bytes_at[0], bytes_at[1] - bytes_at[0])
    return LargestBatch(sizing.memory, train, inference)


def _fit(free: int, each: int) -> int | None:
    """How many times `each` fits; None where it takes nothing."""
    return max(0, free // each) if each else None
