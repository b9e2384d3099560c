"""Both languages write the same bytes, and these."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ml_framework.byte_queue import Consumer, Doorbell, FrameKind, MappedQueue
from ml_framework.errors import EndOfStream

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from types import ModuleType

GOLDEN = Path(__file__).with_name("golden.hex")
"""The file's lines of 32 bytes that are not all zero, each behind its offset, both in hexadecimal."""
SIZE = 8192


def read_golden() -> bytes:
    content = bytearray(SIZE)
    for line in GOLDEN.read_text(encoding="ascii").splitlines():
        offset, data = line.split()
        content[int(offset, 16) : int(offset, 16) + 32] = bytes.fromhex(data)
    return bytes(content)


@pytest.mark.parametrize("language", ["python", "java"])
def test_a_language_writes_the_golden_bytes(
    language: str, start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = start(language, "golden", tmp_path / "queue")
    assert process.wait(30) == 0
    assert (tmp_path / "queue").read_bytes() == read_golden()


def test_the_golden_bytes_hold_the_frames_that_were_not_released(tmp_path: Path, driver: ModuleType) -> None:
    (tmp_path / "queue").write_bytes(read_golden())
    ours, theirs = socket.socketpair()
    with ours, theirs:
        consumer = Consumer(MappedQueue.open(tmp_path / "queue"), Doorbell(ours))
        for kind, payload in [
            (FrameKind.BATCH, driver.pattern(2, 900)),
            (FrameKind.BATCH, driver.pattern(3, 1500)),
            (FrameKind.END, b""),
        ]:
            frame = consumer.receive(0)
            assert frame is not None
            assert (frame.kind, bytes(frame.payload)) == (kind, payload)
            frame.release()
        with pytest.raises(EndOfStream):
            consumer.receive(0)
