"""The loss of a step whose ranks have different numbers of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from torch_integration.batches import Batch


def mean_loss(losses: torch.Tensor, batch: Batch) -> torch.Tensor:
    """The scalar whose gradient, averaged over the ranks, is that of the mean loss over all rows of the step.

    `DistributedDataParallel` averages the gradients of ``W`` ranks as if all had equally many rows. With
    ``n_r`` rows on rank ``r`` and ``N = n_1 + … + n_W`` the mean over all rows is ``1/N · Σ_r Σ_i
    loss_ri``. DDP computes ``1/W · Σ_r grad(L_r)``, so each rank must contribute ``L_r = W/N · Σ_i
    loss_ri``: a row then weighs the same on whichever rank it is, and a rank without rows contributes zero.
    With one rank this is ``losses.mean()``.

    Args:
        losses: one loss a row, ``(rows,)``, or ``(rows, …)`` whose further dimensions are summed; what loss
            functions return with ``reduction="none"``.
        batch: the batch that the losses are of.

    Returns:
        A scalar, 0 (never NaN) and part of the graph where the rank has no rows, so that its backward takes
        part.

    Raises:
        ValueError: the first dimension of `losses` is not ``batch.rows``.
    """
    if losses.dim() == 0 or losses.shape[0] != batch.rows:
        raise ValueError(
            f"mean_loss needs one loss a row: losses have shape {tuple(losses.shape)}, "
            f'the batch has {batch.rows} rows; give the loss function reduction="none"'
        )
    return losses.sum() * (batch.world_size / batch.global_rows)
