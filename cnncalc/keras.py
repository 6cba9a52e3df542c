"""What names of Keras, and other common names, are called here: help lines for unknown names."""

from __future__ import annotations

from collections.abc import Iterable

RANKS = "123"

TYPES: dict[str, str] = {
    **{f"Conv{rank}D": f"Conv{rank}d" for rank in RANKS},
    **{f"Convolution{rank}D": f"Conv{rank}d" for rank in RANKS},
    **{f"Conv{rank}DTranspose": f"ConvTranspose{rank}d" for rank in RANKS},
    **{f"LocallyConnected{rank}D": f"LocallyConnected{rank}d" for rank in "12"},
    **{f"MaxPooling{rank}D": f"MaxPool{rank}d" for rank in RANKS},
    **{f"MaxPool{rank}D": f"MaxPool{rank}d" for rank in RANKS},
    **{f"AveragePooling{rank}D": f"AvgPool{rank}d" for rank in RANKS},
    **{f"AvgPool{rank}D": f"AvgPool{rank}d" for rank in RANKS},
    **{f"ZeroPadding{rank}D": f"ZeroPad{rank}d" for rank in RANKS},
    **{f"SpatialDropout{rank}D": f"Dropout{rank}d" for rank in RANKS},
    **{f"UpSampling{rank}D": "Upsample" for rank in RANKS},
    **{f"Cropping{rank}D": "CenterCrop" for rank in RANKS},
    "Dense": "Linear",
    "BatchNormalization": "BatchNorm2d",
    "LayerNormalization": "LayerNorm",
    "GroupNormalization": "GroupNorm",
    "Concatenate": "Concat",
    "Multiply": "Mul",
    "Reshape": "Unflatten",
}
"""Layer types of Keras that have a twin."""

SLIPS: dict[str, str] = {
    **dict.fromkeys(("Conv", "Convolution"), "Conv2d"),
    **dict.fromkeys(("ConvTranspose", "Deconv", "Deconvolution"), "ConvTranspose2d"),
    **dict.fromkeys(("BatchNorm", "BN", "SyncBatchNorm"), "BatchNorm2d"),
    **dict.fromkeys(("InstanceNorm",), "InstanceNorm2d"),
    **dict.fromkeys(("MaxPool", "MaxPooling"), "MaxPool2d"),
    **dict.fromkeys(("AvgPool", "AveragePool", "AvgPooling", "AveragePooling"), "AvgPool2d"),
    **dict.fromkeys(("FC", "FullyConnected", "InnerProduct", "Gemm"), "Linear"),
    **dict.fromkeys(("Cat", "Concatenation"), "Concat"),
    **dict.fromkeys(("Product", "Times"), "Mul"),
    **dict.fromkeys(("Sum", "Plus"), "Add"),
    **dict.fromkeys(("Max",), "Maximum"),
    **dict.fromkeys(("Swish",), "SiLU"),
    **dict.fromkeys(("LRN",), "LocalResponseNorm"),
    **dict.fromkeys(("Pad", "Padding", "ZeroPad"), "ZeroPad2d"),
    **dict.fromkeys(("Interpolate", "Resize", "UpsamplingNearest2d"), "Upsample"),
    **dict.fromkeys(("DepthToSpace",), "PixelShuffle"),
    **dict.fromkeys(("SpaceToDepth",), "PixelUnshuffle"),
    **dict.fromkeys(("Transpose",), "Permute"),
    **dict.fromkeys(("LayerScale",), "Scale"),
}
"""Names of other frameworks and of papers, and names of torch without their rank."""

IDIOMS: dict[str, str] = {
    **{f"GlobalAveragePooling{rank}D": f"AdaptiveAvgPool{rank}d: 1 and Flatten" for rank in RANKS},
    **{f"GlobalMaxPooling{rank}D": f"AdaptiveMaxPool{rank}d: 1 and Flatten" for rank in RANKS},
    "GlobalAvgPool": "AdaptiveAvgPool2d: 1",
    "GlobalAvgPool2d": "AdaptiveAvgPool2d: 1",
    "GlobalAveragePool": "AdaptiveAvgPool2d: 1",
    "GAP": "AdaptiveAvgPool2d: 1",
    "GlobalMaxPool": "AdaptiveMaxPool2d: 1",
    "DepthwiseConv1D": "Conv1d with groups: $in_channels",
    "DepthwiseConv2D": "Conv2d with groups: $in_channels",
    "SeparableConv1D": "two layers, Conv1d with groups: $in_channels and Conv1d with kernel_size: 1",
    "SeparableConv2D": "two layers, Conv2d with groups: $in_channels and Conv2d with kernel_size: 1",
    "Activation": "the activation itself, such as ReLU",
    "Subtract": "Scale: -1 on one input, then Add",
    "Input": "the key 'input' at the top of the file",
    "InputLayer": "the key 'input' at the top of the file",
    "Sequential": "a list of items under 'layers'",
    "ModuleList": "a list of items under 'layers', or 'repeat'",
    "Lambda": "Opaque, with its output, params and macs declared",
    "MultiheadAttention": "Opaque, with its output, params and macs declared",
    "MultiHeadAttention": "Opaque, with its output, params and macs declared",
}
"""Names without one twin, and what is written for them."""

ARGUMENTS: dict[str, tuple[str, ...]] = {
    "filters": ("out_channels",),
    "units": ("out_features",),
    "input_dim": ("in_features", "in_channels"),
    "strides": ("stride",),
    "pool_size": ("kernel_size",),
    "rate": ("p",),
    "dilation_rate": ("dilation",),
    "use_bias": ("bias",),
    "epsilon": ("eps",),
    "alpha": ("negative_slope",),
    "axis": ("dim",),
    "center": ("affine", "elementwise_affine"),
    "scale": ("affine", "elementwise_affine"),
    "target_shape": ("unflattened_size",),
    "interpolation": ("mode",),
    "size": ("scale_factor", "output_size"),
    "height_factor": ("scale_factor",),
}
"""Arguments of Keras, and what they may be here: the first that the layer type has."""

SHORT: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("out", "out_dim", "channels"), ("out_channels", "out_features")),
    **dict.fromkeys(("in", "in_dim"), ("in_channels", "in_features", "num_features")),
    **dict.fromkeys(("kernel", "kernel_shape", "k", "ksize", "filter_size"), ("kernel_size",)),
    **dict.fromkeys(("pad", "pads"), ("padding",)),
    **dict.fromkeys(("s", "step"), ("stride",)),
    **dict.fromkeys(("group", "g"), ("groups", "num_groups")),
    **dict.fromkeys(("d", "dilations", "atrous"), ("dilation",)),
    **dict.fromkeys(("drop", "dropout", "prob", "drop_rate"), ("p",)),
    **dict.fromkeys(("slope", "leak"), ("negative_slope",)),
    **dict.fromkeys(("scale", "factor", "scales"), ("scale_factor", "upscale_factor")),
    **dict.fromkeys(("groups",), ("num_groups",)),
    **dict.fromkeys(("num_classes", "out_channels"), ("out_features",)),
    **dict.fromkeys(("out_features", "out_planes"), ("out_channels",)),
    **dict.fromkeys(("output", "target_size"), ("output_size",)),
    **dict.fromkeys(("sections", "split_size", "sizes"), ("split_size_or_sections",)),
}
"""Short and mixed-up arguments, in the same way."""


def type_help(name: str) -> str | None:
    """What an unknown layer type is called here, or None."""
    if name in TYPES:
        return f"Keras' '{name}' is '{TYPES[name]}' here"
    if name in SLIPS:
        return f"'{name}' is '{SLIPS[name]}' here"
    if name in IDIOMS:
        return f"for '{name}' write {IDIOMS[name]}"
    return None


def argument_help(name: str, allowed: Iterable[str]) -> str | None:
    """What an unknown argument is called by a layer type with these arguments, or None."""
    known = set(allowed)
    for table, owner in ((ARGUMENTS, "Keras' "), (SHORT, "")):
        found = next((target for target in table.get(name, ()) if target in known), None)
        if found:
            return f"{owner}'{name}' is '{found}' here"
    if name == "activation":
        return "an activation is a layer of its own: write it as the next item, such as ReLU"
    return None
