"""The plain entrypoint: counts in numpy, for runs whose processes start fast."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from chaos.counts import SIZE, counts_of
from chaos.stage import Stage


class Acting:
    """The harness's part in an entrypoint's loop.

    Args:
        ctx: of the process; its params name the run's ``folder``, ``pace_s`` and number of ``rows``.
    """

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self._stage = Stage(Path(ctx.params["folder"]))
        self._begun = False
        self._stage.note("start", ctx.rank)

    def trained(self, rows: int) -> None:
        """A batch is trained on, `rows` are in the state now, of all ranks."""
        if not self._begun:
            self._begun = True
            self._stage.note("batch", self._ctx.rank)
        self._stage.obey(self._ctx.rank)
        self._stage.linger(self._ctx.params["pace_s"], rows / self._ctx.params["rows"])

    def ended(self, result: Any) -> None:
        """The loop is over; `result` (JSON) is what the training has come to, unless it was cut short."""
        if not self._ctx.stopping.is_set():
            self._stage.note("end", self._ctx.rank)
            file = self._stage.folder / f"result-{self._ctx.rank}-{self._ctx.world_size}"
            with file.open("a") as lines:
                lines.write(json.dumps(result) + "\n")


def count(ctx: Any) -> None:
    """One worker counts its rows and sends them back."""
    totals = np.zeros(SIZE, np.int64)

    def load(saved: Any) -> None:
        totals[:] = saved

    acting = Acting(ctx)
    ctx.checkpointed(totals=(lambda: totals, load))
    for batch in ctx.batches(ctx.params["batch_size"]):
        ids = batch["f0"]
        totals += counts_of(ids)
        ctx.emit(f0=ids)
        acting.trained(int(totals[:-2].sum()))
    acting.ended(totals.tolist())
