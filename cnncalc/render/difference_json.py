"""What changed between two networks, for programs; documented in docs/diff.md."""

from __future__ import annotations

import json
from typing import Any

from cnncalc import __version__
from cnncalc.analysis.condition import Outcome
from cnncalc.analysis.difference import Change, Total, numbers
from cnncalc.analysis.report import Report, Row, Sizing
from cnncalc.layer import written_arguments
from cnncalc.render.difference import Shown
from cnncalc.render.machine import exact, problem_json


def to_json(shown: Shown) -> str:
    """An object with one layer a line."""
    found = shown.difference
    sizing = found.new.sizing
    head = {
        "cnncalc": __version__,
        "difference": 1,
        "old": _network(found.old, shown.names[0]),
        "new": _network(found.new, shown.names[1]),
        "batch": sizing.batch,
        "dtype": sizing.dtype,
        "optimizer": sizing.optimizer,
        "same": found.same,
        "compared": found.compared,
        "inputs_changed": found.inputs,
        "outputs_changed": found.outputs,
        "totals": {_key(name): _total(total) for name, total in found.totals.items()},
    }
    tail = {
        "checks": [check._asdict() for check in found.new.checks],
        "promises_changed": [
            {"kind": old.kind, "key": old.key, "old": old.wanted, "new": new and new.wanted}
            for old, new in found.promises
        ],
        "conditions": [_condition(outcome) for outcome in shown.outcomes],
    }
    layers = ",\n".join("  " + json.dumps(_layer(one, sizing)) for one in found.layers)
    return f'{{{_members(head)},\n"layers": [\n{layers}\n],\n{_members(tail)}}}\n'


def _members(values: dict[str, Any]) -> str:
    return ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in values.items())


def _key(name: str) -> str:
    return name.replace(" ", "_")


def _network(report: Report, spec: str) -> dict[str, Any]:
    return {
        "spec": spec,
        "file": report.file,
        "name": report.name,
        "variant": report.variant,
        "inputs": report.inputs,
        "outputs": [one._asdict() for one in report.outputs],
        "problems": [problem_json(problem) for problem in report.problems],
    }


def _total(total: Total) -> dict[str, Any]:
    return {
        "old": exact(total.old),
        "new": exact(total.new),
        "change": exact(total.change),
        "percent": total.percent,
    }


def _layer(change: Change, sizing: Sizing) -> dict[str, Any]:
    return {
        "change": change.kind,
        "what": change.what,
        "old": _side(change.old, sizing),
        "new": _side(change.new, sizing),
    }


def _side(row: Row | None, sizing: Sizing) -> dict[str, Any] | None:
    if row is None:
        return None
    node, found = row.node, numbers(row, sizing)
    return {
        "path": node.path,
        "name": node.name,
        "type": node.type,
        "args": written_arguments(node.layer) if node.layer else {},
        "frozen": node.frozen,
        "train_only": node.train_only,
        "inputs": row.input_paths,
        **found._asdict(),
        "field": found.field and [exact(one) for one in found.field],
        "at": {"line": node.span.line, "column": node.span.column},
    }


def _condition(outcome: Outcome) -> dict[str, Any]:
    return {
        "condition": outcome.condition.text,
        "holds": outcome.holds,
        **_total(outcome.total),
    }
