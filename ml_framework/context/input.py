"""The rows from Flink as record batches, and the answers that Flink is owed for them.

Asking for the next record batch says that every row handed out before has been dealt with and that
everything about them has been emitted. That moment is when a watermark may pass on, and when a checkpoint
may be cut: where a barrier comes, nothing behind it is handed out until `Input.pass_barrier`.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from ml_framework.byte_queue import Consumer, Frame, FrameKind
from ml_framework.codec import Layout, RecordBatch, concat, decode
from ml_framework.context.agreement import NO_BARRIER
from ml_framework.errors import EndOfStream, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_framework.context.counters import Counters

NO_TIMESTAMP = int(np.iinfo(np.int64).min)


class _Rows:
    """Rows that have arrived and wait to be handed out; the last of them may lie in a frame of the queue."""

    def __init__(self) -> None:
        self.count = 0
        self._pieces: deque[RecordBatch] = deque()
        self._start = 0
        """Rows of the first piece that were handed out before."""
        self._frame: Frame | None = None
        """The frame under the last piece, or under rows handed out that are still in use."""

    def put(self, frame: Frame | None, rows: RecordBatch) -> None:
        """Add rows, of a frame or in memory of their own; the frame before must have been settled."""
        self._pieces.append(rows)
        self._frame = frame
        self.count += rows.rows

    def take(self, count: int) -> RecordBatch:
        """The next `count` rows: a view where one frame holds them all, else a copy."""
        taken = []
        missing = count
        while missing:
            piece = self._pieces[0]
            stop = min(self._start + missing, piece.rows)
            taken.append(piece if (self._start, stop) == (0, piece.rows) else piece.slice(self._start, stop))
            missing -= stop - self._start
            self._start = stop
            if stop == piece.rows:
                self._pieces.popleft()
                self._start = 0
        self.count -= count
        return taken[0] if len(taken) == 1 else concat(taken)

    def copy(self) -> RecordBatch | None:
        """All rows that wait, None without any."""
        if not self.count:
            return None
        first, *others = self._pieces
        return concat([first.slice(self._start, first.rows), *others])

    def settle(self) -> None:
        """Give the frame back to the queue; its rows that were not handed out yet are copied before."""
        if self._frame is None:
            return
        if self.count:
            last = self._pieces.pop()
            if self._pieces:
                self._pieces.append(last.copy())
            else:
                self._pieces.append(last.slice(self._start, last.rows).copy())
                self._start = 0
        self._frame.release()
        self._frame = None


class Input:
    """Reads the in-queue for user code.

    A row that waits here for its batch to fill is *carried*: a barrier may pass it, so it belongs to the
    state of the checkpoint that is cut there.

    Args:
        consumer: the reading end of the in-queue.
        layout: of its BATCH frames.
        reply: sends a control frame, its kind and number, to the out-queue.
        counters: told how long each barrier held rows up.

    Attributes:
        rows: rows handed out so far.
        timestamp: largest timestamp in the rows last handed out, in milliseconds; `NO_TIMESTAMP` if there
            was none.
        barrier: id of the checkpoint at whose barrier the input stands; `NO_BARRIER` if there is none.
    """

    def __init__(
        self,
        consumer: Consumer,
        layout: Layout,
        reply: Callable[[FrameKind, int], None],
        counters: Counters,
    ) -> None:
        self.layout = layout
        self.rows = 0
        self.timestamp = NO_TIMESTAMP
        self.barrier = NO_BARRIER
        self._consumer = consumer
        self._reply = reply
        self._counters = counters
        self._barrier_ns = 0
        """When the input came to stand at the barrier, on the monotonic clock."""
        self._waiting = _Rows()
        self._echoes: deque[tuple[int, FrameKind, int]] = deque()
        """Watermarks and statuses not yet passed on, each with the number of rows before it."""
        self._at_end = False

    @property
    def ended(self) -> bool:
        """Whether every row that will ever come has been handed out."""
        return self._at_end and not self._waiting.count

    def poll(self, batch_size: int | None = None, timeout_s: float | None = None) -> RecordBatch | None:
        """The next rows; the ones handed out before are no longer valid.

        Args:
            batch_size: rows of a batch; only the last one of the input may have fewer. None takes rows as
                they come.
            timeout_s: longest wait, 0 not to wait; None waits for ever.

        Returns:
            Rows that are valid until the next call, or None: the time has passed, or the input has ended or
            stands at a barrier.

        Raises:
            PeerLost: the task at the other end has gone.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        self.answer()
        while (rows := self._take(batch_size)) is None:
            self._waiting.settle()
            if self.barrier:
                return None
            if (frame := self._receive(deadline)) is not None:
                self._accept(frame)
            elif not self._at_end or self.ended:
                return None
        self.rows += rows.rows
        if rows.timestamps is not None:
            self.timestamp = int(rows.timestamps.max())
        return rows

    def answer(self) -> None:
        """Pass on what was waiting for the rows handed out so far; of several watermarks only the last."""
        due: dict[FrameKind, int] = {}
        while self._echoes and self._echoes[0][0] <= self.rows:
            _, kind, number = self._echoes.popleft()
            due.pop(kind, None)
            due[kind] = number
        for kind, number in due.items():
            self._reply(kind, number)

    def stand_at(self, barrier: int) -> None:
        """Hand out no further rows until this barrier is passed."""
        self.barrier = barrier
        self._barrier_ns = time.monotonic_ns()

    def pass_barrier(self) -> int:
        """Go on behind the barrier; returns the id of its checkpoint."""
        passed, self.barrier = self.barrier, NO_BARRIER
        self._counters.stalled(time.monotonic_ns() - self._barrier_ns)
        return passed

    def carried(self) -> RecordBatch | None:
        """The rows that wait for their batch to fill, in memory of their own; None where there are none."""
        return self._waiting.copy()

    def carry(self, rows: RecordBatch) -> None:
        """Hand out `rows`, in memory of their own, before any that come."""
        self._waiting.put(None, rows)

    def states(self, count: int) -> list[bytearray]:
        """The states that lie in the queue before any row: what a checkpoint holds for this node.

        Raises:
            PeerLost: the task at the other end has gone.
            ProtocolError: something else lies there.
        """
        return [self._state() for _ in range(count)]

    def close(self) -> None:
        """Take no more rows; the task discards those that still come."""
        self._waiting.settle()
        self._consumer.close()

    def _state(self) -> bytearray:
        """One state: its length, then pieces."""
        state = bytearray(int.from_bytes(self._piece(), "little"))
        filled = 0
        while filled < len(state):
            piece = self._piece()
            state[filled : filled + len(piece)] = piece
            filled += len(piece)
        return state

    def _piece(self) -> bytes:
        frame = self._consumer.receive()
        assert frame is not None
        if frame.kind != FrameKind.STATE:
            raise ProtocolError(f"a {frame.kind.name} frame came from Flink where a state was announced")
        piece = bytes(frame.payload)
        frame.release()
        return piece

    def _take(self, batch_size: int | None) -> RecordBatch | None:
        count = self._waiting.count
        if not count or (batch_size is not None and count < batch_size and not self._at_end):
            return None
        return self._waiting.take(count if batch_size is None else min(batch_size, count))

    def _receive(self, deadline: float | None) -> Frame | None:
        """The next frame; after the end only what is there already, so that checkpoints are answered."""
        if self._at_end:
            timeout_s: float | None = 0.0
        else:
            timeout_s = None if deadline is None else max(0.0, deadline - time.monotonic())
        try:
            return self._consumer.receive(timeout_s)
        except EndOfStream:
            self._at_end = True
            return None

    def _accept(self, frame: Frame) -> None:
        if frame.kind != FrameKind.BATCH:
            self._accept_control(frame.kind, frame)
            frame.release()
        elif (rows := decode(self.layout, frame.payload)).rows:
            self._waiting.put(frame, rows)
        else:
            frame.release()

    def _accept_control(self, kind: FrameKind, frame: Frame) -> None:
        match kind:
            case FrameKind.WATERMARK | FrameKind.STATUS:
                self._echoes.append((self.rows + self._waiting.count, kind, frame.number))
                self.answer()
            case FrameKind.CHECKPOINT:
                self.stand_at(frame.number)
            case FrameKind.END:
                self._at_end = True
            case _:
                raise ProtocolError(f"a {kind.name} frame came from Flink, which never sends one")
