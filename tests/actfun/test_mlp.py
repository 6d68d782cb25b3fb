"""`actfun.mlp` against Keras, against difference quotients, and against broken activations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import actfun
from actfun.mlp import MLP

ELEMENTWISE = [name for name in actfun.names() if actfun.get(name).elementwise]
OUTPUTS = ("linear", "sigmoid", "softmax")


def batch(output, n=7, d=3, k=4, seed=0):
    """Inputs and fitting targets."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(n, d))
    if output == "linear":
        return a, rng.normal(size=(n, k))
    if output == "sigmoid":
        return a, rng.integers(0, 2, (n, k))
    return a, rng.integers(0, k, n)


def with_biases(network, seed=1):
    """Biases start at 0, which would hide a mistake in them."""
    rng = np.random.default_rng(seed)
    for b in network.b:
        b += rng.normal(scale=0.3, size=b.shape)
    return network


# --- Keras as peer


@pytest.fixture(scope="module")
def keras():
    return pytest.importorskip("keras")


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("activation", ["tanh", "relu", "silu"])
def test_same_weights_give_the_numbers_of_keras(keras, activation, output):
    import tensorflow as tf

    network = with_biases(MLP((3, 6, 5, 4), activation, output, rng=2))
    a, target = batch(output)
    peer = keras.Sequential([keras.Input((3,), dtype="float64")])
    for units in (6, 5):
        peer.add(keras.layers.Dense(units, activation, dtype="float64"))
    peer.add(keras.layers.Dense(4, dtype="float64"))
    peer.set_weights([p for pair in zip(network.W, network.b, strict=True) for p in pair])
    with tf.GradientTape() as tape:
        inputs = tf.constant(a)
        tape.watch(inputs)
        logits = peer(inputs)
        if output == "linear":
            prediction, loss = logits, tf.reduce_sum((logits - target) ** 2) / (2 * len(a))
        elif output == "sigmoid":
            prediction = tf.sigmoid(logits)
            each = tf.nn.sigmoid_cross_entropy_with_logits(target.astype(float), logits)
            loss = tf.reduce_sum(each) / len(a)
        else:
            prediction = tf.nn.softmax(logits)
            each = tf.nn.sparse_softmax_cross_entropy_with_logits(target, logits)
            loss = tf.reduce_mean(each)
    expected = tape.gradient(loss, [inputs, *peer.trainable_variables])
    gradients = network.backward(a, target)
    np.testing.assert_allclose(network.forward(a), prediction, rtol=1e-10)
    assert gradients.loss == pytest.approx(float(loss), rel=1e-12)
    assert network.loss(a, target) == gradients.loss
    np.testing.assert_allclose(gradients.a, expected[0], rtol=1e-8, atol=1e-12)
    for layer in range(3):
        np.testing.assert_allclose(
            gradients.W[layer], expected[1 + 2 * layer], rtol=1e-8, atol=1e-12
        )
        np.testing.assert_allclose(
            gradients.b[layer], expected[2 + 2 * layer], rtol=1e-8, atol=1e-12
        )


@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_training_takes_the_steps_of_keras_sgd(keras, momentum):
    network = MLP((3, 5, 1), "tanh", dtype="float32")
    a, target = batch("linear", n=8, k=1)
    peer = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(5, "tanh"), keras.layers.Dense(1)]
    )
    peer.set_weights([p for pair in zip(network.W, network.b, strict=True) for p in pair])
    # one output: half the squared error has half the gradient of Keras' mean squared error
    peer.compile(keras.optimizers.SGD(0.05, momentum=momentum), "mse")
    history = network.train(
        a, target, learning_rate=0.1, epochs=10, batch_size=8, momentum=momentum
    )
    peer.fit(a, target, batch_size=8, epochs=10, shuffle=False, verbose=0)
    assert history[-1] < history[0]
    np.testing.assert_allclose(network.forward(a), peer.predict(a, verbose=0), atol=1e-5)


# --- shapes and bookkeeping


def test_forward_keeps_every_layer():
    network = MLP((3, 6, 4))
    a, _ = batch("linear")
    result = network.forward(a)
    assert [x.shape for x in network.x] == [(7, 6), (7, 4)]
    assert [y.shape for y in network.y] == [(7, 3), (7, 6), (7, 4)]
    assert result is network.y[-1]
    np.testing.assert_array_equal(network.y[1], np.tanh(network.x[0]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("output", OUTPUTS)
def test_everything_has_the_dtype_of_the_network(dtype, output):
    network = MLP((3, 6, 4), "gelu", output, dtype=dtype)
    a, target = batch(output)
    network.train(a, target, epochs=1, momentum=0.5)
    gradients = network.backward(a, target)
    arrays = [*network.W, *network.b, *network.x, *network.y, gradients.a]
    arrays += [*gradients.W, *gradients.b, *gradients.delta]
    assert {array.dtype.name for array in arrays} == {dtype}


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 5), min_size=2, max_size=5),
    n=st.integers(1, 6),
    output=st.sampled_from(OUTPUTS),
    seed=st.integers(0, 1000),
)
def test_gradients_of_a_batch_are_the_mean_of_those_of_its_rows(sizes, n, output, seed):
    network = with_biases(MLP(sizes, "softplus", output, rng=seed))
    a, target = batch(output, n, sizes[0], sizes[-1], seed)
    whole = network.backward(a, target)
    rows = [network.backward(a[i : i + 1], target[i : i + 1]) for i in range(n)]
    assert whole.loss == pytest.approx(np.mean([row.loss for row in rows]))
    for layer in range(len(sizes) - 1):
        np.testing.assert_allclose(
            whole.W[layer], np.mean([row.W[layer] for row in rows], axis=0), atol=1e-12
        )
        assert whole.b[layer].shape == network.b[layer].shape
    assert whole.a.shape == a.shape


@pytest.mark.parametrize(
    ("name", "variance"), [("lecun", 1 / 400), ("glorot", 2 / 600), ("he", 2 / 400)]
)
def test_initialisations_have_the_variance_of_their_name(name, variance):
    W = MLP((400, 200), initialisation=name).W[0]
    assert W.var() == pytest.approx(variance, rel=0.02)


@pytest.mark.parametrize(
    ("activation", "expected"), [("relu", "he"), ("SELU", "lecun"), ("tanh", "glorot")]
)
def test_the_initialisation_follows_the_activation(activation, expected):
    network = MLP((3, 4, 5, 2), activation)
    for chosen, same in zip(network.W, MLP((3, 4, 5, 2), initialisation=expected).W, strict=True):
        np.testing.assert_array_equal(chosen, same)


def test_every_hidden_layer_may_have_an_activation_of_its_own():
    network = with_biases(MLP((3, 6, 5, 4), ["relu", "tanh"], "softmax"))
    a, target = batch("softmax")
    network.forward(a)
    np.testing.assert_array_equal(network.y[1], np.maximum(network.x[0], 0))
    np.testing.assert_array_equal(network.y[2], np.tanh(network.x[1]))
    check = network.gradient_check(a, target)
    assert check.passed, check
    first, second = MLP((3, 6, 5, 4), "relu"), MLP((3, 6, 5, 4), "tanh")
    np.testing.assert_array_equal(network.W[0], first.W[0])  # He's
    np.testing.assert_array_equal(network.W[2], second.W[2])  # Glorot's


def test_a_kink_is_looked_for_in_the_layer_that_has_it():
    network = MLP((1, 1, 1, 1), ["tanh", "relu"])
    network.W[0][:] = network.W[1][:] = network.W[2][:] = 1
    assert network.gradient_check([[0.0]], [[1.0]]).table.kink.any()  # ReLU's 0
    smooth_at_zero = MLP((1, 1, 1, 1), ["relu", "tanh"])
    smooth_at_zero.b[0][:] = 1  # tanh's pre-activation stays at 0, ReLU's is far from it
    smooth_at_zero.W[1][:] = 0
    check = smooth_at_zero.gradient_check([[0.0]], [[1.0]])
    assert not check.table.kink.any()


def test_the_seed_decides_and_the_activation_does_not():
    one, same, other = MLP((3, 4, 1), rng=1), MLP((3, 4, 1), "softsign", rng=1), MLP((3, 4, 1))
    np.testing.assert_array_equal(one.W[0], same.W[0])
    assert (one.W[0] != other.W[0]).all()


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_losses_of_huge_logits_are_finite_and_exact(output):
    network = MLP((1, 2), output=output)
    network.W[0][:] = [[1.0, -1.0]]
    wrong = [[0, 1]] if output == "sigmoid" else [1]
    right = [[1, 0]] if output == "sigmoid" else [0]
    with np.errstate(all="raise", under="ignore"):
        assert network.loss([[1e4]], right) == 0
        # both logits, 1e4 and -1e4, are wrong by 1e4; for softmax their difference counts
        assert network.loss([[1e4]], wrong) == 2e4


def test_classes_and_one_hot_rows_mean_the_same():
    network = MLP((3, 4, 4), output="softmax")
    a, target = batch("softmax")
    assert network.loss(a, target) == network.loss(a, np.eye(4)[target])
    assert network.loss(a, target.astype(float)) == network.loss(a, target)


def test_a_vector_of_targets_is_a_column_not_a_square():
    network = MLP((3, 4, 1))
    a, target = batch("linear", k=1)
    assert network.loss(a, target[:, 0]) == network.loss(a, target)


# --- gradient check


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_gradients_of_every_activation_of_the_catalogue(name, dtype):
    network = with_biases(MLP((3, 6, 5, 4), name, "softmax", rng=3, dtype=dtype))
    a, target = batch("softmax")
    check = network.gradient_check(a, target)
    assert check.passed, check
    smooth = (~check.table.kink).sum()
    assert smooth > (0.9 if dtype == "float64" else 0.4) * len(check.table)


@pytest.mark.parametrize("output", OUTPUTS)
def test_gradients_of_every_output(output):
    network = with_biases(MLP((3, 6, 4), "tanh", output))
    check = network.gradient_check(*batch(output))
    assert check.passed, check
    assert check.worst < 1e-6
    assert len(check.table) == sum(p.size for p in network.W + network.b)


class Broken:
    """tanh with a derivative that is 1 % too large."""

    def __call__(self, x):
        return np.tanh(x)

    def derivative(self, x):
        return 1.01 * (1 - np.tanh(x) ** 2)


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_broken_derivative_is_found_where_it_acts(output):
    network = with_biases(MLP((3, 6, 4), Broken(), output))
    check = network.gradient_check(*batch(output))
    assert not check.passed
    assert "FAILED" in repr(check)
    error = check.summary.relative_error
    assert error["W1"] == pytest.approx(0.01, rel=0.2)
    assert error["b1"] == pytest.approx(0.01, rel=0.2)
    assert error["W2"] < 1e-6  # the last layer does not pass through the derivative


def test_a_kink_within_the_step_is_reported_and_not_judged():
    network = MLP((1, 1, 1), "relu")
    network.W[0][:] = network.W[1][:] = 1
    check = network.gradient_check([[1.0]], [[0.0]])
    assert check.passed
    assert not check.table.kink.any()
    network.b[0][:] = -1  # puts the pre-activation on the kink
    network.b[1][:] = 1
    check = network.gradient_check([[1.0]], [[0.0]])
    table = check.table.set_index("parameter")
    assert table.kink.to_dict() == {"W1": True, "W2": False, "b1": True, "b2": False}
    assert table.exact["W1"] == 0  # the derivative of ReLU at 0 by convention
    assert table.numeric["W1"] == pytest.approx(0.5, rel=1e-4)  # half-way between its slopes
    assert check.passed
    assert check.summary.kinks.to_dict() == {"W1": 1, "W2": 0, "b1": 1, "b2": 0}
    network.b[0][:] = -1 + 1e-3  # further away than the step
    assert not network.gradient_check([[1.0]], [[0.0]]).table.kink.any()
    assert network.gradient_check([[1.0]], [[0.0]], step=1e-2).table.kink.any()


def test_a_check_in_which_every_entry_meets_a_kink_does_not_pass():
    network = MLP((1, 1, 1), "relu")
    network.W[0][:], network.b[0][:] = 1, -1
    check = network.gradient_check([[1.0]], [[0.0]])
    check.table = check.table[check.table.kink]
    assert not check.passed


def test_a_derivative_that_is_not_a_number_does_not_pass():
    class Undefined(Broken):
        def derivative(self, x):
            return np.full_like(x, np.nan)

    network = MLP((3, 2, 4), Undefined())
    check = network.gradient_check(*batch("linear"))
    assert not check.passed
    assert check.worst == np.inf


def test_the_check_leaves_the_weights_as_they_were_and_samples_entries():
    network = with_biases(MLP((3, 20, 4)))
    before = [p.copy() for p in network.W + network.b]
    check = network.gradient_check(*batch("linear"), entries=5)
    assert check.summary.entries.to_dict() == {"W1": 5, "W2": 5, "b1": 5, "b2": 4}
    for old, new in zip(before, network.W + network.b, strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("argument", [{"step": 0.0}, {"step": np.nan}, {"entries": 0}])
def test_settings_of_the_check_out_of_range_are_named(argument):
    (name,) = argument
    with pytest.raises(ValueError, match=f"gradient_check: {name} must be .* not {argument[name]}"):
        MLP((3, 4)).gradient_check(*batch("linear"), **argument)


# --- training


def test_training_repeats_for_the_same_seed_and_returns_the_loss_of_each_epoch():
    a, target = batch("softmax", n=40)
    histories, networks = [], []
    for seed in (0, 0, 1):
        network = MLP((3, 8, 4), output="softmax")
        untrained = network.loss(a, target)
        histories.append(network.train(a, target, epochs=5, batch_size=16, rng=seed))
        networks.append(network)
        assert histories[-1].shape == (6,)
        assert histories[-1][0] == untrained
        assert histories[-1][-1] == network.loss(a, target)
    np.testing.assert_array_equal(histories[0], histories[1])
    assert (histories[0][1:] != histories[2][1:]).all()


def test_full_batches_with_a_small_learning_rate_never_raise_the_loss():
    a, target = batch("linear", n=30)
    history = MLP((3, 8, 4)).train(a, target, learning_rate=0.02, epochs=50, batch_size=30)
    assert (np.diff(history) < 0).all()


@pytest.mark.filterwarnings("error")
def test_divergence_ends_training_without_a_warning():
    a, target = batch("linear", n=30)
    history = MLP((3, 8, 4), "relu").train(a, target, learning_rate=1e6, epochs=50)
    assert len(history) < 51
    assert np.isfinite(history[:-1]).all()
    assert not np.isfinite(history[-1])


@pytest.mark.parametrize(
    "argument",
    [
        {"learning_rate": 0},
        {"learning_rate": np.inf},
        {"epochs": -1},
        {"batch_size": 0},
        {"momentum": 1.0},
    ],
)
def test_training_settings_out_of_range_are_named(argument):
    (name,) = argument
    with pytest.raises(ValueError, match=f"MLP.train: {name} must be .*, not {argument[name]}"):
        MLP((3, 4)).train(*batch("linear"), **argument)


# --- bad input


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"sizes": (3,)}, ValueError, r"at least two positive integers.*\(3,\)"),
        ({"sizes": (3, 0, 1)}, ValueError, r"\(3, 0, 1\)"),
        ({"sizes": (3, 2.5)}, TypeError, r"\(3, 2.5\)"),
        ({"sizes": 3}, TypeError, "not 3"),
        ({"output": "tanh"}, ValueError, "output must be one of linear, sigmoid, softmax"),
        ({"initialisation": "magic"}, ValueError, "lecun, glorot, he, not 'magic'"),
        ({"dtype": "float16"}, ValueError, "float32, float64, not 'float16'"),
        ({"activation": "rellu"}, KeyError, "relu"),
        ({"activation": np.tanh}, TypeError, "method derivative"),
        ({"sizes": (3, 2, 2), "activation": "softmax"}, ValueError, "element by element"),
        (
            {"sizes": (3, 2, 2), "activation": ["relu", "tanh"]},
            ValueError,
            "each of 1 hidden.*not 2",
        ),
    ],
)
def test_a_network_that_cannot_be_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        MLP(**{"sizes": (3, 2)} | arguments)


@pytest.mark.parametrize(
    ("a", "message"),
    [
        (np.zeros(3), r"shape \(n, 3\).*not \(3,\)"),
        (np.zeros((2, 4)), r"not \(2, 4\)"),
        (np.zeros((0, 3)), r"n at least 1.*not \(0, 3\)"),
        ([[0, np.nan, 0]], r"a\[0, 1\] is nan"),
        ([["a", "b", "c"]], "real numbers"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(a, message):
    with pytest.raises(ValueError, match=message):
        MLP((3, 2)).forward(a)


def test_a_number_too_large_for_float32_is_refused():
    with pytest.raises(ValueError, match=r"a\[0, 0\] is inf"):
        MLP((1, 1), dtype="float32").forward([[1e300]])


@pytest.mark.parametrize(
    ("output", "target", "message"),
    [
        ("linear", np.zeros((2, 3)), r"shape \(2, 2\), not \(2, 3\)"),
        ("linear", np.zeros(2), r"shape \(2, 2\), not \(2,\)"),
        ("linear", [[0, 0], [np.inf, 0]], r"target\[1, 0\] is inf"),
        ("sigmoid", [[0, 1], [0, 2]], r"lie in \[0, 1\].*not 2"),
        ("softmax", [0, 2], r"classes 0 to 1, not 2 \(row 1\)"),
        ("softmax", [0, -1], "not -1"),
        ("softmax", [0, 0.5], "not 0.5"),
        ("softmax", [0, np.nan], r"target\[1\] is nan"),
        ("softmax", [[0.5, 0.5], [0.5, 0.6]], "row 1 adds up to 1.1"),
        ("softmax", [0, 1, 1], r"or classes of shape \(2,\), not \(3,\)"),
    ],
)
@pytest.mark.parametrize("method", ["loss", "backward", "train", "gradient_check"])
def test_targets_that_do_not_fit_are_refused(method, output, target, message):
    network = MLP((3, 2), output=output)
    with pytest.raises(ValueError, match=message):
        getattr(network, method)(np.zeros((2, 3)), target)
