"""The input of a node in steps that all ranks take together, with the checkpoints between them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ml_framework.codec import empty
from ml_framework.context.agreement import NO_BARRIER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from ml_framework.codec import RecordBatch
    from ml_framework.context.agreement import Agreement
    from ml_framework.context.checkpoints import Checkpoints
    from ml_framework.context.input import Input

_SHORT_WAIT_S = 0.001


def check_batch_size(batch_size: int | None) -> None:
    """`ValueError` where no batch could have that many rows."""
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}, it must be at least 1")


def steps(
    source: Input,
    agreement: Agreement,
    checkpoints: Checkpoints,
    batch_size: int | None,
    *,
    patience_s: float,
    waiting: AbstractContextManager[object],
    over: Callable[[], bool],
) -> Iterator[tuple[RecordBatch, int]]:
    """The rows of each step.

    Args:
        source: the input of this node.
        agreement: with the other ranks.
        checkpoints: answers the barriers.
        batch_size: rows of every batch but the last one and those of zero rows; None takes rows as they come.
        patience_s: how long a rank without rows holds up the others.
        waiting: entered and left around every wait for other ranks.
        over: whether this process is asked to end.

    Yields:
        The rows of this rank, which may be none, and their number over all ranks, at least 1.
    """
    wait_s = patience_s = max(patience_s, _SHORT_WAIT_S)
    while not agreement.over and not over():
        records = source.poll(batch_size, wait_s)
        if records is None:
            records = empty(source.layout)
        rows = records.rows
        barrier = NO_BARRIER if rows else source.barrier  # these came before it
        with waiting:
            verdict = agreement.step(rows, ended=source.ended, barrier=barrier)
        if verdict.all_at_barrier:
            checkpoints.cut()
        elif barrier and (barrier < verdict.highest or checkpoints.aborted(barrier)):
            checkpoints.give_up()
        if verdict.rows and not agreement.over:
            yield records, verdict.rows
        elif source.ended and not agreement.over:
            with waiting:  # until others end or come to a barrier: no queue tells of that
                time.sleep(_SHORT_WAIT_S)
        # A rank that was idle at one step does not hold up the others at the next.
        wait_s = patience_s if rows or not verdict.rows else _SHORT_WAIT_S
