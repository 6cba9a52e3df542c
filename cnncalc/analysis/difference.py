"""What changed from one network to another: layer by layer, and in total."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from cnncalc.analysis.alignment import align
from cnncalc.analysis.receptive_field import Field
from cnncalc.analysis.report import Check, Report, Row, Sizing, element_bytes
from cnncalc.layer import Layer, Shape

if TYPE_CHECKING:
    from fractions import Fraction

    Exact = int | Fraction

SAME_NAME, SAME_TYPE, OTHER_TYPE = 600_000, 750_000, 1_500_000
"""Costs of taking one layer for another: less than to drop one and to add one (alignment.GAP).

What else tells equal layers apart, place, name and params, costs 1 each: it only decides between
ways that are as good.
"""

_INDEX = re.compile(r"\.\d+|\[\d+\]")


class Written(NamedTuple):
    """What a layer is; `place` is its path without indices, which move when others come or go.

    `params` tell layers apart that are written alike and have other inputs.
    """

    layer: Layer | str
    frozen: bool
    train_only: bool
    type: str
    name: str | None
    place: str
    params: int | None

    @property
    def itself(self) -> tuple[Layer | str, bool, bool]:
        """The layer wherever it stands and whatever its name."""
        return self.layer, self.frozen, self.train_only


class Numbers(NamedTuple):
    """The numbers of a layer that are compared, in this order; None where one is not known.

    `output`: the shapes of all outputs; `memory`: their bytes, for the batch and the data type;
    `field`: the size of the receptive field on each axis.
    """

    output: tuple[Shape, ...] | None
    params: int | None
    macs: int | None
    memory: int | None
    field: tuple[Exact | None, ...] | None


class Change(NamedTuple):
    """A layer that is not as before; `kind` is added, removed, changed or affected.

    `what` names what is different: "layer", "frozen", "train_only", "inputs", and those of
    `Numbers`. An affected layer is as it was, and only numbers are different.
    """

    kind: str
    old: Row | None
    new: Row | None
    what: tuple[str, ...] = ()


class Total(NamedTuple):
    """A number of both networks; None where it is not known."""

    old: Exact | None
    new: Exact | None

    @property
    def change(self) -> Exact | None:
        """New less old."""
        return None if self.old is None or self.new is None else self.new - self.old

    @property
    def percent(self) -> float | None:
        """The change in percent of the old number; None where that is 0."""
        return None if self.change is None or not self.old else float(100 * self.change / self.old)


class Difference(NamedTuple):
    """Two networks, and what is different; `layers` in the order of execution.

    `compared` is False where the layers of one of them could not be read.
    """

    old: Report
    new: Report
    compared: bool
    layers: tuple[Change, ...]
    totals: Mapping[str, Total]
    inputs: bool
    outputs: bool

    @property
    def same(self) -> bool:
        """Whether both are one network, whatever its parts are called."""
        moved = any(total.old != total.new for total in self.totals.values())
        return self.compared and not (self.layers or self.inputs or self.outputs or moved)

    @property
    def promises(self) -> tuple[tuple[Check, Check | None], ...]:
        """What the old spec promised in other words than the new one, or alone (None)."""
        now = {_promise(check): check for check in self.new.checks}
        then = ((check, now.get(_promise(check))) for check in self.old.checks)
        return tuple((a, b) for a, b in then if b is None or a.wanted != b.wanted)


def _promise(check: Check) -> tuple[str, str, str]:
    """What a promise is about; a budget may have a lower and an upper limit."""
    return check.kind, check.key, check.wanted[:1] if check.kind == "budget" else ""


def _largest(report: Report) -> Exact | None:
    sizes = [axis.size for axis in report.field.axes] if report.field else []
    known = [size for size in sizes if size is not None]
    return max(known) if sizes and len(known) == len(sizes) else None


TOTALS: dict[str, Callable[[Report], Exact | None]] = {
    "params": lambda report: report.totals.params,
    "macs": lambda report: report.totals.macs,
    "flops": lambda report: report.totals.flops,
    "peak memory": lambda report: report.totals.peak_inference_bytes,
    "training memory": lambda report: report.totals.training_bytes,
    "size": lambda report: report.totals.param_bytes,
    "receptive field": _largest,
    "depth": lambda report: report.totals.depth,
}
"""By the names that conditions use; the receptive field is that of its largest axis."""


def difference(old: Report, new: Report) -> Difference:
    """What changed from one network to the other, both analysed with the same sizing."""
    compared = all(report.rows or not report.problems for report in (old, new))
    pairs = _matched(old.rows, new.rows) if compared else []
    matches = {i: j for i, j in pairs if i is not None and j is not None}
    wiring = _Wiring(old, new, matches)
    changes = (_change(wiring, i, j) for i, j in pairs)
    return Difference(
        old=old,
        new=new,
        compared=compared,
        layers=tuple(change for change in changes if change is not None),
        totals={name: Total(pick(old), pick(new)) for name, pick in TOTALS.items()},
        inputs=list(old.inputs.values()) != list(new.inputs.values()),
        outputs=wiring.moved([one.path for one in old.outputs], [one.path for one in new.outputs]),
    )


def _matched(old: Sequence[Row], new: Sequence[Row]) -> list[tuple[int | None, int | None]]:
    return align([_written(row) for row in old], [_written(row) for row in new], _cost)


def _written(row: Row) -> Written:
    node = row.node
    place = _INDEX.sub("", node.path)
    params = row.cost and row.cost.params
    layer = node.layer or node.type
    return Written(layer, node.frozen, node.train_only, node.type, node.name, place, params)


def _cost(old: Written, new: Written) -> int:
    apart = (old.place != new.place) + (old.name != new.name) + (old.params != new.params)
    if old.itself == new.itself:
        return apart
    if old.type != new.type:
        return apart + OTHER_TYPE
    return apart + (SAME_NAME if old.name and old.name == new.name else SAME_TYPE)


class _Wiring:
    """Where layers take their inputs from, in both networks; what is missing is nowhere."""

    def __init__(self, old: Report, new: Report, matches: Mapping[int, int]) -> None:
        self.old, self.new, self.matches = old, new, matches
        self.arrived = set(matches.values())
        self.shared = min(len(old.inputs), len(new.inputs))
        self.before, self.after = _producers(old), _producers(new)

    def moved(self, old: Sequence[str], new: Sequence[str]) -> bool:
        """Whether something reads other tensors than before.

        Layers that came or went stand between it and what it read: each of them explains one
        tensor that is no longer read, or that is read now.
        """
        before, after = self._kept_before(old), self._kept_after(new)
        lost, gained = Counter(before) - Counter(after), Counter(after) - Counter(before)
        if lost.total() > len(new) - len(after) or gained.total() > len(old) - len(before):
            return True
        return [one for one in before if one in after] != [one for one in after if one in before]

    def _kept_before(self, paths: Sequence[str]) -> list[tuple[int, int]]:
        """Tensors of the old network that the new one has, as it has them."""
        found = (self.before[path] for path in paths if path in self.before)
        return [
            (self.matches.get(node, node), port)
            for node, port in found
            if node in self.matches or (node < 0 and port < self.shared)
        ]

    def _kept_after(self, paths: Sequence[str]) -> list[tuple[int, int]]:
        """Tensors of the new network that the old one has."""
        found = (self.after[path] for path in paths if path in self.after)
        return [
            (node, port)
            for node, port in found
            if node in self.arrived or (node < 0 and port < self.shared)
        ]


def _producers(report: Report) -> dict[str, tuple[int, int]]:
    """Of each tensor, the layer and which of its outputs; layer -1 is the network's input."""
    found = {name: (-1, number) for number, name in enumerate(report.inputs)}
    for index, row in enumerate(report.rows):
        path, several = row.node.path, len(row.out_shapes) > 1
        for port in range(len(row.out_shapes)):
            found[f"{path}:{port}" if several else path] = index, port
    return found


def _change(wiring: _Wiring, i: int | None, j: int | None) -> Change | None:
    before = None if i is None else wiring.old.rows[i]
    after = None if j is None else wiring.new.rows[j]
    if before is None or after is None:
        return Change("added" if before is None else "removed", before, after)
    one, other = _written(before), _written(after)
    parts = ("layer", "frozen", "train_only")
    written = [name for name in parts if getattr(one, name) != getattr(other, name)]
    if wiring.moved(before.input_paths, after.input_paths):
        written.append("inputs")
    mine, its = numbers(before, wiring.old.sizing), numbers(after, wiring.new.sizing)
    moved = [name for name, a, b in zip(Numbers._fields, mine, its, strict=True) if a != b]
    if not written and not moved:
        return None
    return Change("changed" if written else "affected", before, after, (*written, *moved))


def numbers(row: Row, sizing: Sizing) -> Numbers:
    """The numbers of a layer that are compared."""
    cost, elements = row.cost, row.output_elements
    known = None not in row.out_shapes and not row.assumed
    return Numbers(
        output=tuple(shape for shape in row.out_shapes if shape is not None) if known else None,
        params=cost and cost.params,
        macs=cost and cost.macs,
        memory=None if elements is None else element_bytes(elements * sizing.batch, sizing.dtype),
        field=_sizes(row.field),
    )


def _sizes(field: Field | None) -> tuple[Exact | None, ...] | None:
    return tuple(axis.size for axis in field.axes) if field else None
