"""Learn which flights will be late, while they come in: Flink SQL and distributed PyTorch in one job.

flights ─┐                 ┌─> worker 0 ─┐           ┌─> scored flights
├─> join by hour ─┤    (DDP)    ├─> scores ─┤
weather ─┘                 └─> worker 1 ─┘           └─> log loss, AUC, calibration by week
"""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import dataset
import report
from plain_loop import progressive_auc
from progress import Progress
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import DataTypes, StreamTableEnvironment
from tables import departures, write_scores

from ml_operator import JobConfig, MLJob
from torch_integration import TorchRunner

if TYPE_CHECKING:
    import argparse

DEFAULT_OUT = Path(__file__).parents[2] / "out" / "flight_delay"
WORKERS = 2
BATCH_SIZE = 128
PATIENCE = timedelta(seconds=1)
"""How long a worker may wait for its batch to fill before the others make a step without it.

Generous, since nobody waits for these scores: every step then has both workers' rows, as the plain loop has.
"""
OUTPUT = [
    ("year", DataTypes.INT()),
    ("month", DataTypes.INT()),
    ("day", DataTypes.INT()),
    ("carrier", DataTypes.STRING()),
    ("flight", DataTypes.INT()),
    ("origin", DataTypes.STRING()),
    ("dest", DataTypes.STRING()),
    ("sched", DataTypes.TIMESTAMP(3)),
    ("has_weather", DataTypes.BOOLEAN()),
    ("label", DataTypes.INT()),
    ("score", DataTypes.FLOAT()),
]


def main() -> None:
    """Run the job, then write and show what came out."""
    chosen = _arguments()
    prepared = dataset.prepare(chosen.data, chosen.rows)
    out: Path = chosen.out
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".sinks-") as folder:
        sinks = Path(folder)
        run(prepared, sinks, model=out / "model.pt", from_files=chosen.mode == "batch")
        scored, weeks = report.read_scores(sinks / "scores"), report.read_weeks(sinks / "weeks")
    report.write(scored, weeks, out)
    report.check(scored, weeks, dataset.departures(prepared))
    print(f"model: {out / 'model.pt'}")
    print(report.summary(report.read_written(out), plain_loop_auc=progressive_auc(prepared)))


def run(prepared: Path, sinks: Path, *, model: Path, from_files: bool = False) -> None:
    """Plan the job, start it and show its progress until it is done.

    Args:
        prepared: what `dataset.prepare` returned.
        sinks: folder for the folders `scores` and `weeks` of CSV files.
        model: file for the trained model.
        from_files: the workers read the prepared file themselves, instead of a stream from Flink.

    Raises:
        JobFailed: with the first cause.
    """
    env = StreamExecutionEnvironment.get_execution_environment()
    env.set_parallelism(1)  # a file has one order; only the workers are several
    t_env = StreamTableEnvironment.create(env)

    job = MLJob(env, "flight-delay", JobConfig(), table_env=t_env)
    job.add_am_role()
    params = {"batch_size": BATCH_SIZE, "model": str(model.resolve()), "folder": None}
    if from_files:
        params["folder"] = str(prepared.resolve())
    scores = job.add_role(
        "worker",
        parallelism=WORKERS,
        runner=TorchRunner("train:main", params=params),
        input=None if from_files else departures(t_env, prepared),
        output=OUTPUT,
        rowtime="sched",
        max_delay=PATIENCE,
    )
    client = write_scores(t_env, scores, sinks).execute().get_job_client()
    with Progress(total=len(dataset.departures(prepared))) as progress:
        job.wait(client, on_status=progress)


def _arguments() -> argparse.Namespace:
    parser = dataset.arguments(__doc__ or "")
    parser.add_argument(
        "--mode", choices=("stream", "batch"), default="stream", help="where the workers' rows come from"
    )
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="folder for the results")
    return parser.parse_args()


if __name__ == "__main__":
    main()
