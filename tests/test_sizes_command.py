"""`cnncalc sizes`: what it says of published networks and of mistakes, and its closed forms."""

import json
from itertools import product as pairs

import pytest
from click.testing import CliRunner
from helpers import compute, loaded, spec
from hypothesis import given, strategies as st
from test_sizes import graph_of

from cnncalc import source
from cnncalc.analysis.course import Course, Form, form
from cnncalc.analysis.size_report import symbolic, total
from cnncalc.analysis.size_rules import Product, Rule, equal, neighbours, rule
from cnncalc.analysis.sizes import axes, footing, trace
from cnncalc.cli import group
from cnncalc.language.builder import Settings
from cnncalc.pipeline import analyse, load
from cnncalc.render.sizes import form_text, product_text, words


def ask(*words, text=None, tmp_path=None):
    if text is not None:
        path = tmp_path / "net.yaml"
        path.write_text(text, encoding="utf-8")
        words = (str(path), *words)
    return CliRunner().invoke(group, ["sizes", *words])


def answer(*words, **where):
    result = ask(*words, "--format", "json", **where)
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def rules(found, key="legal"):
    return [one[key]["rule"] for one in found["axes"]]


# ---- what is published


def test_alexnet_needs_63_pixels_and_vgg_32():
    """torchvision documents both: weights.meta["min_size"] of alexnet and of vgg16."""
    assert rules(answer("alexnet")) == ["H >= 63", "W >= 63"]
    assert rules(answer("vgg16")) == ["H >= 32", "W >= 32"]


def test_googlenet_needs_15_and_densenet_29_and_inception_75():
    """torchvision's weights.meta["min_size"]; Inception's there is 75 as well."""
    assert rules(answer("googlenet")) == ["H >= 15", "W >= 15"]
    assert rules(answer("densenet121")) == ["H >= 29", "W >= 29"]
    assert rules(answer("inception_v3")) == ["H >= 75", "W >= 75"]


def test_unet_with_padding_takes_multiples_of_16():
    """Four poolings, and skips that must be as large as what is upsampled again."""
    found = answer("unet")
    assert rules(found) == ["H = 16 k, from 16", "W = 16 k, from 16"]
    assert found["map"]["shape"] == [2, "H", "W"]
    broken = [(one["size"], one["path"]) for one in found["axes"][0]["breaks"]]
    assert [size for size, _ in broken] == [255, 257]
    assert all(path.endswith("Up.2") for _, path in broken)  # the Concat


def test_inception_is_made_for_299():
    """Szegedy et al. 2016 feed 299, at which no window of theirs is cut off."""
    (height, _) = answer("inception_v3")["axes"]
    assert (299 - height["windows_fit"]["smallest"]) % height["windows_fit"]["period"] == 0


def test_sizes_that_give_a_map():
    """The last map of ResNet-50 has ceil(H / 32) rows; that of VGG-16 floor(H / 32)."""
    found = answer("resnet50", "--target-output", "7x4")
    assert rules(found, "target") == ["H = 193 to 224", "W = 97 to 128"]
    assert rules(answer("vgg16", "--target-output", "7"), "target")[0] == "H = 224 to 255"


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ([], "last map, layers.7: 120 x "),
        (["--layer", "c3"], "map, layers.3: 16 x "),
        (["--layer", "layers.3"], "map, layers.3: 16 x "),
        (["--layer", "layers.9"], "output, layers.9: 84"),
    ],
)
def test_a_map_that_is_asked_for_is_not_called_the_last(layer, words):
    lines = ask("lenet5", *layer).output.splitlines()
    assert [line.startswith(words) for line in lines if ", layers." in line] == [True]


def test_lenet_has_its_weights_for_a_map_of_one_pixel():
    """Its Linear layer behind the last convolution reads 120 numbers: 32 to 35 pixels."""
    assert rules(answer("lenet5"), "same_weights") == ["H = 32 to 35", "W = 32 to 35"]


# ---- closed forms


@pytest.mark.parametrize("name", ["lenet5", "unet", "resnet50", "vgg16", "googlenet", "yolov3"])
def test_forms_give_the_shapes_and_macs_of_plain_inference(name):
    """At sizes of which neither axis is the written one, and which are not equal."""
    one = load(source.read(name))
    graph = graph_of(one)
    around, base = axes(graph), footing(graph)
    traces = [trace(graph, axis, base) for axis in around]
    forms = symbolic(graph, traces, [axis.written for axis in around])
    macs = total(forms)
    legal = [list(found.legal.sizes(33, 330)) for found in traces]
    heights, widths = (sizes[3 + i :: len(sizes) // 3] for i, sizes in enumerate(legal))
    for height, width in pairs(heights, widths):
        channels, *_ = base["input"]
        report = analyse(one, Settings(inputs={"input": (channels, height, width)}))
        rows = [row for row in report.rows if not row.node.train_only]
        for row, formula in zip(rows, forms, strict=True):
            shape = tuple(size.at((height, width)) for size in formula.shape)
            assert (formula.path, shape) == (row.node.path, row.out_shapes[0])
            assert formula.macs.at((height, width)) == row.cost.macs
        assert sum(one.at((height, width)) for one in macs) == report.totals.macs


def test_nested_floors_are_one():
    """floor((floor((H + a) / b) + c) / d) = floor((H + a + b c) / (b d))."""
    text = spec(
        """
        - MaxPool1d: {kernel_size: 3, stride: 2}
        - MaxPool1d: {kernel_size: 5, stride: 3}
        """,
        input="[1, 40]",
    )
    (found,) = answer_of_text(text)
    assert found == "floor((L - 5)/6)"  # (floor((L - 3) / 2) + 1 - 5) / 3, and 1


def answer_of_text(text):
    graph = graph_of(loaded(text))
    (axis,) = axes(graph)
    found = trace(graph, axis, footing(graph))
    last = found.values[graph.nodes[-1].outputs[0]].where(found.legal)
    return [form_text(form(last, 1), axis.letter)]


def test_symbolic_output_has_a_row_for_every_layer():
    found = answer("lenet5", "--symbolic")
    types = [row.node.type for row in analyse(load(source.read("lenet5"))).rows]
    assert [one["type"] for one in found["layers"]] == types
    assert found["layers"][0]["macs"] == "150 (H - 4) (W - 4)"  # 6 maps, 25 weights
    assert "840" in found["macs"]


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (Form(1, 1, 0, 1, 0, True), "H"),
        (Form(1, 1, 31, 32, 0, False), "floor((H + 31)/32)"),
        (Form(1, 1, 0, 16, 0, True), "H/16"),
        (Form(2, 1, -1, 2, 1, False), "2 floor((H - 1)/2) + 1"),
        (Form(1, 3, 0, 2, 0, False), "floor((3 H)/2)"),
        (Form(1, 0, 7, 1, 0, True), "7"),
    ],
)
def test_forms_in_words(one, said):
    assert form_text(one, "H") == said


def test_sums_stand_in_brackets_where_they_are_factors():
    half = Form(2, 1, -1, 2, 1, False)
    plus = Form(1, 1, 2, 1, 0, True)
    assert product_text(Product(3, ((0, half), (1, plus))), "HW") == (
        "3 (2 floor((H - 1)/2) + 1) (W + 2)"
    )


# ---- rules in words


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (Rule(5, 1, (0,), ()), "H >= 5"),
        (Rule(1, 16, (0,), ()), "H = 16 k, from 16"),
        (Rule(173, 16, (12,), ()), "H = 16 k + 12, from 188"),
        (Rule(1, 8, (0, 6, 7), ()), "H = 8 k + 6 to 8 k + 8, from 6"),
        (Rule(1, 8, (1, 2, 5), ()), "H = 8 k + 1 to 8 k + 2, 8 k + 5, from 1"),
        (Rule(1, 8, (0, 1), ()), "H = 8 k to 8 k + 1, from 1"),
        (Rule(9, 1, (0,), (3, 5)), "H = 3, 5 and H >= 9"),
        (Rule(9, 1, (), (3, 4, 5, 8)), "H = 3 to 5, 8"),
        (Rule(99, 1, (), (3, 19, 35)), "H = 3, 19, ..., 35 (every 16)"),
        (Rule(1, 1, (), ()), "none"),
    ],
)
def test_rules_in_words(one, said):
    assert words(one, "H") == said


def test_equal_finds_all_sizes_with_a_value():
    half = Course(((0,), (1,)), 2, (1,))  # floor(n / 2)
    assert list(equal(half, 0, 500).sizes(1, 2000)) == [1000, 1001]
    assert rule(equal(half, 0, 500)).residues == ()
    assert list(neighbours(equal(half, 0, 2), 4)) == [3, 6]


# ---- sizes that are tried, and mistakes

CROPS = spec(
    """
    - Conv1d: {out_channels: 2, kernel_size: 3}
      name: a
    - MaxPool1d: 2
    - Upsample: {scale_factor: 2}
      name: up
    - CenterCrop: {size: $(spatial(up))}
      from: a
    - Concat: [prev, up]
    """,
    input="[1, 9]",
)


def test_a_spec_that_computes_with_sizes_is_tried(tmp_path):
    found = answer("--range", "1:12", text=CROPS, tmp_path=tmp_path)
    assert "spatial()" in found["tried_because"]
    (axis,) = found["axes"]
    assert axis["tried"] == [1, 12]
    expected = [n for n in range(1, 13) if not compute(CROPS, inputs={"input": (1, n)}).problems]
    assert axis["legal"]["also"] == expected == list(range(4, 13))


@pytest.mark.parametrize(
    ("pool", "fits"),
    [
        ("{kernel_size: 2, stride: 2, padding: 1, ceil_mode: true}", [2, 4, 6, 8]),
        ("{kernel_size: 2, stride: 3, ceil_mode: true}", [2, 5, 8]),
        ("{kernel_size: 3, stride: 3, padding: 1, ceil_mode: true}", [1, 4, 7]),
    ],
)
def test_with_ceil_mode_windows_fit_where_nothing_is_rounded(pool, fits, tmp_path):
    """By hand: 33 positions and padding of 1 + 1 leave the last padding unread for windows of 2."""
    text = spec(f"- MaxPool1d: {pool}", input="[1, 32]")
    (axis,) = answer("--range", "1:8", text=text, tmp_path=tmp_path)["axes"]
    assert [int(row["size"]) for row in axis["range"] if row["windows_fit"] == "yes"] == fits


def test_what_needs_closed_forms_is_refused_where_there_are_none(tmp_path):
    result = ask("--symbolic", text=CROPS, tmp_path=tmp_path)
    assert (result.exit_code, "needs closed forms" in result.output) == (2, True)


def test_odd_scales_are_tried(tmp_path):
    text = spec("- Upsample: {scale_factor: 0.7}", input="[1, 9]")
    found = answer(text=text, tmp_path=tmp_path)
    assert "Upsample" in found["tried_because"]


def test_a_written_size_that_does_not_work_gets_the_nearest_that_do():
    result = ask("unet", "--input", "3x100x96")
    assert result.exit_code == 0
    assert "; the nearest that work: 96 and 112" in result.output


NEVER = spec(
    """
    - Conv1d: {out_channels: 2, kernel_size: 3}
      name: a
    - Conv1d: {out_channels: 3, kernel_size: 1}
    - Add: [prev, a]
    """,
    input="[1, 9]",
)


def test_sizes_that_never_work_are_said_to(tmp_path):
    result = ask(text=NEVER, tmp_path=tmp_path)
    assert result.exit_code == 1
    assert "L legal  none" in result.output
    assert "Add needs inputs of one shape" in result.output


def test_two_inputs_have_sizes_of_their_own(tmp_path):
    text = """
cnncalc: 1
inputs: {left: [3, 20], right: [3, 16]}
layers:
  - Conv1d: {out_channels: 3, kernel_size: 5}
    from: left
  - Add: [prev, right]
"""
    found = answer(text=text, tmp_path=tmp_path)
    assert [(one["inputs"], one["legal"]["rule"]) for one in found["axes"]] == [
        (["left"], "L = 5, 20"),  # 5 leaves one value a channel, which is added everywhere
        (["right"], "L = 1, 16"),
    ]


def test_two_inputs_of_one_size_vary_together(tmp_path):
    text = """
cnncalc: 1
inputs: {left: [3, 16], right: [3, 16]}
layers:
  - Add: [left, right]
"""
    (one,) = answer(text=text, tmp_path=tmp_path)["axes"]
    assert (one["inputs"], one["legal"]["rule"]) == (["left", "right"], "L >= 1")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["resnet50", "--range", "3"], "such as 200:230"),
        (["resnet50", "--range", "9:3"], "must rise"),
        (["resnet50", "--target-output", "x"], "such as 7x7"),
        (["resnet50", "--target-output", "7x7x7"], "has 2 axes"),
        (["lenet5", "--target-output", "7", "--layer", "layers.9"], "layers.9 gives a vector"),
        (["resnet50", "--layer", "nope"], "there is no layer 'nope'"),
        (["nothing_of_this_name"], "nothing_of_this_name"),
    ],
)
def test_wrong_usage_is_told(words, said):
    result = ask(*words)
    assert result.exit_code == 2
    assert said in result.output
    assert "Traceback" not in result.output


def test_an_input_without_axes_is_told(tmp_path):
    result = ask(text=spec("- Linear: 10", input="[784]"), tmp_path=tmp_path)
    assert result.exit_code == 2
    assert "no spatial axes" in result.output


def test_other_errors_of_a_spec_come_first(tmp_path):
    result = ask(text=spec("- Conv2d: {out_chanels: 3}"), tmp_path=tmp_path)
    assert result.exit_code == 1
    assert "did you mean 'out_channels'?" in result.output


def test_a_range_shows_every_size():
    found = answer("alexnet", "--range", "61:64")
    rows = found["axes"][0]["range"]
    assert [row["size"] for row in rows] == ["61", "62", "63", "64"]
    assert [bool(row["breaks"]) for row in rows] == [True, True, False, False]
    assert [row["windows_fit"] for row in rows] == ["no", "no", "yes", "no"]
    assert rows[2]["map"] == "256 x 1 x 6"


def test_where_weights_fit_only_sizes_that_are_too_large_nothing_is_said_of_them(tmp_path):
    text = spec("- MaxPool2d: 2\n- Flatten\n- Linear: 2", input="[1, 100000, 28]")
    height, width = answer(text=text, tmp_path=tmp_path)["axes"]
    assert height["legal"]["rule"] == "H >= 2"
    assert height["same_weights"] is None
    assert width["same_weights"]["rule"] == "W = 28 to 29"


@given(st.lists(st.sampled_from([None, ()]), min_size=1, max_size=9), st.data())
def test_neighbours_are_those_that_a_search_of_all_finds(entries, data):
    course = Course(tuple(entries), data.draw(st.integers(1, len(entries))))
    n = data.draw(st.integers(1, 40))
    failing = [m for m in range(1, 80) if course.at(m) is None]
    below, above = [m for m in failing if m < n], [m for m in failing if m > n]
    assert list(neighbours(course, n)) == [*below[-1:], *above[:1]]


def test_a_size_of_any_length_is_answered_at_once(tmp_path):
    text = spec("- Conv2d: {out_channels: 1, kernel_size: 3}", input="[1, 2000000000, 9]")
    height, _ = answer(text=text, tmp_path=tmp_path)["axes"]
    assert height["legal"]["rule"] == "H >= 3"
    assert [one["size"] for one in height["breaks"]] == [2]
