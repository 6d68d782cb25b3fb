r"""Signals in wide random networks: what an activation does to variance, correlation, gradient.

A layer of a wide network with weights ~ N(0, sigma_w^2 / fan_in) and biases ~ N(0, sigma_b^2)
turns inputs of one variance into pre-activations of another. As the width grows, the
pre-activations become Gaussian, and a few integrals over the normal density say what a stack of
such layers does to a signal, to the difference of two signals, and to a gradient:

============================  ==============================================  ====================
the next layer's               is                                              function
============================  ==============================================  ====================
variance                       V(q) = sigma_w^2 E f(z)^2 + sigma_b^2           `variance_map`
correlation of two inputs      C(c) = (sigma_w^2 E f(z) f(z') + sigma_b^2)/q   `correlation_map`
gradient, squared, times       sigma_w^2 E f'(z)^2                             `gradient_factor`
============================  ==============================================  ====================

with z, z' ~ N(0, q) of correlation c. Here `weight_variance` is sigma_w^2 and `bias_variance` is
sigma_b^2, both dimensionless. `f` is a name of the catalogue, an `Activation`, or any real
function of one real variable; a function that has a ``derivative`` is differentiated by it, any
other numerically.

The integrals are computed by adaptive Gauss-Legendre quadrature on panels that end at the
kinks of catalogue entries; panels around unknown kinks are halved until they no longer matter.
All panels of many integrals are evaluated at once. SciPy's ``quad_vec``, which takes one point at
a time, needs about ten times as long for a moment of GELU, and the moment of a pair of inputs is
made of hundreds of those.
The relative error of an expectation is about 1e-12 (1e-6 for correlations under a function that
is not in the catalogue), and estimated in `Moments.error`.

References
----------
Poole et al. (2016), arXiv:1606.05340; Schoenholz et al. (2017), arXiv:1611.01232; Roberts,
Yaida & Hanin (2021), "The Principles of Deep Learning Theory", arXiv:2106.10165, chapter 5.

Examples
--------
>>> from actfun import theory
>>> print(f"{theory.gain('relu'):.6f}")
1.414214
>>> theory.critical_initialisation("tanh")
Critical(weight_variance=1.0, bias_variance=0.0, variance=0.0)
"""

from __future__ import annotations

import itertools
import math
import numbers
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .activation import Activation
from .catalogue import get

# Beyond 38 standard deviations the normal density is below the smallest double.
EDGE = 38.0
_Z_EDGES = np.array([0, 1.5, 3, 5, 8, 12, 18, 26, EDGE])
_X_EDGES = np.array([0.5, 2, 6, 20])  # activations change at x of order 1, whatever the variance
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)
_HALVINGS = 50
_CROWD = 300  # panels to be halved at once, in one integral
_TOLERANCE = 1e-12


# --- results


class Moments(NamedTuple):
    """Mean and second moment of f(z), and an estimate of the absolute error of either."""

    mean: float
    second: float
    error: float


class FixedPoint(NamedTuple):
    """A variance that a layer reproduces, and what becomes of variances near it.

    `slope` is V'(variance). `stability`: "attracting", "repelling", "half-stable" (attracting
    from one side only), or "neutral" (every variance is a fixed point; 1 stands for all).
    """

    variance: float
    slope: float
    stability: str


class DepthScale(NamedTuple):
    """Over how many layers a deviation shrinks by a factor e; infinite at criticality.

    `variance` is xi_q, for the variance of one input; `correlation` is xi_c, for the correlation
    of two inputs, which tends to `fixed_correlation`. `phase`: "ordered" if the gradient factor
    is below 1, "chaotic" if it is above 1, else "critical".
    """

    variance: float
    correlation: float
    fixed_correlation: float
    phase: str


class Critical(NamedTuple):
    """Variances at which neither signals nor gradients grow or shrink with depth."""

    weight_variance: float
    bias_variance: float
    variance: float  # of the pre-activations, at the fixed point


class NoCritical(NamedTuple):
    """There is no critical initialisation; false in a condition."""

    reason: str

    def __bool__(self) -> bool:
        return False


# --- the function


class _Function:
    """A checked function: values, slope on the nodes of a panel, kinks, jumps."""

    def __init__(self, caller: str, f: object) -> None:
        if isinstance(f, str):
            f = get(f)
        if not callable(f):
            raise TypeError(
                f"{caller}: f must be a name, an Activation or a function of one real variable, "
                f"got {f!r} ({type(f).__name__})"
            )
        if isinstance(f, Activation) and not f.elementwise:
            raise TypeError(
                f"{caller}: {f.name} acts on a whole vector, expected a function of one number"
            )
        self.caller = caller
        self.name = getattr(f, "name", None) or getattr(f, "__name__", None) or repr(f)
        catalogue = isinstance(f, Activation)
        self.kinks = tuple(kink.x for kink in f.kinks) if catalogue else ()
        self.jumps = self.kinks if catalogue and f.smoothness < 0 else ()
        self._f = f if catalogue else self._vectorised(f)
        self._derivative = getattr(f, "derivative", None)
        self.has_derivative = callable(self._derivative)
        self.tolerance = _TOLERANCE

    @property
    def flat(self) -> float:
        """A relative growth that cannot be told from 0."""
        return 100 * self.tolerance

    def _vectorised(self, f: Callable) -> Callable:
        """Return `f`, or `f` applied number by number if it does not take arrays."""
        try:
            with np.errstate(all="ignore"):
                if np.shape(f(np.array([[-0.5, 0.25], [1.0, 2.0]]))) == (2, 2):
                    return f
        except (TypeError, ValueError):
            pass
        return lambda x: np.reshape([f(float(v)) for v in x.ravel()], x.shape)

    def _checked(self, x: np.ndarray, y: object, what: str) -> np.ndarray:
        y = np.asarray(y)
        if y.shape != x.shape:
            raise TypeError(
                f"{self.caller}: {what} turned an array of shape {x.shape} into one of shape "
                f"{y.shape}, expected one number for each number"
            )
        if y.dtype.kind not in "fiub":
            raise TypeError(
                f"{self.caller}: {what} must return real numbers, got {y.dtype} "
                f"({y.flat[0]!r} at x = {x.flat[0]:.6g})"
            )
        if y.dtype.kind == "f" and y.dtype.itemsize < 8:  # the noise of float32 arithmetic
            self.tolerance = max(self.tolerance, 100 * float(np.finfo(y.dtype).eps))
        if np.isnan(y).any():
            raise ValueError(
                f"{self.caller}: {what} is nan at x = {x[np.isnan(y)][0]:.6g}, expected a number"
            )
        return y.astype(float)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return f(x), infinite where it overflows."""
        with np.errstate(all="ignore"):
            try:
                y = self._f(x)
            except OverflowError as error:  # from Python's own arithmetic
                raise ValueError(f"{self.caller}: {self.name} overflows: {error}") from error
        return self._checked(x, y, self.name)

    def slope(self, x: np.ndarray) -> np.ndarray:
        """Return f'(x), where the last axis of `x` holds the nodes of a panel."""
        if self.has_derivative:
            with np.errstate(all="ignore"):
                return self._checked(x, self._derivative(x), f"the derivative of {self.name}")
        width = (x[..., -1:] - x[..., :1]) / (_NODES[-1] - _NODES[0])
        with np.errstate(all="ignore"):
            return self(x) @ _DIFFERENTIATE.T / width


def _differentiation_matrix(nodes: np.ndarray) -> np.ndarray:
    """Return the matrix that differentiates the interpolating polynomial in its nodes."""
    gap = nodes[:, None] - nodes[None, :]
    np.fill_diagonal(gap, 1)
    weight = 1 / gap.prod(axis=1)
    matrix = weight[None, :] / weight[:, None] / gap
    np.fill_diagonal(matrix, 0)
    np.fill_diagonal(matrix, -matrix.sum(axis=1))
    return matrix


_DIFFERENTIATE = _differentiation_matrix(_NODES)


# --- quadrature


class _Integral(NamedTuple):
    value: np.ndarray
    error: np.ndarray
    unresolved: np.ndarray  # middle of a panel that could not be resolved, or nan


def _integrate(integrand: Callable, edges: np.ndarray, tolerance: Callable) -> _Integral:
    """Integrate many functions at once, adaptively.

    Parameters
    ----------
    integrand : callable
        (owner, z) -> values; `z` has shape (panels, nodes), `owner` (panels, 1) numbers the
        function.
    edges : array of shape (functions, edges)
        Where each function is split at the start, in increasing order.
    tolerance : callable
        () -> error allowed in a panel, relative to the integral of the absolute value.
    """
    count = len(edges)

    def panels(owner, low, high):
        half = (high - low) / 2
        z = (low + half)[:, None] + half[:, None] * _NODES
        return integrand(owner[:, None], z) * (half[:, None] * _WEIGHTS)

    owner = np.repeat(np.arange(count), edges.shape[1] - 1)
    low, high = edges[:, :-1].ravel(), edges[:, 1:].ravel()
    wide = high > low
    owner, low, high = owner[wide], low[wide], high[wide]
    parts = panels(owner, low, high)
    estimate = parts.sum(axis=1)
    value, error, unresolved = np.zeros(count), np.zeros(count), np.full(count, np.nan)
    size = np.bincount(owner, np.abs(parts).sum(axis=1), count)
    for halving in range(_HALVINGS):
        middle = (low + high) / 2
        left, right = panels(owner, low, middle), panels(owner, middle, high)
        halves = left.sum(axis=1), right.sum(axis=1)
        better = halves[0] + halves[1]
        with np.errstate(invalid="ignore"):
            difference = np.abs(better - estimate)
            finer = np.bincount(owner, np.abs(left).sum(1) + np.abs(right).sum(1), count)
            size = np.maximum(size, finer)
            rough = difference > tolerance() * size[owner]
        # An infinite integral is decided; too many rough panels, or too narrow ones, are hopeless.
        crowded = np.bincount(owner[rough], minlength=count)[owner] > _CROWD
        hopeless = rough & (crowded | (halving == _HALVINGS - 1))
        unresolved[owner[hopeless]] = middle[hopeless]
        rough &= ~hopeless
        done = ~rough
        value += np.bincount(owner[done], better[done], count)
        error += np.bincount(owner[done], difference[done], count)
        if done.all():
            break
        owner = np.tile(owner[rough], 2)
        low, high = (
            np.concatenate([low[rough], middle[rough]]),
            np.concatenate([middle[rough], high[rough]]),
        )
        estimate = np.concatenate([halves[0][rough], halves[1][rough]])
    return _Integral(value, error, unresolved)


def _edges(kinks: tuple[float, ...], scale: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Return the panels' ends in z for x = centre + scale z, one row for each scale."""
    in_x = np.concatenate([kinks, [0], _X_EDGES, -_X_EDGES])
    with np.errstate(divide="ignore", invalid="ignore"):
        in_z = (in_x - centre[:, None]) / scale[:, None]
    in_z = np.clip(np.nan_to_num(in_z, nan=0.0), -EDGE, EDGE)
    fixed = np.concatenate([_Z_EDGES, -_Z_EDGES[1:]])
    return np.sort(np.hstack([in_z, np.tile(fixed, (len(scale), 1))]), axis=1)


def _expectations(
    f: _Function, quantity: Callable, variance: np.ndarray, mean: float = 0.0
) -> _Integral:
    """Return E quantity(x, z) for x = mean + sqrt(variance) z, z standard normal.

    `quantity` must be given as (x, z, root) -> values already multiplied by the density, where
    root is the density's square root: a square is then formed without overflow. Where the
    integral is infinite, so is the value.
    """
    scale = np.sqrt(np.atleast_1d(np.asarray(variance, dtype=float)))
    edges = _edges(f.kinks, scale, np.full_like(scale, mean))

    def integrand(owner, z):
        with np.errstate(all="ignore"):
            values = quantity(mean + scale[owner] * z, z, _root_of_density(z))
        return values

    result = _integrate(integrand, edges, lambda: f.tolerance)
    # A panel's worth of values at the edge: an integrable function has died out there.
    last = EDGE - 1e-3 * (1 - _NODES)
    for side in (-1, 1):
        z = np.tile(side * last, (len(scale), 1))
        with np.errstate(invalid="ignore"):
            tail = np.abs(integrand(np.arange(len(scale))[:, None], z)).max(axis=1)
            infinite = ~(tail <= 1e-9 * (np.abs(result.value) + result.error))
        infinite &= ~(tail == 0)
        result.value[infinite] = np.inf
    return result


def _root_of_density(z: np.ndarray) -> np.ndarray:
    """Return the square root of the standard normal density."""
    return np.exp(-z * z / 4) * (2 * np.pi) ** -0.25


def _mean(f: _Function, variance, mean: float = 0.0) -> _Integral:
    """Return E f(x)."""
    return _expectations(f, lambda x, z, root: f(x) * root * root, variance, mean)


def _second(f: _Function, variance, mean: float = 0.0) -> _Integral:
    """Return E f(x)^2."""
    return _expectations(f, lambda x, z, root: (f(x) * root) ** 2, variance, mean)


def _finite(f: _Function, what: str, integral: _Integral, variance: float) -> float:
    """Return the one value of `integral`, or say why there is none."""
    value, place = float(integral.value[0]), float(integral.unresolved[0])
    if not math.isfinite(value):
        raise ValueError(
            f"{f.caller}: {what} of {f.name} is infinite, or carried by values more than "
            f"{EDGE:g} standard deviations out, at variance {variance:g}; expected a function "
            "that grows more slowly than the normal density falls"
        )
    if not math.isnan(place) and integral.error[0] > 1e-9 * abs(value):
        raise ValueError(
            f"{f.caller}: {what} of {f.name} could not be integrated near x = "
            f"{place * math.sqrt(variance):.6g}: infinite there, or not piecewise smooth"
        )
    return value


# --- moments and gain


def moments(f: object, variance: float = 1.0, mean: float = 0.0) -> Moments:
    r"""Return mean and second moment of f(x) for Gaussian x: E f(x) and E f(x)^2.

    Parameters
    ----------
    f : str, Activation or callable
    variance : float, default 1
        Variance of x, dimensionless, at least 0.
    mean : float, default 0
        Mean of x, dimensionless.

    Returns
    -------
    Moments
        mean, second, error: an estimate of the absolute error of either.

    Raises
    ------
    TypeError
        `f` is not a function of one real variable, or its values are not real.
    ValueError
        A value of `f` is not a number, or a moment is infinite; `variance` is out of range.

    Examples
    --------
    >>> mean, second, error = moments("relu")
    >>> print(f"{mean:.6f} {second:.6f} {error < 1e-12}")
    0.398942 0.500000 True
    >>> moments(lambda x: np.exp(x * x))
    Traceback (most recent call last):
    ...
    ValueError: moments: the mean of <lambda> is infinite, ...
    """
    f = _Function("moments", f)
    variance = _number("moments", "variance", variance)
    mean = _number("moments", "mean", mean, low=-math.inf)
    first, second = _mean(f, variance, mean), _second(f, variance, mean)
    return Moments(
        _finite(f, "the mean", first, variance),
        _finite(f, "the second moment", second, variance),
        float(max(first.error[0], second.error[0])),
    )


def gain(f: object) -> float:
    r"""Return the variance-preserving gain, 1 / sqrt(E f(z)^2) for standard normal z.

    Weights of standard deviation gain / sqrt(fan_in) turn pre-activations of variance 1 into
    pre-activations of variance 1. `gain` ** 2 is the `weight_variance` of the other functions.

    Raises
    ------
    TypeError, ValueError
        As `moments`; and `f` is 0 almost everywhere.

    Examples
    --------
    >>> print(f"{gain('tanh'):.6f} {gain('selu'):.6f} {gain(math.sin):.6f}")
    1.592537 1.000000 1.520867
    """
    f = _Function("gain", f)
    second = _finite(f, "the second moment", _second(f, 1.0), 1.0)
    if second <= 0:
        raise ValueError(f"gain: {f.name} is 0 almost everywhere, no gain can preserve variance")
    return 1 / math.sqrt(second)


# --- the variance of one input


def variance_map(
    f: object, variance: float, weight_variance: float, bias_variance: float = 0.0
) -> float:
    r"""Return the next layer's variance, V(q) = sigma_w^2 E f(z)^2 + sigma_b^2, z ~ N(0, q).

    Parameters
    ----------
    f : str, Activation or callable
    variance : float
        q, the variance of this layer's pre-activations; this and the others dimensionless.
    weight_variance : float
        sigma_w^2: the weights' variance times fan_in; positive.
    bias_variance : float, default 0
        sigma_b^2.

    Raises
    ------
    TypeError, ValueError
        As `moments`; a variance is not a number or out of range.

    Examples
    --------
    >>> print(f"{variance_map('relu', 3.0, 2.0):.6f}")
    3.000000
    """
    f = _Function("variance_map", f)
    q = _number("variance_map", "variance", variance)
    weight_variance, bias_variance = _variances("variance_map", weight_variance, bias_variance)
    return weight_variance * _finite(f, "the second moment", _second(f, q), q) + bias_variance


def variance_slope(
    f: object, variance: float, weight_variance: float, bias_variance: float = 0.0
) -> float:
    r"""Return V'(q), the slope of the variance map: chi_parallel of Roberts et al.

    V'(q) = sigma_w^2 E[f(z)^2 (z^2/q - 1)] / (2 q), from the derivative of the density: it needs
    no derivative of f, and holds at kinks and jumps. At q = 0 it is the limit from above.

    Parameters and errors as `variance_map`; V' does not depend on `bias_variance`.

    Examples
    --------
    >>> print(f"{variance_slope('tanh', 0.0, 1.5):.6f} {variance_slope('relu', 3.0, 2.0):.6f}")
    1.500000 1.000000
    """
    f = _Function("variance_slope", f)
    q = _number("variance_slope", "variance", variance)
    weight_variance, _ = _variances("variance_slope", weight_variance, bias_variance)
    if q == 0:
        return weight_variance * _square_slope_at_zero(f)
    return weight_variance * _finite(f, "the slope of E f^2", _second_slope(f, q), q)


def fixed_points(
    f: object, weight_variance: float, bias_variance: float = 0.0
) -> tuple[FixedPoint, ...]:
    r"""Return the variances q = V(q) that a layer reproduces, in increasing order.

    The search covers q = 0 and 1e-12 to 1e8. Empty if there is none: the variance then grows
    without bound.

    Parameters and errors as `variance_map`.

    Examples
    --------
    >>> for point in fixed_points("tanh", 2.0):
    ...     print(f"{point.variance:.6f} {point.slope:.6f} {point.stability}")
    0.000000 2.000000 repelling
    0.617965 0.552516 attracting
    >>> fixed_points("relu", 2.0)
    (FixedPoint(variance=1.0, slope=1.0, stability='neutral'),)
    """
    f = _Function("fixed_points", f)
    return _fixed_points(f, *_variances("fixed_points", weight_variance, bias_variance))


def _fixed_points(f: _Function, weight_variance: float, bias_variance: float):
    _finite(f, "the second moment", _second(f, 1.0), 1.0)

    def growth(q):
        """V(q)/q - 1, without the rounding noise of the quadrature."""
        second = _second(f, q)
        with np.errstate(invalid="ignore"):
            rough = np.isfinite(second.value) & (second.error > 1e-9 * second.value)
        value = np.where(rough, np.nan, second.value)
        return (weight_variance * value + bias_variance) / q - 1

    def tilt(q):
        """q times the derivative of growth(q)."""
        return weight_variance * _second_slope(f, q).value - growth(q) - 1

    grid = np.geomspace(1e-12, 1e8, 241)
    on_grid = growth(grid)
    if np.all(np.abs(on_grid) < f.flat):
        return (FixedPoint(1.0, 1.0, "neutral"),)
    # Fixed points can crowd where the growth is slow: look there again, closely.
    slow = np.abs(on_grid) < 1e-3
    slow = np.flatnonzero((slow[1:] | slow[:-1]) & (grid[1:] > 1e-6))
    finer = (grid[slow, None] * (grid[1] / grid[0]) ** (np.arange(1, 24) / 24)).ravel()
    grid = np.concatenate([grid, finer])
    on_grid = np.concatenate([on_grid, growth(finer)]) if finer.size else on_grid
    order = np.argsort(grid)
    grid, on_grid = grid[order], on_grid[order]
    sign = np.where(np.abs(on_grid) < f.flat, 0.0, np.sign(on_grid))

    points = []
    if bias_variance == 0 and (slope := weight_variance * _square_slope_at_zero(f)) < math.inf:
        away = sign[np.flatnonzero(sign)[0]]
        points.append(FixedPoint(0.0, slope, "attracting" if away < 0 else "repelling"))

    # Where the growth has an extremum between two points, it touches 0 (half-stable), or crosses
    # it twice, or neither.
    keep = (sign != 0) & np.isfinite(on_grid)
    grid, sign = grid[keep], sign[keep]
    with np.errstate(invalid="ignore"):
        tilts = tilt(grid)
    steep = np.flatnonzero(np.abs(tilts) > f.flat)
    brackets = []
    for i, j in itertools.pairwise(steep):
        if (tilts[i] > 0) == (tilts[j] > 0) or sign[i] != sign[j]:
            continue
        low, high = grid[i], grid[j]
        q = _root(lambda q: float(tilt(q)[0]), low, high)
        there = float(growth(q)[0])
        if abs(there) < f.flat:
            points.append(FixedPoint(q, 1.0, "half-stable"))
        elif there * sign[i] < 0:
            brackets += [(low, q), (q, high)]
    changes = np.flatnonzero(np.diff(sign))
    brackets += [(grid[i], grid[i + 1]) for i in changes]
    for low, high in brackets:
        q = _root(lambda q: float(growth(q)[0]), low, high)
        slope = weight_variance * float(_second_slope(f, q).value[0])
        leaves = growth(low)[0] < 0 or slope < -1  # below the point it shrinks: away from it
        points.append(FixedPoint(q, slope, "repelling" if leaves else "attracting"))
    return tuple(sorted(points))


def _root(function: Callable, low: float, high: float) -> float:
    """Return the root between two positive numbers, to about 13 digits."""
    from scipy import optimize

    low, high = math.log(low), math.log(high)
    return math.exp(optimize.brentq(lambda u: function(math.exp(u)), low, high, xtol=1e-13))


def _stable(f: _Function, weight_variance: float, bias_variance: float) -> float:
    """Return the variance of the stable fixed point, the nearest to 1 if there are several."""
    points = _fixed_points(f, weight_variance, bias_variance)
    for wanted in (("attracting", "neutral"), ("half-stable",)):
        found = [p.variance for p in points if p.stability in wanted]
        if found:
            return min(found, key=lambda q: abs(math.log(q)) if q else math.inf)
    raise ValueError(
        f"{f.caller}: {f.name} has no stable fixed point at weight_variance="
        f"{weight_variance:g}, bias_variance={bias_variance:g}: the variance grows without bound "
        "or does not settle; give a variance, or smaller ones of the weights and biases"
    )


def _second_slope(f: _Function, variance) -> _Integral:
    """Return d/dq E f(z)^2, z ~ N(0, q), for q > 0."""
    at_zero = float(f(np.zeros(1))[0])
    at_zero = at_zero if math.isfinite(at_zero) else 0.0

    def quantity(x, z, root):  # f^2 - f(0)^2, against cancellation at small q
        y = f(x)
        return (y - at_zero) * root * ((y + at_zero) * root) * (z * z - 1)

    result = _expectations(f, quantity, variance)
    half = 0.5 / np.atleast_1d(variance)
    return _Integral(result.value * half, result.error * half, result.unresolved)


def _square_slope_at_zero(f: _Function) -> float:
    """Return the limit of E f(z)^2 / q as q -> 0, infinite if f(0) is not 0."""
    step = 1e-6
    if f.jumps and 0.0 in f.jumps or abs(f(np.zeros(1))[0]) > 1e-12:
        return math.inf
    at = np.array([-step, -step / 2, step / 2, step])
    y = f(at)
    if np.abs(y).max() > 1e5 * step:
        return math.inf
    if f.has_derivative:
        left, right = f.slope(np.array([-1e-150, 1e-150]))
    else:  # Richardson's extrapolation of the difference quotients on both sides
        left, right = (y[0] - 4 * y[1]) / step, (4 * y[2] - y[3]) / step
    return float(left**2 + right**2) / 2


# --- gradients


def gradient_factor(
    f: object, weight_variance: float, bias_variance: float = 0.0, variance: float | None = None
) -> float:
    r"""Return sigma_w^2 E f'(z)^2, the factor of a gradient's mean square in each layer.

    It is chi_perp of Roberts et al. and chi_1 of Schoenholz et al.: also the slope of the
    correlation map at correlation 1.

    Parameters
    ----------
    f, weight_variance, bias_variance
        As `variance_map`.
    variance : float, optional
        Variance of z. Default: the stable fixed point, the nearest to 1 if there are several.

    Raises
    ------
    TypeError
        As `moments`.
    ValueError
        As `moments`; `f` jumps, so that the mean square of f' is infinite; or there is no stable
        fixed point.

    Examples
    --------
    >>> print(f"{gradient_factor('relu', 2.0):.6f} {gradient_factor('selu', 1.0):.6f}")
    1.000000 1.071575
    """
    f, weight_variance, bias_variance, q = _checked(
        "gradient_factor", f, weight_variance, bias_variance, variance
    )
    return weight_variance * _mean_square_slope(f, q)


def _mean_square_slope(f: _Function, q: float) -> float:
    """Return E f'(z)^2, z ~ N(0, q)."""
    _refuse_jumps(f)
    if q == 0:
        return _square_slope_at_zero(f)
    return _finite(f, "E f'^2", _square_slope(f, q), q)


def _square_slope(f: _Function, variance) -> _Integral:
    return _expectations(f, lambda x, z, root: (f.slope(x) * root) ** 2, variance)


def _refuse_jumps(f: _Function) -> None:
    if f.jumps:
        raise ValueError(
            f"{f.caller}: {f.name} jumps at x = {f.jumps[0]:g}; its derivative has a delta there, "
            "whose mean square is infinite"
        )


# --- the correlation of two inputs


def correlation_map(
    f: object,
    correlation: float | np.ndarray,
    weight_variance: float,
    bias_variance: float = 0.0,
    variance: float | None = None,
) -> float | np.ndarray:
    r"""Return the next layer's correlation of two inputs.

    C(c) = (sigma_w^2 E f(z) f(z') + sigma_b^2) / V(q), where V(q) is q at a fixed point. Computed
    as 1 - sigma_w^2 E (f(z) - f(z'))^2 / (2 V(q)), with z, z' = sum and difference of independent
    variables, so that a small 1 - c keeps its digits.

    Parameters
    ----------
    f, weight_variance, bias_variance
        As `variance_map`.
    correlation : float or array
        c, from -1 to 1, of the pre-activations z and z'.
    variance : float, optional
        q, of both. Default: the stable fixed point, the nearest to 1 if there are several.

    Returns
    -------
    float or ndarray of the shape of `correlation`

    Raises
    ------
    TypeError, ValueError
        As `gradient_factor`; `correlation` is not a number from -1 to 1.

    Examples
    --------
    >>> print(f"{correlation_map('relu', 0.0, 2.0):.6f} {1 / math.pi:.6f}")
    0.318310 0.318310
    """
    f, weight_variance, bias_variance, q = _checked(
        "correlation_map", f, weight_variance, bias_variance, variance
    )
    c = _correlations("correlation_map", correlation)
    mapped = [1 - _decorrelation(f, 1 - v, q, weight_variance, bias_variance) for v in c.flat]
    return np.reshape(mapped, c.shape) if c.ndim else float(mapped[0])


def correlation_slope(
    f: object,
    correlation: float | np.ndarray,
    weight_variance: float,
    bias_variance: float = 0.0,
    variance: float | None = None,
) -> float | np.ndarray:
    r"""Return the slope of the correlation map, sigma_w^2 E f'(z) f'(z') q / V(q).

    Parameters, returns and errors as `correlation_map`; and `f` must not jump.

    Examples
    --------
    >>> print(f"{correlation_slope('relu', 0.0, 2.0):.6f} {correlation_slope('relu', 1, 2):.6f}")
    0.500000 1.000000
    """
    f, weight_variance, bias_variance, q = _checked(
        "correlation_slope", f, weight_variance, bias_variance, variance
    )
    c = _correlations("correlation_slope", correlation)
    slopes = [_correlation_slope(f, v, q, weight_variance, bias_variance) for v in c.flat]
    return np.reshape(slopes, c.shape) if c.ndim else float(slopes[0])


def depth_scale(
    f: object, weight_variance: float, bias_variance: float = 0.0, variance: float | None = None
) -> DepthScale:
    r"""Return xi = -1 / ln(slope) of the variance map and of the correlation map.

    Both slopes are taken at the stable fixed point. Two inputs become alike (ordered phase) or
    lose all likeness but that of the fixed correlation (chaotic phase) over xi_c layers.

    Parameters and errors as `gradient_factor`.

    References
    ----------
    Schoenholz et al. (2017), arXiv:1611.01232.

    Examples
    --------
    >>> scale = depth_scale("tanh", 1.5, 0.05)
    >>> print(f"{scale.variance:.4f} {scale.correlation:.4f} {scale.phase}")
    1.6828 15.7910 ordered
    """
    f, weight_variance, bias_variance, q = _checked(
        "depth_scale", f, weight_variance, bias_variance, variance
    )
    factor = weight_variance * _mean_square_slope(f, q)
    if q == 0:
        variance_slope_ = weight_variance * _square_slope_at_zero(f)
    else:
        variance_slope_ = weight_variance * float(_second_slope(f, q).value[0])
    fixed, slope, phase = 1.0, factor, "critical" if abs(factor - 1) < 1e-9 else "ordered"
    if factor > 1 + 1e-9:
        phase = "chaotic"
        fixed = _fixed_correlation(f, q, weight_variance, bias_variance)
        slope = _correlation_slope(f, fixed, q, weight_variance, bias_variance)
    return DepthScale(_layers(variance_slope_), _layers(slope), fixed, phase)


def _layers(slope: float) -> float:
    """Return -1 / ln |slope|: infinite at slope 1 and, as nothing decays, beyond."""
    slope = abs(slope)
    if slope >= 1 - 1e-9:
        return math.inf
    return -1 / math.log(slope) if slope > 0 else 0.0


def _fixed_correlation(f: _Function, q: float, weight_variance: float, bias_variance: float):
    """Return the fixed point c < 1 of the correlation map in the chaotic phase.

    The map is a power series in c with no negative coefficient, hence convex on [0, 1]: there is
    exactly one.
    """
    from scipy import optimize

    def excess(c):
        return 1 - _decorrelation(f, 1 - c, q, weight_variance, bias_variance) - c

    if excess(0.0) <= 1e-13:
        return 0.0
    high = 0.5
    while excess(high) > 0:
        high = (1 + high) / 2
    return float(optimize.brentq(excess, 0.0, high, xtol=1e-12))


def _decorrelation(
    f: _Function, apart: float, q: float, weight_variance: float, bias_variance: float
) -> float:
    """Return 1 - C(1 - apart)."""
    q = q or _TINY
    if apart == 0:
        return 0.0
    square = _pair(f, f, lambda y, y_: (y - y_) ** 2, q, apart)
    return weight_variance * square / 2 / _variance_map(f, q, weight_variance, bias_variance)


def _correlation_slope(
    f: _Function, c: float, q: float, weight_variance: float, bias_variance: float
) -> float:
    """Return C'(c)."""
    _refuse_jumps(f)
    q = q or _TINY
    if c == 1:
        product = _mean_square_slope(f, q)
    else:
        product = _pair(f, f.slope, lambda y, y_: y * y_, q, 1 - c)
    return weight_variance * product * q / _variance_map(f, q, weight_variance, bias_variance)


_TINY = 1e-16  # stands for a variance of 0 where a limit is meant


def _variance_map(f: _Function, q: float, weight_variance: float, bias_variance: float) -> float:
    return weight_variance * _finite(f, "the second moment", _second(f, q), q) + bias_variance


def _pair(f: _Function, g: Callable, quantity: Callable, q: float, apart: float) -> float:
    """Return E quantity(g(x), g(x')), x, x' ~ N(0, q) of correlation 1 - apart.

    x = s + t and x' = s - t with independent s, t of variances q (1 +- c) / 2; quantity must be
    homogeneous of degree 2 and symmetric. The inner integral over s is split where s + t or
    s - t meets a kink, the outer over t where both do.
    """
    wide, narrow = math.sqrt(q * (2 - apart) / 2), math.sqrt(q * apart / 2)
    kinks = np.array(f.kinks)
    # Kinks at unknown places are costly in two dimensions.
    tolerance = f.tolerance if f.has_derivative else max(1e-9, f.tolerance)

    def inner(t):
        splits = [_edges((), np.full_like(t, wide), side * t) for side in (1, -1)]
        if wide > 0:
            for kink in kinks:
                splits += [
                    np.clip((kink + side * t[:, None]) / wide, -EDGE, EDGE) for side in (1, -1)
                ]
        edges = np.sort(np.hstack(splits), axis=1)

        def integrand(owner, z):
            s, root = wide * z, _root_of_density(z)
            with np.errstate(all="ignore"):
                return quantity(g(s + t[owner]) * root, g(s - t[owner]) * root)

        return _integrate(integrand, edges, lambda: tolerance).value

    def outer(owner, z):
        return inner(narrow * z.ravel()).reshape(z.shape) * _root_of_density(z) ** 2

    meet = np.abs(np.subtract.outer(kinks, kinks)).ravel() / 2
    edges = _edges(tuple(meet), np.array([narrow]), np.zeros(1))
    edges = edges[:, edges[0] >= 0]
    result = _integrate(outer, edges, lambda: 10 * tolerance)
    return 2 * _finite(f, "the moment of two inputs", result, q)


# --- criticality


def critical_initialisation(f: object) -> Critical | NoCritical:
    r"""Return the critical (weight variance, bias variance) of an activation, if there is one.

    Critical means that at the fixed point q the variance map and the gradients are both neutral,

        V(q) = q,   V'(q) = 1,   sigma_w^2 E f'(z)^2 = 1,   z ~ N(0, q).

    Dividing the last two, d/dq E f^2 = E f'^2 determines q; then sigma_w^2 = 1 / E f'^2, and
    sigma_b^2 = q - sigma_w^2 E f^2 must not be negative.

    Returns
    -------
    Critical
        ``(weight_variance, bias_variance, variance)``. For scale-invariant functions (ReLU,
        Leaky ReLU, the identity) every variance is a fixed point, and 1 is given. Where
        f(0) = 0 and variances near 0 shrink (tanh), it is the fixed point 0, which is approached
        slowly. Otherwise (GELU, swish) the smallest positive one.
    NoCritical
        With the `reason`. It is false in a condition.

    Raises
    ------
    TypeError, ValueError
        As `moments`.

    References
    ----------
    Roberts, Yaida & Hanin (2021), arXiv:2106.10165, sections 5.3 and 5.4.

    Examples
    --------
    >>> w, b, q = critical_initialisation("gelu")
    >>> print(f"{w:.6f} {b:.6f} {q:.6f}")
    1.983058 0.172922 3.561553
    >>> critical_initialisation("sigmoid").reason
    'at no variance are the slope of the variance map and the gradient factor both 1: ...
    """
    f = _Function("critical_initialisation", f)
    _finite(f, "the second moment", _second(f, 1.0), 1.0)
    try:
        _mean_square_slope(f, 1.0)
    except ValueError as error:
        return NoCritical(str(error).removeprefix("critical_initialisation: "))

    grid = np.geomspace(1e-4, 1e4, 97)
    mismatch = _mismatch(f, grid)
    mismatch[np.abs(mismatch) < 100 * f.flat] = 0.0
    known = np.isfinite(mismatch)  # not, for example, where f is 0 but for the farthest tail
    if known[len(grid) // 2] and not mismatch[known].any():
        return _critical_at(f, 1.0)
    at_zero = _square_slope_at_zero(f)
    if 0 < at_zero < math.inf:
        origin = _fixed_points(f, 1 / at_zero, 0.0)[0]
        if origin.variance == 0 and origin.stability == "attracting":
            return Critical(1 / at_zero, 0.0, 0.0)
    return _critical_at_positive_variance(f, grid, mismatch)


def _critical_at(f: _Function, q: float) -> Critical | NoCritical:
    """Return the pair that makes q critical, where the slope and the gradient factor agree."""
    weight_variance = 1 / _mean_square_slope(f, q)
    bias_variance = q - weight_variance * float(_second(f, q).value[0])
    if abs(bias_variance) < f.flat * q:
        bias_variance = 0.0
    if bias_variance < 0:
        return NoCritical(
            f"the bias variance would have to be negative: {bias_variance:.4g} at the variance "
            f"{q:.4g}, where the slope of the variance map equals the gradient factor"
        )
    return Critical(weight_variance, bias_variance, q)


def _critical_at_positive_variance(f: _Function, grid: np.ndarray, mismatch: np.ndarray):
    keep = (mismatch != 0) & np.isfinite(mismatch)
    grid, sign = grid[keep], np.sign(mismatch[keep])
    none = NoCritical(
        "at no variance are the slope of the variance map and the gradient factor both 1: the "
        f"former is {'above' if sign.sum() > 0 else 'below'} the latter at every variance"
    )
    for i in np.flatnonzero(np.diff(sign)):
        q = _root(lambda q: float(_mismatch(f, q)[0]), grid[i], grid[i + 1])
        found = _critical_at(f, q)
        if found:
            return found
        none = found
    return none


def _mismatch(f: _Function, q) -> np.ndarray:
    """Return (d/dq E f^2) / E f'^2 - 1."""
    above, below = _second_slope(f, q), _square_slope(f, q)
    with np.errstate(invalid="ignore"):  # infinite moments
        rough = above.error + below.error > 1e-9 * below.value
        return np.where(rough, np.nan, above.value / below.value - 1)


# --- arguments


def _checked(caller: str, f: object, weight_variance: object, bias_variance: object, variance):
    """Return the arguments checked, and the variance of z: given, or the stable fixed point."""
    f = _Function(caller, f)
    weight_variance, bias_variance = _variances(caller, weight_variance, bias_variance)
    if variance is None:
        q = _stable(f, weight_variance, bias_variance)
    else:
        q = _number(caller, "variance", variance)
    return f, weight_variance, bias_variance, q


def _variances(caller: str, weight_variance: object, bias_variance: object):
    return (
        _number(caller, "weight_variance", weight_variance, positive=True),
        _number(caller, "bias_variance", bias_variance),
    )


def _correlations(caller: str, correlation: object) -> np.ndarray:
    c = np.asarray(correlation)
    if c.dtype.kind not in "fiu" or not c.size:
        raise TypeError(
            f"{caller}: correlation must hold real numbers, got {correlation!r} ({c.dtype})"
        )
    if not np.all(np.abs(c) <= 1):
        wrong = c[~(np.abs(c) <= 1)].flat[0]
        raise ValueError(f"{caller}: correlation must be between -1 and 1, got {wrong!r}")
    return c.astype(float)


def _number(caller: str, name: str, value: object, low: float = 0.0, positive: bool = False):
    """Return `value` as a float, or raise an error that names it."""
    if not isinstance(value, numbers.Real) or isinstance(value, (bool, np.bool_)):
        raise TypeError(
            f"{caller}: {name} must be a real number, got {value!r} ({type(value).__name__})"
        )
    value = float(value)
    if not math.isfinite(value) or value < low or (positive and value == 0):
        bound = "" if low == -math.inf else f" and {'above' if positive else 'at least'} {low:g}"
        raise ValueError(f"{caller}: {name} must be finite{bound}, got {value!r}")
    return value
