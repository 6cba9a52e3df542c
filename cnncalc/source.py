"""Where specs come from: a file, standard input, or the ones that are shipped with cnncalc."""

from __future__ import annotations

import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cnncalc.suggest import did_you_mean

MAX_BYTES = 2**20

_PLACES = (Path(__file__).parent / "specs", Path(__file__).parent.parent / "specs")


class SourceError(Exception):
    """A spec that cannot be read at all."""

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.message, self.help = message, help


class Source(NamedTuple):
    """The bytes of a spec; at most one more than a spec may have, so that a reader can tell."""

    file: str
    data: bytes


def read(spec: str) -> Source:
    """The spec of that path, `-` for standard input, or a bundled name; raises SourceError."""
    if spec == "-":
        return Source("<stdin>", sys.stdin.buffer.read(MAX_BYTES + 1))
    path = Path(spec)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return read_bundled(spec)
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot open '{spec}': {_reason(error)}") from None
    if stat.S_ISDIR(mode):
        raise SourceError(f"'{spec}' is a directory", "name a file in it")
    return _read(path, spec)


def bundled() -> dict[str, Path]:
    """The specs that are shipped, by name."""
    return dict(sorted(_shipped()))


def _shipped() -> Iterator[tuple[str, Path]]:
    for place in [place for place in _PLACES if place.is_dir()][:1]:
        for path in place.rglob("*.yaml"):
            yield path.relative_to(place).with_suffix("").as_posix(), path


def read_bundled(name: str) -> Source:
    """The shipped spec of that name; raises SourceError."""
    specs = bundled()
    path = specs.get(name)
    if path is None:
        help = did_you_mean(name, specs) or "'cnncalc specs' lists the bundled ones"
        raise SourceError(f"no file and no bundled spec is called '{name}'", help)
    shown = Path("specs") / f"{name}.yaml"
    return _read(path, str(shown if shown.exists() and shown.samefile(path) else path))


def _read(path: Path, shown: str) -> Source:
    try:
        with path.open("rb") as file:
            return Source(shown, file.read(MAX_BYTES + 1))
    except OSError as error:
        raise SourceError(f"cannot read '{shown}': {_reason(error)}") from None


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
