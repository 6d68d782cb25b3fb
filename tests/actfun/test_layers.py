"""`actfun.layers`: values, gradients, randomness, training, saving, names and bad arguments."""

import numpy as np
import pytest

import actfun

keras = pytest.importorskip("keras")
from keras import ops  # noqa: E402

from actfun import layers  # noqa: E402
from actfun.layers import AtLeast, ParametricELU, RReLU, Swish  # noqa: E402

# Keras turns a TensorFlow variable into an array without the argument NumPy 2 asks for.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

GRID = np.array([[-40.0, -6.0, -1.5, -1e-3, 0.0, 1e-3, 0.7, 6.0, 40.0]], np.float32)
EACH = {
    "rrelu": lambda **k: RReLU(lower=0.1, upper=0.4, seed=3, **k),
    "swish": lambda **k: Swish(beta_initializer=1.7, **k),
    "parametric_elu": lambda **k: ParametricELU(alpha_initializer=0.8, beta_initializer=1.6, **k),
}


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
@pytest.mark.parametrize("kind", [Swish, ParametricELU])
def test_shared_axes_shape_the_parameters(kind, shared, shape):
    layer = kind(shared_axes=shared)
    layer.build((None, 5, 6, 3))
    assert {tuple(w.shape) for w in layer.weights} == {shape}
    again = kind.from_config(layer.get_config())
    again.build((None, 5, 6, 3))
    assert {tuple(w.shape) for w in again.weights} == {shape}


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


@pytest.mark.parametrize("kind", [RReLU, Swish, ParametricELU])
def test_keras_knows_the_registered_name(kind):
    assert keras.saving.get_registered_object(f"actfun>{kind.__name__}") is kind
    config = {"class_name": f"actfun>{kind.__name__}", "config": {}}
    assert isinstance(keras.layers.deserialize(config), kind)


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


@pytest.mark.parametrize("name", ["pelu", "PELU", "Parametric ELU"])
def test_parametric_elu_has_its_names(name):
    assert isinstance(layers.get(name, alpha_initializer=2.0), ParametricELU)


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


@pytest.mark.parametrize("kind", [Swish, ParametricELU])
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
