"""What lets the flights through at a pace, as if they came in now; and what is told of each score.

Both run in nodes of the job that `serve.py` plans: before the model, and behind it.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ml_framework.context import NodeContext

_STEP_S = 0.02
"""How much of the stream passes at once."""


def main(ctx: NodeContext) -> None:
    """Pass every row on as it is, so many a second; who is before has to wait."""
    rate = ctx.params["rate"]
    due = time.monotonic()
    for batch in ctx.batches(max(1, round(rate * _STEP_S))):
        ctx.emit_rows({name: batch.received(name) for name in batch}, batch.timestamps)
        due = max(due + batch.rows / rate, time.monotonic())  # what is late stays late
        time.sleep(max(0.0, due - time.monotonic()))


def answers(logits: Any) -> dict[str, Any]:
    """The probability of each row, and the process that has answered it."""
    return {"score": logits.sigmoid(), "process": np.full(len(logits), os.getpid())}
