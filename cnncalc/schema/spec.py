"""The JSON Schema of a whole spec."""

from __future__ import annotations

from cnncalc import layers
from cnncalc.argument import flag, positive
from cnncalc.language.reader import BLOCK_KEYS, FILE_KEYS, HEAD_KEYS, VARIANT_KEYS
from cnncalc.schema import items, layer_types, promises, settings
from cnncalc.schema.forms import (
    LAYERS,
    NAME,
    REFERENCE,
    SCALAR,
    TYPE,
    VALUE,
    Schema,
    computed,
    described,
    either,
    mapping,
    named,
    some,
)

DRAFT = "http://json-schema.org/draft-07/schema#"

SHAPE = computed(some(computed(positive.schema())))
"""The shape of an input."""

BLOCK = {
    "inputs": described("names of the inputs, in the order of a call", some(NAME)),
    "args": described("arguments with their defaults; 'required': none", named(VALUE)),
    "vars": described("values that follow from the arguments", named(VALUE)),
    "layers": described("what a call of the block stands for", LAYERS),
}
HEAD = {
    "from": described("the tensor that the head starts from", some(REFERENCE)),
    "train_only": described("the head exists in training only", computed(flag.schema())),
    "layers": described("the items of the head", LAYERS),
}
VARIANT = {
    "set": described("the vars that have another value", named(VALUE)),
    "expect": described("what is promised of this variant", promises.expect()),
    "budget": described("the limits of this variant", promises.budget()),
}


def schema() -> Schema:
    """The schema, of draft 7."""
    known = _file()
    return {
        "$schema": DRAFT,
        "description": "a cnncalc spec, version 1",
        "type": "object",
        "properties": {key: known[key] for key in FILE_KEYS},
        "additionalProperties": False,
        "required": ["cnncalc", "layers"],
        "oneOf": [{"required": ["input"]}, {"required": ["inputs"]}],
        "definitions": {
            **layer_types.definitions(),
            **items.definitions(),
        },
    }


def _file() -> dict[str, Schema]:
    """The keys of a file."""
    losses = layer_types.LOSSES
    return {
        "cnncalc": described("the version of the grammar", {"const": 1}),
        "name": described("the name of the network", SCALAR),
        "description": described("what it is", SCALAR),
        "source": described("the paper, and the implementation that it follows", SCALAR),
        "input": described("shape of one image, C first, such as [3, 224, 224]", SHAPE),
        "inputs": described("shapes of several inputs, by name", named(SHAPE)),
        "vars": described("constants; --set and variants change them", named(VALUE)),
        "defaults": described("arguments by layer type", mapping(layer_types.defaults())),
        "blocks": described("blocks that items can call", named(_block(), _block_name())),
        "layers": described("the network, an item after the other", LAYERS),
        "heads": described("side outputs, by name", named(_head())),
        "outputs": described("the outputs; the last layer if not written", some(REFERENCE)),
        "loss": described("the loss", either(layer_types.words(losses), layer_types.only(losses))),
        "expect": described("what the network promises; always checked", promises.expect()),
        "budget": described("limits of its numbers; always checked", promises.budget()),
        "variants": described("other sizes of the network, by name", named(_variant(), {})),
        "lint": described("what the linter reports of this file", settings.lint()),
    }


def _block() -> Schema:
    return mapping({key: BLOCK[key] for key in BLOCK_KEYS}, type="object", required=["layers"])


def _block_name() -> Schema:
    return {"type": "string", "pattern": TYPE, "not": {"enum": list(layers.names())}}


def _head() -> Schema:
    return mapping({key: HEAD[key] for key in HEAD_KEYS}, type="object", required=["from"])


def _variant() -> Schema:
    return mapping({key: VARIANT[key] for key in VARIANT_KEYS})
