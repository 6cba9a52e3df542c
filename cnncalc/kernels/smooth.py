"""Elementary functions that neither overflow nor lose digits, on real and on complex arrays.

Where a complex number lies and how large it is, its real part says, so that a tiny imaginary part
carries the derivative (the complex step), at a kink that from the left. Real numbers are gated by
minima, maxima and products with masks, as `np.where` takes ten times as long.
"""

from __future__ import annotations

from math import pi

from cnncalc import lazy_numpy as np
from cnncalc.kernels.mode import Array


def above(x: Array) -> Array:
    """The part above zero: x where x > 0, else 0."""
    return x * (x.real > 0) if np.iscomplexobj(x) else np.maximum(x, 0)


def below(x: Array) -> Array:
    """The part below zero: x where x < 0, else 0."""
    return x * (x.real <= 0) if np.iscomplexobj(x) else np.minimum(x, 0)


def magnitude(x: Array) -> Array:
    """The absolute value."""
    return x * np.where(x.real > 0, 1, -1) if np.iscomplexobj(x) else np.abs(x)


def clip(x: Array, low: float, high: float, out: Array | None = None) -> Array:
    """x between the limits, else the nearer limit."""
    if not np.iscomplexobj(x):
        return np.clip(x, low, high, out=out)
    limited = np.where(x.real <= low, low, np.where(x.real >= high, high, x))
    return np.positive(limited, out=out)


def log1p(x: Array) -> Array:
    """log(1 + x); NumPy's own loses the digits of a small complex x."""
    if not np.iscomplexobj(x):
        return np.log1p(x)
    size = x.real * (2 + x.real) + x.imag * x.imag  # |1 + x|^2 - 1
    return 0.5 * np.log1p(size) + 1j * np.arctan2(x.imag, 1 + x.real)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x))."""
    if np.iscomplexobj(x):  # infinity is no number there
        return np.exp(below(x)) / (1 + np.exp(-magnitude(x)))
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


def softplus(x: Array) -> Array:
    """log(1 + exp(x))."""
    return above(x) + log1p(np.exp(-magnitude(x)))


def log_softmax(x: Array, axis: int) -> Array:
    """x - log(sum exp(x)) along an axis."""
    shifted = x - x.real.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def _ratio(x: Array, over: tuple[float, ...], under: tuple[float, ...]) -> Array:
    """The quotient of two polynomials, by Horner's rule, highest coefficient first."""
    top, bottom = np.full_like(x, over[0]), np.full_like(x, under[0])
    for coefficient in over[1:]:
        top *= x
        top += coefficient
    for coefficient in under[1:]:
        bottom *= x
        bottom += coefficient
    return top / bottom


# fmt: off
SMALL = (
    (1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2,
     3.77485237685302021e2, 3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2,
     1.28261652607737228e3, 2.84423683343917062e3),
)
LARGE = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0,
     6.61191906371416295e1, 2.98635138197400131e2, 8.81952221241769090e2,
     1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2,
     5.37181101862009858e2, 1.62138957456669019e3, 3.29079923573345963e3,
     4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3),
)
# fmt: on


def erf(x: Array) -> Array:
    """The error function of real numbers, to the last digits of float64.

    x R(x^2) near zero, else 1 - exp(-x^2) R(|x|), and 1 from 6 on.
    Source: Cody 1969, Rational Chebyshev approximations for the error function.
    """
    if np.iscomplexobj(x):
        raise TypeError("the error function is for real numbers only")
    size = np.minimum(np.abs(x), 6)
    square = size * size
    near = size <= 0.46875
    found = size * _ratio(square, *SMALL) * near
    found += (1 - np.exp(-square) * _ratio(size, *LARGE)) * ~near
    return np.copysign(found, x)


def erf_slope(x: Array) -> Array:
    """The derivative of `erf`, 2 / sqrt(pi) exp(-x^2)."""
    size = np.minimum(np.abs(x), 30)  # the square of a larger number might overflow
    return (2 / pi**0.5) * np.exp(-size * size)
