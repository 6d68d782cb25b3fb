"""From sources to site with real kernels and a real Sphinx: what runs, what fails, what is left."""
# ruff: noqa: E501

import json
import shutil

import nbformat
import psutil
import pytest
from jupyter_cache import get_cache

from bookbuild import notebook_tests
from bookbuild.__main__ import main
from bookbuild.book import BookError
from bookbuild.checks import all_problems
from bookbuild.execution import _run_notebook, _warning, cached, execute, kernel_environment
from bookbuild.notebook_tests import compare_notebooks
from bookbuild.staging import _frame_digest, build, build_site, executed_notebooks, stage


@pytest.fixture(scope="module")
def built(make_book, tmp_path_factory):
    """A book built once; tests copy it before they change it."""
    book = make_book(tmp_path_factory.mktemp("built") / "book")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(book.code))
        build(book)
    return book


@pytest.fixture
def copy(built, tmp_path, monkeypatch):
    """A copy of the built book, cache and all, to be changed."""
    shutil.copytree(built.root, tmp_path / "book")
    book = type(built)(tmp_path / "book")
    monkeypatch.setenv("PYTHONPATH", str(book.code))
    return book


def outputs(book, docname="chapters/one/first"):
    notebook = cached(book.fresh(), book.fresh().page(docname))
    return notebook and json.dumps([cell.get("outputs") for cell in notebook.cells])


def test_the_site_is_whole_and_passes_the_checks(built):
    assert all_problems(built) == []
    page = (built.html / "chapters/one/first.html").read_text(encoding="utf-8")
    assert "about a second" in page and "run_time" not in page
    ledger = (built.html / "chapters/reference/ledger.html").read_text(encoding="utf-8")
    assert 'href="../one/first.html#claim-a-1-1"' in ledger and "double(3) is 6" in ledger
    assert ledger.count("not yet settled") >= 2 and "to come: Part 3" in ledger
    assert 'href="../one/first.html#reproduction-r-1"' in ledger and "we doubled one" in ledger
    assert '<a href="https://arxiv.org/abs/1502.01852">He et al., 2015</a>' in ledger
    assert "2 published results, 1 tried so far" in ledger and "To come: Part 4" in ledger
    assert 'id="document-a"' in ledger and "A document in English" in ledger


def test_a_second_build_does_nothing(built, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(built.code))
    before = (built.html / "index.html").stat().st_mtime_ns
    assert execute(built.fresh(), progress=False) == []
    stage(built.fresh())
    assert build_site(built.fresh()) is False
    assert (built.html / "index.html").stat().st_mtime_ns == before


def test_a_chapter_leaves_no_kernel_behind(copy, tmp_path):
    cell = nbformat.v4.new_code_cell("import os\nprint(os.getpid())")
    notebook = nbformat.v4.new_notebook(cells=[cell])
    log = str(tmp_path / "log")
    ran, failure = _run_notebook(notebook, str(tmp_path), kernel_environment(copy), log)
    assert failure is None
    assert not psutil.pid_exists(int(ran.cells[0].outputs[0].text))


def test_a_warning_in_tensorflows_log_is_a_failure_too():
    """In a notebook it goes to stdout."""
    cell = nbformat.v4.new_code_cell("train()")
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="loss 0.1\n")]
    notebook = nbformat.v4.new_notebook(cells=[cell])
    assert _warning(notebook) is None
    cell.outputs[0].text += "WARNING:tensorflow:5 out of the last 15 calls triggered retracing"
    assert "code cell 1 (`train()`): TensorFlow warns" in _warning(notebook)


def test_editing_prose_runs_nothing_and_is_staged(copy):
    copy.edit("chapters/one/first.md", "A note with", "A remark with")
    copy.edit("chapters/one/first.md", "A straight line", "One straight line")
    assert execute(copy.fresh(), progress=False) == []
    stage(copy.fresh())
    staged = (copy.stage / "chapters/one/first.ipynb").read_text(encoding="utf-8")
    assert "A remark with" in staged and "One straight line" in staged and "doubling" in staged


def test_editing_the_library_runs_what_imports_it(copy):
    """Trap: Jupyter Book's own cache keeps stale outputs when only the package changed."""
    copy.edit("code/tiny/arithmetic.py", '"doubling"', '"twofold"')
    assert outputs(copy) is None and outputs(copy, "chapters/one/second") is not None
    assert execute(copy.fresh(), progress=False) == ["chapters/one/first"]
    assert "twofold" in outputs(copy) and "doubling" not in outputs(copy)


def test_a_failing_chapter_fails_the_build_and_poisons_nothing(copy, front, capsys):
    """Traps: Jupyter Book exits 0 when a notebook fails; a failure stays after its module is mended."""
    copy.edit("_toc.yml", "one/second", "one/second\n  - file: chapters/one/third")
    copy.add(
        "chapters/one/third.md",
        f"{front}# W\n\n```{{code-cell}}\nimport warnings\nwarnings.warn('Beware')\n```\n",
    )
    copy.edit("code/tiny/factor.py", "FACTOR = 2", "FACTOR = 1 / 0")
    copy.edit("chapters/one/second.md", "1 / 2", "1 / 4")
    records = len(get_cache(copy.build / "cache").list_cache_records())
    site = sorted(path.stat().st_mtime_ns for path in copy.html.rglob("*"))

    assert main(["--root", str(copy.root), "build"]) == 1

    said = capsys.readouterr().err
    assert "2 of 3 chapters failed" in said
    assert (
        "chapters/one/first, code cell 1 (`from tiny import claims`): ZeroDivisionError: division by zero"
        in said
    )
    assert (
        "chapters/one/third, code cell 1 (`import warnings`): wrote to stderr" in said
        and "Beware" in said
    )
    assert sorted(path.stat().st_mtime_ns for path in copy.html.rglob("*")) == site
    assert not (copy.build / "html.new").exists()
    # The chapter that worked is kept, the failures are not.
    assert len(get_cache(copy.build / "cache").list_cache_records()) == records + 1
    assert "0.25" in outputs(copy, "chapters/one/second")
    assert outputs(copy) is None
    with pytest.raises(BookError, match="has not been run as it stands"):
        executed_notebooks(copy.fresh())
    copy.edit("code/tiny/factor.py", "1 / 0", "2")
    assert outputs(copy) is not None


def test_a_broken_page_leaves_the_old_site_and_the_next_build_is_honest(copy):
    """Trap: Sphinx gives a warning only once, so a failed build must not be gone on with."""
    copy.edit("intro.md", "See", "{ref}`nowhere` See")
    copy.edit("assets/book.css", "black", "navy")
    stage(copy.fresh())
    with pytest.raises(BookError, match="Jupyter Book failed or warned"):
        build_site(copy.fresh())
    assert "black" in (copy.html / "_static/book.css").read_text()
    assert not (copy.build / "site-work").exists()
    copy.edit("intro.md", "{ref}`nowhere` ", "")
    build(copy.fresh())
    assert "navy" in (copy.html / "_static/book.css").read_text()


def test_an_edited_asset_makes_a_fresh_site(copy):
    """Trap: static files are not copied again when no document changed."""
    before = _frame_digest(copy)
    copy.edit("intro.md", "See", "Read")
    stage(copy.fresh())
    assert _frame_digest(copy) == before
    copy.edit("assets/book.css", "black", "navy")
    stage(copy.fresh())
    assert _frame_digest(copy) != before


def test_an_output_that_differs_fails_the_comparison(copy, capfd):
    executed = executed_notebooks(copy)
    cell = next(c for c in executed["chapters/one/second"].cells if "print(1 / 2)" in c.source)
    cell.outputs[0].text = "0.6\n"
    with pytest.raises(BookError, match="nbval found a difference"):
        compare_notebooks(copy, executed)
    assert "1 failed, 8 passed" in capfd.readouterr().out


def test_nbval_is_told_what_it_gets_wrong_by_itself(copy, monkeypatch):
    """Traps: the limit of a cell is 2000 s unless set; cells of one notebook must stay together."""
    commands = []
    monkeypatch.setattr(
        notebook_tests.subprocess,
        "run",
        lambda command, **options: commands.append((command, options)),
    )
    with pytest.raises(AttributeError):  # our stand-in returns nothing
        compare_notebooks(copy, executed_notebooks(copy))
    command, options = commands[0]
    assert {"--nbval", "--nbval-current-env", "--nbval-cell-timeout=300"} <= set(command)
    assert command[command.index("--dist") + 1] == "loadscope"
    assert {"one/first.ipynb", "one/second.ipynb"} <= set(command)
    assert (
        options["env"]["TF_DETERMINISTIC_OPS"] == "1" and options["env"]["OMP_NUM_THREADS"] == "1"
    )


def test_a_name_for_a_page_that_is_not_there_is_one_clear_error(book, capsys):
    book.edit("_toc.yml", "one/second", "one/nowhere")
    assert main(["--root", str(book.root), "build"]) == 1
    said = capsys.readouterr().err
    assert "_toc.yml names chapters/one/nowhere, but there is no" in said


def test_execution_by_sphinx_is_refused(copy):
    copy.edit("_config.yml", '"off"', '"force"')
    with pytest.raises(BookError, match="execute_notebooks: 'off'"):
        stage(copy.fresh())


def test_the_repository_does_not_shadow_the_code_module(pytestconfig):
    assert not (pytestconfig.rootpath / "code" / "__init__.py").exists()
