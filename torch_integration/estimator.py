"""`TorchEstimator`: fits a module of PyTorch to a table, and `TorchModel`, which transforms tables.

For the code that plans: it imports PyFlink, and not torch.
"""

from __future__ import annotations

import io
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ml_operator.estimator import Estimator, Form, Model, check_callables
from torch_integration.inference import InferenceRunner
from torch_integration.runner import TorchRunner

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from ml_framework.runner import Runner


class TorchModel(Model):
    """A fitted module; `TorchEstimator.fit` and `TorchModel.load` make them."""

    framework: ClassVar[str] = "torch"
    weights_file: ClassVar[str] = "weights.pt"
    runner: ClassVar[type[InferenceRunner]] = InferenceRunner
    maker: ClassVar[str] = "torch_integration.training:scoring_module"

    def module(self) -> torch.nn.Module:
        """The module itself, with its weights, for inference; needs PyTorch here."""
        from torch_integration.models import filled  # noqa: PLC0415 - a table is transformed without it

        return filled(self.factory, io.BytesIO(self.weights))


@dataclass(frozen=True)
class TorchEstimator(Estimator[TorchModel]):
    """Fits a module to a table; several workers train it with `DistributedDataParallel`.

    ::

        estimator = TorchEstimator(
            Net, loss=torch.nn.functional.mse_loss, optimizer=partial(torch.optim.Adam, lr=1e-2),
            inputs=["features"], groups={"features": ["a", "b"]}, label="y",
            output=[("prediction", DataTypes.FLOAT())],
        )
        model = estimator.fit(table)

    Args:
        factory: makes the module.
        loss: of ``(answers, labels)``; one loss a row (``reduction="none"``), or their mean. Where the module
            answers one tensor, labels come in its shape and dtype, or as int64 numbers of classes where the
            tensor has scores of classes, ``(rows, classes)``.
        optimizer: of the parameters.
        schedule: learning-rate schedule, of the optimizer; a step for each epoch.

    The others are those of `ml_operator.estimator.Estimator`.
    """

    _: KW_ONLY
    loss: Callable[[Any, Any], Any]
    optimizer: Callable[[Any], Any]
    schedule: Callable[[Any], Any] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_callables(loss=self.loss, optimizer=self.optimizer)
        if self.schedule is not None:
            check_callables(schedule=self.schedule)

    def _runner(self) -> Runner:
        options = {
            "factory": self.factory,
            "loss": self.loss,
            "optimizer": self.optimizer,
            "schedule": self.schedule,
        }
        return TorchRunner(
            self._fitting("torch_integration.training:TorchTrainer", options),
            context="torch_integration.training:FittingContext",
            threads=self.threads,
        )

    def _model(self, form: Form, weights: bytes) -> TorchModel:
        return TorchModel(form, self.factory, weights)
