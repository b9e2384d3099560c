"""`mlflink` finds jobs on embedded clusters, and tells of them; all but `plan` and `doctor`."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pyflink.java_gateway import get_gateway
from pyflink.table import DataTypes
from pyflink.util.java_utils import load_java_class, to_jarray
from support.flink import committed, make_flink, program
from typer.testing import CliRunner

from ml_framework.testing.waiting import eventually
from ml_operator import announced
from ml_operator.bridge import instance
from ml_operator.cli.app import app
from ml_operator.cli.master import REQUEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.flink import Flink

pytestmark = pytest.mark.flink

ENDLESS = 10**12
XY = [("x", DataTypes.BIGINT()), ("y", DataTypes.BIGINT())]


def mlflink(*arguments: str) -> str:
    """What a command prints, which must succeed."""
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def so_far(*arguments: str) -> str:
    """What a command prints, nothing where it fails: what it needs may not be there yet."""
    return CliRunner().invoke(app, arguments).stdout


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runtime folder of one's own; and a configured cluster that is not there."""
    (tmp_path / "runtime").mkdir(mode=0o700)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "config.yaml").write_text("rest:\n  port: 1\n")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("FLINK_CONF_DIR", str(tmp_path / "conf"))
    return tmp_path / "runtime" / "ml-on-flink"


@pytest.fixture
def job(runtime: Path, tmp_path: Path) -> Iterator[str]:
    """The id of a job that goes on until it is stopped; its nodes count batches in their logs and numbers."""
    flink = make_flink(parallelism=1)
    counted = flink.job.add_role(
        "worker", runner=program("count_aloud"), parallelism=2, input=flink.sequence(ENDLESS), output=XY
    )
    client = flink.insert(counted, "filesystem", path=str(tmp_path / "rows"), format="csv")
    yield (found := str(client.get_job_id()))
    if found in so_far("list"):  # a test has failed
        mlflink("stop", found)


def test_a_job_is_found_told_of_followed_and_stopped(job: str, runtime: Path, tmp_path: Path) -> None:
    """From list to stop --savepoint, by the name of its ML cluster; afterwards nothing of it is announced."""
    head, line = mlflink("list").splitlines()
    assert head.split() == ["JOB", "NAME", "ML", "CLUSTER", "STATE", "AGE", "AT"]
    assert line.split()[:4] == [job, "test", "test", "RUNNING"]
    assert stat.S_IMODE(runtime.stat().st_mode) == 0o700
    (file,) = runtime.iterdir()
    assert (file.name, stat.S_IMODE(file.stat().st_mode)) == (f"{job}.json", 0o600)
    assert line.split()[-1] == json.loads(file.read_text())["rest"]

    eventually(lambda: "worker/1: count " in so_far("status", "test"))
    told = mlflink("status", job[:8])
    assert told.startswith(f"job {job} (test) is RUNNING, begun ")
    assert "\nML cluster test is RUNNING\n" in told
    assert re.search(r"^  worker/0 +running +0 ", told, flags=re.MULTILINE)
    assert re.search(r"^  INIT -> RUNNING: ", told, flags=re.MULTILINE)

    with follow("test", "worker/0") as following:
        assert following.stdout is not None
        first, second = (re.fullmatch(r"count (\d+)\n", following.stdout.readline()) for _ in range(2))
        assert first is not None
        assert second is not None
        assert int(second[1]) == int(first[1]) + 1
        (savepoint,) = mlflink("stop", "test", "--savepoint", str(tmp_path / "savepoints")).splitlines()
        assert Path(savepoint.removeprefix("file:"), "_metadata").is_file()
        said, why = following.communicate(timeout=20)
    assert following.returncode == 0
    assert said.splitlines()[-1].startswith("count ")
    assert why == "mlflink: the job's application master has ended\n"
    eventually(lambda: not runtime.exists())
    assert committed(tmp_path / "rows")
    ended = CliRunner().invoke(app, ["status", "test"])
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert ended.stderr.startswith("mlflink: there is no job 'test' at localhost:1, nor on an embedded ")


def follow(*job_and_node: str) -> subprocess.Popen[str]:
    """The command as a user calls it, in a process of its own."""
    command = [sys.executable, "-m", "ml_operator.cli", "logs", "-f", "--lines", "1", *job_and_node]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_lines_of_a_log(job: str) -> None:
    """As many as are asked for, whole ones."""
    eventually(lambda: len(so_far("logs", job, "worker[1]").splitlines()) == 20)
    lines = mlflink("logs", job, "worker/1", "--lines", "3").splitlines()
    counts = [int(line.removeprefix("count ")) for line in lines]
    assert counts == list(range(counts[0], counts[0] + 3))
    assert mlflink("logs", job, "worker/1", "-n", "0") == ""
    wrong = CliRunner().invoke(app, ["logs", job, "worker/2"])
    assert wrong.exit_code == 1
    assert wrong.stderr == f"mlflink: the job {job} has no node worker/2; it has worker/0, worker/1\n"


def test_stopped_without_a_savepoint(job: str, runtime: Path) -> None:
    assert mlflink("stop", job) == ""
    eventually(lambda: not runtime.exists())
    assert "no running job" in CliRunner().invoke(app, ["list"]).stderr


def test_what_asks_for_an_application_master_is_what_java_writes() -> None:
    """As Flink's REST API takes it."""
    instance("org.mlonflink.flink.Graph")  # has the bridge's classes loaded
    jvm = get_gateway().jvm
    request = load_java_class("org.mlonflink.flink.MasterAddress$Request").getDeclaredConstructors()[0]
    request.setAccessible(True)
    j_request = request.newInstance(to_jarray(jvm.Object, [0]))
    assert jvm.org.apache.flink.util.InstantiationUtil.serializeObject(j_request) == REQUEST


def test_what_was_killed_is_not_listed_and_its_file_removed(runtime: Path) -> None:
    """Its process id may be that of another process by then: it began at another time."""
    runtime.mkdir(mode=0o700)
    (runtime / "a.json").write_text(json.dumps({"rest": "localhost:1", "pid": os.getpid(), "start": 1}))
    (runtime / "b.json").write_text("half")
    (runtime / "c.json").write_text("{}")
    (runtime / "d.json").write_text("[]")
    assert announced.addresses() == []
    assert list(runtime.iterdir()) == []


@pytest.mark.parametrize("mode", [0o770, 0o707])
def test_what_others_can_write_to_is_not_believed(runtime: Path, mode: int) -> None:
    start = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    runtime.mkdir()
    (runtime / "a.json").write_text(json.dumps({"rest": "localhost:1", "pid": os.getpid(), "start": start}))
    runtime.chmod(mode)
    assert announced.addresses() == []
    runtime.chmod(0o700)
    assert announced.addresses() == ["localhost:1"]


def test_a_job_runs_where_it_cannot_be_announced(runtime: Path, tmp_path: Path) -> None:
    runtime.mkdir()
    runtime.chmod(0o777)
    flink: Flink = make_flink()
    flink.job.add_role("worker", runner=program("collect", folder=str(tmp_path)), input=flink.sequence(5))
    flink.run()
    assert list(runtime.iterdir()) == []
    assert sorted((tmp_path / "worker-0-0").read_text().split()) == list("12345")
