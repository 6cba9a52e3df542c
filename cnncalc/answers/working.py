"""The numbers of one layer, each with the formula it comes from and what rounding leaves unread."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from math import gcd, prod
from typing import NamedTuple

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
    """What of an axis no window reads: behind the last one, and between the taps."""
    after = formula.values["P_after"]
    rest = n + axis.before + after - (out - 1) * axis.stride - axis.extent
    notes = []
    if rest > after:
        first = n - (rest - after)
        which = f"position {first}" if first == n - 1 else f"positions {first} to {n - 1}"
        notes.append(f"never read: {which}, counted from 0")
    if rest > 0 and after:
        rows = "the last position" if min(rest, after) == 1 else f"the last {min(rest, after)}"
        notes.append(f"never read: {rows} of the padding")
    taps = min(axis.kernel, axis.stride // gcd(axis.stride, axis.dilation))
    if taps < axis.stride and out > 1:
        notes.append(
            f"never read: {axis.stride - taps} of every {axis.stride} positions, between the taps"
        )
    return tuple(notes)


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
