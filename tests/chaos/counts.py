"""Sums over records that are exact in 64 bits, and tell a record that is missed or doubled from any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BUCKETS = 16
SIZE = BUCKETS + 2


def counts_of(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many ids ``(rows,)`` fall into each bucket, their sum, and the sum of their squares: ``(SIZE,)``.

    All of it adds up over any split of the ids, modulo 2^64.
    """
    buckets = np.bincount(ids % BUCKETS, minlength=BUCKETS)
    return np.concatenate([buckets, [ids.sum()], [(ids * ids).sum()]]).astype(np.int64)
