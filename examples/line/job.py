"""Learn y = 2x + 1 from a stream that has no end, or `--rows` rows, with the model in Flink's checkpoints.

Small enough to try a cluster with: ``flink run -pyfs train.py -py job.py``. Only the client needs the files.
"""

from __future__ import annotations

import argparse

from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import DataTypes, StreamTableEnvironment

from ml_operator import MLJob
from torch_integration import TorchRunner

NUMBERS = """
CREATE TEMPORARY TABLE numbers (x FLOAT) WITH (
    'connector' = 'datagen', 'fields.x.min' = '-1', 'fields.x.max' = '1', 'rows-per-second' = '{rate}'{bound})
"""
GUESSES = "CREATE TEMPORARY TABLE guesses (y FLOAT, guess FLOAT) WITH ('connector' = 'blackhole')"


def main() -> None:
    """Plan the job, start it, and wait for its end where it has one."""
    chosen = _arguments()
    env = StreamExecutionEnvironment.get_execution_environment()
    tables = StreamTableEnvironment.create(env)
    bound = f", 'number-of-rows' = '{chosen.rows}'" if chosen.rows else ""
    tables.execute_sql(NUMBERS.format(rate=chosen.rate, bound=bound))
    tables.execute_sql(GUESSES)
    job = MLJob(env, "line", table_env=tables)
    job.add_am_role()
    guesses = job.add_role(
        "worker",
        parallelism=chosen.workers,
        runner=TorchRunner("train:main", params={"lr": 0.1, "model": chosen.model}),
        input=tables.sql_query("SELECT x, CAST(2 * x + 1 AS FLOAT) AS y FROM numbers"),
        output=[("y", DataTypes.FLOAT()), ("guess", DataTypes.FLOAT())],
    )
    client = guesses.execute_insert("guesses").get_job_client()
    if chosen.rows:
        job.wait(client)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, help="end after so many; without it the job goes on")
    parser.add_argument("--rate", type=int, default=20_000, help="rows a second")
    parser.add_argument("--workers", type=int, default=2, help="processes that train")
    parser.add_argument("--model", default="line.pt", help="file for the model, where the workers run")
    return parser.parse_args()


if __name__ == "__main__":
    main()
