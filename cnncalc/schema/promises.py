"""What may stand under `expect:` and `budget:`."""

from __future__ import annotations

from cnncalc import quantity
from cnncalc.analysis.report import TOTALS, Totals
from cnncalc.language.expect import BACKWARD_KEYS, BOUNDS, BUDGET_KEYS, EXPECT_KEYS, LAYER_KEYS
from cnncalc.schema.forms import Schema, described, either, list_of, mapping, named, some

MEANINGS = {
    **{total: str(getattr(Totals, total).__doc__) for total in TOTALS},
    "output": "shape of the output, without the batch",
    "outputs": "shapes of several outputs, in their order",
    "receptive_field": "field of the last layer that is not behind a global reduction",
    "layers": "what is promised of single layers, by the names that they are bound to",
}
"""What can be promised of a network."""

BACKWARD_MEANINGS = {
    "input": "for the gradients of the inputs of layers",
    "weight": "for the gradients of their weights",
}
"""The parts of `backward_macs`."""

LAYER_MEANINGS = {
    "shape": "shape of its output, without the batch",
    "stride": "input pixels from one unit to the next; a list where axes differ",
    "receptive_field": "input pixels that a unit sees; a list where axes differ",
    "params": "elements of its parameters",
    "macs": "its MACs of one image",
}
"""What can be promised of a layer."""

BOUND_MEANINGS = {"min": "the lower limit", "max": "the upper limit"}
"""What a budget may set; a number alone is the upper one."""

PER_AXIS = ("shape", "stride", "receptive_field")
"""What may be a list."""


WRITTEN = {"type": "string", "pattern": f"^(?:{quantity.FORM.pattern})$"}
QUANTITY = either({"type": "number", "minimum": 0}, WRITTEN)
"""A number as people write it, such as ~4.09G."""


def expect() -> Schema:
    """What is promised of a network."""
    return mapping({key: described(MEANINGS[key], _expected(key)) for key in EXPECT_KEYS})


def budget() -> Schema:
    """The limits of a network."""
    return mapping({key: described(MEANINGS[key], _bounded()) for key in BUDGET_KEYS})


def layer() -> Schema:
    """What is promised of a layer."""
    return mapping({key: _of_layer(key) for key in LAYER_KEYS})


def _of_layer(key: str) -> Schema:
    return described(LAYER_MEANINGS[key], some(QUANTITY) if key in PER_AXIS else QUANTITY)


def _expected(key: str) -> Schema:
    """The form of a key of `expect`."""
    forms = {
        "backward_macs": mapping(
            {k: described(BACKWARD_MEANINGS[k], QUANTITY) for k in BACKWARD_KEYS}
        ),
        "output": some(QUANTITY),
        "outputs": list_of(some(QUANTITY)),
        "receptive_field": some(QUANTITY),
        "layers": named(layer(), {}),
    }
    return forms.get(key, QUANTITY)


def _bounded() -> Schema:
    """An upper limit, or limits by name."""
    return either(QUANTITY, mapping({k: described(BOUND_MEANINGS[k], QUANTITY) for k in BOUNDS}))
