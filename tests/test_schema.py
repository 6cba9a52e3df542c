"""`cnncalc schema`: editors accept what the language accepts, and refuse what they can see."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers import loaded
from jsonschema import Draft7Validator

from cnncalc import layers, source
from cnncalc.argument import REQUIRED
from cnncalc.cli import group
from cnncalc.language.corrections import HEADS, MODIFIERS
from cnncalc.language.document import parse, plain
from cnncalc.language.expect import BACKWARD_KEYS, BOUNDS, BUDGET_KEYS, EXPECT_KEYS, LAYER_KEYS
from cnncalc.language.reader import BLOCK_KEYS, FILE_KEYS, HEAD_KEYS, VARIANT_KEYS
from cnncalc.layer import required
from cnncalc.lint.codes import codes
from cnncalc.lint.settings import KEYS
from cnncalc.pipeline import analyse, load
from cnncalc.schema import items, promises, settings, spec
from cnncalc.source import Source

SCHEMA = spec.schema()
VALIDATOR = Draft7Validator(SCHEMA)
CASES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))

ARGUMENTS = [
    pytest.param(layers.find(name), argument, id=f"{name}.{argument}")
    for name in layers.names()
    for argument in layers.find(name).arguments
]


def value(text):
    """What an editor has of a text: by our own reader, as theirs is of YAML 1.2, too."""
    return plain(parse(text.encode(), "net.yaml").root)


def accepts(text):
    return VALIDATOR.is_valid(value(text))


def net(items, rest=""):
    """A spec with these items."""
    return f"cnncalc: 1\ninput: [3, 32, 32]\nlayers: [{items}]\n{rest}"


def understood(data):
    """Whether the language has no complaint about how it is written."""
    found = analyse(load(Source("net.yaml", data))).problems
    return not any(problem.code.startswith(("CNN0", "CNN104")) for problem in found)


def test_it_is_a_schema():
    Draft7Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == Draft7Validator.META_SCHEMA["$schema"]


@pytest.mark.parametrize("name", source.bundled())
def test_bundled_specs_are_accepted(name):
    text = source.bundled()[name].read_text(encoding="utf-8")
    assert [error.message for error in VALIDATOR.iter_errors(value(text))] == []


@pytest.mark.parametrize("code", [code for code, one in codes().items() if one.bad])
def test_examples_of_rules_are_accepted(code):
    for text in (*codes()[code].good, *codes()[code].bad):
        assert not any(problem.code.startswith("CNN0") for problem in loaded(text).problems)
        assert [error.message for error in VALIDATOR.iter_errors(value(text))] == []


def test_cases_that_are_understood_are_accepted():
    texts = [path.read_bytes() for path in CASES]
    right = [data.decode() for data in texts if understood(data)]
    assert len(right) > 10
    assert [text for text in right if not accepts(text)] == []


@pytest.mark.parametrize("name", [name for name in layers.names() if "Loss" not in name])
def test_examples_of_layer_types_are_accepted(name):
    for example in layers.find(name).examples:
        assert accepts(f"cnncalc: 1\ninput: [3]\nlayers:\n  - {example.text}")


@pytest.mark.parametrize("name", layers.FAMILIES["loss"])
def test_losses_stand_under_loss_alone(name):
    for example in layers.find(name).examples:
        assert accepts(net("Flatten", f"loss: {example.text.split(': ')[0]}"))
    assert not accepts(net(name))
    assert not accepts(net(f"{{{name}: null}}"))
    assert not accepts(net("ReLU", "loss: ReLU"))


@pytest.mark.parametrize(("layer_type", "argument"), ARGUMENTS)
def test_arguments_take_what_their_kind_takes(layer_type, argument):
    kind, default = layer_type.arguments[argument]
    pool = [None, True, 0, 1, 2, -1, 0.5, 2.0, 2**40, "same", "zeros", "mean", "none", "text", {}]
    pool += [[1], [1, 2], [1, 2, 3], [1] * 4, [1] * 6, [[1, 2]] * 2, [0.5, 0.5], ["text"] * 2, []]
    given = [default] if default is not REQUIRED else []
    for one in (*pool, *given):
        try:
            kind.convert(one, layer_type.rank)
            taken = True
        except ValueError:
            taken = one is None and default is None
        assert VALIDATOR.is_valid(with_argument(layer_type, argument, one)) == taken, one


@pytest.mark.parametrize(("layer_type", "argument"), ARGUMENTS)
def test_arguments_may_be_computed_and_are_not_misspelt(layer_type, argument):
    for text in ("$n", "$(2 * n)"):
        assert VALIDATOR.is_valid(with_argument(layer_type, argument, text))
    for wrong in (f"{argument}s", argument.upper(), f"x{argument}"):
        assert not VALIDATOR.is_valid(with_argument(layer_type, wrong, "$n"))


def with_argument(layer_type, argument, value):
    """A spec in which a layer has one argument."""
    name = layer_type.__name__
    base = {"cnncalc": 1, "input": [3, 8, 8], "layers": ["ReLU"]}
    if name in layers.FAMILIES["loss"]:
        return {**base, "loss": {name: {argument: value}}}
    return {**base, "layers": [{name: {argument: value}}]}


@pytest.mark.parametrize("name", [name for name in layers.names() if layers.find(name).ignored])
def test_what_torch_takes_and_has_no_effect_is_accepted(name):
    for argument in layers.find(name).ignored:
        assert accepts(net(f"{{{name}: {{{argument}: true}}}}"))


RIGHT = """
ReLU
{ReLU: null}
{ReLU: {inplace: true}}
{MaxPool2d: 2}
{MaxPool2d: $n}
{AdaptiveAvgPool2d: 1}
{Linear: $(2 * n)}
{Add: [prev, prev2]}
{Concat: [a, b, input], name: c}
{ReLU: [a]}
Mine
{Mine: null}
{Mine: 64}
{Mine: $(2 * n), repeat: $n}
{Mine: {out: 64, act: {LeakyReLU: 0.1}, sizes: [1, [2, $n]], next: Other}}
{Mine: [a, b]}
{Mine: {}, from: [a, b]}
{Conv2d: {out_channels: 64.0, kernel_size: [3, $k], padding: [[0, 1], [$p, 1]]}, from: a, name: x}
{Conv2d: {out_channels: 8, kernel_size: 1}, if: $(n > 1), trainable: false, expect: {shape: [8]}}
{Chunk: 2, name: [a, b]}
{layers: [ReLU, Mine], repeat: 3}
{layers: ReLU}
{layers: null}
{layers: [ReLU], for: n, in: [1, 2]}
{layers: {Linear: $n}, for: [n, m], in: [[1, 2], [$a, $(b)]]}
{layers: [ReLU], for: n, in: $(range(3))}
{branches: {a: ReLU, b: [ReLU], c: null, d: [], e: skip, f: {Linear: 3}}, merge: Add}
{branches: {a: ReLU}, merge: {Concat: {dim: 2}}}
{branches: {a: ReLU}, merge: Mine}
{branches: {a: ReLU}, merge: {Mine: 3}}
{apply: $act}
{apply: null}
{apply: {LeakyReLU: 0.1}}
{apply: ReLU}
""".strip().splitlines()


@pytest.mark.parametrize("item", RIGHT)
def test_every_form_of_an_item_is_accepted(item):
    assert accepts(net(item))
    assert accepts(f"cnncalc: 1\ninput: [3]\nlayers: {item}")


WRONG = """
3
[ReLU]
relu
null
{}
{name: x}
{ReLU: {}, nam: x}
{ReLU: {}, name: 3}
{ReLU: {}, name: prev}
{ReLU: {}, name: Big}
{ReLU: {}, from: [1]}
{ReLU: {}, repeat: -1}
{ReLU: {}, repeat: true}
{ReLU: {}, repeat: many}
{ReLU: {}, if: 3}
{ReLU: {}, for: n}
{ReLU: {}, in: [1]}
{ReLU: {}, for: n, in: 3}
{ReLU: {}, merge: Add}
{ReLU: {}, share: x}
{ReLU: {}, expect: {shap: [3]}}
{ReLU: {}, expect: {params: many}}
{ReLU: true}
{ReLU: [a, b]}
{Add: []}
{Conv2d: 64}
{Conv2d: [64, 3]}
{Conv2d: {out_channels: 3, kernal_size: 3}}
{Conv2d: {out_channels: 3, kernel_size: three}}
{Conv2d: {out_channels: 3, kernel_size: [3, 3, 3]}}
{Conv2d: {out_channels: 3, kernel_size: {h: 3}}}
{MaxPool2d: [2, 2]}
{branches: {a: ReLU}}
{branches: [ReLU], merge: Add}
{branches: {A: ReLU}, merge: Add}
{branches: {a: 3}, merge: Add}
{branches: {a: ReLU}, merge: ReLU}
{branches: {a: ReLU}, merge: {ReLU: null}}
{branches: {a: ReLU}, merge: {Concat: {dims: 2}}}
{branches: {a: ReLU}, merge: {Concat: {dim: 2}, Add: null}}
{layers: [{ReLU: {x: 1}}]}
{layers: 3}
{apply: {LeakyReLU: {slope: 0.1}}}
{Mine: {act: {LeakyReLU: {slope: 0.1}}}}
""".strip().splitlines()


@pytest.mark.parametrize("item", WRONG)
def test_mistakes_in_an_item_are_refused(item):
    assert not accepts(net(item))


FILE = """\
cnncalc: 1
name: 3
description: a net
source: me
input: [3, $size, $(size)]
vars: {size: 8, act: {LeakyReLU: 0.1}, rows: [[1, 2], [3, 4]]}
defaults: {Conv2d: {bias: false}, BatchNorm2d: null}
blocks:
  Mine: {inputs: [x, skip], args: {out: required, k: 3}, vars: {mid: $(out // 2)}, layers: [ReLU]}
layers: [ReLU]
heads: {aux: {from: x, train_only: true, layers: Flatten}}
outputs: [x, y]
loss: {CrossEntropyLoss: {label_smoothing: 0.1}}
expect:
  params: 3
  macs: ~4.09G
  backward_macs: {input: 3, weight: 4}
  output: [3, 4]
  outputs: [[3], [4, 5]]
  receptive_field: [3, 5]
  layers: {"x": {shape: [3], stride: 0.5, receptive_field: [3, 4], params: 3, macs: 2k}}
budget: {params: 26M, receptive_field: {min: 224}, macs: {min: 1, max: 2}}
variants: {W0.5: {set: {size: 3}, expect: {params: 3}, budget: {macs: 3}}, other: null}
lint:
  select: [CNN2, bias-before-norm, CNN301, ALL]
  extend-select: CNN703
  ignore: [CNN203]
  severity: {CNN202: error, gridding: info, CNN4: warning}
  rules: {CNN504: {share: 0.5, layers: 3}, dense-heavy: {share: 1}}
"""


def test_every_key_of_a_file_is_accepted():
    assert [error.message for error in VALIDATOR.iter_errors(value(FILE))] == []
    assert set(value(FILE)) == set(FILE_KEYS) - {"inputs"}
    assert accepts(FILE.replace("input: [3, $size, $(size)]", "inputs: {x: [3, 4], y: $shape}"))
    assert accepts(FILE.replace("[3, $size, $(size)]", "$shape"))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("cnncalc: 1", "cnncalc: 2"),
        ("cnncalc: 1", ""),
        ("description", "descripton"),
        ("description: a net", "description: [a]"),
        ("input: [3, $size, $(size)]", ""),
        ("input: [3, $size, $(size)]", "input: [3, 0]"),
        ("input: [3, $size, $(size)]", "input: 3x8x8"),
        ("input: [3, $size, $(size)]", "inputs: [3, 4]"),
        ("vars: {size", "vars: {Size"),
        ("vars: {size: 8", "vars: {size: {a: 8}"),
        ("{Conv2d: {bias: false}", "{Conv2: {bias: false}"),
        ("{bias: false}", "{bais: false}"),
        ("{bias: false}", "{bias: 0}"),
        ("Mine:", "mine:"),
        ("Mine:", "Conv2d:"),
        ("args:", "arg:"),
        (", layers: [ReLU]}", "}"),
        ("inputs: [x, skip]", "inputs: [3]"),
        ("from: x,", ""),
        ("train_only: true", "train_only: 1"),
        ("train_only", "trainonly"),
        ("outputs: [x, y]", "outputs: [3]"),
        ("label_smoothing", "smoothing"),
        ("CrossEntropyLoss", "CrossEntropy"),
        ("  params: 3", "  parms: 3"),
        ("  params: 3", "  params: $n"),
        ("  params: 3", "  params: -3"),
        ("~4.09G", "~4.09X"),
        ("~4.09G", "4.09G MACs"),
        ("{input: 3, weight", "{inputs: 3, weight"),
        ("stride: 0.5", "strides: 2"),
        ("{min: 224}", "{minimum: 224}"),
        ("budget: {params: 26M", "budget: {params: [1]"),
        ("budget: {params: 26M", "budget: {output: 3"),
        ("set: {size: 3}", "sets: {size: 3}"),
        ("expect: {params: 3}, b", "expect: {param: 3}, b"),
        ("select: [CNN2, ", "select: [CNN9999, "),
        ("  select", "  selects"),
        ("ignore: [CNN203]", "ignore: [CNN002]"),
        ("CNN202: error", "CNN202: fatal"),
        ("gridding: info", "griding: info"),
        ("{share: 0.5, l", "{shares: 0.5, l"),
        ("{share: 0.5, l", "{share: half, l"),
        ("layers: 3}, d", "layers: 3.5}, d"),
    ],
)
def test_mistakes_in_a_file_are_refused(right, wrong):
    assert FILE.count(right) == 1 or right == "layers: [ReLU]"
    assert not accepts(FILE.replace(right, wrong))


def test_keys_are_those_of_the_language():
    assert tuple(SCHEMA["properties"]) == FILE_KEYS
    assert set(spec._file()) == set(FILE_KEYS)
    assert set(spec.BLOCK) == set(BLOCK_KEYS)
    assert set(spec.HEAD) == set(HEAD_KEYS)
    assert set(spec.VARIANT) == set(VARIANT_KEYS)
    assert set(items.KEYS) == {*HEADS, *MODIFIERS}
    assert set(promises.MEANINGS) == {*EXPECT_KEYS, *BUDGET_KEYS}
    assert promises.MEANINGS["depth"] == "The most layers with MACs on a path."
    assert set(promises.LAYER_MEANINGS) == set(LAYER_KEYS)
    assert set(promises.BACKWARD_MEANINGS) == set(BACKWARD_KEYS)
    assert set(promises.BOUND_MEANINGS) == set(BOUNDS)
    assert set(settings.MEANINGS) == set(KEYS)


def test_every_key_has_a_description():
    silent = []

    def walk(node, path):
        if isinstance(node, list):
            for number, one in enumerate(node):
                walk(one, (*path, number))
        if isinstance(node, dict):
            for key, one in node.get("properties", {}).items() if "type" in node else ():
                reference = one.get("$ref") if one else None
                target = SCHEMA["definitions"][reference.split("/")[-1]] if reference else one
                if target is not False and "description" not in target and path[-1] != "defaults":
                    silent.append((*path, key))
            for key, one in node.items():
                walk(one, (*path, key))

    walk(SCHEMA, ("",))
    assert silent == []


def test_help_has_the_docstring_the_kind_the_default_and_the_choices():
    known = SCHEMA["definitions"]
    conv, arguments = known["Conv2d"], known["Conv2d.arguments"]["properties"]
    assert conv["description"].startswith("2-D convolution (cross-correlation) of a map (C, H, W)")
    assert arguments["stride"]["description"] == "a positive integer, or a list of 2 (default 1)"
    assert arguments["stride"]["default"] == 1
    assert "required" in arguments["out_channels"]["description"]
    assert "default" not in arguments["out_channels"]
    words = [one["enum"] for one in arguments["padding_mode"]["anyOf"] if "enum" in one]
    assert words == [["zeros", "reflect", "replicate", "circular"]]
    assert "also `MaxPool2d: value`" in str(
        known["MaxPool2d.arguments"]["properties"]["kernel_size"]
    )


def test_editors_suggest_alone_what_can_stand_alone():
    alone = {one["const"] for one in SCHEMA["definitions"]["item"]["anyOf"] if "const" in one}
    assert "ReLU" in alone
    assert alone.isdisjoint(layers.FAMILIES["loss"])
    assert not any(required(layers.find(name)) for name in alone)
    assert {"Conv2d", "Linear", "Opaque"}.isdisjoint(alone)


def test_it_is_printed_or_written_whole(tmp_path):
    result = CliRunner().invoke(group, ["schema"])
    assert (result.exit_code, json.loads(result.stdout)) == (0, SCHEMA)
    path = tmp_path / "cnncalc.schema.json"
    assert CliRunner().invoke(group, ["schema", "--output", str(path)]).output == ""
    assert path.read_text(encoding="utf-8") == result.stdout


def test_a_file_that_cannot_be_written_is_said_to_be_so(tmp_path):
    result = CliRunner().invoke(group, ["schema", "--output", str(tmp_path / "no" / "s.json")])
    assert result.exit_code == 2
    assert "cannot write" in result.stderr


def test_the_line_for_the_language_server_is_no_obstacle(tmp_path):
    text = "# yaml-language-server: $schema=cnncalc.schema.json\n" + net("Flatten, {Linear: 10}")
    (tmp_path / "net.yaml").write_text(text)
    result = CliRunner().invoke(group, ["lint", str(tmp_path), "--show-files"])
    assert result.stdout == f"{tmp_path / 'net.yaml'}\n"
    assert accepts(text)
