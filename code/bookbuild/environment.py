"""Compare what is installed with the lock file, and the lock file with the ranges."""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from bookbuild.book import BookError

EXTRAS = ("book", "test")


def _requirements(path: Path) -> list[Requirement]:
    if not path.is_file():
        raise BookError(f"There is no {path.name}: run `make lock` to write it.")
    result = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        line = line.split(" #")[0].strip()
        if not line or line.startswith("#"):
            continue
        try:
            requirement = Requirement(line)
        except InvalidRequirement as error:
            why = str(error).splitlines()[0]
            raise BookError(
                f"{path.name}, line {number}: `{line}` is no requirement ({why})."
                " The file is made by `make lock`; do not edit it by hand."
            ) from None
        if not _pin(requirement):
            raise BookError(
                f"{path.name}, line {number}: `{line}` is not pinned with ==."
                " Run `make lock` to write the file anew."
            )
        result.append(requirement)
    return result


def _pin(requirement: Requirement) -> str | None:
    specifiers = list(requirement.specifier)
    exact = len(specifiers) == 1 and specifiers[0].operator == "=="
    return specifiers[0].version if exact and "*" not in specifiers[0].version else None


def _applies(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate()


def lock_problems(lock: Path, project: Path) -> list[str]:
    """Return where the lock file does not satisfy the ranges of ``pyproject.toml``.

    Parameters
    ----------
    lock : Path
        ``requirements.txt``.
    project : Path
        ``code/pyproject.toml``; its dependencies and the extras `EXTRAS` are compared.
    """
    pinned: dict[str, list[Requirement]] = {}
    for requirement in _requirements(lock):
        pinned.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    table = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    ranges = list(table.get("dependencies", []))
    for extra in EXTRAS:
        ranges += table.get("optional-dependencies", {}).get(extra, [])
    problems = []
    for text in ranges:
        wanted = Requirement(text)
        if not _applies(wanted):
            continue
        pins = pinned.get(canonicalize_name(wanted.name), [])
        if not pins:
            problems.append(f"{wanted.name} is missing from {lock.name}")
        for pin in pins:
            if not wanted.specifier.contains(Version(_pin(pin)), prereleases=True):
                problems.append(f"{pin.name}=={_pin(pin)} is outside {wanted}")
    return problems


def installed_problems(lock: Path, installed: dict[str, str] | None = None) -> list[str]:
    """Return where the environment differs from the lock file, markers honoured.

    Parameters
    ----------
    lock : Path
        ``requirements.txt``.
    installed : dict, optional
        Version by name; by default what this interpreter has.
    """
    if installed is None:
        installed = {d.name: d.version for d in metadata.distributions() if d.name}
    have = {canonicalize_name(name): version for name, version in installed.items()}
    problems = []
    for requirement in _requirements(lock):
        if not _applies(requirement):
            continue
        version = have.get(canonicalize_name(requirement.name))
        pin = _pin(requirement)
        if version is None:
            problems.append(f"{requirement.name} {pin} is not installed")
        elif Version(version) != Version(pin):
            problems.append(f"{requirement.name} is {version}, the lock file says {pin}")
    return problems


def check_environment(root: Path) -> None:
    """Raise one clear error when lock file, ranges and environment do not agree.

    Raises
    ------
    BookError
        Says which packages differ and which command mends it.
    """
    lock, project = root / "requirements.txt", root / "code" / "pyproject.toml"
    problems = lock_problems(lock, project)
    if problems:
        raise BookError(
            "requirements.txt does not fit the ranges in code/pyproject.toml:\n  "
            + "\n  ".join(problems)
            + "\nRun `make lock` to write it anew, or correct the ranges."
        )
    problems = installed_problems(lock)
    if problems:
        python = default_environment()["python_full_version"]
        raise BookError(
            f"This environment (Python {python}) is not the one in requirements.txt:\n  "
            + "\n  ".join(problems)
            + "\nRun `make clean-env book` to make it anew"
            " (without make: pip install -r requirements.txt -e code)."
        )
