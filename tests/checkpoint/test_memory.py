"""Memory that the task reads: as the task does, through ``/proc``."""

from __future__ import annotations

import errno
import os
import struct
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ml_framework.checkpoint import StateMemories, StateMemory
from ml_framework.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Task:
    """The other end of a STATE frame: opens the memory, reads its parts, and releases it."""

    def __init__(self, payload: bytes) -> None:
        pid, number, count, *places = struct.unpack(f"<{len(payload) // 8}q", payload)
        assert count * 2 == len(places)
        self.places = list(zip(places[::2], places[1::2], strict=True))
        self.file = Path(f"/proc/{pid}/fd/{number}").open("r+b", buffering=0)  # noqa: SIM115 - kept open
        self.taken = self.word(0)

    def word(self, offset: int) -> int:
        """One of the header's."""
        return int.from_bytes(os.pread(self.file.fileno(), 8, offset), "little")

    def parts(self) -> list[bytes]:
        """What the process has published."""
        return [os.pread(self.file.fileno(), length, offset) for offset, length in self.places]

    def release(self) -> None:
        """Say that it needs them no more."""
        os.pwrite(self.file.fileno(), self.taken.to_bytes(8, "little"), 64)
        self.file.close()


@pytest.fixture
def memories() -> Iterator[StateMemories]:
    """None taken yet; afterwards all are closed."""
    found = StateMemories()
    yield found
    found.close()


def published(memory: StateMemory, content: bytes) -> Task:
    """The task that has got `content`."""
    memory.memory[: len(content)] = content
    return Task(memory.publish([(0, len(content))]))


def inodes() -> list[int]:
    """Of everything that this process has open."""
    found = []
    for path in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing itself
            found.append(path.stat().st_ino)
    return found


def test_the_task_reads_what_was_published(memories: StateMemories) -> None:
    """Offsets count from the beginning of the file, behind the header; the first is `taken` once."""
    memory = memories.take(200)
    memory.memory[:3], memory.memory[128:131] = b"one", b"two"
    task = Task(memory.publish([(0, 3), (128, 3), (192, 0)]))
    assert task.places == [(4096, 3), (4224, 3), (4288, 0)]
    assert task.parts() == [b"one", b"two", b""]
    assert (task.word(0), task.word(64)) == (1, 0)
    task.release()
    assert task.taken == 1


def test_the_payload_is_little_endian_numbers(memories: StateMemories) -> None:
    """Process, descriptor, number of parts, parts."""
    payload = memories.take(64).publish([(0, 5)])
    pid, number, *rest = struct.unpack("<5q", payload)
    assert (pid, rest) == (os.getpid(), [1, 4096, 5])
    assert Path(f"/proc/self/fd/{number}").readlink().name.startswith("memfd:mlflink-state")


def test_a_memory_is_used_again_when_the_task_is_done(memories: StateMemories) -> None:
    """While the task reads another one is taken; a release of an older time does not free it."""
    first = memories.take(10)
    task = published(first, b"x")
    assert not first.is_free
    second = memories.take(10)
    assert second is not first
    task.release()
    assert first.is_free
    before, after = published(first, b"y"), published(second, b"z")
    os.pwrite(before.file.fileno(), (1).to_bytes(8, "little"), 64)
    assert not first.is_free
    before.release()
    after.release()
    assert {memories.take(10), memories.take(10)} <= {first, second}


def test_what_was_not_published_is_free(memories: StateMemories) -> None:
    """A checkpoint that was given up meanwhile costs nothing."""
    assert memories.take(10) is memories.take(20)


def test_a_memory_grows_and_keeps_what_it_has(memories: StateMemories) -> None:
    """The task that opened it before still reads the same file."""
    memory = memories.take(100)
    task = published(memory, b"before")
    number = os.fstat(task.file.fileno()).st_ino
    task.release()
    assert memories.take(5 << 20) is memory
    assert len(memory.memory) >= 5 << 20
    assert bytes(memory.memory[:6]) == b"before"
    later = published(memory, b"after")
    assert (later.taken, os.fstat(later.file.fileno()).st_ino) == (2, number)
    later.release()


def test_a_view_of_before_stays_valid(memories: StateMemories) -> None:
    """It is the same memory."""
    memory = memories.take(100)
    before = memory.memory
    memories.take(5 << 20)
    before[:3] = b"new"
    assert bytes(memory.memory[:3]) == b"new"


def test_the_smallest_that_fits_is_taken(memories: StateMemories) -> None:
    """So that a small state does not keep a large memory."""
    small = memories.take(100)
    tasks = [published(small, b"s")]
    large = memories.take(4 << 20)
    tasks.append(published(large, b"l"))
    for task in tasks:
        task.release()
    assert memories.take(100) is small
    assert memories.take(3 << 20) is large


def test_pages_are_there_before_they_are_written(memories: StateMemories) -> None:
    """The file has all its blocks, so no write can run out of memory."""
    memory = memories.take(3 << 20)
    task = published(memory, b"")
    status = os.fstat(task.file.fileno())
    assert status.st_blocks * 512 >= status.st_size >= 3 << 20
    task.release()


def test_too_many_unfinished_checkpoints_are_refused(memories: StateMemories) -> None:
    """The fifth, in words; it works again as soon as one is read."""
    tasks = [published(memories.take(10), b"x") for _ in range(4)]
    with pytest.raises(CheckpointError) as refusal:
        memories.take(10)
    assert str(refusal.value) == (
        "the states of 4 checkpoints are still being written, so there is no memory for another: checkpoints "
        "begin faster than they are finished; make execution.checkpointing.interval longer, or the storage "
        "of checkpoints faster"
    )
    tasks[2].release()
    assert memories.take(10).is_free
    for task in (*tasks[:2], tasks[3]):
        task.release()


@pytest.mark.parametrize("part", [(1, 1), (-64, 10), (0, -1), (1 << 30, 1), (0, 1 << 30)])
def test_a_part_outside_of_the_memory_is_refused(memories: StateMemories, part: tuple[int, int]) -> None:
    """Nothing is published then."""
    memory = memories.take(100)
    with pytest.raises(ValueError, match=f"offset {part[0]}, length {part[1]}"):
        memory.publish([part])
    assert memory.is_free


def test_memory_that_is_not_there_is_an_error_and_leaves_nothing(
    memories: StateMemories, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a signal later, and no open file now."""
    before = sorted(inodes())

    def refuse(descriptor: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, f"no room for {offset} to {offset + length}")

    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", refuse)
        with pytest.raises(OSError, match="no room for 0 to 1048576"):
            memories.take(100)
    assert sorted(inodes()) == before
    assert memories.take(100).is_free


def test_the_task_reads_on_after_the_process_has_closed() -> None:
    """The final state outlives its process."""
    memories = StateMemories()
    task = published(memories.take(10), b"last words")
    own = os.fstat(task.file.fileno()).st_ino
    memories.close()
    assert inodes().count(own) == 1  # the task's
    assert task.parts() == [b"last words"]
    task.release()
