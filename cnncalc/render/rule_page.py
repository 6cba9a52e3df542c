"""The manual page of a lint rule, from its class: for `explain`, and for docs/rules.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cnncalc.lint.codes import Code
from cnncalc.render.machine import plain_markdown
from cnncalc.render.text import aligned

HEADINGS = ("code", "name", "level", "fix", "what it finds")


def page(code: Code) -> str:
    """The page as plain text."""
    parts = [f"{code.code} {code.name}", "", _facts(code), "", code.page]
    if code.options:
        parts += ["", "Options:", *(f"  {line}" for line in _options(code))]
    for heading, specs in (("Bad:", code.bad[:1]), ("Good:", code.good[:1])):
        for spec in specs:
            parts += ["", heading, *(f"  {line}".rstrip() for line in spec.splitlines())]
    return "\n".join(parts) + "\n"


def markdown(code: Code) -> str:
    """The page as a section of docs/rules.md."""
    parts = [f"### {code.code} {code.name}", "", f"_{_facts(code)}_", "", code.page, ""]
    if code.options:
        parts += ["Options:", "", *(f"- {line}" for line in _options(code)), ""]
    for heading, specs in (("Bad", code.bad[:1]), ("Good", code.good[:1])):
        for spec in specs:
            parts += [f"{heading}:", "", "```text", spec.rstrip("\n"), "```", ""]
    return "\n".join(parts)


def table(codes: Iterable[Code]) -> str:
    """A list of rules, one a line."""
    return "".join(f"{line}\n" for line in aligned(HEADINGS, list(_rows(codes)), frozenset()))


def markdown_table(codes: Iterable[Code]) -> str:
    """The list as Markdown."""
    return plain_markdown(HEADINGS, _rows(codes))


def _rows(codes: Iterable[Code]) -> Iterator[tuple[str, ...]]:
    for one in codes:
        level = one.level.value if one.default else f"{one.level.value}, off"
        yield one.code, one.name, level, "yes" if one.fixable else "", one.title


def _facts(code: Code) -> str:
    """How bad it is, whether it is on, and whether there is a fix."""
    usual = "on by default" if code.default else "off by default"
    fix = ", has a fix" if code.fixable else ""
    return f"{code.level.value}, {usual}{fix}"


def _options(code: Code) -> Iterator[str]:
    for name, default in code.options.items():
        yield f"{name} = {default!r}"
