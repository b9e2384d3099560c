"""Who is measured: our worker, PyFlink's ways to run Python, and the generator alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyflink.common import Types
from pyflink.table import DataTypes, Table
from pyflink.table.expressions import col
from pyflink.table.udf import udf

from benchmarks import udfs
from benchmarks.rows import BIGINT, CRITEO, STRINGS, Shape
from ml_operator import MLJob
from tf_integration import TFRunner
from torch_integration import TorchRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.jobs import Job
    from ml_framework.runner import Runner

_ROOT = str(Path(__file__).parents[1])
BUNDLE_SIZE = "python.fn-execution.bundle.size"
BUNDLE_TIME = "python.fn-execution.bundle.time"
NO_BUFFERING = {"execution.buffer-timeout.interval": "0 ms"}
SHORT_BUNDLES = {**NO_BUFFERING, BUNDLE_TIME: "1"}
"""Milliseconds. A bundle of one row each takes PyFlink longer than rows take to come."""


@dataclass(frozen=True)
class Contender:
    """One way to bring rows to Python.

    Args:
        name: in the tables.
        shape: what its rows are.
        plan: adds what lies between the rows and the receiving end to a job.
        ways: what the rate stands for, ``one way`` and ``there and back``.
        rows: how many, for a run of a few seconds.
        settings: Flink options of its own.
        notes: what else was chosen for it.
    """

    name: str
    shape: Shape
    plan: Callable[[Job], None]
    ways: tuple[str, ...]
    rows: int
    settings: Mapping[str, str] = field(default_factory=dict)
    notes: str = ""

    def rows_for(self, share: float) -> int:
        """About this share of the rows; whole bundles up to each mark, for they come back at once."""
        unit = 6 * int(self.settings.get(BUNDLE_SIZE, 1))
        return max(1, round(share * self.rows / unit)) * unit

    @property
    def settings_text(self) -> str:
        """Everything that was chosen for it."""
        chosen = [f"{key.removeprefix('python.')}={value}" for key, value in self.settings.items()]
        return ", ".join([*chosen, self.notes] if self.notes else chosen)


def torch_worker(entrypoint: str, **params: Any) -> TorchRunner:
    """Runs a program of the benchmark with one thread."""
    return TorchRunner(entrypoint, params, threads=1, python_path=(_ROOT,))


def worker(job: Job, runner: Runner, table: Table, **options: Any) -> Any:
    """Plan our worker, one node of it; returns its output."""
    ml_job = MLJob(job.env, "bench", table_env=job.tables)
    ml_job.add_am_role()
    return ml_job.add_role("worker", runner=runner, input=table, **options)


def _generator(job: Job) -> None:
    job.receive_all(job.rows())


def _one_way(program: str, **options: Any) -> Callable[[Job], None]:
    def plan(job: Job) -> None:
        runner = torch_worker(f"benchmarks.programs:{program}", file=str(job.file), expected=job.count)
        worker(job, runner, job.rows(), **options)

    return plan


def _tensorflow(**options: Any) -> Callable[[Job], None]:
    def plan(job: Job) -> None:
        params = {"file": str(job.file), "expected": job.count}
        program = "benchmarks.programs_tensorflow:sum_tensors"
        worker(job, TFRunner(program, params, threads=1, python_path=(_ROOT,)), job.rows(), **options)

    return plan


def _there_and_back(program: str, **options: Any) -> Callable[[Job], None]:
    def plan(job: Job) -> None:
        output = [("answer", DataTypes.FLOAT())]
        runner = torch_worker(f"benchmarks.programs:{program}")
        job.receive_answers(worker(job, runner, job.rows(), output=output, **options))

    return plan


def _udf(function: Callable[..., Any], func_type: str) -> Callable[[Job], None]:
    def plan(job: Job) -> None:
        answer = udf(function, result_type=DataTypes.FLOAT(), func_type=func_type)
        job.receive_answers(job.rows().select(answer(*map(col, job.shape.names)).alias("answer")))

    return plan


def _map(job: Job) -> None:
    """A `DataStream` of rows, one call a row."""
    stream = job.tables.to_data_stream(job.rows()).map(udfs.add_row, output_type=Types.FLOAT())
    job.receive_answers(job.tables.from_data_stream(stream).alias("answer"))


GENERATOR = "generator alone"
COLUMNS = "our worker, columns"
GROUPS = "our worker, tensor groups"
OBJECTS = "our worker, strings as str"
TENSORFLOW = "our worker, tf.Tensor"
PANDAS = "PyFlink pandas UDF"
MAP = "PyFlink map, process mode"
PROCESS = "PyFlink row UDF, process mode"
THREAD = "PyFlink row UDF, thread mode"

_OUT = ("one way",)
_BACK = ("there and back",)
_BOTH = (*_OUT, *_BACK)
"""A UDF answers every row, so there is no going one way."""

_FRAMES = {"max_rows": 4096}
_TWO_TENSORS = {**_FRAMES, "groups": CRITEO.groups}
_PANDAS = {
    "python.fn-execution.arrow.batch.size": "10000",
    BUNDLE_SIZE: "100000",
    BUNDLE_TIME: "10000",
}
_PROCESS = {BUNDLE_SIZE: "100000", BUNDLE_TIME: "10000"}
_THREAD = {"python.execution-mode": "thread", **_PROCESS, BUNDLE_SIZE: "10000"}


_note = f"max_rows={_FRAMES['max_rows']}, threads=1"
_group_notes = f"groups dense 13, sparse 26; {_note}"


def _rates(shape: Shape, program: str, millions: float, pandas_rows: int, row_rows: int) -> list[Contender]:
    """What every shape is measured with."""
    texts = shape is STRINGS
    series = udfs.add_lengths_of_series if texts else udfs.add_series
    values = udfs.add_lengths if texts else udfs.add_values
    rows = int(millions * 1e6)
    one_way, back = _one_way(f"sum_{program}", **_FRAMES), _there_and_back(f"answer_{program}", **_FRAMES)
    return [
        Contender(GENERATOR, shape, _generator, _BOTH, rows),
        Contender(COLUMNS, shape, one_way, _OUT, rows, notes=_note),
        Contender(COLUMNS, shape, back, _BACK, rows, notes=_note),
        Contender(PANDAS, shape, _udf(series, "pandas"), _BOTH, pandas_rows, _PANDAS),
        Contender(PROCESS, shape, _udf(values, "general"), _BOTH, row_rows, _PROCESS),
    ]


CONTENDERS = (
    *_rates(BIGINT, "columns", 12, 3_000_000, 1_200_000),
    *_rates(CRITEO, "columns", 6, 1_200_000, 600_000),
    Contender(GROUPS, CRITEO, _one_way("sum_columns", **_TWO_TENSORS), _OUT, 6_000_000, notes=_group_notes),
    Contender(
        GROUPS, CRITEO, _there_and_back("answer_groups", **_TWO_TENSORS), _BACK, 6_000_000, notes=_group_notes
    ),
    Contender(TENSORFLOW, BIGINT, _tensorflow(**_FRAMES), _OUT, 12_000_000, notes=_note),
    Contender(TENSORFLOW, CRITEO, _tensorflow(**_TWO_TENSORS), _OUT, 6_000_000, notes=_group_notes),
    Contender(MAP, BIGINT, _map, _BOTH, 600_000, _PROCESS),
    Contender(MAP, CRITEO, _map, _BOTH, 600_000, _PROCESS),
    Contender(THREAD, CRITEO, _udf(udfs.add_values, "general"), _BOTH, 240_000, _THREAD),
    *_rates(STRINGS, "lengths", 6, 1_200_000, 600_000),
    Contender(OBJECTS, STRINGS, _one_way("sum_objects", **_FRAMES), _OUT, 3_000_000),
)
