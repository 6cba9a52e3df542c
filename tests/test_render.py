"""Output that is made to be read: aligned, whole numbers, folded, plain in a pipe."""

import csv
import io
import re

import pytest
from click.testing import CliRunner
from helpers import compute, spec

from cnncalc import source
from cnncalc.cli import group
from cnncalc.pipeline import analyse, load
from cnncalc.render import table, text, tree

NUMBER = re.compile(r"(?<![\w.~%])\d{1,3}(?:,\d{3})+(?![\w,])")


def run(*arguments, code=0):
    result = CliRunner().invoke(group, [*arguments])
    assert result.exit_code == code, result.output
    return result


def resnet():
    return analyse(load(source.read("resnet50")))


@pytest.mark.parametrize("width", ["60", "80", "110", "200"])
def test_no_width_cuts_a_number(width):
    out = run("summary", "resnet50", "--width", width).stdout
    table_text = out.split("\n\n")[0]
    report = resnet()
    for row in report.rows:
        if row.node.path in ("layers.0.ConvBN.0", "layers.6"):
            assert f"{row.cost.params:,}" in table_text
            assert f"{row.cost.macs:,}" in table_text


def test_lines_of_a_terminal_are_no_wider_than_it():
    for width in (80, 100, 140):
        out = run("summary", "resnet50", "--width", str(width)).stdout
        assert max(len(line) for line in out.split("\n")) <= width


def test_columns_of_numbers_are_aligned():
    out = run("summary", "resnet50", "--depth", "1").stdout.split("\n\n")[0].split("\n")[3:]
    ends = {line.index(match.group()) + len(match.group()) for line in out
            for match in [NUMBER.search(line.split(" x ")[-1])] if match}  # fmt: skip
    assert len(out) == 10
    assert ends


@pytest.mark.parametrize("depth", [1, 2, 3, 9])
def test_a_folded_table_adds_up_to_the_totals(depth):
    report = resnet()
    shown = tree.lines(tree.tree(report.rows), depth)
    tops = [line for line in shown if line.depth == 1]
    assert sum(row.cost.params for line in tops for row in line.rows) == report.totals.params
    assert sum(row.cost.macs for line in tops for row in line.rows) == report.totals.macs
    assert max(line.depth for line in shown) <= depth
    if depth == 9:
        leaves = [line.rows[0].node.path for line in shown if line.leaf]
        assert leaves == [row.node.path for row in report.rows]


def test_the_default_depth_is_the_deepest_that_can_be_read():
    root = tree.tree(resnet().rows)
    shown, left_out = table.fold(root, None)
    assert left_out == 0
    assert len(shown) <= table.READABLE < len(tree.lines(root, max(l.depth for l in shown) + 1))  # noqa: E741


def test_a_long_flat_network_is_cut_in_its_middle_and_says_so(tmp_path):
    path = tmp_path / "long.yaml"
    path.write_text(spec("- {ReLU: , repeat: 500}"))
    out = run("summary", str(path)).stdout
    assert "... 440 more lines (--depth 1 shows all) ..." in out
    assert len(out.split("\n")) < 80
    assert len(run("summary", str(path), "--depth", "1").stdout.split("\n")) > 500


def test_sort_and_top_give_a_flat_list():
    report = resnet()
    largest = sorted(report.rows, key=lambda row: -row.cost.macs)[:3]
    out = run("summary", "resnet50", "--sort", "macs", "--top", "3").stdout
    rows = out.split("\n")[3:6]
    assert [line.split()[0] for line in rows] == [row.node.path for row in largest]


def test_a_pipe_gets_no_colour_and_no_trailing_spaces():
    out = run("summary", "resnet50").stdout
    assert "\x1b" not in out
    assert not any(line != line.rstrip() for line in out.split("\n"))


def test_counting_as_keras_does():
    """Keras' summary of this network: 1,679,082 in total, 1,408 of them non-trainable."""
    out = run("summary", "fmnist_cnn", "--counting", "keras").stdout
    assert "1,679,082 in the Keras view: 1,677,674 trainable, 1,408 non-trainable" in out
    counted = ("summary", "fmnist_cnn", "--counting", "keras", "--format", "csv")
    rows = csv.DictReader(io.StringIO(run(*counted).stdout))
    assert sum(int(row["keras_params"]) for row in rows) == 1679082


def test_the_failing_layer_shows_its_cause_and_what_comes_after():
    report = compute(
        spec("- Conv2d: {out_channels: 4, kernel_size: 3}\n- Add: [prev, input]\n- ReLU")
    )
    out = table.summary(report, *_fold(report), ("layer", "output", "macs"))
    lines = out.split("\n")
    assert "✗ Add needs inputs of one shape: input 1 is [4, 14, 14], input 2 is [3, 16, 16]" in out
    assert "ReLU" in lines[5]
    assert "4 x 14 x 14 (assumed)" in lines[5]
    assert "totals are not known: 2 of 3 layers are not sure" in out


def _fold(report):
    shown, _ = table.fold(tree.tree(report.rows), None)
    return (shown,)


def test_csv_has_one_line_a_layer_that_adds_up():
    report = resnet()
    rows = list(csv.DictReader(io.StringIO(run("summary", "resnet50", "--format", "csv").stdout)))
    assert len(rows) == len(report.rows)
    assert sum(int(row["params"]) for row in rows) == report.totals.params
    assert sum(int(row["macs"]) for row in rows) == report.totals.macs


def test_markdown_is_a_table_that_adds_up():
    out = run("summary", "lenet5", "--format", "markdown").stdout
    rows = [line.split(" | ") for line in out.split("\n") if line.startswith("| ")][1:]
    assert {len(row) for row in rows} == {6}
    assert sum(int(row[4].replace(",", "")) for row in rows) == 416520


def test_chosen_columns_in_their_order():
    out = run("summary", "lenet5", "--columns", "macs,type").stdout.split("\n")
    assert out[1].split() == ["MACs", "type"]
    assert out[3].split() == ["117,600", "Conv2d"]


def test_sizes_and_counts_in_words():
    assert text.size(None) == text.count(None) == text.shape(None) == "?"
    assert text.size(1023) == "1023 B"
    assert text.size(1024) == "1 KiB"
    assert text.size(102_440_608) == "97.69 MiB"
    assert text.rounded(4_089_184_256) == "4.089 G"
    assert text.rounded(999) == "999"
    assert text.shape((3, 224, 224)) == "3 x 224 x 224"


def test_an_excerpt_shows_no_control_characters():
    found = text.printable("a\tb\x1b[31mc\x00")
    assert found == "a b [31mc "
