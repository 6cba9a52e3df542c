"""Which argument gives a layer an output of a given size, and how many layers shrink a map to it.

Along one axis the size of the output only grows, or only shrinks, with each argument and with the
input. What gives a size is therefore a stretch of values, and both of its ends are found by
halving; each value in it is then put to the layer's own rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from math import floor
from typing import NamedTuple

from cnncalc.argument import LARGEST, Pair
from cnncalc.formula import Formula
from cnncalc.layer import Layer, LayerError, Shape, attribute
from cnncalc.layers.common import check_rank

ASKED = ("padding", "stride", "kernel_size", "dilation", "input")
"""What can be solved for."""

MOST_VALUES = 1_000
"""Values of one stretch that are tried: where the output is 1, every larger stride will do."""

MOST_LAYERS = 100_000

_PER_AXIS = ("kernel_size", "stride", "padding", "dilation", "output_padding")


class Solution(NamedTuple):
    """A value that gives the size; padding that differs on both sides is (before, after)."""

    value: int | Pair
    formula: Formula
    size: int

    @property
    def exact(self) -> bool:
        """Whether the windows come out without a remainder."""
        return self.formula.value == self.size


class Solved(NamedTuple):
    """What gives one axis its size, best first; `more` are larger values that were not tried.

    Where there is no solution, `why` says so in words.
    """

    axis: int
    asked: str
    wanted: int
    found: tuple[Solution, ...]
    more: int
    why: str | None


def solve(layer: Layer, x: Shape, asked: str, wanted: Shape) -> tuple[Solved, ...]:
    """All values of an argument (or of `input`) that give the wanted sizes, axis by axis.

    Whatever the layer has for it is ignored. Raises LayerError where it has no such argument, no
    window, or other axes.
    """
    name = type(layer).__name__
    if "kernel_size" not in layer.arguments:
        raise LayerError(f"{name} has no window that could be made to fit")
    if asked not in (*layer.arguments, "input"):
        raise LayerError(f"{name} has no argument '{asked}'")
    check_rank(layer, x)
    if len(wanted) != layer.rank:
        raise LayerError(f"{name} has {layer.rank} output sizes, not {len(wanted)}")
    questions = (_Question(layer, x, axis, asked) for axis in range(layer.rank))
    return tuple(question.answer(size) for question, size in zip(questions, wanted, strict=True))


class _Question(NamedTuple):
    """One axis, which all axes of the layers that are tried are like."""

    layer: Layer
    x: Shape
    axis: int
    asked: str

    def trial(self, value: int | Pair) -> tuple[Layer, Shape]:
        """The layer and its input with this value; a number is the whole padding of an axis."""
        rank, n = self.layer.rank, self.x[1 + self.axis]
        own = {name: getattr(self.layer, attribute(name)) for name in self.layer.arguments}
        for name in _PER_AXIS:
            if isinstance(own.get(name), tuple):
                own[name] = (own[name][self.axis],) * rank
        if self.asked == "padding":
            own["padding"] = (_halves(value) if isinstance(value, int) else value,) * rank
        elif self.asked == "input":
            assert isinstance(value, int)
            n = value
        else:
            own[self.asked] = value
        return type(self.layer)(**own), (self.x[0], *(n,) * rank)

    def formula(self, value: int | Pair) -> Formula:
        """How the size comes out."""
        layer, x = self.trial(value)
        found = layer.shape_formulas(x)[1]
        assert found is not None
        return found

    def rounded(self, value: int) -> int:
        """The size rounded down, 0 or less where the window does not fit."""
        return floor(self.formula(value).value)

    @property
    def least(self) -> int:
        """The smallest value."""
        return 0 if self.asked == "padding" else 1

    def stretch(self, wanted: int) -> range:
        """The values that may give the size: rounding up gives it where rounding down gives less.

        An empty range begins behind the values that give too little, or too much.
        """
        low, high = wanted - bool(getattr(self.layer, "ceil_mode", False)), wanted
        if self.rounded(LARGEST) >= self.rounded(self.least):
            begin = first(self.least, LARGEST, lambda value: self.rounded(value) >= low)
            end = first(begin, LARGEST, lambda value: self.rounded(value) > high)
        else:
            begin = first(self.least, LARGEST, lambda value: self.rounded(value) <= high)
            end = first(begin, LARGEST, lambda value: self.rounded(value) < low)
        return range(begin, end)

    def answer(self, wanted: int) -> Solved:
        """The solutions on this axis."""
        stretch = self.stretch(wanted)
        tried = stretch[:MOST_VALUES]
        refused: list[str] = []
        if self.asked == "padding":
            found = self.paddings(tried, wanted, refused)
        else:
            found = [one for value in tried for one in self.solutions(value, wanted, refused)]
        found.sort(key=lambda one: (not isinstance(one.value, int), not one.exact))
        why = None if found else next(iter(refused), None) or self.beside(stretch.start, wanted)
        more = len(stretch) - len(tried) if found else 0
        return Solved(self.axis, self.asked, wanted, tuple(found), more, why)

    def paddings(self, totals: range, wanted: int, refused: list[str]) -> list[Solution]:
        """Equal padding of both sides; where none of it comes out exactly, the unequal that does.

        As many totals give a size as the stride, so that there is an equal one, or an exact one.
        """
        even = [_halves(total) for total in totals if total % 2 == 0]
        equal = [one for pair in even for one in self.solutions(pair, wanted, refused)]
        if any(one.exact for one in equal):
            return equal
        odd = [_halves(total) for total in totals if total % 2]
        sides: list[Pair] = [side for a, b in odd for side in ((a, b), (b, a))]
        unequal = [one for pair in sides for one in self.solutions(pair, wanted, refused)]
        return equal + [one for one in unequal if one.exact]

    def solutions(self, value: int | Pair, wanted: int, refused: list[str]) -> Iterator[Solution]:
        """The value, if the layer's own rule gives the size; what it refuses is collected."""
        try:
            layer, x = self.trial(value)
            size = layer.infer(x)[1]
        except LayerError as error:
            refused.append(error.message)
            return
        if size == wanted:
            shown = value[0] if isinstance(value, tuple) and value[0] == value[1] else value
            yield Solution(shown, self.formula(value), size)

    def beside(self, value: int, wanted: int) -> str:
        """What the values give between which a solution would lie."""
        values = [one for one in (value - 1, value) if self.least <= one <= LARGEST]
        sizes = [(one, self.rounded(one)) for one in values]
        each = "padding of {} in all" if self.asked == "padding" else f"{self.asked} {{}}"
        gives = [
            f"{each.format(f'{one:,}')} {f'gives {size:,}' if size > 0 else 'does not fit'}"
            for one, size in sizes
        ]
        if len(gives) == 1:
            gives.append(f"and no other gives {'more' if sizes[0][1] < wanted else 'less'}")
        return ", ".join(gives)


def _halves(total: int) -> Pair:
    """Padding before and after, the odd one after."""
    return total // 2, total - total // 2


def first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The smallest value for which something holds that then holds for all larger; else high + 1.

    Looks at twice as much each time and then halves, as answers are small.
    """
    step = 1
    while low <= high and not holds(end := min(low + step - 1, high)):
        low, step = end + 1, 2 * step
    high = min(low + step - 1, high)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


class Depth(NamedTuple):
    """Maps from the input on, each a layer further, to one with no axis longer than `until`.

    `formula` is the number of layers where each takes as much away; `why` says what ends the way
    earlier.
    """

    until: int
    maps: tuple[Shape, ...]
    formula: Formula | None
    why: str | None

    @property
    def layers(self) -> int:
        """How many layers that takes."""
        return len(self.maps) - 1


def depth(layer: Layer, x: Shape, until: int) -> Depth:
    """How many such layers, one behind the other, make a map no axis of which exceeds `until`.

    Raises LayerError where the layer does not accept the map, or does not make one of it.
    """
    _check_maps(layer, x)
    maps, why = [x], None
    while why is None and max(maps[-1][1:], default=0) > until:
        try:
            y = layer.infer(maps[-1])
        except LayerError as error:
            why = error.message
            break
        if max(y[1:]) >= max(maps[-1][1:]):
            why = "the layer does not make the map smaller"
        elif len(maps) > MOST_LAYERS:
            why = f"more than {MOST_LAYERS:,} layers"
        else:
            maps.append(y)
    longest = [max(one[1:], default=0) for one in maps]
    taken = {before - after for before, after in pairwise(longest)}
    formula = None
    if len(taken) == 1 and len(maps) > 2:
        values = {"N": longest[0], "until": until, "less": taken.pop()}
        formula = Formula("(N - until)/less", values)
    return Depth(until, tuple(maps), None if why else formula, why)


def _check_maps(layer: Layer, x: Shape) -> None:
    """Refuse vectors, and maps of which others with more or fewer axes are made."""
    y = layer.infer(x)
    if min(len(x), len(y)) < 2 or len(x) != len(y):
        raise LayerError(
            f"{type(layer).__name__} makes {list(y)} of {list(x)}: "
            "only a map with the axes of the one before it can be smaller than that"
        )
