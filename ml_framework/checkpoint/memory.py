"""Memory that Flink reads a state from while this process goes on.

A `StateMemory` is a file without a name, mapped here and opened in the task by its number among the files of
this process. It begins with a header of 4096 bytes; integers are little-endian::

    offset   size   field      written by
    0        8      taken      this process   grows by one before each STATE frame
    64       8      released   the task       the value of `taken` whose parts it has read, or needs no more
    4096            parts, each at a multiple of 64

It is free if the two are equal. Its pages are made here, before they are needed, so that the copy at a
checkpoint never waits for the kernel.
"""

from __future__ import annotations

import mmap
import os
import struct
from typing import TYPE_CHECKING, Final

from ml_framework.byte_queue.fence import order
from ml_framework.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Sequence

HEADER_BYTES: Final = 4096
MAX_MEMORIES: Final = 4
"""Checkpoints of one process that Flink may have in work at once."""

_TAKEN: Final = 0
_RELEASED: Final = 64 // 8
_ALIGNMENT: Final = 64
_STEP: Final = 1 << 20
"""By which a memory grows, so that a state that is a little larger each time seldom needs it to."""


class StateMemory:
    """One shared memory; made by `StateMemories.take`.

    Attributes:
        memory: writable bytes behind the header; replaced when the memory grows.
    """

    def __init__(self, nbytes: int) -> None:
        self.memory = self._header = memoryview(b"")
        self._descriptor = os.memfd_create("mlflink-state", os.MFD_CLOEXEC)
        try:
            self.grow(nbytes)
        except OSError:
            self.close()
            raise

    @property
    def is_free(self) -> bool:
        """Whether nothing of it is still to be read."""
        free: bool = self._header[_RELEASED] == self._header[_TAKEN]
        order()
        return free

    def grow(self, nbytes: int) -> None:
        """Make room for `nbytes` and claim it; what was there stays.

        Raises:
            OSError: there is not that much memory; nothing has changed.
        """
        if nbytes <= len(self.memory):
            return
        size = -(-(HEADER_BYTES + nbytes) // _STEP) * _STEP
        os.posix_fallocate(self._descriptor, 0, size)
        # A view of the mapping before keeps it alive; else it goes with the last reference.
        mapped = memoryview(mmap.mmap(self._descriptor, size, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE))
        self._header = mapped[:HEADER_BYTES].cast("q")
        self.memory = mapped[HEADER_BYTES:]

    def publish(self, parts: Sequence[tuple[int, int]]) -> bytes:
        """Give what was written to the task; nothing may be written again until it `is_free`.

        Args:
            parts: offset in `memory`, a multiple of 64, and length of each, in bytes.

        Returns:
            The payload of the STATE frame, in which offsets count from the beginning of the file.

        Raises:
            ValueError: a part does not lie in `memory`, or not at a multiple of 64.
        """
        numbers = [os.getpid(), self._descriptor, len(parts)]
        for offset, length in parts:
            if offset % _ALIGNMENT or not 0 <= offset <= offset + length <= len(self.memory):
                raise ValueError(f"no part of {len(self.memory)} bytes: offset {offset}, length {length}")
            numbers += HEADER_BYTES + offset, length
        order()
        self._header[_TAKEN] += 1
        return struct.pack(f"<{len(numbers)}q", *numbers)

    def close(self) -> None:
        """Let it go; the task keeps what it has opened."""
        os.close(self._descriptor)
        self.memory = self._header = memoryview(b"")  # the mapping has a descriptor of its own


class StateMemories:
    """The memories of one process, used again and again.

    There are as many as there were checkpoints in work at once, each as large as the largest state in it.
    """

    def __init__(self) -> None:
        self._memories: list[StateMemory] = []

    def take(self, nbytes: int) -> StateMemory:
        """A free memory with room for `nbytes`; it stays free until it is published.

        Raises:
            CheckpointError: too many are still to be read.
            OSError: there is not that much memory.
        """
        free = [memory for memory in self._memories if memory.is_free]
        fitting = [memory for memory in free if len(memory.memory) >= nbytes]
        if fitting:
            return min(fitting, key=lambda memory: len(memory.memory))
        if free:
            largest = max(free, key=lambda memory: len(memory.memory))
            largest.grow(nbytes)
            return largest
        if len(self._memories) == MAX_MEMORIES:
            raise CheckpointError(
                f"the states of {MAX_MEMORIES} checkpoints are still being written, so there is no memory "
                "for another: checkpoints begin faster than they are finished; make "
                "execution.checkpointing.interval longer, or the storage of checkpoints faster"
            )
        self._memories.append(StateMemory(nbytes))
        return self._memories[-1]

    def close(self) -> None:
        """Let all of them go."""
        for memory in self._memories:
            memory.close()
        self._memories.clear()
