"""How good scores are: the area under the ROC curve, of all and of the latest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

BUCKETS = 1_000
RECENT_ROWS = 20_000


def auc(score: ArrayLike, late: ArrayLike) -> float:
    """Exact area under the ROC curve; tied scores count half (Mann and Whitney's U).

    Args:
        score: (rows,) floats.
        late: (rows,) 1 or 0.

    Returns:
        NaN while one of the two classes is missing.
    """
    values, position = np.unique(score, return_inverse=True)
    is_late = np.asarray(late, bool)
    positives = np.bincount(position[is_late], minlength=len(values))
    negatives = np.bincount(position[~is_late], minlength=len(values))
    return area(positives, negatives)


class RollingAuc:
    """AUC of roughly the latest `rows` scores, from a histogram that forgets.

    Scores in one of the 1,000 buckets count as tied. `counts`, (2, 1000) float64, may be summed over workers.
    """

    def __init__(self, rows: int = RECENT_ROWS) -> None:
        self.counts = np.zeros((2, BUCKETS))
        self._rows = rows

    def update(self, score: ArrayLike, late: ArrayLike) -> None:
        """Take in (rows,) probabilities and what became of them."""
        bucket = np.minimum(np.asarray(score) * BUCKETS, BUCKETS - 1).astype(np.int64)
        self.counts *= 1 - len(bucket) / self._rows
        np.add.at(self.counts, (np.asarray(late, np.int64), bucket), 1)

    @staticmethod
    def of(counts: NDArray[Any]) -> float:
        """The AUC of `counts`, of one worker or of the sum over several."""
        return area(counts[1], counts[0])


def area(positives: NDArray[Any], negatives: NDArray[Any]) -> float:
    """AUC of two classes that are counted by ascending score; NaN while one of them is missing."""
    below = negatives.cumsum() - negatives / 2
    pairs = positives.sum() * negatives.sum()
    return float((positives * below).sum() / pairs) if pairs else float("nan")
