"""What has to be true when a run is over: everything exactly once, and nothing left behind."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
from support.flink import processes

from chaos.counts import counts_of
from ml_framework.node.directory import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chaos.draw import Draw

_CLEAN_WITHIN_S = 5.0


def violations(draw: Draw, workers: int, folder: Path) -> list[str]:
    """What a run has broken of the promises, in sentences; so many workers have seen the end of the data."""
    return [*_wrong_results(draw, workers, folder), *_wrong_rows(draw, folder)]


def _wrong_results(draw: Draw, workers: int, folder: Path) -> Iterator[str]:
    """The training has come to what it comes to without faults, on every rank, each time that it ended."""
    expected = _expected(draw)
    for rank in range(workers):
        file = folder / f"result-{rank}-{workers}"
        if not file.exists():
            yield f"rank {rank} has no result"
            continue
        for line in file.read_text().splitlines():
            if json.loads(line) != expected:
                yield f"rank {rank} came to {line}, not to {json.dumps(expected)}"


def _expected(draw: Draw) -> Any:
    if draw.scenario != "identical":
        return counts_of(np.arange(1, draw.rows + 1)).tolist()
    command = [
        sys.executable,
        "-m",
        "chaos.torch_programs",
        str(draw.seed),
        str(draw.rows),
        str(draw.batch_size),
    ]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout.strip()


def _wrong_rows(draw: Draw, folder: Path) -> Iterator[str]:
    """The sink has committed each row once."""
    rows = _committed(folder / "rows")
    times = np.bincount(rows, minlength=draw.rows + 1)[1:]
    for what, wrong in (("missed", times == 0), ("doubled", times > 1)):
        if wrong.any():
            first, last = np.flatnonzero(wrong)[[0, -1]] + 1
            yield f"{wrong.sum()} of {draw.rows} rows are {what} in the output, between {first} and {last}"


def _committed(folder: Path) -> np.ndarray[Any, np.dtype[np.int64]]:
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith((".", "_"))]
    return np.array([int(line) for path in files for line in path.read_text().splitlines()], np.int64)


def orphans(jobs: list[str]) -> list[str]:
    """Processes, files and shared memory of these jobs, some seconds after their end."""
    deadline = time.monotonic() + _CLEAN_WITHIN_S
    while left := _left(jobs):
        if time.monotonic() > deadline:
            return left
        time.sleep(0.05)  # the end of somebody else's process has no event to wait for
    return []


def _left(jobs: list[str]) -> list[str]:
    roots = (Path("/dev/shm"), Path("/tmp"))
    folders = [path for job in jobs for root in roots for path in root.glob(f"{PREFIX}{job}*")]
    return [*_told(processes()), *map(str, folders)]


def _told(found: Iterable[psutil.Process]) -> Iterator[str]:
    for process in found:
        with suppress(psutil.NoSuchProcess):  # it has gone meanwhile
            yield f"process {process.pid}: {' '.join(process.cmdline()[1:])}"
