"""Put the book together as Jupyter Book sees it, build the site, swap it in when whole."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from jupyter_cache import get_cache

from bookbuild.book import Book, BookError, Page, write_if_changed
from bookbuild.execution import cached, execute, kernel_environment
from bookbuild.ledger import ledgers_data
from bookbuild.notebooks import LINK, notebook_bytes, write_notebooks

COPIED_FOLDERS = ("assets", "templates")
COPIED_FILES = ("_config.yml", "_toc.yml", "references.bib", "requirements.txt")


def time_in_words(seconds: float) -> str:
    """Return a run time as a reader wants it.

    Examples
    --------
    >>> time_in_words(0.7), time_in_words(12.2), time_in_words(78)
    ('about a second', 'about 12 seconds', 'about 78 seconds')
    """
    rounded = max(1, round(seconds))
    return "about a second" if rounded == 1 else f"about {rounded} seconds"


def executed_notebooks(book: Book) -> dict[str, object]:
    """Return every chapter with its outputs, by docname; they have to have been run."""
    cache = get_cache(book.build / "cache")
    result = {}
    for page in book.chapters:
        notebook = cached(book, page, cache)
        if notebook is None:
            raise BookError(f"{page.docname} has not been run as it stands: run `make book` first.")
        result[page.docname] = notebook
    return result


def stage(book: Book) -> None:
    """Write ``_build/book``; only files whose content changed are touched."""
    if (book.config.get("execute") or {}).get("execute_notebooks") not in ("off", False):
        raise BookError(
            "_config.yml must say `execute: {execute_notebooks: 'off'}`: bookbuild runs the"
            " chapters, and Sphinx would run them again."
        )
    wanted: dict[Path, bytes] = {}
    for name in COPIED_FILES:
        if (book.root / name).is_file():
            wanted[Path(name)] = (book.root / name).read_bytes()
    for folder in COPIED_FOLDERS:
        for path in sorted((book.root / folder).rglob("*")):
            if path.is_file():
                wanted[path.relative_to(book.root)] = path.read_bytes()
    notebooks = executed_notebooks(book)
    for page in book.pages:
        if not page.executable:
            wanted[Path(f"{page.docname}.md")] = _relinked(book, page, page.text).encode()
            continue
        notebook = notebooks[page.docname]
        measured = time_in_words(notebook.metadata["run_seconds"])
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                text = re.sub(r"\{\{\s*run_time\s*\}\}", measured, cell.source)
                cell.source = _relinked(book, page, text)
        wanted[Path(f"{page.docname}.ipynb")] = notebook_bytes(notebook)
    for path in write_notebooks(book):
        wanted[Path("extra/notebooks") / path.relative_to(book.notebooks)] = path.read_bytes()
    ledgers = ledgers_data(book, notebooks)
    wanted[Path("ledgers.json")] = json.dumps(ledgers, indent=1, ensure_ascii=False).encode()

    for name, content in wanted.items():
        write_if_changed(book.stage / name, content)
    for path in sorted(book.stage.rglob("*"), reverse=True):
        if path.is_file() and path.relative_to(book.stage) not in wanted:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def _relinked(book: Book, page: Page, text: str) -> str:
    """Point links to chapters at the staged notebooks: Sphinx knows no ``.md`` of that name."""
    executable = {chapter.path.resolve() for chapter in book.chapters}

    def replace(match: re.Match) -> str:
        path, suffix, anchor = match["target"].partition(".md")
        if suffix and (page.path.parent / f"{path}.md").resolve() in executable:
            return f"[{match['text']}]({path}.ipynb{anchor})"
        return match[0]

    return LINK.sub(replace, text)


def _digest(paths) -> str:
    digest = hashlib.sha256(f"{sys.version} {sys.prefix}".encode())
    for path in paths:
        if path.is_file():
            digest.update(f"{path}\n".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _frame_digest(book: Book) -> str:
    """Digest of what Sphinx does not notice on its own: assets, templates, settings, extensions."""
    paths = [book.stage / name for name in COPIED_FILES if name != "references.bib"]
    for folder in COPIED_FOLDERS:
        paths += sorted((book.stage / folder).rglob("*"))
    return _digest(paths + sorted(Path(__file__).parent.glob("*.py")))


def build_site(book: Book) -> bool:
    """Run Jupyter Book on the staged book, warnings as errors; swap the site in when it passes.

    Returns
    -------
    bool
        False when the site was made from the very same staged book before.

    Raises
    ------
    BookError
        Sphinx failed or warned. The former site in ``_build/html`` is left as it was.
    """
    work = book.build / "site-work"
    mark = work / "finished.json"
    state = {"frame": _frame_digest(book), "book": _digest(sorted(book.stage.rglob("*")))}
    finished = json.loads(mark.read_text()) if mark.is_file() else {}
    if finished == state and (book.html / "index.html").is_file():
        return False
    if finished.get("frame") != state["frame"]:
        # Static files are not copied again for pages that did not change, and a page that gave a
        # warning does not give it again: after such a build only a fresh one tells the truth.
        shutil.rmtree(work, ignore_errors=True)
    mark.unlink(missing_ok=True)
    jupyter_book = "import sys; from jupyter_book.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", jupyter_book, "build", str(book.stage)]
    command += ["--path-output", str(work), "-W", "-n", "--keep-going"]
    environment = {**kernel_environment(book), "PYTHONWARNINGS": "ignore", "NO_COLOR": "1"}
    site = work / "_build" / "html"
    try:
        done = subprocess.run(command, env=environment, cwd=book.root, check=False)
        if done.returncode or not (site / "index.html").is_file():
            raise BookError(
                "Jupyter Book failed or warned: see the lines marked WARNING or ERROR above."
                " The former site, if there was one, is still in _build/html."
            )
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    unfinished, former = book.build / "html.new", book.build / "html.old"
    for folder in (unfinished, former):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(site, unfinished)
    if book.html.exists():
        os.replace(book.html, former)
    os.replace(unfinished, book.html)
    shutil.rmtree(former, ignore_errors=True)
    mark.write_text(json.dumps(state))
    return True


def build(book: Book) -> None:
    """Make the site from the sources: run what changed, stage, build, swap in."""
    execute(book)
    stage(book)
    new = build_site(book)
    print(f"Site: {'' if new else 'nothing changed, '}{book.html / 'index.html'}")
