"""A TaskManager whose /dev/shm is as small as a container's, or smaller."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support.flink import PROGRAMS
from support.standalone import HOME, Host, StandaloneCluster

if TYPE_CHECKING:
    from pathlib import Path

MOUNT = 'mount -t tmpfs -o "$1" tmpfs /dev/shm && shift && exec "$@"'
QUEUE_BYTES = 1 << 18
NODES = 2


def with_shared_memory(options: str) -> tuple[str, ...]:
    """What runs another command where /dev/shm is a tmpfs with these options; nobody else sees it."""
    return ("unshare", "--mount", "sh", "-c", MOUNT, "sh", options)


def may_mount() -> bool:
    """Whether this user may: root may, where the machine is no container itself."""
    try:
        tried = subprocess.run([*with_shared_memory("size=4k"), "true"], capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return tried.returncode == 0


pytestmark = [
    pytest.mark.flink,
    pytest.mark.skipif(not may_mount(), reason="needs the right to mount (root, outside of a container)"),
]

SCRIPT = """
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import DataTypes, StreamTableEnvironment, TableDescriptor
from ml_framework.runner import PythonRunner
from ml_operator import JobConfig, MLJob

env = StreamExecutionEnvironment.get_execution_environment()
tables = StreamTableEnvironment.create(env)
job = MLJob(env, "small", JobConfig(queue_bytes={queue_bytes}), table_env=tables)
job.add_am_role()
tables.execute_sql('''
    CREATE TEMPORARY TABLE numbers (x BIGINT) WITH ('connector' = 'datagen', 'fields.x.kind' = 'sequence',
    'fields.x.start' = '1', 'fields.x.end' = '10000')''')
table = job.add_role(
    "worker",
    runner=PythonRunner("programs:where_queues_lie", {{"folder": {folder!r}}}, python_path=({programs!r},)),
    parallelism={nodes},
    input=tables.from_path("numbers"),
    output=[("x", DataTypes.BIGINT())],
)
rows = TableDescriptor.for_connector("filesystem").option("path", {rows!r}).option("format", "csv").build()
job.wait(table.execute_insert(rows).get_job_client())
"""


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("options", "inside"),
    [
        pytest.param("size=1m", 1, id="one fits"),
        pytest.param("size=8m,nr_inodes=3", 0, id="full after it was looked at"),
    ],
)
def test_queues_that_do_not_fit_lie_in_the_temporary_folder(
    tmp_path: Path, options: str, inside: int
) -> None:
    """Each node looks for itself; every row is answered once all the same, and the log names the remedy."""
    seen, script = tmp_path / "seen", tmp_path / "job.py"
    seen.mkdir()
    values = {"folder": str(seen), "programs": PROGRAMS, "rows": f"file://{tmp_path}/rows"}
    script.write_text(SCRIPT.format(queue_bytes=QUEUE_BYTES, nodes=NODES, **values))
    flink = [str(HOME / "bin" / "flink"), "run", "-pyclientexec", sys.executable, "-py", str(script)]
    worker = Host(enter=with_shared_memory(options))
    with StandaloneCluster(tmp_path / "cluster", workers=[worker]) as cluster:
        done = subprocess.run(
            flink, env=cluster.variables, capture_output=True, text=True, timeout=150, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        temporary = f"{cluster.folder}/tmp-0/"
        log = next(path for path in cluster.logs() if "taskmanager" in path.name).read_text()
    parts = [path for path in (tmp_path / "rows").iterdir() if not path.name.startswith(".")]
    assert sorted(int(x) for path in parts for x in path.read_text().split()) == list(range(1, 10_001))
    folders = [
        {line.rpartition("mlflink-node-")[0] for line in path.read_text().splitlines()}
        for path in seen.iterdir()
    ]
    assert sorted(folders, key=str) == sorted(
        [{"/dev/shm/"}] * inside + [{temporary}] * (NODES - inside), key=str
    )
    warnings = [line for line in log.splitlines() if "WARN" in line and "/dev/shm has only" in line]
    assert len(warnings) == NODES - inside
    for remedy in ("docker: --shm-size", "Kubernetes: an emptyDir of medium Memory"):
        assert all(remedy in line for line in warnings), warnings


def test_the_state_of_a_checkpoint_is_no_part_of_it() -> None:
    """It lies in memory without a name: the size of /dev/shm does not bound it."""
    program = (
        "import pathlib, shutil\n"
        "from ml_framework.checkpoint import StateMemory\n"
        "memory = StateMemory(8 << 20)\n"
        "memory.memory[:] = b'x' * len(memory.memory)\n"
        "print(len(memory.memory) >= 8 << 20, shutil.disk_usage('/dev/shm').used)\n"
    )
    command = [*with_shared_memory("size=64k"), sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.split() == ["True", "0"]
