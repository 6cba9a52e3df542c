"""What follows from a layer's arguments: kinks, divisors, group sizes, gradients that must be 0.

A layer is known by the names of its class and of the classes that it is derived from, so that no
family of layers has to be imported for a question.
"""

from __future__ import annotations

from math import lcm, prod

from cnncalc.layer import Layer, Shape

DROPOUTS = "DropoutBase"
NORMS = frozenset({"BatchNormNd", "GroupNorm", "LayerNorm"})
KINKS_AT_ZERO = frozenset({"ReLU", "LeakyReLU", "PReLU", "ELU", "SELU", "CELU", "Softsign"})
MAXIMA = frozenset({"MaxPoolNd", "AdaptiveMaxPoolNd", "Maxout"})
OVER_AXIS = frozenset({"Softmax", "LogSoftmax"})
OVER_CLASSES = frozenset({"CrossEntropyLoss", "MultiMarginLoss"})
FEW = 4
"""A norm over the batch wants at least so many values; two say little but which is larger."""


def kinds(layer: Layer) -> frozenset[str]:
    """The names of the layer's class and of all that it is derived from."""
    return frozenset(cls.__name__ for cls in type(layer).__mro__)


def kinks(layer: Layer) -> tuple[float, ...]:
    """Where an elementwise function bends, so that a difference across it is no derivative."""
    names = kinds(layer)
    if names & KINKS_AT_ZERO:
        return (0.0,)
    if names & {"Hardswish", "Hardsigmoid"}:
        return (-3.0, 3.0)
    if "ReLU6" in names:
        return (0.0, 6.0)
    if "Hardtanh" in names:
        return (layer.min_val, layer.max_val)  # type: ignore[attr-defined]
    if "Softplus" in names and layer.beta:  # type: ignore[attr-defined]
        return (layer.threshold / layer.beta,)  # type: ignore[attr-defined]
    return ()


def sides(layer: Layer) -> tuple[int, ...]:
    """From which side torch takes the derivative at each kink: -1 from the left, 1 from the right.

    Empty where both sides have the same, or where a kink is no exact number.
    """
    names, bends = kinds(layer), kinks(layer)
    if not bends or "Softsign" in names:
        return ()
    if len(bends) == 2:
        return (-1, 1)  # what is clamped is flat at its limits too
    if "Softplus" in names:
        beta, threshold = layer.beta, layer.threshold  # type: ignore[attr-defined]
        exact = bends[0] * beta == threshold
        return (-1 if beta > 0 else 1,) if exact else ()
    return (-1,)


def divisor(layer: Layer, x: Shape) -> int:
    """A number that every count is a divisor of by which the layer divides a sum (else 1)."""
    names = kinds(layer)
    if "AdaptiveAvgPoolNd" in names:
        return prod(_adaptive(n, m) for n, m in zip(x[1:], layer.infer(x)[1:], strict=True))
    if "AvgPoolNd" not in names:
        return 1
    if getattr(layer, "divisor_override", None):
        return int(layer.divisor_override)  # type: ignore[attr-defined]
    sizes: tuple[int, ...] = layer.kernel_size  # type: ignore[attr-defined]
    if layer.count_include_pad and not layer.ceil_mode:  # type: ignore[attr-defined]
        return prod(sizes)
    return prod(lcm(*range(1, size + 1)) for size in sizes)


def _adaptive(n: int, m: int) -> int:
    """The least common multiple of the window sizes of an adaptive pool from n to m."""
    return lcm(*(-(-(o + 1) * n // m) - o * n // m for o in range(m)))


def group_size(layer: Layer, x: Shape, batch: int, train: bool) -> int | None:
    """How many values share one mean in a norm that computes its statistics; else None."""
    names = kinds(layer)
    if "BatchNormNd" in names:
        if layer.track_running_stats and not train:  # type: ignore[attr-defined]
            return None
        return prod(x[1:]) * (1 if "InstanceNormNd" in names else batch)
    if "GroupNorm" in names:
        return prod(x) // layer.num_groups  # type: ignore[attr-defined,no-any-return]
    if "LayerNorm" in names:
        return prod(layer.normalized_shape)  # type: ignore[attr-defined]
    return None


def zero_gradient(
    layer: Layer, shapes: tuple[Shape, ...], tensor: str, batch: int, train: bool
) -> str | None:
    """Why the gradient of a tensor is 0 for all data; None where it is not."""
    names, x = kinds(layer), shapes[0]
    if DROPOUTS in names and train and layer.p == 1:  # type: ignore[attr-defined]
        return "p = 1 drops everything"
    if group_size(layer, x, batch, train) == 1 and tensor in ("input", "weight"):
        return "a norm over one value does not depend on it"
    if names & OVER_AXIS and x[layer.dim - (layer.dim > 0)] == 1:  # type: ignore[attr-defined]
        return "softmax of one value is always 1"
    if names & OVER_CLASSES and x[0] == 1:
        return "there is only one class"
    return None
