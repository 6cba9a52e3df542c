"""A check of gradients for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import isfinite
from typing import Any

from cnncalc import __version__
from cnncalc.engine.gradients.results import (
    GradientReport,
    LayerCheck,
    Probe,
    TensorCheck,
    WiringCheck,
)
from cnncalc.layer import written_arguments


def to_json(many: Sequence[GradientReport]) -> str:
    """One report, or a list of them; one line a layer."""
    if len(many) == 1:
        return _report(many[0]) + "\n"
    return "[" + ",\n".join(map(_report, many)) + "]\n"


def _report(found: GradientReport) -> str:
    head = {
        "cnncalc": __version__,
        "check_gradients": 1,
        "spec": found.file,
        "name": found.name,
        "variant": found.variant,
        "seed": found.seed,
        "inputs": found.shrinking.written,
        "run_on": found.shrinking.run,
        "batch": found.shrinking.batch,
    }
    tail = {"coverage": found.coverage._asdict(), "verdict": found.verdict.value}
    layers = _lines("layers", [_layer(one) for one in found.layers])
    wiring = _lines("end_to_end", [_wiring(one) for one in found.wiring])
    return f"{{{_members(head)},\n{layers},\n{wiring},\n{_members(tail)}}}"


def _members(values: dict[str, Any]) -> str:
    return ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in values.items())


def _lines(key: str, rows: list[dict[str, Any]]) -> str:
    return f'"{key}": [\n' + ",\n".join("  " + json.dumps(row) for row in rows) + "\n]"


def _layer(one: LayerCheck) -> dict[str, Any]:
    return {
        "paths": one.paths,
        "type": one.type,
        "args": written_arguments(one.layer),
        "in_shapes": one.shapes,
        "mode": one.mode,
        "verdict": one.verdict.value,
        "tensors": [_tensor(tensor) for tensor in one.tensors],
    }


def _tensor(one: TensorCheck) -> dict[str, Any]:
    return {
        "tensor": one.tensor,
        "method": one.method,
        "worst_error": _number(one.error),
        "verdict": one.verdict.value,
        "note": one.note,
        "probes": [_probe(probe) for probe in one.probes],
    }


def _probe(one: Probe) -> dict[str, Any]:
    return {
        "along": one.what,
        "method": one.method,
        "analytic": _number(one.analytic),
        "numeric": _number(one.numeric),
        "error": _number(one.error),
        "verdict": one.verdict.value,
    }


def _wiring(one: WiringCheck) -> dict[str, Any]:
    return {
        "along": one.what,
        "tensors": one.tensors,
        "derivative": one.probe and _probe(one.probe),
        "verdict": one.verdict.value,
        "note": one.note,
    }


def _number(value: float | None) -> float | None:
    """JSON has neither infinity nor NaN."""
    return value if value is not None and isfinite(value) else None
