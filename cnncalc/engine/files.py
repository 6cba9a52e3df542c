"""What a network reads from `.npz` files, and what of it is written to them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from cnncalc.engine.arrays import ArrayFile, floating_type, match, read, read_classes, write
from cnncalc.engine.backward import start_shapes, takes_classes
from cnncalc.engine.errors import EngineError
from cnncalc.engine.new_file import NewFile
from cnncalc.engine.plan import plan
from cnncalc.engine.weights import Array, Arrays, known_shape, parameters
from cnncalc.graph import Graph
from cnncalc.layer import Shape

Path = str | PathLike[str]
Names = Mapping[str, str]
"""The name in a file of each array that the network reads."""


def load_weights(graph: Graph, path: Path, dtype: DTypeLike | None = None) -> dict[str, Array]:
    """The weights of a network from a file, by key; raises EngineError where they do not fit.

    Without `dtype` they come in float64 if one of them is, else in float32.
    """
    with ArrayFile(path) as file:
        names = match_weights(graph, file)
        return read(file, names, dtype or type_of(file))


def save_weights(path: Path, weights: Arrays, *, force: bool = False) -> None:
    """Write arrays by name; a file that exists is replaced only with `force`."""
    save({NewFile(path, force=force): weights})


def save(files: Mapping[NewFile, Arrays]) -> None:
    """Write all of these files, or none."""
    try:
        for file, arrays in files.items():
            file.write(partial(write, arrays=arrays))
        for file in files:
            file.place()
    finally:
        for file in files:
            file.discard()


def match_weights(graph: Graph, file: ArrayFile) -> dict[str, str]:
    """Compare names and shapes."""
    return match("weight", file, {name: one.shape for name, one in parameters(graph).items()})


def type_of(*files: ArrayFile) -> np.dtype[Any]:
    """The type in which arrays of these files are computed with."""
    return floating_type(one.dtype for file in files for one in file.headers.values())


class Given(NamedTuple):
    """What a file holds for the inputs of a network."""

    names: dict[str, str]
    shapes: dict[str, Shape]
    batch: int


def match_inputs(graph: Graph, file: ArrayFile) -> Given:
    """The inputs (N, *shape), whose maps may have other sizes than the spec's."""
    names = match("input", file, dict.fromkeys(graph.inputs))
    shapes, batches = {}, {}
    for name, index in graph.inputs.items():
        given, wanted = file.headers[names[name]].shape, known_shape(graph, index)
        if len(given) != len(wanted) + 1 or given[1:2] != wanted[:1] or 0 in given:
            help = None
            if given == wanted:
                help = f"the batch comes first: {names[name]}[None] is a batch of one"
            expected = ", ".join(["N", *map(str, wanted)])
            raise EngineError(
                f"input '{name}' in {file.path} is {list(given)}, not [{expected}]", help
            )
        shapes[name], batches[name] = given[1:], given[0]
    if len(set(batches.values())) > 1:
        listed = ", ".join(f"{batch} ({name})" for name, batch in batches.items())
        raise EngineError(f"the inputs in {file.path} have different batches: {listed}")
    return Given(names, shapes, next(iter(batches.values())))


def match_start(graph: Graph, file: ArrayFile, batch: int, *, train: bool) -> dict[str, str]:
    """What the gradients start from: targets of the loss, or without one, gradients of outputs."""
    todo = plan(graph, train=train, backward=True, input_gradients=True, fuse=False)
    what = "output gradient" if graph.loss is None else "target"
    return match(what, file, start_shapes(graph, todo, batch))


def read_start(graph: Graph, file: ArrayFile, names: Names, dtype: Any) -> dict[str, Array]:
    """The arrays of `match_start`."""
    return read_classes(file, names) if takes_classes(graph) else read(file, names, dtype)
