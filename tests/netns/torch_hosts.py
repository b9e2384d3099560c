"""What ranks with PyTorch run on several hosts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import distributed

_STEP_S = 0.05


def add_up(ctx: Any) -> None:
    """Every row back with the host that had it; at the end a row of x = -1 with the sum that all ranks made.

    Until there is the file ``params["go_on"]`` steps take their time.
    """
    host = ctx.addresses[ctx.role][ctx.index].rpartition(":")[0]
    go_on = Path(ctx.params["go_on"])
    total = torch.zeros((), dtype=torch.int64)
    ctx.checkpointed(total=(total.clone, total.copy_))
    for batch in ctx.batches(batch_size=ctx.params["batch_size"]):
        if not go_on.exists():
            ctx.stopping.wait(_STEP_S)
        step = batch["x"].sum()
        distributed.all_reduce(step)
        total += step
        ctx.emit(x=batch["x"], host=[host] * batch.rows, total=torch.zeros(batch.rows, dtype=torch.int64))
    ctx.emit(x=[-1], host=[host], total=[int(total)])
