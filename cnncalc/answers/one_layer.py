"""A single layer without a file, read as an item of a spec would be."""

from __future__ import annotations

from collections.abc import Iterable

from cnncalc import layers
from cnncalc.language.document import Mapping, Scalar, parse
from cnncalc.language.items import ItemReader
from cnncalc.language.spec import Invocation, Item, Items, Spec
from cnncalc.pipeline import Loaded
from cnncalc.problem import Span

FILE = "layer"
"""What messages call the text."""


def read_layer(text: str, inputs: Iterable[str] = ("input",), asked: str | None = None) -> Loaded:
    """The spec with this item alone, and with inputs of these names.

    `asked` is an argument that is to be solved for: where it is not written, 1 stands in its place.
    """
    document = parse(text.encode(), FILE)
    if document.root is None:
        return Loaded(document, None, document.problems)
    reader = ItemReader()
    item = reader.item(document.root)
    names = tuple(inputs)
    if len(names) > 1:
        item = item._replace(sources=tuple(_scalar(name, item.span) for name in names))
    if asked:
        item = _completed(item, asked)
    items = Items((item,), listed=False)
    shapes = tuple((name, None) for name in names)
    spec = Spec(FILE, {}, shapes, (), {}, {}, items, (), (), None, None, None, {})
    return Loaded(document, spec, (*document.problems, *reader.problems))


def _completed(item: Item, asked: str) -> Item:
    """The item with an argument that is not written."""
    head = item.head
    layer_type = layers.find(head.name.text) if isinstance(head, Invocation) else None
    if not isinstance(head, Invocation) or not layer_type or asked not in layer_type.arguments:
        return item
    if isinstance(head.value, Scalar):
        return item  # its one value is the argument
    written = head.value or Mapping((), item.span)
    if not isinstance(written, Mapping) or written.get(asked):
        return item
    entry = _scalar(asked, item.span), Scalar(1, "1", item.span, True)
    value = written._replace(entries=(*written.entries, entry))
    return item._replace(head=head._replace(value=value))


def _scalar(name: str, span: Span) -> Scalar:
    return Scalar(name, name, span, True)
