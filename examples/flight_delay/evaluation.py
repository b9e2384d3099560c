"""How good scores are: the area under the ROC curve, of all and of the latest."""

from __future__ import annotations

import torch
from torch import Tensor


def auc(score: Tensor, late: Tensor) -> float:
    """Exact area under the ROC curve; tied scores count half (Mann and Whitney's U).

    Args:
        score: (rows,) floats.
        late: (rows,) 1 or 0.

    Returns:
        NaN while one of the two classes is missing.
    """
    values, position = torch.unique(score, return_inverse=True)
    positives = torch.bincount(position[late.bool()], minlength=len(values)).double()
    negatives = torch.bincount(position[~late.bool()], minlength=len(values)).double()
    return _area(positives, negatives)


class RollingAuc:
    """AUC of roughly the latest `rows` scores, from a histogram that forgets.

    Scores in one of the 1,000 buckets count as tied. `counts`, (2, 1000) float64, may be summed over workers.
    """

    def __init__(self, rows: int = 20_000, buckets: int = 1_000) -> None:
        self.counts = torch.zeros(2, buckets, dtype=torch.float64)
        self._rows = rows

    def update(self, score: Tensor, late: Tensor) -> None:
        """Take in (rows,) probabilities and what became of them."""
        buckets = self.counts.shape[1]
        bucket = (score * buckets).long().clamp(max=buckets - 1)
        self.counts *= 1 - len(score) / self._rows
        self.counts += torch.bincount(late.long() * buckets + bucket, minlength=2 * buckets).view(2, -1)

    @staticmethod
    def of(counts: Tensor) -> float:
        """The AUC of `counts`, of one worker or of the sum over several."""
        return _area(counts[1], counts[0])


def _area(positives: Tensor, negatives: Tensor) -> float:
    """AUC of classes counted by ascending score."""
    below = negatives.cumsum(0) - negatives / 2
    return float((positives * below).sum() / (positives.sum() * negatives.sum()))
