"""Near misses: what a misspelt name was probably meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

MOST_CANDIDATES = 1_000
"""A search among more would take seconds in a file with many mistakes."""


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate most like `name`, ignoring case and underscores; None when nothing is near."""
    return _nearest(name, tuple(candidates))


@lru_cache(maxsize=1_000)  # mistakes repeat, and a search takes a millisecond
def _nearest(name: str, candidates: tuple[str, ...]) -> str | None:
    from difflib import SequenceMatcher, get_close_matches  # paid for only by a mistake

    form = _form(name)
    by_form = {_form(candidate): candidate for candidate in candidates}
    if len(by_form) > MOST_CANDIDATES:
        return None
    found = get_close_matches(form, by_form, n=3, cutoff=0.7)

    def likeness(one: str) -> tuple[float, bool]:
        return SequenceMatcher(None, one, form).ratio(), one[:1] == form[:1]

    return by_form[max(found, key=likeness)] if found else None


def did_you_mean(name: str, candidates: Iterable[str]) -> str | None:
    """The help line for a misspelt name: a near miss, or None."""
    found = nearest(name, candidates)
    return f"did you mean '{found}'?" if found else None


def _form(name: str) -> str:
    return name.lower().replace("_", "")
