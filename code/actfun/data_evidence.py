"""The frozen comparisons of the chapter on data and activation: python -m actfun.data_evidence.

Each experiment trains several activations (or networks) on several versions of a data set, as
`actfun.experiments` says: learning rates tuned with three seeds, then five or eight others.

=============  ==================================================================================
experiment     versions of the data
=============  ==================================================================================
positive       digits with pixels that are never negative, and centred ones
symmetric      features with a symmetric or a skewed distribution, an odd or an even target
sparse         counts that are mostly zero, and the same data rotated, with no zero left
outliers       a twentieth of the rows 10 times as large, or none
noise          digits with a third of the training labels drawn by chance, or none
nonlinearity   x for x > 0 and a x for x <= 0, from the identity (a = 1) to the modulus (a = -1)
series         the Mackey-Glass series; a wave on a trend that leaves the training range
recall         a symbol that was shown 3 or 12 steps ago
dropout        small images, a convolutional network with and without dropout, noise at test time
=============  ==================================================================================
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from actfun import datasets
from actfun.experiments import RATES, Evidence, Experiment

FEW = range(5)
NOISE_AT_TEST = 1.0  # standard deviation, in standard deviations of the pixels


def changed(data, name, function, **others):
    """Return the data under another name, with `function` applied to the features."""
    parts = ("x_train", "x_validation", "x_test")
    new = {part: np.asarray(function(getattr(data, part)), np.float32) for part in parts}
    return dataclasses.replace(data, name=name, **new, **others)


def split(name, task, x, y):
    """Return rows in their order as Data, 60:20:20, features and targets in training units."""
    a, b = int(0.6 * len(x)), int(0.8 * len(x))
    x = (x - x[:a].mean(axis=0)) / x[:a].std(axis=0)
    if task == "regression":
        y = ((y - y[:a].mean()) / y[:a].std())[:, None].astype(np.float32)
    x = x.astype(np.float32)
    return datasets.Data(name, task, x[:a], y[:a], x[a:b], y[a:b], x[b:], y[b:])


def positive():
    """Return digits with positive and with centred pixels; the unit is the same."""
    centred = datasets.load("digits", size=600)
    return {
        "positive": changed(centred, "positive", lambda x: x - centred.x_train.min()),
        "centred": centred,
    }


def symmetric():
    """Return regressions with symmetric or skewed features and an odd or even target."""

    def make(name, skewed, odd):
        rng = np.random.default_rng(0)
        x = rng.standard_normal((700, 6))
        if skewed:
            x = np.exp(0.75 * x)
        x = (x - x.mean(axis=0)) / x.std(axis=0)
        if odd:
            y = np.sin(2 * x[:, 0]) + x[:, 1] * np.abs(x[:, 2]) + x[:, 3]
        else:
            y = np.cos(2 * x[:, 0]) + np.abs(x[:, 1] * x[:, 2]) + np.abs(x[:, 3])
        return split(name, "regression", x, y + 0.1 * rng.standard_normal(len(x)))

    return {
        "symmetric, odd target": make("symmetric, odd target", False, True),
        "skewed, odd target": make("skewed, odd target", True, True),
        "symmetric, even target": make("symmetric, even target", False, False),
    }


def sparse():
    """Return counts of words in short texts, and the same rotated: distances stay, zeros go."""
    rng = np.random.default_rng(0)
    topics = rng.gamma(0.3, size=(5, 100))
    y = rng.integers(0, 5, 600).astype(np.int32)
    x = rng.poisson(3 * topics[y] / topics.sum(axis=1)[y, None])
    x = (x / x[:360].std()).astype(np.float32)  # a common unit, no centring: zeros stay zeros
    counts = datasets.Data(
        "sparse", "classes", x[:360], y[:360], x[360:480], y[360:480], x[480:], y[480:]
    )
    rotation, _ = np.linalg.qr(rng.standard_normal((100, 100)))
    return {"sparse": counts, "rotated": changed(counts, "rotated", lambda x: x @ rotation)}


def outliers():
    """Return a regression whose rows are well behaved, or now and then 10 times as large."""

    def make(name, share):
        rng = np.random.default_rng(0)
        x = rng.standard_normal((700, 6))
        y = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + np.abs(x[:, 3])
        x[rng.random(len(x)) < share] *= 10
        return split(name, "regression", x, y + 0.1 * rng.standard_normal(len(x)))

    return {"clean": make("clean", 0.0), "outliers": make("outliers", 0.05)}


def noise():
    """Return digits with wrong labels in a third of the training and validation rows, or none."""
    clean = datasets.load("digits", size=600)
    rng = np.random.default_rng(0)

    def wrong(labels):
        drawn = rng.integers(0, 10, len(labels), dtype=np.int32)
        return np.where(rng.random(len(labels)) < 1 / 3, drawn, labels).astype(np.int32)

    parts = {"y_train": wrong(clean.y_train), "y_validation": wrong(clean.y_validation)}
    return {"right labels": clean, "wrong labels": dataclasses.replace(clean, **parts)}


def nonlinearity():
    """Return a task that is nearly linear and one that is not at all."""
    return {
        "diabetes": datasets.load("diabetes"),
        "checkerboard": datasets.load("checkerboard", size=900),
    }


def series():
    """Return the Mackey-Glass series, and a wave on a trend; the past 12 values are the input."""
    t = np.arange(600)
    rng = np.random.default_rng(0)
    values = 0.01 * t + np.sin(2 * np.pi * t / 25) + 0.1 * rng.standard_normal(len(t))
    windows = np.lib.stride_tricks.sliding_window_view(values, 13)
    a = int(0.6 * len(windows))
    middle, unit = values[:a].mean(), values[:a].std()
    x, y = ((part - middle) / unit for part in (windows[:, :12], windows[:, 12:]))
    x, y, b = x[..., None].astype(np.float32), y.astype(np.float32), int(0.8 * len(windows))
    wave = datasets.Data("trend", "regression", x[:a], y[:a], x[a:b], y[a:b], x[b:], y[b:])
    chaos = datasets.load("mackey_glass", size=600)
    return {"Mackey-Glass": changed(chaos, "mackey_glass", lambda x: x[:, 12:]), "trend": wave}


def recall():
    """Return sequences whose first symbol has to be named after 3 or 12 more."""

    def make(distance):
        rng = np.random.default_rng(0)
        symbols = rng.integers(0, 4, (700, distance + 1))
        first = np.zeros((*symbols.shape, 1))
        first[:, 0] = 1
        x = np.concatenate([np.eye(4)[symbols], first], axis=2).astype(np.float32)
        y, a, b = symbols[:, 0].astype(np.int32), 420, 560
        return datasets.Data(
            f"recall {distance}", "classes", x[:a], y[:a], x[a:b], y[a:b], x[b:], y[b:]
        )

    return {f"{distance} steps": make(distance) for distance in (3, 12)}


def images():
    """Return small images of digits."""
    return {"digits": datasets.load("digits_images", size=500)}


def dense(activation, data, hidden=(32,)):
    """Return a small dense network; an activation may be the negative slope of a rectifier."""
    import keras

    from actfun import networks

    if isinstance(activation, str):
        return networks.dense(activation, data, hidden=hidden)
    stack = [keras.Input(data.input_shape)]
    for units in hidden:
        # Mean square of the output 1, as for the catalogue's functions.
        deviation = np.sqrt(2 / (1 + activation**2))
        stack += [
            keras.layers.Dense(
                units, kernel_initializer=keras.initializers.VarianceScaling(deviation**2)
            ),
            keras.layers.PReLU(
                alpha_initializer=keras.initializers.Constant(activation), trainable=False
            ),
        ]
    return keras.Sequential([*stack, keras.layers.Dense(data.outputs)])


def forecaster(choice, data):
    """Return the network of "MLP tanh", "RNN relu" and so on."""
    from actfun import networks

    kind, activation = choice.split()
    if kind == "MLP":
        return networks.dense(activation, data, hidden=(32,))
    return networks.recurrent(activation, data, "simple", units=16)


def cell(choice, data):
    """Return a recurrent network with tanh; `choice` is the cell."""
    from actfun import networks

    return networks.recurrent("tanh", data, choice, units=16)


def image_network(choice, data):
    """Return a convolutional network of "relu", "relu, dropout" and so on."""
    from actfun import networks

    activation, *dropout = choice.split(", ")
    rate = 0.4 if dropout else 0.0
    return networks.convolutional(activation, data, filters=(8, 16), units=32, dropout=rate)


def noisy_accuracy(runs, rows, data):
    """Return the test accuracy of runs with normal noise on every pixel, the same for all."""
    rng = np.random.default_rng(0)
    x = data.x_test + NOISE_AT_TEST * rng.standard_normal(data.x_test.shape).astype(np.float32)
    answers = [np.argmax(runs.model(row)(x, training=False).numpy(), axis=1) for row in rows]
    return {"noisy_accuracy": [np.mean(answer == data.y_test) for answer in answers]}


TWO = ("relu", "tanh")
# Runs that cannot be stacked are dear: fewer seeds and rates.
EXPERIMENTS = {
    "positive": Experiment(positive, ("relu", "leaky_relu", "tanh"), dense),
    "symmetric": Experiment(symmetric, TWO, dense),
    "sparse": Experiment(sparse, TWO, dense),
    "outliers": Experiment(outliers, TWO, dense),
    "noise": Experiment(noise, TWO, dense),
    "nonlinearity": Experiment(
        nonlinearity, (1.0, 0.5, 0.0, -1.0), functools.partial(dense, hidden=(32, 32))
    ),
    "series": Experiment(
        series,
        ("MLP relu", "MLP tanh", "RNN relu", "RNN tanh"),
        forecaster,
        20,
        rates=RATES[1:4],
        seeds=FEW,
    ),
    "recall": Experiment(
        recall, ("simple", "lstm", "gru"), cell, 60, 64, rates=RATES[1:4], seeds=FEW
    ),
    "dropout": Experiment(
        images,
        ("relu", "tanh", "relu, dropout", "tanh, dropout"),
        image_network,
        20,
        rates=RATES[:3],
        seeds=FEW,
        measure=noisy_accuracy,
    ),
}

EVIDENCE = Evidence("evidence/data.json", EXPERIMENTS, "python -m actfun.data_evidence")

if __name__ == "__main__":
    EVIDENCE.main()
