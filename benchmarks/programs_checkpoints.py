"""What the measurements of checkpoints run in the user's process."""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from benchmarks.receipt import note_start
from ml_framework.context.agreement import Agreement

FLIGHT_DELAY = Path(__file__).parents[1] / "examples" / "flight_delay"
_ROWS = 64
"""Rows of a worker's batch in the demo."""
_TENSORS = 16


def hold_parameters(ctx: Any) -> None:
    """Holds ``params["bytes"]`` of parameters, and notes how long each cut of a checkpoint takes."""
    size = ctx.params["bytes"] // 4 // _TENSORS
    model = nn.ParameterList([nn.Parameter(torch.ones(size)) for _ in range(_TENSORS)])
    ctx.checkpointed(model=model)
    cuts: list[float] = []
    cut = ctx._checkpoints.cut

    def timed() -> None:
        started = time.perf_counter()
        cut()
        cuts.append(time.perf_counter() - started)

    ctx._checkpoints.cut = timed
    for _ in ctx.batches(batch_size=1024):
        time.sleep(0.002)  # a step
        if len(cuts) == ctx.params["cuts"]:
            break
    saves = [_seconds_to_save(model, Path(ctx.params["scratch"]) / "saved") for _ in range(3)]
    ctx.save_model(ctx.params["file"], json.dumps({"cuts_s": cuts, "torch_save_s": saves}).encode())


def _seconds_to_save(model: nn.Module, file: Path) -> float:
    started = time.perf_counter()
    torch.save(model.state_dict(), file)
    seconds = time.perf_counter() - started
    file.unlink()
    return seconds


def agree(ctx: Any) -> None:
    """Times steps of the demo's model, by turns with and without the agreement before each."""
    sys.path.insert(0, str(FLIGHT_DELAY))
    from model import new_model, new_optimizer  # noqa: PLC0415 - an example's module

    model = DistributedDataParallel(new_model())
    optimizer = new_optimizer(model)
    codes, numbers = torch.ones(_ROWS, 6, dtype=torch.int64), torch.rand(_ROWS, 10)
    agreement = Agreement(ctx._meet_peers())

    def seconds_a_step(steps: int, *, agreed: bool) -> float:
        started = time.perf_counter()
        for _ in range(steps):
            if agreed:
                agreement.step(_ROWS, ended=False)
            optimizer.zero_grad()
            model(codes, numbers).mean().backward()
            optimizer.step()
        return (time.perf_counter() - started) / steps

    turns, steps = ctx.params["turns"], ctx.params["steps"]
    seconds_a_step(steps, agreed=True)
    pairs = [(seconds_a_step(steps, agreed=True), seconds_a_step(steps, agreed=False)) for _ in range(turns)]
    if ctx.rank == 0:
        shares = [with_it / without - 1 for with_it, without in pairs]
        found = {"share": statistics.median(shares), "step_s": statistics.median(pair[1] for pair in pairs)}
        Path(ctx.params["file"]).write_text(json.dumps({**found, "shares": shares}))


def note_starts(ctx: Any) -> None:
    """Trains, slowly, and notes who is at work since when: the time of each process's first batch."""
    model = nn.Linear(8, 1)
    optimizer = torch.optim.Adam(model.parameters())
    ctx.checkpointed(model=model, optimizer=optimizer)
    for step, batch in enumerate(ctx.batches(batch_size=256)):
        loss = model(torch.ones(batch.rows, 8)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step == 0:
            note_start(ctx.params["file"])
        time.sleep(0.002)
