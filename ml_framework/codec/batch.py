"""Record batches: the rows of a frame, column by column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ml_framework.codec.blocks import BlockValues, Fixed, empty_block
from ml_framework.codec.schema import Root
from ml_framework.names import suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from ml_framework.codec.layout import Layout
    from ml_framework.codec.sequences import Bools


class RecordBatch:
    """Rows, column by column. A batch that was decoded in place is a view of its frame: `copy` what you keep.

    ``batch[name]`` is, by the column's type:

    | type | value |
    |---|---|
    | BOOLEAN, integers, FLOAT, DOUBLE | ``(rows,)`` numpy array; a null is 0, or NaN in a float column |
    | DATE, TIME | ``(rows,)`` int32, days or milliseconds |
    | TIMESTAMP | ``(rows,)`` int64 since the epoch, in ``layout.schema[name].type.unit`` |
    | matrix or vector group | ``(rows, width)`` numpy array |
    | CHAR, VARCHAR | `Strings` |
    | BINARY, VARBINARY | `Binary` |
    | DECIMAL | `Decimals` |
    | ARRAY | `Arrays` |

    Attributes:
        layout: the plan of the columns.
        rows: number of rows.
        timestamps: ``(rows,) int64`` milliseconds, the int64 minimum where a row has none; None where the
            frame carried none.
    """

    __slots__ = ("_blocks", "layout", "rows", "timestamps")

    def __init__(
        self,
        layout: Layout,
        rows: int,
        blocks: Sequence[BlockValues],
        timestamps: NDArray[np.int64] | None = None,
    ) -> None:
        self.layout = layout
        self.rows = rows
        self.timestamps = timestamps
        self._blocks = blocks

    @property
    def names(self) -> tuple[str, ...]:
        """The names of columns and groups, in the order of the schema."""
        return tuple(self.layout.index)

    def __getitem__(self, name: str) -> Any:
        block, slot = self._find(name)
        return self._blocks[block].column(slot, self.layout.columns[block][slot].type)

    def valid(self, name: str) -> Bools:
        """Where a column has a value: ``(rows,) bool``; a group has one everywhere."""
        block, slot = self._find(name)
        valid = self._blocks[block].valid(slot)
        return np.ones(self.rows, np.bool_) if valid is None else valid

    def blocks(self) -> Iterator[tuple[tuple[str, ...], NDArray[Any]]]:
        """The columns of one dtype that lie together, as (names, ``(columns, rows)`` array).

        Groups, strings, decimals and arrays are not among them: they are reached by name.
        """
        for names, columns, block in zip(self.layout.names, self.layout.columns, self._blocks, strict=True):
            if isinstance(block, Fixed) and columns[0].type.root is not Root.DECIMAL:
                yield names, block.values

    def slice(self, start: int, stop: int) -> RecordBatch:
        """The rows from `start` up to `stop`, without a copy."""
        start, stop, _ = slice(start, stop).indices(self.rows)
        stop = max(start, stop)
        timestamps = None if self.timestamps is None else self.timestamps[start:stop]
        blocks = [block.slice(start, stop) for block in self._blocks]
        return RecordBatch(self.layout, stop - start, blocks, timestamps)

    def copy(self) -> RecordBatch:
        """The same rows in memory of their own."""
        return concat([self])

    def _find(self, name: str) -> tuple[int, int]:
        try:
            return self.layout.index[name]
        except KeyError:
            raise KeyError(f"there is no column {name!r}: {suggestion(name, self.names)}") from None

    def __len__(self) -> int:
        return self.rows

    def __repr__(self) -> str:
        return f"RecordBatch(rows={self.rows}, names={self.names})"


def concat(batches: Sequence[RecordBatch]) -> RecordBatch:
    """One batch of the rows of all `batches`, in memory of its own.

    Args:
        batches: at least one; all of one layout.
    """
    first = batches[0]
    columns = zip(*(batch._blocks for batch in batches), strict=True)
    blocks = [type(parts[0]).concat(parts) for parts in columns]
    stamps = [batch.timestamps for batch in batches if batch.timestamps is not None]
    timestamps = np.concatenate(stamps) if len(stamps) == len(batches) else None
    return RecordBatch(first.layout, sum(batch.rows for batch in batches), blocks, timestamps)


def empty(layout: Layout) -> RecordBatch:
    """A batch without rows whose columns have the dtypes and shapes of `layout`."""
    timestamps = np.empty(0, np.int64) if layout.timestamps else None
    return RecordBatch(layout, 0, [empty_block(layout, block) for block in layout.blocks], timestamps)
