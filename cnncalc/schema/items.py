"""What may stand in a `layers:` list."""

from __future__ import annotations

from cnncalc.argument import flag, natural
from cnncalc.language.corrections import HEADS, MODIFIERS
from cnncalc.schema.forms import (
    LAYERS,
    NAME,
    NULL,
    REFERENCE,
    TYPE,
    VALUE,
    Schema,
    computed,
    described,
    either,
    list_of,
    named,
    ref,
    some,
)
from cnncalc.schema.layer_types import MERGES, TYPES, bare, heads, invocation
from cnncalc.schema.promises import layer

KEYS = {
    "layers": described("a group of items, as if they stood here themselves", LAYERS),
    "branches": described(
        "branches that start at the same tensor, by name; 'merge' joins them",
        named(either(NULL, REFERENCE, LAYERS)),
    ),
    "apply": described(
        "a layer or block that is given as a value, such as $act; null is the identity",
        VALUE,
    ),
    "name": described("binds the output to a name; a list for Chunk and Split", some(NAME)),
    "from": described("the input, or a list of inputs; prev if not written", some(REFERENCE)),
    "repeat": described(
        "so many copies one after the other, each with weights of its own",
        computed(natural.schema()),
    ),
    "for": described("the variable of a loop, or a list of them; 'in' has the rows", some(NAME)),
    "in": described("the rows of the loop: a list, or $(range(n))", computed(list_of(VALUE))),
    "if": described("false: the item is absent", computed(flag.schema())),
    "merge": described(
        "what joins the branches: Add, Concat, or {Concat: {dim: 2}}",
        either(bare(MERGES), invocation(MERGES)),
    ),
    "trainable": described(
        "false: the parameters of this item are frozen", computed(flag.schema())
    ),
    "expect": described("what is promised of each copy of this item", layer()),
}
"""The heads and modifiers of an item."""

TOGETHER = {"branches": ["merge"], "merge": ["branches"], "for": ["in"], "in": ["for"]}
"""What a key needs beside it."""


def definitions() -> dict[str, Schema]:
    """One item."""
    item = {
        "type": "object",
        "properties": {**{key: KEYS[key] for key in (*HEADS, *MODIFIERS)}, **heads(TYPES)},
        "patternProperties": {TYPE: ref("call")},
        "additionalProperties": False,
        "dependencies": TOGETHER,
        "not": {"propertyNames": {"enum": list(MODIFIERS)}},
    }
    return {"item": either(bare(TYPES), item)}
