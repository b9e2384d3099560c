"""The pulse: by which the agent of a node sees whether its process gets on with a step.

One page of anonymous shared memory holds one number: when the step under way began, in nanoseconds of the
monotonic clock that all processes of a machine share, 0 while none is. A *step* is what user code does with
a batch: it begins when the batch is handed out and ends when the next one is asked for, so that a process
that waits for rows, or has none, is never taken for one that hangs. One side stores and the other loads
eight aligned bytes: neither calls the kernel.
"""

from __future__ import annotations

import mmap
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE_BYTES = mmap.PAGESIZE
_NUMBER_BYTES = 8


def create() -> int:
    """A descriptor of a new page, at rest; owned by the caller."""
    fd = os.memfd_create("mlflink-pulse", os.MFD_CLOEXEC)
    os.ftruncate(fd, PAGE_BYTES)
    return fd


class Pulse:
    """Either end of a pulse; one of them calls `begin` and `rest`.

    Args:
        fd: of the page, mapped here and left open; None for a pulse that nobody looks at.
    """

    def __init__(self, fd: int | None) -> None:
        page = bytearray(_NUMBER_BYTES) if fd is None else mmap.mmap(fd, PAGE_BYTES)
        self._number = memoryview(page)[:_NUMBER_BYTES].cast("q")

    @property
    def began_s(self) -> float | None:
        """When the step under way began, in seconds of `time.monotonic`; None at rest."""
        began_ns = self._number[0]
        return began_ns / 1e9 if began_ns else None

    def begin(self) -> None:
        """A batch is handed out: a step begins, also where another was under way."""
        self._number[0] = time.monotonic_ns()

    def rest(self) -> None:
        """The batch is done with: the next one is asked for, or its loop was left."""
        self._number[0] = 0

    @contextmanager
    def paused(self) -> Iterator[None]:
        """While it waits for others, such as a slow sink, a step does not grow older: it begins anew."""
        under_way = self._number[0]
        self.rest()
        try:
            yield
        finally:
            if under_way:
                self.begin()


__all__ = ["PAGE_BYTES", "Pulse", "create"]
