"""`KerasEstimator`: fits a model of Keras to a table, and `KerasModel`, which transforms tables.

For the code that plans: it imports PyFlink, and not TensorFlow.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ml_operator.estimator import Estimator, Form, Model, check_callables
from tf_integration.inference import InferenceRunner
from tf_integration.runner import TFRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ml_framework.runner import Runner


class KerasModel(Model):
    """A fitted model of Keras; `KerasEstimator.fit` and `KerasModel.load` make them."""

    framework: ClassVar[str] = "keras"
    weights_file: ClassVar[str] = "model.weights.h5"
    runner: ClassVar[type[InferenceRunner]] = InferenceRunner
    maker: ClassVar[str] = "tf_integration.training:scoring_model"

    def model(self) -> Any:
        """The `keras.Model` itself, with its weights; needs TensorFlow here."""
        from tf_integration.training import filled  # noqa: PLC0415 - a table is transformed without it

        return filled(self.factory, self.weights)


@dataclass(frozen=True)
class KerasEstimator(Estimator[KerasModel]):
    """Fits a model of Keras to a table; several workers train it under `MultiWorkerMirroredStrategy`.

    ::

        estimator = KerasEstimator(
            build, loss="mse", optimizer=partial(keras.optimizers.Adam, 1e-2),
            inputs=["features"], groups={"features": ["a", "b"]}, label="y",
            output=[("prediction", DataTypes.FLOAT())],
        )
        model = estimator.fit(table)

    Args:
        factory: makes the model, which knows its inputs' shapes; several inputs are one list.
        loss: of ``(labels, answers)``, in Keras's order: one loss a row, or their mean; or Keras's name of
            one. Where the model answers one tensor, labels come in its shape and dtype, or as int64 numbers
            of classes where the tensor has scores of classes, ``(rows, classes)``.
        optimizer: makes one; or Keras's name or configuration of one. A learning-rate schedule is part of it.

    The others are those of `ml_operator.estimator.Estimator`.
    """

    _: KW_ONLY
    loss: str | Callable[[Any, Any], Any]
    optimizer: str | Mapping[str, Any] | Callable[[], Any]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.loss, str):
            check_callables(loss=self.loss)
        if not isinstance(self.optimizer, (str, dict)):
            check_callables(optimizer=self.optimizer)

    def _runner(self) -> Runner:
        options = {"factory": self.factory, "loss": self.loss, "optimizer": self.optimizer}
        return TFRunner(
            self._fitting("tf_integration.training:KerasTrainer", options),
            context="tf_integration.training:FittingContext",
            threads=self.threads,
        )

    def _model(self, form: Form, weights: bytes) -> KerasModel:
        return KerasModel(form, self.factory, weights)
