"""Files and folders that a reader, also after a crash, meets whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def write_atomically(path: Path, content: bytes | Callable[[IO[bytes]], object]) -> None:
    """Write a file so that a reader, also after a crash, meets the old content or the new, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    sync_one(path.parent)


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Have `write` write a file or a folder that appears at `path` whole, or not at all.

    A file is replaced in one step. A folder that is there already is moved away first: for a moment there is
    none.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        part = Path(folder) / path.name
        write(part)
        sync(part)
        if path.is_dir():
            path.rename(Path(folder) / "former")
        part.replace(path)
        sync_one(path.parent)


def sync(path: Path) -> None:
    """Bring `path`, and all that is in it, to the disk."""
    if path.is_dir():
        for entry in path.iterdir():
            sync(entry)
    sync_one(path)


def sync_one(path: Path) -> None:
    """Bring a file, or the names of what is in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
