"""`cnncalc expect`: promises are filled and renewed, and nothing else of a file changes."""

import json
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers import loaded
from hypothesis import given, strategies as st

from cnncalc import quantity, source
from cnncalc.cli import group
from cnncalc.engine.new_file import NewFile
from cnncalc.language.promised import number
from cnncalc.pipeline import analyse

# Linear(16 -> 10): 16 x 10 weights and 10 biases; 16 x 10 multiply-adds
NET = """\
# a net
cnncalc: 1
input: [16]   # an image

layers:
  - Linear: 10   # the classes
"""
BLOCK = """\
expect:
  params: 170
  macs: 160
  output: [10]
"""

# Conv2d(3 -> 8, 3x3, padding 1) on 16x16: 3*9*8 + 8 params, 8*16*16*27 MACs; pool to 8x8;
# Linear(512 -> 10): 5130 params, 5120 MACs. Of all: 5,354 params and 60,416 MACs.
STALE = """\
cnncalc: 1
input: [3, 16, 16]
vars: {n: 10}
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
    name: conv
    expect: {params:  1, macs: 55296}  # right MACs
  - MaxPool2d: 2
    expect:
      shape:
        - "8"   # right
        - 4   # wrong

        - 8
      stride: 3
  - Flatten
  - Linear: $n
expect:      # promises
  params:  123        # stale
  macs: ~60.4k        # right
  flops: 1   # 55296 * 2 + 2048 + 1536 + 5120 * 2 + 10
  output: [ 11 ]
  receptive_field: [3, 3, 3]
  layers: {conv: {shape: [3], "stride": "2"}}
budget: {params: 3}   # is too small, and no concern of ours
variants:
  small: {set: {n: 1}, expect: {params: 1, macs: ~1.00M}}
  none: {set: {n: 2}}
"""
RENEWED = """\
cnncalc: 1
input: [3, 16, 16]
vars: {n: 10}
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
    name: conv
    expect: {params:  224, macs: 55296}  # right MACs
  - MaxPool2d: 2
    expect:
      shape:
        - "8"   # right
        - 8   # wrong

        - 8
      stride: 2
  - Flatten
  - Linear: $n
expect:      # promises
  params:  5354        # stale
  macs: ~60.4k        # right
  flops: FLOPS   # 55296 * 2 + 2048 + 1536 + 5120 * 2 + 10
  output: [ 10 ]
  receptive_field: [4, 4]
  layers: {conv: {shape: [8, 16, 16], "stride": 1}}
budget: {params: 3}   # is too small, and no concern of ours
variants:
  small: {set: {n: 1}, expect: {params: 737, macs: ~55.8k}}
  none: {set: {n: 2}}
"""


def expect(*arguments, **options):
    return CliRunner().invoke(group, ["expect", *arguments], **options)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def net(text, name="net.yaml"):
    data = text if isinstance(text, bytes) else text.encode()
    Path(name).write_bytes(data)
    return name


def written(text):
    """The file after --write, of which nothing is left to do."""
    name = net(text)
    result = expect("--write", name)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "wrote net.yaml\n")
    again = expect(name)
    assert (again.exit_code, again.stderr) == (0, "")
    assert expect(name, "--diff").output == ""
    return Path(name).read_bytes().decode()


def test_a_file_without_promises_gets_the_usual_ones_behind_its_input():
    assert written(NET) == NET.replace("# an image\n", f"# an image\n{BLOCK}")


def test_what_is_wrong_is_renewed_and_all_else_stays():
    mended = written(STALE)
    assert mended.replace(str(flops()), "FLOPS") == RENEWED


def flops():
    """FLOPs of the network, by the rules of docs/layers.md: a bias is counted once an output."""
    conv = 2 * 55296 + 8 * 16 * 16
    pool = 8 * 8 * 8 * 3
    linear = 2 * 5120 + 10
    return conv + pool + linear


def test_the_file_keeps_its_promises_then():
    report = analyse(loaded(written(STALE.replace("{params: 3}", "{params: 30k}"))))
    assert report.problems == ()
    assert all(check.ok for check in report.checks)


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize(
    ("text", "after"),
    [
        (NET, NET.replace("# an image\n", f"# an image\n{BLOCK}")),
        (f"{NET}expect: {{params: 1}}\n", f"{NET}expect: {{params: 170}}\n"),
    ],
)
def test_line_ends_and_byte_order_mark_stay(ending, mark, last, text, after):
    def form(text):
        return mark + (text if last else text.rstrip("\n")).replace("\n", ending).encode()

    net(form(text))
    assert expect("net.yaml", "--write").exit_code == 0
    assert Path("net.yaml").read_bytes() == form(after)


TWO = "cnncalc: 1\ninputs:\n  a: [16]\n  b:\n    - 16  # same\n"
ONE_LINE = "{params: 170, macs: 160, output: [10]}"


@pytest.mark.parametrize(
    ("empty", "full"),
    [
        ("expect:", f"expect: {ONE_LINE}"),
        ("expect:   # note", f"expect: {ONE_LINE}   # note"),
        ("expect: ~  # note", f"expect: {ONE_LINE}  # note"),
        ("expect: {}", f"expect: {ONE_LINE}"),
        ("expect:\n  # note", f"expect: {ONE_LINE}\n  # note"),
        (
            "expect: {params: 170}\nvariants: {a: {expect: }, b: {set: {}, expect: {}}, c: }",
            "expect: {params: 170}\n"
            f"variants: {{a: {{expect: {ONE_LINE}}}, b: {{set: {{}}, expect: {ONE_LINE}}}, "
            "c: }",
        ),
    ],
)
def test_an_empty_block_is_filled(empty, full):
    assert written(f"{NET}{empty}\n") == f"{NET}{full}\n"


@pytest.mark.parametrize(
    ("text", "after"),
    [
        (
            "{cnncalc: 1, input: [16], layers: [{Linear: 10}]}",
            f"{{cnncalc: 1, input: [16], expect: {ONE_LINE}, layers: [{{Linear: 10}}]}}",
        ),
        (
            f"{TWO}layers: [Add: [a, b], Linear: 10]\n",
            f"{TWO}{BLOCK}layers: [Add: [a, b], Linear: 10]\n",
        ),
        (
            "cnncalc: 1\nlayers: [Linear: 10]\ninput: [16]",
            f"cnncalc: 1\nlayers: [Linear: 10]\ninput: [16]\n{BLOCK}".rstrip("\n"),
        ),
        (
            "  cnncalc: 1\n  input: [16]\n  layers: [Linear: 10]\n",
            "  cnncalc: 1\n  input: [16]\n  expect:\n    params: 170\n    macs: 160\n"
            "    output: [10]\n  layers: [Linear: 10]\n",
        ),
    ],
)
def test_the_block_is_written_in_the_style_of_the_file(text, after):
    assert written(text) == after


def test_several_outputs_and_layers_of_training_alone_are_promised():
    heads = "heads: {aux: {from: a, train_only: true, layers: [Linear: 2]}}\noutputs: [a, b]\n"
    layers = "layers:\n  - Linear: 10\n    name: a\n  - Linear: 3\n    name: b\n"
    after = written(f"cnncalc: 1\ninput: [16]\n{layers}{heads}")
    block = "expect:\n  params: 225\n  params_inference: 203\n  macs: 190\n  outputs: [[10], [3]]\n"
    assert after == f"cnncalc: 1\ninput: [16]\n{block}{layers}{heads}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("output: [3, 4]  # note", "output: [10]  # note"),
        ("output:\n  - 3\n  - 4\n", "output:\n  - 10\n"),
        ("output:\n  - 3   # note\n", "output:\n  - 10   # note\n"),
        ("output: 3", "output: 10"),
        ("output: []", "output: [10]"),
        ("outputs: [[3, 4]]", "outputs: [[10]]"),
        ("backward_macs: {weight: 3}", "backward_macs: {weight: 160}"),
        ("macs: ~0.16k", "macs: ~0.16k"),
        ("macs: ~0.2k", "macs: ~0.2k"),
        ("macs: 1k", "macs: 160"),
        ("macs: '~1k'", "macs: ~160"),
        ("size_bytes: ~0.50KiB", "size_bytes: ~680"),
        ("training_bytes: ~1T", "training_bytes: ~1k"),
        ("size_bytes: ~1.0MiB", "size_bytes: ~680"),
    ],
)
def test_a_number_stays_in_the_form_that_it_has(before, after):
    text = f"{NET}expect:\n  params: 1\n  {before.replace(chr(10), chr(10) + '  ')}\n"
    full = f"{NET}expect:\n  params: 170\n  {after.replace(chr(10), chr(10) + '  ')}\n"
    assert written(text) == full


NUMBERS = st.builds(Fraction, st.integers(0, 10**14), st.integers(1, 60)) | st.integers(0, 10**14)
FORMS = st.from_regex(r"~?[0-9]{1,6}(\.[0-9]{1,4})?(k|M|G|T|KiB|MiB|GiB|TiB)?", fullmatch=True)


@given(NUMBERS, st.none() | FORMS)
def test_what_is_written_matches_what_is_computed(value, form):
    like = quantity.parse(form) if form else None
    text = number(value, like)
    assert quantity.parse(text).matches(value), text
    if like is None or not like.approximate:
        endless = Fraction(value).denominator not in (1, 2, 4, 5, 8, 10, 16, 20, 25, 40, 50)
        assert text.startswith("~") == endless
    else:
        digits = text.strip("~kMGTiB").replace(".", "")
        assert text.startswith("~")
        assert len(digits) >= len(str(like.digits))
        assert ("i" in text) <= ("i" in form)


@pytest.mark.parametrize("name", ["lenet5", "resnet18", "googlenet", "unet", "keras/VGG16"])
def test_bundled_specs_are_as_they_promise(name):
    result = expect(name)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "expect:" in result.stdout


@pytest.mark.parametrize("name", ["lenet5", "googlenet", "inception_v3", "squeezenet1_0", "vgg16"])
def test_a_bundled_block_that_was_taken_out_comes_back(name):
    text = source.bundled()[name].read_text(encoding="utf-8")
    start = text.index("\nexpect:") + 1
    block = text[start : text.find("\n\n", start) if "\n\n" in text[start:] else None]
    numbers = {line.split("#")[0].strip() for line in block.splitlines()[1:]}
    shown = {line.strip() for line in expect(net(text.replace(block, ""))).stdout.splitlines()}
    usual = {line for line in numbers if line.startswith(("params", "macs", "output"))}
    assert len(usual) >= 3
    assert usual <= shown


def test_the_blocks_of_a_file_are_printed_as_they_would_be():
    net(STALE)
    result = expect("net.yaml")
    assert result.exit_code == 1
    assert result.stderr == "net.yaml: --write would change it, and --diff shows how\n"
    places = {7: "", 9: "", 18: "", 27: ", variant small"}
    headings = [f"# net.yaml:{line}{of}" for line, of in places.items()]
    lines = result.stdout.splitlines()
    assert [line for line in lines if line.startswith("#")] == headings
    assert lines[1] == "expect: {params:  224, macs: 55296}  # right MACs"
    assert lines[3:9] == [
        "expect:",
        "  shape:",
        '    - "8"   # right',
        "    - 8   # wrong",
        "",
        "    - 8",
    ]
    assert lines[-1] == "expect: {params: 737, macs: ~55.8k}"
    assert Path("net.yaml").read_text() == STALE


def test_a_single_block_is_printed_alone():
    result = expect(net(NET))
    assert (result.stdout, result.exit_code) == (BLOCK, 1)
    result = expect("-", input=NET)
    assert (result.stdout, result.exit_code) == (BLOCK, 1)


def test_a_variant_that_is_named_is_shown_alone():
    result = expect("resnet101")
    assert result.stdout == "expect: {params: 44549160, macs: 7801405440}\n"


def test_the_diff_shows_what_would_change():
    net(f"{NET}expect: {{params: 1}}\n")
    result = expect("net.yaml", "--diff")
    assert result.exit_code == 1
    changes = [line for line in result.stdout.splitlines() if line[0] in "+-"]
    assert changes == [
        "--- net.yaml",
        "+++ net.yaml",
        "-expect: {params: 1}",
        "+expect: {params: 170}",
    ]
    assert Path("net.yaml").read_text() == f"{NET}expect: {{params: 1}}\n"


def test_lint_renews_the_same_numbers_where_it_may_change_the_promise():
    net(STALE)
    assert CliRunner().invoke(group, ["lint", "--fix", "net.yaml"]).exit_code == 1
    assert Path("net.yaml").read_text() == STALE
    CliRunner().invoke(group, ["lint", "--fix", "--unsafe-fixes", "net.yaml"])
    assert Path("net.yaml").read_text() == RENEWED.replace("FLOPS", str(flops()))


COPIES = """\
cnncalc: 1
input: [4]
blocks:
  B: {args: {n: required}, layers: [{Linear: $n, expect: {shape: [4], params: 20}}]}
layers: [B: 4, B: 8]
expect: {params: 1}
"""


def test_a_number_for_copies_that_differ_is_left_and_said_to_be_so():
    net(COPIES)
    result = expect("--write", "net.yaml")
    assert result.exit_code == 1
    assert Path("net.yaml").read_text() == COPIES.replace("{params: 1}", "{params: 60}")
    assert result.stderr.count("help: copies of this item differ: no number fits all") == 2
    assert expect("net.yaml", "--diff").exit_code == 1


def test_copies_that_agree_are_renewed():
    text = COPIES.replace("B: 8", "B: 4").replace("params: 20", "params: 3")
    assert "expect: {shape: [4], params: 20}" in written(text)


def test_a_comment_in_a_list_of_another_length_is_not_lost():
    text = f"{NET}expect:\n  output:\n    - 3   # note\n    - 4\n"
    net(text)
    result = expect("net.yaml", "--write")
    assert result.exit_code == 1
    assert "output is [10], not the expected [3, 4]" in result.stderr
    assert Path("net.yaml").read_text() == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (NET.replace("Linear: 10", "Linear: ten"), "CNN007"),
        (NET.replace("Linear", "Liner"), "CNN002"),
        (NET.replace("[16]", "[3, 16]"), "CNN101"),
        (NET + "expect: {parms: 3}", "did you mean 'params'?"),
        (NET + "expect: {params: many}", "params must be a number"),
        (NET + "expect: [3]", "expect must be a mapping"),
        (NET + "vars: {n: 10}\nvariants: {a: {set: {n: 0}}}\n".replace("n: 10", "n: 3"), None),
        (NET.replace("10 ", "$n ") + "vars: {n: 1}\nvariants: {a: {set: {n: 0}}}\n", "CNN007"),
        ("cnncalc: 1\n", "CNN005"),
        ("a: [", "CNN001"),
        ("", "CNN001"),
        (b"\xff", "UTF-8"),
    ],
)
@pytest.mark.parametrize("how", [(), ("--diff",), ("--write",)])
def test_a_network_with_problems_is_left_as_it_is(text, message, how):
    net(text)
    before = Path("net.yaml").read_bytes()
    net(NET, "good.yaml")
    result = expect("net.yaml", "good.yaml", *how)
    if message:
        assert message in result.stderr
        assert "net.yaml: nothing is promised of a network with problems" in result.stderr
        assert result.exit_code == 1
        assert Path("net.yaml").read_bytes() == before
    assert "params: 170" in (Path("good.yaml").read_text() if "--write" in how else result.stdout)


def test_a_file_is_written_once_however_often_it_is_named():
    net(NET)
    result = expect("--write", "net.yaml", "./net.yaml")
    assert (result.exit_code, result.stderr) == (0, "wrote net.yaml\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing argument"),
        (("no.yaml",), "no file and no bundled spec is called 'no.yaml'"),
        (("net.yaml", "no.yaml", "--write"), "no file and no bundled spec"),
        ((".",), "'.' is a directory"),
        (("-", "--write"), "--write changes files, not standard input"),
        (("lenet5", "--write"), "'lenet5' is shipped with cnncalc, and is not changed"),
        (("net.yaml", "--write", "--diff"), "--diff changes nothing, and --write does"),
    ],
)
def test_wrong_usage(arguments, message):
    net(NET)
    result = expect(*arguments, input=NET)
    assert result.exit_code == 2
    assert message in result.stderr
    assert Path("net.yaml").read_text() == NET


def test_a_file_that_is_read_only_is_left_as_it_is():
    net(NET)
    Path("net.yaml").chmod(0o444)
    net(NET, "other.yaml")
    result = expect("--write", "net.yaml", "other.yaml")
    assert result.exit_code == 2
    assert "'net.yaml' is read-only, and is left as it is" in result.stderr
    assert Path("net.yaml").read_text() == NET
    assert BLOCK in Path("other.yaml").read_text()


def test_a_file_that_changes_meanwhile_is_left_as_it_is(monkeypatch):
    net(NET)
    write = NewFile.write

    def interrupted(self, fill):
        write(self, fill)
        net("# mine now")

    monkeypatch.setattr(NewFile, "write", interrupted)
    result = expect("--write", "net.yaml")
    assert result.exit_code == 2
    assert "'net.yaml' has changed meanwhile, and is left as it is" in result.stderr
    assert [path.name for path in Path().iterdir()] == ["net.yaml"]
    assert Path("net.yaml").read_text() == "# mine now"


def test_json_stays_json():
    spec = '{"cnncalc": 1, "input": [3, 8, 8], "layers": ["ReLU"]}\n'
    Path("net.yaml").write_text(spec, encoding="utf-8")
    assert expect("net.yaml", "--write").exit_code == 0
    numbers = json.loads(Path("net.yaml").read_text(encoding="utf-8"))["expect"]
    assert numbers == {"params": 0, "macs": 0, "output": [3, 8, 8]}
