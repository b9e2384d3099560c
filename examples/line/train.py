"""The training loop of each worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.parallel import DistributedDataParallel

from torch_integration import mean_loss

if TYPE_CHECKING:
    from torch_integration.context import TorchContext


def main(ctx: TorchContext) -> None:
    """Train a line, hand each guess back, and save the model at the end of the rows."""
    model = DistributedDataParallel(torch.nn.Linear(1, 1))
    optimizer = torch.optim.SGD(model.parameters(), ctx.params["lr"])
    ctx.checkpointed(model=model, optimizer=optimizer)
    print(f"begins with y = {model.module.weight.item():.3f} x + {model.module.bias.item():.3f}", flush=True)
    for batch in ctx.batches(batch_size=64):
        guess = model(batch["x"].unsqueeze(1)).squeeze(1)
        ctx.emit(y=batch["y"], guess=guess)
        optimizer.zero_grad()
        mean_loss((guess - batch["y"]) ** 2, batch).backward()
        optimizer.step()
    ctx.save_model(ctx.params["model"], model.module.state_dict())
