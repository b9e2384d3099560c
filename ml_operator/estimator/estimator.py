"""`Estimator`: what is fitted to a table, for whatever framework."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pyflink.table import DataTypes
from pyflink.table.expressions import col

from ml_framework.errors import PlanError
from ml_framework.estimator import Arguments, Fitting, Trained
from ml_operator.bridge import Bridge
from ml_operator.checks import check_numbers
from ml_operator.estimator import checks
from ml_operator.estimator.borrowed import borrowed, environment_of, renew_planner
from ml_operator.estimator.folder import Form
from ml_operator.job import MLJob

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pyflink.table import Table
    from pyflink.table.types import DataType

    from ml_framework.config import JobConfig
    from ml_framework.resources import Resources
    from ml_framework.rpc.wire import ClusterStatus
    from ml_framework.runner import Runner

FittedModel = TypeVar("FittedModel")

_CHUNKS = [("index", DataTypes.INT()), ("content", DataTypes.BYTES())]


@dataclass(frozen=True)
class Estimator(ABC, Generic[FittedModel]):
    """Fits a model to the rows of a table.

    Args:
        factory: makes the model.
        inputs: columns or groups that the model is called with, in order. A column is ``(rows,)``.
        label: column that the model has to answer; or a group.
        output: columns of the answers, as ``(name, DataType)``; for `Model.transform`.
        groups: columns as one tensor: ``{"features": ["a", "b"]}`` is ``(rows, 2)``, ``{"embedding": 16}`` an
            ARRAY column of exactly 16 elements.
        epochs: passes over all rows.
        batch_size: most rows of a worker in a step.
        parallelism: workers that train together.
        seed: of the first weights, and of the order of rows.
        dtype: what the inputs are cast to; None leaves each as its column is.
        threads: that one process computes with; None shares the CPUs among the workers on a host.
        resources: that each worker has to itself, as for `MLJob.add_role`.
        config: time limits, queues, logs of the job.

    Raises:
        PlanError: a value cannot be; the message names it and the remedy.
    """

    factory: Callable[[], Any]
    _: KW_ONLY
    inputs: Sequence[str]
    label: str
    output: Sequence[tuple[str, DataType]]
    groups: Mapping[str, Sequence[str] | int] = field(default_factory=dict)
    epochs: int = 10
    batch_size: int = 128
    parallelism: int = 1
    seed: int = 0
    dtype: str | None = "float32"
    threads: int | None = None
    resources: Resources | None = None
    config: JobConfig | None = None

    def __post_init__(self) -> None:
        checks.check_callables(factory=self.factory)
        checks.check_names("inputs", self.inputs)
        if not isinstance(self.label, str):
            raise PlanError(f"label is {self.label!r}, it must be the name of a column, or of a group")
        checks.check_groups(self.groups, [*self.inputs, self.label])
        checks.check_output(self.output)
        check_numbers(
            at_least=1, epochs=self.epochs, batch_size=self.batch_size, parallelism=self.parallelism
        )
        check_numbers(at_least=0, seed=self.seed)
        checks.check_dtype(self.dtype)
        checks.check_label(self._arguments, self._labels)

    def fit(self, table: Table, on_status: Callable[[ClusterStatus], object] | None = None) -> FittedModel:
        """Run a job that trains, and wait for its end.

        The rows that a worker gets are kept in its memory until the table has ended: for streams, and for
        more rows than memory takes, write a training loop, and plan it with `MLJob.add_role`. The job takes
        no checkpoints, and leaves the environment of the table as it was.

        Args:
            table: insert-only, and it ends.
            on_status: called with the state of the cluster now and then; the nodes' numbers are the mean
                `loss` of an epoch, and which `epoch` that was.

        Raises:
            PlanError: the table does not fit; the message names the column and the remedy.
            JobFailed: the job failed; its message is the first cause, a user's traceback without Java frames.
            KeyboardInterrupt: Ctrl-C, after the job was cancelled.
        """
        env, tables = environment_of(table)
        both = Arguments((*self._arguments.inputs, self.label), self._groups, self.dtype)
        schema = checks.check_columns(table, both)
        with borrowed(env, tables):
            job = MLJob(env, "fit", self.config, table_env=tables)
            job.add_am_role()
            chunks = job.add_role(
                "worker",
                runner=self._runner(),
                parallelism=self.parallelism,
                resources=self.resources,
                input=table.select(*map(col, schema.names)),
                groups=both.vectors,
                output=_CHUNKS,
            )
            result = chunks.execute()
            collector = Bridge(env).instance("org.mlonflink.flink.Collector")
            rows = collector.collect(result._j_table_result.collect())  # else the job would not end
        client = result.get_job_client()
        assert client is not None
        try:
            job.wait(client, on_status)
        except KeyboardInterrupt:
            renew_planner(env)
            raise
        trained = _trained(rows.get())
        return self._model(Form.of(self._arguments, self.output, trained.losses), trained.weights)

    @abstractmethod
    def _runner(self) -> Runner:
        """What the workers run."""

    @abstractmethod
    def _model(self, form: Form, weights: bytes) -> FittedModel:
        """What was fitted."""

    def _fitting(self, trainer: str, options: Mapping[str, Any]) -> Fitting:
        """The entrypoint of a worker."""
        return Fitting(
            trainer,
            options,
            self._arguments,
            self._labels,
            epochs=self.epochs,
            batch_size=self.batch_size,
            seed=self.seed,
        )

    @property
    def _groups(self) -> dict[str, tuple[str, ...] | int]:
        return {
            name: columns if isinstance(columns, int) else tuple(columns)
            for name, columns in self.groups.items()
        }

    @property
    def _arguments(self) -> Arguments:
        """What the model is called with."""
        groups = {name: columns for name, columns in self._groups.items() if name in self.inputs}
        return Arguments(tuple(self.inputs), groups, self.dtype)

    @property
    def _labels(self) -> Arguments:
        """What it has to answer, in the type of its column."""
        groups = {name: columns for name, columns in self._groups.items() if name == self.label}
        return Arguments((self.label,), groups)


def _trained(rows: Any) -> Trained:
    """What came out of training, of the Java rows of its chunks in any order."""
    chunks = {row.getField(0): bytes(row.getField(1)) for row in rows}
    return Trained.of(chunk for _, chunk in sorted(chunks.items()))
