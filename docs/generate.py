"""Writes what the documentation takes from the code: docs/layers.md, and tables between markers.

    python docs/generate.py

A test fails when a page is stale.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from cnncalc import layers
from cnncalc.render import manual

DOCS = Path(__file__).parent
MARKER = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def layers_page() -> str:
    """Every layer type, family by family."""
    parts = [
        "# Layer types",
        "",
        "Made from the code by `python docs/generate.py`; `cnncalc explain TYPE` prints one page.",
        "Shapes leave the batch out. Arguments are those of `torch.nn`.",
        "",
    ]
    for family, names in layers.FAMILIES.items():
        parts += [f"## {family.capitalize()}", ""]
        parts += [manual.markdown(layers.find(name)) for name in names]
    return "\n".join(parts)


def flops_table() -> str:
    """The FLOPs of every layer type, from its docstring; types with one rule share a row."""
    rules: dict[str, list[str]] = {}
    for name in layers.names():
        rules.setdefault(flops_rule(name), []).append(name)
    rows = [f"| {', '.join(names)} | {rule} |" for rule, names in rules.items()]
    return "\n".join(["| type | FLOPs |", "|---|---|", *rows, ""])


def flops_rule(name: str) -> str:
    """The sentence of a docstring that follows "FLOPs:"."""
    text = " ".join(inspect.cleandoc(layers.find(name).__doc__).split())
    return re.search(r"FLOPs: (.*?)\.(?: (?=[A-Z`])|$)", text).group(1)


TABLES = {"flops": flops_table}


def pages() -> dict[Path, str]:
    """The text that every page with something generated should have."""
    found = {DOCS / "layers.md": layers_page()}
    for path in sorted(DOCS.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        if MARKER.search(text):
            found[path] = MARKER.sub(lambda m: m[1] + TABLES[m[2]]() + m[3], text)
    return found


def main() -> None:
    """Write all pages."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
