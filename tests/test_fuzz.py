"""Whatever is thrown at the loader, it answers with a report and problems, never an exception."""

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from cnncalc import layers
from cnncalc.language.builder import Settings
from cnncalc.pipeline import analyse, load
from cnncalc.render import machine, table, text, tree
from cnncalc.source import Source

ROOT = Path(__file__).parent.parent
SPECS = [
    path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "specs").rglob("*.yaml"))
    if path.stem in ("lenet5", "unet", "mobilenet_v2", "shufflenet_v2_x1_0", "tcn_causal")
]
CASES = [path.read_text("utf-8") for path in sorted((ROOT / "tests" / "cases").glob("*.yaml"))]

FUZZ = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)

WORDS = st.sampled_from(
    [
        *("0", "-1", "1.5", "true", "null", "~", "[]", "{}", "''", "'x'", "prev", "prev2", "input"),
        *("1000000000000000000", "9" * 400, "1e400", "$", "$x", "$(", "$(1/0)", "${a}", "$(2**63)"),
        *("$(channels(prev))", "$(range(5))", "[3, 3]", "[[1, 2], [3, 4]]", "&a", "*a", "!!int 3"),
        *("- ", ": ", "\n", "  ", "\t", "#", "|", ">", "\x00", "\u2028", "\ud7ff", "é", "%", "@"),
        *("name", "from", "for", "in", "if", "repeat", "merge", "branches", "layers", "apply"),
        *("blocks", "args", "inputs", "heads", "outputs", "expect", "budget", "variants", "loss"),
        *layers.names(),
    ]
)


@st.composite
def mutated(draw):
    """A spec with a few lines or stretches of characters deleted, doubled, moved or replaced."""
    lines = draw(st.sampled_from(SPECS + CASES)).split("\n")
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        other = draw(st.integers(0, len(lines) - 1))
        kind = draw(st.sampled_from(["delete", "double", "swap", "word", "cut", "indent"]))
        if kind == "delete" and len(lines) > 1:
            del lines[at]
        elif kind == "double":
            lines.insert(at, lines[other])
        elif kind == "swap":
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == "indent":
            lines[at] = " " * draw(st.integers(0, 12)) + lines[at].lstrip()
        else:
            start = draw(st.integers(0, len(lines[at])))
            end = draw(st.integers(start, min(len(lines[at]), start + 12)))
            word = draw(WORDS) if kind == "word" else ""
            lines[at] = lines[at][:start] + word + lines[at][end:]
    return "\n".join(lines)


YAML_LIKE = st.lists(st.one_of(WORDS, st.text(max_size=4)), max_size=30).map("".join)


def answers(data):
    """Compute and render the bytes in every way; returns the report."""
    loaded = load(Source("net.yaml", data))
    for variant in loaded.spec.variants.values() if loaded.spec else ():
        analyse(loaded, Settings(variant=variant))
    report = analyse(loaded)
    assert report.rows or report.problems or loaded.spec
    machine.to_json(report)
    table.summary(report, table.fold(tree.tree(report.rows), None)[0], ("layer", "macs", "field"))
    said = text.messages(report.problems, {"net.yaml": loaded.document.lines})
    assert "Traceback" not in said
    for problem in report.problems:
        assert problem.name
        assert problem.span.line >= 1
        assert problem.span.column >= 1
        assert problem.message == problem.message.strip()
    return report


@FUZZ
@given(mutated())
def test_mutated_specs(spec):
    answers(spec.encode("utf-8", "surrogatepass"))


@FUZZ
@given(YAML_LIKE)
def test_yaml_like_text(spec):
    answers(spec.encode("utf-8", "surrogatepass"))


@FUZZ
@given(YAML_LIKE)
def test_anything_as_a_layer(item):
    answers(f"cnncalc: 1\ninput: [3, 8, 8]\nlayers:\n  - {item}\n".encode("utf-8", "surrogatepass"))


@FUZZ
@given(st.binary(max_size=200))
def test_bytes(data):
    answers(data)


@FUZZ
@given(st.sampled_from(layers.names()), st.data())
def test_any_arguments_for_any_layer_type(name, data):
    known = sorted({*layers.find(name).arguments, "kernel_size", "dim", "inplace"})
    arguments = data.draw(st.dictionaries(st.sampled_from(known), WORDS, max_size=5))
    written = ", ".join(f"{key}: {value}" for key, value in arguments.items())
    shape = data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=5))
    item = f"{name}: {{{written}}}"
    answers(f"cnncalc: 1\ninput: {shape}\nlayers:\n  - {item}\n  - {name}\n".encode())


SCHEMA = jsonschema.Draft202012Validator(
    json.loads((ROOT / "docs" / "report.schema.json").read_text("utf-8"))
)


@pytest.mark.parametrize("spec", CASES)
def test_reports_of_broken_specs_follow_the_schema(spec):
    report = answers(spec.encode())
    SCHEMA.validate(json.loads(machine.to_json(report)))
