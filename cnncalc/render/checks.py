"""What `verify` found as text: a table of checks in plain, aligned columns, and a verdict."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from cnncalc import __version__
from cnncalc.engine.verify.results import Check, Figure, Verdict, Verification
from cnncalc.render.text import aligned, count, shape, size

SHOWN = 5
"""Layers that a failed check names."""
NO_NUMBERS: frozenset[str] = frozenset()
HEADINGS = ("check", "summary says", "the run gives", "verdict")


def report(found: Verification) -> str:
    """All of one network."""
    table = aligned(HEADINGS, [_row(check) for check in found.checks], NO_NUMBERS)
    if found.verdict is Verdict.NOT_RUN:
        table = iter(())
    return "\n".join([_head(found), "", *table, *_details(found), "", verdict(found)]) + "\n"


def comparison(many: Sequence[Verification]) -> str:
    """One line for each of several networks."""
    rows = [(title(found), verdict(found)) for found in many]
    return "\n".join(aligned(("network", "verdict"), rows, NO_NUMBERS)) + "\n"


def title(found: Verification) -> str:
    """The network and its variant."""
    return (found.name or found.file) + (f" ({found.variant})" if found.variant else "")


def _head(found: Verification) -> str:
    inputs = ", ".join(
        shape(sizes) if key == "input" else f"{key} {shape(sizes)}"
        for key, sizes in found.inputs.items()
    )
    batch = f"batch {found.batch}"
    if found.training_batch not in (None, found.batch):
        batch += f" ({found.training_batch} in training, where batch norm needs it)"
    return (
        f"{title(found)}, input {inputs}: {_many(found.layers, 'layer')}, {found.dtype}, {batch}, "
        f"seed {found.seed}"
    )


def _row(check: Check) -> tuple[str, str, str, str]:
    return check.name, _figure(check.summary), _figure(check.run), check.verdict.value


def _figure(figure: Figure | None) -> str:
    if figure is None:
        return "-"
    number = size(figure.value) if figure.unit == "bytes" else count(figure.value)
    unit = f" {figure.unit}" if figure.unit not in ("", "bytes") else ""
    return f"{number}{unit}" + (f", {figure.note}" if figure.note else "")


def _details(found: Verification) -> Iterator[str]:
    """Why checks were not run; of each failed one, why, and the first layers that differ."""
    missing: dict[str, list[str]] = {}
    for check in found.checks:
        if check.verdict is Verdict.NOT_RUN:
            missing.setdefault(check.why or "", []).append(check.name)
    if missing and found.verdict is not Verdict.NOT_RUN:
        yield ""
    for why, names in missing.items():
        what = (
            "nothing was run" if len(names) == len(found.checks) else f"{', '.join(names)} not run"
        )
        yield f"{what}: {why}"
    for check in found.checks:
        if check.verdict is not Verdict.FAILED:
            continue
        yield ""
        why = f": {check.why}" if check.why else ""
        yield f"{check.name} failed{why}"
        for one in check.differences[:SHOWN]:
            where = f"{one.path} ({one.type})" if one.type else one.path
            yield f"  {where}: summary says {one.summary}, the run gives {one.run}"
        if len(check.differences) > SHOWN:
            yield f"  and {count(len(check.differences) - SHOWN)} more"


def verdict(found: Verification) -> str:
    """One line."""
    total = len(found.checks)
    failed = [check.name for check in found.checks if check.verdict is Verdict.FAILED]
    missing = found.count(Verdict.NOT_RUN)
    passed = f"{found.count(Verdict.PASSED)} of {_many(total, 'check')} passed"
    rest = f", {missing} not run" if missing else ""
    if failed:
        return f"failed: {', '.join(failed)}; {passed}{rest}"
    word = "passed" if found.verdict is Verdict.PASSED else "not proved"
    return f"{word}: {passed}{rest}"


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")


# ---- JSON


def to_json(many: Sequence[Verification]) -> str:
    """One object, or a list of them; one line a check."""
    if len(many) == 1:
        return _object(many[0]) + "\n"
    return "[" + ",\n".join(map(_object, many)) + "]\n"


def _object(found: Verification) -> str:
    head = {
        "cnncalc": __version__,
        "verify": 1,
        "spec": found.file,
        "name": found.name,
        "variant": found.variant,
        "inputs": found.inputs,
        "layers": found.layers,
        "dtype": found.dtype,
        "seed": found.seed,
        "batch": found.batch,
        "training_batch": found.training_batch,
    }
    checks = ",\n".join("  " + json.dumps(_check(check)) for check in found.checks)
    tail = {
        "passed": found.count(Verdict.PASSED),
        "failed": found.count(Verdict.FAILED),
        "not_run": found.count(Verdict.NOT_RUN),
        "verdict": found.verdict.value,
    }
    return f'{{{_members(head)},\n"checks": [\n{checks}\n],\n{_members(tail)}}}'


def _members(values: dict[str, Any]) -> str:
    return ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in values.items())


def _check(check: Check) -> dict[str, Any]:
    return {
        "check": check.name,
        "verdict": check.verdict.value,
        "summary": check.summary and check.summary._asdict(),
        "run": check.run and check.run._asdict(),
        "why": check.why,
        "differences": [one._asdict() for one in check.differences],
    }
