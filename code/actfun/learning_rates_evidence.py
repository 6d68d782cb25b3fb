"""Frozen comparisons of the chapter on learning rates: python -m actfun.learning_rates_evidence.

Digits, 400 of them for training, in dense networks with layers of 64: "shallow" has two hidden
layers, "deep" six. Choices are "activation, network" or, for the schedules, "activation, schedule"
in the deep network.

=============  ===================================================================================
experiment     what is compared
=============  ===================================================================================
recipe         all activations in both networks, trained by Adam: the recipe's learning rates
sgd            plain stochastic gradient descent in the deep network, and in the shallow one
sgd, decaying  the same, deep, with a rate that falls as one over the root of the step's number
momentum       momentum of 0.9, deep; and so on for Adagrad, RMSprop and AdamW
small          Adagrad and RMSprop without the constants that Keras adds to the squares of
constants      gradients, deep
schedules      Adam with each schedule, deep
large rate     the same and without schedule, all at one rate that is too large for most
=============  ===================================================================================

Each optimiser has a grid of its own, three decades of learning rates or more.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from actfun import datasets, recipe
from actfun.experiments import Evidence, Experiment

OPTIONS = ("shallow", "deep")
HIDDEN = {"shallow": (64, 64), "deep": (64,) * 6}
SOME = ("relu", "elu", "gelu", "tanh", "sigmoid")
SCHEDULES = ("step", "cosine", "warm-up", "warm-up cosine")
SCHEDULED = ("relu", "tanh", "sigmoid")
LARGE = 0.03  # three to ten times Adam's best rates in the deep network
TRAINING_ROWS, VALIDATION_ROWS = 400, 300
EPOCHS, BATCH_SIZE = 20, 32
STEPS = EPOCHS * -(-TRAINING_ROWS // BATCH_SIZE)
GRID = tuple(float(f"{digit}e{power}") for power in range(-5, 2) for digit in (1, 3))


def grid(low, high):
    """Return the half decades from `low` to `high`."""
    return tuple(rate for rate in GRID if low <= rate <= high)


def few():
    """Return digits with 400 rows for training; what is saved there goes to the test rows."""
    whole = datasets.load("digits")
    x = np.concatenate([whole.x_train, whole.x_test, whole.x_validation])
    y = np.concatenate([whole.y_train, whole.y_test, whole.y_validation])
    a, b = TRAINING_ROWS, TRAINING_ROWS + VALIDATION_ROWS
    x = (x - x[:a].mean()) / x[:a].std()
    data = dataclasses.replace(
        whole,
        **{"x_train": x[:a], "x_validation": x[a:b], "x_test": x[b:]},
        **{"y_train": y[:a], "y_validation": y[a:b], "y_test": y[b:]},
    )
    return {"digits": data}


def network(choice, data):
    """Return the network of "relu, deep"; with something else behind the comma, the deep one."""
    from actfun import networks

    activation, option = choice.split(", ")
    return networks.dense(activation, data, HIDDEN.get(option, HIDDEN["deep"]))


def inverse_root(progress):
    """Return 1, 1/sqrt(2), 1/sqrt(3) and so on for the steps of a training."""
    return 1 / np.sqrt(1 + np.round(progress * STEPS))


def trained_by(optimizer, rates, option="deep", **settings):
    """Return the experiment with one optimiser."""
    return experiment(
        [f"{activation}, {option}" for activation in SOME],
        rates=rates,
        settings=lambda choice: {"optimizer": optimizer, **settings},
    )


def without_constants(choice):
    """Return the setting of "sigmoid, adagrad": nothing beside the sum or mean of squares."""
    name = choice.split(", ")[1]
    more = {"initial_accumulator_value": 0.0} if name == "adagrad" else {}
    return {"optimizer": {"name": name, "epsilon": 1e-14, **more}}


def scheduled(choice):
    """Return the setting of "relu, cosine"; "relu, constant" has none."""
    schedule = choice.split(", ")[1]
    return {} if schedule == "constant" else {"schedule": schedule}


experiment = functools.partial(
    Experiment, few, network=network, epochs=EPOCHS, batch_size=BATCH_SIZE, seeds=range(6)
)
EXPERIMENTS = {
    "recipe": experiment(
        [f"{activation}, {option}" for activation in recipe.ACTIVATIONS for option in OPTIONS],
        rates=grid(1e-4, 1e-1),
        seeds=range(8),
    ),
    "sgd": trained_by("sgd", grid(3e-3, 1)),
    "sgd, shallow": trained_by("sgd", grid(3e-2, 10), "shallow"),
    "sgd, decaying": trained_by("sgd", grid(1e-2, 3), schedule=inverse_root),
    "momentum": trained_by("momentum", grid(1e-3, 0.3)),
    "adagrad": trained_by("adagrad", grid(3e-3, 1)),
    "rmsprop": trained_by("rmsprop", grid(1e-4, 3e-2)),
    "adamw": trained_by("adamw", grid(3e-4, 1e-1)),
    "small constants": experiment(
        ["sigmoid, adagrad", "sigmoid, rmsprop", "tanh, adagrad", "tanh, rmsprop"],
        rates=grid(1e-3, 0.3),
        settings=without_constants,
    ),
    "schedules": experiment(
        [f"{activation}, {schedule}" for activation in SCHEDULED for schedule in SCHEDULES],
        rates=grid(3e-4, 1e-1),
        settings=scheduled,
    ),
    "large rate": experiment(
        [f"{f}, {schedule}" for f in SCHEDULED for schedule in ("constant", *SCHEDULES)],
        rates=(LARGE,),
        settings=scheduled,
    ),
}
EVIDENCE = Evidence(
    "evidence/learning_rates.json", EXPERIMENTS, "python -m actfun.learning_rates_evidence"
)


if __name__ == "__main__":
    EVIDENCE.main()
