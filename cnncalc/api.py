"""What `import cnncalc` offers to Python: the network of a spec, and its report."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike, fspath
from typing import Any

from cnncalc import source
from cnncalc.analysis.report import Report, Sizing
from cnncalc.graph import Graph
from cnncalc.language.builder import Settings
from cnncalc.layer import Shape
from cnncalc.pipeline import Loaded, analyse, expand, load as read
from cnncalc.problem import Level, Problem, merged


class SpecError(Exception):
    """A spec with errors; `problems` holds them."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{first.span}: {first.message}{more}")
        self.problems = problems


def load(
    spec: str | PathLike[str],
    *,
    inputs: Mapping[str, Shape] | None = None,
    variables: Mapping[str, Any] | None = None,
    variant: str | None = None,
) -> Graph:
    """The network of a spec: a path, or the name of a shipped one.

    `inputs` are shapes by name (`{"input": (3, 256, 256)}`), `variables` replace `vars`. Raises
    SpecError for a spec with errors, `cnncalc.source.SourceError` for one that cannot be read, and
    KeyError for a variant that it does not have.
    """
    loaded = read(source.read(fspath(spec)))
    built = expand(loaded, _settings(loaded, inputs, variables, variant))
    errors = tuple(p for p in merged(built.problems) if p.level is Level.ERROR)
    if errors:
        raise SpecError(errors)
    return built.graph


def summarize(
    spec: str | PathLike[str],
    *,
    inputs: Mapping[str, Shape] | None = None,
    variables: Mapping[str, Any] | None = None,
    variant: str | None = None,
    sizing: Sizing | None = None,
) -> Report:
    """All numbers of a spec, with its problems; arguments and errors as `load`, but for SpecError.

    `sizing` says what sizes in bytes are for: `Sizing(batch=32, dtype="float16")`.
    """
    loaded = read(source.read(fspath(spec)))
    return analyse(loaded, _settings(loaded, inputs, variables, variant), sizing)


def _settings(
    loaded: Loaded,
    inputs: Mapping[str, Shape] | None,
    variables: Mapping[str, Any] | None,
    variant: str | None,
) -> Settings:
    chosen = loaded.spec.variants[variant] if variant and loaded.spec else None
    return Settings(inputs or {}, variables or {}, chosen)
