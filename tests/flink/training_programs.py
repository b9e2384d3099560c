"""Entrypoints that train with torch, are killed, and leave what they have learned."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import torch
from programs import latest_checkpoint
from torch import distributed, nn


class Learner:
    """A model with dropout, an optimizer with momenta, a schedule, and how many batches it has seen."""

    def __init__(self) -> None:
        torch.manual_seed(7)
        torch.set_num_threads(1)
        self.model = nn.Sequential(nn.Linear(1, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 1))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=0.01)
        self.schedule = torch.optim.lr_scheduler.StepLR(self.optimizer, step_size=50, gamma=0.9)
        self.batches = 0

    def learn(self, x: torch.Tensor) -> torch.Tensor:
        """One step; the losses of the rows."""
        self.batches += 1
        inputs = (x.float() / 1000).unsqueeze(1)
        losses = (self.model(inputs) - inputs.sin()).square().squeeze(1)
        self.optimizer.zero_grad()
        losses.mean().backward()
        self.optimizer.step()
        self.schedule.step()
        return losses.detach()


def learn_and_die(ctx: Any) -> None:
    """Learns; is killed once, between two batches, after some checkpoints; leaves its weights."""
    learner, begun_at = Learner(), latest_checkpoint(ctx)

    def set_batches(batches: int) -> None:
        learner.batches = batches

    ctx.checkpointed(
        model=learner.model,
        optimizer=learner.optimizer,
        schedule=learner.schedule,
        batches=(lambda: learner.batches, set_batches),
    )
    for batch in ctx.batches(batch_size=32):
        learner.learn(batch["x"])
        if ctx.attempt == 0 and latest_checkpoint(ctx) >= begun_at + 3:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.002 if ctx.attempt else 0.01)
    state = {"model": learner.model.state_dict(), "batches": learner.batches, "attempt": ctx.attempt}
    torch.save(state, Path(ctx.params["folder"], "learned.pt"))


class Counts(nn.Module):
    """What has been seen, exactly: how many rows, the sum of x, and of its square."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("sums", torch.zeros(3, dtype=torch.int64))

    def count(self, x: torch.Tensor) -> None:
        """Add the rows of all ranks."""
        mine = torch.stack([torch.tensor(len(x)), x.sum(), (x * x).sum()])
        distributed.all_reduce(mine)
        self.sums += mine


def count_and_die(ctx: Any) -> None:
    """Counts the rows of all ranks and sends each back; the last rank is killed as often as it is told."""
    counts, begun_at = Counts(), latest_checkpoint(ctx)
    ctx.checkpointed(counts=counts)
    for batch in ctx.batches(batch_size=ctx.params.get("batch_size")):
        counts.count(batch["x"])
        if ctx.params["emits"]:
            ctx.emit(x=batch["x"])
        if (
            ctx.rank == ctx.world_size - 1
            and ctx.attempt < ctx.params["kills"]
            and latest_checkpoint(ctx) >= begun_at + 2
        ):
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.002)
    if ctx.rank == 0:
        Path(ctx.params["folder"], "counts").write_text(" ".join(map(str, counts.sums.tolist())))
