"""Models of PyTorch as an estimator trains them, and as they score what it transforms."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from ml_framework import context
from ml_framework.errors import ModelError
from ml_framework.estimator import Arguments, Trainer, is_value
from torch_integration.context import TorchContext
from torch_integration.models import made

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ml_framework.codec import RecordBatch


class FittingContext(TorchContext):
    """The context of a node that fits a model: in a process group, with batches of arrays."""

    def _columns(self, records: RecordBatch, global_rows: int) -> context.Batch:  # type: ignore[override]
        return context.Batch(records, global_rows)


class TorchTrainer(Trainer):
    """Trains a module; the gradients are those of the mean loss over the rows of all ranks.

    Args:
        ctx: of the node, its rank in the process group.
        seed: of the weights, the same on all ranks, and of other random numbers, which differ.
        factory: makes the module.
        loss: of answers and labels: one loss a row, or their mean.
        optimizer: of the parameters.
        schedule: of the optimizer, a step for each epoch; None for none.
    """

    def __init__(
        self,
        ctx: TorchContext,
        *,
        seed: int,
        factory: Callable[[], torch.nn.Module],
        loss: Callable[[Any, torch.Tensor], torch.Tensor],
        optimizer: Callable[[Any], torch.optim.Optimizer],
        schedule: Callable[[Any], Any] | None = None,
    ) -> None:
        torch.manual_seed(seed)
        self._world_size = ctx.world_size
        self._device = ctx.device
        self._module = made(factory).to(ctx.device).train()
        torch.manual_seed(seed + 1 + ctx.rank)
        several = ctx.world_size > 1
        self._parallel = DistributedDataParallel(self._module) if several else self._module
        self._loss = loss.to(ctx.device) if isinstance(loss, torch.nn.Module) else loss
        self._optimizer = optimizer(self._module.parameters())
        self._schedule = schedule and schedule(self._optimizer)

    def step(self, inputs: Sequence[NDArray[Any]], label: NDArray[Any], share: float) -> float:
        """`Trainer.step`."""
        answers = self._parallel(*map(self._tensor, inputs))
        loss = _mean(self._loss(answers, _comparable(self._tensor(label), answers)), len(label))
        self._optimizer.zero_grad()
        (loss * share * self._world_size).backward()  # type: ignore[no-untyped-call] # which the ranks' mean divides
        self._optimizer.step()
        return loss.item()

    def end_epoch(self) -> None:
        """`Trainer.end_epoch`."""
        if self._schedule is not None:
            self._schedule.step()

    def total(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """`Trainer.total`."""
        sums = self._tensor(numbers)
        dist.all_reduce(sums)
        array: NDArray[np.float64] = sums.cpu().numpy()
        return array

    def weights(self) -> bytes:
        """A state dict as `torch.save` writes it."""
        state = {
            name: value.cpu() if isinstance(value, torch.Tensor) else value
            for name, value in self._module.state_dict().items()
        }
        content = io.BytesIO()
        torch.save(state, content)
        return content.getvalue()

    def _tensor(self, values: NDArray[Any]) -> torch.Tensor:
        tensor: torch.Tensor = torch.from_numpy(values).to(self._device)
        return tensor


def scoring_module(factory: Callable[[], torch.nn.Module], arguments: Arguments) -> torch.nn.Module:
    """The module of `factory`, to be called with columns one by one; its state dict is the same."""
    module = made(factory)

    def arranged(_module: torch.nn.Module, columns: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return arguments.arranged(
            columns,
            cast=lambda values, dtype: values.to(getattr(torch, dtype)),
            stack=lambda values: torch.stack(values, dim=1),
        )

    module.register_forward_pre_hook(arranged)
    return module


def _comparable(label: torch.Tensor, answers: Any) -> torch.Tensor:
    """`label` as a loss function takes it beside `answers`, which are one tensor; else as it is."""
    if not isinstance(answers, torch.Tensor):
        return label
    if answers.shape[:1] != label.shape[:1]:
        raise ModelError(f"the model answers {tuple(answers.shape)} to {len(label)} rows: answer each row")
    if is_value(answers.shape[1:], label.shape[1:], label.cpu().numpy().dtype):
        return label.to(answers.dtype).reshape(answers.shape)
    return label.long()


def _mean(losses: torch.Tensor, rows: int) -> torch.Tensor:
    """The mean loss of a row, of what a loss function returns."""
    if losses.dim() and losses.shape[0] != rows:
        raise ModelError(
            f"the loss has shape {tuple(losses.shape)} for {rows} rows: return one loss a row, or their mean"
        )
    return losses.mean()
