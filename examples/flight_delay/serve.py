"""Serve a model that says which flights will be late, while they come in, and a better one from half-way on.

::

    flights ─┐                              ┌─> process 0 ─┐
             ├─> join by hour ─> at a pace ─┤              ├─> scored flights ─> AUC by version
    weather ─┘                              └─> process 1 ─┘            │
                                                  ^                     v
                                               models/1, models/2  <─ learn
"""

from __future__ import annotations

import shutil
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import dataset
import feed
import serving_report
import torch
from features import PASSED_ON
from live import Live, Sink
from model import DelayNet, encode
from plain_loop import learn
from progress import RowsLine
from pyflink.common import Configuration
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import DataTypes, StreamTableEnvironment
from pyflink.table.expressions import call_sql
from stages import Stages
from tables import DEPARTURE, SCORE, csv_sink, departures_since

from ml_framework.inference import publish
from ml_framework.runner import PythonRunner
from ml_operator import JobConfig, MLJob
from torch_integration import inference

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from pyflink.table import Table

DEFAULT_OUT = Path(__file__).parents[2] / "out" / "flight_delay_serving"
PROCESSES = 2
SECONDS = 40
"""How long the stream takes, unless a rate is given."""
CHECKPOINTS = {"interval": "1 s", "unaligned.enabled": "true"}
"""Scores are seen when a checkpoint commits them; unaligned, it overtakes flights that wait for the feed."""
FEED = JobConfig(queue_bytes=1 << 15)
"""Few flights wait in the queue of the feed: those a checkpoint waits for."""


def main() -> None:
    """Run the job, then check and show what came out."""
    chosen = _arguments()
    torch.set_num_threads(1)
    prepared = dataset.prepare(chosen.data, chosen.rows)
    departures = dataset.departures(prepared)
    stages = Stages.of(departures)
    rate = chosen.rate or stages.served / SECONDS
    models = chosen.out / "models"
    shutil.rmtree(models, ignore_errors=True)  # of an earlier run, whose numbers are taken
    release(prepared, stages.before_start, models)
    release_next = partial(release, prepared, stages.before_release, models)
    with tempfile.TemporaryDirectory(dir=chosen.out, prefix=".sink-") as folder:
        sink = Sink(Path(folder) / "scores")
        with RowsLine(stages.served) as line, Live(sink, stages, release_next, line) as live:
            run(prepared, stages, models, Path(folder), rate=rate, seen=live)
        released_at = live.released_at
    served = serving_report.check(sink.all(), departures.slice(stages.before_start), stages.release)
    served = serving_report.compared(served, prepared, models, stages)
    serving_report.write(served, chosen.out)
    print(f"models: {models}")
    print(serving_report.summary(served, released_at))


def release(prepared: Path, flights: int, models: Path) -> float:
    """Learn from the first `flights` flights, and publish the model as the next version in `models`.

    Returns:
        When it was published, in seconds since the epoch.
    """
    model, _ = learn(prepared, flights)
    models.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=models.parent, prefix=".model-") as folder:
        path = Path(folder) / "model.pt"
        torch.save(model.state_dict(), path)
        now = time.time()
        publish(path, models)
    return now


def run(
    prepared: Path, stages: Stages, models: Path, folder: Path, *, rate: float, seen: Callable[..., object]
) -> None:
    """Plan the job, start it, and wait until the last flight is scored.

    Args:
        prepared: what `dataset.prepare` returned.
        stages: which flights are served.
        models: the folder of versions.
        folder: for the scores, as CSV files in `scores`, and for checkpoints.
        rate: flights a second.
        seen: called about twice a second.

    Raises:
        JobFailed: with the first cause.
    """
    options = Configuration()
    for name, value in {**CHECKPOINTS, "dir": (folder / "checkpoints").resolve().as_uri()}.items():
        options.set_string(f"execution.checkpointing.{name}", value)
    options.set_string("execution.buffer-timeout.interval", "1 ms")  # a flight waits no longer for others
    env = StreamExecutionEnvironment.get_execution_environment(options)
    env.set_parallelism(1)  # a file has one order; only the model's processes are several
    t_env = StreamTableEnvironment.create(env)

    departures = departures_since(t_env, prepared, stages.start)
    coming = at_a_pace(MLJob(env, "feed", FEED, table_env=t_env), departures, rate)
    job = MLJob(env, "flight-delay", table_env=t_env)
    job.add_am_role()
    scored = inference(
        job,
        coming,
        models,
        preprocess=encode,
        postprocess=feed.answers,
        factory=DelayNet,
        output=[SCORE, ("process", DataTypes.BIGINT())],
        carry=PASSED_ON,
        version="version",
        parallelism=PROCESSES,
    )
    served = scored.rows.add_columns(call_sql("CURRENT_ROW_TIMESTAMP()").alias("at"))
    job.wait(served.execute_insert(csv_sink(folder / "scores")).get_job_client(), seen, quiet=True)
    seen()


def at_a_pace(job: MLJob, departures: Table, rate: float) -> Table:
    """The same rows, so many a second.

    Args:
        job: a cluster for that alone: the nodes of one end together, and these end before the model's.
        departures: with the columns `DEPARTURE`.
        rate: rows a second.
    """
    job.add_am_role()
    return job.add_role(
        "feed", runner=PythonRunner("feed:main", {"rate": rate}), input=departures, output=DEPARTURE
    )


def _arguments() -> argparse.Namespace:
    parser = dataset.arguments(__doc__ or "")
    parser.add_argument("--rate", type=float, help=f"flights a second; all of them in {SECONDS} s by default")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="folder for the models and the results")
    return parser.parse_args()


if __name__ == "__main__":
    main()
