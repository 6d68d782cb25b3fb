"""Parts of a long computation, kept in a folder, so that an interrupted one continues.

`Store` keeps tables under a key, and `key` makes one: a digest of everything that determines a
result.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import hashlib
import importlib.util
import inspect
import json
import os
import pathlib
import sys
import tempfile
import textwrap
import types
import warnings
from collections.abc import Callable, Mapping
from importlib import metadata

import numpy as np
import pandas as pd

# Results depend on these distributions, whatever the network is made of.
_PACKAGES = ("keras", "tensorflow", "numpy")


class Store:
    """A folder of finished parts, one JSON file each.

    Parameters
    ----------
    folder : path or None
        Made if need be. With None nothing can be kept.

    Raises
    ------
    ValueError
        `folder` is a file.
    """

    def __init__(self, folder) -> None:
        self.folder = None if folder is None else pathlib.Path(folder)
        if self.folder is not None:
            if self.folder.exists() and not self.folder.is_dir():
                raise ValueError(f"Store: folder {str(folder)!r} is a file")
            self.folder.mkdir(parents=True, exist_ok=True)

    def _path(self, stage: str, label: str, key: str) -> pathlib.Path:
        plain = "".join(c if c.isalnum() else "-" for c in label)
        return self.folder / f"{stage}-{plain}-{key[:16]}.json"

    def load(self, stage: str, label: str, key: str) -> dict[str, pd.DataFrame] | None:
        """Return a part's tables, or None if there is none; a damaged one is warned of."""
        path = self._path(stage, label, key)
        if not path.exists():
            return None
        try:
            kept = json.loads(path.read_text("utf-8"))
            content = kept["content"]
            if kept["key"] != key or kept["sha256"] != _digest(content):
                raise ValueError("its checksum does not fit")
            return {name: pd.DataFrame(columns) for name, columns in content.items()}
        except (ValueError, KeyError, TypeError, OSError) as error:
            warnings.warn(
                f"Store: {path} is damaged ({error}) and is computed again",
                RuntimeWarning,
                stacklevel=5,
            )
            return None

    def save(self, stage: str, label: str, key: str, part: dict[str, pd.DataFrame]) -> None:
        """Keep a part's tables: a reader finds the whole file or none."""
        content = {name: frame.to_dict(orient="list") for name, frame in part.items()}
        text = json.dumps({"key": key, "sha256": _digest(content), "content": content})
        handle, aside = tempfile.mkstemp(dir=self.folder, suffix=".partial")
        try:
            with open(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, self._path(stage, label, key))
        except BaseException:
            pathlib.Path(aside).unlink(missing_ok=True)
            raise


def plain(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of runs as it would come back from a file: Python's numbers, NaN for a gap.

    >>> plain(pd.DataFrame({"seed": [1], "loss": pd.array([None], dtype="Float64")}, index=[7]))
       seed  loss
    0     1   NaN
    """
    columns = {}
    for name in table.columns:
        if name == "status":
            columns[name] = [str(value) for value in table[name]]
        elif name in ("seed", "epoch"):
            columns[name] = [int(value) for value in table[name]]
        else:
            columns[name] = table[name].to_numpy(float, na_value=np.nan).tolist()
    return pd.DataFrame(columns)


def key(*values: object) -> str:
    """Return a digest of the values, of this package's code and of the versions of what it uses.

    Functions count with their source, arrays with their content, so that the key is the same in
    another process, and another as soon as something differs.

    Raises
    ------
    TypeError
        A value cannot be described without its place in memory.

    Examples
    --------
    >>> key("relu", 0.1) == key("relu", 0.1), key("relu", 0.1) == key("relu", 0.2)
    (True, False)
    """
    versions = {package: _version(package) for package in _PACKAGES}
    return _digest(_described(values, set()), versions, _code_of_package())


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"


def _digest(*content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@functools.cache
def _code_of_package() -> str:
    """Return a digest of the modules of this package that can change what training gives."""
    package = __name__.rpartition(".")[0]
    home = pathlib.Path(__file__).parent
    todo, seen = ["ensemble", "networks"], {}
    while todo:
        name = todo.pop()
        path = home / f"{name}.py"
        if name in seen or not path.is_file():
            continue
        seen[name] = path.read_text("utf-8")
        for node in ast.walk(ast.parse(seen[name])):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = f"{package}." if node.level else ""
                base += f"{node.module}." if node.module else ""
                names = [base.rstrip("."), *(base + alias.name for alias in node.names)]
            else:
                continue
            todo += [n.split(".")[1] for n in names if n.startswith(f"{package}.")]
    return _digest(seen)


def _described(value: object, above: set[int]) -> object:
    if value is None or isinstance(value, (bool, int, float, str)):
        return [type(value).__name__, repr(value)]
    if isinstance(value, (bytes, bytearray)):
        return ["bytes", hashlib.sha256(value).hexdigest()]
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.ascontiguousarray(value)
        if array.dtype.kind == "O":
            return ["array", list(array.shape), _described(array.ravel().tolist(), above)]
        content = hashlib.sha256(array.tobytes()).hexdigest()
        return ["array", str(array.dtype), list(array.shape), content]
    if id(value) in above:
        return ["itself"]
    above = above | {id(value)}

    def inner(x):
        return _described(x, above)

    if isinstance(value, (list, tuple, range)):
        return [type(value).__name__, [inner(v) for v in value]]
    if isinstance(value, (set, frozenset)):
        return ["set", sorted(json.dumps(inner(v)) for v in value)]
    if isinstance(value, Mapping):
        return ["mapping", sorted(([inner(k), inner(v)] for k, v in value.items()), key=str)]
    if isinstance(value, functools.partial):
        return ["partial", inner(value.func), inner(value.args), inner(value.keywords)]
    if isinstance(value, types.MethodType):
        return ["method", inner(value.__func__), inner(value.__self__)]
    if isinstance(value, types.ModuleType):
        return ["module", value.__name__, str(getattr(value, "__version__", ""))]
    if isinstance(value, types.FunctionType):
        return _described_function(value, inner)
    if isinstance(value, (types.BuiltinFunctionType, np.ufunc)):
        return ["builtin", getattr(value, "__module__", None), value.__name__]
    if isinstance(value, type):
        return ["class", _module_of(value), value.__qualname__, _source(value)]
    kind = [type(value).__module__, type(value).__qualname__]
    if dataclasses.is_dataclass(value):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return ["record", kind, inner(fields)]
    if hasattr(value, "get_config"):  # layers, initialisers and the like of Keras
        return ["configured", inner(type(value)), inner(value.get_config())]
    if hasattr(value, "__dict__"):
        return ["object", inner(type(value)), inner(vars(value))]
    raise TypeError(
        f"key: cannot tell whether {value!r} is the same in the next call, which a folder "
        "needs; make it of functions, numbers, text and arrays, or give no folder"
    )


def _described_function(function: types.FunctionType, inner: Callable) -> list:
    """Return what a function does as far as its source, closure and own module tell."""
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    mine = {}
    if _is_own(function.__module__):  # a notebook's or a script's; packages have versions
        for name in _global_names(function.__code__):
            if name in function.__globals__:
                value = function.__globals__[name]
                if not _is_own(getattr(value, "__module__", None)) and callable(value):
                    value = f"{value.__module__}.{getattr(value, '__qualname__', name)}"
                mine[name] = value
    return [
        "function",
        _module_of(function),
        function.__qualname__,
        _source(function),
        inner(cells),
        inner(function.__defaults__),
        inner(function.__kwdefaults__),
        inner(mine),
    ]


def _module_of(thing: object) -> str:
    """Return the module's own name, also while it runs as ``python -m name``."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec.name if thing.__module__ == "__main__" and spec else thing.__module__


def _global_names(code: types.CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _global_names(constant)
    return names


def _is_own(module: str | None) -> bool:
    """Whether a module's code can change what is kept and has no version that would say so.

    These are a notebook's, a script's, and this package's own descriptions of experiments.
    """
    if module is None:
        return False
    if module == "__main__":
        return True
    top = module.partition(".")[0]
    if top == __name__.partition(".")[0]:
        return module.endswith("_evidence")
    found = importlib.util.find_spec(top) if top not in ("builtins",) else None
    place = str(getattr(found, "origin", None) or "")
    return bool(place) and "site-packages" not in place and "lib/python" not in place


def _source(thing: object) -> str:
    try:
        return textwrap.dedent(inspect.getsource(thing))
    except (OSError, TypeError):
        code = getattr(thing, "__code__", None)
        return "" if code is None else repr((code.co_code, code.co_names))
