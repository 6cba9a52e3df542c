"""Padding of the trailing axes, and its gradient; negative amounts crop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnncalc import lazy_numpy as np
from cnncalc.kernels.mode import Array

Pairs = Sequence[tuple[int, int]]
"""Padding (before, after) of each of the trailing axes."""


def padded(x: Array, pads: Pairs, mode: str = "constant", value: float = 0.0) -> Array:
    """The array with its padding: x itself where there is none.

    `mode` is constant (of `value`), reflect (the edge is not repeated), replicate or circular.
    """
    if not any(side for pair in pads for side in pair):
        return x
    if mode == "constant":
        return _with_constant(x, pads, value)
    for axis, pair in _axes(x, pads):
        x = np.take(x, _sources(x.shape[axis], pair, mode), axis)
    return x


def padded_gradient(dy: Array, pads: Pairs, mode: str = "constant") -> Array:
    """The gradient of `padded` for its input: what was copied several times adds up."""
    if mode == "constant":
        return padded(dy, [(-before, -after) for before, after in pads])
    for axis, (before, after) in _axes(dy, pads):
        lead = (slice(None),) * axis
        n = dy.shape[axis] - before - after
        found = np.zeros((*dy.shape[:axis], n, *dy.shape[axis + 1 :]), dy.dtype)
        first, last = max(0, before), max(0, before) + n - max(0, -before) - max(0, -after)
        own = slice(max(0, -before), n - max(0, -after))
        if first < last:
            found[(*lead, own)] = dy[(*lead, slice(first, last))]
        for place, source in enumerate(_sources(n, (before, after), mode)):
            if not first <= place < last:
                found[(*lead, source)] += dy[(*lead, place)]
        dy = found
    return dy


def _axes(x: Array, pads: Pairs) -> list[tuple[int, tuple[int, int]]]:
    """The axes that are padded, with their padding."""
    return [(x.ndim - len(pads) + i, pair) for i, pair in enumerate(pads) if any(pair)]


def _with_constant(x: Array, pads: Pairs, value: float) -> Array:
    shape = [*x.shape[: -len(pads)]]
    into: list[Any] = [...]
    out_of: list[Any] = [...]
    for n, (before, after) in zip(x.shape[-len(pads) :], pads, strict=True):
        shape.append(n + before + after)
        into.append(slice(max(0, before), n + before + min(0, after)))
        out_of.append(slice(max(0, -before), n + min(0, after)))
    if all(side <= 0 for pair in pads for side in pair):
        return x[tuple(out_of)]
    found = np.full(shape, value, x.dtype) if value else np.zeros(shape, x.dtype)
    found[tuple(into)] = x[tuple(out_of)]
    return found


def _sources(n: int, pair: tuple[int, int], mode: str) -> Array:
    """The position that each padded position is a copy of."""
    places = np.arange(-pair[0], n + pair[1])
    if mode == "circular":  # torch wraps what cropping leaves
        first, last = max(0, -pair[0]), n - max(0, -pair[1])
        return first + (places - first) % (last - first)
    if mode == "reflect":
        return n - 1 - abs(n - 1 - abs(places))
    return np.clip(places, 0, n - 1)
