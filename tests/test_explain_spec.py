"""`cnncalc explain SPEC`: the working of every layer, and where its arguments come from."""

import json
import re
from collections import Counter
from html.parser import HTMLParser
from math import prod
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from cnncalc import source
from cnncalc.cli import group
from cnncalc.language.expression import is_expression
from cnncalc.render import latex

NET = """\
cnncalc: 1
name: "a_net & <b> #1 | 100%"
input: [3, 32, 32]
vars: {mid: 16, wide: $(mid * 4)}
defaults:
  Conv2d: {bias: false, padding: $(mid // 16)}
blocks:
  Block:
    args: {mid: required, act: ReLU, times: 4}
    vars: {out: $(times * mid)}
    layers:
      - Conv2d: {out_channels: $out, kernel_size: 3}
      - apply: $act
      - Conv2d: {out_channels: $(in_channels), kernel_size: [1, $(times - 3)], padding: 0}
layers:
  - Conv2d: {out_channels: $wide, kernel_size: 3}
  - for: [mid, n]
    in: [[8, 1], [$mid, 2]]
    layers:
      - Block: {mid: $(mid + n), act: {LeakyReLU: $(n / 10)}}
        repeat: $n
    name: body
  - Upsample: {scale_factor: 1.5}
  - Conv2d: {out_channels: $(2 * channels(body)), kernel_size: 1, padding: 0}
    name: end
  - Concat: [end, prev]
"""


@pytest.fixture(autouse=True)
def net(tmp_path, monkeypatch):
    (tmp_path / "net.yaml").write_text(NET, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "net.yaml"


def run(*arguments, code=0):
    result = CliRunner().invoke(group, ["explain", *arguments])
    assert result.exit_code == code, result.output
    return result.output


def document(*arguments):
    return json.loads(run(*arguments, "--format", "json"))


def traced(names):
    for one in names:
        yield one
        yield from traced(one["names"])


def layer(found, path):
    (one,) = (one for one in found["layers"] if one["path"] == path)
    return one


def argument(one, name):
    (found,) = (found for found in one["arguments"] if found["name"] == name)
    return found


# ---- numbers


@pytest.mark.parametrize("name", ["lenet5", "resnet50", "googlenet", "densenet121", "unet", "c3d"])
def test_the_layers_add_up_to_what_the_spec_promises(name):
    spec = yaml.safe_load(source.bundled()[name].read_text(encoding="utf-8"))
    counts = [one["working"]["counts"] for one in document(name)["layers"]]
    steps = [step for count in counts for step in count]
    assert (
        sum(step["value"] for step in steps if step["name"] == "params") == spec["expect"]["params"]
    )
    heads = [one for one in document(name)["layers"] if one["path"].startswith("heads.")]
    if not heads:
        macs = sum(step["value"] for step in steps if step["name"] == "MACs")
        assert macs == spec["expect"]["macs"]


def test_the_text_shows_the_working_and_the_place():
    shown = run("net.yaml", "layers.0")
    first = "layers.0: Conv2d(out_channels=64, kernel_size=3, padding=1, bias=false)\n"
    assert shown.startswith(first)
    assert "written        at net.yaml:16\n" in shown
    assert "(N - F + 2*P)/S + 1 = (32 - 3 + 2*1)/1 + 1 = 32" in shown
    assert "out_channels   wide = 64\n" in shown
    assert "  wide = mid*4 = 16*4 = 64: variable of the file, net.yaml:4\n" in shown
    assert "    mid = 16: variable of the file, net.yaml:4\n" in shown
    assert "bias           false: default of Conv2d, net.yaml:6\n" in shown


def test_a_merge_shows_what_it_joins():
    shown = run("net.yaml", "layers.4")
    assert "input     128 x 48 x 48 from layers.3\n" in shown
    assert "channels  C_1 + C_2 = 128 + 128 = 256\n" in shown
    assert "N*scale_factor = 32*1.5 = 48" in run("net.yaml", "layers.2")
    added = run("resnet50", "layers.3[0].0.Bottleneck.0.Add")
    assert "(inputs - 1)*C*H_out*W_out = (2 - 1)*256*56*56 = 802,816" in added


def test_layers_that_are_equal_are_told_once():
    found = document("resnet50")
    by_path = {one["path"]: one for one in found["layers"]}
    folded = [one for one in found["layers"] if one["same_as"]]
    assert 60 < len(folded) < len(by_path)
    for one in folded:
        first = by_path[one["same_as"]]
        assert first["same_as"] is None
        assert first["working"] == one["working"]
    text = run("resnet50")
    assert text.count("numbers") == len(folded)
    assert text.count("\nparams ") == len(by_path) - len(folded)
    assert "same as" not in run("resnet50", folded[0]["path"])


def test_bytes_follow_the_data_type():
    steps = document("net.yaml", "layers.0", "--dtype", "float16")["layers"][0]["working"]["memory"]
    assert [step["value"] for step in steps] == [2 * 3 * 32 * 32, 2 * 64 * 32 * 32, 2 * 64 * 27]


# ---- names


def python(text, **names):
    """What Python gives for an expression that is written in numbers."""

    def divisible(v, d=8):
        new = max(d, int(v + d / 2) // d * d)
        return new + d if new < 0.9 * v else new

    known = {"same_padding": lambda k, d=1: d * (k - 1) // 2, "make_divisible": divisible}
    words = {"true": True, "false": False, "null": None}
    return eval(text, {}, known | words | names)


def values_of(text):
    """A value as it is shown, for comparing; equal axes are shown once."""
    found = python(text.replace("inf", "1e999")) if re.fullmatch(r"[-\d.,e \[\]+]+", text) else text
    return found if isinstance(found, list) else [found]


def collapsed(value):
    """A list with equal axes once, as a layer shows it."""
    parts = [collapsed(one) if isinstance(one, list) else one for one in value]
    once = parts[:1] if all(one == parts[0] for one in parts) else parts
    return once[0] if isinstance(once[0], list) and len(once) == 1 else once


@pytest.mark.parametrize("name", source.bundled())
def test_the_numbers_that_are_put_in_give_the_value(name):
    found = document(name)
    lines = Path(source.read(name).file).read_text(encoding="utf-8").splitlines()
    for one in traced(named for a in found["layers"] for named in a["arguments"]):
        written = lines[one["line"] - 1] if one["line"] else ""
        if one["expression"] is None:
            continue
        assert (
            re.sub(r"\s", "", one["expression"]).strip("[]").split(",")[0].strip("'")
            in re.sub(r"[\s$]", "", written.replace("$(", ""))
            or not one["what"]
        )
        if re.search(r"channels|spatial|[A-Z]", one["numbers"]) or "?" in one["value"]:
            continue
        value = python(one["numbers"])
        shown = values_of(one["value"])
        if isinstance(value, list):
            assert shown in (value, collapsed(value))
        elif isinstance(value, bool):
            assert shown == [str(value).lower()]
        elif isinstance(value, int | float):
            assert all(float(part) == pytest.approx(value, rel=1e-5) for part in shown)


def test_a_name_is_followed_through_calls_and_loops():
    one = layer(document("net.yaml"), "layers.1[1].0.Block[1].0")
    assert [call["line"] for call in one["calls"]] == [20]
    (out,) = argument(one, "out_channels")["names"]
    assert (out["expression"], out["numbers"], out["value"]) == ("times*mid", "4*18", "72")
    assert (out["what"], out["line"]) == ("variable of Block", 10)
    times, mid = out["names"]
    assert (times["value"], times["what"], times["line"]) == ("4", "default of Block", 9)
    assert (mid["expression"], mid["numbers"], mid["value"]) == ("mid + n", "16 + 2", "18")
    assert (mid["what"], mid["line"]) == ("argument of Block", 20)
    inner, n = mid["names"]
    assert (inner["what"], inner["expression"], inner["value"]) == ("of the loop", "mid", "16")
    assert (inner["names"][0]["what"], inner["names"][0]["line"]) == ("variable of the file", 4)
    assert (n["value"], n["what"], n["line"], n["names"]) == ("2", "of the loop", 18, [])


LISTS = """\
cnncalc: 1
input: [3, 9, 9]
vars: {ws: [8, 8], row: [5, 1], ks: [3, 3]}
layers:
  - Conv2d: {out_channels: $w, kernel_size: $ks}
    for: w
    in: $ws
  - Conv2d: {out_channels: $a, kernel_size: [$b, $(b)]}
    for: [a, b]
    in: [$row, [7, 1]]
  - Split: {split_size_or_sections: [$(7 - 4), 4]}
    name: [c, d]
  - MaxPool2d: {kernel_size: $(spatial(c)), padding: ["$(spatial(c)[0] - 4)", 1]}
    from: c
  - ZeroPad2d: {padding: [1, "$(ks[0] - 2)", 1, 1]}
  - MaxPool2d: {kernel_size: 3, padding: [["$(ks[0] - 2)", 1], [1, 1]]}
"""


def test_what_is_part_of_a_list_is_not_equal_to_it():
    Path("lists.yaml").write_text(LISTS, encoding="utf-8")
    found = document("lists.yaml")
    (w,) = argument(layer(found, "layers.0[1]"), "out_channels")["names"]
    assert (w["value"], w["expression"], w["numbers"]) == ("8", None, None)
    assert (w["what"], w["line"]) == ("of the loop over [8, 8]", 7)
    assert [(one["name"], one["value"]) for one in w["names"]] == [("ws", "[8, 8]")]
    (a,) = argument(layer(found, "layers.1[0]"), "out_channels")["names"]
    assert (a["value"], a["expression"], a["what"]) == ("5", None, "of the loop in the row [5, 1]")
    (a,) = argument(layer(found, "layers.1[1]"), "out_channels")["names"]
    assert (a["value"], a["what"], a["names"]) == ("7", "of the loop", [])
    shown = run("wavenet", "layers.2[4].1.ResidualLayer.0")
    assert " i = 5: of the loop over range(1, 30), " in shown


@pytest.mark.parametrize(
    ("path", "name", "shown"),
    [
        ("layers.0[0]", "kernel_size", "ks = [3, 3]\n"),
        ("layers.1[0]", "kernel_size", "[b, b] = [1, 1]\n"),
        ("layers.2", "split_size_or_sections", "[7 - 4, 4] = [3, 4]\n"),
        ("layers.3", "kernel_size", "spatial(c) = [5, 5]\n"),
        ("layers.3", "padding", "[spatial(c)[0] - 4, 1] = [1, 1]\n"),
        (
            "layers.5",
            "padding",
            "[[ks[0] - 2, 1], [1, 1]] = [[[3, 3][0] - 2, 1], [1, 1]] = [[1, 1], [1, 1]]\n",
        ),
        ("layers.4", "padding", "[1, ks[0] - 2, 1, 1] = [1, [3, 3][0] - 2, 1, 1] = [1, 1, 1, 1]\n"),
    ],
)
def test_a_list_is_equal_to_a_list(path, name, shown):
    Path("lists.yaml").write_text(LISTS, encoding="utf-8")
    assert re.search(rf"^{name} +{re.escape(shown)}", run("lists.yaml", path), re.MULTILINE)


def test_equal_axes_of_a_bundled_network_are_a_list_where_a_list_is_written():
    shown = run("wavenet", "layers.2[4].0")
    assert "[residual_channels, skip_channels] = [512, 512]\n" in shown


def test_a_layer_that_is_passed_on_sees_the_names_of_its_caller():
    one = layer(document("net.yaml"), "layers.1[0].0.Block[0].1")
    (slope,) = one["arguments"]
    assert (slope["name"], slope["expression"], slope["value"]) == ("negative_slope", "n/10", "0.1")
    assert slope["numbers"] == "1/10"
    assert [(n["what"], n["line"]) for n in slope["names"]] == [("of the loop", 18)]


def test_lists_and_channels_and_defaults():
    one = layer(document("net.yaml"), "layers.1[0].0.Block[0].2")
    kernel = argument(one, "kernel_size")
    assert (kernel["expression"], kernel["numbers"]) == ("[1, times - 3]", "[1, 4 - 3]")
    assert [name["what"] for name in argument(one, "out_channels")["names"]] == [
        "channels of the input"
    ]
    assert {a["name"] for a in one["arguments"]} == {"out_channels", "kernel_size", "bias"}
    end = argument(layer(document("net.yaml"), "layers.3"), "out_channels")
    assert (end["expression"], end["numbers"], end["value"]) == ("2*channels(body)",) * 2 + ("128",)


def test_the_command_line_and_variants_are_named():
    shown = run("resnet50", "layers.3[0].0.Bottleneck.0.main.0.ConvBN.0", "--set", "groups=2")
    assert "groups = 2: set on the command line\n" in shown
    shown = run("wide_resnet50_2", "layers.3[0].0.Bottleneck.0.main.0.ConvBN.0")
    assert re.search(r"width_per_group = 128: set by wide_resnet50_2, \S*resnet50.yaml:\d+", shown)
    assert "64*128//64*1 = 128" in shown


def test_a_variable_named_as_its_argument_is_not_followed_forever(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(
        "cnncalc: 1\ninput: [3, 8, 8]\nblocks:\n  B:\n    args: {mid: 32}\n"
        "    vars: {mid: $(mid // 2)}\n    layers:\n"
        "      - Conv2d: {out_channels: $mid, kernel_size: 1}\nlayers:\n  - B\n",
        encoding="utf-8",
    )
    shown = run(str(path))
    assert "out_channels   mid = 16\n" in shown
    assert "    mid = mid//2 = 32//2 = 16: variable of B" in shown
    assert "      mid = 32: default of B" in shown


# ---- what is asked for


def test_a_structure_or_a_name_stands_for_its_layers():
    paths = [one["path"] for one in document("resnet50", "layers.3[1]")["layers"]]
    assert len(paths) > 20
    assert all(path.startswith("layers.3[1].") for path in paths)
    assert [one["path"] for one in document("net.yaml", "end")["layers"]] == ["layers.3"]
    assert "in all" in run("net.yaml")
    assert "in all" not in run("net.yaml", "end")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["net.yaml", "layer.0"], 2, "did you mean 'layers.0'?"),
        (["lenet5", "input"], 2, "'input' is an input of the network, not a layer\n"),
        (["lenet5", "inputs"], 2, "there is no layer 'inputs'\n  help: such as 'layers.11'"),
        (["net.yaml", "zzz"], 2, "'cnncalc summary' lists them"),
        (["net.yam"], 2, "no layer type, lint rule, file or bundled spec is called 'net.yam'"),
        (["Conv2"], 2, "did you mean 'Conv2d'?"),
        (["resnet5"], 2, "did you mean 'resnet50'?"),
        (["Conv2d", "layers.0"], 2, "no file and no bundled spec is called 'Conv2d'"),
        (["Conv2d", "--format", "json"], 2, "--format is for a spec"),
        (["net.yaml", "--variant", "all"], 2, "name one variant"),
        (["net.yaml", "--variant", "big"], 2, "it has no variants"),
        (["."], 2, "is a directory"),
        (["net.yaml", "--set", "mi=3"], 2, "did you mean 'mid'?"),
    ],
)
def test_a_mistake_is_explained(arguments, code, words):
    shown = run(*arguments, code=code)
    assert words in shown
    assert "Traceback" not in shown


def test_inputs_with_names_are_no_layers():
    text = "cnncalc: 1\ninputs: {aa: [3, 8, 8], b: [3, 8, 8]}\nlayers: [Add: [aa, b]]\n"
    Path("two.yaml").write_text(text, encoding="utf-8")
    assert "'b' is an input of the network, not a layer\n" in run("two.yaml", "b", code=2)
    assert "did you mean" not in run("two.yaml", "aaa", code=2)


def test_a_file_named_as_a_type_is_pointed_at():
    Path("ReLU").write_text(NET, encoding="utf-8")
    shown = run("ReLU")
    assert "note: 'ReLU' is a file, too: write ./ReLU for that" in shown
    assert "Source: torch.nn.ReLU" in shown
    assert "layers.0: Conv2d" in run("./ReLU")
    assert "layers.0: Conv2d" in run("ReLU", "layers.0")


def test_output_goes_to_a_file():
    assert run("net.yaml", "--format", "html", "--output", "net.html") == ""
    assert Path("net.html").read_text(encoding="utf-8") == run("net.yaml", "--format", "html")
    assert "cannot write" in run("net.yaml", "--output", "no/where.html", code=2)


# ---- broken networks

BROKEN = """\
cnncalc: 1
input: [3, 8, 8]
layers:
  - Conv2d: {out_channels: 4, kernel_size: 3}
  - Conv2d: {out_channels: 4, kernel_size: 9}
  - ReLU
  - Flatten
"""


def test_a_broken_network_is_explained_up_to_the_mistake(tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text(BROKEN, encoding="utf-8")
    shown = run(str(path), code=1)
    assert "(8 - 3)/1 + 1 = 6" in shown
    assert shown.count("a kernel of 9 does not fit into an input of 6") == 2  # there, and on stderr
    assert "rest on a problem elsewhere: 2 more" in shown
    assert "layers.2" not in shown
    assert "in all" not in shown
    assert "it rests on a problem elsewhere" in run(str(path), "layers.3", code=1)
    for form in ("markdown", "html", "latex", "json"):
        assert "does not fit" in run(str(path), "--format", form, code=1)


def test_an_assumed_shape_is_marked():
    Path("broken.yaml").write_text(f"{BROKEN}  - Add: [input, prev]\n", encoding="utf-8")
    assert " 4 x 6 x 6 (assumed) from layers.1\n" in run("broken.yaml", "layers.2", code=1)
    assert " 4 x 6 x 6 from layers.0\n" in run("broken.yaml", "layers.1", code=1)
    loop = "layers: [{for: w, in: $no, Linear: $w}, ReLU]"
    Path("unknown.yaml").write_text(f"cnncalc: 1\ninput: [3, 8, 8]\n{loop}\n", encoding="utf-8")
    assert " ? from layers.0[0]\n" in run("unknown.yaml", "layers.1", code=1)
    shown = run("broken.yaml", "layers.4", "--format", "markdown", code=1)
    assert "3 x 8 x 8 from input`<br>`144 (assumed) from layers.3`" in shown


@pytest.mark.parametrize(("layers", "left"), [("[ReLU, ReLU]", "2 layers"), ("[ReLU]", "1 layer")])
def test_where_nothing_is_known_nothing_more_is_left(layers, left):
    text = f"cnncalc: 1\ninput: [3, -8, 8]\nlayers: {layers}\n"
    Path("bad.yaml").write_text(text, encoding="utf-8")
    shown = run("bad.yaml", code=1)
    assert shown.startswith(f"not known, as they rest on a problem elsewhere: {left}\n")
    assert " it rests on a problem elsewhere\n" in run("bad.yaml", "layers.0", code=1)


@pytest.mark.parametrize("text", ["", "a: [", "cnncalc: 1\ninput: [3, 8, 8]\nlayers: []\n"])
def test_a_file_that_is_no_network_has_no_traceback(tmp_path, text):
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(group, ["explain", str(path)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "bad.yaml" in result.output or not result.output.strip()


# ---- formats


class Balanced(HTMLParser):
    """Fails where a tag is closed that was not open; keeps the words and the links."""

    def __init__(self):
        super().__init__()
        self.open, self.words, self.links, self.ids = [], [], [], set()

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.links += [attributes["href"][1:]] if "href" in attributes else []
        self.ids |= {attributes["id"]} if "id" in attributes else set()
        assert "src" not in attributes
        if tag not in ("br", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.mark.parametrize("name", ["net.yaml", "resnet50", "googlenet"])
def test_the_page_is_whole_and_escaped(name):
    page = Balanced()
    page.feed(run(name, "--format", "html"))
    assert page.open == []
    assert set(page.links) <= page.ids
    assert bool(page.links)
    if name == "net.yaml":
        assert page.words.count("a_net & <b> #1 | 100%") == 2  # the title and the heading


@pytest.mark.parametrize("name", ["net.yaml", "resnet50", "googlenet"])
def test_latex_is_balanced_and_escaped(name):
    shown = run(name, "--format", "latex")
    body = "\n".join(line for line in shown.split("\n") if not line.startswith("%"))
    plain = re.sub(r"\\[{}#$%&_\\]", "", body)
    depth = 0
    for sign in plain:
        depth += (sign == "{") - (sign == "}")
        assert depth >= 0
    assert depth == 0
    assert body.count(r"\begin{align*}") == body.count(r"\end{align*}") > 0
    assert not re.search(r"(?<!\\)[#$%]", body)
    for block in re.findall(r"\\begin\{align\*\}\n(.*?)\n\\end", body, re.DOTALL):
        for line in block.split("\\\\\n"):
            assert len(re.findall(r"(?<!\\)&", line)) == 1
            assert line.strip()


@pytest.mark.parametrize("name", ["net.yaml", "resnet50"])
def test_latex_says_of_an_argument_only_what_is_equal_to_it(name):
    said, indented = [], Counter()
    for line in run(name, "--format", "latex").split("\n"):
        if match := re.match(
            r"\\text\{(out\\_channels|kernel\\_size|padding)\} &= (.*?)(?: \\\\)?$", line
        ):
            value = re.sub(r"\\text\{.*", "", match[2].split(" = ")[-1])
            said.append((match[1], value))
        elif match := re.match(r"&((?: \\quad)+) \\text\{where \}", line):
            indented[match[1].count("quad")] += 1
    layers = document(name)["layers"]
    wanted = [(a["name"], a["value"]) for one in layers for a in one["arguments"]]
    names = ("out_channels", "kernel_size", "padding")
    shown = [(latex.words(key), latex.formula(value)) for key, value in wanted if key in names]
    assert said == shown
    depths = Counter(d for one in layers for a in one["arguments"] for d in depths_of(a))
    assert indented == depths


def depths_of(named, depth=1):
    for one in named["names"]:
        yield depth
        yield from depths_of(one, depth + 1)


def test_markdown_and_html_indent_what_belongs_to_a_name():
    for form, start, end in (("markdown", "`", "`<br>"), ("html", "", "<br>")):
        shown = run("net.yaml", "layers.0", "--format", form)
        place = "variable of the file, net.yaml:4"
        assert f"<br>&emsp;{start}wide = mid*4 = 16*4 = 64: {place}{end}" in shown
        assert f"<br>&emsp;&emsp;{start}mid = 16: {place}" in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("(N - F + 2*P)/S + 1", r"\frac{N - F + 2 \cdot P}{S} + 1"),
        ("(5*5*3 + 1)*10", r"\left(5 \cdot 5 \cdot 3 + 1\right) \cdot 10"),
        ("2*(a + b)", r"2 \cdot \left(a + b\right)"),
        ("a - (b - c)", r"a - \left(b - c\right)"),
        ("F_h*out_channels", r"F_{\mathrm{h}} \cdot \mathit{out\_channels}"),
        ("1,234,567", "1{,}234{,}567"),
        ("7 + (-2)", r"7 + \left(-2\right)"),
        ("mid//2", r"\left\lfloor \frac{\mathit{mid}}{2} \right\rfloor"),
        ("same_padding(3)", r"\texttt{same\_padding(3)}"),
        ("false", r"\mathit{false}"),
        ("a % b", r"\texttt{a \% b}"),
    ],
)
def test_formulas_in_latex(text, shown):
    assert latex.formula(text) == shown


@pytest.mark.parametrize("name", ["net.yaml", "resnet50"])
def test_markdown_tables_have_two_columns(name):
    shown = run(name, "--format", "markdown")
    rows = [line for line in shown.split("\n") if line.startswith("|")]
    assert rows
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 3 for row in rows)
    if name == "net.yaml":
        assert shown.startswith("# a\\_net & \\<b\\> \\#1 \\| 100%\n")


def test_every_format_names_every_layer():
    paths = [one["path"] for one in document("net.yaml")["layers"]]
    assert len(paths) == 13
    for form in ("text", "markdown", "html"):
        shown = run("net.yaml", "--format", form)
        assert all(f"{path}: " in shown for path in paths)


def test_elements_are_those_of_the_shapes():
    for one in document("net.yaml")["layers"]:
        memory = {step["name"]: step["value"] for step in one["working"]["memory"]}
        assert memory["output"] == 4 * sum(map(prod, one["working"]["outputs"]))
    assert not is_expression("out")
