"""What must hold beside the derivatives: a layer is a function, and leaves its arguments alone."""

from __future__ import annotations

import numpy as np

from cnncalc.engine.gradients.probes import floor
from cnncalc.engine.gradients.results import TensorCheck, Verdict
from cnncalc.engine.gradients.subject import Array, Subject, identical
from cnncalc.kernels.mode import Wants

LIMIT = 1e-12
"""Largest difference, in typical elements, of gradients that are computed in another way."""
WAYS = {
    "without those of the parameters": Wants(weights=False),
    "without that of the input": Wants(inputs=False),
}


def guarded(
    found: dict[str, TensorCheck],
    subject: Subject,
    upstream: tuple[Array, ...],
    gradients: dict[str, Array | None],
    before: dict[str, int],
) -> dict[str, TensorCheck]:
    """The checks, unless the layer breaks its contract.

    `gradients` are those for `upstream`, and `before` was the fingerprint of the subject.
    """
    if not any(one.probes for one in found.values()):
        return found
    why = _broken(subject, upstream, gradients, before)
    if why is None:
        return found
    return {n: one._replace(verdict=Verdict.FAILED, note=why) for n, one in found.items()}


def _broken(
    subject: Subject,
    upstream: tuple[Array, ...],
    gradients: dict[str, Array | None],
    before: dict[str, int],
) -> str | None:
    after = subject.fingerprint()
    changed = [name for name in after if after[name] != before[name]]
    if changed:
        return f"it writes to what it is given: {', '.join(changed)}"
    twice = zip(subject.output(), subject.output(), strict=True)
    if not all(identical(a, b) for a, b in twice):
        return "two forward passes on the same data differ"
    for what, wants in WAYS.items():
        if not _same(gradients, subject.gradients(upstream, wants)):
            return f"gradients computed {what} differ"
    if not _same(gradients, subject.overwritten(upstream)):
        return "gradients differ where memory may be written over"
    return None


def _same(all_: dict[str, Array | None], some: dict[str, Array | None]) -> bool:
    """Whether what was computed twice is the same but for rounding."""
    pairs = ((all_[name], other) for name, other in some.items() if name in all_)
    return all(a is None or b is None or (a.shape == b.shape and _close(a, b)) for a, b in pairs)


def _close(a: Array, b: Array) -> bool:
    if identical(a, b):
        return True
    return bool(np.abs(a - b).max() <= LIMIT * floor(a))
