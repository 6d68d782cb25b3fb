"""Self-gated functions: x times a smooth switch of x. Swish, SiLU, GELU, Mish, hard swish.

Far to the left the switch is exp(-something): the rounding error of that something
is what costs digits, so it is carried along (`exact`) in float64, and float32 input
is computed in float64 where the something is more than x itself.

Infinity times a closed gate is NaN in IEEE arithmetic and 0 in the limit. Input is
therefore cut off where the gate is closed for good.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from .activation import BLOCK, Activation, Interval, Kink, Parameter
from .exact import product, times_exp_minus_half_square
from .saturating import decay, sigmoid

# exp(-CLOSED) is 0 in float64, so beyond +-CLOSED every gate is exactly open or closed.
CLOSED = 800.0
# 2 sqrt(2 / pi) and 0.044715 of the tanh form of GELU, each as float64 and remainder.
_GELU_RATE = (1.5957691216057308, -9.96930880911092e-17)
_GELU_CUBIC = (0.044715, 2.1960211427085595e-18)


def _times_sigmoid(a, z, error=None):
    """a * sigmoid(z + error), the gate's exponential in two halves.

    A gate below the smallest normal number has lost digits before `a` makes the product
    normal again; the root of the exponential has not.
    """
    half, gate = np.minimum(z, 0), decay(z)
    half *= 0.5
    np.exp(half, out=half)
    gate += 1
    np.divide(half, gate, out=gate)
    if error is not None:
        gate *= 1 + sigmoid(-z) * error
    half *= a
    half *= gate
    return half


def silu(x):
    """x * sigmoid(x)."""
    return _times_sigmoid(np.maximum(x, -CLOSED), x)


def silu_slope(x):
    """s * (1 + x * (1 - s)) with s = sigmoid(x)."""
    near = np.minimum(np.maximum(x, -CLOSED), CLOSED)
    return _times_sigmoid(1 + near * sigmoid(-near), near)


def swish(x, beta=1.0):
    """x * sigmoid(beta * x)."""
    if isinstance(beta, float) and beta == 1:
        return silu(x)
    near, z, error = _swish_argument(x, beta)
    shut = z <= 1 - CLOSED
    return _times_sigmoid(np.where(shut, near, x), z, error).astype(x.dtype)


def swish_slope(x, beta=1.0):
    """s * (1 + beta * x * (1 - s)) with s = sigmoid(beta * x)."""
    if isinstance(beta, float) and beta == 1:
        return silu_slope(x)
    _, z, error = _swish_argument(x, beta)
    return _times_sigmoid(1 + z * sigmoid(-z), z, error).astype(x.dtype)


def swish_beta_slope(x, beta=1.0):
    """The derivative in beta: x^2 * s * (1 - s) with s = sigmoid(beta * x)."""
    near, z, error = _swish_argument(x, beta)
    decided = np.abs(z) >= CLOSED - 1
    root = np.exp(-0.5 * np.abs(z))  # s (1 - s) is (root / (1 + root^2))^2
    with np.errstate(over="ignore"):  # at beta = 0 this is x^2 / 4, and may be too large
        part = np.where(decided, near, x) * root / (1 + root * root)
        return (part * part * (1 - np.tanh(z / 2) * error)).astype(x.dtype)


def _swish_argument(x, beta):
    """Return x cut to where the gate is undecided, beta times that, and its rounding error."""
    beta = np.asarray(beta, np.float64)
    x64 = x.astype(np.float64)
    with np.errstate(divide="ignore", over="ignore"):
        reach = np.minimum(CLOSED / np.abs(beta), 1e150)
    near = np.clip(x64, -reach, reach)
    z, error = product(near, beta)
    return near, z, error


def hard_swish(x):
    """x * min(max(x + 3, 0), 6) / 6, divided first so that the product cannot overflow."""
    gate = x + 3
    gate.clip(0, 6, out=gate)
    gate /= 6
    gate *= np.maximum(x, -3)
    return gate


def hard_swish_slope(x):
    """(2x + 3) / 6 inside (-3, 3), 0 to the left and 1 to the right of it."""
    inside = x.clip(-3, 3) / 3 + x.dtype.type(0.5)
    return np.where(np.abs(x) < 3, inside, np.ceil(x.clip(0, 1)))


def mish(x):
    """x * tanh(softplus(x)), which is x * n / (n + 2) with n = e (e + 2), e = exp(x)."""
    e = x.clip(-CLOSED, 20)  # from 20 on the gate is 1 to the last place
    np.exp(e, out=e)
    value = e + 2
    value *= e
    value /= np.add(value, 2, out=e)
    value *= np.maximum(x, -CLOSED)
    subnormal = math.log(np.finfo(x.dtype).tiny)
    if np.fmin.reduce(x, axis=None) < subnormal:  # mish is x * exp(x) here
        half = np.exp(0.5 * np.clip(x, -CLOSED, 0))
        value = np.where(x < subnormal, np.maximum(x, -CLOSED) * half * half, value)
    return value


def mish_slope(x):
    """n / (n + 2) + 4 x e (e + 1) / (n + 2)^2, the common factor e taken out."""
    near = np.minimum(np.maximum(x, -CLOSED), 20)
    half = np.exp(0.5 * near)
    e = half * half
    n2 = e * (e + 2) + 2
    return half * ((e + 2) + near * (4 * (e + 1) / n2)) * (half / n2)


def gelu(x):
    """x * Phi(x), Phi the standard normal distribution function."""
    x64 = np.maximum(x.astype(np.float64), -CLOSED)
    right = x64 * special.ndtr(x64)
    if x.dtype == np.float32:
        return right.astype(np.float32)
    # ndtr loses digits in the left tail, erfcx does not: Phi(x) = erfcx(-x/sqrt 2) exp(-x^2/2)/2
    negative = np.minimum(x64, 0)
    tail = 0.5 * negative * special.erfcx(negative * -math.sqrt(0.5))
    return np.where(x64 < -1, times_exp_minus_half_square(tail, negative), right)


def gelu_slope(x):
    """Phi(x) + x * phi(x), phi the standard normal density."""
    x64 = np.minimum(np.maximum(x.astype(np.float64), -CLOSED), CLOSED)
    right = special.ndtr(x64) + x64 * np.exp(-0.5 * x64 * x64) * (1 / math.sqrt(2 * math.pi))
    if x.dtype == np.float32:
        return right.astype(np.float32)
    negative = np.minimum(x64, 0)
    ratio = math.sqrt(math.pi / 2) * special.erfcx(negative * -math.sqrt(0.5))  # Phi / phi
    tail = (ratio + negative) / math.sqrt(2 * math.pi)
    return np.where(x64 < -1, times_exp_minus_half_square(tail, negative), right)


def gelu_tanh(x):
    """x * (1 + tanh(u)) / 2, u = sqrt(2/pi) (x + 0.044715 x^3), which is x * sigmoid(2u)."""
    if x.dtype == np.float32:  # float64 has range and digits to spare
        near, z, _ = _gelu_tanh_argument(x)
        return (np.maximum(x, near) / (1 + np.exp(-z))).astype(x.dtype)
    _, z, error = _gelu_tanh_argument(x)
    return _times_sigmoid(np.maximum(x, -50), z, error)


def gelu_tanh_slope(x):
    """s * (1 + x * (1 - s) * 2u') with s = sigmoid(2u)."""
    near, z, error = _gelu_tanh_argument(x)
    if error is None:
        s = 1 / (1 + np.exp(-z))
        rate = _GELU_RATE[0] + 3 * _GELU_RATE[0] * _GELU_CUBIC[0] * near * near
        return (s * (1 + near * (1 - s) * rate)).astype(x.dtype)
    rate = _GELU_RATE[0] * (1 + 3 * _GELU_CUBIC[0] * near * near)
    return _times_sigmoid(1 + near * sigmoid(-z) * rate, z, error).astype(x.dtype)


def _gelu_tanh_argument(x):
    """Return x cut to where the gate is undecided, 2u, and its error (None for float32)."""
    if x.dtype == np.float32:
        near = np.clip(x.astype(np.float64), -20, 20)
        return near, near * (_GELU_RATE[0] + _GELU_RATE[0] * _GELU_CUBIC[0] * near * near), None
    near = np.clip(x, -50, 50)
    square, e1 = product(near, near)
    cubic, e2 = product(square, _GELU_CUBIC[0])
    bracket = 1 + cubic
    e3 = cubic - (bracket - 1) + e2 + e1 * _GELU_CUBIC[0] + square * _GELU_CUBIC[1]
    rate, e4 = product(near, _GELU_RATE[0])
    z, e5 = product(rate, bracket)
    return near, z, e5 + rate * e3 + (e4 + near * _GELU_RATE[1]) * bracket


ENTRIES = (
    Activation(
        name="silu",
        blocks_from=BLOCK,
        title="SiLU",
        aliases=("sigmoid_linear_unit", "swish_1", "swish1"),
        family="gated",
        function=silu,
        slope=silu_slope,
        formula=r"x\,\sigma(x)",
        derivative_formula=r"\sigma(x) + x\,\sigma(x)\,(1 - \sigma(x))",
        range=Interval(-0.27846454276107379511, math.inf, True),
        smoothness=math.inf,
        lipschitz=1.0998393201288669,
        monotone=False,
        saturates=(0.0, None),
        advantages=(
            "smooth everywhere, close to ReLU far from 0",
            "a gradient on both sides of 0",
        ),
        drawbacks=(
            "an exponential to compute",
            "not monotone, and its slope vanishes far to the left",
        ),
        libraries={
            "Keras": "keras.activations.silu",
            "PyTorch": "torch.nn.SiLU",
            "JAX": "jax.nn.silu",
        },
        year=2016,
        reference="elfwing2018",
    ),
    Activation(
        name="swish",
        blocks_from=BLOCK,
        title="Swish",
        aliases=("swish_beta", "parametric_swish"),
        family="gated",
        function=swish,
        slope=swish_slope,
        parameter_slopes={"beta": swish_beta_slope},
        formula=r"x\,\sigma(\beta x)",
        derivative_formula=r"\sigma(\beta x) + \beta x\,\sigma(\beta x)\,(1 - \sigma(\beta x))",
        range=Interval(-0.27846454276107379511, math.inf, True),
        smoothness=math.inf,
        lipschitz=1.0998393201288669,
        monotone=False,
        saturates=(0.0, None),
        parameters=(
            Parameter(
                "beta",
                "sharpness of the gate: 0 gives x/2, infinity ReLU",
                learnable=True,
            ),
        ),
        advantages=("one parameter leads from linear to ReLU, and it can be learned",),
        drawbacks=("an exponential to compute", "a parameter that seldom pays for itself"),
        libraries={"Keras": "actfun.layers.Swish"},
        year=2017,
        reference="ramachandran2017",
    ),
    Activation(
        name="hard_swish",
        title="Hard swish",
        aliases=("hard_silu", "hswish"),
        family="gated",
        function=hard_swish,
        slope=hard_swish_slope,
        formula=r"x\,\min(\max(x + 3,\, 0),\, 6) / 6",
        derivative_formula=r"\begin{cases}0 & x < -3\\ (2x + 3)/6 & -3 < x < 3\\ "
        r"1 & x > 3\end{cases}",
        range=Interval(-0.375, math.inf, True),
        smoothness=0,
        lipschitz=1.5,
        monotone=False,
        saturates=(0.0, None),
        kinks=(
            Kink(-3.0, 0.0, "0, as TensorFlow, PyTorch and JAX return"),
            Kink(3.0, 1.0, "1, as TensorFlow, PyTorch and JAX return"),
        ),
        advantages=("swish without an exponential, for phones and quantised networks",),
        drawbacks=("slope exactly 0 below -3, 1.5 just below 3",),
        libraries={
            "Keras": "keras.activations.hard_silu",
            "PyTorch": "torch.nn.Hardswish",
            "JAX": "jax.nn.hard_silu",
        },
        year=2019,
        reference="howard2019",
    ),
    Activation(
        name="mish",
        blocks_from=BLOCK,
        title="Mish",
        family="gated",
        function=mish,
        slope=mish_slope,
        formula=r"x \tanh(\ln(1 + e^{x}))",
        derivative_formula=r"\tanh(s) + x\,\sigma(x)\,(1 - \tanh^2 s), \quad s = \ln(1 + e^{x})",
        range=Interval(-0.30884341301725040663, math.inf, True),
        smoothness=math.inf,
        lipschitz=1.0884981612517279,
        monotone=False,
        saturates=(0.0, None),
        advantages=("smooth everywhere, close to ReLU far from 0",),
        drawbacks=("the dearest formula of the family", "not monotone"),
        libraries={
            "Keras": "keras.activations.mish",
            "PyTorch": "torch.nn.Mish",
            "JAX": "jax.nn.mish",
        },
        year=2019,
        reference="misra2019",
    ),
    Activation(
        name="gelu",
        blocks_from=BLOCK,
        title="GELU",
        aliases=("gaussian_error_linear_unit", "gelu_exact"),
        family="gated",
        function=gelu,
        slope=gelu_slope,
        formula=r"x\,\Phi(x), \quad \Phi(x) = \tfrac12 \left(1 + \operatorname{erf}"
        r"\tfrac{x}{\sqrt 2}\right)",
        derivative_formula=r"\Phi(x) + x\,\varphi(x)",
        range=Interval(-0.16997120747990366169, math.inf, True),
        smoothness=math.inf,
        lipschitz=1.1289041451851548,
        monotone=False,
        saturates=(0.0, None),
        advantages=(
            "smooth everywhere, close to ReLU far from 0",
            "the mean of a unit that is dropped with probability Φ(−x)",
        ),
        drawbacks=(
            "an error function to compute",
            "its derivative is 0 at −0.75 and vanishes like a Gaussian to the left",
        ),
        libraries={
            "Keras": "keras.activations.gelu",
            "PyTorch": "torch.nn.GELU",
            "JAX": "jax.nn.gelu(approximate=False)",
        },
        year=2016,
        reference="hendrycks2016",
    ),
    Activation(
        name="gelu_tanh",
        blocks_from=BLOCK,
        title="GELU (tanh form)",
        aliases=("gelu_approximate", "gelu_new"),
        family="gated",
        function=gelu_tanh,
        slope=gelu_tanh_slope,
        formula=r"\tfrac{x}{2}\left(1 + \tanh u\right), \quad "
        r"u = \sqrt{\tfrac{2}{\pi}}\,(x + 0.044715\,x^3)",
        derivative_formula=r"\tfrac12 (1 + \tanh u) + \tfrac{x}{2}\,(1 - \tanh^2 u)\,"
        r"\sqrt{\tfrac{2}{\pi}}\,(1 + 0.134145\,x^2)",
        range=Interval(-0.17004075057125405064, math.inf, True),
        smoothness=math.inf,
        lipschitz=1.1289930686587718,
        monotone=False,
        saturates=(0.0, None),
        advantages=("GELU to within 0.0005 without an error function",),
        drawbacks=("a second function under the same name: the libraries' defaults differ",),
        libraries={
            "Keras": "keras.activations.gelu(approximate=True)",
            "PyTorch": "torch.nn.GELU(approximate='tanh')",
            "JAX": "jax.nn.gelu",
        },
        year=2016,
        reference="hendrycks2016",
    ),
)
