"""What a Flink task is to its node: the other end of its queues, in Python."""

from __future__ import annotations

import mmap
import os
import socket
import struct
import threading
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from ml_framework.byte_queue import Consumer, Doorbell, FrameKind, MappedQueue, Producer, create
from ml_framework.codec import Layout, RecordBatch, decode, encode
from ml_framework.errors import EndOfStream, PeerLost, QueueClosed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from ml_framework.byte_queue import Frame
    from ml_framework.runner.base import Program

    Content = RecordBatch | tuple[bytes, ...] | int | None
    Answer = tuple[FrameKind, Content]
    """A frame from a node: a BATCH with its rows, STATE with its parts, END with None, else a number."""

_RELEASED = 64
"""Offset, in a memory that holds a state, of the word that says how much of it is read."""


class FlinkEnd:
    """Makes the queues of one node, feeds its input and collects its output. One process is served.

    Args:
        directory: of the node; queue files and doorbell are made there.
        program: of the role; says which queues there are.
        queue_bytes: capacity of each queue.
        restored: pieces of state out of a checkpoint, which the process gets before anything else.
    """

    def __init__(
        self, directory: Path, program: Program, queue_bytes: int, restored: Sequence[bytes] = ()
    ) -> None:
        self.assignment = {"bell": str(directory / "bell")}
        """The queues' part of the node's assignment."""
        self._restored = restored
        self._input_layout = _layout(program.input_layout)
        self._output_layout = _layout(program.output_layout)
        self._queues: dict[str, MappedQueue] = {}
        if self._input_layout is not None:
            self._make("input_queue", directory / "in", queue_bytes)
        if self._output_layout is not None or self._input_layout is not None:
            self._make("output_queue", directory / "out", queue_bytes)
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listening.bind(self.assignment["bell"])
        self._listening.listen()
        self._socket: socket.socket | None = None
        self._producer: Producer | None = None
        self._answers: list[Answer] = []
        self._ended = False
        self._closing = False
        self._changed = threading.Condition()
        self._collector = threading.Thread(target=self._serve, name="flink-end", daemon=True)
        self._collector.start()

    def feed(self, *, timeout_s: float = 30.0, timestamps: Any = None, **columns: Any) -> None:
        """Send one frame of rows to the node.

        Args:
            timeout_s: longest wait for the process to come, and then for room.
            timestamps: of the rows, milliseconds, where the layout has them.
            columns: values for every column of the input.

        Raises:
            TimeoutError: no process has come.
            QueueFull: it has not read what was fed before.
            QueueClosed: it wants no more.
            PeerLost: it has gone.
        """
        assert self._input_layout is not None, "the role has no input"
        frame = encode(self._input_layout, columns, timestamps)
        self._connected(timeout_s).send(FrameKind.BATCH, frame, timeout_s=timeout_s)

    def send(self, kind: FrameKind, number: int, *, timeout_s: float = 30.0) -> None:
        """Send one control frame, such as a watermark or a checkpoint; raises as `feed` does."""
        self._connected(timeout_s).send_number(kind, number, timeout_s=timeout_s)

    def end(self, *, timeout_s: float = 30.0) -> None:
        """Say that the input has ended; raises as `feed` does."""
        self._connected(timeout_s).send(FrameKind.END, timeout_s=timeout_s)

    def answers(self, *, timeout_s: float = 30.0) -> list[Answer]:
        """Every frame that the node has sent, once it has ended; rows are copies.

        Raises:
            TimeoutError: it has not ended in time.
        """
        self._wait(lambda: self._ended, timeout_s, "the node has not ended its output")
        return list(self._answers)

    def rows(self, *, timeout_s: float = 30.0) -> dict[str, list[Any]]:
        """Every row that the node has sent, by column, once it has ended; raises as `answers` does."""
        contents = [content for _, content in self.answers(timeout_s=timeout_s)]
        batches = [content for content in contents if isinstance(content, RecordBatch)]
        names = self._output_layout.schema.names if self._output_layout is not None else ()
        return {name: [value for batch in batches for value in batch[name].tolist()] for name in names}

    def close(self) -> None:
        """Go away, as the task does when it ends."""
        self._listening.shutdown(socket.SHUT_RDWR)
        with self._changed:
            self._closing = True
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)
        self._collector.join()
        self._listening.close()

    def _make(self, name: str, path: Path, queue_bytes: int) -> None:
        create(path, queue_bytes)
        self._queues[name] = MappedQueue.open(path)
        self.assignment[name] = str(path)

    def _connected(self, timeout_s: float) -> Producer:
        self._wait(lambda: self._producer is not None, timeout_s, "no process has come for its queues")
        assert self._producer is not None
        return self._producer

    def _wait(self, condition: Callable[[], bool], timeout_s: float, complaint: str) -> None:
        with self._changed:
            if not self._changed.wait_for(condition, timeout_s):
                raise TimeoutError(f"{complaint} within {timeout_s} s")

    def _serve(self) -> None:
        """Take the one process's connection and collect what it sends, in a thread of its own."""
        try:
            connection, _ = self._listening.accept()
        except OSError:
            return  # closed before any process came
        with closing(Doorbell(connection)) as bell:
            with self._changed:
                self._socket = connection
                if self._closing:
                    connection.shutdown(socket.SHUT_RDWR)
            if "input_queue" in self._queues:
                self._announce(Producer(self._queues["input_queue"], bell))
            self._collect(Consumer(self._queues["output_queue"], bell))
            with self._changed:
                self._socket = None
                self._ended = True
                self._changed.notify_all()

    def _announce(self, producer: Producer) -> None:
        """Let others feed, behind the state that comes first."""
        with suppress(QueueClosed, PeerLost):  # who feeds hears of it
            for part in self._restored:
                producer.send_number(FrameKind.STATE, len(part))
                if part:
                    producer.send(FrameKind.STATE, part)
        with self._changed:
            self._producer = producer
            self._changed.notify_all()

    def _collect(self, consumer: Consumer) -> None:
        try:
            while True:
                frame = consumer.receive()
                assert frame is not None
                self._answers.append((frame.kind, self._content(frame)))
                frame.release()
        except (EndOfStream, PeerLost, FileNotFoundError):  # the last: a state that went with its process
            consumer.close()

    def _content(self, frame: Frame) -> Content:
        if frame.kind is FrameKind.END:
            return None
        if frame.kind is FrameKind.STATE:
            return _parts(frame.payload)
        if frame.kind is not FrameKind.BATCH:
            return frame.number
        assert self._output_layout is not None, "the role has no output"
        return decode(self._output_layout, frame.payload).copy()


def _parts(payload: memoryview) -> tuple[bytes, ...]:
    """Copies of the parts of a state, whose memory belongs to the process again."""
    pid, fd, count, *ranges = struct.unpack(f"<{len(payload) // 8}q", payload)
    file = os.open(f"/proc/{pid}/fd/{fd}", os.O_RDWR)
    try:
        with mmap.mmap(file, 0) as memory:
            taken = memory[:8]
            pairs = zip(ranges[::2], ranges[1::2], strict=True)
            parts = tuple(memory[offset : offset + length] for offset, length in pairs)
            memory[_RELEASED : _RELEASED + 8] = taken
    finally:
        os.close(file)
    assert len(parts) == count
    return parts


def _layout(plan: Mapping[str, Any] | None) -> Layout | None:
    return None if plan is None else Layout.from_json(plan)
