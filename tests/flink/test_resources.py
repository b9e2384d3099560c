"""What a cluster must have for a job's nodes: slots, GPUs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pyflink.table import DataTypes
from support.flink import PROGRAMS, Flink, collect, make_flink, program
from support.standalone import HOME, Host, StandaloneCluster

from ml_framework.testing.waiting import eventually
from ml_operator import JobConfig, JobFailed, Resources, Timeouts

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
job = MLJob(env, "cluster", JobConfig(timeouts=Timeouts(slots=timedelta(seconds={slots_s}))))
job.add_am_role()
runner = PythonRunner("programs:wait_for_stop", python_path=({programs!r},))
job.add_role("worker", runner=runner, parallelism={nodes})
client = env.execute_async("test")
{after}
"""
GPU_SCRIPT = """
from pathlib import Path
from pyflink.datastream import SlotSharingGroup, StreamExecutionEnvironment
from pyflink.table import DataTypes, StreamTableEnvironment
from ml_framework.runner import PythonRunner
from ml_operator import MLJob, Resources

env = StreamExecutionEnvironment.get_execution_environment()
env.set_parallelism(2)
tables = StreamTableEnvironment.create(env)
{before}
job = MLJob(env, "cluster", table_env=tables)
job.add_am_role()
table = job.add_role(
    "worker",
    runner=PythonRunner("programs:report_gpus", python_path=({programs!r},)),
    parallelism=2,
    input=tables.sql_query("SELECT 1 AS x"),
    output=[("rank", DataTypes.INT()), ("gpus", DataTypes.STRING())],
    resources=Resources(cpu=0.5, memory="8 MiB", gpu={gpu}),
)
with table.execute().collect() as rows:
    print("rows", sorted(tuple(row) for row in rows))
"""
SMALL_REST = """
rest = SlotSharingGroup.builder("default").set_cpu_cores(0.5).set_task_heap_memory_mb(8)
env.register_slot_sharing_group(rest.set_managed_memory_mb(32).build())
"""
UNCHECKED = "slots._ask = lambda *_: None"
"""As where the cluster's REST API is out of reach of the client."""
RESTARTED = "env.enable_checkpointing(10_000)"
THREE = {"nodes": 3, "slots_s": 4, "after": "job.wait(client)"}
ADAPTIVE = {
    "jobmanager__scheduler": "adaptive",
    "jobmanager__adaptive_scheduler__submission__resource_stabilization_timeout": "1 s",
    "jobmanager__adaptive_scheduler__executing__resource_stabilization_timeout": "1 s",
}


@contextmanager
def cluster_of(folder: Path, workers: int = 1, **settings: str) -> Iterator[StandaloneCluster]:
    """A cluster whose TaskManagers have registered; settings with `__` for a dot and `_` for a dash."""
    named = {name.replace("__", ".").replace("_", "-"): value for name, value in settings.items()}
    with StandaloneCluster(folder / "cluster", workers=[Host()] * workers, settings=named) as cluster:
        eventually(lambda: registered(cluster) == workers, timeout_s=60)
        yield cluster


def registered(cluster: StandaloneCluster) -> int:
    """TaskManagers; none while the JobManager is being elected."""
    try:
        return int(ask(cluster, "overview")["taskmanagers"])
    except urllib.error.HTTPError:
        return 0


def ask(cluster: StandaloneCluster, path: str) -> Any:
    """What the cluster's REST API answers."""
    with urllib.request.urlopen(f"http://127.0.0.1:{cluster.rest}/{path}") as answer:
        return json.load(answer)


def running(cluster: StandaloneCluster, job: str) -> list[int]:
    """The parallelisms of a job's vertices, of those whose tasks all run."""
    vertices = ask(cluster, f"jobs/{job}")["vertices"]
    return sorted(vertex["parallelism"] for vertex in vertices if vertex["status"] == "RUNNING")


def run(
    cluster: StandaloneCluster, folder: Path, before: str = "", text: str = SCRIPT, **values: object
) -> tuple[int, str, float]:
    """`flink run` a job, of a role of three unless said otherwise: exit code, what it printed, seconds."""
    script = folder / "job.py"
    script.write_text(text.format(programs=PROGRAMS, before=before, **(values or THREE)))
    command = [str(HOME / "bin" / "flink"), "run", "-pyclientexec", sys.executable, "-py", str(script)]
    began = time.monotonic()
    done = subprocess.run(
        command, env=cluster.variables, capture_output=True, text=True, timeout=150, check=False
    )
    return done.returncode, done.stdout + done.stderr, time.monotonic() - began


@pytest.mark.cluster
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


@pytest.mark.cluster
def test_the_adaptive_scheduler_does_not_run_fewer_nodes(tmp_path: Path) -> None:
    """It starts the job with the slots that there are; the first node to see it ends the job for good."""
    with cluster_of(tmp_path, taskmanager__numberOfTaskSlots="2", **ADAPTIVE) as cluster:
        code, output, seconds = run(cluster, tmp_path, f"{UNCHECKED}; {RESTARTED}")
        print(f"ended after {seconds:.1f} s")
        assert code != 0
        assert "role worker was planned with parallelism 3 and runs with 2: an ML cluster needs all" in output


@pytest.mark.cluster
def test_the_adaptive_scheduler_gets_a_lost_taskmanager_back(tmp_path: Path) -> None:
    """Until then each attempt with fewer nodes fails, as often as the restart strategy allows."""
    settings = {
        "taskmanager__numberOfTaskSlots": "1",
        "restart_strategy__type": "fixed-delay",
        "restart_strategy__fixed_delay__attempts": "1000",
        "restart_strategy__fixed_delay__delay": "500 ms",
    }
    with cluster_of(tmp_path, workers=2, **ADAPTIVE, **settings) as cluster:
        code, output, _ = run(cluster, tmp_path, nodes=2, slots_s=60, after="")
        assert code == 0, output
        (job,) = (each["jid"] for each in ask(cluster, "jobs/overview")["jobs"])
        eventually(lambda: running(cluster, job) == [1, 2], timeout_s=60)
        cluster.taskmanager.kill()
        history = f"jobs/{job}/exceptions"
        eventually(
            lambda: "planned with parallelism 2 and runs with 1" in str(ask(cluster, history)), timeout_s=60
        )
        cluster.replace_taskmanager()
        eventually(lambda: running(cluster, job) == [1, 2], timeout_s=60)


@pytest.mark.cluster
def test_nodes_have_gpus_of_their_own(tmp_path: Path) -> None:
    """Each node sees its own of the GPUs that Flink's plugin finds; more than there are is told."""
    discovery = tmp_path / "gpus.sh"
    discovery.write_text("#!/bin/sh\necho 0,1\n")
    discovery.chmod(0o755)
    with cluster_of(
        tmp_path,
        taskmanager__memory__task__off_heap__size="64m",
        external_resources="gpu",
        external_resource__gpu__amount="2",
        external_resource__gpu__driver_factory__class="org.apache.flink.externalresource.gpu.GPUDriverFactory",
        external_resource__gpu__param__discovery_script__path=str(discovery),
    ) as cluster:
        code, output, _ = run(cluster, tmp_path, SMALL_REST, GPU_SCRIPT, gpu=1)
        assert code == 0, output
        assert "rows [(0, '0'), (1, '1')]" in output
        code, output, _ = run(cluster, tmp_path, SMALL_REST, GPU_SCRIPT, gpu=2)
        assert code != 0
        assert "needs 2 × (cpuCores 0.5, taskHeapMemory 16, taskOffHeapMemory 8, gpu 2), and the" in output
        assert "1 × TaskManager have gpu for 1: raise external-resource.gpu.amount, start more" in output


@pytest.mark.parametrize("resources", [Resources(), Resources(cpu=2, memory="64 GiB")])
def test_an_embedded_cluster_has_slots_for_several_groups(flink: Flink, resources: Resources) -> None:
    """As many as the groups need, and of any size."""
    answers = flink.job.add_role(
        "worker",
        runner=program("report_gpus"),
        parallelism=3,  # more than the job's
        input=flink.sequence(10),
        output=[("rank", DataTypes.INT()), ("gpus", DataTypes.STRING())],
        resources=resources,
    )
    seen = os.environ.get("CUDA_VISIBLE_DEVICES", "all")
    assert sorted(collect(answers)) == [(0, seen), (1, seen), (2, seen)]


def test_a_taskmanager_without_gpus_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where neither planning nor Flink's count could see it, the node says so."""
    monkeypatch.setattr("ml_operator.planner.check_slots", lambda *_: None)
    config = JobConfig(timeouts=Timeouts(slots=timedelta(seconds=30)))
    flink = make_flink(
        config,
        taskmanager__numberOfTaskSlots="4",
        external_resources="gpu",
        external_resource__gpu__amount="4",
    )
    flink.job.add_role("worker", runner=program("wait_for_stop"), resources=Resources(gpu=1))
    with pytest.raises(JobFailed, match=r"worker\[0\] needs 1 × GPU, and of the 0 of its TaskManager 0 are"):
        flink.run()
