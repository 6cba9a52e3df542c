"""What the engine refuses."""

from __future__ import annotations


class EngineError(Exception):
    """Why a network cannot be run, or with these arrays; `help` says what would be right."""

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.message, self.help = message, help


class NotFinite(EngineError):  # noqa: N818 - it is what was found
    """A run gave NaN or infinity, though it was given neither."""


def reason(error: Exception) -> str:
    """Why the system refused."""
    return (getattr(error, "strerror", None) or str(error)).lower()
