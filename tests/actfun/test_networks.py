"""The networks of the experiments: what they are made of, and what they refuse."""

import functools

import keras
import numpy as np
import pytest

import actfun
from actfun import datasets, networks

TRAINABLE = [n for n in actfun.names() if n not in ("binary_step", "softmax", "log_softmax")]
DIGITS = datasets.load("digits", size=100)
IMAGES = datasets.load("digits_images", size=100)
ROWS = datasets.load("digits_rows", size=100)


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


@pytest.mark.parametrize("activation", TRAINABLE)
def test_every_trainable_activation_acts_in_a_dense_network(activation):
    model = networks.dense(activation, DIGITS, hidden=(5,))
    x = DIGITS.x_test[:7]
    first, acting, last = model.layers
    y = actfun.get(activation)(np.asarray(first(x)))
    np.testing.assert_allclose(acting(first(x)), y, rtol=1e-4, atol=1e-5)
    assert model(x).shape == (7, 10)
    assert last.get_config()["activation"] == "linear"


def test_parts_stand_in_the_order_that_is_documented():
    model = networks.dense("relu", DIGITS, (8,), normalisation="batch", dropout=0.5)
    assert kinds(model) == ["Dense", "BatchNormalization", "Activation", "Dropout", "Dense"]
    model = networks.convolutional("relu", IMAGES, (4, 6), 8)
    conv = ["Conv2D", "Activation", "MaxPooling2D"]
    assert kinds(model) == [*conv, *conv, "Flatten", "Dense", "Activation", "Dense"]
    assert model.layers[6].output.shape == (None, 2 * 2 * 6)
    assert kinds(networks.dense("tanh", IMAGES, ())) == ["Flatten", "Dense"]


@pytest.mark.parametrize("cell", ["simple", "lstm", "gru"])
def test_a_recurrent_network_uses_the_activation(cell):
    keras.utils.set_random_seed(0)
    tanh = networks.recurrent("tanh", ROWS, cell, units=6)
    relu = networks.recurrent("relu", ROWS, cell, units=6)
    relu.set_weights(tanh.get_weights())
    assert tanh(ROWS.x_test).shape == (len(ROWS.x_test), 10)
    assert not np.allclose(tanh(ROWS.x_test), relu(ROWS.x_test))


def test_weights_have_the_scale_that_the_activation_asks_for():
    """The first layer reads features of variance 1 with that scale, too, as is usual."""
    keras.utils.set_random_seed(0)
    model = networks.dense("gelu", DIGITS, hidden=(1000, 1000, 1000))
    x = np.random.default_rng(0).standard_normal((50, 64)).astype("float32")
    for layer in model.layers[:5]:  # up to the pre-activation of the third hidden layer
        x = layer(x)
    scale = actfun.theory.gain("gelu") ** 2
    expected = scale
    for _ in range(2):
        expected = actfun.theory.variance_map("gelu", expected, scale)
    assert np.asarray(x).var() == pytest.approx(expected, rel=0.1)


def test_layers_that_share_an_initialiser_start_differently():
    model = networks.dense("relu", DIGITS, (64, 64), initializer=keras.initializers.HeNormal())
    one, two = model.layers[0].kernel.numpy(), model.layers[2].kernel.numpy()
    assert one.std() == pytest.approx(np.sqrt(2 / 64), rel=0.1)
    assert not np.array_equal(one, two)


def test_the_seed_decides_the_weights():
    def weights(seed):
        keras.utils.set_random_seed(seed)
        return networks.dense("mish", DIGITS).get_weights()[0]

    np.testing.assert_array_equal(weights(1), weights(1))
    assert not np.array_equal(weights(1), weights(2))


def test_activations_can_be_mixed_layer_by_layer():
    model = networks.dense(["tanh", "prelu"], DIGITS)
    assert kinds(model) == ["Dense", "Activation", "Dense", "PReLU", "Dense"]


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (functools.partial(networks.dense, "rely", DIGITS), KeyError, "relu"),
        (functools.partial(networks.dense, ["relu"], DIGITS), ValueError, "got 1"),
        (
            functools.partial(networks.dense, "relu", DIGITS, normalisation="group"),
            ValueError,
            "'group'",
        ),
        (functools.partial(networks.convolutional, "relu", DIGITS), ValueError, r"\(64,\)"),
        (functools.partial(networks.recurrent, "relu", DIGITS), ValueError, r"\(64,\)"),
        (functools.partial(networks.recurrent, "relu", ROWS, "elman"), ValueError, "'elman'"),
        (functools.partial(networks.recurrent, "prelu", ROWS), ValueError, "learns or draws"),
    ],
)
def test_bad_arguments_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make()
