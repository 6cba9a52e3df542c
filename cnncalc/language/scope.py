"""What is visible at one place of a spec while it is expanded: variables, tensors, prev."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from cnncalc.graph import Scope, Value
from cnncalc.language.expression import UNKNOWN, Value as ExpressionValue
from cnncalc.layer import Shape
from cnncalc.problem import Span


class Missing(NamedTuple):
    """Stands where there is no tensor, with the reason (None: already reported)."""

    reason: str | None
    help: str | None = None


Tensor = int | Missing
"""The index of a value, or why there is none."""

BROKEN = Missing(None)
FIRST = Missing("there is no item before the previous one here")


class Flow:
    """The outputs of the last two items; the one thing that moves while items are read."""

    def __init__(self, prev: Tensor) -> None:
        self.prev = prev
        self.prev2: Tensor = FIRST

    def push(self, tensor: Tensor) -> None:
        """Put the output of the next item behind."""
        self.prev2, self.prev = self.prev, tensor


class Tensors:
    """The names bound in one stretch of items, those around it, and why some are not bound."""

    def __init__(
        self,
        outer: Tensors | None = None,
        *,
        bound: dict[str, Tensor] | None = None,
        branch: bool = False,
    ) -> None:
        self.outer, self.branch = outer, branch
        self.bound: dict[str, Tensor] = bound or {}
        self.absent: dict[str, str] = {}

    def find(self, name: str) -> Tensor | None:
        """What the name is bound to, here or around; None when it is not."""
        place: Tensors | None = self
        while place is not None:
            if name in place.bound:
                return place.bound[name]
            if name in place.absent:
                return Missing(place.absent[name], "bind the name on every way that leads here")
            place = place.outer
        return None

    def hides(self, name: str) -> bool:
        """Whether binding the name here would change a name outside the branch we are in."""
        place: Tensors | None = self
        crossed = False
        while place is not None:
            if crossed and name in place.bound:
                return True
            crossed = crossed or place.branch
            place = place.outer
        return False

    def all(self) -> Iterator[str]:
        """Every name that can be used here."""
        place: Tensors | None = self
        while place is not None:
            yield from place.bound
            place = place.outer


class Origin(NamedTuple):
    """Where a variable has its value from: what it is, its place, and what is visible there.

    `hidden` are the value and the origin of a variable of the same name that was visible before.
    `part` joins `what` to the list at that place of which the value is only a part.
    """

    what: str
    span: Span
    context: Context
    hidden: tuple[Any, Origin | None] | None = None
    part: str | None = None


class Context(NamedTuple):
    """A place in the expansion; also the environment in which expressions are evaluated.

    `input` is the first input of the block (or model); `inputs` its names for them, if any, which
    then replace the word `input`. `unsure` says that the place may not exist at all. `origins` are
    of the names that are not the file's.
    """

    values: list[Value]
    file_names: dict[str, Any]
    names: dict[str, Any]
    origins: dict[str, Origin]
    bound: Tensors
    flow: Flow
    input: Tensor
    inputs: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()
    scope: Scope | None = None
    depth: int = 0
    frozen: bool = False
    head: str | None = None
    train_only: bool = False
    unsure: bool = False

    def inside(self, scope: Scope | None, **changes: Any) -> Context:
        """The context one level further in."""
        return self._replace(scope=scope, depth=self.depth + 1, **changes)

    def bind(self, name: str, value: Any, what: str, span: Span, seen: Context) -> None:
        """Make a variable visible here, of which `seen` says what its value was made from."""
        hidden = (self.names[name], self.origins.get(name)) if name in self.names else None
        self.names[name] = value
        self.origins[name] = Origin(what, span, seen, hidden)

    def at_top(self) -> Context:
        """Where only the file's variables are visible, as for `defaults`."""
        return Context(
            self.values, self.file_names, self.file_names, {}, Tensors(), Flow(BROKEN), BROKEN
        )

    def is_unknown(self, tensor: Tensor) -> bool:
        """Whether a tensor is missing, or nothing is known of it."""
        return self._shape(tensor) is None

    def find(self, name: str) -> Tensor | None:
        """The tensor that a reference means; None when nothing has that name."""
        if name == "prev":
            return self.flow.prev
        if name == "prev2":
            return self.flow.prev2
        if name == "input":
            if not self.inputs:
                return self.input
            return Missing(f"the inputs of this block are called {', '.join(self.inputs)}")
        return self.bound.find(name)

    # ---- the environment of expressions

    def variable(self, name: str) -> ExpressionValue:
        """The value of a variable; raises KeyError."""
        if name in self.names:
            return self.names[name]
        if name == "in_channels":
            first = self._shape(self.input)
            return first[0] if first else UNKNOWN
        raise KeyError(name)

    def variables(self) -> Iterator[str]:
        """Every variable that can be used here."""
        yield from self.names
        yield "in_channels"

    def shape(self, tensor: str) -> Shape | None:
        """The shape of a named tensor, None where it is not known; raises KeyError."""
        found = self.find(tensor)
        if found is None:
            raise KeyError(tensor)
        return self._shape(found)

    def tensors(self) -> Iterator[str]:
        """Every tensor that can be referred to here."""
        yield from ("prev", "prev2", "input")
        yield from self.bound.all()

    def _shape(self, tensor: Tensor | None) -> Shape | None:
        return self.values[tensor].shape if isinstance(tensor, int) else None
