"""Where specs come from: a file, standard input, or the ones that are shipped with cnncalc."""

from __future__ import annotations

import re
import stat
import sys
from pathlib import Path
from typing import NamedTuple

from cnncalc.suggest import did_you_mean

MAX_BYTES = 2**20

_VARIANTS = re.compile(rb"^variants:.*\n((?:[ #].*\n|\n)*)", re.MULTILINE)
_VARIANT = re.compile(rb"^  ([^\s#:]+):", re.MULTILINE)

_PLACES = (Path(__file__).parent / "specs", Path(__file__).parent.parent / "specs")


class SourceError(Exception):
    """A spec that cannot be read at all."""

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.message, self.help = message, help


class Source(NamedTuple):
    """The bytes of a spec; at most one more than a spec may have, so that a reader can tell.

    `variant` is the variant that was named in place of the spec.
    """

    file: str
    data: bytes
    variant: str | None = None


class Network(NamedTuple):
    """Where a shipped network stands: a file, or a variant in it."""

    path: Path
    variant: str | None = None


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
    place = _place()
    files = ((path.relative_to(place), path) for path in place.rglob("*.yaml"))
    return dict(sorted((name.with_suffix("").as_posix(), path) for name, path in files))


def networks() -> dict[str, Network]:
    """All networks that are shipped, by name: each spec, followed by its variants.

    A variant has the folder of its file: `keras/ResNet101` stands in keras/ResNet50.yaml.
    """
    found: dict[str, Network] = {}
    for name, path in bundled().items():
        found[name] = Network(path)
        for variant in _variants(path):
            called = Path(name).with_name(variant).as_posix()
            found.setdefault(called, Network(path, variant))
    return found


def _place() -> Path:
    """The folder of the shipped specs, in an installed package or in a checkout."""
    return next(place for place in _PLACES if place.is_dir())


def _variants(path: Path) -> list[str]:
    """The names under `variants:`, without parsing: a name must be found in milliseconds.

    They are read as the shipped specs write them, a name a line behind two spaces; a test holds
    them against those that parsing finds.
    """
    written = _VARIANTS.search(path.read_bytes())
    return [name.decode() for name in _VARIANT.findall(written[1])] if written else []


def read_bundled(name: str) -> Source:
    """The shipped network of that name; raises SourceError."""
    path = bundled().get(name)
    network = Network(path) if path else networks().get(name)
    if network is None:
        help = did_you_mean(name, networks()) or "'cnncalc specs' lists the bundled ones"
        raise SourceError(f"no file and no bundled spec is called '{name}'", help)
    return read_network(network)


def read_network(network: Network) -> Source:
    """The spec of a shipped network; in a checkout, messages name its path from there."""
    path, short = network.path, Path("specs") / network.path.relative_to(_place())
    shown = short if short.exists() and short.samefile(path) else path
    return _read(path, str(shown), network.variant)


def _read(path: Path, shown: str, variant: str | None = None) -> Source:
    try:
        with path.open("rb") as file:
            return Source(shown, file.read(MAX_BYTES + 1), variant)
    except OSError as error:
        raise SourceError(f"cannot read '{shown}': {_reason(error)}") from None


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
