"""The contract between two processes, for every pairing of the two languages."""

from __future__ import annotations

import random
import socket
import struct
import threading
from contextlib import ExitStack
from itertools import cycle, islice
from typing import TYPE_CHECKING, NamedTuple

import pytest

from ml_framework.byte_queue import Consumer, Doorbell, FrameKind, MappedQueue, Producer, create
from ml_framework.byte_queue.layout import FIRST, LAST
from ml_framework.errors import EndOfStream, PeerLost, QueueClosed

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import ModuleType

    Start = Callable[..., subprocess.Popen[str]]

LIMIT_S = 60
LANGUAGES = ("python", "java")
CAPACITY = 1 << 13
LONGEST = 4 * CAPACITY
MOST_FRAMES = CAPACITY // 64
"""As many as the ring holds."""


def report_of(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=LIMIT_S)
    return output.splitlines()[-1]


def expected_report(driver: ModuleType, frames: list[tuple[FrameKind, bytes]]) -> str:
    report = driver.Report()
    for kind, payload in frames:
        report.add(kind, payload)
    return str(report)


def await_listening(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "listening\n"


class Peer(NamedTuple):
    """A process at the other end, and our end of the doorbell to it."""

    process: subprocess.Popen[str]
    bell: Doorbell

    def lose(self) -> None:
        self.process.kill()
        self.process.wait(LIMIT_S)


class Meeting:
    """A queue, and where the doorbells to it are connected; closes those that a test leaves open."""

    def __init__(self, folder: Path) -> None:
        self.queue = folder / "queue"
        self.path = folder / "bell"
        create(self.queue, CAPACITY)
        self._stack = ExitStack()
        self._server = self._stack.enter_context(socket.socket(socket.AF_UNIX))

    def connect(self, producing: subprocess.Popen[str]) -> Peer:
        """Meet a process that listens."""
        await_listening(producing)
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(self.path))
        return self._peer(producing, sock)

    def accept(self, connecting: Callable[[], subprocess.Popen[str]]) -> Peer:
        """Meet a process that connects."""
        self._server.bind(str(self.path))
        self._server.listen()
        self._server.settimeout(LIMIT_S)
        return self._peer(connecting(), self._server.accept()[0])

    def _peer(self, process: subprocess.Popen[str], sock: socket.socket) -> Peer:
        bell = Doorbell(sock)
        self._stack.callback(bell.close)
        return Peer(process, bell)

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def meeting(tmp_path: Path) -> Iterator[Meeting]:
    meeting = Meeting(tmp_path)
    yield meeting
    meeting.close()


@pytest.mark.parametrize("consumer", LANGUAGES)
@pytest.mark.parametrize("producer", LANGUAGES)
def test_every_frame_arrives_as_it_was_sent(
    producer: str, consumer: str, meeting: Meeting, start: Start
) -> None:
    """Frames of 0 to 4 times the capacity; the producer is gone by the time the last of them are read."""
    sending = start(producer, "produce", meeting.queue, meeting.path, 600, LONGEST, 7)
    await_listening(sending)
    receiving = start(consumer, "consume", meeting.queue, meeting.path)
    assert report_of(sending) == report_of(receiving) == "frames=600 bytes=2569700 crc=206196ef"
    assert (sending.returncode, receiving.returncode) == (0, 0)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_killed_producer_is_lost_behind_the_frames_it_finished(
    language: str, seed: int, meeting: Meeting, start: Start, driver: ModuleType
) -> None:
    peer = meeting.connect(start(language, "produce", meeting.queue, meeting.path, 5000, LONGEST, seed))
    consumer = Consumer(MappedQueue.open(meeting.queue), peer.bell)
    kill_at = random.Random(seed).randrange(200)
    received: list[tuple[FrameKind, bytes]] = []

    def receive(count: int) -> None:
        for _ in range(count):
            frame = consumer.receive(LIMIT_S)
            assert frame is not None
            received.append((frame.kind, bytes(frame.payload)))
            frame.release()

    receive(kill_at)
    peer.lose()
    with pytest.raises(PeerLost):
        receive(MOST_FRAMES + 1)
    assert len(received) >= kill_at
    assert received == list(islice(driver.frames(5000, LONGEST, seed), len(received)))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_killed_consumer_is_lost_to_a_producer_that_needs_room(
    language: str, seed: int, meeting: Meeting, start: Start, driver: ModuleType
) -> None:
    peer = meeting.accept(lambda: start(language, "consume", meeting.queue, meeting.path))
    producer = Producer(MappedQueue.open(meeting.queue), peer.bell)
    frames = driver.frames(5000, LONGEST, seed)

    def send(count: int) -> None:
        for kind, payload in islice(frames, count):
            producer.send(kind, payload, timeout_s=LIMIT_S)

    send(random.Random(seed).randrange(200))
    peer.lose()
    with pytest.raises(PeerLost):
        send(MOST_FRAMES + 1)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_consumer_says_that_its_producer_was_lost(
    language: str, meeting: Meeting, start: Start, driver: ModuleType
) -> None:
    peer = meeting.accept(lambda: start(language, "consume", meeting.queue, meeting.path))
    producer = Producer(MappedQueue.open(meeting.queue), peer.bell)
    producer.send(FrameKind.BATCH, b"only")
    peer.bell.close()
    assert report_of(peer.process) == expected_report(driver, [(FrameKind.BATCH, b"only")])
    assert peer.process.returncode == 3


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_producer_says_that_its_consumer_was_lost(language: str, meeting: Meeting, start: Start) -> None:
    peer = meeting.connect(start(language, "produce", meeting.queue, meeting.path, 100_000, 1000, 1))
    consumer = Consumer(MappedQueue.open(meeting.queue), peer.bell)
    assert consumer.receive(LIMIT_S) is not None
    peer.bell.close()
    assert report_of(peer.process).startswith("frames=")
    assert peer.process.returncode == 3


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_restarted_consumer_reads_again_what_was_not_released(
    language: str, meeting: Meeting, start: Start, driver: ModuleType
) -> None:
    """The former consumer released half of a long frame, and died with the next frame in its hands."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        producer = Producer(MappedQueue.open(meeting.queue), Doorbell(ours))
        former = Consumer(MappedQueue.open(meeting.queue), Doorbell(theirs))
        producer._put(FrameKind.BATCH, FIRST, [bytes(2048)], 2048, None)
        assert former.receive(0) is None
        producer._put(FrameKind.BATCH, LAST, [bytes(10)], 10, None)
        producer.send(FrameKind.BATCH, b"held")
        producer.send_number(FrameKind.STATUS, 1)
    peer = meeting.accept(lambda: start(language, "consume", meeting.queue, meeting.path))
    producer = Producer(MappedQueue.open(meeting.queue), peer.bell)
    producer.send(FrameKind.END)
    producer.close()
    again = [(FrameKind.BATCH, b"held"), (FrameKind.STATUS, struct.pack("<q", 1)), (FrameKind.END, b"")]
    assert report_of(peer.process) == expected_report(driver, again)


class Echo(NamedTuple):
    """Two tiny queues that share one doorbell, there and back, and a process that sends every frame back."""

    process: subprocess.Popen[str]
    producer: Producer
    consumer: Consumer

    def send(self, numbers: range) -> None:
        for number in numbers:
            self.producer.send_number(FrameKind.WATERMARK, number, timeout_s=LIMIT_S)

    def receive(self, numbers: range) -> None:
        for number in numbers:
            frame = self.consumer.receive(LIMIT_S)
            assert frame is not None, f"frame {number} was never heard of"
            assert frame.number == number
            frame.release()

    def finish(self) -> None:
        self.producer.close()
        with pytest.raises(EndOfStream):
            self.consumer.receive(LIMIT_S)
        assert self.process.wait(LIMIT_S) == 0


@pytest.fixture
def make_echo(tmp_path: Path, meeting: Meeting, start: Start) -> Callable[[str], Echo]:
    def make(language: str) -> Echo:
        there, back = tmp_path / "there", tmp_path / "back"
        create(there, 4096)
        create(back, 4096)
        process, bell = meeting.accept(lambda: start(language, "echo", there, back, meeting.path))
        producer = Producer(MappedQueue.open(there), bell)
        return Echo(process, producer, Consumer(MappedQueue.open(back), bell))

    return make


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_wake_up_is_lost_in_a_tiny_ring(language: str, make_echo: Callable[[str], Echo]) -> None:
    """20,000 frames go there and back, alone and in bursts that do not fit into one ring."""
    echo = make_echo(language)
    at, alone_then_many = 0, cycle((1, 1, 1, 48))
    while at < 20_000:
        numbers = range(at, at + next(alone_then_many))
        echo.send(numbers)
        echo.receive(numbers)
        at = numbers.stop
    echo.finish()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_wake_up_is_lost_where_two_threads_share_a_doorbell(
    language: str, make_echo: Callable[[str], Echo]
) -> None:
    """One thread waits for room while the other waits for frames; each hears what is meant for it."""
    echo = make_echo(language)
    numbers = range(5_000)
    sending = threading.Thread(target=echo.send, args=(numbers,), daemon=True)
    sending.start()
    echo.receive(numbers)
    sending.join(LIMIT_S)
    echo.finish()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_consumer_that_closes_is_told_apart_from_one_that_was_lost(
    language: str, meeting: Meeting, start: Start
) -> None:
    peer = meeting.accept(lambda: start(language, "consume", meeting.queue, meeting.path))
    producer = Producer(MappedQueue.open(meeting.queue), peer.bell)
    producer.close()
    assert peer.process.wait(LIMIT_S) == 0
    with pytest.raises(QueueClosed, match="by its consumer"):
        Producer(MappedQueue.open(meeting.queue), peer.bell).send(FrameKind.BATCH, b"too late")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no byte queue: it has 0 bytes"),
        (bytes(8192), "is no byte queue: it begins with"),
        (struct.pack("<8sI4xQ", b"MLFQUEUE", 2, 4096).ljust(8192, b"\0"), "version 2, this is version 1"),
        (struct.pack("<8sI4xQ", b"MLFQUEUE", 1, 8192).ljust(8192, b"\0"), "capacity 8192 in a file of 8192"),
    ],
    ids=["empty", "magic", "version", "size"],
)
def test_java_refuses_what_is_no_queue(
    content: bytes, message: str, tmp_path: Path, start: Start, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "queue").write_bytes(content)
    assert start("java", "consume", tmp_path / "queue", tmp_path / "bell").wait(LIMIT_S) == 1
    assert message in capfd.readouterr().err


def test_java_leaves_a_file_alone_that_is_there_already(
    tmp_path: Path, start: Start, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "queue").write_bytes(b"something else")
    assert start("java", "golden", tmp_path / "queue").wait(LIMIT_S) == 1
    assert "FileAlreadyExistsException" in capfd.readouterr().err
    assert (tmp_path / "queue").read_bytes() == b"something else"
