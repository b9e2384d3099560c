"""The bare loop: batches that lie in memory go through a model in one process, without Flink.

``python -m benchmarks.scoring.bare_loop MODEL FILE ROWS BATCH_ROWS`` leaves a receipt in FILE. It goes as
fast as it can; with an interval in nanoseconds as one more argument it takes a batch each interval, by the
clock of `Pace.java`.
"""

from __future__ import annotations

import itertools
import sys
import time
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.receipt import Receipt
from benchmarks.rows import PERIOD
from benchmarks.scoring.flights import batch
from benchmarks.scoring.models import Alone, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from torch_integration.batches import Batch

_KEPT = 16
"""Batches that it goes round, or more: all distinct rows are among them."""
_TOLERANCE = 1e-5


def main(model: str, file: str, rows: int, batch_rows: int, interval_ns: int = 0) -> None:
    """Score so many rows, and leave how many scores were wrong."""
    loop = _Loop(model, batch_rows)
    receipt = Receipt(file, rows)
    if interval_ns:
        ages = np.sort([loop.age_ns(due_ns, receipt) for due_ns in _due(rows, interval_ns)][warm_up(rows) :])
        found = {
            "p50_ns": _percentile(ages, 0.50),
            "p99_ns": _percentile(ages, 0.99),
            "worst_ns": int(ages[-1]),
        }
        receipt.write(wrong=loop.wrong, **found)
    else:
        for done in range(0, rows, batch_rows):
            loop.step(receipt, rows - done)
        receipt.write(wrong=loop.wrong)


def truth(model: str) -> NDArray[np.float32]:
    """The score of each distinct row, ``(PERIOD,)``."""
    scores: NDArray[np.float32] = Alone(model)(*encode(batch(PERIOD))).numpy()
    return scores


def warm_up(rows: int) -> int:
    """How many of the rows that come at a pace are not counted."""
    return 2 * rows // 7


class _Loop:
    """Goes round and round over batches; each score is compared."""

    def __init__(self, model: str, batch_rows: int) -> None:
        kept = max(_KEPT, -(-PERIOD // batch_rows)) * batch_rows
        rows, scores = batch(kept), np.resize(truth(model), kept)
        starts = range(0, kept, batch_rows)
        parts = [
            (rows.slice(start, start + batch_rows), scores[start : start + batch_rows]) for start in starts
        ]
        self.wrong = 0
        self._model = Alone(model)
        self._parts: Iterator[tuple[Batch, NDArray[np.float32]]] = itertools.cycle(parts)

    def step(self, receipt: Receipt, at_most: int) -> None:
        """Score the next batch."""
        rows, expected = next(self._parts)
        if rows.rows > at_most:
            rows, expected = rows.slice(0, at_most), expected[:at_most]
        scores = self._model(*encode(rows)).numpy()
        self.wrong += int((np.abs(scores - expected) > _TOLERANCE).sum())
        receipt.add(rows.rows)

    def age_ns(self, due_ns: int, receipt: Receipt) -> int:
        """Wait until the next batch is due, score it, and tell how long that took from then on."""
        woken_ns = _wait_until(due_ns)
        self.step(receipt, 1)
        return time.monotonic_ns() - woken_ns


def _due(rows: int, interval_ns: int) -> range:
    first = time.monotonic_ns() + interval_ns
    return range(first, first + rows * interval_ns, interval_ns)


def _wait_until(due_ns: int) -> int:
    """The time from which a row counts: when it was due, or, if only the timer was late, when it woke."""
    now = time.monotonic_ns()
    if now > due_ns:
        return due_ns
    while now < due_ns:
        time.sleep((due_ns - now) / 1e9)
        now = time.monotonic_ns()
    return now


def _percentile(ages: NDArray[np.int64], fraction: float) -> int:
    return int(ages[int(fraction * (len(ages) - 1))])


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(int, sys.argv[3:]))
