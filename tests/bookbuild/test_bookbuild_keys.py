"""What makes a chapter run again, and what does not."""

import pytest

from bookbuild.keys import chapter_key, dependencies
from bookbuild.notebooks import read_chapter


@pytest.fixture
def keys(book):
    def compute() -> list[str]:
        return [chapter_key(book, read_chapter(page)) for page in book.fresh().chapters]

    return compute


def names(book, *sources):
    return [path.relative_to(book.code).as_posix() for path in dependencies(book, sources)]


def test_imports_are_followed_to_the_end(book):
    tiny = ["tiny/__init__.py", "tiny/arithmetic.py", "tiny/factor.py"]
    assert names(book, "from tiny.arithmetic import double") == tiny
    assert names(book, "from tiny import arithmetic as a") == tiny
    assert names(book, "import tiny\ntiny.arithmetic.double(1)") == tiny
    assert names(book, "%matplotlib inline\nimport tiny") == ["tiny/__init__.py"]
    assert names(book, "import numpy") == []
    assert names(book, "from tiny import claims") == [
        "tiny/__init__.py",
        "tiny/claims.py",
        "tiny/claims.yaml",
    ]


def test_relative_and_lazy_imports_are_followed(book):
    book.add("code/tiny/arithmetic.py", "def double(n):\n    from .factor import FACTOR\n")
    assert "tiny/factor.py" in names(book, "import tiny.arithmetic")
    book.add("code/tiny/__init__.py", "from importlib import import_module\nLAZY = ['factor']\n"
             "def __getattr__(name):\n    return import_module('.' + name, 'tiny')\n")  # fmt: skip
    assert names(book, "import tiny") == ["tiny/__init__.py", "tiny/factor.py"]


def test_a_file_outside_the_book_is_no_dependency(book, keys):
    book.add("../machine.txt", "2 cores")
    outside = (book.root / "../machine.txt").resolve()
    book.edit("code/tiny/factor.py", "FACTOR = 2", f"FACTOR = 2\nMACHINE = {str(outside)!r}")
    assert names(book, "import tiny.factor") == ["tiny/__init__.py", "tiny/factor.py"]
    assert all(keys())


@pytest.mark.parametrize(
    ("name", "old", "new", "changed"),
    [
        ("code/tiny/factor.py", "2", "3", [True, False]),
        ("code/tiny/unused.py", "1", "2", [False, False]),
        ("chapters/one/first.md", "A note with", "A remark with", [False, False]),
        ("chapters/one/first.md", "A straight line", "One straight line", [False, False]),
        ("code/tiny/claims.yaml", "gives six", "gives 6", [True, False]),
        ("code/tiny/claims.yaml", "Tripling is better", "Tripling is best", [False, False]),
        ("code/tiny/reproductions.yaml", "One doubles", "1 doubles", [True, False]),
        ("code/tiny/reproductions.yaml", "Two doubles", "2 doubles", [False, False]),
        ("requirements.txt", "", "# new\n", [True, True]),
        ("data/table.csv", "", "1,2\n", [False, True]),
    ],
)
def test_only_what_can_change_outputs_changes_a_key(book, keys, name, old, new, changed):
    book.add("data/table.csv", "")
    book.edit("chapters/one/second.md", "print(1 / 2)", 'print(open("../../data/table.csv"))')
    before = keys()
    book.edit(name, old, new)
    assert [a != b for a, b in zip(before, keys(), strict=True)] == changed


def test_a_chapter_that_reads_the_whole_ledger_sees_every_change(book, keys):
    book.edit("chapters/one/first.md", "print(NAME)", "print(claims.LEDGER.read_text())")
    before = keys()
    book.edit("code/tiny/claims.yaml", "Tripling is better", "Tripling is best")
    assert keys()[0] != before[0]
