"""Saturating functions: sigmoid, tanh, softsign, their hard forms and log-sigmoid.

Every exponential here is taken of a number that is not positive, so nothing
overflows; nowhere is 1 subtracted from a number close to 1. The first line of each
docstring is the formula; the lines below it write into their own temporaries, which
saves passes over memory.
"""

from __future__ import annotations

import math

import numpy as np

from .activation import Activation, Interval, Kink


def decay(x):
    """exp(-|x|), the exponential that cannot overflow; a new array, free to be changed."""
    t = np.abs(x)
    np.negative(t, out=t)
    return np.exp(t, out=t)


def sigmoid(x):
    """1 / (1 + exp(-x)), written exp(min(x, 0)) / (1 + exp(-|x|))."""
    s, t = np.minimum(x, 0), decay(x)
    np.exp(s, out=s)
    t += 1
    s /= t
    return s


def sigmoid_slope(x):
    """t / (1 + t)^2 with t = exp(-|x|): symmetric in x, no subtraction."""
    t = decay(x)
    below = t + 1
    below *= below
    t /= below
    return t


def log_sigmoid(x):
    """log(sigmoid(x)), written min(x, 0) - log1p(exp(-|x|))."""
    t = decay(x)
    np.log1p(t, out=t)
    return np.subtract(np.minimum(x, 0), t, out=t)


def log_sigmoid_slope(x):
    """sigmoid(-x)."""
    return sigmoid(-x)


def hard_sigmoid(x):
    """min(max(x + 3, 0), 6) / 6. Adding before dividing keeps it exact near -3."""
    y = x + 3
    y.clip(0, 6, out=y)
    y /= 6
    return y


def hard_sigmoid_slope(x):
    """1/6 inside (-3, 3), else 0; 0 at both kinks, as TensorFlow and PyTorch return."""
    return _inside(x, 3) * x.dtype.type(1 / 6)


def tanh(x):
    """tanh(x)."""
    return np.tanh(x)


def tanh_slope(x):
    """4t / (1 + t)^2 with t = exp(-|x|)^2; the textbook's 1 - tanh^2 cancels in the tails."""
    t = decay(x)
    t *= t
    below = t + 1
    below *= below
    t /= below
    t *= 4
    return t


def hard_tanh(x):
    """min(max(x, -1), 1)."""
    return x.clip(-1, 1)


def hard_tanh_slope(x):
    """1 inside (-1, 1), else 0; 0 at both kinks, as PyTorch returns."""
    return _inside(x, 1)


def softsign(x):
    """x / (1 + |x|). The largest number stands in for infinity, which would give NaN."""
    size = np.abs(x)
    if np.fmax.reduce(size, axis=None) == np.inf:
        x = x.clip(np.finfo(x.dtype).min, np.finfo(x.dtype).max)
        size = np.abs(x)
    size += 1
    return np.divide(x, size, out=size)


def softsign_slope(x):
    """1 / (1 + |x|)^2, squared last so that the square cannot overflow."""
    t = np.abs(x)
    t += 1
    np.divide(1, t, out=t)
    t *= t
    return t


def _inside(x, edge):
    """1 for |x| < edge, else 0, and NaN for NaN, which a comparison would lose."""
    size = np.abs(x)
    size.clip(edge - 1, edge, out=size)
    size -= edge
    np.floor(size, out=size)
    return np.abs(size, out=size)


ENTRIES = (
    Activation(
        name="sigmoid",
        title="Sigmoid",
        aliases=("logistic", "expit"),
        family="saturating",
        function=sigmoid,
        slope=sigmoid_slope,
        formula=r"\sigma(x) = \frac{1}{1 + e^{-x}}",
        derivative_formula=r"\sigma(x)\,(1 - \sigma(x))",
        range=Interval(0.0, 1.0),
        smoothness=math.inf,
        lipschitz=0.25,
        saturates=(0.0, 1.0),
        advantages=(
            "reads as a probability: the output of a binary classifier and the gate of an LSTM",
            "smooth, bounded, with a derivative that comes from the output alone",
        ),
        drawbacks=(
            "its slope never exceeds 1/4 and vanishes on both sides",
            "its outputs are all positive, which shifts the mean of the next layer's input",
        ),
        libraries={
            "Keras": "keras.activations.sigmoid",
            "PyTorch": "torch.nn.Sigmoid",
            "JAX": "jax.nn.sigmoid",
        },
        year=1986,
        reference="rumelhart1986",
    ),
    Activation(
        name="hard_sigmoid",
        title="Hard sigmoid",
        family="saturating",
        function=hard_sigmoid,
        slope=hard_sigmoid_slope,
        formula=r"\min(\max(x + 3,\, 0),\, 6) / 6",
        derivative_formula=r"\begin{cases}1/6 & -3 < x < 3\\ 0 & |x| > 3\end{cases}",
        range=Interval(0.0, 1.0, True, True),
        smoothness=0,
        lipschitz=1 / 6,
        saturates=(0.0, 1.0),
        kinks=(
            Kink(-3.0, 0.0, "0, as TensorFlow, PyTorch and JAX return"),
            Kink(3.0, 0.0, "0, as TensorFlow, PyTorch and JAX return"),
        ),
        advantages=("a sigmoid without an exponential, for small devices and quantised gates",),
        drawbacks=(
            "its slope is exactly 0 outside (-3, 3), so a unit can stop learning altogether",
            "two definitions are in use: x/6 + 1/2 here, 0.2 x + 0.5 in Keras 2",
        ),
        libraries={
            "Keras": "keras.activations.hard_sigmoid",
            "PyTorch": "torch.nn.Hardsigmoid",
            "JAX": "jax.nn.hard_sigmoid",
        },
        year=2015,
        reference="courbariaux2015",
    ),
    Activation(
        name="log_sigmoid",
        title="Log-sigmoid",
        aliases=("logsigmoid",),
        family="saturating",
        function=log_sigmoid,
        slope=log_sigmoid_slope,
        formula=r"\ln \sigma(x) = -\ln(1 + e^{-x})",
        derivative_formula=r"\sigma(-x)",
        range=Interval(-math.inf, 0.0),
        smoothness=math.inf,
        lipschitz=1.0,
        saturates=(None, 0.0),
        advantages=("the log-likelihood of a binary label without overflow or a logarithm of 0",),
        drawbacks=("a term of a loss, not a hidden unit: its outputs are all negative",),
        libraries={
            "Keras": "keras.activations.log_sigmoid",
            "PyTorch": "torch.nn.LogSigmoid",
            "JAX": "jax.nn.log_sigmoid",
        },
    ),
    Activation(
        name="tanh",
        title="Tanh",
        aliases=("hyperbolic_tangent",),
        family="saturating",
        function=tanh,
        slope=tanh_slope,
        formula=r"\tanh x = \frac{e^{x} - e^{-x}}{e^{x} + e^{-x}}",
        derivative_formula=r"1 - \tanh^2 x",
        range=Interval(-1.0, 1.0),
        smoothness=math.inf,
        lipschitz=1.0,
        odd=True,
        zero_centred=True,
        saturates=(-1.0, 1.0),
        blocks_from=math.inf,
        advantages=(
            "odd: centred inputs give centred outputs",
            "slope 1 at 0, four times the sigmoid's",
        ),
        drawbacks=("it saturates on both sides, faster than the sigmoid",),
        libraries={
            "Keras": "keras.activations.tanh",
            "PyTorch": "torch.nn.Tanh",
            "JAX": "jax.nn.tanh",
        },
        year=1998,
        reference="lecun2012",
    ),
    Activation(
        name="hard_tanh",
        title="Hard tanh",
        family="saturating",
        blocks_from=math.inf,
        function=hard_tanh,
        slope=hard_tanh_slope,
        formula=r"\min(\max(x,\, -1),\, 1)",
        derivative_formula=r"\begin{cases}1 & -1 < x < 1\\ 0 & |x| > 1\end{cases}",
        range=Interval(-1.0, 1.0, True, True),
        smoothness=0,
        lipschitz=1.0,
        odd=True,
        zero_centred=True,
        saturates=(-1.0, 1.0),
        kinks=(
            Kink(-1.0, 0.0, "0, as PyTorch returns; TensorFlow and JAX return 1"),
            Kink(1.0, 0.0, "0, as PyTorch returns; TensorFlow and JAX return 1"),
        ),
        advantages=("a tanh without an exponential, with slope exactly 1 inside",),
        drawbacks=("its slope is exactly 0 outside (-1, 1)",),
        libraries={
            "Keras": "keras.activations.hard_tanh",
            "PyTorch": "torch.nn.Hardtanh",
            "JAX": "jax.nn.hard_tanh",
        },
        year=2004,
        reference="collobert2004",
    ),
    Activation(
        name="softsign",
        title="Softsign",
        aliases=("soft_sign",),
        family="saturating",
        function=softsign,
        slope=softsign_slope,
        formula=r"\frac{x}{1 + |x|}",
        derivative_formula=r"\frac{1}{(1 + |x|)^2}",
        range=Interval(-1.0, 1.0),
        smoothness=1,
        lipschitz=1.0,
        odd=True,
        zero_centred=True,
        saturates=(-1.0, 1.0),
        advantages=(
            "its slope falls like 1/x², not exponentially: far units still learn a little",
            "no exponential",
        ),
        drawbacks=("it approaches its limits so slowly that it seldom says a clear yes or no",),
        libraries={
            "Keras": "keras.activations.softsign",
            "PyTorch": "torch.nn.Softsign",
            "JAX": "jax.nn.soft_sign",
        },
        year=2009,
        reference="turian2009",
    ),
)
