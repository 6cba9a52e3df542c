"""Numbers as people write them: `~4.09G`, `26M`, `24GiB`, `0.5` in specs and options."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from fractions import Fraction

SUFFIXES = {
    "": 1,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}

FORM = re.compile(r"(~?)([0-9]{1,30})(?:\.([0-9]{1,30}))?(k|M|G|T|KiB|MiB|GiB|TiB)?")


class Quantity(NamedTuple):
    """digits x scale / 10 ** decimals; `approximate`: to half a unit in the last place."""

    digits: int
    decimals: int
    scale: int
    approximate: bool

    def matches(self, value: int | Fraction) -> bool:
        """Whether the value is this number, or rounds to the digits written after `~`."""
        distance = abs(value * 10**self.decimals - self.digits * self.scale)
        return bool(2 * distance <= self.scale if self.approximate else distance == 0)

    def compare(self, value: int | Fraction) -> int:
        """1 if the value is above this number, -1 if it is below, else 0."""
        difference = value * 10**self.decimals - self.digits * self.scale
        return int(difference > 0) - int(difference < 0)

    @property
    def integer(self) -> int | None:
        """The number if it is whole."""
        whole, rest = divmod(self.digits * self.scale, 10**self.decimals)
        return None if rest else whole


def parse(text: str) -> Quantity | None:
    """The number that the text stands for, None if it is not one."""
    found = FORM.fullmatch(text)
    if not found:
        return None
    about, whole, fraction, suffix = found.groups(default="")
    return Quantity(int(whole + fraction), len(fraction), SUFFIXES[suffix], bool(about))


def in_bytes(number: int) -> str:
    """Bytes with a binary unit and four digits: `97.49 MiB`."""
    value, unit = float(number), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    if unit == "B":
        return f"{number} B"
    return f"{value:.4g} {unit}" if value < 1000 else f"{value:.0f} {unit}"
