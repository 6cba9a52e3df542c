"""Broken backward rules, as people break them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from cnncalc import layers
from cnncalc.engine.gradients.subject import Array
from cnncalc.kernels.mode import Mode, Wants
from cnncalc.layer import Layer

Gradients = tuple[Any, dict[str, Array]]


class Call(NamedTuple):
    """One call of a backward rule, with the inputs that the forward rule was given."""

    layer: Layer
    weights: Mapping[str, Array]
    xs: tuple[Array, ...]
    dy: Array
    saved: Any
    mode: Mode

    def right(self) -> Gradients:
        """What the right rule gives."""
        return self.layer.backward(self.weights, self.dy, self.saved, wants=Wants(), mode=self.mode)

    def on(self, layer: Layer, *xs: Array, dy: Array | None = None) -> Gradients:
        """What the right rule of another layer gives, or on other inputs."""
        _, saved = layer.forward(self.weights, *(xs or self.xs), mode=self.mode)
        gradient = self.dy if dy is None else dy
        return layer.backward(self.weights, gradient, saved, wants=Wants(), mode=self.mode)


Fault = Callable[[Call], Gradients]


def of_input(change: Callable[[Array], Array]) -> Fault:
    """The right rule, with the gradient of the input changed."""

    def fault(call: Call) -> Gradients:
        dx, named = call.right()
        return change(dx), named

    return fault


def of(name: str, change: Callable[[Array], Array]) -> Fault:
    """The right rule, with the gradient of a parameter changed."""

    def fault(call: Call) -> Gradients:
        dx, named = call.right()
        return dx, {**named, name: change(named[name])}

    return fault


def without_last_row(dx: Array) -> Array:
    """The last row of a map gets nothing."""
    dx = dx.copy()
    dx[..., -1, :] = 0.0
    return dx


def without_last_image(dx: Array) -> Array:
    """The last image of the batch gets nothing."""
    dx = dx.copy()
    dx[-1] = 0.0
    return dx


def unflipped(call: Call) -> Gradients:
    """dX as a correlation with the kernel where it is one with the turned kernel."""
    turned = {**call.weights, "weight": np.flip(call.weights["weight"], (-2, -1)).copy()}
    dx, _ = call._replace(weights=turned).right()
    return dx, call.right()[1]


def untransposed(call: Call) -> Gradients:
    """dX = dY W^T where it is dY W."""
    return call.dy @ call.weights["weight"].T, call.right()[1]


def batch_norm(term: str) -> Fault:
    """The rule of a batch norm in training without one of its two terms."""

    def fault(call: Call) -> Gradients:
        dx, named = call.right()
        if not call.mode.train:
            return dx, named
        x, axes = call.xs[0], (0, 2, 3)
        spread = np.sqrt(x.var(axes, keepdims=True) + call.layer.eps)  # type: ignore[attr-defined]
        normed = (x - x.mean(axes, keepdims=True)) / spread
        missing = {
            "mean": call.dy.mean(axes, keepdims=True),
            "variance": normed * (call.dy * normed).mean(axes, keepdims=True),
        }[term]
        return dx + call.weights["weight"].reshape(1, -1, 1, 1) / spread * missing, named

    return fault


def last_maximum(call: Call) -> Gradients:
    """The last of equal maxima takes the gradient: the pool seen from the other end."""
    ends = (..., slice(None, None, -1), slice(None, None, -1))
    dx, named = call.on(call.layer, call.xs[0][ends].copy(), dy=call.dy[ends].copy())
    return dx[ends], named


def taken_for(name: str, **arguments: Any) -> Fault:
    """The rule of another layer."""

    def fault(call: Call) -> Gradients:
        layer_type = layers.find(name)
        assert layer_type is not None
        return call.on(layer_type(**arguments))

    return fault


def cropped(call: Call) -> Gradients:
    """A pad of 2 whose border gives nothing back."""
    return call.dy[..., 2:-2, 2:-2].copy(), {}


def swapped(call: Call) -> Gradients:
    """Every input gets the gradient of another."""
    dxs, named = call.right()
    return tuple(reversed(dxs)), named


def without_sum(call: Call) -> Gradients:
    """What was repeated over a map takes the gradient of one position only."""
    dxs, named = call.right()
    return (dxs[0], call.dy[..., :1, :1].copy()), named


def of_output(rule: Callable[[Array, Array], Array]) -> Fault:
    """A rule of the output and its gradient alone."""

    def fault(call: Call) -> Gradients:
        y, _ = call.layer.forward(call.weights, *call.xs, mode=call.mode)
        return rule(y, call.dy), {}

    return fault


def another_mask(call: Call) -> Gradients:
    """A dropout that draws again."""
    other = replace(call.mode, seed=(*call.mode.seed, 1))
    _, saved = call.layer.forward(call.weights, *call.xs, mode=other)
    return call._replace(saved=saved, mode=other).right()


def open_at_zero(call: Call) -> Gradients:
    """ReLU'(0) = 1."""
    return np.where(call.xs[0] >= 0, call.dy, 0.0), {}


def without_density(call: Call) -> Gradients:
    """The derivative of x F(x) taken for F(x)."""
    y, _ = call.layer.forward(call.weights, *call.xs, mode=call.mode)
    return call.dy * y / call.xs[0], {}


def slope_of_all(call: Call) -> Gradients:
    """The gradient of a slope, from both sides of 0."""
    dx, _ = call.right()
    return dx, {"weight": (call.dy * call.xs[0]).sum((0, 2, 3))}


def shuffled_again(call: Call) -> Gradients:
    """The shuffle itself where its inverse is due."""
    y, _ = call.layer.forward({}, call.dy, mode=call.mode)
    return y, {}


def times_batch(call: Call) -> Gradients:
    """A mean taken for a sum."""
    dxs, named = call.right()
    return (dxs[0] * len(dxs[0]), *dxs[1:]), named


def without_neighbours(call: Call) -> Gradients:
    """A norm over neighbours, as if each element were alone in it."""
    y, _ = call.layer.forward(call.weights, *call.xs, mode=call.mode)
    return call.dy * y / call.xs[0], {}


def turned_axes(dw: Array) -> Array:
    """The last two axes transposed."""
    return np.swapaxes(dw, -1, -2)
