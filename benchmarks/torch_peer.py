"""The networks of benchmarks/engine.py in PyTorch; needs torch and NumPy, and not cnncalc.

    python torch_peer.py NETWORK.json ARRAYS.npz THREADS

Runs a network once for each line on standard input: `forward` or `train` prints the seconds,
`results FILE` writes the output, and in float64 that and the gradients of a training pass.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn


class Network(nn.Module):
    """The layers of a description, in order; values are numbered as there."""

    def __init__(self, nodes: list[dict], arrays: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.nodes = nodes
        self.layers = nn.ModuleList(build(node, arrays) for node in nodes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The last value; each is dropped behind its last reader."""
        last = {index: n for n, node in enumerate(self.nodes) for index in node["inputs"]}
        values = {0: x}
        for number, (node, layer) in enumerate(zip(self.nodes, self.layers, strict=True)):
            xs = [values[index] for index in node["inputs"]]
            if node["type"] == "Add":
                y = torch.add(*xs)
            elif node["type"] == "Concat":
                y = torch.cat(xs, node["arguments"]["dim"])
            else:
                y = layer(xs[0])
            values[node["output"]] = y
            for index in node["inputs"]:
                if last[index] == number:
                    values.pop(index, None)
        return y


def build(node: dict, arrays: dict[str, np.ndarray]) -> nn.Module:
    """One layer with its weights."""
    kind, given = node["type"], dict(node["arguments"])
    if kind in ("Add", "Concat"):
        return nn.Identity()
    own = {name: arrays[f"{node['path']}.{name}"] for name in node["weights"]}
    if kind == "Conv2d":
        given["in_channels"] = own["weight"].shape[1] * given["groups"]
    if kind == "Linear":
        given["in_features"] = own["weight"].shape[1]
    if kind == "BatchNorm2d":
        given["num_features"] = len(own["weight"])
        for name in ("weight", "bias"):  # torch has one switch for both, `affine`
            given.pop(name)
    if "padding" in given:
        pairs = given["padding"]
        assert all(before == after for before, after in pairs), "symmetric padding only"
        given["padding"] = tuple(before for before, _ in pairs)
    if kind in ("ReLU", "ReLU6"):
        given["inplace"] = True
    layer = getattr(nn, kind)(**given)
    layer.load_state_dict({name: torch.from_numpy(one) for name, one in own.items()}, strict=False)
    return layer


def timed(job: object) -> float:
    started = time.perf_counter()
    job()
    return time.perf_counter() - started


def main(description: str, arrays: str, threads: str) -> None:
    """Answer every line."""
    torch.set_num_threads(int(threads))
    loaded = dict(np.load(arrays))
    network = Network(json.loads(Path(description).read_text(encoding="utf-8")), loaded)
    x, upstream = (torch.from_numpy(loaded[name]) for name in ("input", "upstream"))

    def forward() -> torch.Tensor:
        network.eval()
        with torch.no_grad():
            return network(x)

    def train(x: torch.Tensor = x, upstream: torch.Tensor = upstream) -> torch.Tensor:
        network.train()
        network.zero_grad(set_to_none=True)
        y = network(x)
        y.backward(upstream)
        return y

    print("ready", flush=True)
    for line in sys.stdin:
        command, *rest = line.split(maxsplit=1)
        if command == "results":
            found = {"output": forward().numpy()}
            network.double()
            found["trained"] = train(x.double(), upstream.double()).detach().numpy()
            for node, layer in zip(network.nodes, network.layers, strict=True):
                for name, one in layer.named_parameters():
                    found[f"{node['path']}.{name}"] = one.grad.numpy()
            network.float()
            np.savez(rest[0].strip(), **found)
            print("written", flush=True)
        else:
            print(timed({"forward": forward, "train": train}[command]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
