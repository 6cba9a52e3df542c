"""`cnncalc diff`: what it says of two specs, in every format, and how it ends."""

import csv
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from cnncalc.analysis.difference import Total
from cnncalc.cli import group
from cnncalc.render.difference import percent

PUBLISHED = Path(__file__).parent / "data" / "published" / "torchvision.csv"
CONV = "  - Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}\n"
BASE = f"""\
cnncalc: 1
input: [3, 8, 8]
vars: {{classes: 4}}
layers:
{CONV}  - ReLU
  - Flatten
  - Linear: $classes
variants:
  large: {{set: {{classes: 40}}}}
"""
WIDE = BASE.replace("out_channels: 4", "out_channels: 8")
BLOCK = """\
cnncalc: 1
input: [3, 8, 8]
blocks:
  ConvAct:
    args: {out: required}
    layers: [{Conv2d: {out_channels: $out, kernel_size: 3, padding: 1}}, ReLU]
layers: [{ConvAct: 4}, Flatten, {Linear: 4}]
"""
BROKEN = "cnncalc: 1\ninput: [3, 8, 8]\nlayers: [ReLU, {Linear: 4}]\n"
UNREADABLE = "cnncalc: 1\ninput: [3, 8, 8\n"


def run(*arguments, code=0, **options):
    result = CliRunner().invoke(group, ["diff", *arguments], **options)
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    named = {"base": BASE, "wide": WIDE, "block": BLOCK, "broken": BROKEN, "cut": UNREADABLE}
    for name, text in named.items():
        write(name, text)


def write(name, text):
    Path(f"{name}.yaml").write_text(text, encoding="utf-8")
    return f"{name}.yaml"


def found(*arguments, code=0):
    return json.loads(run(*arguments, "--format", "json", code=code).stdout)


def edits(result):
    """Kind, path and differences of what is not only affected."""
    return [
        (one["change"], (one["new"] or one["old"])["path"], one["what"])
        for one in result["layers"]
        if one["change"] != "affected"
    ]


def layers(text):
    return f"cnncalc: 1\ninput: [4, 8, 8]\nlayers:\n{text}"


# ---- numbers


def test_numbers_by_hand():
    """base: 4 x 28 and 256 x 4 + 4 params, 64 x 108 and 1024 MACs; wide has twice the channels."""
    result = found("base.yaml", "wide.yaml")
    totals = result["totals"]
    assert totals["params"] == {
        "old": 112 + 1028, "new": 224 + 2052, "change": 1136, "percent": 113600 / 1140,
    }  # fmt: skip
    assert totals["macs"]["change"] == 64 * 108 + 1024
    assert totals["macs"]["percent"] == 100
    assert totals["size"]["old"] == 4 * 1140
    assert totals["peak_memory"]["old"] == 4 * (256 + 256)
    assert totals["peak_memory"]["change"] == 4 * 512
    assert totals["receptive_field"] == {"old": 3, "new": 3, "change": 0, "percent": 0.0}
    assert totals["depth"] == {"old": 2, "new": 2, "change": 0, "percent": 0.0}
    conv, relu, flatten, linear = result["layers"]
    assert conv["change"] == "changed"
    assert conv["what"] == ["layer", "output", "params", "macs", "memory"]
    assert (conv["old"]["memory"], conv["new"]["memory"]) == (1024, 2048)
    assert (conv["old"]["args"]["out_channels"], conv["new"]["args"]["out_channels"]) == (4, 8)
    assert [one["change"] for one in (relu, flatten, linear)] == ["affected"] * 3
    assert relu["what"] == flatten["what"] == ["output", "memory"]
    assert linear["what"] == ["params", "macs"]
    assert (linear["old"]["macs"], linear["new"]["macs"]) == (1024, 2048)


def test_published_totals():
    with PUBLISHED.open(newline="", encoding="utf-8") as lines:
        known = {row["name"]: row for row in csv.DictReader(lines)}
    for old, new in (("resnet50", "resnet101"), ("vgg16", "vgg11"), ("densenet121", "resnet18")):
        totals = found(old, new, "--top", "0")["totals"]
        for name in ("params", "macs"):
            before, after = int(known[old][name]), int(known[new][name])
            assert (totals[name]["old"], totals[name]["new"]) == (before, after)
            assert totals[name]["percent"] == pytest.approx(100 * (after - before) / before)


def test_resnet101_is_resnet50_with_17_blocks_more():
    """17 bottlenecks of 10 layers (3 x Conv2d, BatchNorm2d, ReLU, and Add), in stage 3."""
    marked = edits(found("resnet50", "resnet101"))
    assert {kind for kind, *_ in marked} == {"added"}
    assert len(marked) == 170
    assert {re.match(r"layers\.3\[\d\]", path)[0] for _, path, _ in marked} == {"layers.3[2]"}


def test_batch_dtype_input_set_and_variant_hold_for_both():
    result = found("base.yaml", "wide.yaml", "--batch", "3", "--dtype", "float16")
    totals = result["totals"]
    assert result["layers"][0]["old"]["memory"] == 2 * 3 * 256
    assert totals["peak_memory"]["old"] == 2 * 3 * 512
    assert totals["size"]["new"] == 2 * 2276
    totals = found("base.yaml", "wide.yaml", "--input", "3x4x4")["totals"]
    assert totals["macs"]["old"] == 16 * 108 + 64 * 4
    for changed in (("--set", "classes=40"), ("--variant", "large")):
        assert found("base.yaml", "wide.yaml", *changed)["totals"]["params"]["old"] == (
            112 + 256 * 40 + 40
        )
    assert run("base.yaml", "wide.yaml", "--variant", "large").stdout.startswith(
        "base.yaml (large) → wide.yaml (large)\n"
    )


# ---- what is marked


def test_a_network_that_is_the_same():
    said = "{0} and {1} are the same network: 4 layers, 1,140 params, 7,936 MACs\n"
    for other in ("base.yaml", "block.yaml"):
        assert run("base.yaml", other).stdout == said.format("base.yaml", other)
        assert found("base.yaml", other)["same"]
        assert found("base.yaml", other)["layers"] == []
    assert "base.yaml and block.yaml are the same network" in (
        run("base.yaml", "block.yaml", "--format", "markdown").stdout
    )


def test_names_and_renamed_blocks_do_not_matter():
    write("renamed", BLOCK.replace("ConvAct", "Stem"))
    write("named", BASE.replace("  - ReLU", "  - ReLU:\n    name: act"))
    assert found("block.yaml", "renamed.yaml")["same"]
    assert found("base.yaml", "named.yaml")["same"]


def test_a_changed_block_in_a_renamed_one_is_still_the_same_place():
    write("renamed", BLOCK.replace("ConvAct", "Stem").replace("kernel_size: 3", "kernel_size: 5"))
    marked = edits(found("block.yaml", "renamed.yaml"))
    assert [(kind, path) for kind, path, _ in marked] == [("changed", "layers.0.Stem.0")]


def test_what_moves_behind_an_insertion_is_not_marked():
    write("more", BASE.replace("  - Flatten", "  - BatchNorm2d\n  - Dropout: 0.2\n  - Flatten"))
    result = found("base.yaml", "more.yaml")
    assert edits(result) == [("added", "layers.2", []), ("added", "layers.3", [])]
    assert len(result["layers"]) == 2
    back = found("more.yaml", "base.yaml")
    assert [kind for kind, *_ in edits(back)] == ["removed", "removed"]


def test_equal_layers_stay_where_they_were():
    """The second ReLU stays in its block; and of equal texts, that with as many params stays."""
    blocks = (
        "cnncalc: 1\ninput: [3, 8, 8]\nblocks:\n  A: {{layers: [{}]}}\n  B: {{layers: [ReLU]}}\n"
    )
    old = write("old", blocks.format("Tanh, ReLU") + "layers: [A, B]\n")
    new = write("new", blocks.format("Tanh") + "layers: [A, B]\n")
    assert edits(found(old, new)) == [("removed", "layers.0.A.1", [])]
    conv = "  - Conv2d: {out_channels: 8, kernel_size: 3}\n"
    old, new = (
        write("old", layers("  - Tanh\n" + conv)),
        write("new", layers("  - ReLU\n" + 2 * conv)),
    )
    assert edits(found(old, new)) == [
        ("changed", "layers.0", ["layer"]), ("added", "layers.2", []),
    ]  # fmt: skip


def test_of_equal_layers_that_stays_which_is_more_alike():
    """Where the ends are others, too, so that neither beginning nor end tells which it is."""
    blocks = (
        "cnncalc: 1\ninput: [3, 8, 8]\nblocks: {{A: {{layers: [{}]}}, B: {{layers: [ReLU]}}}}\n"
    )
    old = write("old", blocks.format("Tanh, ReLU") + "layers: [A, B, Tanh]\n")
    new = write("new", blocks.format("Tanh") + "layers: [A, B, GELU]\n")
    marked = edits(found(old, new))
    assert [one[:2] for one in marked] == [("removed", "layers.0.A.1"), ("changed", "layers.2")]
    conv = "  - Conv2d: {out_channels: 8, kernel_size: 3}\n"
    old = write("old", layers(2 * conv + "  - Tanh\n"))
    new = write("new", layers(conv + "  - GELU\n").replace("[4, 8, 8]", "[8, 8, 8]"))
    marked = edits(found(old, new))
    assert [one[:2] for one in marked] == [("removed", "layers.0"), ("changed", "layers.1")]


def test_another_type_in_the_same_place():
    write("gelu", BASE.replace("ReLU", "GELU"))
    assert edits(found("base.yaml", "gelu.yaml")) == [("changed", "layers.1", ["layer"])]
    assert "~ layers.1  ReLU → GELU\n" in run("base.yaml", "gelu.yaml").stdout


SKIP = """\
  - Conv2d: {out_channels: 4, kernel_size: 1}
    name: one
  - Conv2d: {out_channels: 4, kernel_size: 1}
    name: two
  - Conv2d: {out_channels: 4, kernel_size: 1}
  - Add: [prev, one]
"""


@pytest.mark.parametrize(
    ("then", "now", "moved"),
    [
        ("[prev, one]", "[prev, two]", ["inputs"]),
        ("[prev, one]", "[one, prev]", ["inputs"]),
        ("[prev, one]", "[prev, one, two]", ["inputs"]),
        ("[prev, one]", "[prev, input]", ["inputs"]),
        ("[prev, one]", "[one, one]", ["inputs"]),
        ("[prev, one, two]", "[prev, two]", ["inputs"]),
        ("[prev, one, two]", "[prev, one]", ["inputs"]),
        ("[prev, one]", "[prev, one]", []),
    ],
)
def test_a_layer_that_reads_something_else_is_marked(then, now, moved):
    old = write("old", layers(SKIP.replace("[prev, one]", then)))
    new = write("new", layers(SKIP.replace("[prev, one]", now)))
    result = found(old, new)
    assert [(one["new"]["path"], one["what"][:1]) for one in result["layers"]] == (
        [("layers.3", moved)] if moved else []
    )
    assert result["same"] is not bool(moved)


def test_layers_that_come_or_go_before_a_merge_explain_what_it_reads():
    """The second network has one layer more on the way, and one on the skip connection."""
    old = write("old", layers(SKIP))
    text = SKIP.replace("    name: one\n", "    name: one\n  - ReLU:\n    name: first\n")
    more = write("new", layers(text.replace("one]", "first]")))
    assert [kind for kind, *_ in edits(found(old, more))] == ["added"]
    assert [kind for kind, *_ in edits(found(more, old))] == ["removed"]


def test_what_reads_is_shown():
    old = write("old", layers(SKIP))
    new = write("new", layers(SKIP.replace("prev, one", "prev, two")))
    assert "Add; reads layers.2, layers.0 → layers.2, layers.1" in run(old, new).stdout


def test_another_input_and_another_output():
    text = "  - {Conv2d: {out_channels: 4, kernel_size: 1}, name: a}\n  - {ReLU: , name: b}\n"
    old = write("old", layers(text) + "outputs: [a]\n")
    new = write("new", layers(text) + "outputs: [b]\n")
    result = found(old, new)
    assert (result["outputs_changed"], result["inputs_changed"]) == (True, False)
    assert not result["same"]
    assert "output of layers.0 → layers.1" in run(old, new).stdout
    new = write("new", layers(text).replace("[4, 8, 8]", "[4, 9, 9]") + "outputs: [a]\n")
    result = found(old, new)
    assert (result["outputs_changed"], result["inputs_changed"]) == (False, True)
    assert "input 4 x 8 x 8 → 4 x 9 x 9" in run(old, new).stdout


def test_frozen_layers():
    old = write("old", layers("  - Conv2d: {out_channels: 4, kernel_size: 1}\n"))
    new = write(
        "new", layers("  - Conv2d: {out_channels: 4, kernel_size: 1}\n    trainable: false\n")
    )
    assert edits(found(old, new)) == [("changed", "layers.0", ["frozen"])]
    assert "kernel_size=1); now frozen" in run(old, new).stdout
    assert "; no longer frozen" in run(new, old).stdout


# ---- promises, problems, exit codes


def test_promises_broken_kept_and_changed():
    promise = "budget: {{params: {}}}\nexpect: {{macs: {}, params: {}}}\n"
    old = write("old", BASE + promise.format("2k", 7936, 1140))
    new = write("new", WIDE + promise.format("2k", 15872, 1140))
    out = run(old, new, code=1).stdout
    assert "✗ expect params 1140, is 2,276, held before\n" in out
    assert "✗ budget params <= 2k, is 2,276, held before\n" in out
    assert "✓ 1 of 3 promises hold\n" in out
    assert "promises changed: expect macs 7936 → 15872\n" in out
    result = found(old, new, code=1)
    assert [check["ok"] for check in result["checks"]] == [True, False, False]
    assert result["promises_changed"] == [
        {"kind": "expect", "key": "macs", "old": "7936", "new": "15872"}
    ]
    assert "expect macs 7936 → nothing" in run(old, "wide.yaml").stdout
    assert "budget params <= 2k → <= 3k" in (
        run(old, write("new", WIDE + "budget: {params: 3k}\n"), "--width", "200").stdout
    )


def test_a_lower_and_an_upper_limit_are_two_promises():
    old = write("old", BASE + "budget: {params: {min: 1k, max: 2k}}\n")
    new = write("new", WIDE + "budget: {params: {min: 1k, max: 3k}}\n")
    assert [one["new"] for one in found(old, new)["promises_changed"]] == ["<= 3k"]


def test_a_promise_broken_in_a_network_that_is_the_same():
    new = write("new", BASE + "budget: {params: 1k}\n")
    assert run("base.yaml", new, code=1).stdout.split("\n")[1:] == [
        "✗ budget params <= 1k, is 1,140",
        "",
    ]


def test_a_broken_network_is_shown_and_its_numbers_are_not_known():
    result = run("base.yaml", "broken.yaml", code=1)
    assert "broken.yaml:3:17: error CNN101" in result.stderr
    assert re.search(r"^params +1,140 +\? +\?$", result.stdout, re.MULTILINE)
    assert "params 1,028 → ?" in result.stdout
    totals = found("base.yaml", "broken.yaml", code=1)["totals"]
    assert totals["macs"] == {"old": 7936, "new": None, "change": None, "percent": None}


def test_a_shape_that_is_assumed_is_not_known():
    fails = "  - Conv2d: {out_channels: 4, kernel_size: 3}\n  - Add: [prev, input]\n  - ReLU\n"
    old, new = write("old", layers(fails.replace("kernel_size: 3", "kernel_size: 1"))), "new.yaml"
    write("new", layers(fails))
    last = found(old, new, code=1)["layers"][-1]
    assert (last["new"]["path"], last["new"]["output"], last["new"]["memory"]) == (
        "layers.2", None, None,
    )  # fmt: skip
    assert "output 4 x 8 x 8 → ?; params 0 → ?" in run(old, new, code=1).stdout


def test_errors_of_the_old_spec_are_shown_and_forgiven():
    result = run("broken.yaml", "base.yaml")
    assert "broken.yaml:3:17: error CNN101" in result.stderr
    assert run("broken.yaml", "broken.yaml", code=1).stderr.count("error CNN101") == 1


def test_a_spec_that_cannot_be_read_is_not_compared_layer_by_layer():
    result = run("base.yaml", "cut.yaml", code=1)
    assert "layers cannot be compared: cut.yaml could not be read" in result.stdout
    assert "cut.yaml:" in result.stderr
    assert found("cut.yaml", "base.yaml")["layers"] == []
    assert not found("cut.yaml", "cut.yaml", code=1)["same"]


@pytest.mark.parametrize(
    ("condition", "code", "said"),
    [
        ("params > +99%", 1, "✗ fail if params > +99%: +1,136 (+99.6%)"),
        ("params > +100%", 0, "✓ fail if params > +100%: +1,136 (+99.6%)"),
        ("peak memory > +2KiB", 0, "✓ fail if peak memory > +2KiB: +2 KiB (+100%)"),
        ("peak memory >= +2KiB", 1, "✗ fail if peak memory >= +2KiB: +2 KiB (+100%)"),
        ("depth > +0", 0, "✓ fail if depth > +0: no change"),
    ],
)
def test_conditions(condition, code, said):
    assert said in run("base.yaml", "wide.yaml", "--fail-if", condition, code=code).stdout


def test_several_conditions_of_which_one_holds():
    both = ("--fail-if", "macs > +1%", "--fail-if", "macs < -1%")
    result = found("base.yaml", "wide.yaml", *both, code=1)
    assert [one["holds"] for one in result["conditions"]] == [True, False]


def test_a_condition_on_a_number_that_is_not_known_fails():
    arguments = ("broken.yaml", "base.yaml", "--fail-if", "macs > +5%")
    out = run(*arguments, code=1).stdout
    assert "✗ fail if macs > +5%: cannot be told, MACs of broken.yaml not known" in out
    assert found(*arguments, code=1)["conditions"][0]["holds"] is None
    out = run("base.yaml", "broken.yaml", "--fail-if", "macs > +5%", code=1).stdout
    assert "MACs of broken.yaml not known" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("base.yaml",), "Missing argument 'NEW'"),
        (("base.yaml", "missing.yaml"), "no file and no bundled spec is called 'missing.yaml'"),
        (("base.yaml", "."), "'.' is a directory"),
        (("-", "-"), "standard input can be one of the two specs only"),
        (("base.yaml", "wide.yaml", "--fail-if", "macs > 5%"), "write +5% for an increase"),
        (("base.yaml", "wide.yaml", "--variant", "all"), "one variant is compared at a time"),
        (("base.yaml", "block.yaml", "--set", "classes=5"), "block.yaml: the spec has no variable"),
        (("block.yaml", "base.yaml", "--variant", "large"), "block.yaml: the spec has no variant"),
        (("base.yaml", "wide.yaml", "--output", "no/where"), "cannot write 'no/where'"),
    ],
)
def test_wrong_usage(arguments, said):
    assert said in run(*arguments, code=2).stderr


def test_standard_input_and_a_file_for_the_result():
    said = run("-", "base.yaml", input=BASE).stdout
    assert said.startswith("<stdin> and base.yaml are the same network")
    assert run("base.yaml", "wide.yaml", "--output", "out.txt").stdout == ""
    assert Path("out.txt").read_text(encoding="utf-8") == run("base.yaml", "wide.yaml").stdout


# ---- formats


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_asked(width):
    out = run("resnet18", "resnet50", "--width", str(width)).stdout
    assert not [line for line in out.split("\n") if len(line) > width]
    assert ("+13,867,520" in out) == (width >= 80)
    assert "+119%" in out


def test_the_layers_that_are_listed():
    """A first convolution twice as wide changes all that follow; the edit itself always stands."""
    text = "".join(CONV.replace("4,", "5,") + "  - ReLU\n" for _ in range(10))
    old = write("old", layers(CONV + text))
    new = write("new", layers(CONV.replace("kernel_size: 3, padding: 1", "kernel_size: 1") + text))
    said = "layers: 1 changed, 20 as before with other numbers (20 field)"
    assert said in run(old, new).stdout
    assert run(old, new, "--top", "21").stdout.count("field 5 → 3") == 2
    out = run(old, new, "--top", "20").stdout
    assert said in out
    assert "20 more layers; --top 21 or --format json has all" in out
    assert "\n  layers." not in out
    assert "kernel_size=3 → 1, padding=1 → 0" in out


def test_edits_come_before_what_they_affect():
    new = write("new", WIDE.replace("Linear: $classes", "Linear: 5"))
    out = run("base.yaml", new, "--top", "2").stdout
    assert "~ layers.0" in out
    assert "~ layers.3" in out
    assert "  layers.1" not in out
    assert "2 more layers" in out


def test_markdown_is_a_table_then_folded_layers():
    out = run("base.yaml", "wide.yaml", "--format", "markdown", "--fail-if", "macs > +5%", code=1)
    parts = out.stdout.split("\n\n")
    assert parts[0] == "### `base.yaml` → `wide.yaml`"
    assert parts[1].split("\n")[2] == "| params | 1,140 | 2,276 | +1,136 | +99.6% |"
    assert parts[2] == "- ✗ fail if macs &gt; +5%: +7,936 (+100%)"
    assert parts[3].startswith("<details><summary>layers: 1 changed, 3 as before")
    tables = [part.split("\n") for part in parts if part.startswith("|")]
    assert [len(table) for table in tables] == [10, 6]
    for table in tables:
        assert len({line.count("|") for line in table}) == 1
    assert parts[-1] == "</details>\n"


def test_markdown_shows_problems():
    out = run("base.yaml", "broken.yaml", "--format", "markdown", code=1).stdout
    assert "- ✗ broken.yaml:3:17: error CNN101 shape-mismatch" in out
    out = run("broken.yaml", "base.yaml", "--format", "markdown").stdout
    assert "- broken.yaml had 1 problem\n" in out


def test_nothing_in_markdown_is_markup_that_a_spec_wrote():
    name = write("a`b_@team<b>", WIDE)
    out = run("base.yaml", name, "--format", "markdown", "--top", "0").stdout
    assert "`a'b_@team<b>.yaml`" in out
    out = run("broken.yaml", name, "--format", "markdown").stdout
    assert "<b>" not in out.replace("`a'b_@team<b>.yaml`", "")
    assert "@team" not in out.replace("`a'b_@team<b>.yaml`", "")


@pytest.mark.parametrize(
    ("old", "new", "written"),
    [
        (8, 800, "+9,900%"),
        (8, 7, "-12.5%"),
        (10**6, 10**6 + 1, "+0.0001%"),
        (8, 8, ""),
        (0, 8, ""),
        (None, 8, ""),
    ],
)
def test_percentages_have_three_digits(old, new, written):
    assert percent(Total(old, new)) == written


def test_json_has_every_layer():
    result = found("vgg16", "resnet50", "--top", "1")
    assert (result["difference"], result["dtype"], result["batch"]) == (1, "float32", 1)
    news = [one["new"]["path"] for one in result["layers"] if one["new"]]
    assert len(news) == len(set(news)) == 175
