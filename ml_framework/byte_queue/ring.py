"""The two halves of the ring: records go in at the tail and come out at the head. Nothing here waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ml_framework.byte_queue.fence import order
from ml_framework.byte_queue.layout import (
    CONSUMER,
    HEADER_BYTES,
    PADDING,
    PRODUCER,
    RECORD,
    RECORD_BYTES,
    FrameKind,
    aligned,
    max_record,
)
from ml_framework.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Buffer

    from ml_framework.byte_queue.mapped import MappedQueue

_TAIL = PRODUCER.position // 8
_HEAD = CONSUMER.position // 8
_MAX_KIND = max(FrameKind)


class RingWriter:
    """The producer's half.

    Attributes:
        tail: bytes ever published.
        max_record: longest payload of one record.
    """

    __slots__ = ("_capacity", "_head", "_longs", "_memory", "max_record", "tail")

    def __init__(self, queue: MappedQueue) -> None:
        self._memory = queue.memory
        self._longs = queue.longs
        self._capacity = queue.capacity
        self._head = queue.longs[_HEAD]
        self.tail: int = queue.longs[_TAIL]
        self.max_record = max_record(queue.capacity)

    def has_room(self, length: int) -> bool:
        """Whether a record with a payload of `length` bytes would fit now."""
        size = RECORD_BYTES + aligned(length)
        rest = self._capacity - (self.tail & (self._capacity - 1))
        end = self.tail + (size if size <= rest else rest + size)
        if end - self._head > self._capacity:
            self._head = self._longs[_HEAD]
            order()
        return end - self._head <= self._capacity

    @property
    def is_empty(self) -> bool:
        """Whether every record was released."""
        self._head = self._longs[_HEAD]
        order()
        return self._head == self.tail

    def write(self, kind: int, flags: int, parts: Sequence[Buffer], length: int) -> None:
        """Publish one record, for which there must be room, with the bytes of `parts`, `length` in all."""
        capacity = self._capacity
        index = self.tail & (capacity - 1)
        end = self.tail + RECORD_BYTES + aligned(length)
        if RECORD_BYTES + aligned(length) > capacity - index:
            rest = capacity - index
            RECORD.pack_into(self._memory, HEADER_BYTES + index, rest - RECORD_BYTES, PADDING, 0)
            end += rest
            index = 0
        start = HEADER_BYTES + index
        RECORD.pack_into(self._memory, start, length, kind, flags)
        start += RECORD_BYTES
        for part in parts:
            stop = start + memoryview(part).nbytes
            self._memory[start:stop] = part
            start = stop
        order()
        self._longs[_TAIL] = self.tail = end


class Record(NamedTuple):
    """One record, in place."""

    kind: int
    flags: int
    payload: memoryview
    end: int
    """Position behind it."""


class RingReader:
    """The consumer's half.

    Attributes:
        position: where the next record begins; set it to a record's `end` to go on.
    """

    __slots__ = ("_capacity", "_longs", "_max_record", "_view", "position")

    def __init__(self, queue: MappedQueue) -> None:
        self._view = queue.view
        self._longs = queue.longs
        self._capacity = queue.capacity
        self._max_record = max_record(queue.capacity)
        self.position: int = queue.longs[_HEAD]

    def peek(self) -> Record | None:
        """The record at `position`, past a padding record; None when the producer has published no more.

        Raises:
            ProtocolError: what lies there is no record.
        """
        if self._longs[_TAIL] == self.position:
            return None
        order()
        index = self.position & (self._capacity - 1)
        length, kind, flags = RECORD.unpack_from(self._view, HEADER_BYTES + index)
        if kind == PADDING and index + RECORD_BYTES + length == self._capacity:
            self.position += RECORD_BYTES + length
            index = 0
            length, kind, flags = RECORD.unpack_from(self._view, HEADER_BYTES)
        stop = index + RECORD_BYTES + length
        if not 0 < kind <= _MAX_KIND or length > self._max_record or stop > self._capacity:
            raise ProtocolError(
                f"no record at position {self.position}: length {length}, kind {kind}, flags {flags}"
            )
        start = HEADER_BYTES + index + RECORD_BYTES
        return Record(
            kind, flags, self._view[start : start + length], self.position + RECORD_BYTES + aligned(length)
        )

    def free(self, position: int) -> None:
        """Give everything before `position` back to the producer."""
        order()
        self._longs[_HEAD] = position

    @property
    def is_half_free(self) -> bool:
        """Whether half of the ring or more is free, which is room for any record."""
        return 2 * (self._longs[_TAIL] - self._longs[_HEAD]) <= self._capacity
