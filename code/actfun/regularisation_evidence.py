"""The frozen runs of the chapter on regularisation: python -m actfun.regularisation_evidence.

The data are small: 150 rows of the digits to train on. In one version their labels are right, in
the other three tenths of them are drawn by chance, and a network that fits those learns nonsense.
The labels to validate and to test with are right in both.

============  ===================================================================================
experiment    choices
============  ===================================================================================
strength      penalties, decay and dropout, each in several strengths, with ReLU and tanh
right labels  the same in one strength, on the version with right labels
kinds         SELU with dropout and with alpha dropout, several rates
deep          SELU in 16 layers, without dropout and with either kind, at equal rate and noise
recipe        no dropout, dropout and alpha dropout with every activation of `recipe.ACTIVATIONS`
============  ===================================================================================

Beside the figures of every experiment: train_loss_clean and test_loss_clean (cross-entropy of the
trained network without penalty and without dropout), train_accuracy, memorised (share of the
training rows with a wrong label for which the network gives just that label), weight_norm (root of
the sum of squares of all kernels), small_weights (share below a thousandth of the kernel's
largest) and zeros (share of hidden outputs on the test rows that are exactly 0).
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from actfun import datasets, recipe
from actfun.experiments import Evidence, Experiment

ROWS, WRONG = 150, 0.3
OPTIONS = ("none", "dropout", "alpha dropout")
# The same noise: both leave half of the variance of an output with mean 0 and variance 1, see the
# chapter. At the same rate alpha dropout is far stronger.
RECIPE_RATES = {"dropout": 0.5, "alpha dropout": 0.2}
STRENGTHS = {
    "L2": (1e-3, 1e-2, 3e-2, 1e-1),
    "L1": (3e-4, 3e-3, 1e-2, 3e-2),
    "activity L1": (1e-3, 1e-2, 3e-2, 1e-1),
    "weight decay": (1.0, 3.0, 10.0),
    "dropout": (0.2, 0.4, 0.6),
}
KINDS = {"dropout": (0.1, 0.2, 0.3, 0.4, 0.5), "alpha dropout": (0.1, 0.2, 0.4)}
MIDDLE = {
    "L2": (1e-2,),
    "L1": (3e-3,),
    "activity L1": (1e-2,),
    "weight decay": (3.0,),
    "dropout": (0.4,),
}
SMALL = 1e-3


def small(wrong: float) -> datasets.Data:
    """Return the digits with `ROWS` training rows, a share `wrong` of labels drawn by chance."""
    data = datasets.load("digits")
    labels = data.y_train[:ROWS].copy()
    rng = np.random.default_rng(0)
    chosen = rng.random(ROWS) < wrong
    labels[chosen] = rng.integers(0, 10, chosen.sum())
    return dataclasses.replace(data, x_train=data.x_train[:ROWS], y_train=labels)


def right_labels():
    """Return the version with right labels alone."""
    return {"right labels": small(0.0)}


def wrong_labels():
    """Return the version with wrong labels alone."""
    return {"wrong labels": small(WRONG)}


def regularised(choice: str, data: datasets.Data, hidden=(64, 64)):
    """Return the network of "relu, none", "relu, L2 0.01", "selu, alpha dropout 0.1" and so on."""
    import keras

    from actfun import layers
    from actfun.initializers import VariancePreserving

    activation, kind, strength = parts(choice)
    penalty = {"L1": keras.regularizers.L1, "L2": keras.regularizers.L2}.get(kind)
    after = {
        "activity L1": lambda: keras.layers.ActivityRegularization(l1=strength),
        "dropout": lambda: keras.layers.Dropout(strength),
        "alpha dropout": lambda: keras.layers.AlphaDropout(strength),
    }.get(kind)

    def dense(units, **settings):
        kernel = penalty(strength) if penalty else None
        return keras.layers.Dense(units, kernel_regularizer=kernel, **settings)

    stack = [keras.Input(data.input_shape)]
    for units in hidden:
        stack.append(dense(units, kernel_initializer=VariancePreserving(activation)))
        stack.append(layers.get(activation))
        if after:
            stack.append(after())
    return keras.Sequential([*stack, dense(data.outputs)])


def parts(choice: str) -> tuple[str, str, float]:
    """Return activation, kind and strength of a choice.

    >>> parts("selu, alpha dropout 0.1"), parts("relu, none")
    (('selu', 'alpha dropout', 0.1), ('relu', 'none', 0.0))
    """
    activation, option = choice.split(", ")
    kind, _, strength = option.rpartition(" ")
    return (activation, kind, float(strength)) if strength != "none" else (activation, "none", 0.0)


def optimiser(choice: str) -> dict:
    """Return AdamW for weight decay, else the default."""
    _, kind, strength = parts(choice)
    if kind != "weight decay":
        return {}
    return {"optimizer": {"name": "adamw", "weight_decay": strength}}


def measured(runs, rows, data) -> dict:
    """Return what the module's text lists, of the trained networks."""
    columns = [_measured(runs.model(row), data) for row in rows]
    return {name: [column[name] for column in columns] for name in columns[0]}


def _measured(model, data):
    import keras

    hidden = [
        layer.output
        for layer, after in zip(model.layers[:-1], model.layers[1:], strict=True)
        if isinstance(after, keras.layers.Dense)
    ]
    probe = keras.Model(model.inputs[0], [model.outputs[0], *hidden])
    right = datasets.load(data.name).y_train[: len(data.y_train)]
    wrong = right != data.y_train
    train_loss, train_hits, _ = _scores(probe, data.x_train, data.y_train)
    test_loss, _, outputs = _scores(probe, data.x_test, data.y_test)
    kernels = [weights for weights in model.get_weights() if weights.ndim == 2]
    tiny = [np.abs(weights) < SMALL * np.abs(weights).max() for weights in kernels]
    return {
        "train_loss_clean": train_loss,
        "test_loss_clean": test_loss,
        "train_accuracy": train_hits.mean(),
        "memorised": train_hits[wrong].mean() if wrong.any() else np.nan,
        "weight_norm": np.sqrt(sum(np.sum(weights**2) for weights in kernels)),
        "small_weights": np.mean(np.concatenate([part.ravel() for part in tiny])),
        "zeros": np.mean(np.concatenate([part.ravel() for part in outputs]) == 0),
    }


def _scores(probe, x, y):
    logits, *hidden = (np.asarray(part, np.float64) for part in probe(x, training=False))
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(y)), y].mean(), logits.argmax(axis=1) == y, hidden


def strengths(activations, table):
    """Return the choices of some activations with all strengths of a table, and with none."""
    for activation in activations:
        yield f"{activation}, none"
        for kind, values in table.items():
            yield from (f"{activation}, {kind} {value:g}" for value in values)


def of_the_recipe(choice: str, data: datasets.Data):
    """Return the network of "relu, dropout" and so on, at the kind's rate in the recipe."""
    kind = choice.split(", ")[1]
    rate = f" {RECIPE_RATES[kind]}" if kind in RECIPE_RATES else ""
    return regularised(choice + rate, data)


TWO = ("relu", "tanh")
RATES = (3e-4, 1e-3, 3e-3, 1e-2)
COMMON = {"epochs": 40, "batch_size": 50, "rates": RATES}
MEASURED = {**COMMON, "measure": measured}
EXPERIMENTS = {
    "strength": Experiment(
        wrong_labels,
        tuple(strengths(TWO, STRENGTHS)),
        regularised,
        settings=optimiser,
        **MEASURED,
    ),
    "right labels": Experiment(
        right_labels, tuple(strengths(TWO, MIDDLE)), regularised, settings=optimiser, **MEASURED
    ),
    "kinds": Experiment(wrong_labels, tuple(strengths(("selu",), KINDS)), regularised, **MEASURED),
    "deep": Experiment(
        wrong_labels,
        (
            "selu, none",
            "selu, dropout 0.1",
            "selu, alpha dropout 0.1",
            "selu, alpha dropout 0.025",
        ),
        functools.partial(regularised, hidden=(64,) * 16),
        **MEASURED,
    ),
    "recipe": Experiment(
        wrong_labels,
        tuple(f"{f}, {option}" for f in recipe.ACTIVATIONS for option in OPTIONS),
        of_the_recipe,
        **COMMON,
    ),
}
EVIDENCE = Evidence(
    "evidence/regularisation.json", EXPERIMENTS, "python -m actfun.regularisation_evidence"
)

if __name__ == "__main__":
    EVIDENCE.main()
