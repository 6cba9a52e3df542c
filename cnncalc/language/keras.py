"""What names of Keras, and other common names, are called here: help lines for unknown names."""

from __future__ import annotations

from collections.abc import Iterable

_RANKS = "123"


def _by_name(table: dict[str, str]) -> dict[str, str]:
    """A table of `target: several other names` as one of `other name: target`."""
    return {name: target for target, names in table.items() for name in names.split()}


TYPES: dict[str, str] = {
    **{f"Conv{rank}D": f"Conv{rank}d" for rank in _RANKS},
    **{f"Conv{rank}DTranspose": f"ConvTranspose{rank}d" for rank in _RANKS},
    **{f"LocallyConnected{rank}D": f"LocallyConnected{rank}d" for rank in "12"},
    **{f"MaxPooling{rank}D": f"MaxPool{rank}d" for rank in _RANKS},
    **{f"AveragePooling{rank}D": f"AvgPool{rank}d" for rank in _RANKS},
    **{f"ZeroPadding{rank}D": f"ZeroPad{rank}d" for rank in _RANKS},
    **{f"SpatialDropout{rank}D": f"Dropout{rank}d" for rank in _RANKS},
    **{f"UpSampling{rank}D": "Upsample" for rank in _RANKS},
    "BatchNormalization": "BatchNorm2d",
    "Concatenate": "Concat",
    "Dense": "Linear",
    "GroupNormalization": "GroupNorm",
    "LayerNormalization": "LayerNorm",
    "Multiply": "Mul",
}
"""Layer types of Keras that have a twin."""

SLIPS: dict[str, str] = _by_name(
    {
        "Add": "Sum",
        "AvgPool2d": "AvgPool AvgPooling AveragePool AveragePooling",
        "BatchNorm2d": "BatchNorm BN SyncBatchNorm",
        "Concat": "Cat Concatenation",
        "Conv2d": "Conv Convolution",
        "ConvTranspose2d": "ConvTranspose Deconv Deconvolution",
        "InstanceNorm2d": "InstanceNorm",
        "Linear": "FC FullyConnected Gemm InnerProduct",
        "LocalResponseNorm": "LRN",
        "MaxPool2d": "MaxPool MaxPooling",
        "Maximum": "Max",
        "Mul": "Product",
        "Permute": "Transpose",
        "PixelShuffle": "DepthToSpace",
        "PixelUnshuffle": "SpaceToDepth",
        "Scale": "LayerScale",
        "SiLU": "Swish",
        "Upsample": "Interpolate Resize",
        "ZeroPad2d": "Pad ZeroPad",
    }
)
"""Names of other frameworks and of papers, and torch's names without their rank."""

_DECLARED = "Opaque, with its output, params and macs declared"

IDIOMS: dict[str, str] = {
    **{f"GlobalAveragePooling{rank}D": f"AdaptiveAvgPool{rank}d: 1 and Flatten" for rank in _RANKS},
    **{f"GlobalMaxPooling{rank}D": f"AdaptiveMaxPool{rank}d: 1 and Flatten" for rank in _RANKS},
    **dict.fromkeys(("GAP", "GlobalAvgPool", "GlobalAvgPool2d"), "AdaptiveAvgPool2d: 1"),
    **{f"Cropping{rank}D": f"ZeroPad{rank}d with negative padding" for rank in _RANKS},
    **{f"DepthwiseConv{rank}D": f"Conv{rank}d with groups: $in_channels" for rank in "12"},
    **{
        f"SeparableConv{rank}D": f"Conv{rank}d with groups: $in_channels, "
        f"and then Conv{rank}d with kernel_size: 1"
        for rank in "12"
    },
    "Activation": "the activation itself, such as ReLU",
    **dict.fromkeys(("Input", "InputLayer"), "the key 'input' at the top of the file"),
    **dict.fromkeys(("ModuleList", "Sequential"), "a list of items under 'layers'"),
    **dict.fromkeys(("Lambda", "MultiHeadAttention", "MultiheadAttention"), _DECLARED),
    "Reshape": "Flatten, and then Unflatten with unflattened_size",
}
"""Names without a single twin, and what is written for them."""

ARGUMENTS: dict[str, tuple[str, ...]] = {
    "alpha": ("negative_slope",),
    "axis": ("dim",),
    "center": ("bias",),
    "dilation_rate": ("dilation",),
    "epsilon": ("eps",),
    "filters": ("out_channels",),
    "interpolation": ("mode",),
    "pool_size": ("kernel_size",),
    "rate": ("p",),
    "scale": ("weight", "elementwise_affine", "affine"),
    "strides": ("stride",),
    "target_shape": ("unflattened_size",),
    "units": ("out_features",),
    "use_bias": ("bias",),
}
"""Arguments of Keras, and what they may be here: the first that the layer type has."""

SHORT: dict[str, tuple[str, ...]] = {
    "drop": ("p",),
    "factor": ("scale_factor", "upscale_factor", "downscale_factor"),
    "filter_size": ("kernel_size",),
    "groups": ("num_groups",),
    "in": ("in_channels", "in_features", "num_features"),
    "k": ("kernel_size",),
    "kernel": ("kernel_size",),
    "num_classes": ("out_features", "out_channels"),
    "out": ("out_channels", "out_features"),
    "out_channels": ("out_features",),
    "out_features": ("out_channels",),
    "pad": ("padding",),
    "s": ("stride",),
    "scale": ("scale_factor", "upscale_factor"),
    "sections": ("split_size_or_sections",),
    "slope": ("negative_slope",),
    "split_size": ("split_size_or_sections",),
}
"""Short and mixed-up arguments, in the same way."""


def type_twin(name: str) -> str | None:
    """The layer type that another library calls by that name, or None."""
    return TYPES.get(name) or SLIPS.get(name)


def type_help(name: str) -> str | None:
    """What an unknown layer type is called here, or None."""
    if name in IDIOMS:
        return f"for '{name}' write {IDIOMS[name]}"
    twin = type_twin(name)
    owner = "Keras' " if name in TYPES else ""
    return f"{owner}'{name}' is '{twin}' here" if twin else None


def argument_twin(name: str, allowed: Iterable[str]) -> str | None:
    """The argument, of those allowed, that another library calls by that name, or None."""
    known = set(allowed)
    named = (*ARGUMENTS.get(name, ()), *SHORT.get(name, ()))
    return next((target for target in named if target in known), None)


def argument_help(name: str, allowed: Iterable[str]) -> str | None:
    """What an unknown argument is called by a layer type with these arguments, or None."""
    twin = argument_twin(name, allowed)
    if twin:
        owner = "Keras' " if twin in ARGUMENTS.get(name, ()) else ""
        return f"{owner}'{name}' is '{twin}' here"
    if name == "activation":
        return "an activation is a layer of its own: write it as the next item, such as ReLU"
    return None
