"""How full a byte queue is, for somebody who is neither of its ends."""

from __future__ import annotations

import mmap
from typing import Final

from ml_framework.byte_queue.layout import CONSUMER, HEADER_BYTES, PREAMBLE, PRODUCER

_TAIL: Final = PRODUCER.position // 8
_HEAD: Final = CONSUMER.position // 8


class Level:
    """Reads the positions of both ends.

    Args:
        fd: of the queue's file, of which the header is mapped here; left open.
    """

    def __init__(self, fd: int) -> None:
        header = mmap.mmap(fd, HEADER_BYTES, access=mmap.ACCESS_READ)
        self._capacity: int = PREAMBLE.unpack_from(header)[2]
        self._longs = memoryview(header).cast("Q")

    @property
    def published(self) -> int:
        """Bytes that were ever put in, with headers and padding."""
        return self._longs[_TAIL]

    @property
    def released(self) -> int:
        """Bytes that were ever taken out, with headers and padding."""
        return self._longs[_HEAD]

    @property
    def fill(self) -> float:
        """How much of the ring is in use, 0 to 1."""
        head = self._longs[_HEAD]
        return (self._longs[_TAIL] - head) / self._capacity
