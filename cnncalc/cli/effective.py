"""`cnncalc receptive-field --effective`: how much each pixel weighs in what a unit gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.analysis.regions import Region
from cnncalc.analysis.report import Report, Row
from cnncalc.analysis.unit_box import unit_box
from cnncalc.cli import options
from cnncalc.cli.field_output import title
from cnncalc.cli.progress import progress
from cnncalc.graph import Graph
from cnncalc.layer import Shape
from cnncalc.render.drawing import Drawing

if TYPE_CHECKING:
    from cnncalc.engine.budget import Rebuild
    from cnncalc.render.effective import Shown

SAMPLES = 10


def measure(
    graph: Graph,
    row: Row,
    place: Shape,
    region: Region,
    how: dict[str, Any],
    rebuild: Rebuild,
) -> Shown:
    """Run the network for the gradients of a unit; what cannot be run ends the program."""
    from cnncalc.engine import budget
    from cnncalc.engine.effective import Sampling, Unit, effective
    from cnncalc.engine.errors import EngineError
    from cnncalc.render.effective import Shown

    name = next(iter(graph.inputs))
    box = unit_box(row.field, place, region)
    memory = how["memory"] or budget.available()
    sampling = Sampling(how["samples"] or SAMPLES, how["seed"], how["threads"], memory)
    try:
        with progress(f"effective field of {row.node.path}") as tell:
            unit = Unit(row.node.outputs[0], place, name, box)
            found = effective(graph, unit, sampling, rebuild, tell)
    except EngineError as error:
        options.fail(error.message, error.help)
    called = "the input" if name == "input" else name
    return Shown(row, place, called, region.size, box, found)


def text(shown: Shown) -> str:
    """The boxes, and the heat map in characters."""
    from cnncalc.render.effective import report

    return report(shown)


def drawing(graph: Graph, report: Report, shown: Shown) -> Drawing:
    """The heat map as a picture."""
    from cnncalc.render.effective_picture import picture

    return picture(title(graph, report, "effective receptive field"), shown)
