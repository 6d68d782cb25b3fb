"""The two ends of the scale: no activation at all, and a switch."""

from __future__ import annotations

import math

import numpy as np

from .activation import Activation, Interval, Kink, keep_nan


def identity(x):
    """x."""
    return x.copy()


def identity_slope(x):
    """1 (and NaN for NaN)."""
    return keep_nan(x, np.ones_like(x))


def binary_step(x):
    """1 for x > 0, else 0: the convention of `numpy.heaviside(x, 0)`, which is slower."""
    return np.ceil(x.clip(0, 1))


def binary_step_slope(x):
    """0 (and NaN for NaN). At 0 there is no derivative; 0 is what frameworks return."""
    return keep_nan(x, np.zeros_like(x))


ENTRIES = (
    Activation(
        name="identity",
        title="Identity",
        aliases=("linear",),
        family="basic",
        function=identity,
        slope=identity_slope,
        formula=r"x",
        derivative_formula=r"1",
        range=Interval(-math.inf, math.inf),
        smoothness=math.inf,
        lipschitz=1.0,
        odd=True,
        zero_centred=True,
        blocks_from=math.inf,
        advantages=("the right output for a regression on unbounded targets",),
        drawbacks=("layers of it collapse into one linear layer",),
        libraries={
            "Keras": "keras.activations.linear",
            "PyTorch": "torch.nn.Identity",
            "JAX": "jax.nn.identity",
        },
    ),
    Activation(
        name="binary_step",
        title="Binary step",
        aliases=("heaviside", "step", "threshold"),
        family="basic",
        function=binary_step,
        slope=binary_step_slope,
        formula=r"\begin{cases}1 & x > 0\\ 0 & x \le 0\end{cases}",
        derivative_formula=r"0 \quad (x \ne 0)",
        range=Interval(0.0, 1.0, True, True),
        smoothness=-1,
        lipschitz=math.inf,
        saturates=(0.0, 1.0),
        kinks=(
            Kink(0.0, 0.0, "a jump: no derivative exists; 0, as automatic differentiation gives"),
        ),
        blocks_from=math.inf,
        advantages=("a yes-or-no answer from one comparison",),
        drawbacks=("its derivative is 0 wherever it exists, so gradient descent cannot train it",),
        libraries={},
        year=1943,
        reference="mcculloch1943",
    ),
)
