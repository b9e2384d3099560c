"""`TorchContext`: the node's context for PyTorch."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Any

import torch
import torch.distributed as dist

from ml_framework.context import NodeContext
from ml_framework.context.peers import Peers, connected
from ml_framework.host import split_address
from torch_integration.batches import Batch, Batches
from torch_integration.runner import BACKEND_VARIABLE
from torch_integration.state import TORCH

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ml_framework.codec import RecordBatch

_TIMEOUT = timedelta(minutes=30)
"""Longest wait for a peer that is alive, torch's own default; one that has died is noticed at once."""
_MEETING = "mlflink/peers"
"""Key under which rank 0 tells the others where it listens."""


class TorchContext(NodeContext):
    """What an entrypoint gets under a `TorchRunner`.

    The default process group is there when the entrypoint starts, whatever the world size, so that
    `DistributedDataParallel` and `torch.distributed` work as they are. `device` is a `torch.device`:
    ``cuda:0`` where the node has a GPU to itself, else ``cpu``. Batches lie in the CPU's memory.
    """

    _framework = TORCH

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

    def _join(self) -> None:
        self.device = self._device()
        self._join_group()

    def _device(self) -> torch.device:
        if self._launch.device == "cpu":
            return torch.device("cpu")
        if not torch.cuda.is_available():
            raise RuntimeError(
                f"{self.role} has a GPU for each node, and torch {torch.__version__} sees none here: install "
                "a build of it for CUDA and the driver, or leave gpu= out of Resources"
            )
        return torch.device("cuda", 0)

    def _meet_peers(self) -> Peers:
        if self.world_size == 1:
            return super()._meet_peers()
        hosts = [split_address(address)[0] for address in self.addresses[self.role]]
        return Peers.meet(self.rank, hosts, self._tell, bind_host=self.bind_host)

    def _tell(self, numbers: tuple[int, int]) -> tuple[int, int]:
        """Hand the numbers of rank 0 to every rank."""
        if self.rank == 0:
            self._store.set(_MEETING, " ".join(map(str, numbers)))
            return numbers
        port, key = self._store.get(_MEETING).split()
        return int(port), int(key)

    def _join_group(self) -> None:
        """Meet the other ranks at rank 0, which has listened at its address since it registered."""
        host, port = split_address(self.addresses[self.role][0])
        serves = self.rank == 0
        if not serves:
            connected(0, host, port).close()
        self._store = dist.TCPStore(  # type: ignore[attr-defined] # public, but not declared to be
            host,
            port,
            self.world_size,
            is_master=serves,
            timeout=_TIMEOUT,
            wait_for_workers=False,
            master_listen_fd=self._launch.descriptors.listen if serves else None,
        )
        dist.init_process_group(
            os.environ[BACKEND_VARIABLE],
            store=self._store,
            rank=self.rank,
            world_size=self.world_size,
            timeout=_TIMEOUT,
        )

    def _finish(self) -> None:
        super()._finish()
        dist.destroy_process_group()

    def _columns(self, records: RecordBatch, global_rows: int) -> Batch:
        return Batch(records, global_rows, self.world_size)
