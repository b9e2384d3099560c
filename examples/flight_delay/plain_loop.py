"""The same training in one process, without Flink: the yardstick for what the distributed job reaches.

The same rows in the same order; one batch here is as many rows as the two workers' batches together.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import dataset
import torch
from evaluation import auc
from files import batches
from model import new_model, new_optimizer, test_then_train

if TYPE_CHECKING:
    from pathlib import Path

    from model import DelayNet

BATCH_SIZE = 256


def learn(folder: Path, rows: int | None = None) -> tuple[DelayNet, float]:
    """Train on the prepared files in `folder`, or on the first `rows` flights of them.

    Returns:
        The model, and the AUC over the scores that every flight got before it was trained on.
    """
    model = new_model()
    optimizer = new_optimizer(model)
    scores, labels = [], []
    for batch in batches(folder, BATCH_SIZE, rows=rows):
        scores.append(test_then_train(model, optimizer, batch, lambda losses, _: losses.mean()))
        labels.append(batch["label"])
    return model, auc(torch.cat(scores), torch.cat(labels))


def progressive_auc(folder: Path) -> float:
    """Train on the prepared files in `folder` and return the AUC over the scores of all rows."""
    return learn(folder)[1]


if __name__ == "__main__":
    chosen = dataset.arguments(__doc__).parse_args()
    torch.set_num_threads(1)
    prepared = dataset.prepare(chosen.data, chosen.rows)
    start = time.monotonic()
    print(f"plain_loop_auc={progressive_auc(prepared):.3f} seconds={time.monotonic() - start:.1f}")
