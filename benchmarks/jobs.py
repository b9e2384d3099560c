"""One Flink job of the benchmark: where its rows come from, and where they go."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyflink.common import Configuration
from pyflink.datastream import DataStream, StreamExecutionEnvironment
from pyflink.java_gateway import get_gateway
from pyflink.table import DataTypes, StreamTableEnvironment, Table
from pyflink.table.types import DataType, _to_java_data_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.rows import Shape

COMMON = {
    "parallelism.default": "1",
    "pipeline.object-reuse": "true",
    "rest.port": "0",
}
JVM_OPTIONS = "-Xms2g -Xmx2g -XX:+AlwaysPreTouch"
_TYPES = {
    "BIGINT": DataTypes.BIGINT(),
    "INT": DataTypes.INT(),
    "FLOAT": DataTypes.FLOAT(),
    "STRING": DataTypes.STRING(),
}


def prepare_jvm(*options: str) -> None:
    """Say how the one JVM of all contenders is started; to be called before anything of PyFlink is."""
    os.environ["JVM_ARGS"] = " ".join([JVM_OPTIONS, *options])
    # PyFlink's workers import the functions by name, and thread mode finds pemja by this variable alone.
    site_packages = [path for path in sys.path if path.endswith("site-packages")]
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[1]), *site_packages])


def machine(load_before: float) -> dict[str, Any]:
    """Where everybody was measured, with the load before the first one."""
    return {
        "cpus": os.cpu_count(),
        "load_before": load_before,
        "load_after": os.getloadavg()[0],
        "python": platform.python_version(),
        "flink": version("apache-flink"),
        "torch": version("torch"),
        "jvm_options": os.environ["JVM_ARGS"],
    }


@dataclass(frozen=True)
class Result:
    """What one run of a job left behind.

    Attributes:
        started_ns: monotonic time of the call to execute.
        receipt: from the receiving end.
    """

    started_ns: int
    receipt: Mapping[str, Any]

    @property
    def first_row_s(self) -> float:
        """Seconds from execute to the first row at the receiving end."""
        return float((self.receipt["marks"][0][1] - self.started_ns) / 1e9)

    @property
    def rows_per_s(self) -> float:
        """The slope between a third of the rows and all of them."""
        (rows_1, time_1), (rows_2, time_2) = self.receipt["marks"][2], self.receipt["marks"][-1]
        return float((rows_2 - rows_1) / (time_2 - time_1) * 1e9)


class Job:
    """A job in the making.

    Args:
        jar: of the benchmark's own Java.
        file: where the receiving end leaves its receipt.
        shape: what the rows are.
        rows: how many.
        settings: Flink options beyond those that all contenders share.
    """

    def __init__(self, jar: Path, file: Path, shape: Shape, rows: int, settings: Mapping[str, str]) -> None:
        configuration = Configuration()
        for name, value in {**COMMON, **settings}.items():
            configuration.set_string(name, value)
        self.env = StreamExecutionEnvironment.get_execution_environment(configuration)
        self.env.add_jars(f"file://{jar}")
        self.env.set_python_executable(sys.executable)
        self.tables = StreamTableEnvironment.create(self.env)
        self.shape = shape
        self.count = rows
        self.file = file
        self._execute: Callable[[], object] = lambda: self.env.execute(f"{shape.name}, {rows} rows")
        self._prepared = None if shape.prepared is None else str(shape.prepared)
        loader = get_gateway().jvm.Thread.currentThread().getContextClassLoader()
        self._bench = loader.loadClass("org.mlonflink.benchmarks.Bench").newInstance()

    def rows(self) -> Table:
        """The rows, as fast as they are read."""
        return self._table(
            self._bench.rows(self._j_env, self._j_tables, self._j_type, self.count, self._prepared)
        )

    def paced_rows(self, interval_ns: int) -> Table:
        """The rows, one each interval, the last column being the time at which it was due."""
        return self._table(
            self._bench.pacedRows(
                self._j_env, self._j_tables, self._j_type, self.count, self._prepared, interval_ns
            )
        )

    def stream(self, rows: Table) -> DataStream:
        """The rows as objects of Python's."""
        return DataStream(self._j_tables.toDataStream(rows._j_table, self._j_type))

    def ask(self, table: Table, url: str, capacity: int) -> Table:
        """The last column of each row, and the score that a server gives it; `capacity` calls at a time."""
        return self._table(self._bench.http(self._j_tables, table._j_table, url, capacity))

    def receive_all(self, table: Table) -> None:
        """End with the sum of every value."""
        self._bench.sum(self._j_tables, table._j_table, self.count, str(self.file))

    def receive_answers(self, table: Table) -> None:
        """End with one FLOAT a row, each compared with the sum of the row in its place."""
        self._bench.answers(self._j_tables, table._j_table, self._j_type, self.count, str(self.file))

    def receive_times(self, table: Table, skipped: int) -> None:
        """End with the ages of the times in the first column, but for the first rows."""
        self._bench.latency(self._j_tables, table._j_table, skipped, self.count, str(self.file))

    def receive_scores(self, table: Table, truth: Path) -> None:
        """End with the number and the score of each row, compared with those in its place."""
        self._bench.scores(self._j_tables, table._j_table, str(truth), self.count, str(self.file))

    def receive_paced_scores(self, table: Table, truth: Path, skipped: int) -> None:
        """End with the ages of the times in the first column, as `receive_times`, and compare the scores."""
        self._bench.pacedScores(
            self._j_tables, table._j_table, str(truth), skipped, self.count, str(self.file)
        )

    def run_instead(self, command: Sequence[str], variables: Mapping[str, str]) -> None:
        """Have a program, which leaves the receipt, take the place of the job; `variables` of its own."""
        self._execute = lambda: subprocess.run(command, check=True, env={**os.environ, **variables})

    def run(self) -> Result:
        """Run the job to its end."""
        self.file.unlink(missing_ok=True)
        started_ns = time.monotonic_ns()
        self._execute()
        return Result(started_ns, json.loads(self.file.read_text()))

    def _table(self, j_table: Any) -> Table:
        return Table(j_table, self.tables)

    @property
    def _j_env(self) -> Any:
        return self.env._j_stream_execution_environment

    @property
    def _j_tables(self) -> Any:
        return self.tables._j_tenv

    @property
    def _j_type(self) -> Any:
        return _to_java_data_type(row_type(self.shape))


def row_type(shape: Shape) -> DataType:
    """The type of the rows of a shape."""
    return DataTypes.ROW([DataTypes.FIELD(name, _TYPES[kind]) for name, kind in shape.columns])
