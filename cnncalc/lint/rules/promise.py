"""What a spec says of itself: CNN7xx; what it promises is checked in every command."""

from __future__ import annotations

from collections.abc import Iterator

from cnncalc.language.document import Mapping
from cnncalc.lint.network import Network
from cnncalc.lint.rule import Rule
from cnncalc.problem import Level, Problem


class NoExpectations(Rule):
    """A network that promises nothing: neither `expect` nor `budget`.

    Why it matters: with a promise in the file, every run says when a change of the spec has changed
    a shape, the parameters or the MACs. Without one nobody notices.

    What to do: `cnncalc expect --write` fills the block with what is computed now.

    Source: Meyer 1992, Applying design by contract, for the idea that a text states what it keeps.
    """

    code, name, level, default = "CNN703", "no-expectations", Level.INFO, False
    good = (
        """\
cnncalc: 1
input: [16]
layers:
  - Linear: 10
expect: {params: 170}
""",
        """\
cnncalc: 1
input: [16]
layers:
  - Linear: 10
    expect: {shape: [10]}
""",
    )
    bad = (
        """\
{cnncalc: 1, input: [16], layers: [{Linear: 10}]}
#^^^^^^^
""",
    )

    def check(self, network: Network) -> Iterator[Problem]:
        root, variant = network.loaded.document.root, network.settings.variant
        if network.report.checks or not isinstance(root, Mapping):
            return
        key = variant.name if variant else root.entries[0][0]
        of = f"the variant {variant.name.text}" if variant else "the file"
        yield self.found(key.span, f"{of} has neither 'expect' nor 'budget'")
