"""A job for `flink run`: each row is answered with the interpreter that has seen it.

``job.py ROWS_FILE PARALLELISM``
"""

from __future__ import annotations

import sys

from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import DataTypes, StreamTableEnvironment, TableDescriptor

from ml_framework.runner import PythonRunner
from ml_operator import MLJob

ROWS = 1_000
SECONDS = 3
"""That the rows take: longer than from one look at the job to the next."""


def main(rows: str, parallelism: int) -> None:
    """Plan and run it, and print the states in which it was seen."""
    env = StreamExecutionEnvironment.get_execution_environment()
    tables = StreamTableEnvironment.create(env)
    job = MLJob(env, "a job / of a cluster", table_env=tables)
    job.add_am_role()
    tables.execute_sql(
        f"""CREATE TEMPORARY TABLE numbers (x BIGINT) WITH ('connector' = 'datagen',
        'fields.x.kind' = 'sequence', 'fields.x.start' = '1', 'fields.x.end' = '{ROWS}',
        'rows-per-second' = '{ROWS // SECONDS}')"""
    )
    answers = job.add_role(
        "worker",
        runner=PythonRunner("programs:report"),
        parallelism=parallelism,
        input=tables.from_path("numbers"),
        output=[("x", DataTypes.BIGINT()), ("prefix", DataTypes.STRING()), ("shipped", DataTypes.STRING())],
    )
    sink = TableDescriptor.for_connector("filesystem").option("path", rows).option("format", "csv").build()
    client = answers.execute_insert(sink).get_job_client()
    states: set[str] = set()
    job.wait(client, on_status=lambda status: states.add(status.state))
    print(f"seen: {sorted(states)}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
