"""What may be chosen for the linter, in a config file or under `lint:` in a spec."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cnncalc.language.document import Document, Mapping as MappingNode, Node, Sequence, plain
from cnncalc.lint.codes import ALWAYS, Choice, codes, matching, unknown
from cnncalc.problem import Level, Problem, Span
from cnncalc.suggest import did_you_mean

KEYS = ("select", "extend-select", "ignore", "severity", "rules")
LEVELS = tuple(level.value for level in Level)


class Complaint(NamedTuple):
    """What is wrong with a setting: the keys that lead to it, and the text at fault there.

    Without a text it is the last key itself.
    """

    code: str
    keys: tuple[str, ...]
    text: str | None
    message: str
    help: str | None = None


class Reader:
    """Reads settings, collecting complaints; what is wrong is left out."""

    def __init__(self) -> None:
        self.complaints: list[Complaint] = []

    def known(self, values: Mapping[str, Any], keys: tuple[str, ...]) -> None:
        """Complain about keys that there are not."""
        for key in values:
            if key not in keys:
                help = did_you_mean(key, keys) or "keys: " + ", ".join(keys)
                self.complain("CNN002", (key,), None, f"there is no setting '{key}'", help)

    def choice(self, values: Mapping[str, Any]) -> Choice:
        """The settings that a config file and a spec have in common."""
        chosen = self.selectors(("select",), values.get("select"))
        return Choice(
            select=None if values.get("select") is None else chosen,
            extend=self.selectors(("extend-select",), values.get("extend-select")),
            ignore=self.selectors(("ignore",), values.get("ignore"), ignoring=True),
            severity=self.severity(values.get("severity")),
            options=self.options(values.get("rules")),
        )

    def selectors(
        self, keys: tuple[str, ...], value: Any, *, ignoring: bool = False
    ) -> tuple[str, ...]:
        """A code, prefix or name, or a list of them."""
        return tuple(one for one in self.texts(keys, value) if self.selects(keys, one, ignoring))

    def texts(self, keys: tuple[str, ...], value: Any) -> tuple[str, ...]:
        """A text, or a list of them."""
        found = value if isinstance(value, list) else [] if value is None else [value]
        for one in found:
            if not isinstance(one, str):
                self.complain(
                    "CNN007", keys, _shown(one), f"{keys[-1]} takes texts, not {_shown(one)}"
                )
        return tuple(one for one in found if isinstance(one, str))

    def selects(self, keys: tuple[str, ...], selector: str, ignoring: bool) -> bool:
        """Whether a selector has a meaning."""
        found = matching(selector)
        text = None if keys[-1] == selector else selector
        if not found:
            message = f"there is no rule '{selector}'"
            self.complain("CNN902", keys, text, message, unknown(selector))
        elif ignoring and all(code.startswith(ALWAYS) for code in found):
            help = "a spec with it is not understood"
            self.complain("CNN902", keys, text, f"'{selector}' is always reported", help)
        return bool(found)

    def severity(self, value: Any) -> dict[str, Level]:
        """The levels by code."""
        found: dict[str, Level] = {}
        for selector, level in self.mapping(("severity",), value):
            if level not in LEVELS:
                help = f"levels: {', '.join(LEVELS)}"
                keys = ("severity", selector)
                self.complain("CNN007", keys, str(level), f"there is no level '{level}'", help)
            elif self.selects(("severity", selector), selector, ignoring=True):
                those = (code for code in matching(selector) if not code.startswith(ALWAYS))
                found.update(dict.fromkeys(those, Level(level)))
        return found

    def options(self, value: Any) -> dict[str, dict[str, Any]]:
        """The options of rules by code."""
        found: dict[str, dict[str, Any]] = {}
        for rule, values in self.mapping(("rules",), value):
            those = matching(rule) if rule in codes() or not rule.startswith("CNN") else frozenset()
            if len(those) != 1:
                self.complain(
                    "CNN902", ("rules", rule), None, f"there is no rule '{rule}'", unknown(rule)
                )
                continue
            [code] = those
            for name, one in self.mapping(("rules", rule), values):
                if self.option(("rules", rule, name), codes()[code].options, one):
                    found.setdefault(code, {})[name] = one
        return found

    def option(self, keys: tuple[str, ...], known: Mapping[str, Any], value: Any) -> bool:
        """Whether a rule has an option that can have this value."""
        _, rule, name = keys
        if name not in known:
            help = did_you_mean(name, known) or (
                "options: " + ", ".join(known) if known else "it has none"
            )
            self.complain("CNN002", keys, None, f"{rule} has no option '{name}'", help)
            return False
        usual = known[name]
        kinds = (int, float) if isinstance(usual, float) else type(usual)
        if isinstance(value, kinds) and isinstance(value, bool) == isinstance(usual, bool):
            return True
        message = f"{name} must be like its default {_shown(usual)}, not {_shown(value)}"
        self.complain("CNN007", keys, _shown(value), message)
        return False

    def mapping(self, keys: tuple[str, ...], value: Any) -> Iterator[tuple[str, Any]]:
        """The entries of a mapping; none of nothing."""
        if isinstance(value, Mapping):
            yield from value.items()
        elif value is not None:
            message = f"{keys[-1]} takes a mapping, not {_shown(value)}"
            self.complain("CNN007", keys, _shown(value), message)

    def complain(
        self,
        code: str,
        keys: tuple[str, ...],
        text: str | None,
        message: str,
        help: str | None = None,
    ) -> None:
        """Add a complaint."""
        self.complaints.append(Complaint(code, keys, text, message, help))


def _shown(value: Any) -> str:
    """A value as it is written."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def written(document: Document) -> tuple[Choice, tuple[Problem, ...]]:
    """What a spec chooses under `lint:`, and what is wrong there."""
    root = document.root
    node = root.get("lint") if isinstance(root, MappingNode) else None
    values = plain(node) if node else None
    if node is None or values is None:
        return Choice(), ()
    if not isinstance(values, dict):
        return Choice(), (Problem("CNN007", "lint must be a mapping", node.span),)
    reader = Reader()
    reader.known(values, KEYS)
    choice = reader.choice(values)
    return choice, tuple(_problem(one, node) for one in reader.complaints)


def _problem(complaint: Complaint, node: Node) -> Problem:
    level = Level.WARNING if complaint.code == "CNN902" else Level.ERROR
    span = _place(complaint, node)
    return Problem(complaint.code, complaint.message, span, complaint.help, level=level)


def _place(complaint: Complaint, node: Node) -> Span:
    """The place of a complaint: of a key, of its value, or of an item there."""
    span = node.span
    for key in complaint.keys:
        if not isinstance(node, MappingNode) or (found := node.get(key)) is None:
            return span
        here = node.key(key)
        node, span = found, here.span if here else span
    if complaint.text is None:
        return span
    if isinstance(node, Sequence):
        texts = (one.span for one in node.items if _shown(plain(one)) == complaint.text)
        return next(texts, node.span)
    return node.span
