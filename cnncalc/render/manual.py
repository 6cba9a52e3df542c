"""The manual page of a layer type, from its class: for `explain`, and for docs/layers.md."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from cnncalc import layers
from cnncalc.analysis.cost import elements
from cnncalc.argument import REQUIRED
from cnncalc.language.instantiate import from_text
from cnncalc.layer import Example, Layer
from cnncalc.render.text import shapes


def page(layer_type: type[Layer]) -> str:
    """The page as plain text."""
    parts = [layer_type.__name__, "", _description(layer_type), "", "Arguments:"]
    parts += [f"  {line}" for line in _arguments(layer_type)] or ["  none"]
    parts += ["", "Examples:"]
    parts += [f"  {line}" for example in layer_type.examples for line in _example(example)]
    return "\n".join(parts) + "\n"


def markdown(layer_type: type[Layer]) -> str:
    """The page as a section of docs/layers.md."""
    parts = [f"### {layer_type.__name__}", "", _description(layer_type), ""]
    parts += [f"- {line}" for line in _arguments(layer_type)]
    parts += ["", "```yaml"]
    parts += [line for example in layer_type.examples for line in _example(example)]
    parts += ["```", ""]
    return "\n".join(parts)


def accepted(layer_type: type[Layer], name: str) -> str:
    """What an argument takes, and what it is if it is not written."""
    kind, default = layer_type.arguments[name]
    usual = "required" if default is REQUIRED else f"default {_shown(default)}"
    primary = f", also `{layer_type.__name__}: value`" if name == layer_type.primary else ""
    return f"{kind.expected(layer_type.rank)} ({usual}{primary})"


def overview() -> str:
    """All layer types, a family a paragraph."""
    parts = []
    for family, names in layers.FAMILIES.items():
        parts += [f"{family}:", *_wrapped(", ".join(names)), ""]
    return "\n".join(parts)


def _wrapped(text: str) -> list[str]:
    from textwrap import wrap

    return wrap(text, 88, initial_indent="  ", subsequent_indent="  ")


def _description(layer_type: type[Layer]) -> str:
    return inspect.cleandoc(layer_type.__doc__ or "")


def _arguments(layer_type: type[Layer]) -> Iterator[str]:
    for name in layer_type.arguments:
        yield f"{name}: {accepted(layer_type, name)}"
    for name in layer_type.ignored:
        yield f"{name}: accepted and ignored"


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _example(example: Example) -> Iterator[str]:
    """The YAML of an example, and what it gives."""
    layer = from_text(example.text)
    counts = layer.params(*example.shapes).values()
    params = sum(elements(one.shape) for one in counts if not one.buffer)
    yield f"- {example.text}"
    yield (
        f"  # {shapes(example.shapes)} -> {shapes(layer.outputs(*example.shapes))}, "
        f"params {params:,}, MACs {layer.macs(*example.shapes):,}"
    )
