r"""Small Keras networks for experiments: the activation is what varies.

Each function returns an uncompiled Keras model whose last layer is linear: logits for classes,
values for a regression. Hidden layers start with the weights that preserve variance for their
activation (`actfun.initializers.VariancePreserving`), so that no activation is handicapped by
another one's initialisation. The first layer has that scale, too, as is usual, although it reads
features and not outputs of the activation.

>>> from actfun import datasets, networks
>>> model = networks.dense("gelu", datasets.load("digits"), hidden=(32, 16))
>>> [layer.name.rstrip("_0123456789") for layer in model.layers]
['dense', 'activation', 'dense', 'activation', 'dense']
>>> model.output_shape
(None, 10)
"""

from __future__ import annotations

from collections.abc import Sequence

import keras

from . import layers
from .activation import Activation
from .datasets import Data

NORMALISATIONS = {
    "batch": keras.layers.BatchNormalization,
    "layer": keras.layers.LayerNormalization,
}
CELLS = {"simple": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
Chosen = str | Activation | Sequence[str | Activation]


def dense(
    activation: Chosen,
    data: Data,
    hidden: Sequence[int] = (64, 64),
    *,
    normalisation: str | None = None,
    dropout: float = 0.0,
    initializer: object = None,
) -> keras.Model:
    """Return a fully connected network.

    Parameters
    ----------
    activation : str, Activation, or a sequence of them
        For all hidden layers, or one for each.
    data : Data
        Gives the shape of the input, which is flattened, and the number of outputs.
    hidden : sequence of int
        Units of the hidden layers; empty for a linear model.
    normalisation : {"batch", "layer"}, optional
        Normalise between the weights and the activation.
    dropout : float, default 0
        Share of outputs dropped after each activation, 0 <= dropout < 1.
    initializer : Keras initialiser, optional
        For the kernels of the hidden layers. Default: variance-preserving.

    Raises
    ------
    ValueError, KeyError, TypeError
        An argument is unknown or out of range; the message names it.
    """
    hidden = list(hidden)
    chosen = _one_each(activation, len(hidden), "dense")
    stack = [keras.Input(data.input_shape)]
    if len(data.input_shape) > 1:
        stack.append(keras.layers.Flatten())
    for units, name in zip(hidden, chosen, strict=True):
        kernel = _initializer(initializer, name)
        stack.append(keras.layers.Dense(units, kernel_initializer=kernel))
        stack += _after(name, normalisation, dropout)
    return keras.Sequential([*stack, keras.layers.Dense(data.outputs)])


def convolutional(
    activation: Chosen,
    data: Data,
    filters: Sequence[int] = (16, 32),
    units: int = 64,
    *,
    normalisation: str | None = None,
    dropout: float = 0.0,
    initializer: object = None,
) -> keras.Model:
    """Return a network of 3 x 3 convolutions, each followed by 2 x 2 pooling, and a dense layer.

    Parameters as for `dense`, and

    Parameters
    ----------
    filters : sequence of int
        Filters of each convolution.
    units : int
        Units of the dense hidden layer after the convolutions.

    Raises
    ------
    ValueError
        The rows of `data` are not images of shape (height, width, channels).
    """
    if len(data.input_shape) != 3:
        raise ValueError(
            f"convolutional: {data.name!r} has rows of shape {data.input_shape}, expected images "
            "(height, width, channels)"
        )
    filters = list(filters)
    chosen = _one_each(activation, len(filters) + 1, "convolutional")
    stack = [keras.Input(data.input_shape)]
    for count, name in zip(filters, chosen, strict=False):
        kernel = _initializer(initializer, name)
        stack.append(keras.layers.Conv2D(count, 3, padding="same", kernel_initializer=kernel))
        stack += [*_after(name, normalisation, 0.0), keras.layers.MaxPooling2D()]
    kernel = _initializer(initializer, chosen[-1])
    stack += [keras.layers.Flatten(), keras.layers.Dense(units, kernel_initializer=kernel)]
    stack += _after(chosen[-1], normalisation, dropout)
    return keras.Sequential([*stack, keras.layers.Dense(data.outputs)])


def recurrent(
    activation: str | Activation,
    data: Data,
    cell: str = "simple",
    units: int = 32,
    *,
    initializer: object = None,
) -> keras.Model:
    """Return one recurrent layer and a linear read-out of its last state.

    Parameters
    ----------
    activation : str or Activation
        Of the state of a simple cell, and of the candidate and output of LSTM and GRU, whose
        gates stay sigmoid. It must have no learned parameter.
    data : Data
        Rows of shape (steps, features).
    cell : {"simple", "lstm", "gru"}
    units : int
        Size of the state.
    initializer : Keras initialiser, optional
        For the input kernel. Default: variance-preserving. The recurrent kernel is orthogonal.

    Raises
    ------
    ValueError
        `cell` is unknown, the rows are not sequences, or the activation learns a parameter.
    """
    if cell not in CELLS:
        raise ValueError(f"recurrent: cell must be one of {list(CELLS)}, got {cell!r}")
    if len(data.input_shape) != 2:
        raise ValueError(
            f"recurrent: {data.name!r} has rows of shape {data.input_shape}, expected sequences "
            "(steps, features)"
        )
    layer = _layer(activation)
    if not isinstance(layer, (keras.layers.Activation, keras.layers.LeakyReLU)):
        raise ValueError(
            f"recurrent: {activation!r} learns or draws parameters, which a recurrent cell of "
            "Keras cannot hold; choose a fixed activation"
        )
    kernel = _initializer(initializer, activation)
    return keras.Sequential(
        [
            keras.Input(data.input_shape),
            CELLS[cell](units, activation=layer, kernel_initializer=kernel, unroll=True),
            keras.layers.Dense(data.outputs),
        ]
    )


def _one_each(activation: Chosen, count: int, function: str) -> list[str | Activation]:
    if isinstance(activation, (str, Activation)):
        return [activation] * count
    chosen = list(activation)
    if len(chosen) != count:
        raise ValueError(
            f"{function}: expected one activation or {count}, one for each hidden layer, got "
            f"{len(chosen)}: {chosen!r}"
        )
    return chosen


def _layer(activation: str | Activation) -> keras.Layer:
    return layers.get(getattr(activation, "name", activation))


def _initializer(given: object, activation: str | Activation) -> object:
    from .initializers import VariancePreserving

    if given is None:
        return VariancePreserving(activation)
    # Keras would draw the same numbers again for each layer that shares an instance.
    return given.clone() if hasattr(given, "clone") else given


def _after(activation, normalisation: str | None, dropout: float) -> list[keras.Layer]:
    if normalisation is not None and normalisation not in NORMALISATIONS:
        raise ValueError(
            f"normalisation must be None or one of {list(NORMALISATIONS)}, got {normalisation!r}"
        )
    after = [NORMALISATIONS[normalisation]()] if normalisation else []
    after.append(_layer(activation))
    return after + ([keras.layers.Dropout(dropout)] if dropout else [])
