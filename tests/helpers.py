"""Short ways to compute a spec in a test."""

from textwrap import dedent

from cnncalc.language.builder import Settings
from cnncalc.pipeline import analyse, load
from cnncalc.source import Source


def spec(layers, *, input="[3, 16, 16]", head=""):
    """A spec with these items; `head` holds further top-level keys."""
    body = dedent(layers).strip("\n")
    return f"cnncalc: 1\ninput: {input}\n{dedent(head)}\nlayers:\n{body}\n"


def loaded(text):
    return load(Source("net.yaml", text.encode()))


def compute(text, variant=None, **settings):
    """The report of a spec."""
    one = loaded(text)
    chosen = one.spec.variants[variant] if variant else None
    return analyse(one, Settings(variant=chosen, **settings))


def good(layers, **options):
    """The report of these items, which have no problem."""
    report = compute(spec(layers, **options))
    assert not report.problems, report.problems
    return report


def shapes(report):
    """Type and output shape of every layer."""
    return [(row.node.type, row.out_shapes[0]) for row in report.rows]


def paths(report):
    return [row.node.path for row in report.rows]


def only_problem(text):
    """The one problem of a spec."""
    problems = compute(text).problems
    assert len(problems) == 1, problems
    return problems[0]
