"""Checks of the machine: shared memory, the temporary folder, open files."""

from __future__ import annotations

import os
import resource
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ml_framework.node.queue_sizes import LARGEST_QUEUE_BYTES
from ml_operator.cli.doctor.finding import fine, problem, warning

if TYPE_CHECKING:
    from ml_operator.cli.doctor.finding import Finding

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - looked at, not written to
_NODE_BYTES = 2 * LARGEST_QUEUE_BYTES
_SPARE = 2
"""As much again as its queues is left to others, or a node takes the temporary folder for them."""
_MIB = 1 << 20
_LEAST_TEMPORARY_BYTES = 1 << 30
_LEAST_FILES = 4096
_LARGER = (
    "make it larger: docker run --shm-size=1g, in Kubernetes an emptyDir of medium Memory mounted there, "
    "on a host mount -o remount,size=1g /dev/shm"
)


def shared_memory() -> Finding:
    """Whether /dev/shm has room for the queues of a node, which are fast there."""
    check = "shared memory"
    try:
        found = os.statvfs(SHARED_MEMORY)
    except OSError as error:
        return problem(check, f"{SHARED_MEMORY} cannot be used: {error.strerror}.", "mount a tmpfs there")
    size, free = found.f_frsize * found.f_blocks, found.f_frsize * found.f_bavail
    need = _SPARE * _NODE_BYTES
    told = f"{SHARED_MEMORY} has {_mib(size)}, {_mib(free)} of it free"
    if free >= need:
        return fine(check, told)
    lacks = (
        f"{told}; the two queues of one node take up to {_mib(_NODE_BYTES)}, with as much again for others, "
        "and go to slower files where there is less."
    )
    if size >= need:
        return problem(check, lacks, f"free some: see what lies in {SHARED_MEMORY}, or {_LARGER}")
    return problem(check, lacks, _LARGER)


def temporary_folder() -> Finding:
    """Whether logs, unpacked archives and Flink's own files have a place."""
    check = "temporary folder"
    try:
        folder = tempfile.gettempdir()
        with tempfile.TemporaryFile():
            pass
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return problem(
            check,
            f"no temporary folder can be written to: {error}.",
            "set TMPDIR to a folder that this user can write to",
        )
    told = f"{folder} has {_mib(free)} free"
    if free < _LEAST_TEMPORARY_BYTES:
        return warning(
            check,
            f"{told}, for logs, archives that jobs ship and Flink's own files.",
            "free some, or set TMPDIR, and io.tmp.dirs of the TaskManagers, to a folder on a larger disk",
        )
    return fine(check, told)


def open_files() -> Finding:
    """Whether a process may have as many open files as a TaskManager with some nodes takes."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= _LEAST_FILES:
        return fine("open files", "unlimited" if soft == resource.RLIM_INFINITY else f"up to {soft:,}")
    return warning(
        "open files",
        f"a process may have {soft:,} files open, which a job with many nodes can reach.",
        f"ulimit -n {_LEAST_FILES} before the job, or nofile in /etc/security/limits.conf",
    )


def _mib(size: float) -> str:
    return f"{size / _MIB:,.0f} MiB"
