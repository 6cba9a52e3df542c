"""What a run shows of itself while it goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from cnncalc.engine.weights import Array, Arrays
from cnncalc.graph import Node


class Step(NamedTuple):
    """What one node has just computed.

    Forward: `arrays` are its outputs. Backward: they are the gradients of its inputs (None where
    not wanted), and `weights` those of its weights, by key. `products` are the multiplications
    with a weight that were performed, `held` the bytes of scratch memory that kernels keep until
    the end of the run.
    """

    node: Node
    arrays: tuple[Array | None, ...]
    weights: Arrays
    products: int
    backward: bool
    held: int = 0


Watch = Callable[[Step], None]
