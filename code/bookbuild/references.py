"""The bibliography: ``references.bib`` as words and links."""

from __future__ import annotations

from dataclasses import dataclass

from pybtex.database import BibliographyData, Entry, PybtexError, parse_string
from pybtex.richtext import Text

from bookbuild.book import Book, BookError


@dataclass(frozen=True)
class Reference:
    """One entry of ``references.bib``."""

    key: str
    who: str
    year: str
    url: str
    full: str


def _plain(latex: str) -> str:
    return str(Text.from_latex(latex)).replace("\N{NO-BREAK SPACE}", " ")


def entry_url(entry: Entry) -> str:
    """Return the link of an entry: its DOI, arXiv id or url; an empty string when it has none."""
    fields = entry.fields
    if doi := fields.get("doi"):
        return "https://doi.org/" + doi.removeprefix("https://doi.org/")
    if arxiv := fields.get("eprint"):
        return f"https://arxiv.org/abs/{arxiv}"
    return fields.get("url", "")


def _reference(key: str, entry: Entry) -> Reference:
    people = entry.persons.get("author") or entry.persons.get("editor") or []
    last = [_plain(" ".join(p.prelast_names + p.last_names)) for p in people] or [key]
    who = {1: last[0], 2: " and ".join(last[:2])}.get(len(last), f"{last[0]} et al.")
    fields = entry.fields
    year = fields.get("year", "n.d.")
    names = [
        " ".join([*(_plain(n)[:1] + "." for n in p.first_names + p.middle_names), name])
        for p, name in zip(people, last, strict=False)
    ]
    if len(names) > 6:
        names = [*names[:5], "and others"]
    venue = next(
        (fields[k] for k in ("journal", "booktitle", "publisher", "institution") if k in fields), ""
    )
    parts = [f"{', '.join(names) or key} ({year})", f"*{_plain(fields.get('title', key))}*"]
    parts += [_plain(venue)] if venue else []
    url = entry_url(entry)
    return Reference(key, who, year, url, ". ".join(parts) + (f". <{url}>" if url else "."))


def read_bibliography(book: Book) -> BibliographyData:
    """Return ``references.bib`` as parsed."""
    path = book.root / "references.bib"
    if not path.is_file():
        return BibliographyData()
    try:
        return parse_string(path.read_text(encoding="utf-8"), "bibtex")
    except PybtexError as error:
        raise BookError(f"references.bib: {error}") from None


def read_references(book: Book) -> dict[str, Reference]:
    """Return every entry of ``references.bib`` by its key."""
    return {key: _reference(key, e) for key, e in read_bibliography(book).entries.items()}
