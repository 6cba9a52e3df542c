"""What may stand after the name of a layer type."""

from __future__ import annotations

import inspect
from typing import Any

from cnncalc import layers
from cnncalc.argument import REQUIRED
from cnncalc.layer import Layer, required
from cnncalc.render.manual import accepted
from cnncalc.schema.forms import (
    NULL,
    REFERENCE,
    SCALAR,
    TYPE,
    VALUE,
    Schema,
    alternatives,
    computed,
    described,
    either,
    list_of,
    mapping,
    ref,
)

LOSSES = layers.FAMILIES["loss"]
TYPES = tuple(name for name in layers.names() if name not in LOSSES)
MERGES = tuple(name for name in TYPES if (found := layers.find(name)) and found.many)


def definitions() -> dict[str, Schema]:
    """Each layer type, its arguments apart; a block call; and a value, which may be a layer."""
    found: dict[str, Schema] = {}
    for name in layers.names():
        layer_type = layers.find(name)
        assert layer_type is not None
        shy = {} if required(layer_type) else {"doNotSuggest": True}  # it is suggested bare
        found[name] = described(_title(layer_type), {**_head(layer_type), **shy})
        found[_arguments_of(name)] = _arguments(layer_type)
    values = {"type": "object", "additionalProperties": ref("value")}
    found["call"] = either(SCALAR, values, list_of(REFERENCE))
    found["layer"] = invocation(TYPES)
    found["value"] = VALUE
    return found


def invocation(names: tuple[str, ...]) -> Schema:
    """A layer of one of these types, or a block, as a mapping with a single key."""
    blocks = {"patternProperties": {TYPE: ref("call")}}
    return {**only(names), **blocks, "properties": heads(names)}


def only(names: tuple[str, ...]) -> Schema:
    """A layer of one of these types as a mapping with a single key."""
    return {
        "type": "object",
        "properties": {name: ref(name) for name in names},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }


def heads(names: tuple[str, ...]) -> dict[str, Any]:
    """What may follow these names where there may be a block; other types have no place there."""
    others = {name: False for name in layers.names() if name not in names}
    return {**{name: ref(name) for name in names}, **others}


def bare(names: tuple[str, ...]) -> Schema:
    """One of these types alone, or a block."""
    others = [name for name in layers.names() if name not in names]
    return either(words(names), {"type": "string", "pattern": TYPE, "not": {"enum": others}})


def words(names: tuple[str, ...]) -> Schema:
    """One of these types alone."""
    return either(*(_alone(one) for name in names if (one := layers.find(name))))


def _alone(layer_type: type[Layer]) -> Schema:
    """A type without arguments; editors suggest it where it needs none."""
    name, title = layer_type.__name__, _title(layer_type)
    if required(layer_type):
        return {"type": "string", "pattern": f"^{name}$", "description": title}
    return {"const": name, "description": title}


def defaults() -> dict[str, Schema]:
    """The arguments of every layer type."""
    return {name: ref(_arguments_of(name)) for name in layers.names()}


def _arguments_of(name: str) -> str:
    return f"{name}.arguments"


def _title(layer_type: type[Layer]) -> str:
    return inspect.cleandoc(layer_type.__doc__ or "").partition("\n")[0]


def _head(layer_type: type[Layer]) -> Schema:
    """Nothing, arguments by name, the primary argument, or inputs."""
    most = {} if layer_type.many else {"maxItems": 1}
    inputs = list_of(REFERENCE, minItems=1, **most)
    return either(NULL, ref(_arguments_of(layer_type.__name__)), *_primary(layer_type), inputs)


def _primary(layer_type: type[Layer]) -> list[Schema]:
    """A single value of the primary argument: a list would be inputs."""
    if layer_type.primary is None:
        return []
    form = computed(layer_type.arguments[layer_type.primary].kind.schema(layer_type.rank))
    return [one for one in alternatives(form) if one.get("type") != "array" and one != NULL]


def _arguments(layer_type: type[Layer]) -> Schema:
    """The arguments by name; which of them are needed depends on the file's defaults."""
    known = {name: _argument(layer_type, name) for name in layer_type.arguments}
    ignored = {name: {"description": "accepted and ignored"} for name in layer_type.ignored}
    return mapping({**known, **ignored})


def _argument(layer_type: type[Layer], name: str) -> Schema:
    """One argument, with what it is if it is not written."""
    kind, default = layer_type.arguments[name]
    form = computed(kind.schema(layer_type.rank))
    if default is None:
        form = either(form, NULL)
    usual = {} if default is REQUIRED else {"default": default}
    return described(accepted(layer_type, name), {**usual, **form})
