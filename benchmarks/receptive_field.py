"""Time of receptive fields: of all layers beside `summary`, and of the exact region of one unit.

    python benchmarks/receptive_field.py [SPEC...] [--runs 10]

Columns: nodes of the graph; seconds for `cnncalc summary`'s numbers from a parsed spec; what
`cnncalc receptive-field` computes beyond them (the fields of all layers on each input, and the
pixels that nothing reads), of which the first is the formulas alone; then one unit in the middle
of the last map, followed back to the input. Times are the best of several runs in one process,
with empty caches.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from cnncalc import source
from cnncalc.analysis import input_view, phases, regions
from cnncalc.analysis.input_view import input_views
from cnncalc.analysis.receptive_field import receptive_fields
from cnncalc.analysis.report import Report
from cnncalc.graph import Graph
from cnncalc.language.builder import Settings
from cnncalc.pipeline import analyse, expand, load

NETWORKS = ("resnet50", "densenet161", "senet154", "unet", "keras/NASNetLarge", "tcn_causal")
CACHES = (regions._read, phases.through, input_view._unread)
HEADINGS = ("spec", "nodes", "summary", "formulas", "beyond", "one unit")


def best(task: Callable[[], object], runs: int) -> float:
    """The shortest time of some runs, in seconds."""
    times = []
    for _ in range(runs):
        for cached in CACHES:
            cached.cache_clear()
        started = time.perf_counter()
        task()
        times.append(time.perf_counter() - started)
    return min(times)


def follow(graph: Graph, report: Report) -> None:
    """The region of the unit in the middle of the last map of more than one place."""
    maps = [
        row.node.outputs[0]
        for row in report.rows
        if row.field and row.field.ordered and max((row.out_shapes[0] or ())[1:], default=0) > 1
    ]
    size = (graph.values[maps[-1]].shape or ())[1:]
    regions.read_by(graph, maps[-1], regions.unit(size, [n // 2 for n in size]))


def measure(name: str, runs: int) -> None:
    """One line of the table."""
    loaded = load(source.read(name))
    built = expand(loaded, Settings(variant=loaded.variant))
    graph, report = built.graph, analyse(loaded)
    times = (
        best(lambda: analyse(loaded), runs),
        best(lambda: receptive_fields(graph), runs),
        best(lambda: input_views(graph, report), runs),
        best(lambda: follow(graph, report), runs),
    )
    print(f"{name:20}{len(graph.nodes):>10}", *(f"{seconds:>9.4f}" for seconds in times))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("specs", nargs="*", default=NETWORKS)
    parser.add_argument("--runs", type=int, default=10)
    arguments = parser.parse_args()
    print(f"{HEADINGS[0]:20}{HEADINGS[1]:>10}", *(f"{heading:>9}" for heading in HEADINGS[2:]))
    for name in arguments.specs:
        measure(name, arguments.runs)


if __name__ == "__main__":
    main()
