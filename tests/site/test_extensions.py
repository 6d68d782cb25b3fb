"""The Sphinx extensions of the site, each on a book of two pages with the real configuration."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


NOTEBOOK = r"""# A chapter

A formula, $\sigma(x) = \frac{1}{1 + e^{-x}}$, and one with a number, {eq}`eq-one`:

$$ f(x) &= \max(0, x) \\ f'(x) &= [x > 0] $$ (eq-one)

\begin{align}
a &= b \\
c &= d
\end{align}

[Back to the front](../../front.md) and to [this page](page.md).
"""


def stage(
    folder, *, repository="", chapter=NOTEBOOK, front="# Front\n\n[On](chapters/part/page.md)\n"
):
    """Write a book of two pages as bookbuild would stage it."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf8"))
    config["repository"]["url"] = repository
    config["sphinx"]["config"]["extensions"].remove("bookbuild.sphinx_claims")
    (folder / "_config.yml").write_text(yaml.safe_dump(config), encoding="utf8")
    toc = {"format": "jb-book", "root": "front", "chapters": [{"file": "chapters/part/page"}]}
    (folder / "_toc.yml").write_text(yaml.safe_dump(toc), encoding="utf8")
    (folder / "references.bib").write_text("", encoding="utf8")
    (folder / "front.md").write_text(front, encoding="utf8")
    for name in ("assets", "templates"):
        shutil.copytree(ROOT / name, folder / name, dirs_exist_ok=True)
    table = "<table><tr><td>$x^2$</td><td>\\(y\\)</td><td>costs $5 or $6</td></tr></table>"
    cells = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": chapter},
        {
            "cell_type": "code",
            "id": "b",
            "metadata": {},
            "source": "table",
            "execution_count": 1,
            "outputs": [
                {
                    "output_type": "execute_result",
                    "execution_count": 1,
                    "metadata": {},
                    "data": {"text/html": table, "text/plain": "table"},
                }
            ],
        },
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4}
    notebook["nbformat_minor"] = 5
    for place in ("chapters/part", "extra/notebooks/part", "extra/notebooks/solutions/part"):
        (folder / place).mkdir(parents=True, exist_ok=True)
        (folder / place / "page.ipynb").write_text(json.dumps(notebook), encoding="utf8")
    return folder


def build(folder):
    """Build the staged book as bookbuild does."""
    run = "from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", run, "build", str(folder)]
    command += ["--path-output", str(folder.parent / "out"), "-W", "-n", "--keep-going"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done, folder.parent / "out" / "_build" / "html"


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A book whose repository is not known yet."""
    folder = tmp_path_factory.mktemp("plain") / "book"
    folder.mkdir()
    done, html = build(stage(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, html


def read(html, name="chapters/part/page.html"):
    return (html / name).read_text(encoding="utf8")


def test_formulas_are_html_and_mathml_without_any_script(plain):
    _, html = plain
    page = read(html)
    assert page.count("<math ") == 5  # inline, numbered, align, two in the table
    assert page.count("katex-html") == 5
    assert "costs $5 or $6" in page
    assert 'id="equation-eq-one"' in page
    assert 'href="#equation-eq-one"' in page
    assert "mathjax@" not in page.lower()
    assert "window.mathjax" not in page.lower()
    assert not list(html.rglob("katex*.js"))


def test_links_between_sources_lead_to_pages(plain):
    _, html = plain
    assert 'href="chapters/part/page.html"' in read(html, "front.html")
    assert 'href="../../front.html"' in read(html)


def test_without_a_repository_there_are_no_buttons_that_need_one(plain):
    _, html = plain
    page = read(html)
    assert 'href="../../notebooks/part/page.ipynb"' in page
    assert 'href="../../notebooks/solutions/part/page.ipynb"' in page
    for word in ("colab", "mybinder", "github.com", "_sources", "launch-buttons"):
        assert word not in page.lower(), word
    assert not (html / "_sources").exists()


def test_with_a_repository_the_buttons_appear(tmp_path):
    folder = tmp_path / "book"
    folder.mkdir()
    done, html = build(stage(folder, repository="https://github.com/someone/course"))
    assert done.returncode == 0, done.stdout + done.stderr
    page = read(html)
    colab = "https://colab.research.google.com/github/someone/course/blob/notebooks/part/page.ipynb"
    binder = "https://mybinder.org/v2/gh/someone/course/notebooks?urlpath=lab/tree/part/page.ipynb"
    assert f'href="{colab}"' in page
    assert f'href="{binder}"' in page
    assert 'href="https://github.com/someone/course"' in page
    assert "https://github.com/someone/course/issues/new" in page
    assert "colab" not in read(html, "front.html")  # nothing to run there


def test_a_wrong_formula_and_a_picture_without_words_fail_the_build_and_are_named(tmp_path):
    folder = tmp_path / "book"
    folder.mkdir()
    chapter = "# A chapter\n\nWrong: $\\frac{1$.\n"
    front = "# Front\n\n![](assets/favicon.svg)\n"
    done, _ = build(stage(folder, chapter=chapter, front=front))
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert re.search(r"page\.ipynb.*WARNING.*KaTeX parse error", output)
    assert re.search(r"front\.md.*WARNING.*has no text alternative", output)


def test_a_second_build_changes_only_the_page_that_changed(plain):
    """After a change in the front page, formulas and images of the other are as before."""
    folder, html = plain
    before, icons = read(html), (html / "_static/icons/solid.woff").read_bytes()
    (folder / "front.md").write_text("# Front\n\nOther words, $x$.\n", encoding="utf8")
    done, _ = build(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert read(html) == before
    assert "Other words" in read(html, "front.html")
    assert read(html, "front.html").count("<math ") == 1
    assert (html / "_static/icons/solid.woff").read_bytes() == icons


def test_site_ships_no_icon_script_and_no_whole_icon_font(plain):
    _, html = plain
    assert not list(html.rglob("fontawesome*.js"))
    assert not list(html.rglob("fa-solid*"))
    assert 0 < (html / "_static/icons/solid.woff").stat().st_size < 12_000
    assert "searchindex.js" not in read(html)
    assert "searchindex.js" in read(html, "search.html")
