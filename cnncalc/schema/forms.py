"""Small forms that the parts of the schema share.

The schema is of draft 7, which editors read. It says what may be written where; what only an
expansion can tell (is an argument missing, is a name bound, does a shape fit) is left to `lint`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cnncalc import argument
from cnncalc.language.forms import IDENTIFIER, REFERENCES, TYPE_NAME

Schema = dict[str, Any]

EXPRESSION: Schema = {**argument.EXPRESSION, "description": "an expression"}
NULL: Schema = {"type": "null"}
SCALAR: Schema = {"type": ["string", "number", "boolean", "null"]}
TYPE = f"^{TYPE_NAME.pattern}$"
REFERENCE: Schema = {"type": "string", "pattern": f"^{IDENTIFIER.pattern}$"}
NAME: Schema = {**REFERENCE, "not": {"enum": list(REFERENCES)}}


def ref(name: str) -> Schema:
    """What is defined under that name."""
    return {"$ref": f"#/definitions/{name}"}


def described(description: str, form: Schema) -> Schema:
    """A form with a description; not a reference, beside which readers of draft 7 see nothing."""
    return {"description": description, **form}


def either(*forms: Schema) -> Schema:
    """One form or another; those that are choices themselves are taken apart."""
    return {"anyOf": list(alternatives({"anyOf": list(forms)}))}


def alternatives(form: Schema) -> list[Schema]:
    """The forms of which a form is a choice."""
    if set(form) != {"anyOf"}:
        return [form]
    return [each for one in form["anyOf"] for each in alternatives(one)]


def computed(form: Schema) -> Schema:
    """A value that may be an expression."""
    return either(form, EXPRESSION)


def list_of(form: Schema, **more: Any) -> Schema:
    """A list."""
    return {"type": "array", "items": form, **more}


def some(form: Schema) -> Schema:
    """One, or a list of them."""
    return either(form, list_of(form))


def mapping(keys: Mapping[str, Schema], **more: Any) -> Schema:
    """A mapping with just these keys, each with its form; nothing is an empty one."""
    return {
        "type": ["object", "null"],
        "properties": dict(keys),
        "additionalProperties": False,
        **more,
    }


def named(form: Schema, names: Schema = NAME) -> Schema:
    """A mapping from names to a form; nothing is an empty one."""
    return {
        "type": ["object", "null"],
        "propertyNames": names,
        "additionalProperties": form,
    }


LAYERS = either(NULL, list_of(ref("item")), ref("item"))
"""The value of a `layers:` key."""

VALUE = either(SCALAR, list_of(ref("value")), ref("layer"))
"""A value of a variable or argument, which may be a layer or block."""
