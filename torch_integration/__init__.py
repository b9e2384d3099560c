"""PyTorch on Flink: a runner to plan with, and what a training loop needs in the user's process.

::

    job.add_role("worker", parallelism=2, runner=TorchRunner("train:main", params={"lr": 1e-3}),
    input=features)

    def main(ctx):                                          # train.py
        model = DistributedDataParallel(Net())
        optimizer = torch.optim.Adam(model.parameters(), ctx.params["lr"])
        for batch in ctx.batches(batch_size=128):           # a dict of tensors, one per column
            losses = criterion(model(batch["features"]), batch["label"])     # one loss a row
            optimizer.zero_grad()
            mean_loss(losses, batch).backward()
            optimizer.step()

For those who think in fit and transform there is `TorchEstimator`.

Importing this package imports neither torch nor PyFlink: a job is planned without either's weight. An
estimator, which plans a job by itself, imports PyFlink when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from torch_integration.inference import InferenceRunner, inference
from torch_integration.loss import mean_loss
from torch_integration.runner import TorchRunner

if TYPE_CHECKING:
    from torch_integration.estimator import TorchEstimator, TorchModel

__all__ = ["InferenceRunner", "TorchEstimator", "TorchModel", "TorchRunner", "inference", "mean_loss"]


def __getattr__(name: str) -> Any:
    if name not in ("TorchEstimator", "TorchModel"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.estimator"), name)
