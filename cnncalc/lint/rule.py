"""What a lint rule is, and the edits that mend what it finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from inspect import cleandoc
from typing import Any, ClassVar

from cnncalc.graph import Node, calls
from cnncalc.lint.network import Network
from cnncalc.problem import Fix, Level, Problem, Span


class Rule:
    """One thing that may be wrong with a network.

    A rule is a class with its `code`, its `name`, its `level`, whether it is on by `default`, and
    a docstring: what it looks for in the first line, then the paragraphs `Why it matters:`, `What
    to do:` and `Source:`. Each of the specs in `good` gives no finding, each in `bad` exactly one.
    `options` are its settings with their defaults; `self.option(name)` is what is set. `textual`:
    it looks at the text alone, and finds the same in all networks of a file that have no errors.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    level: ClassVar[Level] = Level.WARNING
    default: ClassVar[bool] = True
    fixable: ClassVar[bool] = False
    textual: ClassVar[bool] = False
    good: ClassVar[tuple[str, ...]]
    bad: ClassVar[tuple[str, ...]]
    options: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, **options: Any) -> None:
        self._options = {**self.options, **options}

    def option(self, name: str) -> Any:
        """The value of an option."""
        return self._options[name]

    def check(self, network: Network) -> Iterator[Problem]:
        """All findings in a network, in any order."""
        raise NotImplementedError

    def at(
        self,
        node: Node,
        message: str,
        help: str | None = None,
        *,
        argument: str | None = None,
        fix: Fix | None = None,
    ) -> Problem:
        """A finding at a layer; with `argument`, at its value where that is written."""
        span = node.written.get(argument, node.span) if argument else node.span
        return self.found(span, message, help, node=node, fix=fix)

    def found(
        self,
        span: Span,
        message: str,
        help: str | None = None,
        *,
        node: Node | None = None,
        fix: Fix | None = None,
    ) -> Problem:
        """A finding at a place, with the block calls that lead to a layer there."""
        trace = calls(node.scope) if node else ()
        return Problem(self.code, message, span, help, trace, self.level, fix=fix, rule=self.name)

    @classmethod
    def page(cls) -> str:
        """The docstring without its indentation."""
        return cleandoc(cls.__doc__ or "")
