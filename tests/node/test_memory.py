"""What is said of a process that got a SIGKILL: with files like the kernel's, and by the kernel itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ml_framework.node.memory import VERSION_1, VERSION_2, MemoryGroup, MemoryWatch, own_group
from ml_framework.spec import NodeId
from ml_framework.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator


REMEDY = "take smaller batches, or give the TaskManager's container or host more memory"
UNKNOWN = f"by somebody else, most often the kernel for want of memory: {REMEDY}"
NODE = NodeId("worker", 0)
LIMIT_BYTES = 192 << 20


def group(folder: Path, version: int, *, kills: int, limit: str, peak: str | None = None) -> MemoryGroup:
    """A folder as the kernel would show it."""
    files = {1: VERSION_1, 2: VERSION_2}[version]
    counters = {
        1: f"oom_kill_disable 0\nunder_oom 0\noom_kill {kills}\n",
        2: f"low 0\nhigh 3\nmax 17\noom 9\noom_kill {kills}\noom_group_kill 5\n",
    }
    (folder / files.kills).write_text(counters[version])
    (folder / files.limit).write_text(f"{limit}\n")
    if peak is not None:
        (folder / files.peak).write_text(f"{peak}\n")
    return MemoryGroup(folder, files)


@pytest.mark.parametrize(
    ("version", "limit", "peak", "facts"),
    [
        (2, "2147483648", "2147479552", "the limit is 2.0 GiB, the peak was 2.0 GiB"),
        (2, "536870912", None, "the limit is 512 MiB"),
        (2, "max", "734003200", "the host had no more, the peak was 700 MiB"),
        (1, "3221225472", "3221225472", "the limit is 3.0 GiB, the peak was 3.0 GiB"),
        (1, "9223372036854771712", None, "the host had no more"),
    ],
)
def test_a_kill_that_was_counted_is_told(
    tmp_path: Path, version: int, limit: str, peak: str | None, facts: str
) -> None:
    """With the limit, the peak where it is known, and what to do."""
    watch = MemoryWatch(group(tmp_path, version, kills=4, limit=limit, peak=peak))
    group(tmp_path, version, kills=5, limit=limit, peak=peak)
    assert watch.explain() == f"by the kernel for memory ({facts}): {REMEDY}"


@pytest.mark.parametrize("version", [1, 2])
def test_a_kill_that_was_not_counted_was_not_for_memory(tmp_path: Path, version: int) -> None:
    """However many there were before."""
    watch = MemoryWatch(group(tmp_path, version, kills=4, limit="2147483648"))
    assert watch.explain() == (
        "by somebody else; not for memory, of which the kernel has counted no such kill here"
    )


def test_where_nobody_counts_memory_is_the_usual_cause(tmp_path: Path) -> None:
    """No group, an empty folder, and a file of another form."""
    assert MemoryWatch(None).explain() == UNKNOWN
    assert MemoryWatch(MemoryGroup(tmp_path, VERSION_2)).explain() == UNKNOWN
    (tmp_path / VERSION_2.kills).write_text("something new\n")
    assert MemoryWatch(MemoryGroup(tmp_path, VERSION_2)).explain() == UNKNOWN


UNIFIED = "42 31 0:41 {root} {point} rw,relatime shared:9 - cgroup2 cgroup2 rw\n"
OF_MEMORY = "35 31 0:32 {root} {point} rw,relatime - cgroup cgroup rw,{controllers}\n"


@pytest.mark.parametrize(
    ("groups", "mounts", "folder", "files"),
    [
        ("0::/a/b\n", UNIFIED.format(root="/", point="/sys/fs/cgroup"), "/sys/fs/cgroup/a/b", VERSION_2),
        ("0::/\n", UNIFIED.format(root="/", point="/sys/fs/cgroup"), "/sys/fs/cgroup", VERSION_2),
        (
            "7:cpu:/x\n4:memory:/docker/12\n0::/\n",
            UNIFIED.format(root="/", point="/u")
            + OF_MEMORY.format(root="/", point="/cpu", controllers="cpu")
            + OF_MEMORY.format(root="/docker/12", point="/memory", controllers="memory"),
            "/memory",
            VERSION_1,
        ),
        (
            "4:hugetlb,memory:/a\n",
            OF_MEMORY.format(root="/", point="/both", controllers="hugetlb,memory"),
            "/both/a",
            VERSION_1,
        ),
        ("4:memory:/a\n", OF_MEMORY.format(root="/other", point="/m", controllers="memory"), "/m", VERSION_1),
    ],
)
def test_the_group_is_found(tmp_path: Path, groups: str, mounts: str, folder: str, files: object) -> None:
    """In both versions, whichever part of the tree is mounted where."""
    (tmp_path / "cgroup").write_text(groups)
    (tmp_path / "mountinfo").write_text("23 1 0:19 / /proc rw - proc proc rw\n" + mounts)
    assert own_group(tmp_path) == MemoryGroup(Path(folder), files)


def test_there_may_be_no_group(tmp_path: Path) -> None:
    """Without the files, and without the controller."""
    assert own_group(tmp_path) is None
    (tmp_path / "cgroup").write_text("3:cpu:/\n")
    (tmp_path / "mountinfo").write_text(OF_MEMORY.format(root="/", point="/cpu", controllers="cpu"))
    assert own_group(tmp_path) is None


@pytest.fixture
def limited() -> Iterator[Path]:
    """A control group below that of this process, with little memory."""
    parent = own_group()
    if parent is None:
        pytest.skip("no control group of memory is to be seen")
    folder = parent.folder / f"mlflink-test-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made: {error}")
    try:
        try:
            (folder / parent.files.limit).write_text(str(LIMIT_BYTES))
        except OSError as error:
            pytest.skip(f"no memory limit can be set: {error}")
        yield folder
    finally:
        eventually(lambda: not (folder / "cgroup.procs").read_text())
        folder.rmdir()


def test_the_kernel_kills_a_process_for_memory(limited: Path, stage) -> None:
    """And the first cause says so, with the limit and what to do."""
    node = stage.node("eats_memory", {"bytes": 4 * LIMIT_BYTES})
    (limited / "cgroup.procs").write_text(str(node.pid))
    stage.start(node)
    summary = stage.master.outcome(NODE).failure.summary
    assert summary == (
        f"killed by SIGKILL, by the kernel for memory (the limit is 192 MiB, the peak was 192 MiB): {REMEDY}"
    )
