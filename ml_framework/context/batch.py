"""What `NodeContext.batches` yields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from ml_framework.codec import RecordBatch


class Batch(dict[str, Any]):
    """Rows from Flink: a dict of name to values, in the order of the schema.

    Numbers and points in time are arrays ``(rows,)``, groups ``(rows, width)``; strings, binary values,
    decimals and arrays are sequences, all as `RecordBatch` describes them. They lie over the memory of the
    queue, without a copy, and are valid until the next batch is asked for: copy what is to be kept.

    Attributes:
        rows: rows in this batch.
        global_rows: rows of this step over all ranks that step together; `rows` where nobody else does.
    """

    def __init__(self, records: RecordBatch, global_rows: int) -> None:
        super().__init__(dict.fromkeys(records.names))
        self.rows = records.rows
        self.global_rows = global_rows
        self._records = records
        for names, values in records.blocks():
            self.update(zip(names, self._unbound(values), strict=True))
        for name, values in self.items():
            if values is None:
                self[name] = self._converted(records[name])

    @property
    def timestamps(self) -> NDArray[np.int64] | None:
        """Event times, ``(rows,)`` milliseconds, the int64 minimum for none; None without an output."""
        return self._records.timestamps

    def slice(self, start: int, stop: int) -> Batch:
        """The rows from `start` up to `stop`, without a copy."""
        return self._of(self._records.slice(start, stop))

    def copy(self) -> Batch:
        """The same rows in memory of their own."""
        return self._of(self._records.copy())

    def received(self, name: str) -> Any:
        """Column `name` as it came, nulls included: what `ctx.emit` takes to send it back."""
        values, valid = self._records[name], self._records.valid(name)
        if not isinstance(values, np.ndarray) or valid.all():
            return values
        return np.ma.masked_array(values, ~valid)  # type: ignore[no-untyped-call]

    def valid(self, name: str) -> Any:
        """Which values of column `name` are not null: bools ``(rows,)``.

        Raises:
            KeyError: there is no such column.
        """
        return self._converted(self._records.valid(name))

    def _of(self, records: RecordBatch) -> Batch:
        """A batch of other rows, in the types of the framework."""
        return Batch(records, records.rows)

    def _unbound(self, values: NDArray[Any]) -> Iterable[Any]:
        """The rows of `values` ``(columns, rows)``, each a column; in the types of the framework."""
        return values

    def _converted(self, values: Any) -> Any:
        """One array or sequence, in the types of the framework."""
        return values
