"""Running a network: forward, and backward where gradients are wanted."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from threadpoolctl import ThreadpoolController

from cnncalc.engine.backward import Backward, check_start, start
from cnncalc.engine.errors import NotFinite
from cnncalc.engine.forward import Forward, Setting
from cnncalc.engine.plan import Plan, plan
from cnncalc.engine.step import Step, Watch
from cnncalc.engine.weights import Arrays, check
from cnncalc.graph import Graph
from cnncalc.kernels.mode import Scratch


class Result(NamedTuple):
    """What a run gives.

    `outputs` by path, `gradients` of weights by key, `input_gradients` by the name of the input,
    `buffers` (running statistics) by key as they are after a training pass.
    """

    outputs: Arrays
    loss: float | None
    gradients: Arrays
    input_gradients: Arrays
    buffers: Arrays


class _Given(NamedTuple):
    weights: Arrays
    inputs: Arrays
    upstream: Arrays
    targets: Arrays


def run(
    graph: Graph,
    weights: Arrays,
    inputs: Arrays,
    *,
    train: bool = False,
    backward: bool = False,
    upstream: Arrays | None = None,
    targets: Arrays | None = None,
    input_gradients: bool = False,
    seed: int = 0,
    threads: int = 1,
    overwrite: bool = True,
    watch: Watch | None = None,
) -> Result:
    """Run a network on inputs (N, *shape), all arrays of one floating-point type.

    `train` chooses the training behaviour of batch norm and dropout, and runs train-only heads.
    `backward` computes the gradients of all weights that are not frozen, and with
    `input_gradients` those of the inputs. They are of the spec's loss, summed over all outputs,
    for `targets` by output path; without a loss, of sum(output x `upstream`). Both are random
    where they are not given. `overwrite` lets layers write over tensors that nobody reads any
    more. `watch` sees every node's arrays as they are made; to keep them, turn `overwrite` off.
    The same seed gives the same bits on the same number of threads.

    Raises EngineError for arrays that do not fit, layers that cannot be run, and overflow.
    """
    check(graph, weights, inputs)
    todo = plan(
        graph,
        train=train,
        backward=backward,
        input_gradients=input_gradients,
        fuse=overwrite and watch is None and not train and not backward,
    )
    given = _Given(weights, inputs, upstream or {}, targets or {})
    batch = len(next(iter(inputs.values())))
    check_start(graph, todo, batch, given.upstream, given.targets)
    with _blas().limit(limits=threads), np.errstate(all="ignore"):
        setting = Setting(train, seed, overwrite, Scratch())
        result = _perform(graph, todo, given, setting, watch)
        if not _finite(result):
            plain = plan(
                graph, train=train, backward=backward, input_gradients=input_gradients, fuse=False
            )
            _perform(graph, plain, given, setting, _find_overflow)
    return result


@cache
def _blas() -> ThreadpoolController:
    """The libraries of matrix products in this process; looking for them takes a millisecond."""
    return ThreadpoolController().select(user_api="blas")


def _perform(
    graph: Graph, todo: Plan, given: _Given, setting: Setting, watch: Watch | None
) -> Result:
    forward = Forward(graph, given.weights, setting, watch)
    outputs = forward.run(todo, given.inputs)
    if not todo.gradients:
        return Result(outputs, None, {}, {}, forward.buffers)
    first = start(graph, todo, outputs, setting, given.upstream, given.targets)
    backward = Backward(forward, first.gradients)
    gradients = backward.run(todo)
    return Result(outputs, first.loss, gradients, backward.of_inputs(), forward.buffers)


def _finite(result: Result) -> bool:
    """Whether no number is NaN or infinite, which a sum would be, too; or the sum is too large."""
    found = [*result.outputs.values(), *result.gradients.values()]
    finite = all(np.isfinite(one.sum()) or np.isfinite(one).all() for one in found)
    return finite and (result.loss is None or bool(np.isfinite(result.loss)))


def _find_overflow(step: Step) -> None:
    """Refuse the first array that is not finite."""
    named = [("gradient" if step.backward else "output", array) for array in step.arrays]
    named += [(f"gradient of {name}", array) for name, array in step.weights.items()]
    for what, array in named:
        if array is not None and not np.isfinite(array).all():
            kind = "NaN" if np.isnan(array).any() else "overflow"
            raise NotFinite(
                f"{kind} in the {what} of {step.node.path} ({step.node.type}), the first layer "
                "with one",
                "check the sizes of weights and inputs, or use float64",
            )
