"""Time on a device: what it computes and moves in a second, and which of the two holds a layer up.

Source: Williams, Waterman, Patterson 2009, Roofline: an insightful visual performance model for
multicore architectures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from cnncalc.analysis.cost import Cost, elements
from cnncalc.analysis.report import Device, Row, Sizing, element_bytes
from cnncalc.quantity import parse as quantity

COMPUTE, MEMORY = "compute", "memory"

_RATE = re.compile(r"(.+?)(FLOP|MAC)(?:s|S|/s)")
_BANDWIDTH = re.compile(r"(.+?)B/s")


class Time(NamedTuple):
    """Seconds that an image takes to compute, and to move between memory and processor."""

    compute: float
    memory: float

    @property
    def seconds(self) -> float:
        """The longer of the two: one hides behind the other."""
        return max(self.compute, self.memory)

    @property
    def bound(self) -> str:
        """What holds the layer up: `compute` or `memory`."""
        return MEMORY if self.memory > self.compute else COMPUTE


def parse(text: str) -> Device | None:
    """The device of a text such as `12TFLOPS,900GB/s` or `12TMACS`, None if it is not one."""
    rate, comma, moved = text.partition(",")
    found, bandwidth = _RATE.fullmatch(rate), _BANDWIDTH.fullmatch(moved)
    operations = found and _number(found[1])
    a_second = bandwidth and _number(bandwidth[1])
    if not found or not operations or (comma and not a_second):
        return None
    return Device(operations, found[2] == "MAC", a_second or None)


def _number(text: str) -> float | None:
    """The number; `900G` and `900Gi` with the units that `quantity` knows."""
    found = quantity(text + "B" if text.endswith("i") else text)
    if found is None or found.approximate:
        return None
    return found.digits * found.scale / float(10**found.decimals)


def layer_time(row: Row, sizing: Sizing) -> Time | None:
    """What one image of the batch takes in a layer; None where its counts are not known.

    Inputs are read, outputs written and weights read once a batch; a view moves nothing.
    """
    device, cost, layer = sizing.device, row.cost, row.node.layer
    if device is None or cost is None or layer is None:
        return None
    compute = (cost.macs if device.macs else cost.flops) / device.operations
    if device.bandwidth is None or layer.view:
        return Time(compute, 0.0)
    moved = element_bytes(_moved(row, cost, sizing.batch), sizing.dtype)
    return Time(compute, moved / device.bandwidth / sizing.batch)


def _moved(row: Row, cost: Cost, batch: int) -> int:
    """Elements that a batch reads and writes; an input that is given twice is read once."""
    inputs = dict(zip(row.input_paths, row.in_shapes, strict=True)).values()
    tensors = sum(elements(shape) for shape in (*inputs, *row.out_shapes) if shape is not None)
    return batch * tensors + cost.params + cost.buffers


def network_time(rows: Iterable[Row], sizing: Sizing) -> float | None:
    """Seconds for one image, one layer after the other; None where that of a layer is not known."""
    seconds = 0.0
    for row in rows:
        time = None if row.node.train_only else layer_time(row, sizing)
        if time is None and not row.node.train_only:
            return None
        seconds += time.seconds if time else 0.0
    return seconds


def bounds(rows: Iterable[Row], sizing: Sizing) -> dict[str, float]:
    """Seconds of layers that computing holds up, and of those that moving does."""
    found = {COMPUTE: 0.0, MEMORY: 0.0}
    for row in rows:
        time = layer_time(row, sizing)
        if time is not None and not row.node.train_only:
            found[time.bound] += time.seconds
    return found
