"""Run every notebook again and compare each output, with nbval in strict mode.

nbval passes what it should not: a cell that was never run, a picture in PNG. And it runs into
what is harmless: a cell that ends in ``;``, the tag ``skip-execution``. So each of these is looked
for here before nbval starts, and what nbval ran is counted when it is done.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

from bookbuild.book import Book, BookError, write_if_changed
from bookbuild.execution import CELL_TIMEOUT, kernel_environment
from bookbuild.notebooks import notebook_bytes, plain_notebook

SKIPPING_TAGS = {"skip-execution", "nbval-skip"}
COMMENT = re.compile(r"^\s*#+\s*(NBVAL_\w+|PYTEST_VALIDATE_IGNORE_OUTPUT)\s*$", re.MULTILINE)


def notebook_problems(notebook) -> list[str]:
    """Return what would make nbval's verdict on a notebook worthless, each with its cell.

    Parameters
    ----------
    notebook : NotebookNode
        With outputs.
    """
    problems = []
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(cells, start=1):
        tags = set(cell.metadata.get("tags", []))
        if cell.execution_count is None:
            problems.append(f"code cell {number} was never run, and nbval would pass it")
        if skipping := tags & SKIPPING_TAGS:
            problems.append(f"code cell {number} has the tag {min(skipping)}: run it or drop it")
        if comment := COMMENT.search(cell.source):
            problems.append(f"code cell {number}: `{comment[1]}` in a comment; use a tag")
        if cell.source.rstrip().endswith(";"):
            problems.append(
                f"code cell {number} ends in `;`, which nbval cannot compare:"
                " write `_ = ...` instead"
            )
        for output in cell.get("outputs", []):
            picture = {"image/png", "image/jpeg"} & set(output.get("data", {}))
            if picture and "nbval-ignore-output" not in tags:
                problems.append(
                    f"code cell {number} gives {min(picture)}, which nbval never compares:"
                    " draw it as SVG, or tag the cell nbval-ignore-output"
                )
    return problems


def write_executed_plain(book: Book, executed: dict, folder: Path) -> dict[str, int]:
    """Write the complete plain notebook of every chapter with the outputs just built.

    Returns
    -------
    dict
        Number of code cells by notebook name (``<part>/<slug>.ipynb``).
    """
    counts, problems = {}, []
    for page in book.chapters:
        if page.docname not in executed:
            problems.append(f"{page.docname} is in _toc.yml but was not executed")
            continue
        plain = plain_notebook(book, page, solutions=True)
        done = [cell for cell in executed[page.docname].cells if cell.cell_type == "code"]
        mine = [cell for cell in plain.cells if cell.cell_type == "code"]
        for cell, result in zip(mine, done, strict=True):
            cell.outputs, cell.execution_count = result.outputs, result.execution_count
        problems += [f"{page.docname}: {problem}" for problem in notebook_problems(plain)]
        write_if_changed(folder / page.notebook_name, notebook_bytes(plain))
        counts[page.notebook_name] = len(mine)
    if problems:
        raise BookError("These notebooks cannot be compared:\n  " + "\n  ".join(problems))
    return counts


def compare_notebooks(book: Book, executed: dict) -> None:
    """Run every notebook with nbval, strict, against the outputs just built.

    Raises
    ------
    BookError
        An output differs, or nbval did not run exactly the executable pages, cell by cell.
    """
    folder = book.build / "nbval"
    shutil.rmtree(folder, ignore_errors=True)
    counts = write_executed_plain(book, executed, folder)
    settings = folder / "pytest.ini"
    settings.write_text("[pytest]\njunit_family = xunit1\n")
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-q"]
    command += [f"--nbval-cell-timeout={CELL_TIMEOUT}", "-p", "no:randomly"]
    command += ["-p", "no:cacheprovider", "-n", "2", "--dist", "loadscope", "-c", str(settings)]
    command += ["--rootdir", str(folder), f"--junitxml={report}", *sorted(counts)]
    done = subprocess.run(command, cwd=folder, env=kernel_environment(book), check=False)
    if done.returncode or not report.is_file():
        raise BookError(
            "nbval found a difference (see above): a cell printed something else than in the"
            " build. Fix its seeds and its rounding, or tag a timing cell nbval-ignore-output."
        )
    check_report(report, counts)
    total = sum(counts.values())
    print(f"{len(counts)} notebooks, {total} code cells: every output came out the same twice.")


def check_report(report: Path, counts: dict[str, int]) -> None:
    """Compare what nbval reports to have run with the code cells that there are.

    Raises
    ------
    BookError
        A notebook or a cell is missing, or a cell was skipped.
    """
    cases = list(ElementTree.parse(report).iter("testcase"))
    idle = [f"{c.get('file')} {c.get('name')}" for c in cases if c.find("skipped") is not None]
    ran = Counter(Path(case.get("file", "")).as_posix() for case in cases)
    if idle:
        raise BookError("nbval skipped cells:\n  " + "\n  ".join(idle))
    if ran != Counter(counts):
        names = sorted(name for name in {*ran, *counts} if ran[name] != counts.get(name, 0))
        lines = [f"{name}: {ran[name]} cells run of {counts.get(name, 0)}" for name in names]
        raise BookError("nbval did not run every notebook:\n  " + "\n  ".join(lines))
