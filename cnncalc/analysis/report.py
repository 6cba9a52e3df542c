"""The report: everything that is known of one network, as frozen rows and totals.

What is not known is None, never 0. Sizes in bytes are for the batch and the data type; params,
MACs, FLOPs and activation elements are for one image.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from cnncalc.analysis.cost import Cost, costs, elements
from cnncalc.analysis.depth import depth
from cnncalc.analysis.memory import Training, inference_peak, training_memory
from cnncalc.analysis.order import Peak
from cnncalc.analysis.receptive_field import UNKNOWN, Field, network_field, receptive_fields
from cnncalc.graph import Graph, Node
from cnncalc.layer import BackwardMacs, Shape
from cnncalc.problem import Problem

if TYPE_CHECKING:
    from fractions import Fraction

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


class Device(NamedTuple):
    """What a device does in a second: operations, and bytes between memory and processor.

    `macs`: an operation is a multiply-add, and nothing else takes time to compute; else it is a
    FLOP. `bandwidth` None: moving takes no time.
    """

    operations: float
    macs: bool
    bandwidth: float | None


class Sizing(NamedTuple):
    """What sizes in bytes and times depend on; `images` are to be run through `device`.

    `sparsity` is the share of the weights that is pruned, from 0 to below 1.
    """

    batch: int = 1
    dtype: str = "float32"
    optimizer: str = "sgd"
    memory: int | None = None
    device: Device | None = None
    images: int | None = None
    sparsity: Fraction | None = None


class LargestBatch(NamedTuple):
    """The most images at once that fit a given memory; None where that is not known."""

    memory: int
    training: int | None
    inference: int | None


@dataclass(frozen=True)
class Totals:
    """Sums over the network; the training graph for params, the inference graph for MACs.

    Each is computed when it is asked for: `lint` asks for few. None is unknown.
    """

    graph: Graph
    rows: tuple[Row, ...]
    sizing: Sizing

    def numbers(self) -> dict[str, Any]:
        """All of them by name, in the order in which reports have them."""
        return {name: getattr(self, name) for name in TOTALS}

    @cached_property
    def headline(self) -> Headline:
        """What the network is known by."""
        return headline(self.graph, [row.cost for row in self.rows])

    @property
    def params(self) -> int | None:
        """All parameters, buffers apart."""
        return self.headline.params

    @cached_property
    def trainable(self) -> int | None:
        """Parameters that training changes."""
        return _total(row.cost and row.cost.trainable for row in self.rows)

    @cached_property
    def frozen(self) -> int | None:
        """Parameters that training leaves alone."""
        return _total(row.cost and row.cost.frozen for row in self.rows)

    @property
    def buffers(self) -> int | None:
        """Elements of the buffers."""
        return self.headline.buffers

    @cached_property
    def params_inference(self) -> int | None:
        """Parameters without those of layers that exist in training only."""
        return _total(row.cost and row.cost.params for row in self._inference)

    @property
    def macs(self) -> int | None:
        """MACs of one image."""
        return self.headline.macs

    @cached_property
    def flops(self) -> int | None:
        """FLOPs of one image."""
        return _total(row.cost and row.cost.flops for row in self._inference)

    @cached_property
    def backward_macs(self) -> BackwardMacs | None:
        """MACs of both gradients in a training step."""
        for_input = _total(row.cost and row.cost.backward_macs.input for row in self.rows)
        for_weight = _total(row.cost and row.cost.backward_macs.weight for row in self.rows)
        if for_input is None or for_weight is None:
            return None
        return BackwardMacs(for_input, for_weight)

    @property
    def depth(self) -> int | None:
        """The most layers with MACs on a path."""
        return self.headline.depth

    @cached_property
    def activation_elements(self) -> int | None:
        """Elements of the outputs of all layers, for one image."""
        return _total(row.output_elements for row in self._inference)

    @property
    def size_bytes(self) -> int | None:
        """Bytes of params and buffers in float32, as a file holds them."""
        return self.headline.size_bytes

    @property
    def param_bytes(self) -> int | None:
        """Bytes of params and buffers in the data type."""
        return None if self._stored is None else element_bytes(self._stored, self.sizing.dtype)

    @property
    def peak_inference_bytes(self) -> int | None:
        """Bytes of the tensors that exist at once, at most, in the order that is written."""
        return None if self._peak is None else self._bytes(self._peak.declared)

    @property
    def peak_inference_bytes_best_order(self) -> int | None:
        """The same in the best order that was found."""
        if self._peak is None or self._peak.best is None:
            return None
        return self._bytes(self._peak.best)

    @property
    def training_bytes(self) -> int | None:
        """Bytes of a training step; None also where nobody trains in that type."""
        return self._training_bytes(self.sizing.batch)

    @property
    def largest_batch(self) -> LargestBatch | None:
        """The most images that fit the given memory; None where none was given."""
        memory = self.sizing.memory
        if memory is None:
            return None
        none, one = self._training_bytes(0), self._training_bytes(1)
        inference = train = None
        if self.param_bytes is not None and self._peak is not None:
            bits = self._peak.declared * BITS[self.sizing.dtype]
            inference = _fit(8 * (memory - self.param_bytes), bits)
        if none is not None and one is not None:
            train = _fit(memory - none, one - none)
        return LargestBatch(memory, train, inference)

    @cached_property
    def _inference(self) -> list[Row]:
        return [row for row in self.rows if not row.node.train_only]

    @cached_property
    def _stored(self) -> int | None:
        return _total((self.params, self.buffers))

    @cached_property
    def _peak(self) -> Peak | None:
        return inference_peak(self.graph)

    @cached_property
    def _training(self) -> Training | None:
        return training_memory(self.graph)

    def _bytes(self, elements: int) -> int:
        """Bytes of that many elements an image, for the batch."""
        return element_bytes(self.sizing.batch * elements, self.sizing.dtype)

    def _training_bytes(self, batch: int) -> int | None:
        stored, trainable, training = self._stored, self.trainable, self._training
        sizing = self.sizing
        if stored is None or trainable is None or training is None or "float" not in sizing.dtype:
            return None
        copies = 1 + OPTIMIZER_COPIES[sizing.optimizer]
        fixed = stored + copies * trainable + training.batch_elements
        moving = training.saved_elements + training.working_elements
        return element_bytes(fixed + batch * moving, sizing.dtype) + batch * training.saved_bytes


TOTALS = (
    "params",
    "trainable",
    "frozen",
    "buffers",
    "params_inference",
    "macs",
    "flops",
    "backward_macs",
    "depth",
    "activation_elements",
    "size_bytes",
    "param_bytes",
    "peak_inference_bytes",
    "peak_inference_bytes_best_order",
    "training_bytes",
)
"""The names of the totals, in the order in which reports have them."""


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
    checks: tuple[Check, ...] = ()
    problems: tuple[Problem, ...] = ()


def report(
    graph: Graph,
    *,
    variant: str | None = None,
    sizing: Sizing | None = None,
) -> Report:
    """Compute all numbers of a network."""
    sizing = sizing or Sizing()
    fields, counted = receptive_fields(graph), costs(graph)
    rows = tuple(
        _row(graph, node, cost, fields) for node, cost in zip(graph.nodes, counted, strict=True)
    )
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
        totals=Totals(graph, rows, sizing),
        field=network_field(graph, fields),
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
    inputs = [graph.values[index] for index in node.inputs]
    outputs = [graph.values[index] for index in node.outputs]
    field = fields[node.outputs[0]]
    return Row(
        node=node,
        input_paths=tuple([value.path for value in inputs]),
        in_shapes=tuple([value.shape for value in inputs]),
        out_shapes=tuple([value.shape for value in outputs]),
        assumed=graph.assumed(node.outputs),
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


def _fit(free: int, each: int) -> int | None:
    """How many times `each` fits; None where it takes nothing."""
    return max(0, free // each) if each else None
