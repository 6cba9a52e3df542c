"""What a model takes when it is stored pruned and quantised: only its weights change.

Weights are the tensors that MACs multiply with, of convolutions and Linear. Biases, what norms,
PReLU and Scale learn, declared params and buffers are few: they are not pruned, and stay in float32
where the data type is no floating one.

Source: Han, Mao, Dally 2015, Deep Compression (arXiv:1510.00149); Rastegari et al. 2016, XNOR-Net
(arXiv:1603.05279); torch.nn.utils.prune.global_unstructured for the number that is pruned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from cnncalc.analysis.cost import elements
from cnncalc.analysis.report import Row, Sizing, element_bytes
from cnncalc.layer import Shape

INDEX_BYTES = 4
"""Of a column or of the start of a row, in CSR."""


class Storage(NamedTuple):
    """Elements of weights, those of them that are kept, and elements of all else; sizes in bytes.

    `bytes` is without indices. Which weights are kept takes `bitmap_bytes` with a bit for each
    weight, or `csr_bytes` with a column for each kept weight and a start for each row, where a row
    is what the first axis of a weight counts.
    """

    weights: int
    kept: int
    others: int
    bytes: int
    bitmap_bytes: int
    csr_bytes: int


def wanted(sizing: Sizing) -> bool:
    """Whether weights are stored otherwise than all else."""
    return sizing.sparsity is not None or "float" not in sizing.dtype


def storage(rows: Iterable[Row], sizing: Sizing) -> Storage | None:
    """What params and buffers take; None where a layer is not known."""
    rows = tuple(rows)
    if not rows or any(row.cost is None for row in rows):
        return None
    shapes = list(_weights(rows))
    weights = sum(map(elements, shapes))
    kept = weights - round((sizing.sparsity or 0) * weights)
    others = sum(row.cost.params + row.cost.buffers for row in rows if row.cost) - weights
    return Storage(
        weights=weights,
        kept=kept,
        others=others,
        bytes=element_bytes(kept, sizing.dtype) + element_bytes(others, type_of_others(sizing)),
        bitmap_bytes=element_bytes(weights, "binary"),
        csr_bytes=INDEX_BYTES * (kept + sum(shape[0] + 1 for shape in shapes)),
    )


def type_of_others(sizing: Sizing) -> str:
    """The data type of what is no weight."""
    return sizing.dtype if "float" in sizing.dtype else "float32"


def _weights(rows: Iterable[Row]) -> Iterator[Shape]:
    """The shapes of the tensors that MACs multiply with."""
    for row in rows:
        shapes = [shape for shape in row.in_shapes if shape is not None]
        if row.node.layer is not None and row.cost is not None and row.cost.macs:
            weight = row.node.layer.params(*shapes).get("weight")
            if weight is not None:
                yield weight.shape
