"""Exponential and logarithm that give the same bits for a float and for an array, on every processor.

The C library and numpy's vector code differ in the last bit, and from one processor to the next. These use
only operations that IEEE 754 rounds exactly, each in the same order, so that one record scored online and a
million scored in a file agree bit for bit. Both are within two units in the last place of the true value.
"""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Number = TypeVar("Number", float, FloatArray)

_LOG2_E = 1.4426950408889634
# ln 2 in two parts; the low bits of the first are zero, so that its product with a small integer is exact.
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
# Adding and taking away 1.5 * 2**52 rounds to the nearest integer.
_ROUNDER = 6755399441055744.0
_EXP_TERMS = tuple(1.0 / math.factorial(n) for n in range(13, -1, -1))
_LOG_TERMS = tuple(2.0 / n for n in range(23, 1, -2))
_SQRT_HALF = math.sqrt(0.5)
# Past these the logistic function is 0 or 1 for any purpose, and exp would overflow.
_LIMIT = 700.0


def exp(x: Number) -> Number:
    """Return e**x for |x| <= 700: x = k ln 2 + r, then a Taylor polynomial in r and an exact scaling by 2**k."""
    k = (x * _LOG2_E + _ROUNDER) - _ROUNDER
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    p = r * _EXP_TERMS[0] + _EXP_TERMS[1]
    for term in _EXP_TERMS[2:]:
        p = p * r + term
    if isinstance(p, np.ndarray):
        return np.ldexp(p, np.asarray(k).astype(np.int32))
    return math.ldexp(p, int(k))


def log(x: Number) -> Number:
    """Return the natural logarithm; NaN where x is not positive or not a number.

    x = m 2**e with m near 1; with f = m - 1, s = f / (2 + f) and R the series 2 (s**2/3 + s**4/5 + ...),
    log m = f - (f**2/2 - s (f**2/2 + R)), which rounds less than the plain series (fdlibm, Sun 1993).
    """
    if isinstance(x, np.ndarray):
        usable = x > 0
        m, e = np.frexp(np.where(usable, x, 1.0))
        low = m < _SQRT_HALF
        m, k = np.where(low, m * 2.0, m), np.where(low, e - 1, e).astype(np.float64)
        return np.where(usable, _log_of_parts(m, k), np.nan)
    if not x > 0:
        return math.nan
    m1, e1 = math.frexp(x)
    if m1 < _SQRT_HALF:
        m1, e1 = m1 * 2.0, e1 - 1
    return _log_of_parts(m1, float(e1))


def _log_of_parts(m: Number, k: Number) -> Number:
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    p = z * _LOG_TERMS[0] + _LOG_TERMS[1]
    for term in _LOG_TERMS[2:]:
        p = p * z + term
    half = 0.5 * f * f
    return k * _LN2_HIGH - ((half - (s * (half + p * z) + k * _LN2_LOW)) - f)


def logistic(x: Number) -> Number:
    """Return 1 / (1 + e**-x), the probability with log-odds x."""
    if isinstance(x, np.ndarray):
        return 1.0 / (1.0 + exp(np.clip(-x, -_LIMIT, _LIMIT)))
    return 1.0 / (1.0 + exp(min(max(-x, -_LIMIT), _LIMIT)))


def log_odds(p: Number) -> Number:
    """Return log(p / (1 - p)); probabilities of 0 and 1 are moved inside by 1e-12."""
    if isinstance(p, np.ndarray):
        p = np.clip(p, 1e-12, 1.0 - 1e-12)
        return log(p / (1.0 - p))
    inside = min(max(p, 1e-12), 1.0 - 1e-12)
    return log(inside / (1.0 - inside))


def surprisals(x: Number) -> tuple[Number, Number]:
    """Return -log p and -log(1 - p) for the probability p with log-odds x, without rounding p to 0 or 1.

    Both are within 1e-15 of the true value or of its last places, whichever is more. For multiples of 2**-40 the
    first never rises with x and the second never falls: a step of x then outweighs all rounding.
    """
    size = abs(x)
    # Both share the part that is not linear; |x| + x is 2x or 0, exactly.
    both = log(1.0 + exp(_at_least_minus_limit(-size)))
    return (size - x) * 0.5 + both, (size + x) * 0.5 + both


def _at_least_minus_limit(x: Number) -> Number:
    if isinstance(x, np.ndarray):
        return np.maximum(x, -_LIMIT)
    return max(x, -_LIMIT)
