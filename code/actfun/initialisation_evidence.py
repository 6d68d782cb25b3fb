"""The frozen comparisons on initialisation: python -m actfun.initialisation_evidence.

All of them train dense networks on the small digits with Adam.

==========  =====================================================================================
experiment  choices
==========  =====================================================================================
recipe      "activation, option": 15 activations, 10 plain layers, the initialisers of `OPTIONS`
depth       "activation, option, layers": 2 or 20 plain layers
remedies    "kind, option": 10 layers of ReLU, plain, with residual connections, or normalised;
            weights that are too small, right, or too large
==========  =====================================================================================

The column ``mean_train_loss`` is the training loss averaged over all epochs: the lower, the faster
a network learned. See `actfun.experiments` for the other columns and the files.
"""

from __future__ import annotations

from actfun import datasets, experiments, recipe, theory

OPTIONS = (
    "glorot_uniform",
    "he_normal",
    "lecun_normal",
    "preserving",
    "orthogonal",
    "critical",
)
"""Simplest first. "orthogonal" and "preserving" have the activation's own gain."""

WIDTH, LAYERS, DEEP, SHALLOW = 32, 10, 20, 2
TOO_LARGE = 8.0  # weight variance times fan_in, four times He's
OWN_GAIN_IS_COMMON = ("relu", "leaky_relu", "relu6", "selu")
CRITICAL_IS_NEW = ("selu", "gelu", "silu", "hard_swish", "mish")


def options(activation: str) -> tuple[str, ...]:
    """Return the options that differ for an activation.

    The variance makes the difference, not whether numbers are normal or uniform, and in layers of
    equal width several variances agree: LeCun's are Glorot's; the own gain may be He's or
    Glorot's; a critical pair without biases is one of these.

    >>> options("relu")
    ('glorot_uniform', 'he_normal', 'orthogonal')
    """
    twins = {"lecun_normal"}
    if activation in OWN_GAIN_IS_COMMON:
        twins.add("preserving")
    if activation not in CRITICAL_IS_NEW:
        twins.add("critical")
    return tuple(option for option in OPTIONS if option not in twins)


def digits():
    """Return a third of the digits: 360 rows to train on."""
    return {"digits": datasets.load("digits", size=600)}


def initialisers(activation, option, fan_in):
    """Return new initialisers of kernel and bias of one layer."""
    import keras

    from actfun import initializers

    if option == "pytorch_default":
        limit = fan_in**-0.5
        return (keras.initializers.RandomUniform(-limit, limit) for _ in range(2))
    kernel = {
        "preserving": lambda: initializers.VariancePreserving(activation),
        "orthogonal": lambda: keras.initializers.Orthogonal(theory.gain(activation)),
        "critical": lambda: initializers.Critical(activation),
        "too large": lambda: keras.initializers.VarianceScaling(TOO_LARGE),
    }.get(option, lambda: keras.initializers.get(option))()
    critical = option == "critical"
    return kernel, initializers.CriticalBias(activation) if critical else "zeros"


def network(activation, option, data, layers=LAYERS, kind="plain"):
    """Return a network of `layers` hidden layers; `kind`: plain, residual, layer or batch.

    A residual layer adds its pre-activations to those of the layer before; "layer" and "batch"
    normalise between the weights and the activation.
    """
    import keras

    from actfun import layers as own_layers
    from actfun import networks

    inputs = x = keras.Input(data.input_shape)
    for i in range(layers):
        y = own_layers.get(activation)(x) if i else x
        kernel, bias = initialisers(activation, option, y.shape[-1])
        dense = keras.layers.Dense(WIDTH, kernel_initializer=kernel, bias_initializer=bias)
        new = dense(y)
        if kind in networks.NORMALISATIONS:
            new = networks.NORMALISATIONS[kind]()(new)
        x = keras.layers.add([x, new]) if i and kind == "residual" else new
    outputs = keras.layers.Dense(data.outputs)(own_layers.get(activation)(x))
    return keras.Model(inputs, outputs)


def plain(choice, data):
    """Return the network of "relu, he_normal" or "relu, he_normal, 20"."""
    activation, option, *layers = choice.split(", ")
    return network(activation, option, data, *map(int, layers))


def remedied(choice, data):
    """Return the ReLU network of "residual, he_normal" and so on."""
    kind, option = choice.split(", ")
    return network("relu", option, data, kind=kind)


def speed(runs, rows, data):
    """Return the mean training loss over all epochs of each run."""
    keys = ["seed", "learning_rate"]
    means = runs.history.groupby(keys).train_loss.mean()
    return {"mean_train_loss": runs.table.loc[rows, keys].join(means, on=keys).train_loss}


PAIRS = {
    SHALLOW: {
        "relu": ("pytorch_default", "glorot_uniform", "he_normal"),
        "elu": ("glorot_uniform", "he_normal"),
    },
    DEEP: {
        "relu": ("pytorch_default", "glorot_uniform", "he_normal"),
        "elu": ("glorot_uniform", "he_normal", "preserving"),
        "tanh": ("glorot_uniform", "he_normal"),
    },
}
COMMON = {
    "versions": digits,
    "epochs": 20,
    "rates": (1e-3, 3e-3, 1e-2),
    "seeds": range(6),
    "measure": speed,
}
EXPERIMENTS = {
    "recipe": experiments.Experiment(
        choices=tuple(f"{f}, {option}" for f in recipe.ACTIVATIONS for option in options(f)),
        network=plain,
        **COMMON,
    ),
    "depth": experiments.Experiment(
        choices=tuple(
            f"{f}, {option}, {layers}"
            for layers, pairs in PAIRS.items()
            for f, chosen in pairs.items()
            for option in chosen
        ),
        network=plain,
        **COMMON,
    ),
    "remedies": experiments.Experiment(
        choices=tuple(
            f"{kind}, {option}"
            for kind in ("plain", "residual", "layer")
            for option in ("pytorch_default", "he_normal", "too large")
        ),
        network=remedied,
        **COMMON,
    ),
}
EVIDENCE = experiments.Evidence(
    "evidence/initialisation.json", EXPERIMENTS, "python -m actfun.initialisation_evidence"
)

if __name__ == "__main__":
    EVIDENCE.main()
