r"""The frozen tables of the chapter on normalisation: python -m actfun.normalisation_evidence.

==================  =============================================================================
experiment          what is compared
==================  =============================================================================
recipe              15 activations without normalisation, with layer and with batch normalisation
after               batch normalisation after the activation, for six of them
after, standard     the same with weights of variance 1 / fan_in, whatever the activation
descent             the same for four of them, with plain gradient descent
drift               sigmoid and ReLU networks from small weights: without normalisation, with
                    batch normalisation, and with it and drift added behind it
batches of 2 .. 32  layer and batch normalisation with small batches
==================  =============================================================================

A choice is "activation, option". All networks are dense and see small versions of the digits.
Further columns: `epochs_to_loss`, the epochs to a training loss of `TARGET` at the rate at which
the tuning seeds get there soonest (`fast_rate`), not more than the epochs there are; in "drift",
`mean_drift` and `spread_drift`, see `actfun.drift.Watch`.
"""

from __future__ import annotations

import functools

import numpy as np

from . import datasets, recipe
from .experiments import TUNING_SEEDS, Evidence, Experiment

OPTIONS = ("none", "layer", "batch")
"""Between weights and activation, the simplest first."""

DEEP = (64,) * 6
PLACED = ("sigmoid", "tanh", "relu", "selu", "gelu", "softplus")
DESCENDED = ("sigmoid", "tanh", "relu", "selu")
SMALL = {"sigmoid": (100,) * 3, "relu": (100,) * 6}
"""Hidden layers of the networks that start with small weights."""

BATCHES = (2, 4, 8, 32)
TARGET = 0.3
MOMENTUM = 0.9
"""Of the moving averages: Keras's 0.99 forgets too slowly for runs of a few hundred steps."""


def network(choice, data, hidden=DEEP, momentum=MOMENTUM):
    """Return a dense network for "activation, option", each starting with its own gain.

    Options: "none", "layer", "batch" (both between weights and activation), "after" (batch
    normalisation after the activation).
    """
    from .initializers import VariancePreserving

    activation, option = choice.split(", ")
    return _stacked(
        data, activation, option, hidden, lambda: VariancePreserving(activation), momentum
    )


def standard(choice, data):
    """Return a network like `network`, with weights for inputs of variance 1 in every layer.

    Behind normalised outputs these are the ones that keep the variance, whatever the activation.
    """
    import keras

    activation, option = choice.split(", ")
    return _stacked(data, activation, option, DEEP, lambda: keras.initializers.LecunNormal())


def small(choice, data, deviation=0.05):
    """Return a network that starts with small normal weights; `option` may be "shaken batch"."""
    import keras

    activation, option = choice.split(", ")

    def kernel():
        return keras.initializers.RandomNormal(stddev=deviation)

    return _stacked(data, activation, option, SMALL[activation], kernel, watched=True)


def _stacked(data, activation, option, hidden, kernel, momentum=MOMENTUM, watched=False):
    import keras

    from . import drift, layers

    def batch():
        return keras.layers.BatchNormalization(momentum=momentum)

    before = {
        "none": (),
        "after": (),
        "layer": (keras.layers.LayerNormalization,),
        "batch": (batch,),
        "shaken batch": (batch, drift.Shake),
    }[option]
    stack = [keras.Input(data.input_shape)]
    for units in hidden:
        # Batch normalisation subtracts what a bias before it adds.
        bias = batch not in before
        stack.append(keras.layers.Dense(units, use_bias=bias, kernel_initializer=kernel()))
        stack += [make() for make in before]
        stack += [drift.Watch()] if watched else []
        stack.append(layers.get(activation))
        stack += [batch()] if option == "after" else []
    return keras.Sequential([*stack, keras.layers.Dense(data.outputs, kernel_initializer=kernel())])


def epochs_to(history, target=TARGET):
    """Return when each run's training loss reaches the target, in epochs.

    Between two epochs the logarithm of the loss is taken as linear. A run that does not get
    there counts with infinity.

    Parameters
    ----------
    history : DataFrame
        As that of `ensemble.Runs`.
    target : float

    Returns
    -------
    Series
        Indexed by seed and learning rate.
    """

    def when(losses):
        losses = losses.to_numpy(float)
        below = np.flatnonzero(losses <= target)
        if not below.size:
            return np.inf
        first = below[0]
        if first == 0:
            return 1.0
        above, under = np.log(losses[first - 1 : first + 1])
        return first + (above - np.log(target)) / (above - under)

    ordered = history.sort_values("epoch")
    return ordered.groupby(["seed", "learning_rate"]).train_loss.apply(when)


def speed(runs, rows, data):
    """Return the epochs to the target at the rate at which the tuning seeds get there soonest."""
    last = runs.history.epoch.max()
    # A seed and rate whose first loss is not finite has no history at all.
    every = list(zip(runs.table.seed, runs.table.learning_rate, strict=True))
    epochs = epochs_to(runs.history).reindex(every, fill_value=np.inf).clip(upper=last)
    table = epochs.unstack()
    rate = table.loc[list(TUNING_SEEDS)].mean().idxmin()
    seeds = runs.table.seed[rows]
    return {"fast_rate": [rate] * len(rows), "epochs_to_loss": table.loc[seeds, rate].tolist()}


def drifted(runs, rows, data):
    """Return the speed, and the drift of the means and of the deviations over all hidden layers."""
    from . import drift

    figures = []
    for row in rows:
        layers = runs.model(row).layers
        of_layers = [layer.measured() for layer in layers if isinstance(layer, drift.Watch)]
        figures.append(np.sqrt(np.mean(np.square(of_layers), axis=0)))
    means, spreads = np.transpose(figures)
    return speed(runs, rows, data) | {"mean_drift": means, "spread_drift": spreads}


def digits():
    """Return 1000 images of digits."""
    return {"digits": datasets.load("digits", size=1000)}


def fewer_digits():
    """Return 500 images of digits."""
    return {"digits": datasets.load("digits", size=500)}


def _descent(choice):
    return {"optimizer": "sgd"}


def _both(activations, options):
    return tuple(f"{activation}, {option}" for activation in activations for option in options)


def _with_batches_of(size):
    # The moving averages of all reach back over as many examples.
    build = functools.partial(network, hidden=(64,) * 3, momentum=MOMENTUM ** (size / 32))
    choices = _both(["relu"], OPTIONS)
    return Experiment(
        fewer_digits, choices, build, 10, size, (3e-4, 1e-3, 3e-3, 1e-2), range(5), measure=speed
    )


EXPERIMENTS = {
    "recipe": Experiment(
        digits,
        _both(recipe.ACTIVATIONS, OPTIONS),
        network,
        15,
        rates=(1e-3, 3e-3, 1e-2, 3e-2),
        measure=speed,
    ),
    "after": Experiment(
        digits, _both(PLACED, ["after"]), network, 15, rates=(1e-3, 3e-3, 1e-2, 3e-2), measure=speed
    ),
    "after, standard": Experiment(
        digits,
        _both(PLACED, ["after"]),
        standard,
        15,
        rates=(1e-3, 3e-3, 1e-2, 3e-2),
        measure=speed,
    ),
    "descent": Experiment(
        digits,
        _both(DESCENDED, ("none", "batch")),
        network,
        15,
        rates=(0.03, 0.1, 0.3, 1.0, 3.0),
        seeds=range(5),
        settings=_descent,
        measure=speed,
    ),
    "drift": Experiment(
        digits,
        _both(SMALL, ("none", "batch", "shaken batch")),
        small,
        25,
        60,
        rates=(0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
        settings=_descent,
        measure=drifted,
    ),
    **{f"batches of {size}": _with_batches_of(size) for size in BATCHES},
}

EVIDENCE = Evidence(
    "evidence/normalisation.json", EXPERIMENTS, "python -m actfun.normalisation_evidence"
)

if __name__ == "__main__":
    EVIDENCE.main()
