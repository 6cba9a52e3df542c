"""How much memory the checks take, known before they start."""

from __future__ import annotations

from math import prod

from cnncalc.engine import budget
from cnncalc.engine.budget import Work
from cnncalc.engine.gradients.signature import Signature
from cnncalc.engine.weights import parameters
from cnncalc.graph import Graph
from cnncalc.quantity import in_bytes

REAL, COMPLEX = 8, 16
COPIES = 3
"""Arrays as large as the largest tensor that there are beside it: its gradient, a direction..."""


def of_layer(signature: Signature, batch: int) -> int:
    """Bytes that the check of one layer takes, about: in float64, and twice that in complex."""
    own = signature.layer.params(*signature.shapes).values()
    outputs = signature.layer.outputs(*signature.shapes)
    activations = [batch * prod(shape) for shape in (*signature.shapes, *outputs)]
    sizes = [*activations, *(prod(one.shape) for one in own)]
    return REAL * (sum(sizes) + COPIES * max(sizes)) + COMPLEX * COPIES * sum(activations)


def of_network(graph: Graph, batch: int) -> int:
    """Bytes that the derivatives of a whole network take; raises EngineError."""
    weights = sum(prod(one.shape) for one in parameters(graph).values())
    analytic = budget.needed(graph, Work(batch, REAL, backward=True))
    numeric = budget.needed(graph, Work(batch, COMPLEX))
    return max(analytic, numeric + REAL * weights)  # beside the gradients


def excess(total: int, memory: int | None) -> str | None:
    """Why there is not enough memory, or None."""
    if memory is None or total <= memory:
        return None
    return f"it would take about {in_bytes(total)}, and {in_bytes(memory)} may be used"
