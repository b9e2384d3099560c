"""What the workers of these tests run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from torch_integration import mean_loss

if TYPE_CHECKING:
    from torch_integration.context import TorchContext

LEARNING_RATE = 0.05


def new_model() -> torch.nn.Module:
    """The same weights everywhere."""
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1)).double()


def row_losses(model: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    """One loss a row, ``(rows,)``."""
    return (model(x).squeeze(1) - x.sum(1)).square()


def uneven(ctx: TorchContext) -> None:
    """Trains on whatever comes, and emits which rows were in which step."""
    model = DistributedDataParallel(new_model())
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE)
    sizes = []
    for step, batch in enumerate(ctx.batches(ctx.params["batch_size"])):
        optimizer.zero_grad()
        mean_loss(row_losses(model, batch["x"]), batch).backward()
        optimizer.step()
        ctx.emit(id=batch["id"], step=torch.full((batch.rows,), step))
        x = batch["x"]
        sizes.append((batch.rows, batch.global_rows, str(x.dtype), x.shape[1], len(batch["name"])))
    folder = Path(ctx.params["folder"])
    ctx.save_model(folder / "model.pt", model)
    (folder / f"sizes-{ctx.rank}.json").write_text(json.dumps(sizes), encoding="utf-8")


def leaves_early(ctx: TorchContext) -> None:
    """Rank 0 returns after three steps, the others would go on."""
    steps = 0
    for batch in ctx.batches(2):
        total = torch.tensor(batch.rows)
        distributed.all_reduce(total)
        assert int(total) == batch.global_rows
        steps += 1
        if ctx.rank == 0 and steps == 3:
            break
    assert ctx.rank == 0 or list(ctx.batches()) == []
    print("steps", steps)


def dies(ctx: TorchContext) -> None:
    """Rank 1 raises, the others wait for it in a collective."""
    if ctx.rank == 1:
        raise ValueError("bad value")
    distributed.barrier()
