"""How full a byte queue is, for somebody who is neither of its ends."""

from __future__ import annotations

import mmap
from typing import Final

from ml_framework.byte_queue.layout import CONSUMER, HEADER_BYTES, PREAMBLE, PRODUCER

_TAIL: Final = PRODUCER.position // 8
_HEAD: Final = CONSUMER.position // 8
_PRODUCER_WAITS: Final = PRODUCER.waits // 4
_HALF: Final = 0.5
"""From here on a producer that waits for room is woken."""


class Level:
    """Reads the positions of both ends.

    Args:
        fd: of the queue's file, of which the header is mapped here; left open.
    """

    def __init__(self, fd: int) -> None:
        self._header = mmap.mmap(fd, HEADER_BYTES, access=mmap.ACCESS_READ)
        self._capacity: int = PREAMBLE.unpack_from(self._header)[2]
        self._longs = memoryview(self._header).cast("Q")
        self._ints = memoryview(self._header).cast("I")

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
        """How much of the ring is in use, 0 to 1; 1 while the producer waits for room.

        It is woken when half of the ring is free: until then the queue is full, whatever is taken out.
        """
        head = self._longs[_HEAD]
        used = (self._longs[_TAIL] - head) / self._capacity
        return 1.0 if self._ints[_PRODUCER_WAITS] and used > _HALF else used

    def close(self) -> None:
        """Unmap the header, which would keep the memory of the whole queue; nothing can be read then."""
        self._longs.release()
        self._ints.release()
        self._header.close()
