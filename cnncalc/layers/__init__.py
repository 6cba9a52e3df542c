"""The layer types, a family a file; a family is imported on the first use of one of its names.

Importing all of them takes tens of milliseconds, so that the names stand in this table too, which
a test holds against the classes.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from cnncalc.layer import Layer


def _ranks(*stems: str, ranks: str = "123") -> tuple[str, ...]:
    return tuple(f"{stem}{rank}d" for stem in stems for rank in ranks)


FAMILIES: dict[str, tuple[str, ...]] = {
    "conv": (*_ranks("Conv", "ConvTranspose"), *_ranks("LocallyConnected", ranks="12")),
    "linear": ("Linear", "Flatten", "Unflatten", "Identity", "Scale"),
    "pool": _ranks("MaxPool", "AvgPool", "LPPool", "AdaptiveAvgPool", "AdaptiveMaxPool"),
    "norm": (
        *_ranks("BatchNorm", "InstanceNorm"),
        *("GroupNorm", "LayerNorm", "LocalResponseNorm"),
    ),
    "activation": (
        *("ReLU", "ReLU6", "LeakyReLU", "PReLU", "ELU", "SELU", "CELU", "GELU", "SiLU", "Mish"),
        *("Hardswish", "Hardsigmoid", "Hardtanh", "Sigmoid", "Tanh", "Softplus", "Softsign"),
        *("LogSigmoid", "Softmax", "LogSoftmax", "Maxout"),
    ),
    "dropout": ("Dropout", *_ranks("Dropout"), "AlphaDropout"),
    "pad": _ranks("ZeroPad", "ConstantPad", "ReflectionPad", "ReplicationPad", "CircularPad"),
    "resize": ("Upsample", "PixelShuffle", "PixelUnshuffle"),
    "shape": ("ChannelShuffle", "CenterCrop", "Chunk", "Split", "Permute"),
    "merge": ("Add", "Mul", "Maximum", "Concat"),
    "opaque": ("Opaque",),
    "loss": ("CrossEntropyLoss", "MultiMarginLoss", "MSELoss", "L1Loss", "BCEWithLogitsLoss"),
}

_FAMILY_OF = {name: family for family, names in FAMILIES.items() for name in names}


def names() -> tuple[str, ...]:
    """All names of layer types, family by family."""
    return tuple(_FAMILY_OF)


@cache
def find(name: str) -> type[Layer] | None:
    """The layer type of that name, or None; imports its family."""
    family = _FAMILY_OF.get(name)
    if family is None:
        return None
    found: type[Layer] = getattr(import_module(f"cnncalc.layers.{family}"), name)
    return found
