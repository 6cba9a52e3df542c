"""The networks of benchmarks/engine.py as ONNX models, for onnx.reference."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator


def evaluator(nodes: list[dict], arrays: Mapping[str, np.ndarray]) -> ReferenceEvaluator:
    """The network, with the same weights, in eval mode."""
    x = arrays["input"]
    weights = {f"{node['path']}.{name}" for node in nodes for name in node["weights"]}
    graph = helper.make_graph(
        [_node(node) for node in nodes],
        "network",
        [helper.make_tensor_value_info("0", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info(str(nodes[-1]["output"]), TensorProto.FLOAT, None)],
        [numpy_helper.from_array(arrays[name], name) for name in sorted(weights)]
        + [numpy_helper.from_array(np.float32(number), f"number {number}") for number in (0, 6)],
    )
    opsets = [helper.make_opsetid("", 17)]
    return ReferenceEvaluator(helper.make_model(graph, opset_imports=opsets))


def _node(node: dict) -> onnx.NodeProto:
    given, path = node["arguments"], node["path"]
    kind, inputs, attributes = node["type"], [str(index) for index in node["inputs"]], {}
    own = [f"{path}.{name}" for name in node["weights"]]
    if kind == "Conv2d":
        kind, inputs = "Conv", inputs + own
        attributes = _window(given) | {"dilations": given["dilation"], "group": given["groups"]}
    elif kind == "BatchNorm2d":
        kind, attributes = "BatchNormalization", {"epsilon": given["eps"]}
        order = ("weight", "bias", "running_mean", "running_var")
        inputs += [f"{path}.{name}" for name in order]
    elif kind in ("MaxPool2d", "AvgPool2d"):
        attributes = _window(given) | {"ceil_mode": int(given["ceil_mode"])}
        if kind == "AvgPool2d":
            attributes["count_include_pad"] = int(given["count_include_pad"])
        kind = {"MaxPool2d": "MaxPool", "AvgPool2d": "AveragePool"}[kind]
    elif kind == "Linear":
        kind, inputs, attributes = "Gemm", inputs + own, {"transB": 1}
    elif kind == "Concat":
        attributes = {"axis": given["dim"]}
    elif kind == "ReLU6":
        kind, inputs = "Clip", [*inputs, "number 0", "number 6"]
    elif kind == "AdaptiveAvgPool2d":
        kind = _adaptive(given["output_size"], node["shapes"][0][1:])
    elif kind in ("ReLU", "Dropout"):
        kind = "Relu" if kind == "ReLU" else "Identity"
    return helper.make_node(kind, inputs, [str(node["output"])], **attributes)


def _adaptive(target: tuple[int, ...], n: tuple[int, ...]) -> str:
    """ONNX knows it only to one cell; VGG's, to the size that its map has, does nothing."""
    assert set(target) == {1} or target == n, f"no adaptive pooling from {n} to {target}"
    return "GlobalAveragePool" if set(target) == {1} else "Identity"


def _window(given: dict) -> dict:
    before, after = zip(*given["padding"], strict=True)
    return {
        "kernel_shape": given["kernel_size"],
        "strides": given["stride"] or given["kernel_size"],
        "pads": [*before, *after],
    }
