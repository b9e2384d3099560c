"""The jobs that the tests submit with ``flink run``: ``job.py NAME FOLDER ROWS``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pyflink.common import WatermarkStrategy
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.datastream.connectors.number_seq import NumberSequenceSource
from pyflink.table import DataTypes, StreamTableEnvironment, TableDescriptor

from ml_framework.config import JobConfig
from ml_operator import MLJob
from tf_integration import TFClusterConfig, TFRunner
from torch_integration import TorchRunner

if TYPE_CHECKING:
    from pyflink.table import Table

HOSTS = 3
_OUTPUT = [("x", DataTypes.BIGINT()), ("host", DataTypes.STRING()), ("total", DataTypes.BIGINT())]


def add_up(job: MLJob, numbers: Table, folder: Path) -> Table:
    """Ranks of a gloo group, one a host, add up the numbers."""
    runner = TorchRunner("torch_hosts:add_up", {"go_on": str(folder / "go on"), "batch_size": 20})
    return job.add_role("worker", runner=runner, parallelism=HOSTS, input=numbers, output=_OUTPUT)


def count_on_servers(job: MLJob, numbers: Table, folder: Path) -> Table:
    """A TensorFlow cluster counts the numbers: a worker on each host, and parameter servers on two."""
    runner = TFRunner("tensorflow_hosts:count_on_servers", {"told": str(folder / "told"), "batch_size": 50})
    cluster = TFClusterConfig(workers=HOSTS, ps=2)
    return cluster.add_to(job, runner=runner, input=numbers, output=_OUTPUT[:1])


JOBS = {"add_up": add_up, "count_on_servers": count_on_servers}


def main(name: str, folder: Path, rows: int) -> None:
    """Run a job to its end; its rows go to files in ``folder/rows``."""
    env = StreamExecutionEnvironment.get_execution_environment()
    env.set_parallelism(1)
    tables = StreamTableEnvironment.create(env)
    job = MLJob(env, name, JobConfig(log_dir=str(folder / "logs")), table_env=tables)
    job.add_am_role()
    source = NumberSequenceSource(1, rows)
    numbers = env.from_source(source, WatermarkStrategy.no_watermarks(), "numbers")
    table = JOBS[name](job, tables.from_data_stream(numbers).alias("x"), folder)
    sink = TableDescriptor.for_connector("filesystem").option("path", f"file://{folder}/rows")
    job.wait(table.execute_insert(sink.option("format", "csv").build()).get_job_client())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
