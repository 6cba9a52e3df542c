"""Which pixels of an input a network reads at all: those behind all units of a layer together."""

from __future__ import annotations

from math import prod

from cnncalc.analysis.regions import Region, everything, read_by, through, too_large, union
from cnncalc.graph import Graph, Node
from cnncalc.window import Reach


def footprints(graph: Graph, source: int) -> tuple[Region | None, ...]:
    """The pixels of an input that some unit of each value reads, by the index of the value.

    None: not known. Most layers read all of their input, and have its footprint; behind the others
    the part that is read is followed back.
    """
    shape = graph.values[source].shape
    if shape is None or too_large(graph) is not None:
        return (None,) * len(graph.values)
    found: list[Region | None] = [Region(shape[1:], ())] * len(graph.values)
    found[source] = everything(shape[1:])
    for node in graph.nodes:
        footprint = _footprint(graph, node, source, found)
        for index in node.outputs:
            found[index] = footprint
    return tuple(found)


def _footprint(graph: Graph, node: Node, source: int, found: list[Region | None]) -> Region | None:
    before, after = graph.shapes(node.inputs), graph.shapes(node.outputs)
    if node.layer is None or before is None or after is None or graph.assumed(node.outputs):
        return None
    kept = prod(after[0]) == sum(map(prod, before))
    whole = graph.values[source].shape or ()
    joined: Region | None = Region(whole[1:], ())
    given = everything(after[0][1:])
    for index, shape, window in zip(node.inputs, before, node.layer.windows(*before), strict=True):
        known, all_of_it = found[index], everything(shape[1:])
        if known is not None and not known.products:
            continue  # there is no path from that input
        read = through(window, shape[1:], given)
        if window is Reach.ENDS and kept:  # every element has some place in the output
            read = all_of_it
        behind = known if read == all_of_it else read and read_by(graph, index, read).get(source)
        joined = union(joined, behind)
    return joined
