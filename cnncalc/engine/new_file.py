"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from cnncalc.engine.errors import EngineError, reason


class NewFile:
    """A file that appears whole or not at all: it is written under another name beside its own.

    Raises EngineError where there is one already and not `force`, or where none can be written.
    """

    def __init__(self, path: str | os.PathLike[str], *, force: bool = False) -> None:
        self.path = Path(path)
        try:
            if self.path.exists():
                self._check_existing(force)
            self._target = self.path.resolve()  # a link stays, and leads to the new file
            self._written = self._target.with_name(f".{self._target.name[:100]}.{token_hex(4)}")
            self._file = self._written.open("xb")
        except (OSError, ValueError) as error:
            raise self._failure(error) from None

    def write(self, fill: Callable[[BinaryIO], object]) -> None:
        """Let `fill` write what the file holds, under the other name still."""
        try:
            with self._file:
                fill(self._file)
        except OSError as error:
            raise self._failure(error) from None

    def place(self) -> None:
        """Give what was written its name."""
        try:
            self._written.replace(self._target)
        except OSError as error:
            raise self._failure(error) from None

    def discard(self) -> None:
        """Leave nothing behind of what was not finished."""
        with suppress(OSError):
            self._file.close()
        self._written.unlink(missing_ok=True)

    def _check_existing(self, force: bool) -> None:
        if not self.path.is_file():
            raise EngineError(f"'{self.path}' is not a file that could be replaced")
        if not force:
            raise EngineError(f"'{self.path}' exists", "--force (in Python force=True) replaces it")

    def _failure(self, error: Exception) -> EngineError:
        return EngineError(f"cannot write '{self.path}': {reason(error)}")
