"""What each worker runs: plain PyTorch. Every batch is scored first, then trained on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import files
import torch
from evaluation import RollingAuc
from features import PASSED_ON
from model import new_model, new_optimizer, test_then_train
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from torch_integration import mean_loss

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch_integration.context import TorchContext

STEPS_PER_REPORT = 20


def main(ctx: TorchContext) -> None:
    """Score and train on this worker's share of the stream or, in batch mode, of the file."""
    model = DistributedDataParallel(new_model())
    optimizer = new_optimizer(model)
    if ctx.params["folder"] is None:
        ctx.checkpointed(model=model, optimizer=optimizer)
    recent = RollingAuc()
    for step, batch in enumerate(_batches(ctx)):
        score = test_then_train(model, optimizer, batch, mean_loss)
        ctx.emit(**{name: batch[name] for name in PASSED_ON}, score=score)
        recent.update(score, batch["label"])
        if step % STEPS_PER_REPORT == 0:
            _report(ctx, recent)
    ctx.save_model(ctx.params["model"], model)


def _batches(ctx: TorchContext) -> Iterable[Any]:
    size, folder = ctx.params["batch_size"], ctx.params["folder"]
    if folder is None:
        return ctx.batches(batch_size=size)
    return files.batches(Path(folder), size, rank=ctx.rank, world_size=ctx.world_size)


def _report(ctx: TorchContext, recent: RollingAuc) -> None:
    """Log the AUC of this worker and, every worker being at the same step, of all together."""
    total = torch.tensor(recent.counts)
    distributed.all_reduce(total)
    ctx.metrics.log(auc=recent.of(recent.counts), auc_of_all=recent.of(total.numpy()))
