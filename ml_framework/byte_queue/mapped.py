"""The mapped file under a byte queue: made once, opened by both ends."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Self

from ml_framework.byte_queue import layout
from ml_framework.errors import ProtocolError


def create(path: str | os.PathLike[str], capacity: int) -> None:
    """Make the file of an empty queue, readable and writable by its owner alone.

    Its memory is claimed here, so that a full ``/dev/shm`` is an error now and not a SIGBUS later.

    Args:
        path: where; nothing may be there yet.
        capacity: bytes of the ring, a power of two from 4096 to 2**30.

    Raises:
        ValueError: `capacity` is not usable.
        OSError: the file is there already, or there is not enough room for it. No file is left then.
    """
    if not _is_capacity(capacity):
        raise ValueError(f"a byte queue's capacity is a power of two from 4096 to 2**30, not {capacity}")
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(fd, 0, layout.HEADER_BYTES + capacity)
        os.pwrite(fd, layout.PREAMBLE.pack(layout.MAGIC, layout.VERSION, capacity), 0)
    except OSError:
        Path(path).unlink()
        raise
    finally:
        os.close(fd)


def _is_capacity(number: int) -> bool:
    return layout.MIN_CAPACITY <= number <= layout.MAX_CAPACITY and number & (number - 1) == 0


class MappedQueue:
    """A queue's file, mapped whole; it stays mapped as long as a view of it is in use.

    Attributes:
        capacity: bytes of the ring.
        memory: the file.
        view: the same bytes as a view, of which payloads are slices.
        longs: the same as 64-bit words.
        ints: the same as 32-bit words.
    """

    __slots__ = ("capacity", "ints", "longs", "memory", "view")

    def __init__(self, memory: mmap.mmap, capacity: int) -> None:
        self.capacity = capacity
        self.memory = memory
        self.view = memoryview(memory)
        # A word of the native order, little-endian wherever we run, is stored in one instruction.
        self.longs = self.view.cast("Q")
        self.ints = self.view.cast("I")

    @classmethod
    def open(cls, source: str | os.PathLike[str] | int) -> Self:
        """Map the queue at a path or under an open file descriptor, which stays the caller's.

        Raises:
            ProtocolError: that is no byte queue, or one that this version cannot read.
            OSError: it cannot be opened.
        """
        if isinstance(source, int):
            return cls._map(source, f"file descriptor {source}")
        fd = os.open(source, os.O_RDWR | os.O_CLOEXEC)
        try:
            return cls._map(fd, os.fspath(source))
        finally:
            os.close(fd)

    @classmethod
    def _map(cls, fd: int, name: str) -> Self:
        capacity = _checked_capacity(fd, name)
        size = layout.HEADER_BYTES + capacity
        return cls(mmap.mmap(fd, size, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE), capacity)


def _checked_capacity(fd: int, name: str) -> int:
    size = os.fstat(fd).st_size
    if size < layout.HEADER_BYTES:
        raise ProtocolError(f"{name} is no byte queue: it has {size} bytes, fewer than a header")
    magic, version, capacity = layout.PREAMBLE.unpack(os.pread(fd, layout.PREAMBLE.size, 0))
    if magic != layout.MAGIC:
        raise ProtocolError(f"{name} is no byte queue: it begins with {magic!r}, not with {layout.MAGIC!r}")
    if version != layout.VERSION:
        raise ProtocolError(f"{name} is a byte queue of version {version}, this is version {layout.VERSION}")
    if not _is_capacity(capacity) or size != layout.HEADER_BYTES + capacity:
        raise ProtocolError(f"{name} is a damaged byte queue: capacity {capacity} in a file of {size} bytes")
    return int(capacity)
