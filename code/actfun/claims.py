"""The claims ledger: what four documents say, and the cell that settles each statement.

The ledger (`claims.yaml`) holds the statement and its verdict. A chapter calls
`settle` beside its evidence; the call fails, and with it the build, when the evidence
no longer supports the verdict.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping

from actfun import verdicts
from actfun.verdicts import Box, Entry

VERDICTS = (
    "holds",
    "holds under conditions",
    "does not hold",
    "not resolvable at this scale",
    "a convention",
    "incomplete",
)
# These say how the statement should read.
NEEDS_CORRECTION = ("holds under conditions", "does not hold", "incomplete")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Claim(Entry):
    """A statement of a source document."""

    noun = "claim"
    verdicts = VERDICTS

    section: str
    kind: str

    @property
    def document(self) -> str:
        """The document's letter."""
        return self.id[0]

    @property
    def section_title(self) -> str:
        """The title of its section, in English."""
        return documents()[self.document]["sections"][self.section]


@functools.cache
def _ledger() -> dict:
    return verdicts.read("claims.yaml")


def documents() -> Mapping[str, dict]:
    """Return the source documents by letter: title, english, language, sections."""
    return _ledger()["documents"]


@functools.cache
def ledger() -> Mapping[str, Claim]:
    """Return every claim by id, in the order of the documents.

    Raises
    ------
    ValueError
        An entry has neither or both of `verdict` and `open`, or an unknown verdict.

    >>> len(ledger())
    182
    """
    return verdicts.by_id(Claim(**entry) for entry in _ledger()["claims"])


def get(claim_id: str) -> Claim:
    """Return one claim.

    Raises
    ------
    KeyError
        There is no claim of that id.

    >>> get("A-2.1b").anchor
    'claim-a-2-1b'
    """
    try:
        return ledger()[claim_id]
    except KeyError:
        raise KeyError(f"no claim {claim_id!r} in the ledger; ids look like 'A-2.1b'") from None


def settle(
    claim_id: str,
    verdict: str,
    *,
    evidence: str,
    because: Mapping[str, bool],
    correction: str | None = None,
) -> None:
    """Settle a claim: check the evidence and show the claim, the verdict and the evidence.

    Parameters
    ----------
    claim_id : str
        Id in the ledger, written out.
    verdict : str
        One of `VERDICTS`, the same as in the ledger.
    evidence : str
        One or two sentences with the numbers just computed.
    because : mapping of str to bool
        What must be true for the verdict, each in words with its check. Not empty.
    correction : str, optional
        How the statement should read, or under which conditions it holds; needed for the
        verdicts in `NEEDS_CORRECTION`.

    Raises
    ------
    NotSupported
        A check fails, or the ledger has another verdict.
    KeyError, ValueError
        The claim or the verdict is unknown, or a part is missing.

    Examples
    --------
    >>> settle("A-2.3a", "holds", evidence="max(0, 2) is 2.", because={"it is": max(0, 2) == 2})
    Claim A-2.3a (document A, section 2.3, ReLU): ReLU: max(0,x); among the most popular activations.
    Verdict: holds.
    Evidence: max(0, 2) is 2.
    >>> settle("A-2.3a", "holds", evidence="", because={"2 is odd": 2 % 2 == 1})
    Traceback (most recent call last):
    ...
    actfun.verdicts.NotSupported: claim A-2.3a: the evidence fails: 2 is odd
    """  # noqa: E501
    claim = get(claim_id)
    if verdict in NEEDS_CORRECTION and not correction:
        raise ValueError(f"claim {claim_id}: {verdict!r} needs correction=, how it should read")
    claim.check(verdict, because)
    source = f"document {claim.document}, section {claim.section}, {claim.section_title}"
    box = Box(claim, source, correction, {"Evidence": evidence})
    box.display(evidence=evidence, correction=correction)
