"""Checks and size rules that several layer families share."""

from __future__ import annotations

from typing import Any

from cnncalc.argument import Pair
from cnncalc.formula import Formula
from cnncalc.layer import SAVES_NOTHING, Layer, LayerError, Saved, Shape, quoted

AXES = {1: "(C, L)", 2: "(C, H, W)", 3: "(C, D, H, W)"}


class Moving(Layer, abstract=True):
    """What layers share that only move their elements."""

    def elementwise_flops(self, x: Shape) -> int:
        return 0

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return SAVES_NOTHING


def check_rank(layer: Layer, x: Shape) -> None:
    """The input must have channels and the layer's spatial axes; raises LayerError."""
    if len(x) == layer.rank + 1:
        return
    name = type(layer).__name__
    right: str | None
    if len(x) == layer.rank + 2 and x[0] == 1:
        right = f"a shape is of one image, without the batch: {list(x[1:])}"
    elif 2 <= len(x) <= 4 and name.endswith("d"):
        right = f"did you mean '{name[:-2]}{len(x) - 1}d'?"
    else:
        right = f"{name} comes before Flatten, or after Unflatten" if len(x) == 1 else None
    raise LayerError(
        f"{name} needs an input of {layer.rank + 1} axes {AXES[layer.rank]}, not {list(x)}",
        help=right,
    )


def axis_of(dim: int, x: Shape, argument: str = "dim") -> int:
    """The index into a shape of torch's `dim`, which counts the batch as 0; raises LayerError."""
    dims = len(x) + 1
    position = dim + dims if dim < 0 else dim
    if 0 < position < dims:
        return position - 1
    wrong = "is the batch" if position == 0 else f"does not exist in an input of {list(x)}"
    raise LayerError(
        f"{argument} {dim} {wrong}",
        code="CNN007",
        argument=argument,
        help=f"dim 0 is the batch; write 1 to {dims - 1}, or -1 to {1 - dims}",
    )


def per_axis(value: Any, x: Shape, argument: str) -> tuple[Any, ...]:
    """One value for each spatial axis, from one for all or a list."""
    if not isinstance(value, tuple):
        return (value,) * (len(x) - 1)
    if len(value) != len(x) - 1:
        raise LayerError(
            f"{argument} {quoted(value)} has {len(value)} entries, but the input {list(x)} "
            f"has {len(x) - 1} spatial axes",
            argument=argument,
        )
    return value


def divides(groups: int, channels: int, what: str, argument: str = "groups") -> None:
    """`channels` must be a multiple of `groups`; raises LayerError."""
    if channels % groups:
        nearest = max(g for g in range(1, min(groups, channels, 4096) + 1) if channels % g == 0)
        raise LayerError(
            f"{argument} {groups} does not divide {channels} {what}",
            code="CNN103",
            argument=argument,
            help=f"the nearest divisor below is {nearest}",
        )


def window_output(n: int, f: int, s: int, d: int, pads: Pair) -> int:
    """Windows that fit on an axis: floor((N + P_before + P_after - d(F - 1) - 1) / S) + 1.

    Raises LayerError where not even one does.
    """
    extent = d * (f - 1) + 1
    padded = n + sum(pads)
    if padded < extent:
        size = f"kernel of {f}" + (f" with dilation {d} (extent {extent})" if d > 1 else "")
        padding = f" with padding {pads[0]} + {pads[1]} ({padded})" if sum(pads) else ""
        raise LayerError(
            f"a {size} does not fit into an input of {n}{padding}",
            code="CNN102",
            argument="kernel_size",
            help=f"use a kernel of at most {(padded - 1) // d + 1}, more padding, "
            f"or an earlier layer with less stride",
        )
    return (padded - extent) // s + 1


def window_formula(n: int, f: int, s: int, d: int, pads: Pair) -> Formula:
    """How `window_output` comes out, before it is rounded down."""
    extent = "F" if d == 1 else "(d*(F - 1) + 1)"
    before, after = pads
    padding = " + 2*P" if before == after else " + P_before + P_after"
    text = f"(N - {extent}{padding if any(pads) else ''})/S + 1"
    values = {"N": n, "F": f, "S": s, "d": d, "P": before}
    return Formula(text, values | {"P_before": before, "P_after": after})


def kernel_names(kernel: tuple[int, ...]) -> dict[str, int]:
    """The sizes of a kernel by name: F_h and F_w, or F on a single axis."""
    if len(kernel) == 1:
        return {"F": kernel[0]}
    return {f"F_{letter}": f for letter, f in zip("dhw"[-len(kernel) :], kernel, strict=True)}


def element_names(shape: Shape) -> dict[str, int]:
    """The sizes of an output by name: C, H_out and W_out, or features."""
    if len(shape) == 1:
        return {"features": shape[0]}
    return {"C": shape[0]} | size_names(shape[1:], "_out")


def size_names(sizes: tuple[int, ...], suffix: str = "") -> dict[str, int]:
    """The spatial sizes of a map by name: H and W."""
    letters = "L" if len(sizes) == 1 else "DHW"[-len(sizes) :]
    return {letter + suffix: n for letter, n in zip(letters, sizes, strict=True)}
