"""Jobs on an embedded cluster, and what they leave behind."""

from __future__ import annotations

import csv
import os
import uuid
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from py4j.protocol import Py4JJavaError
from pyflink.common import Configuration, JobClient
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import DataTypes, StreamTableEnvironment, Table, TableDescriptor

from ml_framework.runner import PythonRunner
from ml_framework.runner.standby import FIRST_DESCRIPTOR
from ml_framework.testing.local_node import DIRECTORY_PREFIX
from ml_framework.testing.waiting import eventually
from ml_operator import AMConfig, JobConfig, MLJob

PROGRAMS = str(Path(__file__).parents[1] / "flink")


_SESSION = f"ML_ON_FLINK_TESTS_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
SESSION = (_SESSION, os.environ.setdefault(_SESSION, uuid.uuid4().hex))
"""Every process that these tests start inherits this variable, which tells it from those of other tests."""


def processes(module: str = "ml_framework.") -> list[psutil.Process]:
    """The running processes of these tests whose Python module's name begins with `module`."""
    return [process for process in psutil.process_iter() if _runs(process, module)]


def users() -> list[psutil.Process]:
    """Those that run user code: started for it, or standbys that have taken over, with its descriptors."""
    return processes("ml_framework.runner.bootstrap") + [
        process
        for process in processes("ml_framework.runner.standby")
        if Path(f"/proc/{process.pid}/fd/{FIRST_DESCRIPTOR}").exists()
    ]


def cancel(job: JobClient) -> None:
    """Cancel a job that runs, and wait for its end."""
    job.cancel().result()
    with pytest.raises(Py4JJavaError, match="Job was cancelled"):
        job.get_job_execution_result().result()


def _runs(process: psutil.Process, module: str) -> bool:
    try:
        return f"-m {module}" in " ".join(process.cmdline()) and _is_ours(process)
    except psutil.Error:  # it has ended, or it is another user's
        return False


def _is_ours(process: psutil.Process) -> bool:
    return process.environ().get(SESSION[0]) == SESSION[1]


WITHOUT_FLINK = (DIRECTORY_PREFIX, "mlflink-logs-")
"""Of local clusters, which other tests may be running at the same time, and look after themselves."""


def _folders() -> set[Path]:
    found = (path for root in ("/dev/shm", "/tmp") for path in Path(root).glob("mlflink-*"))
    return {path for path in found if not path.name.startswith(WITHOUT_FLINK)}


BEFORE = _folders()
"""What lay there before these tests began: somebody else's."""


def ours() -> list[str]:
    """Processes, files and shared-memory segments of these tests on this machine."""
    left = [f"process {process.pid}" for process in processes()]
    folders = _folders() - BEFORE
    return left + [str(folder) for folder in folders - _in_use_by_others(folders)]


def _in_use_by_others(folders: set[Path]) -> set[Path]:
    """Those whose doorbell a process of somebody else has open."""
    owners = {Path(bell.laddr).parent: bell.pid for bell in psutil.net_connections("unix") if bell.laddr}
    return {folder for folder in folders if _is_of_others(owners.get(folder))}


def _is_of_others(pid: int | None) -> bool:
    try:
        return pid is not None and not _is_ours(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return False


def program(name: str, **params: Any) -> PythonRunner:
    """A runner for one of the toy programs in tests/flink/programs.py."""
    return PythonRunner(f"programs:{name}", params, python_path=(PROGRAMS,))


@dataclass
class Flink:
    """One job in the making."""

    env: StreamExecutionEnvironment
    tables: StreamTableEnvironment
    job: MLJob

    def rows(self, columns: dict[str, Any], rows: list[tuple[Any, ...]]) -> Table:
        """A bounded table of these rows."""
        fields = [DataTypes.FIELD(name, data_type) for name, data_type in columns.items()]
        return self.tables.from_elements(rows, DataTypes.ROW(fields))

    def sequence(self, count: int, uid: str | None = None) -> Table:
        """One column, x, of 1 … count as BIGINT; with a uid it can go on from a savepoint."""
        from pyflink.common import WatermarkStrategy  # noqa: PLC0415
        from pyflink.datastream.connectors.number_seq import NumberSequenceSource  # noqa: PLC0415

        stream = self.env.from_source(
            NumberSequenceSource(1, count), WatermarkStrategy.no_watermarks(), "numbers"
        )
        if uid is not None:
            stream.uid(uid)
        return self.tables.from_data_stream(stream).alias("x")

    def insert(self, table: Table, connector: str = "blackhole", **options: str) -> JobClient:
        """Start the job, with `table` written to a sink; options as in `make_flink`."""
        descriptor = TableDescriptor.for_connector(connector)
        for name, value in options.items():
            descriptor.option(name.replace("__", ".").replace("_", "-"), value)
        statements = self.tables.create_statement_set()
        statements.add_insert(descriptor.build(), table)
        statements.attach_as_datastream()
        return self.submit()

    def submit(self) -> JobClient:
        """Start the job."""
        return self.env.execute_async("test")

    def run(self) -> None:
        """Start the job and wait for its end; JobFailed carries the first cause."""
        self.job.wait(self.submit())


def collect(table: Table) -> list[tuple[Any, ...]]:
    """Run the job that `table` comes from, and return its rows."""
    with table.execute().collect() as results:
        return [tuple(row) for row in results]


def committed(folder: Path) -> list[tuple[int, ...]]:
    """The rows in the files that a filesystem sink has committed."""
    rows = []
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.startswith(("_", ".")):
            with path.open(newline="") as lines:
                rows += [tuple(map(int, line)) for line in csv.reader(lines)]
    return rows


def make_flink(
    config: JobConfig | None = None, parallelism: int = 2, *, master: AMConfig | None = None, **options: str
) -> Flink:
    """An environment with an application master planned; options with `__` for a dot and `_` for a dash."""
    env = make_env(parallelism, **options)
    tables = StreamTableEnvironment.create(env)
    job = MLJob(env, "test", config, table_env=tables)
    job.add_am_role(master)
    return Flink(env, tables, job)


def make_env(parallelism: int, **options: str) -> StreamExecutionEnvironment:
    """An environment; options as in `make_flink`."""
    configuration = Configuration()
    for name, value in options.items():
        configuration.set_string(name.replace("__", ".").replace("_", "-"), value)
    env = StreamExecutionEnvironment.get_execution_environment(configuration)
    env.set_parallelism(parallelism)
    return env


def recovery(folder: Path) -> dict[str, str]:
    """Options of a job with checkpoints in `folder`, that a barrier passes soon: few rows wait in buffers."""
    return {
        "taskmanager__memory__segment_size": "4 kb",
        "execution__checkpointing__interval": "200 ms",
        "execution__checkpointing__dir": f"file://{folder}/checkpoints",
        "restart_strategy__type": "fixed-delay",
        "restart_strategy__fixed_delay__attempts": "3",
        "restart_strategy__fixed_delay__delay": "100 ms",
    }


def after_checkpoints(folder: Path, count: int) -> None:
    """Wait until so many more are complete."""

    def latest() -> int:
        complete = folder.glob("checkpoints/*/chk-*/_metadata")
        return max((int(path.parent.name.removeprefix("chk-")) for path in complete), default=0)

    before = latest()
    eventually(lambda: latest() >= before + count, timeout_s=60)


def by_subtask(folder: Path) -> list[list[tuple[int, ...]]]:
    """The committed rows of each subtask, in the order in which it has written them."""
    subtasks = defaultdict(list)
    for path in sorted(folder.rglob("part-*"), key=lambda path: path.stat().st_mtime_ns):
        subtasks[path.name.split("-")[-2]] += [
            tuple(map(int, line.split(","))) for line in path.read_text().splitlines()
        ]
    return list(subtasks.values())
