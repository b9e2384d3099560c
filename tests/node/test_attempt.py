"""A started process and its end, without an agent around it."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from datetime import timedelta

from ml_framework.context.counters import Counters
from ml_framework.context.launch import Descriptors
from ml_framework.host import Host
from ml_framework.node.attempt import Listeners, RunningAttempt
from ml_framework.node.measure import Measuring
from ml_framework.node.memory import MemoryWatch
from ml_framework.node.standby import Processes
from ml_framework.node.usage import Usage
from ml_framework.rpc.wire import Outcome
from ml_framework.runner import Attempt, Program, PythonRunner
from ml_framework.runner.console import Console
from ml_framework.runner.log_file import LogFile
from ml_framework.runner.process import UserProcess
from ml_framework.spec import ClusterSpec, NodeId


def test_a_process_that_has_just_ended_can_still_be_stopped(tmp_path):
    """Who stops it may not have heard of its end yet; the outcome stays what it was."""
    directory = tmp_path / "attempt_0"
    directory.mkdir()
    attempt = Attempt(
        node=NodeId("worker", 0),
        number=0,
        parallelism=1,
        cluster=ClusterSpec(),
        program=Program(PythonRunner("m:f")),
        job_name="job",
        job_id="17",
        host=Host("127.0.0.1"),
        directory=directory,
        log_dir=tmp_path,
        descriptors=Descriptors(3, None),
        python=sys.executable,
    )

    async def run():
        ours, theirs = socket.socketpair()
        with theirs, open(os.devnull, "wb") as nowhere:  # noqa: PTH123
            process = UserProcess.start(
                lambda output: Processes().start([sys.executable, "-c", ""], {}, (), output, frozenset()),
                log=LogFile(tmp_path / "log", 1 << 20),
                console=Console(nowhere.fileno()),
                prefix="",
            )
            listeners = Listeners(numbers=print, nonsense=print)
            counters = Counters(None)
            running = RunningAttempt(
                attempt,
                {},
                process,
                ours,
                listeners,
                counters=counters,
                measuring=Measuring(counters, Usage(process.pid), {}, attempt=0, restarts=0),
                step=timedelta(seconds=1),
                memory=MemoryWatch(None),
            )
            end = await running.end()
            running.stop(timedelta(seconds=1))
            return end

    assert asyncio.run(run()) == (Outcome.SUCCEEDED, None)
