"""How other tools would count a network: what each adds up for every layer, and where it errs.

The rules were read in the sources of the versions that are named, and are held against what those
versions give for single layers and whole networks (tests/data/published). Each layer is taken for a
module of torch.nn, as tools that watch modules miss what a model calls as a function. What merges,
reshapes or crops is no module, and counts 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from math import prod
from typing import Any, NamedTuple

from cnncalc.analysis.cost import Cost
from cnncalc.analysis.report import Report, Row
from cnncalc.layer import Layer, Shape


class Seen(NamedTuple):
    """What a tool sees of a layer: the shapes of its first input and output, (C, *spatial)."""

    layer: Any
    family: str
    x: Shape
    y: Shape
    cost: Cost


Rule = Callable[[Seen], int]


class Known(NamedTuple):
    """A known error: the layers that it strikes, and what is wrong."""

    strikes: Callable[[Seen], bool]
    error: str


class Convention(NamedTuple):
    """A tool in one version: the unit of its number, what it counts, and by which rules.

    `unit` is "MACs" where a multiply-add counts once, "FLOPs" where it counts twice, None where no
    operations are counted. `rules` are by family (see `family`); a family without one counts 0.
    `params` None: it gives none.
    """

    tool: str
    version: str
    unit: str | None
    counts: str
    source: str
    rules: dict[str, Rule]
    params: Callable[[Report], int | None] | None
    known: tuple[Known, ...] = ()


class Found(NamedTuple):
    """What a tool would give for a network; `relative` is to our number in the same unit.

    None: not known, or the tool has no such number. `errors` are the known ones with how many
    layers they strike.
    """

    convention: Convention
    number: int | None
    relative: Fraction | None
    params: int | None
    errors: tuple[tuple[str, int], ...]


def family(layer: Layer) -> str | None:
    """The name of a type without its rank, as `Conv` of Conv2d; None for what torch.nn lacks."""
    name = type(layer).__name__
    if name.startswith(("LocallyConnected", "Scale")) or layer.declared:
        return None
    return name[:-2] if name[-2:] in ("1d", "2d", "3d") else name


def by_conventions(report: Report) -> tuple[Found, ...]:
    """What each tool would give for a network, without heads that exist in training only."""
    seen = [_seen(row) for row in report.rows if not row.node.train_only]
    return tuple(_found(report, seen, one) for one in CONVENTIONS)


def _seen(row: Row) -> Seen | None:
    """None where the layer is not known, or no tool has a rule that could be told."""
    own = row.node.layer and family(row.node.layer)
    x, y = next(iter(row.in_shapes), None), row.out_shapes[0]
    if not own or row.cost is None or x is None or y is None:
        return None
    return Seen(row.node.layer, own, x, y, row.cost)


def _found(report: Report, seen: Sequence[Seen | None], convention: Convention) -> Found:
    known = [one for one in seen if one is not None]
    number = None
    if convention.unit is not None and known and len(known) == len(seen):
        number = sum(convention.rules.get(one.family, _nothing)(one) for one in known)
    ours = report.totals.flops if convention.unit == "FLOPs" else report.totals.macs
    return Found(
        convention,
        number,
        None if number is None or not ours else Fraction(number, ours),
        convention.params and convention.params(report),
        tuple(_errors(convention, known)),
    )


def _errors(convention: Convention, seen: Sequence[Seen]) -> Iterator[tuple[str, int]]:
    for known in convention.known:
        struck = sum(known.strikes(one) for one in seen)
        if struck:
            yield known.error, struck


# ---- what is counted


def _nothing(one: Seen) -> int:  # noqa: ARG001 - a rule
    return 0


def _macs(one: Seen) -> int:
    return one.cost.macs


def _macs_but_in_words(one: Seen) -> int:
    return 0 if _padded_in_words(one) else one.cost.macs


def _flops(one: Seen) -> int:
    return 2 * one.cost.macs


def _macs_and_bias(one: Seen) -> int:
    return one.cost.macs + (prod(one.y) if one.layer.bias else 0)


def _multiplications_and_additions(one: Seen) -> int:
    return 2 * one.cost.macs - prod(one.y)


def _params(one: Seen) -> int:
    return one.cost.params


def _params_at_each_place(one: Seen) -> int:
    return one.cost.params * prod(one.y[1:])


def _as_if_not_transposed(one: Seen) -> int:
    kernel_size: tuple[int, ...] = one.layer.kernel_size
    return prod(one.y) * (one.x[0] // int(one.layer.groups)) * prod(kernel_size)


def _as_if_not_transposed_with_bias(one: Seen) -> int:
    return _as_if_not_transposed(one) + (prod(one.y) if one.layer.bias else 0)


def _inputs(times: int) -> Rule:
    return lambda one: times * prod(one.x)


def _outputs(times: int) -> Rule:
    return lambda one: times * prod(one.y)


def _normalised(with_factors: int, without: int) -> Rule:
    """So many an element, by whether the layer has learned factors."""
    return lambda one: prod(one.x) * (with_factors if one.cost.params else without)


def _batch_norm_by_its_statistics(one: Seen) -> int:
    """Those of the image cost as much as in any other norm."""
    return (_normalised(2, 1) if one.layer.track_running_stats else _normalised(5, 4))(one)


def _softmax(one: Seen) -> int:
    features = int((1, *one.x)[one.layer.dim])  # torch's axis, the batch included
    return prod(one.x) // features * (3 * features - 1)


def _mean_of_windows(one: Seen) -> int:
    """In floating point and cut off, as thop does it: 55 where it would be 56."""
    window = 1.0
    for size, pooled in zip(one.x[1:], one.y[1:], strict=True):
        window *= size / pooled
    return int((window + 1) * prod(one.y))


def _mean_of_whole_windows(one: Seen) -> int:
    window = prod(size // pooled for size, pooled in zip(one.x[1:], one.y[1:], strict=True))
    return (window + 1) * prod(one.y)


def _mean_of_one_side(one: Seen) -> int:
    """A kernel that is written as one number is taken for its area."""
    sides = set(one.layer.kernel_size)
    window = sides.pop() if len(sides) == 1 else prod(one.layer.kernel_size)
    return int(window + 1) * prod(one.y)


def _of_mode(maps_only: bool = False, **times: int) -> Rule:
    """So many an output element by the mode of upsampling, 0 in modes that are not named."""

    def rule(one: Seen) -> int:
        if maps_only and len(one.x) != 3:
            return 0
        return prod(one.y) * times.get(one.layer.mode, 0)

    return rule


def _upsampling_twice(one: Seen) -> int:
    """As a module by its output; as a function by its factors, those of a list cut to integers."""
    factors: float | tuple[float, ...] | None = one.layer.scale_factor
    if factors is None:
        return 2 * prod(one.y)
    if isinstance(factors, tuple):
        return prod(one.y) + prod(one.x) * prod(map(int, factors))
    return prod(one.y) + int(prod(one.x) * factors ** (len(one.x) - 1))


def _maps(one: Seen) -> int:
    return prod(one.x) if len(one.x) == 3 else 0


def _powers(one: Seen) -> int:
    return prod(one.x) + 2 * prod(one.y)  # average pooling, ReLU, product


def _response_norm(one: Seen) -> int:
    padded = (one.x[0] + int(one.layer.size) - 1) * prod(one.x[1:])
    return 3 * prod(one.x) + padded


# ---- which params


def _all_params(report: Report) -> int | None:
    return report.totals.params


def _trainable_params(report: Report) -> int | None:
    return report.totals.trainable


def _with_statistics(report: Report) -> int | None:
    params, buffers = report.totals.params, report.totals.buffers
    return None if params is None or buffers is None else params + buffers


def _params_without_group_norm(report: Report) -> int | None:
    """Those of modules that are run and that the tool knows."""
    if report.totals.params_inference is None:
        return None
    rows = (row for row in report.rows if row.node.type == "GroupNorm" and not row.node.train_only)
    return report.totals.params_inference - sum(row.cost.params for row in rows if row.cost)


# ---- what is wrong


def _of(*families: str) -> Callable[[Seen], bool]:
    return lambda one: one.family in families


def _padded_in_words(one: Seen) -> bool:
    if one.family != "Conv" or one.layer.padding_mode != "zeros":
        return False  # other modes pad before they convolve
    return one.layer.padding in ("same", "valid")


def _on_positions(one: Seen) -> bool:
    return one.family == "Linear" and len(one.x) > 1


def _square(one: Seen) -> bool:
    if one.family != "AvgPool":
        return False
    sizes: tuple[int, ...] = one.layer.kernel_size
    return len(set(sizes)) == 1 and sizes[0] != prod(sizes)


def _cut_factors(one: Seen) -> bool:
    factors = getattr(one.layer, "scale_factor", None)
    return isinstance(factors, tuple) and any(int(factor) != factor for factor in factors)


_POOLS = ("MaxPool", "AvgPool", "AdaptiveAvgPool", "AdaptiveMaxPool")
_TWICE = ("ReLU", "PReLU", "ELU", "GELU", *_POOLS, "Upsample")
"""What ptflops counts as a module, and again as the function that the module calls."""
_LEFT_OUT = (
    *("SELU", "CELU", "Mish", "Hardswish", "Hardsigmoid", "Hardtanh", "Sigmoid", "Tanh"),
    *("Softplus", "Softsign", "LogSigmoid", "LogSoftmax"),
)
"""The activations that ptflops does not count."""
_NORMS = ("BatchNorm", "InstanceNorm", "GroupNorm", "LayerNorm")
_MULTIPLYING = ("Conv", "ConvTranspose", "Linear")
_SPREAD = "transposed convolution counted as if each place of its output saw a whole window"

CONVENTIONS = (
    Convention(
        "torchinfo",
        "1.8.0",
        "MACs",
        "weights and biases of a convolution at every place of its output, other params once",
        "torchinfo/layer_info.py, calculate_macs",
        {
            **dict.fromkeys((*_NORMS, "Linear", "PReLU"), _params),
            **dict.fromkeys(("Conv", "ConvTranspose"), _params_at_each_place),
        },
        _all_params,
        (
            Known(_of("ConvTranspose"), _SPREAD),
            Known(_on_positions, "Linear counted at one position only"),
            Known(_of(*_NORMS), "norm counted once a param, not once an element"),
        ),
    ),
    Convention(
        "fvcore",
        "0.1.5.post20221221",
        "MACs",
        "MACs without bias, norms (batch norm with statistics 2 an element, others 5; 1 less "
        "without factors), "
        "adaptive average pooling 1 an input and upsampling 1 or 4 an output, on maps; "
        "it calls a multiply-add one flop",
        "fvcore/nn/flop_count.py, jit_handles.py",
        {
            **dict.fromkeys(_MULTIPLYING, _macs_but_in_words),
            "BatchNorm": _batch_norm_by_its_statistics,
            **dict.fromkeys(("InstanceNorm", "GroupNorm", "LayerNorm"), _normalised(5, 4)),
            "AdaptiveAvgPool": _maps,
            "Upsample": _of_mode(maps_only=True, nearest=1, bilinear=4),
        },
        _all_params,
        (Known(_padded_in_words, "convolution with padding 'same' or 'valid' counted as 0"),),
    ),
    Convention(
        "thop",
        "0.1.1.post2209072238",
        "MACs",
        "MACs without bias, norms 4 an element (2 without factors), PReLU 1, softmax 3, average "
        "pooling 1 an output, adaptive its window and 1, upsampling 1, 5 or 11",
        "thop/vision/basic_hooks.py, calc_func.py",
        {
            **dict.fromkeys(("Conv", "Linear"), _macs),
            "ConvTranspose": _as_if_not_transposed,
            **dict.fromkeys(("BatchNorm", "InstanceNorm", "LayerNorm"), _normalised(4, 2)),
            "PReLU": _inputs(1),
            "Softmax": _softmax,
            "AvgPool": _outputs(1),
            "AdaptiveAvgPool": _mean_of_windows,
            "Upsample": _of_mode(nearest=1, linear=5, bilinear=11),
        },
        _params_without_group_norm,
        (
            Known(_of("ConvTranspose"), _SPREAD),
            Known(_of("GroupNorm"), "group norm not counted, nor its params"),
        ),
    ),
    Convention(
        "thop (2019)",
        "0.0.30.post1908302010",
        "MACs",
        "as the table in its README: MACs and bias of convolutions, multiplications and additions "
        "of Linear, batch norm 4 an element, leaky ReLU 1, average pooling its window and 1 an "
        "output, upsampling 5 or 13",
        "thop/count_hooks.py",
        {
            "Conv": _macs_and_bias,
            "ConvTranspose": _as_if_not_transposed_with_bias,
            "Linear": _multiplications_and_additions,
            "BatchNorm": _inputs(4),
            "LeakyReLU": _inputs(1),
            "AvgPool": _mean_of_one_side,
            "AdaptiveAvgPool": _mean_of_whole_windows,
            "Upsample": _of_mode(linear=5, bilinear=13),
        },
        _all_params,
        (
            Known(_of("ConvTranspose"), _SPREAD),
            Known(_of("Linear"), "Linear counted twice, others once a multiply-add"),
            Known(_of("InstanceNorm", "GroupNorm", "LayerNorm"), "norm not counted, as others are"),
            Known(_square, "average pooling counted with a window of one side, not of its area"),
        ),
    ),
    Convention(
        "ptflops (pytorch)",
        "0.7.5",
        "MACs",
        "MACs and bias, norms 2 an element (1 without factors; layer norm 1), activations 1, "
        "pooling 1 an input, upsampling 1 an output; of params the trainable ones",
        "ptflops/pytorch_ops.py, pytorch_engine.py",
        {
            **dict.fromkeys(_MULTIPLYING, _macs_and_bias),
            **dict.fromkeys(("BatchNorm", "GroupNorm", "InstanceNorm"), _normalised(2, 1)),
            "LayerNorm": _inputs(1),
            **dict.fromkeys(("ReLU6", "LeakyReLU", "SiLU", "Softmax"), _inputs(1)),
            **dict.fromkeys(("ReLU", "PReLU", "ELU", "GELU", *_POOLS), _inputs(2)),
            "Upsample": _upsampling_twice,
            "LPPool": _powers,
            "LocalResponseNorm": _response_norm,
        },
        _trainable_params,
        (
            Known(_of(*_TWICE), "counted as a module, and again as the function that it calls"),
            Known(_cut_factors, "factors of upsampling cut to integers"),
            Known(_of(*_LEFT_OUT), "activation not counted, as others are"),
        ),
    ),
    Convention(
        "ptflops (aten)",
        "0.7.5",
        "MACs",
        "MACs and bias of convolutions and matrix products; of params the trainable ones",
        "ptflops/aten_ops.py, aten_engine.py",
        dict.fromkeys(_MULTIPLYING, _macs_and_bias),
        _trainable_params,
    ),
    Convention(
        "Keras",
        "3",
        None,
        "params, with the statistics of batch norm as non-trainable ones; no operations",
        "keras.Model.count_params and summary",
        {},
        _with_statistics,
    ),
    Convention(
        "FlopCounterMode",
        "torch 2.13.0",
        "FLOPs",
        "2 for each MAC of convolutions and matrix products, no bias; no params",
        "torch/utils/flop_counter.py",
        dict.fromkeys(_MULTIPLYING, _flops),
        None,
    ),
)
