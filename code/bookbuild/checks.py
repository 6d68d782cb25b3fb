"""The book's own checks. Each returns what is wrong, in words."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bookbuild.book import Book, BookError, Page
from bookbuild.ledger import LEDGERS, REPRODUCTIONS, Ledger
from bookbuild.notebook_tests import notebook_problems
from bookbuild.notebooks import leftover_myst, plain_notebook, read_chapter, source_problems
from bookbuild.references import entry_url, read_bibliography, read_references

TAGS = {"hide-input", "nbval-ignore-output", "raises-exception", "stderr-expected"}
SECTIONS = ("Summary", "Exercises", "Further reading")
MOST_SECONDS = 60
FEWEST_EXERCISES = 4
PICTURES = ("image/svg+xml", "image/png", "image/jpeg")
DECIMAL = re.compile(r"(?<![\w.])\d+\.\d+(?![\w.]*\d)")
FORMULA_OR_CODE = re.compile(r"\$\$.*?\$\$|\$[^$]*\$|`[^`]*`", re.DOTALL)


def toc_problems(book: Book) -> list[str]:
    """Return pages that _toc.yml forgets, and pages with code that would never be run."""
    listed = {page.path for page in book.pages}
    problems = [
        f"{path.relative_to(book.root)} is not in _toc.yml"
        for path in sorted((book.root / "chapters").rglob("*.md"))
        if path not in listed
    ]
    names = Counter(page.docname for page in book.pages)
    problems += [f"_toc.yml names {name} twice" for name, count in names.items() if count > 1]
    problems += [
        f"{page.docname} has code cells, but no `kernelspec` on top: it would never be run"
        for page in book.pages
        if not page.executable and re.search(r"^`{3,}\{code-cell\}", page.text, re.MULTILINE)
    ]
    return problems


def frame_problems(page: Page) -> list[str]:
    """Return where a chapter does not open and close as all do; each exercise needs a solution."""
    text = re.sub(r"^(`{3,})\{code-cell\}.*?^\1\s*$", "<code>", page.text, flags=re.S | re.M)
    problems = [
        f"there is no **{words}** before the first section"
        for words in ("You will learn", "You need", "Running time")
        if f"**{words}**" not in text.split("\n## ")[0]
    ]
    if not re.search(r"\*\*Running time\*\*.*\{\{ *run_time *\}\}", text):
        problems.append("**Running time** does not take the measured {{ run_time }}")
    headings = [m.strip() for m in re.findall(r"^## (.+)$", text, re.MULTILINE)]
    if tuple(headings[-3:]) != SECTIONS:
        problems.append(f"the last three sections are not {', '.join(SECTIONS)}")
    exercises = re.findall(r"^`{3,}\{exercise\}.*?^:label:\s*(\S+)", text, re.S | re.M)
    solutions = dict(
        re.findall(
            r"^`{3,}\{solution-start\}\s*(\S+)(.*?)^`{3,}\{solution-end\}", text, re.S | re.M
        )
    )
    if len(exercises) < FEWEST_EXERCISES:
        problems.append(f"{len(exercises)} exercises, expected at least {FEWEST_EXERCISES}")
    problems += [f"exercise {name} has no solution" for name in exercises if name not in solutions]
    if sum("<code>" in solution for solution in solutions.values()) < 2:
        problems.append("fewer than two exercises are solved in code")
    return [f"{page.docname}: {problem}" for problem in problems]


def tag_problems(page: Page) -> list[str]:
    """Return tags that the book does not know."""
    return [
        f"{page.docname}, cell {number}: unknown tag {tag}; known are {', '.join(sorted(TAGS))}"
        for number, cell in enumerate(read_chapter(page).cells, start=1)
        for tag in cell.metadata.get("tags", [])
        if tag not in TAGS
    ]


def reference_problems(book: Book) -> list[str]:
    """Return citations without an entry, and entries that do not say where to find the work."""
    entries = read_bibliography(book).entries
    problems = [
        f"references.bib: {key} has neither doi nor eprint nor url"
        for key, entry in entries.items()
        if not entry_url(entry)
    ]
    for page in book.pages:
        for keys in re.findall(r"\{cite:[pt]\}`([^`]+)`", page.text):
            problems += [
                f"{page.docname} cites {key.strip()}, which is not in references.bib"
                for key in keys.split(",")
                if key.strip() not in entries
            ]
    return problems


def ledger_problems(book: Book, ledger: Ledger, executed: dict | None) -> list[str]:
    """Return entries not shown exactly once as the ledger says, nor waiting for a named part.

    Parameters
    ----------
    book : Book
    ledger : Ledger
    executed : dict or None
        Executed notebooks by docname; without them only the sources are compared.
    """
    problems, where = [], {}
    noun, call, done = ledger.noun, ledger.call, ledger.done
    entries = {entry["id"]: entry for entry in ledger.read(book)[ledger.name]}
    for page in book.chapters:
        for use in ledger.calls(page):
            place = f"{use.docname}, code cell {use.cell}"
            if use.entry is None or use.verdict is None:
                problems.append(f"{place}: write the {noun}'s id and its verdict out in {call}()")
            elif use.entry not in entries:
                problems.append(f"{place}: there is no {noun} {use.entry} in the ledger")
            elif use.entry in where:
                problems.append(f"{place}: {noun} {use.entry} is {done} in {where[use.entry]}")
            else:
                where[use.entry] = place
                verdict = entries[use.entry].get("verdict")
                if verdict != use.verdict:
                    problems.append(
                        f"{place}: {noun} {use.entry} is `{use.verdict}` here, `{verdict}` in"
                        " the ledger"
                    )
    problems += [
        f"{noun} {name} has a verdict in the ledger, but no chapter {call}s it"
        for name, entry in entries.items()
        if entry.get("verdict") and name not in where
    ]
    problems += [
        f"{noun} {name} has neither a verdict nor says where it will be {done} (open:)"
        for name, entry in entries.items()
        if not entry.get("verdict") and not entry.get("open")
    ]
    if executed is not None:
        shown = [entry for notebook in executed.values() for entry in ledger.shown(notebook)]
        ran = Counter(entry["id"] for entry in shown)
        problems += [
            f"{noun} {name} is in a chapter, but its page did not {call} it when it ran"
            for name in where
            if not ran[name]
        ]
        problems += [
            f"{noun} {name} was {done} {n} times when the pages ran"
            for name, n in ran.items()
            if n > 1
        ]
        problems += [
            f"{noun} {entry['id']} ran as `{entry['verdict']}`, which the ledger does not say"
            for entry in shown
            if entries.get(entry["id"], {}).get("verdict") != entry["verdict"]
        ]
    return problems


def paper_problems(book: Book) -> list[str]:
    """Return reproductions that name a paper otherwise than references.bib does."""
    references = read_references(book)
    problems = []
    for entry in REPRODUCTIONS.read(book)["reproductions"]:
        name, papers = f"reproduction {entry['id']}", entry["papers"]
        missing = [key for key in papers if key not in references]
        problems += [f"{name} names {key}, which is not in references.bib" for key in missing]
        words = "; ".join(
            f"{references[k].who}, {references[k].year}" for k in papers if k in references
        )
        if papers and not missing and entry["source"] != words:
            problems.append(f"{name} has the source `{entry['source']}`, expected `{words}`")
    return problems


def figure_problems(page: Page, notebook) -> list[str]:
    """Return pictures without text alternative, caption or a name that the text refers to."""
    problems = []
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(cells, start=1):
        pictures = [
            output
            for output in cell.get("outputs", [])
            if any(kind in output.get("data", {}) for kind in PICTURES)
        ]
        options = cell.metadata.get("mystnb", {})
        figure, image = options.get("figure") or {}, options.get("image") or {}
        place = f"{page.docname}, code cell {number}"
        if not pictures:
            if figure:
                problems.append(f"{place}: has a caption, but gives no picture")
            continue
        if len(pictures) > 1:
            problems.append(f"{place}: gives {len(pictures)} pictures; split it, one caption each")
        missing = [
            name
            for name, value in (
                ("image alt", image.get("alt")),
                ("figure caption", figure.get("caption")),
                ("figure name", figure.get("name")),
            )
            if not str(value or "").strip()
        ]
        if missing:
            problems.append(f"{place}: the picture has no {', no '.join(missing)} (mystnb:)")
        elif not re.search(rf"\{{numref\}}`[^`]*\b{re.escape(figure['name'])}\b", page.text):
            problems.append(f"{place}: the text never refers to {{numref}}`{figure['name']}`")
    return problems


def number_problems(page: Page, notebook) -> list[str]:
    """Return decimal numbers in the prose that nothing on the page computes or sets.

    A number with decimals has to stand, rounded, in an output or in the code of a cell; in
    formulas it may be derived. So no result of an earlier run can stay behind in the text.
    """
    shown = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            shown.append(cell.source)
            for output in cell.get("outputs", []):
                data = output.get("data", {})
                shown += [output.get("text", ""), data.get("text/plain", "")]
                shown.append(data.get("text/html", ""))
    known = {float(number) for number in DECIMAL.findall("\n".join(shown))}
    problems = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for number in DECIMAL.findall(FORMULA_OR_CODE.sub("", cell.source)):
                half_digit = 0.51 * 10.0 ** -len(number.partition(".")[2])
                if not any(abs(float(number) - other) <= half_digit for other in known):
                    problems.append(
                        f"{page.docname}: the text says {number}, which no cell of the page"
                        " computes or sets"
                    )
    return problems


def slow_chapters(book: Book, executed: dict) -> list[str]:
    """Return the chapters that took longer than they should, for information only."""
    seconds = {name: notebook.metadata["run_seconds"] for name, notebook in executed.items()}
    return [
        f"{name} took {seconds[name]:.0f} s, more than {MOST_SECONDS} s: is the machine busy?"
        for name in seconds
        if seconds[name] >= MOST_SECONDS
    ]


class _PageParser(HTMLParser):
    """Collects ids, links and pictures of a page."""

    def __init__(self):
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.pictures: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.ids |= {values[key] for key in ("id", "name") if values.get(key)}
        self.links += [values[key] for key in ("href", "src") if values.get(key)]
        if tag == "img":
            self.pictures.append((values.get("src", ""), values.get("alt")))


def site_problems(book: Book, site: Path | None = None) -> list[str]:
    """Return broken links within the site, pictures without words, pages and notebooks missing."""
    site = site or book.html
    pages: dict[Path, _PageParser] = {}
    for path in sorted(site.rglob("*.html")):
        if "_static" not in path.parts:
            pages[path] = _PageParser()
            pages[path].feed(path.read_text(encoding="utf-8"))
    problems = []
    for page in book.pages:
        wanted = [f"{page.docname}.html"]
        if page.executable:
            wanted += [f"notebooks/{s}{page.notebook_name}" for s in ("", "solutions/")]
        problems += [f"the site has no {name}" for name in wanted if not (site / name).is_file()]
    for path, parsed in pages.items():
        here = path.relative_to(site)
        for source, alt in parsed.pictures:
            if alt is None or (alt and re.fullmatch(r"\S+\.(svg|png|jpe?g|gif)", alt)):
                problems.append(f"{here}: the picture {source} has no text alternative")
        for link in dict.fromkeys(parsed.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                problems.append(f"{here}: the link {link} leads nowhere")
            elif parts.fragment and target in pages:
                if unquote(parts.fragment) not in pages[target].ids:
                    problems.append(f"{here}: the link {link} leads to no such place on its page")
    return problems


def _ledgers_problems(book: Book, executed: dict | None) -> list[str]:
    return [problem for ledger in LEDGERS for problem in ledger_problems(book, ledger, executed)]


def all_problems(book: Book, *, source_only: bool = False) -> list[str]:
    """Return everything that is wrong with the book.

    Parameters
    ----------
    book : Book
    source_only : bool, default False
        Leave out what needs executed chapters and a built site.
    """
    problems = toc_problems(book)
    for page in book.chapters:
        if wrong := source_problems(page):
            problems += wrong
            continue
        problems += frame_problems(page) + tag_problems(page)
        try:
            for solutions in (False, True):
                problems += [
                    f"{page.docname}: MyST left in the notebook, {left}"
                    for left in leftover_myst(plain_notebook(book, page, solutions=solutions))
                ]
        except BookError as error:
            problems.append(str(error))
    problems += reference_problems(book) + paper_problems(book)
    if any(source_problems(page) for page in book.chapters):
        return problems  # what follows has to read the chapters
    if source_only:
        return problems + _ledgers_problems(book, None)
    from bookbuild.staging import executed_notebooks

    executed = executed_notebooks(book)
    problems += _ledgers_problems(book, executed)
    for page in book.chapters:
        problems += figure_problems(page, executed[page.docname])
        problems += number_problems(page, executed[page.docname])
        problems += [f"{page.docname}: {p}" for p in notebook_problems(executed[page.docname])]
    for line in slow_chapters(book, executed):
        print(line)
    if not book.html.is_dir():
        raise BookError("There is no site in _build/html: run `make book` first.")
    return problems + site_problems(book)


def check(book: Book, *, source_only: bool = False) -> int:
    """Print everything that is wrong with the book.

    Returns
    -------
    int
        0 when nothing is, else 1.
    """
    problems = all_problems(book, source_only=source_only)
    for problem in problems:
        print(problem)
    counts = [f"{len(book.pages)} pages, {len(book.chapters)} executable"]
    for ledger in LEDGERS:
        entries = ledger.read(book)[ledger.name]
        done = sum(bool(entry.get("verdict")) for entry in entries)
        counts.append(
            f"{len(entries)} {ledger.name}, {done} {ledger.done}, {len(entries) - done} to come"
        )
    print(*counts, f"{len(problems) or 'no'} problems", sep="; ")
    return 1 if problems else 0
