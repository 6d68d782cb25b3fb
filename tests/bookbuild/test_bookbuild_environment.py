"""A wrong environment gives one clear error that says what to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bookbuild.__main__ import main
from bookbuild.book import BookError
from bookbuild.environment import check_environment, installed_problems, lock_problems

PROJECT = """
[project]
name = "x"
version = "1"
dependencies = ["numpy>=2,<3", "only-windows>=1; sys_platform == 'win32'"]
[project.optional-dependencies]
book = ["sphinx>=7"]
test = ["pytest>=8"]
other = ["never-compared>=1"]
"""


@pytest.fixture
def files(tmp_path):
    def write(lock: str) -> tuple[Path, Path]:
        (tmp_path / "code").mkdir(exist_ok=True)
        (tmp_path / "code" / "pyproject.toml").write_text(PROJECT)
        (tmp_path / "requirements.txt").write_text(lock)
        return tmp_path / "requirements.txt", tmp_path / "code" / "pyproject.toml"

    return write


GOOD = "numpy==2.1.0\nsphinx==7.4.7 ; python_version > '3'\npytest==9.0\n"


def test_matching_files_and_packages_pass(files):
    lock, project = files(GOOD)
    assert lock_problems(lock, project) == []
    assert installed_problems(lock, {"NumPy": "2.1.0", "Sphinx": "7.4.7", "pytest": "9.0"}) == []


def test_every_difference_is_named(files):
    lock, project = files("numpy==3.0\nsphinx==7.4.7\n")
    assert lock_problems(lock, project) == [
        "numpy==3.0 is outside numpy<3,>=2",
        "pytest is missing from requirements.txt",
    ]
    assert installed_problems(lock, {"numpy": "2.0"}) == [
        "numpy is 2.0, the lock file says 3.0",
        "sphinx 7.4.7 is not installed",
    ]


def test_markers_are_honoured(files):
    lock, _ = files("a==1 ; sys_platform == 'nowhere'\nb==2 ; sys_platform != 'nowhere'\n")
    assert installed_problems(lock, {}) == ["b 2 is not installed"]


@pytest.mark.parametrize("line", ["numpy", "numpy>=2", "numpy==2.*", "what is this"])
def test_a_line_that_is_no_pin_is_refused(files, line):
    lock, project = files(line + "\n")
    with pytest.raises(BookError, match=r"requirements.txt, line 1.*make lock"):
        lock_problems(lock, project)


def test_errors_name_the_command(files, tmp_path):
    with pytest.raises(BookError, match="make lock"):
        check_environment(tmp_path)
    files("numpy==1.0\nsphinx==7.4.7\npytest==9.0\n")
    with pytest.raises(BookError, match=r"(?s)numpy==1.0 is outside.*make lock"):
        check_environment(tmp_path)
    files("numpy==2.0.0\nsphinx==7.4.7\npytest==8.0\nno-such-package==1.0\n")
    with pytest.raises(BookError, match=r"(?s)no-such-package 1.0 is not.*make clean-env book"):
        check_environment(tmp_path)


def test_build_stops_before_anything_is_made(book, capsys):
    book.add("requirements.txt", "no-such-package==1.0\n")
    assert main(["--root", str(book.root), "build"]) == 1
    assert "no-such-package 1.0 is not installed" in capsys.readouterr().err
    assert not book.build.exists()


def test_a_missing_dependency_is_named(book, tmp_path):
    hidden = tmp_path / "hide"
    hidden.mkdir()
    (hidden / "jupytext.py").write_text("raise ModuleNotFoundError('gone', name='jupytext')")
    command = [sys.executable, "-m", "bookbuild", "--root", str(book.root), "notebooks"]
    environment = {**os.environ, "PYTHONPATH": str(hidden)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "The package jupytext is not installed. Run `make clean-env book`" in done.stderr
    assert "Traceback" not in done.stderr
