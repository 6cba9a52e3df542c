"""Which specs a command line means: files, bundled names, standard input, and whole folders."""

# methods of Path raise in folders that are closed, and change how paths look
# ruff: noqa: PTH110, PTH112, PTH113, PTH118

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from cnncalc import source
from cnncalc.source import Source, SourceError

# at the start of a line: what is deeper belongs to another format that mentions us
_SPEC = re.compile(rb"""^(?:\xef\xbb\xbf)?(?:\{\s*)?["']?cnncalc["']?\s*:""", re.MULTILINE)


class Unreadable(NamedTuple):
    """A file that could not be read, and why."""

    file: str
    message: str
    help: str | None = None


def find(
    names: Iterable[str],
    stdin_name: str | None,
    wanted: Callable[[str], bool],
    *,
    choosy: bool = False,
) -> Iterator[Source | Unreadable]:
    """The specs in the order of the names, each once; `wanted` decides about files of folders.

    If `choosy`, files that are named must be wanted and be specs as well.
    """
    seen: set[str] = set()
    for name in names:
        for found in _specs(name, stdin_name, wanted, choosy):
            key = f"{_identity(found.file)} {found.variant if isinstance(found, Source) else ''}"
            if key not in seen:
                seen.add(key)
                yield found


def _identity(file: str) -> str:
    return os.path.realpath(file)


def _specs(
    name: str, stdin_name: str | None, wanted: Callable[[str], bool], choosy: bool
) -> Iterator[Source | Unreadable]:
    if name != "-" and os.path.isdir(name):
        yield from _folder(name, wanted)
        return
    if choosy and os.path.isfile(name):
        yield from _chosen(name, wanted)
        return
    found = _read(name)
    if name == "-" and stdin_name and isinstance(found, Source):
        found = found._replace(file=stdin_name)
        if choosy and not (wanted(stdin_name) and _SPEC.search(found.data)):
            return
    yield found


def _folder(name: str, wanted: Callable[[str], bool]) -> Iterator[Source | Unreadable]:
    """The specs below a folder; other YAML is passed over without a word."""
    failures: list[Unreadable] = []

    def failed(error: OSError) -> None:
        reason = (error.strerror or str(error)).lower()
        failures.append(
            Unreadable(str(error.filename), f"cannot open '{error.filename}': {reason}")
        )

    for folder, folders, files in os.walk(name, onerror=failed):
        folders[:] = sorted(one for one in folders if not _is_foreign(folder, one))
        yield from failures
        failures.clear()
        for file in sorted(files):
            path = os.path.normpath(os.path.join(folder, file))
            yield from _chosen(path, wanted)
    yield from failures


def _chosen(path: str, wanted: Callable[[str], bool]) -> Iterator[Source | Unreadable]:
    """The file, if it is wanted and a spec, or cannot be read."""
    pipe = os.path.exists(path) and not os.path.isfile(path)
    if wanted(path) and not pipe:
        found = _read(path)
        if isinstance(found, Unreadable) or _SPEC.search(found.data):
            yield found


def _is_foreign(folder: str, name: str) -> bool:
    """Whether a folder holds what is installed or hidden, not what is written here."""
    hidden = name.startswith(".") or name == "node_modules"
    return hidden or os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))


def _read(name: str) -> Source | Unreadable:
    try:
        return source.read(name)
    except SourceError as error:
        return Unreadable(name, error.message, error.help)
