"""The reproductions ledger: what papers report, and the small experiment that tries it.

The ledger (`reproductions.yaml`) holds what is reported, by whom, and our verdict. A chapter
calls `report` beside its experiment; the call fails, and with it the build, when the numbers
no longer support the verdict.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping

from actfun import verdicts
from actfun.verdicts import Box, Entry

VERDICTS = (
    "confirmed",
    "confirmed in direction",
    "not confirmed",
    "not resolvable at this scale",
)
# These say where our result departs from the paper's.
NEEDS_DIFFERENCE = ("confirmed in direction", "not confirmed")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reproduction(Entry):
    """A published result."""

    noun = "reproduction"
    verdicts = VERDICTS

    papers: tuple[str, ...]  # keys in references.bib
    source: str  # the same in words


@functools.cache
def _ledger() -> dict:
    return verdicts.read("reproductions.yaml")


@functools.cache
def ledger() -> Mapping[str, Reproduction]:
    """Return every published result by id.

    Raises
    ------
    ValueError
        An entry has neither or both of `verdict` and `open`, or an unknown verdict.

    >>> len(ledger())
    28
    """
    entries = _ledger()["reproductions"]
    return verdicts.by_id(Reproduction(**{**e, "papers": tuple(e["papers"])}) for e in entries)


def get(reproduction_id: str) -> Reproduction:
    """Return one published result.

    Raises
    ------
    KeyError
        There is none of that id.

    >>> get("R-4").source
    'He et al., 2015'
    """
    try:
        return ledger()[reproduction_id]
    except KeyError:
        raise KeyError(
            f"no reproduction {reproduction_id!r} in the ledger; ids look like 'R-4'"
        ) from None


def report(
    reproduction_id: str,
    verdict: str,
    *,
    experiment: str,
    result: str,
    because: Mapping[str, bool],
    differs: str | None = None,
) -> None:
    """Report a reproduction: check it and show the published result, ours and the verdict.

    Parameters
    ----------
    reproduction_id : str
        Id in the ledger, written out.
    verdict : str
        One of `VERDICTS`, the same as in the ledger.
    experiment : str
        What we did, in one sentence: network, data, seeds, and what is smaller than in the paper.
    result : str
        The numbers just computed, with their interval.
    because : mapping of str to bool
        What must be true for the verdict, each in words with its check. Not empty.
    differs : str, optional
        Where our result departs from the paper's; needed for the verdicts in
        `NEEDS_DIFFERENCE`.

    Raises
    ------
    NotSupported
        A check fails, or the ledger has another verdict.
    KeyError, ValueError
        The id or the verdict is unknown, or a part is missing.

    Examples
    --------
    >>> report("R-99", "confirmed", experiment="", result="", because={})
    Traceback (most recent call last):
    ...
    KeyError: "no reproduction 'R-99' in the ledger; ids look like 'R-4'"
    """
    reproduction = get(reproduction_id)
    if not experiment.strip() or not result.strip():
        raise ValueError(f"reproduction {reproduction_id}: experiment= and result= need words")
    if verdict in NEEDS_DIFFERENCE and not differs:
        raise ValueError(
            f"reproduction {reproduction_id}: {verdict!r} needs differs=, where the paper's "
            "result and ours part"
        )
    reproduction.check(verdict, because)
    box = Box(
        reproduction, reproduction.source, differs, {"Experiment": experiment, "Result": result}
    )
    box.display(experiment=experiment, result=result, differs=differs)
