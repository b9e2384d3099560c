"""A job that is submitted with `flink run` to a cluster of its own JVMs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyflink
import pytest
from support.flink import PROGRAMS

from ml_framework.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.flink

HOME = Path(pyflink.__file__).parent
START_WITHIN_S = 60.0
SETTINGS = """
jobmanager.rpc.address: 127.0.0.1
jobmanager.bind-host: 127.0.0.1
jobmanager.rpc.port: {rpc}
jobmanager.memory.process.size: 900m
taskmanager.host: 127.0.0.1
taskmanager.bind-host: 127.0.0.1
taskmanager.numberOfTaskSlots: 4
taskmanager.memory.process.size: 1100m
rest.address: 127.0.0.1
rest.bind-address: 127.0.0.1
rest.port: {rest}
"""
SCRIPT = """
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import DataTypes, StreamTableEnvironment, TableDescriptor
from ml_framework.runner import PythonRunner
from ml_operator import MLJob

env = StreamExecutionEnvironment.get_execution_environment()
tables = StreamTableEnvironment.create(env)
job = MLJob(env, "cluster", table_env=tables)
job.add_am_role()
tables.execute_sql('''
    CREATE TEMPORARY TABLE numbers (x BIGINT) WITH ('connector' = 'datagen', 'fields.x.kind' = 'sequence',
    'fields.x.start' = '1', 'fields.x.end' = '1000')''')
table = job.add_role(
    "worker",
    runner=PythonRunner("programs:plus_one", python_path=({programs!r},)),
    parallelism=2,
    input=tables.from_path("numbers"),
    output=[("x", DataTypes.BIGINT()), ("y", DataTypes.BIGINT())],
)
sink = TableDescriptor.for_connector("filesystem").option("path", {rows!r}).option("format", "csv").build()
client = table.execute_insert(sink).get_job_client()
job.wait(client)
"""


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    with ExitStack() as stack:
        listening = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [server.getsockname()[1] for server in listening]


def answers(port: int) -> bool:
    """Whether somebody listens on `port`."""
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def daemon(script: str, environment: dict[str, str], log: Path) -> Iterator[None]:
    """One of Flink's own start scripts, in the foreground until the block ends."""
    command = [str(HOME / "bin" / script), "start-foreground"]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, env=environment, stdout=output, stderr=output) as process,
    ):
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment variables for `flink` to reach a cluster of one TaskManager with four slots."""
    rpc, rest = free_ports(2)
    configuration = tmp_path / "conf"
    configuration.mkdir()
    for path in (HOME / "conf").iterdir():
        (configuration / path.name).symlink_to(path)
    (configuration / "config.yaml").unlink()
    defaults = (HOME / "conf" / "config.yaml").read_text().partition("jobmanager:")[0]
    (configuration / "config.yaml").write_text(defaults + SETTINGS.format(rpc=rpc, rest=rest))
    environment = {
        **os.environ,
        "FLINK_HOME": str(HOME),
        "FLINK_CONF_DIR": str(configuration),
        "FLINK_LOG_DIR": str(tmp_path),
        "FLINK_PID_DIR": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    with daemon("jobmanager.sh", environment, tmp_path / "jobmanager.txt"):
        eventually(lambda: answers(rest), timeout_s=START_WITHIN_S)
        with daemon("taskmanager.sh", environment, tmp_path / "taskmanager.txt"):
            yield environment


@pytest.mark.timeout(240)
def test_a_job_runs_on_a_cluster(cluster: dict[str, str], tmp_path: Path) -> None:
    """Client, JobManager, TaskManager and Python processes are each their own; every row is answered once."""
    script = tmp_path / "job.py"
    script.write_text(SCRIPT.format(programs=PROGRAMS, rows=f"file://{tmp_path}/rows"))
    flink = [str(HOME / "bin" / "flink"), "run", "-pyclientexec", sys.executable, "-py", str(script)]
    done = subprocess.run(flink, env=cluster, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    parts = [path for path in (tmp_path / "rows").iterdir() if not path.name.startswith(".")]
    rows = [line for path in parts for line in path.read_text().splitlines()]
    assert sorted(rows) == sorted(f"{x},{x + 1}" for x in range(1, 1_001))
