"""The kinds of values that arguments of layer types take.

A kind turns what was written into the form that the rules use (`kernel_size: 3` into `(3, 3)`),
and raises ValueError for what it does not accept. `expected` completes "must be ...", and
`schema` is the JSON Schema of what may be written.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

Pair = tuple[int, int]
Schema = dict[str, Any]

LARGEST = 2**31 - 1  # a size beyond this is a mistake: frameworks index with 32 or 64 bits

EXPRESSION: Schema = {"type": "string", "pattern": r"^\$"}


class Kind(Protocol):
    """What an argument accepts; `rank` is the number of spatial axes of the layer type."""

    def convert(self, value: Any, rank: int) -> Any:
        """The value in the form that the rules use; raises ValueError."""

    def expected(self, rank: int) -> str:
        """What is accepted, to follow "must be"."""

    def schema(self, rank: int) -> Schema:
        """The JSON Schema of what is accepted."""


class Integer(NamedTuple):
    """A whole number; 64.0 counts as 64, a boolean never counts."""

    minimum: int = 1
    maximum: int = LARGEST

    def convert(self, value: Any, rank: int = 0) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
            raise ValueError
        if value > self.maximum == LARGEST:
            raise ValueError(f"at most {LARGEST}")
        if not self.minimum <= value <= self.maximum:
            raise ValueError
        return int(value)

    def expected(self, rank: int = 0) -> str:
        if self.maximum == LARGEST:
            low = {0: "an integer of 0 or more", 1: "a positive integer"}
            return low.get(self.minimum, "an integer")
        return f"an integer from {self.minimum} to {self.maximum}"

    def schema(self, rank: int = 0) -> Schema:
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


class Number(NamedTuple):
    """A finite number from `minimum` to `maximum`."""

    minimum: float = float("-inf")
    maximum: float = float("inf")

    def convert(self, value: Any, rank: int = 0) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError
        if not (self.minimum <= value <= self.maximum and abs(value) < float("inf")):
            raise ValueError
        return float(value)

    def expected(self, rank: int = 0) -> str:
        if self.minimum == float("-inf"):
            return "a number"
        if self.maximum == float("inf"):
            return f"a number of {self.minimum:g} or more"
        return f"a number from {self.minimum:g} to {self.maximum:g}"

    def schema(self, rank: int = 0) -> Schema:
        bounds = {"minimum": self.minimum, "maximum": self.maximum}
        finite = {key: bound for key, bound in bounds.items() if abs(bound) < float("inf")}
        return {"type": "number", **finite}


class Flag(NamedTuple):
    """A boolean."""

    def convert(self, value: Any, rank: int = 0) -> bool:
        if not isinstance(value, bool):
            raise ValueError
        return value

    def expected(self, rank: int = 0) -> str:
        return "true or false"

    def schema(self, rank: int = 0) -> Schema:
        return {"type": "boolean"}


class OneOf(NamedTuple):
    """One of a few words."""

    words: tuple[str, ...]

    def convert(self, value: Any, rank: int = 0) -> str:
        if value not in self.words:
            raise ValueError
        return str(value)

    def expected(self, rank: int = 0) -> str:
        return "one of " + ", ".join(self.words)

    def schema(self, rank: int = 0) -> Schema:
        return {"enum": list(self.words)}


class PerAxis(NamedTuple):
    """One value for all spatial axes, or a list with one for each; becomes a tuple."""

    kind: Kind

    def convert(self, value: Any, rank: int) -> tuple[Any, ...]:
        values = value if isinstance(value, list | tuple) else [value] * rank
        if len(values) != rank:
            raise ValueError
        return tuple(self.kind.convert(one, rank) for one in values)

    def expected(self, rank: int) -> str:
        return f"{self.kind.expected(rank)}, or a list of {rank}"

    def schema(self, rank: int) -> Schema:
        one = self.kind.schema(rank)
        items = {"anyOf": [one, EXPRESSION]}
        many = {"type": "array", "items": items, "minItems": rank, "maxItems": rank}
        return {"anyOf": [one, many]}


class ListOf(NamedTuple):
    """A list of values (a single one may stand for a list of one); becomes a tuple."""

    kind: Integer
    length: int | None = None

    def convert(self, value: Any, rank: int) -> tuple[int, ...]:
        values = value if isinstance(value, list | tuple) else [value]
        if not values or (self.length and len(values) != self.length):
            raise ValueError
        return tuple(self.kind.convert(one, rank) for one in values)

    def expected(self, rank: int) -> str:
        one = self.kind.expected(rank)
        return (
            f"a list of {self.length} values, each {one}" if self.length else f"a list, each {one}"
        )

    def schema(self, rank: int) -> Schema:
        one = self.kind.schema(rank)
        items = {"anyOf": [one, EXPRESSION]}
        return {"anyOf": [one, {"type": "array", "items": items, "minItems": 1}]}


class OneOrList(NamedTuple):
    """One value, or a list of them (becomes a tuple), which mean different things."""

    kind: Integer | Number

    def convert(self, value: Any, rank: int) -> Any:
        if not isinstance(value, list | tuple):
            return self.kind.convert(value, rank)
        if not value:
            raise ValueError
        return tuple(self.kind.convert(one, rank) for one in value)

    def expected(self, rank: int) -> str:
        return f"{self.kind.expected(rank)}, or a list of them"

    def schema(self, rank: int) -> Schema:
        one = self.kind.schema(rank)
        items = {"anyOf": [one, EXPRESSION]}
        return {"anyOf": [one, {"type": "array", "items": items, "minItems": 1}]}


class Padding(NamedTuple):
    """Padding of a window: a word, an integer, one for each axis, or [before, after] for each axis.

    Becomes the word, or a tuple of (before, after) for each axis.
    """

    words: tuple[str, ...] = ()

    def convert(self, value: Any, rank: int) -> str | tuple[Pair, ...]:
        if isinstance(value, str):
            return OneOf(self.words).convert(value)
        values = value if isinstance(value, list | tuple) else [value] * rank
        if len(values) != rank:
            raise ValueError
        return tuple(self._pair(one) for one in values)

    @staticmethod
    def _pair(value: Any) -> Pair:
        if not isinstance(value, list | tuple):
            value = value, value
        if len(value) != 2:
            raise ValueError
        before, after = (natural.convert(one) for one in value)
        return before, after

    def expected(self, rank: int) -> str:
        pairs = ", ".join(["[before, after]"] * rank)
        words = "".join(f", '{word}'" for word in self.words)
        lists = f"a list of {rank}, or [{pairs}]"
        return f"an integer of 0 or more{words}, {lists}"

    def schema(self, rank: int) -> Schema:
        one = natural.schema()
        side = {"anyOf": [one, EXPRESSION]}
        pair = {"type": "array", "items": side, "minItems": 2, "maxItems": 2}
        items = {"anyOf": [one, pair, EXPRESSION]}
        many = {"type": "array", "items": items, "minItems": rank, "maxItems": rank}
        words = [{"enum": list(self.words)}] if self.words else []
        return {"anyOf": [one, *words, many]}


class Sides(NamedTuple):
    """Padding in torch's order, last axis first: left, right, top, bottom, front, back.

    Becomes a tuple of all sides, in that order.
    """

    minimum: int = -LARGEST

    def convert(self, value: Any, rank: int) -> tuple[int, ...]:
        values = value if isinstance(value, list | tuple) else [value] * (2 * rank)
        if len(values) != 2 * rank:
            raise ValueError
        return tuple(Integer(self.minimum).convert(one) for one in values)

    def expected(self, rank: int) -> str:
        sides = ["left", "right", "top", "bottom", "front", "back"][: 2 * rank]
        return f"an integer, or [{', '.join(sides)}]"

    def schema(self, rank: int) -> Schema:
        one = Integer(self.minimum).schema()
        items = {"anyOf": [one, EXPRESSION]}
        many = {"type": "array", "items": items, "minItems": 2 * rank, "maxItems": 2 * rank}
        return {"anyOf": [one, many]}


class Optional(NamedTuple):
    """A value of another kind, or null."""

    kind: Kind

    def convert(self, value: Any, rank: int) -> Any:
        return None if value is None else self.kind.convert(value, rank)

    def expected(self, rank: int) -> str:
        return f"{self.kind.expected(rank)}, or null"

    def schema(self, rank: int) -> Schema:
        return {"anyOf": [self.kind.schema(rank), {"type": "null"}]}


positive = Integer(1)
natural = Integer(0)
number = Number()
flag = Flag()


REQUIRED: Any = type("Required", (), {"__repr__": lambda _: "required"})()


class Argument(NamedTuple):
    """What an argument of a layer type accepts, and its default (REQUIRED: none)."""

    kind: Kind
    default: Any


def argument(kind: Kind, *, default: Any = REQUIRED) -> Any:
    """Declare an argument of a layer type; a default of null stands for itself."""
    return Argument(kind, default)
