"""`cnncalc lint --fix` and `--diff`: what is mended, shown or put into the files."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import click

from cnncalc import source
from cnncalc.cli import options
from cnncalc.language.decoding import decode
from cnncalc.lint.check import Checked
from cnncalc.lint.fixes import Mended, mend
from cnncalc.pipeline import Loaded
from cnncalc.source import Source


class Refused(Exception):  # noqa: N818 - it is what happened
    """Why a file is left as it is."""


class Done(NamedTuple):
    """The specs as they are then, how much was mended in which files, and whether all of it was.

    `unsafe` is how much is left that only an unsafe fix would mend.
    """

    sources: list[Source]
    fixed: int
    files: list[str]
    written: bool
    unsafe: int


def check_usage(paths: Sequence[str], option: str = "--fix") -> None:
    """Only files can be mended; anything else ends the program."""
    for path in paths:
        if path == "-":
            message = f"{option} changes files, not standard input"
            options.fail(message, "--diff shows what it would do")
        if path in source.networks() and not Path(path).exists():
            options.fail(f"'{path}' is shipped with cnncalc, and is not changed", "copy its file")


def diff(
    sources: Sequence[Source], check: Callable[[Loaded], Checked], *, unsafe: bool
) -> tuple[str, str]:
    """What --fix would change, as a unified diff, and how much it would mend, in words."""
    parts: list[str] = []
    fixed = left = 0
    for one in sources:
        mended = mend(one, check, lambda fix: fix.safe or unsafe)
        fixed, left = fixed + mended.fixed, left + mended.unwanted
        parts += _differences(one, mended.source)
    return "".join(parts), f"--fix would mend {fixed:,}{_unsafe(left)}"


def _unsafe(left: int) -> str:
    return f"; {left:,} more with --unsafe-fixes" if left else ""


def _differences(before: Source, after: Source) -> Iterator[str]:
    if before.data == after.data:
        return
    from difflib import unified_diff

    old, new = (decode(one.data, one.file)[0].splitlines(True) for one in (before, after))
    for line in unified_diff(old, new, before.file, after.file):
        yield line if line.endswith(("\n", "\r")) else f"{line}\n\\ No newline at end of file\n"


def fix(
    sources: Sequence[Source], check: Callable[[Loaded], Checked], *, unsafe: bool
) -> tuple[list[Source], bool]:
    """Mend the files; the specs as they are then, and whether all could be written."""
    done = replaced(sources, check, unsafe=unsafe)
    files = len(done.files)
    where = f"{files:,} file{'s' if files != 1 else ''}"
    click.echo(f"mended {done.fixed:,} in {where}{_unsafe(done.unsafe)}", err=True)
    return done.sources, done.written


def replaced(
    sources: Sequence[Source], check: Callable[[Loaded], Checked], *, unsafe: bool
) -> Done:
    """Put the mended specs in the place of their files; what is refused is said."""
    left, fixed, files, written, unwanted = [], 0, [], True, 0
    for one in sources:
        mended = mend(one, check, lambda fix: fix.safe or unsafe)
        try:
            changed = _write(one, mended)
        except Refused as error:
            click.echo(f"Error: {error}", err=True)
            left.append(one)
            written = False
            continue
        left.append(mended.source)
        unwanted += mended.unwanted
        if changed:
            fixed += mended.fixed
            files.append(one.file)
        if mended.refused:
            message = f"{one.file}: {mended.refused} not mended, as the network would change"
            click.echo(message, err=True)
    return Done(left, fixed, files, written, unwanted)


def _write(before: Source, mended: Mended) -> bool:
    """Put a mended spec in the place of its file, whole or not at all; whether it differs."""
    if before.data == mended.source.data:
        return False
    from cnncalc.engine.errors import EngineError
    from cnncalc.engine.new_file import NewFile

    path = Path(before.file)
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if not (mode & 0o222 and os.access(path, os.W_OK)):
            raise Refused(f"'{path}' is read-only, and is left as it is")
        new = NewFile(path, force=True)
        try:
            new.write(lambda file: file.write(mended.source.data))
            if path.read_bytes() != before.data:
                raise Refused(f"'{path}' has changed meanwhile, and is left as it is")
            new.place()
            path.chmod(mode)
        finally:
            new.discard()
    except EngineError as error:
        raise Refused(error.message) from None
    except OSError as error:
        raise Refused(f"cannot write '{path}': {error.strerror or error}".lower()) from None
    return True
