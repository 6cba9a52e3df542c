"""cnncalc: calculator and verifier for CNN architectures written as YAML specs.

>>> import cnncalc
>>> cnncalc.summarize("lenet5").totals.params
61706
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnncalc.api import (
        SpecError,
        check_gradients,
        initialise,
        load,
        load_weights,
        run,
        save_weights,
        summarize,
        verify,
    )
    from cnncalc.engine.errors import EngineError

__all__ = [
    "EngineError",
    "SpecError",
    "__version__",
    "check_gradients",
    "initialise",
    "load",
    "load_weights",
    "run",
    "save_weights",
    "summarize",
    "verify",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import the API on first use, as the command line needs the version only (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'cnncalc' has no attribute '{name}'")
    from cnncalc import api

    return getattr(api, name)
