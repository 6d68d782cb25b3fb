"""Activation functions: formulas, derivatives and facts; their theory; which one to choose.

The modules that train (`ensemble`, `compare`, `probes`, `layers`, `networks`, `initializers`)
import Keras, which takes seconds, and are imported by name: ``from actfun import compare``.

>>> import actfun
>>> actfun.get("softplus")(0.0)
np.float64(0.6931471805599453)
"""

from . import claims, plotting, reproductions, theory
from .activation import Activation, Interval, Kink, Parameter
from .catalogue import UnknownActivation, facts, get, names
from .determinism import reproducible
from .guide import recommend

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
    "recommend",
    "reproducible",
    "reproductions",
    "theory",
]
