"""ONNX operators as our layers: each function below runs a node through the layers that it is.

ONNX names the batch and the channels of images only. An operator to which all axes are alike gets
its input as one image: with a batch axis of 1 in front.
"""

from math import ceil, floor, prod

import numpy as np
from onnx import helper, numpy_helper

from cnncalc import layers
from cnncalc.kernels.mode import Mode, Wants
from cnncalc.layer import LayerError
from cnncalc.layers.loss import Loss

LARGEST = float(np.finfo(np.float32).max)


class NoLayerError(Exception):
    """Why no layer of ours computes a node."""


class Node:
    """A node of a graph: its attributes, and what else its meaning depends on."""

    def __init__(self, proto, opset):
        self.type, self.opset, self.outputs = proto.op_type, opset, len(proto.output)
        values = {one.name: helper.get_attribute_value(one) for one in proto.attribute}
        self.attributes = {
            name: value.decode() if isinstance(value, bytes) else value
            for name, value in values.items()
        }

    def get(self, name, default=None):
        return self.attributes.get(name, default)


OPERATORS = {}


def operator(*names):
    def add(function):
        OPERATORS.update(dict.fromkeys(names, function))
        return function

    return add


def evaluated(model, inputs):
    """The outputs of a graph; raises NoLayerError where a node of it is no layer of ours."""
    graph = model.graph
    constants = {
        node.output[0]: numpy_helper.to_array(node.attribute[0].t)
        for node in graph.node
        if node.op_type == "Constant"
    }
    initial = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    names = [one.name for one in graph.input if one.name not in initial]
    values = {"": None} | constants | initial | dict(zip(names, inputs, strict=True))
    exported = EXPORTED.get(tuple(node.op_type for node in graph.node))
    if exported:
        return [exported(values[names[0]], *constants.values())]
    nodes = [node for node in graph.node if node.output[0] not in constants]
    if not nodes:
        raise NoLayerError("no layer is Constant")
    for node in nodes:
        one = Node(node, model.opset_import[0].version)
        found = computed(one, [values[name] for name in node.input])
        values |= dict(zip(node.output, found, strict=True))
    return [values[one.name] for one in graph.output]


def computed(node, inputs):
    """The outputs of a node."""
    if node.type not in OPERATORS:
        raise NoLayerError(f"no layer is {node.type}")
    if isinstance(inputs[0], list):
        raise NoLayerError("a sequence of arrays")
    if inputs[0].size == 0:
        raise NoLayerError("an array without elements")
    try:
        found = OPERATORS[node.type](node, *inputs)
    except LayerError as error:
        raise NoLayerError(error.message) from None
    return found if isinstance(found, tuple) else (found,)


def run(name, xs, weights=None, *, train=False, **arguments):
    """The output of a layer, and what it saves; its shape must be the one that its rules give."""
    layer = layers.find(name)(**arguments)
    is_loss = isinstance(layer, Loss)
    xs = (floating(xs[0]), *xs[1:]) if is_loss else tuple(floating(x) for x in xs)
    weights = {name: one for name, one in (weights or {}).items() if one is not None}
    shapes = [x.shape[1:] for x in (xs[:1] if is_loss else xs)]
    parameters = {name: one.shape for name, one in layer.params(*shapes).items()}
    assert {name: one.shape for name, one in weights.items()} == parameters
    y, saved = layer.forward(weights, *xs, mode=Mode(train=train))
    ys = y if isinstance(y, tuple) else (y,)
    batch = () if is_loss else xs[0].shape[:1]
    assert [one.shape for one in ys] == [(*batch, *one) for one in layer.outputs(*shapes)]
    return y, saved


def floating(x):
    """What the engine computes with; what ONNX has beside that is exact in it."""
    if x.dtype == bool:
        raise NoLayerError("arrays of bool")
    if x.dtype.kind in "iu":
        return x.astype(np.float64)
    return x if x.dtype.itemsize > 2 else x.astype(np.float32)


def output(name, xs, weights=None, **arguments):
    return run(name, xs, weights, **arguments)[0]


def on_image(name, x, weights=None, **arguments):
    """The output of a layer that gets an array as one image."""
    return output(name, [x[None]], weights, **arguments)[0]


def renamed(x, shape):
    """An array in another shape, by way of a row."""
    row = on_image("Flatten", x)
    return on_image("Unflatten", row, unflattened_size=list(shape)) if len(shape) else row[0]


def scaled(x, factor, shift=0.0):
    """factor x + shift, the same in every channel."""
    dtype = np.result_type(x, np.float32)
    weights = {"weight": np.full(len(x), factor, dtype), "bias": np.full(len(x), shift, dtype)}
    return on_image("Scale", x, weights, bias=True)


def dim(axis):
    """torch's number of an axis, in an array that got a batch axis in front."""
    return axis if axis < 0 else axis + 1


def pairs(node, sizes, kernel, stride, dilation):
    """(before, after) of each axis, in the words of `pads` or of `auto_pad`."""
    auto = node.get("auto_pad", "NOTSET")
    if auto == "NOTSET":
        pads = node.get("pads", [0] * (2 * len(sizes)))
        return list(zip(pads[: len(sizes)], pads[len(sizes) :], strict=True))
    axes = zip(sizes, kernel, stride, dilation, strict=True)
    totals = (max((ceil(n / s) - 1) * s + d * (k - 1) + 1 - n, 0) for n, k, s, d in axes)
    return [halves(total, auto) for total in totals]


def halves(total, auto_pad):
    """An odd one goes behind, but for SAME_LOWER."""
    small, large = total // 2, total - total // 2
    return (large, small) if auto_pad == "SAME_LOWER" else (small, large)


def sides(pads):
    """(before, after) of each axis in the order of the padding layers: the last axis first."""
    return [side for pair in reversed(pads) for side in pair]


def axes_of(node, axes, ndim):
    """The axes that a node names, which up to opset 12 or 17 are an attribute."""
    return {int(axis) % ndim for axis in (node.get("axes", []) if axes is None else axes)}


# convolution and matrix products


@operator("Conv")
def conv(node, x, weight, bias=None):
    rank = x.ndim - 2
    stride, dilation = node.get("strides", [1] * rank), node.get("dilations", [1] * rank)
    kernel = weight.shape[2:]
    return output(
        f"Conv{rank}d",
        [x],
        {"weight": weight, "bias": bias},
        out_channels=len(weight),
        kernel_size=kernel,
        stride=stride,
        padding=pairs(node, x.shape[2:], kernel, stride, dilation),
        dilation=dilation,
        groups=node.get("group", 1),
        bias=bias is not None,
    )


@operator("ConvTranspose")
def conv_transpose(node, x, weight, bias=None):
    rank, groups = x.ndim - 2, node.get("group", 1)
    stride, dilation = node.get("strides", [1] * rank), node.get("dilations", [1] * rank)
    extra, kernel = list(node.get("output_padding", [0] * rank)), weight.shape[2:]
    auto, wanted = node.get("auto_pad", "NOTSET"), node.get("output_shape")
    if auto != "NOTSET":
        wanted = [n * s for n, s in zip(x.shape[2:], stride, strict=True)]
    pads = pairs(node, x.shape[2:], kernel, stride, dilation)
    for axis, size in enumerate(wanted or []):
        spread = (x.shape[axis + 2] - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1
        total = spread + extra[axis] - size
        pads[axis] = halves(max(total, 0), auto)
        extra[axis] += max(-total, 0)
    return output(
        f"ConvTranspose{rank}d",
        [x],
        {"weight": weight, "bias": bias},
        out_channels=weight.shape[1] * groups,
        kernel_size=kernel,
        stride=stride,
        padding=pads,
        output_padding=extra,
        groups=groups,
        bias=bias is not None,
        dilation=dilation,
    )


def linear(x, weight, bias=None):
    shape = {"in_features": x.shape[-1], "out_features": len(weight)}
    weights = {"weight": weight, "bias": bias}
    return on_image("Linear", x, weights, bias=bias is not None, **shape)


@operator("Gemm")
def gemm(node, a, b, c=None):
    x = a.T if node.get("transA") else a
    weight = np.float32(node.get("alpha", 1.0)) * (b if node.get("transB") else b.T)
    beta = np.float32(node.get("beta", 1.0))
    if c is None or c.size in (1, len(weight)):
        bias = None if c is None else np.broadcast_to(beta * c.ravel(), len(weight))
        return linear(x, weight, bias)
    return merge("Add", [linear(x, weight), beta * c])


@operator("MatMul")
def matmul(_, a, b):
    if b.ndim > 2:
        raise NoLayerError("a product of two batches of matrices")
    y = linear(np.atleast_2d(a), np.atleast_2d(b.T))
    return renamed(y, a.shape[:-1] + b.shape[1:])


# pools


def window(node, x):
    """The arguments that all pools have, but for the padding."""
    rank = x.ndim - 2
    shape = {
        "kernel_size": node.get("kernel_shape"),
        "stride": node.get("strides", [1] * rank),
        "ceil_mode": bool(node.get("ceil_mode", 0)),
    }
    return shape, node.get("dilations", [1] * rank)


@operator("MaxPool")
def max_pool(node, x):
    shape, dilation = window(node, x)
    padding = pairs(node, x.shape[2:], shape["kernel_size"], shape["stride"], dilation)
    name = f"MaxPool{x.ndim - 2}d"
    y, saved = run(name, [x], padding=padding, dilation=dilation, **shape)
    places = saved[0]
    if node.get("storage_order"):
        of_axes = np.unravel_index(places, x.shape)
        places = np.ravel_multi_index(of_axes, x.shape, order="F")
        assert x.shape[:2] == (1, 1)  # else ONNX counts images and channels first all the same
    return (y, places)[: node.outputs]


def undilated(dilation):
    if set(dilation) != {1}:
        raise NoLayerError("torch dilates no pool but the maximum")


@operator("AveragePool")
def average_pool(node, x):
    shape, dilation = window(node, x)
    undilated(dilation)
    rank, kernel = x.ndim - 2, shape["kernel_size"]
    padding = pairs(node, x.shape[2:], kernel, shape["stride"], dilation)
    counted = bool(node.get("count_include_pad", 0))
    if counted and any(max(pair) > k // 2 for pair, k in zip(padding, kernel, strict=True)):
        x, padding = output(f"ZeroPad{rank}d", [x], padding=sides(padding)), 0
    return output(f"AvgPool{rank}d", [x], padding=padding, count_include_pad=counted, **shape)


@operator("LpPool")
def lp_pool(node, x):
    """ONNX's norm is of |x|, torch's of x; zeros add nothing to it."""
    shape, dilation = window(node, x)
    undilated(dilation)
    rank, kernel = x.ndim - 2, shape["kernel_size"]
    padding = pairs(node, x.shape[2:], kernel, shape["stride"], dilation)
    x = output(f"ZeroPad{rank}d", [abs(x)], padding=sides(padding))
    return output(f"LPPool{rank}d", [x], norm_type=node.get("p", 2), **shape)


GLOBAL = {"GlobalAveragePool": "AdaptiveAvgPool", "GlobalMaxPool": "AdaptiveMaxPool"}


@operator(*GLOBAL)
def global_pool(node, x):
    return output(f"{GLOBAL[node.type]}{x.ndim - 2}d", [x], output_size=1)


REDUCTIONS = {"ReduceMean": "AdaptiveAvgPool", "ReduceMax": "AdaptiveMaxPool"}


@operator(*REDUCTIONS)
def reduced(node, x, axes=None):
    """A pool over whole axes, of the last three at most; those before are a batch."""
    axes = axes_of(node, axes, x.ndim) or set(range(x.ndim))
    first = max(0, x.ndim - 3)
    images = x.reshape(-1, 1, *x.shape[first:])
    sizes = [1 if axis in axes else None for axis in range(first, x.ndim)]
    y = output(f"{REDUCTIONS[node.type]}{len(sizes)}d", [images], output_size=sizes)
    y = y.reshape(*x.shape[:first], *y.shape[2:])
    if node.get("keepdims", 1):
        return y
    return renamed(y, [n for axis, n in enumerate(x.shape) if axis not in axes])


# norms


@operator("BatchNormalization")
def batch_norm(node, x, weight, bias, mean, variance):
    """The running variance: torch's share of n / (n - 1) times what ONNX takes a share of."""
    share = 1 - node.get("momentum", 0.9)
    name, settings = f"BatchNorm{x.ndim - 2}d", {"eps": node.get("epsilon", 1e-5)}
    weights = {"weight": weight, "bias": bias, "running_mean": mean, "running_var": variance}
    train = bool(node.get("training_mode", 0))
    y, saved = run(name, [x], weights, train=train, momentum=share, **settings)
    if not train:
        return y
    new = layers.find(name)(momentum=share, **settings).updates(weights, saved)
    count = x.size // x.shape[1]
    added = new["running_var"] - (1 - share) * variance
    return y, new["running_mean"], (1 - share) * variance + added * (count - 1) / count


@operator("InstanceNormalization")
def instance_norm(node, x, weight, bias):
    weights, eps = {"weight": weight, "bias": bias}, node.get("epsilon", 1e-5)
    return output(f"InstanceNorm{x.ndim - 2}d", [x], weights, affine=True, eps=eps)


@operator("GroupNormalization")
def group_norm(node, x, weight, bias):
    weights, eps = {"weight": weight, "bias": bias}, node.get("epsilon", 1e-5)
    return output("GroupNorm", [x], weights, num_groups=node.get("num_groups"), eps=eps)


@operator("LayerNormalization")
def layer_norm(node, x, weight, bias):
    kept = node.get("axis", -1) % x.ndim
    shape, eps = list(x.shape[kept:]), node.get("epsilon", 1e-5)
    weights = {"weight": weight, "bias": bias}
    y, saved = run("LayerNorm", [x[None]], weights, normalized_shape=shape, eps=eps)
    _, mean, inverse = saved
    of_sets = (*x.shape[:kept], *(1,) * len(shape))
    return y[0], mean.reshape(of_sets), inverse.reshape(of_sets)


@operator("MeanVarianceNormalization")
def standardized(_, x):
    """A batch norm that learns nothing."""
    name = f"BatchNorm{x.ndim - 2}d"
    return output(name, [x], affine=False, track_running_stats=False, eps=0)


@operator("LRN")
def local_response_norm(node, x):
    alpha, beta, k = node.get("alpha", 1e-4), node.get("beta", 0.75), node.get("bias", 1.0)
    return output("LocalResponseNorm", [x], size=node.get("size"), alpha=alpha, beta=beta, k=k)


# activations

PLAIN = {
    "Relu": "ReLU",
    "Sigmoid": "Sigmoid",
    "Tanh": "Tanh",
    "Softplus": "Softplus",
    "Softsign": "Softsign",
    "HardSwish": "Hardswish",
    "Mish": "Mish",
    "Identity": "Identity",
}


@operator(*PLAIN)
def plain(node, x):
    return on_image(PLAIN[node.type], x)


@operator("LeakyRelu")
def leaky_relu(node, x):
    return on_image("LeakyReLU", x, negative_slope=node.get("alpha", 0.01))


@operator("PRelu")
def prelu(node, x, slope):
    """One slope for each channel: before opset 7 of the axis 1, since then of the last axes."""
    shape = x.shape if node.opset < 7 else (-1, slope.size)
    y = output("PReLU", [x.reshape(shape)], {"weight": slope.ravel()}, num_parameters=slope.size)
    return y.reshape(x.shape)


@operator("Elu")
def elu(node, x):
    return on_image("ELU", x, alpha=node.get("alpha", 1.0))


@operator("Celu")
def celu(node, x):
    return on_image("CELU", x, alpha=node.get("alpha", 1.0))


@operator("Selu")
def selu(node, x):
    """torch's has its constants for good: with others it is an ELU and a factor."""
    if "alpha" not in node.attributes:
        return on_image("SELU", x)
    return scaled(on_image("ELU", x, alpha=node.get("alpha")), node.get("gamma"))


@operator("Gelu")
def gelu(node, x):
    return on_image("GELU", x, approximate=node.get("approximate", "none"))


@operator("Swish")
def swish(node, x):
    assert node.get("alpha") == 1
    return on_image("SiLU", x)


@operator("SwiGLU")
def swiglu(node, a, b):
    """a b sigmoid(alpha a), where alpha a sigmoid(alpha a) is SiLU's."""
    alpha = node.get("alpha", 1.0)
    return merge("Mul", [scaled(on_image("SiLU", scaled(a, alpha)), 1 / alpha), b])


@operator("HardSigmoid")
def hard_sigmoid(node, x):
    """torch's slope and shift are 1 / 6 and 1 / 2: others make it one of 6 alpha x + 6 beta - 3."""
    alpha, beta = node.get("alpha", 0.2), node.get("beta", 0.5)
    return on_image("Hardsigmoid", scaled(x, 6 * alpha, 6 * beta - 3))


@operator("Clip")
def clip(node, x, low=None, high=None):
    low = node.get("min", -LARGEST) if low is None else low
    high = node.get("max", LARGEST) if high is None else high
    return on_image("Hardtanh", x, min_val=float(low), max_val=float(high))


@operator("Softmax", "LogSoftmax")
def softmax(node, x):
    return on_image(node.type, x, dim=dim(node.get("axis", -1)))


@operator("Dropout")
def dropout(node, x, ratio=None, train=None):
    """In training with the mask that ONNX draws: the backward pass is the same map as the forward.

    Source of the mask: onnx/backend/test/case/node/dropout.py.
    """
    p = float(node.get("ratio", 0.5) if ratio is None else ratio)
    if train is None or not train:
        return (on_image("Dropout", x, p=p), np.ones(x.shape, bool))[: node.outputs]
    layer = layers.find("Dropout")(p=p)
    mask = np.random.RandomState(node.get("seed")).uniform(0, 1, x.shape) >= p
    y, _ = layer.backward({}, x[None], mask[None], wants=Wants(), mode=Mode(train=True))
    return (y[0], mask)[: node.outputs]


# padding and resizing

PADS = {
    "constant": "ConstantPad",
    "reflect": "ReflectionPad",
    "edge": "ReplicationPad",
    "wrap": "CircularPad",
}


@operator("Pad")
def pad(node, x, pads=None, value=None, axes=None):
    """Up to opset 10 the input but x are attributes; the axes before the first pad are a batch."""
    pads = [int(side) for side in (node.get("pads") if pads is None else pads)]
    axes = range(x.ndim) if axes is None else [axis % x.ndim for axis in axes]
    found = dict(zip(axes, zip(pads[: len(axes)], pads[len(axes) :], strict=True), strict=True))
    first = min(axis for axis, pair in found.items() if any(pair))
    rank, mode = x.ndim - first, node.get("mode", "constant")
    settings = {"padding": sides([found.get(axis, (0, 0)) for axis in range(first, x.ndim)])}
    if mode == "constant":
        settings["value"] = float(node.get("value", 0.0) if value is None else value)
    images = x.reshape(-1, 1, *x.shape[first:])
    y = output(f"{PADS[mode]}{rank}d", [images], **settings)
    return y.reshape(*x.shape[:first], *y.shape[2:])


@operator("Slice")
def cut(node, x, starts=None, ends=None, axes=None, steps=None):
    """Padding of negative amounts; up to opset 9 all but x are attributes."""
    if steps is not None and set(steps.tolist()) != {1}:
        raise NoLayerError("a slice in steps")
    starts, ends = (node.get("starts"), node.get("ends")) if starts is None else (starts, ends)
    axes = node.get("axes", range(len(starts))) if axes is None else axes
    pads = [(0, 0)] * x.ndim
    for axis, start, end in zip(axes, starts, ends, strict=True):
        n = x.shape[axis]
        first, last, _ = slice(int(start), int(end)).indices(n)
        pads[axis] = (-first, last - n)
    return output(f"ZeroPad{x.ndim}d", [x[None, None]], padding=sides(pads))[0, 0]


@operator("Upsample")
def upsample(node, x, scales):
    return resize(node, x, None, scales, None)


@operator("Resize")
def resize(node, x, _=None, scales=None, sizes=None):
    coordinates = node.get("coordinate_transformation_mode", "half_pixel")
    mode = node.get("mode", "nearest")
    if mode == "cubic" or node.get("antialias"):
        raise NoLayerError("Upsample is neither cubic nor antialiased")
    if mode == "linear" and coordinates not in ("half_pixel", "align_corners"):
        raise NoLayerError("torch has no such coordinates")
    target = of_axes(node, x, scales, sizes)
    if mode == "nearest":
        check_positions(node, x, target)
        return output("Upsample", [x], **target)
    name = ("linear", "bilinear", "trilinear")[x.ndim - 3]
    aligned = coordinates == "align_corners"
    factors = target.get("scale_factor", [])
    if aligned and any(n * f % 1 for n, f in zip(x.shape[2:], factors, strict=False)):
        raise NoLayerError("ONNX's last corner is that of a fraction of an element")
    return output("Upsample", [x], mode=name, align_corners=aligned, **target)


def of_axes(node, x, scales, sizes):
    """Size or factor of each spatial axis."""
    axes = node.get("axes", range(x.ndim))
    if sizes is None:
        found = dict(zip(axes, scales, strict=True))
        return {"scale_factor": [float(found.get(axis, 1)) for axis in range(2, x.ndim)]}
    found = dict(zip(axes, (int(size) for size in sizes), strict=True))
    policy = node.get("keep_aspect_ratio_policy", "stretch")
    if policy != "stretch":
        factors = [size / x.shape[axis] for axis, size in found.items()]
        factor = min(factors) if policy == "not_larger" else max(factors)
        found = {axis: floor(factor * x.shape[axis] + 0.5) for axis in found}
    return {"size": [found.get(axis, x.shape[axis]) for axis in range(2, x.ndim)]}


ROUNDINGS = {
    "round_prefer_floor": lambda position: ceil(position - 0.5),
    "round_prefer_ceil": lambda position: floor(position + 0.5),
    "floor": floor,
    "ceil": ceil,
}


def check_positions(node, x, target):
    """Whether torch's nearest element, floor(i N / M), is ONNX's."""
    rounded = ROUNDINGS[node.get("nearest_mode", "round_prefer_floor")]
    for n, wanted in zip(x.shape[2:], *target.values(), strict=True):
        size, factor = (wanted, wanted / n) if "size" in target else (int(n * wanted), wanted)
        places = {
            "half_pixel": [(i + 0.5) / factor - 0.5 for i in range(size)],
            "asymmetric": [i / factor for i in range(size)],
            "align_corners": [i * (n - 1) / max(size - 1, 1) for i in range(size)],
        }[node.get("coordinate_transformation_mode", "half_pixel")]
        theirs = [min(max(rounded(place), 0), n - 1) for place in places]
        if theirs != [floor(i / factor) for i in range(size)]:
            raise NoLayerError("torch's nearest element is another one")


@operator("DepthToSpace")
def depth_to_space(node, x):
    """In DCR mode the channel of a pixel comes behind its place: shuffled, it comes before."""
    r = node.get("blocksize")
    if node.get("mode", "DCR") == "DCR":
        x = output("ChannelShuffle", [x], groups=r * r)
    return output("PixelShuffle", [x], upscale_factor=r)


@operator("SpaceToDepth")
def space_to_depth(node, x):
    y = output("PixelUnshuffle", [x], downscale_factor=node.get("blocksize"))
    if node.get("mode", "DCR") == "CRD":
        return y
    return output("ChannelShuffle", [y], groups=x.shape[1])


# shapes


@operator("Transpose")
def transpose(node, x):
    order = node.get("perm", range(x.ndim)[::-1])
    return on_image("Permute", x, dims=[0, *(axis + 1 for axis in order)])


@operator("Flatten")
def flatten(node, x):
    axis = node.get("axis", 1) % x.ndim
    if axis == 1:
        return output("Flatten", [x])
    return renamed(x, (prod(x.shape[:axis]), prod(x.shape[axis:])))


@operator("Reshape")
def reshape(node, x, shape):
    kept = [] if node.get("allowzero") else [axis for axis, size in enumerate(shape) if size == 0]
    return renamed(x, [x.shape[axis] if axis in kept else int(n) for axis, n in enumerate(shape)])


@operator("Squeeze")
def squeeze(node, x, axes=None):
    away = axes_of(node, axes, x.ndim)
    return renamed(x, [n for axis, n in enumerate(x.shape) if axis not in away])


@operator("Unsqueeze")
def unsqueeze(node, x, axes=None):
    ndim = x.ndim + len(node.get("axes", []) if axes is None else axes)
    new, sizes = axes_of(node, axes, ndim), iter(x.shape)
    return renamed(x, [1 if axis in new else next(sizes) for axis in range(ndim)])


@operator("Split")
def split(node, x, sizes=None):
    sizes, axis = node.get("split", sizes), dim(node.get("axis", 0))
    if sizes is None:
        return on_pieces("Chunk", x, chunks=node.outputs, dim=axis)
    sections = [int(size) for size in sizes]
    return on_pieces("Split", x, split_size_or_sections=sections, dim=axis)


def on_pieces(name, x, **arguments):
    return tuple(piece[0] for piece in output(name, [x[None]], **arguments))


# merges


def merge(name, xs):
    """Of images with equally many axes: ONNX aligns the last ones."""
    ndim = max(x.ndim for x in xs)
    return output(name, [x.reshape(1, *(1,) * (ndim - x.ndim), *x.shape) for x in xs])[0]


MERGES = {"Add": "Add", "Sum": "Add", "Mul": "Mul", "Max": "Maximum"}


@operator(*MERGES)
def merged(node, *xs):
    return merge(MERGES[node.type], xs)


@operator("Neg")
def negated(_, x):
    return scaled(x, -1)


@operator("Sub")
def difference(_, a, b):
    return merge("Add", [a, scaled(b, -1)])


@operator("Mean")
def mean(_, *xs):
    return scaled(merge("Add", xs), 1 / len(xs))


@operator("Concat")
def concat(node, *xs):
    return output("Concat", [x[None] for x in xs], dim=dim(node.get("axis")))[0]


# losses


@operator("SoftmaxCrossEntropyLoss")
def cross_entropy(node, x, target, weight=None):
    if weight is not None:
        raise NoLayerError("CrossEntropyLoss takes no weights of classes")
    settings = {"reduction": node.get("reduction", "mean")}
    if "ignore_index" in node.attributes:
        settings["ignore_index"] = node.get("ignore_index")
    loss, (logarithms, _) = run("CrossEntropyLoss", [x, target], **settings)
    return (loss, logarithms)[: node.outputs]


# layers of torch that it exports as several nodes


def exported_softsign(x, _):
    return on_image("Softsign", x)


def exported_pixel_shuffle(x, apart, _):
    """Told by its first shape, (N, C / r^2, r, r, H, W)."""
    return output("PixelShuffle", [x], upscale_factor=int(apart[2]))


EXPORTED = {
    ("Abs", "Constant", "Add", "Div"): exported_softsign,
    ("Constant", "Reshape", "Transpose", "Constant", "Reshape"): exported_pixel_shuffle,
}
