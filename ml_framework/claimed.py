"""Folders for a while, claimed by the process that uses them.

Where that process is killed nobody is left to remove its folder. So whoever makes one of a kind removes those
beside it that nobody claims. The claim is a lock (flock) on the folder itself, which ends with the process,
however that ends.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ABANDONED_AFTER_S = 600.0
"""Age of a folder that may be removed; the owner of a younger one may just be starting."""


def claim(folder: Path) -> int:
    """Claim `folder`, as long as the descriptor that is returned is open.

    Raises:
        OSError: there is none, or it is claimed.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def remove_abandoned(parent: Path, prefix: str) -> list[Path]:
    """Remove the folders in `parent` whose names begin with `prefix` and that nobody claims; tell which."""
    return [path for path in parent.glob(f"{prefix}*") if _remove_if_abandoned(path)]


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """A claimed folder for temporary files, after those that were abandoned are gone."""
    remove_abandoned(Path(tempfile.gettempdir()), prefix)
    with tempfile.TemporaryDirectory(prefix=prefix) as folder:
        descriptor = claim(Path(folder))
        try:
            yield Path(folder)
        finally:
            os.close(descriptor)


def _remove_if_abandoned(path: Path) -> bool:
    try:
        if time.time() - path.stat().st_mtime < ABANDONED_AFTER_S:
            return False
        descriptor = claim(path)
    except OSError:  # another user's, it is claimed, or it has just been removed
        return False
    try:
        shutil.rmtree(path)
    except OSError:  # somebody else is removing it
        return False
    finally:
        os.close(descriptor)
    return True
