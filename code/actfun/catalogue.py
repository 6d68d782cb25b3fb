"""The catalogue: every activation function of the course by name, and its facts as a table."""

from __future__ import annotations

import difflib
import re

from . import basic, exponential, gated, outputs, rectifiers, saturating
from .activation import Activation

ENTRIES: tuple[Activation, ...] = (
    basic.ENTRIES
    + saturating.ENTRIES
    + rectifiers.ENTRIES
    + exponential.ENTRIES
    + gated.ENTRIES
    + outputs.ENTRIES
)
FACTS = (
    "title",
    "family",
    "range",
    "monotone",
    "odd",
    "zero_centred",
    "smoothness",
    "saturates",
    "kinks",
    "lipschitz",
    "year",
)


class UnknownActivation(KeyError):
    """No activation function of that name; the message suggests the nearest names."""

    def __str__(self) -> str:
        return self.args[0]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


_BY_PLAIN_NAME = {
    _plain(name): entry for entry in ENTRIES for name in (entry.name, entry.title, *entry.aliases)
}


def names() -> list[str]:
    """Return the names of all activation functions, in the order of the catalogue.

    >>> names()[:3]
    ['identity', 'binary_step', 'sigmoid']
    """
    return [entry.name for entry in ENTRIES]


def get(name: str) -> Activation:
    """Return the activation function of that name, title or alias.

    Case, spaces, hyphens and underscores do not matter. An `Activation` is returned
    as it is.

    Raises
    ------
    UnknownActivation
        A `KeyError` that suggests the nearest names.
    TypeError
        `name` is not a string.

    Examples
    --------
    >>> get("Leaky ReLU") is get("leaky_relu")
    True
    >>> get("rely")
    Traceback (most recent call last):
    ...
    actfun.catalogue.UnknownActivation: unknown activation 'rely'; did you mean 'relu', ...?
    """
    if isinstance(name, Activation):
        return name
    if not isinstance(name, str):
        raise TypeError(
            f"the name of an activation must be a string, got {name!r} ({type(name).__name__})"
        )
    found = _BY_PLAIN_NAME.get(_plain(name))
    if found is None:
        near = difflib.get_close_matches(_plain(name), _BY_PLAIN_NAME, n=4, cutoff=0.5)
        unique = list(dict.fromkeys(_BY_PLAIN_NAME[n].name for n in near))
        hint = (
            "did you mean " + ", ".join(map(repr, unique)) + "?"
            if unique
            else "actfun.names() lists them all"
        )
        raise UnknownActivation(f"unknown activation {name!r}; {hint}")
    return found


def facts(chosen: list[str] | None = None, columns: tuple[str, ...] | list[str] = FACTS):
    """Return facts of the chosen activation functions (default: all) as a pandas DataFrame.

    Parameters
    ----------
    chosen : list of str, optional
        Names or aliases; the rows, in that order.
    columns : sequence of str
        Any fields of `Activation`; see `FACTS`.

    Examples
    --------
    >>> facts(["relu", "tanh"], ["lipschitz", "odd"])
          lipschitz    odd
    relu        1.0  False
    tanh        1.0   True
    """
    import pandas as pd

    entries = [get(name) for name in (names() if chosen is None else chosen)]
    for column in columns:
        if column not in Activation.__dataclass_fields__:
            raise ValueError(
                f"facts: unknown column {column!r}, expected any of: "
                + ", ".join(Activation.__dataclass_fields__)
            )
    return pd.DataFrame(
        {column: [getattr(e, column) for e in entries] for column in columns},
        index=[e.name for e in entries],
    )
