"""The catalogue: every network that is shipped, with the numbers that it is chosen by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from cnncalc import source
from cnncalc.analysis.cost import costs
from cnncalc.analysis.receptive_field import Field, network_field, receptive_fields
from cnncalc.analysis.report import Headline, headline
from cnncalc.graph import Graph
from cnncalc.language.builder import Settings
from cnncalc.layer import Shape
from cnncalc.pipeline import expand, load, variants_of
from cnncalc.source import Network


class Entry(NamedTuple):
    """A shipped network; a variant has the description and the source of its file."""

    name: str
    description: str
    source: str
    inputs: Mapping[str, Shape | None]
    numbers: Headline
    field: Field | None


def entries(text: str = "") -> Iterator[Entry]:
    """The networks with that text in name, description or source, whatever its case, by file."""
    read = cache(lambda path: load(source.read_network(Network(path))))  # variants share a file
    for name, network in source.networks().items():
        loaded = read(network.path)
        texts = loaded.spec.texts if loaded.spec else {}
        description, origin = texts.get("description", ""), texts.get("source", "")
        if text.lower() in f"{name}\n{description}\n{origin}".lower():
            variant = variants_of(loaded)[network.variant] if network.variant else None
            graph = expand(loaded, Settings(variant=variant)).graph
            yield _entry(name, description, origin, graph)


def _entry(name: str, description: str, origin: str, graph: Graph) -> Entry:
    counted = costs(graph, frozenset())  # of the forward pass only
    return Entry(
        name=name,
        description=description,
        source=origin,
        inputs={one: graph.values[index].shape for one, index in graph.inputs.items()},
        numbers=headline(graph, counted),
        field=network_field(graph, receptive_fields(graph)),
    )
