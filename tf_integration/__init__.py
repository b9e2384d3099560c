"""TensorFlow on Flink: runners to plan with, and what a training loop needs in the user's process.

::

    cluster = TFClusterConfig(workers=2)
    cluster.add_to(job, runner=TFRunner("train:main", params={"lr": 1e-3}), input=features)

    def main(ctx):                                          # train.py
        with ctx.strategy.scope():
            model = build()
            model.compile("adam", "binary_crossentropy")
        model.fit(ctx.dataset(128, lambda batch: (batch["features"], batch["label"], batch.weights)))
        ctx.save_model("model.keras", model)

For those who think in fit and transform there is `KerasEstimator`.

Importing this package imports neither TensorFlow nor PyFlink: a job is planned without either's weight. An
estimator, which plans a job by itself, imports PyFlink when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tf_integration.cluster import TFClusterConfig
from tf_integration.inference import InferenceRunner, inference
from tf_integration.loss import mean_loss
from tf_integration.runner import TFRunner
from tf_integration.tensorboard import TensorBoardRunner

if TYPE_CHECKING:
    from tf_integration.estimator import KerasEstimator, KerasModel

__all__ = [
    "InferenceRunner",
    "KerasEstimator",
    "KerasModel",
    "TFClusterConfig",
    "TFRunner",
    "TensorBoardRunner",
    "inference",
    "mean_loss",
]


def __getattr__(name: str) -> Any:
    if name not in ("KerasEstimator", "KerasModel"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.estimator"), name)
