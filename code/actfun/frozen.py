"""Frozen evidence: small tables that take longer to compute than a chapter may, and their origin.

A script of this package computes the tables and calls `freeze`, which writes them with a record
beside them: the command, the time it took, the environment, checksums. `thaw` reads them and checks
the sums: a number changed by hand is an error. The scripts write a record's name out, as
``"evidence/data.json"``: so the book's build knows which chapters depend on it.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import pandas as pd

PACKAGE = Path(__file__).parent
PACKAGES = ("tensorflow", "keras", "numpy", "scipy", "pandas", "scikit-learn")


def freeze(
    record: str,
    tables: Mapping[str, pd.DataFrame],
    *,
    command: str,
    seconds: float,
    folder: Path = PACKAGE,
    **about: object,
) -> None:
    """Write tables, and beside them how they came about.

    Parameters
    ----------
    record : str
        Its path in `folder`, such as ``evidence/data.json``; the tables lie beside it.
    tables : mapping of str to DataFrame
        File name, such as ``data.csv``, to table; written without its index.
    command : str
        What makes them again.
    seconds : float
        Processor time that took on one core.
    folder : Path, optional
        Default: this package's.
    **about
        More for the record.
    """
    path = folder / record
    path.parent.mkdir(parents=True, exist_ok=True)
    sums = {}
    for file, table in tables.items():
        table.to_csv(path.parent / file, index=False, float_format="%.6g", lineterminator="\n")
        sums[file] = _sha256(path.parent / file)
    content = {
        "command": command,
        "made": datetime.date.today().isoformat(),
        "seconds": round(seconds),
        **about,
        "sha256": sums,
        "environment": {
            "python": platform.python_version(),
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            **{package: metadata.version(package) for package in PACKAGES},
        },
    }
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def thaw(record: str, folder: Path = PACKAGE) -> tuple[dict[str, pd.DataFrame], dict]:
    """Return frozen tables by file name, and the record of how they came about.

    Raises
    ------
    FileNotFoundError
        There is no such record, or a table is missing.
    ValueError
        A table is not the one that was frozen.

    Examples
    --------
    >>> tables, record = thaw("evidence/guide_benchmark.json")
    >>> record["command"]
    'python -m actfun.guide_benchmark'
    """
    path = folder / record
    if not path.is_file():
        known = sorted(p.relative_to(folder).as_posix() for p in folder.glob("*/*.json"))
        raise FileNotFoundError(f"thaw: no frozen evidence {record!r}, expected one of {known}")
    content = json.loads(path.read_text(encoding="utf-8"))
    tables = {}
    for file, expected in content["sha256"].items():
        if _sha256(path.parent / file) != expected:
            raise ValueError(
                f"thaw: {file} is not the table that was frozen (its SHA-256 is not the one in "
                f"{record}); make it again with: {content['command']}"
            )
        tables[file] = pd.read_csv(path.parent / file)
    return tables, content


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
