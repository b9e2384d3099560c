"""What a process and its children take of the machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator


class Used(NamedTuple):
    """CPU time since the start, in seconds, with that of children that have ended, and resident memory."""

    cpu_s: float
    memory_bytes: int


class Usage:
    """Looks at a process, its children, and theirs.

    They are found by the kernel's lists of children: psutil's way looks at every process of the machine.

    Args:
        pid: of the process.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._known: dict[int, psutil.Process] = {}

    def read(self) -> Used | None:
        """What they take now; None once the process has ended."""
        cpu_s, memory_bytes = 0.0, 0
        living = {}
        for pid in _family(self._pid):
            try:
                process = self._known.get(pid) or psutil.Process(pid)
                with process.oneshot():
                    cpu_s += sum(process.cpu_times()[:4])
                    memory_bytes += process.memory_info().rss
            except psutil.Error:  # it has just ended
                continue
            living[pid] = process
        self._known = living
        return Used(cpu_s, memory_bytes) if memory_bytes else None


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text(encoding="ascii").split():
                yield from _family(int(child))
    except OSError:  # it has just ended, or this kernel has no such lists
        return
