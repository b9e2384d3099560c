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

BATCH_SIZE = 256


def progressive_auc(folder: Path) -> float:
    """Train on the prepared files in `folder` and return the AUC over the scores of all rows."""
    model = new_model()
    optimizer = new_optimizer(model)
    scores, labels = [], []
    for batch in batches(folder, BATCH_SIZE):
        scores.append(test_then_train(model, optimizer, batch, lambda losses, _: losses.mean()))
        labels.append(batch["label"])
    return auc(torch.cat(scores), torch.cat(labels))


if __name__ == "__main__":
    chosen = dataset.arguments(__doc__).parse_args()
    torch.set_num_threads(1)
    prepared = dataset.prepare(chosen.data, chosen.rows)
    start = time.monotonic()
    print(f"plain_loop_auc={progressive_auc(prepared):.3f} seconds={time.monotonic() - start:.1f}")
