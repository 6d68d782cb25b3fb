"""The activation functions to 50 digits, written from their definitions with mpmath.

Independent of the library: nothing here imports its formulas or constants.
"""

import mpmath as mp

mp.mp.dps = 60


def _sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def _softplus(x):
    return mp.log1p(mp.exp(x)) if x < 0 else x + mp.log1p(mp.exp(-x))


def _tanh(x):
    return mp.tanh(x)


def _selu_constants():
    # Mean 0 and variance 1 of the image of a standard normal variable, solved in closed form.
    half, root = mp.mpf(1) / 2, mp.sqrt(2 * mp.pi)
    negative = mp.exp(half) * mp.ncdf(-1) - half  # E[exp(z) - 1; z < 0]
    alpha = -(1 / root) / negative
    square = mp.exp(2) * mp.ncdf(-2) - 2 * mp.exp(half) * mp.ncdf(-1) + half
    scale = 1 / mp.sqrt(half + alpha**2 * square)
    return alpha, scale


SELU_ALPHA, SELU_SCALE = _selu_constants()
_RATE = mp.sqrt(2 / mp.pi)
_CUBIC = mp.mpf("0.044715")


def _gelu_gate(x):
    """Phi(x), by the complementary error function so that the tail keeps its digits."""
    if abs(x) > 1e5:  # mpmath gives up; the distance from 0 or 1 is below 10^-(10^9)
        return mp.mpf(x > 0)
    return mp.erfc(-x / mp.sqrt(2)) / 2


def _density(x):
    return mp.exp(-min(x * x, mp.mpf(10) ** 9) / 2) / mp.sqrt(2 * mp.pi)


def _mish_slope(x):
    gate = mp.tanh(_softplus(x))
    return gate + x * _sigmoid(x) * mp.sech(_softplus(x)) ** 2


def _mean(lower, upper):
    return (mp.mpf(lower) + mp.mpf(upper)) / 2


# name -> (function, derivative); both take an mpf and the parameters of the library
FUNCTIONS = {
    "identity": (lambda x: x, lambda x: mp.mpf(1)),
    "binary_step": (lambda x: mp.mpf(x > 0), lambda x: mp.mpf(0)),
    "sigmoid": (_sigmoid, lambda x: _sigmoid(x) * _sigmoid(-x)),
    "hard_sigmoid": (
        lambda x: min(max(x + 3, 0), 6) / 6,
        lambda x: mp.mpf(abs(x) < 3) / 6,
    ),
    "log_sigmoid": (lambda x: -_softplus(-x), lambda x: _sigmoid(-x)),
    "tanh": (_tanh, lambda x: mp.sech(x) ** 2),
    "hard_tanh": (lambda x: min(max(x, -1), 1), lambda x: mp.mpf(abs(x) < 1)),
    "softsign": (lambda x: x / (1 + abs(x)), lambda x: 1 / (1 + abs(x)) ** 2),
    "relu": (lambda x: max(x, 0), lambda x: mp.mpf(x > 0)),
    "relu6": (lambda x: min(max(x, 0), 6), lambda x: mp.mpf(0 < x < 6)),
    "leaky_relu": (
        lambda x, negative_slope=0.01: x if x > 0 else negative_slope * x,
        lambda x, negative_slope=0.01: mp.mpf(1 if x > 0 else negative_slope),
    ),
    "prelu": (
        lambda x, alpha=0.25: x if x > 0 else alpha * x,
        lambda x, alpha=0.25: mp.mpf(1 if x > 0 else alpha),
    ),
    "rrelu": (
        lambda x, lower=1 / 8, upper=1 / 3: x if x > 0 else _mean(lower, upper) * x,
        lambda x, lower=1 / 8, upper=1 / 3: 1 if x > 0 else _mean(lower, upper),
    ),
    "elu": (
        lambda x, alpha=1.0: x if x > 0 else alpha * mp.expm1(x),
        lambda x, alpha=1.0: mp.mpf(1) if x > 0 else alpha * mp.exp(x),
    ),
    "celu": (
        lambda x, alpha=1.0: x if x > 0 else alpha * mp.expm1(x / alpha),
        lambda x, alpha=1.0: mp.mpf(1) if x > 0 else mp.exp(x / alpha),
    ),
    "selu": (
        lambda x: SELU_SCALE * (x if x > 0 else SELU_ALPHA * mp.expm1(x)),
        lambda x: SELU_SCALE * (1 if x > 0 else SELU_ALPHA * mp.exp(x)),
    ),
    "softplus": (_softplus, _sigmoid),
    "silu": (
        lambda x: x * _sigmoid(x),
        lambda x: _sigmoid(x) * (1 + x * _sigmoid(-x)),
    ),
    "swish": (
        lambda x, beta=1.0: x * _sigmoid(beta * x),
        lambda x, beta=1.0: _sigmoid(beta * x) * (1 + beta * x * _sigmoid(-beta * x)),
    ),
    "hard_swish": (
        lambda x: x * min(max(x + 3, 0), 6) / 6,
        lambda x: mp.mpf(0) if x <= -3 else mp.mpf(1) if x >= 3 else (2 * x + 3) / 6,
    ),
    "mish": (lambda x: x * mp.tanh(_softplus(x)), _mish_slope),
    "gelu": (
        lambda x: x * _gelu_gate(x),
        lambda x: _gelu_gate(x) + x * _density(x),
    ),
    "gelu_tanh": (
        lambda x: x * _sigmoid(2 * _RATE * (x + _CUBIC * x**3)),
        lambda x: (
            _sigmoid(2 * _RATE * (x + _CUBIC * x**3))
            * (
                1
                + x
                * _sigmoid(-2 * _RATE * (x + _CUBIC * x**3))
                * 2
                * _RATE
                * (1 + 3 * _CUBIC * x**2)
            )
        ),
    ),
}

# (name, parameter) -> derivative in that parameter
PARAMETER_SLOPES = {
    ("prelu", "alpha"): lambda x, alpha=0.25: min(x, 0),
    ("elu", "alpha"): lambda x, alpha=1.0: mp.expm1(min(x, 0)),
    ("swish", "beta"): lambda x, beta=1.0: x * x * _sigmoid(beta * x) * _sigmoid(-beta * x),
}


def softmax(scores):
    e = [mp.exp(s) for s in scores]
    return [v / mp.fsum(e) for v in e]


def log_softmax(scores):
    top = max(scores)
    return [s - top - mp.log(mp.fsum(mp.exp(t - top) for t in scores)) for s in scores]
