"""The recipe of each hidden activation: what goes with it, as measured in the part on optimising.

Each entry was picked by a rule, not by hand (`actfun.recipe_evidence`): of several options the
simplest one that cannot be told from the best. What could not be told apart is kept beside it.
It was measured on small images of digits, and on other data it is a place to begin a search: see
the chapter on the recipe, which tests it elsewhere.

>>> recipe = get("selu")
>>> recipe.activation, sorted(recipe.advice)[:2]
('selu', ['dropout', 'initialiser'])
>>> low, high = recipe.learning_rates["deep"]
>>> 0 < low <= high
True
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping

import pandas as pd

from . import catalogue, frozen

RECORD, TABLE = "evidence/recipe.json", "recipe.csv"

ACTIVATIONS = (
    "relu",
    "leaky_relu",
    "prelu",
    "elu",
    "selu",
    "softplus",
    "gelu",
    "silu",
    "hard_swish",
    "mish",
    "relu6",
    "tanh",
    "softsign",
    "hard_tanh",
    "sigmoid",
)
"""Hidden activations that every axis of the recipe was measured for."""

TEXTS = ("network", "pick", "alike", "worse")
AXES = {
    "initialiser": "initialisation",
    "normalisation": "normalisation",
    "dropout": "regularisation",
    "parameter": "tuning",
    "rate": "learning_rates",
}
"""What a recipe says, and which chapter measured it."""

INITIALISERS = {
    "preserving": "actfun.initializers.VariancePreserving({name!r})",
    "orthogonal": "keras.initializers.Orthogonal(actfun.theory.gain({name!r}))",
    "critical": "actfun.initializers.Critical({name!r}), biases CriticalBias({name!r})",
}
"""How to write the initialisers that Keras does not know by their own name."""


@dataclasses.dataclass(frozen=True)
class Advice:
    """One pick, and what it was picked from.

    Attributes
    ----------
    pick : str
        The option.
    alike : tuple of str
        The options that could not be told from the best one; the pick is the simplest of them.
        Empty if the tasks disagree, so that the default stays.
    worse : tuple of str
        The options that could.
    setting : str
        Data and network of the measurement.
    """

    pick: str
    alike: tuple[str, ...]
    worse: tuple[str, ...]
    setting: str

    def __str__(self) -> str:
        if not self.alike:
            return f"{self.pick}; the tasks disagree"
        others = [option for option in self.alike if option != self.pick]
        known = f"; not told apart from {', '.join(others)}" if others else ""
        lost = f"; worse: {', '.join(self.worse)}" if self.worse else ""
        return f"{self.pick}{known}{lost}"


@dataclasses.dataclass(frozen=True, eq=False)  # there is one of each
class Recipe:
    """What goes with an activation.

    Attributes
    ----------
    activation : str
    advice : mapping of str to Advice
        By axis: "initialiser", "normalisation", "dropout" and, where there is one, "parameter".
    learning_rates : mapping of str to (float, float)
        Adam's least and greatest good rate in a "shallow" and a "deep" network.
    """

    activation: str
    advice: Mapping[str, Advice]
    learning_rates: Mapping[str, tuple[float, float]]

    @property
    def initialiser(self) -> str:
        """The kernel's initialiser, as one writes it."""
        pick = self.advice["initialiser"].pick
        return INITIALISERS.get(pick, repr(pick)).format(name=self.activation)

    def kernel_initializer(self) -> object:
        """Return a new Keras initialiser of the kernel."""
        import keras

        from . import initializers, theory

        pick, name = self.advice["initialiser"].pick, self.activation
        if pick == "orthogonal":
            return keras.initializers.Orthogonal(theory.gain(name))
        own = {"preserving": initializers.VariancePreserving, "critical": initializers.Critical}
        return own[pick](name) if pick in own else keras.initializers.get(pick)

    def bias_initializer(self) -> object:
        """Return a new Keras initialiser of the bias: zeros, unless the weights are critical."""
        import keras

        from . import initializers

        if self.advice["initialiser"].pick == "critical":
            return initializers.CriticalBias(self.activation)
        return keras.initializers.Zeros()

    def lines(self) -> list[str]:
        """Return the recipe in lines of text."""
        lines = [f"{axis}: {advice}" for axis, advice in self.advice.items()]
        for network, (low, high) in self.learning_rates.items():
            lines.append(f"learning rate (Adam), {network}: {low:g} to {high:g}")
        return lines

    def __str__(self) -> str:
        picks = "; ".join(f"{axis} {advice.pick}" for axis, advice in self.advice.items())
        ranges = ", ".join(
            f"{low:g} to {high:g} ({network})"
            for network, (low, high) in self.learning_rates.items()
        )
        return f"Recipe (measured on digits): {picks}; Adam's rate {ranges}"

    def __repr__(self) -> str:
        return "\n  ".join([f"Recipe for {self.activation}:", *self.lines()])


def table() -> pd.DataFrame:
    """Return the frozen recipes, a row for each activation and axis.

    Columns: activation, axis, network (for rates), pick, alike, worse, low and high (of rates),
    setting. Errors as `frozen.thaw`.
    """
    return frozen.thaw(RECORD)[0][TABLE].fillna(dict.fromkeys(TEXTS, ""))


@functools.cache
def _recipes() -> dict[str, Recipe]:
    return made(table())


def made(rows: pd.DataFrame) -> dict[str, Recipe]:
    """Return the recipes that a table as that of `table` describes, by activation."""
    found = {}
    for name, mine in rows.groupby("activation", sort=False):
        rates = mine[mine.axis == "rate"]
        advice = {
            row.axis: Advice(str(row.pick), _listed(row.alike), _listed(row.worse), row.setting)
            for row in mine[mine.axis != "rate"].itertuples()
        }
        ranges = {row.network: (row.low, row.high) for row in rates.itertuples()}
        found[name] = Recipe(name, advice, ranges)
    return found


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split("; ")) if text else ()


def get(name: str) -> Recipe | None:
    """Return an activation's recipe, or None if it was not measured.

    Parameters
    ----------
    name : str
        Name or alias, as for ``actfun.get``.

    Raises
    ------
    actfun.catalogue.UnknownActivation
        There is no such activation.

    Examples
    --------
    >>> get("Leaky ReLU").activation, get("binary step")
    ('leaky_relu', None)
    """
    return _recipes().get(catalogue.get(name).name)
