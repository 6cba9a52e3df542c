"""The check of gradients, on layers small enough to know the answer."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from test_registry import EXAMPLES, make

from cnncalc import layers
from cnncalc.engine.gradients import ties
from cnncalc.engine.gradients.adjoint import Exact
from cnncalc.engine.gradients.alone import ATTEMPTS, check_signature, tensor_names
from cnncalc.engine.gradients.complex_step import LIMIT
from cnncalc.engine.gradients.data import (
    SPACING,
    integer_subject,
    integers,
    real_subject,
)
from cnncalc.engine.gradients.differences import STEPS, derivative
from cnncalc.engine.gradients.mutants import mutants
from cnncalc.engine.gradients.probes import difference, places
from cnncalc.engine.gradients.results import Verdict
from cnncalc.engine.gradients.self_test import self_test
from cnncalc.engine.gradients.signature import Signature
from cnncalc.engine.gradients.structure import divisor, kinks
from cnncalc.engine.gradients.subject import Subject
from cnncalc.kernels.mode import Mode
from cnncalc.layer import Layer, Parameter

NEVER_PROVED = {"Opaque"}
EXACT = {
    *layers.FAMILIES["conv"],
    *layers.FAMILIES["pad"],
    *layers.FAMILIES["shape"],
    *("Linear", "Flatten", "Unflatten", "Identity", "Scale", "PixelShuffle", "PixelUnshuffle"),
    *("Add", "Concat", "Mul", "AvgPool1d", "AvgPool2d", "AvgPool3d"),
    *("AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d"),
}
"""Types that are linear in every tensor, so that they are compared with ==."""


class Fake(Layer, abstract=True):
    """One input, the same shape out; a subclass says what it computes."""

    def infer(self, x):
        return x

    def forward(self, _, x, mode):
        return self.value(x), (x if mode.save else None)

    def backward(self, _, dy, saved, **__):
        return dy * self.slope(saved), {}


def fake(value, slope):
    """An elementwise function with what its backward rule takes for its derivative."""
    return type("Fake1", (Fake,), {"value": staticmethod(value), "slope": staticmethod(slope)})()


def check(layer, *shapes, seed=0):
    """The checks of a layer, in each mode."""
    return check_signature(
        Signature(layer, type(layer).__name__, shapes or ((3, 4),), ("x",)), seed
    )


def only(layer, *shapes, seed=0):
    """The check of the only tensor of a layer in its only mode."""
    (one,) = check(layer, *shapes, seed=seed)
    (tensor,) = one.tensors
    return tensor


# ---- every layer type


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("example", EXAMPLES)
def test_every_tensor_of_every_example_passes(example, seed):
    layer = make(example.text)
    found = check(layer, *example.shapes, seed=seed)
    names = tensor_names(Signature(layer, "", example.shapes, ()))
    for one in found:
        assert tuple(tensor.tensor for tensor in one.tensors) == names
        for tensor in one.tensors:
            if type(layer).__name__ in NEVER_PROVED:
                assert tensor.verdict is Verdict.NOT_CHECKED
            else:
                assert tensor.verdict is Verdict.PASSED, (one.mode, tensor)
                assert len(tensor.probes) >= 3


@pytest.mark.parametrize("example", EXAMPLES)
def test_linear_layers_are_compared_exactly(example):
    layer = make(example.text)
    if type(layer).__name__ not in EXACT:
        return
    for one in check(layer, *example.shapes):
        for tensor in one.tensors:
            assert (tensor.method, tensor.error) == ("adjoint", 0.0)


@pytest.mark.parametrize(
    ("text", "shape", "modes"),
    [
        ("BatchNorm2d", (3, 4, 5), ["eval", "train"]),
        ("BatchNorm2d: {track_running_stats: false}", (3, 4, 5), [None]),
        ("InstanceNorm2d: {track_running_stats: true}", (3, 4, 5), ["eval", "train"]),
        ("InstanceNorm2d", (3, 4, 5), [None]),
        ("Dropout: 0.3", (20,), ["eval", "train"]),
        ("Dropout: 0", (20,), [None]),
        ("ReLU", (20,), [None]),
    ],
)
def test_both_modes_are_checked_where_they_differ(text, shape, modes):
    assert [one.mode for one in check(make(text), shape)] == modes


def test_batch_norm_in_eval_mode_is_exact():
    evaluated, trained = check(make("BatchNorm2d: {eps: 0.001}"), (3, 4, 5))
    assert {tensor.method for tensor in evaluated.tensors} == {"adjoint"}
    assert trained.tensors[0].method == "complex step"


@pytest.mark.parametrize("eps", [0.0, 1e-12, 1e-5, 0.3, 1.0, 2.5, 1e3])
def test_batch_norm_in_eval_mode_is_exact_for_any_eps(eps):
    evaluated, _ = check(make(f"BatchNorm1d: {{eps: {eps:.12f}}}"), (4, 3))
    assert {(t.method, t.error) for t in evaluated.tensors} == {("adjoint", 0.0)}


# ---- structure


@pytest.mark.parametrize(
    ("text", "shape", "tensors"),
    [
        ("Dropout: 1", (6,), {("input", "train")}),
        ("GroupNorm: 3", (3, 1, 1), {("input", None), ("weight", None)}),
        ("LayerNorm: 1", (3, 1), {("input", None), ("weight", None)}),
        ("Softmax", (1,), {("input", None)}),
        ("Softmax: {dim: -1}", (3, 1), {("input", None)}),
        ("LogSoftmax", (1, 4), {("input", None)}),
        ("CrossEntropyLoss", (1,), {("input", None)}),
        ("MultiMarginLoss", (1,), {("input", None)}),
    ],
)
def test_a_gradient_of_0_is_right_only_where_the_structure_says_so(text, shape, tensors):
    found = check(make(text), shape)
    zero = {(t.tensor, one.mode) for one in found for t in one.tensors if t.verdict is Verdict.ZERO}
    assert zero == tensors
    assert all(one.verdict.good for one in found)


def test_a_gradient_of_0_without_a_reason_proves_nothing():
    for constant in (0, 1 / 3):
        found = only(fake(lambda x, c=constant: x * 0 + c, lambda x: x * 0))
        assert found.verdict is Verdict.VACUOUS


def test_a_structural_zero_must_be_zero():
    layer = make("Softmax")
    wrong = type("Softmax", (type(layer),), {"backward": lambda *a, **_: (a[2] * 1e-9, {})})
    assert only(wrong(), (1,)).verdict is Verdict.FAILED


def test_other_data_are_tried_before_a_gradient_counts_as_0():
    def open_(x):
        return x.real.sum() > 0

    gated = fake(lambda x: x * x * open_(x), lambda x: 2 * x * open_(x))
    assert ATTEMPTS > 1
    for seed in range(10):
        data = (real_subject(gated, ((4,),), 2, False, (seed, one)) for one in range(2))
        if [open_(one.tensors["input"]) for one in data] == [False, True]:
            assert only(gated, (4,), seed=seed).verdict is Verdict.PASSED
            return
    raise AssertionError("no seed starts with a closed gate")


def test_norms_of_two_values_are_checked_where_they_are_not_flat():
    for text, shape in [
        ("GroupNorm: 2", (4,)),
        ("InstanceNorm1d", (3, 2)),
        ("LayerNorm: 2", (3, 2)),
        ("BatchNorm1d: {track_running_stats: false}", (3,)),
    ]:
        for seed in range(10):
            assert check(make(text), shape, seed=seed)[0].verdict is Verdict.PASSED


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ReLU6", (0, 6)),
        ("Hardtanh: {min_val: -0.5, max_val: 2}", (-0.5, 2)),
        ("Softplus: {beta: 2, threshold: 1}", (0.5,)),
        ("Hardswish", (-3, 3)),
        ("Tanh", ()),
    ],
)
def test_data_keep_away_from_kinks_and_lie_on_all_sides(text, wanted):
    layer = make(text)
    assert kinks(layer) == wanted
    x = real_subject(layer, ((40, 5),), 2, False, (0,)).tensors["input"]
    for bend in wanted:
        assert abs(x - bend).min() > 2 * max(STEPS)
    regions = np.digitize(x, wanted)
    assert set(regions.ravel()) == set(range(len(wanted) + 1))


def test_data_of_maxima_are_distinct_and_of_several_inputs_too():
    x = real_subject(make("MaxPool2d: 2"), ((3, 4, 5),), 2, False, (0,)).tensors["input"]
    assert np.diff(np.sort(x.reshape(2 * 3, -1)), axis=1).min() >= SPACING * 0.99
    x = real_subject(make("Maxout: 3"), ((6, 5),), 2, False, (0,)).tensors["input"]
    assert np.diff(np.sort(x.reshape(2, -1)), axis=1).min() >= SPACING * 0.99
    pair = real_subject(make("Maximum"), ((30,), (30,)), 2, False, (0,)).tensors
    assert abs(pair["input 1"] - pair["input 2"]).min() >= 0.49


@pytest.mark.parametrize(
    ("text", "shape", "counts"),
    [
        ("AvgPool2d: 3", (1, 9, 9), [9]),
        (
            "AvgPool2d: {kernel_size: [2, 3], padding: 1, count_include_pad: false}",
            (1, 4, 5),
            [6, 3],
        ),
        ("AvgPool1d: {kernel_size: 3, ceil_mode: true}", (1, 7), [3, 2, 1]),
        ("AvgPool2d: {kernel_size: 3, divisor_override: 7}", (1, 9, 9), [7]),
        ("AdaptiveAvgPool1d: 3", (1, 7), [3]),
        ("AdaptiveAvgPool2d: [2, 1]", (1, 5, 7), [21]),
        ("MaxPool1d: 2", (1, 7), [1]),
    ],
)
def test_averages_of_integers_are_integers(text, shape, counts):
    text = text.replace("AdaptiveAvgPool2d: [2, 1]", "AdaptiveAvgPool2d: {output_size: [2, 1]}")
    found = divisor(make(text), shape)
    assert all(found % count == 0 for count in counts)


# ---- guards


def test_a_layer_that_gives_other_results_each_time_fails():
    calls = iter(range(1000))
    for one in check(fake(lambda x: x * (1 + 1e-14 * next(calls)), np.ones_like)):
        assert one.verdict is Verdict.FAILED
        assert one.tensors[0].note == "two forward passes on the same data differ"


def test_a_layer_that_writes_to_its_input_fails():
    def value(x):
        y = np.tanh(x)
        x *= 1 + 1e-15
        return y

    for one in check(fake(value, lambda x: 1 - np.tanh(x) ** 2)):
        assert one.verdict is Verdict.FAILED
        assert "writes to what it is given: input" in one.tensors[0].note


class Weighted(Fake):
    """x times a weight, with whatever gradient of the weight a test wants."""

    given = None

    def params(self, x):
        return {"weight": Parameter(x)}

    def forward(self, weights, x, **_):
        return x * weights["weight"], x

    def backward(self, weights, dy, saved, **_):
        right = (dy * saved).sum(0)
        return dy * weights["weight"], {} if self.given is None else {"weight": self.given(right)}


def test_gradients_that_depend_on_what_else_is_wanted_fail():
    class Partial(Weighted):
        def backward(self, weights, dy, saved, *, wants, **_):
            factor = 1 if wants.inputs else 2
            return dy * weights["weight"], {"weight": factor * (dy * saved).sum(0)}

    (one,) = check(Partial())
    assert one.verdict is Verdict.FAILED
    assert one.tensors[0].note == "gradients computed without that of the input differ"


def test_a_layer_that_overwrites_what_it_still_needs_fails():
    class Careless(Fake):
        def forward(self, _, x, mode):
            return np.multiply(x, x, out=x if mode.overwrite else None), x

        def backward(self, _, dy, saved, **__):
            return 2 * dy * saved, {}

    tensor = only(Careless())
    assert tensor.verdict is Verdict.FAILED
    assert tensor.note == "gradients differ where memory may be written over"


@pytest.mark.parametrize(
    ("given", "verdict", "note"),
    [
        (None, Verdict.NOT_CHECKED, "backward gives no gradient"),
        (lambda g: g, Verdict.PASSED, None),
        (lambda g: g[None], Verdict.FAILED, "the gradient has the shape [1, 3, 4], not [3, 4]"),
        (lambda g: g.astype(np.float32) * np.float32(0.1), Verdict.FAILED, "of float32"),
        (lambda g: g * np.nan, Verdict.FAILED, None),
        (lambda g: g + np.nextafter(0, 1) + 1e-9, Verdict.FAILED, None),
        (lambda _: [1 / 0], Verdict.FAILED, "ZeroDivisionError"),
    ],
)
def test_gradients_of_any_kind(given, verdict, note):
    layer = type("Weighted1", (Weighted,), {"given": staticmethod(given) if given else None})()
    (one,) = check(layer)
    weight = one.tensors[1]
    assert weight.verdict is verdict
    assert (note is None) or note in weight.note


def test_a_type_without_rules_is_not_checked():
    class Bare(Fake):
        def forward(self, weights, x, mode):
            raise NotImplementedError

    assert only(Bare()).verdict is Verdict.NOT_CHECKED


# ---- methods


def test_a_function_that_is_odd_or_homogeneous_is_not_taken_for_linear():
    for value, slope in [
        (lambda x: np.where(x.real > 0, x, 0 * x), lambda x: x > 0),  # homogeneous
        (lambda x: x**3, lambda x: 3 * x**2),  # odd
        (lambda x: np.where(abs(x.real) > 1, np.sign(x.real), x), lambda x: abs(x) < 1),
        (lambda x: x * x, lambda x: 2 * x),
    ]:
        assert only(fake(value, slope), (50,)).method == "complex step"
    assert only(fake(lambda x: 3 * x + 2, lambda x: 3 + 0 * x)).method == "adjoint"


def test_what_is_linear_but_not_exact_takes_the_complex_step():
    tensor = only(fake(lambda x: x / 3, lambda x: 1 / 3 + 0 * x))
    assert (tensor.method, tensor.verdict) == ("complex step", Verdict.PASSED)
    tensor = only(fake(lambda x: 3 * x, lambda x: 3 + 1e-9 + 0 * x))
    assert (tensor.method, tensor.verdict) == ("complex step", Verdict.FAILED)


def test_the_adjoint_is_exact_to_the_last_bit():
    tensor = only(fake(lambda x: 3 * x, lambda x: 3 + 2.0**-12 + 0 * x))
    assert (tensor.method, tensor.verdict) == ("adjoint", Verdict.FAILED)


def test_integers_too_large_to_be_exact_are_not_used():
    layer = fake(lambda x: x * 2.0**60, lambda x: 2.0**60 + 0 * x)
    subject = integer_subject(layer, ((3,),), 2, False, (0,))
    assert not Exact(subject, (0,), 1).possible


@pytest.mark.parametrize(("size", "possible"), [(2.0**10, True), (2.0**27, False)])
def test_sums_that_cancel_are_bounded_too(size, possible):
    weight = np.array([[size, -size]])  # all outputs are 0, and sums on the way 2 x size^2
    tensors = {"input": np.full((2, 2), size), "weight": weight}
    subject = Subject(make("Linear: {out_features: 1, bias: false}"), Mode(), ("input",), tensors)
    assert Exact(subject, (0,), 1).possible is possible


def test_a_function_that_takes_no_complex_numbers_takes_differences():
    def value(x):
        if np.iscomplexobj(x):
            raise TypeError
        return np.sin(x)

    tensor = only(fake(value, np.cos))
    assert (tensor.method, tensor.verdict) == ("differences", Verdict.PASSED)
    tensor = only(fake(value, lambda x: np.cos(x) * (1 + 1e-6)))
    assert (tensor.method, tensor.verdict) == ("differences", Verdict.FAILED)


def test_a_complex_form_that_is_another_function_is_found_by_the_second_opinion():
    tensor = only(fake(lambda x: np.sin(x) if np.iscomplexobj(x) else np.cos(x), np.cos))
    assert tensor.verdict is Verdict.FAILED
    (opinion,) = (probe for probe in tensor.probes if probe.what == "second opinion")
    assert opinion.verdict is Verdict.FAILED


def test_without_a_finite_derivative_nothing_is_concluded():
    assert only(fake(lambda x: x * x / 0.0, lambda x: x)).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("scale", [1e-8, 1e-4, 1.0, 1e8])
def test_the_scale_of_a_gradient_does_not_matter(scale):
    right = fake(lambda x: scale * np.sin(x), lambda x: scale * np.cos(x))
    wrong = fake(lambda x: scale * np.sin(x), lambda x: scale * (np.cos(x) + 1e-6))
    assert only(right).verdict is Verdict.PASSED
    assert only(wrong).verdict is Verdict.FAILED


# ---- differences and the metric


@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        (math.sin, 1.0),
        (lambda t: math.exp(3 * t), 3.0),
        (lambda t: t**5 + 2 * t, 2.0),
        (lambda t: abs(t - 4e-3) + t, 0.0),  # a kink that the longer steps cross
        (lambda t: 1e6 + t, 1.0),
    ],
)
def test_differences_know_the_derivative_and_how_wrong_they_are(function, wanted):
    found = derivative(function, 1.0, abs(function(0.0)))
    assert abs(found.value - wanted) <= found.error + 1e-15
    assert found.error < 1e-7 * max(1.0, 1e-2 * abs(function(0)))


@pytest.mark.parametrize(
    "function", [abs, lambda t: max(t, 0.0), lambda t: float(t > 1e-7), lambda _: math.nan]
)
def test_differences_know_when_there_is_no_derivative(function):
    assert derivative(function, 1.0, 1.0).error > 0.1


def test_the_metric():
    assert difference(1.0, 1.0, 0.0) == 0
    assert difference(0.0, 0.0, 0.0) == 0
    assert difference(1.0, 1.1, 0.5) == pytest.approx(0.1 / 1.1)
    assert difference(1e-9, 2e-9, 1.0) == pytest.approx(1e-9)  # measured by a typical element
    assert difference(1e-9, 2e-9, 0.0) == pytest.approx(0.5)  # no absolute tolerance
    assert difference(math.nan, 1.0, 1.0) == math.inf
    assert difference(1.0, math.inf, 1.0) == math.inf
    assert difference(-1.0, 1.0, 0.0) == 2


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=5),
    st.integers(1, 8),
    st.integers(0, 2**32 - 1),
)
def test_places_hold_extremes_corners_and_every_group(shape, groups, seed):
    shape = (groups * 2, *shape)
    generator = np.random.default_rng(seed)
    gradient = generator.standard_normal(shape)
    found = {place.at for place in places(gradient, generator, groups)}
    assert np.unravel_index(abs(gradient).argmax(), shape) in found
    assert np.unravel_index(abs(gradient).argmin(), shape) in found
    assert (0,) * len(shape) in found
    assert tuple(n - 1 for n in shape) in found
    assert {at[0] // 2 for at in found} == set(range(groups))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ReLU", {0: 0}),
        ("LeakyReLU: 0.2", {0: 0.2}),
        ("ReLU6", {0: 0, 6: 0}),
        ("Hardtanh: {min_val: -0.5, max_val: 2}", {-0.5: 0, 2: 0}),
        ("Hardsigmoid", {-3: 0, 3: 0}),
        ("Hardswish", {-3: 0, 3: 1}),
        ("ELU: 0.5", {0: 0.5}),
        ("SELU", {0: 1.0507009873554805 * 1.6732632423543772}),
        ("Softplus: {beta: 2, threshold: 1}", {0.5: 1 / (1 + math.exp(-1))}),
    ],
)
def test_the_derivative_at_a_kink_is_that_of_torch(text, wanted):
    layer = make(text)
    assert kinks(layer) == tuple(wanted)
    subject = real_subject(layer, ((6,),), 2, False, (0,))
    one = ties.probe(subject, (np.ones((2, 6)),), (0,))
    assert one.verdict is Verdict.PASSED
    x = np.array([list(wanted)], dtype=np.float64)
    at = replace(subject, tensors={"input": x}).gradients((np.ones_like(x),))["input"]
    assert at.tolist() == [pytest.approx(list(wanted.values()))]


@pytest.mark.parametrize("text", ["ReLU6", "Hardtanh", "Hardsigmoid", "Hardswish"])
def test_the_wrong_choice_at_a_kink_fails(text):
    layer, moved = make(text), 1e-12

    class Open(type(layer)):
        """Takes the limits for the inside."""

        def forward(self, weights, x, **options):
            inside = x * (1 - moved) if isinstance(x, np.ndarray) else x
            return super().forward(weights, inside, **options)

    Open.__name__ = type(layer).__name__
    tensor = only(Open(), (40,))
    (tie,) = (probe for probe in tensor.probes if probe.what == "ties")
    assert tie.verdict is Verdict.FAILED


def test_integers_are_small_and_never_0():
    found = integers(np.random.default_rng(0), (1000,), 6)
    assert set(abs(found) / 6) == set(range(1, 9))
    assert abs(found.mean()) < 2.0


# ---- the self-test


@pytest.mark.parametrize("seed", range(5))
def test_every_mutant_is_caught_without_a_false_alarm(seed):
    found = self_test(seed=seed)
    assert [t for t in found.trials if not t.caught] == []
    assert found.passed


def test_the_mutants_are_many_and_of_many_types():
    types = Counter(type(mutant.layer).__name__ for mutant in mutants())
    assert types.total() >= 16
    assert len(types) >= 16
    families = {family for family, names in layers.FAMILIES.items() if set(names) & set(types)}
    assert families == set(layers.FAMILIES) - {"opaque"}


def test_the_limits_are_those_of_the_design():
    assert LIMIT == 1e-10
