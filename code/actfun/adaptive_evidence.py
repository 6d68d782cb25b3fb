"""Frozen comparisons of the chapter on adaptive activations: python -m actfun.adaptive_evidence.

==========  ======================================================================================
experiment  what is compared
==========  ======================================================================================
learned     layers with learned parameters and the same ones held fixed, four hidden layers, on
            digits
regression  the same on Friedman's function, with larger rates
small data  rectifiers with different slopes for negative inputs, RReLU among them, on few digits
decay       PReLU with L2 penalties of different weight on its slopes, on few digits
==========  ======================================================================================

Layers that are compared start from the same weights: those that preserve the variance for the
function a layer computes at first. All are trained by Adam with a rate that falls along a cosine.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from . import datasets
from .experiments import Evidence, Experiment

WIDTH, DEPTH = 48, 4
VALIDATION_ROWS = 300
MANY, FEW = 400, 100  # training rows

LAYERS = {  # choice: layer, its arguments, function at the start
    "relu": ("relu", {}, "relu"),
    "leaky_relu, 1/100": ("leaky_relu", {"negative_slope": 0.01}, "leaky_relu"),
    "leaky_relu, 1/5.5": ("leaky_relu", {"negative_slope": 1 / 5.5}, "rrelu"),
    "leaky_relu, 1/4": ("leaky_relu", {"negative_slope": 0.25}, "prelu"),
    "rrelu": ("rrelu", {}, "rrelu"),
    "prelu, unit": ("prelu", {}, "prelu"),
    "prelu, layer": ("prelu", {"shared_axes": "all"}, "prelu"),
    "silu": ("silu", {}, "silu"),
    "swish, unit": ("swish", {}, "silu"),
    "swish, layer": ("swish", {"shared_axes": "all"}, "silu"),
    "acon, unit": ("acon", {}, "silu"),
    "elu": ("elu", {}, "elu"),
    "pelu, layer": ("parametric_elu", {}, "elu"),
    "rational, layer": ("rational", {}, "leaky_relu"),
    "maxout": ("maxout", {}, None),
}
COUNTERPARTS = {  # learned: the function it starts as, with nothing to learn
    "prelu, unit": "leaky_relu, 1/4",
    "prelu, layer": "leaky_relu, 1/4",
    "swish, unit": "silu",
    "swish, layer": "silu",
    "acon, unit": "silu",
    "pelu, layer": "elu",
    "rational, layer": "leaky_relu, 1/100",  # its start, as far as a rational can follow
    "maxout": "relu",  # at the same number of parameters
}
RECTIFIERS = ("relu", "leaky_relu, 1/100", "leaky_relu, 1/5.5", "prelu, unit", "rrelu")
DECAYS = (0.0, 1e-3, 1e-2, 1e-1)


def digits(rows):
    """Return digits with so many training rows; the rows that are saved are for the test."""
    whole = datasets.load("digits")
    parts = ("train", "test", "validation")
    x = np.concatenate([getattr(whole, f"x_{part}") for part in parts])
    y = np.concatenate([getattr(whole, f"y_{part}") for part in parts])
    ends = {"train": (0, rows), "validation": (rows, rows + VALIDATION_ROWS)}
    ends["test"] = (rows + VALIDATION_ROWS, len(x))
    x = (x - x[:rows].mean()) / x[:rows].std()
    changed = {f"x_{part}": x[a:b] for part, (a, b) in ends.items()}
    changed |= {f"y_{part}": y[a:b] for part, (a, b) in ends.items()}
    return dataclasses.replace(whole, **changed)


def classes():
    """Return the classification."""
    return {"digits": digits(MANY)}


def values():
    """Return the regression."""
    return {"friedman": datasets.load("friedman", size=800)}


def few():
    """Return few digits."""
    return {"few": digits(FEW)}


def network(choice, data, hidden=(WIDTH,) * DEPTH, **settings):
    """Return a dense network; settings go to its activation layers, past those of the choice."""
    import keras

    from .initializers import VariancePreserving
    from .layers import get

    name, arguments, start = LAYERS[choice]
    if name == "maxout":
        hidden = narrower(hidden, data)
    stack = [keras.Input(data.input_shape)]
    for units in hidden:
        if name == "maxout":
            # The larger one of two normal numbers has the mean square of each: variance 1.
            kernel = keras.initializers.VarianceScaling(1.0, "fan_in", "untruncated_normal")
            stack.append(get(name, units=units, kernel_initializer=kernel))
        else:
            kernel = VariancePreserving(start)
            stack.append(keras.layers.Dense(units, kernel_initializer=kernel))
            stack.append(get(name, **{**arguments, **settings}))
    return keras.Sequential([*stack, keras.layers.Dense(data.outputs)])


def narrower(hidden, data, pieces=2):
    """Return equal widths for maxout units, the largest that need no more parameters."""

    def parameters(widths, pieces):
        ends = [int(np.prod(data.input_shape)), *widths]
        inner = sum(pieces * (a + 1) * b for a, b in zip(ends[:-1], ends[1:], strict=True))
        return inner + (ends[-1] + 1) * data.outputs

    limit, depth = parameters(hidden, 1), len(hidden)
    fitting = [w for w in range(1, max(hidden) + 1) if parameters([w] * depth, pieces) <= limit]
    return (max(fitting),) * depth


def wide(choice, data):
    """Return a network of two wide layers."""
    return network(choice, data, (128, 128))


def decayed(decay, data):
    """Return a network with PReLU whose slopes have an L2 penalty."""
    import keras

    penalty = keras.regularizers.L2(decay) if decay else None
    return network("prelu, unit", data, (128, 128), alpha_regularizer=penalty)


def fitted(runs, rows, data):
    """Return loss and accuracy on the training rows after training, in inference."""
    losses, accuracies = [], []
    for row in rows:
        logits = runs.model(row)(data.x_train, training=False).numpy().astype(float)
        logits -= logits.max(axis=1, keepdims=True)
        right = logits[np.arange(len(logits)), data.y_train]
        losses.append(np.mean(np.log(np.exp(logits).sum(axis=1)) - right))
        accuracies.append(np.mean(logits.argmax(axis=1) == data.y_train))
    return {"fitted_loss": losses, "fitted_accuracy": accuracies}


def slopes(runs, rows, data):
    """Return the mean slope of PReLU for negative inputs after training, by layer."""
    models = [runs.model(row) for row in rows]
    alphas = [[layer.alpha.numpy().mean() for layer in m.layers[1:-1:2]] for m in models]
    first, second = np.transpose(alphas)
    return {"slope_1": first, "slope_2": second, **fitted(runs, rows, data)}


def falling(choice):
    """Return the schedule of all runs: a rate that falls to 0, so that none ends in a spike."""
    return {"schedule": "cosine"}


LEARNED = Experiment(
    classes,
    tuple(dict.fromkeys(["relu", *COUNTERPARTS.values(), *COUNTERPARTS])),
    network,
    epochs=20,
    rates=(1e-3, 3e-3, 1e-2, 3e-2),
    seeds=range(10),
    settings=falling,
)
EXPERIMENTS = {
    "learned": LEARNED,
    "regression": dataclasses.replace(LEARNED, versions=values, rates=(3e-3, 1e-2, 3e-2, 1e-1)),
    "small data": Experiment(
        few,
        RECTIFIERS,
        wide,
        epochs=30,
        rates=(3e-4, 1e-3, 3e-3, 1e-2),
        seeds=range(20),
        settings=falling,
        measure=fitted,
    ),
    "decay": Experiment(
        few,
        DECAYS,
        decayed,
        epochs=30,
        rates=(3e-4, 1e-3, 3e-3, 1e-2),
        settings=falling,
        measure=slopes,
    ),
}
EVIDENCE = Evidence("evidence/adaptive.json", EXPERIMENTS, "python -m actfun.adaptive_evidence")

if __name__ == "__main__":
    EVIDENCE.main()
