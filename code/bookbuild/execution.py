"""Run the chapters: in parallel, and only those whose result could have changed.

Results lie in jupyter-cache under ``_build/cache``. Jupyter-cache compares code cells only, so
each chapter's key (library code, data, lock file, interpreter) is put where it compares too: into
the kernel's metadata.
"""

from __future__ import annotations

import copy
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from tqdm import tqdm

from bookbuild.book import Book, BookError, Page, workers, write_if_changed
from bookbuild.keys import KERNEL_ENVIRONMENT, RUNNING_TAGS, chapter_key
from bookbuild.notebooks import read_chapter

CELL_TIMEOUT = 300
"""Seconds that one cell may run."""

# TensorFlow's C++ code writes time-stamped notes to the process's stderr when it is imported. The
# kernel shall not take those for output of the cell; Python's own warnings still are.
KERNEL_CONFIG = "c.IPKernelApp.capture_fd_output = False\nc.HistoryManager.enabled = False\n"


def kernel_environment(book: Book) -> dict[str, str]:
    """Return the whole environment of a kernel; writes the IPython configuration it needs."""
    profile = book.build / "ipython"
    write_if_changed(profile / "profile_default" / "ipython_kernel_config.py", KERNEL_CONFIG)
    return {**os.environ, **KERNEL_ENVIRONMENT, "IPYTHONDIR": str(profile)}


def _run_notebook(notebook, folder: str, environment: dict[str, str], log: str):
    """Execute a notebook in a fresh kernel of this interpreter; runs in a worker process.

    Returns
    -------
    tuple
        The notebook and None, or None and a sentence that says which cell failed and how.
    """
    from ipykernel.kernelspec import make_ipkernel_cmd
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    class ThisPython(KernelSpecManager):
        """Knows one kernel, this very interpreter, whatever is installed elsewhere."""

        def get_kernel_spec(self, kernel_name):
            return KernelSpec(
                argv=make_ipkernel_cmd(), display_name="Python 3", language="python", name="python3"
            )

    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=ThisPython())
    client = NotebookClient(
        notebook,
        km=manager,
        timeout=CELL_TIMEOUT,
        coalesce_streams=True,
        record_timing=True,
        allow_errors=False,
        resources={"metadata": {"path": folder}},
    )
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    failure = None
    with open(log, "wb") as stream:
        try:
            client.execute(cleanup_kc=True, env=environment, cwd=folder, stderr=stream)
        except Exception as error:
            failure = f"{type(error).__name__}: {error}"
            named = _failing_cell(notebook)
            last = [cell for cell in notebook.cells if "execution" in cell.metadata]
            if named is not None:
                number, cell, output = named
                failure = _describe(number, cell, f"{output.ename}: {output.evalue}")
            elif last:  # too slow, or the kernel died: the cell that was running
                number = _code_cells(notebook).index(last[-1]) + 1
                failure = _describe(number, last[-1], failure.split("\n")[0])
    if failure is None:
        failure = _warning(notebook)
    if failure is not None:
        return None, failure
    seconds = []
    for cell in _code_cells(notebook):
        timing = cell.metadata.pop("execution", {})
        try:
            start, end = (
                datetime.fromisoformat(timing[key])
                for key in ("iopub.execute_input", "shell.execute_reply")
            )
            seconds.append(round((end - start).total_seconds(), 2))
        except KeyError:
            seconds.append(0.0)
    notebook.metadata["cell_seconds"] = seconds
    notebook.metadata["run_seconds"] = round(sum(seconds), 1)
    return notebook, None


def _code_cells(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _describe(number: int, cell, problem: str) -> str:
    first = next((line for line in cell.source.splitlines() if line.strip()), "")
    return f"code cell {number} (`{first.strip()}`): {problem}"


def _failing_cell(notebook):
    for number, cell in enumerate(_code_cells(notebook), start=1):
        if "raises-exception" in cell.metadata.get("tags", []):
            continue
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                return number, cell, output
    return None


def _warning(notebook) -> str | None:
    """Return what the first cell with unexpected warnings wrote, or None."""
    for number, cell in enumerate(_code_cells(notebook), start=1):
        if {"raises-exception", "stderr-expected"} & set(cell.metadata.get("tags", [])):
            continue
        for output in cell.get("outputs", []):
            if output.output_type != "stream":
                continue
            text = output.text.strip()
            if output.name == "stderr":
                return _describe(number, cell, f"wrote to stderr: {text[:800]}")
            if "WARNING:tensorflow" in text:  # in a notebook its log goes to stdout
                return _describe(number, cell, f"TensorFlow warns: {text[:800]}")
    return None


def _keyed(book: Book, notebook):
    """Return a copy as jupyter-cache shall compare it: code, tags that matter, the key."""
    keyed = copy.deepcopy(notebook)
    for cell in keyed.cells:
        tags = [tag for tag in cell.metadata.get("tags", []) if tag in RUNNING_TAGS]
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
    keyed.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
        "book_key": chapter_key(book, notebook),
    }
    return keyed


def _merge(notebook, executed):
    """Return `notebook` with the outputs of `executed` in its code cells."""
    for cell, done in zip(_code_cells(notebook), _code_cells(executed), strict=True):
        cell.outputs = done.outputs
        cell.execution_count = done.execution_count
    for name in ("cell_seconds", "run_seconds"):
        notebook.metadata[name] = executed.metadata[name]
    return notebook


def cached(book: Book, page: Page, cache=None):
    """Return the executed notebook of a chapter from the cache, or None.

    Returns
    -------
    NotebookNode or None
        The chapter as it stands now (MyST text included) with the outputs of its last run,
        or None when it has to be run.
    """
    cache = cache or get_cache(book.build / "cache")
    notebook = read_chapter(page)
    try:
        record = cache.match_cache_notebook(_keyed(book, notebook))
        executed = cache.get_cache_bundle(record.pk).nb
    except KeyError:
        return None
    return _merge(notebook, executed)


def execute(
    book: Book, chapters: list[Page] | None = None, *, progress: bool = True, force: bool = False
) -> list[str]:
    """Run the chapters whose key changed and keep their results.

    Parameters
    ----------
    book : Book
    chapters : list of Page, optional
        Only these; by default every executable page.
    progress : bool, default True
        Show it on stdout.
    force : bool, default False
        Run chapters that did not change, too.

    Returns
    -------
    list of str
        The names of the chapters that ran.

    Raises
    ------
    BookError
        A chapter failed. Every other chapter has still been run and kept; the failure is not.
    """
    cache = get_cache(book.build / "cache")
    chapters = list(book.chapters) if chapters is None else chapters
    pages = [page for page in chapters if force or cached(book, page, cache) is None]
    if not pages:
        if progress:
            print("Chapters: nothing changed, nothing to run.", flush=True)
        return []
    environment = kernel_environment(book)
    failures = []
    # Fresh worker processes: a forked one would share this one's database and threads.
    pool = ProcessPoolExecutor(min(workers(), len(pages)), mp_context=get_context("spawn"))
    bar = tqdm(total=len(pages), desc="Running chapters", disable=not progress, file=sys.stdout)
    with pool, bar:
        runs, keyed = {}, {}
        for page in pages:
            log = book.build / "logs" / f"{page.docname}.stderr.txt"
            keyed[page] = _keyed(book, read_chapter(page))
            run = pool.submit(
                _run_notebook, keyed[page], str(page.path.parent), environment, str(log)
            )
            runs[run] = page
        for run in as_completed(runs):
            page = runs[run]
            try:
                executed, failure = run.result()
            except Exception as error:
                executed, failure = None, f"{type(error).__name__}: {error}"
            if failure:
                failures.append(f"{page.docname}, {failure}")
                bar.write(f"FAILED {failures[-1]}")
            else:
                executed.metadata["kernelspec"] = keyed[page].metadata["kernelspec"]
                bundle = CacheBundleIn(executed, page.docname, data={"docname": page.docname})
                cache.cache_notebook_bundle(bundle, overwrite=True)
                if progress:
                    bar.write(f"{page.docname}: {executed.metadata.run_seconds:.1f} s")
            bar.update()
    if failures:
        raise BookError(
            f"{len(failures)} of {len(chapters)} chapters failed; the others are kept:\n  "
            + "\n  ".join(sorted(failures))
        )
    return [page.docname for page in pages]
