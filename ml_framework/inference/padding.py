"""`Padding`: arrays of different lengths as one tensor, those of like length together."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_framework.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Padding:
    """Fills arrays up to one length, so that a batch of them is one tensor ``(rows, length)``.

    Args:
        value: what is filled up with; also stands for an element that is null.
        buckets: lengths, ascending. The rows of a batch are scored by the least of these that their arrays
            fit into, and arrays are filled up to it: a long one does not make all others long, and a model
            meets few shapes. Longer ones are scored together, filled up to the longest. Without buckets all
            rows are filled up to the longest of the batch.

    Raises:
        PlanError: `buckets` are not positive and ascending.
    """

    value: float = 0
    buckets: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        bounds = (0, *self.buckets)
        if any(low >= high for low, high in pairwise(bounds)):
            raise PlanError(f"buckets are {self.buckets}: name positive lengths in ascending order")

    def parts(self, lengths: NDArray[Any]) -> Iterator[tuple[NDArray[np.intp], int]]:
        """The rows of each bucket and the length of their arrays, the shortest first.

        Args:
            lengths: of the arrays, ``(rows,)``.
        """
        bucket = np.searchsorted(self.buckets, lengths)
        for index in np.unique(bucket).tolist():
            rows = np.flatnonzero(bucket == index)
            fits = index < len(self.buckets)
            yield rows, self.buckets[index] if fits else int(lengths[rows].max())
