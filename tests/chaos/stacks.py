"""What the processes of a job are at when it hangs, for whoever looks for the reason."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil
from support.flink import users

from ml_framework.runner import stacks

if TYPE_CHECKING:
    from pathlib import Path

    from chaos.cluster import Cluster

_WITHIN_S = 20.0
_PRINTED_S = 1.0


def dump_stacks(cluster: Cluster, folder: Path) -> None:
    """Have the user processes print theirs to their logs, and those of the TaskManager go to `folder`."""
    for process in users():
        with suppress(psutil.NoSuchProcess):
            process.send_signal(stacks.SIGNAL)
    taskmanager = cluster.taskmanager()
    if taskmanager is not None:
        with (folder / "taskmanager.stacks").open("wb") as file, suppress(subprocess.TimeoutExpired):
            subprocess.run(["jstack", str(taskmanager.pid)], stdout=file, timeout=_WITHIN_S, check=False)
    time.sleep(_PRINTED_S)  # nobody tells when they are through
