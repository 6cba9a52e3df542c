"""NumPy on first use (PEP 562): `from cnncalc import lazy_numpy as np` costs next to nothing."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """Import NumPy, and keep what was asked for, so that it is looked up here once."""
    if name.startswith("__"):
        raise AttributeError(name)
    import numpy

    found = globals()[name] = getattr(numpy, name)
    return found
