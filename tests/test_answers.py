"""Every number of the worked examples, by the command line that gives it.

tests/data/worked_examples.yaml holds them with their sources. ANSWERS is the list: what tells a
row apart from the others, and its command lines. A reader for each section takes the answers from
the JSON, the arrays or a named line of the output: all of the row, what it asks included, but for
words. The closed forms of gradients are proved for all layers in test_engine_conv.py,
test_engine_pool.py and test_gradients.py; here, on what a user can run.
"""

import csv
import json
import re
import shlex
from math import prod
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from helpers import spec

from cnncalc.cli import group

EXAMPLES = yaml.safe_load(
    (Path(__file__).parent / "data" / "worked_examples.yaml").read_text(encoding="utf-8")
)

RUN = "--weights w.npz --input x.npz --output y.npz"
BACK = "--weights w.npz --input x.npz --upstream u.npz --gradients g.npz"

SPECS = {
    "corr2d": spec(
        "- Conv2d: {out_channels: 1, kernel_size: $kernel, stride: $stride, padding: $padding, "
        "bias: false}",
        input="[$channels, 3, 3]",
        head="vars: {channels: 1, kernel: 2, stride: 1, padding: 0}",
    ),
    "pool": spec("- MaxPool2d: {kernel_size: 2, stride: 2}", input="[1, 4, 4]"),
    "mean": spec("- AvgPool2d: {kernel_size: [2, 3]}", input="[1, 4, 6]"),
    "small": spec("- Conv2d: {out_channels: 1, kernel_size: [3, 2]}", input="[1, 4, 5]"),
    "dense": spec("- Flatten\n- Linear: {out_features: 6, bias: false}", input="[3, 4, 5]"),
    "conv": spec("- Conv2d: {out_channels: 32, kernel_size: 3, padding: 1}", input="[16, 64, 64]"),
    "separable": spec(
        """
        - Conv2d: {out_channels: 16, kernel_size: 3, padding: 1, groups: 16, bias: false}
        - Conv2d: {out_channels: 32, kernel_size: 1}
        """,
        input="[16, 64, 64]",
    ),
    "ten": spec(
        """
        - Conv2d: {out_channels: 100, kernel_size: 5, padding: 2, bias: false}
          repeat: 10
        """,
        input="[100, 64, 64]",
    ),
    "pooled": spec(
        "- Conv2d: {out_channels: 4, kernel_size: $f}\n- MaxPool2d: $p", head="vars: {f: 1, p: 1}"
    ),
    "stem": spec(
        """
        - Identity
        - Conv2d: {out_channels: 64, kernel_size: 7, stride: 2, padding: 3}
        - BatchNorm2d
        - ReLU
        - MaxPool2d: {kernel_size: 3, stride: 2, padding: 1}
        """,
        input="[3, 256, 256]",
    ),
}

ANSWERS = {
    "output_size": {
        "source: A, n: 7, s: 1, p: 0": ["layer Conv1d out_channels=1 kernel_size=3 --input 1x7"],
        "source: A, n: 7, s: 2": [
            "layer Conv1d out_channels=1 kernel_size=3 stride=2 --input 1x7",
        ],
        "source: A, n: 7, s: 3": [
            "layer Conv1d out_channels=1 kernel_size=3 stride=3 --input 1x7",
        ],
        "source: A, n: 7, p: 1": [
            "layer Conv1d out_channels=1 kernel_size=3 padding=1 --input 1x7",
        ],
        "source: A, n: 32, p: 0": [
            "layer Conv2d out_channels=6 kernel_size=5 --input 3x32x32",
        ],
        "source: A, n: 28": ["layer Conv2d out_channels=10 kernel_size=5 --input 6x28x28"],
        "source: A, n: 32, p: 2": [
            "layer Conv2d out_channels=10 kernel_size=5 padding=2 --input 3x32x32",
        ],
        "source: B, n: 4": ["layer Conv2d out_channels=1 kernel_size=3 --input 1x4x4"],
        "source: B, n: 5, p: 1": [
            "layer Conv2d out_channels=1 kernel_size=3 padding=same --input 1x5x5",
        ],
        "source: B, n: 5, p: 2": [
            "layer Conv2d out_channels=1 kernel_size=3 padding=full --input 1x5x5",
        ],
        "source: B, n: 6": [
            "layer Conv2d out_channels=1 kernel_size=3 stride=2 padding=1 --input 1x6x6",
        ],
        "source: B, n: 7": [
            "layer Conv2d out_channels=1 kernel_size=3 dilation=2 --input 1x7x7",
        ],
        "source: D, n: 224": [  # how many layers, and the last of them
            "layer Conv2d out_channels=3 kernel_size=5 --input 3x224x224 --until 48",
            "layer Conv2d out_channels=3 kernel_size=5 --input 3x52x52",
        ],
        "source: E, n: 200, s: 2": [
            "layer Conv2d out_channels=20 kernel_size=5 stride=2 --input 3x200x200",
        ],
        "source: E, n: 200, s: 1": [
            "layer 'Conv2d: {out_channels: 20, kernel_size: 5, padding: 4}' --input 3x200x200",
        ],
        "source: E, n: 5, s: 1": ["layer MaxPool2d kernel_size=3 stride=1 --input 20x5x5"],
        "source: E, n: 5, s: 2": ["layer MaxPool2d kernel_size=3 stride=2 --input 20x5x5"],
        "source: D, n: 8": [
            "layer Conv1d out_channels=1 kernel_size=2 stride=3 padding=[[1,0]] --input 1x8",
        ],
    },
    "solve": {
        "f: 3, keep_size: true": ["layer Conv2d out_channels=8 kernel_size=3 --keep-size"],
        "f: 5, keep_size: true": ["layer Conv2d out_channels=8 kernel_size=5 --keep-size"],
        "f: 7, keep_size: true": ["layer Conv2d out_channels=8 kernel_size=7 --keep-size"],
        "p: whatever fits": [
            "layer Conv2d out_channels=8 kernel_size=5 stride=2 --input 3x32x32 --solve padding "
            "--output-size 16",
        ],
        "n: 32, layers: 7": [
            "layer Conv2d out_channels=3 kernel_size=5 --input 3x32x32 --until 4",
            "layer Conv2d out_channels=3 kernel_size=5 --input 3x8x8",
        ],
        "n: 224, layers: 55": [
            "layer Conv2d out_channels=3 kernel_size=5 --input 3x224x224 --until 4",
            "layer Conv2d out_channels=3 kernel_size=5 --input 3x8x8",
        ],
    },
    "parameters": {
        "source: A": ["layer Conv2d out_channels=10 kernel_size=5 padding=2 --input 3x32x32"],
        "source: B, layer: Conv2d": [
            "layer Conv2d out_channels=32 kernel_size=3 padding=1 --input 16x64x64 --dense",
            "run conv.yaml --init w.npz",
        ],
        "source: B, in: [16, 64, 64], parts: [144, 512, 32]": [
            "layer Conv2d out_channels=16 kernel_size=3 padding=1 groups=16 bias=false "
            "--input 16x64x64",
            "layer Conv2d out_channels=32 kernel_size=1 --input 16x64x64",
            "run separable.yaml --init w.npz",
        ],
        "source: E, layer: Conv2d": [
            "layer Conv2d out_channels=20 kernel_size=5 padding=4 bias=false --input 3x200x200",
        ],
        "source: E, layer: Linear": [
            "layer Linear out_features=40000 bias=false --input 120000",
        ],
        "source: D": ["layer Linear out_features=100 bias=false --input 36000000"],
        "source: C, in: [7]": ["layer Linear out_features=3 bias=false --input 7"],
        "source: C, params: 9": [
            "layer LocallyConnected1d out_channels=1 kernel_size=3 stride=2 bias=false --input 1x7",
        ],
        "source: C, in: [1, 7], params: 3": [
            "layer Conv1d out_channels=1 kernel_size=3 stride=2 bias=false --input 1x7",
        ],
    },
    "values": {
        "source: D, op: corr2d, padding: null, y: [[19, 25], [37, 43]]": [
            f"run corr2d.yaml {RUN}",
        ],
        "source: D, padding: 1, stride: null": [f"run corr2d.yaml --set padding=1 {RUN}"],
        "source: D, padding: 1, stride: [3, 2]": [
            f"run corr2d.yaml --set padding=1 --set 'stride=[3, 2]' {RUN}",
        ],
        "source: D, op: multi-channel": [f"run corr2d.yaml --set channels=2 {RUN}"],
        "source: B, op: corr2d, padding: null": [f"run corr2d.yaml --set kernel=3 {RUN}"],
        "source: B, op: corr2d, padding: 1": [
            f"run corr2d.yaml --set kernel=3 --set padding=1 {RUN}",
        ],
        "source: D, x: [[1, 1, 0, 0, 0]]": [f"run corr2d.yaml --set 'kernel=[1, 2]' {RUN}"],
        "source: A": ["run pool.yaml --init w.npz", f"run pool.yaml {RUN}"],
        "source: C": ["run pool.yaml --init w.npz", f"run pool.yaml {RUN}"],
        "source: B, x: arange(100)": ["run pool.yaml --init w.npz", f"run pool.yaml {RUN}"],
    },
    "backprop": {
        "claim: dL/dK =": [f"run small.yaml {BACK}", "check-gradients small.yaml"],
        "claim: K rotated by 180 degrees": [f"run small.yaml {BACK}", "check-gradients small.yaml"],
        "claim: dL/dB =": [f"run small.yaml {BACK}", "check-gradients small.yaml"],
        "claim: 1/Q of the gradient to each": [
            f"run mean.yaml {BACK}",
            "check-gradients mean.yaml",
        ],
        "claim: max pooling": [
            f"run pool.yaml {BACK}",
            "check-gradients pool.yaml",
        ],
        "claim: Toeplitz": [
            "layer Conv2d out_channels=1 kernel_size=3 bias=false --input 1x4x4 --toeplitz",
        ],
        "claim: fully connected": [
            f"run dense.yaml {RUN}",
            "convert dense.yaml --fully-convolutional --output all_conv.yaml",
            f"run all_conv.yaml {RUN}",
            "run all_conv.yaml --weights w.npz --input larger.npz --output y.npz",
        ],
    },
    "compute": {
        "layer: Conv2d": ["layer Conv2d out_channels=100 kernel_size=5 --input 100x68x68"],
        "source: D, layer: null": [
            "summary ten.yaml --device 0.15TMACS --images 1M",
            "compare ten.yaml --device 0.15TMACS --images 1M",
            "compare ten.yaml --device 12TMACS --images 1M",
            "compare ten.yaml --device 0.15TFLOPS --images 1M",
            "compare ten.yaml --device 12TFLOPS --images 1M",
        ],
    },
    "receptive_field": {
        "source: A": [
            f"receptive-field pooled.yaml --set f={f} --set p={p}"
            for f, p in ((1, 2), (3, 2), (5, 2), (3, 3), (5, 4))
        ],
        "source: B": [
            "receptive-field stem.yaml --all",
            "receptive-field stem.yaml --layer layers.2 --unit 1,1",
        ],
    },
    "networks": {
        "name: fmnist_cnn": ["summary fmnist_cnn --counting keras"],
        "name: dogs_vs_cats": [
            "summary dogs_vs_cats --counting keras",
            "layer MaxPool2d stride=2 --input 512x18x18 --solve kernel_size --output-size 8",
        ],
        "name: lenet_gluon": ["summary lenet_gluon --counting keras"],
    },
    "errata": {
        "claim: 224x224 with a 5x5 kernel needs 44 layers to reach 4x4": [
            "layer Conv2d out_channels=3 kernel_size=5 --input 3x224x224 --until 4",
        ],
        "claim: 'AlexNet first layer with padding F-1, stride 4: 57x57'": [
            "layer Conv2d out_channels=96 kernel_size=11 stride=4 padding=10 --input 3x224x224",
        ],
        "claim: 40k-neuron layer on 200x200x3 has 4800000": [
            "layer Linear out_features=40000 bias=false --input 120000"
        ],
    },
}
"""By section, what tells a row apart, and its command lines behind `cnncalc`."""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in SPECS.items():
        Path(f"{name}.yaml").write_text(text)


def rows(section):
    """The rows of a section; a network has its name among its keys."""
    found = EXAMPLES[section]
    if isinstance(found, dict):
        return [{"name": name} | row for name, row in found.items()]
    return found


def meant(section, question):
    """The rows that a question may mean; of a text it has a part, null stands for no such key."""
    wanted = yaml.safe_load(f"{{{question}}}")
    return [
        row
        for row in rows(section)
        if all(
            value in row[key]
            if isinstance(value, str) and isinstance(row.get(key), str)
            else row.get(key) == value
            for key, value in wanted.items()
        )
    ]


def output(line):
    """What the command line prints to standard output."""
    result = CliRunner().invoke(group, shlex.split(line))
    assert result.exit_code == 0, result.output
    return result.stdout


def answer(line):
    """The JSON document that it prints."""
    return json.loads(output(f"{line} --format json"))


def said(line, start):
    """What a line of its text says, without the name that it starts with."""
    (found,) = (one for one in output(line).splitlines() if one.strip().startswith(start))
    return found.strip().removeprefix(start).strip()


def step(found, name):
    """A number of `cnncalc layer` with its working."""
    (one,) = (one for one in found["sizes"] + found["counts"] if one["name"] == name)
    return one


def arrays(path):
    with np.load(path, allow_pickle=False) as found:
        return dict(found)


def only(path):
    """The one array of a file."""
    (found,) = arrays(path).values()
    return found


# ---- what the command lines of each section answer


def of_row(row, facts):
    """Those of the facts that the row states, and what else its note says."""
    return {name: fact for name, fact in facts.items() if name in row or name == "working"}


def window(one):
    """What stands in a formula for each of its letters, by the names of the rows."""
    letters = re.findall(r"[A-Za-z]\w*", one["formula"])
    pattern = re.sub(r"[A-Za-z]\w*", lambda _: r"(\w+)", re.escape(one["formula"]))
    put = re.fullmatch(pattern, one["numbers"]).groups()
    found = {a: int(b) if b.isdigit() else b for a, b in zip(letters, put, strict=True)}
    facts = {"n": found["N"], "f": found["F"], "s": found["S"]}
    pads = [found.get(f"P_{side}") for side in ("before", "after")]
    return facts | {"p": found.get("P", 0), "d": found.get("d", 1), "pads": pads}


def written(found):
    """The layer of an answer: its type, arguments and input."""
    name, arguments = re.fullmatch(r"(\w+)\((.*)\)", found["layer"]).groups()
    pairs = re.sub(r"(\w+)=", r"\1: ", arguments)
    return {"layer": name, "in": found["inputs"][0]} | yaml.safe_load(f"{{{pairs}}}")


def output_size(lines, row):
    *until, line = lines
    name = "length" if "1d" in line else "height"
    found = answer(line)
    size = step(found, name)
    shown = output(line)
    fits = "/" not in size["exact"]
    assert ("never read" in shown) is ("rounded down" in shown) is (not fits)
    facts = window(size) | {"out": size["value"], "exact": fits, "working": said(line, name)}
    facts["pool"] = found["layer"].startswith("MaxPool")
    for one in map(answer, until):
        (first, *_, last) = (maps[1] for maps in one["maps"])
        assert last == facts["out"]
        facts |= {"n": first, "layers": one["layers"]}
    return of_row(row, facts)


def solve(lines, row):
    line = lines[0]
    if "--until" in line:
        return output_size(lines, row)
    high, wide = (axis["solutions"] for axis in answer(line)["axes"])
    assert high == wide
    if "--keep-size" in line:
        (one,) = high
        facts = window(one)
        assert (facts.pop("n"), facts["p"]) == ("N", one["value"])
        return of_row(row, facts | {"n": "any", "keep_size": one["exact"]})
    fitting = [one["value"] for one in high if one["exact"]]
    assert sorted(fitting) == [[1, 2], [2, 1]]
    facts = window(high[-1]) | {"p": "whatever fits"}
    return of_row(
        row, facts | {"working": f"{said(line, '[2, 1]')} {fitting[-1]} {sum(fitting[-1])}"}
    )


def parameters(lines, row):
    runs = [line for line in lines if line.startswith("run")]
    found = [answer(line) for line in lines if line not in runs]
    facts = {"out": found[-1]["outputs"][0], "working": [one["layer"] for one in found]}
    facts["params"] = sum(step(one, "params")["value"] for one in found)
    for name, one in (
        ("in_elements", found[0]["memory"][0]),
        ("out_elements", found[-1]["memory"][1]),
    ):
        facts[name] = int(one["numbers"].split("*")[0])
    facts |= written(found[0])
    if prod(facts["in"]) == prod(row.get("in", [])):  # flattened
        facts["in"] = row["in"]
    if row["layer"] != facts["layer"]:
        del facts["layer"]  # it is told in words
    if "dense" in found[0]:
        facts["dense_equivalent"] = found[0]["dense"]["connected"]
    for line in runs:
        output(line)
        sizes = {name: array.size for name, array in arrays("w.npz").items()}
        facts["parts"] = [*sizes.values()]
        facts |= {"weights": sizes["layers.0.weight"], "biases": facts["parts"][-1]}
    return of_row(row, facts)


def values(lines, row):
    x = np.arange(100.0).reshape(10, 10) if isinstance(row["x"], str) else np.array(row["x"], float)
    np.savez("x.npz", input=x.reshape(1, -1, *x.shape[-2:]))
    if "w" in row:
        weight = np.array(row["w"], float)
        np.savez("w.npz", **{"layers.0.weight": weight.reshape(1, -1, *weight.shape[-2:])})
    for line in lines:
        output(line)
    ((y,),) = only("y.npz")
    facts = {"y": y.tolist(), "y00": y[0, 0], "y_first_row": y[0].tolist(), "y_last": y[-1, -1]}
    settings = re.findall(r"--set '?(\w+)=(\[.*?\]|\w+)", lines[-1])
    facts |= {name: yaml.safe_load(value) for name, value in settings}
    (name,) = {re.search(r"(\w+)\.yaml", line)[1] for line in lines}
    return of_row(row, facts | {"working": SPECS[name]})


def compute(lines, row):
    if "layer" in row:
        found = answer(lines[0])
        facts = {"out": found["outputs"][0], "macs": step(found, "MACs")["value"]}
        return of_row(row, written(found) | facts)
    summary, *compares = lines
    slow, fast, *twice = (answer(line)["networks"][0]["seconds_of_images"] for line in compares)
    assert twice == pytest.approx([2 * slow, 2 * fast], rel=1e-12)
    rates = [re.search(r"([\d.]+)TMACS", line)[1] for line in compares[:2]]
    layers = answer(summary)["totals"]["depth"]
    hours, images, macs = re.fullmatch(
        r"([\d.]+) h for (\d+),000,000 images, ([\d,]+) MACs", said(summary, "images")
    ).groups()
    assert float(hours) == round(slow / 3600, 2)
    whole = f"{int(macs.replace(',', '')):.3e}".replace("+", "")
    return {
        "note": f"{layers} such layers x {images}M examples = {whole} MACs: {slow / 3600:.1f} h at "
        f"{rates[0]}e12 a second (the notes round down to {slow // 3600:.0f} h) and "
        f"{fast / 60:.1f} min ({fast / 60:.0f} min) at {rates[1]}e12, counting one "
        "multiply-add as one operation as the notes do; at two operations a multiply-add, "
        "twice that"
    }


def receptive_field(lines, row):
    if "rows" not in row:
        for line in lines:
            f, p = (int(n) for n in re.findall(r"=(\d+)", line))
            (found,) = answer(line)["fields"]
            size = found["layers"][-1]["receptive_field"]["size"]
            assert size == [eval(row["field"], {"P": p, "F": f})] * 2
        return {"field": row["field"]}
    of_all, of_one = map(answer, lines)
    found = [
        {"map": n, "start": field["start"][axis], "jump": field["jump"][axis], "field": size}
        for layer in of_all["fields"][0]["layers"]
        for field in [layer["receptive_field"]]
        for axis, (n, size) in enumerate(zip(layer["out_shape"][1:], field["size"], strict=True))
    ]
    assert found[::2] == found[1::2]
    (unit,) = of_one["units"]
    box = [[first, last + 1] for first, last in unit["box"]]
    at = {"layer": int(unit["layer"].rpartition(".")[2]), "position": unit["unit"], "box": box}
    stem = yaml.safe_load(SPECS["stem"])
    return {
        "input": of_all["fields"][0]["shape"],
        "layers": [in_short(item) for item in stem["layers"][1:]],
        "rows": found[::2],
        "unit": at | {"note": row["unit"]["note"]},
    }


def in_short(item):
    """A layer of a spec as the notes write it, such as `Conv2d 7 stride 2 padding 3`."""
    if isinstance(item, str):
        return item
    ((name, arguments),) = item.items()
    others = {key: value for key, value in arguments.items() if key in ("stride", "padding")}
    words = [name, arguments["kernel_size"], *(word for pair in others.items() for word in pair)]
    return " ".join(map(str, words))


def networks(lines, row):
    line, *others = lines
    printed = {kind for kind, *_ in row["rows"]}  # tables may leave out activations and Flatten
    table = csv.DictReader(output(f"{line} --format csv").splitlines())
    found = [
        [one["type"], [*map(int, one["output"].split(" x "))], int(one["keras_params"])]
        for one in table
        if one["type"] in printed
    ]
    counts = [int(n.replace(",", "")) for n in re.findall(r"[\d,]*\d", said(line, "params "))]
    totals = dict(zip(("total", "trainable", "non_trainable"), counts, strict=True))
    document = answer(line)
    facts = {
        "name": document["name"],
        "input": document["inputs"]["input"],
        "params": {name: totals[name] for name in row["params"]},
        "rows": found,
    }
    for other in others:
        solved = answer(other)["axes"][0]["solutions"]
        assert [one["value"] for one in solved] == [4, 3]
        facts["working"] = f"kernel {said(other, '3')} {solved[-1]['value']}"
    return facts


def errata(lines, row):
    (line,) = lines
    if "--until" in line:
        return {"right": answer(line)["layers"]}
    if isinstance(row["right"], int):
        return {"right": step(answer(line), "params")["value"]}
    equation = row["right"].split(",")[0]
    assert f"{equation}, rounded down to 59" in said(line, "height, width")
    return {"right": row["right"]}


READERS = {
    one.__name__: one
    for one in (
        *(output_size, solve, parameters, values, compute),
        *(receptive_field, networks, errata),
    )
}


# ---- gradients in closed form


def integers(*shape):
    return np.random.default_rng(3).integers(-9, 10, shape).astype(float)


def correlation(x, k):
    """The sums of all places of the kernel on the map, by the definition."""
    n, m = (a - b + 1 for a, b in zip(x.shape, k.shape, strict=True))
    high, wide = k.shape
    return np.array(
        [[(x[i : i + high, j : j + wide] * k).sum() for j in range(m)] for i in range(n)]
    )


def gradients(lines, x, dz, **weights):
    """What `run --gradients` writes; every layer passes `check-gradients`."""
    np.savez("x.npz", input=x[None, None])
    np.savez("u.npz", **{"layers.0": dz[None, None]})
    np.savez("w.npz", **{f"layers.0.{name}": one for name, one in weights.items()})
    line, check = lines
    output(line)
    assert said(check, "passed:").endswith("are those of the forward pass")
    return {name.rpartition(".")[2]: one for name, one in arrays("g.npz").items()}


def of_small(lines):
    """Input, kernel and upstream of a convolution, and its gradients."""
    x, k, dz = integers(4, 5), integers(3, 2), integers(2, 4)
    return x, k, dz, gradients(lines, x, dz, weight=k[None, None], bias=np.zeros(1))


def of_the_kernel(lines):
    x, _, dz, found = of_small(lines)
    assert found["weight"][0, 0].tolist() == correlation(x, dz).tolist()


def of_the_input(lines):
    _, k, dz, found = of_small(lines)
    around = np.pad(dz, ((2, 2), (1, 1)))
    assert found["input"][0, 0].tolist() == correlation(around, np.rot90(k, 2)).tolist()


def of_the_bias(lines):
    _, _, dz, found = of_small(lines)
    assert found["bias"].tolist() == [dz.sum()]


def of_a_mean(lines):
    """Each upstream is 6 times a number, of which each of the 2 x 3 pixels gets one."""
    share = integers(2, 2)
    found = gradients(lines, integers(4, 6), 6 * share)
    assert found["input"][0, 0].tolist() == np.kron(share, np.ones((2, 3))).tolist()


def of_a_maximum(lines):
    """On the map of the notes, whose largest values stand at these places."""
    (row,) = meant("values", "source: C")
    dz = np.array([[10.0, 20.0], [30.0, 40.0]])
    found = gradients(lines, np.array(row["x"], float), dz)["input"][0, 0]
    places = {(i, j): found[i, j] for i, j in np.argwhere(found).tolist()}
    assert places == {(1, 1): 10, (1, 3): 20, (2, 0): 30, (3, 3): 40}


def as_a_matrix(lines):
    """A matrix of 4 x 16 entries; times the input it gives the sums of all places."""
    found = answer(lines[0])
    (claim,) = (row["claim"] for row in meant("backprop", "claim: Toeplitz"))
    sizes = ["x".join(map(str, found[name][-2:])) for name in ("weight", "input")]
    assert claim.endswith(f"; {sizes[0]} kernel on {sizes[1]} input: a 4x16 matrix")
    x, k = integers(4, 4), integers(3, 3)
    matrix = np.array([[k[tuple(at[2:])] if at else 0 for at in row] for row in found["matrix"]])
    assert matrix.shape == (4, 16)
    assert said(lines[0], "y = W x,") == "W being 4 x 16:"
    assert (matrix @ x.ravel()).tolist() == correlation(x, k).ravel().tolist()


def as_a_convolution(lines):
    """The same numbers on the same input, and each place of a larger one is the dense layer's."""
    dense, convert, all_conv, wider = lines
    x, weight, larger = integers(2, 3, 4, 5), integers(6, 60), integers(2, 3, 5, 7)
    np.savez("x.npz", input=x)
    np.savez("w.npz", **{"layers.1.weight": weight})
    output(dense)
    wanted = only("y.npz")
    assert wanted.tolist() == (x.reshape(2, 60) @ weight.T).tolist()
    output(convert)
    np.savez("w.npz", **{"layers.0.weight": weight.reshape(6, 3, 4, 5)})
    output(f"{all_conv} --force")
    assert only("y.npz")[:, :, 0, 0].tolist() == wanted.tolist()
    np.savez("larger.npz", input=larger)
    output(f"{wider} --force")
    found = only("y.npz")
    assert found.shape == (2, 6, 2, 3)
    for i, j in np.ndindex(2, 3):
        seen = larger[:, :, i : i + 4, j : j + 5].reshape(2, 60)
        assert found[:, :, i, j].tolist() == (seen @ weight.T).tolist()


PROOFS = {
    "claim: dL/dK =": of_the_kernel,
    "claim: K rotated by 180 degrees": of_the_input,
    "claim: dL/dB =": of_the_bias,
    "claim: 1/Q of the gradient to each": of_a_mean,
    "claim: max pooling": of_a_maximum,
    "claim: Toeplitz": as_a_matrix,
    "claim: fully connected": as_a_convolution,
}


@pytest.mark.parametrize("question", ANSWERS["backprop"])
def test_a_claim_of_the_notes(question):
    PROOFS[question](ANSWERS["backprop"][question])


# ---- the numbers of the rows

IN_WORDS = {"source", "note", "claim", "op", "layer", "layers", "x", "w"}
"""What a row may tell in words; x and w are in the files of the user."""

QUESTIONS = [
    pytest.param(section, question, id=f"{section}: {question}")
    for section, answers in ANSWERS.items()
    for question in answers
]


def numbers(*texts):
    """All numbers in these but those of names such as Conv2d, and 0, which need not be written."""
    found = re.findall(r"(?<![a-wyzA-Z\d.])\d+(?:\.\d+)?(?:e\d+)?", " ".join(map(str, texts)))
    return {float(one) for one in found} - {0}


@pytest.mark.parametrize(
    ("section", "question"), [one for one in QUESTIONS if one.values[0] != "backprop"]
)
def test_the_numbers_of_a_row(section, question):
    """What was asked is read from the answer, too; numbers in words stand in the working."""
    lines = ANSWERS[section][question]
    (row,) = meant(section, question)
    answers = READERS[section](lines, row)
    working = answers.pop("working", "")
    assert answers == {key: row[key] for key in answers}
    words = row.keys() - answers.keys()
    assert words <= IN_WORDS
    assert numbers(*(row.get(key, "") for key in ("note", "op", "layer") if key in words)) <= (
        numbers(working)
    )


@pytest.mark.parametrize("section", EXAMPLES)
def test_every_row_has_its_command_lines(section):
    """Each question means one row, and each row is meant by one question."""
    found = [row for question in ANSWERS[section] for row in meant(section, question)]
    assert [row for row in rows(section) if found.count(row) != 1] == []
    assert len(found) == len(ANSWERS[section])
    assert all(ANSWERS[section].values())
