"""`actfun.layers`: values, gradients, randomness, training, saving, names and bad arguments."""

import numpy as np
import pytest

import actfun

keras = pytest.importorskip("keras")
from keras import ops  # noqa: E402

from actfun import layers  # noqa: E402
from actfun.layers import (  # noqa: E402
    ACON,
    AtLeast,
    Maxout,
    ParametricELU,
    PReLU,
    Rational,
    RReLU,
    Swish,
)

# Keras turns a TensorFlow variable into an array without the argument NumPy 2 asks for.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

GRID = np.array([[-40.0, -6.0, -1.5, -1e-3, 0.0, 1e-3, 0.7, 6.0, 40.0]], np.float32)
EACH = {  # the elementwise ones
    "rrelu": lambda **k: RReLU(lower=0.1, upper=0.4, seed=3, **k),
    "prelu": lambda **k: PReLU(alpha_initializer=0.6, **k),
    "swish": lambda **k: Swish(beta_initializer=1.7, **k),
    "parametric_elu": lambda **k: ParametricELU(alpha_initializer=0.8, beta_initializer=1.6, **k),
    "acon": lambda **k: ACON("C", 1.7, 0.9, 0.2, **k),
    "rational": lambda **k: Rational(**k),
}
LEARNED = [PReLU, Swish, ParametricELU, ACON, Rational]  # with shared axes


def value(tensor):
    return ops.convert_to_numpy(tensor)


def gradients(layer, x, **call):
    """Return d(sum of outputs)/dx and the same in each trainable weight."""
    tf = pytest.importorskip("tensorflow")
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, **call)
    found = tape.gradient(y, [x, *[w.value for w in layer.trainable_weights]])
    return [g.numpy() for g in found]


def pelu(x, a, b):
    """The paper's formula in float64."""
    x = x.astype(np.float64)
    return np.where(x < 0, a * np.expm1(np.minimum(x, 0) / b), a / b * x)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def rational(x, a, b):
    """The paper's formula, by its powers."""
    above = sum(a_k * x**k for k, a_k in enumerate(a))
    return above / (1 + np.abs(sum(b_k * x**k for k, b_k in enumerate(b, start=1))))


# --- values and gradients


def test_rrelu_in_inference_is_the_catalogue_with_the_mean_slope():
    layer, f = EACH["rrelu"](), actfun.get("rrelu")
    np.testing.assert_array_equal(value(layer(GRID)), value(layer(GRID, training=False)))
    np.testing.assert_allclose(value(layer(GRID)), f(GRID, lower=0.1, upper=0.4), rtol=1e-6)
    (slope,) = gradients(layer, GRID)
    np.testing.assert_allclose(slope, f.derivative(GRID, lower=0.1, upper=0.4), rtol=1e-6)


def test_swish_is_the_catalogue_with_its_beta():
    layer, f = EACH["swish"](), actfun.get("swish")
    np.testing.assert_allclose(value(layer(GRID)), f(GRID, beta=1.7), rtol=1e-5, atol=1e-30)
    dx, dbeta = gradients(layer, GRID)
    np.testing.assert_allclose(dx, f.derivative(GRID, beta=1.7), rtol=1e-5, atol=1e-6)
    expected = f.parameter_derivatives(GRID, beta=1.7)["beta"]
    np.testing.assert_allclose(dbeta, expected[0], rtol=1e-4, atol=1e-6)


def test_parametric_elu_is_the_formula_of_the_paper():
    layer = EACH["parametric_elu"](shared_axes=None)
    np.testing.assert_allclose(value(layer(GRID)), pelu(GRID, 0.8, 1.6), rtol=1e-6)
    dx, da, db = gradients(layer, GRID)
    x, h = GRID.astype(np.float64), 1e-6
    expected = np.where(x < 0, 0.5 * np.exp(np.minimum(x, 0) / 1.6), 0.5)
    np.testing.assert_allclose(dx, expected, rtol=1e-5)
    np.testing.assert_allclose(da, pelu(x, 1.0, 1.6)[0], rtol=1e-6)
    numeric = (pelu(x, 0.8, 1.6 + h) - pelu(x, 0.8, 1.6 - h)) / (2 * h)
    np.testing.assert_allclose(db, numeric[0], rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    ("a", "name", "parameters"), [(1.0, "elu", {}), (0.7, "celu", {"alpha": 0.7})]
)
def test_parametric_elu_with_equal_parameters_is_elu_or_celu(a, name, parameters):
    layer, f = ParametricELU(a, a), actfun.get(name)
    np.testing.assert_allclose(value(layer(GRID)), f(GRID, **parameters), rtol=1e-6)
    np.testing.assert_allclose(
        gradients(layer, GRID)[0], f.derivative(GRID, **parameters), rtol=1e-5
    )


@pytest.mark.parametrize("name", EACH)
def test_nothing_overflows_on_huge_inputs_and_nan_stays(name):
    x = np.array([[-3e38, -1e4, 1e4, 1e38, np.nan]], np.float32)
    y = value(EACH[name]()(x))
    assert np.isfinite(y[0, :4]).all()
    assert np.isnan(y[0, 4])
    assert all(np.isfinite(g).all() for g in gradients(EACH[name](), x[:, 1:3]))


def test_prelu_is_the_catalogue_with_its_alpha():
    layer, f = PReLU(alpha_initializer=0.6), actfun.get("prelu")
    np.testing.assert_allclose(value(layer(GRID)), f(GRID, alpha=0.6), rtol=1e-6)
    dx, dalpha = gradients(layer, GRID)
    np.testing.assert_allclose(dx, f.derivative(GRID, alpha=0.6), rtol=1e-6)  # at 0 too
    expected = f.parameter_derivatives(GRID, alpha=0.6)["alpha"]
    np.testing.assert_allclose(dalpha, expected[0], rtol=1e-6)


def test_prelu_agrees_with_keras_but_for_the_slope_at_0():
    x = GRID[:, GRID[0] != 0]
    first = keras.initializers.Constant(0.3)
    ours, theirs = PReLU(first), keras.layers.PReLU(first)
    np.testing.assert_array_equal(value(ours(x)), value(theirs(x)))
    for mine, other in zip(gradients(ours, x), gradients(theirs, x), strict=True):
        np.testing.assert_array_equal(mine, other)
    zero = np.zeros((1, 1), np.float32)
    slopes = [gradients(kind(first), zero)[0].item() for kind in (PReLU, keras.layers.PReLU)]
    np.testing.assert_allclose(slopes, [0.3, 0.0])


@pytest.mark.parametrize(
    ("kind", "starts", "p1", "p2"),
    [
        ("A", {}, 1.0, 0.0),
        ("B", {"p2_initializer": 0.4}, 1.0, 0.4),
        ("C", {"p1_initializer": -0.7, "p2_initializer": 1.2}, -0.7, 1.2),
    ],
)
def test_acon_is_the_formula_of_the_paper(kind, starts, p1, p2):
    layer, x = ACON(kind, 1.7, **starts), GRID.astype(np.float64)
    d = (p1 - p2) * x
    np.testing.assert_allclose(value(layer(GRID)), d * sigmoid(1.7 * d) + p2 * x, rtol=1e-5)
    assert [w.name for w in layer.trainable_weights] == list(ACON.kinds[kind])


def test_acon_starts_as_silu_or_as_smooth_prelu():
    for kind in "AC":
        np.testing.assert_allclose(
            value(ACON(kind)(GRID)), actfun.get("silu")(GRID), rtol=1e-5, atol=1e-15
        )
    sharp = value(ACON("B", beta_initializer=1e4)(GRID))
    np.testing.assert_allclose(sharp, actfun.get("prelu")(GRID, alpha=0.25), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("degrees", [(5, 4), (3, 2), (2, 2), (1, 3), (4, 1), (1, 1)])
def test_rational_is_the_formula_of_the_paper(degrees):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=degrees[0] + 1), rng.normal(size=degrees[1])
    layer = Rational(degrees=degrees, dtype="float64", shared_axes="all")
    layer.build((None, GRID.size))
    layer.set_weights([a[:, None], b[:, None]])
    x = GRID.astype(np.float64)
    np.testing.assert_allclose(value(layer(x)), rational(x, a, b), rtol=1e-10)


def test_rational_has_coefficients_of_its_own_along_axes_that_are_not_shared():
    rng = np.random.default_rng(0)
    layer = Rational(shared_axes=1, dtype="float64")
    layer.build((None, 4, 3))
    a, b = rng.normal(size=(6, 1, 3)), rng.normal(size=(4, 1, 3))
    layer.set_weights([a, b])
    x = rng.normal(size=(2, 4, 3))
    for channel in range(3):
        expected = rational(x[..., channel], a[:, 0, channel], b[:, 0, channel])
        np.testing.assert_allclose(value(layer(x))[..., channel], expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("start", "off"),
    [("leaky_relu", 0.06), ("relu", 0.06), ("silu", 1e-4), ("tanh", 1e-3), ("gelu", 0.01)],
)
def test_rational_starts_near_the_function_it_is_named_after(start, off):
    x = np.linspace(-5, 5, 400, dtype=np.float32).reshape(1, -1)
    difference = value(Rational(start)(x)) - actfun.get(start)(x)
    assert off / 20 < np.abs(difference).max() < off


def test_the_start_of_rational_is_a_least_squares_fit():
    """A step along any coefficient makes the fit worse."""
    a, b = layers._fitted("leaky_relu", 5, 4)
    x = np.linspace(-5, 5, 1001)
    y = actfun.get("leaky_relu")(x)
    best = np.mean((rational(x, a, b) - y) ** 2)
    both = np.concatenate([a, b])
    for i in range(both.size):
        for step in (-1e-4, 1e-4):
            moved = both.copy()
            moved[i] += step
            assert np.mean((rational(x, moved[:6], moved[6:]) - y) ** 2) > best


def test_rational_does_not_overflow_in_float16():
    x = np.array([[-500.0, 9.5, 60.0, 2000.0]], np.float16)
    exact = value(Rational()(x.astype(np.float32)))
    np.testing.assert_allclose(value(Rational(dtype="mixed_float16")(x)), exact, rtol=5e-3)


def test_maxout_is_the_formula_of_the_paper():
    rng = np.random.default_rng(0)
    layer = Maxout(3, pieces=4, bias_initializer=keras.initializers.RandomNormal(seed=1))
    a = rng.normal(size=(2, 7, 5)).astype("float32")
    y = value(layer(a))
    W = value(layer.kernel).reshape(5, 4, 3)  # input, piece, unit
    b = value(layer.bias).reshape(4, 3)
    expected = (np.einsum("...d,dji->...ji", a, W) + b).max(axis=-2)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)
    assert layer.compute_output_shape((2, 7, 5)) == y.shape == (2, 7, 3)
    assert layer.count_params() == 4 * (5 + 1) * 3


def test_maxout_of_two_lecun_pieces_keeps_the_mean_square():
    """E max(z1, z2)^2 = 1 for independent standard normal z."""
    keras.utils.set_random_seed(0)
    a = np.random.default_rng(0).normal(size=(500, 400)).astype("float32")
    y = value(Maxout(400, use_bias=False, kernel_initializer="lecun_normal")(a))
    assert np.mean(y**2) == pytest.approx(1, rel=0.03)


CHECKED = {
    **EACH,
    "acon A": lambda **k: ACON("A", 1.7, **k),
    "acon B": lambda **k: ACON("B", 1.7, p2_initializer=0.3, **k),
    "prelu, shared": lambda **k: PReLU(shared_axes="all", **k),
    "rational, each": lambda **k: Rational("silu", (3, 2), shared_axes=None, **k),
    "maxout": lambda **k: Maxout(3, 3, bias_initializer="random_normal", **k),
}


@pytest.mark.parametrize("name", CHECKED)
def test_gradients_in_input_and_parameters_are_difference_quotients(name):
    keras.utils.set_random_seed(0)
    layer = CHECKED[name](dtype="float64")
    rng, h = np.random.default_rng(0), 1e-6
    x = rng.normal(scale=2, size=(6, 4))
    x[np.abs(x) < 1e-3] = 0.5  # away from kinks
    found = gradients(layer, x)  # builds it

    def quotients(start, put):
        result = np.empty_like(start)
        for i in np.ndindex(start.shape):
            sums = []
            for step in (h, -h):
                moved = start.copy()
                moved[i] += step
                sums.append(put(moved))
            result[i] = (sums[0] - sums[1]) / (2 * h)
        return result

    expected = quotients(x, lambda moved: value(layer(moved)).sum())
    np.testing.assert_allclose(found[0], expected, rtol=1e-6, atol=1e-7)
    for weight, gradient in zip(layer.trainable_weights, found[1:], strict=True):
        first = value(weight).copy()

        def put(moved, weight=weight, first=first):
            weight.assign(moved)
            total = value(layer(x)).sum()
            weight.assign(first)
            return total

        np.testing.assert_allclose(gradient, quotients(first, put), rtol=1e-6, atol=1e-7)


# --- randomness of RReLU


def test_rrelu_in_training_draws_a_slope_for_each_negative_element():
    x = np.full((200, 50), -2.0, np.float32)
    layer = RReLU(0.1, 0.4, seed=0)
    slopes = value(layer(x, training=True)) / x
    assert slopes.min() >= 0.1
    assert slopes.max() < 0.4
    assert len(np.unique(slopes)) > 9000
    # uniform: mean 0.25, standard deviation 0.3 / sqrt(12)
    assert slopes.mean() == pytest.approx(0.25, abs=0.005)
    assert slopes.std() == pytest.approx(0.3 / np.sqrt(12), rel=0.03)
    np.testing.assert_array_equal(value(layer(-x, training=True)), -x)


def test_the_gradient_of_rrelu_in_training_is_the_slope_drawn():
    tf = pytest.importorskip("tensorflow")
    x = tf.constant(GRID[:, GRID[0] != 0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = RReLU(seed=1)(x, training=True)
    np.testing.assert_allclose(tape.gradient(y, x), y / x, rtol=1e-6)


def test_the_seed_of_rrelu_decides_and_each_call_draws_anew():
    draw = [value(layer(GRID, training=True)) for layer in (RReLU(seed=5), RReLU(seed=5))]
    np.testing.assert_array_equal(*draw)
    layer = RReLU(seed=5)
    first, second = (value(layer(GRID, training=True)) for _ in range(2))
    np.testing.assert_array_equal(first, draw[0])
    assert (first[GRID < 0] != second[GRID < 0]).all()
    assert (value(RReLU(seed=6)(GRID, training=True)) != first)[GRID < 0].all()


def test_without_a_seed_rrelu_follows_the_one_of_keras():
    draws = []
    for _ in range(2):
        keras.utils.set_random_seed(4)
        draws.append(value(RReLU()(GRID, training=True)))
    np.testing.assert_array_equal(*draws)


def test_equal_bounds_make_rrelu_leaky():
    x = ops.convert_to_tensor(GRID)
    expected = actfun.get("leaky_relu")(GRID, negative_slope=0.2)
    np.testing.assert_allclose(value(RReLU(0.2, 0.2)(x, training=True)), expected, rtol=1e-6)


# --- inside models


@pytest.mark.parametrize("name", EACH)
def test_a_training_step_changes_what_is_learned_and_the_loss_falls(name):
    keras.utils.set_random_seed(0)
    layer = EACH[name]()
    inputs = keras.Input((4,))
    hidden = layer(keras.layers.Dense(8)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1)(hidden))
    model.compile(keras.optimizers.SGD(0.05), "mse")
    x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    before = [value(w).copy() for w in layer.trainable_weights]
    history = model.fit(x, np.abs(x).sum(axis=1), epochs=5, verbose=0).history["loss"]
    assert history[-1] < history[0]
    for old, weight in zip(before, layer.trainable_weights, strict=True):
        assert (value(weight) != old).all()
    np.testing.assert_array_equal(model.predict(x, verbose=0), model.predict(x, verbose=0))


def test_a_learned_parameter_can_be_frozen():
    layer = Swish(beta_initializer=2.0, trainable=False)
    layer.build((None, 3))
    assert layer.trainable_weights == []
    assert len(layer.weights) == 1
    assert Swish.from_config(layer.get_config()).trainable is False


def test_parametric_elu_stays_positive_under_a_step_that_would_cross_zero():
    layer = ParametricELU()
    model = keras.Sequential([keras.Input((3,)), layer])
    model.compile(keras.optimizers.SGD(1e3), lambda y, p: ops.mean(p))
    model.fit(np.ones((4, 3)), np.zeros((4, 3)), epochs=1, verbose=0)
    assert value(layer.alpha) == np.float32(0.1)  # the gradient in a is positive
    assert value(layer.beta) > 0


def test_a_first_value_is_constrained_too():
    layer = ParametricELU(alpha_initializer=keras.initializers.Constant(-1.0))
    layer.build((None, 3))
    assert value(layer.alpha) == np.float32(0.1)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", EACH)
def test_mixed_precision_computes_in_float16_and_keeps_float32_weights(name, training):
    layer = EACH[name](dtype="mixed_float16")
    call = {"training": training} if name == "rrelu" else {}
    y = layer(GRID.astype("float16"), **call)
    assert keras.backend.standardize_dtype(y.dtype) == "float16"
    assert all(w.dtype == "float32" for w in layer.trainable_weights)
    exact = EACH[name]()(GRID, **call)
    if not training:
        np.testing.assert_allclose(value(y), value(exact), rtol=5e-3, atol=1e-3)
    assert np.isfinite(value(y)).all()


@pytest.mark.parametrize("name", [*EACH, "maxout"])
def test_a_mask_passes(name):
    layer = Maxout(3) if name == "maxout" else EACH[name]()
    assert layer.supports_masking
    x = np.array([[[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]], np.float32)
    mask = keras.layers.Masking()
    y = layer(mask(x))
    np.testing.assert_array_equal(value(keras.src.backend.get_keras_mask(y)), [[True, False]])


@pytest.mark.parametrize("name", ["prelu", "swish", "parametric_elu", "acon", "rational", "maxout"])
def test_the_ensemble_trains_it_stacked_as_one_by_one(name):
    pytest.importorskip("tensorflow")
    from actfun import datasets, ensemble

    data = datasets.load("wine")

    def build():
        hidden = [layers.get("maxout", units=6)]
        if name != "maxout":
            hidden = [keras.layers.Dense(6), EACH[name]()]
        stack = [keras.Input(data.input_shape), *hidden, keras.layers.Dense(data.outputs)]
        return keras.Sequential(stack)

    both = [
        ensemble.train(build, data, seeds=(0, 1), epochs=2, stacked=stacked)
        for stacked in (True, False)
    ]
    figures = ["train_loss", "validation_loss", "test_loss"]
    tables = [runs.table[figures].astype(float) for runs in both]
    np.testing.assert_allclose(*tables, rtol=1e-4)
    for a, b in zip(both[0].model(1).weights, both[1].model(1).weights, strict=True):
        np.testing.assert_allclose(value(a), value(b), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", EACH)
def test_unknown_batch_and_length_are_taken(name):
    shared = {} if name == "rrelu" else {"shared_axes": [1]}
    layer = EACH[name](**shared)
    inputs = keras.Input((None, 3))
    model = keras.Model(inputs, layer(inputs))
    assert model.output_shape == (None, None, 3)
    assert layer.compute_output_shape((2, 5, 3)) == (2, 5, 3)
    for shape in ((2, 5, 3), (1, 7, 3)):
        assert model(np.ones(shape, np.float32)).shape == shape


@pytest.mark.parametrize(
    ("shared", "shape"),
    [
        (None, (5, 6, 3)),
        ([1, 2], (1, 1, 3)),
        ((1, -2), (1, 1, 3)),
        (-1, (5, 6, 1)),
        ("all", (1, 1, 1)),
    ],
)
@pytest.mark.parametrize("kind", LEARNED)
def test_shared_axes_shape_the_parameters(kind, shared, shape):
    layer = kind(shared_axes=shared)
    again = kind.from_config(layer.get_config())
    for each in (layer, again):
        each.build((None, 5, 6, 3))
        shapes = [tuple(w.shape) for w in each.weights]
        expected = {shape} if kind is not Rational else {(6, *shape), (4, *shape)}
        assert set(shapes) == expected


def test_inputs_of_another_shape_are_refused():
    layer = Swish(shared_axes=[1])
    layer(np.ones((2, 5, 3), np.float32))
    layer(np.ones((2, 6, 3), np.float32))
    for shape in ((2, 5, 4), (2, 3)):
        with pytest.raises(ValueError, match="incompatible with the layer"):
            layer(np.ones(shape, np.float32))


# --- saving and names


@pytest.mark.parametrize("name", EACH)
def test_a_model_is_the_same_after_saving_and_loading(name, tmp_path):
    layer = EACH[name]()
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(6), layer, keras.layers.Dense(2)]
    )
    for weight in layer.trainable_weights:  # else a lost weight would look like its first value
        weight.assign(weight + 0.25)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.layers[1]) is type(layer)
    assert loaded.layers[1].get_config() == layer.get_config()
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    np.testing.assert_array_equal(value(model(x)), value(loaded(x)))


@pytest.mark.parametrize("name", EACH)
def test_as_the_activation_of_another_layer_it_is_saved_with_its_weights(name, tmp_path):
    layer = layers.get(name)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(6, activation=layer)])
    for weight in layer.trainable_weights:
        weight.assign(weight + 0.25)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    np.testing.assert_array_equal(value(model(x)), value(loaded(x)))
    assert len(loaded.trainable_weights) == len(model.trainable_weights)


def test_settings_of_the_parameters_survive_the_config():
    layer = ParametricELU(
        alpha_initializer=keras.initializers.RandomUniform(0.5, 1.5, seed=1),
        alpha_regularizer="l2",
        beta_constraint=AtLeast(0.3),
        alpha_constraint=None,
        shared_axes=[1],
        name="shaped",
    )
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    assert again.get_config() == layer.get_config()
    assert again.beta_constraint.minimum == 0.3
    assert again.alpha_constraint is None
    assert isinstance(again.alpha_regularizer, keras.regularizers.L2)


@pytest.mark.parametrize("kind", [RReLU, *LEARNED])
def test_keras_knows_the_registered_name_and_missing_settings_have_their_defaults(kind):
    assert keras.saving.get_registered_object(f"actfun>{kind.__name__}") is kind
    config = {"class_name": f"actfun>{kind.__name__}", "config": {"name": "old"}}
    layer = keras.layers.deserialize(config)
    assert layer.get_config() == kind(name="old").get_config()


def test_settings_that_are_not_defaults_survive_the_config():
    for layer in (
        ACON("B", p2_initializer="ones", beta_regularizer="l1", shared_axes="all"),
        Rational("tanh", (3, 2), denominator_regularizer="l2", shared_axes=[1]),
        Maxout(4, 3, use_bias=False, kernel_initializer="he_normal", kernel_regularizer="l2"),
        PReLU("zeros", alpha_regularizer="l2", alpha_constraint="non_neg"),
    ):
        again = keras.layers.deserialize(keras.layers.serialize(layer))
        assert again.get_config() == layer.get_config()


def test_a_maxout_network_is_the_same_after_saving_and_loading(tmp_path):
    model = keras.Sequential([keras.Input((4,)), Maxout(5, 3), keras.layers.Dense(2)])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    np.testing.assert_array_equal(value(model(x)), value(loaded(x)))


def rewrite(path, layer, change):
    """Change the config of a layer in a saved model, as another version might have written it."""
    import json
    import zipfile

    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    config = json.loads(parts["config.json"])
    for each in config["config"]["layers"]:
        if each["class_name"].endswith(layer):
            change(each["config"])
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as new:
        for name, content in parts.items():
            new.writestr(name, content)


@pytest.mark.parametrize("name", [*EACH, "maxout"])
def test_a_model_with_a_setting_of_another_version_is_refused_in_words(name, tmp_path):
    layer = layers.get(name, **({"units": 6} if name == "maxout" else {}), name="mine")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(6), layer])
    path = tmp_path / "model.keras"
    model.save(path)
    rewrite(path, type(layer).__name__, lambda config: config.update(temperature=2.0))
    with pytest.raises(ValueError) as error:
        keras.saving.load_model(path)
    words = str(error.value)
    assert words.startswith(f"{type(layer).__name__}: the saved layer 'mine' has the setting")
    own = {"rrelu": "lower", "maxout": "pieces"}.get(name, "shared_axes")
    for part in ("'temperature'", own, "another version of actfun", "load it with that version"):
        assert part in words


@pytest.mark.parametrize("name", [*EACH, "maxout"])
def test_a_model_that_lacks_settings_is_loaded_with_their_defaults(name, tmp_path):
    layer = layers.get(name, **({"units": 6} if name == "maxout" else {}))
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(6), layer])
    path = tmp_path / "model.keras"
    model.save(path)
    needed = {"name", "units"}

    def forget(config):
        for setting in set(config) - needed:
            del config[setting]

    rewrite(path, type(layer).__name__, forget)
    loaded = keras.saving.load_model(path)
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    np.testing.assert_array_equal(value(model(x)), value(loaded(x)))


def test_a_value_of_another_version_is_named():
    config = {**ACON().get_config(), "kind": "meta"}
    with pytest.raises(TypeError, match="ACON: kind must be one of A, B, C, not 'meta'"):
        ACON.from_config(config)


def test_a_seed_generator_survives_the_config():
    layer = RReLU(seed=keras.random.SeedGenerator(9))
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    np.testing.assert_array_equal(
        value(layer(GRID, training=True)), value(again(GRID, training=True))
    )


@pytest.mark.parametrize("name", actfun.names())
def test_every_name_of_the_catalogue_finds_its_layer(name):
    if name == "binary_step":
        with pytest.raises(ValueError, match="Keras has no counterpart of 'binary_step'"):
            layers.get(name)
        return
    layer = layers.get(name.upper().replace("_", " "))
    x = GRID.reshape(3, 3)
    np.testing.assert_allclose(value(layer(x)), actfun.get(name)(x), rtol=2e-5, atol=1e-5)
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    np.testing.assert_array_equal(value(again(x)), value(layer(x)))


@pytest.mark.parametrize(
    ("name", "kind", "arguments"),
    [
        ("pelu", ParametricELU, {"alpha_initializer": 2.0}),
        ("PELU", ParametricELU, {}),
        ("Parametric ELU", ParametricELU, {}),
        ("PReLU", PReLU, {"shared_axes": "all"}),
        ("Acon", ACON, {"kind": "A"}),
        ("rational", Rational, {"start": "tanh"}),
        ("PAU", Rational, {}),
        ("max-out", Maxout, {"units": 3}),
    ],
)
def test_own_layers_have_their_names(name, kind, arguments):
    assert type(layers.get(name, **arguments)) is kind


def test_maxout_by_name_asks_for_its_units():
    with pytest.raises(TypeError, match=r"Maxout.*'units'"):
        layers.get("maxout")


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(KeyError, match="relu"):
        layers.get("rrelew")


# --- bad arguments


@pytest.mark.parametrize(
    ("bounds", "error"),
    [
        ({"lower": -0.1}, ValueError),
        ({"lower": 0.4, "upper": 0.3}, ValueError),
        ({"upper": 1.0}, ValueError),
        ({"upper": float("nan")}, ValueError),
        ({"lower": "0.1"}, TypeError),
        ({"lower": True}, TypeError),
    ],
)
def test_slopes_out_of_range_are_named(bounds, error):
    ((_, bad),) = list(bounds.items())[:1]
    with pytest.raises(error, match=f"RReLU: .*{bad!r}"):
        RReLU(**bounds)


@pytest.mark.parametrize("kind", LEARNED)
@pytest.mark.parametrize(
    ("axes", "error", "message"),
    [
        (0, ValueError, "axis of the batch"),
        ([1, 0], ValueError, r"axis of the batch: \[1, 0\]"),
        ("some", TypeError, "not 'some'"),
        (1.5, TypeError, "not 1.5"),
    ],
)
def test_axes_that_cannot_be_are_named_at_once(kind, axes, error, message):
    with pytest.raises(error, match=f"{kind.__name__}: shared_axes .*{message}"):
        kind(shared_axes=axes)


@pytest.mark.parametrize("axes", [2, [1, 5], -2, -3])
def test_axes_that_the_inputs_lack_are_named_when_built(axes):
    with pytest.raises(ValueError, match=r"Swish: shared_axes must lie from 1 to 1 .*\(None, 3\)"):
        Swish(shared_axes=axes).build((None, 3))


def test_an_axis_without_length_asks_to_be_shared():
    with pytest.raises(ValueError, match=r"Swish: axis 1 .*has no fixed length.*add 1"):
        Swish().build((None, None, 3))


@pytest.mark.parametrize("argument", ["alpha_initializer", "beta_initializer"])
@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan")])
def test_a_first_value_that_is_not_positive_is_named(argument, bad):
    with pytest.raises(ValueError, match=f"ParametricELU: {argument} must be positive, not {bad}"):
        ParametricELU(**{argument: bad})


def test_a_constraint_that_is_no_bound_is_named():
    with pytest.raises(ValueError, match="AtLeast: minimum must be a positive number, not 0"):
        AtLeast(0)


@pytest.mark.parametrize("kind", [PReLU, ACON, Rational])
def test_axes_that_do_not_fit_the_inputs_name_the_layer(kind):
    with pytest.raises(ValueError, match=f"{kind.__name__}: shared_axes must lie from 1 to 1"):
        kind(shared_axes=2).build((None, 3))
    with pytest.raises(ValueError, match=f"{kind.__name__}: axis 1 .*has no fixed length"):
        kind(shared_axes=None).build((None, None, 3))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: PReLU(float("nan")), ValueError, "PReLU: alpha_initializer must be finite.* nan"),
        (lambda: PReLU(float("inf")), ValueError, "PReLU: alpha_initializer must be finite.* inf"),
        (lambda: PReLU("small"), ValueError, "PReLU: alpha_initializer .* a number.* not 'small'"),
        (lambda: PReLU(True), ValueError, "PReLU: alpha_initializer must be .* not True"),
        (lambda: PReLU(alpha_regularizer="l7"), ValueError, "PReLU: alpha_regularizer .* 'l7'"),
        (lambda: Swish(beta_constraint=3), ValueError, "Swish: beta_constraint .* not 3"),
        (lambda: ACON("D"), ValueError, "ACON: kind must be one of A, B, C, not 'D'"),
        (lambda: ACON(["A"]), ValueError, r"ACON: kind must be one of A, B, C, not \['A'\]"),
        (lambda: ACON("A", p2_initializer=0.1), ValueError, "ACON: kind 'A' does not learn p2"),
        (lambda: ACON("B", p1_regularizer="l2"), ValueError, "'B' does not learn p1.*beta, p2"),
        (lambda: Rational("rely"), ValueError, "Rational: start must name .* not 'rely'"),
        (lambda: Rational("softmax"), ValueError, "Rational: start .*elementwise.* not 'softmax'"),
        (lambda: Rational(3), ValueError, "Rational: start must name .* not 3"),
        (lambda: Rational(degrees=5), TypeError, "Rational: degrees must be two integers.* not 5"),
        (lambda: Rational(degrees=(5, 4, 3)), TypeError, r"degrees must be two .*\(5, 4, 3\)"),
        (lambda: Rational(degrees=(5.5, 4)), TypeError, r"degrees must be two .*\(5.5, 4\)"),
        (lambda: Rational(degrees=(5, 0)), ValueError, r"degrees must be at least 1, not \(5, 0\)"),
        (lambda: Maxout(0), ValueError, "Maxout: units must be at least 1, not 0"),
        (lambda: Maxout(3, 1), ValueError, "Maxout: pieces must be at least 2, not 1"),
        (lambda: Maxout(3.5), TypeError, "Maxout: units must be an integer, not 3.5"),
        (lambda: Maxout(3, True), TypeError, "Maxout: pieces must be an integer, not True"),
        (lambda: Maxout(3, kernel_initializer="best"), ValueError, "kernel_initializer .*'best'"),
        (lambda: Maxout(3).build((None, None)), ValueError, r"Maxout: .*shape \(None, None\)"),
        (lambda: Maxout(3).build((4,)), ValueError, r"Maxout: .*last axis.*shape \(4,\)"),
    ],
)
def test_bad_settings_name_layer_value_and_what_was_expected(make, error, message):
    with pytest.raises(error, match=message):
        make()
