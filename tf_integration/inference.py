"""`inference`: rows go through a model of TensorFlow and come back, with `InferenceRunner` below it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from ml_framework.inference import runner as base
from ml_framework.runner.threads import threads_of
from tf_integration.runner import thread_variables

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from ml_framework.runner import Attempt
    from ml_operator import MLJob
    from ml_operator.inference import InferenceOptions, Scored

KERAS = ".keras"
"""How the name of a file ends that holds a model of Keras."""


@dataclass(frozen=True, kw_only=True)
class InferenceRunner(base.InferenceRunner):
    """Scores a stream with a model of TensorFlow; `inference` plans it.

    Its arguments are those of `ml_framework.inference.runner.InferenceRunner`.
    """

    loader: ClassVar[str] = "tf_integration.models:TFModels"
    whole: ClassVar[tuple[str, ...]] = (KERAS,)
    preload: ClassVar[tuple[str, ...]] = ("ml_framework.inference", "tf_integration.models")

    context: str = field(default="tf_integration.models:ScoringContext", init=False)

    def environment(self, attempt: Attempt) -> Mapping[str, str]:
        """The variables of the process; what the user gave in `env` wins."""
        return {**thread_variables(threads_of(attempt, self.threads)), **super().environment(attempt)}


def inference(
    job: MLJob, rows: Any, model: str | os.PathLike[str], **options: Unpack[InferenceOptions]
) -> Scored:
    """Score every row with a model of TensorFlow.

    ::

        scored = inference(
            job, flights, "models/", inputs=["features"], groups={"features": ["distance", "temp"]},
            output=[("score", DataTypes.FLOAT())], parallelism=3, version="model_version",
        )
        t_env.create_temporary_view("scores", scored.rows)

    TensorFlow computes on the GPU where its process sees one (``CUDA_VISIBLE_DEVICES``), else on the CPU.

    Args:
        job: with an application master.
        rows: a Table or a DataStream, insert-only.
        model: path or URL of a model, or of a folder of versions of one: a ``.keras`` file, a ``.weights.h5``
            file, with a `factory` of the model for it, or the folder of a SavedModel.
        options: `output`, `inputs` and all others of `MLJob.add_inference`, which says what holds. A function
            before the model gets a dict of what `tf_integration.tensors` describes.

    Returns:
        The answered rows and the refused ones.

    Raises:
        PlanError: it cannot run as described; the message names the role and the remedy.
    """
    return job.add_inference(rows, model, runner=InferenceRunner, **options)
