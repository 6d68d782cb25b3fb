"""`actfun.theory` against closed forms, mpmath, sampling and random networks."""

import functools
import math

import mpmath
import numpy as np
import pytest
from scipy import special

import actfun
from actfun import theory

ELEMENTWISE = [name for name in actfun.names() if actfun.get(name).elementwise]
CONTINUOUS = [name for name in ELEMENTWISE if actfun.get(name).smoothness >= 0]
CRITICAL_AT_ZERO = ["tanh", "hard_tanh", "softsign", "relu6", "elu", "celu", "selu"]
NEUTRAL = ["identity", "relu", "leaky_relu", "prelu", "rrelu"]
HALF_STABLE = ["gelu", "gelu_tanh", "silu", "swish", "hard_swish", "mish"]
NEVER_CRITICAL = ["binary_step", "sigmoid", "hard_sigmoid", "log_sigmoid", "softplus"]


def erf(x):
    return special.erf(np.asarray(x))


# --- closed forms


@pytest.mark.parametrize("slope", [0.0, 0.01, 0.2, 1.0])
def test_moments_of_leaky_relu(slope):
    f = functools.partial(actfun.get("leaky_relu"), negative_slope=slope)
    mean, second, error = theory.moments(f, 3.0)
    assert mean == pytest.approx((1 - slope) * math.sqrt(3 / (2 * math.pi)), rel=1e-11, abs=1e-14)
    assert second == pytest.approx(3 * (1 + slope**2) / 2, rel=1e-11)
    assert 0 <= error < 1e-10


def test_moments_with_a_mean():
    mean, second, _ = theory.moments("identity", 2.0, -1.5)
    assert (mean, second) == pytest.approx((-1.5, 2 + 1.5**2), rel=1e-12)
    mean, second, _ = theory.moments(np.exp, 0.5, 1.0)
    assert (mean, second) == pytest.approx((math.exp(1.25), math.exp(3)), rel=1e-11)


@pytest.mark.parametrize("q", [1e-6, 0.3, 1.0, 50.0, 1e6])
def test_erf_in_closed_form(q):
    """E erf(z) erf(z') = 2/pi arcsin(2 q c / (1 + 2 q)), Williams (1997)."""
    second = 2 / math.pi * math.asin(2 * q / (1 + 2 * q))
    assert theory.variance_map(erf, q, 1.5, 0.2) == pytest.approx(1.5 * second + 0.2, rel=1e-10)
    slope = 4 / math.pi / math.sqrt(1 + 4 * q)  # E erf'(z)^2
    assert theory.gradient_factor(erf, 1.5, variance=q) == pytest.approx(1.5 * slope, rel=1e-8)
    d_second = 4 / math.pi / (1 + 2 * q) / math.sqrt(1 + 4 * q)
    assert theory.variance_slope(erf, q, 1.5) == pytest.approx(1.5 * d_second, rel=1e-9)
    for c in (-0.5, 0.3, 0.999):
        product = 2 / math.pi * math.asin(2 * q * c / (1 + 2 * q))
        mapped = theory.correlation_map(erf, c, 1.5, variance=q)
        assert mapped == pytest.approx(product / second, rel=1e-9)


@pytest.mark.parametrize("c", [-1.0, -0.3, 0.0, 0.7, 1 - 1e-6, 1.0])
def test_correlation_of_relu_in_closed_form(c):
    """Cho & Saul (2009): the arc-cosine kernel of order 1."""
    angle = math.acos(c)
    expected = (math.sin(angle) + (math.pi - angle) * c) / math.pi
    assert theory.correlation_map("relu", c, 2.0) == pytest.approx(expected, rel=1e-10, abs=1e-12)
    slope = theory.correlation_slope("relu", c, 2.0)
    assert slope == pytest.approx(1 - angle / math.pi, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("c", [-0.9, 0.0, 0.5, 0.99])
def test_correlation_of_a_step_in_closed_form(c):
    expected = 0.5 + math.asin(c) / math.pi
    assert theory.correlation_map("binary_step", c, 2.0) == pytest.approx(expected, rel=1e-9)


def test_correlation_keeps_small_distances():
    """1 - C of ReLU near 1 is apart - 2 sqrt(2)/(3 pi) apart^1.5."""
    apart = 1e-8
    shrunk = apart - (1 - theory.correlation_map("relu", 1 - apart, 2.0))
    assert shrunk == pytest.approx(2 * math.sqrt(2) / (3 * math.pi) * apart**1.5, rel=1e-2)


def test_correlation_takes_arrays():
    c = np.array([[0.0, 0.5], [-1.0, 1.0]])
    mapped = theory.correlation_map("tanh", c, 1.2, 0.1)
    assert mapped.shape == (2, 2)
    assert mapped[0, 1] == theory.correlation_map("tanh", 0.5, 1.2, 0.1)
    assert mapped[1, 1] == 1


def test_tanh_at_small_variances():
    """V(q) = q - 2 q^2 + 17/3 q^3 - ..."""
    for q in (1e-8, 1e-4):
        expected = q - 2 * q**2 + 17 / 3 * q**3
        assert theory.variance_map("tanh", q, 1.0) == pytest.approx(expected, rel=1e-9)
        slope = theory.variance_slope("tanh", q, 1.0)
        assert slope == pytest.approx(1 - 4 * q + 17 * q**2, rel=1e-8)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_large_variances_see_only_the_asymptotes(name):
    f = actfun.get(name)
    left, right = f(np.array([-1e9, 1e9])) / 1e9
    second = theory.moments(f, 1e12).second
    if abs(left) + abs(right) > 1e-6:
        assert second / 1e12 == pytest.approx((left**2 + right**2) / 2, rel=1e-4)
    else:
        left, right = f(np.array([-1e9, 1e9]))
        assert second == pytest.approx((left**2 + right**2) / 2, rel=1e-4)


def test_selu_is_made_for_zero_mean_and_unit_variance():
    mean, second, _ = theory.moments("selu")
    assert mean == pytest.approx(0, abs=1e-12)
    assert second == pytest.approx(1, abs=1e-12)
    zero, one = theory.fixed_points("selu", 1.0)
    assert (zero.variance, zero.stability) == (0, "repelling")
    assert one.variance == pytest.approx(1, abs=1e-10)
    assert (one.stability, round(one.slope, 6)) == ("attracting", 0.782648)


# --- mpmath at 30 digits

HIGH_PRECISION = {
    "tanh": (mpmath.tanh, ()),
    "gelu": (lambda x: x * mpmath.ncdf(x), ()),
    "silu": (lambda x: x / (1 + mpmath.exp(-x)), ()),
    "mish": (lambda x: x * mpmath.tanh(mpmath.log1p(mpmath.exp(x))), ()),
    "softplus": (lambda x: mpmath.log1p(mpmath.exp(x)), ()),
    "elu": (lambda x: x if x > 0 else mpmath.expm1(x), ()),
    "hard_swish": (lambda x: x * min(max(x + 3, 0), 6) / 6, (-3, 3)),
    "relu6": (lambda x: min(max(x, 0), 6), (6,)),
}


@pytest.mark.parametrize("name, q", list(zip(HIGH_PRECISION, [0.25, 9.0] * 4, strict=True)))
def test_moments_against_mpmath(name, q):
    f, kinks = HIGH_PRECISION[name]
    with mpmath.workdps(30):
        root = mpmath.sqrt(q)
        ends = sorted({-14, -5, 0, 5, 14, *(k / float(root) for k in kinks)})
        mean, second, slope = (
            mpmath.quad(lambda z, g=g: g(root * z) * mpmath.npdf(z), ends)
            for g in (f, lambda x: f(x) ** 2, lambda x: f(x) ** 2 * (x * x / q - 1) / (2 * q))
        )
    found = theory.moments(name, q)
    assert found.mean == pytest.approx(float(mean), rel=1e-9, abs=1e-12)
    assert found.second == pytest.approx(float(second), rel=1e-9)
    assert theory.variance_slope(name, q, 1.0) == pytest.approx(float(slope), rel=1e-8)


# --- relations that hold for every function


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_gain_preserves_unit_variance(name):
    assert theory.variance_map(name, 1.0, theory.gain(name) ** 2) == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_variance_slope_is_the_derivative_of_the_variance_map(name):
    step = 1e-4
    high, low = (theory.variance_map(name, q, 1.3, 0.4) for q in (2 + step, 2 - step))
    slope = theory.variance_slope(name, 2.0, 1.3, 0.4)
    assert slope == pytest.approx((high - low) / (2 * step), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_gradient_factor_is_the_slope_of_the_correlation_map_at_one(name):
    """Computed from f alone, without its derivative."""
    apart = 1e-8
    mapped = 1 - theory.correlation_map(name, 1 - apart, 1.3, variance=2.0)
    scale = theory.variance_map(name, 2.0, 1.3) / 2.0
    factor = theory.gradient_factor(name, 1.3, variance=2.0)
    assert mapped * scale / apart == pytest.approx(factor, rel=2e-4)


@pytest.mark.parametrize("name", ["tanh", "relu", "selu", "hard_swish", "softplus"])
def test_plain_functions_give_what_catalogue_entries_give(name):
    entry = actfun.get(name)

    def plain(x):
        return entry(x)

    assert theory.gain(plain) == pytest.approx(theory.gain(name), rel=1e-11)
    for q in (0.5, 5.0):
        expected = theory.gradient_factor(name, 1.2, variance=q)
        assert theory.gradient_factor(plain, 1.2, variance=q) == pytest.approx(expected, rel=1e-9)
    expected = theory.correlation_slope(name, 0.4, 1.2, variance=1.0)
    found = theory.correlation_slope(plain, 0.4, 1.2, variance=1.0)
    assert found == pytest.approx(expected, rel=1e-6)
    expected = theory.critical_initialisation(name)
    if expected:
        assert theory.critical_initialisation(plain) == pytest.approx(expected, rel=1e-7)
    else:
        assert not theory.critical_initialisation(plain)


def test_functions_of_single_numbers_and_of_less_precision():
    assert theory.gain(math.tanh) == pytest.approx(theory.gain("tanh"), rel=1e-12)
    assert theory.gain(lambda x: x if x > 0 else 0) == pytest.approx(math.sqrt(2), rel=1e-12)
    assert theory.gain(lambda x: 2) == pytest.approx(0.5, rel=1e-12)
    single = theory.gain(lambda x: np.tanh(x.astype("float32")))
    assert single == pytest.approx(theory.gain("tanh"), rel=1e-5)


def test_monte_carlo_within_its_standard_error():
    z = np.random.default_rng(0).normal(size=160_000) * math.sqrt(2)
    for name in ELEMENTWISE:
        y = actfun.get(name)(z)
        mean, second, _ = theory.moments(name, 2.0)
        assert abs(y.mean() - mean) < 4.5 * y.std() / 400, name
        assert abs((y**2).mean() - second) < 4.5 * (y**2).std() / 400, name


# --- random networks


@pytest.mark.parametrize("name", ["tanh", "gelu", "selu", "sigmoid"])
def test_random_networks_follow_the_maps(name):
    weight_variance, bias_variance, width, depth = 1.6, 0.1, 1000, 5
    rng = np.random.default_rng(1)
    q, c = 1.7, 0.4  # of the first layer
    shared, own = rng.normal(size=(1, width)), rng.normal(size=(2, width))
    z = math.sqrt(q) * (math.sqrt(c) * shared + math.sqrt(1 - c) * own)
    f = actfun.get(name)
    for _ in range(depth):
        q = np.mean(z**2)
        c = np.mean(z[0] * z[1]) / q
        W = rng.normal(scale=math.sqrt(weight_variance / width), size=(width, width))
        b = rng.normal(scale=math.sqrt(bias_variance), size=width)
        factor = np.mean(f.derivative(z) ** 2) * weight_variance
        assert theory.gradient_factor(f, weight_variance, variance=q) == pytest.approx(
            factor, rel=0.15
        )
        c = theory.correlation_map(f, c, weight_variance, bias_variance, variance=q)
        q = theory.variance_map(f, q, weight_variance, bias_variance)
        z = f(z) @ W + b
        assert np.mean(z**2) == pytest.approx(q, rel=0.15)
        assert np.mean(z[0] * z[1]) / np.mean(z**2) == pytest.approx(c, abs=0.08)


# --- fixed points


def brute_force_limit(name, weight_variance, bias_variance, start):
    q = start
    for _ in range(400):
        q = theory.variance_map(name, q, weight_variance, bias_variance)
    return q


@pytest.mark.parametrize(
    "name, weight_variance, bias_variance",
    [("tanh", 2.0, 0.0), ("tanh", 0.8, 0.1), ("sigmoid", 4.0, 0.5), ("elu", 1.5, 0.0)],
)
def test_the_attracting_fixed_point_attracts(name, weight_variance, bias_variance):
    points = theory.fixed_points(name, weight_variance, bias_variance)
    (attracting,) = [p for p in points if p.stability == "attracting"]
    assert abs(attracting.slope) < 1
    for start in (0.05, 20.0):
        limit = brute_force_limit(name, weight_variance, bias_variance, start)
        assert limit == pytest.approx(attracting.variance, rel=1e-8)


@pytest.mark.parametrize("name", ["gelu", "silu", "mish", "hard_swish"])
def test_at_their_gain_the_self_gated_have_a_repelling_point(name):
    weight_variance = theory.gain(name) ** 2
    zero, one = theory.fixed_points(name, weight_variance)
    assert (zero.variance, zero.stability) == (0.0, "attracting")
    assert zero.slope == pytest.approx(
        weight_variance * float(actfun.get(name).derivative(0.0)) ** 2, rel=1e-12
    )
    assert one.variance == pytest.approx(1, rel=1e-9)
    assert (one.stability, one.slope > 1.05) == ("repelling", True)


@pytest.mark.parametrize("name", NEUTRAL)
def test_every_variance_is_a_fixed_point_of_rectifiers(name):
    assert theory.fixed_points(name, theory.gain(name) ** 2) == (
        theory.FixedPoint(1.0, 1.0, "neutral"),
    )
    (shrinking,) = theory.fixed_points(name, 0.9 * theory.gain(name) ** 2)
    assert (shrinking.variance, shrinking.stability) == (0.0, "attracting")
    assert shrinking.slope == pytest.approx(0.9, rel=1e-12)


def test_no_fixed_point_where_the_variance_explodes():
    assert theory.fixed_points("relu", 2.5, 0.1) == ()
    with pytest.raises(ValueError, match="relu has no stable fixed point.*grows without bound"):
        theory.gradient_factor("relu", 2.5, 0.1)


def test_an_oscillating_variance_is_not_stable():
    """A bump of a function: large variances give small ones, and the reverse."""
    points = theory.fixed_points(lambda x: 3 * np.exp(-((x - 3) ** 2)), 14.0)
    overshooting = [p for p in points if p.slope < -1]
    assert all(p.stability == "repelling" for p in overshooting)
    steep = theory.fixed_points(lambda x: 1 / (1 + x**4), 30.0)
    assert [p.stability for p in steep] == ["attracting"]


def test_a_jump_at_zero_has_no_fixed_point_there():
    (point,) = theory.fixed_points("binary_step", 2.0)
    assert point.variance == pytest.approx(1, rel=1e-12)
    assert point.slope == pytest.approx(0, abs=1e-12)


# --- criticality


@pytest.mark.parametrize("name", CRITICAL_AT_ZERO + NEUTRAL + HALF_STABLE)
def test_critical_means_all_three_conditions(name):
    w, b, q = theory.critical_initialisation(name)
    assert theory.variance_map(name, q, w, b) == pytest.approx(q, rel=1e-9, abs=1e-14)
    assert theory.variance_slope(name, q, w, b) == pytest.approx(1, rel=1e-8)
    assert theory.gradient_factor(name, w, b, variance=q) == pytest.approx(1, rel=1e-8)


@pytest.mark.parametrize("name", CRITICAL_AT_ZERO)
def test_critical_at_zero(name):
    w, b, q = theory.critical_initialisation(name)
    assert (b, q) == (0, 0)
    left, right = actfun.get(name).derivative(np.array([-1e-100, 1e-100]))
    assert w == pytest.approx(2 / (left**2 + right**2), rel=1e-12)
    assert theory.fixed_points(name, w, b)[0].stability == "attracting"


@pytest.mark.parametrize("name", NEUTRAL)
def test_critical_at_any_variance(name):
    slope = -float(actfun.get(name)(-1.0)) * -1
    w, b, q = theory.critical_initialisation(name)
    assert (w, b, q) == pytest.approx((2 / (1 + slope**2), 0, 1), rel=1e-12)


@pytest.mark.parametrize("name", HALF_STABLE)
def test_critical_at_a_positive_variance(name):
    w, b, q = theory.critical_initialisation(name)
    assert q > 1
    assert b > 0
    (point,) = [p for p in theory.fixed_points(name, w, b) if p.stability == "half-stable"]
    assert point.variance == pytest.approx(q, rel=1e-6)
    # Flat: doubling the variance changes it by a few per mille only in the next layer.
    assert theory.variance_map(name, 2 * q, w, b) / (2 * q) == pytest.approx(1, abs=6e-3)


def test_gelu_is_critical_at_a_known_variance():
    """The root of q^2 - 3 q - 2, from the closed forms of E f f'' for GELU."""
    w, b, q = theory.critical_initialisation("gelu")
    assert q == pytest.approx((3 + math.sqrt(17)) / 2, rel=1e-9)
    assert (round(w, 6), round(b, 6)) == (1.983058, 0.172922)


@pytest.mark.parametrize("name", NEVER_CRITICAL)
def test_never_critical(name):
    none = theory.critical_initialisation(name)
    assert not none
    assert isinstance(none, theory.NoCritical)
    expected = "delta" if name == "binary_step" else "at no variance"
    assert expected in none.reason


def test_critical_initialisation_of_any_callable():
    assert theory.critical_initialisation(abs) == pytest.approx((1, 0, 1), rel=1e-9)
    assert theory.critical_initialisation(np.sin) == pytest.approx((1, 0, 0), rel=1e-9)
    assert not theory.critical_initialisation(np.exp)
    # f f'' = 0 for a shifted ReLU, as for ReLU: slope and factor agree at every variance.
    to_the_left = theory.critical_initialisation(lambda x: np.maximum(x + 1, 0.0))
    assert "bias variance would have to be negative: -1.2" in to_the_left.reason
    w, b, q = theory.critical_initialisation(lambda x: np.maximum(x - 1, 0.0))
    tail = special.ndtr(-1)
    assert (w, q) == pytest.approx((1 / tail, 1), rel=1e-9)
    assert b == pytest.approx(math.exp(-0.5) / math.sqrt(2 * math.pi) / tail - 1, rel=1e-9)


# --- depth


def test_depth_scales_of_tanh():
    """In the ordered phase C' at 1; in the chaotic phase at the fixed correlation."""
    ordered = theory.depth_scale("tanh", 1.2, 0.1)
    (point,) = theory.fixed_points("tanh", 1.2, 0.1)
    factor = theory.gradient_factor("tanh", 1.2, 0.1)
    assert ordered.phase == "ordered"
    assert ordered.fixed_correlation == 1
    assert ordered.correlation == pytest.approx(-1 / math.log(factor), rel=1e-12)
    assert ordered.variance == pytest.approx(-1 / math.log(point.slope), rel=1e-12)
    chaotic = theory.depth_scale("tanh", 2.5, 0.05)
    assert chaotic.phase == "chaotic"
    c = chaotic.fixed_correlation
    assert 0 < c < 1
    assert theory.correlation_map("tanh", c, 2.5, 0.05) == pytest.approx(c, abs=1e-10)
    slope = theory.correlation_slope("tanh", c, 2.5, 0.05)
    assert slope < 1
    assert chaotic.correlation == pytest.approx(-1 / math.log(slope), rel=1e-8)


def test_depth_scale_is_infinite_at_criticality():
    for name in ("relu", "tanh"):
        w, b, _ = theory.critical_initialisation(name)
        scale = theory.depth_scale(name, w, b)
        assert (scale.correlation, scale.phase) == (math.inf, "critical")
        assert scale.variance == math.inf


# --- bad input

FUNCTIONS = {
    "gain": theory.gain,
    "moments": theory.moments,
    "variance_map": lambda f: theory.variance_map(f, 1.0, 1.0),
    "variance_slope": lambda f: theory.variance_slope(f, 1.0, 1.0),
    "fixed_points": lambda f: theory.fixed_points(f, 1.0),
    "gradient_factor": lambda f: theory.gradient_factor(f, 1.0),
    "correlation_map": lambda f: theory.correlation_map(f, 0.5, 1.0),
    "correlation_slope": lambda f: theory.correlation_slope(f, 0.5, 1.0),
    "depth_scale": lambda f: theory.depth_scale(f, 1.0),
    "critical_initialisation": theory.critical_initialisation,
}


@pytest.mark.parametrize("caller", FUNCTIONS)
@pytest.mark.parametrize(
    "f, error, words",
    [
        (3, TypeError, r"f must be a name, an Activation or a function .* got 3 \(int\)"),
        ("softmax", TypeError, "softmax acts on a whole vector"),
        ("rely", KeyError, "did you mean 'relu'"),
        (lambda x: 1j * x, TypeError, "must return real numbers, got complex128"),
        (lambda x: np.exp(x**2), ValueError, "infinite, or carried by values more than 38"),
        (np.exp2(np.zeros(3)), TypeError, "f must be a name"),
    ],
)
def test_what_is_not_a_function_is_refused(caller, f, error, words):
    with pytest.raises(error, match=words) as caught:
        FUNCTIONS[caller](f)
    if error is not KeyError:
        assert str(caught.value).startswith(f"{caller}: ")


@pytest.mark.parametrize(
    "f, words",
    [
        (np.log, "log is nan at x = -"),
        (lambda x: 1 / x, "could not be integrated near x = -?[0-9.]+e-"),
        (lambda x: np.exp(x**2 / 4), "infinite, or carried"),
        (lambda x: 0 * x, "0 almost everywhere"),
        (lambda x: np.where(x > 20, np.nan, x), "is nan at x = "),
        (lambda x: np.sin(1e6 * x), "not piecewise smooth"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_moments_that_do_not_exist(f, words):
    with pytest.raises(ValueError, match=words):
        theory.gain(f)


@pytest.mark.parametrize("function", [theory.gradient_factor, theory.depth_scale])
def test_jumps_are_refused_where_their_delta_matters(function):
    with pytest.raises(ValueError, match="binary_step jumps at x = 0; its derivative has a delta"):
        function("binary_step", 1.0)
    with pytest.raises(ValueError, match=r"near x = 0\.3: infinite there, or not piecewise smooth"):
        function(lambda x: (x > 0.3) * 1.0, 1.0, 0.5)


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: theory.variance_map("relu", -1.0, 1.0), ValueError, "variance must be finite and"),
        (
            lambda: theory.variance_map("relu", 1.0, 0.0),
            ValueError,
            "weight_variance must be .* 0.0",
        ),
        (lambda: theory.variance_map("relu", 1.0, 1.0, -0.1), ValueError, "bias_variance .* -0.1"),
        (lambda: theory.moments("relu", math.nan), ValueError, "variance must be finite.* nan"),
        (lambda: theory.moments("relu", "1"), TypeError, "variance must be a real number, got '1'"),
        (lambda: theory.moments("relu", True), TypeError, "got True"),
        (lambda: theory.moments("relu", 1.0, math.inf), ValueError, "mean must be finite, got inf"),
        (
            lambda: theory.correlation_map("relu", [0.5, 1.5], 2.0),
            ValueError,
            "correlation must be between -1 and 1, got .*1.5",
        ),
        (lambda: theory.correlation_map("relu", "c", 2.0), TypeError, "correlation must hold real"),
        (lambda: theory.correlation_map("relu", math.nan, 2.0), ValueError, "got .*nan"),
    ],
)
def test_arguments_out_of_range(call, error, words):
    with pytest.raises(error, match=words):
        call()
