"""The claims of the source documents: the ledger, the calls in chapters, what the pages ran."""

from __future__ import annotations

import ast
from dataclasses import dataclass

import yaml

from bookbuild.book import Book, BookError, Page
from bookbuild.keys import parse_code
from bookbuild.notebooks import read_chapter


@dataclass(frozen=True)
class SettleCall:
    """A call of ``claims.settle`` in a chapter, as it is written there."""

    docname: str
    cell: int
    claim: str | None
    verdict: str | None


def read_ledger(book: Book) -> dict:
    """Return ``code/actfun/claims.yaml``: ``documents`` by letter and the list of ``claims``."""
    path = book.code / "actfun" / "claims.yaml"
    if not path.is_file():
        return {"documents": {}, "claims": []}
    try:
        ledger = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise BookError(f"code/actfun/claims.yaml is not valid YAML: {error}") from None
    return ledger


def settle_calls(page: Page) -> list[SettleCall]:
    """Return the calls of ``settle`` in a chapter; an id that is not a literal comes as None."""
    calls = []
    cells = [cell for cell in read_chapter(page).cells if cell.cell_type == "code"]
    for number, cell in enumerate(cells, start=1):
        for node in ast.walk(parse_code(cell.source)):
            if not isinstance(node, ast.Call):
                continue
            function = node.func
            name = getattr(function, "attr", getattr(function, "id", None))
            if name != "settle":
                continue
            words = [
                argument.value if isinstance(argument, ast.Constant) else None
                for argument in (*node.args, None, None)[:2]
            ]
            calls.append(SettleCall(page.docname, number, *words))
    return calls


def settled(notebook) -> list[dict]:
    """Return what a page settled when it ran: id, verdict and evidence of each claim."""
    return [
        dict(output["metadata"]["claim"])
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.get("outputs", [])
        if "claim" in output.get("metadata", {})
    ]


def anchor(claim: str) -> str:
    """Return the anchor of a claim on the page that settles it.

    Examples
    --------
    >>> anchor("B-3.1b")
    'claim-b-3-1b'
    """
    return "claim-" + claim.lower().replace(".", "-")


def claims_data(book: Book, notebooks: dict) -> dict:
    """Return the whole ledger with the evidence that the pages computed, for the site.

    Parameters
    ----------
    book : Book
    notebooks : dict
        Executed notebooks by docname.
    """
    ledger = read_ledger(book)
    results = {
        claim["id"]: {**claim, "docname": docname}
        for docname, notebook in notebooks.items()
        for claim in settled(notebook)
    }
    claims = []
    for claim in ledger["claims"]:
        result = results.get(claim["id"], {})
        docname = result.get("docname")
        sections = ledger["documents"][claim["id"][0]].get("sections", {})
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
                "docname": docname,
                "title": book.page(docname).title if docname else "",
            }
        )
    documents = {
        letter: {key: str(document.get(key) or "") for key in ("title", "english", "language")}
        for letter, document in ledger["documents"].items()
    }
    return {"documents": documents, "claims": claims}
