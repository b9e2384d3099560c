"""The node's directory: claimed while its agent lives, removed with it.

Where the parent *and* the agent were killed nobody is left to remove it, and in shared memory it is memory:
an agent that starts removes those beside its own that no agent claims.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from ml_framework import claimed

if TYPE_CHECKING:
    from pathlib import Path

PREFIX = "mlflink-node-"
"""What the name of a node's directory begins with."""


class NodeDirectory:
    """Claims the directory `path`, which the parent has made.

    Raises:
        OSError: there is none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = claimed.claim(path)

    def remove(self) -> None:
        """Remove the directory; the parent does the same, whoever comes first."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self._path)
        os.close(self._descriptor)

    def remove_abandoned(self) -> list[Path]:
        """Remove the directories beside this one whose parent and agent are gone, and tell which."""
        return claimed.remove_abandoned(self._path.parent, PREFIX)
