"""The file under a queue: private, wholly there, and refused with a sentence when it is something else."""

from __future__ import annotations

import errno
import os
import stat
import struct
from typing import TYPE_CHECKING

import pytest

from ml_framework.byte_queue import MappedQueue, create
from ml_framework.errors import ProtocolError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_new_queue_is_private_and_all_of_it_is_there(tmp_path: Path) -> None:
    create(tmp_path / "queue", 1 << 16)
    status = (tmp_path / "queue").stat()
    assert stat.S_IMODE(status.st_mode) == 0o600
    assert status.st_size == 4096 + (1 << 16)
    assert status.st_blocks * 512 >= status.st_size


@pytest.mark.parametrize("capacity", [0, 2048, 4095, 5000, 1 << 31])
def test_a_capacity_that_is_no_power_of_two_in_range_is_refused(tmp_path: Path, capacity: int) -> None:
    with pytest.raises(ValueError, match=f"power of two from 4096 to 2\\*\\*30, not {capacity}"):
        create(tmp_path / "queue", capacity)
    assert not (tmp_path / "queue").exists()


def test_a_file_that_is_there_already_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "queue").write_bytes(b"something else")
    with pytest.raises(FileExistsError):
        create(tmp_path / "queue", 4096)
    assert (tmp_path / "queue").read_bytes() == b"something else"


def test_a_full_disk_is_told_at_creation_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(fd: int, offset: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left"):
        create(tmp_path / "queue", 4096)
    assert not (tmp_path / "queue").exists()


def test_a_queue_opens_by_descriptor_after_its_name_has_gone(tmp_path: Path) -> None:
    create(tmp_path / "queue", 8192)
    fd = os.open(tmp_path / "queue", os.O_RDWR)
    (tmp_path / "queue").unlink()
    try:
        assert MappedQueue.open(fd).capacity == 8192
        assert os.fstat(fd).st_size == 4096 + 8192, "the descriptor stays the caller's"
    finally:
        os.close(fd)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no byte queue: it has 0 bytes"),
        (bytes(8192), "is no byte queue: it begins with"),
        (struct.pack("<8sI4xQ", b"MLFQUEUE", 2, 4096).ljust(8192, b"\0"), "version 2, this is version 1"),
        (
            struct.pack("<8sI4xQ", b"MLFQUEUE", 1, 4095).ljust(8191, b"\0"),
            "damaged byte queue: capacity 4095",
        ),
        (struct.pack("<8sI4xQ", b"MLFQUEUE", 1, 8192).ljust(8192, b"\0"), "capacity 8192 in a file of 8192"),
    ],
    ids=["empty", "magic", "version", "capacity", "size"],
)
def test_what_is_no_queue_is_refused_by_name(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "queue").write_bytes(content)
    with pytest.raises(ProtocolError, match=message):
        MappedQueue.open(tmp_path / "queue")
