"""`TFClusterConfig`: the roles of a TensorFlow cluster, added to a job in one call."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml_framework.errors import PlanError
from ml_framework.spec import RoleKind
from tf_integration import roles

if TYPE_CHECKING:
    from ml_framework.runner import Runner
    from ml_operator import MLJob
    from tf_integration.runner import TFRunner
    from tf_integration.tensorboard import TensorBoardRunner

TENSORBOARD = "tensorboard"


@dataclass(frozen=True, kw_only=True)
class TFClusterConfig:
    """Who is in a TensorFlow cluster.

    Without parameter servers all workers, and the chief, run the entrypoint and train together. With them,
    the chief alone runs it, or worker 0 where there is no chief, and the others compute what it schedules.

    Args:
        workers: how many compute, at least 1; they get the rows from Flink.
        ps: parameter servers.
        chief: whether a node of its own leads; else worker 0 does.
        evaluator: what a node aside runs, such as ``TFRunner("evaluate:main")``; its end harms nobody.
        tensorboard: shows what the others log; its end harms nobody.

    Raises:
        PlanError: a number is out of range.
    """

    workers: int = 1
    ps: int = 0
    chief: bool = False
    evaluator: Runner | None = None
    tensorboard: TensorBoardRunner | None = None

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise PlanError(f"TFClusterConfig: workers is {self.workers}, it must be at least 1")
        if self.ps < 0:
            raise PlanError(f"TFClusterConfig: ps is {self.ps}, it cannot be negative")

    def add_to(
        self,
        job: MLJob,
        *,
        runner: TFRunner,
        input: Any = None,  # noqa: A002 - the word for it
        output: Any = None,
        **options: Any,
    ) -> Any:
        """Add every role to `job`.

        Args:
            job: with its AM role.
            runner: what chief, workers and parameter servers run.
            input: rows for the workers, as for `MLJob.add_role`.
            output: columns of the rows that the workers emit, as for `MLJob.add_role`.
            options: of the workers' role, as for `MLJob.add_role`; `python` is for all roles.

        Returns:
            The workers' output as Table or DataStream, None where they have none.

        Raises:
            PlanError: a role cannot run as described; the message names it and the remedy.
        """
        if self.chief and not self.ps and input is not None:
            raise PlanError(
                "role 'chief': without parameter servers the chief trains on rows as the workers do, and has "
                "none: leave chief= out, and worker 0 leads"
            )
        python = options.get("python")
        if self.ps:
            job.add_role(roles.PS, runner=runner, parallelism=self.ps, kind=RoleKind.SERVES, python=python)
        if self.chief:
            job.add_role(roles.CHIEF, runner=_leading(runner, has_rows=input is not None), python=python)
        rows = job.add_role(
            roles.WORKER, runner=runner, parallelism=self.workers, input=input, output=output, **options
        )
        for name, aside in ((roles.EVALUATOR, self.evaluator), (TENSORBOARD, self.tensorboard)):
            if aside is not None:
                job.add_role(name, runner=aside, kind=RoleKind.SIDE, python=python)
        return rows


def _leading(runner: TFRunner, *, has_rows: bool) -> TFRunner:
    """`runner` for a chief whose workers may have rows."""
    leading = copy(runner)
    object.__setattr__(leading, "answers_checkpoints", has_rows)
    return leading
