"""The ensemble trains what Keras trains, one run at a time, and refuses what it cannot train."""

import dataclasses
import functools

import keras
import numpy as np
import pandas as pd
import pytest

from actfun import datasets, ensemble, layers
from actfun.ensemble import batch_order, train

BATCH = 32
EPOCHS = 2
ACTIVATIONS = {  # by name, or a function of no arguments that makes a layer
    "swish with learned beta": layers.Swish,
    "PReLU": lambda: layers.get("prelu"),
    "parametric ELU with constraint": lambda: layers.ParametricELU(alpha_initializer=0.1),
}


def take(data, rows=100):
    """Return a small part of a data set; 100 rows leave a last batch of 4."""
    parts = {
        f"{kind}_{part}": getattr(data, f"{kind}_{part}")[: rows if part == "train" else 40]
        for kind in "xy"
        for part in ("train", "validation", "test")
    }
    return dataclasses.replace(data, **parts)


DIGITS = take(datasets.load("digits"))
DIABETES = take(datasets.load("diabetes"))


def dense(data, *hidden, activation="tanh", regularizer=None):
    """Return a network; an element of `hidden` is a number of units or makes a layer."""
    stack = [keras.Input(data.input_shape)]
    for part in hidden:
        if isinstance(part, int):
            stack.append(
                keras.layers.Dense(part, activation=activation, kernel_regularizer=regularizer)
            )
        else:
            stack.append(part())
    return keras.Sequential([*stack, keras.layers.Dense(data.outputs)])


def score(model, loss, x, y):
    """Return the loss and, for classes, the accuracy, by one call of the model."""
    outputs = model(x, training=False)
    value = float(loss(y, outputs)) + sum(float(v) for v in model.losses)
    if outputs.shape[-1] == 1:
        return [value]
    return [value, np.mean(np.argmax(outputs.numpy(), axis=-1) == y)]


def one_at_a_time(build, data, seed, rate, optimizer, settings):
    """Train by model.fit; return the model, its losses by epoch, and its test figures."""
    keras.utils.set_random_seed(seed)
    model = build()
    loss = keras.losses.MeanSquaredError()
    if data.task == "classes":
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        optimizer = optimizer(learning_rate=rate, **settings)
    model.compile(optimizer, loss)
    losses = []
    for order in batch_order(seed, len(data.x_train), EPOCHS):
        x, y = data.x_train[order], data.y_train[order]
        history = model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0).history
        validation = score(model, loss, data.x_validation, data.y_validation)
        losses.append([history["loss"][0], validation[0]])
    return model, losses, score(model, loss, data.x_test, data.y_test)


def agrees_with_keras(build, data, optimizer="adam", rate=1e-2, stacked=None, weights=2e-5):
    """Train two seeds and another rate at once, and the second seed by Keras, and compare."""
    cls, _ = ensemble.OPTIMIZERS[optimizer if isinstance(optimizer, str) else optimizer["name"]]
    settings = {} if isinstance(optimizer, str) else {**optimizer}
    if settings.pop("name", optimizer) == "momentum":
        settings = {"momentum": 0.9, **settings}
    runs = train(
        build,
        data,
        seeds=(0, 1),
        learning_rates=(1e-3, rate),
        optimizer=optimizer,
        epochs=EPOCHS,
        batch_size=BATCH,
        stacked=stacked,
    )
    row = 3
    assert (runs.table.seed[row], runs.table.learning_rate[row]) == (1, rate)
    model, losses, scores = one_at_a_time(build, data, 1, rate, cls, settings)
    ours = runs.model(row)
    for a, b in zip(ours.variables, model.variables, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=weights)
    course = runs.history.query("seed == 1 and learning_rate == @rate")
    np.testing.assert_allclose(course[["train_loss", "validation_loss"]], losses, rtol=1e-4)
    figures = ["test_loss", "test_accuracy"][: len(scores)]
    np.testing.assert_allclose(runs.table.loc[row, figures].astype(float), scores, rtol=1e-4)
    return runs


@pytest.mark.parametrize(
    "optimizer",
    [
        *ensemble.OPTIMIZERS,
        {"name": "momentum", "momentum": 0.5, "nesterov": True},
        {"name": "adamw", "weight_decay": 0.1, "beta_1": 0.8},
    ],
    ids=str,
)
def test_every_optimiser_equals_keras(optimizer):
    agrees_with_keras(functools.partial(dense, DIGITS, 12, 8), DIGITS, optimizer)


STEPS = EPOCHS * 4  # 100 rows in batches of 32
KERAS_SCHEDULES = {
    "step": keras.optimizers.schedules.PiecewiseConstantDecay(
        [STEPS // 2 - 1, STEPS * 3 // 4 - 1], [0.01, 0.001, 0.0001]
    ),
    "cosine": keras.optimizers.schedules.CosineDecay(0.01, STEPS),
}


@pytest.mark.parametrize("schedule", KERAS_SCHEDULES)
def test_schedules_equal_keras(schedule):
    build = functools.partial(dense, DIGITS, 8)
    settings = {"epochs": EPOCHS, "batch_size": BATCH, "learning_rates": [0.01]}
    runs = train(build, DIGITS, seeds=[1], optimizer="adamw", schedule=schedule, **settings)
    optimizer = keras.optimizers.AdamW(KERAS_SCHEDULES[schedule])
    _, losses, _ = one_at_a_time(build, DIGITS, 1, None, optimizer, {})
    course = runs.history[["train_loss", "validation_loss"]]
    np.testing.assert_allclose(course, losses, rtol=1e-4)


def test_warm_up_rises_to_the_full_rate_and_cosine_falls_after_it():
    progress = np.linspace(0, 1, 101)[:-1]
    rising, then = (ensemble.SCHEDULES[f"warm-up{more}"](progress) for more in ("", " cosine"))
    np.testing.assert_allclose(rising[:10], np.arange(10) / 10, atol=1e-12)
    assert (rising[10:] == 1).all()
    np.testing.assert_array_equal(then[:10], rising[:10])
    keras_cosine = keras.optimizers.schedules.CosineDecay(1.0, 90)
    np.testing.assert_allclose(then[10:], [keras_cosine(k) for k in range(90)], atol=1e-6)


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("linear", "schedule must be one of step, cosine"),
        (lambda progress: progress[1:], "must return 8 finite factors"),
        (lambda progress: progress - 1, "not negative"),
    ],
)
def test_a_schedule_that_is_none_is_refused(schedule, message):
    with pytest.raises(ValueError, match=message):
        train(small, DIGITS, seeds=[0], schedule=schedule, epochs=2, batch_size=BATCH)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_learned_activations_equal_keras(activation):
    build = functools.partial(dense, DIGITS, 8, ACTIVATIONS[activation], activation=None)
    runs = agrees_with_keras(build, DIGITS)
    if "constraint" in activation:
        assert all(runs.model(row).layers[1].alpha.numpy().min() >= 0.1 for row in range(4))


def test_regression_with_penalty_equals_keras():
    build = functools.partial(dense, DIABETES, 8, regularizer=keras.regularizers.L2(0.01))
    runs = agrees_with_keras(build, DIABETES)
    assert not any("accuracy" in column for column in [*runs.table, *runs.history])


def test_normalisation_equals_keras():
    parts = (keras.layers.BatchNormalization, 8, keras.layers.LayerNormalization)
    build = functools.partial(dense, DIGITS, 8, *parts)
    # A bias before a batch normalisation has gradient 0 but for rounding, which Adam blows up.
    agrees_with_keras(build, DIGITS, "sgd")


@pytest.mark.parametrize("stacked", [False, True])
def test_convolution_equals_keras(stacked):
    data = take(datasets.load("digits_images"))

    def build():
        return dense(
            data,
            lambda: keras.layers.Conv2D(3, 3, padding="same", activation="relu"),
            keras.layers.MaxPooling2D,
            keras.layers.Flatten,
        )

    agrees_with_keras(build, data, stacked=stacked)


@pytest.mark.parametrize(
    ("cell", "stacked"), [("SimpleRNN", True), ("LSTM", False), ("GRU", False)]
)
def test_recurrent_networks_equal_keras(cell, stacked):
    data = take(datasets.load("digits_rows"))
    layer = functools.partial(getattr(keras.layers, cell), 5, unroll=True)
    agrees_with_keras(functools.partial(dense, data, layer), data, stacked=stacked)


def test_random_layers_draw_as_in_keras():
    parts = (lambda: keras.layers.Dropout(0.4), 8, layers.RReLU)
    agrees_with_keras(functools.partial(dense, DIGITS, 12, *parts), DIGITS)


def small(data=DIGITS):
    return dense(data, 4)


def test_one_stack_or_several_and_alone_or_beside_others_make_no_difference(monkeypatch):
    settings = {"epochs": 2, "learning_rates": (1e-3, 1e-2)}
    together = train(small, DIGITS, seeds=range(3), **settings)
    again = train(small, DIGITS, seeds=range(3), **settings)
    pd.testing.assert_frame_equal(together.table, again.table, check_exact=True)
    pd.testing.assert_frame_equal(together.history, again.history, check_exact=True)
    size = ensemble._bytes_a_run(small(), BATCH)
    monkeypatch.setattr(ensemble, "MEMORY", 4.5 * size)  # 6 runs: 2 stacks of 3
    parts = train(small, DIGITS, seeds=range(3), **settings)
    monkeypatch.setattr(ensemble, "MEMORY", 1.5 * size)
    alone = train(small, DIGITS, seeds=[2], learning_rates=(1e-2,), epochs=2)
    pd.testing.assert_frame_equal(together.table, parts.table, rtol=1e-5)
    pd.testing.assert_frame_equal(together.history, parts.history, rtol=1e-5)
    pd.testing.assert_frame_equal(
        together.table.tail(1).reset_index(drop=True), alone.table, rtol=1e-5
    )


def test_a_stack_that_is_not_full_is_filled_and_cut(monkeypatch):
    whole = train(small, DIGITS, seeds=range(5), epochs=1)
    monkeypatch.setattr(ensemble, "MEMORY", 3.5 * ensemble._bytes_a_run(small(), BATCH))
    parts = train(small, DIGITS, seeds=range(5), epochs=1)  # 3 and 2
    pd.testing.assert_frame_equal(whole.table, parts.table, rtol=1e-5)
    for row in (0, 4):
        for a, b in zip(whole.model(row).variables, parts.model(row).variables, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-6)


@pytest.mark.parametrize("stacked", [True, False])
def test_a_run_that_diverges_is_recorded_and_harms_no_other(stacked):
    def build():
        return dense(DIABETES, 8, activation="relu")

    settings = {"optimizer": "sgd", "epochs": 3, "stacked": stacked}
    runs = train(build, DIABETES, seeds=[0], learning_rates=(1e-2, 1e4), **settings)
    calm = train(build, DIABETES, seeds=[0], learning_rates=(1e-2,), **settings)
    assert runs.table.status.tolist() == ["ok", "diverged"]
    figures = [c for c in runs.table if c.endswith("loss")]
    assert all(runs.table.loc[1, figures].isna())
    assert not any(isinstance(v, float) and np.isnan(v) for v in runs.table.loc[1, figures])
    assert np.isfinite(runs.history[["train_loss", "validation_loss"]]).all(axis=None)
    assert len(runs.history.query("learning_rate == 1e4")) < 3
    pd.testing.assert_frame_equal(runs.table.head(1), calm.table, rtol=1e-5)
    assert not all(np.isfinite(v.numpy()).all() for v in runs.model(1).variables)


def test_batch_order_is_a_permutation_each_epoch_and_depends_on_the_seed():
    order = batch_order(3, rows=50, epochs=4)
    assert np.array_equal(np.sort(order), np.tile(np.arange(50), (4, 1)))
    assert not np.array_equal(order[0], order[1])
    assert not np.array_equal(order, batch_order(4, rows=50, epochs=4))


def test_a_batch_larger_than_the_data_is_the_whole_data():
    runs = train(small, DIGITS, seeds=[0], epochs=1, batch_size=10_000)
    same = train(small, DIGITS, seeds=[0], epochs=1, batch_size=len(DIGITS.x_train))
    pd.testing.assert_frame_equal(runs.table, same.table)


def test_progress_bar_counts_epochs(capsys):
    train(small, DIGITS, seeds=[0], epochs=2, progress=True)
    assert "2/2" in capsys.readouterr().err
    train(small, DIGITS, seeds=[0], epochs=1)
    assert not capsys.readouterr().err  # not on a terminal


def changing():
    """Return a network of another width at each call."""
    changing.units += 1
    return dense(DIGITS, changing.units)


changing.units = 1


@pytest.mark.parametrize(
    ("error", "message", "arguments"),
    [
        (ValueError, r"seeds must be different ones, at least one, not \[\]", {"seeds": []}),
        (ValueError, "seeds must be different", {"seeds": [1, 1]}),
        (ValueError, "seeds must lie from 0", {"seeds": [-1]}),
        (TypeError, "seeds must be integers", {"seeds": [0.5]}),
        (TypeError, "seeds must be integers", {"seeds": 3}),
        (ValueError, "learning_rates must be different", {"learning_rates": ()}),
        (ValueError, "learning_rates must be different", {"learning_rates": (0.1, 0.1)}),
        (ValueError, "positive and finite, not .*-0.1", {"learning_rates": (-0.1,)}),
        (ValueError, "positive and finite", {"learning_rates": (np.inf,)}),
        (TypeError, "learning_rates must be numbers", {"learning_rates": 0.1}),
        (ValueError, "optimizer must be one of sgd, .*'adan'", {"optimizer": "adan"}),
        (ValueError, "optimizer must be one of", {"optimizer": {"rho": 0.5}}),
        (
            ValueError,
            "adam has no setting 'clipnorm'",
            {"optimizer": {"name": "adam", "clipnorm": 1}},
        ),
        (ValueError, "epochs must be at least 1, not 0", {"epochs": 0}),
        (TypeError, "epochs must be an integer", {"epochs": 1.5}),
        (ValueError, "batch_size must be at least 1", {"batch_size": 0}),
        (TypeError, "data must be an actfun.datasets.Data", {"data": np.ones((3, 64))}),
        (TypeError, "build must be a function", {"build": 3}),
        (TypeError, "must return a Keras model, not NoneType", {"build": lambda: None}),
        (ValueError, "has weights", {"build": lambda: keras.Sequential([keras.layers.Dense(10)])}),
        (ValueError, r"inputs of shape \(None, 10\)", {"build": lambda: small(DIABETES)}),
        (
            ValueError,
            r"outputs of shape \(None, 10\), but 'diabetes' \(regression\) needs \(None, 1\)",
            {"data": DIABETES, "build": lambda: keras.Sequential(
                [keras.Input((10,)), keras.layers.Dense(10)])},
        ),
        (
            ValueError,
            "ends with softmax, but the loss takes logits",
            {"build": lambda: keras.Sequential(
                [keras.Input((64,)), keras.layers.Dense(10, activation="softmax")])},
        ),
        (
            ValueError,
            "'dropout.*' draws random numbers .* cannot be stacked",
            {
                "stacked": True,
                "build": lambda: dense(DIGITS, lambda: keras.layers.Dropout(0.5)),
            },
        ),
        (ValueError, "same network each time", {"build": changing, "seeds": [0, 1]}),
    ],
)  # fmt: skip
def test_bad_input(error, message, arguments):
    arguments = {"build": small, "data": DIGITS, "epochs": 1, **arguments}
    with pytest.raises(error, match=message):
        train(arguments.pop("build"), arguments.pop("data"), **arguments)


@pytest.mark.parametrize("row", [-1, 1])
def test_a_row_that_does_not_exist(row):
    runs = train(small, DIGITS, seeds=[0], epochs=1)
    with pytest.raises(IndexError, match="row must lie from 0 to 0"):
        runs.model(row)
