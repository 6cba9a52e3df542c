"""Rules about names and branches."""

import pytest
from helpers import compute, loaded, spec
from lint_helpers import applied, check, findings, network

from cnncalc.lint import rules

RULES = rules.catalogue()
ONE = "- Conv2d: {out_channels: 3, kernel_size: 1}"


def lines(text, code):
    """The text from where each finding begins, to the end of its line."""
    written = text.splitlines()
    return [written[p.span.line - 1][p.span.column - 1 :] for p in findings(text, code)]


# ---- CNN105


def test_of_a_dead_branch_its_end_is_reported():
    text = spec(
        """
        - Conv2d: {out_channels: 3, kernel_size: 1}
          name: x
        - Tanh
        - Sigmoid
        - ReLU:
          from: x
        """
    )
    assert lines(text, "CNN105") == ["Sigmoid"]


def test_a_result_that_one_of_several_outputs_uses_is_used():
    text = spec("- Chunk: 3\n  name: [a, b, c]\n- ReLU:\n  from: b")
    assert findings(text, "CNN105") == ()


def test_heads_use_what_they_start_from():
    layers = f"{ONE}\n  name: x\n- Tanh\n- ReLU:\n  from: x"
    head = "heads:\n  aux: {from: side, train_only: true, layers: [Sigmoid]}"
    assert lines(spec(layers), "CNN105") == ["Tanh"]
    text = spec(layers.replace("Tanh", "Tanh:\n  name: side"), head=head)
    assert findings(text, "CNN105") == ()


def test_an_input_may_be_an_output_itself():
    text = f"cnncalc: 1\ninputs: {{a: [3, 8, 8], b: [1, 4, 4]}}\nlayers:\n{ONE}\n  name: c\n"
    [problem] = findings(text, "CNN105")
    assert problem.message == "no layer reads the input 'b'"
    assert findings(text + "outputs: [c, b]\n", "CNN105") == ()


def test_all_copies_of_a_dead_layer_are_one_finding():
    text = spec(
        """
        - for: i
          in: [1, 2, 3]
          layers:
            - ReLU:
              name: x
            - Tanh
            - Sigmoid:
              from: x
        """
    )
    [problem] = findings(text, "CNN105")
    assert problem.times == 3


def test_nothing_is_called_unused_where_a_reference_failed():
    text = spec(f"{ONE}\n  name: stem\n- Tanh\n- ReLU:\n  from: stam", head="vars: {width: 3}")
    assert [problem.code for problem in compute(text).problems] == ["CNN104"]
    for code in ("CNN105", "CNN106"):
        assert check(network(loaded(text)), [RULES[code]()]) == ()


# ---- CNN106

USES = {
    "an argument": ("[3, 16, 16]", "", "- Conv2d: {out_channels: $v, kernel_size: 1}"),
    "an expression": ("[3, 16, 16]", "", "- Conv2d: {out_channels: $(2 * v), kernel_size: 1}"),
    "a primary": ("[3, 16, 16]", "", "- Softmax: $v"),
    "a list": ("[3, 16, 16]", "", "- Conv2d: {out_channels: 3, kernel_size: [$v, 1]}"),
    "the input": ("[3, 16, $v]", "", ONE),
    "another variable": ("[3, $w, 16]", "  w: $(2 * v)", ONE),
    "defaults": ("[3, 16, 16]", "defaults: {Conv2d: {stride: $v}}", ONE),
    "a repeat": ("[3, 16, 16]", "", f"{ONE}\n  repeat: $v"),
    "a condition": ("[3, 16, 16]", "", f"{ONE}\n  if: $(v > 0)"),
    "a loop": ("[3, 16, 16]", "", f"- for: i\n  in: $(range(v))\n  layers: [ReLU]\n{ONE}"),
    "trainable": ("[3, 16, 16]", "", f"{ONE}\n  trainable: $(v > 0)"),
    "a layer that is passed": (
        "[3, 16, 16]",
        "blocks: {B: {args: {act: required}, layers: {apply: $act}}}",
        "- B: {act: {Softmax: $v}}",
    ),
    "a default of a block": (
        "[3, 16, 16]",
        "blocks: {B: {args: {d: $v}, layers: {Softmax: $d}}}",
        "- B",
    ),
    "a variable of a block": (
        "[3, 16, 16]",
        "blocks: {B: {vars: {d: $v}, layers: {Softmax: $d}}}",
        "- B",
    ),
    "a merge": (
        "[3, 16, 16]",
        "",
        "- branches: {a: ReLU, b: Tanh}\n  merge: {Concat: {dim: $v}}",
    ),
    "a head": ("[3, 16, 16]", "heads: {h: {from: x, layers: {Softmax: $v}}}", f"{ONE}\n  name: x"),
    "a condition of a head": (
        "[3, 16, 16]",
        "heads: {h: {from: x, train_only: $(v > 0), layers: [ReLU]}}",
        f"{ONE}\n  name: x",
    ),
    "a loss": ("[3]", "loss: {MultiMarginLoss: {margin: $v}}", "- Linear: 4"),
    "a variant": ("[3, $w, 16]", "  w: 2\nvariants: {b: {set: {w: $(8 * v)}}}", ONE),
}


@pytest.mark.parametrize("use", USES)
def test_every_use_of_a_variable_counts(use):
    shape, head, layers = USES[use]
    text = spec(layers, input=shape, head=f"vars:\n  v: 1\n{head}")
    assert findings(text, "CNN106") == ()
    unused = text.replace("$v", "1").replace("v)", "1)").replace("(v", "(1")
    assert "v: 1" in lines(unused, "CNN106")


def test_a_use_in_a_block_is_of_its_own_argument():
    text = spec(
        "- B: 3",
        head="""
        vars: {out: 5}
        blocks: {B: {args: {out: required}, layers: {Conv2d: {out_channels: $out, kernel_size: 1}}}}
        """,
    )
    assert lines(text, "CNN106") == ["out: 5}"]


TENSORS = {
    "from": "- ReLU:\n          from: x",
    "from several": "- Add:\n          from: [prev, x]",
    "a list": "- Add: [prev, x]",
    "a branch": "- branches: {a: ReLU, b: x}\n          merge: Add",
    "channels": "- Conv2d: {out_channels: $(channels(x)), kernel_size: 1}",
    "spatial": "- Upsample: {size: $(spatial(x))}",
}


@pytest.mark.parametrize("use", TENSORS)
def test_every_use_of_a_tensor_counts(use):
    layers = f"""
    - for: i
      in: [1, 2]
      layers:
        - Sigmoid:
          name: x
        - Tanh
        {TENSORS[use]}
    """
    assert findings(spec(layers), "CNN106") == ()
    unused = layers.replace(TENSORS[use], "- ReLU")
    assert lines(spec(unused), "CNN106") == ["x"] * ("x" not in unused.split("Tanh")[1])


def test_of_names_that_are_bound_together_one_must_be_used():
    text = spec("- layers:\n  - Chunk: 3\n    name: [a, b, c]\n  - ReLU: [NAME]\n  repeat: 1")
    assert findings(text.replace("NAME", "c"), "CNN106") == ()
    assert lines(text.replace("NAME", "input"), "CNN106") == ["a, b, c]"]


@pytest.mark.parametrize("wide", ["true", "false"])
def test_of_names_that_ifs_choose_from_all_are_used(wide):
    head = f"""
        vars: {{wide: {wide}}}
        blocks:
          B:
            layers:
              - Tanh:
                name: x
              - ReLU:
                if: $wide
                name: x
              - SiLU:
                if: $(not wide)
                name: x
              - Sigmoid
              - Add: [x, prev]
        """
    text = spec("- B", head=head)
    assert findings(text, "CNN106") == ()
    unused = text.replace("Add: [x, prev]", "Sigmoid")
    assert lines(unused, "CNN106") == ["x", "x", "x"]
    hidden = text.replace("        if: $wide\n", "").replace("        if: $(not wide)\n", "")
    assert lines(hidden, "CNN106") == [f"wide: {wide}}}", "x", "x"]


def test_a_name_outside_of_blocks_is_for_others_to_use():
    assert findings(spec(f"{ONE}\n  name: features"), "CNN106") == ()


def test_a_block_that_is_passed_is_used():
    head = """
    blocks:
      Act: {layers: [ReLU]}
      B: {args: {act: required}, layers: {apply: $act}}
    """
    assert findings(spec("- B: {act: Act}", head=head), "CNN106") == ()
    assert findings(spec("- B: {act: {Act: null}}", head=head), "CNN106") == ()
    assert lines(spec("- B: {act: ReLU}", head=head), "CNN106") == ["Act: {layers: [ReLU]}"]


FIXES = {
    "first of a line": ("vars: {a: 1, b: 3}", "vars: {b: 3}"),
    "last of a line": ("vars: {b: 3, a: 1}", "vars: {b: 3}"),
    "middle": ("vars: {b: 3, a: 1 , c: $b}  # c", "vars: {b: 3, c: $b}  # c"),
    "a line": ("vars:\n  a: 1    # of no use\n  b: 3  # used", "vars:\n  b: 3  # used"),
    "the last line": ("vars:\n  b: 3  # used\n\n  a: 1", "vars:\n  b: 3  # used\n"),
    "brackets over lines": ("vars: {\n  a: 1,\n  b: 3\n}", "vars: {\n  b: 3\n}"),
    "the end of such": ("vars: {\n  b: 3,\n  a: 1\n}", "vars: {\n  b: 3,\n}"),
    "all variables": ("# first\nvars: {a: 1}\n# last", "# first\n# last"),
    "a block": (
        "vars: {b: 3}\nblocks:\n  B:\n    layers:\n      - ReLU\n\n# more",
        "vars: {b: 3}\n\n# more",
    ),
    "one of two": (
        "blocks:\n  B: {layers: [ReLU]}\n  # used\n  C: {layers: [ReLU]}\nvars: {b: $(3)}",
        "blocks:\n  # used\n  C: {layers: [ReLU]}\nvars: {b: $(3)}",
    ),
    "an argument": (
        "vars: {b: 3}\nblocks: {C: {args: {x: 1, y: 2}, layers: {Softmax: $x}}}",
        "vars: {b: 3}\nblocks: {C: {args: {x: 1}, layers: {Softmax: $x}}}",
    ),
}


@pytest.mark.parametrize("kind", FIXES)
def test_what_is_unused_is_deleted_and_nothing_else(kind):
    before, after = FIXES[kind]
    call = "  - C\n" if "C:" in before else ""
    number = "$b" if "b:" in before else "3"
    frame = (
        "cnncalc: 1\ninput: [3, 8, 8]\n{}\nlayers:\n"
        f"{call}  - Conv2d: {{{{out_channels: {number}, kernel_size: 1}}}}\n"
    )
    text = frame.format(before)
    found = findings(text, "CNN106")
    [problem] = [one for one in found if "variable 'c'" not in one.message]
    assert problem.fix.safe
    assert applied(text, problem.fix) == frame.format(after)
    assert compute(frame.format(after)).totals.numbers() == compute(text).totals.numbers()
    assert compute(frame.format(after)).problems == ()


@pytest.mark.parametrize(
    ("layer", "after"),
    [
        ("    - ReLU:\n      name: x\n", "    - ReLU:\n"),
        ("    - {ReLU: null, name: x}\n", "    - {ReLU: null}\n"),
        ("    - name: x\n      ReLU:\n", None),
    ],
)
def test_a_name_is_deleted_where_that_is_simple(layer, after):
    text = spec(f"- layers:\n{layer}  repeat: 2")
    [problem] = findings(text, "CNN106")
    found = problem.fix and applied(text, problem.fix)
    assert found == (after and text.replace(layer, after))


def test_the_first_line_of_a_file_stays():
    text = f"vars: {{width: 3}}\ncnncalc: 1\ninput: [3, 8, 8]\nlayers:\n{ONE}\n"
    assert [problem.fix for problem in findings(text, "CNN106")] == [None]


def test_what_is_given_a_value_elsewhere_is_not_deleted():
    block = "blocks: {B: {args: {d: 1, e: 2}, layers: [ReLU]}}"
    unused = findings(spec("- B: {e: 3}", head=block), "CNN106")
    assert [problem.fix for problem in unused] == [None, None]  # the first takes what is unnamed
    head = "vars: {a: 1}\nvariants: {small: {set: {a: 2}}}"
    assert [problem.fix for problem in findings(spec(ONE, head=head), "CNN106")] == [None]


# ---- CNN107

ARGUMENT = """
vars: {{width: 8}}
blocks:
  Conv:
    args: {{first: 1, width: {default}}}
    layers: {{Conv2d: {{out_channels: $width, kernel_size: $first}}}}
"""


@pytest.mark.parametrize(
    ("default", "call", "hidden"),
    [
        ("required", "Conv: {width: $width}", False),
        ("required", "Conv: {width: $(2 * width)}", False),
        ("$width", "Conv", False),
        ("required", "Conv: {width: 16}", True),
        ("required", "Conv: {first: $width, width: 16}", True),
        ("16", "Conv", True),
    ],
)
def test_an_argument_that_is_given_from_its_namesake_hides_nothing(default, call, hidden):
    last = "- Conv2d: {out_channels: $width, kernel_size: 1}"
    text = spec(f"- {call}\n{last}", head=ARGUMENT.format(default=default))
    assert len(findings(text, "CNN107")) == hidden


def test_the_first_argument_may_be_given_without_its_name():
    head = ARGUMENT.format(default="required").replace("first: 1, ", "").replace("$first", "1")
    assert findings(spec("- Conv: $width", head=head), "CNN107") == ()
    last = "- Conv2d: {out_channels: $width, kernel_size: 1}"
    assert len(findings(spec(f"- Conv: 3\n{last}", head=head), "CNN107")) == 1


HIDING = {
    "a variable of a block": (
        "vars: {v: 1}\nblocks: {B: {vars: {v: 2}, layers: {Softmax: $v}}}",
        "- B\n- Softmax: $v",
        "variable 'v' hides the variable of that name on line 3",
    ),
    "a loop in a block": (
        "blocks: {B: {args: {v: 1}, layers: {for: v, in: [1, 2], layers: {Softmax: $v}}}}",
        "- B",
        "loop variable 'v' hides the block argument of that name on line 3",
    ),
    "a loop in a loop": (
        "",
        "- for: v\n  in: [1, 2]\n  layers:\n    for: v\n    in: [1]\n    layers: {Softmax: $v}",
        "loop variable 'v' hides the loop variable of that name on line 5",
    ),
    "a tensor in a loop": (
        "",
        "- ReLU:\n  name: x\n- layers:\n  - Tanh:\n    name: x\n  - Add: [x, input]\n  repeat: 2\n"
        "- Add: [x, prev]",
        "tensor 'x' hides the tensor of that name on line 6",
    ),
    "the input of a block": (
        "blocks: {B: {inputs: [x], layers: [{ReLU: null, name: x}, {Add: [x, prev]}]}}",
        "- B",
        "tensor 'x' hides the input of that name on line 3",
    ),
    "a tensor by a head": (
        "heads: {x: {from: x, layers: [Tanh]}}",
        "- ReLU:\n  name: x",
        "head 'x' hides the tensor of that name on line 6",
    ),
}


@pytest.mark.parametrize("kind", HIDING)
def test_all_that_can_hide(kind):
    head, layers, message = HIDING[kind]
    text = spec(layers, head=head)
    found = findings(text, "CNN107")
    assert [problem.message for problem in found][:1] == [message]
    line = int(message.split()[-1])
    name = message.split("'")[1]
    assert name in text.splitlines()[line - 1]


@pytest.mark.parametrize(
    "layers",
    [
        "- branches:\n    a: [{ReLU: null, name: x}, {Add: [x, prev]}]\n"
        "    b: [{Tanh: null, name: x}, {Add: [x, prev]}]\n  merge: Add",
        "- layers:\n  - {ReLU: null, name: x}\n  - Add: [x, prev]\n  repeat: 2\n  name: x",
        "- for: i\n  in: [1, 2]\n  layers: {Softmax: $i}\n"
        "- for: i\n  in: [1]\n  layers: {Softmax: $i}",
    ],
)
def test_names_of_separate_scopes_do_not_meet(layers):
    assert findings(spec(layers), "CNN107") == ()


def test_what_a_branch_may_not_bind_is_reported_already():
    text = spec(
        """
        - {ReLU: null, name: x}
        - branches:
            a: [{Tanh: null, name: x}, {Add: [x, prev]}]
            b:
          merge: Add
        """
    )
    assert [problem.code for problem in compute(text).problems] == ["CNN104"]
    assert check(network(loaded(text)), [RULES["CNN107"]()]) == ()


# ---- CNN108


def strided(left, right, merge="Add", size=4):
    layers = f"""
    - branches:
        a: {left}
        b: {right}
      merge: {merge}
    """
    return findings(spec(layers, input=f"[3, {size}, {size}]"), "CNN108")


CROP = "{Conv2d: {out_channels: 3, kernel_size: 3}}"
HALF = "{MaxPool2d: 2}"


def test_strides_are_named_in_order():
    [problem] = strided(HALF, CROP)
    assert problem.message == (
        "Add joins maps of strides 1 and 2, which only by coincidence have the same height of 2"
    )
    [problem] = strided("{Upsample: {scale_factor: 2}}", "{ZeroPad2d: 2}")
    assert "of strides 1/2 and 1," in problem.message
    [problem] = strided("[{Upsample: {scale_factor: 3}}, {MaxPool2d: 2}]", "{ZeroPad2d: 1}", size=4)
    assert "of strides 2/3 and 1," in problem.message


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (HALF, "{Conv2d: {out_channels: 3, kernel_size: 3, stride: 2, padding: 1}}"),
        (
            HALF,
            "[{Conv2d: {out_channels: 12, kernel_size: 1}}, {PixelUnshuffle: 2}, "
            "{Conv2d: {out_channels: 3, kernel_size: 1}}]",
        ),
        (
            "[{MaxPool2d: 2}, {Upsample: {scale_factor: 2, mode: bilinear, align_corners: true}}]",
            "ReLU",
        ),
        (
            "[{MaxPool2d: 2}, {ConvTranspose2d: {out_channels: 3, kernel_size: 2, stride: 2}}]",
            "ReLU",
        ),
        (f"[{HALF}, {{Upsample: {{size: 4}}}}]", "ReLU"),
        (f"[{HALF}, {{Upsample: {{size: 2}}}}]", CROP),
        ("{AdaptiveAvgPool2d: 2}", CROP),
        ("{AdaptiveAvgPool2d: 1}", "ReLU"),
        ("{MaxPool2d: 4}", "{Conv2d: {out_channels: 3, kernel_size: 4}}"),
    ],
)
def test_maps_that_belong_together(left, right):
    assert strided(left, right) == ()


def test_a_map_of_one_position_has_no_stride():
    # by different ways to 1x1, then on
    on = "{Conv2d: {out_channels: 3, kernel_size: 1}}"
    whole = "{Conv2d: {out_channels: 3, kernel_size: 4}}"
    assert strided(f"[{{MaxPool2d: 4}}, {on}]", f"[{whole}, {on}]") == ()


def test_one_mistake_is_one_finding():
    text = spec(
        f"""
        - branches: {{a: {HALF}, b: {CROP}}}
          merge: Add
          name: x
        - ReLU
        - Add: [x, prev]
        """,
        input="[3, 4, 4]",
    )
    assert len(findings(text, "CNN108")) == 1


def test_an_axis_is_named_where_only_one_differs():
    left = "{Conv2d: {out_channels: 3, kernel_size: [1, 3]}}"
    right = "{Conv2d: {out_channels: 3, kernel_size: 1, stride: [1, 2]}}"
    [problem] = strided(left, right)
    assert problem.message.endswith("have the same width of 2")


def test_a_norm_over_the_map_keeps_its_stride():
    assert len(strided(f"[{CROP}, InstanceNorm2d]", HALF)) == 1


def test_what_mixes_a_whole_axis_has_no_stride_there():
    mixed = "[{Conv2d: {out_channels: 3, kernel_size: 1, stride: [1, 2]}}, LINEAR]"
    linear = "{Linear: {in_features: 2, out_features: 2}}"
    right = "{Conv2d: {out_channels: 3, kernel_size: [1, 3]}}"
    assert len(strided(mixed.replace("LINEAR", "ReLU"), right)) == 1
    assert strided(mixed.replace("LINEAR", linear), right) == ()
