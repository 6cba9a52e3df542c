"""The networks that are shipped: their names, and what `cnncalc specs` says of them."""

import csv
import importlib.util
import io
import json
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner

import cnncalc
from cnncalc import source
from cnncalc.analysis.receptive_field import AxisField, Field
from cnncalc.analysis.report import Headline
from cnncalc.catalogue import Entry, entries
from cnncalc.cli import group
from cnncalc.pipeline import load, variants_of
from cnncalc.render import catalogue

ROOT = Path(__file__).parent.parent
PUBLISHED = Path(__file__).parent / "data" / "published"


def run(*arguments):
    return CliRunner().invoke(group, arguments, prog_name="cnncalc")


def rows(*arguments):
    """The lines of `cnncalc specs --format csv`."""
    return list(csv.DictReader(io.StringIO(run("specs", "--format", "csv", *arguments).stdout)))


def names(*arguments):
    return [row["name"] for row in rows(*arguments)]


@cache
def everything():
    """The whole catalogue, computed once."""
    return catalogue.ordered(entries(), "name")


def listed(width=None):
    """The lines of the whole table."""
    return catalogue.table(everything(), width).splitlines()


def parsed_names():
    """The names of all networks as parsing every file gives them, with file and variant."""
    for path in sorted((ROOT / "specs").rglob("*.yaml")):
        folder = path.relative_to(ROOT / "specs").parent
        yield (folder / path.stem).as_posix(), path, None
        for variant in variants_of(load(source.Source(path.name, path.read_bytes()))):
            yield (folder / variant).as_posix(), path, variant


# ---- names


def test_names_are_those_of_files_and_variants_each_once():
    wanted = list(parsed_names())
    found = [(name, *network) for name, network in source.networks().items()]
    assert sorted(map(str, found)) == sorted(map(str, wanted))


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """Other specs in the place of the shipped ones."""
    place = tmp_path / "specs"
    (place / "keras").mkdir(parents=True)
    monkeypatch.setattr(source, "_PLACES", (place,))
    monkeypatch.chdir(tmp_path)
    return place


STACK = """\
cnncalc: 1
name: {name}
description: a stack
source: nobody
input: [3, 8, 8]
vars: {{channels: 4}}
layers: [{{Conv2d: {{out_channels: $channels, kernel_size: 1}}}}]
{more}"""

WIDER = """\
variants:                  # two sizes
  # the larger of them
  Wide-1.5:
    set: {channels: 6}
    expect: {params: 24}

# a comment at the margin
  x2_0: {set: {channels: 8}}
budget: {params: 1k}
"""


def write(place, name, more=""):
    (place / f"{name}.yaml").write_text(STACK.format(name=name, more=more), encoding="utf-8")


def test_variants_have_the_folder_of_their_file(shelf):
    write(shelf, "keras/Stack", WIDER)
    write(shelf, "stack")
    assert list(source.networks()) == ["keras/Stack", "keras/Wide-1.5", "keras/x2_0", "stack"]
    for name, params in (("keras/Stack", 16), ("keras/Wide-1.5", 24), ("keras/x2_0", 32)):
        assert cnncalc.summarize(name).totals.params == params
    assert run("summary", "Wide-1.5").exit_code == 2
    assert "did you mean 'keras/Wide-1.5'?" in run("summary", "Wide-1.5").stderr


def test_a_word_that_looks_like_a_variant_is_none(shelf):
    write(shelf, "stack", "expect:\n  params: 16\n")
    assert list(source.networks()) == ["stack"]


def test_a_file_wins_over_a_variant_and_a_name_over_nothing(shelf):
    write(shelf, "stack", WIDER)
    write(shelf, "x2_0")
    assert cnncalc.summarize("x2_0").totals.params == 16


@pytest.mark.parametrize("form", ["table", "json", "csv", "markdown"])
@pytest.mark.parametrize(("name", "spec"), [("vgg11", "vgg16"), ("resnet101", "resnet50")])
def test_a_variant_is_called_like_a_file(name, spec, form):
    found = run("summary", name, "--format", form)
    assert found.exit_code == 0
    assert found.stdout == run("summary", spec, "--variant", name, "--format", form).stdout


def test_a_variant_can_be_changed_like_a_file():
    found = json.loads(
        run("summary", "vgg11", "--set", "num_classes=10", "--format", "json").stdout
    )
    assert found["variant"] == "vgg11"
    assert found["totals"]["params"] == 128_807_306  # torchvision's vgg11(num_classes=10)


def test_names_of_variants_in_python():
    assert cnncalc.summarize("vgg11").totals.params == 132_863_336  # torchvision
    assert cnncalc.load("vgg11") == cnncalc.load("vgg16", variant="vgg11")
    assert cnncalc.verify("mobilenet_v1_x0_25_128", checks=("shapes",)).variant
    with pytest.raises(KeyError):
        cnncalc.load("vgg11", variant="vgg13")


def test_a_file_on_disk_wins_over_a_variant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "vgg11").write_text(STACK.format(name="mine", more=""), encoding="utf-8")
    assert cnncalc.summarize("vgg11").totals.params == 16


@pytest.mark.parametrize(
    ("written", "meant"),
    [("resnet_101", "resnet101"), ("vgg12", "vgg1"), ("VGG19", "vgg19"), ("vgg16_", "vgg16")],
)
def test_misspelt_names_get_a_near_miss_among_all(written, meant):
    result = run("summary", written)
    assert result.exit_code == 2
    assert f"did you mean '{meant}" in result.stderr


def test_a_variant_has_no_variants():
    for variant in ("vgg13", "all"):
        result = run("summary", "vgg11", "--variant", variant)
        assert result.exit_code == 2
        assert "'vgg11' is itself a variant of vgg16" in result.stderr
        assert f"help: write vgg16 --variant {variant}" in result.stderr


# ---- the numbers


def test_the_catalogue_has_torchvisions_numbers():
    with (PUBLISHED / "torchvision.csv").open(newline="", encoding="utf-8") as lines:
        wanted = {row["name"]: row for row in csv.DictReader(lines)}
    found = {one.name: one.numbers for one in everything()}
    assert len(wanted) > 20
    assert [name for name in wanted if found[name].macs != int(wanted[name]["macs"])] == []
    differing = [name for name in wanted if found[name].params != int(wanted[name]["params"])]
    assert differing == ["googlenet"]  # its weights leave out the heads for training


@pytest.mark.parametrize("name", ["googlenet", "vgg11", "c3d", "slim/resnet_v1_50", "tcn_causal"])
def test_the_catalogue_says_what_the_summary_says(name):
    (found,) = (one for one in everything() if one.name == name)
    report = cnncalc.summarize(name)
    for key, number in found.numbers._asdict().items():
        assert number == getattr(report.totals, key)
    assert (found.inputs, found.field) == (report.inputs, report.field)


def test_resnet50_in_every_format():
    (row,) = (row for row in rows("resnet50") if row["name"] == "resnet50")
    assert row.pop("source").startswith("He et al. 2015, arXiv:1512.03385")
    assert list(row.values()) == [
        *("resnet50", "25557032", "4089184256", "102440608", "50", "427", "3x224x224")
    ]
    found = json.loads(run("specs", "resnet50", "--format", "json").stdout)
    (one,) = (one for one in found if one["name"] == "resnet50")
    assert (one["params"], one["buffers"], one["macs"]) == (25557032, 53120, 4089184256)
    assert (one["size_bytes"], one["depth"]) == (4 * (25557032 + 53120), 50)
    assert one["inputs"] == {"input": [3, 224, 224]}
    assert one["receptive_field"]["size"] == [427, 427]
    cells = "| resnet50 | 25,557,032 | 4,089,184,256 | 97.69 | 50 | 427 | 3 x 224 x 224 | He et al."
    assert cells in run("specs", "resnet50", "--format", "markdown").stdout
    table = run("specs", "resnet50").stdout.splitlines()
    (line,) = (line for line in table if line.startswith("resnet50 "))
    assert line.split()[:9] == [
        *("resnet50", "25,557,032", "4,089,184,256", "97.69", "50", "427", "3", "x", "224")
    ]


# ---- filter and order


def test_the_filter_looks_at_name_description_and_source():
    assert {one.name for one in everything()} == set(source.networks())
    assert names("vgg11") == ["vgg11", "vgg11_bn"]
    assert names("VGG11") == names("vgg11")
    assert "resnet101" in names("arxiv:1512.03385")  # in the source
    assert {"unet", "vgg16"} & set(names("arxiv:1512.03385")) == set()
    assert names("padding depends on the size") == ["slim/mobilenet_v1"]  # in the description


def test_nothing_found_says_what_may_be_meant():
    result = run("specs", "resnett")
    assert result.exit_code == 2
    assert "no network has 'resnett' in its name, description or source" in result.stderr
    assert "help: did you mean 'resnet" in result.stderr
    assert "'cnncalc specs' lists all of them" in run("specs", "qqq").stderr


def test_numbers_are_sorted_from_the_largest():
    assert names("arxiv:1512.03385", "--sort", "params")[-2:] == ["resnet34", "resnet18"]
    found = [int(row["macs"]) for row in rows("vgg", "--sort", "macs")]
    assert found == sorted(found, reverse=True)
    assert len(found) > len(set(found)) > 3


def entry(name, number=None, field=None, inputs=None):
    numbers = Headline(number, number, number, number, number)
    sizes = field and Field(tuple(AxisField(size, 1, 0) for size in field))
    return Entry(name, "", "a paper; some code", inputs or {"input": (3, 8, 8)}, numbers, sizes)


@pytest.mark.parametrize("key", ["params", "macs", "size", "depth"])
def test_what_is_not_known_comes_last_and_equals_by_name(key):
    found = catalogue.ordered([entry("a"), entry("c", 7), entry("b", 7), entry("d", 9)], key)
    assert [one.name for one in found] == ["d", "b", "c", "a"]


def test_fields_are_sorted_by_their_longest_axis():
    several = [entry("none"), entry("small", field=(9, 9)), entry("long", field=(1, 30))]
    found = catalogue.ordered(several, "receptive-field")
    assert [one.name for one in found] == ["long", "small", "none"]


def test_names_are_sorted_by_the_numbers_in_them():
    written = ["b", "a/resnet101", "resnet101", "resnet18", "ResNet50", "resnet18_x"]
    found = catalogue.ordered(map(entry, written), "name")
    assert [one.name for one in found] == [
        *("a/resnet101", "b", "resnet18", "resnet18_x", "ResNet50", "resnet101")
    ]


# ---- the table


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 160])
def test_no_line_is_wider_than_the_terminal(width):
    lines = listed(width)
    assert max(map(len, lines)) <= width
    assert len([line for line in lines if line.startswith("resnet50 ")]) == 1


def test_what_has_no_place_gives_way_from_the_right():
    assert listed(80)[0].split()[-2:] == ["depth", "field"]
    assert listed(120)[0].split()[-1] in ("input", "source")
    wide = "\n".join(listed())
    assert "github.com/megvii-model/ShuffleNet-Series" in wide
    assert "25,557,032" in wide
    assert "…" not in wide
    assert "25.557 M" in "\n".join(listed(60))


def test_the_width_can_be_given():
    lines = run("specs", "lenet5", "--width", "50").stdout.splitlines()
    assert max(map(len, lines)) <= 50
    assert lines[1].startswith("lenet5 ")


def test_a_cut_source_ends_in_dots():
    found = catalogue.table([entry("a", 1)._replace(source="x" * 50)], 90)
    assert found.split("\n")[1].endswith("x…")
    assert len(found.split("\n")[1]) == 90


def test_inputs_are_named_where_there_are_several():
    several = entry("a", 1, inputs={"left": (3, 8, 8), "right": (5,)})
    assert "left=3 x 8 x 8, right=5" in catalogue.table([several], None)
    assert "left=3x8x8, right=5" in catalogue.to_csv([several])


def test_what_is_not_known_is_shown_as_unknown():
    line = catalogue.table([entry("a")], None).split("\n")[1]
    assert line.split()[:6] == ["a", "?", "?", "?", "?", "-"]
    assert catalogue.to_csv([entry("a")]).split("\n")[1].startswith("a,,,,,-,")


def test_the_numbers_say_how_they_are_counted():
    out = run("specs", "lenet5").stdout
    assert "2 networks; params: sum of p.numel()" in out
    assert "1 network; " in catalogue.table([entry("a")], None)


def test_a_file_can_be_written(tmp_path):
    path = tmp_path / "zoo.csv"
    assert run("specs", "vgg", "--format", "csv", "--output", str(path)).stdout == ""
    assert path.read_text(encoding="utf-8").startswith("name,params,macs,size_bytes,depth,field,")


# ---- the page


def generator():
    where = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(where)
    where.loader.exec_module(module)
    return module


def test_published_numbers_are_of_networks_that_exist():
    found = generator().published()
    assert set(found) <= set(source.networks())
    assert "torchvision: 25,557,032 params, 4.089 GMACs, 97.781 MiB" in found["resnet50"]
    assert "depth: 50" in found["resnet50"]
    assert "others with num_classes=1: 31,037,633 params" in found["unet"]
