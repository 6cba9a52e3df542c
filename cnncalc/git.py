"""Specs as git has them: `REV:path`, as in `HEAD~1:net.yaml`."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from cnncalc.source import MAX_BYTES, Source, SourceError

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_ADVICE = {
    "not a git repository": "run it in the repository that has the file",
    "invalid object name": "is it misspelt, or not fetched? 'git fetch --unshallow' gets all of "
    "a shallow clone",
    "does not exist": "git log --oneline --all -- FILE lists the revisions that changed a file; "
    "FILE is named from the top of the repository, or as ./FILE from here",
    "not a file": "name a file in it",
}
"""What helps, by words of git's message."""


def names(spec: str) -> bool:
    """Whether a text is `REV:path`: no file, and no Windows path with a drive letter."""
    if ":" not in spec or _DRIVE.match(spec):
        return False
    try:
        return not Path(spec).exists()
    except OSError:  # too long for a path
        return True


def read(spec: str) -> Source:
    """The file `REV:path` as it is in git; raises SourceError.

    `git cat-file` reads `REV:path` as `git show` does, but gives nothing that is not a file.
    """
    if spec.startswith("-"):
        raise SourceError(f"'{spec}': a revision does not begin with '-'")
    try:
        data, said = _cat(spec)
    except FileNotFoundError:
        raise SourceError(
            f"'{spec}' is read with git, which is not installed",
            "install git, or name a file",
        ) from None
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise SourceError(f"cannot run git for '{spec}': {why}") from None
    if said is not None:
        raise _refusal(spec, said)
    return Source(spec, data)


def _cat(spec: str) -> tuple[bytes, str | None]:
    """What git gives, at most one byte more than a spec may have, or what it says instead."""
    with subprocess.Popen(
        ["git", "cat-file", "blob", spec],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "LC_ALL": "C"},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        data = process.stdout.read(MAX_BYTES + 1)
        process.stdout.close()
        said = process.stderr.read().decode("utf-8", "replace")
    failed = process.returncode != 0 and len(data) <= MAX_BYTES
    return data, said if failed else None


def _refusal(spec: str, said: str) -> SourceError:
    """Git's own words, which name what is near."""
    lines = said.strip().splitlines() or ["it failed without a message"]
    reason = lines[0].removeprefix("fatal: ").removesuffix(".")
    if reason.endswith(": bad file"):
        reason = "it is not a file"
    hints = [line.removeprefix("hint: ") for line in lines if line.startswith("hint: ")]
    known = (help for words, help in _ADVICE.items() if words in reason)
    return SourceError(
        f"git does not give '{spec}': {reason}", " ".join(hints) or next(known, None)
    )
