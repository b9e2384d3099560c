"""Learn which flights will be late, while they come in: Flink SQL and distributed training in one job.

::

    flights ─┐                 ┌─> worker 0 ─┐           ┌─> scored flights
             ├─> join by hour ─┤             ├─> scores ─┤
    weather ─┘                 └─> worker 1 ─┘           └─> log loss, AUC, calibration by week
"""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dataset
import report
from plain_loop import BATCH_SIZE, progressive_auc
from pyflink.common import Configuration
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment
from tables import PASSED_ON, SCORE, departures, write_scores

from ml_operator import JobConfig, MLJob
from tf_integration import TFClusterConfig, TFRunner
from torch_integration import TorchRunner

if TYPE_CHECKING:
    import argparse

    from pyflink.table import Table

DEFAULT_OUT = Path(__file__).parents[2] / "out" / "flight_delay"
WORKERS = 2
PATIENCE = timedelta(seconds=1)
"""How long a worker may wait for its batch to fill before it, or the others without it, take a step.

Generous, since nobody waits for these scores: every step then has as many rows as one of the plain loop.
"""


def main() -> None:
    """Run the job, then write and show what came out."""
    chosen = _arguments()
    prepared = dataset.prepare(chosen.data, chosen.rows)
    out: Path = chosen.out
    out.mkdir(parents=True, exist_ok=True)
    model = out / ("model.pt" if chosen.framework == "torch" else "model.keras")
    with tempfile.TemporaryDirectory(dir=out, prefix=".sinks-") as folder:
        sinks = Path(folder)
        run(
            prepared,
            sinks,
            model=model,
            framework=chosen.framework,
            from_files=chosen.mode == "batch",
            checkpoint_every=chosen.checkpoint_every,
        )
        scored, weeks = report.read_scores(sinks / "scores"), report.read_weeks(sinks / "weeks")
    report.write(scored, weeks, out)
    report.check(scored, weeks, dataset.departures(prepared))
    print(f"model: {model}")
    print(report.summary(report.read_written(out), plain_loop_auc=progressive_auc(prepared)))


def run(
    prepared: Path,
    sinks: Path,
    *,
    model: Path,
    framework: str = "torch",
    from_files: bool = False,
    checkpoint_every: timedelta | None = None,
) -> None:
    """Plan the job, start it and show its progress until it is done.

    Args:
        prepared: what `dataset.prepare` returned.
        sinks: folder for the folders `scores` and `weeks` of CSV files.
        model: file for the trained model.
        framework: what the workers train with, ``torch`` or ``tensorflow``.
        from_files: the workers read the prepared file themselves, instead of a stream from Flink.
        checkpoint_every: between two checkpoints, which hold the models too: whatever fails, the job goes on
            from the last one. None takes none, and an error ends the job.

    Raises:
        JobFailed: with the first cause.
    """
    options = Configuration()
    if checkpoint_every is not None:
        options.set_string(
            "execution.checkpointing.interval", f"{round(checkpoint_every.total_seconds() * 1000)} ms"
        )
        options.set_string("execution.checkpointing.dir", f"file://{(sinks / 'checkpoints').resolve()}")
    env = StreamExecutionEnvironment.get_execution_environment(options)
    env.set_parallelism(1)  # a file has one order; only the workers are several
    t_env = StreamTableEnvironment.create(env)

    job = MLJob(env, "flight-delay", JobConfig(), table_env=t_env)
    job.add_am_role()
    params = {"model": str(model.resolve()), "folder": str(prepared.resolve()) if from_files else None}
    rows = None if from_files else departures(t_env, prepared)
    scores = ADD_WORKERS[framework](
        job, params, input=rows, output=[*PASSED_ON, SCORE], rowtime="sched", max_delay=PATIENCE
    )
    client = write_scores(t_env, scores, sinks).execute().get_job_client()
    job.wait(client, rows=len(dataset.departures(prepared)))


def _add_torch(job: MLJob, params: dict[str, Any], **options: Any) -> Table:
    """Workers that take each step together: their batches are one."""
    runner = TorchRunner("train:main", {**params, "batch_size": BATCH_SIZE // WORKERS})
    return job.add_role("worker", parallelism=WORKERS, runner=runner, **options)


def _add_tensorflow(job: MLJob, params: dict[str, Any], **options: Any) -> Table:
    """Workers that step at their own pace, each with whole batches, and the model on a parameter server."""
    runner = TFRunner("train_tensorflow:main", {**params, "batch_size": BATCH_SIZE})
    return TFClusterConfig(workers=WORKERS, ps=1).add_to(job, runner=runner, **options)


ADD_WORKERS = {"torch": _add_torch, "tensorflow": _add_tensorflow}
"""How the workers are added to a job, by framework."""


def _seconds(text: str) -> timedelta:
    return timedelta(seconds=float(text))


def _arguments() -> argparse.Namespace:
    parser = dataset.arguments(__doc__ or "")
    parser.add_argument(
        "--mode", choices=("stream", "batch"), default="stream", help="where the workers' rows come from"
    )
    parser.add_argument(
        "--framework", choices=tuple(ADD_WORKERS), default="torch", help="what the workers train with"
    )
    parser.add_argument(
        "--checkpoint-every",
        type=_seconds,
        metavar="SECONDS",
        help="take checkpoints: whatever is killed, the job goes on from the last one",
    )
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="folder for the results")
    chosen = parser.parse_args()
    if chosen.mode == "batch" and chosen.framework != "torch":
        parser.error("--mode batch is for --framework torch: the TensorFlow workers read a stream only")
    if chosen.mode == "batch" and chosen.checkpoint_every:
        parser.error("--checkpoint-every is for --mode stream: only Flink knows how far it has come")
    return chosen


if __name__ == "__main__":
    main()
