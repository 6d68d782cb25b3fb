"""Sums and products with their rounding error, for functions that would magnify it.

`exp` turns an absolute error of its argument into a relative error of its value, so
a product rounded to 1 part in 2^53 near 700 costs several hundred units in the last
place. The classical remedy is to carry the rounding error along (Dekker 1971,
doi:10.1007/BF01397083). Everything here is float64.
"""

from __future__ import annotations

import numpy as np

_SPLITTER = 134217729.0  # 2**27 + 1


def split(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return `high + low == a`, `high` with 26 bits. For |a| below 1e300.

    >>> high, low = split(0.1)
    >>> high + low == 0.1, high == 0.1
    (True, False)
    """
    shifted = _SPLITTER * a
    high = shifted - (shifted - a)
    return high, a - high


def product(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return `a * b` rounded, and its rounding error. For factors below 1e150.

    >>> from fractions import Fraction
    >>> p, error = product(0.1, 0.3)
    >>> Fraction(p) + Fraction(error) == Fraction(0.1) * Fraction(0.3)
    True
    """
    p = a * b
    a_high, a_low = split(a)
    b_high, b_low = split(b)
    error = ((a_high * b_high - p) + a_high * b_low + a_low * b_high) + a_low * b_low
    return p, error


def difference(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return `a - b` rounded, and its rounding error (Knuth's two-sum).

    >>> difference(1.0, 1e-20)
    (1.0, -1e-20)
    """
    d = a - b
    back = d - a
    return d, (a - (d - back)) - (b + back)


def times_exp_minus_half_square(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return a * exp(-x^2 / 2) to full accuracy, for |x| below 1e150.

    The exponential enters as two roots, so it does not underflow before `a` is in.

    >>> float(times_exp_minus_half_square(1.0, np.float64(2.0)))
    0.1353352832366127
    """
    high, low = split(x)
    root = np.exp(-0.25 * high * high)
    return (a * np.exp(-0.5 * low * (x + high)) * root) * root


def exp_quotient(x: np.ndarray, a: float | np.ndarray) -> np.ndarray:
    """Return exp(x / a) to full accuracy, for |x| below 1e150 and a > 0.

    >>> float(exp_quotient(np.float64(-2.0), 0.5)) == float(np.exp(-4.0))
    True
    """
    q = x / a
    p, error = product(q, a)
    return np.exp(q) * (1 + ((x - p) - error) / a)
