"""Runs the Python ends of a byte queue from a command line: the commands and reports of ``Tool.java``."""

from __future__ import annotations

import socket
import struct
import sys
from typing import TYPE_CHECKING
from zlib import crc32

from ml_framework.byte_queue import Consumer, Doorbell, FrameKind, MappedQueue, Producer, create
from ml_framework.errors import EndOfStream, PeerLost

if TYPE_CHECKING:
    from collections.abc import Iterator

PEER_LOST = 3
PERIOD = bytes(range(251))


def pattern(start: int, length: int) -> bytes:
    """`length` bytes that tell frame `start` from its neighbours."""
    start %= len(PERIOD)
    return (PERIOD * ((start + length) // len(PERIOD) + 1))[start : start + length]


def frames(count: int, longest: int, seed: int) -> Iterator[tuple[FrameKind, bytes]]:
    """The frames that `produce` sends."""
    state = seed
    for i in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        if i % 10 == 9:
            yield FrameKind.WATERMARK, struct.pack("<q", -i)
        else:
            bound = longest if i % 4 == 0 else longest // 64
            yield FrameKind.BATCH, pattern(i, (state >> 33) % (bound + 1))


class Report:
    """What was sent or received."""

    def __init__(self) -> None:
        self.frames = self.bytes = self.crc = 0

    def add(self, kind: FrameKind, payload: bytes | memoryview) -> None:
        self.frames += 1
        self.bytes += len(payload)
        self.crc = crc32(payload, crc32(bytes([kind]), self.crc))

    def __str__(self) -> str:
        return f"frames={self.frames} bytes={self.bytes} crc={self.crc:x}"


def listen(path: str) -> Doorbell:
    """The doorbell to whoever connects to `path` first."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        print("listening", flush=True)
        return Doorbell(server.accept()[0])


def connect(path: str) -> Doorbell:
    """The doorbell to whoever listens at `path`."""
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(path)
    return Doorbell(sock)


def golden(path: str) -> None:
    """Make a queue whose bytes are the same in every language."""
    create(path, 4096)
    ours, theirs = socket.socketpair()
    producer = Producer(MappedQueue.open(path), Doorbell(ours))
    consumer = Consumer(MappedQueue.open(path), Doorbell(theirs))
    producer.send(FrameKind.BATCH, pattern(0, 1000))
    producer.send_number(FrameKind.WATERMARK, -2)
    producer.send(FrameKind.BATCH, pattern(1, 1024))
    producer.send(FrameKind.BATCH, pattern(2, 900))
    for _ in range(3):
        frame = consumer.receive(0)
        assert frame is not None
        frame.release()
    producer.send(FrameKind.BATCH, pattern(3, 1500))  # two records behind padding
    producer.send(FrameKind.END)
    producer.close()
    ours.close()
    theirs.close()


def produce(queue: str, bell_path: str, *numbers: str, report: Report) -> None:
    """Send `frames(*numbers)` to whoever connects."""
    producer = Producer(MappedQueue.open(queue), listen(bell_path))
    for kind, payload in frames(*map(int, numbers)):
        report.add(kind, payload)
        middle = len(payload) // 3
        producer.send(kind, [payload[:middle], b"", payload[middle:]])
    producer.close()


def consume(queue: str, bell_path: str, report: Report) -> None:
    """Read to the end of the stream."""
    consumer = Consumer(MappedQueue.open(queue), connect(bell_path))
    try:
        while (frame := consumer.receive()) is not None:
            report.add(frame.kind, frame.payload)
            frame.release()
    except EndOfStream:
        consumer.close()


def echo(in_queue: str, out_queue: str, bell_path: str) -> None:
    """Send every frame back."""
    bell = connect(bell_path)
    consumer = Consumer(MappedQueue.open(in_queue), bell)
    producer = Producer(MappedQueue.open(out_queue), bell)
    try:
        while (frame := consumer.receive()) is not None:
            producer.send(frame.kind, frame.payload)
            frame.release()
    except EndOfStream:
        producer.close()


def main(command: str, *args: str) -> int:
    """Run one command; the exit code."""
    report = Report()
    try:
        match command:
            case "golden":
                golden(*args)
            case "produce":
                produce(*args, report=report)
            case "consume":
                consume(*args, report=report)
            case "echo":
                echo(*args)
    except PeerLost:
        print(report)
        return PEER_LOST
    print(report)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
