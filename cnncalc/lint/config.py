"""The config file of a folder: the nearest cnncalc.toml, or pyproject.toml with [tool.cnncalc]."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

from cnncalc.lint.codes import Choice
from cnncalc.lint.settings import KEYS, Complaint, Reader

INCLUDED = ("*.yaml", "*.yml")
CONFIG_KEYS = (*KEYS, "include", "exclude", "per-file-ignores")

_SECTION = re.compile(r"^\s*\[+\s*tool\s*\.\s*cnncalc\b", re.MULTILINE)
_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


class ConfigError(Exception):
    """What is wrong with a config file: `path:line:column: message`, a mistake a line."""


class Config(NamedTuple):
    """The settings of a folder, which hold for all specs below it.

    Patterns are those of a shell, for the path from that folder or for a name on it.
    """

    folder: Path
    choice: Choice = Choice()
    include: tuple[str, ...] = INCLUDED
    exclude: tuple[str, ...] = ()
    ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def wants(self, path: Path) -> bool:
        """Whether a file that was found in a folder is to be checked."""
        included = any(self._matches(path, one) for one in self.include)
        return included and not any(self._matches(path, one) for one in self.exclude)

    def choices(self, path: Path) -> tuple[Choice, ...]:
        """What is chosen for a file."""
        ignored = (codes for pattern, codes in self.ignores if self._matches(path, pattern))
        return (self.choice, *(Choice(ignore=codes) for codes in ignored))

    def _matches(self, path: Path, pattern: str) -> bool:
        """Whether a pattern is about a file, or about a folder that it is in."""
        parts = Path(os.path.relpath(path, self.folder)).parts
        starts = ("/".join(parts[:n]) for n in range(1, len(parts) + 1))
        pattern = pattern.removeprefix("./").rstrip("/")
        return any(fnmatch(start, pattern) for start in starts) or fnmatch(parts[-1], pattern)


class Configs:
    """The configs of folders, each read once."""

    def __init__(self) -> None:
        self._known: dict[Path, Config] = {}

    def of(self, file: str) -> Config:
        """The config that a file is under; raises ConfigError."""
        return self._nearest(Path(file).absolute().parent)

    def _nearest(self, folder: Path) -> Config:
        if folder not in self._known:
            found = _read(folder)
            if found is None:
                top = folder.parent == folder
                found = Config(folder) if top else self._nearest(folder.parent)
            self._known[folder] = found
        return self._known[folder]


def _read(folder: Path) -> Config | None:
    """The config that stands in a folder itself."""
    for name, section in (("cnncalc.toml", False), ("pyproject.toml", True)):
        path = folder / name
        if os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises in a folder that is closed
            text = _text(path)
            # a project's file of other tools is no concern of ours, not even where it is broken
            if section and not _SECTION.search(text):
                continue
            values = _parsed(path, text)
            return _config(path, text, values["tool"]["cnncalc"] if section else values)
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{_shown(path)}:1:1: the file is not UTF-8") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(f"cannot read '{_shown(path)}': {reason}") from None


def _parsed(path: Path, text: str) -> dict[str, Any]:
    import tomllib  # paid for only by those who have a config

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        found = _AT.search(message)
        lines = text.split("\n")
        line, column = (
            (found[1], found[2]) if found and found[1] else (len(lines), len(lines[-1]) + 1)
        )
        what = _AT.sub("", message)
        raise ConfigError(f"{_shown(path)}:{line}:{column}: {what[:1].lower()}{what[1:]}") from None


def _config(path: Path, text: str, values: Mapping[str, Any]) -> Config:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{_shown(path)}:1:1: cnncalc must be a table of settings")
    reader = Reader()
    reader.known(values, CONFIG_KEYS)
    choice = reader.choice(values)
    ignores = [
        (pattern, reader.selectors(("per-file-ignores", pattern), codes, ignoring=True))
        for pattern, codes in reader.mapping(("per-file-ignores",), values.get("per-file-ignores"))
    ]
    include = reader.texts(("include",), values.get("include"))
    exclude = reader.texts(("exclude",), values.get("exclude"))
    if reader.complaints:
        raise ConfigError("\n".join(_said(one, path, text) for one in reader.complaints))
    return Config(path.parent, choice, include or INCLUDED, exclude, tuple(ignores))


def _said(complaint: Complaint, path: Path, text: str) -> str:
    """A complaint as a message, with help below it."""
    line, column = _place(complaint, text)
    head = f"{_shown(path)}:{line}:{column}: {complaint.message}"
    return f"{head}\n  help: {complaint.help}" if complaint.help else head


def _place(complaint: Complaint, text: str) -> tuple[int, int]:
    """Line and column of a setting: the parser keeps no places, so they are looked for."""
    section = _SECTION.search(text)
    at = section.start() if section else 0
    for key in complaint.keys:
        found = re.compile(rf"(?<![\w-])[\"']?{re.escape(key)}[\"']?\s*[=.\]]").search(text, at)
        at = found.start() if found else at
    if complaint.text is not None:
        value = re.compile(rf"[\"']?{re.escape(complaint.text)}").search(
            text, text.find("=", at) + 1
        )
        at = value.start() if value else at
    before = text[:at].split("\n")
    return len(before), len(before[-1]) + 1


def _shown(path: Path) -> str:
    """The path from where we are, where that is shorter."""
    return min(os.path.relpath(path), str(path), key=len)
