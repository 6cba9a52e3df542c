"""A check of gradients as text: tables in plain, aligned columns, and what is wrong in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from cnncalc.engine.gradients.results import (
    GradientReport,
    LayerCheck,
    Probe,
    TensorCheck,
    Verdict,
    WiringCheck,
)
from cnncalc.layer import Shape, written_arguments
from cnncalc.render.text import count, shape, shapes

HEADINGS = ("layer", "shared", "type", "tensor", "method", "worst error", "verdict")
RIGHT = frozenset({"shared", "worst error", "analytic", "numeric", "error", "tensors"})
GAP = "  "


def report(found: GradientReport, *, probes: bool = False) -> str:
    """All of one network; with `probes` every single derivative instead of the worst."""
    lines = [*_head(found), ""]
    lines += _probes(found) if probes else _table(found)
    lines += [*_wiring(found), *_wrong(found)]
    body = "\n".join(lines).rstrip()
    return f"{body}\n\n{_coverage(found)}\n{_verdict(found)}\n"


def summary(many: Sequence[GradientReport]) -> str:
    """One line for each of several networks."""
    rows = [
        (_title(one), f"{_tensors(one)} tensors", _error(_worst_error(one)), one.verdict.value)
        for one in many
    ]
    headings = ("network", "checked", "worst error", "verdict")
    return "\n".join(aligned(headings, rows)) + "\n"


def aligned(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table: columns as wide as their widest cell, numbers to the right."""
    table = [headings, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(headings))]
    for row in table:
        cells = (
            cell.rjust(width) if heading in RIGHT else cell.ljust(width)
            for heading, cell, width in zip(headings, row, widths, strict=True)
        )
        yield GAP.join(cells).rstrip()


def _title(found: GradientReport) -> str:
    return (found.name or found.file) + (f" ({found.variant})" if found.variant else "")


def _head(found: GradientReport) -> Iterator[str]:
    yield f"{_title(found)}: gradients of {_many(found.nodes, 'layer')}, seed {found.seed}"
    shrinking = found.shrinking
    for name, written in shrinking.written.items():
        called = "input" if name == "input" else f"input {name}"
        yield f"{called} {_shrunk(written, shrinking.run[name])}, batch {shrinking.batch}"


def _shrunk(written: Shape, run: Shape) -> str:
    if written == run:
        return f"{shape(written)} as written"
    return (
        f"shrunk from {shape(written)} to {shape(run)}: the smallest on which every layer does "
        "the same"
    )


def _table(found: GradientReport) -> Iterator[str]:
    rows = [row for one in found.layers for row in _rows(one)]
    return aligned(HEADINGS, rows)


def _rows(one: LayerCheck) -> Iterator[tuple[str, ...]]:
    cells = one.paths[0], str(len(one.paths)), _type(one)
    for tensor in one.tensors or (TensorCheck("-", "-", None, Verdict.PASSED),):
        yield (*cells, tensor.tensor, tensor.method, _error(tensor.error), _word(tensor))
        cells = "", "", ""


def _type(one: LayerCheck) -> str:
    return f"{one.type} ({one.mode})" if one.mode else one.type


def _word(tensor: TensorCheck) -> str:
    note = f": {tensor.note}" if tensor.note else ""
    return f"{tensor.verdict.value}{note}"


def _probes(found: GradientReport) -> Iterator[str]:
    for one in found.layers:
        arguments = ", ".join(f"{k}={v}" for k, v in written_arguments(one.layer).items())
        yield f"{one.paths[0]}: {_type(one)}({arguments}) on {shapes(one.shapes)}"
        if one.paths[1:]:
            yield f"shared by {len(one.paths)} layers: {', '.join(one.paths)}"
        rows = [
            (tensor.tensor, probe.what, probe.method, *_numbers(probe), probe.verdict.value)
            for tensor in one.tensors
            for probe in tensor.probes
        ]
        headings = ("tensor", "along", "method", "analytic", "numeric", "error", "verdict")
        if rows:
            yield from aligned(headings, rows)
        yield from (f"{tensor.tensor}: {_word(tensor)}" for tensor in one.tensors if tensor.note)
        yield ""


def _numbers(probe: Probe) -> tuple[str, str, str]:
    return f"{probe.analytic:.12g}", f"{probe.numeric:.12g}", _error(probe.error)


def _wiring(found: GradientReport) -> Iterator[str]:
    if not found.wiring:
        return
    yield ""
    yield "end to end, in training mode"
    rows = [
        (one.what, str(len(one.tensors)), _error(one.probe and one.probe.error), _ended(one))
        for one in found.wiring
    ]
    yield from aligned(("along", "tensors", "error", "verdict"), rows)


def _ended(one: WiringCheck) -> str:
    return f"{one.verdict.value}: {one.note}" if one.note else one.verdict.value


def _wrong(found: GradientReport) -> Iterator[str]:
    """Both numbers of the worst derivative of every tensor that did not pass."""
    first = True
    for one in found.layers:
        for tensor in one.tensors:
            bad = [probe for probe in tensor.probes if not probe.verdict.good]
            if not bad:
                continue
            if first:
                yield ""
            first = False
            main = [probe for probe in bad if probe.method == tensor.method]
            worst = max(main or bad, key=lambda probe: probe.error)
            analytic, numeric, _ = _numbers(worst)
            yield (
                f"{one.paths[0]} ({_type(one)}), {tensor.tensor}: along {worst.what} backward "
                f"gives {analytic}, the forward pass {numeric} ({worst.method})"
            )


def _coverage(found: GradientReport) -> str:
    done = found.coverage
    return (
        f"{done.layers} of {done.all_layers} distinct layers, "
        f"{done.tensors} of {done.all_tensors} tensors checked"
    )


def _tensors(found: GradientReport) -> str:
    return f"{found.coverage.tensors} of {found.coverage.all_tensors}"


def _verdict(found: GradientReport) -> str:
    if found.verdict.good:
        whole = "and of the network " if found.wiring else ""
        return f"passed: the gradients of every layer {whole}are those of the forward pass"
    counts = list(_counts(found))
    return f"{'failed' if found.verdict is Verdict.FAILED else 'not proved'}: {'; '.join(counts)}"


def _counts(found: GradientReport) -> Iterator[str]:
    """How many tensors, and derivatives end to end, have each bad verdict."""
    tensors = [tensor.verdict for one in found.layers for tensor in one.tensors]
    ends = [one.verdict for one in found.wiring]
    for verdict in reversed(Verdict):
        if verdict.good:
            continue
        if verdict in tensors:
            yield f"{_many(tensors.count(verdict), 'tensor')} {verdict.value}"
        if verdict in ends:
            yield f"{_many(ends.count(verdict), 'derivative')} end to end {verdict.value}"


def _many(number: int, what: str) -> str:
    return f"{count(number)} {what}" if number == 1 else f"{count(number)} {what}s"


def _worst_error(found: GradientReport) -> float | None:
    errors: Iterable[float | None] = [t.error for one in found.layers for t in one.tensors]
    return max((error for error in errors if error is not None), default=None)


def _error(error: float | None) -> str:
    if error is None:
        return "-"
    return f"{error:.1e}" if error else "0"
