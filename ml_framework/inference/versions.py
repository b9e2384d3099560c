"""Versions of a model: how one is published, and whether it came as it was."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from ml_framework.errors import ModelError
from ml_framework.inference.places import CHECKSUMS, place

if TYPE_CHECKING:
    import os


def publish(model: str | os.PathLike[str], folder: str | os.PathLike[str], number: int | None = None) -> int:
    """Make a model the next version in a folder of versions: it appears whole, with its checksums.

    Args:
        model: a file, or the folder of a model that is one (a SavedModel); copied.
        folder: of versions, a path or a URL that fsspec knows; created.
        number: of the version; None takes the next.

    Returns:
        The number of the version.

    Raises:
        FileNotFoundError: there is no such model.
        FileExistsError: there is such a version.
        ModelError: the URL cannot be reached.
    """
    versions = place(folder)
    if number is None:
        number = max(versions.numbers(), default=0) + 1
    with versions.added(number) as part:
        if Path(model).is_dir():
            shutil.copytree(model, part, dirs_exist_ok=True)
        else:
            shutil.copy2(model, part)
        _write_checksums(part)
    return number


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
    entries = [path for path in folder.glob("[!.]*") if path.name != CHECKSUMS]
    return entries[0] if len(entries) == 1 and entries[0].is_file() else folder


def _write_checksums(folder: Path) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{_sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / CHECKSUMS).write_text("".join(lines), encoding="utf-8")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
