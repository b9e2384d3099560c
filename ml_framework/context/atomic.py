"""Files that a reader, also after a crash, meets whole or not at all."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


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
