"""The rows that user code emits, written to the out-queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ml_framework.byte_queue import FrameKind, Producer
from ml_framework.codec import Layout, Schema, encode, plan_layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from ml_framework.context.counters import Counters


class Output:
    """Writes the rows of one role to the out-queue.

    Args:
        producer: the writing end of the out-queue.
        layout: of its BATCH frames.
        counters: count what is emitted.

    Attributes:
        layout: the same.
    """

    def __init__(self, producer: Producer, layout: Layout, counters: Counters) -> None:
        self.layout = layout
        self._producer = producer
        self._counters = counters

    def emit(self, columns: Mapping[str, Any], timestamps: int | NDArray[np.int64]) -> None:
        """Send rows to Flink, in as many frames as they need; waits while the queue is full.

        Args:
            columns: values for every column of the output, all of one length, as `ml_framework.codec.encode`
                takes them.
            timestamps: of every row, or of each, in milliseconds; ignored where the layout has none.

        Raises:
            EmitError: the columns do not fit the output; nothing was sent.
            CodecError: a value does not fit its column; nothing was sent.
            PeerLost: the task at the other end has gone.
        """
        frames = []
        start = 0
        for rows, part in self._parts(columns):
            stamps = timestamps if isinstance(timestamps, int) else timestamps[start : start + rows]
            frames.append((rows, self._encoded(part, rows, stamps)))
            start += rows
        for rows, frame in frames:
            if rows:
                self._producer.send(FrameKind.BATCH, frame)
                self._counters.count_emitted(rows)

    def check(self, columns: Mapping[str, Any]) -> None:
        """Raise what `emit` would raise for these, which may be some of the columns."""
        named = tuple(column for column in self.layout.schema.columns if column.name in columns)
        encode(plan_layout(Schema(named)), columns)

    def _parts(self, columns: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """`columns` cut to the rows of a frame, each part with its number of rows."""
        lengths = {_length(values) for values in columns.values()}
        rows, size = max(lengths, default=0), self.layout.max_rows
        if rows <= size or len(lengths) > 1:
            yield rows, columns  # one frame, or an error that is to be told about the whole
            return
        for start in range(0, rows, size):
            stop = min(start + size, rows)
            yield stop - start, {name: values[start:stop] for name, values in columns.items()}

    def _encoded(
        self, columns: Mapping[str, Any], rows: int, timestamps: int | NDArray[np.int64]
    ) -> list[bytes | memoryview[int]]:
        if not self.layout.timestamps:
            return encode(self.layout, columns)
        if isinstance(timestamps, int):
            timestamps = np.full(rows, timestamps, np.int64)
        return encode(self.layout, columns, timestamps)


def _length(values: Any) -> int:
    """The number of `values`; 0 for what is no sequence, which is refused when it is encoded."""
    shape = getattr(values, "shape", None)
    if shape is not None:
        return int(shape[0]) if len(shape) else 0
    return len(values) if hasattr(values, "__len__") else 0
