"""From the bytes of a spec to its reports: each stage is one function, all problems collected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from cnncalc.analysis.report import Report, Sizing, report
from cnncalc.graph import Graph
from cnncalc.language.builder import Built, Settings, build
from cnncalc.language.document import Document, parse
from cnncalc.language.expect import check
from cnncalc.language.reader import read
from cnncalc.language.spec import Spec, Variant
from cnncalc.layer import Shape
from cnncalc.problem import Problem, merged
from cnncalc.source import Source


class Loaded(NamedTuple):
    """A spec as written; `spec` is None where the text could not be read as YAML.

    `variant` is the variant of it that was named in its place.
    """

    document: Document
    spec: Spec | None
    problems: tuple[Problem, ...]
    variant: Variant | None = None


def load(source: Source) -> Loaded:
    """Read the text of a spec."""
    document = parse(source.data, source.file)
    if document.root is None:
        return Loaded(document, None, document.problems)
    spec, problems = read(document.root, source.file)
    variant = spec.variants[source.variant] if source.variant else None
    return Loaded(document, spec, (*document.problems, *problems), variant)


def expand(loaded: Loaded, settings: Settings) -> Built:
    """Expand the spec into its network, with all problems so far."""
    if loaded.spec is None:
        empty = Graph(loaded.document.file, None, {}, (), (), (), {})
        return Built(empty, loaded.problems, ())
    built = build(loaded.spec, settings)
    return built._replace(problems=(*loaded.problems, *built.problems))


def analyse(
    loaded: Loaded,
    settings: Settings | None = None,
    sizing: Sizing | None = None,
    built: Built | None = None,
) -> Report:
    """All numbers of the spec, or of the variant that the settings name.

    Without settings: of what `load` was asked for. `built` is what `expand` gave for the same, if
    it is at hand.
    """
    settings = settings or Settings(variant=loaded.variant)
    built = built or expand(loaded, settings)
    variant = settings.variant
    found = report(built.graph, variant=variant.name.text if variant else None, sizing=sizing)
    if loaded.spec is None:
        return replace(found, problems=merged(built.problems))
    promise = variant or loaded.spec
    rows = {index: row for row in found.rows for index in row.node.outputs}
    checked = check(
        found,
        promise.expect,
        promise.budget,
        ()
        if variant
        else [(rows[e.value], e.expect) for e in built.expectations if e.value in rows],
        document=loaded.document,
        changed=bool(settings.inputs or settings.variables or built.wrong),
    )
    problems = merged((*built.problems, *checked.problems))
    return replace(found, checks=checked.checks, problems=problems)


def rebuilder(loaded: Loaded, settings: Settings) -> Callable[[Mapping[str, Shape]], Graph | None]:
    """The network as a function of the shapes of its inputs; None where they make a problem."""

    def rebuild(inputs: Mapping[str, Shape]) -> Graph | None:
        built = expand(loaded, settings._replace(inputs={**settings.inputs, **inputs}))
        return None if built.wrong else built.graph

    return rebuild


def variants_of(loaded: Loaded) -> Mapping[str, Variant]:
    """The variants by name; a variant that was named in place of its spec has none."""
    return loaded.spec.variants if loaded.spec and not loaded.variant else {}
