"""The two ends of a byte queue: a half of the ring, a doorbell, and how to wait.

*No wake-up is lost*: who wants to sleep sets its ``waits`` word, fences, looks again, and only then sleeps on
the doorbell. The other end, after it has published or released, fences, reads that word, and if it is 1
clears it and rings. One of the two stores comes first; so either the sleeper sees the frame, or the other end
sees the sleeper.

An end belongs to one thread at a time.
"""

from __future__ import annotations

import struct
import time
from collections import deque
from contextlib import nullcontext
from typing import TYPE_CHECKING, Final, TypeVar

from ml_framework.byte_queue.fence import full_fence, order
from ml_framework.byte_queue.layout import CONSUMER, FIRST, LAST, PRODUCER, WHOLE, FrameKind, Words
from ml_framework.byte_queue.ring import Record, RingReader, RingWriter
from ml_framework.errors import EndOfStream, PeerLost, ProtocolError, QueueClosed, QueueFull

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from typing_extensions import Buffer

    from ml_framework.byte_queue.doorbell import Doorbell
    from ml_framework.byte_queue.mapped import MappedQueue

_T = TypeVar("_T")

_LOOKS: Final = 300
"""How often an end looks before it sleeps: some 20 microseconds, about what a wake-up costs."""
_NUMBER: Final = struct.Struct("<q")
_UNSEEN: Final[AbstractContextManager[object]] = nullcontext()
"""Around waits that nobody wants to know of."""
_KINDS: Final = (FrameKind.BATCH, *FrameKind)
"""By number; there is no kind 0."""


class _End:
    """What both ends have in common: their words in the file, ringing and sleeping."""

    def __init__(
        self,
        queue: MappedQueue,
        bell: Doorbell,
        waiting: AbstractContextManager[object],
        own: Words,
        peer: Words,
    ) -> None:
        self._waiting = waiting
        self._longs = queue.longs
        self._ints = queue.ints
        self._bell = bell
        self._own_waits = own.waits // 4
        self._own_closed = own.closed // 4
        self._peer_position = peer.position // 8
        self._peer_waits = peer.waits // 4
        self._peer_closed = peer.closed // 4
        self._closed = False
        # This end may have been another process's before.
        self._ints[self._own_waits] = 0
        self._ints[self._own_closed] = 0

    def close(self) -> None:
        """Close this end cleanly; closing it again does nothing. The doorbell stays open."""
        if not self._closed:
            self._closed = True
            order()
            self._ints[self._own_closed] = 1
            self._notify()

    def _notify(self) -> bool:
        """Wake the peer if it sleeps; False when it has gone."""
        full_fence()
        if not self._ints[self._peer_waits]:
            return True
        self._ints[self._peer_waits] = 0
        return self._bell.ring()

    def _wait(self, look: Callable[[], _T | None], timeout_s: float | None) -> _T | None:
        """What `look` finds as soon as it finds something; None when the time has passed."""
        with self._waiting:
            return self._found(look, timeout_s)

    def _found(self, look: Callable[[], _T | None], timeout_s: float | None) -> _T | None:
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        if timeout_s != 0:
            self._spin()
        try:
            while True:
                heard = self._bell.heard
                self._ints[self._own_waits] = 1
                full_fence()
                if (found := look()) is not None:
                    return found
                remaining_s = None if deadline is None else max(0.0, deadline - time.monotonic())
                try:
                    if not self._bell.wait(remaining_s, heard=heard):
                        return None
                except PeerLost:
                    if (found := look()) is not None:  # what the peer did before it went
                        return found
                    raise
        finally:
            self._ints[self._own_waits] = 0

    def _spin(self) -> None:
        longs, index = self._longs, self._peer_position
        before = longs[index]
        for _ in range(_LOOKS):
            if longs[index] != before:
                return


class Producer(_End):
    """The end that frames go into.

    A frame longer than `max_record` bytes travels as several records.

    Args:
        queue: the mapped file; no other producer may be at work on it.
        bell: doorbell to the consumer's process.
        waiting: entered and left around every wait.
    """

    def __init__(
        self, queue: MappedQueue, bell: Doorbell, waiting: AbstractContextManager[object] = _UNSEEN
    ) -> None:
        super().__init__(queue, bell, waiting, PRODUCER, CONSUMER)
        self._ring = RingWriter(queue)

    @property
    def max_record(self) -> int:
        """Longest payload, in bytes, that the consumer reads in place."""
        return self._ring.max_record

    def send(
        self, kind: FrameKind, parts: Sequence[Buffer] | Buffer = b"", *, timeout_s: float | None = None
    ) -> None:
        """Put one frame into the queue; blocks until there is room.

        Args:
            kind: what the frame says.
            parts: its payload, or a list or tuple of C-contiguous buffers that make it up, which are copied
                straight into the ring.
            timeout_s: longest wait for room, 0 not to wait; None waits for ever. For a frame of several
                records it bounds the wait for the first one: a frame that has begun is finished.

        Raises:
            QueueFull: no room in time; nothing was written.
            QueueClosed: this end was closed, or the consumer has closed its end.
            PeerLost: the consumer's process has gone.
        """
        pieces = parts if isinstance(parts, (list, tuple)) else (parts,)
        length = 0
        for piece in pieces:
            length += memoryview(piece).nbytes
        if length <= self._ring.max_record:
            self._put(kind, WHOLE, pieces, length, timeout_s)
            return
        flags, missing = FIRST, length
        for chunk in _split(pieces, self._ring.max_record):
            size = min(missing, self._ring.max_record)
            missing -= size
            self._put(kind, flags if missing else LAST, chunk, size, timeout_s if flags else None)
            flags = 0

    def send_number(self, kind: FrameKind, number: int, *, timeout_s: float | None = None) -> None:
        """Put a control frame into the queue, whose payload is `number` as an i64; else like `send`."""
        self._put(kind, WHOLE, (_NUMBER.pack(number),), _NUMBER.size, timeout_s)

    def drain(self, *, timeout_s: float | None = None) -> bool:
        """Wait until every frame was released, also after `close`; False when `timeout_s` has passed first.

        Raises:
            QueueClosed: the consumer has closed its end.
            PeerLost: the consumer's process has gone.
        """
        return bool(self._wait(self._drained, timeout_s))

    def _drained(self) -> bool | None:
        if self._ring.is_empty:
            return True
        if self._ints[self._peer_closed]:
            raise QueueClosed("the queue was closed by its consumer")
        return None

    def _put(
        self, kind: int, flags: int, parts: Sequence[Buffer], length: int, timeout_s: float | None
    ) -> None:
        if self._closed:
            raise QueueClosed("this end of the queue was closed")
        if not self._room(length) and not self._wait(lambda: self._room(length), timeout_s):
            raise QueueFull(f"no room for {length} bytes within {timeout_s} s")
        self._ring.write(kind, flags, parts, length)
        if not self._notify():
            self._room(0)  # a consumer that closed its end before it went is not lost
            raise PeerLost("the consumer's process has gone")

    def _room(self, length: int) -> bool | None:
        if self._ints[self._peer_closed]:
            raise QueueClosed("the queue was closed by its consumer")
        return self._ring.has_room(length) or None


def _split(pieces: Sequence[Buffer], size: int) -> Iterator[list[memoryview]]:
    """The bytes of `pieces` in chunks of `size` bytes, the last one of what is left."""
    chunk: list[memoryview] = []
    room = size
    for piece in pieces:
        view = memoryview(piece)
        if not view.nbytes:
            continue  # an empty array of several dimensions cannot be cast
        view = view.cast("B")
        while view.nbytes:
            chunk.append(view[:room])
            view = view[room:]
            room -= chunk[-1].nbytes
            if not room:
                yield chunk
                chunk, room = [], size
    if chunk:
        yield chunk


class Frame:
    """A frame that was received.

    Attributes:
        kind: what it says.
        payload: its bytes, in place where they came in one record: valid until the frame is released.
    """

    __slots__ = ("_consumer", "_end", "kind", "payload")

    def __init__(self, kind: FrameKind, payload: memoryview, consumer: Consumer | None, end: int) -> None:
        self.kind = kind
        self.payload = payload
        self._consumer = consumer
        self._end = end

    @property
    def number(self) -> int:
        """The i64 of a control frame; `ProtocolError` where the payload is no such thing."""
        if len(self.payload) != _NUMBER.size:
            raise ProtocolError(f"a {self.kind.name} frame of {len(self.payload)} bytes carries no number")
        return int(_NUMBER.unpack(self.payload)[0])

    def release(self) -> None:
        """Say that the payload is no longer used; releasing it again does nothing.

        The room goes back to the producer once every frame received before this one is released as well.
        """
        consumer = self._consumer
        if consumer is not None:
            self._consumer = None
            consumer._frame_released()


class Consumer(_End):
    """The end that frames come out of.

    It begins behind what was released last, so frames that a former consumer did not release come again; the
    rest of a frame of several records whose beginning is gone is skipped.

    Several frames may be held at a time, but the producer has only the rest of the ring meanwhile: who holds
    more than half of it may wait for a frame that can never come.

    Args:
        queue: the mapped file; no other consumer may be at work on it.
        bell: doorbell to the producer's process.
        waiting: entered and left around every wait.
    """

    def __init__(
        self, queue: MappedQueue, bell: Doorbell, waiting: AbstractContextManager[object] = _UNSEEN
    ) -> None:
        super().__init__(queue, bell, waiting, CONSUMER, PRODUCER)
        self._ring = RingReader(queue)
        self._held: deque[Frame] = deque()
        """Frames that lie in the ring and are not released, and released ones behind those."""
        self._partial: bytearray | None = None
        """What has come of a frame of several records."""

    def receive(self, timeout_s: float | None = None) -> Frame | None:
        """The next frame; blocks until there is one.

        Args:
            timeout_s: longest wait, 0 not to wait; None waits for ever.

        Returns:
            The frame, or None when none came in time.

        Raises:
            EndOfStream: the producer closed the queue, and every frame was received.
            QueueClosed: this end was closed.
            PeerLost: the producer's process has gone, and every frame was received.
            BufferError: the next frame spans several records while earlier frames are held; release them,
                then call again. (Its records need the room that lies behind them.)
            ProtocolError: what lies in the queue is no frame.
        """
        if self._closed:
            raise QueueClosed("this end of the queue was closed")
        frame = self._take()
        if frame is None:
            self._notify()  # whatever room there is, the producer may have it while this end sleeps
            frame = self._wait(self._look, timeout_s)
        return frame

    def _look(self) -> Frame | None:
        frame = self._take()
        if frame is None and self._ints[self._peer_closed]:
            order()
            frame = self._take()
            if frame is None:
                raise EndOfStream("the producer closed the queue and every frame was read")
        return frame

    def _take(self) -> Frame | None:
        while (record := self._ring.peek()) is not None:
            if record.flags == WHOLE:
                self._partial = None
                self._ring.position = record.end
                frame = Frame(_KINDS[record.kind], record.payload, self, record.end)
                self._held.append(frame)
                return frame
            if (joined := self._join(record)) is not None:
                return joined
        return None

    def _join(self, record: Record) -> Frame | None:
        """Copy a record of a longer frame and give its room back; the frame once it is complete."""
        if self._held:
            raise BufferError(
                f"the next frame spans several records: release the {len(self._held)} held ones first"
            )
        if record.flags & FIRST:
            self._partial = bytearray()
        joined = self._partial
        if joined is not None:
            joined += record.payload
        self._ring.position = record.end
        self._give_back(record.end)
        if joined is None or not record.flags & LAST:
            return None
        self._partial = None
        return Frame(_KINDS[record.kind], memoryview(joined), None, record.end)

    def _frame_released(self) -> None:
        held = self._held
        end = None
        while held and held[0]._consumer is None:
            end = held.popleft()._end
        if end is not None and not self._closed:
            self._give_back(end)

    def _give_back(self, position: int) -> None:
        self._ring.free(position)
        if self._ring.is_half_free:
            self._notify()  # a producer that has gone needs no room
