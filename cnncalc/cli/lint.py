"""`cnncalc lint`: findings in specs, for people and for CI."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import click

from cnncalc.cli import options
from cnncalc.cli.lint_paths import from_root
from cnncalc.lint.check import Checked
from cnncalc.lint.codes import ALWAYS, Choice, matching, unknown
from cnncalc.lint.config import ConfigError, Configs
from cnncalc.lint.files import Unreadable, find
from cnncalc.lint.parallel import Job, check_all
from cnncalc.pipeline import Loaded, load
from cnncalc.problem import Level
from cnncalc.render import findings, text
from cnncalc.source import Source
from cnncalc.suggest import did_you_mean

LEVELS = [level.value for level in Level]
FORMATS = {"text": findings.to_text, "concise": findings.to_concise}
MODULES = {
    "json": "findings_json",
    "github": "github",
    "sarif": "sarif",
    "junit": "junit",
    "gitlab": "gitlab",
}
"""Formats for programs, by the file in render/ that is imported only for them."""
HOSTED = ("github", "sarif", "gitlab")
"""Those for code hosts, which know a file by its path from the root of its repository."""


class View(NamedTuple):
    """What of the findings is shown, and which make the exit code 1."""

    shown: Level
    failing: Level


def _selectors(
    ctx: click.Context, param: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    """Check a list of codes; click's callback."""
    found = [one.strip() for part in value for one in part.split(",") if one.strip()]
    for one in found:
        codes = matching(one)
        if not codes:
            raise click.BadParameter(f"there is no rule '{one}'; {unknown(one)}", ctx, param)
        if param.name == "ignore" and all(code.startswith(ALWAYS) for code in codes):
            message = f"'{one}' is always reported: a spec with it is not understood"
            raise click.BadParameter(message, ctx, param)
    return tuple(found)


def _rules(name: str, help: str) -> options.Decorator:
    return click.option(name, multiple=True, metavar="CODES", callback=_selectors, help=help)


def _level(name: str, help: str) -> options.Decorator:
    return click.option(name, type=click.Choice(LEVELS), help=help)


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH|DIR|-]...")
@_rules("--select", "Report these only: CNN301, CNN3, a name, or ALL; with commas between.")
@_rules("--extend-select", "Report these as well.")
@_rules("--ignore", "Do not report these.")
@_level("--fail-on", "Lowest level that gives exit code 1.  [default: error]")
@_level("--min-severity", "Lowest level that is shown.  [default: warning, or --fail-on]")
@options.variation
@click.option(
    "--format",
    "form",
    type=click.Choice([*FORMATS, *MODULES]),
    default="text",
    show_default=True,
)
@click.option("--output", metavar="FILE", help="Write there instead of to standard output.")
@click.option("--fix", is_flag=True, help="Mend what can be mended safely, and show the rest.")
@click.option("--diff", is_flag=True, help="Show what --fix would change, and change nothing.")
@click.option("--unsafe-fixes", is_flag=True, help="Mend also where the network may change.")
@click.option("--statistics", is_flag=True, help="Count the findings of each rule instead.")
@click.option("--show-files", is_flag=True, help="List the specs that would be checked, and end.")
@click.option("--stdin-filename", metavar="FILE", help="What to call standard input.")
@click.option(
    "--force-exclude",
    is_flag=True,
    help="Choose among named files as in a DIR: pass over what the config excludes or is no spec.",
)
@click.option("--exit-zero", is_flag=True, help="Give exit code 0 in spite of findings.")
@click.option("--allow-empty", is_flag=True, help="It is no mistake if there is no spec.")
def command(
    paths: tuple[str, ...],
    select: tuple[str, ...],
    extend_select: tuple[str, ...],
    ignore: tuple[str, ...],
    fail_on: str | None,
    min_severity: str | None,
    assignments: tuple[tuple[str, Any], ...],
    variant: str | None,
    **how: Any,
) -> None:
    """Check specs for mistakes: what does not fit, what is broken, what is probably not meant.

    A DIR means every spec below it: the .yaml and .yml files with `cnncalc:` at their top level;
    without PATH, the current one. A file is checked as written and in all its variants. Exit code
    1: findings of at least --fail-on; 2: wrong usage, or a file that cannot be read.

    \b
    cnncalc lint
    cnncalc lint net.yaml --min-severity info
    cnncalc lint specs --select CNN2,CNN301 --statistics
    cnncalc lint net.yaml --diff
    cnncalc lint - --stdin-filename net.yaml < net.yaml
    cnncalc explain CNN202
    """
    view = _view(fail_on, min_severity)
    _check_usage(paths, bool(assignments or variant), how)
    sources, chosen, failed = _sources(paths or (".",), how)
    if not (sources or failed or how["allow_empty"]):
        options.fail("there is no spec", "name a file, or a folder that has one below it")
    if how["show_files"]:
        options.write("".join(f"{one.file}\n" for one in sources), how["output"])
        raise click.exceptions.Exit(2 if failed else 0)
    line = Choice(select or None, extend_select, ignore)

    def job(source: Source) -> Job:
        return Job(source, chosen[source.file], line, dict(assignments), variant)

    if how["fix"] or how["diff"]:
        jobs = {one.file: job(one) for one in sources}
        sources, failed = _mend(
            sources, lambda one: _visible(jobs[one.document.file].check(one), view), how, failed
        )
    if assignments or variant:
        _known([load(one) for one in sources], [name for name, _ in assignments], variant)
    checked = check_all([job(one) for one in sources])
    _show(checked, view, how)
    levels = (finding.problem.level for one in checked for finding in one.findings)
    failing = any(_reaches(level, view.failing) for level in levels)
    raise click.exceptions.Exit(2 if failed else int(failing and not how["exit_zero"]))


def _check_usage(paths: Sequence[str], changed: bool, how: dict[str, Any]) -> None:
    """Refuse options that contradict each other."""
    mending = how["fix"] or how["diff"]
    if how["unsafe_fixes"] and not mending:
        options.fail("--unsafe-fixes goes with --fix or --diff")
    if mending and changed:
        options.fail("a fix is for all networks of a file", "leave --set and --variant out")
    if how["form"] in MODULES and (how["statistics"] or how["diff"]):
        option = "--statistics" if how["statistics"] else "--diff"
        options.fail(f"{option} is text, and --format {how['form']} is none")
    if how["fix"] and not how["diff"]:
        from cnncalc.cli import lint_fixes

        lint_fixes.check_usage(paths)


def _sources(
    paths: Sequence[str], how: dict[str, Any]
) -> tuple[list[Source], dict[str, tuple[Choice, ...]], bool]:
    """The specs, what their config files choose for each, and whether one could not be read."""
    configs = Configs()

    def wanted(path: str) -> bool:
        return configs.of(path).wants(Path(path))

    try:
        found = list(find(paths, how["stdin_filename"], wanted, choosy=how["force_exclude"]))
        chosen = {one.file: configs.of(one.file).choices(Path(one.file)) for one in found}
    except ConfigError as error:
        options.fail(str(error))
    failures = [one for one in found if isinstance(one, Unreadable)]
    _complain(failures)
    return [one for one in found if not isinstance(one, Unreadable)], chosen, bool(failures)


def _mend(
    sources: list[Source], check_one: Callable[[Loaded], Checked], how: dict[str, Any], failed: bool
) -> tuple[list[Source], bool]:
    """Mend the files, or end with a diff; the specs as they are then, and whether one failed."""
    from cnncalc.cli import lint_fixes

    if not how["diff"]:
        left, written = lint_fixes.fix(sources, check_one, unsafe=how["unsafe_fixes"])
        return left, failed or not written
    text, said = lint_fixes.diff(sources, check_one, unsafe=how["unsafe_fixes"])
    options.write(text, how["output"])
    sys.stdout.flush()
    click.echo(said, err=True)
    raise click.exceptions.Exit(2 if failed else int(bool(text) and not how["exit_zero"]))


def _view(fail_on: str | None, min_severity: str | None) -> View:
    """The levels; what is not shown cannot fail."""
    failing = Level(fail_on or "error")
    usual = failing if _reaches(Level.WARNING, failing) else Level.WARNING
    shown = Level(min_severity) if min_severity else usual
    if not _reaches(failing, shown):
        if fail_on:
            help = f"write --min-severity {failing.value}, or leave it out"
            options.fail(f"--fail-on {failing.value} is below --min-severity {shown.value}", help)
        failing = shown
    return View(shown, failing)


def _reaches(level: Level, lowest: Level) -> bool:
    return LEVELS.index(level.value) <= LEVELS.index(lowest.value)


def _complain(failures: Iterable[Unreadable]) -> None:
    """Say what could not be read; the other files are checked all the same."""
    for one in failures:
        click.echo(f"Error: {text.printable(one.message)}", err=True)
        if one.help:
            click.echo(f"  help: {one.help}", err=True)


def _known(loaded: Sequence[Loaded], variables: Sequence[str], variant: str | None) -> None:
    """Some spec must have the variables and the variant that the command line names."""
    specs = [one.spec for one in loaded if one.spec]
    if not specs:
        return
    there = {key.text for spec in specs for key, _ in spec.vars}
    for name in variables:
        if name not in there:
            options.fail(f"no spec has a variable '{name}'", did_you_mean(name, there))
    names = {name for spec in specs for name in spec.variants}
    if variant not in (None, "all", *names):
        options.fail(f"no spec has a variant '{variant}'", did_you_mean(str(variant), names))


def _visible(checked: Checked, view: View) -> Checked:
    """The findings of at least the level to show."""
    return checked._replace(
        findings=tuple(f for f in checked.findings if _reaches(f.problem.level, view.shown))
    )


def _show(checked: Sequence[Checked], view: View, how: dict[str, Any]) -> None:
    """Write what is to be shown of the findings, and a last line for people."""
    shown = [_visible(one, view) for one in checked]
    form, output = how["form"], how["output"]
    if form in MODULES:
        module = import_module(f"cnncalc.render.{MODULES[form]}")
        if form in HOSTED:
            shown = list(map(from_root, shown))
        options.write(module.render(shown), output)
        if form == "github":
            _summarise(module.page(shown))
        return
    write = findings.statistics if how["statistics"] else FORMATS[form]
    options.write(write(shown), output)
    hidden = sum(len(one.findings) for one in checked) - sum(len(one.findings) for one in shown)
    sys.stdout.flush()
    click.echo(findings.summary(shown, hidden), err=True)


def _summarise(page: str) -> None:
    """Add a page to the summary of a GitHub step, where there is one."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        try:
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(page)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            options.fail(f"cannot write '{path}' of GITHUB_STEP_SUMMARY: {reason}")
