"""The book's ledgers: their entries, the calls in chapters, what the pages showed when they ran."""

from __future__ import annotations

import ast
from dataclasses import dataclass

import yaml

from bookbuild.book import Book, BookError, Page
from bookbuild.keys import dotted, parse_code
from bookbuild.notebooks import read_chapter
from bookbuild.references import read_references


@dataclass(frozen=True)
class Ledger:
    """A ledger of ``code/actfun``, and the words in which one speaks of it.

    Attributes
    ----------
    noun : str
        What an entry is. The entries stand under its plural in ``<plural>.yaml``, and a page's
        outputs carry them in their metadata under the singular.
    call : str
        The function of ``actfun.<plural>`` that shows an entry with its verdict.
    done : str
        Its past participle.
    """

    noun: str
    call: str
    done: str

    @property
    def name(self) -> str:
        """The plural."""
        return f"{self.noun}s"

    def anchor(self, entry: str) -> str:
        """Return the anchor of an entry on the page that shows it.

        Examples
        --------
        >>> CLAIMS.anchor("B-3.1b")
        'claim-b-3-1b'
        """
        return f"{self.noun}-" + entry.lower().replace(".", "-")

    def read(self, book: Book) -> dict:
        """Return the file, with an empty list of entries when there is none."""
        path = book.code / "actfun" / f"{self.name}.yaml"
        if not path.is_file():
            return {"documents": {}, self.name: []}
        try:
            return yaml.safe_load(path.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            raise BookError(f"code/actfun/{self.name}.yaml is not valid YAML: {error}") from None

    def calls(self, page: Page) -> list[Call]:
        """Return the calls in a chapter; an id that is not a literal comes as None."""
        calls = []
        cells = [cell for cell in read_chapter(page).cells if cell.cell_type == "code"]
        for number, cell in enumerate(cells, start=1):
            for node in ast.walk(parse_code(cell.source)):
                if not isinstance(node, ast.Call):
                    continue
                if dotted(node.func) not in (self.call, f"{self.name}.{self.call}"):
                    continue
                words = [
                    argument.value if isinstance(argument, ast.Constant) else None
                    for argument in (*node.args, None, None)[:2]
                ]
                calls.append(Call(page.docname, number, *words))
        return calls

    def shown(self, notebook) -> list[dict]:
        """Return what a page showed when it ran: id, verdict and more of each entry."""
        return [
            dict(output["metadata"][self.noun])
            for cell in notebook.cells
            if cell.cell_type == "code"
            for output in cell.get("outputs", [])
            if self.noun in output.get("metadata", {})
        ]


@dataclass(frozen=True)
class Call:
    """A call of ``claims.settle`` or ``reproductions.report`` as it is written in a chapter."""

    docname: str
    cell: int
    entry: str | None
    verdict: str | None


CLAIMS = Ledger("claim", "settle", "settled")
REPRODUCTIONS = Ledger("reproduction", "report", "reported")
LEDGERS = (CLAIMS, REPRODUCTIONS)


def ledgers_data(book: Book, notebooks: dict) -> dict:
    """Return both ledgers with what the pages computed, for the site.

    Parameters
    ----------
    book : Book
    notebooks : dict
        Executed notebooks by docname.

    Returns
    -------
    dict
        ``documents`` by letter, the lists ``claims`` and ``reproductions``.
    """
    claims, documents = _claims(book, notebooks)
    return {
        "documents": documents,
        "claims": claims,
        "reproductions": _reproductions(book, notebooks),
    }


def _results(ledger: Ledger, book: Book, notebooks: dict) -> dict[str, dict]:
    """Return what the pages showed by id, each with its page."""
    return {
        entry["id"]: {**entry, "docname": docname, "title": book.page(docname).title}
        for docname, notebook in notebooks.items()
        for entry in ledger.shown(notebook)
    }


def _claims(book: Book, notebooks: dict) -> tuple[list[dict], dict]:
    content = CLAIMS.read(book)
    results = _results(CLAIMS, book, notebooks)
    claims = []
    for claim in content["claims"]:
        result = results.get(claim["id"], {})
        sections = content["documents"][claim["id"][0]].get("sections", {})
        claims.append(
            {
                "id": claim["id"],
                "document": claim["id"][0],
                "section": str(claim["section"]),
                "section_title": sections.get(str(claim["section"]), ""),
                "says": claim["says"],
                "open": claim.get("open", ""),
                "verdict": result.get("verdict"),
                "correction": result.get("correction") or "",
                "evidence": result.get("evidence", ""),
                "docname": result.get("docname"),
                "title": result.get("title", ""),
            }
        )
    documents = {
        letter: {key: str(document.get(key) or "") for key in ("title", "english", "language")}
        for letter, document in content["documents"].items()
    }
    return claims, documents


def _reproductions(book: Book, notebooks: dict) -> list[dict]:
    references = read_references(book)
    results = _results(REPRODUCTIONS, book, notebooks)
    reproductions = []
    for entry in REPRODUCTIONS.read(book)["reproductions"]:
        result = results.get(entry["id"], {})
        papers = [references[key] for key in entry["papers"] if key in references]
        reproductions.append(
            {
                "id": entry["id"],
                "papers": [{"words": f"{p.who}, {p.year}", "url": p.url} for p in papers],
                "source": entry["source"],
                "says": entry["says"],
                "open": entry.get("open", ""),
                "verdict": result.get("verdict"),
                "differs": result.get("differs") or "",
                "experiment": result.get("experiment", ""),
                "result": result.get("result", ""),
                "docname": result.get("docname"),
                "title": result.get("title", ""),
            }
        )
    return reproductions
