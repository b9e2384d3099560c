"""`inference`: rows go through a model in ONNX and come back, with `InferenceRunner` below it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from ml_framework.inference import runner as base

if TYPE_CHECKING:
    import os

    from ml_operator import MLJob
    from ml_operator.inference import InferenceOptions, Scored


@dataclass(frozen=True, kw_only=True)
class InferenceRunner(base.InferenceRunner):
    """Scores a stream with a model in ONNX; `inference` plans it.

    Its arguments are those of `ml_framework.inference.runner.InferenceRunner`.
    """

    loader: ClassVar[str] = "onnx_integration.models:OnnxModels"
    whole: ClassVar[tuple[str, ...]] = ("",)
    preload: ClassVar[tuple[str, ...]] = ("ml_framework.inference", "onnx_integration.models")


def inference(
    job: MLJob, rows: Any, model: str | os.PathLike[str], **options: Unpack[InferenceOptions]
) -> Scored:
    """Score every row with a model in ONNX.

    ::

        scored = inference(
            job, flights, "models/", inputs=["features"], groups={"features": ["distance", "temp"]},
            output=[("score", DataTypes.FLOAT())], parallelism=3, version="model_version",
        )
        t_env.create_temporary_view("scores", scored.rows)

    ONNX Runtime computes on the GPU where its build for them (onnxruntime-gpu) is installed and the process
    sees one.

    Args:
        job: with an application master.
        rows: a Table or a DataStream, insert-only.
        model: path or URL of an ``.onnx`` file, or of a folder of versions of one. A version may be a folder
            with more beside it: weights that lie outside of the file.
        options: `output`, `inputs` and all others of `MLJob.add_inference` but `factory`. Inputs and outputs
            go by position; a function before the model may name inputs in a dict, all as arrays of the type
            that the model declares.

    Returns:
        The answered rows and the refused ones.

    Raises:
        PlanError: it cannot run as described; the message names the role and the remedy.
    """
    return job.add_inference(rows, model, runner=InferenceRunner, **options)
