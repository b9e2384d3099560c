"""`inference`: a table goes through a model of PyTorch and comes back, with `InferenceRunner` below it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from ml_framework.inference import runner as base
from torch_integration.runner import thread_variables

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ml_framework.runner import Attempt
    from ml_operator import MLJob
    from ml_operator.inference import Scored


@dataclass(frozen=True, kw_only=True)
class InferenceRunner(base.InferenceRunner):
    """Scores a stream with a model of PyTorch; `inference` plans it.

    Its arguments are those of `ml_framework.inference.runner.InferenceRunner`.
    """

    loader: ClassVar[str] = "torch_integration.models:TorchModels"
    preload: ClassVar[tuple[str, ...]] = ("ml_framework.inference", "torch_integration.models")

    context: str = field(default="torch_integration.models:ScoringContext", init=False)

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
    preprocess: Callable[[Any], Any] | None = None,
    postprocess: Callable[[Any], Any] | None = None,
    factory: Callable[[], Any] | None = None,
    threads: int | None = None,
    **options: Any,
) -> Scored:
    """Score every row of a table with a model of PyTorch; `MLJob.add_inference` says what holds.

    ::

        scored = inference(
            job, flights, "models/", inputs=["features"], groups={"features": ["distance", "temp"]},
            output=[("score", DataTypes.FLOAT())], parallelism=3, version="model_version",
        )
        t_env.create_temporary_view("scores", scored.rows)

    Args:
        job: with an application master.
        rows: a Table, insert-only.
        model: path, on every machine that scores, of a file or of a folder of versions of one: a program of
            ``torch.export.save`` (``.pt2``), a TorchScript, or a state dict, with `factory`.
        output: columns that the model answers, as ``(name, DataType)``. A dict of tensors is taken by name, a
            tensor or several in this order; each has a value for every row.
        inputs: columns or groups that the model is called with, in order; a row in which one of them is null
            is refused.
        preprocess: instead of `inputs`, makes the arguments of the model of a
            `torch_integration.batches.Batch`: a tuple, a dict for arguments by name, or the only one.
        postprocess: makes the answers of what the model returns.
        factory: makes the module that a state dict is loaded into.
        threads: that one process computes with; None shares the CPUs among the role's nodes on a host.
        options: of the role, as for `MLJob.add_inference`.

    Raises:
        PlanError: it cannot run as described; the message names the role and the remedy.
    """
    runner = partial(
        InferenceRunner,
        model=os.path.abspath(model),  # noqa: PTH100 - keeps links, and need not exist here
        inputs=tuple(inputs),
        preprocess=preprocess,
        postprocess=postprocess,
        factory=factory,
        threads=threads,
    )
    return job.add_inference(rows, runner=runner, inputs=inputs, output=output, **options)
