"""What a run shows of itself, written down layer by layer while it goes on."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from cnncalc.engine.step import Step
from cnncalc.engine.weights import Array, Arrays
from cnncalc.graph import Node
from cnncalc.layer import Shape


class Inputs(Mapping[str, Array]):
    """The inputs of a run, a fresh copy at each access, so that the run alone keeps it alive.

    `before` is the memory in use when the first one was given the last time: what comes on top is
    of the network's tensors.
    """

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = arrays
        self.before = 0

    def __getitem__(self, name: str) -> Array:
        """A copy of that input."""
        if name == next(iter(self.arrays)):
            self.before = tracemalloc.get_traced_memory()[0]
        return self.arrays[name].copy()

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self.arrays)

    def __len__(self) -> int:
        """How many inputs there are."""
        return len(self.arrays)


class Recorder:
    """Watches a run; dicts are by path of the layer, but for gradients of weights (by key).

    `live` and `live_backward` are bytes in use after each layer beside scratch memory, while its
    inputs and outputs are both alive; `peak` is the most at any time, and `before` what was in use
    when the run started. All are 0 where memory is not traced.
    """

    def __init__(self, inputs: Inputs, tell: Callable[[], object]) -> None:
        self.inputs, self.tell = inputs, tell
        self.shapes: dict[str, tuple[Shape, ...]] = {}
        self.products: dict[str, int] = {}
        self.backward_products: dict[str, int] = {}
        self.input_gradients: dict[str, tuple[Shape | None, ...]] = {}
        self.gradients: dict[str, Shape] = {}
        self.infinite: list[tuple[Node, str]] = []
        self.live: dict[str, int] = {}
        self.live_backward: dict[str, int] = {}
        self.before = self.peak = 0
        self._arrived: set[int] = set()

    def __call__(self, step: Step) -> None:
        """Write down what a layer has just computed."""
        in_use, peak = tracemalloc.get_traced_memory()
        self.peak = max(self.peak, peak)
        if not self.shapes:
            self.before = self.inputs.before
        path = step.node.path
        if step.backward:
            self.live_backward[path] = in_use - step.held - self._added(step)
            self.backward_products[path] = step.products
            self.input_gradients[path] = tuple(
                None if one is None else one.shape for one in step.arrays
            )
            self.gradients |= {key: one.shape for key, one in step.weights.items()}
        else:
            self.live[path] = in_use - step.held
            self.products[path] = step.products
            self.shapes[path] = tuple(one.shape for one in step.arrays if one is not None)
        self._look_for_infinity(step)
        if tracemalloc.is_tracing():
            tracemalloc.reset_peak()  # the memory of this method is not the network's
        self.tell()

    def _added(self, step: Step) -> int:
        """Bytes of gradients that are about to be added to those that arrived before."""
        found = 0
        for index, gradient in zip(step.node.inputs, step.arrays, strict=True):
            if gradient is None:
                continue
            if index in self._arrived:
                found += gradient.nbytes
            self._arrived.add(index)
        return found

    def _look_for_infinity(self, step: Step) -> None:
        named = [("gradient of its input" if step.backward else "output", a) for a in step.arrays]
        named += [(f"gradient of {key.rpartition('.')[2]}", a) for key, a in step.weights.items()]
        for what, array in named:
            if array is not None and not np.isfinite(array).all():
                kind = "NaN" if np.isnan(array).any() else "infinity"
                self.infinite.append((step.node, f"{kind} in the {what}"))


@contextmanager
def traced() -> Iterator[None]:
    """Trace memory, unless the caller does so already."""
    if tracemalloc.is_tracing():
        tracemalloc.reset_peak()
        yield
        return
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()
