"""What the checks read, and how they put what they find."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from cnncalc.analysis.report import Report
from cnncalc.engine.verify.field import FieldProof
from cnncalc.engine.verify.results import Check, Difference, Figure, Verdict
from cnncalc.engine.verify.runs import Runs
from cnncalc.engine.weights import Arrays
from cnncalc.graph import Graph, Node


class Evidence(NamedTuple):
    """What the checks read: the summary for the batch of each run, and the runs.

    `no_training` is why there was no training run, `field` what units were found to read.
    """

    graph: Graph
    weights: Arrays
    report: Report
    inference: Runs
    training_report: Report
    training: Runs | None
    no_training: str | None
    field: FieldProof | None = None

    def pairs(self) -> list[tuple[Report, Runs]]:
        """The summary and the runs, as far as there are any."""
        found = [(self.report, self.inference)]
        if self.training is not None and self.training.refused is None:
            found.append((self.training_report, self.training))
        return found


def outcome(
    name: str, summary: Figure | None, run: Figure | None, differences: Iterable[Difference]
) -> Check:
    """Passed where both numbers are the same and no layer differs."""
    listed = tuple(differences)
    same = summary is None or run is None or summary.value == run.value
    verdict = Verdict.PASSED if same and not listed else Verdict.FAILED
    return Check(name, verdict, summary, run, differences=listed)


def difference(node: Node, summary: object, run: object) -> Difference:
    """What the summary says of a layer, and what the run gives."""
    return Difference(node.path, node.type, str(summary), str(run))
