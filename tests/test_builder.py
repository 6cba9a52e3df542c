"""The spec language: what blocks, loops, branches, names and modifiers expand to."""

import pytest
from helpers import compute, good, only_problem, paths, shapes, spec

from cnncalc.language import assembler, expander

CONV = "Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}"


def types(report):
    return [row.node.type for row in report.rows]


def test_a_single_item_may_stand_without_a_list():
    report = compute("cnncalc: 1\ninput: [3, 8, 8]\nlayers: {Flatten: }\n")
    assert not report.problems
    assert shapes(report) == [("Flatten", (192,))]
    assert paths(report) == ["layers"]


def test_scalar_is_the_primary_argument():
    report = good("- Flatten\n- Linear: 7\n- LeakyReLU: 0.5")
    assert report.rows[1].out_shapes == ((7,),)
    assert report.rows[2].node.layer.negative_slope == 0.5


def test_block_takes_arguments_defaults_and_vars():
    report = good(
        """
        - Pair: 6
        - Pair: {out: 8, kernel_size: 5}
        """,
        head="""
        blocks:
          Pair:
            args: {out: required, kernel_size: 3, padding: $(same_padding(kernel_size))}
            vars: {half: $(out // 2)}
            layers:
              - Conv2d: {out_channels: $half, kernel_size: $kernel_size, padding: $padding}
              - Conv2d: {out_channels: $out, kernel_size: 1}
        """,
    )
    assert [shape for _, shape in shapes(report)] == [
        (3, 16, 16), (6, 16, 16), (4, 16, 16), (8, 16, 16),
    ]  # fmt: skip
    assert report.rows[2].node.layer.kernel_size == (5, 5)
    assert paths(report)[2] == "layers.1.Pair.0"


def test_for_with_several_variables_and_repeat_with_paths():
    report = good(
        """
        - for: [c, n]
          in: [[4, 1], [8, 2]]
          layers:
            - Conv2d: {out_channels: $c, kernel_size: 1}
              repeat: $n
            - ReLU
        """
    )
    assert paths(report) == [
        *("layers.0[0].0[0]", "layers.0[0].1"),
        *("layers.0[1].0[0]", "layers.0[1].0[1]", "layers.0[1].1"),
    ]
    assert [shape[0] for _, shape in shapes(report)] == [4, 4, 8, 8, 8]


def test_modifiers_apply_in_the_order_for_if_repeat():
    report = good(
        """
        - ReLU:
          for: n
          in: [0, 1, 2, 3]
          if: $(n != 2)
          repeat: $n
        """
    )
    assert paths(report) == ["layers.0[1][0]", "layers.0[3][0]", "layers.0[3][1]", "layers.0[3][2]"]


def test_false_if_leaves_prev_and_names_alone():
    report = good(
        f"""
        - {CONV}
          name: kept
        - Conv2d: {{out_channels: 9, kernel_size: 1}}
          if: false
        - Add: [prev, kept]
        """
    )
    assert types(report) == ["Conv2d", "Add"]


def test_prev2_is_the_item_before_the_previous_one():
    report = good(f"- {CONV}\n- ReLU\n- Add: [prev, prev2]")
    assert report.rows[2].input_paths == ("layers.1", "layers.0")


def test_plain_group_is_transparent_to_prev_prev2_and_names():
    report = good(
        f"""
        - {CONV}
        - layers:
            - ReLU:
              name: inner
            - Sigmoid
        - Add: [prev2, inner]
        """
    )
    assert report.rows[3].input_paths == ("layers.1.0", "layers.1.0")


def test_block_call_and_branches_count_as_one_item():
    head = """
    blocks:
      Two: {layers: [ReLU, Sigmoid]}
    """
    report = good("- ReLU\n- Two\n- Add: [prev, prev2]", head=head)
    assert report.rows[3].input_paths == ("layers.1.Two.1", "layers.0")
    report = good("- ReLU\n- {branches: {a: ReLU, b: }, merge: Add}\n- Add: [prev, prev2]")
    assert report.rows[3].input_paths == ("layers.1.Add", "layers.0")


def test_group_with_from_counts_as_one_item():
    report = good("- ReLU\n- layers: [Tanh, Sigmoid]\n  from: input\n- Add: [prev, prev2]")
    assert report.rows[1].input_paths == ("input",)
    assert report.rows[3].input_paths == ("layers.1.1", "layers.0")


def test_branches_identity_reference_and_single_item():
    report = good(
        """
        - ReLU:
          name: a
        - Sigmoid
        - branches:
            left: {Conv2d: {out_channels: 2, kernel_size: 1}}
            right:
            old: a
            same: prev
          merge: Concat
        """
    )
    assert report.rows[-1].input_paths == ("layers.2.left", "layers.1", "layers.0", "layers.1")
    assert report.rows[-1].out_shapes == ((11, 16, 16),)


def test_input_is_that_of_the_enclosing_block():
    head = """
    blocks:
      Residual:
        layers:
          - layers:
              - Conv2d: {out_channels: $in_channels, kernel_size: 3, padding: 1}
              - ReLU
          - Add: [prev, input]
    """
    report = good("- Conv2d: {out_channels: 5, kernel_size: 1}\n- Residual", head=head)
    assert report.rows[-1].input_paths == ("layers.1.Residual.0.1", "layers.0")


def test_block_with_several_named_inputs():
    head = """
    blocks:
      Up:
        inputs: [x, skip]
        args: {out: required}
        layers:
          - Upsample: {scale_factor: 2}
          - Concat: [skip, prev]
          - Conv2d: {out_channels: $out, kernel_size: 1}
    """
    items = "- ReLU:\n  name: enc\n- MaxPool2d: 2\n- Up: 4\n  from: [prev, enc]\n- Up: [{}, prev]"
    report = good(items.format("prev").rsplit("\n", 1)[0], head=head)
    assert report.rows[3].input_paths == ("layers.0", "layers.2.Up.0")
    problem = only_problem(spec("- Up: 3", head=head))
    assert (problem.code, problem.message) == (
        "CNN005",
        "block Up takes 2 inputs (x, skip), not 1",
    )


def test_apply_takes_a_layer_a_layer_with_arguments_a_block_and_null():
    head = """
    blocks:
      Act:
        args: {act: ReLU}
        layers: [{apply: $act}]
      Twice: {layers: [Tanh, Sigmoid]}
    """
    items = "- Act\n- Act: {act: {LeakyReLU: 0.3}}\n- Act: {act: Twice}\n- Act: {act: null}"
    report = good(items, head=head)
    assert types(report) == ["ReLU", "LeakyReLU", "Tanh", "Sigmoid"]
    assert report.rows[1].node.layer.negative_slope == pytest.approx(0.3)


def test_chunk_outputs_are_named():
    report = good(
        """
        - Conv2d: {out_channels: 6, kernel_size: 1}
        - Chunk: 2
          name: [a, b]
        - ReLU:
          from: b
        - Concat: [a, prev]
        """
    )
    assert report.rows[2].input_paths == ("layers.1:1",)
    assert report.rows[3].out_shapes == ((6, 16, 16),)


def test_heads_outputs_and_train_only():
    text = spec(
        f"""
        - {CONV}
          name: stem
        - Flatten
        - Linear: 10
        """,
        head="""
        heads:
          aux:
            from: stem
            train_only: true
            layers: [Flatten, {Linear: 5}]
          side: {from: stem, layers: [ReLU]}
        """,
    )
    report = compute(text)
    assert not report.problems
    assert [(o.head, o.shape) for o in report.outputs] == [(None, (10,)), ("side", (4, 16, 16))]
    stem, linear, aux = 4 * 27 + 4, 1024 * 10 + 10, 1024 * 5 + 5
    assert report.totals.params == stem + linear + aux
    assert report.totals.params_inference == stem + linear
    assert report.totals.macs == 4 * 256 * 27 + 10240
    assert paths(report)[3] == "heads.aux.0"


def test_outputs_name_tensors():
    text = spec("- ReLU:\n  name: a\n- MaxPool2d: 2\n  name: b", head="outputs: [b, a]")
    assert [o.shape for o in compute(text).outputs] == [(3, 8, 8), (3, 16, 16)]


def test_several_model_inputs():
    text = (
        "cnncalc: 1\ninputs: {left: [2, 8, 8], right: [3, 8, 8]}\n"
        "layers:\n- Conv2d: {out_channels: $in_channels, kernel_size: 1}\n- Concat: [prev, right]\n"
        "- Concat: [prev, input]\n"
    )
    report = compute(text)
    assert not report.problems
    assert report.rows[-1].out_shapes == ((7, 8, 8),)


def test_defaults_lose_to_written_arguments_and_hold_in_blocks():
    report = good(
        "- B\n- Conv2d: {out_channels: 2, kernel_size: 1, bias: true}",
        head="""
        vars: {k: 5}
        defaults: {Conv2d: {bias: false, padding: $(same_padding(k))}}
        blocks:
          B: {layers: [{Conv2d: {out_channels: 2, kernel_size: 5}}]}
        """,
    )
    assert [row.cost.params for row in report.rows] == [2 * 3 * 25, 2 * 2 + 2]
    assert report.rows[0].out_shapes == ((2, 16, 16),)


def test_trainable_false_freezes_what_is_inside():
    report = good(
        f"""
        - layers:
            - {CONV}
            - {CONV}
              trainable: true
          trainable: false
        - {CONV}
        """
    )
    first, second, third = report.rows
    assert [row.cost.frozen for row in report.rows] == [4 * 28, 4 * 37, 0]
    assert first.cost.backward_macs == second.cost.backward_macs == (0, 0)
    assert third.cost.backward_macs == (0, third.cost.macs)
    assert report.totals.trainable == third.cost.params


def test_variables_in_input_and_set_and_variant():
    text = spec(
        "- Conv2d: {out_channels: $(make_divisible(32 * width)), kernel_size: 1, bias: false}",
        input="[3, $size, $size]",
        head="""
        vars: {width: 1.0, size: 16}
        expect: {params: 96}
        budget: {params: 100}
        variants:
          half: {set: {width: 0.5}, expect: {params: 48}}
          large: {set: {size: 32}, expect: {macs: 98304, params: 97}}
        """,
    )
    assert not compute(text).problems
    half = compute(text, "half")
    assert not half.problems
    assert [(c.key, c.ok) for c in half.checks] == [("params", True)]
    assert [p.message for p in compute(text, "large").problems] == [
        "params is 96, not the expected 97"
    ]
    changed = compute(text, variables={"width": 2})
    assert [p.code for p in changed.problems] == ["CNN702"]
    assert [(c.kind, c.ok) for c in changed.checks] == [("expect", None), ("budget", False)]


def test_trace_names_the_calls_innermost_first():
    head = """
    blocks:
      Inner:
        args: {c: required}
        layers: [{Conv2d: {out_channels: $c, kernel_size: 30}}]
      Outer:
        args: {c: 2}
        layers: [{Inner: {c: $(c * 2)}}]
    """
    problem = only_problem(spec("- Outer: {c: 3}", head=head))
    assert problem.code == "CNN102"
    assert [call.text for call in problem.trace] == ["Inner(c=6)", "Outer(c=3)"]


def test_one_mistake_in_a_loop_is_one_problem_with_its_count():
    text = spec("- Conv2d: {out_channels: 4, kernel_size: 3, padding: 1, groups: 2}\n  repeat: 3")
    problem = only_problem(text)
    assert problem.code == "CNN103"
    assert problem.times == 1  # the copies after it rest on an assumed shape
    text = spec(
        "- for: i\n  in: [1, 2]\n  layers: [{Conv2d: {out_channels: $nope, kernel_size: 1}}]"
    )
    assert only_problem(text).times == 2


def test_the_table_goes_on_past_a_failing_layer():
    report = compute(
        spec(
            f"""
            - {CONV}
              name: a
            - Conv2d: {{out_channels: 6, kernel_size: 3}}
            - Add: [prev, a]
            - Conv2d: {{out_channels: 2, kernel_size: 1}}
            """
        )
    )
    assert [p.code for p in report.problems] == ["CNN101"]
    assert [row.out_shapes[0] for row in report.rows] == [
        (4, 16, 16), (6, 14, 14), (6, 14, 14), (2, 14, 14),
    ]  # fmt: skip
    assert [row.assumed for row in report.rows] == [False, False, True, True]
    assert [row.cost is None for row in report.rows] == [False, False, True, True]
    assert report.totals.macs is None


def test_misspelt_names_are_guessed_and_computed_past():
    report = compute(spec("- Conv2D: {out_channels: 4, kernel_size: 3}\n- ReLU"))
    assert [p.message for p in report.problems] == ["no layer type or block is called 'Conv2D'"]
    report = compute(spec("- Conv2d: {out_channels: 4, kernal_size: 3}\n- ReLU"))
    assert [p.help for p in report.problems] == ["did you mean 'kernel_size'?"]
    assert report.rows[1].out_shapes == ((4, 14, 14),)
    assert report.rows[1].assumed


@pytest.mark.parametrize(
    ("items", "code", "message"),
    [
        ("- ReLU:\n  from: later\n- ReLU:\n  name: later", "CNN104",
         "no tensor is called 'later' here: the one on line 8 is bound later"),
        ("- {branches: {a: {layers: [{ReLU: , name: x}]}, b: }, merge: Add}\n- Add: [prev, x]",
         "CNN104", "no tensor is called 'x' here: the one on line 5 belongs to another scope"),
        ("- ReLU:\n  name: x\n  if: false\n- Add: [prev, x]", "CNN104",
         "'x' is not there: the item on line 5 is left out"),
        ("- ReLU:\n  name: x\n- {branches: {a: {ReLU: , name: x}, b: }, merge: Add}", "CNN104",
         "'x' is already bound outside this branch"),
        ("- ReLU:\n  from: prev2", "CNN104", "there is no item before the previous one here"),
        ("- Chunk: 3\n  name: [a, b, c]\n- ReLU", "CNN104",
         "the item before has several outputs"),
        ("- Chunk: 3\n  name: [a, b]\n- ReLU:\n  from: a", "CNN005", "2 names for 3 outputs"),
        ("- A", "CNN104", "block A calls itself: A -> B -> A"),
        ("- ReLU:\n  repeat: 1000000000", "CNN008",
         "repeat 1000000000 is more than 100,000 layers"),
        ("- ReLU:\n  repeat: 2.5", "CNN007",
         "repeat must be an integer of 0 or more, not '2.5'"),
        ("- ReLU:\n  repeat: $(5 / 2)", "CNN007",
         "repeat must be an integer of 0 or more, not '2.5' (from $(5 / 2))"),
        ("- ReLU:\n  if: 1", "CNN007", "if must be true or false, not '1'"),
        ("- Add: []", "CNN005", "Add takes at least one input, not 0"),
        ("- ReLU: [prev, input]", "CNN005", "ReLU takes one input, not 2"),
        ("- for: [a, b]\n  in: [[1, 2], [3]]\n  layers: [ReLU]", "CNN007",
         "row 2 has 1 value for 2 loop variables"),
        ("- MSELoss", "CNN002", "MSELoss is a loss: it stands under 'loss:', not among layers"),
        ("- {branches: {a: ReLU, b: }, merge: ReLU}", "CNN005", "ReLU takes one input, not 2"),
    ],
)  # fmt: skip
def test_mistakes(items, code, message):
    head = "blocks: {A: {layers: [B]}, B: {layers: [A]}}"
    problem = only_problem(spec(items, head=head))
    assert (problem.code, problem.message) == (code, message)


def test_blocks_do_not_see_loop_variables_or_tensors_of_the_caller():
    head = "blocks: {B: {layers: [{Conv2d: {out_channels: $c, kernel_size: 1}}]}}"
    problem = only_problem(spec("- B:\n  for: c\n  in: [1]", head=head))
    assert problem.code == "CNN004"
    head = "blocks: {B: {layers: [{Add: [prev, x]}]}}"
    problem = only_problem(spec("- ReLU:\n  name: x\n- B", head=head))
    assert problem.code == "CNN104"


def test_unknown_values_flow_without_a_second_problem():
    text = spec(
        """
        - Conv2d: {out_channels: $nope, kernel_size: 1}
        - Conv2d: {out_channels: $(2 * channels(prev)), kernel_size: 1}
        - ReLU:
          if: $(channels(prev) > 3)
        - ReLU:
          repeat: $(channels(prev))
        """
    )
    assert only_problem(text).code == "CNN004"
    assert types(compute(text)) == ["Conv2d", "Conv2d", "ReLU", "ReLU"]


def test_item_expectations_are_checked_for_each_expansion():
    items = """
    - Conv2d: {out_channels: $c, kernel_size: 1}
      for: c
      in: [4, 8]
      expect: {shape: [4, 16, 16], params: 16}
    """
    report = compute(spec(items))
    assert [check.ok for check in report.checks] == [True, True, False, False]
    assert [p.code for p in report.problems] == ["CNN701", "CNN701"]


def test_an_item_that_is_not_understood_keeps_its_place():
    report = compute(
        spec(
            """
            - conv2d: {out_channels: 4, kernel_size: 3}
              name: stem
            - relu
            - Add: [prev, stem]
            """
        )
    )
    assert [p.help for p in report.problems] == ["did you mean 'Conv2d'?", "did you mean 'ReLU'?"]
    assert [row.node.type for row in report.rows] == ["conv2d", "relu", "Add"]
    assert [row.node.problem is not None for row in report.rows] == [True, True, False]
    assert report.totals.params is None


def test_a_network_stops_growing_at_the_limits(monkeypatch):
    monkeypatch.setattr(assembler, "MAX_LAYERS", 200)
    problem = only_problem(spec("- {layers: [ReLU], repeat: 40, for: i, in: $(range(30))}"))
    assert (problem.code, problem.message) == ("CNN008", "the network has more than 200 layers")
    monkeypatch.setattr(expander, "MAX_ITEMS", 3000)
    problem = only_problem(spec("- {layers: {layers: [], repeat: 500}, repeat: 500}"))
    message = "the spec expands to more than 3,000 items"
    assert (problem.code, problem.message) == ("CNN008", message)


def test_an_item_with_an_unknown_modifier_is_computed_but_not_sure():
    report = compute(spec("- ReLU:\n  repaet: 3\n- Flatten"))
    assert [p.help for p in report.problems] == ["did you mean 'repeat'?"]
    assert [row.node.type for row in report.rows] == ["ReLU"] * 3 + ["Flatten"]
    assert [row.assumed for row in report.rows] == [True] * 4
    assert report.totals.params is None


@pytest.mark.parametrize(
    ("head", "items", "message"),
    [
        (
            "heads: {a: {from: x, train_only: true, layers: [ReLU]}, b: {from: a, layers: [ReLU]}}",
            "- ReLU:\n  name: x",
            "'a' exists in training only, and this at inference too",
        ),
        (
            "heads: {a: {from: x, train_only: true, layers: [ReLU]}}\noutputs: [a]",
            "- ReLU:\n  name: x",
            "'a' exists in training only, and this at inference too",
        ),
        ("", "- Chunk: 3\n  name: [a, b, c]", "the network ends in several tensors"),
        (
            "loss: MultiMarginLoss",
            "- ReLU",
            "MultiMarginLoss needs a prediction of 1 axis (classes,), not [3, 16, 16]",
        ),
        ("", "- {ReLU: , Flatten: }", "one item holds both 'ReLU' and 'Flatten'"),
    ],
)
def test_mistakes_at_the_ends_of_a_network(head, items, message):
    assert only_problem(spec(items, head=head)).message == message


@pytest.mark.parametrize("layers", ["[]", "", "~"])
def test_a_network_needs_layers(layers):
    assert (
        only_problem(f"cnncalc: 1\ninput: [3]\nlayers: {layers}\n").message == "'layers' is empty"
    )


@pytest.mark.parametrize(
    ("name", "help"),
    [
        ("NLLLoss", "losses: "),
        ("MSELos", "did you mean 'MSELoss'?"),
        ("CrossEntropy", "did you mean 'CrossEntropyLoss'"),
    ],
)
def test_a_loss_is_not_taken_for_another_that_also_ends_in_loss(name, help):
    [problem] = compute(spec("- Flatten", head=f"loss: {name}")).problems
    assert problem.message == f"cnncalc has no loss '{name}'"
    assert problem.help.startswith(help)
