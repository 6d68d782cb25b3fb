"""Values and derivatives against 50-digit references, over the whole range of each dtype."""

import mpmath as mp
import numpy as np
import pytest
import reference

import actfun

ELEMENTWISE = [n for n in actfun.names() if actfun.get(n).elementwise]
DTYPES = [np.float16, np.float32, np.float64]
PARAMETERS = {
    "leaky_relu": {"negative_slope": 0.3},
    "prelu": {"alpha": -0.7},
    "rrelu": {"lower": 0.1, "upper": 0.2},
    "elu": {"alpha": 1.7},
    "celu": {"alpha": 0.3},
    "swish": {"beta": 1.3},
}
CASES = [(n, {}) for n in ELEMENTWISE] + list(PARAMETERS.items())
# A derivative that crosses zero cannot keep its relative accuracy there: between these points
# the error is measured in units of a value of 0.1, the size of the terms that cancel.
CANCELS = (-2.5, 0.0)


def hard_grid(dtype):
    """Magnitudes from the smallest normal number to the largest, denser where exp lives."""
    rng = np.random.default_rng(0)
    info = np.finfo(dtype)
    logarithm = np.log(float(info.max))
    magnitudes = np.concatenate(
        [
            10 ** rng.uniform(-6, np.log10(float(info.max)) / 4, 60),
            rng.uniform(0, 8, 60),
            rng.uniform(0, 1.1 * logarithm, 60),
            [float(info.tiny), float(info.eps), 1, 3, 6, 20, float(info.max)],
        ]
    )
    both = np.concatenate([magnitudes, -magnitudes, [0.0]])
    return both.clip(float(info.min), float(info.max)).astype(dtype)


def ulps(x, got, expected, dtype, cancels=False):
    """Error of each value in units in the last place of the expected value."""
    info = np.finfo(dtype)
    errors = []
    for point, value, exact in zip(x, got, expected, strict=True):
        if not np.isfinite(value):  # only where the true value is beyond the largest number
            errors.append(0.0 if abs(exact) > float(info.max) else np.inf)
            continue
        size = abs(exact)
        if cancels and CANCELS[0] < point < CANCELS[1]:
            size = max(size, mp.mpf("0.1"))
        unit = mp.mpf(float(info.smallest_subnormal))
        if size:
            unit = max(unit, mp.mpf(2) ** (mp.floor(mp.log(size, 2)) - info.nmant))
        errors.append(float(abs(mp.mpf(float(value)) - exact) / unit))
    return np.array(errors)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_within_a_few_ulp(name, parameters, dtype):
    f = actfun.get(name)
    x = hard_grid(dtype)
    exact_x = [mp.mpf(float(v)) for v in x]
    exact_parameters = {k: mp.mpf(v) for k, v in parameters.items()}
    if dtype != np.float64 and name in ("prelu", "leaky_relu", "rrelu"):
        # A slope is a number of the dtype of x.
        exact_parameters = {k: mp.mpf(float(dtype(v))) for k, v in parameters.items()}
    for which, method in enumerate((f, f.derivative)):
        got = method(x, **parameters)
        exact = [reference.FUNCTIONS[name][which](v, **exact_parameters) for v in exact_x]
        errors = ulps(x, got, exact, dtype, cancels=which == 1 and not f.monotone)
        worst = int(np.argmax(errors))
        assert errors[worst] <= 8, f"{errors[worst]:.1f} ulp at x = {x[worst]!r}"


@pytest.mark.parametrize(("name", "parameter"), reference.PARAMETER_SLOPES)
def test_parameter_derivatives_within_a_few_ulp(name, parameter):
    f = actfun.get(name)
    x = hard_grid(np.float64)
    for value in (0.7, 1.0, 1.9):
        got = f.parameter_derivatives(x, **{parameter: value})[parameter]
        slope = reference.PARAMETER_SLOPES[name, parameter]
        exact = [mp.mpf(slope(mp.mpf(float(v)), **{parameter: mp.mpf(value)})) for v in x]
        assert ulps(x, got, exact, np.float64).max() <= 8


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
@pytest.mark.parametrize(
    "scores",
    [[4, 1, -4], [3, 1, 0.2], [0, 0], [7], [60, 0.1, -40.3, 59.9], [-9, -9.5, 9, 8.25]],
    ids=str,
)
def test_softmax_within_a_few_ulp(scores, dtype):
    x = np.array(scores, dtype)
    exact_x = [mp.mpf(float(v)) for v in x]
    p = reference.softmax(exact_x)
    assert ulps(x, actfun.get("softmax")(x), p, dtype).max() <= 3
    log_p = reference.log_softmax(exact_x)
    assert ulps(x, actfun.get("log_softmax")(x), log_p, dtype).max() <= 3
    for i in range(x.size):
        for j in range(x.size):
            same = mp.mpf(i == j)
            others = mp.fsum(q for k, q in enumerate(p) if k != i)
            exact = p[i] * others if i == j else -p[i] * p[j]
            got = actfun.get("softmax").jacobian(x)[i, j]
            assert ulps([0], [got], [exact], dtype).max() <= 4
            exact = others if i == j else same - p[j]
            got = actfun.get("log_softmax").jacobian(x)[i, j]
            assert ulps([0], [got], [exact], dtype).max() <= 4


def test_the_measure_sees_a_naive_formula():
    x = np.float32([-4.0])
    naive = 0.5 * x * (1 + np.tanh(np.float32(0.7978846) * (x + np.float32(0.044715) * x**3)))
    exact = [reference.FUNCTIONS["gelu_tanh"][0](mp.mpf(-4))]
    assert ulps(x, naive, exact, np.float32) > 8
    assert ulps(x, actfun.get("gelu_tanh")(x), exact, np.float32) < 2
