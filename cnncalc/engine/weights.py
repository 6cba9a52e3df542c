"""The arrays that a network needs: which they are, and random ones.

The key of a weight is the path of its node and its name: `layers.0.weight`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cnncalc.engine.errors import EngineError
from cnncalc.graph import Graph, Node
from cnncalc.layer import Parameter, Shape
from cnncalc.layers.loss import Loss

Array = NDArray[Any]
Arrays = Mapping[str, Array]


def key(node: Node, name: str) -> str:
    """The key of a node's tensor."""
    return f"{node.path}.{name}"


def node_parameters(graph: Graph, node: Node) -> dict[str, Parameter]:
    """The parameters and buffers of one node, by their own names."""
    shapes = graph.shapes(node.inputs)
    if node.layer is None or shapes is None:
        raise EngineError(f"{node.path} has a problem", "'cnncalc summary' shows it")
    return node.layer.params(*shapes)


def weight_keys(graph: Graph, node: Node) -> dict[str, str]:
    """The keys of one node's parameters and buffers, by their own names."""
    return {name: key(node, name) for name in node_parameters(graph, node)}


def parameters(graph: Graph) -> dict[str, Parameter]:
    """All parameters and buffers of a network, by key, in execution order."""
    return {
        key(node, name): parameter
        for node in graph.nodes
        for name, parameter in node_parameters(graph, node).items()
    }


def initialise(graph: Graph, seed: int = 0, dtype: DTypeLike = "float32") -> dict[str, Array]:
    """Random parameters and buffers; the same seed gives the same bits, whatever the dtype."""
    found: dict[str, Array] = {}
    for index, node in enumerate(graph.nodes):
        generator = np.random.default_rng((seed, index))
        for name, parameter in node_parameters(graph, node).items():
            assert node.layer is not None  # node_parameters refuses it
            values = node.layer.initial(name, parameter.shape, generator)
            found[key(node, name)] = values.astype(dtype, copy=False)
    return found


def random_inputs(
    graph: Graph, batch: int = 1, seed: int = 0, dtype: DTypeLike = "float32"
) -> dict[str, Array]:
    """Standard normal inputs (batch, *shape) of a network, by name."""
    return {
        name: np.random.default_rng((seed, 1, number))
        .standard_normal((batch, *known_shape(graph, index)))
        .astype(dtype, copy=False)
        for number, (name, index) in enumerate(graph.inputs.items())
    }


def random_target(
    loss: Loss, prediction: Shape, batch: int, seed: int = 0, dtype: DTypeLike = "float32"
) -> Array:
    """A random target of a loss: class indices, probabilities or numbers."""
    generator = np.random.default_rng((seed, 2))
    shape = (batch, *loss.target(prediction))
    if loss.target_kind == "class":
        return generator.integers(0, prediction[0], shape)
    if loss.target_kind == "probability":
        return generator.uniform(0.0, 1.0, shape).astype(dtype, copy=False)
    return generator.standard_normal(shape).astype(dtype, copy=False)


def known_shape(graph: Graph, index: int) -> Shape:
    """The shape of a value; raises EngineError where it is not known."""
    value = graph.values[index]
    if value.shape is None or value.assumed:
        raise EngineError(f"the shape of {value.path} is not known", "'cnncalc summary' says why")
    return value.shape


def check(graph: Graph, weights: Arrays, inputs: Arrays) -> None:
    """Refuse arrays that do not fit the network; raises EngineError."""
    wanted = {name: one.shape for name, one in parameters(graph).items()}
    _names("weight", wanted, weights)
    for name, shape in wanted.items():
        if weights[name].shape != shape:
            raise EngineError(
                f"weight {name} has the shape {list(weights[name].shape)}, not {list(shape)}"
            )
    _names("input", graph.inputs, inputs)
    batches = set()
    for name, index in graph.inputs.items():
        given, shape = inputs[name].shape, known_shape(graph, index)
        if given[1:] != shape or not given[0]:
            expected = ["N", *shape]
            raise EngineError(
                f"input {name} has the shape {list(given)}, not {expected}".replace("'", "")
            )
        batches.add(given[0])
    if len(batches) > 1:
        raise EngineError(f"the inputs have different batches: {sorted(batches)}")
    _one_type({**weights, **inputs})


def _names(what: str, wanted: Iterable[str], given: Arrays) -> None:
    missing = [name for name in wanted if name not in given]
    if missing:
        raise EngineError(f"{_several(what, missing)} missing: {_some(missing)}")
    extra = [name for name in given if name not in set(wanted)]
    if extra:
        raise EngineError(f"the network has no {what} of the name {_some(extra)}")


def _several(what: str, names: list[str]) -> str:
    return f"{what} is" if len(names) == 1 else f"{len(names)} {what}s are"


def _some(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if names[most:] else "")


def _one_type(arrays: Arrays) -> None:
    """One floating-point type throughout, as nothing is converted on the way."""
    types = {array.dtype: name for name, array in arrays.items()}
    for dtype, name in types.items():
        if not np.issubdtype(dtype, np.inexact):
            raise EngineError(f"{name} holds {dtype}, not floating-point numbers")
    if len(types) > 1:
        listed = ", ".join(f"{dtype} ({name})" for dtype, name in types.items())
        raise EngineError(f"the arrays have different types: {listed}", "convert them to one")
