"""What worker 0, the coordinator, runs: it has all workers score every batch first, then train on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evaluation_tensorflow import RollingAuc
from features import PASSED_ON
from model_tensorflow import new_model, new_optimizer, test_then_train

from tf_integration import mean_loss

if TYPE_CHECKING:
    from tf_integration.parameter_server.coordinator import CoordinatorContext


def main(ctx: CoordinatorContext) -> None:
    """Have every worker score and train on its share of the stream, at its own pace."""
    with ctx.strategy.scope():  # on the parameter server
        model = new_model()
        optimizer = new_optimizer(model)
        recent = RollingAuc()

    def step(batch: Any) -> None:
        score = test_then_train(model, optimizer, batch, mean_loss)
        ctx.emit(**{name: batch[name] for name in PASSED_ON}, score=score)
        recent.update(score, batch["label"])

    for _ in ctx.steps(step, batch_size=ctx.params["batch_size"]):
        ctx.metrics.log(auc_of_all=recent.auc())
    ctx.save_model(ctx.params["model"], model)
