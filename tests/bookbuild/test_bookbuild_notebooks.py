"""Chapters become plain notebooks: the same bytes each time, and no MyST left."""

import nbformat
import pytest

from bookbuild.book import BookError
from bookbuild.notebooks import (
    leftover_myst,
    plain_notebook,
    read_chapter,
    source_problems,
    write_notebooks,
)


@pytest.fixture
def text(book):
    """Markdown of the first chapter's plain notebook."""

    def render(solutions: bool = True) -> str:
        notebook = plain_notebook(book.fresh(), book.fresh().chapters[0], solutions=solutions)
        return "\n\n".join(cell.source for cell in notebook.cells)

    return render


def test_converting_twice_gives_the_same_bytes(book):
    """Trap: the cell ids of jupytext are random."""
    first = [path.read_bytes() for path in write_notebooks(book)]
    for path in book.notebooks.rglob("*.ipynb"):
        path.unlink()
    assert [path.read_bytes() for path in write_notebooks(book.fresh())] == first


def test_notebooks_are_valid_and_every_id_is_used_once(book):
    for path in write_notebooks(book):
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        ids = [cell["id"] for cell in notebook.cells]
        assert len(ids) == len(set(ids))


def test_an_inserted_cell_leaves_other_ids_alone(book):
    before = {cell["id"] for cell in read_chapter(book.chapters[1]).cells}
    book.edit("chapters/one/second.md", "See {numref}", "```{code-cell}\n1\n```\n\nSee {numref}")
    after = [cell["id"] for cell in read_chapter(book.fresh().chapters[1]).cells]
    assert len(before & set(after)) == len(before)


@pytest.mark.parametrize(
    "plain",
    [
        "> **Note**\n>\n> A note with `{numref}` in code and $x$ in a formula.",
        '> **A title**\n>\n> Text that holds code:\n>\n> ```python\n> x = {"a": 1}\n> ```',
        "The rule is (1); Figure 1 shows it",
        "([Glorot and Bengio, 2010](https://proceedings.mlr.press/v9/glorot10a.html))",
        "[He et al. (2015)](https://arxiv.org/abs/1502.01852) and [Glorot and Bengio (2010)]",
        "See Twice as much, [the next chapter](second.ipynb) and Exercise 2.",
        "y = 2 x\n\\tag{1}\n$$",
        "**Figure 1.** A line of slope $2$.",
        "**Running time** under a minute on two cores.",
        "### Exercise 2. In code\n\nDouble the numbers",
        "## References\n\n- X. Glorot, Y. Bengio (2010). *Understanding the difficulty*. AISTATS.",
        "If `import actfun` fails, run `pip install -e code`",
    ],
)
def test_every_construct_has_a_plain_rendering(text, plain):
    assert plain in text()


def test_a_figure_of_another_chapter_is_linked(book):
    notebook = plain_notebook(book, book.chapters[1], solutions=True)
    text = "\n".join(cell.source for cell in notebook.cells)
    assert "See Figure 1 of [Doubling, measured](first.ipynb)." in text


def test_the_repository_is_named_when_configured(book, text):
    book.edit("_config.yml", 'url: ""', 'url: "https://github.com/o/r"')
    assert (
        "activation-functions-measured @ git+https://github.com/o/r.git#subdirectory=code" in text()
    )


def test_solutions_are_kept_or_replaced_by_an_answer_cell(book, text):
    assert "#### Solution of exercise 1\n\nIt is 6." in text(True)
    student = text(False)
    assert "It is 6" not in student and "double(10)" not in student and "Solution" not in student
    assert student.count("# Your answer") == 2 and student.count("*Your answer:*") == 2


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("````{exercise} The `x`\n:label: a\n````", "no backticks in the title"),
        ("```{margin}\nx\n```", "unknown directive {margin}"),
        ("````{note}\n```{tab-set}\n```\n````", "unknown directive {tab-set}"),
        (":::{note}\nx\n:::", "backticks, not colons"),
        ("See {doc}`x`.", "unknown role {doc}"),
        ("See {sub-ref}`today`.", "unknown role {sub-ref}"),
        ("- a\n\n  ```{note}\n  x\n  ```", "has to start at the left margin"),
        ("{{ version }}", "unknown substitution"),
        ("A footnote[^1].", "no plain rendering"),
        ("+++", "no plain rendering"),
        ("```{note}\nnever closed", "never closed"),
        ("```{solution-start} ex-nowhere\n```", "no exercise above has that label"),
        ("```{solution-end}\n```", "{solution-end} without {solution-start}"),
        ("```{exercise}\nx\n```", "has no :label:"),
    ],
)
def test_unknown_myst_is_an_error_with_its_line(book, front, source, message):
    book.add("chapters/one/first.md", f"{front}# Title\n\n{source}\n")
    problems = source_problems(book.chapters[0])
    line = 8 + source.startswith("````{note}") + 2 * source.startswith("- a")
    assert any(f"first.md, line {line}: " in p and message in p for p in problems), problems
    with pytest.raises(BookError):
        write_notebooks(book)


def test_code_and_formulas_are_not_taken_for_myst(book, front):
    source = "`{doc}` and $x_{a}$ and ``{doc}`x` ``\n\n```python\n{tab}`x`\n```\n"
    book.add("chapters/one/first.md", f"{front}# Title\n\n{source}")
    assert source_problems(book.chapters[0]) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{ref}`twice`", "{ref}`thrice`", r"points to no label"),
        ("{cite:p}`glorot2010`", "{cite:p}`nobody1999`", "nobody1999"),
        ("(second.md)", "(third.md)", "is no page"),
    ],
)
def test_a_reference_to_nothing_is_an_error(book, old, new, message):
    book.edit("chapters/one/first.md", old, new)
    with pytest.raises(BookError, match=message):
        write_notebooks(book)


@pytest.mark.parametrize(
    "left",
    [
        "```{note}\nx\n```",
        "> ```{note}\n> x",
        "see {ref}`x`",
        "(label)=\n# A",
        "$$\nx\n$$ (eq-a)",
        "{{ run_time }}",
        ":::{note}",
        ":label: a",
        "[a](b.md)",
    ],
)
def test_leftover_myst_is_found(left):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(left)])
    assert leftover_myst(notebook)


def test_plain_markdown_is_no_leftover(book):
    fine = "`{ref}` and ``{ref}`x` `` and $a_{b}$\n\n```python\n{x}`y`\n```\n\n$$\n{a}`\n$$"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(fine)])
    assert leftover_myst(notebook) == []


def test_notebooks_of_chapters_that_are_gone_are_removed(book):
    stale = book.notebooks / "one" / "old.ipynb"
    book.add("notebooks/one/old.ipynb", "{}")
    write_notebooks(book)
    assert not stale.exists()
