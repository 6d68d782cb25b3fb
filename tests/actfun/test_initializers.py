"""`actfun.initializers`: scale, draws, saving and errors, in real Keras layers."""

import math

import numpy as np
import pytest

from actfun import theory

keras = pytest.importorskip("keras")
initializers = pytest.importorskip("actfun.initializers")
# Keras 3's way of handing a TensorFlow variable to NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def array(tensor):
    return np.asarray(keras.ops.convert_to_numpy(tensor))


@pytest.mark.parametrize("distribution", ["normal", "truncated_normal", "uniform"])
@pytest.mark.parametrize("name", ["relu", "tanh", "gelu", "sigmoid"])
def test_variance_is_the_squared_gain_over_fan_in(name, distribution):
    weights = array(initializers.VariancePreserving(name, distribution, seed=3)((300, 1000)))
    expected = theory.gain(name) ** 2
    assert 300 * weights.var() == pytest.approx(expected, rel=0.015)  # 300 000 draws
    if distribution == "uniform":
        assert abs(weights).max() <= math.sqrt(3 * expected / 300) * (1 + 1e-6)


def test_fan_in_of_a_convolution_counts_the_window():
    weights = array(initializers.VariancePreserving("relu", seed=0)((3, 3, 50, 200)))
    assert 3 * 3 * 50 * weights.var() == pytest.approx(2, rel=0.03)


def test_relu_is_he_and_selu_is_lecun():
    he = keras.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal", seed=5)
    ours = initializers.VariancePreserving("relu", seed=5)
    assert np.allclose(array(he((8, 4))), array(ours((8, 4))), rtol=1e-6)
    lecun = keras.initializers.VarianceScaling(1.0, "fan_in", "truncated_normal", seed=5)
    ours = initializers.VariancePreserving("selu", "truncated_normal", seed=5)
    assert np.allclose(array(lecun((8, 4))), array(ours((8, 4))), rtol=1e-6)


@pytest.mark.parametrize("name", ["gelu", "swish", "tanh", "relu"])
def test_critical_kernels_and_biases(name):
    weight_variance, bias_variance, _ = theory.critical_initialisation(name)
    layer = keras.layers.Dense(
        40_000,
        kernel_initializer=initializers.Critical(name, seed=1),
        bias_initializer=initializers.CriticalBias(name, seed=2),
    )
    layer.build((None, 10))
    kernel, bias = map(array, layer.get_weights())
    assert 10 * kernel.var() == pytest.approx(weight_variance, rel=0.015)
    assert bias.var() == pytest.approx(bias_variance, rel=0.04, abs=1e-12)


def test_a_deep_network_keeps_its_variance():
    """The purpose of it all: 20 layers, and the last is as large as the first."""
    keras.utils.set_random_seed(0)
    kernel = initializers.VariancePreserving("tanh")
    layers = [
        keras.layers.Dense(400, activation="tanh" if i else None, kernel_initializer=kernel)
        for i in range(20)
    ]
    x = array(keras.random.normal((50, 400), seed=0)) / theory.gain("tanh")
    for layer in layers:
        x = array(layer(x))
    assert (x**2).mean() == pytest.approx(theory.moments("tanh").second, rel=0.15)


@pytest.mark.parametrize("make", [initializers.VariancePreserving, initializers.CriticalBias])
def test_layers_that_share_an_initializer_draw_their_own_weights(make):
    shared = make("gelu")
    assert not np.array_equal(array(shared((4, 4))), array(shared((4, 4))))
    draws = []
    for _ in range(2):
        keras.utils.set_random_seed(7)
        draws.append([array(make("gelu")((4, 4))) for _ in range(2)])
    assert np.array_equal(draws[0], draws[1])
    seeded = make("gelu", seed=1)
    assert np.array_equal(array(seeded((4, 4))), array(make("gelu", seed=1)((4, 4))))


@pytest.mark.parametrize(
    "initializer",
    [
        initializers.VariancePreserving("leaky_relu", "uniform", seed=4),
        initializers.Critical("tanh", seed=4),
        initializers.CriticalBias("gelu", seed=4),
        initializers.VariancePreserving(keras.activations.softsign, seed=4),
    ],
)
def test_saved_and_loaded(initializer):
    saved = keras.saving.serialize_keras_object(initializer)
    loaded = keras.saving.deserialize_keras_object(saved)
    assert type(loaded) is type(initializer)
    assert loaded.get_config() == initializer.get_config()
    assert np.array_equal(array(loaded((5, 3))), array(initializer((5, 3))))


def test_a_model_with_them_is_saved_and_loaded(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(
                4,
                "gelu",
                kernel_initializer=initializers.Critical("gelu"),
                bias_initializer=initializers.CriticalBias("gelu"),
            ),
        ]
    )
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
        assert np.array_equal(a, b)
    assert isinstance(loaded.layers[0].kernel_initializer, initializers.Critical)


def test_no_critical_initialisation():
    for make in (initializers.Critical, initializers.CriticalBias):
        message = f"{make.__name__}: sigmoid has no critical initialisation: at no variance"
        with pytest.raises(ValueError, match=message):
            make("sigmoid")
    with pytest.raises(ValueError, match="binary_step jumps at x = 0"):
        initializers.Critical("binary_step")


def test_bad_arguments():
    with pytest.raises(ValueError, match="distribution must be one of .* got 'cauchy'"):
        initializers.VariancePreserving("relu", "cauchy")
    with pytest.raises(KeyError, match="did you mean 'relu'"):
        initializers.VariancePreserving("rely")
    with pytest.raises(TypeError, match="f must be a name, an Activation or a function"):
        initializers.VariancePreserving(3)
