"""Entrypoints that the Flink tests run with torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import distributed


def gather(ctx: Any) -> None:
    """Every rank's number, gathered on every rank."""
    seen = [torch.zeros(1, dtype=torch.int64) for _ in range(ctx.world_size)]
    distributed.all_gather(seen, torch.tensor([ctx.rank]))
    ctx.emit(rank=torch.tensor([ctx.rank], dtype=torch.int32), seen=[torch.cat(seen).tolist()])


def count_steps(ctx: Any) -> None:
    """Every row back; at the end a row of x = -1 with the rows and steps that this rank has seen of all."""
    steps, total = 0, 0
    for batch in ctx.batches(batch_size=32):
        steps, total = steps + 1, total + batch.global_rows
        rows = torch.full((batch.rows,), batch.global_rows)
        ctx.emit(x=batch["x"], global_rows=rows, all_steps=torch.full((batch.rows,), steps))
    ctx.emit(x=[-1], global_rows=[total], all_steps=[steps])
