"""`Epochs`: who takes which of its rows in each step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray


class Step(NamedTuple):
    """What one rank takes into a step."""

    picked: NDArray[np.int64]
    """Indexes of its rows, at least one."""
    rows: int
    """How many of them count: all, or none where this rank has no row left for the step."""
    global_rows: int
    """How many count over all ranks, at least 1."""

    @property
    def share(self) -> float:
        """What part of the step's rows is this rank's: the weight of the mean over its rows."""
        return self.rows / self.global_rows


@dataclass(frozen=True)
class Epochs:
    """Plans the same number of steps for all ranks, whatever rows each has.

    The rank with most rows sets the number of steps; each rank spreads its own evenly over them, so that no
    batch is larger than `batch_size`, and none is much smaller than another. A rank without a row for a step
    takes one again, with no weight: no model is ever called with zero rows.

    Args:
        counts: rows of each rank, at least 1 each.
        rank: of this process.
        batch_size: most rows of a rank in a step.
        seed: of the order of rows, which differs from epoch to epoch and from rank to rank.
    """

    counts: Sequence[int]
    rank: int
    batch_size: int
    seed: int

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return -(-max(self.counts) // self.batch_size)

    def __call__(self, epoch: int) -> Iterator[Step]:
        """The steps of an epoch, each row once."""
        rows = self.counts[self.rank]
        order = np.random.default_rng((self.seed, self.rank, epoch)).permutation(rows)
        for number, picked in enumerate(np.array_split(order, self.steps)):
            global_rows = sum(self._rows(count, number) for count in self.counts)
            yield Step(picked if len(picked) else order[:1], len(picked), global_rows)

    def _rows(self, count: int, step: int) -> int:
        """Rows that a rank of `count` takes into a step, as `np.array_split` gives them."""
        return count // self.steps + (step < count % self.steps)
