"""Exponential units: ELU, CELU, SELU and softplus.

exp and expm1 are taken of min(x, 0) only, so nothing overflows, and expm1 keeps the
digits that exp(x) - 1 loses near 0.
"""

from __future__ import annotations

import math

import numpy as np

from .activation import Activation, Interval, Kink, Parameter
from .exact import exp_quotient
from .saturating import decay, sigmoid

# The pair that maps mean 0, variance 1 to itself (Klambauer et al. 2017, arXiv:1706.02515);
# the chapter on exponential units derives it, a test recomputes it.
SELU_ALPHA = 1.6732632423543772848
SELU_SCALE = 1.0507009873554804934


def elu(x, alpha=1.0):
    """x for x > 0, else alpha * (exp(x) - 1)."""
    y = np.minimum(x, 0)
    np.expm1(y, out=y)
    y *= alpha
    y += np.maximum(x, 0)
    return y


def elu_slope(x, alpha=1.0):
    """1 for x > 0, else alpha * exp(x)."""
    if isinstance(alpha, float) and alpha == 1:
        return np.exp(np.minimum(x, 0))
    return np.where(x > 0, x.dtype.type(1), alpha * np.exp(np.minimum(x, 0)))


def elu_alpha_slope(x, alpha=1.0):
    """The derivative in alpha: expm1(min(x, 0))."""
    return np.expm1(np.minimum(x, 0))


def celu(x, alpha=1.0):
    """x for x > 0, else alpha * (exp(x / alpha) - 1)."""
    negative = np.minimum(x, 0)
    if alpha == 1:
        return np.maximum(x, 0) + np.expm1(negative)
    with np.errstate(over="ignore"):  # a tiny alpha: the quotient is -inf, the limit is -alpha
        return np.maximum(x, 0) + alpha * np.expm1(negative / alpha)


def celu_slope(x, alpha=1.0):
    """1 for x > 0, else exp(x / alpha)."""
    if alpha == 1:
        return np.exp(np.minimum(x, 0))
    # From here on exp is 0; the product in exp_quotient must not overflow.
    negative = np.maximum(np.minimum(x, 0).astype(np.float64), -800 * alpha)
    return exp_quotient(negative, alpha).astype(x.dtype)


def selu(x):
    """scale * x for x > 0, else scale * alpha * (exp(x) - 1)."""
    with np.errstate(over="ignore"):  # scale * x can pass the largest number
        return SELU_SCALE * np.maximum(x, 0) + SELU_SCALE * SELU_ALPHA * np.expm1(np.minimum(x, 0))


def selu_slope(x):
    """scale for x > 0, else scale * alpha * exp(x)."""
    tail = SELU_SCALE * SELU_ALPHA * np.exp(np.minimum(x, 0))
    return np.where(x > 0, x.dtype.type(SELU_SCALE), tail)


def softplus(x):
    """log(1 + exp(x)), written max(x, 0) + log1p(exp(-|x|))."""
    y = decay(x)
    np.log1p(y, out=y)
    y += np.maximum(x, 0)
    return y


def softplus_slope(x):
    """sigmoid(x)."""
    return sigmoid(x)


ENTRIES = (
    Activation(
        name="elu",
        title="ELU",
        aliases=("exponential_linear_unit",),
        family="exponential",
        function=elu,
        slope=elu_slope,
        parameter_slopes={"alpha": elu_alpha_slope},
        formula=r"\begin{cases}x & x > 0\\ \alpha\,(e^{x} - 1) & x \le 0\end{cases}",
        derivative_formula=r"\begin{cases}1 & x > 0\\ \alpha\,e^{x} & x < 0\end{cases}",
        range=Interval(-1.0, math.inf),
        smoothness=1,
        lipschitz=1.0,
        saturates=(-1.0, None),
        parameters=(
            Parameter(
                "alpha",
                "minus the limit on the left; smooth at 0 only for 1",
                low=0.0,
                learnable=True,
                keras_layer=1.0,
                keras_function=1.0,
                torch=1.0,
                jax=1.0,
            ),
        ),
        advantages=(
            "negative outputs bring the mean activation nearer to 0",
            "a gradient for negative input, and a floor that damps noise far below 0",
        ),
        drawbacks=("an exponential to compute", "its slope still vanishes far below 0"),
        libraries={
            "Keras": "keras.activations.elu",
            "PyTorch": "torch.nn.ELU",
            "JAX": "jax.nn.elu",
        },
        year=2016,
        reference="clevert2016",
    ),
    Activation(
        name="celu",
        title="CELU",
        aliases=("continuously_differentiable_elu",),
        family="exponential",
        function=celu,
        slope=celu_slope,
        formula=r"\begin{cases}x & x > 0\\ \alpha\,(e^{x/\alpha} - 1) & x \le 0\end{cases}",
        derivative_formula=r"\begin{cases}1 & x > 0\\ e^{x/\alpha} & x \le 0\end{cases}",
        range=Interval(-1.0, math.inf),
        smoothness=1,
        lipschitz=1.0,
        saturates=(-1.0, None),
        parameters=(
            Parameter(
                "alpha",
                "minus the limit on the left, and the width of the bend",
                low=0.0,
                low_open=True,
                keras_function=1.0,
                torch=1.0,
                jax=1.0,
            ),
        ),
        advantages=("slope continuous and at most 1 whatever alpha is",),
        drawbacks=("an exponential to compute",),
        libraries={
            "Keras": "keras.activations.celu",
            "PyTorch": "torch.nn.CELU",
            "JAX": "jax.nn.celu",
        },
        year=2017,
        reference="barron2017",
    ),
    Activation(
        name="selu",
        title="SELU",
        aliases=("scaled_elu",),
        family="exponential",
        function=selu,
        slope=selu_slope,
        formula=r"\lambda \begin{cases}x & x > 0\\ \alpha\,(e^{x} - 1) & x \le 0\end{cases}"
        r"\quad \lambda \approx 1.0507,\ \alpha \approx 1.6733",
        derivative_formula=r"\lambda \begin{cases}1 & x > 0\\ \alpha\,e^{x} & x < 0\end{cases}",
        range=Interval(-SELU_SCALE * SELU_ALPHA, math.inf),
        smoothness=0,
        lipschitz=SELU_SCALE * SELU_ALPHA,
        zero_centred=True,
        saturates=(-SELU_SCALE * SELU_ALPHA, None),
        kinks=(
            Kink(
                0.0, SELU_SCALE * SELU_ALPHA, "λα, as PyTorch and JAX return; TensorFlow returns λ"
            ),
        ),
        advantages=("mean 0 and variance 1 are an attracting fixed point of a layer",),
        drawbacks=(
            "only with LeCun-normal weights, dense layers and alpha dropout",
            "steepest just below 0",
        ),
        libraries={
            "Keras": "keras.activations.selu",
            "PyTorch": "torch.nn.SELU",
            "JAX": "jax.nn.selu",
        },
        year=2017,
        reference="klambauer2017",
    ),
    Activation(
        name="softplus",
        title="Softplus",
        aliases=("soft_plus", "smooth_relu"),
        family="exponential",
        function=softplus,
        slope=softplus_slope,
        formula=r"\ln(1 + e^{x})",
        derivative_formula=r"\sigma(x)",
        range=Interval(0.0, math.inf),
        smoothness=math.inf,
        lipschitz=1.0,
        saturates=(0.0, None),
        advantages=(
            "smooth and strictly positive: an output for scales, rates and variances",
            "a gradient everywhere",
        ),
        drawbacks=("outputs all positive, ln 2 at 0", "slope 1/2 at 0, below 1 everywhere"),
        libraries={
            "Keras": "keras.activations.softplus",
            "PyTorch": "torch.nn.Softplus",
            "JAX": "jax.nn.softplus",
        },
        year=2001,
        reference="dugas2001",
    ),
)
