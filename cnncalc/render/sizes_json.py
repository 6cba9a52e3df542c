"""Legal input sizes as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from cnncalc import __version__
from cnncalc.analysis.course import Course
from cnncalc.analysis.size_report import AxisSizes, LayerForms
from cnncalc.analysis.size_rules import Product, Rule, rule
from cnncalc.render.sizes import Sizes, product_text, words


def document(sizes: Sizes) -> dict[str, Any]:
    """The answer for programs."""
    letters = [one.axis.letter for one in sizes.axes]
    found: dict[str, Any] = {
        "input": sizes.written,
        "others": sizes.others,
        "tried_because": sizes.why,
        "axes": [_axis(sizes, one, place) for place, one in enumerate(sizes.axes)],
        "map": sizes.map and _layer(sizes.map, letters),
    }
    if sizes.forms:
        found["layers"] = [_layer(one, letters) for one in sizes.forms]
        found["macs"] = sizes.macs and [product_text(one, letters) for one in sizes.macs]
    return found


def _axis(sizes: Sizes, one: AxisSizes, place: int) -> dict[str, Any]:
    letter = one.axis.letter
    found: dict[str, Any] = {
        "axis": letter,
        "inputs": list(one.axis.inputs),
        "written": one.axis.written,
        "tried": [one.tried.start, one.tried.stop - 1] if one.tried else None,
        "legal": _set(one.legal, letter),
        "training": _set(one.trains, letter),
        "windows_fit": _set(one.fits, letter),
        "same_weights": _set(one.weights, letter),
        "breaks": [
            {
                "size": n,
                "path": failure.path or None,
                "at": {"line": failure.span.line, "column": failure.span.column},
                "message": failure.message,
            }
            for n, failure in one.breaks
        ],
    }
    if sizes.target is not None:
        target = sizes.target
        found["target"] = {"path": target.path, "size": target.wanted[place]}
        found["target"] |= _set(target.found[place], letter) or {}
    if sizes.rows:
        heads = ("size", "map", "windows_fit", "breaks")
        found["range"] = [dict(zip(heads, row, strict=True)) for row in sizes.rows[place]]
    return found


def _set(course: Course | None, letter: str) -> dict[str, Any] | None:
    """A set of sizes: those of `also`, and from `start` on those with these remainders."""
    if course is None:
        return None
    one: Rule = rule(course)
    return {"rule": words(one, letter), "smallest": one.smallest} | one._asdict()


def _layer(one: LayerForms, letters: Sequence[str]) -> dict[str, Any]:
    shape: list[int | str | None] = [_number(size, letters) for size in one.shape]
    return {
        "path": one.path,
        "type": one.type,
        "shape": shape,
        "macs": _number(one.macs, letters),
    }


def _number(one: Product | None, letters: Sequence[str]) -> int | str | None:
    """A number where it does not depend on the input, else its form."""
    if one is None:
        return None
    return product_text(one, letters) if one.forms else one.factor


def several(file: str, shown: Sequence[Sizes]) -> str:
    """One document, or a list of them."""
    head = {"cnncalc": __version__, "spec": file}
    documents = [head | {"name": one.title} | document(one) for one in shown]
    return json.dumps(documents[0] if len(documents) == 1 else documents, indent=1) + "\n"
