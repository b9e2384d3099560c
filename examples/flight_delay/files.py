"""Batches of the prepared departures from their file, in the form in which `ctx.batches` yields them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dataset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch


class Words(list[str]):
    """A column of text."""

    def codes(self, vocabulary: Sequence[str]) -> npt.NDArray[np.int64]:
        """The position of each word in `vocabulary`, -1 where it is not in it: (rows,) int64."""
        positions = {word: i for i, word in enumerate(vocabulary)}
        return np.array([positions.get(word, -1) for word in self], dtype=np.int64)


class FileBatch(dict[str, Any]):
    """Column name to values: `Words` or a tensor of shape (rows,); times in milliseconds since the epoch."""

    def __init__(self, columns: Mapping[str, Any], rows: int, global_rows: int, world_size: int) -> None:
        super().__init__(columns)
        self.rows = rows
        self.global_rows = global_rows
        self.world_size = world_size


def batches(
    folder: Path, batch_size: int, *, rank: int = 0, world_size: int = 1, rows: int | None = None
) -> Iterator[FileBatch]:
    """Every `world_size`-th departure from the `rank`-th on, in order.

    Ranks make the same number of steps: the last batch of a rank may be shorter, or empty.

    Args:
        folder: what `dataset.prepare` returned.
        batch_size: rows of a batch.
        rank: 0-based.
        world_size: how many share the departures.
        rows: only the first so many departures; None takes all.

    Yields:
        Steps of `batch_size * world_size` departures, of which each rank sees its own.
    """
    table = dataset.departures(folder).slice(0, rows)
    columns = {name: _values(table[name]) for name in table.column_names}
    step = batch_size * world_size
    for start in range(0, len(table), step):
        stop = min(start + step, len(table))
        share = slice(start + rank, stop, world_size)
        cut = {name: _cut(values, share) for name, values in columns.items()}
        yield FileBatch(cut, len(range(start + rank, stop, world_size)), stop - start, world_size)


def _values(column: pa.ChunkedArray) -> Words | torch.Tensor:
    if pa.types.is_string(column.type):
        return Words(column.to_pylist())
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    return torch.tensor(column.to_numpy())


def _cut(values: Words | torch.Tensor, share: slice) -> Words | torch.Tensor:
    return Words(values[share]) if isinstance(values, Words) else values[share]
