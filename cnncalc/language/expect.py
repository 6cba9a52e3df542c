"""`expect` and `budget`: the numbers that a spec promises, held against the computed ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from cnncalc import quantity
from cnncalc.analysis.receptive_field import Field
from cnncalc.analysis.report import TOTALS, Check, Report, Row
from cnncalc.language.document import Document, Mapping, Node, Scalar, Sequence
from cnncalc.language.promised import rewritten
from cnncalc.layer import BackwardMacs
from cnncalc.problem import Fix, Problem, Span
from cnncalc.suggest import did_you_mean

LAYER_KEYS = ("shape", "stride", "receptive_field", "params", "macs")
EXPECT_KEYS = (*TOTALS, "output", "outputs", "receptive_field", "layers")
BUDGET_KEYS = (*(total for total in TOTALS if total != "backward_macs"), "receptive_field")
BACKWARD_KEYS = BackwardMacs._fields
BOUNDS = ("min", "max")


class Checked(NamedTuple):
    """The outcome of all checks of one report."""

    checks: tuple[Check, ...]
    problems: tuple[Problem, ...]


def check(
    report: Report,
    expect: Mapping | None,
    budget: Mapping | None,
    items: Iterable[tuple[Row, Mapping]] = (),
    *,
    document: Document,
    changed: bool = False,
) -> Checked:
    """Check what a spec (or a variant) promises; the fix of a mismatch writes what is computed.

    `items` are expectations of single items. `changed` says that the command line changed the
    network, so that expectations do not apply; budgets still hold.
    """
    checker = _Checker(report, document, changed)
    if expect is not None:
        checker.expect(expect)
    for row, mapping in items:
        checker.layer(mapping, row, row.node.name or row.node.path)
    if budget is not None:
        checker.budget(budget)
    return Checked(tuple(checker.checks), tuple(map(checker.agreed, checker.problems)))


class _Checker:
    def __init__(self, report: Report, document: Document, changed: bool) -> None:
        self.report, self.document, self.changed = report, document, changed
        self.checks: list[Check] = []
        self.problems: list[Problem] = []
        self.computed: dict[Span, set[tuple[Any, ...]]] = {}

    def problem(self, code: str, message: str, span: Span, help: str | None = None) -> None:
        self.problems.append(Problem(code, message, span, help))

    def agreed(self, problem: Problem) -> Problem:
        """The problem, without its fix if that would be wrong for other copies of the item."""
        if len(self.computed.get(problem.span, ())) < 2:
            return problem
        return problem._replace(fix=None, help="copies of this item differ: no number fits all")

    # ---- expect

    def expect(self, mapping: Mapping) -> None:
        for key, node in mapping.entries:
            if key.text == "layers":
                self.layers(node)
            elif key.text in ("output", "outputs"):
                self.outputs(key, node)
            elif key.text == "receptive_field":
                self.compare(key.text, node, _sizes(self.report.field))
            elif key.text == "backward_macs":
                self.backward(node)
            elif key.text in TOTALS:
                self.compare(key.text, node, _single(getattr(self.report.totals, key.text)))
            else:
                self.unknown(key, EXPECT_KEYS)

    def unknown(self, key: Scalar, known: Iterable[str]) -> None:
        known = tuple(known)
        help = did_you_mean(key.text, known) or "known: " + ", ".join(known)
        self.problem(
            "CNN002", f"nothing that can be checked is called '{key.text}'", key.span, help
        )

    def backward(self, node: Node) -> None:
        computed = self.report.totals.backward_macs
        for key, one in self.entries(node, "backward_macs"):
            if key.text in BACKWARD_KEYS:
                value = None if computed is None else getattr(computed, key.text)
                self.compare(f"backward_macs.{key.text}", one, _single(value))
            else:
                self.unknown(key, BACKWARD_KEYS)

    def entries(self, node: Node, what: str) -> tuple[tuple[Scalar, Node], ...]:
        if isinstance(node, Mapping):
            return node.entries
        self.problem("CNN007", f"{what} must be a mapping", node.span)
        return ()

    def outputs(self, key: Scalar, node: Node) -> None:
        shapes: list[Any] = [result.shape for result in self.report.outputs]
        if key.text == "output" and len(shapes) == 1:
            self.compare("output", node, shapes[0], exact=True)
        elif not isinstance(node, Sequence) or len(node.items) != len(shapes):
            message = f"the network has {len(shapes)} outputs, so 'outputs' is a list of as many"
            self.problem("CNN007", message, node.span)
        else:
            for number, (one, shape) in enumerate(zip(node.items, shapes, strict=True)):
                self.compare(f"outputs[{number}]", one, shape, exact=True)

    def layers(self, node: Node) -> None:
        by_name = {row.node.path: row for row in self.report.rows}
        by_name |= {row.node.name: row for row in self.report.rows if row.node.name}
        for key, one in self.entries(node, "layers"):
            row = by_name.get(key.text)
            if row is not None:
                self.layer(one, row, key.text)
            elif not self.changed:
                help = did_you_mean(key.text, [name for name in by_name if name])
                self.problem("CNN104", f"no layer is called '{key.text}'", key.span, help)

    def layer(self, node: Node, row: Row, name: str) -> None:
        computed: dict[str, Any] = {
            "shape": row.out_shapes[0],
            "stride": _jumps(row.field),
            "receptive_field": _sizes(row.field),
            "params": _single(row.cost and row.cost.params),
            "macs": _single(row.cost and row.cost.macs),
        }
        for key, one in self.entries(node, name):
            if key.text in computed:
                exact = key.text == "shape"
                self.compare(f"{name}.{key.text}", one, computed[key.text], exact=exact)
            else:
                self.unknown(key, LAYER_KEYS)

    def compare(
        self, key: str, node: Node, values: tuple[Any, ...] | None, *, exact: bool = False
    ) -> None:
        """One expectation; a single number stands for all axes unless a shape is meant."""
        nodes = node.items if isinstance(node, Sequence) else (node,)
        wanted = [self.quantity(one, key) for one in nodes]
        if None in wanted:
            return
        text = _shown([one.text for one in nodes if isinstance(one, Scalar)], exact)
        ok: bool | None = None
        if not self.changed and values is not None and None not in values:
            self.computed.setdefault(node.span, set()).add(values)
            if len(wanted) == 1 and not exact:
                wanted *= len(values)
            ok = len(wanted) == len(values) and all(
                one is not None and one.matches(value)
                for one, value in zip(wanted, values, strict=True)
            )
        actual = (
            "unknown"
            if values is None or None in values
            else _shown(_collapse(values, exact), exact)
        )
        self.checks.append(Check("expect", key, text, actual, ok))
        if ok is False and values is not None:
            message = f"{key} is {actual}, not the expected {text}"
            edits = rewritten(node, values, self.document, exact=exact)
            fix = Fix(f"expect {actual}", edits, safe=False) if edits else None
            self.problems.append(Problem("CNN701", message, node.span, fix=fix))

    def quantity(self, node: Node, key: str) -> quantity.Quantity | None:
        found = quantity.parse(node.text) if isinstance(node, Scalar) else None
        if found is None:
            shown = f"'{node.text}'" if isinstance(node, Scalar) else "a list or mapping"
            help = "write an integer, 26M, or ~4.09G for as many digits as are printed"
            self.problem("CNN007", f"{key} must be a number, not {shown}", node.span, help)
        return found

    # ---- budget

    def budget(self, mapping: Mapping) -> None:
        for key, node in mapping.entries:
            if key.text == "receptive_field":
                values = _sizes(self.report.field)
            elif key.text in BUDGET_KEYS:
                values = _single(getattr(self.report.totals, key.text))
            else:
                self.unknown(key, BUDGET_KEYS)
                continue
            for bound, one in self.bounds(node):
                self.limit(key.text, bound, one, values)

    def bounds(self, node: Node) -> Iterator[tuple[str, Node]]:
        if not isinstance(node, Mapping):
            yield "max", node
            return
        for key, one in node.entries:
            if key.text in BOUNDS:
                yield key.text, one
            else:
                self.unknown(key, BOUNDS)

    def limit(self, key: str, bound: str, node: Node, values: tuple[Any, ...] | None) -> None:
        wanted = self.quantity(node, key)
        if wanted is None or not isinstance(node, Scalar):
            return
        ok: bool | None = None
        if values is not None and None not in values:
            sign = 1 if bound == "max" else -1
            ok = all(wanted.compare(value) != sign for value in values)
        actual = (
            "unknown" if ok is None or values is None else _shown(_collapse(values, False), False)
        )
        sign_text = "<=" if bound == "max" else ">="
        self.checks.append(Check("budget", key, f"{sign_text} {node.text}", actual, ok))
        if ok is False:
            word = "above" if bound == "max" else "below"
            help = self.contributors(key) if bound == "max" else None
            message = f"{key} is {actual}, {word} the budget of {node.text}"
            self.problem("CNN702", message, node.span, help)

    def contributors(self, key: str) -> str | None:
        """The three layers that hold most of a total, with their lines."""
        shares: dict[str, Callable[[Row], int | None]] = {
            "params": lambda row: row.cost and row.cost.params,
            "macs": lambda row: row.cost and row.cost.macs,
            "flops": lambda row: row.cost and row.cost.flops,
            "activation_elements": lambda row: row.output_elements,
        }
        share = shares.get(key)
        if share is None:
            return None
        top = sorted(self.report.rows, key=lambda row: -(share(row) or 0))[:3]
        parts = [f"{r.node.path} {share(r):,} (line {r.node.span.line})" for r in top if share(r)]
        return "most of it: " + ", ".join(parts) if parts else None


def _single(value: Any) -> tuple[Any, ...] | None:
    return None if value is None else (value,)


def _sizes(field: Field | None) -> tuple[Any, ...] | None:
    return tuple(axis.size for axis in field.axes) if field else None


def _jumps(field: Field | None) -> tuple[Any, ...] | None:
    return tuple(axis.jump for axis in field.axes) if field else None


def _collapse(values: Iterable[Any], exact: bool) -> list[str]:
    texts = [f"{value:,}" if isinstance(value, int) else str(value) for value in values]
    return texts[:1] if not exact and len(set(texts)) == 1 else texts


def _shown(texts: list[str], exact: bool) -> str:
    joined = ", ".join(texts)
    return f"[{joined}]" if exact or len(texts) > 1 else joined
