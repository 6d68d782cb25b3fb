"""`actfun.probes`: networks whose figures are known, gradients by hand, and bad input."""

import numpy as np
import pandas as pd
import pytest

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")
from keras import layers as kl  # noqa: E402

import actfun  # noqa: E402
from actfun import benchmark_probes, layers, probes  # noqa: E402
from actfun.probes import Probe, activity, dead_units, gradients  # noqa: E402

# Keras turns a TensorFlow variable into an array without the argument NumPy 2 asks for.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

X = np.array([[-2.0], [-1.0], [0.0], [1.0], [2.0]], np.float32)
# Five units on X: always on, on for half, on for the last example alone, never, exactly never.
BIASES = np.array([3.0, 0.0, -1.5, -4.0, -2.0], np.float32)


def line_of_units(activation):
    """A network whose units all have weight 1, and the biases above."""
    if isinstance(activation, str):
        hidden = [kl.Dense(5, activation, name="hidden")]
    else:  # as a layer of its own
        hidden = [kl.Dense(5, name="before"), activation]
    model = keras.Sequential([keras.Input((1,)), *hidden, kl.Dense(1)])
    model.layers[0].set_weights([np.ones((1, 5), np.float32), BIASES])
    return model


# --- activations


@pytest.mark.parametrize(
    "activation", ["relu", kl.ReLU, lambda: kl.Activation("relu")], ids=["name", "layer", "both"]
)
def test_dead_units_made_by_hand(activation):
    model = line_of_units(activation if isinstance(activation, str) else activation())
    z = X + BIASES
    table = activity(model, X, near=0.3)
    assert len(table) == 1
    row = table.iloc[0]
    y = np.maximum(z, 0)
    assert row["activation"] == "relu" and row["units"] == 5
    np.testing.assert_allclose(row["mean"], y.mean(), rtol=1e-6)
    np.testing.assert_allclose(row["variance"], y.var(), rtol=1e-6)
    assert row["zeros"] == pytest.approx(np.mean(y == 0))
    assert row["saturated"] == pytest.approx(np.mean(z <= 0))
    assert (row["dead"], row["near_dead"], row["linear"]) == pytest.approx((0.4, 0.2, 0.2))
    units = dead_units(model, X, near=0.3)
    np.testing.assert_allclose(units["active"], [1, 0.4, 0.2, 0, 0], rtol=1e-6)
    assert list(units["state"]) == ["linear", "alive", "near-dead", "dead", "dead"]


def test_a_leaky_unit_that_is_pushed_out_is_linear_not_dead():
    some = kl.PReLU(alpha_initializer=keras.initializers.Constant(0.1))
    for leaky in (layers.get("leaky_relu"), some):
        # the last unit reaches 0 exactly, where Keras's PReLU has slope 0: leave it out
        units = dead_units(line_of_units(leaky), X)[:4]
        assert list(units["state"]) == ["linear", "alive", "alive", "linear"]
        assert (units["active"] == 1).mean() >= 0.75
    # a PReLU whose slopes have become 0 is a ReLU, and its units can be dead
    units = dead_units(line_of_units(kl.PReLU(alpha_initializer="zeros")), X)
    assert (units["state"] == "dead").sum() == 2


def test_elu_units_have_no_exact_zero_and_are_never_dead_nearby():
    table = activity(line_of_units("elu"), X).iloc[0]
    assert table["dead"] == 0 and table["zeros"] == pytest.approx(2 / 25)  # two of z are 0


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "gelu", "silu", "softplus", "selu"])
def test_saturation_follows_the_catalogue(name):
    f = actfun.get(name)
    x = np.linspace(-9, 9, 400, dtype=np.float32).reshape(-1, 1)
    model = keras.Sequential([keras.Input((1,)), kl.Dense(1, f.keras.split(".")[-1])])
    model.set_weights([np.ones((1, 1)), np.zeros(1)])
    for share in (0.01, 0.3):
        expected = np.mean(np.abs(f.derivative(x.astype(float))) < share * f.lipschitz)
        found = activity(model, x, saturated=share).iloc[0]
        assert found["saturated"] == pytest.approx(expected, abs=1 / 400)
        assert found["activation"] == name


def test_a_function_outside_the_catalogue_has_its_slope_measured():
    def steep(z):
        return tf.tanh(5 * z)

    x = np.linspace(-2, 2, 401, dtype=np.float32).reshape(-1, 1)
    model = keras.Sequential([keras.Input((1,)), kl.Dense(1, steep)])
    model.set_weights([np.ones((1, 1)), np.zeros(1)])
    row = activity(model, x, saturated=0.1).iloc[0]
    assert row["activation"] == "steep"
    expected = np.mean(1 - np.tanh(5 * x.astype(float)) ** 2 < 0.1)
    assert row["saturated"] == pytest.approx(expected, abs=1 / 400)


def test_every_kind_of_activation_is_found_in_order():
    shared = kl.Dense(4, "tanh", name="shared")
    inner = keras.Sequential([keras.Input((4,)), kl.Dense(4, "sigmoid", name="in")], name="inner")
    inputs = keras.Input((6, 6, 2))
    h = kl.Conv2D(3, 3, activation=layers.get("prelu"), name="conv")(inputs)
    h = kl.BatchNormalization()(h)
    h = layers.Swish(shared_axes="all", name="swish")(h)
    h = kl.Dropout(0.5)(kl.Flatten()(h))
    h = kl.Dense(4, activation=kl.LeakyReLU(negative_slope=0.1), name="leaky")(h)
    h = keras.ops.relu(shared(inner(shared(h))))
    model = keras.Model(inputs, kl.Dense(3, "softmax")(h))
    x = np.random.default_rng(0).normal(size=(8, 6, 6, 2)).astype("float32")
    table = activity(model, x)
    assert list(table["layer"])[:5] == ["conv", "swish", "leaky", "shared", "inner/in"]
    assert list(table["activation"]) == ["prelu", "swish", "leaky_relu", "tanh", "sigmoid", "relu"]
    assert list(table["units"]) == [3, 3, 4, 4, 4, 4]
    # the model is as before: same outputs, nothing left in it
    assert model.get_layer("shared").activation is keras.activations.tanh
    assert "call" not in vars(model.get_layer("swish"))
    conv = keras.Model(inputs, model.get_layer("conv").output)(x).numpy()
    assert table["mean"][0] == pytest.approx(conv.mean(), rel=1e-5)
    assert table["variance"][0] == pytest.approx(conv.var(), rel=1e-5)


def test_recurrent_states_and_gates():
    x = np.random.default_rng(0).normal(size=(7, 5, 3)).astype("float32")
    simple = kl.SimpleRNN(4, return_sequences=True, name="simple")
    model = keras.Sequential([keras.Input((None, 3)), simple, kl.LSTM(6, name="lstm"), kl.Dense(1)])
    states = keras.ops.convert_to_numpy(simple(x))
    table = activity(model, x).set_index("layer")
    assert table.loc["simple", "mean"] == pytest.approx(states.mean(), abs=1e-6)
    assert table.loc["simple", "variance"] == pytest.approx(states.var(), rel=1e-5)
    gates = [f"lstm ({gate} gate)" for gate in ("input", "forget", "output")]
    assert set(table.index) == {"simple", "lstm (candidate)", "lstm (output)", *gates}
    # Keras starts the forget gate's bias at 1, the others' at 0
    means = table.loc[gates, "mean"]
    assert means.iloc[1] > 0.65 > 0.6 > max(means.iloc[0], means.iloc[2])
    assert not simple.unroll


def test_large_data_in_parts_give_the_same_figures(monkeypatch):
    model = line_of_units("tanh")
    x = np.random.default_rng(1).normal(size=(50, 1)).astype("float32")
    whole = activity(model, x)
    monkeypatch.setattr(probes, "CHUNK", 7)
    pd.testing.assert_frame_equal(whole, activity(model, x), rtol=1e-5)
    pd.testing.assert_frame_equal(
        whole, activity(model, np.concatenate([x, x])), rtol=1e-5
    )  # compiled from eight parts on


def test_cause_of_death():
    model = line_of_units("relu")
    before = dead_units(model, X)
    model.layers[0].set_weights([np.ones((1, 5)), np.array([-3.0, 0, 0, 0, -9])])
    after = dead_units(model, X, at_birth=before)
    assert list(after["cause"]) == ["during training", "", "", "", "at birth"]


# --- gradients


def dense_model(activation="tanh", **first):
    keras.utils.set_random_seed(3)
    return keras.Sequential(
        [keras.Input((3,)), kl.Dense(4, activation, name="one", **first), kl.Dense(2, name="two")]
    )


def test_gradients_against_the_tape():
    model = dense_model(kernel_regularizer="l2")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 3)).astype("float32"), rng.integers(0, 2, 6)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    kernels = [layer.kernel for layer in model.layers]
    expected = []
    for start in (0, 3):
        with tf.GradientTape() as tape:
            value = loss(y[start : start + 3], model(x[start : start + 3])) + sum(model.losses)
        found = [g.numpy() for g in tape.gradient(value, [k.value for k in kernels])]
        rows = []
        for g in found:
            positive, negative = (g > 0).sum(axis=0), (g < 0).sum(axis=0)
            share = np.maximum(positive, negative) / (positive + negative)
            rows.append([np.sqrt((g**2).sum()), share.mean()])
        expected.append(rows)
    norm, bias = np.mean(expected, axis=0).T
    table = gradients(model, x, y, loss, batch_size=3)
    assert list(table["layer"]) == ["one", "two"]
    np.testing.assert_allclose(table["gradient_norm"], norm, rtol=1e-5)
    np.testing.assert_allclose(table["sign_bias"], bias, rtol=1e-6)
    weights = [np.linalg.norm(keras.ops.convert_to_numpy(k)) for k in kernels]
    np.testing.assert_allclose(table["weight_norm"], weights, rtol=1e-5)
    assert (table["no_gradient"] == 0).all()


def test_sign_bias_is_one_on_a_single_example_of_positive_inputs_only():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0.1, 1, size=(20, 3)), rng.normal(size=(20, 2))
    one = gradients(dense_model(), x, y, "mse", batch_size=1).set_index("layer")
    assert one.loc["one", "sign_bias"] == 1
    signed = gradients(dense_model(), x - 0.5, y, "mse", batch_size=1).set_index("layer")
    assert signed.loc["one", "sign_bias"] < 0.9


def test_dead_units_have_no_gradient():
    model = line_of_units("relu")
    table = gradients(model, X, np.ones((5, 1)), "mse").set_index("layer")
    assert table.loc["hidden", "no_gradient"] == pytest.approx(0.4)
    model.layers[0].set_weights([np.ones((1, 5)), np.full(5, -9.0)])
    table = gradients(model, X, np.ones((5, 1)), "mse").set_index("layer")
    assert table.loc["hidden", "gradient_norm"] == 0
    assert np.isnan(table.loc["hidden", "sign_bias"])


def test_gradients_leave_no_trace():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((3,)), kl.Dense(4), kl.BatchNormalization(), kl.Dropout(0.5), kl.Dense(1)]
    )
    before = [np.array(keras.ops.convert_to_numpy(v)) for v in model.variables]
    x = np.random.default_rng(0).normal(size=(9, 3))
    first = gradients(model, x, x[:, :1], "mse")
    pd.testing.assert_frame_equal(first, gradients(model, x, x[:, :1], "mse"))
    for old, new in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, keras.ops.convert_to_numpy(new))


# --- the callback


def noisy_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((3,)), kl.Dense(4, "relu", name="a"), kl.BatchNormalization(),
         kl.Dropout(0.5), kl.Dense(1, name="b")]
    )  # fmt: skip
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return model


def test_probe_records_and_does_not_disturb():
    x = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
    y = x[:, :1] * x[:, 1:2]
    plain, probed = noisy_model(), noisy_model()
    fit = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}
    plain.fit(x, y, **fit)
    with pytest.raises(ValueError, match="nothing is recorded"):
        _ = Probe(x, y).activity
    start = noisy_model()
    probe = Probe(x, y, every=4)
    probed.fit(x, y, callbacks=[probe], **fit)
    for one, two in zip(plain.get_weights(), probed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    # the first record is the fresh network, the last the trained one
    assert list(probe.activity["step"]) == [0, 4, 8, 10]
    for step, model in ((0, start), (10, probed)):
        found = probe.activity[probe.activity["step"] == step]
        found = found.drop(columns="step").reset_index(drop=True)
        pd.testing.assert_frame_equal(found, activity(model, x), rtol=1e-4)
    assert list(probe.gradients["step"].unique()) == [0, 4, 8]
    assert len(probe.units) == 4 * 4 and "cause" in probe.dead_units
    first = probe.gradients.iloc[0]
    assert first["layer"] == "a" and first["gradient_to_weight"] == pytest.approx(
        first["gradient_norm"] / first["weight_norm"]
    )
    probed.fit(x, y, callbacks=[probe], **fit)
    assert list(probe.activity["step"]) == [0, 4, 8, 10, 12, 16, 20]
    with pytest.raises(ValueError, match="a new one for each model"):
        noisy_model().fit(x, y, callbacks=[probe], **fit)


def test_update_to_weight_is_learning_rate_times_gradient_for_plain_descent():
    model = dense_model()
    model.compile(keras.optimizers.SGD(0.01), "mse")
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    probe = Probe(x, x[:, :2], every=1)
    model.fit(x, x[:, :2], batch_size=8, epochs=2, verbose=0, callbacks=[probe])
    table = probe.gradients
    np.testing.assert_allclose(
        table["update_to_weight"], 0.01 * table["gradient_to_weight"], rtol=1e-3
    )


def test_probe_counts_deaths_during_training():
    model, x = line_of_units("relu"), X + 3
    model.compile(keras.optimizers.SGD(100.0), "mse")
    probe = Probe(x, every=1)
    with pytest.raises(ValueError, match="without y"):
        _ = probe.gradients
    model.set_weights([np.ones((1, 5)), BIASES - 3, np.ones((5, 1)), np.zeros(1)])
    model.fit(x, np.full((5, 1), -1.0), batch_size=5, epochs=1, verbose=0, callbacks=[probe])
    # outputs are too large and inputs positive: the step of 100 drives weights and biases down
    assert list(probe.dead_units["cause"]) == ["during training"] * 3 + ["at birth"] * 2
    assert list(probe.activity["dead"]) == pytest.approx([0.4, 1.0])


# --- bad input


def linear_model():
    return keras.Sequential([keras.Input((3,)), kl.Dense(2), kl.Dense(2, "softmax")])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda m: activity("net", X), TypeError, "must be a keras.Model, got str"),
        (lambda m: activity(keras.Sequential([kl.Dense(2, "relu")]), X), ValueError, "not built"),
        (lambda m: activity(linear_model(), np.ones((2, 3))), ValueError, "no activations"),
        (lambda m: activity(m, np.ones((2, 4))), ValueError, r"shape \(2, 4\), expected .*, 3\)"),
        (lambda m: activity(m, np.ones((2, 3, 3))), ValueError, r"shape \(2, 3, 3\)"),
        (lambda m: activity(m, np.ones((0, 3))), ValueError, "x is empty"),
        (lambda m: activity(m, [[1.0, np.nan, 2.0]]), ValueError, "not finite"),
        (lambda m: activity(m, [["a", "b", "c"]]), TypeError, "real numbers"),
        (lambda m: activity(m, 3.0), ValueError, "scalar 3.0"),
        (lambda m: activity(m, np.ones((2, 3)), saturated=2), ValueError, "saturated must be"),
        (lambda m: dead_units(m, np.ones((2, 3)), near=-1), ValueError, "near must be"),
        (lambda m: dead_units(m, np.ones((2, 3)), at_birth=[1]), ValueError, "4 units of one"),
        (lambda m: gradients(m, np.ones((2, 3))), ValueError, "need a loss"),
        (lambda m: gradients(m, np.ones((2, 3)), loss="mse"), ValueError, "need y"),
        (lambda m: gradients(m, np.ones((2, 3)), np.ones((3, 2)), "mse"), ValueError, "3 examples"),
        (lambda m: gradients(m, np.ones((2, 3)), np.ones((2, 2)), ["mse"]), TypeError, "one loss"),
        (
            lambda m: gradients(m, np.ones((2, 3)), np.ones((2, 2)), "mse", batch_size=0),
            ValueError,
            "batch_size must be an integer of at least 1, got 0",
        ),
        (lambda m: Probe(X, every=0), ValueError, "every must be"),
        (lambda m: Probe(X, near="all"), ValueError, "near must be a share"),
        (lambda m: benchmark_probes.build("flat"), ValueError, "got 'flat'"),
    ],
)
def test_errors_say_what_is_wrong(call, error, words):
    with pytest.raises(error, match=words):
        call(dense_model())


def test_a_diverged_network_is_reported_and_restored():
    model = dense_model()
    model.layers[0].kernel.assign(np.full((3, 4), np.inf))
    model.layers[0].activation = relu = keras.activations.relu
    with pytest.raises(ValueError, match="activations of one are not finite"):
        activity(model, np.ones((2, 3)))
    with pytest.raises(ValueError, match="gradient or the weights of one"):
        gradients(model, np.ones((2, 3)), np.ones((2, 2)), "mse")
    assert model.layers[0].activation is relu


class Own(keras.Model):
    """A model by subclassing, whose call knows nothing of training."""

    def __init__(self):
        super().__init__()
        self.hidden, self.out = kl.Dense(4, "relu", name="hidden"), kl.Dense(1, name="out")

    def call(self, x):
        """Return the output."""
        return self.out(self.hidden(x))


def test_a_subclassed_model():
    model, x = Own(), np.ones((3, 2), np.float32)
    with pytest.raises(ValueError, match="not built"):
        activity(model, x)
    model(x)
    assert list(activity(model, x)["layer"]) == ["hidden"]
    model.hidden.kernel.assign(np.zeros((2, 4)))
    table = gradients(model, x, x[:, :1], "mse").set_index("layer")
    assert list(table.index) == ["hidden", "out"]
    assert (table["gradient_to_weight"] == 0).all()  # 0 / 0 of a kernel of zeros is 0


def test_a_model_without_kernels_has_no_gradients():
    model = keras.Sequential([keras.Input((3,)), kl.PReLU()])
    with pytest.raises(ValueError, match="no trainable kernel"):
        gradients(model, np.ones((2, 3)), np.ones((2, 3)), "mse")


def test_benchmark_reports_and_checks(monkeypatch, capsys):
    monkeypatch.setattr(
        benchmark_probes, "overhead", lambda network, **_: {"whole": 1.1, "running": 1.3}
    )
    assert benchmark_probes.main(["--networks", "dense"]) == 0
    assert benchmark_probes.main(["--networks", "dense", "--check"]) == 1
    assert "1.30" in capsys.readouterr().out
    for network in benchmark_probes.NETWORKS:
        model, shape = benchmark_probes.build(network)
        assert len(activity(model, np.ones((2, *shape)))) >= 2
