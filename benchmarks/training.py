"""A small recommender trained from Flink and from memory, by turns in one process."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCH_ROWS = 1024
_KEPT = 16
"""Batches that the loop from memory goes round."""
_UNTIMED = 20
"""Steps before each turn: they use up what was prefetched during the other one."""
_FIELDS, _VALUES, _WIDTH = 26, 1000, 16


class Recommender(nn.Module):
    """Embeddings and two multilayer perceptrons, after DLRM but without its pairwise products."""

    first: Tensor
    """Where each field's rows begin in the table of all embeddings."""

    def __init__(self) -> None:
        super().__init__()
        self.tables = nn.Embedding(_FIELDS * _VALUES, _WIDTH, sparse=True)
        self.bottom = nn.Sequential(nn.Linear(13, 64), nn.ReLU(), nn.Linear(64, _WIDTH), nn.ReLU())
        self.top = nn.Sequential(nn.Linear((_FIELDS + 1) * _WIDTH, 64), nn.ReLU(), nn.Linear(64, 1))
        self.register_buffer("first", torch.arange(_FIELDS) * _VALUES)

    def forward(self, dense: Tensor, sparse: Tensor) -> Tensor:
        """One logit a row, ``(rows,)``."""
        embedded = self.tables(sparse + self.first).flatten(1)
        logits: Tensor = self.top(torch.cat([self.bottom(dense), embedded], 1))
        return logits.squeeze(1)


def rows_needed(turns: int, steps: int) -> int:
    """Rows that `compare` takes from Flink."""
    return (_KEPT + turns * (_UNTIMED + steps)) * BATCH_ROWS


def compare(ctx: Any) -> None:
    """Time `turns` of `steps` steps from each source."""
    model = Recommender()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    loss_function = nn.BCEWithLogitsLoss()

    def seconds(batches: Iterator[Any], steps: int) -> float:
        started = time.perf_counter()
        for batch in itertools.islice(batches, steps):
            loss = loss_function(model(batch["dense"], batch["sparse"]), (batch["label"] > 2).float())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return time.perf_counter() - started

    stream = iter(ctx.batches(batch_size=BATCH_ROWS))
    kept = [
        {name: values.clone() for name, values in batch.items()} for batch in itertools.islice(stream, _KEPT)
    ]
    sources = {"memory": itertools.cycle(kept), "flink": stream}
    times: dict[str, list[float]] = {name: [] for name in sources}
    for _ in range(ctx.params["turns"]):
        for name, batches in sources.items():
            seconds(batches, _UNTIMED)
            times[name].append(seconds(batches, ctx.params["steps"]))
    Path(ctx.params["file"]).write_text(json.dumps({"rows": rows_needed(**_size(ctx)), "times_s": times}))


def _size(ctx: Any) -> dict[str, int]:
    return {name: ctx.params[name] for name in ("turns", "steps")}
