"""A node without Flink: the test plays the task at the other end of both queues, and the agent."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ml_framework.byte_queue import Consumer, Doorbell, Frame, FrameKind, MappedQueue, Producer, create
from ml_framework.codec import Layout, Schema, decode, encode, plan_layout
from ml_framework.context import NodeContext
from ml_framework.context.control import ControlSocket
from ml_framework.context.launch import Descriptors, Launch
from ml_framework.errors import EndOfStream

IN = plan_layout(Schema.parse([("id", "BIGINT NOT NULL"), ("name", "STRING")]), timestamps=True, max_rows=64)
OUT = plan_layout(Schema.parse([("id", "BIGINT NOT NULL")]), timestamps=True, max_rows=64)
DEADLINE_S = 30.0


class Task:
    """Flink's end of one node, and its agent's end of the control socket.

    Attributes:
        launch: what the node's process is told.
        agent: the agent's end of the control socket.
        lost: set by the process's end of it instead of killing anybody.
    """

    def __init__(
        self,
        folder: Path,
        *,
        layouts: tuple[Layout | None, Layout | None],
        capacity: int,
        counters: int | None,
        **launch: Any,
    ) -> None:
        paths = [folder / "in", folder / "out"]
        for path in paths:
            create(path, capacity)
        ours, theirs = socket.socketpair()
        self.agent, control = socket.socketpair()
        self.agent.settimeout(DEADLINE_S)
        self._bell = Doorbell(ours)
        self._in = Producer(MappedQueue.open(paths[0]), self._bell)
        self._out = Consumer(MappedQueue.open(paths[1]), self._bell)
        self._rows = 0
        source, sink = layouts
        settings: dict[str, Any] = {
            "job_name": "job",
            "job_id": "17",
            "role": "worker",
            "context": "ml_framework.context:NodeContext",
            "index": 0,
            "rank": 0,
            "world_size": 1,
            "local_world_size": 1,
            "attempt": 0,
            "params": {},
            "bind_host": "127.0.0.1",
            "log_dir": str(folder),
            "error_file": str(folder / "error.json"),
        }
        self.launch = Launch(
            **{**settings, **launch},
            descriptors=Descriptors(
                control=control.detach(),
                listen=-1,
                bell=theirs.detach(),
                input=os.open(paths[0], os.O_RDWR),
                output=os.open(paths[1], os.O_RDWR),
                counters=counters,
            ),
            input_layout=source and source.to_json(),
            output_layout=sink and sink.to_json(),
        )
        self.control = ControlSocket(self.launch.descriptors.control, on_lost=lambda: None)

    def context(self) -> NodeContext:
        """The node's context, not entered."""
        return NodeContext(self.launch, self.control)

    @contextmanager
    def running(self) -> Iterator[NodeContext]:
        """The node's context; when it is left, `last` is what it says to its task, which reads meanwhile."""
        with ThreadPoolExecutor(1) as thread, ExitStack() as stack:
            yield stack.enter_context(self.context())
            leaving = thread.submit(stack.pop_all().close)
            self.last = self.transcript(DEADLINE_S)
            leaving.result(DEADLINE_S)

    def rows(self, count: int) -> None:
        """Send a frame of rows: ids count on, every third name is null, the timestamp is 10 times the id."""
        ids = range(self._rows, self._rows + count)
        self._rows += count
        values = {"id": list(ids), "name": [None if row % 3 == 0 else f"näme {row}" for row in ids]}
        self._in.send(FrameKind.BATCH, encode(IN, values, [10 * row for row in ids]))

    def control_frame(self, kind: FrameKind, number: int) -> None:
        """Send a frame that holds a number."""
        self._in.send_number(kind, number)

    def state(self, blob: bytes) -> None:
        """Send what a checkpoint holds, in pieces."""
        self._in.send_number(FrameKind.STATE, len(blob))
        half = len(blob) // 2
        self._in.send(FrameKind.STATE, blob[:half])
        self._in.send(FrameKind.STATE, blob[half:])

    def saved(self, frame: Frame) -> list[bytes]:
        """The parts of the state that a STATE frame speaks of, read as the task does; then it is free."""
        pid, fd, _, *places = struct.unpack(f"<{len(frame.payload) // 8}q", frame.payload)
        with Path(f"/proc/{pid}/fd/{fd}").open("r+b", buffering=0) as memory:
            parts = [
                os.pread(memory.fileno(), *reversed(place))
                for place in zip(places[::2], places[1::2], strict=True)
            ]
            os.pwrite(memory.fileno(), os.pread(memory.fileno(), 8, 0), 64)
        return parts

    def end(self) -> None:
        """Say that the input has ended."""
        self._in.send(FrameKind.END)

    def send(self, columns: Mapping[str, Any], layout: Layout, timestamps: Any = None) -> None:
        """Send a frame of these columns."""
        self._in.send(FrameKind.BATCH, encode(layout, columns, timestamps))

    def answers(self) -> list[Frame]:
        """The frames that have come out so far, without waiting."""
        return list(iter(lambda: self._receive(0.0), None))

    def transcript(self, timeout_s: float = 0.0) -> list[tuple[FrameKind, Any]]:
        """What has come out: kind, and the ids of a batch, the parts of a state, or a number.

        With a timeout, everything that comes until the node closes its end, each within that time.
        """
        return [self._read(frame) for frame in iter(lambda: self._receive(timeout_s), None)]

    def answer(self) -> tuple[FrameKind, Any]:
        """What comes out next."""
        frame = self._receive(DEADLINE_S)
        assert frame is not None
        return self._read(frame)

    def _read(self, frame: Frame) -> tuple[FrameKind, Any]:
        content: Any = None
        if frame.kind is FrameKind.BATCH:
            content = decode(OUT, frame.payload)["id"].tolist()
        elif frame.kind is FrameKind.STATE:
            content = self.saved(frame)
        elif frame.kind is not FrameKind.END:
            content = frame.number
        frame.release()
        return frame.kind, content

    def _receive(self, timeout_s: float) -> Frame | None:
        try:
            return self._out.receive(timeout_s)
        except EndOfStream:
            return None

    def close(self) -> None:
        """End everything."""
        self.control.close()
        self.agent.close()
        self._bell.close()


TaskFactory = Callable[..., Task]


@pytest.fixture
def make_task(tmp_path: Path) -> Iterator[TaskFactory]:
    """Makes tasks and ends them after the test."""
    with ExitStack() as stack:

        def make(
            source: Layout | None = IN,
            sink: Layout | None = OUT,
            capacity: int = 1 << 20,
            counters: int | None = None,
            **launch: Any,
        ) -> Task:
            folder = tmp_path / str(len(list(tmp_path.iterdir())))
            folder.mkdir()
            task = Task(folder, layouts=(source, sink), capacity=capacity, counters=counters, **launch)
            stack.callback(task.close)
            return task

        yield make


@pytest.fixture
def task(make_task: TaskFactory) -> Task:
    """A task with input and output."""
    return make_task()
