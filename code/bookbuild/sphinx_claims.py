"""Sphinx extension: the ledgers, and the map of the source documents.

``{claims-ledger}`` is one table of every claim, with filters that ``ledger.js`` brings to life;
without JavaScript the whole table is there. ``{reproductions}`` is one table of every published
result that the book tries. ``{source-map}`` shows for each source document, section by section,
where the book treats it. All read ``ledgers.json``, which staging wrote from the ledgers and the
outputs of the executed chapters.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from bookbuild.ledger import CLAIMS, REPRODUCTIONS, Ledger

UNSETTLED = "not yet settled"
CLAIM_COLUMNS = ("Claim", "What is said", "Verdict", "Evidence")
REPRODUCTION_COLUMNS = ("Paper", "What it reports", "Verdict", "Our experiment and its result")


class LedgerDirective(SphinxDirective):
    """What the directives share: the data, links to chapters, tables."""

    ledger: Ledger = CLAIMS

    def data(self) -> dict:
        """Return ``ledgers.json``; have the page made anew when it changes, and give it a style."""
        self.env.metadata[self.env.docname]["ledger"] = True
        path = Path(self.env.srcdir) / "ledgers.json"
        if not path.is_file():
            raise ExtensionError(f"{path} is missing: build with `python -m bookbuild build`")
        self.env.note_dependency(str(path))
        return json.loads(path.read_text(encoding="utf-8"))

    def link(self, entry: dict) -> str:
        """Return an HTML link to the place in the chapter that shows an entry."""
        url = self.env.app.builder.get_relative_uri(self.env.docname, entry["docname"])
        url += f"#{self.ledger.anchor(entry['id'])}"
        return f'<a href="{escape(url)}">{escape(entry["title"])}</a>'

    def where(self, entry: dict) -> str:
        """Return the place of an entry in words."""
        words = (
            f"{self.ledger.done.capitalize()} in {self.link(entry)}"
            if entry["docname"]
            else escape(f"To come: {entry['open']}")
        )
        return f'<span class="where">{words}</span>'

    def row(
        self, entry: dict, columns: tuple[str, ...], source: str, cells: list[str], **data: str
    ) -> str:
        """Return one row; the labels of its cells show when it becomes a card on a phone."""
        attributes = " ".join(f'data-{key}="{escape(value)}"' for key, value in data.items())
        inner = "".join(
            f'<td role="cell" data-label="{name}">{cell}</td>'
            for name, cell in zip(columns[1:], cells, strict=True)
        )
        identifier = "ledger-" + self.ledger.anchor(entry["id"]).partition("-")[2]
        return (
            f'<tr role="row" id="{identifier}" {attributes}>'
            f'<th scope="row" role="rowheader">{escape(entry["id"])}'
            f'<span class="source">{source}</span></th>{inner}</tr>'
        )


def _table(caption: str, columns: tuple[str, ...], rows: list[str]) -> str:
    head = "".join(f'<th scope="col" role="columnheader">{name}</th>' for name in columns)
    return (
        f'<table class="ledger" role="table"><caption>{caption}</caption>'
        f'<thead role="rowgroup"><tr role="row">{head}</tr></thead>'
        f'<tbody role="rowgroup">{"".join(rows)}</tbody></table>'
    )


def _verdict(verdict: str, remark: str) -> str:
    return f'<span class="verdict">{escape(verdict)}</span>. {escape(remark)}'


def _raw(html: str) -> nodes.raw:
    return nodes.raw("", html, format="html")


def _options(values: list[tuple[str, str]]) -> str:
    return '<option value="">all</option>' + "".join(
        f'<option value="{escape(value)}">{escape(text)}</option>' for value, text in values
    )


def _select(name: str, values: list[tuple[str, str]]) -> str:
    return f'<label>{name.capitalize()} <select name="{name}">{_options(values)}</select></label>'


class ClaimsLedger(LedgerDirective):
    """``{claims-ledger}``: every claim in one table."""

    def run(self) -> list[nodes.Node]:
        """Return the filters, the count and the table."""
        data = self.data()
        claims = data["claims"]
        titles = {c["docname"]: c["title"] for c in claims if c["docname"]}
        verdicts = dict.fromkeys(c["verdict"] or UNSETTLED for c in claims)
        documents = [
            (letter, f"{letter}: {document.get('english') or document['title']}")
            for letter, document in data["documents"].items()
        ]
        form = (
            '<form class="ledger-filters" aria-label="Filter the claims" hidden>'
            '<label>Search <input type="search" name="words" autocomplete="off"></label>'
            + _select("document", documents)
            + _select("verdict", [(verdict, verdict) for verdict in sorted(verdicts)])
            + _select("chapter", list(titles.items()))
            + '<button type="reset">Show all</button></form>'
        )
        done = sum(bool(claim["verdict"]) for claim in claims)
        count = (
            f'<p class="ledger-count" role="status" aria-live="polite">{len(claims)} claims, '
            f"{done} settled</p>"
        )
        rows = [self.claim_row(claim) for claim in claims]
        table = _table("Every claim of the source documents", CLAIM_COLUMNS, rows)
        return [_raw(f'<div class="claims-ledger">{form}{count}{table}</div>')]

    def claim_row(self, claim: dict) -> str:
        """Return the row of one claim."""
        verdict = claim["verdict"] or UNSETTLED
        source = f"document {claim['document']}, {claim['section']} {claim['section_title']}"
        evidence = f"{escape(claim['evidence'])}<br>" if claim["evidence"] else ""
        return self.row(
            claim,
            CLAIM_COLUMNS,
            escape(source),
            [
                escape(claim["says"]),
                _verdict(verdict, claim["correction"]),
                evidence + self.where(claim),
            ],
            document=claim["document"],
            verdict=verdict,
            chapter=claim["docname"] or "",
        )


class Reproductions(LedgerDirective):
    """``{reproductions}``: every published result that the book tries, in one table."""

    ledger = REPRODUCTIONS

    def run(self) -> list[nodes.Node]:
        """Return the count and the table."""
        entries = self.data()["reproductions"]
        done = sum(bool(entry["verdict"]) for entry in entries)
        count = f'<p class="ledger-count">{len(entries)} published results, {done} tried so far</p>'
        rows = [self.reproduction_row(entry) for entry in entries]
        return [_raw(count + _table("Every published result", REPRODUCTION_COLUMNS, rows))]

    def reproduction_row(self, entry: dict) -> str:
        """Return the row of one published result."""
        papers = [f'<a href="{escape(p["url"])}">{escape(p["words"])}</a>' for p in entry["papers"]]
        ours = [escape(text) for text in (entry["experiment"], entry["result"]) if text]
        return self.row(
            entry,
            REPRODUCTION_COLUMNS,
            "; ".join(papers) or escape(entry["source"]),
            [
                escape(entry["says"]),
                _verdict(entry["verdict"] or "not yet tried", entry["differs"]),
                "<br>".join([*ours, self.where(entry)]),
            ],
        )


class SourceMap(LedgerDirective):
    """``{source-map}``: for each document, section by section, the chapters that treat it."""

    def run(self) -> list[nodes.Node]:
        """Return one section for each document."""
        data = self.data()
        result = []
        for letter, document in data["documents"].items():
            sections: dict[str, list[dict]] = {}
            for claim in data["claims"]:
                if claim["document"] == letter:
                    sections.setdefault(claim["section"], []).append(claim)
            name = document.get("english") or document["title"]
            section = nodes.section(ids=[f"document-{letter.lower()}"])
            section += nodes.title("", f"Document {letter}: {name}")
            original = f'<cite lang="{document.get("language", "")}">{escape(document["title"])}'
            section += _raw(f"<p>{original}</cite></p>")
            rows = "".join(self.section_row(n, claims) for n, claims in sections.items())
            section += _raw(
                '<table class="source-map"><thead><tr><th scope="col">Section</th>'
                '<th scope="col">Treated in</th><th scope="col">Claims settled</th></tr></thead>'
                f"<tbody>{rows}</tbody></table>"
            )
            result.append(section)
        return result

    def section_row(self, number: str, claims: list[dict]) -> str:
        """Return one section's row."""
        where = {c["docname"]: self.link(c) for c in claims if c["docname"]}
        parts = dict.fromkeys(c["open"] for c in claims if not c["docname"] and c["open"])
        words = list(where.values())
        if not where or parts:
            words.append(escape("to come" + (": " + ", ".join(parts) if parts else "")))
        done = sum(bool(c["docname"]) for c in claims)
        title = escape(f"{number} {claims[0]['section_title']}")
        return (
            f'<tr><th scope="row">{title}</th><td>{"; ".join(words)}</td>'
            f"<td>{done} of {len(claims)}</td></tr>"
        )


def add_assets(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Load the ledgers' script and style on the pages that have one."""
    if app.env.metadata.get(pagename, {}).get("ledger"):
        app.add_css_file("ledger.css")
        app.add_js_file("ledger.js", loading_method="defer")


def setup(app: Sphinx) -> dict:
    """Register the directives."""
    app.add_directive("claims-ledger", ClaimsLedger)
    app.add_directive("reproductions", Reproductions)
    app.add_directive("source-map", SourceMap)
    app.connect("html-page-context", add_assets)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
