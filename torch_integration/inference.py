"""`inference`: rows go through a model of PyTorch and come back, with `InferenceRunner` below it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from ml_framework.inference import runner as base

if TYPE_CHECKING:
    import os

    from ml_operator import MLJob
    from ml_operator.inference import InferenceOptions, Scored

EXPORTED = ".pt2"
"""How the name of a file of ``torch.export.save`` ends."""


@dataclass(frozen=True, kw_only=True)
class InferenceRunner(base.InferenceRunner):
    """Scores a stream with a model of PyTorch; `inference` plans it.

    Its arguments are those of `ml_framework.inference.runner.InferenceRunner`.
    """

    loader: ClassVar[str] = "torch_integration.models:TorchModels"
    whole: ClassVar[tuple[str, ...]] = (EXPORTED,)
    preload: ClassVar[tuple[str, ...]] = ("ml_framework.inference", "torch_integration.models")

    context: str = field(default="torch_integration.models:ScoringContext", init=False)


def inference(
    job: MLJob, rows: Any, model: str | os.PathLike[str], **options: Unpack[InferenceOptions]
) -> Scored:
    """Score every row with a model of PyTorch.

    ::

        scored = inference(
            job, flights, "models/", inputs=["features"], groups={"features": ["distance", "temp"]},
            output=[("score", DataTypes.FLOAT())], parallelism=3, version="model_version",
        )
        t_env.create_temporary_view("scores", scored.rows)

    A model computes on the GPU where its process sees one (``CUDA_VISIBLE_DEVICES``), else on the CPU; what
    `preprocess` makes is moved there.

    Args:
        job: with an application master.
        rows: a Table or a DataStream, insert-only.
        model: path or URL of a file, or of a folder of versions of one: a program of ``torch.export.save``
            (``.pt2``), a TorchScript, or a state dict, with a `factory` of the module for it.
        options: `output`, `inputs` and all others of `MLJob.add_inference`, which says what holds. A function
            before the model gets a `torch_integration.batches.Batch`.

    Returns:
        The answered rows and the refused ones.

    Raises:
        PlanError: it cannot run as described; the message names the role and the remedy.
    """
    return job.add_inference(rows, model, runner=InferenceRunner, **options)
