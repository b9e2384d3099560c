"""A job that is submitted with `flink run` to a cluster of its own JVMs."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support.flink import PROGRAMS
from support.standalone import HOME, StandaloneCluster

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.flink

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


@pytest.mark.timeout(240)
def test_a_job_runs_on_a_cluster(tmp_path: Path) -> None:
    """Client, JobManager, TaskManager and Python processes are each their own; every row is answered once."""
    script = tmp_path / "job.py"
    script.write_text(SCRIPT.format(programs=PROGRAMS, rows=f"file://{tmp_path}/rows"))
    flink = [str(HOME / "bin" / "flink"), "run", "-pyclientexec", sys.executable, "-py", str(script)]
    with StandaloneCluster(tmp_path / "cluster") as cluster:
        done = subprocess.run(
            flink, env=cluster.variables, capture_output=True, text=True, timeout=150, check=False
        )
    assert done.returncode == 0, done.stdout + done.stderr
    parts = [path for path in (tmp_path / "rows").iterdir() if not path.name.startswith(".")]
    rows = [line for path in parts for line in path.read_text().splitlines()]
    assert sorted(rows) == sorted(f"{x},{x + 1}" for x in range(1, 1_001))
