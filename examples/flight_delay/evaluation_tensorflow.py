"""How good the latest scores are: what `evaluation.RollingAuc` is, in a variable that all workers share."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from evaluation import BUCKETS, RECENT_ROWS, area


class RollingAuc:
    """AUC of roughly the latest `rows` scores of all workers; to be made in the scope of a strategy."""

    def __init__(self, rows: int = RECENT_ROWS) -> None:
        self.counts = tf.Variable(tf.zeros((2, BUCKETS)))
        self._rows = rows

    def update(self, score: Any, late: Any) -> None:
        """Take in (rows,) probabilities and what became of them."""
        bucket = tf.minimum(tf.cast(score * BUCKETS, tf.int32), BUCKETS - 1)
        cells = tf.stack([tf.cast(late, tf.int32), bucket], axis=1)
        counts = tf.scatter_nd(cells, tf.ones_like(score), self.counts.shape)
        forgotten = tf.cast(tf.size(score), tf.float32) / self._rows
        self.counts.assign_add(counts - forgotten * self.counts)  # loses no update of another worker

    def auc(self) -> float:
        """The AUC of what all workers have taken in."""
        negatives, positives = self.counts.numpy().astype(float)
        return area(positives, negatives)
