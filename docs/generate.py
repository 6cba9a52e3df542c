"""Writes what the documentation takes from the code: whole pages, and tables between markers.

    python docs/generate.py

A test fails when a page is stale.
"""

from __future__ import annotations

import csv
import inspect
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

from cnncalc import layers
from cnncalc.catalogue import entries
from cnncalc.lint.codes import codes
from cnncalc.render import catalogue, manual, rule_page
from cnncalc.render.machine import plain_markdown

DOCS = Path(__file__).parent
DATA = DOCS.parent / "tests" / "data"
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


def rules_page() -> str:
    """Every lint rule."""
    parts = [
        "# Lint rules",
        "",
        "Made from the code by `python docs/generate.py`; `cnncalc explain CODE` prints one page.",
        "[Linting](lint.md) says how rules are chosen, ignored and fixed. In the examples, carets "
        "mark the place of the finding in the line above them.",
        "",
        rule_page.markdown_table(codes().values()),
    ]
    return "\n".join(parts + [rule_page.markdown(one) for one in codes().values()])


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


Row = dict[str, str]

NETWORKS: dict[str, Callable[[Row], str]] = {
    "torchvision": lambda row: row["name"],
    "keras_applications": lambda row: f"keras/{row['name']}",
    "others": lambda row: row["network"],
    "depth": lambda row: row["network"],
}
"""Of each table of published numbers, the network that a row is about."""

FACTS: dict[str, Callable[[Row], str]] = {
    "params": lambda row: f"{grouped(row['params'])} params",
    "table_params": lambda row: f"{grouped(row['table_params'])} params in the Keras view",
    "params_published": lambda row: f"{grouped(row['params_published'])} params",
    "gmacs_published": lambda row: f"{row['gmacs_published']} GMACs",
    "flops_published": lambda row: with_unit(row["flops_published"], row["flops_convention"]),
    "depth": lambda row: row["depth"],
    "file_mib": lambda row: f"{row['file_mib']} MiB",
    "receptive_field": lambda row: f"field {row['receptive_field']}",
}
"""How a published number reads, by the column in which it stands."""


def zoo_page() -> str:
    """Every network that is shipped, with its numbers and what they were checked against."""
    against = published()
    rows = [
        (*catalogue.cells(entry), "; ".join(against[entry.name]) or "-")
        for entry in catalogue.ordered(entries(), "name")
    ]
    parts = [
        "# Zoo",
        "",
        f"The {len(rows)} networks that are shipped, made by `python docs/generate.py`. Each name "
        "stands in place of a file: `cnncalc summary resnet101`. `cnncalc specs` prints this list, "
        "filtered and sorted.",
        "",
        "The last column has the published numbers, as they are printed, that the tests hold a "
        "network against. The tables, with their sources and with numbers counted on other "
        "implementations, are in [tests/data](../tests/data).",
        "",
        f"Conventions: {catalogue.CONVENTION}.",
        "",
        plain_markdown((*catalogue.HEADINGS, "published"), rows, catalogue.NUMBERS),
    ]
    return "\n".join(parts)


def published() -> dict[str, list[str]]:
    """What is in print of each network, with the table that has it."""
    found: dict[str, list[str]] = defaultdict(list)
    for table, network in NETWORKS.items():
        for row in published_rows(table):
            changed = f" with {row['set']}" if row.get("set") else ""
            facts = [show(row) for column, show in FACTS.items() if row.get(column)]
            if not facts:
                count = grouped(row["computed_params"])
                facts = [f"{count} params, counted on another implementation"]
            found[network(row)].append(f"{table}{changed}: {', '.join(facts)}")
    fields: dict[str, int] = defaultdict(int)
    for row in published_rows("receptive_field"):
        fields[f"slim/{row['model']}"] += 1
    for network, count in fields.items():
        found[network].append(f"receptive_field: size, jump and padding of {count} layers")
    examples = yaml.safe_load((DATA / "worked_examples.yaml").read_text(encoding="utf-8"))
    for network, example in examples["networks"].items():
        found[network].append(f"worked_examples: shape and params of {len(example['rows'])} layers")
    return found


def published_rows(table: str) -> Iterator[Row]:
    """The rows of a table of published numbers."""
    with (DATA / "published" / f"{table}.csv").open(newline="", encoding="utf-8") as lines:
        yield from csv.DictReader(lines)


def with_unit(number: str, unit: str) -> str:
    """A printed number with its unit, which some tables print with it."""
    return number if number.endswith(unit) else f"{grouped(number)} {unit}"


def grouped(number: str) -> str:
    """A printed integer with thousands separators; another text as it is."""
    return f"{int(number):,}" if number.isdecimal() else number


TABLES = {"flops": flops_table}


def pages() -> dict[Path, str]:
    """The text that every page with something generated should have."""
    found = {
        DOCS / "layers.md": layers_page(),
        DOCS / "rules.md": rules_page(),
        DOCS / "zoo.md": zoo_page(),
    }
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
