"""Each of the book's checks finds what it is there to find. Nothing is run here."""
# ruff: noqa: E501

import nbformat
import pytest

from bookbuild.book import BookError
from bookbuild.checks import (
    figure_problems,
    frame_problems,
    ledger_problems,
    number_problems,
    paper_problems,
    reference_problems,
    site_problems,
    slow_chapters,
    tag_problems,
    toc_problems,
)
from bookbuild.execution import _warning
from bookbuild.ledger import CLAIMS, LEDGERS
from bookbuild.notebook_tests import (
    check_report,
    notebook_problems,
    write_executed_plain,
)
from bookbuild.notebooks import read_chapter

SVG = "<svg/>"


def executed(book, **data):
    """Return the notebooks as if they had been run without printing anything."""
    result = {}
    for page in book.fresh().chapters:
        notebook = read_chapter(page)
        notebook.metadata["run_seconds"] = 1.0
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        for count, cell in enumerate(cells, start=1):
            cell.execution_count = count
            if "SVG(" in cell.source:
                cell.outputs = [output(**{"image/svg+xml": SVG})]
            if "settle(" in cell.source:
                claim = {"id": "A-1.1", "verdict": "holds", "evidence": "six"}
                paper = {"id": "R-1", "verdict": "confirmed", "experiment": "one", "result": "2"}
                cell.outputs = [
                    output({"claim": claim}, **{"text/plain": "six"}),
                    output({"reproduction": paper}, **{"text/plain": "two"}),
                ]
        result[page.docname] = notebook
    return result


def output(metadata=None, **data):
    return nbformat.v4.new_output("display_data", data=data, metadata=metadata or {})


def cell_with(text, run):
    return next(c for c in run["chapters/one/first"].cells if text in c.source)


def all_found(book, run):
    page = book.fresh().chapters[0]
    return [
        *toc_problems(book.fresh()),
        *(problem for chapter in book.fresh().chapters for problem in frame_problems(chapter)),
        *tag_problems(page),
        *reference_problems(book.fresh()),
        *paper_problems(book.fresh()),
        *(p for ledger in LEDGERS for p in ledger_problems(book.fresh(), ledger, run)),
        *figure_problems(page, run[page.docname]),
        *number_problems(page, run[page.docname]),
        *notebook_problems(run[page.docname]),
    ]


def test_the_small_book_is_in_order(book):
    assert all_found(book, executed(book)) == []


FIRST = "chapters/one/first.md"
THIRD = """````{exercise} In words
:label: ex-first-3
Why is it linear?
````

```{solution-start} ex-first-3
:class: dropdown
```
It is a multiple.
```{solution-end}
```
"""


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("_toc.yml", "  - file: chapters/one/second\n", "", "second.md is not in _toc.yml"),
        ("_toc.yml", "one/second", "one/first", "names chapters/one/first twice"),
        ("chapters/reference/ledger.md", "# Ledger", "# Ledger\n\n```{code-cell}\n1\n```", "never be run"),
        (FIRST, "**You need**", "You need", "no **You need**"),
        (FIRST, "{{ run_time }}", "12 s", "does not take the measured"),
        (FIRST, "## Summary", "## Sum", "last three sections"),
        (FIRST, THIRD, "", "3 exercises"),
        (FIRST, "{solution-start} ex-first-3", "{solution-start} ex-first-2", "ex-first-3 has no solution"),
        (FIRST, "```{code-cell} ipython3\nprint(double(10))\n```", "It is 20.", "fewer than two"),
        (FIRST, "```{code-cell} ipython3\nprint(NAME)", "```{code-cell} ipython3\n:tags: [hide]\nprint(NAME)", "unknown tag hide"),
        (FIRST, "{cite:t}`glorot2010`", "{cite:t}`x1999`", "cites x1999"),
        ("references.bib", "eprint={1502.01852}", "note={none}", "he2015 has neither"),
        (FIRST, '"A-1.1", "holds"', 'name, "holds"', "write the claim's id"),
        (FIRST, '"A-1.1", "holds"', '"A-9", "holds"', "no claim A-9 in the ledger"),
        (FIRST, '"A-1.1", "holds"', '"A-1.1", "incomplete"', "`incomplete` here, `holds` in the ledger"),
        (FIRST, 'claims.settle("A-1.1"', 'print("A-1.1"', "no chapter settles it"),
        ("chapters/one/second.md", "print(1 / 2)", 'settle("A-1.1", "holds")', "is settled in chapters/one/first"),
        ("code/actfun/claims.yaml", ", open: Part 3", "", "A-2.1 has neither a verdict"),
        (FIRST, '"R-1", "confirmed"', 'name, "confirmed"', "write the reproduction's id"),
        (FIRST, '"R-1", "confirmed"', '"R-9", "confirmed"', "no reproduction R-9 in the ledger"),
        (FIRST, '"R-1", "confirmed"', '"R-1", "not confirmed"', "`not confirmed` here, `confirmed` in the ledger"),
        (FIRST, 'reproductions.report("R-1"', 'print("R-1"', "no chapter reports it"),
        ("chapters/one/second.md", "print(1 / 2)", 'reproductions.report("R-1", "confirmed")', "is reported in chapters/one/first"),
        ("code/actfun/reproductions.yaml", ", open: Part 4", "", "R-2 has neither a verdict"),
        ("code/actfun/reproductions.yaml", "[he2015]", "[he2099]", "names he2099, which is not"),
        ("code/actfun/reproductions.yaml", '"He et al., 2015"', '"He, 2015"', "expected `He et al., 2015`"),
        (FIRST, "alt: ", "title: ", "no image alt"),
        (FIRST, "caption: ", "title: ", "no figure caption"),
        (FIRST, ", name: fig-double", "", "no figure name"),
        (FIRST, "{numref}`fig-double` shows", "It shows", "never refers to"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_found(book, name, old, new, message):
    book.edit(name, old, new)
    run = executed(book)
    found = all_found(book, run)
    assert any(message in problem for problem in found), found


def test_a_claim_that_ran_otherwise_is_found(book):
    run = executed(book)
    cell = cell_with("settle(", run)
    cell.outputs[0].metadata["claim"]["verdict"] = "incomplete"
    assert any("ran as `incomplete`" in p for p in ledger_problems(book, CLAIMS, run))
    cell.outputs = []
    assert any("did not settle it when it ran" in p for p in ledger_problems(book, CLAIMS, run))


def test_a_reproduction_that_ran_otherwise_is_found(book):
    run = executed(book)
    cell = cell_with("report(", run)
    cell.outputs[1].metadata["reproduction"]["verdict"] = "not confirmed"
    assert any("ran as `not confirmed`" in p for p in all_found(book, run))
    cell.outputs += [cell.outputs[1]]
    assert any("R-1 was reported 2 times when" in p for p in all_found(book, run))
    cell.outputs = cell.outputs[:1]
    assert any("did not report it when it ran" in p for p in all_found(book, run))


def test_only_the_ledgers_own_calls_count(book):
    book.edit("chapters/one/second.md", "print(1 / 2)", "model.report(1)\nself.settle(2)")
    book = book.fresh()
    assert [p for ledger in LEDGERS for p in ledger_problems(book, ledger, None)] == []


def test_a_slow_chapter_is_named_but_no_error(book):
    run = executed(book)
    assert slow_chapters(book, run) == []
    run["chapters/one/first"].metadata["run_seconds"] = 75.0
    assert "took 75 s" in slow_chapters(book, run)[0]


def test_a_number_typed_into_the_text_is_found(book):
    run = executed(book)
    page, notebook = book.chapters[0], run["chapters/one/first"]
    text = next(c for c in notebook.cells if c.cell_type == "markdown")
    text.source += "\n\nThe error is 0.137, and $\\pi$ is $3.14$."
    (problem,) = number_problems(page, notebook)
    assert "the text says 0.137" in problem
    cell = next(c for c in notebook.cells if c.cell_type == "code")
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="error 0.13684\n")]
    assert number_problems(page, notebook) == []


def test_warnings_of_a_cell_are_found():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("warn()")])
    notebook.cells[0].outputs = [nbformat.v4.new_output("stream", name="stderr", text="Beware")]
    assert _warning(notebook) == "code cell 1 (`warn()`): wrote to stderr: Beware"
    notebook.cells[0].metadata["tags"] = ["stderr-expected"]
    assert _warning(notebook) is None


# nbval's traps: each is found before nbval starts.


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"execution_count": None}, "was never run"),
        ({"source": "plot(x);"}, "ends in `;`"),
        ({"source": "# NBVAL_SKIP\nplot(x)"}, "NBVAL_SKIP"),
        ({"metadata": {"tags": ["skip-execution"]}}, "skip-execution"),
        ({"metadata": {"tags": ["nbval-skip"]}}, "nbval-skip"),
        ({"outputs": [output(**{"image/png": "aGFsbG8="})]}, "never compares"),
    ],
)
def test_what_nbval_would_let_pass_is_found(book, change, message):
    run = executed(book)
    assert notebook_problems(run["chapters/one/first"]) == []
    cell_with("print(NAME)", run).update(nbformat.from_dict(change))
    assert any(message in p for p in notebook_problems(run["chapters/one/first"]))


def test_a_picture_in_png_may_be_tagged(book):
    run = executed(book)
    cell = cell_with("SVG(", run)
    cell.outputs = [output(**{"image/png": "aGFsbG8="})]
    cell.metadata["tags"] = ["nbval-ignore-output"]
    assert notebook_problems(run["chapters/one/first"]) == []


def test_the_notebooks_compared_are_the_executable_pages(book, tmp_path):
    run = executed(book)
    assert write_executed_plain(book, run, tmp_path) == {
        "one/first.ipynb": 6,
        "one/second.ipynb": 3,
    }
    del run["chapters/one/second"]
    with pytest.raises(BookError, match="second is in _toc.yml but was not executed"):
        write_executed_plain(book, run, tmp_path)


@pytest.mark.parametrize(
    ("cases", "message"),
    [
        ('<testcase file="a.ipynb" name="Cell 0"/>', "a.ipynb: 1 cells run of 2"),
        ('<testcase file="a.ipynb" name="0"/><testcase file="a.ipynb" name="1"><skipped/></testcase>', "skipped"),
        ("", "a.ipynb: 0 cells run of 2"),
    ],
)  # fmt: skip
def test_cells_that_nbval_left_out_are_found(tmp_path, cases, message):
    report = tmp_path / "report.xml"
    report.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    with pytest.raises(BookError, match=message):
        check_report(report, {"a.ipynb": 2})


def test_broken_links_and_pictures_without_words_are_found(book, tmp_path):
    site = tmp_path / "site"
    for name in ("intro", "chapters/one/first", "chapters/one/second", "chapters/reference/ledger"):
        path = site / f"{name}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('<h1 id="top">x</h1>')
    for name in ("first", "second"):
        for folder in ("notebooks/one", "notebooks/solutions/one"):
            (site / folder).mkdir(parents=True, exist_ok=True)
            (site / folder / f"{name}.ipynb").write_text("{}")
    assert site_problems(book, site) == []
    (site / "intro.html").write_text(
        '<a href="chapters/one/first.html#top">good</a><a href="https://x.org/none">outside</a>'
        '<a href="gone.html">x</a><a href="chapters/one/first.html#claim-a-9">x</a>'
        '<img src="_images/ab.svg" alt="_images/ab.svg">'
    )
    (site / "notebooks/one/second.ipynb").unlink()
    assert site_problems(book, site) == [
        "the site has no notebooks/one/second.ipynb",
        "intro.html: the picture _images/ab.svg has no text alternative",
        "intro.html: the link gone.html leads nowhere",
        "intro.html: the link chapters/one/first.html#claim-a-9 leads to no such place on its page",
        "intro.html: the link _images/ab.svg leads nowhere",
    ]
