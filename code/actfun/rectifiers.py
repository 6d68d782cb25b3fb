"""Rectifiers: the identity for positive input, little or nothing for negative input.

At 0 every derivative here is the one of the negative side.
"""

from __future__ import annotations

import math

import numpy as np

from .activation import Activation, Interval, Kink, Parameter, keep_nan


def relu(x):
    """max(x, 0)."""
    return np.maximum(x, 0)


def relu_slope(x):
    """1 for x > 0, else 0."""
    return np.ceil(x.clip(0, 1))  # any positive number gives 1, and NaN stays


def relu6(x):
    """min(max(x, 0), 6)."""
    return x.clip(0, 6)


def relu6_slope(x):
    """1 inside (0, 6), else 0; 0 at both kinks, as TensorFlow and PyTorch return."""
    return relu_slope(x) * (x < 6)


def leaky_relu(x, negative_slope=0.01):
    """max(x, negative_slope * x), which needs a slope of at most 1."""
    y = negative_slope * x
    return np.maximum(x, y, out=y)


def leaky_relu_slope(x, negative_slope=0.01):
    """1 for x > 0, else negative_slope."""
    return _two_slopes(x, negative_slope)


def prelu(x, alpha=0.25):
    """max(x, 0) + alpha * min(x, 0), for any alpha."""
    with np.errstate(over="ignore"):
        return np.maximum(x, 0) + alpha * np.minimum(x, 0)


def prelu_slope(x, alpha=0.25):
    """1 for x > 0, else alpha."""
    return _two_slopes(x, alpha)


def prelu_alpha_slope(x, alpha=0.25):
    """The derivative in alpha: min(x, 0)."""
    return np.minimum(x, 0)


def rrelu(x, lower=1 / 8, upper=1 / 3):
    """Leaky ReLU with the mean slope (lower + upper) / 2: what RReLU is at test time.

    As in PyTorch, the slope is uniform. Xu et al. (arXiv:1505.00853) draw its reciprocal,
    from U(3, 8), and so test with 1 / 5.5.
    """
    return leaky_relu(x, (lower + upper) / 2)


def rrelu_slope(x, lower=1 / 8, upper=1 / 3):
    """1 for x > 0, else (lower + upper) / 2."""
    return _two_slopes(x, (lower + upper) / 2)


def _two_slopes(x, negative):
    """1 for x > 0, else `negative`."""
    if isinstance(negative, float) and 0 <= negative <= 1:
        slope = relu_slope(x)
        return np.maximum(slope, negative, out=slope)
    return keep_nan(x, np.where(x > 0, x.dtype.type(1), np.asarray(negative, x.dtype)))


ENTRIES = (
    Activation(
        name="relu",
        title="ReLU",
        aliases=("rectifier", "rectified_linear_unit", "ramp"),
        family="rectifiers",
        function=relu,
        slope=relu_slope,
        formula=r"\max(x,\, 0)",
        derivative_formula=r"\begin{cases}1 & x > 0\\ 0 & x < 0\end{cases}",
        range=Interval(0.0, math.inf, True),
        smoothness=0,
        lipschitz=1.0,
        saturates=(0.0, None),
        kinks=(Kink(0.0, 0.0, "0, as TensorFlow, PyTorch and JAX return"),),
        blocks_from=math.inf,
        advantages=(
            "slope exactly 1 wherever it is active",
            "one comparison to compute, and true zeros in its output",
        ),
        drawbacks=(
            "a unit that is negative on all data has no gradient: it is dead",
            "its outputs are not centred",
        ),
        libraries={
            "Keras": "keras.activations.relu",
            "PyTorch": "torch.nn.ReLU",
            "JAX": "jax.nn.relu",
        },
        year=2010,
        reference="nair2010",
    ),
    Activation(
        name="relu6",
        title="ReLU6",
        blocks_from=math.inf,
        family="rectifiers",
        function=relu6,
        slope=relu6_slope,
        formula=r"\min(\max(x,\, 0),\, 6)",
        derivative_formula=r"\begin{cases}1 & 0 < x < 6\\ 0 & x < 0 \text{ or } x > 6\end{cases}",
        range=Interval(0.0, 6.0, True, True),
        smoothness=0,
        lipschitz=1.0,
        saturates=(0.0, 6.0),
        kinks=(
            Kink(0.0, 0.0, "0, as TensorFlow, PyTorch and JAX return"),
            Kink(6.0, 0.0, "0, as TensorFlow, PyTorch and JAX return"),
        ),
        advantages=("a known largest output, which suits low-precision arithmetic",),
        drawbacks=("no gradient above 6 as well as below 0",),
        libraries={
            "Keras": "keras.activations.relu6",
            "PyTorch": "torch.nn.ReLU6",
            "JAX": "jax.nn.relu6",
        },
        year=2010,
        reference="krizhevsky2010",
    ),
    Activation(
        name="leaky_relu",
        title="Leaky ReLU",
        aliases=("lrelu",),
        family="rectifiers",
        function=leaky_relu,
        slope=leaky_relu_slope,
        formula=r"\max(x,\, a x), \quad 0 \le a \le 1",
        derivative_formula=r"\begin{cases}1 & x > 0\\ a & x < 0\end{cases}",
        range=Interval(-math.inf, math.inf),
        smoothness=0,
        lipschitz=1.0,
        kinks=(Kink(0.0, 0.01, "a, as TensorFlow and PyTorch return; JAX returns 1"),),
        parameters=(
            Parameter(
                "negative_slope",
                "slope a for negative input, chosen by hand",
                low=0.0,
                high=1.0,
                keras_layer=0.3,
                keras_function=0.2,
                torch=0.01,
                jax=0.01,
            ),
        ),
        advantages=("its derivative is nowhere 0, so no unit is cut off from the gradient",),
        drawbacks=(
            "one more number to choose, and the libraries' defaults differ",
            "no exact zeros in its output",
        ),
        libraries={
            "Keras": "keras.layers.LeakyReLU",
            "PyTorch": "torch.nn.LeakyReLU",
            "JAX": "jax.nn.leaky_relu",
        },
        year=2013,
        reference="maas2013",
    ),
    Activation(
        name="prelu",
        title="PReLU",
        aliases=("parametric_relu",),
        family="rectifiers",
        function=prelu,
        slope=prelu_slope,
        parameter_slopes={"alpha": prelu_alpha_slope},
        formula=r"\max(x,\, 0) + \alpha \min(x,\, 0)",
        derivative_formula=r"\begin{cases}1 & x > 0\\ \alpha & x < 0\end{cases}",
        range=Interval(-math.inf, math.inf),
        smoothness=0,
        lipschitz=1.0,
        kinks=(Kink(0.0, 0.25, "α, as PyTorch returns; the Keras layer returns 0"),),
        parameters=(
            Parameter(
                "alpha",
                "slope for negative input, learned; the default is where learning starts",
                learnable=True,
                keras_layer=0.0,
                torch=0.25,
            ),
        ),
        advantages=("the negative slope is learned, one for each channel or one for all",),
        drawbacks=("more parameters to learn and, if one likes, to regularise",),
        libraries={
            "Keras": "keras.layers.PReLU",
            "PyTorch": "torch.nn.PReLU",
        },
        year=2015,
        reference="he2015",
    ),
    Activation(
        name="rrelu",
        title="RReLU",
        aliases=("randomized_relu", "randomised_relu", "randomized_leaky_relu"),
        family="rectifiers",
        function=rrelu,
        slope=rrelu_slope,
        formula=r"\max(x,\, 0) + a \min(x,\, 0),\quad "
        r"a \sim \mathcal U(l, u) \text{ in training},\ a = \tfrac{l + u}{2} \text{ in use}",
        derivative_formula=r"\begin{cases}1 & x > 0\\ a & x < 0\end{cases}",
        range=Interval(-math.inf, math.inf),
        smoothness=0,
        lipschitz=1.0,
        kinks=(Kink(0.0, 11 / 48, "the mean slope, as PyTorch returns"),),
        parameters=(
            Parameter("lower", "smallest slope for negative input", low=0.0, high=1.0, torch=1 / 8),
            Parameter("upper", "largest slope for negative input", low=0.0, high=1.0, torch=1 / 3),
        ),
        advantages=("the random slope is a noise that can regularise on small data",),
        drawbacks=("training and use compute different functions",),
        libraries={"Keras": "actfun.layers.RReLU", "PyTorch": "torch.nn.RReLU"},
        year=2015,
        reference="xu2015",
    ),
)
