"""The job of a phase: numbers, a worker role that trains and sends them back, and a transactional sink."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from py4j.protocol import Py4JJavaError
from pyflink.common import Encoder, Types, WatermarkStrategy
from pyflink.datastream.connectors.file_system import BucketAssigner, FileSink, RollingPolicy
from pyflink.datastream.connectors.number_seq import NumberSequenceSource
from pyflink.java_gateway import get_gateway

from ml_framework.config import JobConfig, Timeouts
from ml_framework.runner import PythonRunner
from ml_operator import MLJob
from torch_integration import TorchRunner

if TYPE_CHECKING:
    from pyflink.common import JobClient

    from chaos.cluster import Cluster
    from chaos.draw import Draw

_MODULES = str(Path(__file__).parents[1])
_QUEUE_BYTES = 1 << 14
"""Little room for rows on their way, so that the data lasts as long as the training."""
_TIMEOUTS = Timeouts(
    heartbeat_interval=timedelta(seconds=0.3),
    heartbeat=timedelta(seconds=3),
    stop_grace=timedelta(seconds=2),
    settle=timedelta(seconds=1),
)


class Submitted:
    """A job that runs.

    Args:
        job: its cluster.
        client: to talk to it.
    """

    def __init__(self, job: MLJob, client: JobClient) -> None:
        self.job = job
        self.client = client
        self._j_result = client._j_job_client.getJobExecutionResult()  # asks Flink again and again: once

    @property
    def job_id(self) -> str:
        """As Flink writes it."""
        return str(self.client.get_job_id())

    def ends_within(self, limit: timedelta) -> bool:
        """Whether the job comes to an end in that time; it may have failed."""
        unit = get_gateway().jvm.java.util.concurrent.TimeUnit.MILLISECONDS
        try:
            self._j_result.get(int(limit.total_seconds() * 1000), unit)
        except Py4JJavaError as error:
            return class_of(error) != "java.util.concurrent.TimeoutException"
        return True

    def stop_with_savepoint(self, folder: Path, limit: timedelta) -> str | None:
        """Stop the job without draining it.

        Returns:
            the path of the savepoint, None where the job has failed and goes on from its last checkpoint.

        Raises:
            TimeoutError: there is none within `limit`.
        """
        jvm = get_gateway().jvm
        formats = jvm.org.apache.flink.core.execution.SavepointFormatType
        drain = False
        stopping = self.client._j_job_client.stopWithSavepoint(drain, f"file://{folder}", formats.DEFAULT)
        try:
            return str(stopping.get(int(limit.total_seconds()), jvm.java.util.concurrent.TimeUnit.SECONDS))
        except Py4JJavaError as error:
            if class_of(error) == "java.util.concurrent.TimeoutException":
                raise TimeoutError(f"no savepoint within {limit}") from None
            return None

    def cancel(self, limit: timedelta) -> None:
        """Cancel the job."""
        unit = get_gateway().jvm.java.util.concurrent.TimeUnit.SECONDS
        self.client._j_job_client.cancel().get(int(limit.total_seconds()), unit)


def class_of(error: Py4JJavaError) -> str:
    """Name of the class of the Java exception."""
    return str(error.java_exception.getClass().getName())


def submit(draw: Draw, workers: int, cluster: Cluster, folder: Path, savepoint: str | None) -> Submitted:
    """Start a job of `draw`.

    Args:
        draw: what it does.
        workers: how many.
        cluster: where it runs.
        folder: of the run.
        savepoint: where it goes on from.
    """
    env = cluster.environment(_options(draw, f"{cluster.storage}://{folder}/checkpoints", savepoint))
    env.set_parallelism(workers)
    config = JobConfig(
        _TIMEOUTS, queue_bytes=_QUEUE_BYTES, log_dir=str(folder / "logs"), standby=draw.standby
    )
    job = MLJob(env, "chaos", config)
    job.add_am_role()
    source = NumberSequenceSource(1, draw.rows)
    numbers = env.from_source(source, WatermarkStrategy.no_watermarks(), "numbers").uid("numbers")
    output = job.add_role(
        "worker",
        runner=_runner(draw, folder),
        parallelism=workers,
        input=numbers.set_parallelism(draw.sources),
        output=Types.LONG(),
        partition_by="f0" if draw.partitioned else None,
        max_rows=draw.frame_rows,
    )
    sink = (
        FileSink.for_row_format(str(folder / "rows"), Encoder.simple_string_encoder())
        .with_bucket_assigner(BucketAssigner.base_path_bucket_assigner())
        .with_rolling_policy(RollingPolicy.on_checkpoint_rolling_policy())
        .build()
    )
    output.sink_to(sink).uid("sink")
    return Submitted(job, env.execute_async(f"chaos {draw.seed}"))


def _runner(draw: Draw, folder: Path) -> PythonRunner:
    params = {
        "folder": str(folder),
        "pace_s": draw.pace_s,
        "rows": draw.rows,
        "batch_size": draw.batch_size,
        "ballast_bytes": draw.ballast_bytes,
        "seed": draw.seed,
    }
    if draw.scenario == "plain":
        return PythonRunner("chaos.programs:count", params, python_path=(_MODULES,))
    entrypoint = "train" if draw.scenario == "identical" else "count"
    return TorchRunner(f"chaos.torch_programs:{entrypoint}", params, python_path=(_MODULES,), threads=1)


def _options(draw: Draw, storage: str, savepoint: str | None) -> dict[str, str]:
    options = {
        "execution.checkpointing.interval": f"{draw.interval_ms} ms",
        "execution.checkpointing.timeout": f"{int(draw.timeout_s * 1000)} ms",
        "execution.checkpointing.tolerable-failed-checkpoints": "1000000",
        "execution.checkpointing.unaligned.enabled": str(draw.unaligned).lower(),
        "execution.checkpointing.dir": storage,
        "execution.checkpointing.data-inline-threshold": f"{draw.inline_bytes} b",
        "restart-strategy.type": "fixed-delay",
        "restart-strategy.fixed-delay.attempts": "1000000",
        "restart-strategy.fixed-delay.delay": f"{draw.restart_delay_ms} ms",
        "taskmanager.memory.segment-size": "4 kb",
    }
    if savepoint is not None:
        options["execution.state-recovery.path"] = savepoint
    return options
