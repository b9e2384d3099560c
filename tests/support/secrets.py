"""Where a secret could be read by somebody that it is not for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable


def told_by_processes(secret: str, pids: Iterable[int]) -> list[str]:
    """Which of these processes, and of those that they have started, name `secret`, and where."""
    with_children = {
        process.pid: process
        for pid in pids
        for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True))
    }
    return [
        f"{process.pid} {file}"
        for process in with_children.values()
        for file in ("cmdline", "environ")
        if secret.encode() in _shown(process.pid, file)
    ]


def _shown(pid: int, file: str) -> bytes:
    """Nothing of a process that has ended meanwhile."""
    try:
        return Path(f"/proc/{pid}/{file}").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def told_by_files(secret: str, folders: Iterable[Path]) -> list[Path]:
    """Which files below these folders hold `secret`."""
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return [path for path in files if secret.encode() in path.read_bytes()]
