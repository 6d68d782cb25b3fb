"""Sphinx extension: a link to a chapter's source leads to the chapter.

Pages link to each other by source file, ``[text](../catalogue/rectifiers.md)``, which works in
any editor and on any code host. In the staged book an executable chapter is an ``.ipynb``, so the
ending is put right while the page is read.
"""

import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

LINK = re.compile(r"(\]\(|\]:\s+)(?!\w+:|/|#)([^)\s#\"\\]+)\.md(?=[)#\s])")


def point_to_staged(text: str, folder: Path) -> str:
    """Return the text with ``.ipynb`` for ``.md`` where a link's target is staged as a notebook."""

    def one(match):
        target = folder / match[2]
        is_notebook = (
            target.with_name(target.name + ".ipynb").is_file()
            and not target.with_name(target.name + ".md").is_file()
        )
        return f"{match[1]}{match[2]}{'.ipynb' if is_notebook else '.md'}"

    return LINK.sub(one, text)


def read_source(app: Sphinx, docname: str, source: list[str]) -> None:
    """Correct the links of one page."""
    source[0] = point_to_staged(source[0], Path(app.env.doc2path(docname)).parent)


def drop_repeated_ids(app: Sphinx, doctree, docname: str) -> None:
    """Take away the ids that sphinx-exercise gives to the body of every exercise alike."""
    for node in doctree.findall(nodes.Element):
        if {"exercise-content", "solution-content"} & set(node.get("ids", ())):
            node["ids"] = []


def setup(app: Sphinx) -> dict:
    """Register the extension."""
    app.connect("source-read", read_source)
    app.connect("doctree-resolved", drop_repeated_ids)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
