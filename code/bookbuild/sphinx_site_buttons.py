"""Sphinx extension: what a reader can do with a page: download, run elsewhere, print.

The theme would hand out the staged file, which is MyST inside and complete with solutions. Here a
chapter offers the plain notebooks that ``bookbuild`` wrote into ``extra/notebooks/``. Buttons
that need the repository's address appear when ``repository: url:`` in ``_config.yml`` names it,
and are absent when it is empty.
"""

import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

# The branch that the publishing workflow pushes the notebooks to; <part>/<slug>.ipynb at its root.
NOTEBOOK_BRANCH = "notebooks"


def launch_links(repository: str, services: dict, notebook: str) -> list[tuple[str, str, str]]:
    """Name, address and icon of each place where a notebook of the repository runs.

    Examples
    --------
    >>> services = {"colab_url": "https://colab.research.google.com", "binderhub_url": "https://mybinder.org"}
    >>> address = "https://github.com/o/r"
    >>> for name, url, _ in launch_links(address, services, "catalogue/rectifiers.ipynb"):
    ...     print(name, url)
    Colab https://colab.research.google.com/github/o/r/blob/notebooks/catalogue/rectifiers.ipynb
    Binder https://mybinder.org/v2/gh/o/r/notebooks?urlpath=lab/tree/catalogue/rectifiers.ipynb
    >>> launch_links("", services, "catalogue/rectifiers.ipynb")
    []
    """
    match = re.match(r"https://github\.com/([^/]+/[^/]+?)(?:\.git)?/?$", repository)
    if not match:
        return []
    links = []
    if services.get("colab_url"):
        service = services["colab_url"].rstrip("/")
        url = f"{service}/github/{match[1]}/blob/{NOTEBOOK_BRANCH}/{notebook}"
        links.append(("Colab", url, "_static/images/logo_colab.png"))
    if services.get("binderhub_url"):
        service = services["binderhub_url"].rstrip("/")
        url = f"{service}/v2/gh/{match[1]}/{NOTEBOOK_BRANCH}?urlpath=lab/tree/{notebook}"
        links.append(("Binder", url, "_static/images/logo_binder.svg"))
    return links


def notebook_files(source: Path, docname: str) -> dict[str, str]:
    """Return the site paths of a page's ``exercise`` and ``solution`` notebooks, if staged."""
    found = {}
    for kind, folder in (("exercise", "notebooks"), ("solution", "notebooks/solutions")):
        for name in (docname.removeprefix("chapters/"), docname):
            if (source / "extra" / folder / f"{name}.ipynb").is_file():
                found[kind] = f"{folder}/{name}.ipynb"
                break
    return found


def add_buttons(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Put the buttons into the page's header."""
    if doctree is None or "header_buttons" not in context:
        return
    options = app.config.html_theme_options
    files = notebook_files(Path(app.srcdir), pagename)
    groups = []

    def link(url, text, hint, icon, label):
        return {
            "type": "link",
            "url": url,
            "text": text,
            "tooltip": hint,
            "icon": icon,
            "label": label,
        }

    downloads = []
    root = context[
        "content_root"
    ]  # relative to the page, so it holds under any prefix and from disk
    if "exercise" in files:
        hint = "Download this chapter as a notebook, exercises open"
        downloads.append(
            link(
                root + files["exercise"],
                "Notebook",
                hint,
                "fas fa-file-arrow-down",
                "download-notebook-button",
            )
        )
    if "solution" in files:
        hint = "Download this chapter as a notebook, with solutions"
        downloads.append(
            link(
                root + files["solution"],
                "With solutions",
                hint,
                "fas fa-list-check",
                "download-solution-button",
            )
        )
    downloads.append(
        {
            "type": "javascript",
            "javascript": "window.print()",
            "text": "Print",
            "tooltip": "Print this page or save it as PDF",
            "icon": "fas fa-print",
            "label": "download-pdf-button",
        }
    )
    groups.append(
        {
            "type": "group",
            "tooltip": "Download this page",
            "icon": "fas fa-download",
            "buttons": downloads,
            "label": "download-buttons",
        }
    )

    if "exercise" in files:
        notebook = files["exercise"].removeprefix("notebooks/")
        launches = launch_links(
            options.get("repository_url") or "", app.config.launch_services, notebook
        )
        if launches:
            buttons = [
                link(url, name, f"Run this chapter on {name}", icon, f"launch-{name.lower()}")
                for name, url, icon in launches
            ]
            groups.insert(
                0,
                {
                    "type": "group",
                    "tooltip": "Run this page",
                    "icon": "fas fa-rocket",
                    "buttons": buttons,
                    "label": "launch-buttons",
                },
            )
    context["header_buttons"][:0] = groups
    context["chapter_notebooks"] = {kind: root + path for kind, path in files.items()}


def read_repository(app: Sphinx, config) -> None:
    """Turn the repository's address, or its absence, into the theme's own switches."""
    options = config.html_theme_options
    known = bool(options.get("repository_url"))
    options["use_repository_button"] = options["use_issues_button"] = known
    # The theme's launch links would point at the page's source: ours replace them.
    config.launch_services = dict(options.get("launch_buttons") or {})
    options["launch_buttons"] = {}


def setup(app: Sphinx) -> dict:
    """Register the extension; 700 runs after the theme has begun its list of buttons."""
    app.add_config_value("launch_services", {}, "html", [dict])
    app.connect("config-inited", read_repository, priority=100)
    app.connect("html-page-context", add_buttons, priority=700)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
