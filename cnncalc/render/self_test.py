"""The self-test of the check of gradients, as a table or for programs."""

from __future__ import annotations

import json

from cnncalc import __version__
from cnncalc.engine.gradients.self_test import SelfTest, Trial
from cnncalc.render.gradients import aligned


def report(found: SelfTest) -> str:
    """A line for every planted fault, and how many were caught."""
    rows = [
        (
            trial.type,
            trial.what,
            "caught" if trial.caught else "NOT CAUGHT",
            trial.tensor.tensor if trial.tensor else "-",
            f"{trial.tensor.error:.1e}" if trial.tensor and trial.tensor.error else "-",
            "fine" if trial.right.good else f"FALSE ALARM: {trial.right.value}",
        )
        for trial in found.trials
    ]
    headings = ("type", "planted fault", "verdict", "tensor", "error", "without it")
    caught = sum(trial.caught for trial in found.trials)
    alarms = sum(not trial.right.good for trial in found.trials)
    lines = [*aligned(headings, rows), "", f"{caught} of {len(rows)} caught, {alarms} false alarms"]
    return "\n".join(lines) + "\n"


def to_json(found: SelfTest) -> str:
    """The same as JSON."""
    body = {
        "cnncalc": __version__,
        "self_test": 1,
        "seed": found.seed,
        "faults": [_fault(trial) for trial in found.trials],
        "caught": sum(trial.caught for trial in found.trials),
        "verdict": "passed" if found.passed else "failed",
    }
    return json.dumps(body, indent=1) + "\n"


def _fault(trial: Trial) -> dict[str, object]:
    return {
        "type": trial.type,
        "fault": trial.what,
        "caught": trial.caught,
        "tensor": trial.tensor and trial.tensor.tensor,
        "error": trial.tensor and trial.tensor.error,
        "without": trial.right.value,
    }
