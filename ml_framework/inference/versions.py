"""A folder of versions of a model: how one is published, and which there are.

::

    models/7/model.pt2
    models/8/model.pt2
             SHA256SUMS        as of ``sha256sum``; optional

A version is a folder whose name is a number. It appears by a rename, so that whoever looks finds all of it.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ml_framework.context.atomic import sync, sync_one
from ml_framework.errors import ModelError

if TYPE_CHECKING:
    import os

CHECKSUMS = "SHA256SUMS"


class Version(NamedTuple):
    """One version of a model."""

    number: int
    path: Path
    """Its folder."""


def is_folder_of_versions(path: Path) -> bool:
    """Whether `path` is no model itself, but a folder of versions of one, or one that is to be."""
    return path.is_dir() and all(_number(entry) is not None for entry in path.iterdir() if _is_shown(entry))


def versions(folder: Path) -> list[Version]:
    """Those that are there, the oldest first."""
    found = [(_number(path), path) for path in folder.iterdir()]
    return sorted(Version(number, path) for number, path in found if number is not None)


def publish(
    model: str | os.PathLike[str], folder: str | os.PathLike[str], number: int | None = None
) -> Version:
    """Make a model the next version in a folder of versions: it appears whole, with its checksums.

    Args:
        model: a file, or the folder of a model that is one (a SavedModel); copied.
        folder: of versions; created.
        number: of the version; None takes the next.

    Raises:
        FileNotFoundError: there is no such model.
        FileExistsError: there is such a version.
    """
    source, target = Path(model), Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    if number is None:
        number = max((version.number for version in versions(target)), default=0) + 1
    with tempfile.TemporaryDirectory(prefix=f".{number}.", dir=target) as aside:
        part = Path(aside) / str(number)
        if source.is_dir():
            shutil.copytree(source, part)
        else:
            part.mkdir()
            shutil.copy2(source, part)
        _write_checksums(part)
        sync(part)
        path = target / str(number)
        if path.exists():
            raise FileExistsError(f"{path} is there already: a version that was published does not change")
        part.rename(path)
    sync_one(target)
    return Version(number, path)


def check(folder: Path) -> None:
    """Check the files of a version against its checksums, where it has any.

    Raises:
        ModelError: a file differs, or is missing.
    """
    sums = folder / CHECKSUMS
    if not sums.is_file():
        return
    for line in sums.read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        path = folder / name
        if not path.is_file():
            raise ModelError(f"{path} is missing, {CHECKSUMS} names it: publish the version anew")
        if _sha256(path) != digest:
            raise ModelError(f"{path} has another SHA-256 than {CHECKSUMS} says: publish the version anew")


def content(folder: Path) -> Path:
    """The model in the folder of a version: its one file, or the folder where there are more."""
    entries = [path for path in folder.iterdir() if path.name != CHECKSUMS and _is_shown(path)]
    return entries[0] if len(entries) == 1 and entries[0].is_file() else folder


def _write_checksums(folder: Path) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{_sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / CHECKSUMS).write_text("".join(lines), encoding="utf-8")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _number(path: Path) -> int | None:
    return int(path.name) if path.name.isascii() and path.name.isdigit() and path.is_dir() else None


def _is_shown(path: Path) -> bool:
    return not path.name.startswith(".")
