"""The entrypoints with PyTorch: exact counts summed over the ranks, and a model trained bit by bit alike."""

from __future__ import annotations

import hashlib
import sys
from typing import Any

import torch
from torch import nn

from chaos.counts import SIZE, counts_of
from chaos.programs import Acting

FEATURES = 8


class Counts(nn.Module):
    """A model whose parameters are sums over all records, and some weight that only has to be carried."""

    def __init__(self, ballast_bytes: int) -> None:
        super().__init__()
        self.register_buffer("totals", torch.zeros(SIZE, dtype=torch.int64))
        self.register_buffer("ballast", torch.zeros(ballast_bytes, dtype=torch.uint8))

    totals: torch.Tensor
    ballast: torch.Tensor


def count(ctx: Any) -> None:
    """Each step adds what all ranks make of their rows; rows go back as they came."""
    model = Counts(ctx.params["ballast_bytes"])
    acting = Acting(ctx)
    ctx.checkpointed(model=model)
    for batch in ctx.batches(ctx.params["batch_size"]):
        ids = batch["f0"]
        step = torch.from_numpy(counts_of(ids.numpy()))
        torch.distributed.all_reduce(step)
        if int(step[:-2].sum()) != batch.global_rows:
            raise AssertionError(f"the ranks had {int(step[:-2].sum())} rows of {batch.global_rows}")
        model.totals += step
        ctx.emit(f0=ids)
        acting.trained(int(model.totals[:-2].sum()))
    acting.ended(model.totals.tolist())


class Training:
    """A small regression with everything that has a state: dropout, Adam and a learning-rate schedule.

    Args:
        seed: of the weights and of the dropout.
    """

    def __init__(self, seed: int) -> None:
        torch.use_deterministic_algorithms(mode=True)
        torch.set_num_threads(1)
        torch.manual_seed(seed)
        self.model = nn.Sequential(nn.Linear(FEATURES, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 1))
        self.optimizer = torch.optim.Adam(self.model.parameters(), 1e-2)
        self.scheduler = torch.optim.lr_scheduler.ExponentialLR(self.optimizer, 0.999)

    def step(self, ids: torch.Tensor) -> None:
        """Train on records of these ids ``(rows,)``."""
        features = torch.frac(ids.unsqueeze(1) * torch.linspace(0.1, 0.9, FEATURES, dtype=torch.float64))
        target = features.sum(1, keepdim=True)
        self.optimizer.zero_grad()
        loss = nn.functional.mse_loss(self.model(features.float()), target.float())
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.scheduler.step()

    def digest(self) -> str:
        """SHA-256 of the bytes of all weights and of Adam's moments."""
        digest = hashlib.sha256()
        moments = self.optimizer.state_dict()["state"]
        for tensor in [*self.model.state_dict().values(), *(v for s in moments.values() for v in s.values())]:
            digest.update(tensor.detach().numpy().tobytes())
        return digest.hexdigest()


def train(ctx: Any) -> None:
    """The training, in a job."""
    training = Training(ctx.params["seed"])
    acting = Acting(ctx)
    seen = {"rows": 0}
    ctx.checkpointed(
        model=training.model,
        optimizer=training.optimizer,
        scheduler=training.scheduler,
        seen=(lambda: seen, seen.update),
    )
    for batch in ctx.batches(ctx.params["batch_size"]):
        training.step(batch["f0"])
        ctx.emit(f0=batch["f0"])
        seen["rows"] += batch.rows
        acting.trained(seen["rows"])
    acting.ended(training.digest())


def train_undisturbed(seed: int, rows: int, batch_size: int) -> str:
    """The digest of the same training in a plain loop."""
    training = Training(seed)
    for first in range(1, rows + 1, batch_size):
        training.step(torch.arange(first, min(first + batch_size, rows + 1)))
    return training.digest()


if __name__ == "__main__":
    print(train_undisturbed(*map(int, sys.argv[1:])))
