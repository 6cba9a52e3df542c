"""Rules about how a spec is written: what their fixes leave is the same network."""

import pytest
from helpers import compute, loaded, spec
from lint_helpers import applied, check, findings, network

from cnncalc import source
from cnncalc.lint import rules

BLOCK = """
blocks:
  Step:
    args: {out: 8, kernel_size: 3}
    layers:
      - Conv2d: {out_channels: $out, kernel_size: $kernel_size, padding: same}
      - ReLU
"""


def layers(text):
    """The layers of a spec without their paths."""
    report = compute(text)
    assert not report.problems
    return [
        (row.node.type, str(row.node.layer), row.in_shapes, row.out_shapes) for row in report.rows
    ]


# ---- CNN801


@pytest.mark.parametrize(
    ("written", "mended"),
    [
        (
            "Conv2d: {out_channels: 8, kernel_size: 3, stride: 1}",
            "Conv2d: {out_channels: 8, kernel_size: 3}",
        ),
        (
            "Conv2d: {stride: [1, 1], out_channels: 8, kernel_size: 3}",
            "Conv2d: {out_channels: 8, kernel_size: 3}",
        ),
        (
            "Conv2d:\n    out_channels: 8\n    padding: 0\n    kernel_size: 3",
            "Conv2d:\n    out_channels: 8\n    kernel_size: 3",
        ),
        ("MaxPool2d: {kernel_size: 3, ceil_mode: false}", "MaxPool2d: {kernel_size: 3}"),
        ("BatchNorm2d: {eps: 0.00001, momentum: 0.2}", "BatchNorm2d: {momentum: 0.2}"),
    ],
)
def test_a_default_is_taken_out_and_the_layer_is_the_same(written, mended):
    text = spec(f"- {written}\n- ReLU")
    [problem] = findings(text, "CNN801")
    assert problem.fix.safe
    after = applied(text, problem.fix)
    assert after == spec(f"- {mended}\n- ReLU")
    assert layers(after) == layers(text)
    assert findings(after, "CNN801") == ()


@pytest.mark.parametrize(
    "written",
    [
        "Conv2d: {out_channels: 8, kernel_size: 3, stride: $one}",
        "Conv2d: {out_channels: 8, kernel_size: 3, dilation: [1, $one]}",
        "Conv2d: {out_channels: 8, kernel_size: 3, bias: true}",  # over the file's own default
        "Dropout: 0.5",
        "ReLU: {inplace: true}",
        "AvgPool2d: {kernel_size: 3, count_include_pad: true}",
        "Conv2d: {out_channels: 1, kernel_size: 1, in_channels: 3}",
    ],
)
def test_what_says_something_is_kept(written):
    head = "vars: {one: 1}\ndefaults: {Conv2d: {bias: false}}"
    text = spec(f"- {written}", head=head)
    assert findings(text, "CNN801") == ()


def test_the_option_names_what_is_kept():
    text = spec("- AvgPool2d: {kernel_size: 3, count_include_pad: true, ceil_mode: false}")
    kept = {"ceil_mode": ["count_include_pad"], "x": ["count_include_pad", "ceil_mode"]}
    for keep, reported in kept.items():
        found = findings(text, "CNN801", keep=[keep])
        assert [problem.message.split()[-1] for problem in found] == reported


@pytest.mark.parametrize(
    "written",
    ["BatchNorm2d: {eps: 0.00001}\n  name: x", "{BatchNorm2d: {eps: 0.00001}, name: x}"],
)
def test_the_only_argument_of_an_item_with_a_name_has_no_fix(written):
    [problem] = findings(spec(f"- {written}"), "CNN801")
    assert problem.fix is None


def test_all_defaults_of_the_bundled_specs_can_be_taken_out():
    for name in source.bundled():
        text = source.read_bundled(name).data.decode()
        for problem in check(network(loaded(text)), [rules.catalogue()["CNN801"]()]):
            after = applied(text, problem.fix)
            assert len(after) < len(text)
            assert layers(after) == layers(text)


# ---- CNN802


@pytest.mark.parametrize(
    ("written", "mended"),
    [
        ("- Step: 8\n- Step: 8\n- Step: 8\n- Step: 4", "- Step: 8\n  repeat: 3\n- Step: 4"),
        ("- Step # a\n- Step # b\n- Step", "- Step:\n  repeat: 3 # a\n# b"),
        (
            "- Step:\n    out: 4\n- Step: {out: 4}\n- Step: {out: 4}",
            "- Step:\n    out: 4\n  repeat: 3",
        ),
        ("- layers: [Step, Step, Step, Tanh]", "- layers: [{Step: null, repeat: 3}, Tanh]"),
        ("- layers: [{Step: 4}, {Step: 4}, {Step: 4}]", "- layers: [{Step: 4, repeat: 3}]"),
        (
            "- Tanh\n- Step: 2\n- Step: 4\n- Step: 9",
            "- Tanh\n- for: value\n  in: [2, 4, 9]\n  layers:\n    - Step: $value",
        ),
        (
            "- Step: {out: 2} # a\n- Step: {out: 0x10} # b\n- Step: {out: 9}",
            "- for: value\n  in: [2, 0x10, 9]\n  layers:\n    - Step: {out: $value} # a\n# b",
        ),
        (
            "- Step: {out: 4, kernel_size: 1}\n- Step: {out: 4, kernel_size: 1}\n"
            "- Step: {out: 4, kernel_size: 3}",
            "- for: value\n  in: [1, 1, 3]\n  layers:\n    - Step: {out: 4, kernel_size: $value}",
        ),
    ],
)
def test_the_loop_means_what_was_written_out(written, mended):
    text = spec(written, head=BLOCK)
    [problem] = findings(text, "CNN802")
    assert not problem.fix.safe
    after = applied(text, problem.fix)
    assert after.rstrip("\n") == spec(mended, head=BLOCK).rstrip("\n")
    assert layers(after) == layers(text)
    assert findings(after, "CNN802") == ()


@pytest.mark.parametrize(
    "written",
    [
        "- layers: [{Step: 4}, {Step: 5}, {Step: 6}]",
        "- layers: [Step: 4, Step: 4, Step: 4]",
        "- Step: 4\n  repeat: 2\n- Step: 4\n  repeat: 2\n- Step: 4\n  repeat: 2",
        "- Step: {out: 4,\n    kernel_size: 1}\n- Step: {out: 5,\n    kernel_size: 1}\n"
        "- Step: {out: 6,\n    kernel_size: 1}",
        "- Step: 4\n- Step: # so\n    4\n- Step: 4",
        "- Step: 4\n- Step: 4\n- Step: 4\n- Add: [prev, prev2]",
    ],
)
def test_what_is_written_otherwise_has_no_fix(written):
    [problem] = findings(spec(written, head=BLOCK), "CNN802")
    assert problem.fix is None


def test_a_loop_is_named_after_its_argument_where_nothing_else_is():
    written = "\n".join(f"- Conv2d: {{out_channels: {n}, kernel_size: 1}}" for n in (4, 5, 6))
    [problem] = findings(spec(written), "CNN802")
    assert problem.message == "3 items in a row differ in one out_channels only: 4, 5, 6"
    after = applied(spec(written), problem.fix)
    assert "for: out_channels\n" in after
    assert layers(after) == layers(spec(written))
    taken = spec(written, head="vars: {out_channels: 7}")
    assert "for: value\n" in applied(taken, findings(taken, "CNN802")[0].fix)
    every = spec(written, head="vars: {out_channels: 7, value: 1, n: 2}")
    assert findings(every, "CNN802")[0].fix is None


@pytest.mark.parametrize(
    "written",
    [
        "- Step: 8\n- Step: 8",
        "- Step: 8\n- Step: 8\n- Tanh\n- Step: 8",
        "- Step: 8\n- Step: 9\n- Step: {out: 10}",
        "- Step: {out: 1, kernel_size: 1}\n- Step: {out: 3, kernel_size: 1}\n"
        "- Step: {out: 3, kernel_size: 3}",
        "- GroupNorm: {num_groups: 1, bias: true}\n- GroupNorm: {num_groups: 1, bias: false}\n"
        "- GroupNorm: {num_groups: 1, bias: true}",
        "- Step: 8\n  repeat: 3",
        "- Step: $n\n- Step: 8\n- Step: 9",
        "- Tanh\n- ReLU\n- Sigmoid",
    ],
)
def test_what_differs_in_more_is_not_reported(written):
    assert findings(spec(written, head=f"vars: {{n: 4}}{BLOCK}"), "CNN802") == ()


@pytest.mark.parametrize(
    "where",
    [
        "- Tanh\n- layers:\n  - RUN",
        "- branches:\n    a:\n    - RUN\n    b: [Tanh]\n  merge: Concat",
        "- for: i\n  in: [1, 2]\n  layers:\n  - RUN",
    ],
)
def test_lists_at_any_depth_are_looked_at(where):
    indent = where.splitlines()[[line.strip() for line in where.splitlines()].index("- RUN")]
    run = "\n".join(indent.replace("RUN", "Dropout: 0.1") for _ in range(3))
    text = spec(where.replace(indent, run))
    [problem] = findings(text, "CNN802")
    assert text.splitlines()[problem.span.line - 1].strip() == "- Dropout: 0.1"
    assert layers(applied(text, problem.fix)) == layers(text)


def test_blocks_and_heads_are_looked_at():
    thrice = "[{Dropout: 0.1}, {Dropout: 0.1}, {Dropout: 0.1}]"
    text = spec(
        "- Once:\n  name: x",
        head=f"blocks: {{Once: {{layers: {thrice}}}}}\n"
        f"heads: {{aux: {{from: x, layers: {thrice}}}}}",
    )
    assert [problem.span.line for problem in findings(text, "CNN802")] == [3, 4]


def test_two_runs_in_one_list_are_two_findings():
    text = spec("- Step: 8\n- Step: 8\n- Step: 8\n- Step: 4\n- Step: 5\n- Step: 6", head=BLOCK)
    found = findings(text, "CNN802")
    assert [problem.message[:13] for problem in found] == ["3 equal items", "3 items in a "]


def test_line_ends_of_windows_stay():
    text = spec("- Step: 8\n- Step: 8\n- Step: 8", head=BLOCK).replace("\n", "\r\n")
    [problem] = findings(text, "CNN802")
    after = applied(text, problem.fix)
    assert after.count("\n") == after.count("\r\n")
    assert layers(after) == layers(text)
