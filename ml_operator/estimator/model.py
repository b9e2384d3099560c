"""`Model`: what was fitted, for whatever framework."""

from __future__ import annotations

import atexit
import itertools
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, Unpack

from ml_framework.errors import PlanError
from ml_framework.estimator import Scorable
from ml_operator.bridge import environment_options
from ml_operator.estimator import folder
from ml_operator.estimator.borrowed import environment_of
from ml_operator.job import MLJob

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from pyflink.datastream import StreamExecutionEnvironment
    from pyflink.table import Table

    from ml_framework.config import JobConfig
    from ml_framework.inference.runner import InferenceRunner
    from ml_operator.estimator.folder import Form
    from ml_operator.inference import Scored, ScoringOptions

_NUMBERS = itertools.count(1)


class Model:
    """A fitted model: transforms tables, and is kept in a folder.

    Args:
        form: what it is called with, and what it answers.
        factory: makes it without its weights.
        weights: as the framework writes them to a file.
        path: of the folder where it is kept; None where it was not saved.

    Attributes:
        factory: the same.
        weights: the same.
        losses: mean loss of each epoch in which it was fitted.
    """

    framework: ClassVar[str]
    runner: ClassVar[type[InferenceRunner]]
    weights_file: ClassVar[str]
    maker: ClassVar[str]
    """``module:name`` of what makes a model that is called with columns one by one."""

    def __init__(
        self, form: Form, factory: Callable[[], Any], weights: bytes, path: Path | None = None
    ) -> None:
        self.factory = factory
        self.weights = weights
        self.losses = form.losses
        self._form = form
        self._path = path
        self._aside: Path | None = None

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the model to a folder, which appears whole or not at all; a model that is there is replaced.

        A factory that can be imported is saved as its name, any other by value.

        Raises:
            FileExistsError: something else is there.
        """
        target = Path(path).absolute()
        self._write(target)
        self._path = target
        return target

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, factory: Callable[[], Any] | None = None) -> Self:
        """The model that `save` has written, in this process or another.

        Weights are read as nothing but numbers. A factory that was saved by value is code, which runs when
        the model transforms: pass `factory`, and it does not.

        Args:
            path: of the folder.
            factory: makes the model; None takes the one that was saved.

        Raises:
            ModelError: there is no such model, or it cannot be used here; the message names the remedy.
        """
        source = Path(path).absolute()
        form, found, weights = folder.read(source, cls.framework, cls.weights_file, factory)
        return cls(form, found, weights, source)

    def transform(
        self,
        table: Table,
        *,
        name: str | None = None,
        config: JobConfig | None = None,
        **options: Unpack[ScoringOptions],
    ) -> Table:
        """The rows of a table with the model's answers beside them; lazily, as any table.

        A row that the model cannot take (one of its inputs is null, it raises, its answer is NaN) is left
        out: `score` has it.

        Args:
            table: insert-only; it need not end.
            name: as for `score`.
            config: as for `score`.
            options: as for `score`.

        Raises:
            PlanError: it cannot run as described; the message names the remedy.
        """
        return self.score(table, name=name, config=config, **options).rows

    def score(
        self,
        table: Table,
        *,
        name: str | None = None,
        config: JobConfig | None = None,
        **options: Unpack[ScoringOptions],
    ) -> Scored:
        """`transform`, with the rows that the model cannot take, and why, as a second table.

        The model is read from the folder where it was saved, or loaded from: every machine that scores has to
        see it. One that was not saved can be used on this machine, while this process lives.

        Args:
            table: insert-only; it need not end.
            name: of the cluster in the job, with which the uids of its operators begin; None counts. Give one
                where the job is to go on from a savepoint.
            config: time limits, queues, logs.
            options: of `MLJob.add_inference`: `parallelism`, `carry`, `postprocess`, ….

        Raises:
            PlanError: it cannot run as described; the message names the remedy.
        """
        env, tables = environment_of(table)
        path = self._path or self._kept_aside(env)
        job = MLJob(env, name or f"transform-{next(_NUMBERS)}", config, table_env=tables)
        job.add_am_role()
        arguments = self._form.arguments
        return job.add_inference(
            table,
            path / self.weights_file,
            runner=self.runner,
            inputs=arguments.columns,
            groups=arguments.vectors,
            output=self._form.output,
            factory=Scorable(self.maker, self.factory, arguments),
            **options,
        )

    def _write(self, path: Path) -> None:
        folder.write(path, self.framework, self._form, self.factory, (self.weights_file, self.weights))

    def _kept_aside(self, env: StreamExecutionEnvironment) -> Path:
        """The folder of a model that was not saved; only this machine sees it."""
        target = environment_options(env).get_string("execution.target", "local")
        if target != "local":
            raise PlanError(
                f"execution.target is {target!r}, and the model was not saved: save() it where every machine "
                "that scores sees it, then transform"
            )
        if self._aside is None:
            self._aside = _folder_of_process() / str(next(_NUMBERS))
            self._write(self._aside)
        return self._aside


@cache
def _folder_of_process() -> Path:
    """For models that were not saved; goes with the process."""
    path = Path(tempfile.mkdtemp(prefix="ml-on-flink-models-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path
