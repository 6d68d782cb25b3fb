"""Sphinx extension: the ledger of claims and the map of the source documents.

``{claims-ledger}`` is one table of every claim, with filters that ``ledger.js`` brings to life;
without JavaScript the whole table is there. ``{source-map}`` shows for each source document,
section by section, where the book treats it. Both read ``claims.json``, which staging wrote from
the ledger and the outputs of the executed chapters.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from bookbuild.ledger import anchor

UNSETTLED = "not yet settled"
COLUMNS = ("Claim", "What is said", "Verdict", "Evidence")


class ClaimsDirective(SphinxDirective):
    """What both directives share: the data, and links to chapters."""

    def claims(self) -> dict:
        """Return ``claims.json`` and have the page made anew when it changes."""
        path = Path(self.env.srcdir) / "claims.json"
        if not path.is_file():
            raise ExtensionError(f"{path} is missing: build with `python -m bookbuild build`")
        self.env.note_dependency(str(path))
        return json.loads(path.read_text(encoding="utf-8"))

    def link(self, claim: dict, text: str, fragment: bool = True) -> str:
        """Return an HTML link to the chapter that settles a claim."""
        url = self.env.app.builder.get_relative_uri(self.env.docname, claim["docname"])
        url += f"#{anchor(claim['id'])}" if fragment else ""
        return f'<a href="{escape(url)}">{escape(text)}</a>'


def _raw(html: str) -> nodes.raw:
    return nodes.raw("", html, format="html")


def _options(values: list[tuple[str, str]]) -> str:
    return '<option value="">all</option>' + "".join(
        f'<option value="{escape(value)}">{escape(text)}</option>' for value, text in values
    )


def _select(name: str, values: list[tuple[str, str]]) -> str:
    return f'<label>{name.capitalize()} <select name="{name}">{_options(values)}</select></label>'


class ClaimsLedger(ClaimsDirective):
    """``{claims-ledger}``: every claim in one table."""

    def run(self) -> list[nodes.Node]:
        """Return the filters, the count and the table."""
        self.env.metadata[self.env.docname]["claims_ledger"] = True
        data = self.claims()
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
        head = "".join(f'<th scope="col" role="columnheader">{name}</th>' for name in COLUMNS)
        rows = "".join(self.row(claim) for claim in claims)
        table = (
            '<table class="ledger" role="table"><caption>Every claim of the source documents'
            f'</caption><thead role="rowgroup"><tr role="row">{head}</tr></thead>'
            f'<tbody role="rowgroup">{rows}</tbody></table>'
        )
        return [_raw(f'<div class="claims-ledger">{form}{count}{table}</div>')]

    def row(self, claim: dict) -> str:
        """Return one row; the labels of its cells show when it becomes a card on a phone."""
        verdict = claim["verdict"] or UNSETTLED
        where = (
            "Settled in " + self.link(claim, claim["title"])
            if claim["docname"]
            else escape(f"To come: {claim['open']}")
        )
        source = f"document {claim['document']}, {claim['section']} {claim['section_title']}"
        evidence = f"{escape(claim['evidence'])}<br>" if claim["evidence"] else ""
        cells = [
            escape(claim["says"]),
            f'<span class="verdict">{escape(verdict)}</span>. {escape(claim["correction"])}',
            f'{evidence}<span class="where">{where}</span>',
        ]
        data = {
            "document": claim["document"],
            "verdict": verdict,
            "chapter": claim["docname"] or "",
        }
        attributes = " ".join(f'data-{key}="{escape(value)}"' for key, value in data.items())
        inner = "".join(
            f'<td role="cell" data-label="{name}">{cell}</td>'
            for name, cell in zip(COLUMNS[1:], cells, strict=True)
        )
        identifier = anchor(claim["id"]).replace("claim-", "ledger-", 1)
        return (
            f'<tr role="row" id="{identifier}" {attributes}>'
            f'<th scope="row" role="rowheader">{escape(claim["id"])}'
            f'<span class="source">{escape(source)}</span></th>{inner}</tr>'
        )


class SourceMap(ClaimsDirective):
    """``{source-map}``: for each document, section by section, the chapters that treat it."""

    def run(self) -> list[nodes.Node]:
        """Return one section for each document."""
        self.env.metadata[self.env.docname]["claims_ledger"] = True
        data = self.claims()
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
            rows = "".join(self.row(number, claims) for number, claims in sections.items())
            section += _raw(
                '<table class="source-map"><thead><tr><th scope="col">Section</th>'
                '<th scope="col">Treated in</th><th scope="col">Claims settled</th></tr></thead>'
                f"<tbody>{rows}</tbody></table>"
            )
            result.append(section)
        return result

    def row(self, number: str, claims: list[dict]) -> str:
        """Return one section's row."""
        where = {c["docname"]: self.link(c, c["title"]) for c in claims if c["docname"]}
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
    """Load the ledger's script and style on the pages that have one."""
    if app.env.metadata.get(pagename, {}).get("claims_ledger"):
        app.add_css_file("ledger.css")
        app.add_js_file("ledger.js", loading_method="defer")


def setup(app: Sphinx) -> dict:
    """Register the directives."""
    app.add_directive("claims-ledger", ClaimsLedger)
    app.add_directive("source-map", SourceMap)
    app.connect("html-page-context", add_assets)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
