"""What the agent measures of a process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ml_framework.byte_queue import Consumer, Doorbell, FrameKind, Level, MappedQueue, Producer
from ml_framework.byte_queue import create as create_queue
from ml_framework.codec import Schema, plan_layout
from ml_framework.context.counters import Counters, Phase, create
from ml_framework.node.measure import Measuring
from ml_framework.node.usage import Usage
from ml_framework.rpc import wire
from ml_framework.runner import PythonRunner
from ml_framework.spec import NodeId, Token
from ml_framework.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

NODE = NodeId("worker", 0)
LAYOUT = plan_layout(Schema.parse([("x", "BIGINT NOT NULL")])).to_json()
MEGABYTES_200 = 200_000_000


@pytest.fixture
def counters() -> Iterator[Counters]:
    fd = create()
    yield Counters(fd)
    os.close(fd)


@pytest.fixture
def nobody() -> Usage:
    """The usage of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return Usage(ended.pid)


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[int]:
    """The descriptor of an empty queue of 4096 bytes."""
    create_queue(tmp_path / "queue", 4096)
    fd = os.open(tmp_path / "queue", os.O_RDWR)
    yield fd
    os.close(fd)


def test_of_a_process_that_says_nothing_only_the_attempt_is_told(counters: Counters, nobody: Usage) -> None:
    """Such as one that a runner of the user's own starts, once it has ended."""
    measuring = Measuring(counters, nobody, {}, attempt=2, restarts=1)
    assert measuring.measure() == {"attempt": 2, "restarts": 1}


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now_ns = 1_000_000_000

    def advance(self, ms: int) -> None:
        self.now_ns += ms * 1_000_000

    def monotonic(self) -> float:
        return self.now_ns / 1e9

    def monotonic_ns(self) -> int:
        return self.now_ns


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """That of both ends of the counters."""
    clock = Clock()
    monkeypatch.setattr("ml_framework.context.counters.monotonic_ns", clock.monotonic_ns)
    monkeypatch.setattr("ml_framework.node.measure.time", clock)
    return clock


def test_counters_become_totals_rates_and_means(
    clock: Clock, counters: Counters, nobody: Usage, queue: int
) -> None:
    """Totals are of the attempt, all else of the time since the last measurement."""
    measuring = Measuring(counters, nobody, {"in": Level(queue), "out": Level(queue)}, attempt=0, restarts=0)
    counters.enter(Phase.USER)
    for rows in (10, 30):
        counters.begin_step(rows)
        clock.advance(50)
        counters.count_emitted(1)
        counters.end_step()
        clock.advance(100)
    counters.stalled(3_000_000)
    counters.serves(7)
    first = measuring.measure()
    counters.begin_step(5)
    clock.advance(100)
    second = measuring.measure()
    assert (first["rows_in"], first["rows_out"], first["batch_rows"]) == (40, 2, 20)
    assert first["step_ms"] == 50
    assert first["rows_in_per_second"] == pytest.approx(40 / 0.3)
    assert first["compute_ms_per_second"] == pytest.approx(1000 / 3)
    assert first["decode_ms_per_second"] == pytest.approx(2000 / 3)
    assert (first["checkpoint_stall_ms"], first["model_version"]) == (3, 7)
    assert (second["rows_in"], second["batch_rows"]) == (45, 5)
    assert second["compute_ms_per_second"] == pytest.approx(1000)
    assert "step_ms" not in second  # it is still under way
    spent = [second[f"{name}_ms_per_second"] for name in ("wait", "compute", "blocked", "decode", "encode")]
    assert sum(spent) == pytest.approx(1000)


def test_after_the_end_totals_are_told_without_rates(counters: Counters, nobody: Usage, queue: int) -> None:
    measuring = Measuring(counters, nobody, {"in": Level(queue)}, attempt=0, restarts=0)
    counters.begin_step(10)
    assert measuring.totals() == {
        "attempt": 0,
        "restarts": 0,
        "bytes_in": 0,
        "queue_in_fill": 0,
        "rows_in": 10,
        "batch_rows": 10,
    }


def test_a_level_tells_what_lies_in_a_queue(queue: int) -> None:
    """Bytes ever put in and taken out, and the share of the ring that is in use; full is 1."""
    ours, theirs = socket.socketpair()
    with closing(Doorbell(ours)) as ring, closing(Doorbell(theirs)) as hear:
        level = Level(queue)
        producer = Producer(MappedQueue.open(queue), ring)
        consumer = Consumer(MappedQueue.open(queue), hear)
        for _ in range(4):
            producer.send(FrameKind.BATCH, bytes(4096 // 4 - 64))
        assert (level.published, level.released, level.fill) == (4096, 0, 1.0)
        take_frame(consumer)
        assert (level.published, level.released, level.fill) == (4096, 1024, 0.75)
        with ThreadPoolExecutor(1) as thread:  # 64 bytes more than there is room for
            sending = thread.submit(producer.send, FrameKind.BATCH, bytes(4096 // 4))
            eventually(lambda: level.fill == 1.0)
            assert (level.published, level.released) == (4096, 1024)
            take_frame(consumer)
            sending.result(10)
        assert (level.published, level.released, level.fill) == (5184, 2048, 3136 / 4096)


def take_frame(consumer: Consumer) -> None:
    """Receive a frame, and give its room back."""
    frame = consumer.receive(0)
    assert frame is not None
    frame.release()


def test_a_busy_child_counts_with_its_parent() -> None:
    """CPU time of the whole family, also of those that have ended; memory of those that live."""
    program = (
        "import subprocess, sys\n"
        "spin = 'import time\\nwhile time.process_time() < 0.5: pass'\n"
        "subprocess.run([sys.executable, '-c', spin])\n"
        f"kept = bytes(b'x' * {MEGABYTES_200})\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        usage = Usage(process.pid)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        used = usage.read()
        process.communicate()
    assert used is not None
    assert 0.5 <= used.cpu_s < 3
    assert MEGABYTES_200 < used.memory_bytes < 2 * MEGABYTES_200
    assert usage.read() is None


def test_heartbeats_tell_what_a_process_takes(stage) -> None:
    """One that spins takes a core, what it has allocated is there, and the parent hears the same."""

    def entrypoint(ctx):
        ctx.kept = b"x" * MEGABYTES_200
        ctx.metrics.log(ready=1)
        while True:
            pass

    node = stage.node_running(PythonRunner(entrypoint), fields={})
    stage.start(node)
    eventually(lambda: measured(stage, "cpu_cores") > 0.3 and measured(stage, "memory_bytes") > MEGABYTES_200)
    assert measured(stage, "cpu_cores") < 1.5
    assert measured(stage, "memory_bytes") < 3 * MEGABYTES_200
    eventually(lambda: 900 < measured(stage, "compute_ms_per_second") < 1001)
    told = node.wait_for("measured", timeout_s=30)
    assert told["values"].keys() >= {"attempt", "restarts", "cpu_cores", "memory_bytes"}


def test_an_attempt_begins_its_totals_anew(stage) -> None:
    """Also where the queue is the same; the attempt rises, and so do the restarts since Flink's."""

    def entrypoint(ctx):
        for batch in ctx.batches():
            print(batch.rows, flush=True)

    fields = {"input_layout": LAYOUT}
    node = stage.node_running(PythonRunner(entrypoint), fields=fields, execution_attempt=2)
    stage.start(node)
    node.flink.feed(x=[1, 2, 3])
    eventually(lambda: measured(stage, "rows_in") == 3 and measured(stage, "bytes_in") >= 3 * 8)
    assert (measured(stage, "attempt"), measured(stage, "restarts")) == (2, 0)
    first_bytes = measured(stage, "bytes_in")
    stage.master.tell(wire.Restart(Token(2, 1)))
    stage.registered(node, count=2)
    node.flink.feed(x=[4])  # while nobody waits for it: who plays Flink here rings the first process only
    stage.start(node, count=2)
    eventually(lambda: measured(stage, "attempt") == 3 and measured(stage, "rows_in") == 1)
    assert measured(stage, "restarts") == 1
    eventually(lambda: measured(stage, "bytes_in") > 0)
    assert measured(stage, "bytes_in") <= first_bytes


def test_the_last_heartbeat_has_the_last_numbers(stage) -> None:
    """However soon after them the process has ended."""

    def entrypoint(ctx):
        for batch in ctx.batches():
            ctx.metrics.log(last=batch["x"][-1])

    node = stage.node_running(PythonRunner(entrypoint), fields={"input_layout": LAYOUT})
    stage.start(node)
    node.flink.feed(x=[1, 2, 3])
    node.flink.end()
    assert stage.master.outcome(NODE).outcome is wire.Outcome.SUCCEEDED
    beats = [event for event in stage.master.events if isinstance(event, wire.Heartbeat)]
    last = [beat for beat in beats if beat.measured][-1]  # those behind the end measure nothing
    assert (last.measured["rows_in"], last.numbers) == (3, {"last": 3})


def measured(stage, name: str) -> float:
    """The last value that the AM has heard."""
    values = [event.measured for event in stage.master.events if isinstance(event, wire.Heartbeat)]
    return next((value[name] for value in reversed(values) if name in value), float("nan"))


def test_a_closed_level_keeps_no_memory(queue: int) -> None:
    name = str(Path(f"/proc/self/fd/{queue}").readlink())
    level = Level(queue)
    assert name in Path("/proc/self/maps").read_text()
    level.close()
    assert name not in Path("/proc/self/maps").read_text()
