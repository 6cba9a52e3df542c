"""`cnncalc convert --fully-convolutional`: the same numbers from another text."""

import re
from collections import Counter
from math import prod
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import cnncalc
from cnncalc import source
from cnncalc.answers.rewriting import fully_convolutional
from cnncalc.cli import group
from cnncalc.engine.errors import EngineError
from cnncalc.language.builder import Settings
from cnncalc.pipeline import expand, load
from cnncalc.source import Source

HEAD = "cnncalc: 1\ninput: [2, 6, 6]\n"


def run(*arguments, code=0, text=None):
    result = CliRunner().invoke(group, ["convert", *arguments], input=text)
    assert result.exit_code == code, result.output
    return result


def converted(text, name="net.yaml"):
    data = text if isinstance(text, bytes) else text.encode()
    return fully_convolutional(Source(name, data)).source.data.decode()


def network(text, inputs=None):
    loaded = load(Source("net.yaml", text.encode()))
    built = expand(loaded, Settings(inputs=inputs or {}))
    assert not built.problems, built.problems
    return built.graph


def outputs(graph, weights, x):
    found = cnncalc.run(graph, weights, dict.fromkeys(graph.inputs, x))
    return list(found.outputs.values())


def moved(weights, graph):
    """The weights of a network, in the shapes of another that has as many tensors."""
    wanted = cnncalc.initialise(graph, dtype="float64")
    assert len(wanted) == len(weights)
    pairs = zip(wanted.items(), weights.values(), strict=True)
    return {name: array.reshape(one.shape) for (name, one), array in pairs}


def assert_same_network(old, new):
    """Both texts give the same numbers with the same weights; returns the networks and weights."""
    before, after = network(old), network(new)
    weights = cnncalc.initialise(before, dtype="float64")
    others = moved(weights, after)
    (index,) = before.inputs.values()
    x = np.random.default_rng(0).standard_normal((2, *before.values[index].shape))
    pairs = zip(outputs(before, weights, x), outputs(after, others, x), strict=True)
    for a, b in pairs:
        assert b.ndim >= 3 or a.shape == b.shape
        np.testing.assert_allclose(b.reshape(a.shape), a, rtol=1e-9, atol=1e-11)
    return before, after, weights, others


# ---- bundled networks


SMALL = {  # what makes a network small enough for a test, in its text
    "vgg16": [
        ("[64, $conv1], [128, $conv2], [256, $conv3], [512, $conv4], [512, $conv5]",
         "[4, $conv1], [6, $conv2], [8, $conv3], [8, $conv4], [8, $conv5]"),
        ("Dense: 4096", "Dense: 24"),
    ],
    "alexnet": [("Linear: 4096", "Linear: 200")],
    "alexnet_two_tower": [("Dense: 4096", "Dense: 50")],
    "lenet5": [],
    "lenet5_original": [],
    "lenet_gluon": [],
    "fmnist_cnn": [],
    "dogs_vs_cats": [],
    "resnet18": [("[3, 224, 224]", "[3, 96, 128]")],
    "googlenet": [("[3, 224, 224]", "[3, 128, 160]")],
    "mobilenet_v2": [("[3, 224, 224]", "[3, 96, 64]")],
    "keras/ResNet50V2": [("[3, 224, 224]", "[3, 64, 96]")],
}  # fmt: skip


def small(name):
    text = source.read(name).data.decode()
    text = re.sub(r"^(expect|budget|variants):(.*\n)( .*\n|\n)*", "", text, flags=re.MULTILINE)
    for old, new in SMALL[name]:
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize("name", SMALL)
def test_bundled_networks_compute_the_same(name):
    text = small(name)
    new = converted(text)
    _, after, _, _ = assert_same_network(text, new)
    types = {node.type for node in after.nodes if not node.train_only}
    assert not types & {"Flatten", "Linear"}


@pytest.mark.parametrize(("name", "size", "stride"), [("lenet5", 32, 4), ("lenet_gluon", 28, 4)])
def test_on_a_larger_input_the_network_slides(name, size, stride):
    """Each output is that of the network as it was, on the part of the input that it sees."""
    before, _, weights, others = assert_same_network(small(name), new := converted(small(name)))
    x = np.random.default_rng(1).standard_normal((1, 1, size + 2 * stride, size + stride))
    after = network(new, {"input": x.shape[1:]})
    (y,) = outputs(after, others, x)
    assert y.shape[2:] == (3, 2)
    for i, j in np.ndindex(3, 2):
        part = x[:, :, i * stride : i * stride + size, j * stride : j * stride + size]
        (wanted,) = outputs(before, weights, part)
        np.testing.assert_allclose(y[:, :, i, j], wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", source.bundled())
def test_every_bundled_network_is_converted_or_refused_with_a_reason(name):
    result = CliRunner().invoke(group, ["convert", name, "--fully-convolutional"])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    if result.exit_code:
        assert result.exit_code == 1
        assert result.stdout == ""
        assert "not converted: " in result.stderr
        return
    old, new = source.read(name).data.decode(), result.stdout

    def comments(text):
        return Counter(re.findall(r"(?<!\S)#.*", text))

    assert comments(new) == comments(old)
    loaded = load(Source("net.yaml", new.encode()))
    variants = loaded.spec.variants.values()
    for variant in (None, *variants):
        settings = Settings(variant=variant)
        graph = expand(loaded, settings).graph
        shapes = [graph.values[one.value].shape for one in graph.inference_outputs()]
        assert all(len(shape) > 1 and set(shape[1:]) == {1} for shape in shapes)
    assert CliRunner().invoke(group, ["summary", "-", "--format", "csv"], input=new).exit_code == 0


def test_promises_are_kept_or_brought_up_to_date():
    result = run("lenet5", "--fully-convolutional")
    assert "  params: 61706\n  macs: 416520\n  output: [10, 1, 1]\n" in result.stdout
    assert "c5: {shape: [120, 1, 1], stride: 4, receptive_field: 32}" in result.stdout
    assert "expected output is brought up to date" in result.stderr


def test_what_is_done_is_told():
    result = run("alexnet", "--fully-convolutional")
    for line, words in (
        (24, "AdaptiveAvgPool2d is left out: it changes nothing on a map of 6 x 6"),
        (25, "Flatten is left out"),
        (27, "Linear becomes Conv2d with a kernel of 6 x 6: its kernel is the whole map"),
        (32, "Linear becomes Conv2d with a kernel of 1 x 1"),
    ):
        assert f"alexnet.yaml:{line}: {words}" in result.stderr
    assert "an input of 3 x 448 x 448 now gives 1000 x 8 x 8\n" in result.stderr
    assert "the whole file is converted" in run("vgg11", "--fully-convolutional").stderr


LARGER = {
    "Permute before the Flatten": (
        "layers: [Conv2d: {out_channels: 4, kernel_size: 2, stride: 2}, "
        "Permute: {dims: [0, 2, 3, 1]}, Flatten, Linear: 5]\n",
        "needs other weights: layers.2.weight would be 5 x 6 x 3 x 4, not 5 x 3 x 3 x 4\n",
    ),
    "BatchNorm2d behind a Permute": (
        "layers: [Permute: {dims: [0, 2, 3, 1]}, BatchNorm2d: {affine: false}, Permute: "
        "{dims: [0, 3, 1, 2]}, Flatten, Linear: 5]\n",
        "needs other weights: layers.1.running_mean would be 12, not 6\n",
    ),
    "LocallyConnected2d": (
        "layers: [LocallyConnected2d: {out_channels: 4, kernel_size: 3}, Flatten, Linear: 3]\n",
        "needs other weights: layers.0.weight would be 4 x 10 x 10 x 2 x 3 x 3, "
        "not 4 x 4 x 4 x 2 x 3 x 3\n",
    ),
    "a layer for small inputs": (
        "layers:\n  - Conv2d: {out_channels: 2, kernel_size: 1}\n    if: $(spatial(input)[0] < 9)\n"
        "  - Flatten\n  - Linear: 3\n",
        "needs other weights: layers.0.weight would be missing, not 2 x 2 x 1 x 1\n",
    ),
    "a head of training": (
        "layers:\n  - ReLU:\n    name: a\n  - Flatten\n  - Linear: 3\n"
        "heads:\n  aux:\n    from: a\n    train_only: true\n    layers: [Flatten, Linear: 3]\n",
        "now gives 3 x 7 x 7, but needs other weights in head aux\n",
    ),
    "weights that serve": ("layers: [Flatten, Linear: 3]\n", "now gives 3 x 7 x 7\n"),
}


@pytest.mark.parametrize("name", LARGER)
def test_a_larger_input_is_promised_where_the_weights_serve_it(tmp_path, name):
    text, words = LARGER[name]
    path = tmp_path / "net.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    result = run(str(path), "--fully-convolutional")
    assert result.stderr.endswith(f"an input of 2 x 12 x 12 {words}")
    weights = cnncalc.initialise(network(result.stdout))
    x = np.zeros((1, 2, 12, 12), np.float32)
    larger = network(result.stdout, {"input": x.shape[1:]})
    if "other weights" not in words:
        (y,) = outputs(larger, weights, x)
        assert y.shape == (1, 3, 7, 7)
        return
    with pytest.raises(EngineError, match=r"has the shape|of the name"):
        outputs(larger, weights, x)


# ---- the text


CASES = {
    "flow list": (
        HEAD + "layers: [Flatten, {Linear: 3}]\n",
        HEAD + "layers: [{Conv2d: {out_channels: 3, kernel_size: 6}}]\n",
    ),
    "pairs in a flow list": (
        HEAD + "layers: [Flatten, Linear: 3, ReLU]\n",
        HEAD + "layers: [Conv2d: {out_channels: 3, kernel_size: 6}, ReLU]\n",
    ),
    "two that go from a flow list": (
        HEAD + "layers: [AdaptiveAvgPool2d: 6, Flatten, Linear: 3]\n",
        HEAD + "layers: [Identity: null, Identity, Conv2d: {out_channels: 3, kernel_size: 6}]\n",
    ),
    "arguments on lines": (
        HEAD
        + "layers:\n  - Flatten   # to a vector\n  - Linear:   # a classifier\n"
        + "      out_features: 3   # classes\n      bias: false\n    name: end\n",
        HEAD
        + "layers:\n  # to a vector\n  - Conv2d:   # a classifier\n"
        + "      out_channels: 3   # classes\n      bias: false\n      kernel_size: 6\n"
        + "    name: end\n",
    ),
    "in_features": (
        HEAD + "layers:\n  - Flatten\n  - Linear: {in_features: 72, out_features: 3}\n",
        HEAD + "layers:\n  - Conv2d: {kernel_size: 6, out_channels: 3}\n",
    ),
    "defaults of Linear": (
        HEAD + "defaults: {Linear: {out_features: 4, bias: false}}\n"
        "layers:\n  - Flatten\n  - Linear\n  - Linear:\n    name: end\n",
        HEAD + "defaults: {Linear: {out_features: 4, bias: false}}\n"
        "layers:\n  - Conv2d: {out_channels: 4, kernel_size: 6, bias: false}\n"
        "  - Conv2d: {out_channels: 4, kernel_size: 1, bias: false}\n    name: end\n",
    ),
    "defaults of Conv2d": (
        HEAD + "defaults:\n  Conv2d: {bias: false, padding: 1, stride: 2}\n"
        "layers:\n  - Flatten\n  - Linear: 4\n  - Linear: {out_features: 2, bias: false}\n",
        HEAD + "defaults:\n  Conv2d: {bias: false, padding: 1, stride: 2}\n"
        "layers:\n"
        "  - Conv2d: {out_channels: 4, kernel_size: 6, padding: 0, stride: 1, bias: true}\n"
        "  - Conv2d: {out_channels: 2, bias: false, kernel_size: 1, padding: 0, stride: 1}\n",
    ),
    "unequal axes": (
        "cnncalc: 1\ninput: [2, 4, 6]\nlayers:\n  - Flatten\n  - Linear: $(1 + 2)\n",
        "cnncalc: 1\ninput: [2, 4, 6]\nlayers:\n"
        "  - Conv2d: {out_channels: $(1 + 2), kernel_size: [4, 6]}\n",
    ),
    "a sequence": (
        "cnncalc: 1\ninput: [2, 9]\nlayers:\n"
        "  - MaxPool1d: 3\n  - Flatten\n  - Linear: 3\n  - BatchNorm1d\n",
        "cnncalc: 1\ninput: [2, 9]\nlayers:\n"
        "  - MaxPool1d: 3\n  - Conv1d: {out_channels: 3, kernel_size: 3}\n  - BatchNorm1d\n",
    ),
    "a volume": (
        "cnncalc: 1\ninput: [2, 4, 4, 2]\nlayers: "
        "[Dropout: 0.5, Flatten, Linear: 3, BatchNorm1d]\n",
        "cnncalc: 1\ninput: [2, 4, 4, 2]\nlayers: "
        "[Dropout: 0.5, Conv3d: {out_channels: 3, kernel_size: [4, 4, 2]}, BatchNorm3d]\n",
    ),
    "softmax and names": (
        HEAD + "layers:\n  - Flatten:\n    name: flat\n  - Linear: 4\n  - Softmax: -1\n",
        HEAD + "layers:\n  - Identity:\n    name: flat\n"
        "  - Conv2d: {out_channels: 4, kernel_size: 6}\n  - Softmax: 1\n",
    ),
    "alone in a list": (
        HEAD + "layers:\n  - layers:\n      - Flatten: 1\n  - Linear: 4\n",
        HEAD + "layers:\n  - layers:\n      - Identity: null\n"
        "  - Conv2d: {out_channels: 4, kernel_size: 6}\n",
    ),
    "all of a list": (
        HEAD
        + "layers:\n  - layers:\n      - AdaptiveAvgPool2d: 6\n      - Flatten\n  - Linear: 4\n",
        HEAD + "layers:\n  - layers:\n      - Identity: null\n      - Identity\n"
        "  - Conv2d: {out_channels: 4, kernel_size: 6}\n",
    ),
    "pools": (
        HEAD
        + "layers:\n  - AdaptiveMaxPool2d: {output_size: [3, 1]}\n  - Dropout: 0.5\n  - Flatten\n"
        "  - Linear: 4\n  - PReLU: {num_parameters: 4}\n",
        HEAD + "layers:\n  - MaxPool2d: {kernel_size: [2, 6], stride: [2, 1]}\n  - Dropout: 0.5\n"
        "  - Conv2d: {out_channels: 4, kernel_size: [3, 1]}\n  - PReLU: {num_parameters: 4}\n",
    ),
    "merges": (
        HEAD + "layers:\n  - branches:\n      a: [Flatten]\n      b: [ReLU, Flatten]\n"
        "    merge: {Concat: {dim: -1}}\n  - Linear: 4\n",
        HEAD + "layers:\n  - branches:\n      a: [Identity]\n      b: [ReLU]\n"
        "    merge: {Concat: {dim: 1}}\n  - Conv2d: {out_channels: 4, kernel_size: 6}\n",
    ),
    "a gate stays": (
        HEAD + "layers:\n  - branches:\n      map:\n      gate: [AdaptiveAvgPool2d: 1, Flatten, "
        "Linear: 2, Sigmoid, Unflatten: {unflattened_size: [2, 1, 1]}]\n    merge: Mul\n"
        "  - Flatten\n  - Linear: 3\n",
        HEAD + "layers:\n  - branches:\n      map:\n      gate: [AdaptiveAvgPool2d: 1, Flatten, "
        "Linear: 2, Sigmoid, Unflatten: {unflattened_size: [2, 1, 1]}]\n    merge: Mul\n"
        "  - Conv2d: {out_channels: 3, kernel_size: 6}\n",
    ),
    "without a list": (
        HEAD + "defaults: {Linear: {out_features: 2}}\n"
        "layers:\n  - branches: {a: Flatten, b: [Flatten]}\n    merge: Add\n  - layers: Linear\n",
        HEAD + "defaults: {Linear: {out_features: 2}}\n"
        "layers:\n  - branches: {a: Identity, b: [Identity]}\n    merge: Add\n"
        "  - layers: {Conv2d: {out_channels: 2, kernel_size: 6}}\n",
    ),
    "a block with arguments": (
        HEAD + "blocks:\n  Dense:\n    args: {out: required}\n    layers: [Linear: $out, ReLU]\n"
        "layers:\n  - Flatten\n  - Dense: {out: 5}\n  - Dense: 4\n",
        HEAD + "blocks:\n  Dense:\n    args: {out: required, kernel_size: 1}\n"
        "    layers: [Conv2d: {out_channels: $out, kernel_size: $kernel_size}, ReLU]\n"
        "layers:\n  - Dense: {out: 5, kernel_size: 6}\n  - Dense: 4\n",
    ),
    "a block without arguments": (
        HEAD + "blocks:\n  Dense:\n    layers:\n      - Linear: 5\n      - ReLU\n"
        "layers:\n  - Flatten\n  - Dense\n  - Dense\n  - Dense\n",
        HEAD + "blocks:\n  Dense:\n    layers:\n"
        "      - Conv2d: {out_channels: 5, kernel_size: $kernel_size}\n      - ReLU\n"
        "    args: {kernel_size: 1}\n"
        "layers:\n  - Dense: {kernel_size: 6}\n  - Dense\n  - Dense\n",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_only_what_changes_is_written_anew(name):
    old, new = CASES[name]
    assert converted(old) == new
    assert_same_network(old, new)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_line_ends_and_marks_stay(mark, ending):
    old, new = (text.replace("\n", ending).encode() for text in CASES["arguments on lines"])
    assert fully_convolutional(Source("net.yaml", mark + old)).source.data == mark + new


def test_what_holds_no_more_is_brought_up_to_date():
    old = HEAD + (
        "layers:\n  - Flatten\n  - Linear: 4\n    name: end   # the end\n"
        "    expect: {shape: [4]}\n  - ReLU\n"
        "expect:\n  output: [4]   # classes\n  layers: {end: {shape: [4], params: 292}}\n"
    )
    new = converted(old)
    assert "name: end   # the end\n    expect: {shape: [4, 1, 1]}\n" in new
    assert "  output: [4, 1, 1]   # classes\n" in new
    assert "{end: {shape: [4, 1, 1], params: 292}}" in new


def test_heads_of_training_stay():
    text = HEAD + (
        "layers:\n  - ReLU:\n    name: a\n  - Flatten\n  - Linear: 3\n"
        "heads:\n  aux:\n    from: a\n    train_only: true\n    layers: [Flatten, Linear: 3]\n"
    )
    new = converted(text)
    assert "    layers: [Flatten, Linear: 3]\n" in new
    assert_same_network(text, new)


# ---- what is refused


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ("[Conv2d: {out_channels: 3, kernel_size: 3}, Flatten]", "there is no Linear behind"),
        ("[AdaptiveAvgPool2d: 4, Flatten, Linear: 3]", "6 x 6 to 4 x 4 by windows of different"),
        ("[Flatten, BatchNorm1d, Linear: 3]", "works on each element of a flattened 6 x 6 map"),
        ("[Flatten, Softmax, Linear: 3]", "works on each element of a flattened 6 x 6 map"),
        ("[Flatten, LayerNorm: {normalized_shape: 72}, Linear: 3]", "has no convolutional form"),
        (
            "[Flatten, Linear: 8, Unflatten: {unflattened_size: [2, 2, 2]}]",
            "makes a map of the vector again",
        ),
        (
            "[Flatten, {Linear: $n, for: n, in: [5, 4]}]",
            "this Linear is needed with a kernel of 6 and with a kernel of 1",
        ),
        ("[Flatten, {Linear: 4, repeat: 2}]", "this Linear is needed with a kernel of 6 and with"),
        ("[Flatten, {apply: {Linear: 3}}]", "is passed on as a value"),
        (
            "[{layers: [Flatten], name: a}, {Linear: 3}, {Linear: $(channels(a))}]",
            "would not stay the same",
        ),
    ],
)
def test_what_has_no_form_is_refused_with_the_place(tmp_path, layers, words):
    path = tmp_path / "net.yaml"
    path.write_text(f"{HEAD}layers: {layers}\n", encoding="utf-8")
    result = run(str(path), "--fully-convolutional", code=1)
    assert result.stdout == ""
    assert words in result.stderr
    assert result.stderr.startswith(str(path))


SHARED = """\
cnncalc: 1
input: [2, 6, 6]
blocks:
  Head:
    args: {n: required, m: 8}
    layers: [Flatten, {Linear: $m}, ReLU, {Linear: $n}]
  Outer:
    layers: {Head: 3}
layers:
  - ReLU:
    name: a
  - Head: 3
heads:
  aux:
    from: a
    train_only: true
    layers: [Head: 3]
"""


def test_a_head_of_training_that_shares_a_block_is_told():
    shown = run("-", "--fully-convolutional", code=1, text=SHARED).stderr
    assert shown == (
        "<stdin>:6:14: not converted: this Flatten is needed as it is in head aux, and not in "
        "other places\n  help: head aux is for training only and stays as it is: give it a copy "
        "of block Head under another name\n"
    )
    copied = SHARED.replace("  Outer:\n", "  Own:\n    layers: [Flatten, Linear: 3]\n  Outer:\n")
    new = converted(copied.replace("layers: [Head: 3]", "layers: [Own]"))
    assert "  Own:\n    layers: [Flatten, Linear: 3]\n" in new


def test_all_blocks_that_a_head_of_training_goes_through_are_told():
    text = SHARED.replace("- Head: 3", "- Outer").replace("[Head: 3]", "[Outer]")
    shown = run("-", "--fully-convolutional", code=1, text=text).stderr
    assert "give it copies of the blocks Outer and Head under other names\n" in shown
    kernels = text.replace("[Flatten, {Linear: $m}", "[{Linear: $m}").replace(
        "- Outer", "- Flatten\n  - Outer"
    )
    shown = run(
        "-",
        "--fully-convolutional",
        code=1,
        text=kernels.replace("[Outer]", "[Flatten, Outer]"),
    ).stderr
    assert "this Linear is needed with a kernel of 6 and as it is in head aux\n" in shown


def test_variants_that_differ_are_told():
    shown = run("mobilenet_v1", "--fully-convolutional", code=1).stderr
    assert "AdaptiveAvgPool2d is needed with a kernel of 7 and with a kernel of 6" in shown
    assert "its variants differ" in shown


def test_a_vector_input_has_no_map():
    text = "cnncalc: 1\ninput: [9]\nlayers: [Linear: 3]\n"
    shown = run("-", "--fully-convolutional", code=1, text=text).stderr
    assert "<stdin>: not converted: there is no Linear behind a Flatten of a map" in shown


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["alexnet"], 2, "write --fully-convolutional"),
        (["alexne", "--fully-convolutional"], 2, "did you mean 'alexnet'?"),
        (["net.yaml", "--fully-convolutional", "--output", "net.yaml"], 2, "is the spec itself"),
        (
            ["net.yaml", "--fully-convolutional", "--output", "./net.yaml", "--force"],
            2,
            "is the spec itself",
        ),
        (["net.yaml", "--fully-convolutional", "--output", "other.yaml"], 2, "'other.yaml' exists"),
        (["net.yaml", "--fully-convolutional", "--output", "no/x.yaml"], 2, "cannot write"),
        (["bad.yaml", "--fully-convolutional"], 1, "did you mean 'Linear'?"),
        (["cut.yaml", "--fully-convolutional"], 1, "CNN001"),
    ],
)
def test_a_mistake_is_explained(tmp_path, monkeypatch, arguments, code, words):
    monkeypatch.chdir(tmp_path)
    text = CASES["in_features"][0]
    files = {"net.yaml": text, "other.yaml": "old", "cut.yaml": "a: ["}
    files["bad.yaml"] = text.replace("Linear", "Linea")
    for name, content in files.items():
        Path(name).write_text(content, encoding="utf-8")
    result = run(*arguments, code=code)
    assert words in result.stderr
    assert result.stdout == ""
    assert {name: Path(name).read_text(encoding="utf-8") for name in files} == files


def test_a_file_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    old, new = CASES["in_features"]
    Path("net.yaml").write_text(old, encoding="utf-8")
    result = run("net.yaml", "--fully-convolutional", "--output", "new.yaml")
    assert result.stdout == ""
    assert Path("new.yaml").read_text(encoding="utf-8") == new
    assert Path("net.yaml").read_text(encoding="utf-8") == old
    Path("new.yaml").write_text("", encoding="utf-8")
    run("net.yaml", "--fully-convolutional", "--output", "new.yaml", "--force")
    assert Path("new.yaml").read_text(encoding="utf-8") == new


def test_params_and_macs_are_those_of_before():
    before, after = (
        cnncalc.summarize("alexnet"),
        network(run("alexnet", "--fully-convolutional").stdout),
    )
    params = sum(prod(one.shape) for one in cnncalc.initialise(after).values())
    assert params == before.totals.params == 61100840
