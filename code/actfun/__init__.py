"""Activation functions: formulas, derivatives and facts.

>>> import actfun
>>> actfun.get("softplus")(0.0)
np.float64(0.6931471805599453)
"""

from . import claims, plotting
from .activation import Activation, Interval, Kink, Parameter
from .catalogue import UnknownActivation, facts, get, names
from .determinism import reproducible

__all__ = [
    "Activation",
    "Interval",
    "Kink",
    "Parameter",
    "UnknownActivation",
    "claims",
    "facts",
    "get",
    "names",
    "plotting",
    "reproducible",
]
