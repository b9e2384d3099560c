"""What Flink's REST tells of the flight demo while it runs."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import dataset
import pytest
from support.flink import processes, users
from support.rest import Rest

from ml_framework.testing.waiting import eventually
from ml_operator import announced

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psutil

pytestmark = pytest.mark.flink

JOB = Path(dataset.__file__).parent / "job.py"
WORKERS = 2
GAUGES = 15
WITHIN_MS = 30_000
"""Three times what it may take on a machine that does nothing else: `import torch` is in it."""


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The demo of a few departures, a program of its own; what it prints lies in `tmp_path`."""
    (tmp_path / "runtime").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    rows = first.name.removeprefix("first-")
    command = [sys.executable, JOB, "--data", first.parent, "--rows", rows, "--out", tmp_path / "out"]
    with (tmp_path / "printed").open("wb") as printed, (tmp_path / "shown").open("wb") as shown:
        process = subprocess.Popen(command, stdout=printed, stderr=shown)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)
        print((tmp_path / "shown").read_text())


@contextmanager
def stopped(process: psutil.Process) -> Iterator[None]:
    """`process` does not run in this block."""
    process.suspend()
    try:
        yield
    finally:
        process.resume()


def test_flinks_rest_tells_of_the_running_demo(
    demo: subprocess.Popen[bytes], first: Path, tmp_path: Path
) -> None:
    """Fifteen numbers of each worker in time, and at the end as many rows as the demo has scored.

    While its application master is stopped, the job stays where its last row was read.
    """
    (address,) = eventually(announced.addresses, timeout_s=60)
    rest = Rest(int(address.rpartition(":")[2]))
    node = rest.vertex("worker ->")
    eventually(lambda: len(users()) == WORKERS, timeout_s=60)
    (master,) = processes("ml_framework.master")
    with stopped(master):
        eventually(lambda: fewest(rest, node) >= GAUGES, timeout_s=60)
        told = [rest.numbers(node, index) for index in range(WORKERS)]
        assert running_ms(rest, node) < WITHIN_MS
        assert min(map(len, told)) >= GAUGES
        expected = len(dataset.departures(first))
        eventually(lambda: rows_in(rest, node) == expected, timeout_s=60)
        eventually(lambda: rest.counts(node)["read-records"] == expected)
    assert demo.wait(timeout=60) == 0
    last = (tmp_path / "printed").read_text().splitlines()[-1]
    assert last.startswith(f"flights={expected} distinct={expected} ")
    assert f"; {expected:,} rows read; " in (tmp_path / "shown").read_text().splitlines()[-1]


def fewest(rest: Rest, node: str) -> int:
    """How many numbers each worker tells at least, but for those that the demo itself logs."""
    named = [rest.get(f"{node}/subtasks/{index}/metrics") for index in range(WORKERS)]
    ours = [[one["id"] for one in ids if ".mlflink." in one["id"]] for ids in named]
    return min(sum(".mlflink.user." not in name for name in names) for names in ours)


def running_ms(rest: Rest, node: str) -> int:
    """For how long the worker that runs longest has been RUNNING."""
    return max(subtask["status-duration"]["RUNNING"] for subtask in rest.get(node)["subtasks"])


def rows_in(rest: Rest, node: str) -> float:
    """Rows that all workers have read, as Flink adds them up."""
    told = rest.get(f"{node}/subtasks/metrics?get=worker.mlflink.rows_in&agg=sum")
    return sum(metric["sum"] for metric in told)
