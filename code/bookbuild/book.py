"""Where everything of the book lies, and which pages it has."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)


class BookError(Exception):
    """Something is wrong with the book or its environment; the text says what to do."""


@dataclass(frozen=True)
class Page:
    """One page of the table of contents.

    Attributes
    ----------
    docname : str
        The name in ``_toc.yml``, for example ``chapters/foundations/backpropagation``.
    path : Path
        The source, a Markdown file.
    """

    docname: str
    path: Path

    @cached_property
    def text(self) -> str:
        """The whole source."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def front_matter(self) -> dict:
        """The YAML block on top, empty when there is none."""
        match = FRONT_MATTER.match(self.text)
        if not match:
            return {}
        try:
            return yaml.safe_load(match[1]) or {}
        except yaml.YAMLError as error:
            raise BookError(f"{self.docname}: the YAML block on top is broken: {error}") from None

    @property
    def executable(self) -> bool:
        """Whether the page is a notebook: its front matter names a kernel."""
        return "kernelspec" in self.front_matter

    @cached_property
    def title(self) -> str:
        """The first heading of level one."""
        match = re.search(r"^# +(.+?)\s*$", FRONT_MATTER.sub("", self.text), re.MULTILINE)
        return match[1] if match else self.docname

    @property
    def notebook_name(self) -> str:
        """``<part>/<slug>.ipynb``, below ``notebooks/`` and ``notebooks/solutions/``."""
        return self.docname.removeprefix("chapters/") + ".ipynb"


@dataclass(frozen=True)
class Book:
    """A book on disk: its sources below `root`, everything made from them below ``_build``."""

    root: Path

    @property
    def build(self) -> Path:
        """Everything made, but the readers' notebooks."""
        return self.root / "_build"

    @property
    def stage(self) -> Path:
        """The book as Jupyter Book sees it: executed notebooks, plain pages, configuration."""
        return self.build / "book"

    @property
    def html(self) -> Path:
        """The finished site."""
        return self.build / "html"

    @property
    def notebooks(self) -> Path:
        """The readers' notebooks."""
        return self.root / "notebooks"

    @property
    def code(self) -> Path:
        """The packages that chapters import."""
        return self.root / "code"

    @cached_property
    def config(self) -> dict:
        """``_config.yml``."""
        return self._yaml("_config.yml")

    @cached_property
    def pages(self) -> tuple[Page, ...]:
        """Every page of ``_toc.yml``, in reading order."""
        pages = []
        for name in _toc_names(self._yaml("_toc.yml")):
            path = self.root / (name if name.endswith(".md") else f"{name}.md")
            if not path.is_file():
                raise BookError(
                    f"_toc.yml names {name}, but there is no {path.relative_to(self.root)}."
                    " Write the page or take its line out of _toc.yml."
                )
            pages.append(Page(name.removesuffix(".md"), path))
        return tuple(pages)

    @property
    def chapters(self) -> tuple[Page, ...]:
        """The executable pages."""
        return tuple(page for page in self.pages if page.executable)

    @property
    def repository_url(self) -> str:
        """The repository's address without a closing slash, or an empty string."""
        return ((self.config.get("repository") or {}).get("url") or "").rstrip("/")

    def page(self, docname: str) -> Page | None:
        """Return the page of that name, or None."""
        return next((page for page in self.pages if page.docname == docname), None)

    def _yaml(self, name: str) -> dict:
        path = self.root / name
        if not path.is_file():
            raise BookError(f"There is no {name} in {self.root}. Run this in the book's folder.")
        try:
            return yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except yaml.YAMLError as error:
            raise BookError(f"{name} is not valid YAML: {error}") from None


def chapter_page(book: Book, path: Path) -> Page:
    """Return the page of a chapter's file, in the table of contents or not yet."""
    path = (path if path.suffix == ".md" else path.with_name(path.name + ".md")).resolve()
    if not path.is_file() or not path.is_relative_to(book.root):
        raise BookError(f"There is no chapter {path}. Name its file, chapters/<part>/<slug>.md.")
    page = Page(path.relative_to(book.root).with_suffix("").as_posix(), path)
    if not page.executable:
        raise BookError(f"{page.docname} is not executable: it has no `kernelspec` on top.")
    return page


def _toc_names(node) -> list[str]:
    names = []
    if isinstance(node, dict):
        names += [node[key] for key in ("root", "file") if key in node]
        for key in ("parts", "chapters", "sections"):
            names += _toc_names(node.get(key))
    elif isinstance(node, list):
        for item in node:
            names += _toc_names(item)
    return names


def write_if_changed(path: Path, content: str | bytes) -> bool:
    """Write `content` unless the file holds it already, so that Sphinx stays incremental.

    Returns
    -------
    bool
        True when something was written.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    if path.is_file() and path.read_bytes() == data:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".tmp")
    unfinished.write_bytes(data)
    os.replace(unfinished, path)
    return True


def workers() -> int:
    """Return how many processes this machine can run at once."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
