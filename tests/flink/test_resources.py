"""What a cluster must have for a job's nodes: its slots."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from support.flink import PROGRAMS
from support.standalone import HOME, StandaloneCluster

from ml_framework.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.flink

SCRIPT = """
from datetime import timedelta
from pyflink.datastream import StreamExecutionEnvironment
from ml_framework.runner import PythonRunner
from ml_operator import JobConfig, MLJob, Timeouts, slots

env = StreamExecutionEnvironment.get_execution_environment()
{before}
job = MLJob(env, "cluster", JobConfig(timeouts=Timeouts(slots=timedelta(seconds=4))))
job.add_am_role()
runner = PythonRunner("programs:wait_for_stop", python_path=({programs!r},))
job.add_role("worker", runner=runner, parallelism=3)
job.wait(env.execute_async("test"))
"""
UNCHECKED = "slots._ask = lambda *_: None"
"""As where the cluster's REST API is out of reach of the client."""
RESTARTED = "env.enable_checkpointing(10_000)"


@contextmanager
def cluster_of(folder: Path, **settings: str) -> Iterator[StandaloneCluster]:
    """A cluster of one TaskManager, which has registered; settings with `__` for a dot and `_` for a dash."""
    named = {name.replace("__", ".").replace("_", "-"): value for name, value in settings.items()}
    with StandaloneCluster(folder / "cluster", settings=named) as cluster:
        eventually(lambda: overview(cluster)["taskmanagers"] == 1, timeout_s=60)
        yield cluster


def overview(cluster: StandaloneCluster) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{cluster.rest}/overview") as answer:
        return json.load(answer)


def run(cluster: StandaloneCluster, folder: Path, before: str = "") -> tuple[int, str, float]:
    """`flink run` a job with a role of three: exit code, what it printed, seconds."""
    script = folder / "job.py"
    script.write_text(SCRIPT.format(programs=PROGRAMS, before=before))
    command = [str(HOME / "bin" / "flink"), "run", "-pyclientexec", sys.executable, "-py", str(script)]
    began = time.monotonic()
    done = subprocess.run(
        command, env=cluster.variables, capture_output=True, text=True, timeout=80, check=False
    )
    return done.returncode, done.stdout + done.stderr, time.monotonic() - began


@pytest.mark.timeout(180)
def test_a_session_cluster_with_too_few_slots(tmp_path: Path) -> None:
    """Planning refuses the job with need and have; where it cannot ask, the coordinator ends it in time."""
    with cluster_of(tmp_path, taskmanager__numberOfTaskSlots="2") as cluster:
        code, output, seconds = run(cluster, tmp_path)
        print(f"refused after {seconds:.1f} s")
        assert code != 0
        assert "role 'worker': the job needs 3 slots (by slot sharing group: default 3)" in output
        assert f"127.0.0.1:{cluster.rest}, 1 × TaskManager, has 2 in all: raise taskmanager.numb" in output
        code, output, seconds = run(cluster, tmp_path, f"{UNCHECKED}; {RESTARTED}")
        print(f"ended after {seconds:.1f} s")
        assert code != 0
        assert (
            "has not started the application master within 4.0 s: the cluster needs slots for the "
            "application master and 3 × worker" in output
        )


@pytest.mark.timeout(180)
def test_the_adaptive_scheduler_does_not_run_fewer_nodes(tmp_path: Path) -> None:
    """It starts the job with the slots that there are; the first node to see it ends the job for good."""
    with cluster_of(
        tmp_path,
        taskmanager__numberOfTaskSlots="2",
        jobmanager__scheduler="adaptive",
        jobmanager__adaptive_scheduler__submission__resource_stabilization_timeout="1 s",
    ) as cluster:
        code, output, seconds = run(cluster, tmp_path, f"{UNCHECKED}; {RESTARTED}")
        print(f"ended after {seconds:.1f} s")
        assert code != 0
        assert "role worker was planned with parallelism 3 and runs with 2: an ML cluster needs all" in output
