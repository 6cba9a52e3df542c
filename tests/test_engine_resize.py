"""Resampling against the formulas of its positions, one output at a time."""

from math import floor

import numpy as np
import pytest

from cnncalc import layers
from cnncalc.kernels.mode import Mode, Wants

CASES = [
    (3, 6, None),
    (4, 7, None),
    (7, 3, None),
    (5, 1, None),
    (1, 4, None),
    (5, 7, 1.5),
    (4, 9, 2.3),
    (4, 8, 2.2),
]


def weights_of(n, m, scale, linear, aligned):
    """The matrix (m, n) that resampling an axis is."""
    found = np.zeros((m, n))
    step = 1 / scale if scale else n / m
    for o in range(m):
        if not linear:
            found[o, min(floor(o * step), n - 1)] = 1
            continue
        place = o * (n - 1) / max(m - 1, 1) if aligned else max(step * (o + 0.5) - 0.5, 0)
        lower = min(floor(place), n - 1)
        found[o, lower] += 1 - (place - lower)
        found[o, min(lower + 1, n - 1)] += place - lower
    return found


@pytest.mark.parametrize(("linear", "aligned"), [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize(("n", "m", "scale"), CASES)
def test_an_axis_is_resampled_by_its_matrix(n, m, scale, linear, aligned):
    factors = {"scale_factor": scale} if scale else {"size": m}
    options = {"mode": "linear", "align_corners": aligned} if linear else {}
    layer = layers.find("Upsample")(**factors, **options)
    matrix = weights_of(n, m, scale, linear, aligned)
    generator = np.random.default_rng(0)
    x, dy = generator.normal(size=(2, 3, n)), generator.normal(size=(2, 3, m))
    y, saved = layer.forward({}, x, mode=Mode())
    dx, _ = layer.backward({}, dy, saved, wants=Wants(), mode=Mode())
    np.testing.assert_allclose(y, x @ matrix.T, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(dx, dy @ matrix, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("recompute", [False, True])
def test_the_written_factor_counts_unless_it_is_computed_again(recompute):
    """1.6 takes 4 to 6: positions are spaced by 1 / 1.6, or by 4 / 6."""
    layer = layers.find("Upsample")(scale_factor=1.6, recompute_scale_factor=recompute)
    y, _ = layer.forward({}, np.arange(4.0).reshape(1, 1, 4), mode=Mode())
    assert y.ravel().tolist() == ([0, 0, 1, 2, 2, 3] if recompute else [0, 0, 1, 1, 2, 3])


def test_axes_are_resampled_one_after_the_other():
    layer = layers.find("Upsample")(size=[5, 2], mode="bilinear")
    x = np.random.default_rng(1).normal(size=(1, 2, 3, 4))
    rows, columns = (weights_of(n, m, None, True, False) for n, m in ((3, 5), (4, 2)))
    y, _ = layer.forward({}, x, mode=Mode())
    np.testing.assert_allclose(y, np.einsum("ncij,hi,wj->nchw", x, rows, columns), rtol=1e-12)


def test_linear_resampling_to_the_same_size_copies():
    """As torch does, whatever the factor: 1.1 takes 5 to 5."""
    layer = layers.find("Upsample")(scale_factor=1.1, mode="linear")
    x = np.random.default_rng(2).normal(size=(1, 1, 5))
    y, _ = layer.forward({}, x, mode=Mode())
    np.testing.assert_array_equal(y, x)
    assert not np.shares_memory(x, y)


def test_published_bilinear_values():
    """torch.nn.Upsample's documentation: [[1, 2], [3, 4]] doubled, and with aligned corners."""
    x = np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    y, _ = layers.find("Upsample")(scale_factor=2, mode="bilinear").forward({}, x, mode=Mode())
    assert y[0, 0].tolist() == [
        [1.0, 1.25, 1.75, 2.0],
        [1.5, 1.75, 2.25, 2.5],
        [2.5, 2.75, 3.25, 3.5],
        [3.0, 3.25, 3.75, 4.0],
    ]
    aligned = layers.find("Upsample")(scale_factor=2, mode="bilinear", align_corners=True)
    y, _ = aligned.forward({}, x, mode=Mode())
    expected = [
        [1.0, 1.3333, 1.6667, 2.0],
        [1.6667, 2.0, 2.3333, 2.6667],
        [2.3333, 2.6667, 3.0, 3.3333],
        [3.0, 3.3333, 3.6667, 4.0],
    ]
    np.testing.assert_allclose(y[0, 0], expected, atol=5e-5)
