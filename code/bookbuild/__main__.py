"""Command line of the book: ``python -m bookbuild COMMAND``."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

COMMANDS = {
    "environment": "compare the installed packages with requirements.txt and its ranges",
    "notebooks": "write every chapter as plain notebooks into notebooks/",
    "execute": "run the chapters whose result could have changed",
    "build": "make the site in _build/html",
    "check": "check claims, references, figures, links and the frame of every chapter",
    "test-notebooks": "run every notebook again and compare each output",
    "test": "all of it: build, unit tests, check, test-notebooks",
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        0, or 1 when something is wrong; what it is has then been printed.
    """
    parser = argparse.ArgumentParser(prog="python -m bookbuild", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(), help="the book's folder")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in COMMANDS.items():
        sub = subparsers.add_parser(name, help=text, description=text)
        if name == "execute":
            sub.add_argument("--force", action="store_true", help="run what did not change, too")
            sub.add_argument(
                "chapter",
                nargs="*",
                type=Path,
                help="only these, for example chapters/catalogue/rectifiers.md",
            )
        if name == "check":
            sub.add_argument("--source-only", action="store_true", help="without a built site")
    options = parser.parse_args(arguments)
    try:
        return _run(options)
    except ModuleNotFoundError as error:
        if error.name and error.name.split(".")[0] in ("bookbuild", "actfun"):
            raise
        print(
            f"\nThe package {error.name} is not installed. Run `make clean-env book`"
            " (without make: pip install -r requirements.txt -e code).",
            file=sys.stderr,
        )
    except Exception as error:
        if type(error).__name__ != "BookError":
            raise
        print(f"\n{error}", file=sys.stderr)
    return 1


def _run(options: argparse.Namespace) -> int:
    # Imported here: with a package missing, even the check of the environment could not start.
    from bookbuild.environment import check_environment

    root = options.root.resolve()
    if options.command in ("environment", "build", "execute"):
        check_environment(root)
    if options.command == "environment":
        print("The environment is the one in requirements.txt.")
        return 0
    from bookbuild.book import Book, chapter_page

    if options.command == "test":
        return _test(root)
    book = Book(root)
    if options.command == "notebooks":
        from bookbuild.notebooks import write_notebooks

        files = write_notebooks(book)
        print(f"{len(files)} notebooks in {book.notebooks}")
    elif options.command == "execute":
        from bookbuild.execution import execute

        pages = [chapter_page(book, path) for path in options.chapter]
        execute(book, pages or None, force=options.force)
    elif options.command == "build":
        from bookbuild.staging import build

        build(book)
    elif options.command == "check":
        from bookbuild.checks import check

        return check(book, source_only=options.source_only)
    elif options.command == "test-notebooks":
        from bookbuild.notebook_tests import compare_notebooks
        from bookbuild.staging import executed_notebooks

        compare_notebooks(book, executed_notebooks(book))
    return 0


def _test(root: Path) -> int:
    """Run the steps one after the other, each in its own process; stop at the first failure."""
    steps = (
        ["bookbuild", "build"],
        ["pytest", "-n", "2", "--dist", "loadfile"],
        ["bookbuild", "check"],
        ["bookbuild", "test-notebooks"],
    )
    for step in steps:
        print(f"--- {' '.join(step)}", flush=True)
        done = subprocess.run([sys.executable, "-m", *step], cwd=root, check=False)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
