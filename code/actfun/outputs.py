"""Functions of a whole vector: softmax and log-softmax.

Both subtract the largest score first. Infinite scores get the limit; several
infinite largest scores share the probability equally.
"""

from __future__ import annotations

import math

import numpy as np

from .activation import Activation, Interval, Parameter
from .exact import difference


def softmax(x, axis=-1):
    """exp(x - max) / sum(exp(x - max))."""
    e = _shifted_exponentials(x, axis)[1]
    return (e / e.sum(axis=axis, keepdims=True)).astype(x.dtype)


def softmax_jacobian(x, axis=-1):
    """diag(p) - p p^T."""
    p, rest = _probabilities(np.moveaxis(x, axis, -1))
    jacobian = -p[..., :, None] * p[..., None, :]
    np.einsum("...ii->...i", jacobian)[...] = p * rest
    return jacobian.astype(x.dtype)


def log_softmax(x, axis=-1):
    """(x - max) - log(sum(exp(x - max))); the largest term enters the sum as log1p's 1."""
    d, e = _shifted_exponentials(x, axis)
    np.put_along_axis(e, e.argmax(axis=axis, keepdims=True), 0, axis=axis)
    return (d - np.log1p(e.sum(axis=axis, keepdims=True))).astype(x.dtype)


def log_softmax_jacobian(x, axis=-1):
    """I - 1 p^T."""
    p, rest = _probabilities(np.moveaxis(x, axis, -1))
    jacobian = np.repeat(-p[..., None, :], p.shape[-1], axis=-2)
    np.einsum("...ii->...i", jacobian)[...] = rest
    return jacobian.astype(x.dtype)


def _shifted_exponentials(x, axis):
    """Return x - max and its exponential, both float64."""
    x = x.astype(np.float64)
    largest = x.max(axis=axis, keepdims=True)
    with np.errstate(invalid="ignore", over="ignore"):
        d, error = difference(x, largest)
        at_top = x == largest  # also where both are infinite and the difference is NaN
        d = np.where(at_top, 0.0, d)
        error = np.where(np.isfinite(d) & np.isfinite(error) & ~at_top, error, 0.0)
    return d, np.exp(d) * (1 + error)


def _probabilities(x):
    """Return softmax over the last axis and 1 - softmax, the latter without cancellation."""
    e = _shifted_exponentials(x, -1)[1]
    total = e.sum(axis=-1, keepdims=True)
    top = e.argmax(axis=-1, keepdims=True)
    p = e / total
    rest = 1 - p
    np.put_along_axis(e, top, 0, axis=-1)
    np.put_along_axis(rest, top, e.sum(axis=-1, keepdims=True) / total, axis=-1)
    return p, rest


AXIS = Parameter(
    "axis",
    "the axis along which the classes lie",
    integer=True,
    keras_layer=-1,
    keras_function=-1,
    jax=-1,
)

ENTRIES = (
    Activation(
        name="softmax",
        title="Softmax",
        aliases=("soft_max", "softargmax"),
        family="outputs",
        function=softmax,
        slope=softmax_jacobian,
        formula=r"p_i = \frac{e^{x_i}}{\sum_j e^{x_j}}",
        derivative_formula=r"\frac{\partial p_i}{\partial x_j} = p_i\,(\delta_{ij} - p_j)",
        range=Interval(0.0, 1.0),
        smoothness=math.inf,
        lipschitz=0.5,
        saturates=(0.0, 1.0),
        parameters=(AXIS,),
        elementwise=False,
        advantages=("turns any scores into a distribution over classes that exclude each other",),
        drawbacks=("one score too many: adding a constant to all changes nothing",),
        libraries={
            "Keras": "keras.activations.softmax",
            "PyTorch": "torch.nn.Softmax",
            "JAX": "jax.nn.softmax",
        },
        year=1990,
        reference="bridle1990",
    ),
    Activation(
        name="log_softmax",
        title="Log-softmax",
        aliases=("logsoftmax",),
        family="outputs",
        function=log_softmax,
        slope=log_softmax_jacobian,
        formula=r"x_i - \ln \sum_j e^{x_j}",
        derivative_formula=r"\delta_{ij} - p_j",
        range=Interval(-math.inf, 0.0),
        smoothness=math.inf,
        lipschitz=2.0,
        saturates=(None, 0.0),
        parameters=(AXIS,),
        elementwise=False,
        advantages=("the log-likelihood of a class without overflow or a logarithm of 0",),
        drawbacks=("a term of a loss, not a hidden unit",),
        libraries={
            "Keras": "keras.activations.log_softmax",
            "PyTorch": "torch.nn.LogSoftmax",
            "JAX": "jax.nn.log_softmax",
        },
        year=1990,
        reference="bridle1990",
    ),
)
