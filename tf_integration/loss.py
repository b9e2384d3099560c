"""The loss of a step whose workers have different numbers of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tf_integration.batch import Batch


def mean_loss(losses: Any, batch: Batch) -> Any:
    """The scalar whose gradient, added up over the workers, is that of the mean loss over all rows.

    `tf.distribute.MultiWorkerMirroredStrategy` adds up the gradients of its workers. With ``N`` rows over
    all of them, each must contribute ``1/N · Σ_i loss_i`` of its own rows: a row then weighs the same on
    whichever worker it is, and a worker without rows contributes zero. With one worker this is the mean.

    Args:
        losses: one loss a row, ``(rows,)``, or ``(rows, …)`` whose further dimensions are summed; what loss
            functions return with ``reduction="none"``.
        batch: the batch that the losses are of.

    Returns:
        A scalar, 0 (never NaN) where this worker has no rows.

    Raises:
        ValueError: `losses` is a scalar.
    """
    import tensorflow as tf  # noqa: PLC0415 - this package is imported to plan with, too

    losses = tf.convert_to_tensor(losses)
    if losses.shape.rank == 0:
        raise ValueError(
            'mean_loss needs one loss a row, it got a scalar: give the loss function reduction="none"'
        )
    return tf.reduce_sum(losses) / tf.cast(batch.global_rows, losses.dtype)
