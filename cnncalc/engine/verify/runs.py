"""The runs that the checks read: at inference and in training, each twice.

The first one of each is run as users run it; the second one is watched, with no tensor written
over another, and its memory traced. Both must give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from cnncalc.engine.errors import EngineError, NotFinite
from cnncalc.engine.run import Result, run
from cnncalc.engine.verify.recorder import Inputs, Recorder, traced
from cnncalc.engine.weights import Array, Arrays, random_inputs
from cnncalc.graph import Graph
from cnncalc.layer import Shape

Digests = Mapping[str, bytes]
Tell = Callable[[int], object]
"""Is told how many more steps are done."""


class How(NamedTuple):
    """What both runs of a pair share."""

    train: bool
    batch: int
    dtype: str
    seed: int
    threads: int


@dataclass
class Runs:
    """A pair of runs; what was not asked for is None.

    `refused` is why the network cannot be run so; `stopped` where and why a run broke off, which
    no network should.
    """

    how: How
    recorder: Recorder
    refused: str | None = None
    stopped: str | None = None
    first: Digests | None = None
    second: Digests | None = None
    buffers: dict[str, int] = field(default_factory=dict)
    input_gradients: dict[str, Shape] = field(default_factory=dict)

    @property
    def peak(self) -> int:
        """The most bytes that the watched run had in use at once, beside weights and input."""
        return self.recorder.peak - self.recorder.before


def perform(
    graph: Graph, weights: Arrays, how: How, tell: Tell, *, twice: bool, memory: bool
) -> Runs:
    """Run the network once, or `twice`; trace its `memory` if that is asked for."""
    inputs = random_inputs(graph, how.batch, how.seed, how.dtype)
    copies = Inputs(inputs)
    found = Runs(how, Recorder(copies, lambda: tell(1)))
    if twice:
        first = _attempt(graph, weights, inputs, how, found, None)
        if found.refused is not None:
            return found
        tell(len(graph.nodes) * (2 if how.train else 1))
        if first is not None:
            found.first = digests(first)
            found.input_gradients = {n: one.shape for n, one in first.input_gradients.items()}
        del first
    with traced() if memory else nullcontext():
        second = _attempt(graph, weights, copies, how, found, found.recorder)
    if second is not None:
        found.second = digests(second)
        for name, one in second.buffers.items():
            path = name.rpartition(".")[0]
            found.buffers[path] = found.buffers.get(path, 0) + one.nbytes
    return found


def _attempt(
    graph: Graph,
    weights: Arrays,
    inputs: Arrays,
    how: How,
    found: Runs,
    recorder: Recorder | None,
) -> Result | None:
    """A run, or None with what went wrong written down."""
    try:
        return run(
            graph,
            weights,
            inputs,
            train=how.train,
            backward=how.train,
            input_gradients=how.train and recorder is None,
            seed=how.seed,
            threads=how.threads,
            overwrite=recorder is None,
            watch=recorder,
        )
    except NotFinite:
        pass  # the recorder has written down where
    except EngineError as error:
        found.refused = explained(error)
    except MemoryError:
        found.refused = "there is not enough memory"
    except Exception as error:
        place = "some layer" if recorder is None else _place(graph, recorder)
        found.stopped = f"{place}: {type(error).__name__}: {error}"
    return None


def explained(error: EngineError) -> str:
    """What is wrong, and what would be right, in one line."""
    return f"{error.message}; {error.help}" if error.help else error.message


def _place(graph: Graph, recorder: Recorder) -> str:
    """The layer at which a run broke off."""
    if recorder.backward_products:
        done = recorder.backward_products
        left = [node for node in reversed(graph.nodes) if node.path not in done]
    else:
        left = [node for node in graph.nodes if node.path not in recorder.shapes]
    return f"{left[0].path} ({left[0].type})" if left else "the loss"


def digests(result: Result) -> dict[str, bytes]:
    """A digest of every array that two runs must agree on, by name."""
    found = {f"output {path}": _digest(one) for path, one in result.outputs.items()}
    found |= {f"gradient of {key}": _digest(one) for key, one in result.gradients.items()}
    found |= {f"buffer {key}": _digest(one) for key, one in result.buffers.items()}
    if result.loss is not None:
        found["loss"] = repr(result.loss).encode()
    return found


def _digest(array: Array) -> bytes:
    return blake2b(np.ascontiguousarray(array).data, digest_size=16).digest()
