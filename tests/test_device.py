"""Time on a device: the lecture notes' figures, and the roofline of layers worked out by hand."""

import csv
import io
import json

import pytest
from click.testing import CliRunner
from helpers import compute, good, spec

from cnncalc.analysis.device import bounds, layer_time, network_time, parse
from cnncalc.analysis.report import Device, Sizing
from cnncalc.cli import group
from cnncalc.render.text import duration

TEN_LAYERS = """\
cnncalc: 1
input: [100, 64, 64]
layers:
  - Conv2d: {out_channels: 100, kernel_size: 5, padding: 2}
    repeat: 10
"""

MIXED = """
- Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
- ReLU
- Add: [prev, prev]
- Flatten
- Linear: 10
"""


def run(*arguments, code=0):
    result = CliRunner().invoke(group, [*arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ten.yaml").write_text(TEN_LAYERS)
    (tmp_path / "mixed.yaml").write_text(spec(MIXED))


def line(out, name):
    """What a total says."""
    (found,) = (one for one in out.split("\n") if one.startswith(f"{name:<14}"))
    return found[14:]


def test_at_two_operations_a_multiply_add_it_takes_twice_as_long_and_the_bias():
    report = compute(TEN_LAYERS)
    once = network_time(report.rows, Sizing(device=parse("12TMACS")))
    twice = network_time(report.rows, Sizing(device=parse("12TFLOPS")))
    assert once * 12e12 == pytest.approx(10 * 1_024_000_000, rel=1e-12)
    assert twice * 12e12 == pytest.approx(20 * 1_024_000_000 + 10 * 100 * 64 * 64, rel=1e-12)


def test_what_moves_in_each_layer_by_hand():
    """In float32 at 4 bytes a second a second is an element; computing takes no time to speak of.

    The convolution reads 3 x 16 x 16 and 8 x 28 weights and writes 8 x 16 x 16; Add reads its one
    input once; Flatten is a view; Linear has 2048 x 10 weights and 10 biases.
    """
    rows = good(MIXED).rows
    sizing = Sizing(device=Device(1e30, False, 4.0))
    seconds = [layer_time(row, sizing).memory for row in rows]
    assert seconds == [768 + 224 + 2048, 2 * 2048, 2 * 2048, 0, 2048 + 20490 + 10]
    assert network_time(rows, sizing) == sum(seconds)
    many = Sizing(batch=10, dtype="float16", device=Device(1e30, False, 2.0))
    wanted = [768 + 22.4 + 2048, 2 * 2048, 2 * 2048, 0, 2048 + 2049 + 10]
    assert [layer_time(row, many).memory for row in rows] == pytest.approx(wanted, rel=1e-12)


def test_what_is_computed_in_each_layer_by_hand():
    """FLOPs: two for each of 27 x 2048 MACs and a bias; one an element; 2 x 2048 x 10 and 10."""
    rows = good(MIXED).rows
    flops = [2 * 27 * 2048 + 2048, 2048, 2048, 0, 2 * 20480 + 10]
    assert [layer_time(row, Sizing(device=Device(1, False, None))).seconds for row in rows] == flops
    macs = [27 * 2048, 0, 0, 0, 20480]
    assert [layer_time(row, Sizing(device=Device(1, True, None))).seconds for row in rows] == macs


def test_the_longer_of_the_two_holds_a_layer_up():
    """At 4 FLOPs for each element moved: the convolution computes 112,640 / 4 > 3,040 moved."""
    rows = good(MIXED).rows
    sizing = Sizing(device=Device(4.0, False, 4.0))
    assert [layer_time(row, sizing).bound for row in rows] == [
        *("compute", "memory", "memory", "compute", "memory")
    ]
    assert bounds(rows, sizing) == {"compute": 112_640 / 4, "memory": 4096 + 4096 + 22_548}
    assert network_time(rows, sizing) == 28_160 + 30_740


def test_a_layer_that_takes_as_long_to_move_as_to_compute_is_bound_by_computing():
    (row,) = good("- ReLU").rows  # 768 FLOPs and 2 x 768 elements
    assert layer_time(row, Sizing(device=Device(1.0, False, 8.0))).bound == "compute"
    assert layer_time(row, Sizing(device=Device(1.0, False, 7.9))).bound == "memory"


def test_heads_that_exist_in_training_only_take_no_time():
    report = compute(
        spec("- ReLU", head="heads: {aux: {from: input, train_only: true, layers: [ReLU]}}")
    )
    sizing = Sizing(device=Device(1.0, False, None))
    assert [row.node.train_only for row in report.rows].count(True) == 1
    assert network_time(report.rows, sizing) == 768
    assert bounds(report.rows, sizing) == {"compute": 768, "memory": 0}


def test_what_is_not_known_takes_an_unknown_time():
    report = compute(spec("- ReLU\n- Linear: 4"))
    sizing = Sizing(device=Device(1.0, False, None))
    assert report.problems
    assert network_time(report.rows, sizing) is None
    assert layer_time(report.rows[0], sizing).seconds == 768


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("12TFLOPS", Device(12e12, False, None)),
        ("12TMACS", Device(12e12, True, None)),
        ("0.15TMACS", Device(0.15e12, True, None)),
        ("19.5TFLOP/s,1555GB/s", Device(19.5e12, False, 1555e9)),
        ("100GMACs,25.6GB/s", Device(1e11, True, 25.6e9)),
        ("1GFLOPS,2GiB/s", Device(1e9, False, 2.0**31)),
        ("1000FLOPS", Device(1000.0, False, None)),
        *((text, None) for text in ("", "12T", "12TOPS", "TFLOPS", "~12TFLOPS", "0TFLOPS")),
        *((text, None) for text in ("-1TFLOPS", "1e3FLOPS", "12TFLOPS,", "12TFLOPS,900GB")),
        *((text, None) for text in ("12TFLOPS,0GB/s", "900GB/s", "12TFLOPS,900GB/s,1", "nanFLOPS")),
    ],
)
def test_devices_as_they_are_written(text, wanted):
    assert parse(text) == wanted


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [
        (None, "?"),
        (0, "0 ns"),
        (3.4e-8, "34 ns"),
        (1.5e-6, "1.5 us"),
        (0.0123456, "12.35 ms"),
        (1, "1 s"),
        (119, "119 s"),
        (120, "2 min"),
        (68_266.67, "18.96 h"),
        (172_800, "2 days"),
        (31_557_600 * 12_345, "12,345 years"),
    ],
)
def test_durations_in_words(seconds, wanted):
    assert duration(seconds) == wanted


def test_the_json_report_has_times_that_add_up():
    found = json.loads(
        run("summary", "mixed.yaml", "--device", "4FLOPS,4B/s", "--format", "json").stdout
    )
    assert found["device"] == {"operations": 4, "macs": False, "bandwidth": 4, "images": None}
    assert sum(one["time"]["seconds"] for one in found["layers"]) == found["totals"]["seconds"]
    assert found["layers"][0]["time"] == {
        "compute": 28_160,
        "memory": 3040,
        "seconds": 28_160,
        "bound": "compute",
    }
    plain = json.loads(run("summary", "mixed.yaml", "--format", "json").stdout)
    assert "device" not in plain
    assert not {"time"} & plain["layers"][0].keys()


def test_the_table_the_csv_and_the_order():
    options = ("mixed.yaml", "--device", "4FLOPS,4B/s")
    rows = list(csv.DictReader(io.StringIO(run("summary", *options, "--format", "csv").stdout)))
    assert [float(row["time"]) for row in rows] == [28_160, 4096, 4096, 0, 22_548]
    assert [row["bound"] for row in rows] == ["compute", "memory", "memory", "-", "memory"]
    out = run("summary", *options).stdout
    assert "7.822 h" in out  # 28,160 s
    assert line(out, "time").startswith("16.36 h an image, 47.8% in layers bound by compute")
    assert "weights once for batch 1" in line(out, "assumed")
    sort = run("summary", *options, "--sort", "time", "--format", "csv").stdout
    times = [float(row["time"]) for row in csv.DictReader(io.StringIO(sort))]
    assert times == sorted(times, reverse=True)
    markdown = run("summary", *options, "--format", "markdown").stdout
    assert "- **time**: 16.36 h an image" in markdown


def test_compare_sorts_by_time_and_says_what_it_assumes():
    options = ("mixed.yaml", "ten.yaml", "--device", "12TFLOPS,900GB/s")
    out = run("compare", *options, "--sort", "time").stdout
    assert [one.split(" ")[0] for one in out.split("\n")[1:3]] == ["ten.yaml", "mixed.yaml"]
    assert "12 T FLOP/s, all of them used; 900 GB/s" in " ".join(out.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("summary", "mixed.yaml", "--device", "fast"), "'fast' is not a device such as"),
        (("compare", "mixed.yaml", "--device", "12TOPS"), "12TFLOPS,900GB/s or 12TMACS"),
        (("summary", "mixed.yaml", "--images", "1M"), "--images needs a device"),
        (("compare", "mixed.yaml", "--images", "1M"), "--images needs a device"),
        (("summary", "mixed.yaml", "--device", "1FLOPS", "--images", "0"), "not a number such as"),
        (("summary", "mixed.yaml", "--device", "1FLOPS", "--images", "1.5"), "'1.5' is not a"),
        (("summary", "mixed.yaml", "--sort", "time"), "times need a device"),
        (("summary", "mixed.yaml", "--columns", "layer,bound"), "times need a device"),
        (("compare", "mixed.yaml", "--sort", "time"), "to sort by time needs a device"),
    ],
)
def test_wrong_usage(arguments, message):
    assert message in run(*arguments, code=2).stderr
