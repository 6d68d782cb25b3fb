"""What a chapter's outputs depend on, as one key: its code, the code it imports, data, versions."""

from __future__ import annotations

import ast
import hashlib
import json
import platform
import re
import warnings
from collections.abc import Iterable
from pathlib import Path

import nbformat
import yaml

from bookbuild.book import Book

KERNEL_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TF_DETERMINISTIC_OPS": "1",
    "KERAS_BACKEND": "tensorflow",
    "PYTHONHASHSEED": "0",
    "CUDA_VISIBLE_DEVICES": "-1",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}
"""What every kernel of the book runs under, in the build and in the test of the notebooks."""

# A ledger, and the call through which a chapter uses one entry of it.
LEDGER_CALLS = {"claims.yaml": "claims.settle", "reproductions.yaml": "reproductions.report"}

# Tags that change what running a cell gives, or whether that is an error.
RUNNING_TAGS = {"raises-exception", "stderr-expected", "skip-execution"}


def parse_code(source: str) -> ast.AST:
    """Parse a cell or module; IPython's own lines are left out."""
    source = re.sub(r"^\s*[%!?].*$", "", source, flags=re.MULTILINE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a wrong escape in a chapter is the chapter's business
        try:
            return ast.parse(source)
        except SyntaxError:
            return ast.Module([], [])  # running the cell reports it with its place


def dotted(node: ast.AST) -> str | None:
    """Return a name or a chain of attributes as it is written; None for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = dotted(node.value)
        return f"{base}.{node.attr}" if base else None
    return None


def _module_file(code: Path, name: str) -> Path | None:
    base = code.joinpath(*name.split("."))
    for path in (base / "__init__.py", base.with_suffix(".py")):
        if path.is_file():
            return path
    return None


def _imported_names(tree: ast.AST, package: str) -> set[str]:
    """Return the dotted names a tree may import; `package` resolves relative imports."""
    names, dynamic = set(), False
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join(above + ([base] if base else []))
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Attribute):
            names.add(dotted(node) or "")
        elif isinstance(node, ast.Call):
            called = dotted(node.func) or ""
            dynamic |= called.split(".")[-1] in {"import_module", "__import__"}
    if dynamic:  # any string may name a module: better to run too much than to keep what is stale
        for text in _strings(tree):
            text = text.lstrip(".")
            if re.fullmatch(r"\w+(\.\w+)*", text):
                names |= {text} | ({f"{package}.{text}"} if package else set())
    return names


def _strings(tree: ast.AST) -> Iterable[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def dependencies(book: Book, sources: Iterable[str]) -> list[Path]:
    """Return the files that code depends on: modules under ``code/`` and data they name.

    Parameters
    ----------
    book : Book
    sources : iterable of str
        The code cells of a chapter.

    Returns
    -------
    list of Path
        Sorted. Modules are followed through their own imports; a file inside a package counts
        when a module of that package names it in a string, a file under ``data/`` when
        anything does.
    """
    data_folder = book.root / "data"
    data = {p.name: p for p in sorted(data_folder.rglob("*")) if p.is_file()}
    found: set[Path] = set()
    todo = [(parse_code(source), "", None) for source in sources]
    while todo:
        tree, package, folder = todo.pop()
        for text in _strings(tree):
            name = text.rsplit("/", 1)[-1]
            if name in data:
                found.add(data[name])
            if folder and name and len(text) < 200 and not Path(text).is_absolute():
                if (folder / text).is_file():
                    found.add(folder / text)
        for name in _imported_names(tree, package):
            parts = name.split(".")
            for n in range(1, len(parts) + 1):
                path = _module_file(book.code, ".".join(parts[:n]))
                if path is None:
                    break
                if path in found:
                    continue
                found.add(path)
                inner = ".".join(parts[:n] if path.name == "__init__.py" else parts[: n - 1])
                todo.append((parse_code(path.read_text(encoding="utf-8")), inner, path.parent))
    return sorted(found)


def chapter_key(book: Book, notebook: nbformat.NotebookNode) -> str:
    """Return a digest of everything but the code cells that can change a chapter's outputs."""
    digest = hashlib.sha256()

    def add(*parts: object) -> None:
        digest.update(json.dumps([str(part) for part in parts]).encode() + b"\n")

    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    add("environment", platform.python_version(), sorted(KERNEL_ENVIRONMENT.items()))
    requirements = book.root / "requirements.txt"
    add("lock", requirements.read_text(encoding="utf-8") if requirements.is_file() else "")
    sources = [cell.source for cell in cells]
    for path in dependencies(book, sources):
        content = path.read_bytes()
        if path.name in LEDGER_CALLS:
            content = _entries_used(path.name, content, sources)
        add(path.relative_to(book.root), hashlib.sha256(content).hexdigest())
    return digest.hexdigest()


def _entries_used(file: str, ledger: bytes, sources: Iterable[str]) -> bytes:
    """Return the part of a ledger that a chapter sees: a verdict changed runs one chapter.

    That part is the entries whose ids the chapter writes out. A chapter that uses the ledger
    for anything but the call that shows an entry sees all of it.
    """
    name = file.removesuffix(".yaml")
    trees = [parse_code(source) for source in sources]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    uses = {dotted(node) for node in nodes if isinstance(node, ast.Attribute)}
    if {use for use in uses if use and f"{name}." in f"{use}."} - {LEDGER_CALLS[file]}:
        return ledger
    written = {text for tree in trees for text in _strings(tree)}
    try:
        content = yaml.safe_load(ledger)
        content[name] = [entry for entry in content[name] if entry["id"] in written]
    except (yaml.YAMLError, TypeError, KeyError):
        return ledger
    return json.dumps(content, sort_keys=True, default=str).encode()
