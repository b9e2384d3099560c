"""`mlflink` against a standalone cluster: check it, plan for it, run, look, stop, go on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.standalone import Host, StandaloneCluster

from ml_framework.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(420)]

ROOT = Path(__file__).parents[2]
WITHIN_S = 60.0


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[StandaloneCluster]:
    """One TaskManager of four slots."""
    with StandaloneCluster(tmp_path / "cluster", workers=(Host(),)) as cluster:
        eventually(lambda: "4 free of 4" in doctor(cluster), timeout_s=WITHIN_S)
        yield cluster
        assert cluster.ended() == []


def doctor(cluster: StandaloneCluster) -> str:
    return command(cluster, cluster.folder, "doctor", "-c", address(cluster)).stdout


def address(cluster: StandaloneCluster) -> str:
    return f"127.0.0.1:{cluster.rest}"


def command(cluster: StandaloneCluster, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ml_operator.cli", *arguments],
        env=cluster.variables,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_job_from_its_plan_to_its_savepoint_and_on(cluster: StandaloneCluster, tmp_path: Path) -> None:
    work = tmp_path / "line"
    shutil.copytree(ROOT / "examples" / "line", work)
    here = ("-c", address(cluster))

    def told(*arguments: str) -> str:
        done = command(cluster, work, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def trains() -> bool:
        return "begins with y = " in command(cluster, work, "logs", "line", "worker/1", *here).stdout

    refused = command(cluster, work, "plan", *here, "job.py", "--workers", "9")
    assert refused.returncode == 1
    assert refused.stderr.startswith("mlflink: role 'worker': the job needs 9 slots")
    assert told("plan", *here, "job.py").startswith("job line\n")

    told("run", *here, "job.py", "--workers", "2", "--", "-d", "-pyfs", "train.py")
    job, *_ = told("list", *here).splitlines()[1].split()
    assert told("list").splitlines()[1].split()[0] == job  # the configured cluster is this one
    eventually(trains, timeout_s=WITHIN_S)
    assert "ML cluster line is RUNNING" in told("status", "line", *here)

    (savepoint,) = told("stop", "line", "--savepoint", "savepoints", *here).splitlines()
    assert savepoint.startswith(f"file:{work}/savepoints/savepoint-{job[:6]}-")
    assert f"job {job} " in told("status", job, *here)
    assert " is FINISHED, begun " in told("status", job, *here)
    assert "no running job" in command(cluster, work, "list", *here).stderr

    told("run", *here, "job.py", "--workers", "3", "--", "-d", "-s", savepoint, "-pyfs", "train.py")
    eventually(trains, timeout_s=WITHIN_S)
    assert "worker/2" in told("status", "line")
    assert told("stop", "line") == ""
    states = {line.split()[0]: line for line in told("list", "--all").splitlines()[1:]}
    assert len(states) == 2
    assert " FINISHED " in states.pop(job)
    (other,) = states.values()
    assert " CANCELED " in other
