"""What the two ledgers share: their entries, the check of a verdict, and its box on the page.

The ledgers are `claims` (what four documents say) and `reproductions` (what papers report).
An entry holds a statement and its verdict; a chapter gives the evidence, and the build fails
when the evidence no longer supports the verdict.
"""

from __future__ import annotations

import dataclasses
import html
import importlib.resources
from collections.abc import Iterable, Mapping
from typing import ClassVar


class NotSupported(AssertionError):
    """The evidence on the page and the verdict in the ledger disagree."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """A statement in a ledger; `verdict` or `open` is set, never both."""

    noun: ClassVar[str]
    verdicts: ClassVar[tuple[str, ...]]

    id: str
    says: str
    verdict: str | None = None
    open: str | None = None  # where it will be settled

    @property
    def anchor(self) -> str:
        """The id of its box on the page that settles it, for example 'claim-a-2-1b'."""
        return f"{self.noun}-{self.id.lower().replace('.', '-')}"

    def check(self, verdict: str, because: Mapping[str, bool]) -> None:
        """Compare a verdict with its evidence and with the ledger.

        Parameters
        ----------
        verdict : str
            What the page says.
        because : mapping of str to bool
            What must be true for the verdict, each in words with its check. Not empty.

        Raises
        ------
        NotSupported
            A check fails, or the ledger has another verdict.
        ValueError
            The verdict is none of `verdicts`, or `because` is empty.
        """
        name = f"{self.noun} {self.id}"
        if verdict not in self.verdicts:
            raise ValueError(
                f"{name}: unknown verdict {verdict!r}, expected one of {self.verdicts}"
            )
        if not because:
            raise ValueError(f"{name}: because= is empty, expected at least one check")
        failed = [reason for reason, true in because.items() if not true]
        if failed:
            raise NotSupported(f"{name}: the evidence fails: " + "; ".join(failed))
        if verdict != self.verdict:
            raise NotSupported(
                f"{name}: the page says {verdict!r}, the ledger says "
                f"{self.verdict or 'not yet settled'!r}"
            )


def read(file: str) -> dict:
    """Return a ledger file of this package as it stands."""
    import yaml

    text = importlib.resources.files("actfun").joinpath(file).read_text("utf-8")
    return yaml.safe_load(text)


def by_id(entries: Iterable[Entry]) -> dict[str, Entry]:
    """Return entries by id, in their order.

    Raises
    ------
    ValueError
        An entry has neither or both of `verdict` and `open`, an unknown verdict, or an id that
        stands there twice.
    """
    result: dict[str, Entry] = {}
    for entry in entries:
        name = f"{entry.noun} {entry.id}"
        if (entry.verdict is None) == (entry.open is None):
            raise ValueError(f"{name}: give either a verdict or 'open', not both")
        if entry.verdict is not None and entry.verdict not in entry.verdicts:
            raise ValueError(
                f"{name}: unknown verdict {entry.verdict!r}, expected one of {entry.verdicts}"
            )
        if entry.id in result:
            raise ValueError(f"{name} stands in the ledger twice")
        result[entry.id] = entry
    return result


@dataclasses.dataclass(frozen=True)
class Box:
    """An entry with its verdict and what that rests on, as HTML and as text.

    Parameters
    ----------
    entry : Entry
    source : str
        Who says so, and where.
    remark : str or None
        What has to be added to the verdict.
    parts : mapping of str to str
        Heading and text of what the verdict rests on.
    """

    entry: Entry
    source: str
    remark: str | None
    parts: Mapping[str, str]

    @property
    def _lines(self) -> tuple[str, str]:
        entry = self.entry
        says = f" ({self.source}): {entry.says}"
        return f"{entry.noun.capitalize()} {entry.id}", says

    def _repr_html_(self) -> str:
        name, says = self._lines
        kind = self.entry.verdict.replace(" ", "-")
        remark = f" {html.escape(self.remark)}" if self.remark else ""
        parts = "".join(
            f'<p class="claim-evidence">{heading}: {html.escape(text)}</p>'
            for heading, text in self.parts.items()
        )
        return (
            f'<div class="claim claim-{kind}" id="{self.entry.anchor}">'
            f'<p class="claim-says"><strong>{name}</strong>{html.escape(says)}</p>'
            f'<p class="claim-verdict"><strong>Verdict: {self.entry.verdict}.</strong>{remark}</p>'
            f"{parts}</div>"
        )

    def __repr__(self) -> str:
        lines = [
            "".join(self._lines),
            f"Verdict: {self.entry.verdict}." + (f" {self.remark}" if self.remark else ""),
            *(f"{heading}: {text}" for heading, text in self.parts.items()),
        ]
        return "\n".join(lines)

    def display(self, **note: str | None) -> None:
        """Show the box; `note` goes with it for the page that lists all of them."""
        from IPython.display import display

        entry = self.entry
        note = {"id": entry.id, "verdict": entry.verdict, **note}
        display(self, metadata={entry.noun: note})
