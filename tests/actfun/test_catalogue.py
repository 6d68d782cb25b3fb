"""The interface, the facts of every entry, and what happens to bad input."""

import inspect
import math

import mpmath as mp
import numpy as np
import pytest
import scipy.special
import yaml
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import integrate

import actfun

ALL = [actfun.get(name) for name in actfun.names()]
ELEMENTWISE = [f for f in ALL if f.elementwise]
VECTOR = [f for f in ALL if not f.elementwise]
DTYPES = [np.float16, np.float32, np.float64]

by_name = pytest.mark.parametrize("f", ALL, ids=lambda f: f.name)
elementwise = pytest.mark.parametrize("f", ELEMENTWISE, ids=lambda f: f.name)
arrays = hnp.arrays(
    np.float64,
    hnp.array_shapes(max_dims=3, max_side=6),
    elements=st.floats(-1e300, 1e300, allow_nan=False),
)
WANTED = """identity, binary step, sigmoid, hard sigmoid, log-sigmoid, tanh, hard tanh, softsign,
ReLU, ReLU6, Leaky ReLU, PReLU, RReLU, ELU, CELU, SELU, softplus, GELU, gelu_tanh, SiLU, swish,
hard swish, Mish, softmax, log-softmax, logistic, linear, heaviside, hard_silu, logsigmoid"""


# ------------------------------------------------------------------------- names
@pytest.mark.parametrize("name", [n.strip() for n in WANTED.replace("\n", " ").split(",")])
def test_found_by_name_title_or_alias(name):
    f = actfun.get(name)
    assert f.name in actfun.names()
    assert actfun.get(name.upper()) is actfun.get(name.replace(" ", "-")) is actfun.get(f)


def test_no_name_stands_for_two_functions():
    spellings = [
        s.lower().replace("_", "").replace("-", "").replace(" ", "")
        for f in ALL
        for s in {f.name, f.title, *f.aliases}
    ]
    owners = {}
    for f in ALL:
        for s in {f.name, f.title, *f.aliases}:
            plain = "".join(c for c in s.lower() if c.isalnum())
            assert owners.setdefault(plain, f) is f, f"{s} is {owners[plain].name} and {f.name}"
    assert spellings


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(KeyError) as caught:
        actfun.get("leaky_rely")
    assert "leaky_relu" in str(caught.value)
    with pytest.raises(actfun.UnknownActivation, match="names"):
        actfun.get("qqqq")
    with pytest.raises(TypeError, match="42"):
        actfun.get(42)


# ------------------------------------------------------------ dtype, shape, special values
@by_name
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
def test_keeps_dtype_and_shape_and_input(f, dtype):
    x = np.linspace(-3, 3, 24, dtype=dtype).reshape(2, 3, 4)[:, ::2]  # not contiguous
    before = x.copy()
    y, slope = f(x), f.derivative(x)
    assert y.dtype == slope.dtype == dtype
    assert y.shape == x.shape
    assert slope.shape == (x.shape if f.elementwise else (*x.shape, x.shape[-1]))
    y[...] = 7  # the result is the caller's own
    assert np.array_equal(x, before)


@elementwise
def test_scalars_sequences_integers_and_booleans(f):
    assert np.ndim(f(1)) == 0 and f(1).dtype == np.float64
    assert f([-1, 0, 2]).dtype == np.float64
    assert np.array_equal(f(np.array([-1, 0, 2], np.int8)), f([-1.0, 0.0, 2.0]))
    assert np.array_equal(f((True, False)), f([1.0, 0.0]))


@elementwise
def test_large_arrays_equal_small_ones(f):
    x = np.random.default_rng(0).normal(scale=4, size=100_003).astype(np.float32)
    for method in (f, f.derivative):
        one_by_one = np.concatenate([method(part) for part in np.array_split(x, 50)])
        assert np.allclose(method(x), one_by_one, rtol=3e-7, atol=0)


@elementwise
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
def test_nan_stays_and_infinity_gives_the_limit(f, dtype):
    x = np.array([-np.inf, np.nan, np.inf], dtype)
    y, slope = f(x), f.derivative(x)
    far = np.float64([-1e300, 1e300])
    assert np.isnan(y[1]) and np.isnan(slope[1])
    wide, wide_slope = f(far), f.derivative(far)
    for i, j in ((0, 0), (2, 1)):
        limit = math.copysign(math.inf, wide[j]) if abs(wide[j]) > 1e100 else wide[j]
        assert y[i] == pytest.approx(limit, rel=2e-3, abs=1e-7)
        assert slope[i] == pytest.approx(wide_slope[j], rel=2e-3, abs=1e-7)


@elementwise
@given(x=arrays)
def test_finite_input_gives_no_warning_and_no_nan(f, x):  # warnings are errors
    for dtype in DTYPES:
        info = np.finfo(dtype)
        narrow = x.clip(float(info.min), float(info.max)).astype(dtype)
        assert not np.isnan(f(narrow)).any()
        assert not np.isnan(f.derivative(narrow)).any()


@pytest.mark.parametrize("f", VECTOR, ids=lambda f: f.name)
@given(x=arrays)
def test_vector_functions_on_finite_input(f, x):
    y = f(x)
    assert not np.isnan(y).any()
    p = y if f.name == "softmax" else np.exp(y)
    assert np.allclose(p.sum(axis=-1), 1)
    assert np.allclose(f.jacobian(x).sum(axis=-1), 0, atol=1e-12)  # a shift changes nothing


def test_softmax_axis_and_infinite_scores():
    softmax, log_softmax = actfun.get("softmax"), actfun.get("log_softmax")
    x = np.random.default_rng(0).normal(size=(3, 4, 5))
    assert np.allclose(softmax(x, axis=1), scipy.special.softmax(x, axis=1), rtol=1e-14)
    assert np.allclose(log_softmax(x, axis=0), scipy.special.log_softmax(x, axis=0), rtol=1e-13)
    assert softmax(x, axis=1).dtype == x.dtype
    assert np.allclose(softmax.jacobian(x, axis=1)[1, 2], softmax.jacobian(x[1, :, 2]))
    assert softmax([1.0, np.inf, 2.0]).tolist() == [0, 1, 0]
    assert softmax([-np.inf, 0.0]).tolist() == [0, 1]
    assert np.isnan(softmax([np.nan, 0.0])).all()
    step = 1e-6 * np.eye(5)
    for f in (softmax, log_softmax):
        numeric = (f(x[0, 0] + step) - f(x[0, 0] - step)).T / 2e-6
        assert np.allclose(f.jacobian(x[0, 0]), numeric, atol=1e-9)


# --------------------------------------------------------------------------- the facts
@elementwise
def test_the_derivative_is_the_derivative(f):
    x = np.linspace(-7.95, 7.95, 318)
    away = np.all([np.abs(x - k.x) > 0.02 for k in f.kinks] or [np.full(x.size, True)], axis=0)
    x = x[away]
    numeric = (f(x + 1e-5) - f(x - 1e-5)) / 2e-5
    assert np.allclose(f.derivative(x), numeric, atol=2e-9)


@elementwise
def test_range(f):
    x = np.concatenate([np.linspace(-40, 40, 160_001), [-1e30, 1e30]])
    y = f(x)
    low, high = f.range.low, f.range.high
    # Attained or approached, and never passed (rounding may reach an open end far out).
    slack = 1e-15 * max(1, abs(low) if math.isfinite(low) else 1)
    assert y.min() >= low - slack and y.max() <= high
    assert y.min() == pytest.approx(low, abs=1e-8) if math.isfinite(low) else y.min() < -1e25
    assert y.max() == pytest.approx(high, abs=1e-8) if math.isfinite(high) else y.max() > 1e25
    near = f(np.linspace(-5, 5, 10_001))
    if not f.range.low_closed:
        assert near.min() > low
    elif f.monotone or f.name == "hard_swish":
        assert near.min() == low
    if not f.range.high_closed:
        assert near.max() < high


@elementwise
def test_monotone_odd_lipschitz(f):
    x = np.linspace(-30, 30, 60_001)
    y = f(x)
    assert f.monotone == bool((np.diff(y) >= 0).all())
    assert f.odd == np.array_equal(f(-x), -y)
    steepest = np.abs(np.diff(y)).max() / (x[1] - x[0])
    if math.isfinite(f.lipschitz):
        assert steepest <= f.lipschitz * (1 + 1e-9)
        assert steepest >= f.lipschitz * 0.995
    else:
        assert steepest > 500


@elementwise
def test_zero_centred_means_mean_zero_under_a_standard_normal(f):
    points = [k.x for k in f.kinks] or None
    mean, error = integrate.quad(
        lambda x: float(f(x)) * math.exp(-x * x / 2) / math.sqrt(2 * math.pi),
        -12,
        12,
        points=points,
        limit=200,
    )
    assert f.zero_centred == (abs(mean) < 1e-7)
    assert error < 1e-6


@elementwise
def test_saturation(f):
    for side, limit in zip((-1, 1), f.saturates, strict=True):
        slope = abs(float(f.derivative(side * 1e6)))
        if limit is None:
            assert slope > 0.005
        else:
            assert slope < 1e-9
            assert float(f(side * 1e12)) == pytest.approx(limit, abs=1e-11)


@elementwise
def test_smoothness_and_kinks(f):
    """A jump in the derivative, or in the second one, is where and only where it is listed."""
    h = 1e-6
    x = np.arange(-8, 8, 0.5)  # every kink of the catalogue lies on this grid
    jump = np.abs(f.derivative(x + h) - f.derivative(x - h)) > 1e-3
    if f.smoothness < 0:
        assert np.abs(f(k := f.kinks[0].x + h) - f(k - 2 * h)) > 0.5
    else:
        assert x[jump].tolist() == [k.x for k in f.kinks]
        assert bool(jump.any()) == (f.smoothness == 0)
    if f.smoothness == 1:
        second = lambda x: (f.derivative(x + h) - f.derivative(x - h)) / (2 * h)  # noqa: E731
        assert abs(second(3 * h) - second(-3 * h)) > 0.5
    for kink in f.kinks:
        assert float(f.derivative(kink.x)) == pytest.approx(kink.derivative, abs=1e-12)


def test_softmax_is_half_lipschitz_in_the_maximum_norm():
    rng = np.random.default_rng(0)
    for f in VECTOR:
        norms = [
            np.abs(f.jacobian(rng.normal(scale=s, size=4))).sum(axis=1).max()
            for s in (0, 0.1, 1, 3, 10)
            for _ in range(200)
        ]
        norms.append(np.abs(f.jacobian([0.0, 0.0])).sum(axis=1).max())
        norms.append(np.abs(f.jacobian([50.0, 0.0])).sum(axis=1).max())
        assert max(norms) <= f.lipschitz + 1e-12
        assert max(norms) >= f.lipschitz - 1e-12


@by_name
def test_every_entry_is_complete(f):
    assert f.formula and f.derivative_formula and f.advantages and f.drawbacks
    assert f.title[0].isupper()
    assert set(f.libraries) <= {"Keras", "PyTorch", "JAX"}
    for p in f.parameters:
        assert p.meaning and p.default is not None


def test_the_references_are_in_the_bibliography(pytestconfig):
    bibliography = (pytestconfig.rootpath / "references.bib").read_text("utf-8")
    for f in ALL:
        if f.reference:
            assert f"{{{f.reference}," in bibliography, f.reference


def test_selu_constants_solve_their_equations():
    import reference

    from actfun.exponential import SELU_ALPHA, SELU_SCALE

    assert float(reference.SELU_ALPHA) == SELU_ALPHA
    assert float(reference.SELU_SCALE) == SELU_SCALE
    assert mp.nstr(reference.SELU_ALPHA, 15) == "1.67326324235438"


def test_facts_table():
    table = actfun.facts()
    assert list(table.index) == actfun.names()
    assert actfun.facts(["GELU"], ["year"]).loc["gelu", "year"] == 2016
    with pytest.raises(ValueError, match="colour"):
        actfun.facts(columns=["colour"])


# --------------------------------------------------------------------------- bad input
@by_name
def test_wrong_dtype_and_empty_input(f):
    for bad in (["a"], [1j], [None], np.array(["2020"], "datetime64[Y]")):
        with pytest.raises(TypeError, match=f.name):
            f(bad)
    for bad in ([], np.zeros((0, 3)), np.zeros((2, 0), np.float32)):
        with pytest.raises(ValueError, match=rf"{f.name}.*empty"):
            f(bad)


@pytest.mark.parametrize(
    ("name", "parameters", "error", "words"),
    [
        ("relu", {"alpha": 0.1}, TypeError, "unknown parameter 'alpha', expected: none"),
        ("elu", {"beta": 1}, TypeError, "expected: alpha"),
        ("leaky_relu", {"negative_slope": 1.5}, ValueError, "between 0 and 1, got 1.5"),
        ("leaky_relu", {"negative_slope": -0.1}, ValueError, "between 0 and 1"),
        ("leaky_relu", {"negative_slope": [0.1, 0.2]}, TypeError, "must be one number"),
        ("elu", {"alpha": -1}, ValueError, "at least 0, got -1"),
        ("celu", {"alpha": 0}, ValueError, "greater than 0"),
        ("prelu", {"alpha": math.nan}, ValueError, "finite"),
        ("prelu", {"alpha": "big"}, TypeError, "'big'"),
        ("prelu", {"alpha": np.ones(5)}, ValueError, r"\(5,\).*does not broadcast.*\(3,\)"),
        ("swish", {"beta": math.inf}, ValueError, "finite, got inf"),
        ("rrelu", {"lower": 0.5, "upper": 0.2}, ValueError, "lower must not exceed upper"),
        ("rrelu", {"lower": 0.5}, ValueError, "lower must not exceed upper"),
        ("softmax", {"axis": 1}, ValueError, "axis 1 is out of range"),
        ("softmax", {"axis": 0.5}, TypeError, "axis must be an integer"),
    ],
)
def test_bad_parameters(name, parameters, error, words):
    with pytest.raises(error, match=f"{name}: .*{words}"):
        actfun.get(name)([-1.0, 0.0, 2.0], **parameters)


def test_jacobian_and_parameter_derivatives_where_there_are_none():
    with pytest.raises(TypeError, match="derivative"):
        actfun.get("relu").jacobian([1.0])
    with pytest.raises(TypeError, match="no learnable parameter"):
        actfun.get("relu").parameter_derivatives([1.0])
    with pytest.raises(ValueError, match="at least one axis"):
        actfun.get("softmax")(1.0)


def test_a_parameter_per_channel():
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    alpha = np.array([0.1, 0.2, 0.3])
    y = actfun.get("prelu")(x, alpha=alpha)
    assert y.dtype == np.float32
    for channel in range(3):
        alone = actfun.get("prelu")(x[:, channel], alpha=alpha[channel])
        assert np.allclose(y[:, channel], alone, rtol=1e-6)


# --------------------------------------------------------------------------- peers
def test_scipy_agrees():
    x = np.linspace(-30, 30, 2001)
    peers = {
        "sigmoid": scipy.special.expit,
        "log_sigmoid": scipy.special.log_expit,
        "gelu": lambda x: x * scipy.special.ndtr(x),
        "softplus": lambda x: np.logaddexp(0, x),
    }
    for name, peer in peers.items():
        assert np.allclose(actfun.get(name)(x), peer(x), rtol=1e-13), name


def _keras_callable(path):
    import keras

    path, _, arguments = path.partition("(")
    function = keras
    for part in path.split(".")[1:]:
        function = getattr(function, part)
    keywords = yaml.safe_load("{" + arguments.rstrip(")").replace("=", ": ") + "}")
    return lambda x: function(x, **keywords)


@pytest.mark.parametrize(
    "f",
    [f for f in ALL if (f.keras or "").startswith("keras.activations")],
    ids=lambda f: f.name,
)
def test_keras_agrees_in_value_and_derivative(f):
    import tensorflow as tf

    x = np.concatenate([np.linspace(-9.7, 9.7, 389), [0.0]]).astype(np.float64)
    if not f.elementwise:
        x = x.reshape(-1, 3)
    peer = _keras_callable(f.keras)
    parameters = {p.name: p.keras_function for p in f.parameters if p.name != "axis"}
    tensor = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        y = peer(tensor)
    assert np.allclose(f(x, **parameters), y, rtol=1e-6, atol=1e-7)
    if f.elementwise:
        # At a kink conventions may differ; Keras's CELU has none but returns 2 at 0.
        smooth = np.all([np.abs(x - k) > 1e-9 for k in (0, *(k.x for k in f.kinks))], axis=0)
        slope = f.derivative(x, **parameters)
        assert np.allclose(slope[smooth], tape.gradient(y, tensor)[smooth], atol=1e-6)


@pytest.mark.parametrize(
    "f",
    [f for f in ALL if f.kinks and (f.keras or "").startswith("keras.activations")],
    ids=lambda f: f.name,
)
def test_kinks_follow_tensorflow(f):
    import tensorflow as tf

    peer = _keras_callable(f.keras)
    for kink in f.kinks:
        if "as TensorFlow" in kink.note:
            x = tf.constant([kink.x], tf.float64)
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = peer(x)
            assert float(tape.gradient(y, x)[0]) == pytest.approx(kink.derivative), kink


def test_keras_defaults_are_those_of_the_installed_version():
    import keras

    def default(callable_, name):
        return inspect.signature(callable_).parameters[name].default

    def entry(name, parameter):
        return next(p for p in actfun.get(name).parameters if p.name == parameter)

    leaky = entry("leaky_relu", "negative_slope")
    assert leaky.keras_function == default(keras.activations.leaky_relu, "negative_slope")
    assert leaky.keras_layer == default(keras.layers.LeakyReLU, "negative_slope")
    elu = entry("elu", "alpha")
    assert elu.keras_function == default(keras.activations.elu, "alpha")
    assert elu.keras_layer == default(keras.layers.ELU, "alpha")
    assert entry("celu", "alpha").keras_function == default(keras.activations.celu, "alpha")
    assert entry("softmax", "axis").keras_layer == default(keras.layers.Softmax, "axis")
    assert default(keras.layers.PReLU, "alpha_initializer") == "Zeros"
    assert entry("prelu", "alpha").keras_layer == 0.0
    assert default(keras.activations.gelu, "approximate") is False
