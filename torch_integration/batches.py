"""The input of a node as tensors, in steps that all ranks take together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import IterableDataset, get_worker_info

from ml_framework import context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from ml_framework.codec import RecordBatch

_REFUSAL = (
    "ctx.batches() reads the queue of this node's own process, and a worker process of a DataLoader cannot: "
    "use num_workers=0, or iterate over it directly"
)


class Batch(context.Batch):
    """Rows from Flink: a dict of name to values, in the order of the schema.

    Numbers and points in time are tensors ``(rows,)``, groups ``(rows, width)``; strings, binary values,
    decimals and arrays are sequences, as in `ml_framework.context.Batch`. They lie over the memory of the
    queue, without a copy, and are valid until the next batch is asked for: clone what is to be kept.

    Attributes:
        rows: rows in this batch; 0 where only other ranks have rows in this step.
        global_rows: rows of this step over all ranks, at least 1.
        world_size: ranks that take this step together.
    """

    def __init__(self, records: RecordBatch, global_rows: int, world_size: int) -> None:
        super().__init__(records, global_rows)
        self.world_size = world_size

    def _of(self, records: RecordBatch) -> Batch:
        return Batch(records, records.rows, self.world_size)

    def _unbound(self, values: NDArray[Any]) -> Iterable[torch.Tensor]:
        return torch.from_numpy(values).unbind()  # one call into torch for the whole block

    def _converted(self, values: Any) -> Any:
        return torch.from_numpy(values) if isinstance(values, np.ndarray) else values


class Batches(IterableDataset[Any]):
    """What `TorchContext.batches` returns: iterable as it is, and an `IterableDataset` for a `DataLoader`.

    For a `DataLoader`, pass ``batch_size=None``: batches come whole.
    """

    def __init__(self, iterate: Callable[[], Iterator[Any]]) -> None:
        self._iterate = iterate

    def __iter__(self) -> Iterator[Any]:
        if get_worker_info() is not None:
            raise RuntimeError(_REFUSAL)
        return self._iterate()

    def __getstate__(self) -> object:
        raise RuntimeError(_REFUSAL)
