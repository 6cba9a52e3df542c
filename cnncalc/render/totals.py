"""The totals of a report in words, shared by the table and Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from cnncalc.analysis.device import bounds, network_time
from cnncalc.analysis.report import Check, Report, Sizing
from cnncalc.analysis.storage import Storage, storage, type_of_others, wanted
from cnncalc.render.text import count, duration, rounded, shape, size

CONVENTION = (
    "params: sum of p.numel(), as PyTorch counts; MACs: multiply-adds with a weight, "
    "one image, forward, bias not counted; FLOPs: 2 x MACs + elementwise operations"
)

MARKS = {True: "✓", False: "✗", None: "-"}


def title(report: Report) -> str:
    """The network, its variant and its inputs."""
    name = report.name or report.file
    variant = f" ({report.variant})" if report.variant else ""
    inputs = ", ".join(
        shape(sizes) if key == "input" else f"{key} {shape(sizes)}"
        for key, sizes in report.inputs.items()
    )
    return f"{name}{variant}, input {inputs}" if inputs else f"{name}{variant}"


def figures(report: Report, counting: str = "pytorch") -> Iterator[tuple[str, str]]:
    """Name and text of every total that is worth a line."""
    totals, sizing = report.totals, report.sizing
    yield from _keras(report) if counting == "keras" else _pytorch(report)
    backward = totals.backward_macs and sum(totals.backward_macs)
    yield (
        "MACs",
        f"{count(totals.macs)} ({rounded(totals.macs)}), FLOPs {count(totals.flops)}, "
        f"backward MACs {count(backward)}",
    )
    yield "depth", f"{count(totals.depth)} layers with MACs on the longest path"
    yield "model size", _size(report)
    yield from _stored(report)
    batch = f"batch {sizing.batch}"
    best = totals.peak_inference_bytes_best_order
    order = f" (best order found {size(best)})" if best != totals.peak_inference_bytes else ""
    yield (
        "activations",
        f"{count(totals.activation_elements)} elements an image; "
        f"peak at inference {size(totals.peak_inference_bytes)}{order}, {batch}",
    )
    yield "training", f"{size(totals.training_bytes)} with {sizing.optimizer}, {batch}"
    yield from times(report)
    if report.totals.largest_batch is not None:
        largest = report.totals.largest_batch
        yield (
            "largest batch",
            f"{count(largest.training)} in training, {count(largest.inference)} at inference, "
            f"in {size(largest.memory)}",
        )


def times(report: Report) -> Iterator[tuple[str, str]]:
    """What a device takes, and what that assumes; nothing without one."""
    sizing = report.sizing
    if sizing.device is None:
        return
    seconds = network_time(report.rows, sizing)
    said = f"{duration(seconds)} an image"
    if seconds and sizing.device.bandwidth is not None:
        parts = bounds(report.rows, sizing)
        shares = (f"{part / seconds:.1%} in layers bound by {one}" for one, part in parts.items())
        said += f", {', '.join(shares)}"
    yield "time", said
    if sizing.images is not None:
        whole = None if seconds is None else seconds * sizing.images
        macs = None if report.totals.macs is None else report.totals.macs * sizing.images
        yield "images", f"{duration(whole)} for {count(sizing.images)} images, {count(macs)} MACs"
    yield "assumed", assumptions(sizing)


def assumptions(sizing: Sizing) -> str:
    """What a time on a device rests on."""
    device = sizing.device
    if device is None:
        return ""
    rate = _rate(device.operations)
    parts = [f"{rate} MAC/s, all of them used, other operations in no time"]
    if not device.macs:
        parts = [f"{rate} FLOP/s, all of them used"]
    if device.bandwidth is None:
        parts.append("data moved in no time")
    else:
        parts.append(
            f"{_rate(device.bandwidth)}B/s: each layer reads its inputs and weights and "
            f"writes its output in {sizing.dtype}, weights once for batch {sizing.batch}; "
            "moving hides behind computing or the reverse"
        )
    return "; ".join((*parts, "one layer after the other"))


def _rate(number: float) -> str:
    """A rate as it would be given: `12 T`."""
    for power, suffix in ((12, "T"), (9, "G"), (6, "M"), (3, "k")):
        if number >= 10**power:
            return f"{number / 10**power:g} {suffix}"
    return f"{number:g} "


def unknown(report: Report) -> str:
    """What is known of a network with layers that are not."""
    known = [row.cost for row in report.rows if row.cost]
    return (
        f"totals are not known: {len(report.rows) - len(known):,} of {len(report.rows):,} layers "
        f"are not sure; the others have {count(sum(cost.params for cost in known))} params and "
        f"{count(sum(cost.macs for cost in known))} MACs"
    )


def _size(report: Report) -> str:
    """The size of params and buffers, and that of the usual file where it is another."""
    totals, dtype = report.totals, report.sizing.dtype
    stored = f"{size(totals.param_bytes)} of params and buffers in {dtype}"
    return stored if dtype == "float32" else f"{stored} ({size(totals.size_bytes)} in float32)"


def _stored(report: Report) -> Iterator[tuple[str, str]]:
    """What is stored of pruned or quantised weights, and what that leaves out."""
    if not wanted(report.sizing):
        return
    found = storage(report.rows, report.sizing)
    if found is None:
        yield "stored", "?"
        return
    others = f"{count(found.others)} biases, params of norms and buffers"
    smaller = f", {_factor(report.totals.size_bytes, found.bytes)} smaller than all in float32"
    yield (
        "stored",
        f"{size(found.bytes)}{smaller}: {_kept(found)} in {report.sizing.dtype}, "
        f"{others} in {type_of_others(report.sizing)}",
    )
    yield "not in it", _left_out(found, report.sizing)


def _factor(before: int | None, after: int) -> str:
    return f"{before / after:.3g} times" if before and after else "?"


def _kept(found: Storage) -> str:
    part = "" if found.kept == found.weights else f" of {count(found.weights)}"
    return f"{count(found.kept)}{part} weights"


def _left_out(found: Storage, sizing: Sizing) -> str:
    """What a file needs beside the numbers."""
    parts = []
    if sizing.sparsity is not None:
        parts.append(
            f"which weights are kept: {size(found.bitmap_bytes)} as a bitmap, "
            f"{size(found.csr_bytes)} as CSR with 32-bit indices"
        )
    if "float" not in sizing.dtype:
        parts.append("scales and zero points of quantisation")
    return "; ".join(parts)


def _pytorch(report: Report) -> Iterator[tuple[str, str]]:
    totals = report.totals
    parts = f"{count(totals.params)} ({count(totals.trainable)} trainable"
    if totals.frozen:
        parts += f", {count(totals.frozen)} frozen"
    parts += f"), buffers {count(totals.buffers)}"
    if totals.params_inference != totals.params:
        parts += f"; {count(totals.params_inference)} without train-only heads"
    yield "params", parts


def _keras(report: Report) -> Iterator[tuple[str, str]]:
    totals = report.totals
    known = None not in (totals.params, totals.buffers, totals.frozen)
    total = (totals.params or 0) + (totals.buffers or 0) if known else None
    fixed = (totals.buffers or 0) + (totals.frozen or 0) if known else None
    yield (
        "params",
        f"{count(total)} in the Keras view: {count(totals.trainable)} trainable, "
        f"{count(fixed)} non-trainable",
    )


def checks(report: Report) -> Iterator[tuple[str, list[tuple[bool | None, str]]]]:
    """`expect` and `budget` with every number and whether it holds (None: not checked)."""
    for kind in ("expect", "budget"):
        found = [(check.ok, _check(check)) for check in report.checks if check.kind == kind]
        if found:
            yield kind, found


def _check(check: Check) -> str:
    wanted = f"{check.key} {check.wanted}"
    if check.ok is None:
        return f"{wanted} (not checked)"
    return wanted if check.ok else f"{wanted}, is {check.actual}"
