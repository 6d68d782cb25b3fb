"""The claims ledger: what four documents say, and the cell that settles each statement.

The ledger (`claims.yaml`) holds the statement and its verdict. A chapter calls
`settle` beside its evidence; the call fails, and with it the build, when the evidence
no longer supports the verdict.
"""

from __future__ import annotations

import dataclasses
import functools
import html
import importlib.resources
from collections.abc import Mapping

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


class ClaimNotSupported(AssertionError):
    """The evidence on the page and the verdict in the ledger disagree."""


@dataclasses.dataclass(frozen=True)
class Claim:
    """A statement of a source document; `verdict` or `open` is set, never both."""

    id: str
    section: str
    kind: str
    says: str
    verdict: str | None = None
    open: str | None = None  # where it will be settled

    @property
    def document(self) -> str:
        """The document's letter."""
        return self.id[0]

    @property
    def section_title(self) -> str:
        """The title of its section, in English."""
        return documents()[self.document]["sections"][self.section]

    @property
    def anchor(self) -> str:
        """The id of its box on the page that settles it.

        >>> get("A-2.1b").anchor
        'claim-a-2-1b'
        """
        return "claim-" + self.id.lower().replace(".", "-")


@functools.cache
def _ledger() -> dict:
    import yaml

    text = importlib.resources.files("actfun").joinpath("claims.yaml").read_text("utf-8")
    return yaml.safe_load(text)


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
    claims = {}
    for entry in _ledger()["claims"]:
        claim = Claim(**entry)
        if (claim.verdict is None) == (claim.open is None):
            raise ValueError(f"claim {claim.id}: give either a verdict or 'open', not both")
        if claim.verdict is not None and claim.verdict not in VERDICTS:
            raise ValueError(
                f"claim {claim.id}: unknown verdict {claim.verdict!r}, expected one of {VERDICTS}"
            )
        if claim.id in claims:
            raise ValueError(f"claim {claim.id} stands in the ledger twice")
        claims[claim.id] = claim
    return claims


def get(claim_id: str) -> Claim:
    """Return one claim.

    Raises
    ------
    KeyError
        There is no claim of that id.
    """
    try:
        return ledger()[claim_id]
    except KeyError:
        raise KeyError(f"no claim {claim_id!r} in the ledger; ids look like 'A-2.1b'") from None


@dataclasses.dataclass(frozen=True)
class Settled:
    """A settled claim as a box for the page."""

    claim: Claim
    evidence: str
    correction: str | None

    def _repr_html_(self) -> str:
        claim, e = self.claim, html.escape
        kind = claim.verdict.replace(" ", "-")
        better = f" {e(self.correction)}" if self.correction else ""
        return (
            f'<div class="claim claim-{kind}" id="{claim.anchor}">'
            f'<p class="claim-says"><strong>Claim {claim.id}</strong> '
            f"(document {claim.document}, section {e(claim.section)}, "
            f"{e(claim.section_title)}): {e(claim.says)}</p>"
            f'<p class="claim-verdict"><strong>Verdict: {claim.verdict}.</strong>{better}</p>'
            f'<p class="claim-evidence">Evidence: {e(self.evidence)}</p></div>'
        )

    def __repr__(self) -> str:
        lines = [
            f"Claim {self.claim.id}: {self.claim.says}",
            f"Verdict: {self.claim.verdict}." + (f" {self.correction}" if self.correction else ""),
            f"Evidence: {self.evidence}",
        ]
        return "\n".join(lines)


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
    ClaimNotSupported
        A check fails, or the ledger has another verdict.
    KeyError, ValueError
        The claim or the verdict is unknown, or a part is missing.

    Examples
    --------
    >>> settle("A-2.3a", "holds", evidence="max(0, 2) is 2.", because={"it is": max(0, 2) == 2})
    Claim A-2.3a: ReLU: max(0,x); among the most popular activations.
    Verdict: holds.
    Evidence: max(0, 2) is 2.
    >>> settle("A-2.3a", "holds", evidence="", because={"2 is odd": 2 % 2 == 1})
    Traceback (most recent call last):
    ...
    actfun.claims.ClaimNotSupported: claim A-2.3a: the evidence fails: 2 is odd
    """
    from IPython.display import display

    claim = get(claim_id)
    if verdict not in VERDICTS:
        raise ValueError(f"unknown verdict {verdict!r}, expected one of {VERDICTS}")
    if verdict in NEEDS_CORRECTION and not correction:
        raise ValueError(f"claim {claim_id}: {verdict!r} needs correction=, how it should read")
    if not because:
        raise ValueError(f"claim {claim_id}: because= is empty, expected at least one check")
    failed = [reason for reason, true in because.items() if not true]
    if failed:
        raise ClaimNotSupported(f"claim {claim_id}: the evidence fails: " + "; ".join(failed))
    if verdict != claim.verdict:
        raise ClaimNotSupported(
            f"claim {claim_id}: the page says {verdict!r}, the ledger says "
            f"{claim.verdict or 'not yet settled'!r}"
        )
    box = Settled(claim, evidence, correction)
    note = {"id": claim_id, "verdict": verdict, "evidence": evidence, "correction": correction}
    display(box, metadata={"claim": note})
