"""The node's directory: claimed while its agent lives, removed with it.

Where the parent *and* the agent were killed nobody is left to remove it, and in shared memory it is memory.
So every agent that starts removes the directories beside its own that no agent claims. The claim is a lock
(flock) on the directory itself, which ends with the agent, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PREFIX = "mlflink-node-"
"""What the name of a node's directory begins with."""

ABANDONED_AFTER_S = 600.0
"""Age of a directory that may be removed; the agent of a younger one may just be starting."""


class NodeDirectory:
    """Claims the directory `path`, which the parent has made.

    Raises:
        OSError: there is none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def remove(self) -> None:
        """Remove the directory; the parent does the same, whoever comes first."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self._path)
        os.close(self._descriptor)

    def remove_abandoned(self) -> list[Path]:
        """Remove the directories beside this one whose parent and agent are gone, and tell which."""
        return [path for path in self._path.parent.glob(f"{PREFIX}*") if _remove_if_abandoned(path)]


def _remove_if_abandoned(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:  # another user's, or it has just been removed
        return False
    try:
        if time.time() - os.fstat(descriptor).st_mtime < ABANDONED_AFTER_S:
            return False
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path)
    except OSError:  # it is claimed, or somebody else is removing it
        return False
    else:
        return True
    finally:
        os.close(descriptor)
