"""However a job ends, nothing of it is left: no process, no file, no shared memory (see `leaves_nothing`)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from pyflink.table import DataTypes
from support.flink import PROGRAMS, Flink, make_flink, ours, processes, program

from ml_framework.testing.waiting import eventually, gone
from ml_operator import JobConfig, JobFailed, RestartPolicy, Timeouts

if TYPE_CHECKING:
    from pyflink.common import JobClient

pytestmark = pytest.mark.flink

START_WITHIN_S = 60.0
CANCELLED_WITHIN_S = 10.0
Moment = Callable[[Path], Any]


def at_once(folder: Path) -> bool:
    """Right after the job was submitted."""
    return True


def gathering(folder: Path) -> list[psutil.Process]:
    """The first agent is there, and the cluster not yet complete."""
    return processes("ml_framework.node")


def running(folder: Path) -> bool:
    """User code of both nodes runs."""
    return len(list(folder.iterdir())) == 2


def restarted(folder: Path) -> list[Path]:
    """The second restart in place."""
    return list(folder.glob("worker-*-2"))


def assert_cancelled(flink: Flink, client: JobClient) -> None:
    """The job ends as cancelled, soon."""
    asked_s = time.monotonic()
    client.cancel().result()
    with pytest.raises(JobFailed, match="Job was cancelled"):
        flink.job.wait(client, every=timedelta(milliseconds=50))
    assert time.monotonic() - asked_s < CANCELLED_WITHIN_S


@pytest.mark.parametrize("moment", [at_once, gathering, running])
def test_a_cancelled_job_leaves_nothing(flink: Flink, tmp_path: Path, moment: Moment) -> None:
    """Cancelled early or late, with a driver and a parameter server that would run for ever."""
    flink.job.add_role("ps", runner=program("serve_forever", folder=str(tmp_path)), kind="serves")
    flink.job.add_role("worker", runner=program("wait_for_stop", folder=str(tmp_path)))
    client = flink.submit()
    eventually(lambda: moment(tmp_path), timeout_s=START_WITHIN_S)
    assert_cancelled(flink, client)


def test_cancelling_reaches_tasks_that_wait_for_room_in_a_full_queue(tmp_path: Path) -> None:
    """Nobody reads the rows any more, and the way back is flooded."""
    flink = make_flink(JobConfig(queue_bytes=4096))
    table = flink.job.add_role(
        "worker",
        runner=program("stop_reading", folder=str(tmp_path)),
        parallelism=2,
        input=flink.sequence(1_000_000),
        output=[("x", DataTypes.BIGINT())],
    )
    client = flink.insert(table)
    eventually(lambda: running(tmp_path), timeout_s=START_WITHIN_S)
    assert_cancelled(flink, client)


def test_a_job_that_keeps_failing_can_be_cancelled(tmp_path: Path) -> None:
    """Between two restarts in place as well as during one."""
    policy = RestartPolicy(budget=1_000_000, max_backoff=timedelta(milliseconds=200))
    flink = make_flink(JobConfig(restart=policy))
    flink.job.add_role(
        "worker", runner=program("fail_until", folder=str(tmp_path), until=1_000_000), parallelism=2
    )
    client = flink.submit()
    eventually(lambda: restarted(tmp_path), timeout_s=START_WITHIN_S)
    assert_cancelled(flink, client)


def test_agents_that_stay_go_with_their_job(tmp_path: Path) -> None:
    """Flink restarts the job again and again; when it is cancelled, no agent waits for a next attempt."""
    flink = make_flink(
        JobConfig(standby=True),
        restart_strategy__type="fixed-delay",
        restart_strategy__fixed_delay__attempts="1000",
        restart_strategy__fixed_delay__delay="100 ms",
    )
    table = flink.job.add_role(
        "worker",
        runner=program("die_when_another_is_ready", folder=str(tmp_path), kills=1000),
        parallelism=2,
        input=flink.sequence(10**12),
        output=[("x", DataTypes.BIGINT())],
    )
    client = flink.insert(table)
    eventually((tmp_path / "start-2").exists, timeout_s=START_WITHIN_S)
    assert_cancelled(flink, client)


def test_user_code_that_ignores_the_wish_to_stop_is_killed(tmp_path: Path) -> None:
    """Neither `ctx.stopping` nor SIGTERM moves it."""
    flink = make_flink(JobConfig(Timeouts(stop_grace=timedelta(seconds=1))))
    flink.job.add_role("worker", runner=program("never_stop", folder=str(tmp_path)), parallelism=2)
    client = flink.submit()
    eventually(lambda: running(tmp_path), timeout_s=START_WITHIN_S)
    assert_cancelled(flink, client)


# The user's own process, python job.py

SCRIPT = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # which background jobs ignore
from pyflink.datastream import StreamExecutionEnvironment
from ml_framework.runner import PythonRunner
from ml_operator import MLJob

env = StreamExecutionEnvironment.get_execution_environment()
job = MLJob(env, "interrupted")
job.add_am_role()
runner = PythonRunner("programs:wait_for_stop", {{"folder": {folder!r}}}, python_path=({programs!r},))
job.add_role("worker", runner=runner, parallelism=2)
{run}
"""
EXECUTE = 'env.execute("interrupted")'
WAIT = 'job.wait(env.execute_async("interrupted"))'


def start_script(tmp_path: Path, folder: Path, run: str) -> subprocess.Popen[bytes]:
    """`python job.py`, as a terminal starts it: the leader of a process group of its own."""
    script = tmp_path / "job.py"
    script.write_text(SCRIPT.format(folder=str(folder), programs=PROGRAMS, run=run))
    return subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def interrupt(script: psutil.Process) -> None:
    """Ctrl-C in its terminal."""
    os.killpg(script.pid, signal.SIGINT)


def kill_script(script: psutil.Process) -> None:
    """`kill -9` of the script; its JVM hears of it by the end of its standard input."""
    script.kill()


def kill_all(script: psutil.Process) -> None:
    """`kill -9` of the script and of its JVM, as when a container ends."""
    for process in [script, *children(script)]:
        process.kill()


def children(script: psutil.Process) -> list[psutil.Process]:
    return [child for child in script.children(recursive=True) if "java" in child.name()]


@pytest.mark.parametrize(
    ("run", "moment", "end"),
    [
        (EXECUTE, gathering, interrupt),
        (WAIT, running, interrupt),
        (EXECUTE, running, kill_script),
        (EXECUTE, running, kill_all),
    ],
    ids=["Ctrl-C early", "Ctrl-C", "kill -9", "kill -9 of all"],
)
def test_a_script_that_is_interrupted_leaves_nothing(
    tmp_path: Path, run: str, moment: Moment, end: Callable[[psutil.Process], None]
) -> None:
    """The JVM ends with it, and the cluster's processes with the JVM; `MLJob.wait` cancels first."""
    folder = tmp_path / "marks"
    folder.mkdir()
    with start_script(tmp_path, folder, run) as child:
        script = psutil.Process(child.pid)
        eventually(lambda: moment(folder), timeout_s=START_WITHIN_S)
        jvms = children(script)
        assert jvms
        end(script)
        child.wait(15)
    assert child.returncode != 0
    eventually(lambda: all(gone(jvm.pid) for jvm in jvms) and not ours(), timeout_s=30)
