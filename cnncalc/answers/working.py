"""The numbers of one layer, each with the formula it comes from and what rounding leaves unread."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from functools import reduce
from itertools import islice
from math import gcd, prod
from operator import xor
from typing import NamedTuple

from cnncalc.analysis.regions import everything, through
from cnncalc.analysis.report import BITS, element_bytes
from cnncalc.formula import Formula
from cnncalc.layer import Layer, Shape
from cnncalc.window import Adaptive, Axis, Reach, Resized, Sliding, Transposed

AXES = {
    1: ("features",),
    2: ("channels", "length"),
    3: ("channels", "height", "width"),
    4: ("channels", "depth", "height", "width"),
}
"""What the axes of a shape are called."""

DROPPED = "ceil_mode: rounded up, less the last window, which would start in the padding"

MOST_LOOKED_AT = 1 << 24
"""Positions of an axis that are looked at for what no window reads; fewer for copying padding."""
MOST_RUNS, FIRST_RUNS = 8, 4
"""Stretches of positions that are all listed, and how many are where there are more."""

_FLOPS = re.compile(r"FLOPs: (.*?)\.(?: (?=[A-Z`])|$)")


class Step(NamedTuple):
    """A number and how it comes out; `unit` is what is counted where the name does not say it."""

    name: str
    value: int
    formula: Formula | None = None
    unit: str = ""
    notes: tuple[str, ...] = ()


class Working(NamedTuple):
    """A layer on inputs of these shapes, number by number; `window` says what each axis reads."""

    layer: Layer
    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]
    dtype: str
    sizes: tuple[Step, ...]
    counts: tuple[Step, ...]
    memory: tuple[Step, ...]
    window: tuple[tuple[str, list[str]], ...]


def working(layer: Layer, *xs: Shape, dtype: str = "float32") -> Working:
    """All numbers of a layer with their working; raises LayerError where an input does not fit."""
    outputs = layer.outputs(*xs)
    return Working(
        layer=layer,
        inputs=xs,
        outputs=outputs,
        dtype=dtype,
        sizes=tuple(_sizes(layer, xs, outputs[0])),
        counts=tuple(_counts(layer, xs)),
        memory=tuple(_memory(layer, xs, outputs, dtype)),
        window=tuple(_window(layer, xs, outputs[0])),
    )


def axis_names(shape: Shape) -> tuple[str, ...]:
    """What the axes of a shape are called."""
    return AXES.get(len(shape)) or tuple(f"axis {number}" for number in range(len(shape)))


def _sizes(layer: Layer, xs: tuple[Shape, ...], out: Shape) -> Iterator[Step]:
    formulas = layer.shape_formulas(*xs)
    windows = layer.window(*xs)
    for number, formula in enumerate(formulas):
        axis = windows[number - 1] if isinstance(windows, tuple) and number else None
        notes: tuple[str, ...] = ()
        if isinstance(axis, Sliding) and formula and "S" in formula.values:
            notes = unread(axis, xs[0][number], out[number], formula)
        if formula and getattr(layer, "ceil_mode", False) and out[number] < formula.value:
            notes = (DROPPED, *notes)
        if formula:
            yield Step(axis_names(out)[number], out[number], formula, notes=notes)


def unread(axis: Sliding, n: int, out: int, formula: Formula) -> tuple[str, ...]:
    """What of an axis no window reads: of the input, and of the padding around it."""
    before, after = axis.before, int(formula.values["P_after"])
    padded = before + n + after
    reach = max(padded, (out - 1) * axis.stride + axis.extent)
    if reach > (MOST_LOOKED_AT if axis.mode == "constant" else MOST_LOOKED_AT >> 6):
        return (f"what is never read is not looked for in {reach:,} positions",)
    whole = _unread(axis._replace(before=0), padded, out)
    left, right = whole & (1 << before) - 1, whole >> before + n
    notes = []
    if of_input := _unread(axis, n, out):
        notes.append(f"never read: {_positions(of_input, 0)}, counted from 0")
    if not left and right and (right + (right & -right)) >> after:
        last = right.bit_count()
        rows = "the last position" if last == 1 else f"the last {last}"
        notes.append(f"never read: {rows} of the padding")
    elif left or right:
        padding = left | right << before + n
        notes.append(f"never read: {_positions(padding, -before)} of the padding")
    return tuple(notes)


def _unread(axis: Sliding, n: int, out: int) -> int:
    """The positions of an axis of n that no window reads, as a set of bits."""
    region = through((axis,), (n,), everything((out,)))
    assert region is not None
    return reduce(xor, (bits for (bits,) in region.products), (1 << n) - 1)


def _positions(bits: int, start: int) -> str:
    """The positions of a set in words, counted from `start`: all of them, or the first few."""
    runs = list(islice(_runs(bits, start), MOST_RUNS + 1))
    shown = [str(a) if a == b else f"{a} to {b}" for a, b in runs]
    if len(runs) > MOST_RUNS:
        some = ", ".join(shown[:FIRST_RUNS])
        return f"{bits.bit_count():,} positions: {some}, ..., {bits.bit_length() - 1 + start}"
    return f"position{'s' if bits.bit_count() > 1 else ''} {', '.join(shown)}"


def _runs(bits: int, start: int) -> Iterator[tuple[int, int]]:
    """The first and the last of positions that follow each other."""
    while bits:
        skipped = (bits & -bits).bit_length() - 1
        bits >>= skipped
        length = (~bits & bits + 1).bit_length() - 1
        yield start + skipped, start + skipped + length - 1
        bits >>= length
        start += skipped + length


def _counts(layer: Layer, xs: tuple[Shape, ...]) -> Iterator[Step]:
    formulas = layer.count_formulas(*xs)
    sizes = {name: prod(one.shape) for name, one in layer.params(*xs).items() if not one.buffer}
    summed = Formula(" + ".join(sizes), sizes) if sizes else None
    yield Step("params", sum(sizes.values()), formulas.get("params", summed))
    yield Step("MACs", layer.macs(*xs), formulas.get("macs"))
    rule = _FLOPS.search(" ".join(inspect.cleandoc(layer.__doc__ or "").split()))
    flops = formulas.get("flops")
    notes = (rule[1],) if rule and not flops else ()
    yield Step("FLOPs", layer.flops(*xs), flops, notes=notes)


def _memory(
    layer: Layer, xs: tuple[Shape, ...], outputs: tuple[Shape, ...], dtype: str
) -> Iterator[Step]:
    stored = sum(prod(one.shape) for one in layer.params(*xs).values())
    elements = {
        "input": sum(map(prod, xs)),
        "output": sum(map(prod, outputs)),
        "params and buffers": stored,
    }
    bits = BITS[dtype]
    for name, number in elements.items():
        text, width = ("elements*bits/8", bits) if bits % 8 else ("elements*bytes", bits // 8)
        formula = Formula(text, {"elements": number, "bits": width, "bytes": width})
        yield Step(name, element_bytes(number, dtype), formula, "bytes")


def _window(layer: Layer, xs: tuple[Shape, ...], out: Shape) -> Iterator[tuple[str, list[str]]]:
    found = layer.window(*xs)
    if isinstance(found, Reach):
        yield "", [found.value]
        return
    for name, axis, n, m in zip(axis_names(out)[1:], found, xs[0][1:], out[1:], strict=False):
        yield name, [_reading(axis, n, m)]


def _reading(axis: Axis, n: int, m: int) -> str:
    """What the units of an axis read."""
    if isinstance(axis, Sliding):
        reads = _places(-axis.before, axis)
        last = (m - 1) * axis.stride - axis.before
        apart = f", each next {axis.stride} further" if axis.stride > 1 < m else ""
        end = f", unit {m - 1} reads {_places(last, axis)}" if m > 1 else ""
        return f"unit 0 reads {reads}{apart}{end} (the input is 0 to {n - 1})"
    if isinstance(axis, Transposed):
        fewest, most = axis.reads
        reads = f"{most}" if fewest == most else f"{fewest} to {most}"
        return f"each unit reads {reads} positions, each position writes {axis.extent}"
    if isinstance(axis, Adaptive):
        sizes = sorted({len(axis.taps(o)) for o in range(m // gcd(n, m))})
        return f"each unit reads {' or '.join(map(str, sizes))} positions"
    if isinstance(axis, Resized):
        return f"each unit reads {'at most 2 positions' if axis.linear else '1 position'}"
    return "each unit reads the whole axis"


def _places(first: int, axis: Sliding) -> str:
    if axis.extent == 1:
        return str(first)
    step = f" in steps of {axis.dilation}" if axis.dilation > 1 else ""
    return f"{first} to {first + axis.extent - 1}{step}"
