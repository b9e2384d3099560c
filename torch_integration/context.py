"""`TorchContext`: the node's context for PyTorch."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Any

import torch
import torch.distributed as dist

from ml_framework.codec import empty
from ml_framework.context import NodeContext
from torch_integration.agreement import Agreement
from torch_integration.batches import Batch, Batches
from torch_integration.runner import BACKEND_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import ExitStack
    from pathlib import Path

    from ml_framework.codec import RecordBatch
    from ml_framework.context.input import Input

_TIMEOUT = timedelta(minutes=30)
"""Longest wait for a peer that is alive, torch's own default; one that has died is noticed at once."""
_SHORT_WAIT_S = 0.001


class TorchContext(NodeContext):
    """What an entrypoint gets under a `TorchRunner`.

    The default process group is there when the entrypoint starts, whatever the world size, so that
    `DistributedDataParallel` and `torch.distributed` work as they are. `device` is a `torch.device`.
    """

    _agreement: Agreement | None = None

    def batches(self, batch_size: int | None = None) -> Batches:
        """The input of this node as tensors, once, in steps that all ranks take together.

        Ranks may have different numbers of rows. A rank that has none while another has some (its input has
        ended, or nothing came within the role's ``max_delay``) gets a batch of zero rows, with the dtypes
        and shapes of any other, so that it takes part in the step's collectives. Iteration ends at the same
        step on every rank: when all inputs have ended, or when the entrypoint of one rank has returned. A
        loop over `batches` must therefore run on every rank, or on none, and a rank must leave it between
        steps, not halfway through one whose collectives the others still wait for.

        Beyond that it is `NodeContext.batches`.

        Args:
            batch_size: rows of every batch but the last one and those of zero rows; None yields rows as
                they come.

        Returns:
            An iterable of `torch_integration.batches.Batch` that is an `IterableDataset` too; with a codec
            other than ``columns``, of lists of Python objects.

        Raises:
            PlanError: the role has no input.
            ValueError: `batch_size` is not positive.
        """
        source = self._readable(batch_size)
        return Batches(lambda: self._batches(source, batch_size))

    def save_model(
        self,
        path: str | os.PathLike[str],
        model: torch.nn.Module | Mapping[str, Any] | bytes | Callable[[IO[bytes]], object],
    ) -> Path:
        """`NodeContext.save_model`, which takes a module or a state dict too.

        A module is saved as its state dict, without the wrapper of `DistributedDataParallel`; read it with
        ``torch.load``.
        """
        if isinstance(model, torch.nn.parallel.DistributedDataParallel):
            model = model.module
        if isinstance(model, torch.nn.Module):
            model = model.state_dict()
        if isinstance(model, bytes) or callable(model):
            return super().save_model(path, model)
        return super().save_model(path, lambda file: torch.save(model, file))

    def _open(self, stack: ExitStack) -> None:
        super()._open(stack)
        self.device = torch.device(self.device)
        self._join_group()
        if self._input is not None and self.world_size > 1:
            self._agreement = Agreement(_TIMEOUT)

    def _join_group(self) -> None:
        """Meet the other ranks at rank 0, which has listened at its address since it registered."""
        host, _, port = self.addresses[self.role][0].rpartition(":")
        serves = self.rank == 0
        store = dist.TCPStore(  # type: ignore[attr-defined] # public, but not declared to be
            host.strip("[]"),
            int(port),
            self.world_size,
            is_master=serves,
            timeout=_TIMEOUT,
            wait_for_workers=False,
            master_listen_fd=self._launch.descriptors.listen if serves else None,
        )
        dist.init_process_group(
            os.environ[BACKEND_VARIABLE],
            store=store,
            rank=self.rank,
            world_size=self.world_size,
            timeout=_TIMEOUT,
        )

    def _finish(self) -> None:
        super()._finish()  # first of all, so that Flink need not wait for the other ranks
        if self._agreement is not None and not self.stopping.is_set():
            self._agreement.leave()
        dist.destroy_process_group()

    def _batches(self, source: Input, batch_size: int | None) -> Iterator[Any]:
        if self._agreement is None:
            return super()._batches(source, batch_size)
        return self._common_batches(source, batch_size, self._agreement)

    def _common_batches(self, source: Input, batch_size: int | None, agreement: Agreement) -> Iterator[Any]:
        patience_s = wait_s = max(self._launch.max_delay_s, _SHORT_WAIT_S)
        while not agreement.over:
            records = source.poll(batch_size, wait_s)
            if records is None:
                records = empty(source.layout)
            rows = records.rows
            global_rows = agreement.step(rows, ended=source.ended)
            if global_rows and not agreement.over:
                self.metrics.log(rows_in=source.rows)
                yield self._batch(records, global_rows)
            # A rank that was idle at one step does not hold up the others at the next.
            wait_s = patience_s if rows or not global_rows else _SHORT_WAIT_S

    def _columns(self, records: RecordBatch, global_rows: int) -> Batch:
        return Batch(records, global_rows, self.world_size)
