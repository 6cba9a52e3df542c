"""Short ways to run lint rules in a test."""

import re
from functools import cache

from helpers import loaded

from cnncalc.language.builder import Settings
from cnncalc.lint.network import Network
from cnncalc.lint.rules import catalogue
from cnncalc.problem import Level, merged

MARK = re.compile(r"# *(\^*)\s*")


def network(one, variant=None):
    """What rules see of a spec, or of a variant of it."""
    return Network(one, Settings(variant=one.spec.variants[variant] if variant else None))


def check(net, rules):
    """What these rules find in a network, in the order of the file."""
    return merged(problem for rule in rules for problem in rule.check(net))


def findings(text, code=None, variant=None, **options):
    """What one rule finds in a spec without problems, or all rules that are on by default."""
    rules = [catalogue()[code](**options)] if code else default_rules()
    net = network(loaded(text), variant)
    assert net.report.problems == ()
    return check(net, rules)


@cache
def default_rules():
    """The rules that are on by default."""
    return tuple(rule() for rule in catalogue().values() if rule.default)


def warnings(net):
    """What the rules find that are on by default, hints left out."""
    found = check(net, default_rules())
    return tuple(problem for problem in found if problem.level is not Level.INFO)


def place(text):
    """Line, first column and end column of what the carets in a comment below it mark.

    `#    ^^^` marks three characters of the line above, a lone `#` its first one.
    """
    lines = text.splitlines()
    [(number, found)] = [(n, m) for n, line in enumerate(lines) if (m := MARK.fullmatch(line))]
    first, end = found.span(1) if found[1] else (0, 1)
    return number, first + 1, end + 1


def places(problems):
    """Code, line, first column and end column of each finding."""
    return [(p.code, p.span.line, p.span.column, p.span.end_column) for p in problems]


def applied(text, fix):
    """The text after a fix."""
    lines = text.splitlines(keepends=True)
    offset = [sum(map(len, lines[:number])) for number in range(len(lines) + 1)]
    for span, new in sorted(fix.edits, reverse=True):
        start, end = offset[span.line - 1] + span.column - 1, offset[span.end_line - 1]
        text = text[:start] + new + text[end + span.end_column - 1 :]
    return text
