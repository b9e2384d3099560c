"""`inference`: a table goes through a model of PyTorch and comes back, with `InferenceRunner` below it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from ml_framework.errors import PlanError
from ml_framework.runner import Attempt, PythonRunner
from torch_integration.runner import thread_variables

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from ml_framework.context import NodeContext
    from ml_operator import MLJob
    from ml_operator.inference import Scored, ScoredColumns


@dataclass(frozen=True)
class _Scoring:
    """The entrypoint: travels by value, and imports PyTorch where it arrives."""

    settings: Mapping[str, Any]
    functions: Mapping[str, Any]

    def __call__(self, ctx: NodeContext) -> None:
        from ml_framework.inference import Serving  # noqa: PLC0415 - neither numpy nor torch where jobs are planned
        from torch_integration.models import TorchModels  # noqa: PLC0415

        Serving(load=TorchModels(**self.functions), **self.settings)(ctx)


@dataclass(frozen=True, kw_only=True)
class InferenceRunner(PythonRunner):
    """Scores a stream with a model of PyTorch; each node by itself. See `inference`, which plans it.

    Args:
        model: path of a model, or of a folder of versions, on every machine that scores.
        answers: columns of the output that the model answers, in order.
        carried: columns of the input that are columns of the output, too.
        inputs: columns or groups that are the model's arguments, where there is no `preprocess`.
        error: column of the output for why a row was refused.
        version: column of the output for the version that has answered; None for none.
        factory: makes the module for a state dict.
        preprocess: makes the model's arguments of a batch.
        postprocess: makes the answers of what the model returns.
        threads: that one process computes with; None shares the CPUs among the role's nodes on a host.

    Raises:
        PlanError: it is not said what the model gets, or something cannot be sent to the nodes.
    """

    preload: ClassVar[tuple[str, ...]] = ("ml_framework.inference", "torch_integration.models")

    entrypoint: str | Callable[[Any], object] = field(default="", init=False)
    context: str = field(default="torch_integration.models:ScoringContext", init=False)
    model: str
    answers: tuple[str, ...]
    carried: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    error: str = "error"
    version: str | None = None
    factory: Callable[[], Any] | None = None
    preprocess: Callable[[Any], Any] | None = None
    postprocess: Callable[[Any], Any] | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        if bool(self.inputs) == (self.preprocess is not None):
            raise PlanError(
                "say what the model gets: by inputs=, columns or groups in the order of its arguments, or by "
                "preprocess=, a function of the batch"
            )
        if self.threads is not None and self.threads < 1:
            raise PlanError(f"threads is {self.threads}, it must be at least 1")
        functions = ("factory", "preprocess", "postprocess")
        scoring = _Scoring(
            {
                "required": self.inputs,
                **{name: getattr(self, name) for name in ("model", "answers", "carried", "version", "error")},
            },
            {
                "inputs": self.inputs,
                "outputs": self.answers,
                **{name: getattr(self, name) for name in functions},
            },
        )
        object.__setattr__(self, "entrypoint", scoring)
        super().__post_init__()
        for name in functions:  # they travel in the entrypoint
            object.__setattr__(self, name, None)

    def environment(self, attempt: Attempt) -> Mapping[str, str]:
        """The variables of the process; what the user gave in `env` wins."""
        return {**thread_variables(attempt, self.threads), **super().environment(attempt)}


def inference(
    job: MLJob,
    rows: Any,
    model: str | os.PathLike[str],
    *,
    output: Sequence[tuple[str, Any]],
    inputs: Sequence[str] = (),
    carry: Sequence[str] | None = None,
    preprocess: Callable[[Any], Any] | None = None,
    postprocess: Callable[[Any], Any] | None = None,
    factory: Callable[[], Any] | None = None,
    version: str | None = None,
    name: str = "inference",
    parallelism: int = 1,
    groups: Mapping[str, Sequence[str] | int] | None = None,
    partition_by: str | None = None,
    rowtime: str | None = None,
    max_batch: int = 1024,
    max_delay: timedelta = timedelta(),
    threads: int | None = None,
    python: str | Path | None = None,
) -> Scored:
    """Score every row of a table with a model, in the order of each node's input, with its event time.

    ::

        scored = inference(
            job, flights, "models/", inputs=["features"], groups={"features": ["distance", "temp"]},
            output=[("score", DataTypes.FLOAT())], parallelism=3, version="model_version",
        )
        t_env.create_temporary_view("scores", scored.rows)

    A batch is scored as soon as its node is free, with the rows that have come until then: one where few
    come, `max_batch` where many do.

    A row that pre-processing or the model cannot take, that has a null among `inputs`, or that is answered
    with NaN is refused: it comes out as a row of `Scored.refused`, with the error, and every other row of its
    batch is answered.

    Where `model` is a folder of versions (`models/7/`, `models/8/`), the largest that can be loaded serves,
    and a newer one takes over within about a second of its appearance, between two batches.
    `ml_framework.inference.publish` makes a model the next version. One that cannot be loaded, that differs
    from its checksums, or whose answers have another form is refused: the log says why, and the old one
    serves on. A job that goes on from a checkpoint begins with the version that it had.

    Args:
        job: with an application master.
        rows: a Table, insert-only.
        model: path, on every machine that scores, of a file or of a folder of versions of one: a program of
            ``torch.export.save`` (``.pt2``), a TorchScript, or a state dict, with `factory`.
        output: columns that the model answers, as ``(name, DataType)``. A dict of tensors is taken by name, a
            tensor or several in this order; each has a value for every row.
        inputs: columns or groups that the model is called with, in order.
        carry: columns of `rows` that come back beside the answers; None takes all that are in no group.
        preprocess: instead of `inputs`, makes the arguments of the model of a
            `torch_integration.batches.Batch`: a tuple, a dict for arguments by name, or the only one.
        postprocess: makes the answers of what the model returns.
        factory: makes the module that a state dict is loaded into.
        version: name of a BIGINT column with the version that has answered.
        name: of the role.
        parallelism: number of nodes.
        groups: as for `MLJob.add_role`.
        partition_by: as for `MLJob.add_role`.
        rowtime: carried column that is the time attribute of the output; else a row keeps the event time of
            the row that it answers, without an attribute.
        max_batch: rows of a batch, at most.
        max_delay: longest time that a row waits for its batch to fill while its node is free.
        threads: that one process computes with; None shares the CPUs among the role's nodes on a host.
        python: as for `MLJob.add_role`.

    Returns:
        The answered rows and the refused ones.

    Raises:
        PlanError: it cannot run as described; the message names the role and the remedy.
    """

    def runner(columns: ScoredColumns) -> InferenceRunner:
        return InferenceRunner(
            model=os.path.abspath(model),  # noqa: PTH100 - keeps links, and need not exist here
            answers=columns.answers,
            carried=columns.carried,
            inputs=tuple(inputs),
            error=columns.error,
            version=columns.version,
            factory=factory,
            preprocess=preprocess,
            postprocess=postprocess,
            threads=threads,
        )

    return job.add_inference(
        name,
        runner=runner,
        parallelism=parallelism,
        input=rows,
        inputs=inputs,
        answers=output,
        carry=carry,
        version=version,
        partition_by=partition_by,
        rowtime=rowtime,
        groups=groups,
        max_rows=max_batch,
        max_delay=max_delay,
        python=python,
    )
