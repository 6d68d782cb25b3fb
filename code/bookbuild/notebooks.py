"""Chapters as notebooks: MyST source in, plain Markdown notebooks out, the same bytes every time.

JupyterLab, VS Code and Colab do not render MyST, so chapters keep to a short list of directives
and roles, and each of them has a rendering in ordinary Markdown here. Anything else in a chapter
is an error with its line.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import jupytext
import nbformat

from bookbuild.book import FRONT_MATTER, Book, BookError, Page, write_if_changed
from bookbuild.references import Reference, read_references

ADMONITIONS = {"note", "warning", "tip", "important", "admonition"}
GATES = {"solution-start", "solution-end"}
DIRECTIVES = ADMONITIONS | GATES | {"exercise", "figure", "code-cell"}
ROLES = {"numref", "ref", "eq", "cite:p", "cite:t", "term"}
PLAIN_RUN_TIME = "under a minute"

FENCE = re.compile(r"^(?P<indent>\s*)(?P<mark>`{3,}|~{3,}|:{3,})\s*(?P<rest>.*?)\s*$")
DIRECTIVE = re.compile(r"^\{(?P<name>[\w:.-]+)\}\s*(?P<argument>.*)$")
ROLE = re.compile(r"\{(?P<role>[a-zA-Z][\w:.-]*)\}`(?P<content>[^`]+)`")
CODE_SPAN = re.compile(r"(?<!`)(?P<tick>`+)(?!`).*?[^`](?P=tick)(?!`)", re.DOTALL)
TARGET = re.compile(r"^\(([\w:.-]+)\)=\s*$")
MATH_LABEL = re.compile(r"\$\$\s*\(([\w:.-]+)\)\s*$")
LINK = re.compile(r"(?<!!)\[(?P<text>[^\[\]]*)\]\((?P<target>[^()\s]+)\)")
ROLE_OR_CODE = re.compile(rf"(?P<all>{ROLE.pattern})|{CODE_SPAN.pattern}", re.DOTALL)
INLINE = re.compile(
    rf"(?P<all>{ROLE.pattern})|(?P<code>{CODE_SPAN.pattern})|\$[^$\n]+\$|(?P<link>{LINK.pattern})",
    re.DOTALL,
)


def without_code(text: str) -> str:
    """Return Markdown without its code spans; a role's backticks are no code span."""
    return ROLE_OR_CODE.sub(lambda match: match[0] if match["all"] else "", text)


# ------------------------------------------------------------------------------- reading


def read_chapter(page: Page) -> nbformat.NotebookNode:
    """Return a chapter as a notebook with its MyST text, without outputs, with stable cell ids."""
    problems = source_problems(page)
    if problems:
        raise BookError("\n".join(problems))
    notebook = jupytext.reads(page.text, fmt="md:myst")
    notebook = nbformat.v4.new_notebook(
        cells=[cell for cell in notebook.cells if cell.source.strip()],
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
    )
    return with_stable_ids(notebook)


def with_stable_ids(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Give each cell an id made from its content, so that converting twice gives equal bytes."""
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        content = f"{cell.cell_type}\n{cell.source}".encode()
        name = hashlib.sha256(content).hexdigest()[:12]
        seen[name] = seen.get(name, 0) + 1
        cell["id"] = name if seen[name] == 1 else f"{name}-{seen[name]}"
    return notebook


@cache
def source_problems(page: Page) -> list[str]:
    """Return what in a chapter is outside the short list of MyST, each with its line."""
    problems: list[str] = []
    front = FRONT_MATTER.match(page.text)
    skip = page.text[: front.end()].count("\n") if front else 0
    fences: list[tuple[str, bool, int]] = []  # mark, whether its content is text, line
    gate: tuple[str, int] | None = None
    exercises: list[str] = []
    math = False

    def problem(line: int, text: str) -> None:
        problems.append(f"{page.docname}.md, line {line}: {text}")

    lines = page.text.splitlines()
    for number, line in enumerate(lines, start=1):
        if number <= skip:
            continue
        fence = FENCE.match(line)
        if fences and fence and not fence["rest"]:
            mark = fences[-1][0]
            if fence["mark"][0] == mark[0] and len(fence["mark"]) >= len(mark):
                fences.pop()
                continue
        if fences and not fences[-1][1]:
            continue  # code
        if line.count("$$") % 2 and not math:
            math = True
            continue
        if math:
            math = "$$" not in line
            continue
        if fence:
            directive = DIRECTIVE.match(fence["rest"])
            name = directive["name"] if directive else None
            fences.append((fence["mark"], name is not None and name != "code-cell", number))
            if fence["mark"][0] == ":":
                problem(number, "fence a directive with backticks, not colons")
            if name is None:
                if fence["rest"].startswith("{"):
                    problem(number, f"cannot read the directive `{fence['rest']}`")
                continue
            if name not in DIRECTIVES:
                allowed = ", ".join(sorted(DIRECTIVES))
                problem(number, f"unknown directive {{{name}}}; a chapter may use {allowed}")
            elif fence["indent"]:
                problem(number, f"the directive {{{name}}} has to start at the left margin")
            if "`" in directive["argument"]:
                problem(
                    number, f"no backticks in the title of {{{name}}}: they would end its fence"
                )
            if name == "exercise":
                label = next((s for s in lines[number : number + 4] if ":label:" in s), "")
                exercises.append(label.split(":label:")[-1].strip())
                if not label:
                    problem(number, "the exercise has no :label:")
            if name == "solution-start":
                label = directive["argument"].strip()
                if gate:
                    problem(number, f"the solution of line {gate[1]} has no {{solution-end}}")
                if label not in exercises:
                    problem(number, f"solution of `{label}`, but no exercise above has that label")
                gate = (label, number)
            if name == "solution-end":
                if not gate:
                    problem(number, "{solution-end} without {solution-start}")
                gate = None
            continue
        bare = without_code(line)
        for role in (match["role"] for match in ROLE.finditer(bare)):
            if role not in ROLES:
                allowed = ", ".join(sorted(ROLES))
                problem(number, f"unknown role {{{role}}}; a chapter may use {allowed}")
        bare = re.sub(r"\$[^$]*\$", "", bare)
        for name in re.findall(r"\{\{\s*(.*?)\s*\}\}", bare):
            if name != "run_time":
                problem(number, f"unknown substitution {{{{ {name} }}}}; there is only run_time")
        if re.search(r"^\+\+\+|^%\s|\[\^[^\]]+\]|<(project|path|inv):", bare):
            problem(number, f"MyST that has no plain rendering: `{line.strip()}`")
    if fences:
        problem(fences[-1][2], "the fence opened here is never closed")
    if gate:
        problem(gate[1], "{solution-start} without {solution-end}")
    return problems


# ------------------------------------------------------------------------------- labels


@dataclass
class Labels:
    """What can be referred to in one chapter, as its plain notebook numbers it."""

    figures: dict[str, int] = field(default_factory=dict)
    equations: dict[str, int] = field(default_factory=dict)
    exercises: dict[str, int] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)

    def words(self, label: str) -> str | None:
        """Return "Figure 2", "(3)", "Exercise 1" or a section's title; None if not here."""
        if label in self.figures:
            return f"Figure {self.figures[label]}"
        if label in self.equations:
            return f"({self.equations[label]})"
        if label in self.exercises:
            return f"Exercise {self.exercises[label]}"
        return self.titles.get(label)


@cache
def chapter_labels(page: Page) -> Labels:
    """Return the labels of a page, numbered in order of appearance."""
    labels = Labels()
    if not page.executable:
        return labels
    for cell in read_chapter(page).cells:
        name = (cell.metadata.get("mystnb", {}).get("figure") or {}).get("name")
        if name:
            labels.figures[name] = len(labels.figures) + 1
        if cell.cell_type == "code":
            continue
        targets: list[str] = []
        exercise = False
        for line in cell.source.splitlines():
            if match := MATH_LABEL.search(line):
                labels.equations[match[1]] = len(labels.equations) + 1
            if match := TARGET.match(line):
                targets.append(match[1])
            elif line.startswith("#") and targets:
                labels.titles.update(dict.fromkeys(targets, line.lstrip("# ").strip()))
                targets = []
            if fence := FENCE.match(line):
                directive = DIRECTIVE.match(fence["rest"])
                exercise = bool(directive) and directive["name"] == "exercise"
                if directive and directive["name"] == "figure":
                    labels.figures[f"figure-{len(labels.figures)}"] = len(labels.figures) + 1
            elif exercise and line.startswith(":label:"):
                labels.exercises[line.split(":label:")[1].strip()] = len(labels.exercises) + 1
            elif line.startswith(":name:") and labels.figures:
                last = list(labels.figures)[-1]
                labels.figures[line.split(":name:")[1].strip()] = labels.figures.pop(last)
    return labels


# ----------------------------------------------------------------------------- rendering


class PlainRenderer:
    """Renders one chapter's MyST as ordinary Markdown and remembers what it cited."""

    def __init__(self, book: Book, page: Page, references: dict[str, Reference]):
        self.book, self.page, self.references = book, page, references
        self.labels = chapter_labels(page)
        self.cited: dict[str, Reference] = {}

    def blocks(self, text: str) -> list[tuple[str, str]]:
        """Split a Markdown cell at solution gates.

        Returns
        -------
        list of tuple
            Pairs ``("text", plain Markdown)``, ``("solution-start", exercise label)`` and
            ``("solution-end", "")``.
        """
        result: list[tuple[str, str]] = []
        part: list[str] = []
        prose: list[str] = []

        def flush_prose() -> None:
            if prose:
                part.append(self.inline("\n".join(prose)))
                prose.clear()

        def flush_part() -> None:
            flush_prose()
            plain = re.sub(r"\n{3,}", "\n\n", "\n".join(part)).strip()
            if plain:
                result.append(("text", plain))
            part.clear()

        lines = iter(text.splitlines())
        for line in lines:
            if fence := FENCE.match(line):
                body = self._until_fence(lines, fence["mark"])
                directive = DIRECTIVE.match(fence["rest"])
                if directive and directive["name"] in GATES:
                    flush_part()
                    result.append((directive["name"], directive["argument"].strip()))
                elif directive:
                    flush_prose()
                    part.append(self._directive(directive["name"], directive["argument"], body))
                else:
                    flush_prose()
                    part.append("\n".join([line, *body, fence["indent"] + fence["mark"]]))
            elif line.lstrip().startswith("$$"):
                flush_prose()
                block = [line]
                while "$$" not in block[-1].lstrip().removeprefix("$$" if len(block) == 1 else ""):
                    block.append(next(lines, "$$"))
                part.append(self._math("\n".join(block)))
            elif not TARGET.match(line):
                prose.append(line)
        flush_part()
        return result

    @staticmethod
    def _until_fence(lines, mark: str) -> list[str]:
        body = []
        for line in lines:
            fence = FENCE.match(line)
            if fence and not fence["rest"] and fence["mark"].startswith(mark):
                break
            body.append(line)
        return body

    def _math(self, block: str) -> str:
        label = MATH_LABEL.search(block)
        if not label:
            return block
        number = self.labels.equations[label[1]]
        return MATH_LABEL.sub(lambda _: f"\\tag{{{number}}}\n$$", block)

    def _directive(self, name: str, argument: str, body: list[str]) -> str:
        options = {}
        while body and (match := re.match(r"^:([\w-]+):\s*(.*)$", body[0])):
            options[match[1]] = match[2]
            body = body[1:]
        text = "\n\n".join(plain for kind, plain in self.blocks("\n".join(body)) if kind == "text")
        if name == "exercise":
            title = f". {self.inline(argument)}" if argument else ""
            return f"\n### Exercise {self.labels.exercises[options['label']]}{title}\n\n{text}\n"
        if name == "figure":
            source = (self.page.path.parent / argument).resolve()
            folder = (self.book.notebooks / self.page.notebook_name).parent
            path = Path(os.path.relpath(source, folder)).as_posix()
            number = self.labels.figures.get(options.get("name", ""), "")
            return f"\n![{options.get('alt', '')}]({path})\n\n**Figure {number}.** {text}\n"
        title = self.inline(argument) if argument else name.capitalize()
        quoted = "\n".join(f"> {line}".rstrip() for line in f"**{title}**\n\n{text}".splitlines())
        return f"\n{quoted}\n"

    def inline(self, text: str) -> str:
        """Render roles, links to chapters and the run time; code and formulas stay as they are."""
        text = re.sub(r"\{\{\s*run_time\s*\}\}", PLAIN_RUN_TIME, text)

        def replace(match: re.Match) -> str:
            if match["all"]:
                return self._role(match["role"], match["content"])
            return self._link(match["text"], match["target"]) if match["link"] else match[0]

        return INLINE.sub(replace, text)

    def _role(self, role: str, content: str) -> str:
        explicit = re.match(r"^(.*?)\s*<([^<>]+)>$", content, re.DOTALL)
        words, label = (explicit[1], explicit[2]) if explicit else (None, content.strip())
        if role == "term":
            return words or label
        if role in ("cite:t", "cite:p"):
            return self._cite(role, [key.strip() for key in content.split(",")])
        target = self._find(label)
        if target is None:
            raise BookError(f"{self.page.docname}.md: {{{role}}}`{content}` points to no label")
        if words is None:
            return target
        return re.sub(r"%s|\{number\}", lambda _: re.sub(r"^[A-Z]\w+ ", "", target), words)

    def _find(self, label: str) -> str | None:
        here = self.labels.words(label)
        if here is not None:
            return here
        for page in self.book.chapters:
            there = chapter_labels(page).words(label)
            if there is not None:
                folder = (self.book.root / self.page.notebook_name).parent
                path = os.path.relpath(self.book.root / page.notebook_name, folder)
                return f"{there} of [{page.title}]({Path(path).as_posix()})"
        return None

    def _cite(self, role: str, keys: list[str]) -> str:
        shown = []
        for key in keys:
            if key not in self.references:
                raise BookError(f"{self.page.docname}.md cites `{key}`, not in references.bib")
            reference = self.cited.setdefault(key, self.references[key])
            inner = f"{reference.who}, {reference.year}"
            shown.append(
                f"[{inner}]({reference.url})"
                if role == "cite:p"
                else f"[{reference.who} ({reference.year})]({reference.url})"
            )
        return f"({'; '.join(shown)})" if role == "cite:p" else " and ".join(shown)

    def _link(self, text: str, target: str) -> str:
        if re.match(r"^[a-z]+:", target):
            return f"[{text or target}]({target})"
        path, _, anchor = target.partition("#")
        if not path:
            return text or self._find(anchor) or anchor
        source = (self.page.path.parent / path).resolve()
        page = next((p for p in self.book.pages if p.path.resolve() == source), None)
        if page is None:
            raise BookError(f"{self.page.docname}.md links to {target}, which is no page")
        text = text or page.title
        if not page.executable:
            return text  # only the website has that page
        return f"[{text}]({Path(path).with_suffix('.ipynb').as_posix()})"


# ----------------------------------------------------------------------------- notebooks


def plain_notebook(book: Book, page: Page, *, solutions: bool) -> nbformat.NotebookNode:
    """Return a chapter as a notebook that reads well without MyST.

    Parameters
    ----------
    book, page : Book, Page
    solutions : bool
        Keep the solutions; otherwise an empty answer cell stands in place of each.
    """
    new_markdown = nbformat.v4.new_markdown_cell
    renderer = PlainRenderer(book, page, read_references(book))
    cells = [new_markdown(_install_note(book))]
    solution: str | None = None
    solution_has_code = False
    for cell in read_chapter(page).cells:
        if cell.cell_type == "code":
            solution_has_code |= solution is not None
            if solution is None or solutions:
                cells.append(_plain_code(cell))
                figure = cell.metadata.get("mystnb", {}).get("figure")
                if figure:
                    number = renderer.labels.figures.get(figure.get("name"), "")
                    caption = renderer.inline(str(figure.get("caption", "")).strip())
                    cells.append(new_markdown(f"**Figure {number}.** {caption}"))
            continue
        for kind, text in renderer.blocks(cell.source):
            if kind == "solution-start":
                solution, solution_has_code = text, False
                if solutions:
                    number = renderer.labels.exercises[text]
                    cells.append(new_markdown(f"#### Solution of exercise {number}"))
            elif kind == "solution-end":
                if not solutions:
                    cells.append(
                        nbformat.v4.new_code_cell("# Your answer")
                        if solution_has_code
                        else new_markdown("*Your answer:*")
                    )
                solution = None
            elif solution is None or solutions:
                cells.append(new_markdown(text))
    if renderer.cited:
        ordered = sorted(renderer.cited.values(), key=lambda r: (r.who.lower(), r.year))
        cells.append(new_markdown("## References\n\n" + "\n".join(f"- {r.full}" for r in ordered)))
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "title": page.title,
    }
    return with_stable_ids(nbformat.v4.new_notebook(cells=cells, metadata=metadata))


def _plain_code(cell) -> nbformat.NotebookNode:
    metadata = {"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {}
    if "hide-input" in metadata.get("tags", []):
        metadata["jupyter"] = {"source_hidden": True}
    return nbformat.v4.new_code_cell(cell.source, metadata=metadata)


def _install_note(book: Book) -> str:
    url = book.repository_url
    if url:
        address = f"git+{url}.git#subdirectory=code"
        how = f'run `%pip install "activation-functions-measured @ {address}"` in a cell of its own'
    else:
        how = "run `pip install -e code` in the course's folder"
    return (
        "> **Before you start.** This notebook needs the course's library. If `import actfun` "
        f"fails, {how} and restart the kernel."
    )


def notebook_bytes(notebook: nbformat.NotebookNode) -> bytes:
    """Return the file's content, always the same for the same notebook."""
    return (nbformat.writes(notebook, version=4).rstrip("\n") + "\n").encode("utf-8")


def write_notebooks(book: Book, folder: Path | None = None) -> list[Path]:
    """Write every chapter as two plain notebooks and remove those of chapters that are gone.

    Returns
    -------
    list of Path
        The files, ``<part>/<slug>.ipynb`` and ``solutions/<part>/<slug>.ipynb``.
    """
    folder = folder or book.notebooks
    files = []
    for page in book.chapters:
        for solutions in (False, True):
            path = folder / ("solutions" if solutions else ".") / page.notebook_name
            notebook = plain_notebook(book, page, solutions=solutions)
            left = leftover_myst(notebook)
            if left:
                raise BookError(f"{page.docname}: MyST left in the notebook: {'; '.join(left)}")
            write_if_changed(path, notebook_bytes(notebook))
            files.append(path)
    for path in set(folder.rglob("*.ipynb")) - set(files):
        if ".ipynb_checkpoints" not in path.parts:
            path.unlink()
    return files


def leftover_myst(notebook: nbformat.NotebookNode) -> list[str]:
    """Return every piece of MyST in the Markdown cells of a notebook, each with its cell."""
    fence = re.compile(r"^\s*(?:(?:`{3,}|~{3,})\s*\{.*|:{3,}.*)$", re.MULTILINE)
    pattern = re.compile(
        r"^\+\+\+.*$|^%\s.*$|^\([\w:.-]+\)=\s*$|^:[\w-]+:\s.*$"
        r"|\{[a-zA-Z][\w:.-]*\}`[^`]*`"  # a role
        r"|\{\{.*?\}\}|\$\$\s*\([\w:.-]+\)|\[\^[^\]]+\]|\]\([^)\s]*\.md[^)]*\)",
        re.MULTILINE,
    )
    found = []
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type != "markdown":
            continue
        text = re.sub(r"^> ?", "", cell.source, flags=re.M)
        text = re.sub(r"^(`{3,}|~{3,})(?!\s*\{).*?^\1\s*$", "", text, flags=re.S | re.M)
        text = re.sub(r"\$\$.*?\$\$(?!\s*\()|(?<![$\\])\$[^$\n]+\$", "", text, flags=re.S)
        rest = without_code(fence.sub("", text))
        left = [*fence.finditer(text), *pattern.finditer(rest)]
        found += [f"cell {number}: {match[0].strip()}" for match in left]
    return found
